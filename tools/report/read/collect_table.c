/* collect_table.c - outputs out of a table with the columns of our own export (tools/README.md). */
#include <float.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "protocol/study/price.h"
#include "protocol/study/render.h"
#include "protocol/base/alloc.h"
#include "protocol/base/hash.h"
#include "protocol/table/names.h"
#include "protocol/table/table.h"
#include "tools/report/read/case_facts.h"
#include "tools/report/read/collect.h"
#include "tools/report/read/bad_rows.h"

struct prompt_key {
    uint32_t block, question; /* block CS_NONE: any */
    struct cs_arm arms[CS_FACTORS_MAX];
};
struct prompt { /* cells that a row may belong to: several when blocks ask the same and the row names none */
    struct prompt_key key;
    uint32_t *cells;
    uint32_t n;
    UT_hash_handle hh;
};

struct columns { /* where each stands; CS_NONE: the table does not have it */
    uint32_t model, case_id, question, block, state, outcome, resolved, fingerprint, started;
    uint32_t repeat, attempts, ambiguous, input_tokens, output_tokens, cost_usd, adopted, salvaged, cause;
    uint32_t factor[CS_FACTORS_MAX], wording[CS_FACTORS_MAX];
    uint32_t (*answer)[CS_FIELDS_MAX], (*derived)[CS_FIELDS_MAX]; /* [question][field] */
    uint32_t talk;
    uint32_t (*turn)[CS_TURNS_MAX][CS_FIELDS_MAX]; /* [question][turn of answer_at][field]; NULL: no conversations */
};

struct table_read {
    struct cs_collected *out;
    const struct cs_plan *plan;
    const char *path;
    bool from_rows; /* what has a row is what was planned */
    struct columns at;
    struct cs_names models, cases, questions, levels[CS_FACTORS_MAX];
    struct prompt **prompts; /* one list a lane */
    struct cs_bad_rows bad;
    struct cs_arena arena;
    const struct cs_case_source *case_source;
    struct cs_prompt prompt; /* of a conversation, and the answers at its turns: of one row */
    struct cs_arena turns;
};

/* ---- columns -------------------------------------------------------------------------------------------------- */

static uint32_t named(const struct cs_table *t, struct cs_arena *a, const char *kind, const char *name)
{
    return cs_table_read_column(t, cs_arena_printf(a, "%s.%s", kind, name));
}

static bool has_own_wordings(const struct cs_factor *f)
{
    for (uint32_t i = 0; i < f->n_levels && !f->joined; i++) {
        if (f->levels[i].n_wordings > 1)
            return true;
    }
    return false;
}

static enum cs_err need(const struct table_read *r, uint32_t column, const char *kind, const char *name,
                        struct cs_error *err)
{
    if (column != CS_NONE)
        return CS_OK;
    return cs_error_set(
        err, CS_EINVAL,
        "%s:1: no column %s%s; the columns are those of `clinsafe export`, or say what they are called: "
        "--map %s%s=COLUMN",
        r->path, kind, name, kind, name);
}

static void find_answers(struct table_read *r, const struct cs_table *t)
{
    const struct cs_study *s = r->plan->study;
    r->at.answer = cs_arena_array(&r->arena, s->n_questions, sizeof *r->at.answer);
    r->at.derived = cs_arena_array(&r->arena, s->n_questions, sizeof *r->at.derived);
    for (uint32_t q = 0; q < s->n_questions; q++) {
        for (uint32_t i = 0; i < s->questions[q].n_fields; i++)
            r->at.answer[q][i] = named(t, &r->arena, "answer", s->questions[q].fields[i].name);
        for (uint32_t i = 0; i < s->questions[q].n_derived; i++)
            r->at.derived[q][i] = named(t, &r->arena, "derived", s->questions[q].derived[i].name);
    }
}

