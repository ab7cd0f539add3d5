/* A parent as JSON: arrays in the order of the struct, so that the same parent gives the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "protocol/base/json.h"
#include "protocol/study/parent.h"
#include "protocol/study/study.h"

static void put_text(struct cs_buf *b, const char *s)
{
    cs_json_str(b, s, strlen(s));
}

static void put_list(struct cs_buf *b, const char *const *texts, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        cs_buf_char(b, i == 0 ? '[' : ',');
        put_text(b, texts[i]);
    }
    cs_buf_str(b, n == 0 ? "[]" : "]");
}

static void put_factor(struct cs_buf *b, const struct cs_parent_factor *f)
{
    cs_buf_char(b, '[');
    put_text(b, f->name);
    for (uint32_t i = 0; i < f->n_levels; i++) {
        cs_buf_str(b, ",[");
        put_text(b, f->levels[i].id);
        cs_buf_printf(b, ",%u]", f->levels[i].role);
    }
    cs_buf_char(b, ']');
}

/* As the outputs came and as they are shown; how many there were is `taken`. */
static void put_leaks(struct cs_buf *b, const struct cs_leak_counts *l)
{
    for (int i = 0; i < CS_LEAKS; i++)
        cs_buf_printf(b, ",%llu,%llu", (unsigned long long)l->raw[i], (unsigned long long)l->shown[i]);
    cs_buf_printf(b, ",%llu,%llu", (unsigned long long)l->raw_any, (unsigned long long)l->shown_any);
}

static void put_arm(struct cs_buf *b, const struct cs_parent_arm *a, uint32_t n_factors)
{
    cs_buf_printf(b, "[%u,%u,[", a->model, a->question);
    for (uint32_t i = 0; i < n_factors; i++)
        cs_buf_printf(b, "%s%u", i > 0 ? "," : "", a->levels[i]);
    cs_buf_printf(b, "],%llu,%llu,%llu", (unsigned long long)a->planned, (unsigned long long)a->taken,
                  (unsigned long long)a->unfit);
    for (int i = 0; i < CS_OUTCOMES; i++)
        cs_buf_printf(b, ",%llu", (unsigned long long)a->by_outcome[i]);
    if (a->leaks.raw_any > 0)
        put_leaks(b, &a->leaks);
    cs_buf_char(b, ']');
}

enum cs_err cs_parent_json_make(struct cs_parent_study *p, struct cs_arena *arena, struct cs_error *err)
{
    struct cs_buf b = CS_BUF_INIT(CS_PARENT_JSON_MAX);
    cs_buf_str(&b, "{\"study\":");
    put_text(&b, p->study);
    cs_buf_printf(&b,
                  ",\"generation\":%u,\"repeats\":%u,\"closed\":%d,\"planned\":%d,\"in_prompt\":%d,\"confidential\":%d",
                  p->generation, p->repeats, p->closed, p->planned, p->factors_in_prompt, p->confidential);
    cs_buf_printf(&b, ",\"column\":%u,\"take\":%s,\"models\":", p->column, p->take);
    put_list(&b, p->models, p->n_models);
    cs_buf_str(&b, ",\"sent\":");
    put_list(&b, p->sent, p->n_models);
    cs_buf_str(&b, ",\"accounts\":");
    put_list(&b, p->accounts, p->n_models);
    cs_buf_str(&b, ",\"questions\":");
    put_list(&b, p->questions, p->n_questions);
    cs_buf_str(&b, ",\"strata\":");
    put_list(&b, p->strata, p->n_strata);
    cs_buf_str(&b, ",\"factors\":[");
    for (uint32_t i = 0; i < p->n_factors; i++) {
        cs_buf_str(&b, i > 0 ? "," : "");
        put_factor(&b, &p->factors[i]);
    }
    cs_buf_str(&b, "],\"arms\":[");
    for (uint32_t i = 0; i < p->n_arms; i++) {
        cs_buf_str(&b, i > 0 ? "," : "");
        put_arm(&b, &p->arms[i], p->n_factors);
    }
    cs_buf_str(&b, "],\"groups\":[");
    for (uint32_t i = 0; i < p->n_groups; i++)
        cs_buf_printf(&b, "%s%u", i > 0 ? "," : "", p->group_cases[i]);
    cs_buf_str(&b, "]}");
    enum cs_err rc = CS_OK;
    if (b.overflow)
        rc = cs_error_set(err, CS_ETOOBIG,
                          "the parent \"%s\" has too many conditions to be judged at once; take fewer models or levels",
                          p->study);
    else
        p->json = cs_arena_strdup(arena, cs_buf_cstr(&b));
    cs_buf_release(&b);
    return rc;
}

