#include "tools/suite/asked.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/dialects/request.h"
#include "protocol/study/answer.h"
#include "protocol/study/applies.h"
#include "tools/base/reader.h"

enum { CELLS_LOOKED_AT = 2048 }; /* of a case: pairs of them are compared */

/* ---- parameters ---------------------------------------------------------------------------------------- */

static bool is_omitted(const struct cs_json *value)
{
    return cs_json_is_string(value) && strcmp(cs_json_string_value(value), "omit") == 0;
}

/* "name: omit" of the account: its server has no such parameter. */
static void drop_unknown(const struct cs_account *a, struct cs_json *o)
{
    for (uint32_t i = 0; i < a->n_parameter_names; i++) {
        const char *colon = strstr(a->parameter_names[i], ": ");
        if (colon == NULL || strcmp(colon + 2, "omit") != 0)
            continue;
        char *name = cs_xasprintf("%.*s", (int)(colon - a->parameter_names[i]), a->parameter_names[i]);
        cs_json_object_del(o, name);
        free(name);
    }
}

static struct cs_json *parameters_of(const struct cs_study *s, const struct cs_model *m)
{
    struct cs_json *all = m->parameters != NULL ? cs_json_loads(m->parameters, 0, NULL) : NULL, *v;
    struct cs_json *sent = cs_json_object();
    const char *key;
    cs_json_object_foreach(all, key, v)
    {
        if (!is_omitted(v))
            cs_json_object_set(sent, key, v);
    }
    drop_unknown(&s->accounts[m->account], sent);
    if (m->max_output_tokens > 0)
        cs_json_object_set_new(sent, "max_output_tokens", cs_json_integer(m->max_output_tokens));
    cs_json_decref(all);
    return sent;
}

/* ---- the same requests ------------------------------------------------------------------------------------- */

enum { UNSEEN, SAME, OTHER };
struct pairs { /* by factor: of each two levels, [low * n_levels + high] */
    uint8_t *of[CS_FACTORS_MAX];
};

/* The one factor in which two cells differ, or CS_NONE when it is none or several. */
static uint32_t only_difference(const struct cs_study *s, const struct cs_coords *a, const struct cs_coords *b)
{
    uint32_t found = CS_NONE, n = 0;
    for (uint32_t f = 0; f < s->n_factors; f++) {
        if (a->arms[f].level != b->arms[f].level) {
            found = f;
            n++;
        }
    }
    return n == 1 && a->question == b->question ? found : CS_NONE;
}

static void compare(const struct cs_study *s, const struct cs_cells *cells, const struct cs_coords *at, uint32_t i,
                    uint32_t j, struct pairs *pairs)
{
    const uint32_t f = only_difference(s, &at[i], &at[j]);
    if (f == CS_NONE)
        return;
    const uint32_t a = at[i].arms[f].level, b = at[j].arms[f].level;
    uint8_t *to = &pairs->of[f][(a < b ? a : b) * s->factors[f].n_levels + (a < b ? b : a)];
    const bool same = memcmp(cells->body_digest[i], cells->body_digest[j], sizeof cells->body_digest[i]) == 0;
    *to = same && *to != OTHER ? SAME : OTHER;
}

static void compare_case(const struct cs_plan *plan, const struct cs_cells *cells, const struct cs_case *c,
                         struct pairs *pairs)
{
    struct cs_coords *at = cs_xcalloc(cells->n + 1, sizeof *at);
    uint32_t *applies = cs_xcalloc(cells->n + 1, sizeof *applies), n = 0;
    for (uint32_t i = 0; i < cells->n; i++) {
        cs_plan_cell(plan, cells->lane, cells->case_index, i, &at[i]);
        if (cs_applies_cell(plan->study, &at[i], c))
            applies[n++] = i;
    }
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t j = i + 1; j < n; j++)
            compare(plan->study, cells, at, applies[i], applies[j], pairs);
    }
    free(applies);
    free(at);
}

static enum cs_err compare_cases(struct cs_requests *requests, const struct cs_generation_view *v, struct pairs *pairs,
                                 struct cs_error *err)
{
    const struct cs_study *s = v->spec.study;
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; i < s->n_cases && rc == CS_OK; i++) {
        struct cs_cells *cells = NULL;
        struct cs_case c;
        rc = cs_cells_make(requests, 0, i, &v->cases, false, &cells, err);
        if (rc == CS_OK)
            rc = v->cases.get(v->cases.self, i, &c, err);
        if (rc == CS_OK)
            compare_case(&v->plan, cells, &c, pairs);
        cs_cells_free(cells);
    }
    return rc;
}

