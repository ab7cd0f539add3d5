#include "coordinator/reread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/lanes/ledger.h"
#include "coordinator/restore.h"
#include "protocol/base/alloc.h"
#include "protocol/study/list.h"
#include "store/reread.h"

enum cs_err cs_coordinator_reread_check(struct cs_server *sv, const struct cs_roster_study *s,
                                        const struct cs_spec *spec, struct cs_error *err)
{
    struct cs_generation_view view = {0};
    bool same = false;
    enum cs_err rc;

    if (s == NULL || s->newest.number == 0)
        return cs_error_set(err, CS_ENOENT, "reread: \"%s\" has no answers here", spec->study->name);
    rc = cs_store_generation_view_open(&view, sv->store, &s->newest, err);
    if (rc == CS_OK)
        rc = cs_spec_same_requests(&view.spec, spec, &same, err);
    if (rc == CS_OK && !same)
        rc = cs_error_set(err, CS_EINVAL,
                          "reread: the study says more than another `reading` than generation %u does, so that what is "
                          "sent could change; run that edit first, or undo it",
                          s->newest.number);
    cs_store_generation_view_close(&view);
    return rc;
}

bool cs_coordinator_reread_is(const struct cs_build *b)
{
    return b->generation.reading != 0 && b->generation.reading == b->generation.number;
}

/* Quarantined trials stay so, with what is known of them. */
struct quarantined {
    struct cs_batch *batch;
    uint32_t gen;
};

static enum cs_err carry_quarantined(void *self, const char *key, const void *value, uint32_t len)
{
    const struct quarantined *q = self;
    char mine[CS_META_KEY_MAX];
    unsigned lane;
    unsigned long long position;

    if (sscanf(key, "quarantine/%*8u/%5u/%12llu", &lane, &position) != 2)
        return CS_ECORRUPT;
    snprintf(mine, sizeof mine, "quarantine/%08u/%05u/%012llu", q->gen, lane, position);
    cs_batch_add_meta(q->batch, mine, value, len);
    return CS_OK;
}

enum cs_err cs_coordinator_reread_open(struct cs_server *sv, struct cs_error *err)
{
    struct cs_build *b = &sv->build;
    const uint32_t from = b->study->newest.number;
    struct quarantined q = {b->batch, b->generation.number};
    char prefix[CS_META_KEY_MAX];
    enum cs_err rc;

    b->skip = false;
    b->ready = true;
    b->before = cs_xcalloc(b->plan.view->plan.n_lanes + 1, sizeof *b->before);
    rc = cs_restore_ledgers(sv, &b->plan.view->plan, from, b->before, err);
    snprintf(prefix, sizeof prefix, "quarantine/%08u/", from);
    if (rc == CS_OK)
        rc = cs_store_scan_metas(sv->store, prefix, carry_quarantined, &q, err);
    return rc;
}

void cs_coordinator_reread_close(struct cs_build *b)
{
    for (uint32_t i = 0; b->before != NULL && i < b->plan.view->plan.n_lanes; i++)
        free(b->before[i].ledger);
    CS_FREE(b->before);
}

/* ---- a page -------------------------------------------------------------------------------------------- */

struct page { /* of the generation before */
    struct cs_build *build;
    uint32_t n; /* places found */
    uint64_t position[CS_PAGE_TRIALS];
    enum cs_trial_state state[CS_PAGE_TRIALS];
    struct cs_place place[CS_PAGE_TRIALS];
};

static void count(struct cs_build *b, enum cs_trial_state state, const struct cs_stored *stored)
{
    struct cs_counters *c = &b->lanes[b->lane].counters;

    if (state != CS_TRIAL_DONE && state != CS_TRIAL_FAILED)
        return;
    c->outcome[stored->output.outcome]++;
    if (state != CS_TRIAL_DONE)
        return;
    c->adopted++;
    c->carried += stored->output.outcome == CS_OUTCOME_timeout;
    c->salvaged += stored->output.salvaged;
    c->reread += stored->reading.number != 0;
}

