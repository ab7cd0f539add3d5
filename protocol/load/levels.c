/* levels.c - the levels of a factor: those written in the study file, and what holds for all. */
#include "protocol/load/levels.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/load/params.h"

/* ---- written in the study file ------------------------------------------------------------------ */

static const char *const level_keys[] = {"id",         "role", "text",  "text_from", "system",
                                         "parameters", "use",  "order", "requires",  "image"};
enum { N_LEVEL_KEYS = sizeof level_keys / sizeof level_keys[0] };

/* `order: [2, 1, 3]`: which option stands first, second, ... */
static enum cs_err load_order(const struct cs_factor_draft *d, const struct cs_node *n, struct cs_level *level)
{
    enum cs_err rc = cs_node_list(n, "order", d->l->err);
    if (rc == CS_OK && n->n > 26)
        rc = cs_yaml_fail(n, d->l->err, "order has %u options; at most 26", n->n);
    if (rc != CS_OK)
        return rc;
    uint32_t *order = cs_arena_array(d->l->arena, n->n, sizeof *order), seen = 0, i = 0;
    for (const struct cs_node *c = n->first; c != NULL; c = c->next, i++) {
        uint64_t v;
        rc = cs_node_u64(c, "order", 1, n->n, &v, d->l->err);
        if (rc != CS_OK)
            return rc;
        if ((seen >> (v - 1) & 1) != 0)
            return cs_yaml_fail(c, d->l->err, "option %llu stands twice in order; name each of 1 to %u once",
                                (unsigned long long)v, n->n);
        seen |= 1u << (v - 1);
        order[i] = (uint32_t)v - 1;
    }
    level->order = order;
    level->n_order = n->n;
    return CS_OK;
}

static enum cs_err load_values(const struct cs_factor_draft *d, const struct cs_node *n, const struct cs_level *level)
{
    enum cs_err rc = CS_OK;
    const char **values = cs_arena_array(d->l->arena, d->f->n_columns, sizeof *values);
    for (uint32_t i = 0; i < d->f->n_columns && rc == CS_OK; i++) {
        const struct cs_node *v = cs_node_get(n, d->f->columns[i]);
        values[i] = "";
        if (v != NULL)
            rc = cs_node_any_text(v, d->f->columns[i], &values[i], d->l->err);
        else if (strcmp(d->f->columns[i], "text") != 0 && strcmp(d->f->columns[i], "image") != 0)
            rc = cs_yaml_fail(n, d->l->err, "level \"%s\" has no \"%s\", which columns: lists; add it", level->id,
                              d->f->columns[i]);
    }
    struct cs_wording *w = cs_arena_alloc(d->l->arena, sizeof *w);
    *w = (struct cs_wording){.id = "", .values = values};
    d->levels[d->f->n_levels].wordings = w;
    return rc;
}

static enum cs_err load_inline(struct cs_factor_draft *d, const struct cs_node *n, const char *const *keys)
{
    struct cs_loader *l = d->l;
    const struct cs_node *v;
    const char *id;
    enum cs_err rc = cs_node_map(n, "a level", keys, l->err);
    if (rc == CS_OK)
        rc = cs_node_need(n, "a level", "id", &v, l->err);
    if (rc == CS_OK)
        rc = cs_node_text(v, "id", &id, l->err);
    if (rc != CS_OK)
        return rc;
    if (strlen(id) > 128 || strpbrk(id, "\r\n\t") != NULL)
        return cs_yaml_fail(v, l->err, "the id of a level is longer than 128 bytes or has line breaks; shorten it");
    if (cs_loader_level(d->f, id) != CS_NONE)
        return cs_yaml_fail(v, l->err, "level \"%s\" stands here twice; give it another id", id);
    struct cs_level *level = &d->levels[d->f->n_levels];
    *level = cs_level_room_plain(d, id);
    rc = load_values(d, n, level);
    uint32_t role = 0;
    if (rc == CS_OK && (v = cs_node_get(n, "role")) != NULL)
        rc = cs_node_word(v, "role", cs_level_room_role_words, &role, l->err);
    (void)cs_level_room_role(cs_level_room_role_words[role], &level->role);
    if (rc == CS_OK && (v = cs_node_get(n, "text_from")) != NULL)
        rc = cs_load_judging_column(l, v, "text_from", &level->text_column);
    if (rc == CS_OK && (v = cs_node_get(n, "use")) != NULL)
        rc = cs_load_judging_column(l, v, "use", &level->use_column);
    if (rc == CS_OK && (v = cs_node_get(n, "system")) != NULL)
        rc = cs_node_any_text(v, "system", &level->system, l->err);
    if (rc == CS_OK && (v = cs_node_get(n, "parameters")) != NULL)
        rc = cs_params_of_level(v, l->arena, &level->parameters, l->err);
    if (rc == CS_OK && (v = cs_node_get(n, "order")) != NULL)
        rc = load_order(d, v, level);
    if (rc == CS_OK && (v = cs_node_get(n, "requires")) != NULL)
        rc = cs_load_requires_of(l, v, level);
    d->f->n_levels++;
    return rc;
}

