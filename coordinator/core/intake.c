/* intake.c - outputs: what they change, and what they cost.
 *
 *   trial is            answer arrives             failure arrives
 *   planned             done, canonical (a)        failed; under a budget, if its cost is unknown, twice planned again
 *   (asked again)       done, canonical, and the earlier answer linked: that one itself, sent once more, changes nothing
 *   failed, cancelled   done, canonical            duplicate
 *   done                duplicate                  duplicate
 *   unparsable, of a study that draws such again: planned, and the answer kept as one that was asked again (draws.c)
 *   (a) a timeout by our own overload (ramp.h), twice at most: planned, an attempt record; leased again once that is on disk (lease.c)
 *
 * A turn of a conversation changes no state: its trial stays planned and leased (talks.h). Only who holds it is told to go on.
 * Judged by generation, lane, position and digest, whoever holds the lease now: a result for the right request is a paid fact.
 */
#include "coordinator/core/intake.h"

#include <math.h>

#include "coordinator/core/caps.h"
#include "coordinator/core/draws.h"
#include "coordinator/lanes/act.h"
#include "coordinator/lanes/alike.h"
#include "coordinator/lanes/bits.h"
#include "coordinator/lanes/budget.h"
#include "coordinator/lanes/event.h"
#include "coordinator/core/grant.h"
#include "coordinator/lanes/deal.h"
#include "coordinator/core/acks.h"
#include "coordinator/lanes/lane.h"
#include "coordinator/core/lease.h"
#include "coordinator/core/quarantine.h"
#include "coordinator/lanes/risk.h"
#include "coordinator/lanes/serving.h"
#include "coordinator/core/session.h"
#include "coordinator/core/talks.h"
#include "coordinator/lanes/state.h"
#include "coordinator/lanes/talked.h"
#include "coordinator/lanes/trouble.h"

enum { FURTHER_MAX = 2 /* calls after timeouts that were our own doing (decision 12) */ };
/* Under a budget a call that may have been billed, and gave nothing: how often its trial is planned again by itself, if nobody knows what it
 * cost; and if its provider told. */
enum { AGAIN_MAX = 2, AGAIN_TOLD_MAX = 5 };

uint64_t cs_intake_fingerprint(const struct cs_output *o)
{
    uint64_t h, half[2];

    memcpy(half, o->digest.b, sizeof half);
    h = cs_rng_mix64(half[0] ^ cs_rng_mix64(half[1] ^ cs_rng_mix64((uint64_t)o->started_wall_ms)));
    h = cs_rng_mix64(h ^ ((uint64_t)o->total_ms << 8 | o->outcome));
    h = cs_rng_mix64(
        h ^ o->position); /* equal requests of two cases or two endpoints are two calls, also in the same millisecond */
    h = cs_rng_mix64(h ^ ((uint64_t)o->gen << 32 | o->lane));
    h = cs_rng_mix_text(h, o->worker);
    return h | 1; /* 0 stands for an empty slot */
}

/* ---- what is here already --------------------------------------------------------------------------- */

static uint64_t *slot_of(const struct cs_seen *set, uint64_t fingerprint)
{
    uint64_t i = fingerprint >> 1 & (2 * CS_SEEN - 1);

    while (set->slots[i] != 0 && set->slots[i] != fingerprint)
        i = (i + 1) & (2 * CS_SEEN - 1);
    return &set->slots[i];
}

static bool has_seen(const struct cs_core *core, uint64_t fingerprint)
{
    for (int i = 0; i < 2; i++) {
        if (core->seen[i].n > 0 && *slot_of(&core->seen[i], fingerprint) != 0)
            return true;
    }
    return false;
}

