/* The units become cases: those of one cluster together, of one case in the order in which they came; with `each`, one an element. */
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/json.h"
#include "store/children/maker.h"

enum { ID_DIGITS = 6 /* bytes of a unit's key in an id */ };

struct writing {
    struct cs_maker *m;
    struct cs_error *err;
    uint32_t *order;       /* units by cluster, case */
    uint32_t *group_cases; /* per cluster, then per group */
    struct cs_arena arena; /* of the case in hand */
    const char *id, *cluster;
    uint64_t cluster_place;
    uint32_t case_index;
    const char *const *strata;
    struct cs_json *list; /* each */
    struct cs_buf parents, name;
    uint64_t *values;
    bool *found; /* per column of an element: some element has it */
    uint32_t n_cases;
};

static uint32_t case_of(const struct cs_maker *m, uint32_t unit)
{
    return m->records[m->units[unit].record[0]].case_index;
}

/* Units by the number of their cluster, then by case, then as they came. */
static void sort_units(struct writing *w)
{
    const struct cs_maker *m = w->m;
    uint32_t *first = cs_xcalloc((size_t)m->s->n_cases + 1, sizeof *first),
             *by_cluster = cs_xcalloc(m->s->n_cases, sizeof *by_cluster),
             *next = cs_xcalloc((size_t)m->n_clusters + 1, sizeof *next);
    for (uint32_t i = 0; i < m->s->n_cases; i++)
        next[m->clusters[i] + 1]++;
    for (uint32_t i = 0; i < m->n_clusters; i++)
        next[i + 1] += next[i];
    for (uint32_t i = 0; i < m->s->n_cases; i++)
        by_cluster[next[m->clusters[i]]++] = i;
    uint32_t *count = cs_xcalloc(m->s->n_cases, sizeof *count);
    for (uint32_t i = 0; i < m->n_units; i++)
        count[case_of(m, i)]++;
    for (uint32_t i = 0, at = 0; i < m->s->n_cases; i++) {
        first[by_cluster[i]] = at;
        at += count[by_cluster[i]];
    }
    w->order = cs_xcalloc(m->n_units + 1u, sizeof *w->order);
    for (uint32_t i = 0; i < m->n_units; i++)
        w->order[first[case_of(m, i)]++] = i;
    free(first);
    free(by_cluster);
    free(next);
    free(count);
}

/* ---- the case in hand -------------------------------------------------------------------------------------------- */

static enum cs_err load_list(struct writing *w, const struct cs_case *c)
{
    const struct cs_maker *m = w->m;
    cs_json_decref(w->list);
    w->list = NULL;
    if (m->each == CS_NONE)
        return CS_OK;
    w->list = cs_json_loads(c->values[m->each], 0, NULL);
    if (!cs_json_is_array(w->list))
        return cs_error_set(w->err, CS_EINVAL, "each: %s of case \"%s\" of \"%s\" is no list; see lists: of its cases",
                            m->s->columns[m->each], c->id, m->s->name);
    return CS_OK;
}

static const char *const *copy_strata(struct writing *w, const struct cs_case *c, struct cs_arena *arena)
{
    const struct cs_study *s = w->m->s;
    const char **out = cs_arena_array(arena, s->n_strata + 1u, sizeof *out);
    for (uint32_t i = 0; i < s->n_strata; i++)
        out[i] = cs_arena_strdup(arena, c->values[s->strata[i]]);
    return out;
}

static enum cs_err turn_to(struct writing *w, uint32_t case_index)
{
    struct cs_case c;
    struct cs_maker *m = w->m;
    if (w->id != NULL && w->case_index == case_index)
        return CS_OK;
    enum cs_err rc = m->cases->get(m->cases->self, case_index, &c, w->err);
    if (rc == CS_OK)
        rc = load_list(w, &c);
    if (rc != CS_OK)
        return rc;
    cs_arena_reset(&w->arena);
    w->case_index = case_index;
    w->id = cs_arena_strdup(&w->arena, c.id);
    w->cluster = cs_arena_strdup(&w->arena, c.cluster);
    w->strata = copy_strata(w, &c, &w->arena);
    w->cluster_place = cs_snapshot_text(m->writer, c.cluster, strlen(c.cluster));
    return CS_OK;
}

/* ---- its parents ------------------------------------------------------------------------------------------------- */

