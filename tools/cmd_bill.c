/* clinsafe bill - what a study has cost, by day and model, and whether the vendor's own account agrees. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/clock.h"
#include "protocol/base/document.h"
#include "protocol/base/json.h"
#include "protocol/base/plain.h"
#include "tools/base/reader.h"
#include "tools/base/text.h"
#include "tools/bill/compare.h"
#include "tools/commands.h"
#include "tools/screen/screen.h"

struct lane { /* of one generation */
    char *sent;
    struct cs_price price;
    uint32_t cap;
};
struct generation {
    struct lane *lanes;
    uint32_t n;
    bool looked, other; /* other: of another study of the store, or gone */
};

struct bill {
    struct cs_reader reader;
    uint64_t study; /* key */
    struct generation *generations;
    uint32_t n_generations;
    struct cs_bill_account account;
    struct cs_ticker ticker;
    uint64_t seen;
};

/* ---- whose an output is ---------------------------------------------------------------------------------------- */

static enum cs_err open_generation(struct bill *b, uint32_t number, struct generation *g, struct cs_error *err)
{
    char key[CS_META_KEY_MAX];
    void *bytes = NULL;
    uint32_t n = 0;
    struct cs_generation at;
    struct cs_generation_view view = {0};
    cs_store_generation_key(number, key);
    enum cs_err rc = cs_store_rows_meta(b->reader.store, key, &bytes, &n, err);
    if (rc == CS_OK)
        rc = cs_store_generation_unpack(bytes, n, &at, err);
    free(bytes);
    if (rc == CS_OK && at.study != 0 && at.study != b->study) {
        g->other = true;
        return CS_OK;
    }
    if (rc == CS_OK)
        rc = cs_store_generation_view_open(&view, b->reader.store, &at, err);
    if (rc == CS_OK) {
        const struct cs_study *s = view.spec.study;
        g->n = s->n_models;
        g->lanes = cs_xcalloc(g->n + 1, sizeof *g->lanes);
        for (uint32_t i = 0; i < g->n; i++)
            g->lanes[i] = (struct lane){cs_xstrdup(s->models[i].model), s->models[i].price,
                                        s->models[i].max_output_tokens};
    }
    cs_store_generation_view_close(&view);
    return rc;
}

static enum cs_err generation_of(struct bill *b, uint32_t number, const struct generation **out, struct cs_error *err)
{
    if (number >= b->n_generations) {
        b->generations = cs_xrealloc(b->generations, number + 1, sizeof *b->generations);
        memset(b->generations + b->n_generations, 0, (number + 1 - b->n_generations) * sizeof *b->generations);
        b->n_generations = number + 1;
    }
    struct generation *g = &b->generations[number];
    enum cs_err rc = CS_OK;
    if (!g->looked) {
        rc = open_generation(b, number, g, err);
        if (rc == CS_ENOENT) { /* deleted with its study */
            g->other = true;
            rc = CS_OK;
        }
        g->looked = true;
    }
    *out = g;
    return rc;
}

static enum cs_err on_output(void *self, uint32_t lane, uint64_t position, const struct cs_stored *stored,
                             struct cs_error *err)
{
    struct bill *b = self;
    const struct generation *g;
    (void)position;
    cs_screen_ticker_at(&b->ticker, ++b->seen);
    enum cs_err rc = generation_of(b, stored->output.gen, &g, err);
    if (rc != CS_OK || g->other || lane >= g->n)
        return rc;
    cs_bill_account_add(&b->account, stored, g->lanes[lane].sent, &g->lanes[lane].price, g->lanes[lane].cap);
    return CS_OK;
}

/* ---- for people --------------------------------------------------------------------------------------------------- */

static void print_row(const char *day, const char *model, const struct cs_bill_account_row *r)
{
    char a[CS_TEXT_MAX_LEN], b[CS_TEXT_MAX_LEN], c[CS_TEXT_MAX_LEN], d[CS_TEXT_MAX_LEN], e[CS_TEXT_MAX_LEN],
        f[CS_TEXT_MAX_LEN], g[CS_TEXT_MAX_LEN], plain[120];
    printf("%-10s  %-28s %11s %10s %10s %11s %10s %10s %11s\n", day, cs_plain_text(plain, sizeof plain, model),
           cs_text_count(a, r->calls), cs_text_tokens(b, r->input), cs_text_tokens(c, r->output_tokens),
           cs_text_usd(d, r->unique), cs_text_usd(e, r->twice), cs_text_usd(f, r->wasted),
           cs_text_usd(g, cs_bill_account_cost(r)));
}

