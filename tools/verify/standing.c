#include "tools/verify/standing.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "store/owners.h"

enum { FILTER_MAX = 16 * 1024 * 1024 /* bytes */ };

struct trial {
    uint64_t output_id, position;
    uint32_t lane;
};
struct case_of {
    uint64_t key;
    uint32_t index;
};

struct cs_standing {
    struct cs_store *store;
    const struct cs_generation_view *view;
    struct cs_export_row *row; /* for digests */
    cs_standing_fault fault;
    void *self;
    struct cs_owners *owners;
    struct cs_finder *finder;
    uint64_t last;           /* output */
    uint8_t *stands, *index; /* a bit for each output: it stands at a trial; it has an index row, or is superseded */
    uint8_t *filter;         /* requests that are answered: what no trial wants is passed over */
    uint64_t filter_mask;
    uint64_t *twice; /* outputs */
    uint64_t n_twice, cap_twice;
    struct case_of *cases; /* sorted by key; made when first needed */
    uint64_t mixed;
};

/* ---- bits ---------------------------------------------------------------------------------------------- */

static bool has(const uint8_t *bits, uint64_t i)
{
    return (bits[i / 8] >> i % 8 & 1) != 0;
}

static void set(uint8_t *bits, uint64_t i)
{
    bits[i / 8] |= (uint8_t)(1u << i % 8);
}

static uint64_t probe(const struct cs_standing *st, const struct cs_digest *d)
{
    uint64_t half;
    memcpy(&half, d->b, sizeof half);
    return half & st->filter_mask;
}

/* ---- the trials ------------------------------------------------------------------------------------------ */

struct cs_standing *cs_standing_open(struct cs_store *s, const struct cs_generation_view *view,
                                     struct cs_export_row *row, cs_standing_fault fault, void *self)
{
    struct cs_standing *st = cs_xcalloc(1, sizeof *st);
    uint64_t bytes = 1024;
    *st = (struct cs_standing){.store = s, .view = view, .row = row, .fault = fault, .self = self};
    st->last = cs_store_last_output(s);
    st->owners = cs_owners_open(s);
    st->finder = cs_index_finder_open(s);
    st->stands = cs_xcalloc(st->last / 8 + 1, 1);
    st->index = cs_xcalloc(st->last / 8 + 1, 1);
    while (bytes < FILTER_MAX && bytes < 2 * view->plan.n_trials)
        bytes *= 2;
    st->filter = cs_xcalloc(bytes, 1);
    st->filter_mask = bytes * 8 - 1;
    return st;
}

void cs_standing_close(struct cs_standing *st)
{
    if (st == NULL)
        return;
    cs_owners_close(st->owners);
    cs_index_finder_close(st->finder);
    free(st->stands);
    free(st->index);
    free(st->filter);
    free(st->twice);
    free(st->cases);
    free(st);
}

void cs_standing_trial(struct cs_standing *st, uint32_t lane, uint64_t position, const struct cs_stored *stored)
{
    (void)lane, (void)position;
    if (stored->output_id > st->last)
        return; /* came after we opened; its own opening will see it */
    set(st->filter, probe(st, &stored->output.digest));
    if (!has(st->stands, stored->output_id)) {
        set(st->stands, stored->output_id);
        return;
    }
    if (st->n_twice == st->cap_twice) {
        st->cap_twice = st->cap_twice == 0 ? 16 : 2 * st->cap_twice;
        st->twice = cs_xrealloc(st->twice, st->cap_twice, sizeof *st->twice);
    }
    st->twice[st->n_twice++] = stored->output_id;
}