static void find_turns(struct table_read *r, const struct cs_table *t)
{
    const struct cs_study *s = r->plan->study;
    if (!cs_script_is_used(s))
        return;
    r->at.turn = cs_arena_array(&r->arena, s->n_questions, sizeof *r->at.turn);
    for (uint32_t q = 0; q < s->n_questions; q++) {
        const struct cs_question *own = &s->questions[q];
        for (uint32_t i = 0; i < own->n_answer_at; i++) {
            for (uint32_t f = 0; f < own->n_fields; f++)
                r->at.turn[q][i][f] = cs_table_read_column(
                    t, cs_arena_printf(&r->arena, "answer.%s@%u", own->fields[f].name, own->answer_at[i]));
        }
    }
    r->out->pressed = cs_xcalloc(r->plan->n_lanes, sizeof *r->out->pressed);
    for (uint32_t i = 0; i < r->plan->n_lanes; i++)
        cs_pressed_init(&r->out->pressed[i], r->plan, i);
    r->at.talk = cs_table_read_column(t, "conversation");
    if (r->at.talk == CS_NONE)
        return;
    r->out->replied = cs_xcalloc(r->plan->n_lanes, sizeof *r->out->replied);
    for (uint32_t i = 0; i < r->plan->n_lanes; i++)
        cs_replied_init(&r->out->replied[i], r->plan->study);
}

static enum cs_err on_head(void *self, const struct cs_table *t, struct cs_error *err)
{
    struct table_read *r = self;
    const struct cs_study *s = r->plan->study;
    struct columns *c = &r->at;
    const struct {
        uint32_t *to;
        const char *name;
    } plain[] = {
        {&c->model, "model"},
        {&c->case_id, "case_id"},
        {&c->question, "question"},
        {&c->block, "block"},
        {&c->state, "state"},
        {&c->outcome, "outcome"},
        {&c->resolved, "model_resolved"},
        {&c->fingerprint, "fingerprint"},
        {&c->started, "started"},
        {&c->attempts, "attempts"},
        {&c->ambiguous, "ambiguous"},
        {&c->input_tokens, "input_tokens"},
        {&c->output_tokens, "output_tokens"},
        {&c->cost_usd, "cost_usd"},
        {&c->adopted, "adopted"},
        {&c->salvaged, "salvaged"},
        {&c->repeat, "repeat"},
        {&c->cause, "unparsable_why"},
    };
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        *plain[i].to = cs_table_read_column(t, plain[i].name);
    enum cs_err rc = need(r, c->case_id, "case_id", "", err);
    if (rc == CS_OK && s->n_models > 1)
        rc = need(r, c->model, "model", "", err);
    if (rc == CS_OK && s->n_questions > 1)
        rc = need(r, c->question, "question", "", err);
    for (uint32_t f = 0; f < s->n_factors && rc == CS_OK; f++) {
        c->factor[f] = named(t, &r->arena, "factor", s->factors[f].name);
        c->wording[f] = named(t, &r->arena, "wording", s->factors[f].name);
        if (s->factors[f].n_levels > 1)
            rc = need(r, c->factor[f], "factor.", s->factors[f].name, err);
        if (rc == CS_OK && has_own_wordings(&s->factors[f]))
            rc = need(r, c->wording[f], "wording.", s->factors[f].name, err);
    }
    find_answers(r, t);
    find_turns(r, t);
    if (c->repeat != CS_NONE)
        cs_collect_halves(r->out, r->plan);
    return rc;
}

/* ---- where a row belongs ------------------------------------------------------------------------------------------- */

static void enter_prompt(struct table_read *r, uint32_t lane, const struct prompt_key *key, uint32_t cell)
{
    struct prompt *p;
    HASH_FIND(hh, r->prompts[lane], key, sizeof *key, p);
    if (p == NULL) {
        p = cs_arena_alloc(&r->arena, sizeof *p);
        p->key = *key;
        HASH_ADD(hh, r->prompts[lane], key, sizeof p->key, p);
    }
    uint32_t *more = cs_arena_array(&r->arena, p->n + 1, sizeof *more);
    for (uint32_t i = 0; i < p->n; i++)
        more[i] = p->cells[i];
    more[p->n++] = cell;
    p->cells = more;
}

