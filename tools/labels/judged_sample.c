#include "tools/labels/judged_sample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/json.h"
#include "protocol/base/rng.h"
#include "protocol/study/judge.h"
#include "protocol/study/render.h"
#include "protocol/table/names.h"
#include "tools/base/csv_write.h"
#include "tools/base/judged_item.h"
#include "tools/base/ratings.h"
#include "tools/judged/votes.h"
#include "tools/labels/disputes.h"
#include "tools/labels/sample_files.h"
#include "tools/labels/strata.h"

struct candidate {
    uint64_t order; /* random, by the seed */
    uint32_t case_index, question, stratum;
};

struct item { /* a row for raters */
    const struct candidate *of;
    uint64_t order;
    uint32_t pass, turn;
    const char *id;
};

struct sampling {
    struct cs_reader *r;
    const struct cs_study *study;
    const struct cs_sample_opts *o;
    struct cs_votes votes;
    bool *stratifies; /* by ballot */
    struct candidate *list;
    size_t n, cap;
    struct cs_names strata; /* name -> number */
    struct cs_arena names;
    const char **stratum; /* name */
    uint64_t *size, *take;
    uint32_t n_strata, cap_strata;
    uint64_t unjudged;
    struct item *items;
    uint32_t n_items;
    bool prompt; /* raters see the judges' prompt; else the judged texts alone */
    struct cs_sample_files files;
};

/* ---- strata --------------------------------------------------------------------------------------------------------- */

static bool is_calibrated(const struct cs_json *calibrate, const struct cs_study *s, const struct cs_ballot *b)
{
    const struct cs_question *q = &s->questions[b->at.question];
    const char *field = b->derived ? q->derived[b->field].name : q->fields[b->field].name;
    char full[2 * 64 + 2];
    snprintf(full, sizeof full, "%s.%s", q->name, field);
    return cs_json_object_get(calibrate, field) != NULL || cs_json_object_get(calibrate, full) != NULL;
}

/* Which ballots tell one stratum from another. */
static void choose_ballots(struct sampling *s)
{
    struct cs_json *analysis = cs_json_loads(s->study->analysis, 0, NULL);
    const struct cs_json *calibrate = cs_json_object_get(analysis, "calibrate");
    s->stratifies = cs_xcalloc(s->votes.n_ballots + 1, sizeof *s->stratifies);
    for (uint32_t i = 0; i < s->votes.n_ballots; i++)
        s->stratifies[i] = calibrate == NULL || is_calibrated(calibrate, s->study, &s->votes.ballots[i]);
    cs_json_decref(analysis);
}

/* The panel's word; a mean by its nearest step; NULL: not through yet. */
static const char *word_of(const struct sampling *s, uint32_t ballot, const struct candidate *c,
                           const struct cs_parent *about, struct cs_arena *arena)
{
    const struct cs_ballot *b = &s->votes.ballots[ballot];
    const struct cs_panel p = cs_votes_panel(&s->votes, ballot, c->case_index, about);
    switch (p.state) {
    case CS_PANEL_NOT_JUDGED:
        return NULL;
    case CS_PANEL_JUDGED:
        if (b->rule == CS_PANEL_MAJORITY)
            return b->words[p.word];
        if (b->n_words > 0 && p.number >= 0 && lround(p.number) < b->n_words)
            return b->words[lround(p.number)];
        return cs_arena_printf(arena, "%.0f", p.number);
    case CS_PANEL_NO_VERDICT:
    case CS_PANEL_STATES:
        break;
    }
    return "no verdict";
}