static int by_number(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static enum cs_err name_shared(void *self, uint32_t lane, uint64_t position, const struct cs_place *place)
{
    struct cs_standing *st = self;
    char what[96];
    if (!(place->flags & CS_OUTPUT_CANONICAL) || (place->flags & CS_OUTPUT_SUPERSEDED) ||
        bsearch(&place->output_id, st->twice, st->n_twice, sizeof *st->twice, by_number) == NULL)
        return CS_OK;
    snprintf(what, sizeof what, "output %" PRIu64 " stands here, and at another trial too", place->output_id);
    st->mixed++;
    st->fault(st->self, lane, position, what);
    return CS_OK;
}

/* Rows of the index: what has one, and what was asked again. */
static enum cs_err note_row(void *self, const struct cs_digest *d, const struct cs_indexed *found)
{
    struct cs_standing *st = self;
    (void)d;
    if (found->output_id <= st->last)
        set(st->index, found->output_id);
    return CS_OK;
}

enum cs_err cs_standing_begin(struct cs_standing *st, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    if (st->n_twice > 0) {
        qsort(st->twice, st->n_twice, sizeof *st->twice, by_number);
        rc = cs_store_scan_places(st->store, st->view->generation.number, name_shared, st, err);
    }
    if (rc == CS_OK && cs_store_format(st->store) > 1)
        rc = cs_store_index(st->store, note_row, st, err);
    return rc;
}

/* ---- answers that stand nowhere --------------------------------------------------------------------------- */

static int by_key(const void *a, const void *b)
{
    const struct case_of *x = a, *y = b;
    return (x->key > y->key) - (x->key < y->key);
}

static enum cs_err load_cases(struct cs_standing *st, struct cs_error *err)
{
    const uint32_t n = st->view->spec.study->n_cases;
    enum cs_err rc = CS_OK;
    if (st->cases != NULL)
        return CS_OK;
    st->cases = cs_xcalloc(n + 1u, sizeof *st->cases);
    for (uint32_t i = 0; rc == CS_OK && i < n; i++) {
        struct cs_case c;
        rc = st->view->cases.get(st->view->cases.self, i, &c, err);
        if (rc == CS_OK)
            st->cases[i] = (struct case_of){cs_digest_case_key(c.id), i};
    }
    if (rc == CS_OK)
        qsort(st->cases, n, sizeof *st->cases, by_key);
    return rc;
}

/* The lane's number in the generation at hand; CS_NONE: it has no such lane. */
static uint32_t lane_of(const struct cs_standing *st, uint64_t key)
{
    const struct cs_study *s = st->view->spec.study;
    for (uint32_t i = 0; i < s->n_models; i++) {
        if (cs_digest_lane_key(s->name, s->models[i].name, s->accounts[s->models[i].account].name) == key)
            return i;
    }
    return CS_NONE;
}

/* The trial whose request this is, in the lane and case that bought it. *found: there is one. */
static enum cs_err find_trial(struct cs_standing *st, const struct cs_digest *d, const struct cs_owner *owner,
                              bool *found, struct trial *out, struct cs_error *err)
{
    const struct cs_plan *plan = &st->view->plan;
    const struct cs_cells *cells;
    const struct case_of wanted = {owner->bought_for, 0}, *c;
    const uint32_t lane = lane_of(st, owner->lane);
    *found = false;
    enum cs_err rc = load_cases(st, err);
    if (rc != CS_OK || lane == CS_NONE)
        return rc;
    c = bsearch(&wanted, st->cases, plan->study->n_cases, sizeof *st->cases, by_key);
    if (c == NULL)
        return CS_OK;
    rc = cs_cell_cache_get(st->row->cells, lane, c->index, &cells, err);
    const uint64_t block = plan->lanes[lane].block_size;
    for (uint64_t i = 0; rc == CS_OK && i < block && !*found; i++) {
        struct cs_coords at;
        struct cs_digest one;
        cs_plan_coords(plan, lane, c->index * block + i, &at);
        cs_cells_trial_digest(cells, plan->study, at.cell, at.repeat, &one);
        *found = cs_digest_equal(&one, d);
        if (*found)
            *out = (struct trial){0, cs_plan_position(plan, lane, c->index * block + i), lane};
    }
    return rc;
}

/* Who may have the output: its index row says, or in format 1 the trial that it was bought for. *superseded: nobody any more. */
static enum cs_err owner_of(struct cs_standing *st, const struct cs_stored *stored, struct cs_owner *owner,
                            bool *superseded, struct cs_error *err)
{
    const struct cs_indexed *rows;
    uint32_t n;
    *superseded = false;
    *owner = (struct cs_owner){0};
    if (cs_store_format(st->store) == 1)
        return cs_owners_of(st->owners, stored->output.gen, stored->output.lane, stored->output.position, owner, err);
    enum cs_err rc = cs_index_finder_get(st->finder, &stored->output.digest, 0, &rows, &n, err);
    for (uint32_t i = 0; rc == CS_OK && i < n; i++) {
        if (rows[i].output_id == stored->output_id) {
            *owner = rows[i].owner;
            *superseded = (rows[i].flags & CS_OUTPUT_SUPERSEDED) != 0;
        }
    }
    return rc;
}

/* The answer stands nowhere. Its own trial stands on one of its own that came earlier, or on one that another bought. */
static enum cs_err look_for_owner(struct cs_standing *st, const struct cs_stored *stored, struct cs_error *err)
{
    struct cs_owner mine, other;
    struct cs_arena arena = {0};
    struct cs_stored instead;
    struct cs_place place;
    struct trial t = {0};
    bool superseded, found = false;
    enum cs_err rc = owner_of(st, stored, &mine, &superseded, err);
    if (rc == CS_OK && !superseded && mine.lane != 0)
        rc = find_trial(st, &stored->output.digest, &mine, &found, &t, err);
    if (rc != CS_OK || !found)
        return rc;
    rc = cs_store_rows_place(st->store, st->view->generation.number, t.lane, t.position, &place, err);
    if (rc == CS_ENOENT ||
        (rc == CS_OK && (!(place.flags & CS_OUTPUT_CANONICAL) || (place.flags & CS_OUTPUT_SUPERSEDED))))
        return CS_OK; /* not answered here yet: a late arrival for an earlier generation */
    if (rc == CS_OK)
        rc = cs_store_scan_output(st->store, place.output_id, &arena, &instead, err);
    if (rc == CS_OK)
        rc = owner_of(st, &instead, &other, &superseded, err);
    if (rc == CS_OK && other.lane != 0 && (other.lane != mine.lane || other.bought_for != mine.bought_for)) {
        char what[200];
        snprintf(what, sizeof what,
                 "output %" PRIu64 " was paid for by this trial and stands at none; output %" PRIu64
                 ", which %s bought, stands here instead",
                 stored->output_id, place.output_id, other.lane != mine.lane ? "another lane" : "another case");
        st->mixed++;
        st->fault(st->self, t.lane, t.position, what);
    }
    cs_arena_release(&arena);
    return rc;
}

enum cs_err cs_standing_output(struct cs_standing *st, const struct cs_stored *stored, struct cs_error *err)
{
    const uint64_t id = stored->output_id;
    if (id > st->last || !(stored->flags & CS_OUTPUT_CANONICAL))
        return CS_OK;
    if (cs_store_format(st->store) > 1 && !has(st->index, id)) {
        char what[96];
        snprintf(what, sizeof what, "output %" PRIu64 " is an answer, and no index row has it", id);
        st->fault(st->self, CS_NONE, 0, what);
        return CS_OK;
    }
    if (has(st->stands, id) || !has(st->filter, probe(st, &stored->output.digest)))
        return CS_OK;
    return look_for_owner(st, stored, err);
}

uint64_t cs_standing_mixed(const struct cs_standing *st)
{
    return st->mixed;
}
