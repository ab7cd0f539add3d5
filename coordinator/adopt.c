#include "coordinator/adopt.h"

#include <stdlib.h>
#include <string.h>

#include "coordinator/lanes/bits.h"
#include "coordinator/borrow.h"
#include "coordinator/catchup.h"
#include "coordinator/lanes/ledger.h"
#include "coordinator/plans.h"
#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/study/list.h"
#include "store/claims.h"
#include "store/reread.h"

enum { NOTES_A_STEP = 16384, PREPARE_ROWS = 16384, REST_TRIALS = 64, BORROWING = CS_REST_STAGES /* the last stage */ };

struct notes {
    struct cs_build *build;
    uint32_t n;
};

static enum cs_err note(void *self, uint32_t lane, uint64_t position, const struct cs_place *place)
{
    struct notes *k = self;

    k->build->note_lane = lane;
    k->build->note_position = position;
    if (k->n++ == NOTES_A_STEP)
        return CS_EAGAIN;
    cs_claims_note(k->build->claims, place->output_id);
    return CS_OK;
}

/* What was taken over before a restart. */
static enum cs_err note_some(struct cs_server *sv, struct cs_error *err)
{
    struct cs_build *b = &sv->build;
    struct notes k = {b, 0};
    enum cs_err rc = cs_store_scan_places_from(sv->store, b->generation.number, b->note_lane, b->note_position, note,
                                               &k, err);

    b->noted = rc == CS_OK;
    return rc == CS_EAGAIN ? CS_OK : rc;
}

enum cs_err cs_adopt_open(struct cs_server *sv, struct cs_error *err)
{
    struct cs_build *b = &sv->build;
    enum cs_err rc = cs_claims_open(&b->claims, sv->store, b->plan.view->spec.study, b->generation.others, err);

    b->noted = !b->has_cursor;
    if (rc == CS_OK)
        cs_borrow_begin(sv->borrow, sv->store);
    return rc;
}

void cs_adopt_close(struct cs_server *sv)
{
    cs_borrow_end(sv->borrow);
    cs_claims_close(sv->build.claims);
    sv->build.claims = NULL;
}

enum cs_err cs_adopt_prepare(struct cs_server *sv, bool *ready, struct cs_error *err)
{
    if (!sv->build.noted)
        return note_some(sv, err);
    return sv->build.round > 0 ? cs_catchup_scan(sv, ready, err)
                               : cs_claims_prepare(sv->build.claims, PREPARE_ROWS, ready, err);
}

/* ---- one trial ----------------------------------------------------------------------------------------- */

struct trial {
    uint32_t lane;
    uint64_t position;
    struct cs_digest digest;
    struct cs_owner owner;
    bool done; /* it has an answer now */
};

static enum cs_err describe(struct cs_build *b, struct trial *t, struct cs_error *err)
{
    return cs_plans_identity(&b->plan, t->lane, t->position, &t->digest, &t->owner, err);
}

static void count(struct cs_build *b, const struct trial *t, uint8_t outcome)
{
    struct cs_counters *c = &b->lanes[t->lane].counters;

    c->outcome[outcome]++;
    c->adopted++;
    c->carried += outcome == CS_OUTCOME_timeout;
}

/* Trials whose answers are claimed and not read yet. */
struct taken {
    struct cs_build *build;
    uint32_t n;
    struct {
        struct trial trial;
        enum cs_claim kind;
        struct cs_claimed one;
    } v[CS_STORE_MANY];
};

static enum cs_err adopt(void *self, uint32_t i, const struct cs_stored *stored, struct cs_error *err)
{
    struct taken *all = self;
    struct cs_build *b = all->build;
    struct trial *t = &all->v[i].trial;
    const struct cs_claimed *one = &all->v[i].one;
    struct cs_batch_adoption row = {.gen = b->generation.number,
                                    .lane = t->lane,
                                    .position = t->position,
                                    .output_id = one->output_id,
                                    .superseded = all->v[i].kind == CS_CLAIM_ASKED,
                                    .earlier = one->earlier,
                                    .n_earlier = one->n_earlier,
                                    .from = one->from,
                                    .owner = t->owner,
                                    .digest = t->digest};

    struct cs_stored read = *stored;

    if (!cs_outcome_is_answer((enum cs_outcome)stored->output.outcome))
        return cs_error_set(err, CS_ECORRUPT, "output %llu is indexed, but no answer",
                            (unsigned long long)one->output_id);
    if (!cs_digest_equal(&stored->output.digest, &t->digest))
        return cs_error_set(err, CS_ECORRUPT, "output %llu is indexed under another digest",
                            (unsigned long long)one->output_id);
    t->done = all->v[i].kind == CS_CLAIM_ANSWER;
    if (t->done && b->generation.reading != 0) { /* they were reread before this edit */
        const struct cs_plan *plan = &b->plan.view->plan;
        struct cs_coords at;

        cs_plan_coords(plan, t->lane, cs_plan_at(plan, t->lane, t->position), &at);
        uint32_t elements = 0;
        const enum cs_err rc = cs_list_elements_at(plan->study, at.question, &b->plan.view->cases, at.case_index,
                                                   &elements, err);
        if (rc != CS_OK)
            return rc;
        row.reading = cs_store_reread_output(plan->study, t->lane, at.question, elements, &read.output,
                                             b->generation.reading);
        cs_store_reread_apply(&row.reading, &read);
    }
    cs_batch_add_adoption(b->batch, &row);
    if (t->done) {
        count(b, t, read.output.outcome);
        b->lanes[t->lane].counters.salvaged += read.output.salvaged;
        b->lanes[t->lane].counters.reread += read.reading.number != 0;
    }
    return CS_OK;
}

