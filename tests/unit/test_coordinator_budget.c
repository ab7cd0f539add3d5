/* A hard budget: what is told to workers is covered on disk before, through losses and restarts; cases are opened together. */
#include "tests/unit/coordinator_hand.h"

#include "protocol/base/log.h"

/* A trial costs 50 x 10 + 5 x 100 = 1,000, at worst 100 x 10 + 10 x 100 = 2,000. */
enum { REAL = 1000, WORST = 2000 };

static void begin(struct rig *r, uint32_t n_lanes, uint64_t n_trials, uint64_t block_size, int64_t budget)
{
    rig_open(r, n_lanes, n_trials);
    r->disk->price = (struct cs_price){10, -1, 100, 0, -1};
    r->disk->block_size = block_size;
    r->disk->budget = budget;
    rig_begin(r);
}

static struct cs_core_view money(const struct rig *r)
{
    struct cs_core_view v;

    cs_core_view(r->core, 0, &v);
    assert_true(v.committed_nano_usd + v.reserved_nano_usd + v.presumed_nano_usd <= v.budget_nano_usd);
    return v;
}

static struct cs_lane_view lane_of(struct rig *r, uint32_t lane)
{
    struct cs_lane_view v;

    cs_core_lane(r->core, 0, lane, &v);
    return v;
}

static int64_t at_risk(const struct rig *r)
{
    int64_t sum = r->disk->presumed;

    for (uint32_t i = 0; i < r->disk->n_risks; i++) {
        struct cs_bits open = cs_bits_from_wire(r->disk->risks[i].open);

        sum += r->disk->risks[i].worst_nano_usd * cs_bits_count(&open);
    }
    return sum;
}

/* Wants, and hears what it gets once that is on disk. */
static void want_and_get(struct hand *h, uint32_t lane, uint32_t capacity)
{
    want(h, 1, lane, capacity);
    settle(h);
}

static void want_both(struct hand *h, uint32_t capacity)
{
    struct cs_want_lane w[] = {{.gen = 1, .lane = 0, .capacity = capacity, .trouble = ""},
                               {.gen = 1, .lane = 1, .capacity = capacity, .trouble = ""}};
    struct cs_message m = {.kind = CS_WANT, .want = {2, w}};

    say(h, &m);
    settle(h);
}

static void lost_call(struct hand *h, uint32_t lane, uint64_t position)
{
    result_as(h, ++h->number, 1000 * h->nonce + ++h->calls, 1, lane, position, CS_OUTCOME_transport, LOST);
}

/* ---- reservations -------------------------------------------------------------------------------------- */

static void is_never_exceeded(void **state)
{
    struct rig r;
    struct hand w, v;
    uint64_t next = 0;

    (void)state;
    begin(&r, 1, 1000, 1, 10 * WORST);
    hand_open(&w, &r, "w", 1);
    want_and_get(&w, 0, 50);
    assert_int_equal(held(&w), 10);
    for (; next < 3; next++)
        result(&w, 0, next);
    settle(&w);
    ping(&w, w.leases, w.n_leases, 0, 0);
    settle(&w);
    assert_int_equal(money(&r).committed_nano_usd, 3 * REAL);
    assert_int_equal(money(&r).reserved_nano_usd, 8 * WORST);
    rig_tick(&r, CS_LEASE_LOST_MS); /* lost: its calls may have been made */
    assert_int_equal(money(&r).reserved_nano_usd, 0);
    assert_int_equal(money(&r).presumed_nano_usd, 8 * WORST);
    hand_open(&v, &r, "v", 2);
    want_and_get(&v, 0, 50);
    assert_int_equal(held(&v), 0);
    assert_int_equal(lane_of(&r, 0).state, CS_LANE_STOPPED);
    assert_string_equal(lane_of(&r, 0).reason, "budget");
    hello(&w, NULL, 0); /* its holder lives, and has none of them: the money is free, the lane goes on */
    settle(&v);
    assert_int_equal(money(&r).presumed_nano_usd, 0);
    assert_int_equal(lane_of(&r, 0).state, CS_LANE_OPEN);
    assert_int_equal(held(&v), 8);
    rig_close(&r);
}