/* ---- reading ------------------------------------------------------------------------------------------------ */

struct parsing {
    struct cs_arena *arena;
    bool good;
};

static const char *text_of(struct parsing *x, const struct cs_json *v)
{
    const char *s = cs_json_string_value(v);
    x->good &= s != NULL;
    return s != NULL ? cs_arena_strdup(x->arena, s) : "";
}

static uint64_t number_of(struct parsing *x, const struct cs_json *v, uint64_t max)
{
    x->good &= cs_json_is_integer(v) && cs_json_integer_value(v) >= 0 && (uint64_t)cs_json_integer_value(v) <= max;
    return x->good ? (uint64_t)cs_json_integer_value(v) : 0;
}

static uint32_t length_of(struct parsing *x, const struct cs_json *v, size_t max)
{
    x->good &= cs_json_is_array(v) && cs_json_array_size(v) <= max;
    return x->good ? (uint32_t)cs_json_array_size(v) : 0;
}

static const char *const *texts_of(struct parsing *x, const struct cs_json *v, uint32_t max, uint32_t *n)
{
    *n = length_of(x, v, max);
    const char **out = cs_arena_array(x->arena, *n + 1u, sizeof *out);
    for (uint32_t i = 0; i < *n; i++)
        out[i] = text_of(x, cs_json_array_get(v, i));
    return out;
}

static void factor_of(struct parsing *x, const struct cs_json *v, struct cs_parent_factor *f)
{
    const uint32_t n = length_of(x, v, CS_LEVELS_MAX + 1);
    x->good &= n > 0;
    if (!x->good)
        return;
    struct cs_parent_level *levels = cs_arena_array(x->arena, n, sizeof *levels);
    f->name = text_of(x, cs_json_array_get(v, 0));
    for (uint32_t i = 1; i < n; i++) {
        const struct cs_json *level = cs_json_array_get(v, i);
        levels[i - 1].id = text_of(x, cs_json_array_get(level, 0));
        levels[i - 1].role = (uint8_t)number_of(x, cs_json_array_get(level, 1), UINT8_MAX);
    }
    f->levels = levels;
    f->n_levels = n - 1;
}

static void leaks_of(struct parsing *x, const struct cs_json *v, size_t at, struct cs_leak_counts *l)
{
    for (int i = 0; i < CS_LEAKS; i++) {
        l->raw[i] = number_of(x, cs_json_array_get(v, at++), INT64_MAX);
        l->shown[i] = number_of(x, cs_json_array_get(v, at++), INT64_MAX);
    }
    l->raw_any = number_of(x, cs_json_array_get(v, at++), INT64_MAX);
    l->shown_any = number_of(x, cs_json_array_get(v, at), INT64_MAX);
}

static void arm_of(struct parsing *x, const struct cs_json *v, uint32_t n_factors, struct cs_parent_arm *a)
{
    uint32_t *levels = cs_arena_array(x->arena, n_factors + 1u, sizeof *levels);
    const struct cs_json *list = cs_json_array_get(v, 2);
    a->model = (uint32_t)number_of(x, cs_json_array_get(v, 0), UINT32_MAX);
    a->question = (uint32_t)number_of(x, cs_json_array_get(v, 1), UINT32_MAX);
    for (uint32_t i = 0; i < n_factors; i++)
        levels[i] = (uint32_t)number_of(x, cs_json_array_get(list, i), UINT32_MAX);
    a->levels = levels;
    a->planned = number_of(x, cs_json_array_get(v, 3), INT64_MAX);
    a->taken = number_of(x, cs_json_array_get(v, 4), INT64_MAX);
    a->unfit = number_of(x, cs_json_array_get(v, 5), INT64_MAX);
    for (size_t i = 0; i < CS_OUTCOMES; i++)
        a->by_outcome[i] = number_of(x, cs_json_array_get(v, 6 + i), INT64_MAX);
    a->leaks.answers = a->taken;
    if (cs_json_array_size(v) > 6 + CS_OUTCOMES)
        leaks_of(x, v, 6 + CS_OUTCOMES, &a->leaks);
}

