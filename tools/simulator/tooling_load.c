/* `tools:` of a model in the truth file. */
#include <string.h>

#include "tools/simulator/tooling.h"
#include "tools/simulator/truth_load.h"

static const double calls_max = 30;

/* The level's number, the control's too. */
static enum cs_err find_level(const struct cs_truth_loader *l, const struct cs_node *n, uint32_t *out)
{
    for (uint32_t i = 0; i < l->truth->n_levels; i++) {
        if (strcmp(l->truth->levels[i], n->key) == 0) {
            *out = i;
            return CS_OK;
        }
    }
    return cs_yaml_fail_key(n, l->err, "there is no level \"%s\"", n->key);
}

/* `calls: 2.5` or {control: 2.5, LEVEL: 1.5}; levels left out are as the control. */
static enum cs_err load_calls(struct cs_truth_loader *l, const struct cs_node *n, struct cs_planted_tools *out)
{
    const uint32_t n_levels = l->truth->n_levels;
    double *calls = cs_arena_array(l->arena, n_levels, sizeof *calls);
    double all = 0;
    enum cs_err rc = CS_OK;
    out->calls = calls;
    const struct cs_node *base = n->kind == CS_NODE_MAP ? cs_node_get(n, l->truth->levels[0]) : n;
    if (base == NULL)
        return cs_yaml_fail(n, l->err, "calls: want a number for %s, and for levels that differ from it",
                            l->truth->levels[0]);
    rc = cs_node_number(base, "calls", 0, calls_max, &all, l->err);
    for (uint32_t i = 0; i < n_levels; i++)
        calls[i] = all;
    for (const struct cs_node *c = n->kind == CS_NODE_MAP ? n->first : NULL; c != NULL && rc == CS_OK; c = c->next) {
        uint32_t level = 0;
        rc = find_level(l, c, &level);
        if (rc == CS_OK)
            rc = cs_node_number(c, "calls", 0, calls_max, &calls[level], l->err);
        for (uint32_t i = level + 1; rc == CS_OK && i < n_levels; i++) {
            if (strcmp(l->truth->levels[i], l->truth->levels[level]) == 0)
                calls[i] = calls[level];
        }
    }
    return rc;
}

static enum cs_err load_chances(struct cs_truth_loader *l, const struct cs_node *n, struct cs_planted_tools *out,
                                const char **names, double *first)
{
    enum cs_err rc = cs_node_any_map(n, "first", l->err);
    for (const struct cs_node *c = rc == CS_OK ? n->first : NULL; c != NULL && rc == CS_OK; c = c->next) {
        uint32_t i = 0;
        while (i < out->n_names && strcmp(names[i], c->key) != 0)
            i++;
        if (i == CS_SIM_TOOLS_MAX)
            return cs_yaml_fail_key(c, l->err, "more than %d tools", CS_SIM_TOOLS_MAX);
        if (i == out->n_names)
            names[out->n_names++] = c->key;
        rc = cs_node_number(c, "first", 0, 1, &first[i], l->err);
    }
    return rc;
}

/* `first: {TOOL: chance}`, or {control: {TOOL: chance}, LEVEL: {...}}. */
static enum cs_err load_first(struct cs_truth_loader *l, const struct cs_node *n, struct cs_planted_tools *out)
{
    const uint32_t n_levels = l->truth->n_levels;
    const char **names = cs_arena_array(l->arena, CS_SIM_TOOLS_MAX + 1, sizeof *names);
    double(*wide)[CS_SIM_TOOLS_MAX + 1] = cs_arena_array(l->arena, n_levels, sizeof *wide);
    const bool by_level = n != NULL && n->kind == CS_NODE_MAP && n->first != NULL && n->first->kind == CS_NODE_MAP;
    enum cs_err rc = CS_OK;
    out->names = names;
    const struct cs_node *base = by_level ? cs_node_get(n, l->truth->levels[0]) : n;
    if (n != NULL && base == NULL)
        return cs_yaml_fail(n, l->err, "first: want chances for %s, and for levels that differ from it",
                            l->truth->levels[0]);
    if (base != NULL)
        rc = load_chances(l, base, out, names, wide[0]);
    for (uint32_t i = 1; i < n_levels; i++)
        memcpy(wide[i], wide[0], sizeof wide[0]);
    for (const struct cs_node *c = by_level ? n->first : NULL; c != NULL && rc == CS_OK; c = c->next) {
        uint32_t level = 0;
        rc = find_level(l, c, &level);
        memset(wide[level], 0, sizeof wide[level]);
        if (rc == CS_OK)
            rc = load_chances(l, c, out, names, wide[level]);
        for (uint32_t i = level + 1; rc == CS_OK && i < n_levels; i++) {
            if (strcmp(l->truth->levels[i], l->truth->levels[level]) == 0)
                memcpy(wide[i], wide[level], sizeof wide[0]);
        }
    }
    double *first = cs_arena_array(l->arena, (size_t)n_levels * (out->n_names + 1), sizeof *first);
    out->first = first;
    for (uint32_t i = 0; i < n_levels; i++)
        memcpy(first + (size_t)i * out->n_names, wide[i], out->n_names * sizeof *first);
    return rc;
}

static enum cs_err load_follow(struct cs_truth_loader *l, const struct cs_node *n, struct cs_planted_tools *out)
{
    enum cs_err rc = n != NULL ? cs_node_any_map(n, "follow", l->err) : CS_OK;
    if (rc != CS_OK || n == NULL)
        return rc;
    struct cs_planted_follow *follows = cs_arena_array(l->arena, n->n + 1, sizeof *follows);
    out->follows = follows;
    for (const struct cs_node *c = n->first; c != NULL && rc == CS_OK; c = c->next) {
        follows[out->n_follows].field = c->key;
        rc = cs_node_number(c, "follow", 0, 1, &follows[out->n_follows++].chance, l->err);
    }
    return rc;
}

enum cs_err cs_tooling_load(struct cs_truth_loader *l, const struct cs_node *n, const struct cs_planted_tools **out)
{
    static const char *const keys[] = {"calls",   "first",  "follow",  "parallel", "malformed",
                                       "unknown", "repeat", "reasons", NULL};
    struct cs_planted_tools *p = cs_arena_alloc(l->arena, sizeof *p);
    const struct cs_node *calls, *v;
    const struct {
        const char *key;
        double *to;
    } chances[] = {
        {"parallel", &p->parallel}, {"malformed", &p->malformed}, {"unknown", &p->unknown}, {"repeat", &p->repeat}};
    enum cs_err rc = cs_node_map(n, "tools", keys, l->err);
    *out = p;
    if (rc == CS_OK)
        rc = cs_node_need(n, "tools", "calls", &calls, l->err);
    if (rc == CS_OK)
        rc = load_calls(l, calls, p);
    if (rc == CS_OK)
        rc = load_first(l, cs_node_get(n, "first"), p);
    if (rc == CS_OK)
        rc = load_follow(l, cs_node_get(n, "follow"), p);
    for (size_t i = 0; i < sizeof chances / sizeof *chances && rc == CS_OK; i++) {
        if ((v = cs_node_get(n, chances[i].key)) != NULL)
            rc = cs_node_number(v, chances[i].key, 0, 1, chances[i].to, l->err);
    }
    if (rc == CS_OK && (v = cs_node_get(n, "reasons")) != NULL)
        rc = cs_node_bool(v, "reasons", &p->reasons, l->err);
    return rc;
}