static void list_same(const struct cs_study *s, const struct pairs *pairs, struct cs_json *out)
{
    for (uint32_t f = 0; f < s->n_factors; f++) {
        const struct cs_factor *factor = &s->factors[f];
        for (uint32_t p = 0; p < factor->n_levels * factor->n_levels; p++) {
            if (pairs->of[f][p] == SAME)
                cs_json_array_append_new(out, cs_json_pack("{s:s, s:s, s:s}", "factor", factor->name, "a",
                                                           factor->levels[p / factor->n_levels].id, "b",
                                                           factor->levels[p % factor->n_levels].id));
        }
    }
}

static enum cs_err find_same(const struct cs_generation_view *v, struct cs_json *out, struct cs_error *err)
{
    const struct cs_study *s = v->spec.study;
    struct cs_requests *requests = NULL;
    struct pairs pairs = {{NULL}};
    if (s->n_factors == 0 || v->plan.lanes[0].n_cells > CELLS_LOOKED_AT)
        return CS_OK;
    for (uint32_t f = 0; f < s->n_factors; f++)
        pairs.of[f] = cs_xcalloc(s->factors[f].n_levels * s->factors[f].n_levels + 1u, 1);
    enum cs_err rc = cs_requests_open(&requests, &v->plan, err);
    if (rc == CS_OK)
        rc = compare_cases(requests, v, &pairs, err);
    if (rc == CS_OK)
        list_same(s, &pairs, out);
    cs_requests_close(requests);
    for (uint32_t f = 0; f < s->n_factors; f++)
        free(pairs.of[f]);
    return rc;
}

/* ---- both ---------------------------------------------------------------------------------------------------- */

enum cs_err cs_asked_read(const char *study, struct cs_json **out, struct cs_error *err)
{
    struct cs_reader r = {0};
    struct cs_json *models = cs_json_array(), *same = cs_json_array();
    enum cs_err rc = cs_reader_open(&r, study, NULL, NULL, NULL, err);
    const struct cs_study *s = rc == CS_OK ? r.view.spec.study : NULL;
    for (uint32_t i = 0; s != NULL && i < s->n_models; i++)
        cs_json_array_append_new(
            models,
            cs_json_pack("{s:s, s:o, s:s}", "name", s->models[i].name, "parameters", parameters_of(s, &s->models[i]),
                         "reading", cs_answer_lenient(s, 0, i) ? "lenient" : "strict")); /* of its first question */
    if (rc == CS_OK)
        rc = find_same(&r.view, same, err);
    cs_reader_close(&r);
    *out = cs_json_pack("{s:o, s:o}", "models", models, "same", same);
    return rc;
}

static bool is(const struct cs_json *o, const char *key, const char *value)
{
    const char *s = cs_json_string_value(cs_json_object_get(o, key));
    return s != NULL && strcmp(s, value) == 0;
}

static struct cs_json *of_model(const struct cs_json *asked, const char *model, const char *key)
{
    struct cs_json *m;
    size_t i;
    cs_json_array_foreach(cs_json_object_get(asked, "models"), i, m)
    {
        if (is(m, "name", model))
            return cs_json_object_get(m, key);
    }
    return NULL;
}

struct cs_json *cs_asked_parameters(const struct cs_json *asked, const char *model)
{
    return of_model(asked, model, "parameters");
}

const char *cs_asked_reading(const struct cs_json *asked, const char *model)
{
    const char *reading = cs_json_string_value(of_model(asked, model, "reading"));
    return reading != NULL ? reading : "";
}

bool cs_asked_same(const struct cs_json *asked, const char *factor, const char *a, const char *b)
{
    struct cs_json *p;
    size_t i;
    cs_json_array_foreach(cs_json_object_get(asked, "same"), i, p)
    {
        if (is(p, "factor", factor) && ((is(p, "a", a) && is(p, "b", b)) || (is(p, "a", b) && is(p, "b", a))))
            return true;
    }
    return false;
}
