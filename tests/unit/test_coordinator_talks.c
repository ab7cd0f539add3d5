/* The coordinator's core in conversations: which reply stands, what comes of the others, and what is told of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/coordinator_hand.h"

enum { CALLS = 3, TRIALS = 8 };

static void open_rig(struct rig *r, struct hand *h)
{
    rig_open(r, 1, TRIALS);
    r->disk->calls = CALLS;
    rig_begin(r);
    hand_open(h, r, "w1", 1);
    h->minor = CS_WIRE_MINOR;
}

/* A call costs 50 x 10 + 5 x 100 = 1,000; the k-th at worst 100 k x 10 + 10 x 100. */
enum { REAL = 1000, WORST_1 = 2000, WORST_2 = 3000, WORST_3 = 4000, WORST = WORST_1 + WORST_2 + WORST_3 };

static void open_at(struct rig *r, struct hand *h, int64_t budget, struct cs_price price)
{
    rig_open(r, 1, TRIALS);
    r->disk->calls = CALLS;
    r->disk->price = price;
    r->disk->block_size = 1;
    r->disk->budget = budget;
    rig_begin(r);
    hand_open(h, r, "w1", 1);
    h->minor = CS_WIRE_MINOR;
}

static void open_budget(struct rig *r, struct hand *h, int64_t budget)
{
    open_at(r, h, budget, (struct cs_price){10, -1, 100, 0, -1});
}

static struct cs_core_view money(const struct rig *r)
{
    struct cs_core_view v;

    cs_core_view(r->core, 0, &v);
    assert_true(v.committed_nano_usd + v.reserved_nano_usd + v.presumed_nano_usd <= v.budget_nano_usd);
    return v;
}

/* The reply of a turn, or the one that ends the conversation, to a request with what stands on disk. Its number; 0: to other turns. */
static uint64_t reply(struct hand *h, uint64_t position, uint32_t turn, bool same_turns)
{
    const struct rig_disk *d = h->r->disk;
    const int64_t others[RIG_TURNS] = {9, 9, 9};
    const uint64_t call = 1000 * h->nonce + ++h->calls;

    h->turn = turn < CALLS ? turn : 0;
    h->turns_done = turn < CALLS ? 0 : turn;
    rig_sent_after(same_turns ? d->turn_start[0][position] : others, turn - 1, h->said_before);
    result_as(h, ++h->number, call, 1, 0, position, CS_OUTCOME_ok, GOOD);
    return call;
}

static uint8_t refusal(const struct rig *r)
{
    const struct cs_message *ack = rig_sent(r, CS_ACK, 0);

    return ack != NULL && ack->ack_body.n_refused > 0 ? ack->ack_body.refused[0].why : 0;
}

static void acknowledged(struct hand *h, uint8_t why)
{
    assert_int_equal(h->r->n_batches, 1);
    rig_commit(h->r, CS_OK);
    assert_non_null(rig_sent(h->r, CS_ACK, 0));
    assert_int_equal(refusal(h->r), why);
    note(h);
}

static struct cs_lane_view view(struct rig *r)
{
    struct cs_lane_view v;

    cs_core_lane(r->core, 0, 0, &v);
    return v;
}

static void a_trial_stays_leased_from_turn_to_turn(void **state)
{
    struct rig r;
    struct hand h;

    (void)state;
    open_rig(&r, &h);
    want(&h, 1, 0, 2);
    assert_int_equal(held(&h), 2);
    for (uint32_t turn = 1; turn < CALLS; turn++) {
        reply(&h, 0, turn, true);
        acknowledged(&h, 0);
        assert_int_equal(r.disk->n_turns[0][0], turn);
        assert_int_equal(view(&r).leased, 2);
        assert_int_equal(view(&r).planned, TRIALS);
    }
    reply(&h, 0, CALLS, true);
    acknowledged(&h, 0);
    assert_int_equal(view(&r).done, 1);
    assert_int_equal(view(&r).counters.turns, CALLS - 1);
    assert_int_equal(view(&r).counters.outcome[CS_OUTCOME_ok], 1);
    rig_close(&r);
}

