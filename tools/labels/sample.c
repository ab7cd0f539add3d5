#include "tools/base/part_file.h"
#include "tools/labels/sample.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/rng.h"
#include "protocol/base/digest.h"
#include "tools/base/csv_write.h"
#include "tools/export/row.h"

struct candidate {
    uint64_t order; /* random, by the seed */
    uint64_t position, output_id;
    uint32_t lane, cell;
};

struct item { /* a row for raters */
    const struct candidate *of;
    uint64_t order;
    uint32_t pass;
    char id[17];
};

struct sampling {
    struct cs_reader *r;
    const struct cs_sample_opts *o;
    struct candidate *list;
    size_t n, cap;
    struct item *items;
    uint32_t n_items;
    struct cs_export_row row;
    struct cs_arena arena;
    const char **fields; /* to rate: names of the answers of all questions, then the further ones */
    uint32_t n_fields, n_own;
};

/* ---- choosing ------------------------------------------------------------------------------------------------------ */

static uint64_t mixed(uint64_t seed, const char *use, uint64_t a, uint64_t b)
{
    uint64_t h = cs_rng_mix64(seed);
    for (const char *c = use; *c != '\0'; c++)
        h = cs_rng_mix64(h + (unsigned char)*c);
    return cs_rng_mix64(cs_rng_mix64(h + a) + b);
}

static enum cs_err on_output(void *self, uint32_t lane, uint64_t position, const struct cs_stored *stored,
                             struct cs_error *err)
{
    struct sampling *s = self;
    const struct cs_plan *plan = &s->r->view.plan;
    struct cs_coords at;
    (void)err;
    if (stored->output.text[0] == '\0' || !cs_outcome_is_answer((enum cs_outcome)stored->output.outcome))
        return CS_OK;
    if (s->n == s->cap) {
        s->cap = s->cap * 2 + 1024;
        s->list = cs_xrealloc(s->list, s->cap, sizeof *s->list);
    }
    cs_plan_coords(plan, lane, cs_plan_at(plan, lane, position), &at);
    s->list[s->n++] = (struct candidate){.order = mixed(s->o->seed, "order", lane, position),
                                         .position = position,
                                         .output_id = stored->output_id,
                                         .lane = lane,
                                         .cell = at.cell};
    return CS_OK;
}

static int by_stratum(const void *x, const void *y)
{
    const struct candidate *a = x, *b = y;
    if (a->lane != b->lane)
        return a->lane < b->lane ? -1 : 1;
    if (a->cell != b->cell)
        return a->cell < b->cell ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

static int by_order(const void *x, const void *y)
{
    const struct item *a = x, *b = y;
    return a->order < b->order ? -1 : a->order > b->order;
}

static void add_item(struct sampling *s, const struct candidate *c, uint32_t pass)
{
    struct item *i = &s->items[s->n_items++];
    uint8_t id[8];
    const uint64_t number = mixed(s->o->seed, pass == 2 ? "again" : "item", c->lane, c->position);
    for (int k = 0; k < 8; k++)
        id[k] = (uint8_t)(number >> (8 * k));
    *i = (struct item){.of = c, .order = cs_rng_mix64(number), .pass = pass};
    cs_digest_hex(id, 8, i->id);
}

/* Every (n / wanted)-th of the sorted list, from a random start: each stratum gets its share, rounded either way. */
static void choose(struct sampling *s)
{
    const uint64_t wanted = s->n < s->o->n ? s->n : s->o->n;
    const uint64_t twice = wanted < s->o->twice ? wanted : s->o->twice;
    s->items = cs_xcalloc(wanted + twice + 1, sizeof *s->items);
    if (wanted == 0)
        return;
    qsort(s->list, s->n, sizeof *s->list, by_stratum);
    const uint64_t start = mixed(s->o->seed, "start", s->n, wanted) % s->n;
    for (uint64_t i = 0; i < wanted; i++)
        add_item(s, &s->list[(start + i * s->n) / wanted], 1);
    qsort(s->items, s->n_items, sizeof *s->items, by_order);
    for (uint64_t i = 0; i < twice; i++)
        add_item(s, s->items[i].of, 2);
    qsort(s->items, s->n_items, sizeof *s->items, by_order); /* nothing in the order tells what a row is */
}

/* ---- what is rated -------------------------------------------------------------------------------------------------- */

static void add_field(struct sampling *s, const char *name)
{
    for (uint32_t i = 0; i < s->n_fields; i++) {
        if (strcmp(s->fields[i], name) == 0)
            return;
    }
    s->fields[s->n_fields++] = name;
}

static enum cs_err list_fields(struct sampling *s, struct cs_error *err)
{
    const struct cs_study *study = s->r->view.spec.study;
    uint32_t most = 2;
    for (uint32_t q = 0; q < study->n_questions; q++)
        most += study->questions[q].n_fields;
    most += s->o->rate->n;
    s->fields = cs_arena_array(&s->arena, most, sizeof *s->fields);
    for (uint32_t q = 0; q < study->n_questions; q++) {
        for (uint32_t i = 0; i < study->questions[q].n_fields; i++) {
            if (study->questions[q].fields[i].kind != CS_FIELD_TEXT)
                add_field(s, study->questions[q].fields[i].name);
        }
    }
    s->n_own = s->n_fields;
    for (unsigned i = 0; i < s->o->rate->n; i++) {
        const char *name = s->o->rate->v[i];
        if (name[0] == '\0' || name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] != '\0')
            return cs_error_set(err, CS_EUSAGE, "--rate %s: want a name of a-z, 0-9 and _", name);
        add_field(s, name);
    }
    if (s->n_fields == 0)
        return cs_error_set(err, CS_EUSAGE, "the study has no answers to rate; name some: --rate harmful");
    return CS_OK;
}