static enum cs_err add_parent(struct writing *w, const struct cs_link *l, uint32_t element)
{
    struct cs_maker *m = w->m;
    const struct cs_entry *e = &m->entries[l->entry];
    uint32_t levels[CS_FACTORS_MAX + 1];
    struct cs_arena other = {0};
    struct cs_coords at;
    struct cs_case c;
    enum cs_err rc = CS_OK;
    cs_plan_cell(m->plan, e->lane, e->case_index, e->cell, &at);
    for (uint32_t f = 0; f < m->s->n_factors; f++)
        levels[f] = at.arms[f].level;
    struct cs_parent p = {.case_id = w->id,
                          .cluster = w->cluster,
                          .strata = w->strata,
                          .levels = levels,
                          .model = e->lane,
                          .question = at.question,
                          .repeat = e->repeat,
                          .block = m->s->rects[at.rect].block,
                          .element = element,
                          .side = l->side,
                          .output_id = e->output_id,
                          .digest = e->digest,
                          .text = e->text};
    if (e->case_index != w->case_index) { /* another case of the cluster that looks the same */
        rc = m->cases->get(m->cases->self, e->case_index, &c, w->err);
        p.case_id = rc == CS_OK ? c.id : "";
        p.strata = rc == CS_OK ? copy_strata(w, &c, &other) : NULL;
    }
    if (rc == CS_OK)
        cs_parents_write(&m->about, &p, &w->parents);
    cs_arena_release(&other);
    return rc;
}

/* ---- an element -------------------------------------------------------------------------------------------------- */

static uint64_t put_json(struct writing *w, const struct cs_json *v)
{
    struct cs_maker *m = w->m;
    if (v == NULL || cs_json_is_null(v))
        return cs_snapshot_text(m->writer, "", 0);
    if (cs_json_is_string(v))
        return cs_snapshot_text(m->writer, cs_json_string_value(v), strlen(cs_json_string_value(v)));
    char *json = cs_json_dumps(v, CS_JSON_COMPACT | CS_JSON_ENCODE_ANY | CS_JSON_REAL_PRECISION(15));
    const uint64_t at = cs_snapshot_text(m->writer, json, strlen(json));
    free(json);
    return at;
}

static void element_values(struct writing *w, const struct cs_json *element)
{
    const struct cs_maker *m = w->m;
    for (uint32_t i = 0; i < m->n_columns; i++) {
        if (m->columns[i].of != CS_COLUMN_EACH)
            continue;
        const struct cs_json *v = cs_json_is_object(element) ? cs_json_object_get(element, m->columns[i].key)
                                  : strcmp(m->columns[i].key, "text") == 0 ? element
                                                                           : NULL;
        w->found[i] |= v != NULL;
        w->values[i] = put_json(w, v);
    }
}

/* ---- cases ------------------------------------------------------------------------------------------------------- */

static uint64_t put_id(struct writing *w, const struct cs_unit *u, uint32_t part, uint32_t element)
{
    char hex[2 * ID_DIGITS + 1];
    cs_digest_hex(u->key, ID_DIGITS, hex);
    cs_buf_clear(&w->name);
    cs_buf_printf(&w->name, "%s/%s", w->id, hex);
    if (part > 0)
        cs_buf_printf(&w->name, "+%u", part + 1);
    if (element > 0)
        cs_buf_printf(&w->name, "/%u", element);
    return cs_snapshot_text(w->m->writer, cs_buf_cstr(&w->name), w->name.len);
}

/* links from..to of a unit, as one case (of one element). */
static enum cs_err put_case(struct writing *w, uint32_t unit, uint32_t part, uint32_t from, uint32_t to,
                            uint32_t element)
{
    struct cs_maker *m = w->m;
    const struct cs_unit *u = &m->units[unit];
    enum cs_err rc = CS_OK;
    if (w->n_cases == CS_CASES_MAX)
        return cs_error_set(w->err, CS_ETOOBIG, "more than %d cases; take fewer outputs, or a sample of them",
                            CS_CASES_MAX);
    cs_buf_clear(&w->parents);
    for (uint32_t i = from; i < to && rc == CS_OK; i++)
        rc = add_parent(w, &m->links[i], element);
    for (uint32_t i = 0; i < m->n_columns; i++) {
        const struct cs_children_column *c = &m->columns[i];
        if (c->of == CS_COLUMN_CASE)
            w->values[i] = m->case_places[(size_t)w->case_index * m->n_kept + c->at];
        else if (c->of == CS_COLUMN_PIECE)
            w->values[i] = m->places[(size_t)u->record[c->side] * m->n_pieces + c->at];
        else if (c->of == CS_COLUMN_PARENTS)
            w->values[i] = cs_snapshot_text(m->writer, cs_buf_cstr(&w->parents), w->parents.len);
    }
    cs_snapshot_case(m->writer, put_id(w, u, part, element), w->cluster_place, w->values);
    w->group_cases[m->clusters[w->case_index]]++;
    w->n_cases++;
    return rc;
}

