/* What becomes a case: every record with the outputs that share it, or two records whose outputs stand against each other. */
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "store/children/maker.h"

static uint32_t add_unit(struct cs_maker *m, const struct cs_unit *u)
{
    if (m->n_units == m->cap_units) {
        m->cap_units = m->cap_units > 0 ? 2 * m->cap_units : 1024;
        m->units = cs_xrealloc(m->units, m->cap_units, sizeof *m->units);
    }
    m->units[m->n_units] = *u;
    return m->n_units++;
}

static void add_link(struct cs_maker *m, uint32_t unit, uint32_t entry, enum cs_parent_side side)
{
    if (m->n_links == m->cap_links) {
        m->cap_links = m->cap_links > 0 ? 2 * m->cap_links : 1024;
        m->links = cs_xrealloc(m->links, m->cap_links, sizeof *m->links);
    }
    m->links[m->n_links++] = (struct cs_link){unit, entry, side};
}

static void single_units(struct cs_maker *m)
{
    for (uint32_t i = 0; i < m->n_records; i++) {
        struct cs_unit u = {.record = {i, CS_NONE}};
        memcpy(u.key, m->records[i].key, sizeof u.key);
        add_unit(m, &u);
    }
    for (uint32_t i = 0; i < m->n_entries; i++)
        add_link(m, m->entries[i].record, i, CS_PARENT_ALONE);
}

/* ---- pairs ------------------------------------------------------------------------------------------------------- */

struct pairing {
    struct cs_maker *m;
    uint32_t **rest; /* per lane, per cell: a number for everything but the level of the factor */
    struct cs_names known;
    uint32_t *order;                     /* entries, those that may stand against each other side by side */
    uint32_t *firsts, *seconds, n_pairs; /* levels */
    uint32_t *slots, n_slots;            /* units by their key */
};

static uint32_t level_of(const struct cs_maker *m, const struct cs_entry *e)
{
    struct cs_coords at;
    cs_plan_cell(m->plan, e->lane, e->case_index, e->cell, &at);
    return at.arms[m->pair_factor].level;
}

static void number_cells(struct pairing *p)
{
    struct cs_maker *m = p->m;
    struct cs_buf key = CS_BUF_INIT(4096);
    uint32_t n = 0;
    p->rest = cs_arena_array(&m->arena, m->plan->n_lanes, sizeof *p->rest);
    for (uint32_t lane = 0; lane < m->plan->n_lanes; lane++) {
        p->rest[lane] = cs_arena_array(&m->arena, m->plan->lanes[lane].n_cells + 1u, sizeof *p->rest[lane]);
        for (uint32_t cell = 0; cell < m->plan->lanes[lane].n_cells; cell++) {
            struct cs_coords at;
            cs_plan_cell(m->plan, lane, 0, cell, &at);
            cs_buf_clear(&key);
            cs_buf_printf(&key, "%u", at.question);
            for (uint32_t f = 0; f < m->s->n_factors; f++) {
                if (f != m->pair_factor)
                    cs_buf_printf(&key, " %u/%u", at.arms[f].level, at.arms[f].wording);
            }
            uint32_t k = cs_names_get(&p->known, cs_buf_cstr(&key));
            if (k == CS_NONE)
                cs_names_put(&p->known, cs_arena_strdup(&m->arena, cs_buf_cstr(&key)), k = n++);
            p->rest[lane][cell] = k;
        }
    }
    cs_buf_release(&key);
}