/* Nothing can be begun until what is reserved comes back: that is not for want of workers. */
static void what_waits_for_money_is_known_to(void **state)
{
    struct rig r;
    struct hand w;

    (void)state;
    begin(&r, 1, 1000, 1, 10 * WORST);
    hand_open(&w, &r, "w", 1);
    want_and_get(&w, 0, 5);
    assert_int_equal(lane_of(&r, 0).poor_ms, 0);
    want_and_get(&w, 0, 50);
    ping(&w, w.leases, w.n_leases, 0, 0);
    rig_tick(&r, 3000);
    assert_in_range(lane_of(&r, 0).poor_ms, 3000, 4000);
    assert_int_equal(lane_of(&r, 0).state, CS_LANE_OPEN);
    result(&w, 0, 0); /* it has cost half */
    result(&w, 0, 1);
    settle(&w);
    ping(&w, w.leases, w.n_leases, 0, 0);
    settle(&w);
    rig_close(&r);
}

static void a_lease_is_told_when_it_is_on_disk(void **state)
{
    struct rig r;
    struct hand w;

    (void)state;
    begin(&r, 1, 1000, 1, 100 * WORST);
    hand_open(&w, &r, "w", 1);
    want(&w, 1, 0, 10);
    assert_int_equal(held(&w), 0);
    assert_int_equal(money(&r).reserved_nano_usd, 10 * WORST);
    assert_int_equal(at_risk(&r), 0);
    settle(&w);
    assert_int_equal(held(&w), 10);
    assert_int_equal(at_risk(&r), 10 * WORST);
    want(&w, 1, 0, 0);
    result(&w, 0, 0);
    assert_int_equal(at_risk(&r), 10 * WORST);
    settle(&w);
    assert_int_equal(at_risk(&r), 9 * WORST); /* with the output, in one group */
    rig_close(&r);
}

static void a_restart_presumes_until_it_is_told(void **state)
{
    struct rig r;
    struct hand w, v;
    struct cs_lease_ref held_by_w;
    uint8_t nothing[CS_BITMAP_BYTES] = {0};

    (void)state;
    begin(&r, 1, 1000, 1, 30 * WORST);
    hand_open(&w, &r, "w", 1);
    hand_open(&v, &r, "v", 2);
    want_and_get(&w, 0, 10);
    want_and_get(&v, 0, 10);
    result(&w, 0, 0); /* received, and not yet on disk */
    rig_restart(&r, false);
    assert_int_equal(money(&r).committed_nano_usd, 0);
    assert_int_equal(money(&r).presumed_nano_usd, 20 * WORST);
    held_by_w = w.leases[0];
    memcpy(held_by_w.todo, nothing, sizeof nothing);
    held_by_w.busy[0] = 0x07; /* it has three of its ten, one of them done and not acknowledged */
    hello(&w, &held_by_w, 1);
    assert_int_equal(money(&r).reserved_nano_usd, 3 * WORST);
    assert_int_equal(money(&r).presumed_nano_usd, 10 * WORST);
    settle(&w);
    assert_int_equal(at_risk(&r), 13 * WORST);
    result(&w, 0, 0);
    settle(&w);
    assert_int_equal(money(&r).committed_nano_usd, REAL);
    assert_int_equal(at_risk(&r), 12 * WORST);
    rig_restart(&r, false); /* again, and v never comes back */
    hello(&w, NULL, 0);
    rig_tick(&r, CS_GRACE_MS + CS_TICK_MS);
    settle(&w);
    assert_int_equal(money(&r).presumed_nano_usd, 10 * WORST);
    assert_int_equal(at_risk(&r), 10 * WORST);
    rig_close(&r);
}

static void a_bye_settles_what_its_sender_never_saw(void **state)
{
    struct rig r;
    struct hand w;
    struct cs_message bye = {.kind = CS_BYE};
    uint64_t seen;

    (void)state;
    begin(&r, 1, 1000, 1, 100 * WORST);
    hand_open(&w, &r, "w", 1);
    want_and_get(&w, 0, 10);
    seen = w.last_seq;
    want_and_get(&w, 0, 30);
    assert_int_equal(money(&r).reserved_nano_usd, 30 * WORST);
    bye.ack = seen; /* it leaves with ten that it has not given back: calls that it broke off */
    say(&w, &bye);
    assert_int_equal(money(&r).presumed_nano_usd, 10 * WORST);
    assert_int_equal(money(&r).reserved_nano_usd, 0);
    rig_close(&r);
}