static void the_first_reply_stands_and_the_other_is_a_paid_fact(void **state)
{
    struct rig r;
    struct hand h, late;

    (void)state;
    open_rig(&r, &h);
    hand_open(&late, &r, "w2", 2);
    want(&h, 1, 0, 2);
    reply(&late, 0, 1, true); /* its lease was lost: it stands, and who goes on from it is the holder */
    acknowledged(&late, CS_REFUSED_TURN);
    assert_int_equal(view(&r).counters.turns, 1);
    reply(&h, 0, 1, true);
    acknowledged(&h, CS_REFUSED_TURN);
    assert_int_equal(r.disk->turn_start[0][0][0], 2001);
    assert_int_equal(r.disk->duplicates, 1);
    assert_int_equal(view(&r).counters.duplicates, 1);
    assert_int_equal(view(&r).leased, 2); /* it goes on from what stands */
    reply(&h, 0, 2, true);
    acknowledged(&h, 0);
    rig_close(&r);
}

static void a_reply_to_other_turns_never_stands(void **state)
{
    struct rig r;
    struct hand h;

    (void)state;
    open_rig(&r, &h);
    want(&h, 1, 0, 2);
    reply(&h, 0, 1, true);
    acknowledged(&h, 0);
    reply(&h, 0, 2, false);
    acknowledged(&h, CS_REFUSED_TURN);
    reply(&h, 0, CALLS, true); /* a turn is missing before it */
    acknowledged(&h, CS_REFUSED_TURN);
    assert_int_equal(view(&r).done, 0);
    assert_int_equal(r.disk->n_turns[0][0], 1);
    reply(&h, 0, 2, false);
    acknowledged(&h, CS_REFUSED_TURN);
    reply(&h, 0, 2, false); /* it renders something else: it would pay for that for ever */
    acknowledged(&h, CS_REFUSED_DIGEST);
    rig_close(&r);
}

static void what_is_sent_again_is_judged_again_and_kept_once(void **state)
{
    struct rig r;
    struct hand h, other;
    struct cs_lease_ref kept;
    uint64_t call;

    (void)state;
    open_rig(&r, &h);
    hand_open(&other, &r, "w2", 2);
    want(&h, 1, 0, 2);
    call = reply(&h, 0, 1, true);
    acknowledged(&h, 0);
    kept = h.leases[0];
    rig_restart(&r, false);
    hello(&h, &kept, 1);
    settle(&h);
    h.number = 0;
    result_as(&h, ++h.number, call, 1, 0, 0, CS_OUTCOME_ok, GOOD);
    acknowledged(&h, 0);
    assert_int_equal(r.disk->n_turns[0][0], 1);
    assert_int_equal(r.disk->duplicates, 0);
    hello(&other, NULL, 0);
    settle(&other);
    other.number = 0;
    call = reply(&other, 0, 1, true);
    acknowledged(&other, CS_REFUSED_TURN);
    hello(&other, NULL, 0); /* the refusal was lost with its session */
    settle(&other);
    other.number = 0;
    result_as(&other, ++other.number, call, 1, 0, 0, CS_OUTCOME_ok, GOOD);
    acknowledged(&other, CS_REFUSED_TURN);
    assert_int_equal(r.disk->duplicates, 1);
    rig_close(&r);
}

static void lose(struct hand *h, struct hand *next, const char *name, uint8_t id, uint32_t capacity)
{
    rig_tick(h->r, CS_LEASE_LOST_MS);
    rig_commit_all(h->r);
    hand_open(next, h->r, name, id);
    next->minor = CS_WIRE_MINOR;
    want(next, 1, 0, capacity);
    settle(next);
}

