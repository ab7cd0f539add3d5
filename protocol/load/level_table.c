/* level_table.c - the levels of a factor and their wordings from a table: one row a wording. */
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/load/levels.h"

struct rows { /* how the rows of a level table are read */
    struct cs_factor_draft *d;
    uint32_t id_columns[16], n_id;
    uint32_t role, wording, match; /* columns, or CS_NONE */
    uint32_t *level_of;            /* per row */
    struct cs_names ids;
};

/* A column of the level table that a key names. */
static enum cs_err table_column(const struct cs_factor_draft *d, const struct cs_node *n, const char *what,
                                const char *name, uint32_t *out)
{
    *out = cs_table_read_column(&d->table, name);
    if (*out == CS_NONE)
        return cs_yaml_fail(n, d->l->err, "%s is \"%s\", but %s has no such column%s", what, name, d->table.path,
                            cs_names_hint(name, d->table.columns, d->table.n_columns).text);
    return CS_OK;
}

static enum cs_err find_id_columns(struct rows *r)
{
    struct cs_factor_draft *d = r->d;
    const struct cs_node *n = cs_node_get(d->node, "level");
    static const char *const id[] = {"id"};
    const char *const *words = id;
    uint32_t n_words = 1;
    enum cs_err rc = n != NULL ? cs_loader_words(d->l, n, "level", &words, &n_words) : CS_OK;
    if (rc == CS_OK && n_words > 16)
        rc = cs_yaml_fail(n, d->l->err, "level names %u columns; at most 16 make an id", n_words);
    if (n == NULL && cs_table_read_column(&d->table, "id") == CS_NONE)
        return cs_yaml_fail(cs_node_get(d->node, "file"), d->l->err,
                            "%s has no column id; say which columns name a level, as in level: [%s]", d->table.path,
                            d->table.columns[0]);
    for (uint32_t i = 0; i < n_words && rc == CS_OK; i++)
        rc = table_column(d, n, "level", words[i], &r->id_columns[i]);
    r->n_id = n_words;
    return rc;
}

/* `match: {COLUMN: case.COLUMN}` */
static enum cs_err find_match(struct rows *r, const struct cs_node *n)
{
    struct cs_factor_draft *d = r->d;
    enum cs_err rc = cs_node_any_map(n, "match", d->l->err);
    if (rc != CS_OK)
        return rc;
    if (n->n != 1)
        return cs_yaml_fail(n, d->l->err,
                            "match names %u columns; it takes one, as in match: {rephrase_id: case.rephrase_id}", n->n);
    rc = table_column(d, n->first, "match", n->first->key, &r->match);
    if (rc == CS_OK)
        rc = cs_loader_column(d->l, n->first, "match", &d->f->match_column);
    d->f->joined = rc == CS_OK;
    return rc;
}

static enum cs_err find_columns(struct rows *r)
{
    struct cs_factor_draft *d = r->d;
    const struct cs_node *n;
    enum cs_err rc = find_id_columns(r);
    r->role = cs_table_read_column(&d->table, "role");
    if (rc == CS_OK && (n = cs_node_get(d->node, "wording")) != NULL) {
        const char *name;
        rc = cs_node_text(n, "wording", &name, d->l->err);
        if (rc == CS_OK)
            rc = table_column(d, n, "wording", name, &r->wording);
    }
    if (rc == CS_OK && (n = cs_node_get(d->node, "match")) != NULL)
        rc = find_match(r, n);
    if (r->wording == CS_NONE)
        r->wording = r->match;
    return rc;
}

static enum cs_err row_id(const struct rows *r, uint32_t row, const char **out)
{
    const struct cs_factor_draft *d = r->d;
    const char *id = NULL;
    for (uint32_t i = 0; i < r->n_id; i++) {
        const char *part = d->table.rows[row].values[r->id_columns[i]];
        if (part[0] == '\0' || strlen(part) > 128 || strpbrk(part, "\r\n\t") != NULL)
            return cs_table_fail(
                &d->table, row, d->l->err,
                "%s of a level is empty, longer than 128 bytes or has line breaks; give it a short name",
                d->table.columns[r->id_columns[i]]);
        id = id == NULL ? part : cs_arena_printf(d->l->arena, "%s/%s", id, part);
    }
    *out = id;
    return CS_OK;
}

/* Numbers the levels in order of appearance. */
static enum cs_err number_levels(struct rows *r)
{
    struct cs_factor_draft *d = r->d;
    for (uint32_t i = 0; i < d->table.n_rows; i++) {
        const char *id = NULL;
        enum cs_err rc = row_id(r, i, &id);
        if (rc != CS_OK)
            return rc;
        uint32_t there = cs_names_put(&r->ids, id, d->f->n_levels);
        if (there != UINT32_MAX && r->wording == CS_NONE)
            return cs_table_fail(
                &d->table, i, d->l->err,
                "level \"%s\" stands here twice; give it another id, or say with wording: which column "
                "tells its wordings apart",
                id);
        if (there == UINT32_MAX && d->f->n_levels + 1 >= CS_LEVELS_MAX)
            return cs_table_fail(&d->table, i, d->l->err, "more than %d levels", CS_LEVELS_MAX - 1);
        r->level_of[i] = there != UINT32_MAX ? there : d->f->n_levels;
        if (there == UINT32_MAX)
            d->levels[d->f->n_levels++] = cs_level_room_plain(d, id);
    }
    return CS_OK;
}

