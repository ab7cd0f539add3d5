
#include "coordinator/persist.h"

#include <stdlib.h>
#include <string.h>

#include "coordinator/again.h"
#include "coordinator/borrow.h"
#include "coordinator/build.h"
#include "coordinator/days.h"
#include "coordinator/lanes/event.h"
#include "coordinator/feed.h"
#include "coordinator/plans.h"
#include "coordinator/restore.h"
#include "coordinator/lanes/state.h"
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
            cs_feed_event(sv, &e);
        }
        if (rc == CS_OK)
            cs_store_note_acked(sv->store);
    }
}

/* ---- who may hold leases of an earlier term ------------------------------------------------------------- */

static enum cs_err take_name(void *self, const char *key, const void *value, uint32_t len)
{
    struct cs_persist_names_list *n = self;

    (void)key;
    n->v = cs_xrealloc(n->v, n->n + 1, sizeof *n->v);
    n->v[n->n++] = cs_xasprintf("%.*s", (int)len, (const char *)value);
    return CS_OK;
}

enum cs_err cs_persist_names(struct cs_server *sv, struct cs_persist_names_list *out, struct cs_error *err)
{
    return cs_store_scan_metas(sv->store, "worker/", take_name, out, err);
}

void cs_persist_names_release(struct cs_persist_names_list *n)
{
    for (uint32_t i = 0; i < n->n; i++)
        free(n->v[i]);
    free(n->v);
}

/* ---- what an earlier term may have spent, and what may be sent again ------------------------------------- */

enum { PRINTS = 16384 };

static enum cs_err take_risk(void *self, const char *key, const void *value, uint32_t len)
{
    struct cs_persist_past_rows *p = self;

    p->risks = cs_xrealloc(p->risks, p->n_risks + 1, sizeof *p->risks);
    p->damaged |= !cs_risk_unpack(key, value, len, &p->risks[p->n_risks++]);
    return CS_OK;
}

/* The newest are in `fingerprints`, a ring. */
static enum cs_err take_print(void *self, uint32_t lane, uint64_t position, const struct cs_stored *stored,
                              struct cs_error *err)
{
    struct cs_persist_past_rows *p = self;

    (void)lane, (void)position, (void)err;
    p->fingerprints[p->next_fingerprint++ % PRINTS] = cs_intake_fingerprint(&stored->output);
    return CS_OK;
}

enum cs_err cs_persist_past(struct cs_server *sv, struct cs_persist_past_rows *out, struct cs_error *err)
{
    uint64_t last = cs_store_last_output(sv->store);
    void *value = NULL;
    uint32_t n = 0;
    enum cs_err rc = cs_store_scan_metas(sv->store, "risk/", take_risk, out, err);

    if (rc != CS_OK)
        return rc;
    if (out->damaged)
        return cs_error_set(err, CS_ECORRUPT, "a row of what workers may have spent is damaged");
    rc = cs_store_rows_meta(sv->store, "presumed", &value, &n, err);
    if (rc == CS_OK)
        out->presumed_nano_usd = strtoll(value, NULL, 10);
    free(value);
    if (rc != CS_OK && rc != CS_ENOENT)
        return rc;
    out->fingerprints = cs_xcalloc(PRINTS, sizeof *out->fingerprints);
    rc = cs_store_scan_outputs(sv->store, last >= PRINTS ? last - PRINTS + 1 : 0, take_print, out, err);
    out->n_fingerprints = out->next_fingerprint < PRINTS ? out->next_fingerprint : PRINTS;
    return rc;
}

void cs_persist_past_release(struct cs_persist_past_rows *p)
{
    free(p->risks);
    free(p->fingerprints);
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
    return cs_store_generation_unpack(value, len, &h->last, NULL);
}

static enum cs_err load_generation(struct cs_server *sv, const struct cs_generation *g, bool open, struct cs_error *err)
{
    struct cs_loaded_plan plan;
    struct cs_build_lane *lanes = NULL;
    uint32_t n = 0;
    enum cs_err rc = cs_plans_load(&plan, sv->store, g, err);

    if (rc != CS_OK)
        return rc;
    n = plan.view->plan.n_lanes;
    lanes = cs_xcalloc(n + 1, sizeof *lanes);
    rc = cs_restore_ledgers(sv, &plan.view->plan, g->number, lanes, err);
    if (rc == CS_OK)
        rc = cs_restore_generation(sv, &plan, open, lanes, err);
    for (uint32_t i = 0; i < n; i++)
        free(lanes[i].ledger);
    free(lanes);
    cs_plans_unload(&plan);
    return rc;
}

enum cs_err cs_persist_open(struct cs_server *sv, struct cs_error *err)
{
    struct history h = {0};
    enum cs_err rc = cs_store_scan_metas(sv->store, "gen/", take_generation, &h, err);

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
    cs_build_release(sv);
    cs_coordinator_again_release(&sv->again);
    cs_borrow_close(sv->borrow);
    cs_store_close(sv->store);
}