/* It was cut off, one of its trials went to another, and the rest of its lease came back to it. */
static void who_lost_a_trial_is_not_told_to_go_on_with_it(void **state)
{
    struct rig r;
    struct hand h, next;
    struct cs_message m = {.kind = CS_TURNS_GET};
    struct cs_lease_ref kept;
    uint64_t call;

    (void)state;
    open_rig(&r, &h);
    want(&h, 1, 0, 2);
    kept = h.leases[0];
    lose(&h, &next, "w2", 2, 1);
    assert_int_equal(next.leases[0].todo[0], 1);
    kept.todo[0] = 2;
    kept.busy[0] = 1;
    hello(&h, &kept, 1);
    assert_int_equal(rig_sent(&r, CS_WELCOME, 0)->welcome.n_adopted, 1);
    kept.epoch = rig_sent(&r, CS_WELCOME, 0)->welcome.adopted[0].new_epoch;
    settle(&h);
    h.number = 0;
    call = reply(&h, 0, 1, true);
    acknowledged(&h, CS_REFUSED_TURN);
    assert_int_equal(r.disk->n_turns[0][0], 1); /* it is paid, and stands */
    result_as(&h, ++h.number, call, 1, 0, 0, CS_OUTCOME_ok, GOOD);
    acknowledged(&h, CS_REFUSED_TURN);
    assert_int_equal(r.disk->duplicates, 0);
    kept.todo[0] = 3; /* it asks how to go on: it is to give that back */
    kept.busy[0] = 0;
    m.leases = (struct cs_leases){1, &kept};
    say(&h, &m);
    assert_null(rig_sent(&r, CS_TURNS, 0));
    assert_int_equal(rig_sent(&r, CS_REVOKE, 0)->leases.leases[0].epoch, kept.epoch);
    reply(&next, 0, 2, true);
    acknowledged(&next, 0);
    rig_close(&r);
}

/* Each of its workers answered a turn before it was taken away. */
static void a_turn_proves_that_its_worker_outlived_it(void **state)
{
    struct rig r;
    struct hand h, next, third;

    (void)state;
    for (unsigned answers = 0; answers < 2; answers++) {
        open_rig(&r, &h);
        want(&h, 1, 0, 1);
        lose(&h, &next, "w2", 2, 1);
        assert_int_equal(next.leases[0].todo[0], 1);
        if (answers > 0) {
            reply(&next, 0, 1, true);
            acknowledged(&next, 0);
        }
        lose(&next, &third, "w3", 3, 2);
        assert_int_equal(held(&third), answers > 0 ? 2 : 1 /* apart */);
        rig_close(&r);
    }
}

static void only_its_holder_is_told_and_only_of_what_is_on_disk(void **state)
{
    struct rig r;
    struct hand h, other;
    struct cs_message m = {.kind = CS_TURNS_GET};
    struct cs_lease_ref asked;

    (void)state;
    open_rig(&r, &h);
    hand_open(&other, &r, "w2", 2);
    want(&h, 1, 0, 2);
    asked = h.leases[0];
    m.leases = (struct cs_leases){1, &asked};
    reply(&h, 0, 1, true);
    say(&h, &m);
    assert_non_null(rig_sent(&r, CS_TURNS, 0));
    assert_int_equal(rig_sent(&r, CS_TURNS, 0)->turns.positions[0],
                     2); /* of the first, a turn is on its way to the disk */
    settle(&h);
    m.ack = 0;
    say(&h, &m);
    assert_int_equal(rig_sent(&r, CS_TURNS, 0)->turns.positions[0], 3);
    say(&other, &m);
    assert_null(rig_sent(&r, CS_TURNS, 0));
    rig_close(&r);
}

/* A judge's conversation whose last reply cannot be parsed begins anew: no turn of the first draw stands in the second. */
static void a_draw_begins_with_the_first_turn(void **state)
{
    struct rig r;
    struct hand h;

    (void)state;
    rig_open(&r, 1, TRIALS);
    r.disk->calls = CALLS;
    r.disk->draws = 1;
    rig_begin(&r);
    hand_open(&h, &r, "w1", 1);
    h.minor = CS_WIRE_MINOR;
    want(&h, 1, 0, 1);
    for (unsigned draw = 0; draw < 2; draw++) {
        for (uint32_t turn = 1; turn < CALLS; turn++) {
            reply(&h, 0, turn, true);
            acknowledged(&h, 0);
            assert_int_equal(r.disk->n_turns[0][0], turn);
        }
        h.turn = 0;
        h.turns_done = CALLS;
        rig_sent_after(r.disk->turn_start[0][0], CALLS - 1, h.said_before);
        result_as(&h, ++h.number, 1000 * h.nonce + ++h.calls, 1, 0, 0, CS_OUTCOME_unparsable, GOOD);
        acknowledged(&h, 0);
        assert_int_equal(view(&r).counters.superseded, 1);
        assert_int_equal(view(&r).done, draw);
        h.n_leases = 0;
        want(&h, 1, 0, 1);
        settle(&h);
    }
    assert_int_equal(view(&r).counters.turns, 2 * (CALLS - 1));
    assert_int_equal(view(&r).counters.outcome[CS_OUTCOME_unparsable], 1);
    rig_close(&r);
}