/* "model-a, arm warned, adopted Yes"; NULL: some panel is not through yet. */
static const char *stratum_name(struct sampling *s, const struct candidate *c, const struct cs_parent *about,
                                struct cs_arena *arena)
{
    const struct cs_parent_study *parent = s->study->parent;
    const char *name = cs_arena_printf(arena, "%s", parent->models[about->model]);
    for (uint32_t f = 0; f < parent->n_factors; f++)
        name = cs_arena_printf(arena, "%s, %s %s", name, parent->factors[f].name,
                               parent->factors[f].levels[about->levels[f]].id);
    if (parent->n_questions > 1)
        name = cs_arena_printf(arena, "%s, %s", name, parent->questions[about->question]);
    for (uint32_t i = 0; i < s->votes.n_ballots; i++) {
        const struct cs_ballot *b = &s->votes.ballots[i];
        if (!s->stratifies[i] || b->at.question != c->question)
            continue;
        const char *word = word_of(s, i, c, about, arena);
        if (word == NULL)
            return NULL;
        name = cs_arena_printf(arena, "%s, %s %s", name, b->name, word);
    }
    return name;
}

static uint32_t stratum_of(struct sampling *s, const char *name)
{
    const uint32_t known = cs_names_get(&s->strata, name);
    if (known != UINT32_MAX)
        return known;
    if (s->n_strata == s->cap_strata) {
        s->cap_strata = s->cap_strata * 2 + 64;
        s->stratum = cs_xrealloc(s->stratum, s->cap_strata, sizeof *s->stratum);
        s->size = cs_xrealloc(s->size, s->cap_strata, sizeof *s->size);
    }
    s->stratum[s->n_strata] = cs_arena_strdup(&s->names, name);
    s->size[s->n_strata] = 0;
    cs_names_put(&s->strata, s->stratum[s->n_strata], s->n_strata);
    return s->n_strata++;
}

/* ---- choosing ------------------------------------------------------------------------------------------------------- */

static uint64_t mixed(uint64_t seed, const char *use, uint64_t a, uint64_t b)
{
    uint64_t h = cs_rng_mix64(seed);
    for (const char *c = use; *c != '\0'; c++)
        h = cs_rng_mix64(h + (unsigned char)*c);
    return cs_rng_mix64(cs_rng_mix64(h + a) + b);
}

static bool has_ballot(const struct sampling *s, uint32_t question)
{
    for (uint32_t i = 0; i < s->votes.n_ballots; i++) {
        if (s->stratifies[i] && s->votes.ballots[i].at.question == question)
            return true;
    }
    return false;
}

static struct candidate *new_candidate(struct sampling *s)
{
    if (s->n == s->cap) {
        s->cap = s->cap * 2 + 1024;
        s->list = cs_xrealloc(s->list, s->cap, sizeof *s->list);
    }
    return &s->list[s->n++];
}

static void add_candidate(struct sampling *s, uint32_t case_index, uint32_t question, const struct cs_parent *about,
                          struct cs_arena *arena)
{
    struct candidate c = {mixed(s->o->seed, "judged", case_index, question), case_index, question, 0};
    const char *name = stratum_name(s, &c, about, arena);
    if (name == NULL) {
        s->unjudged++;
        return;
    }
    c.stratum = stratum_of(s, name);
    s->size[c.stratum]++;
    *new_candidate(s) = c;
}

static enum cs_err list_candidates(struct sampling *s, struct cs_error *err)
{
    struct cs_case_source *cases = &s->r->view.cases;
    struct cs_arena arena = {0};
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; i < s->study->n_cases && rc == CS_OK; i++) {
        const struct cs_parent *parents = NULL;
        struct cs_case c;
        uint32_t n = 0;
        cs_arena_reset(&arena);
        rc = cases->get(cases->self, i, &c, err);
        if (rc == CS_OK)
            rc = cs_parents_read(s->study, &c, &arena, &parents, &n, err);
        for (uint32_t q = 0; q < s->study->n_questions && rc == CS_OK && n > 0; q++) {
            if (has_ballot(s, q))
                add_candidate(s, i, q, &parents[0], &arena);
        }
    }
    cs_arena_release(&arena);
    return rc;
}

