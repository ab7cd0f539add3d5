#include "protocol/load/limits.h"

#include <string.h>

#include "protocol/table/names.h"

enum cs_err cs_load_limits(const struct cs_node *n, struct cs_limits *out, struct cs_error *err)
{
    static const char *const keys[] = {"requests_per_minute",
                                       "tokens_per_minute",
                                       "input_tokens_per_minute",
                                       "output_tokens_per_minute",
                                       "requests_per_day",
                                       "tokens_per_day",
                                       "concurrent",
                                       NULL};
    uint64_t *const fields[] = {&out->requests_per_minute,      &out->tokens_per_minute, &out->input_tokens_per_minute,
                                &out->output_tokens_per_minute, &out->requests_per_day,  &out->tokens_per_day};
    if (n == NULL)
        return CS_OK;
    enum cs_err rc = cs_node_map(n, "limits", keys, err);
    for (size_t i = 0; i < 6 && rc == CS_OK; i++) {
        const struct cs_node *v = cs_node_get(n, keys[i]);
        if (v != NULL)
            rc = cs_node_u64(v, keys[i], 1, 1000000000000000ull, fields[i], err);
    }
    const struct cs_node *v = cs_node_get(n, "concurrent");
    uint64_t concurrent = out->concurrent;
    if (rc == CS_OK && v != NULL)
        rc = cs_node_u64(v, "concurrent", 1, 1000000, &concurrent, err);
    out->concurrent = (uint32_t)concurrent;
    return rc;
}

/* USD per million tokens -> nano-USD per token. */
static bool empty(const struct cs_limits *l)
{
    return l->requests_per_minute == 0 && l->tokens_per_minute == 0 && l->input_tokens_per_minute == 0 &&
           l->output_tokens_per_minute == 0 && l->requests_per_day == 0 && l->tokens_per_day == 0 && l->concurrent == 0;
}

enum cs_err cs_load_limits_pools(const struct cs_node *n, struct cs_arena *arena, struct cs_account *a,
                                 struct cs_error *err)
{
    if (n == NULL)
        return CS_OK;
    enum cs_err rc = cs_node_any_map(n, "pools", err);
    if (rc == CS_OK && n->n > CS_ACCOUNT_POOLS_MAX)
        rc = cs_yaml_fail(n, err, "%u pools; at most %d", n->n, CS_ACCOUNT_POOLS_MAX);
    if (rc != CS_OK)
        return rc;
    struct cs_shared_limits *pools = cs_arena_array(arena, n->n, sizeof *pools);
    a->pools = pools;
    for (const struct cs_node *v = n->first; v != NULL && rc == CS_OK; v = v->next) {
        struct cs_shared_limits *p = &pools[a->n_pools++];
        p->name = v->key;
        rc = cs_load_limits(v, &p->limits, err);
        if (rc == CS_OK && empty(&p->limits))
            rc = cs_yaml_fail(v, err, "pool \"%s\" limits nothing; write for example {requests_per_minute: 4000}",
                              v->key);
    }
    return rc;
}

static enum cs_err find_pool(const struct cs_node *n, const struct cs_account *a, uint32_t *out, struct cs_error *err)
{
    const char *text, *names[CS_ACCOUNT_POOLS_MAX];
    enum cs_err rc = cs_node_text(n, "the name of a pool", &text, err);
    if (rc != CS_OK)
        return rc;
    for (uint32_t i = 0; i < a->n_pools; i++) {
        names[i] = a->pools[i].name;
        if (strcmp(names[i], text) == 0) {
            *out = i;
            return CS_OK;
        }
    }
    return cs_yaml_fail(n, err, "account \"%s\" has no pool \"%s\"%s", a->name, text,
                        cs_names_hint(text, names, a->n_pools).text);
}

enum cs_err cs_load_limits_pool_names(const struct cs_node *n, const struct cs_account *a,
                                      uint32_t pools[CS_MODEL_POOLS_MAX], uint32_t *n_pools, struct cs_error *err)
{
    *n_pools = 0;
    if (n == NULL)
        return CS_OK;
    enum cs_err rc = cs_node_list(n, "pools", err);
    if (rc == CS_OK && n->n > CS_MODEL_POOLS_MAX)
        rc = cs_yaml_fail(n, err, "%u pools of one model; at most %d", n->n, CS_MODEL_POOLS_MAX);
    for (const struct cs_node *v = n->first; rc == CS_OK && v != NULL; v = v->next) {
        rc = find_pool(v, a, &pools[*n_pools], err);
        for (uint32_t i = 0; rc == CS_OK && i < *n_pools; i++) {
            if (pools[i] == pools[*n_pools])
                rc = cs_yaml_fail(v, err, "pool \"%s\" stands twice; keep one", a->pools[pools[i]].name);
        }
        ++*n_pools;
    }
    return rc;
}