static void take(struct taken *all, const struct trial *t, enum cs_claim kind, const struct cs_claimed *one)
{
    CS_ASSERT(all->n < CS_STORE_MANY);
    all->v[all->n].trial = *t;
    all->v[all->n].kind = kind;
    all->v[all->n++].one = *one;
}

/* Reads what is claimed; the trials are then done, or wait for a later answer. */
static enum cs_err adopt_all(struct cs_server *sv, struct taken *all, struct cs_error *err)
{
    uint64_t ids[CS_STORE_MANY];

    for (uint32_t i = 0; i < all->n; i++)
        ids[i] = all->v[i].one.output_id;
    return cs_store_scan_output_many(sv->store, ids, all->n, adopt, all, err);
}

static enum cs_err borrow(struct cs_server *sv, struct trial *t, bool rest, enum cs_claim *kind, struct cs_error *err)
{
    struct cs_build *b = &sv->build;
    const struct cs_study *study = b->plan.view->spec.study;
    const struct cs_model *m = &study->models[t->lane];
    const struct cs_borrow_want want = {.gen = b->generation.number,
                                        .lane = t->lane,
                                        .position = t->position,
                                        .digest = t->digest,
                                        .owner = t->owner,
                                        .model = m->name,
                                        .account = study->accounts[m->account].name};
    struct cs_buf packed = CS_BUF_INIT(CS_OUTPUT_MAX);
    struct cs_batch_output row;
    uint8_t outcome = 0;
    bool salvaged = false;
    enum cs_err rc = cs_borrow_one(sv->borrow, &want, rest, kind, &packed, &row, &outcome, &salvaged, err);

    if (rc == CS_OK && *kind == CS_CLAIM_ANSWER) {
        cs_batch_add_output(b->batch, &row);
        count(b, t, outcome);
        b->lanes[t->lane].counters.salvaged += salvaged;
        b->borrowed++;
        t->done = true;
    }
    cs_buf_release(&packed);
    return rc;
}

/* ---- all of them --------------------------------------------------------------------------------------- */

/* If the pass is broken off from here on, it begins with this page again. */
static void put_off(struct cs_build *b, const struct trial *t)
{
    if (!b->waiting) {
        b->waiting = true;
        b->from_lane = t->lane;
        b->from_position = t->position / CS_PAGE_TRIALS * CS_PAGE_TRIALS;
    }
    cs_claims_put_off(b->claims, t->lane, cs_plan_at(&b->plan.view->plan, t->lane, t->position));
}

static enum cs_err look_at(struct cs_server *sv, struct trial *t, struct taken *all, struct cs_error *err)
{
    struct cs_build *b = &sv->build;
    struct cs_claimed one;
    enum cs_claim kind = CS_CLAIM_NONE, lent = CS_CLAIM_NONE;
    enum cs_err rc = describe(b, t, err);

    if (rc == CS_OK)
        rc = cs_claims_own(b->claims, t->lane, &t->digest, t->owner.bought_for, &kind, &one, err);
    if (rc == CS_OK && (kind == CS_CLAIM_ANSWER || kind == CS_CLAIM_ASKED)) {
        take(all, t, kind, &one);
        return CS_OK;
    }
    if (rc == CS_OK && kind == CS_CLAIM_NONE && sv->borrow != NULL)
        rc = borrow(sv, t, false, &lent, err);
    if (rc == CS_OK && (kind == CS_CLAIM_LATER || lent == CS_CLAIM_LATER))
        put_off(b, t);
    return rc;
}

static uint8_t *page_bits(struct cs_build *b, uint32_t lane, uint64_t page)
{
    return b->lanes[lane].ledger + page * CS_PAGE_BYTES;
}

static void set_page(struct cs_build *b, uint32_t lane, uint64_t at, const struct cs_bits *done,
                     const struct cs_bits *left_out)
{
    struct cs_batch_page page = {.gen = b->generation.number, .lane = lane, .page = at};
    uint8_t *bits = page_bits(b, lane, at);

    cs_ledger_set(bits, done, CS_TRIAL_DONE);
    cs_ledger_set(bits, left_out, CS_TRIAL_CANCELLED);
    memcpy(page.bits, bits, sizeof page.bits);
    cs_batch_add_page(b->batch, &page);
}