static void enter_cells(struct table_read *r, uint32_t lane)
{
    const struct cs_grid *g = &r->out->grids[lane];
    const struct cs_study *s = r->plan->study;
    for (uint32_t i = 0; i < g->n_cells; i++) {
        struct prompt_key key = {.question = g->cells[i].at.question};
        for (uint32_t f = 0; f < s->n_factors; f++)
            key.arms[f] = g->cells[i].at.arms[f];
        key.block = s->rects[g->cells[i].at.rect].block + 1;
        enter_prompt(r, lane, &key, i);
        key.block = CS_NONE;
        enter_prompt(r, lane, &key, i);
    }
}

static enum cs_err bad(const struct table_read *r, uint32_t line, const char *what, const char *word,
                       struct cs_error *err)
{
    return cs_error_set(err, CS_EINVAL, "%s:%u: %s \"%s\" is not in the study", r->path, line, what, word);
}

static const char *cell_of(const char *const *values, uint32_t column)
{
    return column != CS_NONE ? values[column] : "";
}

static enum cs_err arm_of(const struct table_read *r, uint32_t f, uint32_t line, const char *const *values,
                          struct cs_arm *arm, struct cs_error *err)
{
    const struct cs_factor *factor = &r->plan->study->factors[f];
    const char *level = cell_of(values, r->at.factor[f]), *wording = cell_of(values, r->at.wording[f]);
    arm->level = r->at.factor[f] != CS_NONE ? cs_names_get(&r->levels[f], level) : 0;
    arm->wording = factor->joined ? CS_NONE : 0;
    if (arm->level == UINT32_MAX)
        return cs_error_set(err, CS_EINVAL, "%s:%u: factor \"%s\" has no level \"%s\"", r->path, line, factor->name,
                            level);
    const struct cs_level *l = &factor->levels[arm->level];
    if (factor->joined || l->n_wordings == 1)
        return CS_OK;
    while (arm->wording < l->n_wordings && strcmp(l->wordings[arm->wording].id, wording) != 0)
        arm->wording++;
    if (arm->wording == l->n_wordings)
        return cs_error_set(err, CS_EINVAL, "%s:%u: level \"%s\" has no wording \"%s\"", r->path, line, level, wording);
    return CS_OK;
}

static uint64_t answered(const struct cs_grid *g, uint32_t case_index, uint32_t cell)
{
    const uint32_t *record = cs_grid_record(g, case_index, cell);
    uint64_t n = 0;
    for (int o = 0; o < CS_GRID_CLASSES; o++)
        n += record[o];
    return n;
}

struct place {
    uint32_t lane, case_index, cell;
};

