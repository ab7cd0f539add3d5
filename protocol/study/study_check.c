#include "protocol/study/study_check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/study/address.h"
#include "protocol/study/answer.h"
#include "protocol/study/image.h"
#include "protocol/study/applies.h"
#include "protocol/study/judge.h"
#include "protocol/study/list.h"
#include "protocol/study/plan.h"
#include "protocol/study/rule_check.h"
#include "protocol/study/script.h"
#include "protocol/study/template.h"
#include "protocol/study/tool_rows.h"
#include "protocol/study/tools.h"

/* Strings are non-NULL and arrays as long as they say: that much the maker guarantees (spec_visit.c, the loader). */

#define CHECK(holds, ...)                                                                                              \
    do {                                                                                                               \
        if (!(holds))                                                                                                  \
            return cs_error_set(err, CS_EINVAL, __VA_ARGS__);                                                          \
    } while (0)

static bool is_column(const struct cs_study *s, uint32_t column)
{
    return column < s->n_columns;
}

static bool is_column_or_none(const struct cs_study *s, uint32_t column)
{
    return column == CS_NONE || is_column(s, column);
}

static bool is_permutation(const uint32_t *order, uint32_t n)
{
    bool seen[CS_CATEGORIES_MAX] = {false};
    if (n > CS_CATEGORIES_MAX)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        if (order[i] >= n || seen[order[i]])
            return false;
        seen[order[i]] = true;
    }
    return true;
}

/* ---- factors ---------------------------------------------------------------------------------- */

static enum cs_err check_level(const struct cs_study *s, const struct cs_factor *f, const struct cs_level *l,
                               struct cs_error *err)
{
    CHECK(l->role <= CS_ROLE_AA, "level \"%s\" has the unknown role %d", l->id, (int)l->role);
    CHECK(l->n_wordings >= 1 && l->n_wordings <= CS_WORDINGS_MAX, "level \"%s\" has %u wordings", l->id, l->n_wordings);
    CHECK(l->repeats_times >= 1 && l->repeats_times <= CS_REPEATS_MAX, "level \"%s\" is repeated %u times", l->id,
          l->repeats_times);
    CHECK(is_column_or_none(s, l->use_column), "level \"%s\" uses a column that is not there", l->id);
    CHECK(is_column_or_none(s, l->text_column), "level \"%s\" inserts a column that is not there", l->id);
    CHECK(l->use_column == CS_NONE || is_column(s, f->into_column), "level \"%s\" uses a text in place of none", l->id);
    CHECK(l->image == 0 || is_column(s, l->image - 1), "level \"%s\" shows a column that is not there", l->id);
    CHECK(l->order == NULL || is_permutation(l->order, l->n_order), "level \"%s\" has an order that is none", l->id);
    for (uint32_t i = 0; i < l->n_requires; i++)
        CHECK(is_column(s, l->requires[i].column) && l->requires[i].n_values > 0,
              "level \"%s\" requires something of a column that is not there", l->id);
    return l->system != NULL ? cs_template_check(s, l->system, err) : CS_OK;
}

static enum cs_err check_factor(const struct cs_study *s, const struct cs_factor *f, struct cs_error *err)
{
    CHECK(f->n_levels >= 1 && f->n_levels <= CS_LEVELS_MAX, "factor \"%s\" has %u levels", f->name, f->n_levels);
    CHECK(!f->joined || is_column(s, f->match_column), "factor \"%s\" is joined by a column that is not there",
          f->name);
    CHECK(f->insert <= CS_INSERT_AT, "factor \"%s\" inserts in an unknown way", f->name);
    CHECK(f->insert == CS_INSERT_NONE || (f->anchor != NULL && f->anchor[0] != '\0' && is_column(s, f->into_column)),
          "factor \"%s\" inserts nowhere", f->name);
    CHECK(f->insert_column == CS_NONE || f->insert_column < f->n_columns,
          "factor \"%s\" inserts a column that is not there", f->name);
    for (uint32_t i = 0; i < f->n_levels; i++) {
        enum cs_err rc = check_level(s, f, &f->levels[i], err);
        if (rc != CS_OK)
            return cs_error_wrap(err, rc, "factor \"%s\"", f->name);
    }
    return CS_OK;
}

