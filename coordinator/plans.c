
#include "coordinator/plans.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/study/applies.h"

enum {
    CELLS_BYTES = 64 * 1024 * 1024, /* room for digests */
    CELL_BYTES = 48,
    CELLS_MAX = 512, /* cases */
    BODIES_BYTES = 32 * 1024 * 1024,
    BODY_BYTES = 4096, /* a guess for dividing the room */
    BODIES_MAX = 32,
    WRAPPING_TOKENS = 512, /* what a provider may add to a request around its text */
};

static uint32_t entries(const struct cs_plan *plan, uint32_t room, uint32_t each, uint32_t most)
{
    uint32_t widest = 1, n;

    for (uint32_t i = 0; i < plan->n_lanes; i++) {
        if (plan->lanes[i].n_cells > widest)
            widest = plan->lanes[i].n_cells;
    }
    n = room / each / widest;
    return n < 2 ? 2 : n > most ? most : n;
}

enum cs_err cs_plans_load(struct cs_loaded_plan *p, struct cs_store *store, const struct cs_generation *g,
                          struct cs_error *err)
{
    enum cs_err rc;

    memset(p, 0, sizeof *p);
    p->view = cs_xcalloc(1, sizeof *p->view);
    rc = cs_store_generation_view_open(p->view, store, g, err);
    if (rc == CS_OK)
        rc = cs_requests_open(&p->requests, &p->view->plan, err);
    if (rc != CS_OK) {
        cs_plans_unload(p);
        return rc;
    }
    const struct cs_study *study = p->view->spec.study;
    p->lanes = cs_xcalloc(study->n_models + 1u, sizeof *p->lanes);
    for (uint32_t i = 0; i < study->n_models; i++)
        p->lanes[i] = cs_digest_lane_key(study->name, study->models[i].name,
                                         study->accounts[study->models[i].account].name);
    p->cells = cs_cell_cache_open(p->requests, p->view->cases,
                                  entries(&p->view->plan, CELLS_BYTES, CELL_BYTES, CELLS_MAX), false);
    return CS_OK;
}

void cs_plans_unload(struct cs_loaded_plan *p)
{
    cs_cell_cache_close(p->cells);
    cs_cell_cache_close(p->bodies);
    cs_requests_close(p->requests);
    if (p->view != NULL)
        cs_store_generation_view_close(p->view);
    free(p->view);
    free(p->lanes);
    memset(p, 0, sizeof *p);
}

enum cs_err cs_plans_identity(struct cs_loaded_plan *p, uint32_t lane, uint64_t position, struct cs_digest *digest,
                              struct cs_owner *owner, struct cs_error *err)
{
    const struct cs_cells *cells;
    struct cs_coords at;
    enum cs_err rc;

    cs_plan_coords(&p->view->plan, lane, cs_plan_at(&p->view->plan, lane, position), &at);
    rc = cs_cell_cache_get(p->cells, lane, at.case_index, &cells, err);
    if (rc != CS_OK)
        return rc;
    cs_cells_trial_digest(cells, p->view->spec.study, at.cell, at.repeat, digest);
    *owner = (struct cs_owner){p->lanes[lane], cells->case_key};
    return CS_OK;
}

enum cs_err cs_plans_left_out(struct cs_loaded_plan *p, uint32_t lane, uint64_t position, bool *out,
                              struct cs_error *err)
{
    struct cs_coords at;
    struct cs_case c;
    enum cs_err rc;

    cs_plan_coords(&p->view->plan, lane, cs_plan_at(&p->view->plan, lane, position), &at);
    rc = p->view->cases.get(p->view->cases.self, at.case_index, &c, err);
    *out = rc == CS_OK && !cs_applies_cell(p->view->spec.study, &at, &c);
    return rc;
}

/* ---- the loaded ones -------------------------------------------------------------------------------- */

static struct cs_loaded_plan *find(const struct cs_plans *p, uint32_t gen)
{
    return gen < p->n ? p->by_generation[gen] : NULL;
}

const struct cs_loaded_plan *cs_plans_find(const struct cs_plans *p, uint32_t gen)
{
    return find(p, gen);
}