/* ---- writing -------------------------------------------------------------------------------------------------------- */

static const char *text_of(const struct cs_export_row *row, const char *column)
{
    for (uint32_t i = 0; i < row->n; i++) {
        if (strcmp(row->names[i], column) == 0)
            return row->cell[i].kind == CS_CELL_TEXT ? row->cell[i].text : "";
    }
    return "";
}

/* The case as the study's table has it, before any level changed it. */
static const char *case_text(const struct cs_study *s, const struct cs_case *c)
{
    uint32_t column = cs_study_column(s, "text");
    for (uint32_t f = 0; f < s->n_factors && column == CS_NONE; f++)
        column = s->factors[f].into_column;
    return column != CS_NONE ? c->values[column] : "";
}

static void head(struct sampling *s, FILE *raters, FILE *key)
{
    const struct cs_study *study = s->r->view.spec.study;
    cs_csv_write_field(raters, "item", true);
    if (!s->o->blind) {
        cs_csv_write_field(raters, "model", false);
        for (uint32_t f = 0; f < study->n_factors; f++)
            cs_csv_write_field(raters, cs_arena_printf(&s->arena, "factor.%s", study->factors[f].name), false);
    }
    cs_csv_write_field(raters, "case", false);
    cs_csv_write_field(raters, "ask", false);
    if (!s->o->no_answer)
        cs_csv_write_field(raters, "reply", false);
    fputs("item,pass,digest,model,simulated,question,case_id,cluster", key);
    for (uint32_t i = 0; i < s->n_fields; i++) {
        fprintf(raters, ",rating.%s", s->fields[i]);
        fprintf(key, ",answer.%s", s->fields[i]);
    }
    cs_csv_write_end(raters);
    cs_csv_write_end(key);
}

static void write_rater_row(const struct sampling *s, const struct item *it, const struct cs_coords *at,
                            const struct cs_case *c, const char *text, FILE *out)
{
    const struct cs_study *study = s->r->view.spec.study;
    cs_csv_write_field(out, it->id, true);
    if (!s->o->blind) {
        cs_csv_write_field(out, study->models[it->of->lane].name, false);
        for (uint32_t f = 0; f < study->n_factors; f++)
            cs_csv_write_field(out, study->factors[f].levels[at->arms[f].level].id, false);
    }
    cs_csv_write_field(out, case_text(study, c), false);
    cs_csv_write_field(out, study->questions[at->question].ask, false);
    if (!s->o->no_answer)
        cs_csv_write_field(out, text, false);
    for (uint32_t i = 0; i < s->n_fields; i++)
        cs_csv_write_field(out, "", false);
    cs_csv_write_end(out);
}

static void write_key_row(const struct sampling *s, const struct item *it, const struct cs_case *c, FILE *out)
{
    struct cs_arena names = {0};
    const struct cs_study *study = s->r->view.spec.study;
    const struct cs_model *m = &study->models[it->of->lane];
    cs_csv_write_field(out, it->id, true);
    cs_csv_write_field(out, it->pass == 2 ? "2" : "1", false);
    cs_csv_write_field(out, text_of(&s->row, "digest"), false);
    cs_csv_write_field(out, m->name, false);
    cs_csv_write_field(out, study->accounts[m->account].simulated ? "true" : "false", false);
    cs_csv_write_field(out, text_of(&s->row, "question"), false);
    cs_csv_write_field(out, c->id, false);
    cs_csv_write_field(out, c->cluster, false);
    for (uint32_t i = 0; i < s->n_fields; i++)
        cs_csv_write_field(
            out, i < s->n_own ? text_of(&s->row, cs_arena_printf(&names, "answer.%s", s->fields[i])) : "", false);
    cs_csv_write_end(out);
    cs_arena_release(&names);
}

