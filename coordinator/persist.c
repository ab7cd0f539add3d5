
#include "coordinator/persist.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/again.h"
#include "coordinator/borrow.h"
#include "coordinator/build.h"
#include "coordinator/days.h"
#include "coordinator/delete.h"
#include "coordinator/lanes/event.h"
#include "coordinator/feed.h"
#include "coordinator/plans.h"
#include "coordinator/restore.h"
#include "coordinator/pick.h"
#include "coordinator/roster.h"
#include "coordinator/lanes/state.h"
#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/digest.h"
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
        } else if (batch->group >> CS_DELETE_GROUP_BIT & 1) {
            cs_delete_written(sv, batch, rc);
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

/* `presumed/KEY`: of studies that are not the store's first. */
static enum cs_err take_presumed(void *self, const char *key, const void *value, uint32_t len)
{
    struct cs_persist_past_rows *p = self;
    unsigned long long study;
    char text[32];

    snprintf(text, sizeof text, "%.*s", (int)len, (const char *)value);
    if (sscanf(key, "presumed/%16llx", &study) != 1)
        return CS_ECORRUPT;
    p->presumed = cs_xrealloc(p->presumed, p->n_presumed + 1, sizeof *p->presumed);
    p->presumed[p->n_presumed++] = (struct cs_presumed_row){study, strtoll(text, NULL, 10)};
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
    for (uint32_t i = 0; i < out->n_risks; i++)
        out->risks[i].study = cs_roster_study_of(&sv->roster, out->risks[i].gen);
    rc = cs_store_rows_meta(sv->store, "presumed", &value, &n, err);
    if (rc == CS_OK)
        out->presumed_nano_usd = strtoll(value, NULL, 10);
    free(value);
    if (rc == CS_OK || rc == CS_ENOENT)
        rc = cs_store_scan_metas(sv->store, "presumed/", take_presumed, out, err);
    if (rc != CS_OK)
        return rc;
    out->fingerprints = cs_xcalloc(PRINTS, sizeof *out->fingerprints);
    rc = cs_store_scan_outputs(sv->store, last >= PRINTS ? last - PRINTS + 1 : 0, take_print, out, err);
    out->n_fingerprints = out->next_fingerprint < PRINTS ? out->next_fingerprint : PRINTS;
    return rc;
}

void cs_persist_past_release(struct cs_persist_past_rows *p)
{
    free(p->risks);
    free(p->presumed);
    free(p->fingerprints);
}

/* ---- at the start --------------------------------------------------------------------------------------- */

struct history {
    struct cs_server *sv;
    uint64_t old; /* the only study of format 1, which did not write its key; 0: not known yet */
    struct cs_error *err;
};

static enum cs_err key_of_old(struct history *h, const struct cs_generation *g)
{
    struct cs_generation_view view = {0};
    enum cs_err rc = CS_OK;

    if (h->old != 0)
        return CS_OK;
    rc = cs_store_generation_view_open(&view, h->sv->store, g, h->err);
    if (rc != CS_OK)
        return rc;
    h->old = cs_digest_study_key(view.spec.study->name);
    cs_store_generation_view_close(&view);
    return CS_OK;
}

/* Every generation, in the order of their numbers: the newest built one of each study, and one that is not. */
static enum cs_err take_generation(void *self, const char *key, const void *value, uint32_t len)
{
    struct history *h = self;
    struct cs_roster *r = &h->sv->roster;
    struct cs_roster_study *s;
    struct cs_generation g;
    enum cs_err rc = cs_store_generation_unpack(value, len, &g, h->err);

    (void)key;
    if (rc == CS_OK && g.study == 0)
        rc = key_of_old(h, &g);
    if (rc != CS_OK)
        return rc;
    g.study = g.study != 0 ? g.study : h->old;
    s = cs_roster_find(r, g.study);
    if (s == NULL) {
        s = cs_roster_add(r, "");
        s->key = g.study;
    }
    cs_roster_note(r, g.number, s->key);
    if (!g.built) {
        s->next = g;
        return CS_OK;
    }
    s->before = s->newest.number;
    s->newest = g;
    return CS_OK;
}

/* What only the spec knows of the study. */
static enum cs_err name_it(struct cs_server *sv, struct cs_roster_study *s, struct cs_error *err)
{
    const struct cs_generation *g = s->next.number != 0 ? &s->next : &s->newest;
    struct cs_generation_view view = {0};
    enum cs_err rc = cs_store_generation_view_open(&view, sv->store, g, err);

    if (rc != CS_OK)
        return rc;
    free(s->name);
    free(s->title);
    s->name = cs_xstrdup(view.spec.study->name);
    s->title = cs_xstrdup(view.spec.study->title);
    s->n_lanes = view.plan.n_lanes;
    cs_store_generation_view_close(&view);
    return CS_OK;
}

/* `operator/KEY/weight`, `operator/KEY/after` */
static enum cs_err take_setting(void *self, const char *key, const void *value, uint32_t len)
{
    struct cs_server *sv = self;
    struct cs_roster_study *s;
    unsigned long long study;
    char what[16], text[256], priority[16];

    snprintf(text, sizeof text, "%.*s", (int)len, (const char *)value);
    if (sscanf(key, "operator/%16llx/%15s", &study, what) != 2 || (s = cs_roster_find(&sv->roster, study)) == NULL)
        return CS_OK;
    if (strcmp(what, "after") == 0) {
        free(s->after);
        s->after = cs_xstrdup(text);
    } else if (strcmp(what, "set") == 0) {
        return cs_settings_read(&s->set, value, len);
    } else if (strcmp(what, "weight") == 0) {
        if (sscanf(text, "%u %15s", &s->weight, priority) != 2 || s->weight < 1 || s->weight > CS_ROSTER_WEIGHT_MAX ||
            !cs_roster_priority(priority, &s->priority))
            return CS_ECORRUPT;
    }
    return CS_OK;
}

enum cs_err cs_persist_roster(struct cs_server *sv, struct cs_error *err)
{
    struct history h = {.sv = sv, .err = err};
    struct cs_roster *r = &sv->roster;
    enum cs_err rc = cs_store_scan_metas(sv->store, "gen/", take_generation, &h, err);

    if (rc != CS_OK)
        return cs_error_wrap(err, rc, "generations");
    for (uint32_t i = 0; i < r->n && rc == CS_OK; i++)
        rc = name_it(sv, r->items[i], err);
    if (rc == CS_OK)
        rc = cs_store_scan_metas(sv->store, "operator/", take_setting, sv, err);
    if (rc == CS_OK)
        rc = cs_delete_open(sv, err);
    return rc;
}

enum cs_err cs_persist_open(struct cs_server *sv, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    struct cs_roster_study *s;

    for (uint32_t i = 0; i < sv->roster.n && rc == CS_OK; i++) {
        if (sv->roster.items[i]->newest.number != 0)
            rc = cs_restore_study(sv, sv->roster.items[i], err);
    }
    if (rc != CS_OK)
        return rc;
    for (uint32_t i = 0; i < sv->roster.n; i++)
        cs_build_stay_stopped(sv, sv->roster.items[i]);
    s = cs_roster_next(sv);
    return s != NULL && s->next.number != 0 ? cs_build_start(sv, s, err) : CS_OK;
}

/* Writes what was submitted; what comes back is answered no more. */
void cs_persist_close(struct cs_server *sv)
{
    cs_commit_close(sv->commit);
    cs_plans_close(&sv->plans);
    cs_build_release(sv);
    cs_roster_release(&sv->roster);
    cs_coordinator_again_release(&sv->again);
    cs_pick_release(&sv->pick);
    cs_delete_release(sv);
    cs_borrow_close(sv->borrow);
    cs_store_close(sv->store);
}