static void an_answer_by_another_leaves_the_holder_presumed(void **state)
{
    struct rig r;
    struct hand w, v;
    struct cs_lease_ref late, back;
    struct cs_message m = {.kind = CS_REVOKED, .leases = {1, &back}};

    (void)state;
    begin(&r, 1, 4, 1, 100 * WORST);
    hand_open(&w, &r, "w", 1);
    want_and_get(&w, 0, 4);
    late = w.leases[0];
    rig_tick(&r, CS_LEASE_LOST_MS);
    hand_open(&v, &r, "v", 2);
    want_and_get(&v, 0, 4);
    assert_int_equal(money(&r).reserved_nano_usd, 4 * WORST);
    assert_int_equal(money(&r).presumed_nano_usd, 4 * WORST);
    memset(late.todo, 0, sizeof late.todo);
    late.busy[0] = 0x0f; /* all four fly, and v has them too */
    hello(&w, &late, 1);
    assert_int_equal(money(&r).presumed_nano_usd, 4 * WORST);
    result(&w, 0, 0);
    assert_non_null(rig_sent(&r, CS_REVOKE, 0)); /* what v has not begun it need not begin */
    settle(&w);
    assert_int_equal(money(&r).committed_nano_usd, REAL);
    assert_int_equal(money(&r).presumed_nano_usd, 3 * WORST + WORST); /* v may have called as well */
    assert_int_equal(money(&r).reserved_nano_usd, 3 * WORST);
    back = v.leases[0];
    memset(back.todo, 0, sizeof back.todo);
    back.todo[0] = 0x01; /* it had not */
    say(&v, &m);
    assert_int_equal(money(&r).presumed_nano_usd, 3 * WORST);
    rig_close(&r);
}

/* ---- costs that nobody knows ------------------------------------------------------------------------------ */

static void a_lost_call_is_presumed_for_good_and_goes_again_twice(void **state)
{
    struct rig r;
    struct hand w;

    (void)state;
    begin(&r, 1, 1, 1, 100 * WORST);
    hand_open(&w, &r, "w", 1);
    for (int i = 1; i <= 3; i++) {
        want_and_get(&w, 0, 5);
        assert_int_equal(money(&r).reserved_nano_usd, WORST); /* each with a grant of its own */
        lost_call(&w, 0, 0);
        settle(&w);
        assert_int_equal(money(&r).presumed_nano_usd, i * WORST);
    }
    assert_int_equal(lane_of(&r, 0).failed, 1);
    assert_int_equal(at_risk(&r), 3 * WORST);
    rig_restart(&r, false);
    assert_int_equal(money(&r).presumed_nano_usd, 3 * WORST);
    rig_close(&r);
}

/* ---- cases ------------------------------------------------------------------------------------------------- */

static void a_case_opens_only_if_its_blocks_fit(void **state)
{
    struct rig r;
    struct hand w;

    (void)state;
    begin(&r, 2, 100, 10, 45 * WORST); /* two cases of ten trials in two lanes, and a half */
    hand_open(&w, &r, "w", 1);
    want_both(&w, 100);
    assert_int_equal(lane_of(&r, 0).leased, 20);
    assert_int_equal(lane_of(&r, 1).leased, 20);
    for (uint64_t i = 0; i < 20; i++) {
        result(&w, 0, i);
        result(&w, 1, i);
    }
    settle(&w);
    want_both(&w, 100); /* the two cost half of what was reserved: 25 are left, for a third case and no fourth */
    assert_int_equal(lane_of(&r, 0).leased, 10);
    assert_int_equal(lane_of(&r, 1).leased, 10);
    for (uint64_t i = 20; i < 30; i++) {
        result(&w, 0, i);
        result(&w, 1, i);
    }
    settle(&w);
    want_both(&w, 100);
    assert_int_equal(lane_of(&r, 0).leased, 0);
    assert_int_equal(lane_of(&r, 1).leased, 0);
    assert_string_equal(lane_of(&r, 0).reason, "budget");
    assert_string_equal(lane_of(&r, 1).reason, "budget");
    assert_int_equal(money(&r).committed_nano_usd, 60 * REAL);
    rig_close(&r);
}