/* ---- questions -------------------------------------------------------------------------------- */

static enum cs_err check_options(const struct cs_study *s, const struct cs_field *f, struct cs_error *err)
{
    CHECK(f->n_categories >= 1 && f->n_categories <= CS_OPTIONS_MAX, "\"%s\" has %u options", f->name, f->n_categories);
    CHECK(f->option_columns != NULL, "\"%s\" has options without columns", f->name);
    for (uint32_t i = 0; i < f->n_categories; i++)
        CHECK(is_column(s, f->option_columns[i]), "\"%s\" has an option in a column that is not there", f->name);
    if (f->order_factor == CS_NONE)
        return CS_OK;
    CHECK(f->order_factor < s->n_factors, "\"%s\" is ordered by a factor that is not there", f->name);
    const struct cs_factor *by = &s->factors[f->order_factor];
    for (uint32_t i = 0; i < by->n_levels; i++)
        CHECK(by->levels[i].order == NULL || by->levels[i].n_order == f->n_categories,
              "\"%s\" has %u options, but level \"%s\" orders %u", f->name, f->n_categories, by->levels[i].id,
              by->levels[i].n_order);
    return CS_OK;
}

static enum cs_err check_field(const struct cs_study *s, const struct cs_field *f, struct cs_error *err);

static enum cs_err check_list(const struct cs_study *s, const struct cs_field *f, struct cs_error *err)
{
    const struct cs_list_answer *a = f->list;
    enum cs_err rc = CS_OK;
    CHECK(a != NULL && is_column(s, a->column), "\"%s\" grades a list that is not there", f->name);
    CHECK(f->n_categories == 0 && a->most <= CS_ELEMENTS_MAX && a->n_fields >= 1 && a->n_fields <= CS_FIELDS_MAX,
          "\"%s\" is a list of a wrong shape", f->name);
    for (uint32_t i = 0; i < a->n_fields && rc == CS_OK; i++) {
        CHECK(a->fields[i].kind < CS_FIELD_OPTIONS, "\"%s\" asks of its elements what is not asked of one", f->name);
        rc = check_field(s, &a->fields[i], err);
    }
    return rc;
}

static enum cs_err check_field(const struct cs_study *s, const struct cs_field *f, struct cs_error *err)
{
    const uint32_t n = f->n_categories;
    CHECK(is_column_or_none(s, f->truth_column), "\"%s\" has its truth in a column that is not there", f->name);
    CHECK(f->kind == CS_FIELD_OPTIONS || f->order_factor == CS_NONE, "\"%s\" has an order and no options", f->name);
    switch (f->kind) {
    case CS_FIELD_BOOLEAN:
        CHECK(n == 2, "\"%s\" has %u words for yes and no", f->name, n);
        return CS_OK;
    case CS_FIELD_ORDINAL:
    case CS_FIELD_NOMINAL:
        CHECK(n >= 1 && n <= CS_CATEGORIES_MAX, "\"%s\" has %u categories", f->name, n);
        return CS_OK;
    case CS_FIELD_TEXT:
        CHECK(n == 0, "\"%s\" is a text with categories", f->name);
        return CS_OK;
    case CS_FIELD_NUMBER:
        CHECK(n == 0, "\"%s\" is a number with categories", f->name);
        CHECK(!isnan(f->min) && !isnan(f->max), "\"%s\" has bounds that are not numbers", f->name);
        return CS_OK;
    case CS_FIELD_OPTIONS:
        return check_options(s, f, err);
    case CS_FIELD_LIST:
        return check_list(s, f, err);
    }
    return cs_error_set(err, CS_EINVAL, "\"%s\" is of an unknown kind", f->name);
}

