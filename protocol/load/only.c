/* only.c - `cases: {only: [ID, ...]}`: some of the cases, as a follow-up of a study asks about them. */
#include "protocol/load/loader.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"

static enum cs_err fail_unknown(const struct cs_loader *l, const struct cs_node *at, const char *id)
{
    const char **ids = cs_xcalloc(l->s->n_cases + 1, sizeof *ids);
    for (uint32_t i = 0; i < l->s->n_cases; i++)
        ids[i] = l->all[i].id;
    enum cs_err rc = cs_yaml_fail(at, l->err, "only names \"%s\", but there is no such case%s", id,
                                  cs_names_hint(id, ids, l->s->n_cases).text);
    free(ids);
    return rc;
}

enum cs_err cs_load_only(struct cs_loader *l)
{
    const struct cs_node *only = cs_node_get(cs_node_get(l->root, "cases"), "only"), *at;
    const char *const *ids;
    uint32_t n, kept = 0;
    if (only == NULL)
        return CS_OK;
    enum cs_err rc = cs_loader_words(l, only, "only", &ids, &n);
    if (rc != CS_OK)
        return rc;
    struct cs_names wanted = {0};
    bool *found = cs_xcalloc(n, sizeof *found);
    for (uint32_t i = 0; i < n; i++)
        cs_names_put(&wanted, ids[i], i);
    for (uint32_t i = 0; i < l->s->n_cases; i++) {
        const uint32_t k = cs_names_get(&wanted, l->all[i].id);
        if (k == CS_NONE)
            continue;
        found[k] = true;
        l->all[kept] = l->all[i];
        l->all[kept].index = kept;
        kept++;
    }
    at = only->kind == CS_NODE_LIST ? only->first : only;
    for (uint32_t i = 0; i < n && rc == CS_OK; i++, at = at->next)
        rc = found[i] ? CS_OK : fail_unknown(l, at, ids[i]);
    if (rc == CS_OK)
        l->s->n_cases = kept;
    cs_names_release(&wanted);
    free(found);
    return rc;
}
