
#include "coordinator/plans.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/dialects/system/service.h"
#include "protocol/study/applies.h"
#include "protocol/study/script.h"
#include "protocol/study/tools.h"
#include "store/turn_rows.h"

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

/* Of the calls of a conversation from the k-th on: each holds all texts up to it, and the replies before it, none above its cap. */
static enum cs_err calls_bound(struct cs_loaded_plan *p, const struct cs_coords *at, uint32_t k, uint64_t *tokens,
                               uint32_t *calls, struct cs_error *err)
{
    struct cs_request_turn turn;
    struct cs_images_count images = {0};
    struct cs_case c;
    uint32_t cap = 0, all = 0;
    enum cs_err rc = p->view->cases.get(p->view->cases.self, at->case_index, &c, err);

    if (rc == CS_OK)
        rc = cs_request_max_output_tokens(p->requests, at, &cap, err);
    if (rc == CS_OK)
        rc = cs_request_lay(p->requests, at, &c, &all, err);
    *tokens = *calls = 0;
    if (rc == CS_OK)
        (void)cs_request_image_tokens(p->requests, &images); /* known, or no budget */
    for (; rc == CS_OK && k < all; k++) {
        rc = cs_request_turn(p->requests, k, &turn, err);
        *tokens += rc == CS_OK ? (uint64_t)turn.bytes + images.most + WRAPPING_TOKENS + (uint64_t)k * cap : 0;
        ++*calls;
    }
    return rc;
}

static enum cs_err input_bound(void *self, uint32_t gen, uint32_t lane, uint64_t position, uint32_t turns,
                               uint64_t *out, uint32_t *calls, struct cs_error *err)
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
    *calls = 1;
    if (rc == CS_OK && cells->calls[at.cell] > 1)
        return calls_bound(p, &at, turns, out, calls, err);
    if (rc == CS_OK)
        *out = (uint64_t)cells->body_len[at.cell] + WRAPPING_TOKENS + /* no token of a text is shorter than a byte */
               (cells->images != NULL ? cells->images[at.cell].most : 0);
    return rc;
}

static uint64_t group_end(void *self, uint32_t gen, uint64_t rank)
{
    const struct cs_loaded_plan *p = find(self, gen);

    CS_ASSERT(p != NULL);
    return cs_plan_group_end(&p->view->plan, (uint32_t)rank);
}

/* The same output, sent again. */
static bool is_same(const struct cs_output *a, const struct cs_output *b)
{
    return strcmp(a->worker, b->worker) == 0 && a->started_wall_ms == b->started_wall_ms &&
           a->total_ms == b->total_ms && a->outcome == b->outcome;
}

static bool is_this(struct cs_store *store, uint64_t id, const struct cs_output *o)
{
    struct cs_arena arena = {0};
    struct cs_stored stored;
    bool same = cs_store_scan_output(store, id, &arena, &stored, NULL) == CS_OK && is_same(&stored.output, o);

    cs_arena_release(&arena);
    return same;
}

/* Which draw of its turns stands. */
static enum cs_err draw_of(struct cs_plans *all, const struct cs_loaded_plan *p, uint32_t lane, uint64_t position,
                           const struct cs_digest *digest, const struct cs_owner *owner, uint32_t *draw,
                           struct cs_error *err)
{
    const struct cs_study *s = p->view->spec.study;
    enum cs_err rc = cs_turn_rows_draw(all->store, p->view->generation.number, lane, position, draw, err);

    if (rc == CS_OK && cs_service_remembers(s->accounts[s->models[lane].account].service))
        rc = cs_turn_rows_newest(all->store, digest, owner, draw, err);
    return rc;
}

/* The calls of a trial: its cells are here, or are made. */
static enum cs_err calls_of(struct cs_loaded_plan *p, const struct cs_coords *at, uint32_t *out, struct cs_error *err)
{
    const struct cs_cells *cells;
    enum cs_err rc = cs_cell_cache_get(p->cells, at->lane, at->case_index, &cells, err);

    *out = rc == CS_OK ? cells->calls[at->cell] : 1;
    return rc;
}

static enum cs_err talk(void *self, uint32_t gen, uint32_t lane, uint64_t position, const struct cs_digest *digest,
                        const struct cs_owner *owner, struct cs_core_talk *out, struct cs_error *err)
{
    struct cs_plans *all = self;
    struct cs_loaded_plan *p = find(all, gen);
    const struct cs_toolset *set;
    struct cs_coords at;
    enum cs_err rc;

    CS_ASSERT(p != NULL && lane < p->view->plan.n_lanes);
    *out = (struct cs_core_talk){.calls = 1};
    cs_plan_coords(&p->view->plan, lane, cs_plan_at(&p->view->plan, lane, position), &at);
    rc = calls_of(p, &at, &out->calls, err);
    set = cs_tools_of(p->view->spec.study, &p->view->spec.study->questions[at.question]);
    out->max_calls = set != NULL ? set->max_calls : 0;
    if (rc == CS_OK && out->calls > 1)
        rc = draw_of(all, p, lane, position, digest, owner, &out->draw, err);
    if (rc == CS_OK && out->calls > 1)
        rc = cs_turn_rows_count(all->store, digest, owner, out->draw, &out->turns, err);
    return rc;
}