/* The columns of inline levels: `text` and `image` when a level has one, then those that `columns:` lists. */
static enum cs_err inline_columns(struct cs_factor_draft *d, const struct cs_node *levels)
{
    const struct cs_node *n = cs_node_get(d->node, "columns");
    const char *const *words = NULL;
    uint32_t n_words = 0;
    enum cs_err rc = n != NULL ? cs_loader_words(d->l, n, "columns", &words, &n_words) : CS_OK;
    if (rc != CS_OK)
        return rc;
    bool text = false, image = false;
    for (const struct cs_node *c = levels->first; c != NULL; c = c->next) {
        text = text || (c->kind == CS_NODE_MAP && cs_node_get(c, "text") != NULL);
        image = image || (c->kind == CS_NODE_MAP && cs_node_get(c, "image") != NULL);
    }
    const char **columns = cs_arena_array(d->l->arena, n_words + 2, sizeof *columns);
    uint32_t count = 0;
    if (text)
        columns[count++] = "text";
    if (image)
        columns[count++] = "image";
    for (uint32_t i = 0; i < n_words; i++) {
        for (uint32_t k = 0; k < N_LEVEL_KEYS; k++) {
            if (strcmp(words[i], level_keys[k]) == 0)
                return cs_yaml_fail(n, d->l->err, "\"%s\" is a key of every level; leave it out of columns", words[i]);
        }
        columns[count++] = words[i];
    }
    d->f->columns = columns;
    d->f->n_columns = count;
    return CS_OK;
}

static enum cs_err levels_inline(struct cs_factor_draft *d, const struct cs_node *levels)
{
    enum cs_err rc = cs_node_list(levels, "levels", d->l->err);
    if (rc == CS_OK && levels->n >= CS_LEVELS_MAX)
        rc = cs_yaml_fail(levels, d->l->err, "%u levels; at most %d", levels->n, CS_LEVELS_MAX - 1);
    if (rc == CS_OK)
        rc = inline_columns(d, levels);
    if (rc != CS_OK)
        return rc;
    const char **keys = cs_arena_array(d->l->arena, N_LEVEL_KEYS + d->f->n_columns + 1, sizeof *keys);
    memcpy(keys, level_keys, sizeof level_keys);
    for (uint32_t i = 0, k = N_LEVEL_KEYS; i < d->f->n_columns; i++) {
        if (strcmp(d->f->columns[i], "text") != 0 && strcmp(d->f->columns[i], "image") != 0)
            keys[k++] = d->f->columns[i];
    }
    cs_load_level_room(d, levels->n);
    for (const struct cs_node *n = levels->first; n != NULL && rc == CS_OK; n = n->next)
        rc = load_inline(d, n, keys);
    return rc;
}

/* ---- both --------------------------------------------------------------------------------------- */

/* `control: ID` makes that level the control; `control: none` adds one that changes nothing. */
static enum cs_err apply_control(struct cs_factor_draft *d)
{
    struct cs_factor *f = d->f;
    const struct cs_node *n = cs_node_get(d->node, "control");
    const char *id;
    if (n == NULL)
        return CS_OK;
    enum cs_err rc = cs_node_text(n, "control", &id, d->l->err);
    if (rc != CS_OK)
        return rc;
    uint32_t level = cs_loader_level(f, id);
    if (level == CS_NONE && strcmp(id, "none") != 0)
        return cs_loader_level_ref(d->l, n, id, f, &level);
    if (level == CS_NONE) {
        level = f->n_levels++;
        d->levels[level] = cs_level_room_plain(d, "none");
    }
    d->levels[level].role = CS_ROLE_CONTROL;
    return CS_OK;
}

static enum cs_err check_one_control(const struct cs_factor_draft *d)
{
    const char *control = NULL;
    for (uint32_t i = 0; i < d->f->n_levels; i++) {
        const struct cs_level *level = &d->f->levels[i];
        if (level->role != CS_ROLE_CONTROL)
            continue;
        if (control != NULL)
            return cs_yaml_fail(d->node, d->l->err,
                                "factor \"%s\" has two controls, \"%s\" and \"%s\"; keep one (role aa is for a level "
                                "identical to it)",
                                d->f->name, control, level->id);
        control = level->id;
    }
    return CS_OK;
}

enum cs_err cs_load_levels(struct cs_factor_draft *d)
{
    const struct cs_node *file = cs_node_get(d->node, "file"), *levels = cs_node_get(d->node, "levels"), *n;
    static const char *const of_file[] = {"level", "wording", "match"};
    enum cs_err rc = CS_OK;
    if (file != NULL && levels != NULL)
        return cs_yaml_fail_key(levels, d->l->err, "levels come from file and from here; keep one of them");
    for (size_t i = 0; i < 3; i++) {
        if (file == NULL && (n = cs_node_get(d->node, of_file[i])) != NULL)
            return cs_yaml_fail_key(n, d->l->err, "%s goes with file: (columns of that table); remove it", of_file[i]);
    }
    if (levels == NULL && (n = cs_node_get(d->node, "columns")) != NULL)
        return cs_yaml_fail_key(n, d->l->err, "columns goes with levels: written here; a file has its own columns");
    if (file != NULL)
        rc = cs_load_level_table(d, file);
    else if (levels != NULL)
        rc = levels_inline(d, levels);
    else if (d->texts == NULL)
        rc = cs_yaml_fail(d->node, d->l->err,
                          "factor \"%s\" has no levels; add levels: [...], file: or texts:", d->f->name);
    if (rc == CS_OK)
        rc = d->texts != NULL ? cs_load_texts(d) : cs_load_requires(d);
    if (rc == CS_OK)
        rc = apply_control(d);
    return rc == CS_OK ? check_one_control(d) : rc;
}