static enum cs_err place_of(struct table_read *r, uint32_t line, const char *const *values, struct place *out,
                            struct cs_error *err)
{
    const struct cs_study *s = r->plan->study;
    const char *model = cell_of(values, r->at.model), *question = cell_of(values, r->at.question);
    const char *block = cell_of(values, r->at.block);
    struct prompt_key key = {.block = CS_NONE};
    enum cs_err rc = CS_OK;
    struct prompt *p;
    out->lane = r->at.model != CS_NONE ? cs_names_get(&r->models, model) : 0;
    out->case_index = cs_names_get(&r->cases, values[r->at.case_id]);
    key.question = r->at.question != CS_NONE ? cs_names_get(&r->questions, question) : 0;
    if (out->lane == UINT32_MAX)
        return bad(r, line, "model", model, err);
    if (out->case_index == UINT32_MAX)
        return bad(r, line, "case", values[r->at.case_id], err);
    if (key.question == UINT32_MAX)
        return bad(r, line, "question", question, err);
    for (uint32_t f = 0; f < s->n_factors && rc == CS_OK; f++)
        rc = arm_of(r, f, line, values, &key.arms[f], err);
    if (rc != CS_OK)
        return rc;
    if (block[0] != '\0' && !r->from_rows)
        key.block = (uint32_t)strtoul(block, NULL, 10);
    HASH_FIND(hh, r->prompts[out->lane], &key, sizeof key, p);
    if (p == NULL)
        return cs_error_set(err, CS_EINVAL, "%s:%u: the study does not ask model \"%s\" this combination of levels",
                            r->path, line, s->models[out->lane].name);
    const struct cs_grid *g = &r->out->grids[out->lane];
    for (uint32_t i = 0; i < p->n; i++) {
        out->cell = p->cells[i];
        if (cs_grid_is_left_out(g, out->case_index, out->cell))
            return cs_error_set(err, CS_EINVAL, "%s:%u: the study leaves this level out in case \"%s\" (requires)",
                                r->path, line, values[r->at.case_id]);
        if (r->from_rows || answered(g, out->case_index, out->cell) < g->cells[out->cell].repeats)
            return CS_OK;
    }
    return cs_error_set(err, CS_EINVAL, "%s:%u: more answers to one prompt of case \"%s\" than the study asks for",
                        r->path, line, values[r->at.case_id]);
}

/* ---- what a row says --------------------------------------------------------------------------------------------- */

static enum cs_err answer_of(const struct table_read *r, const struct cs_field *f, uint32_t line, const char *word,
                             struct cs_answer *out, struct cs_error *err)
{
    char *end = NULL;
    *out = (struct cs_answer){.category = CS_NONE};
    if (word[0] == '\0')
        return CS_OK;
    out->text = word;
    if (f->insufficient != NULL && strcmp(word, f->insufficient) == 0) {
        out->insufficient = true;
        return CS_OK;
    }
    if (f->kind == CS_FIELD_TEXT || f->kind == CS_FIELD_LIST)
        return CS_OK;
    if (f->kind == CS_FIELD_NUMBER) {
        out->number = strtod(word, &end);
        if (end == word || *end != '\0' || !(out->number >= f->min && out->number <= f->max))
            return cs_error_set(err, CS_EINVAL, "%s:%u: answer.%s is \"%s\", not a number from %g to %g", r->path, line,
                                f->name, word, f->min, f->max);
        return CS_OK;
    }
    out->category = cs_case_facts_category(f, word);
    if (out->category == CS_NONE)
        return cs_error_set(err, CS_EINVAL, "%s:%u: answer.%s is \"%s\", which is none of its words", r->path, line,
                            f->name, word);
    return CS_OK;
}

static int truth_of(const char *word)
{
    static const char *const yes[] = {"true", "yes", "1"}, *const no[] = {"false", "no", "0"};
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        if (strcasecmp(word, yes[i]) == 0)
            return 1;
        if (strcasecmp(word, no[i]) == 0)
            return 0;
    }
    return -1;
}

static enum cs_err derived_of(const struct table_read *r, const struct cs_derived *d, uint32_t line, const char *word,
                              struct cs_derived_value *out, struct cs_error *err)
{
    const int truth = truth_of(word);
    char *end = NULL;
    *out = (struct cs_derived_value){.text = word};
    if (d->kind == CS_DERIVES_BOOLEAN) {
        out->known = truth >= 0;
        out->yes = truth == 1;
        return CS_OK;
    }
    out->known = word[0] != '\0';
    if (d->kind == CS_DERIVES_TEXT || !out->known)
        return CS_OK;
    out->number = strtod(word, &end);
    if (end == word || *end != '\0' || !(out->number >= -DBL_MAX && out->number <= DBL_MAX))
        return cs_error_set(err, CS_EINVAL, "%s:%u: derived.%s is \"%s\", which is no number", r->path, line, d->name,
                            word);
    return CS_OK;
}