void cs_plans_add(struct cs_plans *p, struct cs_loaded_plan *plan)
{
    const uint32_t gen = plan->view->generation.number;

    if (gen >= p->n) {
        p->by_generation = cs_xrealloc(p->by_generation, gen + 1, sizeof *p->by_generation);
        memset(p->by_generation + p->n, 0, (gen + 1 - p->n) * sizeof *p->by_generation);
        p->n = gen + 1;
    }
    cs_plans_drop(p, gen);
    p->by_generation[gen] = cs_xmalloc(sizeof *plan);
    *p->by_generation[gen] = *plan;
    memset(plan, 0, sizeof *plan);
}

void cs_plans_drop(struct cs_plans *p, uint32_t gen)
{
    struct cs_loaded_plan *plan = find(p, gen);

    if (plan == NULL)
        return;
    p->by_generation[gen] = NULL;
    cs_plans_unload(plan);
    free(plan);
}

void cs_plans_close(struct cs_plans *p)
{
    for (uint32_t i = 0; i < p->n; i++)
        cs_plans_drop(p, i);
    CS_FREE(p->by_generation);
    p->n = 0;
}

/* ---- the core's questions ---------------------------------------------------------------------------- */

static enum cs_err identity(void *self, uint32_t gen, uint32_t lane, uint64_t position, struct cs_digest *digest,
                            struct cs_owner *owner, struct cs_error *err)
{
    struct cs_loaded_plan *p = find(self, gen);

    CS_ASSERT(p != NULL && lane < p->view->plan.n_lanes);
    return cs_plans_identity(p, lane, position, digest, owner, err);
}

static enum cs_err input_bound(void *self, uint32_t gen, uint32_t lane, uint64_t position, uint64_t *out,
                               struct cs_error *err)
{
    struct cs_loaded_plan *p = find(self, gen);
    const struct cs_cells *cells;
    struct cs_coords at;
    enum cs_err rc;

    CS_ASSERT(p != NULL);
    if (p->bodies == NULL)
        p->bodies = cs_cell_cache_open(p->requests, p->view->cases,
                                       entries(&p->view->plan, BODIES_BYTES, BODY_BYTES, BODIES_MAX), true);
    cs_plan_coords(&p->view->plan, lane, cs_plan_at(&p->view->plan, lane, position), &at);
    rc = cs_cell_cache_get(p->bodies, lane, at.case_index, &cells, err);
    if (rc == CS_OK)
        *out = (uint64_t)cells->body_len[at.cell] + WRAPPING_TOKENS; /* no token is shorter than a byte */
    return rc;
}

static enum cs_err left_out(void *self, uint32_t gen, uint32_t lane, uint64_t position, bool *out, struct cs_error *err)
{
    struct cs_loaded_plan *p = find(self, gen);

    CS_ASSERT(p != NULL && lane < p->view->plan.n_lanes);
    return cs_plans_left_out(p, lane, position, out, err);
}

static bool is_this(struct cs_store *store, uint64_t id, const struct cs_output *o)
{
    struct cs_arena arena = {0};
    struct cs_stored stored;
    bool same = cs_store_scan_output(store, id, &arena, &stored, NULL) == CS_OK;

    if (same)
        same = strcmp(stored.output.worker, o->worker) == 0 && stored.output.started_wall_ms == o->started_wall_ms &&
               stored.output.total_ms == o->total_ms && stored.output.outcome == o->outcome;
    cs_arena_release(&arena);
    return same;
}

static bool is_stored(void *self, const struct cs_output *o)
{
    struct cs_plans *p = self;
    struct cs_place place;
    bool same;

    if (cs_store_rows_place(p->store, o->gen, o->lane, o->position, &place, NULL) != CS_OK)
        return false;
    same = is_this(p->store, place.output_id, o);
    for (uint32_t i = 0; i < place.n_earlier && !same; i++)
        same = is_this(p->store, place.earlier[i], o);
    return same;
}

static enum cs_err drawn(void *self, uint32_t gen, uint32_t lane, uint64_t position, uint32_t *out,
                         struct cs_error *err)
{
    const struct cs_plans *p = self;
    struct cs_place place;
    enum cs_err rc = cs_store_rows_place(p->store, gen, lane, position, &place, err);

    *out = rc == CS_OK ? place.n_earlier + ((place.flags & CS_OUTPUT_SUPERSEDED) != 0) : 0;
    return rc == CS_ENOENT ? CS_OK : rc;
}

struct cs_core_plan cs_plans_for_core(struct cs_plans *p)
{
    return (struct cs_core_plan){p, identity, input_bound, is_stored, left_out, drawn};
}
