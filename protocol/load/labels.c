/* labels.c - `labels: {LEVEL: people, in the plural}` of a factor: a column "label" for levels whose table has none. */
#include <string.h>

#include "protocol/load/levels.h"

static const char *label_of(const struct cs_node *map, const char *level)
{
    const struct cs_node *n = cs_node_get(map, level);
    return n != NULL ? n->text : "";
}

static enum cs_err check(const struct cs_factor_draft *d, const struct cs_node *map)
{
    const struct cs_factor *f = d->f;
    enum cs_err rc = cs_node_any_map(map, "labels", d->l->err);
    for (uint32_t i = 0; i < f->n_columns && rc == CS_OK; i++) {
        if (strcmp(f->columns[i], "label") == 0)
            rc = cs_yaml_fail_key(map, d->l->err, "the levels have a column label already; keep one of them");
    }
    for (const struct cs_node *n = map->first; n != NULL && rc == CS_OK; n = n->next) {
        const char *text;
        uint32_t level;
        rc = cs_loader_level_ref(d->l, n, n->key, f, &level);
        if (rc == CS_OK)
            rc = cs_node_text(n, "a label", &text, d->l->err);
    }
    return rc;
}

enum cs_err cs_load_labels(struct cs_factor_draft *d)
{
    const struct cs_node *map = cs_node_get(d->node, "labels");
    struct cs_factor *f = d->f;
    enum cs_err rc = map != NULL ? check(d, map) : CS_OK;
    if (rc != CS_OK || map == NULL)
        return rc;
    const char **columns = cs_arena_array(d->l->arena, f->n_columns + 1, sizeof *columns);
    for (uint32_t i = 0; i < f->n_columns; i++)
        columns[i] = f->columns[i];
    columns[f->n_columns] = "label";
    for (uint32_t i = 0; i < f->n_levels; i++) {
        struct cs_wording *own = cs_arena_array(d->l->arena, f->levels[i].n_wordings, sizeof *own);
        for (uint32_t w = 0; w < f->levels[i].n_wordings; w++) {
            const char **values = cs_arena_array(d->l->arena, f->n_columns + 1, sizeof *values);
            for (uint32_t c = 0; c < f->n_columns; c++)
                values[c] = f->levels[i].wordings[w].values[c];
            values[f->n_columns] = label_of(map, f->levels[i].id);
            own[w] = f->levels[i].wordings[w];
            own[w].values = values;
        }
        d->levels[i].wordings = own;
    }
    f->columns = columns;
    f->n_columns++;
    return CS_OK;
}
