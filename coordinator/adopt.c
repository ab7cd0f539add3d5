#include "coordinator/adopt.h"

#include <stdlib.h>
#include <string.h>

#include "coordinator/bits.h"
#include "coordinator/borrow.h"
#include "coordinator/page.h"
#include "coordinator/plans.h"
#include "protocol/base/assert.h"
#include "store/claims.h"

enum { PREPARE_ROWS = 16384, REST_TRIALS = 64, BORROWING = CS_REST_STAGES /* the last stage */ };

static enum cs_err note(void *self, uint32_t lane, uint64_t position, const struct cs_place *place)
{
    (void)lane, (void)position;
    cs_claims_note(self, place->output_id);
    return CS_OK;
}

enum cs_err cs_adopt_open(struct cs_server *sv, struct cs_error *err)
{
    struct cs_build *b = &sv->build;
    enum cs_err rc = cs_claims_open(&b->claims, sv->store, b->plan.view->spec.study, b->generation.others, err);

    if (rc == CS_OK)
        rc = cs_store_places(sv->store, b->generation.number, note, b->claims, err);
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
    return cs_claims_prepare(sv->build.claims, PREPARE_ROWS, ready, err);
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
    enum cs_err rc = cs_loaded_plan_digest(&b->plan, t->lane, t->position, &t->digest, err);

    return rc == CS_OK ? cs_loaded_plan_owner(&b->plan, t->lane, t->position, &t->owner, err) : rc;
}

static void count(struct cs_build *b, const struct trial *t, uint8_t outcome)
{
    struct cs_counters *c = &b->lanes[t->lane].counters;

    c->outcome[outcome]++;
    c->adopted++;
    c->carried += outcome == CS_OUTCOME_timeout;
}

static enum cs_err adopt(struct cs_server *sv, struct trial *t, enum cs_claim kind, const struct cs_claimed *one,
                         struct cs_error *err)
{
    struct cs_build *b = &sv->build;
    struct cs_batch_adoption row = {.gen = b->generation.number,
                                    .lane = t->lane,
                                    .position = t->position,
                                    .output_id = one->output_id,
                                    .superseded = kind == CS_CLAIM_ASKED,
                                    .earlier = one->earlier,
                                    .n_earlier = one->n_earlier,
                                    .from = one->from,
                                    .owner = t->owner,
                                    .digest = t->digest};
    struct cs_arena arena = {0};
    struct cs_stored stored;
    enum cs_err rc = cs_store_output(sv->store, one->output_id, &arena, &stored, err);

    if (rc == CS_OK && !cs_outcome_is_answer((enum cs_outcome)stored.output.outcome))
        rc = cs_error_set(err, CS_ECORRUPT, "output %llu is indexed, but no answer",
                          (unsigned long long)one->output_id);
    if (rc == CS_OK && !cs_digest_equal(&stored.output.digest, &t->digest))
        rc = cs_error_set(err, CS_ECORRUPT, "output %llu is indexed under another digest",
                          (unsigned long long)one->output_id);
    if (rc == CS_OK) {
        cs_batch_add_adoption(b->batch, &row);
        t->done = kind == CS_CLAIM_ANSWER;
    }
    if (t->done)
        count(b, t, stored.output.outcome);
    cs_arena_release(&arena);
    return rc;
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
    enum cs_err rc = cs_borrow_one(sv->borrow, &want, rest, kind, &packed, &row, &outcome, err);

    if (rc == CS_OK && *kind == CS_CLAIM_ANSWER) {
        cs_batch_add_output(b->batch, &row);
        count(b, t, outcome);
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

static enum cs_err look_at(struct cs_server *sv, struct trial *t, struct cs_error *err)
{
    struct cs_build *b = &sv->build;
    struct cs_claimed one;
    enum cs_claim kind = CS_CLAIM_NONE, lent = CS_CLAIM_NONE;
    enum cs_err rc = describe(b, t, err);

    if (rc == CS_OK)
        rc = cs_claims_own(b->claims, t->lane, &t->digest, t->owner.bought_for, &kind, &one, err);
    if (rc == CS_OK && (kind == CS_CLAIM_ANSWER || kind == CS_CLAIM_ASKED))
        return adopt(sv, t, kind, &one, err);
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

static void set_done(struct cs_build *b, uint32_t lane, uint64_t at, const struct cs_bits *done)
{
    struct cs_batch_page page = {.gen = b->generation.number, .lane = lane, .page = at};
    uint8_t *bits = page_bits(b, lane, at);

    cs_page_set(bits, done, CS_TRIAL_DONE);
    memcpy(page.bits, bits, sizeof page.bits);
    cs_batch_add_page(b->batch, &page);
}

static bool is_done(struct cs_build *b, uint32_t lane, uint64_t position)
{
    const uint64_t i = position % CS_PAGE_TRIALS;

    return (page_bits(b, lane, position / CS_PAGE_TRIALS)[i / 4] >> 2 * (i % 4) & 3) == CS_TRIAL_DONE;
}

enum cs_err cs_adopt_page(struct cs_server *sv, struct cs_error *err)
{
    struct cs_build *b = &sv->build;
    uint64_t n_trials = b->plan.view->plan.lanes[b->lane].n_trials, left = n_trials - b->position;
    uint32_t n = left < CS_PAGE_TRIALS ? (uint32_t)left : CS_PAGE_TRIALS;
    struct cs_bits done = {{0}};
    enum cs_err rc = CS_OK;

    for (uint32_t i = 0; i < n && rc == CS_OK; i++) {
        struct trial t = {.lane = b->lane, .position = b->position + i};

        if (is_done(b, t.lane, t.position)) /* before a restart */
            continue;
        rc = look_at(sv, &t, err);
        if (t.done)
            cs_bits_add(&done, i);
    }
    if (rc == CS_OK && !cs_bits_none(&done))
        set_done(b, b->lane, b->position / CS_PAGE_TRIALS, &done);
    b->position += n;
    b->scanned += n;
    b->scanned_since += n;
    return rc;
}

static enum cs_err serve(struct cs_server *sv, struct cs_put_off *p, struct cs_error *err)
{
    struct cs_build *b = &sv->build;
    struct trial t = {.lane = p->lane, .position = cs_plan_position(&b->plan.view->plan, p->lane, p->index)};
    struct cs_claimed one;
    struct cs_bits bit = {{0}};
    enum cs_claim kind = CS_CLAIM_NONE;
    enum cs_err rc = describe(b, &t, err);

    if (rc == CS_OK && b->stage < BORROWING)
        rc = cs_claims_rest(b->claims, t.lane, &t.digest, t.owner.bought_for, (enum cs_claim_stage)b->stage, &kind,
                            &one, err);
    if (rc == CS_OK && kind == CS_CLAIM_ANSWER)
        rc = adopt(sv, &t, kind, &one, err);
    else if (rc == CS_OK && b->stage == BORROWING)
        rc = borrow(sv, &t, true, &kind, err);
    if (rc == CS_OK && t.done) {
        p->served = true;
        cs_bits_add(&bit, (unsigned)(t.position % CS_PAGE_TRIALS));
        set_done(b, t.lane, t.position / CS_PAGE_TRIALS, &bit);
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