static int compare(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

/* The same case, model, everything else and draw: these stand against each other, ordered by what they are. */
static int by_rest(const void *a, const void *b, void *self)
{
    const struct pairing *p = self;
    const struct cs_entry *x = &p->m->entries[*(const uint32_t *)a], *y = &p->m->entries[*(const uint32_t *)b];
    int c = compare(x->case_index, y->case_index);
    c = c != 0 ? c : compare(x->lane, y->lane);
    c = c != 0 ? c : compare(p->rest[x->lane][x->cell], p->rest[y->lane][y->cell]);
    return c != 0 ? c : compare(x->repeat, y->repeat);
}

static int by_place(const void *a, const void *b, void *self)
{
    const struct pairing *p = self;
    const struct cs_entry *x = &p->m->entries[*(const uint32_t *)a], *y = &p->m->entries[*(const uint32_t *)b];
    const int c = by_rest(a, b, self);
    return c != 0 ? c : compare(x->cell, y->cell);
}

static enum cs_err find_level(const struct cs_maker *m, const char *id, uint32_t *out, struct cs_error *err)
{
    const struct cs_factor *f = &m->s->factors[m->pair_factor];
    for (*out = 0; *out < f->n_levels; (*out)++) {
        if (strcmp(f->levels[*out].id, id) == 0)
            return CS_OK;
    }
    return cs_error_set(err, CS_EINVAL, "pair: factor \"%s\" of \"%s\" has no level \"%s\"", f->name, m->s->name, id);
}

/* Which levels stand against each other: those named, or each against the control. */
static enum cs_err find_pairs(struct pairing *p, struct cs_error *err)
{
    const struct cs_maker *m = p->m;
    const struct cs_take *t = m->take;
    const struct cs_factor *f = &m->s->factors[m->pair_factor];
    const uint32_t most = t->firsts.n > 0 ? t->firsts.n : f->n_levels;
    uint32_t control = 0;
    enum cs_err rc = CS_OK;
    p->firsts = cs_xcalloc(most + 1u, sizeof *p->firsts);
    p->seconds = cs_xcalloc(most + 1u, sizeof *p->seconds);
    for (; p->n_pairs < t->firsts.n && rc == CS_OK; p->n_pairs++) {
        rc = find_level(m, t->firsts.words[p->n_pairs], &p->firsts[p->n_pairs], err);
        if (rc == CS_OK)
            rc = find_level(m, t->seconds.words[p->n_pairs], &p->seconds[p->n_pairs], err);
    }
    if (rc != CS_OK || t->firsts.n > 0)
        return rc;
    while (control < f->n_levels && f->levels[control].role != CS_ROLE_CONTROL)
        control++;
    if (control == f->n_levels)
        return cs_error_set(err, CS_EINVAL, "pair: factor \"%s\" of \"%s\" has no control; name pairs: [[a, b]]",
                            f->name, m->s->name);
    for (uint32_t i = 0; i < f->n_levels; i++) {
        if (i != control) {
            p->firsts[p->n_pairs] = i;
            p->seconds[p->n_pairs++] = control;
        }
    }
    return CS_OK;
}

/* The unit of two records in this order, which outputs with the same texts share. */
static uint32_t unit_of(struct pairing *p, uint32_t first, uint32_t second)
{
    struct cs_maker *m = p->m;
    struct cs_unit u = {.record = {first, second}};
    uint8_t both[32], whole[32];
    memcpy(both, m->records[first].key, 16);
    memcpy(both + 16, m->records[second].key, 16);
    cs_digest_blake2b_256(both, sizeof both, whole);
    memcpy(u.key, whole, sizeof u.key);
    uint64_t h;
    memcpy(&h, u.key, sizeof h);
    uint32_t at = (uint32_t)h & (p->n_slots - 1);
    while (p->slots[at] != 0) {
        const struct cs_unit *there = &m->units[p->slots[at] - 1];
        if (there->record[0] == first && there->record[1] == second)
            return p->slots[at] - 1;
        at = (at + 1) & (p->n_slots - 1);
    }
    p->slots[at] = add_unit(m, &u) + 1;
    return p->slots[at] - 1;
}

static void pair_up(struct pairing *p, uint32_t a, uint32_t b)
{
    struct cs_maker *m = p->m;
    const uint32_t ra = m->entries[a].record, rb = m->entries[b].record;
    uint64_t coin;
    uint8_t whole[32], both[40];
    memcpy(both, m->records[ra].key, 16);
    memcpy(both + 16, m->records[rb].key, 16);
    memcpy(both + 32, &m->take->seed, 8);
    cs_digest_blake2b_256(both, sizeof both, whole);
    memcpy(&coin, whole, sizeof coin);
    const bool as_named = !m->take->random_order || coin % 2 == 0, turned = !m->take->random_order || coin % 2 == 1;
    if (as_named) {
        const uint32_t u = unit_of(p, ra, rb);
        add_link(m, u, a, CS_PARENT_FIRST);
        add_link(m, u, b, CS_PARENT_SECOND);
    }
    if (turned) {
        const uint32_t u = unit_of(p, rb, ra);
        add_link(m, u, b, CS_PARENT_FIRST);
        add_link(m, u, a, CS_PARENT_SECOND);
    }
}

/* Within entries that may stand against each other: the i-th of one level against the i-th of the other. */
static void pair_levels(struct pairing *p, const uint32_t *among, uint32_t n, uint32_t first, uint32_t second)
{
    uint32_t i = 0, k = 0;
    for (;;) {
        while (i < n && level_of(p->m, &p->m->entries[among[i]]) != first)
            i++;
        while (k < n && level_of(p->m, &p->m->entries[among[k]]) != second)
            k++;
        if (i == n || k == n)
            return;
        pair_up(p, among[i++], among[k++]);
    }
}

static enum cs_err pair_units(struct cs_maker *m, struct cs_error *err)
{
    struct pairing p = {.m = m};
    enum cs_err rc = find_pairs(&p, err);
    uint64_t most = 2 * (uint64_t)m->n_entries * (p.n_pairs > 0 ? p.n_pairs : 1);
    if (rc == CS_OK && most > 64 * (uint64_t)CS_CASES_MAX)
        rc = cs_error_set(err, CS_ETOOBIG, "pair: too many pairs; take fewer levels, or a sample");
    if (rc != CS_OK)
        goto out;
    number_cells(&p);
    p.order = cs_xcalloc(m->n_entries + 1u, sizeof *p.order);
    for (uint32_t i = 0; i < m->n_entries; i++)
        p.order[i] = i;
    qsort_r(p.order, m->n_entries, sizeof *p.order, by_place, &p);
    for (p.n_slots = 1024; p.n_slots < 2 * most; p.n_slots *= 2)
        continue;
    p.slots = cs_xcalloc(p.n_slots, sizeof *p.slots);
    for (uint32_t from = 0, to; from < m->n_entries; from = to) {
        for (to = from + 1; to < m->n_entries && by_rest(&p.order[from], &p.order[to], &p) == 0; to++)
            continue;
        for (uint32_t i = 0; i < p.n_pairs; i++)
            pair_levels(&p, p.order + from, to - from, p.firsts[i], p.seconds[i]);
    }
out:
    cs_names_release(&p.known);
    free(p.order);
    free(p.firsts);
    free(p.seconds);
    free(p.slots);
    return rc;
}

/* ---- links by unit ----------------------------------------------------------------------------------------------- */

/* Within a unit in the order in which they came; of a pair, the first ones before the second ones. */
static void sort_links(struct cs_maker *m)
{
    struct cs_link *sorted = cs_xcalloc(m->n_links + 1u, sizeof *sorted);
    uint32_t *next = cs_xcalloc(m->n_units + 1u, sizeof *next);
    m->first_link = cs_xcalloc(m->n_units + 1u, sizeof *m->first_link);
    for (uint32_t i = 0; i < m->n_links; i++)
        m->first_link[m->links[i].unit + 1]++;
    for (uint32_t i = 0; i < m->n_units; i++)
        next[i] = m->first_link[i + 1] += m->first_link[i];
    for (uint32_t i = 0; i < m->n_units; i++)
        next[i] = m->first_link[i];
    for (int side = CS_PARENT_ALONE; side <= CS_PARENT_SECOND; side++) {
        for (uint32_t i = 0; i < m->n_links; i++) {
            if (m->links[i].side == (enum cs_parent_side)side)
                sorted[next[m->links[i].unit]++] = m->links[i];
        }
    }
    free(m->links);
    free(next);
    m->links = sorted;
    m->cap_links = m->n_links;
}

enum cs_err cs_units_make(struct cs_maker *m, struct cs_error *err)
{
    CS_FREE(m->slots);
    enum cs_err rc = CS_OK;
    if (m->pair_factor == CS_NONE)
        single_units(m);
    else
        rc = pair_units(m, err);
    if (rc == CS_OK)
        sort_links(m);
    return rc;
}
