#include "tools/report/read/inferred.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "protocol/base/alloc.h"
#include "protocol/table/names.h"
#include "protocol/table/table.h"
#include "tools/report/read/table_raters.h"

struct words { /* distinct texts in the order of first appearance */
    struct cs_names map;
    const char **list;
    uint32_t n, cap;
};

struct answer_column {
    const char *name; /* without "answer." */
    uint32_t column;
    bool derived, numbers; /* numbers: all of them so far are */
    struct words words;    /* up to CS_INFER_WORDS + 1 */
    bool asked[CS_QUESTIONS_MAX];
};

struct factor_column {
    const char *name;
    uint32_t column, wording, role; /* role CS_NONE: by the names of the levels */
    struct words levels;
    enum cs_role *roles;    /* one a level */
    struct words *wordings; /* one a level */
};

struct cs_inferred {
    struct cs_study study;
    struct cs_case *cases;
    uint32_t cap_cases;
    const char *path;
    struct words case_ids, models, questions;
    bool *simulated; /* one a model */
    const char **sent, **accounts;
    uint32_t cap_models;
    uint32_t model, case_id, cluster, question, model_sent, account, simulated_column;
    struct factor_column factors[CS_FACTORS_MAX];
    uint32_t n_factors;
    struct answer_column *answers;
    uint32_t n_answers;
    uint32_t strata[CS_COLUMNS_MAX];
    uint32_t n_strata;
};

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static uint32_t word_number(struct words *w, struct cs_arena *a, const char *text)
{
    uint32_t at = cs_names_get(&w->map, text);
    if (at != UINT32_MAX)
        return at;
    if (w->n == w->cap) {
        w->cap = w->cap * 2 + 8;
        w->list = cs_xrealloc(w->list, w->cap, sizeof *w->list);
    }
    w->list[w->n] = cs_arena_strdup(a, text);
    cs_names_put(&w->map, w->list[w->n], w->n);
    return w->n++;
}

static void words_release(struct words *w)
{
    cs_names_release(&w->map);
    free(w->list);
}

static const char *after(const char *name, const char *prefix)
{
    const size_t n = strlen(prefix);
    return strncmp(name, prefix, n) == 0 && name[n] != '\0' ? name + n : NULL;
}

static enum cs_err take_factor(struct cs_inferred *in, const struct cs_table *t, uint32_t column, const char *name,
                               struct cs_error *err)
{
    if (in->n_factors == CS_FACTORS_MAX)
        return cs_error_set(err, CS_EINVAL, "%s:1: more than %d factors", in->path, CS_FACTORS_MAX);
    struct factor_column *f = &in->factors[in->n_factors++];
    f->name = cs_arena_strdup(&in->study.arena, name);
    f->column = column;
    f->wording = cs_table_read_column(t, cs_arena_printf(&in->study.arena, "wording.%s", name));
    f->role = cs_table_read_column(t, cs_arena_printf(&in->study.arena, "role.%s", name));
    f->wordings = cs_xcalloc(CS_LEVELS_MAX, sizeof *f->wordings);
    f->roles = cs_xcalloc(CS_LEVELS_MAX, sizeof *f->roles);
    return CS_OK;
}

static void take_answer(struct cs_inferred *in, uint32_t column, const char *name, bool derived)
{
    in->answers[in->n_answers++] = (struct answer_column){
        .name = cs_arena_strdup(&in->study.arena, name), .column = column, .derived = derived, .numbers = true};
}

static const uint32_t *all_of(struct cs_arena *a, uint32_t n)
{
    uint32_t *list = cs_arena_array(a, n + 1, sizeof *list);
    for (uint32_t i = 0; i < n; i++)
        list[i] = i;
    return list;
}

/* The strata are all the columns that cases have. */
static void take_strata(struct cs_inferred *in, const struct cs_table *t)
{
    struct cs_arena *a = &in->study.arena;
    const char **names = cs_arena_array(a, in->n_strata + 1, sizeof *names);
    for (uint32_t i = 0; i < in->n_strata; i++)
        names[i] = cs_arena_strdup(a, t->columns[in->strata[i]] + strlen("case."));
    in->study.columns = names;
    in->study.n_columns = in->n_strata;
    in->study.strata = all_of(a, in->n_strata);
    in->study.n_strata = in->n_strata;
}