/* ---- a question ----------------------------------------------------------------------------------- */

static enum cs_err check_answer_at(const struct cs_question *q, struct cs_error *err)
{
    CHECK(q->n_answer_at <= CS_TURNS_MAX, "an answer at %u turns", q->n_answer_at);
    for (uint32_t i = 0; i < q->n_answer_at; i++)
        CHECK(q->answer_at[i] >= 1 && q->answer_at[i] <= CS_TURNS_MAX &&
                  (i == 0 || q->answer_at[i] > q->answer_at[i - 1]),
              "an answer at a turn that cannot be");
    return CS_OK;
}

static enum cs_err check_question(const struct cs_study *s, const struct cs_question *q, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    CHECK(q->n_fields <= CS_FIELDS_MAX, "%u answers", q->n_fields);
    CHECK(q->reads < CS_READS, "a question is read in an unknown way");
    CHECK(q->tools <= s->n_toolsets && (q->tools == 0 || q->n_answer_at == 0),
          "a question has tools that are not there");
    rc = check_answer_at(q, err);
    for (uint32_t i = 0; i < q->n_fields && rc == CS_OK; i++)
        rc = check_field(s, &q->fields[i], err);
    CHECK(q->n_derived <= CS_FIELDS_MAX, "%u derived answers", q->n_derived);
    for (uint32_t i = 0; i < q->n_derived && rc == CS_OK; i++)
        rc = cs_rule_check(s, q, i, err);
    return rc;
}

/* ---- tools ------------------------------------------------------------------------------------ */

static enum cs_err check_tool_table(const struct cs_study *s, const struct cs_tool *t, struct cs_error *err)
{
    const uint32_t width = t->n_keys + 1;
    CHECK(t->n_keys >= 1 && t->n_keys <= CS_TOOL_KEYS_MAX && t->n_cells % width == 0,
          "tool \"%s\" has a table of a wrong shape", t->name);
    for (uint32_t i = 0; i < t->n_keys; i++)
        CHECK(t->keys[i] >= CS_TOOL_KEY_COLUMN ? t->keys[i] - CS_TOOL_KEY_COLUMN < s->n_columns
                                               : t->keys[i] < t->n_arguments,
              "tool \"%s\" looks up by what is not there", t->name);
    for (uint32_t i = width; i < t->n_cells; i += width)
        CHECK(cs_tool_rows_compare(&t->cells[i - width], &t->cells[i], t->n_keys) < 0,
              "tool \"%s\" has a table out of order", t->name);
    return CS_OK;
}

static enum cs_err check_tool(const struct cs_study *s, const struct cs_tool *t, struct cs_error *err)
{
    enum cs_err rc = cs_template_check(s, t->describe, err);
    CHECK(t->n_arguments <= CS_TOOL_ARGUMENTS_MAX && t->missing[0] != '\0', "tool \"%s\" is of a wrong shape", t->name);
    for (uint32_t i = 0; i < t->n_arguments && rc == CS_OK; i++) {
        CHECK(t->arguments[i].kind < CS_FIELD_OPTIONS, "tool \"%s\" has an argument of a wrong kind", t->name);
        rc = check_field(s, &t->arguments[i], err);
    }
    if (rc == CS_OK)
        rc = t->returns != NULL ? cs_template_check(s, t->returns, err) : check_tool_table(s, t, err);
    return rc;
}

static enum cs_err check_tool_order(const struct cs_study *s, const struct cs_toolset *set, struct cs_error *err)
{
    if (set->order_factor == CS_NONE)
        return CS_OK;
    CHECK(set->order_factor < s->n_factors && !set->shuffled, "tools are ordered by a factor that is not there");
    const struct cs_factor *f = &s->factors[set->order_factor];
    for (uint32_t i = 0; i < f->n_levels; i++)
        CHECK(f->levels[i].order == NULL || f->levels[i].n_order == set->n_tools,
              "there are %u tools, but level \"%s\" orders %u", set->n_tools, f->levels[i].id, f->levels[i].n_order);
    return CS_OK;
}