void cs_intake_remember(struct cs_core *core, uint64_t fingerprint)
{
    struct cs_seen *now = &core->seen[0];

    if (now->n == CS_SEEN) {
        struct cs_seen old = core->seen[1];

        core->seen[1] = *now;
        *now = old;
        now->n = 0;
        if (now->slots != NULL)
            memset(now->slots, 0, 2 * (size_t)CS_SEEN * sizeof *now->slots);
    }
    if (now->slots == NULL)
        now->slots = cs_xcalloc(2 * (size_t)CS_SEEN, sizeof *now->slots);
    *slot_of(now, fingerprint) = fingerprint;
    now->n++;
}

void cs_intake_close(struct cs_core *core)
{
    free(core->seen[0].slots);
    free(core->seen[1].slots);
}

/* Whether it is here already, in a group or on disk. A trial that was asked again has an answer too, whatever its state. */
static bool is_resent(struct cs_core *core, const struct cs_lane *lane, const struct cs_output *o)
{
    bool answered = cs_coordinator_lane_state_of(lane, o->position) == CS_TRIAL_DONE || lane->counters.superseded > 0;
    uint64_t fingerprint = cs_intake_fingerprint(o);

    if (has_seen(core, fingerprint) || (answered && core->plan.is_stored(core->plan.self, o)))
        return true;
    cs_intake_remember(core, fingerprint);
    return false;
}

/* ---- what it changes -------------------------------------------------------------------------------- */

/* worst: what was reserved for it. */
static void charge(struct cs_core *core, struct cs_lane *lane, const struct cs_output *o, int64_t worst)
{
    struct cs_counters *c = &lane->counters;
    int64_t bound = cs_budget_ambiguous(core, lane, o);
    struct cs_bill bill;
    int64_t beyond = cs_budget_bill(core, lane, o, worst, &bill);

    c->cost_nano_usd = cs_price_add(c->cost_nano_usd, bill.cost);
    c->wasted_nano_usd = cs_price_add(c->wasted_nano_usd, bill.wasted);
    c->absurd_nano_usd = cs_price_add(c->absurd_nano_usd, bill.absurd);
    if (beyond > 0)
        c->over_nano_usd = cs_price_add(c->over_nano_usd, beyond);
    c->untold += !bill.told;
    c->ambiguous_nano_usd = c->ambiguous_nano_usd < 0 || bound < 0 ? -1 : cs_price_add(c->ambiguous_nano_usd, bound);
    cs_over_take(core, lane, o, beyond >= 0);
}

static void count(struct cs_core *core, struct cs_lane *lane, const struct cs_output *o, uint8_t flags, int64_t worst)
{
    struct cs_counters *c = &lane->counters;

    if (flags & CS_OUTPUT_ATTEMPT) {
        c->overload++;
    } else {
        *(flags & CS_OUTPUT_DUPLICATE    ? &c->duplicates
          : flags & CS_OUTPUT_TURN       ? &c->turns
          : flags & CS_OUTPUT_SUPERSEDED ? &c->superseded
                                         : &c->outcome[o->outcome]) += 1;
        c->salvaged += o->salvaged && !(flags & (CS_OUTPUT_DUPLICATE | CS_OUTPUT_TURN));
        c->attempts += o->attempts;
        c->ambiguous += o->ambiguous;
    }
    c->input_tokens += o->input_tokens;
    c->cached_tokens += o->cached_tokens;
    c->cache_write_tokens += o->cache_write_tokens;
    c->output_tokens += o->output_tokens;
    c->reasoning_tokens += o->reasoning_tokens;
    charge(core, lane, o, worst);
    lane->counters_dirty = true;
}

/* True: the trial was leased to its sender. (The epoch in an output is that of its start: an adopted lease has a newer one.)
 * *worst: what was reserved or presumed for it; 0: nothing. */