/* Answers and derived ones; *some: at least one is there. */
static enum cs_err read_answers(const struct table_read *r, uint32_t question, uint32_t line, const char *const *values,
                                struct cs_answer *answers, struct cs_derived_value *derived, bool *some,
                                struct cs_error *err)
{
    const struct cs_question *q = &r->plan->study->questions[question];
    enum cs_err rc = CS_OK;
    *some = q->n_fields == 0;
    for (uint32_t i = 0; i < q->n_fields && rc == CS_OK; i++) {
        rc = answer_of(r, &q->fields[i], line, cell_of(values, r->at.answer[question][i]), &answers[i], err);
        *some = *some || answers[i].text != NULL;
    }
    for (uint32_t i = 0; i < q->n_derived && rc == CS_OK; i++) {
        rc = derived_of(r, &q->derived[i], line, cell_of(values, r->at.derived[question][i]), &derived[i], err);
        *some = *some || derived[i].known;
    }
    return rc;
}

/* What was answered at the turns of a conversation; which of them were asked is said by the study, not by empty cells. */
static enum cs_err read_turns(struct table_read *r, const struct place *at, uint32_t line, const char *const *values,
                              enum cs_outcome how, struct cs_error *err)
{
    const struct cs_study *s = r->plan->study;
    struct cs_derive_turns turns = {0};
    struct cs_coords coords;
    struct cs_case c;
    if (r->out->pressed == NULL)
        return CS_OK;
    cs_plan_cell(r->plan, at->lane, at->case_index, at->cell, &coords);
    enum cs_err rc = r->case_source->get(r->case_source->self, at->case_index, &c, err);
    if (rc == CS_OK)
        rc = cs_render(s, &coords, &c, &r->prompt, err);
    for (uint32_t k = 0; rc == CS_OK && k < cs_script_calls(&r->prompt); k++)
        turns.asked |= (uint64_t)cs_script_answers(&r->prompt, k) << (cs_script_number(&r->prompt, k) - 1);
    cs_arena_reset(&r->turns);
    const struct cs_question *q = &s->questions[coords.question];
    for (uint32_t i = 0; rc == CS_OK && i < q->n_answer_at; i++) {
        struct cs_answer *answers = cs_arena_array(&r->turns, q->n_fields, sizeof *answers);
        bool some = false;
        for (uint32_t f = 0; rc == CS_OK && f < q->n_fields; f++) {
            rc = answer_of(r, &q->fields[f], line, cell_of(values, r->at.turn[coords.question][i][f]), &answers[f],
                           err);
            some = some || answers[f].text != NULL;
        }
        turns.answers[q->answer_at[i]] = some ? answers : NULL;
    }
    if (rc == CS_OK)
        cs_pressed_add(&r->out->pressed[at->lane], &coords, &c, &turns, how);
    return rc;
}

static enum cs_err outcome_of(const struct table_read *r, uint32_t line, const char *word, bool some,
                              enum cs_outcome *out, struct cs_error *err)
{
    *out = some ? CS_OUTCOME_ok : CS_OUTCOME_unparsable;
    for (int o = 0; o < CS_OUTCOMES && word[0] != '\0'; o++) {
        if (strcmp(word, cs_outcome_name((enum cs_outcome)o)) == 0) {
            *out = (enum cs_outcome)o;
            return CS_OK;
        }
    }
    return word[0] == '\0'
               ? CS_OK
               : cs_error_set(err, CS_EINVAL, "%s:%u: outcome \"%s\" is none that there is", r->path, line, word);
}

/* "2026-11-23T02:05:28.123Z"; 0: not a time. */
static int64_t time_of(const char *text)
{
    struct tm tm = {0};
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    if (rest == NULL)
        return 0;
    int64_t ms = (int64_t)timegm(&tm) * 1000;
    if (rest[0] == '.' && strspn(rest + 1, "0123456789") >= 3)
        ms += (rest[1] - '0') * 100 + (rest[2] - '0') * 10 + (rest[3] - '0');
    return ms;
}