static bool is_planned(struct cs_build *b, uint32_t lane, uint64_t position)
{
    return cs_ledger_get(page_bits(b, lane, position / CS_PAGE_TRIALS), (unsigned)(position % CS_PAGE_TRIALS)) ==
           CS_TRIAL_PLANNED;
}

/* One trial of a page: left out, looked at, or settled before a restart or in an earlier round. */
static enum cs_err visit(struct cs_server *sv, uint32_t i, struct taken *all, struct cs_bits *done,
                         struct cs_bits *left_out, struct cs_error *err)
{
    struct cs_build *b = &sv->build;
    struct trial t = {.lane = b->lane, .position = b->position + i};
    enum cs_err rc = CS_OK;
    bool out = false;

    if (!is_planned(b, t.lane, t.position) || !cs_catchup_is_marked(b, t.lane, t.position))
        return CS_OK;
    if (b->leaves_out && b->round == 0)
        rc = cs_plans_left_out(&b->plan, t.lane, t.position, &out, err);
    if (rc == CS_OK && out)
        cs_bits_add(left_out, i);
    else if (rc == CS_OK && !(b->skip && b->round == 0))
        rc = look_at(sv, &t, all, err);
    if (t.done)
        cs_bits_add(done, i);
    return rc;
}

enum cs_err cs_adopt_page(struct cs_server *sv, struct cs_error *err)
{
    struct cs_build *b = &sv->build;
    uint64_t n_trials = b->plan.view->plan.lanes[b->lane].n_trials, left = n_trials - b->position;
    uint32_t n = left < CS_PAGE_TRIALS ? (uint32_t)left : CS_PAGE_TRIALS;
    struct taken *all = cs_xmalloc(sizeof *all);
    struct cs_bits done = {{0}}, left_out = {{0}};
    enum cs_err rc = CS_OK;

    all->build = b;
    all->n = 0;
    for (uint32_t i = 0; i < n && rc == CS_OK; i++)
        rc = visit(sv, i, all, &done, &left_out, err);
    if (rc == CS_OK)
        rc = adopt_all(sv, all, err);
    for (uint32_t i = 0; rc == CS_OK && i < all->n; i++) {
        if (all->v[i].trial.done)
            cs_bits_add(&done, (unsigned)(all->v[i].trial.position - b->position));
    }
    free(all);
    if (rc == CS_OK && !(cs_bits_none(&done) && cs_bits_none(&left_out)))
        set_page(b, b->lane, b->position / CS_PAGE_TRIALS, &done, &left_out);
    b->position += n;
    b->scanned += b->round == 0 ? n : 0;
    b->scanned_since += n;
    return rc;
}

static enum cs_err serve(struct cs_server *sv, struct cs_put_off *p, struct cs_error *err)
{
    struct cs_build *b = &sv->build;
    struct trial t = {.lane = p->lane, .position = cs_plan_position(&b->plan.view->plan, p->lane, p->index)};
    struct cs_claimed one;
    struct cs_bits bit = {{0}}, none = {{0}};
    enum cs_claim kind = CS_CLAIM_NONE;
    enum cs_err rc;

    if (!is_planned(b, t.lane, t.position)) { /* its own case's answer came meanwhile */
        p->served = true;
        return CS_OK;
    }
    rc = describe(b, &t, err);
    if (rc == CS_OK && b->stage < BORROWING)
        rc = cs_claims_rest(b->claims, t.lane, &t.digest, t.owner.bought_for, (enum cs_claim_stage)b->stage, &kind,
                            &one, err);
    if (rc == CS_OK && kind == CS_CLAIM_ANSWER) {
        struct taken *all = cs_xmalloc(sizeof *all);

        all->build = b;
        all->n = 0;
        take(all, &t, kind, &one);
        rc = adopt_all(sv, all, err);
        t.done = all->v[0].trial.done;
        free(all);
    } else if (rc == CS_OK && b->stage == BORROWING)
        rc = borrow(sv, &t, true, &kind, err);
    if (rc == CS_OK && t.done) {
        p->served = true;
        cs_bits_add(&bit, (unsigned)(t.position % CS_PAGE_TRIALS));
        set_page(b, t.lane, t.position / CS_PAGE_TRIALS, &bit, &none);
    }
    return rc;
}

enum cs_err cs_adopt_rest(struct cs_server *sv, bool *done, struct cs_error *err)
{
    struct cs_build *b = &sv->build;
    enum cs_err rc = CS_OK;

    *done = false;
    if (b->waits == NULL)
        b->waits = cs_claims_all_put_off(b->claims, &b->n_waits);
    for (uint32_t n = 0; rc == CS_OK && n < REST_TRIALS; n++) {
        if (b->next_wait == b->n_waits) {
            b->stage++;
            b->next_wait = 0;
        }
        if (b->n_waits == 0 || b->stage > BORROWING) {
            *done = true;
            return CS_OK;
        }
        if (!b->waits[b->next_wait].served)
            rc = serve(sv, &b->waits[b->next_wait], err);
        b->next_wait++;
    }
    return rc;
}
