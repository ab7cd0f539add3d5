#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/hash.h"
#include "protocol/dialects/request.h"
#include "protocol/study/list.h"

/* ---- the cells of a case ---------------------------------------------------------------------- */

struct ranked {
    uint8_t digest[32];
    uint32_t cell;
};

static int by_digest_then_plan_order(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    int d = memcmp(x->digest, y->digest, sizeof x->digest);
    return d != 0 ? d : (x->cell > y->cell) - (x->cell < y->cell);
}

/* The rank of each cell among those with the same body. */
static void rank_twins(struct cs_cells *c)
{
    struct ranked *sorted = cs_xcalloc(c->n, sizeof *sorted);
    for (uint32_t i = 0; i < c->n; i++) {
        memcpy(sorted[i].digest, c->body_digest[i], 32);
        sorted[i].cell = i;
    }
    qsort(sorted, c->n, sizeof *sorted, by_digest_then_plan_order);
    for (uint32_t i = 1; i < c->n; i++)
        if (memcmp(sorted[i].digest, sorted[i - 1].digest, 32) == 0)
            c->twin[sorted[i].cell] = c->twin[sorted[i - 1].cell] + 1;
    free(sorted);
}

static struct cs_cells *new_cells(uint32_t lane, uint32_t case_index, uint32_t n, bool with_bodies)
{
    struct cs_cells *c = cs_xcalloc(1, sizeof *c);
    c->lane = lane;
    c->case_index = case_index;
    c->n = n;
    c->body_digest = cs_xcalloc(n, sizeof *c->body_digest);
    c->twin = cs_xcalloc(n, sizeof *c->twin);
    c->body_len = cs_xcalloc(n, sizeof *c->body_len);
    c->calls = cs_xcalloc(n, sizeof *c->calls);
    c->all_bytes = cs_xcalloc(n, sizeof *c->all_bytes);
    c->elements = cs_xcalloc(n, sizeof *c->elements);
    if (with_bodies)
        c->body = cs_xcalloc(n, sizeof *c->body);
    return c;
}

void cs_cells_free(struct cs_cells *c)
{
    if (c == NULL)
        return;
    for (uint32_t i = 0; c->body != NULL && i < c->n; i++)
        free(c->body[i]);
    free(c->body);
    free(c->body_len);
    free(c->calls);
    free(c->all_bytes);
    free(c->elements);
    free(c->images);
    free(c->twin);
    free(c->body_digest);
    free(c);
}

/* What a conversation's later calls add to it. */
static enum cs_err add_calls(struct cs_requests *r, uint32_t calls, struct cs_cells *cells, uint32_t i,
                             struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    cells->calls[i] = (uint8_t)calls;
    cells->all_bytes[i] = cells->body_len[i];
    for (uint32_t k = 1; k < calls && rc == CS_OK; k++) {
        struct cs_request_turn turn;
        rc = cs_request_turn(r, k, &turn, err);
        cells->all_bytes[i] += rc == CS_OK ? turn.bytes : 0;
    }
    return rc;
}

