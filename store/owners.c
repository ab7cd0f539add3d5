#include "store/owners.h"

#include <stdlib.h>

#include "protocol/base/alloc.h"
#include "protocol/base/hash.h"

/* A generation as far as it is needed: its plan, the keys of its lanes and cases. Its chunks are closed. */
struct opened {
    uint32_t gen;
    struct cs_generation_view view;
    uint64_t *lanes, *cases;
    UT_hash_handle hh;
};

struct cs_owners {
    struct cs_store *store;
    struct opened *gens;
};

struct cs_owners *cs_owners_open(struct cs_store *s)
{
    struct cs_owners *o = cs_xcalloc(1, sizeof *o);
    o->store = s;
    return o;
}

static void close_one(struct opened *g)
{
    cs_store_generation_view_close(&g->view);
    free(g->lanes);
    free(g->cases);
    free(g);
}

void cs_owners_close(struct cs_owners *o)
{
    struct opened *g, *next;
    if (o == NULL)
        return;
    HASH_ITER (hh, o->gens, g, next) {
        HASH_DEL(o->gens, g);
        close_one(g);
    }
    free(o);
}

static enum cs_err take_keys(struct opened *one, struct cs_error *err)
{
    const struct cs_study *s = one->view.spec.study;
    enum cs_err rc = CS_OK;
    one->lanes = cs_xcalloc(s->n_models + 1u, sizeof *one->lanes);
    one->cases = cs_xcalloc(s->n_cases + 1u, sizeof *one->cases);
    for (uint32_t i = 0; i < s->n_models; i++)
        one->lanes[i] = cs_digest_lane_key(s->name, s->models[i].name, s->accounts[s->models[i].account].name);
    for (uint32_t i = 0; rc == CS_OK && i < s->n_cases; i++) {
        struct cs_case c;
        rc = one->view.cases.get(one->view.cases.self, i, &c, err);
        if (rc == CS_OK)
            one->cases[i] = cs_digest_case_key(c.id);
    }
    cs_chunks_close(one->view.chunks);
    one->view.chunks = NULL;
    return rc;
}

static enum cs_err open_one(struct cs_owners *o, uint32_t gen, struct opened **out, struct cs_error *err)
{
    char key[CS_META_KEY_MAX];
    void *value = NULL;
    uint32_t n = 0;
    struct cs_generation g;
    struct opened *one = cs_xcalloc(1, sizeof *one);
    cs_store_generation_key(gen, key);
    enum cs_err rc = cs_store_rows_meta(o->store, key, &value, &n, err);
    if (rc == CS_OK)
        rc = cs_store_generation_unpack(value, n, &g, err);
    free(value);
    if (rc == CS_OK)
        rc = cs_store_generation_view_open(&one->view, o->store, &g, err);
    if (rc == CS_OK)
        rc = take_keys(one, err);
    if (rc != CS_OK) {
        close_one(one);
        return rc;
    }
    one->gen = gen;
    HASH_ADD(hh, o->gens, gen, sizeof one->gen, one);
    *out = one;
    return CS_OK;
}

enum cs_err cs_owners_of(struct cs_owners *o, uint32_t gen, uint32_t lane, uint64_t position, struct cs_owner *out,
                         struct cs_error *err)
{
    struct opened *g;
    struct cs_coords at;
    enum cs_err rc = CS_OK;
    *out = (struct cs_owner){0};
    HASH_FIND(hh, o->gens, &gen, sizeof gen, g);
    if (g == NULL)
        rc = open_one(o, gen, &g, err);
    if (rc != CS_OK)
        return rc;
    const struct cs_plan *plan = &g->view.plan;
    if (lane >= plan->n_lanes || position >= plan->lanes[lane].n_trials)
        return cs_error_set(err, CS_ECORRUPT, "generation %u plans no trial at lane %u, position %llu", gen, lane,
                            (unsigned long long)position);
    cs_plan_coords(plan, lane, cs_plan_at(plan, lane, position), &at);
    *out = (struct cs_owner){g->lanes[lane], g->cases[at.case_index]};
    return CS_OK;
}
