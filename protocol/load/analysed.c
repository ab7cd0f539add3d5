#include "protocol/load/analysed.h"

#include <string.h>

static const struct cs_level *levels_of(struct cs_arena *arena, const struct cs_parent_factor *f)
{
    struct cs_level *levels = cs_arena_array(arena, f->n_levels, sizeof *levels);
    for (uint32_t i = 0; i < f->n_levels; i++)
        levels[i] = (struct cs_level){.id = f->levels[i].id, .role = (enum cs_role)f->levels[i].role};
    return levels;
}

static enum cs_err add(const struct cs_loader *l, struct cs_study *s, struct cs_factor *list, struct cs_factor f)
{
    for (uint32_t i = 0; i < s->n_factors; i++) {
        if (strcmp(list[i].name, f.name) == 0)
            return cs_yaml_fail(cs_node_get(l->root, "cases"), l->err,
                                "\"%s\" is a factor of \"%s\" and of this study; call this one otherwise", f.name,
                                l->s->parent->study);
    }
    list[s->n_factors++] = f;
    return CS_OK;
}

enum cs_err cs_load_analysed(const struct cs_loader *l, struct cs_study *out)
{
    const struct cs_parent_study *p = l->s->parent;
    enum cs_err rc = CS_OK;
    *out = *l->s;
    if (p == NULL)
        return CS_OK;
    struct cs_factor *factors = cs_arena_array(l->arena, p->n_factors + l->s->n_factors + 1u, sizeof *factors);
    uint32_t *strata = cs_arena_array(l->arena, p->n_strata + 1u, sizeof *strata);
    out->n_factors = out->n_strata = 0;
    for (uint32_t i = 0; i < p->n_factors && rc == CS_OK; i++)
        rc = add(l, out, factors,
                 (struct cs_factor){.name = p->factors[i].name,
                                    .levels = levels_of(l->arena, &p->factors[i]),
                                    .n_levels = p->factors[i].n_levels});
    if (rc == CS_OK && p->n_questions > 1) {
        struct cs_level *levels = cs_arena_array(l->arena, p->n_questions, sizeof *levels);
        for (uint32_t i = 0; i < p->n_questions; i++)
            levels[i].id = p->questions[i];
        rc = add(l, out, factors, (struct cs_factor){.name = "question", .levels = levels, .n_levels = p->n_questions});
    }
    for (uint32_t i = 0; i < l->s->n_factors && rc == CS_OK; i++) {
        if (l->s->factors[i].n_levels > 1)
            rc = add(l, out, factors, l->s->factors[i]);
    }
    if (rc == CS_OK && out->n_factors > CS_FACTORS_MAX)
        rc = cs_yaml_fail(cs_node_get(l->root, "cases"), l->err,
                          "this study and \"%s\" have %u factors together; at most %d", p->study, out->n_factors,
                          CS_FACTORS_MAX);
    for (uint32_t i = 0; i < p->n_strata; i++) {
        const uint32_t column = cs_names_get(&l->column_names, p->strata[i]);
        if (column != CS_NONE)
            strata[out->n_strata++] = column;
    }
    out->factors = factors;
    out->strata = strata;
    out->n_models = p->n_models;
    return rc;
}