enum cs_err cs_plans_turn_sent(struct cs_loaded_plan *p, uint32_t lane, uint64_t position,
                               const struct cs_stored *turns, uint32_t n, uint8_t sent[16], bool *last,
                               struct cs_error *err)
{
    const char *said[CS_TURNS_MAX];
    struct cs_buf body = CS_BUF_INIT(CS_BODY_MAX);
    struct cs_coords at;
    uint8_t digest[32];
    struct cs_case c;
    uint32_t calls;
    enum cs_err rc;

    CS_ASSERT(n < CS_TURNS_MAX);
    for (uint32_t i = 0; i < n; i++)
        said[i] = cs_output_said(&turns[i].output);
    cs_plan_coords(&p->view->plan, lane, cs_plan_at(&p->view->plan, lane, position), &at);
    rc = p->view->cases.get(p->view->cases.self, at.case_index, &c, err);
    if (rc == CS_OK)
        rc = cs_request_lay(p->requests, &at, &c, &calls, err);
    if (rc == CS_OK && n >= calls)
        rc = cs_error_set(err, CS_ECORRUPT, "a conversation of %u calls has %u turns", calls, n);
    if (rc == CS_OK)
        rc = cs_request_turn_body(p->requests, n, said, &body, err);
    if (rc == CS_OK) {
        cs_digest_blake2b_256(body.data, body.len, digest);
        memcpy(sent, digest, 16);
        *last = cs_request_is_last(p->requests);
    }
    cs_buf_release(&body);
    return rc;
}

static enum cs_err sent_of(void *self, uint32_t gen, uint32_t lane, uint64_t position, const struct cs_digest *digest,
                           const struct cs_owner *owner, const struct cs_core_talk *t, uint8_t sent[16], bool *last,
                           struct cs_error *err)
{
    struct cs_plans *all = self;
    struct cs_loaded_plan *p = find(all, gen);
    struct cs_arena arena = {0};
    struct cs_stored *turns;
    uint32_t n;
    enum cs_err rc = cs_turn_rows_standing(all->store, digest, owner, t->draw, &arena, &turns, &n, err);

    CS_ASSERT(p != NULL && lane < p->view->plan.n_lanes);
    if (rc == CS_OK && n != t->turns)
        rc = cs_error_set(err, CS_ECORRUPT, "a conversation has %u turns on disk, not %u", n, t->turns);
    if (rc == CS_OK)
        rc = cs_plans_turn_sent(p, lane, position, turns, n, sent, last, err);
    cs_arena_release(&arena);
    return rc;
}

enum cs_err cs_plans_turns(struct cs_plans *all, uint32_t gen, uint32_t lane, uint64_t position, struct cs_arena *arena,
                           struct cs_stored **out, uint32_t *n, struct cs_error *err)
{
    struct cs_loaded_plan *p = find(all, gen);
    struct cs_digest digest;
    struct cs_owner owner;
    uint32_t draw;
    enum cs_err rc;

    CS_ASSERT(p != NULL && lane < p->view->plan.n_lanes);
    rc = cs_plans_identity(p, lane, position, &digest, &owner, err);
    if (rc == CS_OK)
        rc = draw_of(all, p, lane, position, &digest, &owner, &draw, err);
    if (rc == CS_OK)
        rc = cs_turn_rows_standing(all->store, &digest, &owner, draw, arena, out, n, err);
    return rc;
}

static bool is_turn(void *self, const struct cs_output *o, const struct cs_owner *owner, uint32_t draw)
{
    struct cs_plans *all = self;
    struct cs_arena arena = {0};
    struct cs_stored *turns;
    bool same = false;
    uint32_t n;

    if (cs_turn_rows_standing(all->store, &o->digest, owner, draw, &arena, &turns, &n, NULL) == CS_OK && o->turn <= n)
        same = is_same(&turns[o->turn - 1].output, o);
    cs_arena_release(&arena);
    return same;
}

static enum cs_err left_out(void *self, uint32_t gen, uint32_t lane, uint64_t position, bool *out, struct cs_error *err)
{
    struct cs_loaded_plan *p = find(self, gen);

    CS_ASSERT(p != NULL && lane < p->view->plan.n_lanes);
    return cs_plans_left_out(p, lane, position, out, err);
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

    return cs_turn_rows_draw(p->store, gen, lane, position, out, err);
}

struct cs_core_plan cs_plans_for_core(struct cs_plans *p)
{
    return (struct cs_core_plan){.self = p,
                                 .identity = identity,
                                 .input_bound = input_bound,
                                 .group_end = group_end,
                                 .is_stored = is_stored,
                                 .talk = talk,
                                 .sent = sent_of,
                                 .is_turn = is_turn,
                                 .left_out = left_out,
                                 .drawn = drawn};
}