/* The record as it was received: what an earlier reading made of it does not count. What waits for a later answer is nobody's answer. */
static enum cs_err take(void *self, uint32_t i, const struct cs_stored *read, struct cs_error *err)
{
    struct page *p = self;
    struct cs_build *b = p->build;
    const struct cs_plan *plan = &b->plan.view->plan;
    const struct cs_place *place = &p->place[i];
    struct cs_stored stored = *read;
    struct cs_coords at;
    struct cs_batch_adoption row = {.gen = b->generation.number,
                                    .lane = b->lane,
                                    .position = p->position[i],
                                    .output_id = place->output_id,
                                    .superseded = (place->flags & CS_OUTPUT_SUPERSEDED) != 0,
                                    .failure = (place->flags & CS_OUTPUT_FAILURE) != 0,
                                    .earlier = place->earlier,
                                    .n_earlier = place->n_earlier};

    if (p->state[i] == CS_TRIAL_DONE) {
        cs_plan_coords(plan, b->lane, cs_plan_at(plan, b->lane, p->position[i]), &at);
        uint32_t elements = 0;
        const enum cs_err rc = cs_list_elements_at(plan->study, at.question, &b->plan.view->cases, at.case_index,
                                                   &elements, err);
        if (rc != CS_OK)
            return rc;
        row.reading = cs_store_reread_output(plan->study, b->lane, at.question, elements, &stored.output,
                                             b->generation.number);
        cs_store_reread_apply(&row.reading, &stored);
    }
    count(b, p->state[i], &stored);
    cs_batch_add_adoption(b->batch, &row);
    return CS_OK;
}

/* What was planned again and has no answer keeps its row only where an answer waits behind it. */
static enum cs_err look_at(struct cs_server *sv, struct page *p, uint64_t position, enum cs_trial_state state,
                           struct cs_error *err)
{
    struct cs_build *b = p->build;
    struct cs_place *place = &p->place[p->n];
    const bool ended = state == CS_TRIAL_DONE || state == CS_TRIAL_FAILED;
    enum cs_err rc = cs_store_rows_place(sv->store, b->study->newest.number, b->lane, position, place, err);

    if (rc == CS_ENOENT)
        return ended ? cs_error_set(err, CS_ECORRUPT,
                                    "generation %u, lane %u, position %llu: the ledger says it has an output, and "
                                    "there is none",
                                    b->study->newest.number, b->lane, (unsigned long long)position)
                     : CS_OK;
    if (rc != CS_OK || (!ended && !(place->flags & CS_OUTPUT_SUPERSEDED) && place->n_earlier == 0))
        return rc;
    p->position[p->n] = position;
    p->state[p->n++] = state;
    return CS_OK;
}

static bool is_through(const uint8_t *bits)
{
    static const uint8_t none[CS_PAGE_BYTES];

    return memcmp(bits, none, sizeof none) != 0;
}

/* Every page of the old ledger goes over in the batch that has its places, so that one that is there was gone through before a restart. */
enum cs_err cs_coordinator_reread_page(struct cs_server *sv, struct cs_error *err)
{
    _Static_assert((int)CS_PAGE_TRIALS <= (int)CS_STORE_MANY, "one look");
    struct cs_build *b = &sv->build;
    const uint64_t at = b->position / CS_PAGE_TRIALS, n_trials = b->plan.view->plan.lanes[b->lane].n_trials;
    const uint64_t left = n_trials - b->position;
    const uint32_t n = left < CS_PAGE_TRIALS ? (uint32_t)left : CS_PAGE_TRIALS;
    const uint8_t *old = b->before[b->lane].ledger + at * CS_PAGE_BYTES;
    uint8_t *bits = b->lanes[b->lane].ledger + at * CS_PAGE_BYTES;
    struct page *p = cs_xmalloc(sizeof *p);
    uint64_t ids[CS_PAGE_TRIALS];
    enum cs_err rc = CS_OK;

    p->build = b;
    p->n = 0;
    for (uint32_t i = 0; rc == CS_OK && !is_through(bits) && i < n; i++)
        rc = look_at(sv, p, b->position + i, cs_ledger_get(old, i), err);
    for (uint32_t i = 0; i < p->n; i++)
        ids[i] = p->place[i].output_id;
    if (rc == CS_OK && p->n > 0)
        rc = cs_store_scan_output_many(sv->store, ids, p->n, take, p, err);
    if (rc == CS_OK && !is_through(bits) && is_through(old)) {
        struct cs_batch_page page = {.gen = b->generation.number, .lane = b->lane, .page = at};

        memcpy(bits, old, CS_PAGE_BYTES);
        memcpy(page.bits, bits, sizeof page.bits);
        cs_batch_add_page(b->batch, &page);
    }
    free(p);
    b->position += n;
    b->scanned += n;
    b->scanned_since += n;
    return rc;
}