/* Where the system itself remembers, who takes a conversation over has no session of it, and tells it anew. */
static void in_sessions_a_successor_begins_anew(void **state)
{
    struct rig r;
    struct hand h, next, stranger;

    (void)state;
    rig_open(&r, 1, TRIALS);
    r.disk->calls = CALLS;
    r.disk->remembers = true;
    rig_begin(&r);
    hand_open(&h, &r, "w1", 1);
    h.minor = CS_WIRE_MINOR;
    want(&h, 1, 0, 1);
    for (uint32_t turn = 1; turn < CALLS; turn++) {
        reply(&h, 0, turn, true);
        acknowledged(&h, 0);
    }
    lose(&h, &next, "w2", 2, 1);
    hand_open(&stranger, &r, "w3", 3);
    stranger.minor = CS_WIRE_MINOR;
    reply(&stranger, 0, 1, true); /* of one who does not hold it: a paid fact, and nothing begins with it */
    acknowledged(&stranger, CS_REFUSED_TURN);
    assert_int_equal(r.disk->n_turns[0][0], CALLS - 1);
    for (uint32_t turn = 1; turn < CALLS; turn++) {
        reply(&next, 0, turn, true);
        acknowledged(&next, 0);
        assert_int_equal(r.disk->begun_anew[0][0], 1);
        assert_int_equal(r.disk->n_turns[0][0], turn);
    }
    reply(&next, 0, CALLS, true);
    acknowledged(&next, 0);
    assert_int_equal(view(&r).done, 1);
    assert_int_equal(view(&r).counters.turns, 2 * (CALLS - 1));
    rig_close(&r);
}

/* Nothing more can be said in it: told anew, twice; then the trial has failed. */
static void a_lost_session_is_begun_anew_twice(void **state)
{
    struct rig r;
    struct hand h;

    (void)state;
    rig_open(&r, 1, TRIALS);
    r.disk->calls = CALLS;
    r.disk->remembers = true;
    rig_begin(&r);
    hand_open(&h, &r, "w1", 1);
    h.minor = CS_WIRE_MINOR;
    want(&h, 1, 0, 1);
    for (uint32_t lost = 1; lost <= 3; lost++) {
        assert_int_equal(view(&r).leased, 1);
        reply(&h, 0, 1, true);
        acknowledged(&h, 0);
        assert_int_equal(r.disk->begun_anew[0][0], lost - 1);
        h.turn = 0;
        h.turns_done = 2;
        result_as(&h, ++h.number, 1000 * h.nonce + ++h.calls, 1, 0, 0, CS_OUTCOME_provider_error, GOOD);
        acknowledged(&h, 0);
        assert_int_equal(view(&r).failed, lost == 3);
        want(&h, 1, 0, 1);
        settle(&h);
    }
    rig_close(&r);
}

static void what_cannot_be_is_malformed(void **state)
{
    struct rig r;
    struct hand h;

    (void)state;
    open_rig(&r, &h);
    want(&h, 1, 0, 2);
    h.turn = CALLS; /* nothing follows the last turn */
    result_as(&h, ++h.number, 1, 1, 0, 0, CS_OUTCOME_ok, GOOD);
    acknowledged(&h, CS_REFUSED_MALFORMED);
    h.turn = 0;
    h.turns_done = 1; /* it would have gone on from an answer */
    result_as(&h, ++h.number, 2, 1, 0, 0, CS_OUTCOME_ok, GOOD);
    acknowledged(&h, CS_REFUSED_MALFORMED);
    rig_close(&r);
}