static bool end_lease(struct cs_core *core, struct cs_session *s, struct cs_lane *lane, const struct cs_output *o,
                      int64_t *worst)
{
    unsigned at = (unsigned)(o->position % CS_PAGE_TRIALS);
    struct cs_lease *l = cs_coordinator_lane_lease_of(lane, o->position);
    bool live = l != NULL && l->session == s;
    struct cs_bits one = {{0}};

    cs_bits_add(&one, at);
    *worst = live && l->risk != NULL ? l->risk->worst.one
                                     : cs_risk_told(core, s, o->gen, o->lane, o->position / CS_PAGE_TRIALS, &one);
    if (l != NULL && !live && l->assign_seq != CS_UNTOLD) { /* another may call, or have called, too */
        cs_lease_recall(core, l);
        cs_risk_presume_one(core, l, &one);
    }
    if (l != NULL)
        cs_lease_take(core, l, &one, false);
    return live;
}

/* A conversation that goes on in a session of the system's, which was lost: it is begun anew (talks.h). */
static bool is_session_lost(const struct cs_lane *lane, const struct cs_output *o)
{
    return lane->remembers && o->turns_done > 1 &&
           (o->outcome == CS_OUTCOME_provider_error || o->outcome == CS_OUTCOME_transport);
}

/* A failure whose call was, or may have been, billed. Its worker must not repeat that without a fresh grant (decision 15): this is one. */
static bool goes_again(struct cs_lane *lane, const struct cs_output *o)
{
    const bool told = o->input_tokens > 0 || o->output_tokens > 0, lost = is_session_lost(lane, o),
               paid = cs_budget_is_set(lane->study) && (told || cs_budget_is_unknown(o));

    if (!lane->open || lane->cancelled || !(lost || paid))
        return false;
    return cs_coordinator_lane_again(lane, o->position)->times++ < (told && !lost ? AGAIN_TOLD_MAX : AGAIN_MAX);
}

/* A timeout that our own overload made is not an answer: the trial stays planned, and this call is kept as an attempt. */
static bool goes_further(struct cs_core *core, struct cs_lane *lane, const struct cs_output *o,
                         enum cs_trial_state state)
{
    return o->outcome == CS_OUTCOME_timeout && state == CS_TRIAL_PLANNED && lane->open && !lane->cancelled &&
           cs_serving_overloaded(lane, o->server, core->now_ms) &&
           cs_coordinator_lane_again(lane, o->position)->further++ < FURTHER_MAX;
}

/* False: it is planned again. */
static bool change(struct cs_core *core, struct cs_lane *lane, const struct cs_output *o, bool answer)
{
    uint64_t page = o->position / CS_PAGE_TRIALS;
    struct cs_bits one = {{0}};

    if (!answer && goes_again(lane, o)) {
        cs_coordinator_lane_loosen(lane, page);
        core->regrant = true;
        return false;
    }
    cs_bits_add(&one, (unsigned)(o->position % CS_PAGE_TRIALS));
    cs_coordinator_lane_set(lane, page, &one, answer ? CS_TRIAL_DONE : CS_TRIAL_FAILED);
    if (lane->count[CS_TRIAL_PLANNED] == 0)
        core->announce_dirty = true;
    return true;
}

/* A further call, once this one is on disk. */
static void leave_planned(struct cs_core *core, struct cs_lane *lane, const struct cs_output *o, bool drawn)
{
    lane->further_group = core->open->number;
    cs_coordinator_lane_loosen(lane, o->position / CS_PAGE_TRIALS);
    core->regrant = true;
    if (!drawn)
        return;
    cs_coordinator_talks_again(core, lane, o->position);
    cs_alike_take(core, lane, o); /* a judge that cannot be read at all is found out by its fiftieth reply */
}

static bool is_holder(const struct cs_session *s, struct cs_lane *lane, uint64_t position)
{
    const struct cs_lease *l = cs_coordinator_lane_lease_of(lane, position);

    return l != NULL && l->session == s;
}

