/* texts.c - `texts:` of a factor: a text for every (case, level), kept as case columns "factor/level".
 *
 * by: [CASE COLUMNS..., LEVEL COLUMN]: rows belong to all cases that agree with them in those columns.
 */
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/load/levels.h"

enum { KEYS_MAX = 8 };

struct texts {
    struct cs_factor_draft *d;
    const struct cs_node *node;
    struct cs_table table;
    uint32_t level, text;                                    /* columns of the table */
    uint32_t n_keys, key_here[KEYS_MAX], key_case[KEYS_MAX]; /* columns of the table and of the cases */
    struct cs_names groups;                                  /* cases with equal keys are one group */
    uint32_t *group_of;                                      /* per case */
    uint32_t n_groups;
    const char **of; /* [level * n_groups + group], NULL: no row */
};

static enum cs_err column(const struct texts *t, const struct cs_node *n, const char *what, const char *name,
                          uint32_t *out)
{
    *out = cs_table_read_column(&t->table, name);
    if (*out == CS_NONE)
        return cs_yaml_fail(n, t->d->l->err, "%s is \"%s\", but %s has no such column%s", what, name, t->table.path,
                            cs_names_hint(name, t->table.columns, t->table.n_columns).text);
    return CS_OK;
}

static enum cs_err load_keys(struct texts *t)
{
    static const char *const keys[] = {"file", "by", "text", NULL};
    struct cs_loader *l = t->d->l;
    const struct cs_node *n;
    const char *const *by;
    const char *text;
    uint32_t n_by = 0;
    enum cs_err rc = cs_node_map(t->node, "texts", keys, l->err);
    if (rc == CS_OK)
        rc = cs_node_need(t->node, "texts", "file", &n, l->err);
    if (rc == CS_OK)
        rc = cs_loader_table(l, n, &t->table);
    if (rc == CS_OK)
        rc = cs_node_need(t->node, "texts", "text", &n, l->err);
    if (rc == CS_OK)
        rc = cs_node_text(n, "text", &text, l->err);
    if (rc == CS_OK)
        rc = column(t, n, "text", text, &t->text);
    if (rc == CS_OK)
        rc = cs_node_need(t->node, "texts", "by", &n, l->err);
    if (rc == CS_OK)
        rc = cs_loader_words(l, n, "by", &by, &n_by);
    if (rc != CS_OK)
        return rc;
    if (n_by < 2 || n_by > KEYS_MAX)
        return cs_yaml_fail(n, l->err,
                            "by names %u columns; name those of the case and then that of the level, as in "
                            "by: [case_id, framing]",
                            n_by);
    t->n_keys = n_by - 1;
    const struct cs_node *c = n->first;
    for (uint32_t i = 0; i < n_by && rc == CS_OK; i++, c = c->next) {
        rc = column(t, c, "by", by[i], i < t->n_keys ? &t->key_here[i] : &t->level);
        if (rc == CS_OK && i < t->n_keys)
            rc = cs_loader_column(l, c, "by", &t->key_case[i]);
    }
    return rc;
}

/* Numbers the groups of cases. Keys are joined with a byte that no id can hold. */
static void number_groups(struct texts *t)
{
    struct cs_loader *l = t->d->l;
    t->group_of = cs_xcalloc(l->s->n_cases, sizeof *t->group_of);
    for (uint32_t i = 0; i < l->s->n_cases; i++) {
        const char *key = cs_loader_value(l, i, t->key_case[0]);
        for (uint32_t k = 1; k < t->n_keys; k++)
            key = cs_arena_printf(l->arena, "%s\x1f%s", key, cs_loader_value(l, i, t->key_case[k]));
        uint32_t there = cs_names_put(&t->groups, key, t->n_groups);
        t->group_of[i] = there != UINT32_MAX ? there : t->n_groups++;
    }
}

static enum cs_err group_of_row(const struct texts *t, uint32_t row, uint32_t *out)
{
    const char *const *values = t->table.rows[row].values;
    const char *key = values[t->key_here[0]];
    for (uint32_t k = 1; k < t->n_keys; k++)
        key = cs_arena_printf(t->d->l->arena, "%s\x1f%s", key, values[t->key_here[k]]);
    *out = cs_names_get(&t->groups, key);
    if (*out == CS_NONE)
        return cs_table_fail(&t->table, row, t->d->l->err, "no case has %s \"%s\"; remove the row or add the case",
                             t->table.columns[t->key_here[0]], values[t->key_here[0]]);
    return CS_OK;
}