static int by_stratum(const void *x, const void *y)
{
    const struct candidate *a = x, *b = y;
    if (a->stratum != b->stratum)
        return a->stratum < b->stratum ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

static int by_order(const void *x, const void *y)
{
    const struct item *a = x, *b = y;
    return a->order < b->order ? -1 : a->order > b->order;
}

static void add_item(struct sampling *s, const struct candidate *c, uint32_t pass, uint32_t turn)
{
    struct item *i = &s->items[s->n_items++];
    const uint64_t number = mixed(s->o->seed, pass == 2 ? "judged again" : "judged item", c->case_index, c->question);
    *i = (struct item){.of = c,
                       .order = cs_rng_mix64(number),
                       .pass = pass,
                       .turn = turn,
                       .id = cs_arena_printf(&s->names, "%016llx", (unsigned long long)number)};
}

/* The first of each stratum in its random order. */
static void choose(struct sampling *s)
{
    const uint64_t twice = s->o->n < s->o->twice ? s->o->n : s->o->twice;
    s->take = cs_xcalloc(s->n_strata, sizeof *s->take);
    s->items = cs_xcalloc((size_t)s->o->n + twice, sizeof *s->items);
    cs_strata_share(s->size, s->n_strata, s->o->n, s->take);
    qsort(s->list, s->n, sizeof *s->list, by_stratum);
    const struct candidate *at = s->list;
    for (uint32_t i = 0; i < s->n_strata; at += s->size[i++]) {
        for (uint64_t k = 0; k < s->take[i]; k++)
            add_item(s, &at[k], 1, 0);
    }
    qsort(s->items, s->n_items, sizeof *s->items, by_order);
    for (uint32_t i = 0; i < s->n_items; i++)
        s->items[i].turn = i;
    for (uint64_t i = 0, n = s->n_items; i < twice && i < n; i++)
        add_item(s, s->items[i].of, 2, s->items[i].turn);
    qsort(s->items, s->n_items, sizeof *s->items, by_order); /* nothing in the order tells what a row is */
}

/* ---- where raters differ ------------------------------------------------------------------------------------------------ */

static const char *disputed_item(const struct sampling *s, const struct cs_case *c, uint32_t question)
{
    const struct cs_digest digest = cs_judged_item_digest(s->study, c, question);
    char hex[2 * sizeof digest.b + 1];
    cs_digest_hex(digest.b, sizeof digest.b, hex);
    return cs_disputes_item(s->o->disputed, hex);
}

static enum cs_err list_disputed(struct sampling *s, struct cs_error *err)
{
    struct cs_case_source *cases = &s->r->view.cases;
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; i < s->study->n_cases && rc == CS_OK; i++) {
        struct cs_case c;
        rc = cases->get(cases->self, i, &c, err);
        for (uint32_t q = 0; q < s->study->n_questions && rc == CS_OK; q++) {
            if (disputed_item(s, &c, q) != NULL)
                *new_candidate(s) = (struct candidate){mixed(s->o->seed, "judged", i, q), i, q, 0};
        }
    }
    s->items = cs_xcalloc(s->n + 1, sizeof *s->items);
    for (size_t i = 0; i < s->n; i++)
        add_item(s, &s->list[i], 1, (uint32_t)i);
    qsort(s->items, s->n_items, sizeof *s->items, by_order);
    return rc;
}

/* ---- writing -------------------------------------------------------------------------------------------------------- */

/* May raters see what judges saw? Not where these were told the arm or the model. */
static enum cs_err check_prompt_blind(struct sampling *s, struct cs_error *err)
{
    struct cs_arena arena = {0};
    struct cs_judge judge;
    const enum cs_err rc = cs_judge_parse(s->study->judge, &arena, &judge, err);
    s->prompt = rc == CS_OK && judge.n_shows == 0;
    cs_arena_release(&arena);
    return rc;
}

static enum cs_err open_files(struct sampling *s, struct cs_error *err)
{
    static const char *const prompt[] = {"item", "prompt", "ask", "said"},
                             *const alone[] = {"item", "ask", "reply", "said"},
                             *const pair[] = {"item", "ask", "first", "second", "said"};
    uint32_t columns[CS_JUDGED_TEXTS_MAX];
    const uint32_t texts = cs_judged_item_texts(s->study, columns), said = s->o->disputed != NULL;
    const enum cs_err rc = check_prompt_blind(s, err);
    if (rc != CS_OK)
        return rc;
    if (!s->prompt && texts == 0)
        return cs_error_set(
            err, CS_EUSAGE,
            "judges are shown the arm or the model (judge: shows), and the text alone is no column of the "
            "cases: raters cannot be shown it");
    return cs_sample_files_open(&s->files,
                                s->prompt    ? prompt
                                : texts == 1 ? alone
                                             : pair,
                                (s->prompt || texts == 1 ? 3 : 4) + said,
                                "item,pass,digest,model,simulated,question,case_id,cluster,sample,pi,stratum", err);
}