enum cs_err cs_cells_make(struct cs_requests *r, uint32_t lane, uint32_t case_index, const struct cs_case_source *cases,
                          bool with_bodies, struct cs_cells **out, struct cs_error *err)
{
    const struct cs_plan *plan = cs_requests_plan(r);
    struct cs_buf body = CS_BUF_INIT(CS_BODY_MAX);
    struct cs_case c;
    uint64_t bytes = 0;
    *out = NULL;
    CS_ASSERT(lane < plan->n_lanes);
    enum cs_err rc = cases->get(cases->self, case_index, &c, err);
    if (rc != CS_OK)
        return rc;
    struct cs_cells *cells = new_cells(lane, case_index, plan->lanes[lane].n_cells, with_bodies);
    cells->case_key = cs_digest_case_key(c.id);
    if (cs_image_is_used(plan->study))
        cells->images = cs_xcalloc(cells->n, sizeof *cells->images);
    for (uint32_t i = 0; i < cells->n; i++) {
        struct cs_coords at;
        uint32_t calls = 0;
        cs_plan_cell(plan, lane, case_index, i, &at);
        rc = cs_request_lay(r, &at, &c, &calls, err);
        if (rc == CS_OK)
            rc = cs_request_turn_body(r, 0, NULL, &body, err);
        if (rc == CS_OK)
            rc = cs_request_digest(r, &body, cells->body_digest[i], err);
        cells->body_len[i] = (uint32_t)body.len;
        if (rc == CS_OK)
            rc = add_calls(r, calls, cells, i, err);
        if (rc != CS_OK)
            goto out;
        cells->elements[i] = cs_list_elements(plan->study, at.question, &c);
        if (cells->images != NULL)
            (void)cs_request_image_tokens(r, &cells->images[i]);
        if (!with_bodies)
            continue;
        bytes += body.len;
        if (bytes > CS_CELLS_BYTES_MAX) {
            rc = cs_error_set(err, CS_ETOOBIG, "case \"%s\": its prompts for one model are over %u bytes", c.id,
                              CS_CELLS_BYTES_MAX);
            goto out;
        }
        cells->body[i] = memcpy(cs_xmalloc(body.len + 1), body.data, body.len + 1);
    }
    rank_twins(cells);
out:
    cs_buf_release(&body);
    if (rc != CS_OK) {
        cs_cells_free(cells);
        cells = NULL;
    }
    *out = cells;
    return rc;
}

void cs_cells_trial_digest(const struct cs_cells *c, const struct cs_study *s, uint32_t cell, uint32_t repeat,
                           struct cs_digest *out)
{
    CS_ASSERT(cell < c->n);
    const struct cs_model *m = &s->models[c->lane];
    cs_digest_trial(cs_protocol_name(s->accounts[m->account].protocol), m->model, c->body_digest[cell], repeat,
                    c->twin[cell], out);
}

/* ---- a bounded set of them -------------------------------------------------------------------- */

struct entry {
    uint64_t key; /* lane, case */
    struct cs_cells *cells;
    struct entry *prev, *next; /* most recently used first */
    UT_hash_handle hh;
};

struct cs_cell_cache {
    struct cs_requests *requests;
    struct cs_case_source cases;
    uint32_t entries_max;
    bool with_bodies;
    struct entry *by_key, *by_use;
};

struct cs_cell_cache *cs_cell_cache_open(struct cs_requests *r, struct cs_case_source cases, uint32_t entries_max,
                                         bool with_bodies)
{
    CS_ASSERT(entries_max > 0);
    struct cs_cell_cache *cache = cs_xcalloc(1, sizeof *cache);
    cache->requests = r;
    cache->cases = cases;
    cache->entries_max = entries_max;
    cache->with_bodies = with_bodies;
    return cache;
}

static void drop(struct cs_cell_cache *cache, struct entry *e)
{
    HASH_DEL(cache->by_key, e);
    DL_DELETE(cache->by_use, e);
    cs_cells_free(e->cells);
    free(e);
}

void cs_cell_cache_close(struct cs_cell_cache *cache)
{
    if (cache == NULL)
        return;
    while (cache->by_use != NULL)
        drop(cache, cache->by_use);
    free(cache);
}

enum cs_err cs_cell_cache_get(struct cs_cell_cache *cache, uint32_t lane, uint32_t case_index,
                              const struct cs_cells **out, struct cs_error *err)
{
    const uint64_t key = (uint64_t)lane << 32 | case_index;
    struct entry *e;
    *out = NULL;
    HASH_FIND(hh, cache->by_key, &key, sizeof key, e);
    if (e != NULL) {
        DL_DELETE(cache->by_use, e);
    } else {
        struct cs_cells *cells;
        enum cs_err rc = cs_cells_make(cache->requests, lane, case_index, &cache->cases, cache->with_bodies, &cells,
                                       err);
        if (rc != CS_OK)
            return rc;
        if (HASH_COUNT(cache->by_key) == cache->entries_max)
            drop(cache, cache->by_use->prev); /* the head's prev is the tail */
        e = cs_xcalloc(1, sizeof *e);
        e->key = key;
        e->cells = cells;
        HASH_ADD(hh, cache->by_key, key, sizeof e->key, e);
    }
    DL_PREPEND(cache->by_use, e);
    *out = e->cells;
    return CS_OK;
}