static void print_bill(const struct bill *b, const struct cs_bill_account_row *sum)
{
    printf("%-10s  %-28s %11s %10s %10s %11s %10s %10s %11s\n", "day (UTC)", "model", "calls", "tokens in",
           "tokens out", "unique", "twice", "wasted", "cost");
    for (uint32_t i = 0; i < b->account.n; i++)
        print_row(b->account.rows[i].day, b->account.rows[i].model, &b->account.rows[i]);
    print_row("all", "", sum);
    if (sum->n_twice > 0)
        printf("%" PRIu64 " answers came twice: a worker was lost, and its trials were asked again.\n", sum->n_twice);
    if (sum->n_wasted > 0)
        printf("%" PRIu64 " outputs have replies that were charged, or may have been, and gave nothing to use.\n",
               sum->n_wasted);
    if (sum->ambiguous > 0)
        printf(
            "%" PRIu64
            " calls ended without a status line: they may have been billed, and are not in the cost. `clinsafe list` "
            "shows what is presumed under a budget.\n",
            sum->ambiguous);
    if (sum->untold > 0)
        printf("%" PRIu64 " outputs do not tell their whole usage: the cost is a lower bound.\n", sum->untold);
    if (sum->unpriced > 0)
        printf("%" PRIu64 " outputs have no price in the study's providers.yaml.\n", sum->unpriced);
}

static void print_comparison(const struct cs_bill_comparison *c, const struct cs_usage *u, const char *path)
{
    static const char *const names[] = {"requests", "input tokens", "output tokens", "USD"};
    for (uint32_t i = 0; i < c->n; i++) {
        const struct cs_bill_compare_row *r = &c->rows[i];
        char plain[120];
        if (!r->differs)
            continue;
        printf("%s  %s: %s", r->day, cs_plain_text(plain, sizeof plain, r->model),
               r->ours == NULL     ? "not asked by this study;"
               : r->theirs == NULL ? "not in the vendor's account;"
                                   : "the vendor has");
        for (int f = 0; f < CS_USAGE_FIGURES; f++) {
            if (u->has[f] && r->more[f] != 0)
                printf(f == CS_USAGE_USD ? " %+.4f %s" : " %+.0f %s", r->more[f], names[f]);
        }
        if (r->bound.calls > 0)
            printf("; %s: %" PRIu64 " calls of ours ended without a status line, %" PRIu64 " input and %" PRIu64
                   " output tokens or %.4f USD at most",
                   r->explained ? "explained" : "not explained", r->bound.calls, r->bound.input, r->bound.output,
                   (double)r->bound.nano_usd / 1e9);
        printf("\n");
    }
    if (c->differ == 0)
        printf("%s agrees with this in every day and model.\n", path);
    else
        printf(
            "%u of %u rows differ, %u of them by more than calls of unknown fate explain. Other studies with the same key "
            "are in the vendor's account too.\n",
            c->differ, c->n, c->unexplained);
}

/* ---- JSON ---------------------------------------------------------------------------------------------------------- */

static struct cs_json *row_json(const struct cs_bill_account_row *r)
{
    return cs_json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:I, s:I, s:I, s:I, s:I}", "calls", (int64_t)r->calls,
        "outputs", (int64_t)r->outputs, "input_tokens", (int64_t)r->input, "cached_tokens", (int64_t)r->cached,
        "cache_write_tokens", (int64_t)r->written, "output_tokens", (int64_t)r->output_tokens, "unique_usd",
        (double)r->unique / 1e9, "twice_usd", (double)r->twice / 1e9, "wasted_usd", (double)r->wasted / 1e9, "cost_usd",
        (double)cs_bill_account_cost(r) / 1e9, "twice", (int64_t)r->n_twice, "wasted", (int64_t)r->n_wasted,
        "ambiguous_calls", (int64_t)r->ambiguous, "untold", (int64_t)r->untold, "unpriced", (int64_t)r->unpriced);
}

static void name_row(struct cs_json *to, const char *day, const char *model)
{
    cs_json_object_set_new(to, "day", cs_json_string(day));
    cs_json_object_set_new(to, "model", cs_json_string(model));
}