static enum cs_err on_head(void *self, const struct cs_table *t, struct cs_error *err)
{
    struct cs_inferred *in = self;
    enum cs_err rc = CS_OK;
    in->model = cs_table_read_column(t, "model");
    in->case_id = cs_table_read_column(t, "case_id");
    in->cluster = cs_table_read_column(t, "cluster");
    in->question = cs_table_read_column(t, "question");
    in->model_sent = cs_table_read_column(t, "model_sent");
    in->account = cs_table_read_column(t, "account");
    in->simulated_column = cs_table_read_column(t, "simulated");
    in->answers = cs_xcalloc(t->n_columns, sizeof *in->answers);
    for (uint32_t i = 0; i < t->n_columns && rc == CS_OK; i++) {
        const char *factor = after(t->columns[i], "factor."), *answer = after(t->columns[i], "answer.");
        const char *derived = after(t->columns[i], "derived."), *stratum = after(t->columns[i], "case.");
        if (factor != NULL)
            rc = take_factor(in, t, i, factor, err);
        if (answer != NULL || derived != NULL)
            take_answer(in, i, answer != NULL ? answer : derived, answer == NULL);
        if (stratum != NULL)
            in->strata[in->n_strata++] = i;
    }
    take_strata(in, t);
    if (rc == CS_OK && in->case_id == CS_NONE)
        rc = cs_error_set(
            err, CS_EINVAL,
            "%s:1: no column case_id; the columns are those of `clinsafe export`, or say what they are called: "
            "--map case_id=COLUMN",
            in->path);
    if (rc == CS_OK && in->n_answers == 0 && cs_table_raters_columns(t) == 0)
        rc = cs_error_set(err, CS_EINVAL,
                          "%s:1: no column answer.NAME: there is nothing to analyse; say which one it is: --map "
                          "answer.NAME=COLUMN",
                          in->path);
    return rc;
}

static const char *cell_of(const char *const *values, uint32_t column)
{
    return column != CS_NONE ? values[column] : "";
}

static void take_case(struct cs_inferred *in, const char *const *values)
{
    struct cs_arena *a = &in->study.arena;
    const uint32_t before = in->case_ids.n, at = word_number(&in->case_ids, a, values[in->case_id]);
    if (at < before)
        return;
    if (at == in->cap_cases) {
        in->cap_cases = in->cap_cases * 2 + 64;
        in->cases = cs_xrealloc(in->cases, in->cap_cases, sizeof *in->cases);
    }
    const char **strata = cs_arena_array(a, in->n_strata + 1, sizeof *strata);
    for (uint32_t i = 0; i < in->n_strata; i++)
        strata[i] = cs_arena_strdup(a, values[in->strata[i]]);
    const char *cluster = cell_of(values, in->cluster);
    in->cases[at] = (struct cs_case){.index = at,
                                     .id = in->case_ids.list[at],
                                     .cluster = cluster[0] != '\0' ? cs_arena_strdup(a, cluster)
                                                                   : in->case_ids.list[at],
                                     .values = strata};
}

static void take_model(struct cs_inferred *in, const char *const *values)
{
    struct cs_arena *a = &in->study.arena;
    const char *name = in->model != CS_NONE ? values[in->model] : "model";
    const uint32_t before = in->models.n, at = word_number(&in->models, a, name[0] != '\0' ? name : "model");
    if (at == before) {
        if (at >= in->cap_models) {
            in->cap_models = in->cap_models * 2 + 8;
            in->simulated = cs_xrealloc(in->simulated, in->cap_models, sizeof *in->simulated);
            in->sent = cs_xrealloc(in->sent, in->cap_models, sizeof *in->sent);
            in->accounts = cs_xrealloc(in->accounts, in->cap_models, sizeof *in->accounts);
        }
        in->simulated[at] = false;
        in->sent[at] = cs_arena_strdup(a, cell_of(values, in->model_sent));
        in->accounts[at] = cs_arena_strdup(a, cell_of(values, in->account));
    }
    if (strcmp(cell_of(values, in->simulated_column), "true") == 0)
        in->simulated[at] = true;
}

static bool is_number(const char *text)
{
    char *end = NULL;
    const double v = strtod(text, &end);
    return end != text && *end == '\0' && v > -DBL_MAX && v < DBL_MAX;
}

