#include "tools/report/read/judged_study.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/study/pair.h"

static const struct cs_study *child_of(const struct cs_votes *v)
{
    return v->view->spec.study;
}

/* ---- factors ---------------------------------------------------------------------------------------------------- */

static const struct cs_level *levels_named(struct cs_arena *a, uint32_t n, const char *const *ids, const uint8_t *roles)
{
    struct cs_level *levels = cs_arena_array(a, n, sizeof *levels);
    struct cs_wording *wording = cs_arena_alloc(a, sizeof *wording);
    wording->id = "";
    for (uint32_t i = 0; i < n; i++)
        levels[i] = (struct cs_level){.id = cs_arena_strdup(a, ids[i]),
                                      .role = roles != NULL ? (enum cs_role)roles[i] : CS_ROLE_LEVEL,
                                      .repeats_times = 1,
                                      .wordings = wording,
                                      .n_wordings = 1,
                                      .use_column = CS_NONE,
                                      .text_column = CS_NONE};
    return levels;
}

static uint32_t add_factor(struct cs_judged_study *j, struct cs_factor *factors, const char *name, uint32_t n,
                           const char *const *ids, const uint8_t *roles)
{
    struct cs_arena *a = &j->study.arena;
    factors[j->study.n_factors] = (struct cs_factor){.name = cs_arena_strdup(a, name),
                                                     .levels = levels_named(a, n, ids, roles),
                                                     .n_levels = n,
                                                     .match_column = CS_NONE,
                                                     .into_column = CS_NONE,
                                                     .insert_column = CS_NONE};
    return j->study.n_factors++;
}

static enum cs_err make_factors(struct cs_judged_study *j, const struct cs_study *child, struct cs_error *err)
{
    const struct cs_parent_study *p = child->parent;
    struct cs_arena *a = &j->study.arena;
    struct cs_factor *factors = cs_arena_array(a, p->n_factors + child->n_factors + 1u, sizeof *factors);
    uint32_t most = 1;
    for (uint32_t f = 0; f < p->n_factors; f++)
        most = p->factors[f].n_levels > most ? p->factors[f].n_levels : most;
    for (uint32_t f = 0; f < child->n_factors; f++)
        most = child->factors[f].n_levels > most ? child->factors[f].n_levels : most;
    const char **ids = cs_arena_array(a, most, sizeof *ids);
    uint8_t *roles = cs_arena_array(a, most, sizeof *roles);
    for (uint32_t f = 0; f < p->n_factors; f++) {
        for (uint32_t i = 0; i < p->factors[f].n_levels; i++) {
            ids[i] = p->factors[f].levels[i].id;
            roles[i] = p->factors[f].levels[i].role;
        }
        add_factor(j, factors, p->factors[f].name, p->factors[f].n_levels, ids, roles);
    }
    j->asked = p->n_questions > 1 ? add_factor(j, factors, "question", p->n_questions, p->questions, NULL) : CS_NONE;
    for (uint32_t f = 0; f < child->n_factors; f++) {
        const struct cs_factor *own = &child->factors[f];
        j->own[f] = CS_NONE;
        for (uint32_t i = 0; i < own->n_levels; i++) {
            ids[i] = own->levels[i].id;
            roles[i] = (uint8_t)own->levels[i].role;
        }
        if (own->n_levels > 1)
            j->own[f] = add_factor(j, factors, own->name, own->n_levels, ids, roles);
    }
    j->study.factors = factors;
    if (j->study.n_factors > CS_FACTORS_MAX)
        return cs_error_set(err, CS_EINVAL, "\"%s\" and \"%s\" have %u factors together; a report knows at most %d",
                            child->name, p->study, j->study.n_factors, CS_FACTORS_MAX);
    return CS_OK;
}

/* ---- questions: one answer each ----------------------------------------------------------------------------------- */

static bool is_same_answer(const struct cs_ballot *a, const struct cs_ballot *b)
{
    return a->at.question == b->at.question && a->field == b->field && a->derived == b->derived;
}