/* A trial that asks this question, as far as a prompt goes. */
static struct cs_coords coords_of(const struct sampling *s, const struct candidate *c)
{
    struct cs_coords at = {0};
    for (uint32_t i = 0; i < s->votes.n_ballots; i++) {
        if (s->votes.ballots[i].at.question == c->question) {
            at = s->votes.ballots[i].at;
            break;
        }
    }
    at.case_index = c->case_index;
    return at;
}

static enum cs_err write_rater_row(struct sampling *s, const struct item *it, const struct cs_case *c,
                                   struct cs_error *err)
{
    const struct cs_question *q = &s->study->questions[it->of->question];
    const struct cs_coords at = coords_of(s, it->of);
    struct cs_prompt prompt = CS_PROMPT_INIT;
    struct cs_arena arena = {0};
    const char *values[5] = {it->id}, **words = cs_arena_array(&arena, s->files.n_fields, sizeof *words);
    uint32_t columns[CS_JUDGED_TEXTS_MAX], n = 1;
    enum cs_err rc = CS_OK;
    if (s->prompt) {
        rc = cs_render(s->study, &at, c, &prompt, err);
        values[n++] = rc == CS_OK ? cs_render_shown(&prompt) : "";
    }
    values[n++] = q->ask;
    for (uint32_t i = 0; !s->prompt && i < cs_judged_item_texts(s->study, columns); i++)
        values[n++] = c->values[columns[i]];
    for (uint32_t i = 0; i < s->files.n_fields; i++)
        words[i] = cs_sample_files_words(&s->files, q->name, i, &arena);
    if (s->o->disputed != NULL) {
        const struct cs_digest digest = cs_judged_item_digest(s->study, c, it->of->question);
        values[0] = disputed_item(s, c, it->of->question);
        values[n++] = cs_sample_files_disputed(&s->files, &digest, words, &arena);
    }
    if (rc == CS_OK)
        cs_sample_files_row(&s->files, it->turn, values, words, NULL, 0);
    cs_render_release(&prompt);
    cs_arena_release(&arena);
    return rc;
}

/* The panel's word in a field of the key; "": none, or it is no ballot. */
static const char *panel_word(const struct sampling *s, const struct candidate *c, const char *field,
                              const struct cs_parent *about, struct cs_arena *arena)
{
    for (uint32_t i = 0; i < s->votes.n_ballots; i++) {
        const struct cs_ballot *b = &s->votes.ballots[i];
        const struct cs_question *q = &s->study->questions[b->at.question];
        if (b->at.question != c->question || b->derived || strcmp(q->fields[b->field].name, field) != 0)
            continue;
        return cs_votes_panel(&s->votes, i, c->case_index, about).state == CS_PANEL_JUDGED
                   ? word_of(s, i, c, about, arena)
                   : "";
    }
    return "";
}