static bool read_role(const char *word, enum cs_role *out)
{
    static const char *const words[] = {
        [CS_ROLE_LEVEL] = "", [CS_ROLE_CONTROL] = "control", [CS_ROLE_PLACEBO] = "placebo", [CS_ROLE_AA] = "aa"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i], word) == 0) {
            *out = (enum cs_role)i;
            return true;
        }
    }
    return false;
}

static enum cs_err on_row(void *self, const struct cs_table *t, uint32_t line, const char *const *values,
                          struct cs_error *err)
{
    struct cs_inferred *in = self;
    struct cs_arena *a = &in->study.arena;
    (void)t;
    take_case(in, values);
    take_model(in, values);
    const uint32_t q = word_number(&in->questions, a, in->question != CS_NONE ? values[in->question] : "question");
    if (q >= CS_QUESTIONS_MAX || in->models.n > CS_MODELS_MAX)
        return cs_error_set(err, CS_EINVAL, "%s:%u: more than %d %s", in->path, line,
                            q >= CS_QUESTIONS_MAX ? CS_QUESTIONS_MAX : CS_MODELS_MAX,
                            q >= CS_QUESTIONS_MAX ? "questions" : "models");
    for (uint32_t f = 0; f < in->n_factors; f++) {
        const uint32_t level = word_number(&in->factors[f].levels, a, values[in->factors[f].column]);
        if (level >= CS_LEVELS_MAX)
            return cs_error_set(err, CS_EINVAL, "%s:%u: factor \"%s\" has more than %d levels", in->path, line,
                                in->factors[f].name, CS_LEVELS_MAX);
        word_number(&in->factors[f].wordings[level], a, cell_of(values, in->factors[f].wording));
        if (!read_role(cell_of(values, in->factors[f].role), &in->factors[f].roles[level]))
            return cs_error_set(err, CS_EINVAL, "%s:%u: role.%s is \"%s\"; want control, placebo, aa or nothing",
                                in->path, line, in->factors[f].name, values[in->factors[f].role]);
    }
    for (uint32_t i = 0; i < in->n_answers; i++) {
        struct answer_column *c = &in->answers[i];
        const char *text = values[c->column];
        if (text[0] == '\0')
            continue;
        c->asked[q] = true;
        c->numbers = c->numbers && is_number(text);
        if (c->words.n <= CS_INFER_WORDS)
            word_number(&c->words, a, text);
    }
    return CS_OK;
}

/* ---- making a study ------------------------------------------------------------------------------------------------ */

static enum cs_role role_of(const struct words *levels, uint32_t i)
{
    static const char *const controls[] = {"control", "none", "baseline"};
    const char *id = levels->list[i];
    const size_t n = strlen(id);
    for (size_t k = 0; k < sizeof controls / sizeof controls[0]; k++) {
        const uint32_t at = cs_names_get(&levels->map, controls[k]);
        if (at != UINT32_MAX) { /* one control: the first of these that there is */
            if (at == i)
                return CS_ROLE_CONTROL;
            break;
        }
    }
    if (strncmp(id, "placebo", 7) == 0)
        return CS_ROLE_PLACEBO;
    return n > 3 && strcmp(id + n - 3, "_aa") == 0 ? CS_ROLE_AA : CS_ROLE_LEVEL;
}

static void make_factors(struct cs_inferred *in)
{
    struct cs_arena *a = &in->study.arena;
    struct cs_factor *factors = cs_arena_array(a, in->n_factors + 1, sizeof *factors);
    for (uint32_t f = 0; f < in->n_factors; f++) {
        const struct factor_column *c = &in->factors[f];
        struct cs_level *levels = cs_arena_array(a, c->levels.n, sizeof *levels);
        for (uint32_t i = 0; i < c->levels.n; i++) {
            struct cs_wording *wordings = cs_arena_array(a, c->wordings[i].n, sizeof *wordings);
            for (uint32_t k = 0; k < c->wordings[i].n; k++)
                wordings[k].id = c->wordings[i].list[k];
            levels[i] = (struct cs_level){.id = c->levels.list[i],
                                          .role = c->role != CS_NONE ? c->roles[i] : role_of(&c->levels, i),
                                          .repeats_times = 1,
                                          .wordings = wordings,
                                          .n_wordings = c->wordings[i].n,
                                          .use_column = CS_NONE,
                                          .text_column = CS_NONE};
        }
        factors[f] = (struct cs_factor){.name = c->name,
                                        .levels = levels,
                                        .n_levels = c->levels.n,
                                        .match_column = CS_NONE,
                                        .into_column = CS_NONE,
                                        .insert_column = CS_NONE};
    }
    in->study.factors = factors;
    in->study.n_factors = in->n_factors;
}

