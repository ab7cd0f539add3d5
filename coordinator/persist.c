#include "coordinator/server.h"

#include <stdlib.h>
#include <string.h>

#include "coordinator/days.h"
#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/log.h"

/* ---- the commit thread ------------------------------------------------------------------------------ */

void cs_persist_collect(struct cs_server *sv)
{
    struct cs_batch *batch;
    struct cs_error err = {0};
    enum cs_err rc;

    while ((batch = cs_commit_take(sv->commit, &rc, &err)) != NULL) {
        struct cs_event e = {.kind = CS_EV_COMMITTED, .committed = {batch, rc}};

        if (rc != CS_OK)
            cs_log(CS_ERROR, "write_failed", "error=\"%s\"", err.msg);
        if (batch->group >> CS_BUILD_GROUP_BIT & 1) {
            cs_build_committed(sv, batch, rc);
        } else if (batch->group >> CS_DAYS_GROUP_BIT & 1) {
            cs_days_written(sv, batch, rc);
        } else if (sv->over) {
            cs_batch_release(batch);
            free(batch);
        } else {
            cs_server_feed(sv, &e);
        }
        if (rc == CS_OK)
            cs_store_note_acked(sv->store);
    }
}

/* ---- loading ------------------------------------------------------------------------------------------ */

struct ledgers {
    const struct cs_plan *plan;
    struct cs_build_lane *lanes;
    bool outside;
};

static enum cs_err take_page(void *self, uint32_t lane, uint64_t page, const uint8_t bits[CS_PAGE_BYTES])
{
    struct ledgers *l = self;

    if (lane >= l->plan->n_lanes || page * CS_PAGE_TRIALS >= l->plan->lanes[lane].n_trials) {
        l->outside = true;
        return CS_ECORRUPT;
    }
    memcpy(l->lanes[lane].ledger + page * CS_PAGE_BYTES, bits, CS_PAGE_BYTES);
    return CS_OK;
}

enum cs_err cs_persist_ledgers(struct cs_server *sv, const struct cs_plan *plan, uint32_t gen,
                               struct cs_build_lane *lanes, struct cs_error *err)
{
    struct ledgers l = {plan, lanes, false};
    enum cs_err rc = CS_OK;

    for (uint32_t i = 0; i < plan->n_lanes; i++) {
        uint64_t pages = (plan->lanes[i].n_trials + CS_PAGE_TRIALS - 1) / CS_PAGE_TRIALS;

        lanes[i].ledger = cs_xcalloc((size_t)pages + 1, CS_PAGE_BYTES);
    }
    rc = cs_store_pages(sv->store, gen, take_page, &l, err);
    if (l.outside)
        return cs_error_set(err, CS_ECORRUPT, "the ledger of generation %u has pages outside its plan", gen);
    for (uint32_t i = 0; rc == CS_OK && i < plan->n_lanes; i++) {
        rc = cs_store_counters(sv->store, gen, i, &lanes[i].counters, err);
        if (rc == CS_ENOENT)
            rc = CS_OK;
    }
    return rc;
}

/* What the operator has said of a lane ("lane/GEN/LANE"). */
static enum cs_err read_mark(struct cs_server *sv, uint32_t gen, uint32_t lane, struct cs_lane_load *l,
                             struct cs_error *err)
{
    char key[64];
    void *value = NULL;
    uint32_t n = 0;
    enum cs_err rc;

    snprintf(key, sizeof key, "lane/%08u/%05u", gen, lane);
    rc = cs_store_meta(sv->store, key, &value, &n, err);
    if (rc == CS_OK) {
        l->paused = n == 6 && memcmp(value, "paused", 6) == 0;
        l->cancelled = n == 9 && memcmp(value, "cancelled", 9) == 0;
    }
    free(value);
    return rc == CS_ENOENT ? CS_OK : rc;
}

struct quarantine {
    uint32_t n;
    struct cs_quarantined *v;
};

/* "quarantine/GEN/LANE/POSITION": how often, on how many workers. */
static enum cs_err take_quarantined(void *self, const char *key, const void *value, uint32_t len)
{
    struct quarantine *q = self;
    struct cs_quarantined row = {0};
    unsigned long long position;
    char text[32];

    snprintf(text, sizeof text, "%.*s", (int)len, (const char *)value);
    if (sscanf(key, "quarantine/%*8u/%*5u/%12llu", &position) != 1 ||
        sscanf(text, "%u %u", &row.losses, &row.workers) != 2)
        return CS_ECORRUPT;
    row.position = position;
    q->v = cs_xrealloc(q->v, q->n + 1, sizeof *q->v);
    q->v[q->n++] = row;
    return CS_OK;
}