/* Of a child: the cases of a cluster of its parent. The last group is smaller. */
static void a_group_opens_only_if_all_its_cases_fit(void **state)
{
    struct rig r;
    struct hand w;

    (void)state;
    rig_open(&r, 2, 70);
    r.disk->group_cases = 3;
    r.disk->price = (struct cs_price){10, -1, 100, 0, -1};
    r.disk->block_size = 10;
    r.disk->budget = 109 * WORST; /* a group of three cases of ten trials in two lanes, and not five cases */
    rig_begin(&r);
    hand_open(&w, &r, "w", 1);
    want_both(&w, 100);
    assert_int_equal(lane_of(&r, 0).leased, 30);
    assert_int_equal(lane_of(&r, 1).leased, 30);
    for (uint64_t i = 0; i < 30; i++) {
        result(&w, 0, i);
        result(&w, 1, i);
    }
    settle(&w);
    want_both(&w, 100); /* 79 are left: a group, and not the case that is the last one */
    assert_int_equal(lane_of(&r, 0).leased, 30);
    assert_int_equal(lane_of(&r, 1).leased, 30);
    for (uint64_t i = 30; i < 60; i++) {
        result(&w, 0, i);
        result(&w, 1, i);
    }
    settle(&w);
    want_both(&w, 100); /* the second took half of what was reserved */
    assert_int_equal(lane_of(&r, 0).leased, 10);
    assert_int_equal(lane_of(&r, 1).leased, 10);
    rig_close(&r);
}

static void a_group_that_does_not_fit_is_not_begun(void **state)
{
    struct rig r;
    struct hand w;

    (void)state;
    rig_open(&r, 2, 70);
    r.disk->group_cases = 3;
    r.disk->price = (struct cs_price){10, -1, 100, 0, -1};
    r.disk->block_size = 10;
    r.disk->budget = 89 * WORST; /* a group, and 59 when it has cost half: two cases would fit */
    rig_begin(&r);
    hand_open(&w, &r, "w", 1);
    want_both(&w, 100);
    for (uint64_t i = 0; i < 30; i++) {
        result(&w, 0, i);
        result(&w, 1, i);
    }
    settle(&w);
    want_both(&w, 100);
    assert_int_equal(lane_of(&r, 0).leased, 0);
    assert_int_equal(lane_of(&r, 1).leased, 0);
    assert_string_equal(lane_of(&r, 0).reason, "budget");
    assert_string_equal(lane_of(&r, 1).reason, "budget");
    assert_int_equal(money(&r).committed_nano_usd, 60 * REAL);
    rig_close(&r);
}

static void lanes_go_on_together(void **state)
{
    struct rig r;
    struct hand fast, slow;
    uint64_t next = 0;

    (void)state;
    begin(&r, 2, 1000, 10, 10000 * WORST);
    hand_open(&fast, &r, "fast", 1);
    hand_open(&slow, &r, "slow", 2);
    want_and_get(&slow, 1, 5);
    want_and_get(&fast, 0, 5);
    for (int round = 0; round < 200; round++) {
        for (uint32_t i = 0; lane_of(&r, 0).leased > 0 && i < 5; i++)
            result(&fast, 0, next++);
        settle(&fast);
        ping(&fast, fast.leases, 0, 1, 0);
        settle(&fast);
    }
    /* The other holds five and lets two blocks and 2 % of its plan lie. */
    assert_true(next >= 30 && next <= 70);
    rig_close(&r);
}

/* ---- sent again --------------------------------------------------------------------------------------------- */