static bool flag_of(struct parsing *x, const struct cs_json *root, const char *key)
{
    return number_of(x, cs_json_object_get(root, key), 1) == 1;
}

static void lists_of(struct parsing *x, const struct cs_json *root, struct cs_parent_study *p)
{
    const struct cs_json *factors = cs_json_object_get(root, "factors"), *arms = cs_json_object_get(root, "arms"),
                         *groups = cs_json_object_get(root, "groups");
    p->models = texts_of(x, cs_json_object_get(root, "models"), CS_MODELS_MAX, &p->n_models);
    uint32_t n_sent, n_accounts;
    p->sent = texts_of(x, cs_json_object_get(root, "sent"), CS_MODELS_MAX, &n_sent);
    p->accounts = texts_of(x, cs_json_object_get(root, "accounts"), CS_MODELS_MAX, &n_accounts);
    x->good &= n_sent == p->n_models && n_accounts == p->n_models;
    p->questions = texts_of(x, cs_json_object_get(root, "questions"), CS_QUESTIONS_MAX, &p->n_questions);
    p->strata = texts_of(x, cs_json_object_get(root, "strata"), CS_COLUMNS_MAX, &p->n_strata);
    p->n_factors = length_of(x, factors, CS_FACTORS_MAX);
    struct cs_parent_factor *f = cs_arena_array(x->arena, p->n_factors + 1u, sizeof *f);
    for (uint32_t i = 0; i < p->n_factors; i++)
        factor_of(x, cs_json_array_get(factors, i), &f[i]);
    p->factors = f;
    p->n_arms = length_of(x, arms, CS_PARENT_ARMS_MAX);
    struct cs_parent_arm *a = cs_arena_array(x->arena, p->n_arms + 1u, sizeof *a);
    for (uint32_t i = 0; i < p->n_arms; i++)
        arm_of(x, cs_json_array_get(arms, i), p->n_factors, &a[i]);
    p->arms = a;
    p->n_groups = length_of(x, groups, CS_PARENT_GROUPS_MAX);
    uint32_t *g = cs_arena_array(x->arena, p->n_groups + 1u, sizeof *g);
    for (uint32_t i = 0; i < p->n_groups; i++)
        g[i] = (uint32_t)number_of(x, cs_json_array_get(groups, i), CS_CASES_MAX);
    p->group_cases = g;
}

enum cs_err cs_parent_json_parse(const char *json, struct cs_arena *arena, const struct cs_parent_study **out,
                                 struct cs_error *err)
{
    struct cs_json *root = cs_json_loads(json, 0, NULL);
    struct parsing x = {arena, cs_json_is_object(root)};
    struct cs_parent_study *p = cs_arena_alloc(arena, sizeof *p);
    p->study = text_of(&x, cs_json_object_get(root, "study"));
    p->generation = (uint32_t)number_of(&x, cs_json_object_get(root, "generation"), UINT32_MAX);
    p->repeats = (uint32_t)number_of(&x, cs_json_object_get(root, "repeats"), UINT32_MAX);
    p->column = (uint32_t)number_of(&x, cs_json_object_get(root, "column"), UINT32_MAX);
    p->closed = flag_of(&x, root, "closed");
    p->planned = flag_of(&x, root, "planned");
    p->factors_in_prompt = flag_of(&x, root, "in_prompt");
    p->confidential = flag_of(&x, root, "confidential");
    char *take = cs_json_dumps(cs_json_object_get(root, "take"), CS_JSON_COMPACT);
    p->take = take != NULL ? cs_arena_strdup(arena, take) : "";
    free(take);
    lists_of(&x, root, p);
    p->json = cs_arena_strdup(arena, json);
    cs_json_decref(root);
    *out = p;
    return x.good && p->take[0] == '{' ? CS_OK
                                       : cs_error_set(err, CS_EINVAL, "what it says of its parent cannot be read");
}