static enum cs_err write_items(struct sampling *s, FILE *raters, FILE *key, struct cs_error *err)
{
    const struct cs_generation_view *v = &s->r->view;
    enum cs_err rc = CS_OK;
    head(s, raters, key);
    for (uint32_t i = 0; i < s->n_items && rc == CS_OK; i++) {
        const struct candidate *c = s->items[i].of;
        struct cs_arena arena = {0};
        struct cs_stored stored;
        struct cs_coords at;
        struct cs_case own;
        rc = cs_store_scan_output(s->r->store, c->output_id, &arena, &stored, err);
        if (rc == CS_OK)
            rc = cs_export_row_fill(&s->row, c->lane, c->position, &stored, NULL, err);
        cs_plan_coords(&v->plan, c->lane, cs_plan_at(&v->plan, c->lane, c->position), &at);
        if (rc == CS_OK)
            rc = v->cases.get(v->cases.self, at.case_index, &own, err);
        if (rc == CS_OK) {
            write_rater_row(s, &s->items[i], &at, &own, stored.output.text, raters);
            write_key_row(s, &s->items[i], &own, key);
        }
        cs_arena_release(&arena);
    }
    return rc;
}

static enum cs_err put_file(const char *path, const char *bytes, size_t n, struct cs_error *err)
{
    char *part = cs_xasprintf("%s.part", path);
    FILE *f = cs_part_file_private(part);
    bool bad = f == NULL || fwrite(bytes, 1, n, f) != n || fflush(f) != 0 || fsync(fileno(f)) != 0;
    if (f != NULL && fclose(f) != 0)
        bad = true;
    enum cs_err rc = bad || rename(part, path) != 0 ? cs_error_set(err, CS_EIO, "%s: %s", path, strerror(errno))
                                                    : CS_OK;
    if (rc != CS_OK)
        unlink(part);
    free(part);
    return rc;
}

static bool holds(const char *path, const char *bytes, size_t n)
{
    FILE *f = fopen(path, "r");
    size_t at = 0;
    int c;
    if (f == NULL)
        return false;
    while ((c = getc(f)) != EOF && at < n && (unsigned char)bytes[at] == c)
        at++;
    fclose(f);
    return c == EOF && at == n;
}

/* The key first: ratings of a sample without a key would be worth nothing. */
static enum cs_err put_files(const struct cs_sample_opts *o, const char *raters, size_t n_raters, const char *key,
                             size_t n_key, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    if (mkdir(o->folder, 0750) != 0 && errno != EEXIST)
        return cs_error_set(err, CS_EIO, "%s: %s", o->folder, strerror(errno));
    char *path = cs_xasprintf("%s/items-%llu.csv", o->folder, (unsigned long long)o->seed);
    if (access(path, F_OK) == 0 && !holds(path, key, n_key))
        rc = cs_error_set(err, CS_EBUSY, "another sample was made with --seed %llu (%s); choose another seed",
                          (unsigned long long)o->seed, path);
    if (rc == CS_OK)
        rc = put_file(path, key, n_key, err);
    if (rc == CS_OK)
        rc = put_file(o->path, raters, n_raters, err);
    free(path);
    return rc;
}

static enum cs_err write_sample(struct sampling *s, struct cs_error *err)
{
    char *raters = NULL, *key = NULL;
    size_t n_raters = 0, n_key = 0;
    FILE *to_raters = open_memstream(&raters, &n_raters), *to_key = open_memstream(&key, &n_key);
    enum cs_err rc = to_raters == NULL || to_key == NULL ? cs_error_set(err, CS_EIO, "no memory for the sample")
                                                         : write_items(s, to_raters, to_key, err);
    if (to_raters != NULL)
        fclose(to_raters);
    if (to_key != NULL)
        fclose(to_key);
    if (rc == CS_OK)
        rc = put_files(s->o, raters, n_raters, key, n_key, err);
    free(raters);
    free(key);
    return rc;
}

enum cs_err cs_sample_write(struct cs_reader *r, const struct cs_sample_opts *o, struct cs_sample_done *done,
                            struct cs_error *err)
{
    struct sampling s = {.r = r, .o = o};
    enum cs_err rc = list_fields(&s, err);
    for (uint32_t lane = 0; lane < r->view.plan.n_lanes && rc == CS_OK; lane++)
        rc = cs_store_scan(r->store, r->view.generation.number, lane, on_output, &s, err);
    if (rc == CS_OK && s.n == 0)
        rc = cs_error_set(err, CS_ENOENT, "there is no output with a text to rate yet");
    if (rc == CS_OK) {
        choose(&s);
        rc = cs_export_row_open(&s.row, &r->view, NULL, err);
    }
    if (rc == CS_OK)
        rc = write_sample(&s, err);
    *done = (struct cs_sample_done){s.n_items, s.n < UINT32_MAX ? (uint32_t)s.n : UINT32_MAX};
    cs_export_row_close(&s.row);
    free(s.items);
    free(s.list);
    cs_arena_release(&s.arena);
    return rc;
}
