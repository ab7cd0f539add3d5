#include "protocol/study/applies.h"

#include <string.h>

static bool factor_requires(const struct cs_factor *f)
{
    for (uint32_t i = 0; i < f->n_levels; i++) {
        if (f->levels[i].n_requires > 0)
            return true;
    }
    return false;
}

bool cs_applies_is_used(const struct cs_study *s)
{
    for (uint32_t f = 0; f < s->n_factors; f++) {
        if (factor_requires(&s->factors[f]))
            return true;
    }
    return false;
}

static bool is_among(const char *value, const struct cs_require *r)
{
    for (uint32_t i = 0; i < r->n_values; i++) {
        if (strcmp(r->values[i], value) == 0)
            return true;
    }
    return false;
}

bool cs_applies_level(const struct cs_level *l, const struct cs_case *c)
{
    for (uint32_t i = 0; i < l->n_requires; i++) {
        if (!is_among(c->values[l->requires[i].column], &l->requires[i]))
            return false;
    }
    return true;
}

bool cs_applies_cell(const struct cs_study *s, const struct cs_coords *at, const struct cs_case *c)
{
    for (uint32_t f = 0; f < s->n_factors; f++) {
        if (!cs_applies_level(&s->factors[f].levels[at->arms[f].level], c))
            return false;
    }
    return true;
}

/* Trials of a case in a rectangle, and how many of them are asked. */
static uint64_t asked_of(const struct cs_study *s, const struct cs_rect *r, const struct cs_case *c, uint64_t *all)
{
    uint64_t asked = (uint64_t)r->n_questions * r->repeats;
    *all = asked;
    for (uint32_t f = 0; f < s->n_factors; f++) {
        uint32_t n = 0;
        for (uint32_t i = 0; i < r->n_arms[f]; i++)
            n += cs_applies_level(&s->factors[f].levels[r->arms[f][i].level], c);
        asked *= n;
        *all *= r->n_arms[f];
    }
    return asked;
}

enum cs_err cs_applies_count(struct cs_study *s, const struct cs_case_source *cases, struct cs_error *err)
{
    s->left_out = NULL;
    if (!cs_applies_is_used(s))
        return CS_OK;
    uint64_t *left_out = cs_arena_array(&s->arena, s->n_models, sizeof *left_out);
    memset(left_out, 0, s->n_models * sizeof *left_out);
    for (uint32_t i = 0; i < s->n_cases; i++) {
        struct cs_case c;
        enum cs_err rc = cases->get(cases->self, i, &c, err);
        if (rc != CS_OK)
            return rc;
        for (uint32_t k = 0; k < s->n_rects; k++) {
            const struct cs_rect *r = &s->rects[k];
            uint64_t all, asked = asked_of(s, r, &c, &all);
            for (uint32_t m = 0; m < r->n_models; m++)
                left_out[r->models[m]] += all - asked;
        }
    }
    s->left_out = left_out;
    return CS_OK;
}