/* The field that a ballot's verdicts are answers to. A mean over a scale is a number that keeps the scale's words, for its unit. */
static struct cs_field field_of(const struct cs_study *child, const struct cs_ballot *b)
{
    static const char *const truth[] = {"true", "false"};
    const struct cs_question *q = &child->questions[b->at.question];
    if (!b->derived) {
        struct cs_field f = q->fields[b->field];
        f.order_factor = CS_NONE;
        f.option_columns = NULL;
        if (f.kind == CS_FIELD_OPTIONS)
            f.kind = CS_FIELD_NOMINAL;
        if (b->pair) {
            f.kind = CS_FIELD_NUMBER;
            f.categories = cs_pair_words; /* by which the analysis knows it */
            f.min = -100;
            f.max = 100;
        }
        if (b->rule == CS_PANEL_MEAN && f.kind == CS_FIELD_ORDINAL) {
            f.kind = CS_FIELD_NUMBER;
            f.max = f.n_categories - 1;
            f.min = 0;
            f.truth_column = CS_NONE; /* a label is a step, and a mean is between two */
        }
        return f;
    }
    struct cs_field f = {.name = q->derived[b->field].name, .truth_column = CS_NONE, .order_factor = CS_NONE};
    if (b->rule == CS_PANEL_MAJORITY) {
        f.kind = CS_FIELD_BOOLEAN;
        f.categories = truth;
        f.n_categories = 2;
    } else {
        f.kind = CS_FIELD_NUMBER;
        f.min = b->max > b->min ? b->min : -DBL_MAX;
        f.max = b->max > b->min ? b->max : DBL_MAX;
    }
    return f;
}

static enum cs_err make_questions(struct cs_judged_study *j, const struct cs_votes *v, struct cs_error *err)
{
    const struct cs_study *child = child_of(v);
    struct cs_study *s = &j->study;
    struct cs_question *questions = cs_arena_array(&s->arena, v->n_ballots + 1u, sizeof *questions);
    const char **columns = cs_arena_array(&s->arena, child->parent->n_strata + v->n_ballots + 1u, sizeof *columns);
    uint32_t *strata = cs_arena_array(&s->arena, child->parent->n_strata + 1u, sizeof *strata);
    for (uint32_t i = 0; i < child->parent->n_strata; i++) {
        columns[i] = child->parent->strata[i];
        strata[i] = i;
    }
    s->n_columns = s->n_strata = child->parent->n_strata;
    s->strata = strata;
    s->columns = columns;
    j->question = cs_arena_array(&s->arena, v->n_ballots + 1u, sizeof *j->question);
    for (uint32_t b = 0; b < v->n_ballots; b++) {
        uint32_t seen = 0;
        while (seen < b && !is_same_answer(&v->ballots[seen], &v->ballots[b]))
            seen++;
        j->question[b] = seen < b ? j->question[seen] : s->n_questions;
        if (seen < b)
            continue;
        struct cs_field *f = cs_arena_alloc(&s->arena, sizeof *f);
        *f = field_of(child, &v->ballots[b]);
        if (f->truth_column != CS_NONE) {
            columns[s->n_columns] = child->columns[f->truth_column];
            f->truth_column = s->n_columns++;
        }
        questions[s->n_questions++] = (struct cs_question){.name = child->questions[v->ballots[b].at.question].name,
                                                           .ask = child->questions[v->ballots[b].at.question].ask,
                                                           .fields = f,
                                                           .n_fields = 1};
    }
    s->questions = questions;
    if (s->n_questions > CS_QUESTIONS_MAX)
        return cs_error_set(err, CS_EINVAL, "%u answers are judged; a report knows at most %d", s->n_questions,
                            CS_QUESTIONS_MAX);
    if (s->n_questions == 0)
        return cs_error_set(err, CS_EINVAL, "\"%s\" asks its judges for texts alone: there is nothing to count",
                            child->name);
    return CS_OK;
}

/* ---- models and plan ---------------------------------------------------------------------------------------------- */