static void print_json(const struct bill *b, const struct cs_bill_account_row *sum, const struct cs_bill_comparison *c,
                       const struct cs_usage *u)
{
    static const char *const names[] = {"requests", "input_tokens", "output_tokens", "cost_usd"};
    struct cs_json *root = cs_document_begin("bill/2", cs_clock_wall_ms()), *rows = cs_json_array(),
                   *differences = cs_json_array();
    cs_json_object_set_new(root, "study", cs_json_string(b->reader.view.spec.study->name));
    for (uint32_t i = 0; i < b->account.n; i++) {
        struct cs_json *row = row_json(&b->account.rows[i]);
        name_row(row, b->account.rows[i].day, b->account.rows[i].model);
        cs_json_array_append_new(rows, row);
    }
    cs_json_object_set_new(root, "rows", rows);
    cs_json_object_set_new(root, "sum", row_json(sum));
    for (uint32_t i = 0; c != NULL && i < c->n; i++) {
        if (!c->rows[i].differs)
            continue;
        struct cs_json *row = cs_json_object();
        name_row(row, c->rows[i].day, c->rows[i].model);
        for (int f = 0; f < CS_USAGE_FIGURES; f++) {
            if (u->has[f])
                cs_json_object_set_new(row, names[f], cs_json_real(c->rows[i].more[f]));
        }
        const struct cs_bill_account_bound *most = &c->rows[i].bound;
        cs_json_object_set_new(row, "ambiguous_at_most",
                               cs_json_pack("{s:I, s:I, s:I, s:f}", names[0], (int64_t)most->calls, names[1],
                                            (int64_t)most->input, names[2], (int64_t)most->output, names[3],
                                            (double)most->nano_usd / 1e9));
        cs_json_object_set_new(row, "explained", cs_json_boolean(c->rows[i].explained));
        cs_json_array_append_new(differences, row);
    }
    if (c != NULL)
        cs_json_object_set_new(root, "differences", differences);
    else
        cs_json_decref(differences);
    cs_document_print(root, stdout);
}

/* ---- the command --------------------------------------------------------------------------------------------------- */

static void release(struct bill *b)
{
    for (uint32_t i = 0; i < b->n_generations; i++) {
        for (uint32_t k = 0; k < b->generations[i].n; k++)
            free(b->generations[i].lanes[k].sent);
        free(b->generations[i].lanes);
    }
    free(b->generations);
    cs_bill_account_release(&b->account);
    cs_reader_close(&b->reader);
}

int cmd_bill(int argc, char **argv)
{
    struct cs_study_args args = {0};
    struct bill b = {0};
    const char *store = NULL, *name = NULL, *against = NULL;
    bool json = false;
    const struct cs_option table[] = {
        CS_DIR_OPTION(args),
        CS_WHICH_OPTION(name),
        {"store", CS_OPT_STR, &store, "DIR", "the database folder itself (a coordinator's --dir)"},
        {"against", CS_OPT_STR, &against, "FILE",
         "the vendor's usage as its console exports it (CSV, Excel, JSON): columns date, model, and requests, input_tokens, output_tokens or cost_usd"},
        {"json", CS_OPT_FLAG, &json, NULL, "print JSON"},
        {0},
    };
    const struct cs_command_help help = {
        "clinsafe bill [STUDY] [--against FILE] [options]",
        "What all generations of a study have cost so far, by day and model: paid for once (unique), twice, or in vain (wasted), and how many calls\n"
        "may have been billed without our knowing. With --against: where the vendor's own account differs, and whether such calls explain it.\n"
        "Exit status: 0; with --against 3 when a difference is left that they do not explain.",
        "clinsafe bill study.yaml --against usage-2026-11.csv",
    };
    struct cs_error err = {0};
    struct cs_arena arena = {0};
    struct cs_usage usage = {0};
    struct cs_bill_comparison compared = {0};
    struct cs_bill_account_row sum = {.model = ""};
    int n_args, status;
    if (!cs_command_args(table, &help, argc, argv, 0, 1, &n_args, &status))
        return status;
    enum cs_err rc = against != NULL ? cs_bill_vendor_load(against, &arena, &usage, &err) : CS_OK;
    if (rc == CS_OK)
        rc = cs_reader_open(&b.reader, n_args > 0 ? argv[1] : NULL, args.dir, store, name, &err);
    if (rc == CS_OK) {
        b.study = b.reader.view.generation.study;
        cs_screen_ticker_init(&b.ticker, "bill", cs_store_last_output(b.reader.store));
        rc = cs_store_scan_outputs(b.reader.store, 1, on_output, &b, &err);
        cs_screen_ticker_end(&b.ticker);
    }
    if (rc == CS_OK) {
        cs_bill_account_sort(&b.account);
        for (uint32_t i = 0; i < b.account.n; i++)
            cs_bill_account_sum(&sum, &b.account.rows[i]);
        if (against != NULL)
            cs_bill_compare(&b.account, &usage, &arena, &compared);
        if (json) {
            print_json(&b, &sum, against != NULL ? &compared : NULL, &usage);
        } else {
            print_bill(&b, &sum);
            if (against != NULL)
                print_comparison(&compared, &usage, against);
        }
        status = compared.unexplained > 0 ? 3 : 0;
    }
    release(&b);
    cs_arena_release(&arena);
    return rc == CS_OK ? status : cs_command_fail(rc, &err);
}