/* As many cases as its outputs need: a pair's stay together, two links each. */
static enum cs_err put_parts(struct writing *w, uint32_t unit, uint32_t element)
{
    const struct cs_maker *m = w->m;
    const uint32_t first = m->first_link[unit], end = m->first_link[unit + 1];
    enum cs_err rc = CS_OK;
    if (m->pair_factor != CS_NONE && end - first > CS_PARENTS_OF_CASE_MAX)
        return cs_error_set(w->err, CS_ETOOBIG,
                            "pair: more than %d pairs have the same two texts; write identical: apart",
                            CS_PARENTS_OF_CASE_MAX / 2);
    for (uint32_t part = 0, from = first; from < end && rc == CS_OK; part++, from += CS_PARENTS_OF_CASE_MAX) {
        const uint32_t left = end - from;
        rc = put_case(w, unit, part, from, from + (left < CS_PARENTS_OF_CASE_MAX ? left : CS_PARENTS_OF_CASE_MAX),
                      element);
    }
    return rc;
}

static enum cs_err put_unit(struct writing *w, uint32_t unit)
{
    enum cs_err rc = turn_to(w, case_of(w->m, unit));
    if (rc != CS_OK || w->m->each == CS_NONE)
        return rc == CS_OK ? put_parts(w, unit, 0) : rc;
    for (size_t i = 0; i < cs_json_array_size(w->list) && rc == CS_OK; i++) {
        element_values(w, cs_json_array_get(w->list, i));
        rc = put_parts(w, unit, (uint32_t)i + 1);
    }
    return rc;
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

/* Clusters without a case go; where there are too many, neighbours are put together. */
static void make_groups(struct writing *w)
{
    struct cs_maker *m = w->m;
    uint32_t n = 0, used = 0;
    for (uint32_t i = 0; i < m->n_clusters; i++)
        used += w->group_cases[i] > 0;
    const uint32_t together = (used + CS_PARENT_GROUPS_MAX - 1) / CS_PARENT_GROUPS_MAX;
    for (uint32_t i = 0, k = 0; i < m->n_clusters; i++) {
        const uint32_t cases = w->group_cases[i];
        if (cases == 0)
            continue;
        w->group_cases[i] = 0;
        if (k++ % together == 0)
            n++;
        w->group_cases[n - 1] += cases;
    }
    m->about.group_cases = w->group_cases;
    m->about.n_groups = n;
}

static enum cs_err check_found(const struct writing *w)
{
    const struct cs_maker *m = w->m;
    for (uint32_t i = 0; i < m->n_columns && w->n_cases > 0; i++) {
        if (m->columns[i].of == CS_COLUMN_EACH && !w->found[i])
            return cs_error_set(w->err, CS_EINVAL, "%s: no element of %s has that key", m->names[i], m->take->each);
    }
    return CS_OK;
}

enum cs_err cs_written_cases(struct cs_maker *m, struct cs_error *err)
{
    struct writing w = {.m = m, .err = err, .parents = CS_BUF_INIT(SIZE_MAX), .name = CS_BUF_INIT(SIZE_MAX)};
    struct cs_buf take = CS_BUF_INIT(SIZE_MAX);
    enum cs_err rc = CS_OK;
    sort_units(&w);
    w.values = cs_xcalloc(m->n_columns + 1u, sizeof *w.values);
    w.found = cs_xcalloc(m->n_columns + 1u, sizeof *w.found);
    w.group_cases = cs_arena_array(&m->arena, (size_t)m->n_clusters + 1, sizeof *w.group_cases);
    cs_snapshot_columns(m->writer, m->names, m->n_columns);
    for (uint32_t i = 0; i < m->n_units && rc == CS_OK; i++)
        rc = put_unit(&w, w.order[i]);
    if (rc == CS_OK)
        rc = check_found(&w);
    make_groups(&w);
    cs_take_json(m->take, &take);
    m->about.take = cs_buf_cstr(&take);
    if (rc == CS_OK)
        rc = cs_parent_json_make(&m->about, &m->arena, err);
    cs_buf_release(&take);
    cs_buf_release(&w.parents);
    cs_buf_release(&w.name);
    cs_json_decref(w.list);
    cs_arena_release(&w.arena);
    free(w.order);
    free(w.values);
    free(w.found);
    return rc;
}