static enum cs_err read_quarantined(struct cs_server *sv, uint32_t gen, uint32_t lane, struct cs_lane_load *l,
                                    struct cs_error *err)
{
    struct quarantine q = {0};
    char prefix[64];
    enum cs_err rc;

    snprintf(prefix, sizeof prefix, "quarantine/%08u/%05u/", gen, lane);
    rc = cs_store_metas(sv->store, prefix, take_quarantined, &q, err);
    l->quarantined = q.v;
    l->n_quarantined = q.n;
    return rc == CS_OK ? CS_OK : cs_error_wrap(err, rc, "the rows of quarantined trials");
}

/* Money spent by generations that are not loaded. */
static enum cs_err spent_before(struct cs_server *sv, uint32_t gen, int64_t *out, struct cs_error *err)
{
    enum cs_err rc = CS_OK;

    *out = 0;
    for (uint32_t g = 1; g < gen && rc == CS_OK; g++) {
        if (cs_plans_find(&sv->plans, g) != NULL)
            continue;
        for (uint32_t lane = 0; lane < CS_MODELS_MAX && rc == CS_OK; lane++) {
            struct cs_counters c;

            rc = cs_store_counters(sv->store, g, lane, &c, err);
            if (rc == CS_OK)
                *out += c.cost_nano_usd;
            else if (rc == CS_ENOENT)
                rc = CS_OK;
        }
    }
    return rc;
}

enum cs_err cs_persist_load(struct cs_server *sv, struct cs_loaded_plan *plan, bool open, struct cs_build_lane *lanes,
                            struct cs_error *err)
{
    const struct cs_study *study = plan->view->spec.study;
    uint32_t n = plan->view->plan.n_lanes, gen = plan->view->generation.number;
    struct cs_lane_load *loads = cs_xcalloc(n + 1, sizeof *loads);
    struct cs_generation_load load = {
        .gen = gen, .open = open, .lanes = loads, .n_lanes = n, .budget_nano_usd = study->budget_nano_usd};
    struct cs_event e = {.kind = CS_EV_LOAD, .load = &load};
    enum cs_err rc = CS_OK;

    memcpy(load.spec_digest, plan->view->generation.spec_digest, sizeof load.spec_digest);
    for (uint32_t i = 0; rc == CS_OK && i < n; i++) {
        loads[i].name = study->models[i].name;
        loads[i].n_trials = plan->view->plan.lanes[i].n_trials;
        loads[i].block_size = plan->view->plan.lanes[i].block_size;
        loads[i].counters = lanes[i].counters;
        loads[i].price = study->models[i].price;
        loads[i].timeout_ms = study->models[i].timeout_ms;
        rc = cs_requests_lane_cap(plan->requests, i, &loads[i].max_output_tokens, err);
        if (rc == CS_OK)
            rc = cs_store_frontier(sv->store, gen, i, &loads[i].frontier, err);
        if (rc == CS_ENOENT)
            rc = CS_OK;
        if (rc == CS_OK)
            rc = read_mark(sv, gen, i, &loads[i], err);
        if (rc == CS_OK)
            rc = read_quarantined(sv, gen, i, &loads[i], err);
    }
    if (rc != CS_OK)
        goto out;
    for (uint32_t i = 0; i < n; i++) {
        loads[i].ledger = lanes[i].ledger;
        lanes[i].ledger = NULL;
    }
    sv->newest = plan->view->generation;
    cs_plans_add(&sv->plans, plan);
    rc = spent_before(sv, gen, &load.spent_nano_usd, err);
    if (rc == CS_OK)
        cs_server_feed(sv, &e);
out:
    for (uint32_t i = 0; i < n; i++)
        free(loads[i].quarantined);
    free(loads);
    return rc;
}

/* ---- who may hold leases of an earlier term ------------------------------------------------------------- */

static enum cs_err take_name(void *self, const char *key, const void *value, uint32_t len)
{
    struct cs_store_names *n = self;

    (void)key;
    n->v = cs_xrealloc(n->v, n->n + 1, sizeof *n->v);
    n->v[n->n++] = cs_xasprintf("%.*s", (int)len, (const char *)value);
    return CS_OK;
}

enum cs_err cs_persist_names(struct cs_server *sv, struct cs_store_names *out, struct cs_error *err)
{
    return cs_store_metas(sv->store, "worker/", take_name, out, err);
}