static void failures_and_duplicates_are_recognised_after_a_restart(void **state)
{
    struct rig r;
    struct hand w, v;
    struct cs_core_view before, after;

    (void)state;
    rig_open(&r, 1, 100);
    rig_begin(&r);
    hand_open(&w, &r, "w", 1);
    hand_open(&v, &r, "v", 2);
    result_as(&w, 1, 11, 1, 0, 0, CS_OUTCOME_invalid_request, GOOD);
    result_as(&w, 2, 12, 1, 0, 1, CS_OUTCOME_ok, GOOD);
    result_as(&v, 1, 21, 1, 0, 1, CS_OUTCOME_ok, GOOD); /* a duplicate */
    settle(&w);
    assert_int_equal(r.disk->outputs, 3);
    rig_restart(&r, false);
    cs_core_view(r.core, 0, &before);
    hello(&w, NULL, 0);
    hello(&v, NULL, 0);
    result_as(&w, 1, 11, 1, 0, 0, CS_OUTCOME_invalid_request, GOOD); /* their ACKs were lost */
    result_as(&w, 2, 12, 1, 0, 1, CS_OUTCOME_ok, GOOD);
    result_as(&v, 1, 21, 1, 0, 1, CS_OUTCOME_ok, GOOD);
    settle(&w);
    cs_core_view(r.core, 0, &after);
    assert_int_equal(after.intake.resent, 3);
    assert_int_equal(after.intake.received, 0);
    assert_int_equal(after.committed_nano_usd, before.committed_nano_usd);
    assert_int_equal(r.disk->outputs, 3);
    rig_close(&r);
}

/* A result that tells what it used. */
static void told(struct hand *h, uint32_t lane, uint64_t position, enum cs_outcome outcome, uint32_t input,
                 uint32_t output)
{
    h->input_tokens = input;
    h->output_tokens = output;
    result_as(h, ++h->number, 1000 * h->nonce + ++h->calls, 1, lane, position, outcome, GOOD);
    h->input_tokens = h->output_tokens = 0;
    settle(h);
}

static void a_billed_failure_goes_again_and_is_wasted(void **state)
{
    struct rig r;
    struct hand w;

    (void)state;
    begin(&r, 1, 1, 1, 100 * WORST);
    hand_open(&w, &r, "w", 1);
    for (int i = 0; i < 6; i++) {
        want_and_get(&w, 0, 1);
        assert_int_equal(lane_of(&r, 0).leased, 1);
        told(&w, 0, 0, CS_OUTCOME_provider_error, 50, 5);
    }
    assert_int_equal(lane_of(&r, 0).failed, 1); /* six calls in all, as without a budget */
    assert_int_equal(lane_of(&r, 0).counters.wasted_nano_usd, 6 * REAL);
    assert_int_equal(money(&r).committed_nano_usd, 6 * REAL);
    rig_close(&r);
}

/* What no call can use is not in the cost; what may have been is. The lane stops, over a restart too, until an operator resumes. */
static void a_reply_beyond_its_worst_case_stops_its_lane_alone(void **state)
{
    struct rig r;
    struct hand w;
    struct cs_event resume = {.kind = CS_EV_CONTROL, .control = {CS_CONTROL_RESUME, NULL, 7}};

    (void)state;
    begin(&r, 2, 100, 1, 1000000 * (int64_t)WORST);
    hand_open(&w, &r, "w", 1);
    want_both(&w, 4);
    told(&w, 0, w.leases[0].lane == 0 ? 0 : 1, CS_OUTCOME_ok, UINT32_MAX, UINT32_MAX);
    assert_int_equal(lane_of(&r, 0).state, CS_LANE_PAUSED);
    assert_non_null(strstr(lane_of(&r, 0).reason, "max_tokens_field"));
    assert_int_equal(lane_of(&r, 1).state, CS_LANE_OPEN);
    assert_int_equal(lane_of(&r, 0).counters.over, 1);
    assert_true(lane_of(&r, 0).counters.absurd_nano_usd > 100 * (int64_t)4294000000);
    assert_true(money(&r).committed_nano_usd <= 100 * 10 + (8192 + 3) * 100);
    rig_step(&r, &resume);
    rig_commit_all(&r);
    assert_int_equal(lane_of(&r, 0).state, CS_LANE_OPEN);
    assert_string_equal(lane_of(&r, 0).reason, "");
    rig_close(&r);
}