static enum cs_err check_toolset(const struct cs_study *s, const struct cs_toolset *set, struct cs_error *err)
{
    CHECK(set->n_tools >= 1 && set->n_tools <= CS_TOOLS_MAX && set->max_calls >= 1 &&
              set->max_calls <= CS_TOOL_CALLS_MAX,
          "a set of %u tools with %u calls", set->n_tools, set->max_calls);
    enum cs_err rc = check_tool_order(s, set, err);
    if (rc == CS_OK)
        rc = cs_template_check(s, set->remind, err);
    if (rc == CS_OK)
        rc = cs_template_check(s, set->last, err);
    for (uint32_t i = 0; i < set->n_tools && rc == CS_OK; i++) {
        for (uint32_t k = 0; k < i; k++)
            CHECK(strcmp(set->tools[i].name, set->tools[k].name) != 0, "tool \"%s\" twice", set->tools[i].name);
        rc = check_tool(s, &set->tools[i], err);
    }
    return rc;
}

static enum cs_err check_tools(const struct cs_study *s, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    CHECK(s->n_toolsets <= CS_QUESTIONS_MAX + 1, "%u sets of tools", s->n_toolsets);
    for (uint32_t i = 0; i < s->n_toolsets && rc == CS_OK; i++)
        rc = check_toolset(s, &s->toolsets[i], err);
    for (uint32_t i = 0; cs_tools_is_used(s) && i < s->n_prompts; i++)
        CHECK(s->prompts[i].turns == NULL, "a prompt has turns, and a question tools");
    return rc;
}

/* ---- plan ------------------------------------------------------------------------------------- */

static int by_level_then_wording(const void *a, const void *b)
{
    const struct cs_arm *x = a, *y = b;
    if (x->level != y->level)
        return x->level < y->level ? -1 : 1;
    return (x->wording > y->wording) - (x->wording < y->wording);
}

static bool has_twice(const struct cs_arm *arms, uint32_t n)
{
    bool found = false;
    struct cs_arm *sorted = cs_xcalloc(n, sizeof *sorted);
    memcpy(sorted, arms, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_level_then_wording);
    for (uint32_t i = 1; i < n && !found; i++)
        found = by_level_then_wording(&sorted[i - 1], &sorted[i]) == 0;
    free(sorted);
    return found;
}

static enum cs_err check_arms(const struct cs_factor *f, const struct cs_arm *arms, uint32_t n, struct cs_error *err)
{
    CHECK(n >= 1, "no level of factor \"%s\"", f->name);
    for (uint32_t i = 0; i < n; i++) {
        CHECK(arms[i].level < f->n_levels, "factor \"%s\" has no level %u", f->name, arms[i].level);
        CHECK(f->joined ? arms[i].wording == CS_NONE : arms[i].wording < f->levels[arms[i].level].n_wordings,
              "factor \"%s\" has no such wording", f->name);
    }
    CHECK(!has_twice(arms, n), "a level of factor \"%s\" twice", f->name);
    return CS_OK;
}

/* Indexes below `limit`, none twice, at least one. limit <= CS_MODELS_MAX, the larger of those in use. */
static bool is_selection(const uint32_t *v, uint32_t n, uint32_t limit)
{
    bool seen[CS_MODELS_MAX] = {false};
    for (uint32_t i = 0; i < n; i++) {
        if (v[i] >= limit || seen[v[i]])
            return false;
        seen[v[i]] = true;
    }
    return n > 0;
}

static enum cs_err check_rect(const struct cs_study *s, const struct cs_rect *r, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    CHECK(r->repeats >= 1 && r->repeats <= CS_REPEATS_MAX, "%u repeats", r->repeats);
    CHECK(is_selection(r->questions, r->n_questions, s->n_questions), "no valid list of questions");
    CHECK(is_selection(r->models, r->n_models, s->n_models), "no valid list of models");
    for (uint32_t f = 0; f < s->n_factors && rc == CS_OK; f++)
        rc = check_arms(&s->factors[f], r->arms[f], r->n_arms[f], err);
    return rc;
}