static void all_calls_are_reserved_and_given_back_turn_by_turn(void **state)
{
    const int64_t rest[] = {WORST, WORST_2 + WORST_3, WORST_3, 0};
    struct rig r;
    struct hand h;

    (void)state;
    open_budget(&r, &h, 2 * WORST);
    want(&h, 1, 0, 4);
    settle(&h);
    assert_int_equal(held(&h), 2); /* one a lease: what is left of each is its own */
    assert_int_equal(h.n_leases, 2);
    for (uint32_t turn = 1; turn <= CALLS; turn++) {
        reply(&h, 0, turn, true);
        if (turn == CALLS)
            break;
        acknowledged(&h, 0);
        assert_int_equal(money(&r).committed_nano_usd, turn * REAL);
        assert_int_equal(money(&r).reserved_nano_usd, WORST + rest[turn]);
    }
    settle(&h);
    assert_int_equal(money(&r).committed_nano_usd, CALLS * REAL);
    assert_int_equal(money(&r).reserved_nano_usd, WORST);
    rig_close(&r);
}

static void what_costs_nothing_keeps_its_lease_too(void **state)
{
    struct rig r;
    struct hand h;

    (void)state;
    open_at(&r, &h, 1, (struct cs_price){0, -1, 0, 0, -1});
    want(&h, 1, 0, 1);
    settle(&h);
    for (uint32_t turn = 1; turn < CALLS; turn++) {
        reply(&h, 0, turn, true);
        acknowledged(&h, 0);
        assert_int_equal(view(&r).leased, 1);
        assert_int_equal(h.n_leases, 1); /* and none is granted again */
        assert_int_equal(money(&r).reserved_nano_usd, 1);
    }
    reply(&h, 0, CALLS, true);
    acknowledged(&h, 0);
    assert_int_equal(view(&r).done, 1);
    rig_close(&r);
}

static void a_lost_lease_may_have_cost_one_call(void **state)
{
    struct rig r;
    struct hand h, next;

    (void)state;
    open_budget(&r, &h, 2 * WORST);
    want(&h, 1, 0, 1);
    settle(&h);
    reply(&h, 0, 1, true);
    acknowledged(&h, 0);
    rig_tick(&r, CS_LEASE_LOST_MS);
    rig_commit_all(&r);
    assert_int_equal(money(&r).reserved_nano_usd, 0);
    assert_int_equal(money(&r).presumed_nano_usd, WORST_2);
    hand_open(&next, &r, "w2", 2);
    want(&next, 1, 0, 1);
    settle(&next);
    assert_int_equal(held(&next), 1);
    assert_int_equal(money(&r).reserved_nano_usd, WORST_2 + WORST_3); /* its first turn is paid */
    rig_close(&r);
}

static void a_restart_presumes_one_call_and_its_holder_goes_on(void **state)
{
    struct rig r;
    struct hand h;
    struct cs_lease_ref kept;

    (void)state;
    open_budget(&r, &h, WORST);
    want(&h, 1, 0, 1);
    settle(&h);
    reply(&h, 0, 1, true);
    acknowledged(&h, 0);
    kept = h.leases[0];
    rig_restart(&r, false);
    assert_int_equal(money(&r).presumed_nano_usd, WORST_2);
    assert_int_equal(money(&r).committed_nano_usd, REAL);
    memcpy(kept.busy, kept.todo, sizeof kept.busy); /* in flight */
    memset(kept.todo, 0, sizeof kept.todo);
    hello(&h, &kept, 1);
    settle(&h);
    assert_int_equal(money(&r).presumed_nano_usd, 0);
    assert_int_equal(money(&r).reserved_nano_usd, WORST_2 + WORST_3);
    h.number = 0;
    reply(&h, 0, 2, true);
    acknowledged(&h, 0);
    assert_int_equal(money(&r).reserved_nano_usd, WORST_3);
    assert_int_equal(money(&r).committed_nano_usd, 2 * REAL);
    rig_close(&r);
}