static enum cs_err row_role(const struct rows *r, uint32_t row, enum cs_role *out)
{
    const char *word = r->role != CS_NONE ? r->d->table.rows[row].values[r->role] : "";
    if (cs_level_room_role(word, out))
        return CS_OK;
    return cs_table_fail(&r->d->table, row, r->d->l->err,
                         "role is \"%s\"; write control, placebo or aa, or leave it empty", word);
}

/* One row becomes one wording of its level. */
static enum cs_err take_row(struct rows *r, uint32_t row, struct cs_wording *w, bool first)
{
    struct cs_factor_draft *d = r->d;
    const char *const *values = d->table.rows[row].values;
    struct cs_level *level = &d->levels[r->level_of[row]];
    enum cs_role role = CS_ROLE_LEVEL;
    enum cs_err rc = row_role(r, row, &role);
    if (rc != CS_OK)
        return rc;
    if (!first && role != level->role)
        return cs_table_fail(&d->table, row, d->l->err, "level \"%s\" has another role in an earlier row; use one",
                             level->id);
    level->role = role;
    w->id = r->wording != CS_NONE ? values[r->wording] : "";
    w->match = r->match != CS_NONE && values[r->match][0] != '\0' ? values[r->match] : NULL;
    w->values = values;
    for (const struct cs_wording *other = level->wordings; other < w; other++) {
        if (strcmp(other->id, w->id) == 0)
            return cs_table_fail(&d->table, row, d->l->err, "wording \"%s\" of level \"%s\" stands here twice", w->id,
                                 level->id);
        if (r->match != CS_NONE && (other->match == NULL || w->match == NULL || strcmp(other->match, w->match) == 0))
            return cs_table_fail(&d->table, row, d->l->err, "level \"%s\" has two wordings for %s \"%s\"; one is right",
                                 level->id, d->table.columns[r->match], w->match != NULL ? w->match : "");
    }
    level->n_wordings++;
    return CS_OK;
}

static enum cs_err take_rows(struct rows *r)
{
    struct cs_factor_draft *d = r->d;
    enum cs_err rc = CS_OK;
    struct cs_wording **next = cs_xcalloc(d->f->n_levels, sizeof *next);
    uint32_t *counts = cs_xcalloc(d->f->n_levels, sizeof *counts);
    for (uint32_t i = 0; i < d->table.n_rows; i++)
        counts[r->level_of[i]]++;
    for (uint32_t i = 0; i < d->f->n_levels; i++) {
        next[i] = cs_arena_array(d->l->arena, counts[i], sizeof **next);
        d->levels[i].wordings = next[i];
        d->levels[i].n_wordings = 0;
    }
    for (uint32_t i = 0; i < d->table.n_rows && rc == CS_OK; i++) {
        uint32_t level = r->level_of[i];
        if (counts[level] > CS_WORDINGS_MAX)
            rc = cs_table_fail(&d->table, i, d->l->err, "level \"%s\" has %u wordings; at most %d", d->levels[level].id,
                               counts[level], CS_WORDINGS_MAX);
        else
            rc = take_row(r, i, next[level]++, d->levels[level].n_wordings == 0);
    }
    free(next);
    free(counts);
    return rc;
}

/* A joined factor has a wording of every level for every value that occurs in the cases. */
static enum cs_err check_match(const struct cs_factor_draft *d)
{
    const struct cs_factor *f = d->f;
    struct cs_names seen = {0};
    enum cs_err rc = CS_OK;
    for (uint32_t c = 0; c < d->l->s->n_cases && rc == CS_OK; c++) {
        const char *value = cs_loader_value(d->l, c, f->match_column);
        if (cs_names_put(&seen, value, c) != UINT32_MAX)
            continue;
        for (uint32_t i = 0; i < f->n_levels && rc == CS_OK; i++) {
            const struct cs_level *level = &f->levels[i];
            uint32_t w = 0;
            while (w < level->n_wordings && level->wordings[w].match != NULL &&
                   strcmp(level->wordings[w].match, value) != 0)
                w++;
            if (w == level->n_wordings)
                rc = cs_yaml_fail_key(cs_node_get(d->node, "match"), d->l->err,
                                      "level \"%s\" has no wording for %s \"%s\" (case \"%s\"); add that row to %s",
                                      level->id, d->l->columns[f->match_column], value, d->l->all[c].id, d->table.path);
        }
    }
    cs_names_release(&seen);
    return rc;
}

enum cs_err cs_load_level_table(struct cs_factor_draft *d, const struct cs_node *file)
{
    struct rows r = {.d = d, .role = CS_NONE, .wording = CS_NONE, .match = CS_NONE};
    enum cs_err rc = cs_loader_table(d->l, file, &d->table);
    if (rc != CS_OK)
        return rc;
    d->f->columns = d->table.columns;
    d->f->n_columns = d->table.n_columns;
    cs_load_level_room(d, d->table.n_rows);
    r.level_of = cs_xcalloc(d->table.n_rows, sizeof *r.level_of);
    rc = find_columns(&r);
    if (rc == CS_OK)
        rc = number_levels(&r);
    if (rc == CS_OK)
        rc = take_rows(&r);
    if (rc == CS_OK && d->f->joined)
        rc = check_match(d);
    cs_names_release(&r.ids);
    free(r.level_of);
    return rc;
}