/* ---- the whole -------------------------------------------------------------------------------- */

/* Parts of an HTTP request: one line each, and printable. */
static bool is_line(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < ' ' || *text > '~')
            return false;
    }
    return true;
}

static bool are_pairs(const char *const *lines, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const char *colon = strstr(lines[i], ": ");
        if (!is_line(lines[i]) || colon == NULL || colon == lines[i] || colon[2] == '\0')
            return false;
    }
    return n <= CS_HEADERS_MAX;
}

static enum cs_err check_account(const struct cs_account *a, struct cs_error *err)
{
    CHECK(a->protocol < CS_PROTOCOLS, "account \"%s\" speaks an unknown protocol", a->name);
    CHECK(a->response_format < CS_FORMS && a->reads < CS_READS && a->keeps < CS_KEEPS && a->auth <= CS_AUTH_API_KEY &&
              a->n_headers <= CS_HEADERS_MAX,
          "account \"%s\" asks in an unknown way", a->name);
    CHECK((a->service != NULL) == (a->protocol == CS_PROTOCOL_HTTP), "account \"%s\" declares what it does not speak",
          a->name);
    CHECK(!cs_address_has_servers(a) || a->service == NULL, "account \"%s\" speaks http, and to several addresses",
          a->name);
    CHECK(!cs_address_has_servers(a) || cs_address_is_sound(a->base_url), "account \"%s\" has an address that is none",
          a->name);
    CHECK(a->path == NULL || (a->path[0] == '/' && is_line(a->path)), "account \"%s\" has a path that is none",
          a->name);
    for (uint32_t i = 0; i < a->n_headers; i++)
        CHECK(is_line(a->headers[i]) && strchr(a->headers[i], ':') != NULL, "account \"%s\" has a header that is none",
              a->name);
    CHECK(are_pairs(a->limit_headers, a->n_limit_headers) && are_pairs(a->parameter_names, a->n_parameter_names),
          "account \"%s\" has a name that is none", a->name);
    return CS_OK;
}

static enum cs_err check_counts(const struct cs_study *s, struct cs_error *err)
{
    CHECK(s->n_cases >= 1 && s->n_cases <= CS_CASES_MAX, "%u cases", s->n_cases);
    CHECK(s->n_columns <= CS_COLUMNS_MAX, "%u columns", s->n_columns);
    CHECK(s->n_factors <= CS_FACTORS_MAX, "%u factors", s->n_factors);
    CHECK(s->n_questions >= 1 && s->n_questions <= CS_QUESTIONS_MAX, "%u questions", s->n_questions);
    CHECK(s->n_models >= 1 && s->n_models <= CS_MODELS_MAX, "%u models", s->n_models);
    CHECK(s->n_accounts >= 1, "no account");
    CHECK(s->n_rects >= 1 && s->n_rects <= CS_RECTS_MAX, "%u rectangles", s->n_rects);
    CHECK(s->n_prompts >= 1, "no prompt");
    CHECK(is_column_or_none(s, s->prompt_by_column), "the prompt differs by a column that is not there");
    for (uint32_t i = 0; i < s->n_strata; i++)
        CHECK(is_column(s, s->strata[i]), "a stratum is in a column that is not there");
    for (uint32_t i = 0; i < s->n_models; i++)
        CHECK(s->models[i].account < s->n_accounts, "model \"%s\" has an account that is not there", s->models[i].name);
    for (uint32_t i = 0; i < s->n_models; i++) {
        const struct cs_model *m = &s->models[i];
        for (uint32_t k = 0; k < m->n_pools; k++)
            CHECK(m->pools[k] < s->accounts[m->account].n_pools, "model \"%s\" has a pool that is not there", m->name);
    }
    for (uint32_t i = 0; i < s->n_accounts; i++) {
        enum cs_err rc = check_account(&s->accounts[i], err);
        if (rc != CS_OK)
            return rc;
    }
    return CS_OK;
}