static void make_models(struct cs_judged_study *j, const struct cs_study *child)
{
    const struct cs_parent_study *p = child->parent;
    struct cs_study *s = &j->study;
    struct cs_model *models = cs_arena_array(&s->arena, p->n_models, sizeof *models);
    struct cs_account *account = cs_arena_alloc(&s->arena, sizeof *account);
    *account = (struct cs_account){.name = "", .base_url = ""};
    for (uint32_t i = 0; i < child->n_models; i++) /* what a simulated judge says was planted */
        account->simulated |= child->accounts[child->models[i].account].simulated;
    for (uint32_t i = 0; i < p->n_models; i++)
        models[i] = (struct cs_model){
            .name = p->models[i], .model = p->sent[i], .parameters = "", .price = {-1, -1, -1, 0, -1}};
    s->accounts = account;
    s->n_accounts = 1;
    s->models = models;
    s->n_models = p->n_models;
}

static const uint32_t *up_to(struct cs_arena *a, uint32_t n)
{
    uint32_t *all = cs_arena_array(a, n + 1u, sizeof *all);
    for (uint32_t i = 0; i < n; i++)
        all[i] = i;
    return all;
}

/* One full cross: what was not planned is taken out where it is counted. */
static void make_plan(struct cs_study *s)
{
    struct cs_rect *rect = cs_arena_alloc(&s->arena, sizeof *rect);
    *rect = (struct cs_rect){.questions = up_to(&s->arena, s->n_questions),
                             .n_questions = s->n_questions,
                             .models = up_to(&s->arena, s->n_models),
                             .n_models = s->n_models,
                             .repeats = 1};
    for (uint32_t f = 0; f < s->n_factors; f++) {
        struct cs_arm *arms = cs_arena_array(&s->arena, s->factors[f].n_levels, sizeof *arms);
        for (uint32_t i = 0; i < s->factors[f].n_levels; i++)
            arms[i] = (struct cs_arm){i, 0};
        rect->arms[f] = arms;
        rect->n_arms[f] = s->factors[f].n_levels;
    }
    s->rects = rect;
    s->n_rects = 1;
}

/* ---- cases ------------------------------------------------------------------------------------------------------------ */

static const char *case_id(struct cs_judged_study *j, const struct cs_parent *of)
{
    return of->element > 0 ? cs_arena_printf(&j->row, "%s/%u", of->case_id, of->element) : of->case_id;
}

uint32_t cs_judged_study_case(const struct cs_judged_study *j, const struct cs_parent *of)
{
    struct cs_arena scratch = {0};
    const uint32_t at = of->element == 0
                            ? cs_names_get(&j->case_ids, of->case_id)
                            : cs_names_get(&j->case_ids, cs_arena_printf(&scratch, "%s/%u", of->case_id, of->element));
    cs_arena_release(&scratch);
    return at;
}

static void add_case(struct cs_judged_study *j, const struct cs_study *child, const struct cs_case *c,
                     const struct cs_parent *of)
{
    struct cs_study *s = &j->study;
    const char *id = case_id(j, of);
    if (cs_names_get(&j->case_ids, id) != UINT32_MAX)
        return;
    if (s->n_cases == j->cap_cases) {
        j->cap_cases = j->cap_cases * 2 + 256;
        j->cases = cs_xrealloc(j->cases, j->cap_cases, sizeof *j->cases);
        j->is_base = cs_xrealloc(j->is_base, j->cap_cases, sizeof *j->is_base);
    }
    const char **values = cs_arena_array(&s->arena, s->n_columns + 1u, sizeof *values);
    for (uint32_t i = 0; i < s->n_strata; i++)
        values[i] = cs_arena_strdup(&s->arena, of->strata[i]);
    for (uint32_t i = s->n_strata; i < s->n_columns; i++)
        values[i] = cs_arena_strdup(&s->arena, c->values[cs_study_column(child, s->columns[i])]);
    j->cases[s->n_cases] = (struct cs_case){.index = s->n_cases,
                                            .id = cs_arena_strdup(&s->arena, id),
                                            .cluster = cs_arena_strdup(&s->arena, of->cluster),
                                            .values = values};
    cs_names_put(&j->case_ids, j->cases[s->n_cases].id, s->n_cases);
    j->is_base[s->n_cases++] = of->element <= 1;
    j->n_bases += of->element <= 1;
}