/* Levels in order of appearance, when the factor has no other list of them. */
static enum cs_err levels_from_texts(struct texts *t)
{
    struct cs_factor_draft *d = t->d;
    struct cs_names seen = {0};
    enum cs_err rc = CS_OK;
    for (uint32_t pass = 0; pass < 2 && rc == CS_OK; pass++) {
        uint32_t n = seen.n;
        cs_names_release(&seen);
        if (pass == 1)
            cs_load_level_room(d, n);
        for (uint32_t i = 0; i < t->table.n_rows && rc == CS_OK; i++) {
            const char *id = t->table.rows[i].values[t->level];
            if (id[0] == '\0' || strlen(id) > 128)
                rc = cs_table_fail(&t->table, i, d->l->err, "%s is empty or longer than 128 bytes; name the level",
                                   t->table.columns[t->level]);
            else if (cs_names_put(&seen, id, 0) == UINT32_MAX && seen.n >= CS_LEVELS_MAX)
                rc = cs_table_fail(&t->table, i, d->l->err, "more than %d levels", CS_LEVELS_MAX - 1);
            else if (pass == 1 && cs_loader_level(d->f, id) == CS_NONE)
                d->levels[d->f->n_levels++] = cs_level_room_plain(d, id);
        }
    }
    cs_names_release(&seen);
    return rc;
}

static enum cs_err place_rows(struct texts *t)
{
    const struct cs_factor *f = t->d->f;
    struct cs_names ids = {0};
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; i < f->n_levels; i++)
        cs_names_put(&ids, f->levels[i].id, i);
    t->of = cs_xcalloc((size_t)f->n_levels * t->n_groups, sizeof *t->of);
    for (uint32_t i = 0; i < t->table.n_rows && rc == CS_OK; i++) {
        const char *id = t->table.rows[i].values[t->level];
        uint32_t level = cs_names_get(&ids, id), group = 0;
        if (level == CS_NONE)
            rc = cs_table_fail(&t->table, i, t->d->l->err,
                               "factor \"%s\" has no level \"%s\"; add it to levels or remove the row", f->name, id);
        else
            rc = group_of_row(t, i, &group);
        if (rc != CS_OK)
            break;
        const char **slot = &t->of[(size_t)level * t->n_groups + group];
        if (*slot != NULL)
            rc = cs_table_fail(&t->table, i, t->d->l->err, "a second text for level \"%s\" of the same case; keep one",
                               id);
        *slot = t->table.rows[i].values[t->text];
    }
    cs_names_release(&ids);
    return rc;
}

static bool has_rows(const struct texts *t, uint32_t level)
{
    for (uint32_t g = 0; g < t->n_groups; g++) {
        if (t->of[(size_t)level * t->n_groups + g] != NULL)
            return true;
    }
    return false;
}

/* One case column for a level. A control without any text in the file stays as it is. */
static enum cs_err add_column(const struct texts *t, uint32_t i)
{
    struct cs_loader *l = t->d->l;
    struct cs_level *level = &t->d->levels[i];
    if (!has_rows(t, i) && (level->role == CS_ROLE_CONTROL || level->role == CS_ROLE_AA))
        return CS_OK;
    const char *name = cs_arena_printf(l->arena, "%s/%s", t->d->f->name, level->id);
    if (cs_names_get(&l->column_names, name) != UINT32_MAX)
        return cs_yaml_fail(t->node, l->err, "the cases have a column called \"%s\" already; rename it", name);
    uint32_t added = cs_loader_add_column(l, name);
    if (added == CS_NONE)
        return cs_yaml_fail(t->node, l->err, "texts for %u levels make more than %d case columns", t->d->f->n_levels,
                            CS_COLUMNS_MAX);
    for (uint32_t c = 0; c < l->s->n_cases; c++) {
        const char *text = t->of[(size_t)i * t->n_groups + t->group_of[c]];
        if (text == NULL && !cs_load_requires_hold(l, level, c))
            continue;
        if (text == NULL)
            return cs_yaml_fail(t->node, l->err, "case \"%s\" has no text for level \"%s\"; add that row to %s",
                                l->all[c].id, level->id, t->table.path);
        l->added[added][c] = text;
    }
    level->text_column = added;
    return CS_OK;
}

enum cs_err cs_load_texts(struct cs_factor_draft *d)
{
    struct texts t = {.d = d, .node = d->texts};
    enum cs_err rc = load_keys(&t);
    if (rc != CS_OK)
        goto out;
    number_groups(&t);
    if (d->f->n_levels == 0)
        rc = levels_from_texts(&t);
    if (rc == CS_OK)
        rc = cs_load_requires(d);
    if (rc == CS_OK)
        rc = place_rows(&t);
    for (uint32_t i = 0; i < d->f->n_levels && rc == CS_OK; i++)
        rc = add_column(&t, i);

out:
    cs_names_release(&t.groups);
    cs_table_release(&t.table);
    free(t.group_of);
    free(t.of);
    return rc;
}
