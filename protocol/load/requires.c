/* requires.c - `requires: {case.sex: F}` of a level: the cases in which it is asked. */
#include <string.h>

#include "protocol/base/buf.h"
#include "protocol/load/levels.h"

/* Values of a column, for a message. */
static const char *values_of(const struct cs_loader *l, uint32_t column)
{
    enum { SHOWN = 6 };
    struct cs_names seen = {0};
    struct cs_buf out = CS_BUF_INIT(1024);
    for (uint32_t c = 0; c < l->s->n_cases && seen.n < SHOWN; c++) {
        const char *value = cs_loader_value(l, c, column);
        if (cs_names_put(&seen, value, 0) == UINT32_MAX)
            cs_buf_printf(&out, "%s\"%.60s\"", seen.n > 1 ? ", " : "", value);
    }
    const char *text = cs_arena_strdup(l->arena, cs_buf_cstr(&out));
    cs_names_release(&seen);
    cs_buf_release(&out);
    return text;
}

static bool occurs(const struct cs_loader *l, uint32_t column, const char *value)
{
    for (uint32_t c = 0; c < l->s->n_cases; c++) {
        if (strcmp(cs_loader_value(l, c, column), value) == 0)
            return true;
    }
    return false;
}

/* `case.sex: F` or `case.sex: [F, X]` */
static enum cs_err load_one(const struct cs_loader *l, const struct cs_node *n, struct cs_require *r)
{
    const char *name = strncmp(n->key, "case.", 5) == 0 ? n->key + 5 : n->key;
    r->column = cs_names_get(&l->column_names, name);
    if (r->column == CS_NONE)
        return cs_yaml_fail_key(n, l->err, "requires names \"%s\", but the cases have no such column%s", n->key,
                                cs_names_hint(name, l->columns, l->s->n_columns).text);
    enum cs_err rc = cs_loader_words(l, n, "requires", &r->values, &r->n_values);
    if (rc == CS_OK && r->n_values > CS_REQUIRE_VALUES_MAX)
        rc = cs_yaml_fail(n, l->err, "%u values; at most %d", r->n_values, CS_REQUIRE_VALUES_MAX);
    for (uint32_t i = 0; i < r->n_values && rc == CS_OK; i++) {
        if (!occurs(l, r->column, r->values[i]))
            rc = cs_yaml_fail(n, l->err, "no case has \"%s\" in %s; there are %s", r->values[i], name,
                              values_of(l, r->column));
    }
    return rc;
}

bool cs_load_requires_hold(const struct cs_loader *l, const struct cs_level *level, uint32_t case_index)
{
    for (uint32_t i = 0; i < level->n_requires; i++) {
        const struct cs_require *r = &level->requires[i];
        const char *value = cs_loader_value(l, case_index, r->column);
        uint32_t k = 0;
        while (k < r->n_values && strcmp(r->values[k], value) != 0)
            k++;
        if (k == r->n_values)
            return false;
    }
    return true;
}

enum cs_err cs_load_requires_of(const struct cs_loader *l, const struct cs_node *n, struct cs_level *level)
{
    enum cs_err rc = cs_node_any_map(n, "requires", l->err);
    if (rc == CS_OK && n->n > CS_REQUIRES_MAX)
        rc = cs_yaml_fail(n, l->err, "requires names %u columns; at most %d", n->n, CS_REQUIRES_MAX);
    if (rc != CS_OK)
        return rc;
    struct cs_require *r = cs_arena_array(l->arena, n->n, sizeof *r);
    for (const struct cs_node *c = n->first; c != NULL && rc == CS_OK; c = c->next)
        rc = load_one(l, c, &r[level->n_requires++]);
    level->requires = r;
    if (rc != CS_OK)
        return rc;
    for (uint32_t c = 0; c < l->s->n_cases; c++) {
        if (cs_load_requires_hold(l, level, c))
            return CS_OK;
    }
    return cs_yaml_fail(n, l->err, "level \"%s\" applies to no case: none has all of this", level->id);
}

enum cs_err cs_load_requires(struct cs_factor_draft *d)
{
    const struct cs_node *map = cs_node_get(d->node, "requires");
    enum cs_err rc = map != NULL ? cs_node_any_map(map, "requires", d->l->err) : CS_OK;
    if (rc != CS_OK || map == NULL)
        return rc;
    for (const struct cs_node *n = map->first; n != NULL && rc == CS_OK; n = n->next) {
        uint32_t level;
        rc = cs_loader_level_ref(d->l, n, n->key, d->f, &level);
        if (rc == CS_OK && d->levels[level].n_requires > 0)
            rc = cs_yaml_fail_key(n, d->l->err, "level \"%s\" says itself what it requires; keep one of them", n->key);
        if (rc == CS_OK)
            rc = cs_load_requires_of(d->l, n, &d->levels[level]);
    }
    return rc;
}