static enum cs_err check_judge(const struct cs_study *s, struct cs_error *err)
{
    struct cs_arena scratch = {0};
    struct cs_judge judge;
    enum cs_err rc = cs_judge_parse(s->judge, &scratch, &judge, err);
    cs_arena_release(&scratch);
    return rc;
}

/* A given reply stands behind a turn of the user, and the last turn is the user's. */
static enum cs_err check_turns(const struct cs_study *s, const struct cs_template_set *p, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    CHECK(p->talk == 0 && p->user[0] == '\0' && p->n_turns >= 1 && p->n_turns <= 2 * CS_TURNS_MAX,
          "a prompt has turns in a wrong shape");
    for (uint32_t i = 0; i < p->n_turns && rc == CS_OK; i++) {
        const struct cs_template_turn *t = &p->turns[i];
        const bool next_given = i + 1 < p->n_turns && p->turns[i + 1].by_model;
        CHECK(!t->by_model || (i > 0 && i + 1 < p->n_turns && !next_given && t->each == 0),
              "a given reply stands where none can");
        CHECK(t->each <= s->n_columns && (t->each == 0 || !next_given), "a turn goes over a list that is not there");
        rc = t->each != 0 ? cs_template_check_of_each(s, t->text, err) : cs_template_check(s, t->text, err);
    }
    return rc;
}

static enum cs_err check_images(const struct cs_study *s, const struct cs_template_set *p, struct cs_error *err)
{
    CHECK(p->n_images <= CS_IMAGES_MAX, "a prompt has %u images", p->n_images);
    for (uint32_t i = 0; i < p->n_images; i++) {
        const struct cs_image_place *at = &p->images[i];
        CHECK(at->factor == CS_NONE ? is_column(s, at->column)
                                    : at->factor < s->n_factors && at->column < s->factors[at->factor].n_columns,
              "a prompt has an image in a column that is not there");
    }
    return CS_OK;
}

enum cs_err cs_study_check(const struct cs_study *s, struct cs_error *err)
{
    enum cs_err rc = check_counts(s, err);
    for (uint32_t i = 0; i < s->n_factors && rc == CS_OK; i++)
        rc = check_factor(s, &s->factors[i], err);
    for (uint32_t i = 0; i < s->n_prompts && rc == CS_OK; i++) {
        rc = cs_template_check(s, s->prompts[i].system, err);
        if (rc == CS_OK)
            rc = cs_template_check(s, s->prompts[i].user, err);
        if (rc == CS_OK && s->prompts[i].talk > s->n_columns)
            rc = cs_error_set(err, CS_EINVAL, "a prompt begins with a talk in a column that is not there");
        if (rc == CS_OK && s->prompts[i].turns != NULL)
            rc = check_turns(s, &s->prompts[i], err);
        if (rc == CS_OK)
            rc = check_images(s, &s->prompts[i], err);
    }
    for (uint32_t i = 0; i < s->n_questions && rc == CS_OK; i++) {
        rc = check_question(s, &s->questions[i], err);
        if (rc != CS_OK)
            rc = cs_error_wrap(err, rc, "question \"%s\"", s->questions[i].name);
    }
    if (rc == CS_OK)
        rc = check_tools(s, err);
    for (uint32_t i = 0; i < s->n_rects && rc == CS_OK; i++) {
        rc = check_rect(s, &s->rects[i], err);
        if (rc != CS_OK)
            rc = cs_error_wrap(err, rc, "rectangle %u", i);
    }
    if (rc == CS_OK)
        rc = check_judge(s, err);
    if (rc == CS_OK)
        rc = cs_parent_check(s, err);
    if (rc == CS_OK)
        rc = cs_plan_check(s, err);
    CHECK(rc != CS_OK || s->left_out != NULL || !cs_applies_is_used(s), "it does not say how many trials are left out");
    return rc;
}