/* The yes word of a yes/no answer, or NULL. */
static const char *yes_word(const struct words *w)
{
    static const char *const pairs[][2] = {{"yes", "no"}, {"true", "false"}, {"1", "0"}};
    for (size_t k = 0; k < sizeof pairs / sizeof pairs[0]; k++) {
        const char *yes = NULL;
        bool all = w->n > 0 && w->n <= 2;
        for (uint32_t i = 0; i < w->n && all; i++) {
            all = strcasecmp(w->list[i], pairs[k][0]) == 0 || strcasecmp(w->list[i], pairs[k][1]) == 0;
            if (strcasecmp(w->list[i], pairs[k][0]) == 0)
                yes = w->list[i];
        }
        if (all)
            return yes != NULL ? yes : pairs[k][0];
    }
    return NULL;
}

static int by_word(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void type_field(struct cs_inferred *in, const struct answer_column *c, struct cs_field *f)
{
    const char **words = cs_arena_array(&in->study.arena, c->words.n + 2, sizeof *words);
    const char *yes = yes_word(&c->words);
    *f = (struct cs_field){.name = c->name,
                           .kind = CS_FIELD_TEXT,
                           .categories = words,
                           .truth_column = CS_NONE,
                           .min = -DBL_MAX,
                           .max = DBL_MAX,
                           .order_factor = CS_NONE};
    if (yes != NULL) {
        f->kind = CS_FIELD_BOOLEAN;
        words[f->n_categories++] = yes;
        for (uint32_t i = 0; i < c->words.n; i++) {
            if (strcmp(c->words.list[i], yes) != 0)
                words[f->n_categories++] = c->words.list[i];
        }
        if (f->n_categories == 1)
            words[f->n_categories++] = strcasecmp(yes, "yes") == 0 ? "No" : yes[0] == '1' ? "0" : "false";
    } else if (c->numbers && c->words.n > 0) {
        f->kind = CS_FIELD_NUMBER;
    } else if (c->words.n > 0 && c->words.n <= CS_INFER_WORDS) {
        f->kind = CS_FIELD_NOMINAL;
        for (uint32_t i = 0; i < c->words.n; i++)
            words[f->n_categories++] = c->words.list[i];
        qsort(words, f->n_categories, sizeof *words, by_word); /* whatever row came first */
    }
}

/* Derived answers that are true or false are written so. */
static enum cs_derive_kind derived_kind(const struct answer_column *c)
{
    if (c->words.n == 0 || yes_word(&c->words) != NULL)
        return CS_DERIVES_BOOLEAN;
    return c->numbers ? CS_DERIVES_NUMBER : CS_DERIVES_TEXT;
}

static enum cs_err make_questions(struct cs_inferred *in, struct cs_error *err)
{
    struct cs_arena *a = &in->study.arena;
    struct cs_question *questions = cs_arena_array(a, in->questions.n, sizeof *questions);
    for (uint32_t q = 0; q < in->questions.n; q++) {
        struct cs_field *fields = cs_arena_array(a, in->n_answers + 1, sizeof *fields);
        struct cs_derived *derived = cs_arena_array(a, in->n_answers + 1, sizeof *derived);
        struct cs_question *to = &questions[q];
        *to = (struct cs_question){.name = in->questions.list[q], .ask = "", .fields = fields, .derived = derived};
        for (uint32_t i = 0; i < in->n_answers; i++) {
            const struct answer_column *c = &in->answers[i];
            if (c->asked[q] && c->derived)
                derived[to->n_derived++] = (struct cs_derived){
                    .name = c->name, .column = CS_NONE, .literal = "", .kind = derived_kind(c)};
            else if (c->asked[q])
                type_field(in, c, &fields[to->n_fields++]);
        }
        if (to->n_fields > CS_FIELDS_MAX || to->n_derived > CS_FIELDS_MAX)
            return cs_error_set(err, CS_EINVAL, "%s: more than %d answers to a question", in->path, CS_FIELDS_MAX);
    }
    in->study.questions = questions;
    in->study.n_questions = in->questions.n;
    return CS_OK;
}

static void make_models(struct cs_inferred *in)
{
    struct cs_arena *a = &in->study.arena;
    struct cs_model *models = cs_arena_array(a, in->models.n, sizeof *models);
    struct cs_account *accounts = cs_arena_array(a, in->models.n, sizeof *accounts);
    for (uint32_t i = 0; i < in->models.n; i++) {
        accounts[i] = (struct cs_account){.name = in->accounts[i], .simulated = in->simulated[i], .base_url = ""};
        models[i] = (struct cs_model){.name = in->models.list[i],
                                      .model = in->sent[i],
                                      .account = i,
                                      .parameters = "",
                                      .price = {-1, -1, -1, 0, -1}};
    }
    in->study.accounts = accounts;
    in->study.n_accounts = in->models.n;
    in->study.models = models;
    in->study.n_models = in->models.n;
}

/* One full cross: what was not asked simply has no row. */
static void make_plan(struct cs_inferred *in)
{
    struct cs_study *s = &in->study;
    struct cs_rect *rect = cs_arena_alloc(&s->arena, sizeof *rect);
    *rect = (struct cs_rect){.questions = all_of(&s->arena, s->n_questions),
                             .n_questions = s->n_questions,
                             .models = all_of(&s->arena, s->n_models),
                             .n_models = s->n_models,
                             .repeats = 1};
    for (uint32_t f = 0; f < s->n_factors; f++) {
        uint32_t n = 0;
        for (uint32_t i = 0; i < s->factors[f].n_levels; i++)
            n += s->factors[f].levels[i].n_wordings;
        struct cs_arm *arms = cs_arena_array(&s->arena, n, sizeof *arms);
        for (uint32_t i = 0; i < s->factors[f].n_levels; i++) {
            for (uint32_t k = 0; k < s->factors[f].levels[i].n_wordings; k++)
                arms[rect->n_arms[f]++] = (struct cs_arm){i, k};
        }
        rect->arms[f] = arms;
    }
    s->rects = rect;
    s->n_rects = 1;
}

enum cs_err cs_inferred_read(struct cs_inferred **out, const struct cs_foreign *f, const char *path,
                             struct cs_error *err)
{
    const char *slash = strrchr(path, '/');
    struct cs_inferred *in = cs_xcalloc(1, sizeof *in);
    const struct cs_table_sink sink = {in, on_head, on_row};
    struct cs_study *s = &in->study;
    in->path = path;
    enum cs_err rc = cs_foreign_stream(f, path, &sink, err);
    if (rc == CS_OK && in->case_ids.n == 0)
        rc = cs_error_set(err, CS_EINVAL, "%s: no rows; there is nothing to analyse", path);
    if (rc == CS_OK)
        rc = make_questions(in, err);
    if (rc == CS_OK) {
        s->name = cs_arena_strdup(&s->arena, slash != NULL ? slash + 1 : path);
        s->title = "";
        s->n_cases = in->case_ids.n;
        s->prompt_by_column = CS_NONE;
        s->budget_nano_usd = -1;
        s->analysis = "{}";
        make_factors(in);
        make_models(in);
        make_plan(in);
        *out = in;
    } else {
        cs_inferred_release(in);
    }
    return rc;
}

struct cs_study *cs_inferred_study(struct cs_inferred *i)
{
    return &i->study;
}

static enum cs_err get_case(void *self, uint32_t index, struct cs_case *out, struct cs_error *err)
{
    const struct cs_inferred *in = self;
    (void)err;
    *out = in->cases[index];
    return CS_OK;
}

struct cs_case_source cs_inferred_cases(struct cs_inferred *i)
{
    return (struct cs_case_source){i, get_case};
}

void cs_inferred_release(struct cs_inferred *in)
{
    if (in == NULL)
        return;
    words_release(&in->case_ids);
    words_release(&in->models);
    words_release(&in->questions);
    for (uint32_t f = 0; f < in->n_factors; f++) {
        for (uint32_t i = 0; i < CS_LEVELS_MAX; i++)
            words_release(&in->factors[f].wordings[i]);
        free(in->factors[f].wordings);
        free(in->factors[f].roles);
        words_release(&in->factors[f].levels);
    }
    for (uint32_t i = 0; i < in->n_answers; i++)
        words_release(&in->answers[i].words);
    free(in->answers);
    free(in->simulated);
    free(in->sent);
    free(in->accounts);
    free(in->cases);
    cs_arena_release(&in->study.arena);
    free(in);
}