/* A turn that another paid for stands: the holder may be told of it, and make the next call, before its own reply comes. */
static void goes_on_dearer(struct cs_core *core, struct cs_lease *l, uint64_t position)
{
    const struct cs_worst left = cs_budget_worst(core, l->lane, position);
    struct cs_worst worst = l->risk->worst;

    if (left.one <= worst.one)
        return;
    worst.one = left.one < worst.all ? left.one : worst.all;
    cs_risk_lower(core, l, &worst);
}

/* A call of a conversation that goes on has ended: it is reserved, or presumed, no more. True: the trial is, and stays, leased to its sender.
 * *worst: what was; 0: nothing. */
static bool end_call(struct cs_core *core, struct cs_session *s, struct cs_lane *lane, const struct cs_output *o,
                     int64_t *worst)
{
    struct cs_lease *l = cs_coordinator_lane_lease_of(lane, o->position);
    const bool live = l != NULL && l->session == s;
    struct cs_bits one = {{0}};
    struct cs_worst left;

    cs_bits_add(&one, (unsigned)(o->position % CS_PAGE_TRIALS));
    *worst = 0;
    if (!cs_budget_is_set(lane->study))
        return live;
    if (!live || l->risk == NULL) {
        *worst = cs_risk_told(core, s, o->gen, o->lane, o->position / CS_PAGE_TRIALS, &one);
        if (l != NULL && l->risk != NULL)
            goes_on_dearer(core, l, o->position);
    } else {
        *worst = l->risk->worst.one;
        left = cs_budget_worst(core, lane, o->position);
        if (!core->ended && (left.all < l->risk->worst.all || left.all == CS_WORST_LEAST))
            cs_risk_lower(core, l, &left);
        else /* this call came on top of all that are left: another grant covers those */
            cs_lease_take(core, l, &one, true);
    }
    if (*worst > 0 && cs_budget_is_unknown(o) && !cs_budget_is_by_call(lane, o))
        cs_risk_write_off(core, lane->study, *worst);
    return is_holder(s, lane, o->position);
}

static void add_row(struct cs_core *core, struct cs_batch_output *row, const struct cs_output_bytes *packed)
{
    row->bytes = packed->bytes;
    row->len = packed->len;
    cs_batch_add_output(core->open->batch, row);
}

/* The trial goes on: it stays planned, and leased to whom it is leased. True: that is its sender. */
static bool record_turn(struct cs_core *core, struct cs_session *s, struct cs_lane *lane, const struct cs_output *o,
                        struct cs_batch_output *row, const struct cs_output_bytes *packed)
{
    int64_t worst;
    bool live;

    core->intake.received++;
    cs_quarantine_answered(core, lane, o->position, false); /* its worker outlived this call */
    cs_deal_output(core, lane, o);
    cs_coordinator_talks_stands(core, lane, o, cs_intake_fingerprint(o));
    live = end_call(core, s, lane, o, &worst);
    *(live ? &core->intake.committed : &core->intake.late) += 1;
    row->flags = CS_OUTPUT_TURN;
    add_row(core, row, packed);
    count(core, lane, o, row->flags, worst);
    cs_coordinator_served_take(core, lane, o, row->owner.bought_for);
    return live;
}

/* A paid fact, and nothing comes of it; whoever sent it goes on from what stands. */
static void record_other(struct cs_core *core, struct cs_session *s, struct cs_lane *lane, const struct cs_output *o,
                         struct cs_batch_output *row, const struct cs_output_bytes *packed)
{
    int64_t worst;

    core->intake.received++;
    core->intake.duplicate++;
    (void)end_call(core, s, lane, o, &worst);
    row->flags = (uint8_t)(CS_OUTPUT_DUPLICATE | (o->turn > 0 ? CS_OUTPUT_TURN : 0));
    row->turn.number = 0;
    add_row(core, row, packed);
    count(core, lane, o, row->flags, worst);
}

static void record(struct cs_core *core, struct cs_session *s, struct cs_lane *lane, const struct cs_output *o,
                   struct cs_batch_output row, const struct cs_output_bytes *packed)
{
    enum cs_trial_state state = cs_coordinator_lane_state_of(lane, o->position);
    bool answer = cs_outcome_is_answer((enum cs_outcome)o->outcome), live;
    int64_t worst;