void cs_store_names_release(struct cs_store_names *n)
{
    for (uint32_t i = 0; i < n->n; i++)
        free(n->v[i]);
    free(n->v);
}

/* ---- what an earlier term may have spent, and what may be sent again ------------------------------------- */

enum { PRINTS = 16384 };

static enum cs_err take_risk(void *self, const char *key, const void *value, uint32_t len)
{
    struct cs_store_past *p = self;

    p->risks = cs_xrealloc(p->risks, p->n_risks + 1, sizeof *p->risks);
    p->damaged |= !cs_risk_unpack(key, value, len, &p->risks[p->n_risks++]);
    return CS_OK;
}

/* The newest are in `prints`, a ring. */
static enum cs_err take_print(void *self, uint32_t lane, uint64_t position, const struct cs_stored *stored,
                              struct cs_error *err)
{
    struct cs_store_past *p = self;

    (void)lane, (void)position, (void)err;
    p->prints[p->next_print++ % PRINTS] = cs_output_print(&stored->output);
    return CS_OK;
}

enum cs_err cs_persist_past(struct cs_server *sv, struct cs_store_past *out, struct cs_error *err)
{
    uint64_t last = cs_store_last_output(sv->store);
    void *value = NULL;
    uint32_t n = 0;
    enum cs_err rc = cs_store_metas(sv->store, "risk/", take_risk, out, err);

    if (rc != CS_OK)
        return rc;
    if (out->damaged)
        return cs_error_set(err, CS_ECORRUPT, "a row of what workers may have spent is damaged");
    rc = cs_store_meta(sv->store, "presumed", &value, &n, err);
    if (rc == CS_OK)
        out->presumed_nano_usd = strtoll(value, NULL, 10);
    free(value);
    if (rc != CS_OK && rc != CS_ENOENT)
        return rc;
    out->prints = cs_xcalloc(PRINTS, sizeof *out->prints);
    rc = cs_store_outputs(sv->store, last >= PRINTS ? last - PRINTS + 1 : 0, take_print, out, err);
    out->n_prints = out->next_print < PRINTS ? out->next_print : PRINTS;
    return rc;
}

void cs_store_past_release(struct cs_store_past *p)
{
    free(p->risks);
    free(p->prints);
}

/* ---- at the start --------------------------------------------------------------------------------------- */

struct history { /* the newest two generations */
    struct cs_generation last, before;
};

static enum cs_err take_generation(void *self, const char *key, const void *value, uint32_t len)
{
    struct history *h = self;

    (void)key;
    h->before = h->last;
    return cs_generation_unpack(value, len, &h->last, NULL);
}

static enum cs_err load_generation(struct cs_server *sv, const struct cs_generation *g, bool open, struct cs_error *err)
{
    struct cs_loaded_plan plan;
    struct cs_build_lane *lanes = NULL;
    uint32_t n = 0;
    enum cs_err rc = cs_loaded_plan_open(&plan, sv->store, g, err);

    if (rc != CS_OK)
        return rc;
    n = plan.view->plan.n_lanes;
    lanes = cs_xcalloc(n + 1, sizeof *lanes);
    rc = cs_persist_ledgers(sv, &plan.view->plan, g->number, lanes, err);
    if (rc == CS_OK)
        rc = cs_persist_load(sv, &plan, open, lanes, err);
    for (uint32_t i = 0; i < n; i++)
        free(lanes[i].ledger);
    free(lanes);
    cs_loaded_plan_close(&plan);
    return rc;
}

enum cs_err cs_persist_open(struct cs_server *sv, struct cs_error *err)
{
    struct history h = {0};
    enum cs_err rc = cs_store_metas(sv->store, "gen/", take_generation, &h, err);

    if (rc != CS_OK)
        return cs_error_wrap(err, rc, "generations");
    if (h.before.number != 0)
        rc = load_generation(sv, &h.before, false, err);
    if (rc == CS_OK && h.last.number != 0 && h.last.built)
        rc = load_generation(sv, &h.last, true, err);
    else if (rc == CS_OK && h.last.number != 0)
        rc = cs_build_resume(sv, &h.last, err);
    return rc;
}

/* Writes what was submitted; what comes back is answered no more. */
void cs_persist_close(struct cs_server *sv)
{
    cs_commit_close(sv->commit);
    cs_plans_close(&sv->plans);
    cs_build_release(&sv->build);
    cs_borrow_close(sv->borrow);
    cs_store_close(sv->store);
}