/* All that a trial may write to the provider's cache is reserved, so that no answer that does is beyond it. */
static void what_may_be_written_to_a_cache_is_reserved(void **state)
{
    enum { WRITE = 20, MOST = 100 * WRITE + 10 * 100 };
    struct rig r;
    struct hand w;

    (void)state;
    rig_open(&r, 1, 100);
    r.disk->price = (struct cs_price){10, 1, 100, 0, WRITE};
    r.disk->block_size = 1;
    r.disk->budget = 5 * MOST;
    rig_begin(&r);
    hand_open(&w, &r, "w", 1);
    want_and_get(&w, 0, 50);
    assert_int_equal(held(&w), 5);
    assert_int_equal(money(&r).reserved_nano_usd, 5 * MOST);
    w.cache_write_tokens = 60;
    told(&w, 0, 0, CS_OUTCOME_ok, 100, 10);
    assert_int_equal(money(&r).committed_nano_usd, 40 * 10 + 60 * WRITE + 10 * 100);
    w.cache_write_tokens = 100;
    told(&w, 0, 1, CS_OUTCOME_ok, 100, 10);
    assert_int_equal(money(&r).committed_nano_usd, 40 * 10 + 60 * WRITE + 10 * 100 + MOST);
    assert_int_equal(lane_of(&r, 0).counters.over, 0);
    assert_int_equal(lane_of(&r, 0).counters.over_nano_usd, 0);
    rig_close(&r);
}

static void voided_spend_leaves_the_account_with_its_reason(void **state)
{
    struct rig r;
    struct hand w;
    int64_t sum = 0;
    struct cs_event presumed = {
        .kind = CS_EV_VOID, .voids = {.presumed = true, .reason = "why", .wall_ms = 5, .token = 1, .nano_usd = &sum}};
    struct cs_event model = {.kind = CS_EV_VOID,
                             .voids = {.model = "lane0", .reason = "why", .wall_ms = 6, .token = 2, .nano_usd = &sum}};

    (void)state;
    begin(&r, 1, 100, 1, 1000000 * (int64_t)WORST);
    hand_open(&w, &r, "w", 1);
    want_and_get(&w, 0, 2);
    lost_call(&w, 0, 0);
    settle(&w);
    assert_int_equal(money(&r).presumed_nano_usd, WORST);
    rig_step(&r, &presumed);
    rig_commit_all(&r);
    assert_int_equal(sum, WORST);
    assert_int_equal(money(&r).presumed_nano_usd, 0);
    assert_int_equal(r.disk->presumed, 0);
    rig_step(&r, &presumed); /* there is nothing left of it */
    assert_int_equal(rig_reply(&r, 1)->code, CS_EINVAL);
    told(&w, 0, 1, CS_OUTCOME_ok, 50, 1000);
    assert_int_equal(money(&r).committed_nano_usd, 50 * 10 + 1000 * 100);
    model.voids.model = lane_of(&r, 0).name;
    rig_step(&r, &model);
    rig_commit_all(&r);
    assert_int_equal(sum, 50 * 10 + 1000 * 100 - WORST);
    assert_int_equal(money(&r).committed_nano_usd, WORST);
    assert_int_equal(lane_of(&r, 0).counters.voided_nano_usd, sum);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_never_exceeded),
        cmocka_unit_test(what_waits_for_money_is_known_to),
        cmocka_unit_test(a_lease_is_told_when_it_is_on_disk),
        cmocka_unit_test(a_restart_presumes_until_it_is_told),
        cmocka_unit_test(a_bye_settles_what_its_sender_never_saw),
        cmocka_unit_test(an_answer_by_another_leaves_the_holder_presumed),
        cmocka_unit_test(a_lost_call_is_presumed_for_good_and_goes_again_twice),
        cmocka_unit_test(a_case_opens_only_if_its_blocks_fit),
        cmocka_unit_test(a_group_opens_only_if_all_its_cases_fit),
        cmocka_unit_test(a_group_that_does_not_fit_is_not_begun),
        cmocka_unit_test(a_billed_failure_goes_again_and_is_wasted),
        cmocka_unit_test(a_reply_beyond_its_worst_case_stops_its_lane_alone),
        cmocka_unit_test(what_may_be_written_to_a_cache_is_reserved),
        cmocka_unit_test(voided_spend_leaves_the_account_with_its_reason),
        cmocka_unit_test(lanes_go_on_together),
        cmocka_unit_test(failures_and_duplicates_are_recognised_after_a_restart),
    };

    setenv("CS_LOG", "error", 0);
    cs_log_init("test");
    return cmocka_run_group_tests_name("coordinator_budget", tests, NULL, NULL);
}