    cs_quarantine_answered(core, lane, o->position, answer);
    cs_deal_output(core, lane, o);
    live = end_lease(core, s, lane, o, &worst);
    if (worst > 0 && cs_budget_is_unknown(o) && !cs_budget_is_by_call(lane, o))
        cs_risk_write_off(core, lane->study, worst);
    core->intake.received++;
    if (answer)
        cs_coordinator_trouble_alive(lane, core->now_ms);
    if (goes_further(core, lane, o, state))
        row.flags = CS_OUTPUT_ATTEMPT;
    else if (cs_draws_again(core, lane, o, state))
        row.flags = CS_OUTPUT_CANONICAL | CS_OUTPUT_SUPERSEDED;
    else if (answer && state != CS_TRIAL_DONE)
        row.flags = CS_OUTPUT_CANONICAL;
    else if (!answer && state == CS_TRIAL_PLANNED)
        row.flags = CS_OUTPUT_FAILURE;
    else
        row.flags = CS_OUTPUT_DUPLICATE;
    CS_ASSERT((row.flags & CS_OUTPUT_CANONICAL) == 0 ||
              cs_coordinator_lane_state_of(lane, o->position) != CS_TRIAL_DONE); /* invariants 2 and 3 */
    if (row.flags & (CS_OUTPUT_ATTEMPT | CS_OUTPUT_SUPERSEDED)) {
        leave_planned(core, lane, o, (row.flags & CS_OUTPUT_SUPERSEDED) != 0);
        *(live ? &core->intake.committed : &core->intake.late) += 1;
    } else if (row.flags == CS_OUTPUT_CANONICAL || row.flags == CS_OUTPUT_FAILURE) {
        cs_talked_drop(lane, o->position);
        if (change(core, lane, o, answer))
            cs_alike_take(core, lane, o);
        *(live ? &core->intake.committed : &core->intake.late) += 1;
    } else if (row.flags == CS_OUTPUT_DUPLICATE) {
        core->intake.duplicate++;
    }
    if (!(row.flags & (CS_OUTPUT_CANONICAL | CS_OUTPUT_FAILURE)))
        row.turn.number = 0;
    add_row(core, &row, packed);
    count(core, lane, o, row.flags, worst);
    if (answer)
        cs_coordinator_served_take(core, lane, o, row.owner.bought_for);
}

static void refuse(struct cs_core *core, struct cs_session *s, uint64_t number, enum cs_refusal why)
{
    core->intake.received++;
    core->intake.refused++;
    cs_acks_refuse(core, s, number, why);
    if (why != CS_REFUSED_UNKNOWN)
        cs_session_refuse(core, s);
}

/* What is right in itself. */
static void admit(struct cs_core *core, struct cs_session *s, uint64_t number, struct cs_lane *lane,
                  const struct cs_output *o, const struct cs_owner *owner, const struct cs_output_bytes *packed)
{
    const bool resent = is_resent(core, lane, o);
    struct cs_coordinator_talks_verdict v = {.kind = CS_TALKS_OUTPUT};
    struct cs_batch_output row = {
        .gen = o->gen, .lane = o->lane, .position = o->position, .digest = o->digest, .owner = *owner};

    if (!resent || o->turn > 0)
        v = cs_coordinator_talks_judge(core, lane, o, owner, cs_intake_fingerprint(o), resent,
                                       is_holder(s, lane, o->position));
    row.turn = v.turn;
    switch (v.kind) {
    case CS_TALKS_OUTPUT:
        if (resent)
            core->intake.resent++;
        else
            record(core, s, lane, o, row, packed);
        break;
    case CS_TALKS_TURN:
        if (!record_turn(core, s, lane, o, &row, packed)) /* it is kept; who goes on from it is another */
            cs_acks_refuse(core, s, number, CS_REFUSED_TURN);
        break;
    case CS_TALKS_STANDS:
        core->intake.resent++;
        if (!is_holder(s, lane, o->position))
            cs_acks_refuse(core, s, number, CS_REFUSED_TURN);
        break;
    case CS_TALKS_OTHER:
        if (resent)
            core->intake.resent++;
        else
            record_other(core, s, lane, o, &row, packed);
        cs_acks_refuse(core, s, number, CS_REFUSED_TURN);
        break;
    case CS_TALKS_WRONG:
        cs_log(CS_ERROR, "turn_mismatch", "worker=%s gen=%u lane=%u position=%llu", s->worker, o->gen, o->lane,
               (unsigned long long)o->position);
        refuse(core, s, number, CS_REFUSED_DIGEST);
        break;
    case CS_TALKS_MALFORMED:
        refuse(core, s, number, CS_REFUSED_MALFORMED);
        break;
    case CS_TALKS_ENDED:
        break;
    }
}