static enum cs_err make_cases(struct cs_judged_study *j, const struct cs_votes *v, struct cs_error *err)
{
    const struct cs_study *child = child_of(v);
    const struct cs_case_source *source = &v->view->cases;
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; i < child->n_cases && rc == CS_OK; i++) {
        const struct cs_parent *parents;
        struct cs_case c;
        uint32_t n = 0;
        cs_arena_reset(&j->row);
        rc = source->get(source->self, i, &c, err);
        if (rc == CS_OK)
            rc = cs_parents_read(child, &c, &j->row, &parents, &n, err);
        for (uint32_t k = 0; k < n && rc == CS_OK; k++) {
            add_case(j, child, &c, &parents[k]);
            j->repeats |= parents[k].repeat > 0;
        }
    }
    return rc;
}

static enum cs_err get_case(void *self, uint32_t index, struct cs_case *out, struct cs_error *err)
{
    const struct cs_judged_study *j = self;
    (void)err;
    *out = j->cases[index];
    return CS_OK;
}

struct cs_case_source cs_judged_study_cases(struct cs_judged_study *j)
{
    return (struct cs_case_source){j, get_case};
}

/* ---- all ------------------------------------------------------------------------------------------------------------------ */

void cs_judged_study_levels(const struct cs_judged_study *j, const uint32_t *parent_levels, uint32_t parent_question,
                            const struct cs_ballot *b, uint32_t levels[CS_FACTORS_MAX])
{
    for (uint32_t f = 0; f < j->n_parent_factors; f++)
        levels[f] = parent_levels[f];
    if (j->asked != CS_NONE)
        levels[j->asked] = parent_question;
    for (uint32_t f = 0; f < CS_FACTORS_MAX; f++) {
        if (j->own[f] != CS_NONE)
            levels[j->own[f]] = b->at.arms[f].level;
    }
}

uint32_t cs_judged_study_cell(const struct cs_judged_study *j, const uint32_t levels[CS_FACTORS_MAX], uint32_t question)
{
    uint32_t cell = 0;
    for (uint32_t f = 0; f < j->study.n_factors; f++)
        cell = cell * j->study.factors[f].n_levels + levels[f];
    return cell * j->study.n_questions + question;
}

enum cs_err cs_judged_study_make(struct cs_judged_study *j, const struct cs_votes *votes, struct cs_error *err)
{
    const struct cs_study *child = child_of(votes);
    struct cs_study *s = &j->study;
    *j = (struct cs_judged_study){.n_parent_factors = child->parent->n_factors};
    for (uint32_t f = 0; f < CS_FACTORS_MAX; f++)
        j->own[f] = CS_NONE;
    s->name = child->name;
    s->title = child->title;
    s->seed = child->seed;
    s->confidential = child->confidential;
    s->analysis = child->analysis;
    memcpy(s->analysis_digest, child->analysis_digest, sizeof s->analysis_digest);
    s->prompts = child->prompts; /* what judges were asked: told as provenance, rendered by nobody */
    s->n_prompts = child->n_prompts;
    s->prompt_by_column = CS_NONE;
    s->budget_nano_usd = -1;
    s->judge = s->scores = "";
    enum cs_err rc = make_factors(j, child, err);
    if (rc == CS_OK)
        rc = make_questions(j, votes, err);
    if (rc != CS_OK)
        return rc;
    make_models(j, child);
    make_plan(s);
    rc = make_cases(j, votes, err);
    return rc == CS_OK ? cs_plan_check(s, err) : rc;
}

void cs_judged_study_release(struct cs_judged_study *j)
{
    free(j->cases);
    free(j->is_base);
    cs_names_release(&j->case_ids);
    cs_arena_release(&j->row);
    cs_arena_release(&j->study.arena);
    *j = (struct cs_judged_study){0};
}