static enum cs_err write_key_row(struct sampling *s, const struct item *it, const struct cs_case *c,
                                 struct cs_error *err)
{
    const struct candidate *of = it->of;
    const struct cs_digest digest = cs_judged_item_digest(s->study, c, of->question);
    const struct cs_parent *parents = NULL;
    struct cs_arena arena = {0};
    char hex[2 * sizeof digest.b + 1], pi[40], seed[24];
    bool simulated = true;
    uint32_t n = 0;
    enum cs_err rc = cs_parents_read(s->study, c, &arena, &parents, &n, err);
    for (uint32_t i = 0; i < s->study->n_models; i++)
        simulated = simulated && s->study->accounts[s->study->models[i].account].simulated;
    cs_digest_hex(digest.b, sizeof digest.b, hex);
    snprintf(pi, sizeof pi, "%.17g", (double)s->take[of->stratum] / (double)s->size[of->stratum]);
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)s->o->seed);
    const char *const cells[] = {it->id,
                                 it->pass == 2 ? "2" : "1",
                                 hex,
                                 s->study->n_models == 1 ? s->study->models[0].name : "panel",
                                 simulated ? "true" : "false",
                                 s->study->questions[of->question].name,
                                 c->id,
                                 c->cluster,
                                 seed,
                                 pi,
                                 s->stratum[of->stratum]};
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++)
        cs_csv_write_field(s->files.key, cells[i], i == 0);
    for (uint32_t i = 0; i < s->files.n_fields && rc == CS_OK; i++)
        cs_csv_write_field(s->files.key,
                           i < s->files.n_own ? panel_word(s, of, s->files.fields[i], &parents[0], &arena) : "", false);
    cs_csv_write_end(s->files.key);
    cs_arena_release(&arena);
    return rc;
}

static enum cs_err write_items(struct sampling *s, struct cs_error *err)
{
    struct cs_case_source *cases = &s->r->view.cases;
    enum cs_err rc = open_files(s, err);
    for (uint32_t i = 0; i < s->n_items && rc == CS_OK; i++) {
        struct cs_case c;
        rc = cases->get(cases->self, s->items[i].of->case_index, &c, err);
        if (rc == CS_OK)
            rc = write_rater_row(s, &s->items[i], &c, err);
        if (rc == CS_OK && s->o->disputed == NULL) /* items in dispute have their keys already */
            rc = write_key_row(s, &s->items[i], &c, err);
    }
    return rc == CS_OK ? cs_sample_files_put(&s->files, s->o->disputed == NULL, err) : rc;
}

static enum cs_err check(const struct sampling *s, struct cs_error *err)
{
    if (s->n == 0)
        return cs_error_set(err, CS_ENOENT, "%s",
                            s->unjudged > 0 ? "no panel is through yet; run the judges first"
                                            : "there is no judged text to rate");
    if (s->n_strata > s->o->n)
        return cs_error_set(
            err, CS_EUSAGE,
            "there are %u strata (model, level and verdict of what was judged), and each needs an item: "
            "--sample %u or more",
            s->n_strata, s->n_strata);
    return CS_OK;
}

enum cs_err cs_judged_sample_write(struct cs_reader *r, const struct cs_sample_opts *o, struct cs_sample_done *done,
                                   struct cs_error *err)
{
    struct sampling s = {.r = r, .study = r->view.spec.study, .o = o};
    *done = (struct cs_sample_done){0};
    if (s.study->parent == NULL)
        return cs_error_set(
            err, CS_EUSAGE,
            "--stratify judge goes with a study that judges another one's outputs (cases: {from_study: FILE})");
    enum cs_err rc = cs_sample_files_init(&s.files, s.study, o, err);
    if (rc == CS_OK)
        rc = cs_votes_open(&s.votes, &r->view, err);
    if (rc == CS_OK)
        rc = cs_votes_read(&s.votes, r->store, NULL, NULL, err);
    if (rc == CS_OK) {
        choose_ballots(&s);
        rc = o->disputed != NULL ? list_disputed(&s, err) : list_candidates(&s, err);
    }
    if (rc == CS_OK && o->disputed == NULL)
        rc = check(&s, err);
    if (rc == CS_OK && o->disputed == NULL)
        choose(&s);
    if (rc == CS_OK && s.n_items > 0) {
        rc = write_items(&s, err);
        *done = (struct cs_sample_done){
            .items = s.n_items, .outputs = s.n < UINT32_MAX ? (uint32_t)s.n : UINT32_MAX, .unjudged = s.unjudged};
    }
    cs_sample_files_release(&s.files);
    cs_votes_close(&s.votes);
    cs_names_release(&s.strata);
    cs_arena_release(&s.names);
    free(s.stratifies);
    free(s.list);
    free(s.items);
    free(s.stratum);
    free(s.size);
    free(s.take);
    return rc;
}