static void take(struct cs_core *core, struct cs_session *s, uint64_t number, const struct cs_output_bytes *packed)
{
    struct cs_error err = {0};
    struct cs_digest want;
    struct cs_owner owner;
    struct cs_output o;
    struct cs_lane *lane;
    enum cs_err rc;

    cs_arena_reset(&core->scratch);
    rc = packed->len <= CS_OUTPUT_MAX ? cs_output_unpack(packed->bytes, packed->len, &core->scratch, &o, &err)
                                      : CS_ETOOBIG;
    if (rc != CS_OK || o.outcome >= CS_OUTCOMES || o.worker == NULL || !isfinite(o.logprob)) {
        refuse(core, s, number, CS_REFUSED_MALFORMED);
        return;
    }
    lane = cs_coordinator_lane_find(core, o.gen, o.lane);
    if (lane == NULL || o.position >= lane->n_trials) {
        refuse(core, s, number, CS_REFUSED_UNKNOWN);
        return;
    }
    rc = core->plan.identity(core->plan.self, o.gen, o.lane, o.position, &want, &owner, &err);
    if (rc != CS_OK) {
        cs_act_end(core, rc, err.msg);
        return;
    }
    if (!cs_digest_equal(&want, &o.digest)) {
        cs_log(CS_ERROR, "digest_mismatch", "worker=%s gen=%u lane=%u position=%llu", s->worker, o.gen, o.lane,
               (unsigned long long)o.position);
        refuse(core, s, number, CS_REFUSED_DIGEST);
        return;
    }
    cs_caps_worked(core, s, lane);
    admit(core, s, number, lane, &o, &owner, packed);
}

void cs_intake_outputs(struct cs_core *core, struct cs_session *s, const struct cs_message *m)
{
    const struct cs_outputs *o = &m->outputs;
    uint64_t bytes = 0;

    if (core->stopping)
        return; /* they are resent to the next coordinator */
    if (o->first == 0 || o->first > s->received + 1 || s->unacked_bytes > 2 * (uint64_t)CS_WINDOW_BYTES) {
        core->intake.gaps++;
        cs_act_send_to(core, &s->peer, CS_WHO);
        return;
    }
    if (o->first + o->n <= s->received + 1) { /* all of it is here: an ACK was lost */
        cs_acks_send(core, s);
        return;
    }
    for (uint32_t k = (uint32_t)(s->received + 1 - o->first); k < o->n && !core->ended; k++) {
        take(core, s, o->first + k, &o->outputs[k]);
        s->received = o->first + k;
        bytes += o->outputs[k].len;
    }
    const struct cs_intake *in = &core->intake;
    CS_ASSERT(in->received == in->committed + in->late + in->duplicate + in->refused); /* invariant 9 */
    cs_acks_receipt(core, s, s->received, bytes);
    cs_grant_session(core, s, false);
}