static uint64_t count_of(const char *text)
{
    return text[0] != '\0' ? strtoull(text, NULL, 10) : 0;
}

static void note_row(const struct table_read *r, const char *const *values, struct cs_collected_lane *f, int64_t when)
{
    const char *cost = cell_of(values, r->at.cost_usd);
    const double nano = cost[0] != '\0' ? strtod(cost, NULL) * 1e9 : 0;
    cs_collect_name(&f->resolved, cell_of(values, r->at.resolved), when);
    cs_collect_name(&f->fingerprints, cell_of(values, r->at.fingerprint), when);
    if (when != 0) {
        f->first_ms = f->first_ms == 0 || when < f->first_ms ? when : f->first_ms;
        f->last_ms = when > f->last_ms ? when : f->last_ms;
    }
    f->terminal++;
    f->attempts += count_of(cell_of(values, r->at.attempts));
    f->ambiguous += count_of(cell_of(values, r->at.ambiguous));
    f->ambiguous_nano_usd = f->ambiguous > 0 ? -1 : 0; /* a table has no prices */
    f->adopted += strcmp(cell_of(values, r->at.adopted), "true") == 0;
    f->salvaged += strcmp(cell_of(values, r->at.salvaged), "true") == 0;
    if (strcmp(cell_of(values, r->at.outcome), "unparsable") == 0)
        f->unparsable[cs_answer_fault_of(cell_of(values, r->at.cause))]++;
    f->input_tokens += count_of(cell_of(values, r->at.input_tokens));
    f->output_tokens += count_of(cell_of(values, r->at.output_tokens));
    f->priced |= cost[0] != '\0';
    if (nano > 0 && nano < 1e18)
        f->cost_nano_usd = cs_price_add(f->cost_nano_usd, (int64_t)(nano + 0.5));
}

static enum cs_err on_row(void *self, const struct cs_table *t, uint32_t line, const char *const *values,
                          struct cs_error *err)
{
    struct table_read *r = self;
    struct cs_answer answers[CS_FIELDS_MAX];
    struct cs_derived_value derived[CS_FIELDS_MAX];
    enum cs_outcome outcome;
    struct place at = {0};
    bool some = false;
    (void)t;
    if (strcmp(cell_of(values, r->at.state), "superseded") == 0) /* asked again: what stands has a row of its own */
        return CS_OK;
    enum cs_err rc = place_of(r, line, values, &at, err);
    if (rc != CS_OK)
        return rc;
    struct cs_grid *g = &r->out->grids[at.lane];
    if (r->from_rows) {
        g->planned[at.case_index]++;
        g->cells[at.cell].planned++;
    }
    if (strcmp(cell_of(values, r->at.state), "planned") == 0)
        return CS_OK;
    rc = read_answers(r, g->cells[at.cell].at.question, line, values, answers, derived, &some, err);
    if (rc == CS_OK)
        rc = outcome_of(r, line, cell_of(values, r->at.outcome), some, &outcome, err);
    if (rc != CS_OK)
        return rc;
    rc = read_turns(r, &at, line, values, outcome, err);
    if (rc != CS_OK)
        return rc;
    if (outcome == CS_OUTCOME_ok && !some) {
        outcome = CS_OUTCOME_unparsable;
        r->out->facts[at.lane].mismatched++;
    }
    if (r->out->replied != NULL)
        cs_replied_add_json(&r->out->replied[at.lane], &g->cells[at.cell].at, cell_of(values, r->at.talk), outcome);
    const int64_t when = time_of(cell_of(values, r->at.started));
    cs_grid_add(g, at.case_index, at.cell, outcome, outcome == CS_OUTCOME_ok ? answers : NULL, derived, when);
    if (r->out->halves != NULL && count_of(cell_of(values, r->at.repeat)) % 2 == 0)
        cs_grid_add(&r->out->halves[at.lane], at.case_index, at.cell, outcome,
                    outcome == CS_OUTCOME_ok ? answers : NULL, derived, when);
    note_row(r, values, &r->out->facts[at.lane], when);
    return CS_OK;
}