static void a_late_reply_is_covered_by_what_was_presumed_of_it(void **state)
{
    struct rig r;
    struct hand h, next;

    (void)state;
    open_budget(&r, &h, WORST + WORST_1);
    want(&h, 1, 0, 1);
    settle(&h);
    rig_tick(&r, CS_LEASE_LOST_MS);
    rig_commit_all(&r);
    hand_open(&next, &r, "w2", 2);
    want(&next, 1, 0, 1);
    settle(&next);
    assert_int_equal(held(&next), 1);
    assert_int_equal(money(&r).reserved_nano_usd, WORST);
    assert_int_equal(money(&r).presumed_nano_usd, WORST_1);
    hello(&h, NULL, 0);
    settle(&h);
    h.number = 0;
    reply(&h, 0, 1, true);
    settle(&h);
    assert_int_equal(r.disk->n_turns[0][0], 1);
    reply(&next, 0, 1, true); /* beside it: paid out of its own reservation */
    settle(&next);
    assert_int_equal(money(&r).committed_nano_usd, 2 * REAL);
    assert_int_equal(money(&r).reserved_nano_usd, WORST_2 + WORST_3);
    rig_close(&r);
}

/* The next call is dearer than the one for which its lease was given. */
static void who_goes_on_from_the_turn_of_another_may_pay_for_the_next(void **state)
{
    struct rig r;
    struct hand h, next;

    (void)state;
    open_budget(&r, &h, WORST + WORST_1);
    want(&h, 1, 0, 1);
    settle(&h);
    lose(&h, &next, "w2", 2, 1);
    assert_int_equal(held(&next), 1);
    hello(&h, NULL, 0);
    settle(&h);
    h.number = 0;
    reply(&h, 0, 1, true);
    settle(&h);
    assert_int_equal(r.disk->risks[0].one_nano_usd, WORST_2);
    assert_int_equal(money(&r).reserved_nano_usd, WORST);
    rig_tick(&r, CS_LEASE_LOST_MS);
    rig_commit_all(&r);
    assert_int_equal(money(&r).presumed_nano_usd, WORST_2);
    rig_close(&r);
}

static void one_question_is_answered_in_bounds(void **state)
{
    enum { MORE = CS_TURNS_LEASES_MAX + 6 };
    struct cs_message m = {.kind = CS_TURNS_GET};
    struct cs_lease_ref asked[MORE];
    uint32_t n = 0;
    struct rig r;
    struct hand h;

    (void)state;
    open_budget(&r, &h, TRIALS * WORST);
    want(&h, 1, 0, TRIALS);
    settle(&h);
    assert_int_equal(h.n_leases, TRIALS);
    for (uint32_t i = 0; i < MORE; i++)
        asked[i] = h.leases[i % 2]; /* each again and again */
    asked[MORE - 1] = h.leases[2];
    m.leases = (struct cs_leases){MORE, asked};
    say(&h, &m);
    while (rig_sent(&r, CS_TURNS, n) != NULL)
        n++;
    assert_int_equal(n, 2);
    m.leases = (struct cs_leases){1, &asked[MORE - 1]};
    say(&h, &m);
    assert_non_null(rig_sent(&r, CS_TURNS, 0));
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trial_stays_leased_from_turn_to_turn),
        cmocka_unit_test(the_first_reply_stands_and_the_other_is_a_paid_fact),
        cmocka_unit_test(a_reply_to_other_turns_never_stands),
        cmocka_unit_test(what_is_sent_again_is_judged_again_and_kept_once),
        cmocka_unit_test(who_lost_a_trial_is_not_told_to_go_on_with_it),
        cmocka_unit_test(a_turn_proves_that_its_worker_outlived_it),
        cmocka_unit_test(only_its_holder_is_told_and_only_of_what_is_on_disk),
        cmocka_unit_test(a_draw_begins_with_the_first_turn),
        cmocka_unit_test(in_sessions_a_successor_begins_anew),
        cmocka_unit_test(a_lost_session_is_begun_anew_twice),
        cmocka_unit_test(what_cannot_be_is_malformed),
        cmocka_unit_test(all_calls_are_reserved_and_given_back_turn_by_turn),
        cmocka_unit_test(what_costs_nothing_keeps_its_lease_too),
        cmocka_unit_test(a_lost_lease_may_have_cost_one_call),
        cmocka_unit_test(a_restart_presumes_one_call_and_its_holder_goes_on),
        cmocka_unit_test(a_late_reply_is_covered_by_what_was_presumed_of_it),
        cmocka_unit_test(who_goes_on_from_the_turn_of_another_may_pay_for_the_next),
        cmocka_unit_test(one_question_is_answered_in_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