/* A row that does not fit is noted, and the next one read: all of what is wrong is told at once. */
static enum cs_err on_any_row(void *self, const struct cs_table *t, uint32_t line, const char *const *values,
                              struct cs_error *err)
{
    struct table_read *r = self;
    enum cs_err rc = on_row(self, t, line, values, err);
    if (rc != CS_EINVAL)
        return rc;
    cs_bad_rows_note(&r->bad, line, err->msg);
    return CS_OK;
}

/* ---- all ------------------------------------------------------------------------------------------------------------- */

static enum cs_err learn_names(struct table_read *r, const struct cs_case_source *cases, struct cs_error *err)
{
    const struct cs_study *s = r->plan->study;
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; i < s->n_models; i++)
        cs_names_put(&r->models, s->models[i].name, i);
    for (uint32_t i = 0; i < s->n_questions; i++)
        cs_names_put(&r->questions, s->questions[i].name, i);
    for (uint32_t f = 0; f < s->n_factors; f++) {
        for (uint32_t i = 0; i < s->factors[f].n_levels; i++)
            cs_names_put(&r->levels[f], s->factors[f].levels[i].id, i);
    }
    for (uint32_t i = 0; i < s->n_cases && rc == CS_OK; i++) {
        struct cs_case c;
        rc = cases->get(cases->self, i, &c, err);
        if (rc == CS_OK)
            cs_names_put(&r->cases, cs_arena_strdup(&r->arena, c.id), i);
    }
    return rc;
}

enum cs_err cs_collect_table(struct cs_collected *out, const struct cs_plan *plan, const struct cs_case_source *cases,
                             const struct cs_foreign *map, const char *path, bool from_rows, struct cs_error *err)
{
    struct table_read r = {
        .out = out, .plan = plan, .path = path, .from_rows = from_rows, .case_source = cases, .prompt = CS_PROMPT_INIT};
    const struct cs_table_sink sink = {&r, on_head, on_any_row};
    *out = (struct cs_collected){.n_lanes = plan->n_lanes};
    out->grids = cs_xcalloc(plan->n_lanes, sizeof *out->grids);
    out->facts = cs_xcalloc(plan->n_lanes, sizeof *out->facts);
    r.prompts = cs_xcalloc(plan->n_lanes, sizeof(struct prompt *));
    for (uint32_t i = 0; i < plan->n_lanes; i++) {
        cs_grid_init(&out->grids[i], plan, i);
        enter_cells(&r, i);
        for (uint32_t k = 0; k < out->grids[i].n_cells && from_rows; k++)
            out->grids[i].cells[k].planned = 0;
        if (from_rows)
            memset(out->grids[i].planned, 0, plan->study->n_cases * sizeof *out->grids[i].planned);
    }
    enum cs_err rc = learn_names(&r, cases, err);
    for (uint32_t i = 0; i < plan->n_lanes && rc == CS_OK; i++)
        rc = cs_grid_leave_out(&out->grids[i], cases, err);
    if (rc == CS_OK)
        rc = cs_foreign_stream(map, path, &sink, err);
    if (rc == CS_OK && r.bad.n > 0)
        rc = cs_bad_rows_tell(&r.bad, path, err);
    for (uint32_t i = 0; i < plan->n_lanes; i++)
        HASH_CLEAR(hh, r.prompts[i]);
    free(r.prompts);
    cs_names_release(&r.models);
    cs_names_release(&r.cases);
    cs_names_release(&r.questions);
    for (uint32_t f = 0; f < CS_FACTORS_MAX; f++)
        cs_names_release(&r.levels[f]);
    cs_bad_rows_release(&r.bad);
    cs_render_release(&r.prompt);
    cs_arena_release(&r.turns);
    cs_arena_release(&r.arena);
    return rc;
}
