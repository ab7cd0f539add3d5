/* The core of the coordinator: timeouts and unparsable answers asked again by a declared act. */
#include "tests/unit/coordinator_hand.h"

static struct cs_lane_view lane_of(const struct rig *r, uint32_t lane)
{
    struct cs_lane_view v;

    cs_core_lane(r->core, 0, lane, &v);
    return v;
}

enum { TOKEN = 77 };

static const struct cs_action *again(struct rig *r, uint32_t lane, const struct cs_again_trial *trials, uint32_t n)
{
    struct cs_event e = {.kind = CS_EV_AGAIN, .again = {1, lane, trials, n, TOKEN}};

    rig_step(r, &e);
    return rig_reply(r, TOKEN);
}

static void control(struct rig *r, enum cs_control verb)
{
    struct cs_event e = {.kind = CS_EV_CONTROL, .control = {.verb = verb, .token = 1}};

    rig_step(r, &e);
}

/* The next answer of the worker. */
static void answer(struct hand *w, uint64_t position, enum cs_outcome outcome)
{
    result_as(w, ++w->number, 1000 * w->nonce + ++w->calls, 1, 0, position, outcome, GOOD);
}

/* One lane of 10 trials; 0 timed out, 1 is unparsable, 2 ok, 3 failed, the rest planned and leased. */
static void open_all(struct rig *r, struct hand *w)
{
    rig_open(r, 1, 10);
    rig_begin(r);
    hand_open(w, r, "w", 1);
    want(w, 1, 0, 10);
    settle(w);
    answer(w, 0, CS_OUTCOME_timeout);
    answer(w, 1, CS_OUTCOME_unparsable);
    answer(w, 2, CS_OUTCOME_ok);
    answer(w, 3, CS_OUTCOME_provider_error);
    settle(w);
    w->n_leases = 0;
}

static const struct cs_again_trial both[] = {{0, CS_OUTCOME_timeout, false}, {1, CS_OUTCOME_unparsable, false}};

static void durable_before_the_reply_and_leased_anew(void **state)
{
    struct rig r;
    struct hand w;

    (void)state;
    open_all(&r, &w);
    assert_null(again(&r, 0, both, 2));
    assert_int_equal(r.n_batches, 1);
    assert_int_equal(r.batches[0]->n_agains, 2);
    assert_int_equal(lane_of(&r, 0).done, 3); /* shown as on disk */
    want(&w, 1, 0, 10);
    assert_int_equal(held(&w), 0); /* nobody calls for an act that a crash may undo */
    rig_commit(&r, CS_OK);
    note(&w);
    assert_int_equal(rig_reply(&r, TOKEN)->code, CS_OK);
    assert_int_equal(lane_of(&r, 0).done, 1);
    assert_int_equal(lane_of(&r, 0).counters.superseded, 2);
    assert_int_equal(lane_of(&r, 0).counters.outcome[CS_OUTCOME_timeout], 0);
    assert_int_equal(lane_of(&r, 0).counters.outcome[CS_OUTCOME_unparsable], 0);
    assert_int_equal(r.disk->superseded[0][0] + r.disk->superseded[0][1], 2);
    assert_int_equal(held(&w), 2);
    answer(&w, 0, CS_OUTCOME_ok);
    answer(&w, 1, CS_OUTCOME_timeout);
    settle(&w);
    assert_int_equal(lane_of(&r, 0).done, 3);
    assert_int_equal(lane_of(&r, 0).counters.outcome[CS_OUTCOME_timeout], 1);
    assert_int_equal(lane_of(&r, 0).counters.superseded, 2);
    assert_int_equal(lane_of(&r, 0).counters.attempts, 6); /* what was called stays counted */
    rig_close(&r);
}

static void the_cost_of_the_first_call_stays_and_the_second_is_reserved(void **state)
{
    struct rig r;
    struct hand w;
    struct cs_core_view v;
    int64_t spent;

    (void)state;
    rig_open(&r, 1, 10);
    r.disk->budget = 1000000;
    r.disk->price = (struct cs_price){.input = 10, .cached = 10, .output = 100};
    rig_begin(&r);
    hand_open(&w, &r, "w", 1);
    want(&w, 1, 0, 10);
    settle(&w);
    for (uint64_t i = 0; i < 10; i++)
        answer(&w, i, i == 0 ? CS_OUTCOME_timeout : CS_OUTCOME_ok);
    settle(&w);
    cs_core_view(r.core, 0, &v);
    spent = v.committed_nano_usd;
    assert_int_equal(spent, 10 * (50 * 10 + 5 * 100));
    assert_int_equal(v.reserved_nano_usd, 0);
    again(&r, 0, both, 1);
    settle(&w);
    want(&w, 1, 0, 10);
    settle(&w);
    cs_core_view(r.core, 0, &v);
    assert_int_equal(v.committed_nano_usd, spent);
    assert_int_equal(v.reserved_nano_usd, 100 * 10 + 10 * 100); /* one call at its worst */
    answer(&w, 0, CS_OUTCOME_ok);
    settle(&w);
    cs_core_view(r.core, 0, &v);
    assert_int_equal(v.committed_nano_usd, spent + 50 * 10 + 5 * 100);
    assert_int_equal(v.reserved_nano_usd, 0);
    rig_close(&r);
}

static void other_states_are_left_alone(void **state)
{
    struct rig r;
    struct hand w;
    static const struct cs_again_trial wrong[] = {{3, CS_OUTCOME_timeout, false},  /* failed */
                                                  {5, CS_OUTCOME_timeout, false}}; /* planned, and leased */

    (void)state;
    open_all(&r, &w);
    again(&r, 0, wrong, 2);
    rig_commit_all(&r);
    assert_int_equal(lane_of(&r, 0).failed, 1);
    assert_int_equal(lane_of(&r, 0).counters.superseded, 0);
    again(&r, 0, both, 1);
    assert_null(again(&r, 0, both, 1)); /* twice in a row: it is planned already */
    rig_commit_all(&r);
    assert_int_equal(lane_of(&r, 0).counters.superseded, 1);
    rig_close(&r);
}

static void pause_and_cancel_and_drain_meanwhile(void **state)
{
    struct rig r;
    struct hand w;

    (void)state;
    open_all(&r, &w);
    control(&r, CS_CONTROL_PAUSE);
    again(&r, 0, both, 1);
    settle(&w);
    assert_int_equal(lane_of(&r, 0).state, CS_LANE_PAUSED); /* planned, and waits for `resume` */
    assert_int_equal(lane_of(&r, 0).counters.superseded, 1);
    want(&w, 1, 0, 10);
    settle(&w);
    assert_int_equal(held(&w), 0);
    control(&r, CS_CONTROL_RESUME);
    note(&w);
    settle(&w);
    assert_int_equal(held(&w), 1);
    control(&r, CS_CONTROL_CANCEL);
    assert_int_equal(again(&r, 0, both + 1, 1)->code, CS_EAGAIN);
    rig_commit_all(&r);
    assert_int_equal(lane_of(&r, 0).counters.superseded, 1);
    answer(&w, 0, CS_OUTCOME_ok); /* it flew when it was cancelled: the answer counts */
    rig_commit_all(&r);
    assert_int_equal(lane_of(&r, 0).counters.outcome[CS_OUTCOME_ok], 2);
    rig_close(&r);

    open_all(&r, &w);
    control(&r, CS_CONTROL_DRAIN);
    assert_int_equal(again(&r, 0, both, 2)->code, CS_EAGAIN);
    rig_commit_all(&r);
    assert_int_equal(lane_of(&r, 0).counters.superseded, 0);
    rig_close(&r);
}

static void a_crash_before_the_commit_changes_nothing_after_it_all(void **state)
{
    struct rig r;
    struct hand w;

    (void)state;
    open_all(&r, &w);
    again(&r, 0, both, 2);
    rig_restart(&r, true); /* what was on its way is lost */
    assert_int_equal(lane_of(&r, 0).done, 3);
    assert_int_equal(lane_of(&r, 0).counters.superseded, 0);
    again(&r, 0, both, 2);
    rig_commit_all(&r);
    rig_restart(&r, true);
    assert_int_equal(lane_of(&r, 0).done, 1);
    assert_int_equal(lane_of(&r, 0).planned, 8);
    assert_int_equal(lane_of(&r, 0).counters.superseded, 2);
    rig_close(&r);
}

static void the_old_answer_sent_once_more_is_not_the_new_one(void **state)
{
    struct rig r;
    struct hand w;

    (void)state;
    open_all(&r, &w);
    again(&r, 0, both, 1);
    rig_commit_all(&r);
    r.disk->n_fingerprints = 0; /* too long ago to be known by that */
    rig_restart(&r, true);
    hello(&w, NULL, 0);
    settle(&w);
    w.number = 0;
    result_as(&w, ++w.number, 1001, 1, 0, 0, CS_OUTCOME_timeout, GOOD); /* its ACK was lost */
    rig_commit_all(&r);
    assert_int_equal(lane_of(&r, 0).done, 2);
    assert_int_equal(r.disk->canonical[0][0], 0);
    rig_close(&r);
}

static void a_late_answer_to_the_old_lease_counts_and_the_new_lease_ends(void **state)
{
    struct rig r;
    struct hand slow, quick;

    (void)state;
    rig_open(&r, 1, 1);
    rig_begin(&r);
    hand_open(&slow, &r, "slow", 1);
    want(&slow, 1, 0, 1);
    settle(&slow);
    rig_tick(&r, CS_LEASE_LOST_MS + CS_TICK_MS); /* cut off, with its call in flight */
    hand_open(&quick, &r, "quick", 2);
    want(&quick, 1, 0, 1);
    settle(&quick);
    answer(&quick, 0, CS_OUTCOME_timeout);
    settle(&quick);
    again(&r, 0, both, 1);
    settle(&quick);
    want(&quick, 1, 0, 1);
    settle(&quick);
    assert_int_equal(lane_of(&r, 0).leased, 1);
    hello(&slow, NULL, 0);
    settle(&slow);
    answer(&slow, 0, CS_OUTCOME_ok); /* to its first lease */
    settle(&slow);
    assert_int_equal(lane_of(&r, 0).leased, 0);
    assert_int_equal(lane_of(&r, 0).done, 1);
    assert_int_equal(r.disk->canonical[0][0], 1);
    answer(&quick, 0, CS_OUTCOME_ok);
    settle(&quick);
    assert_int_equal(r.disk->duplicates, 1);
    assert_int_equal(r.disk->canonical_start[0][0], 1001);
    rig_close(&r);
}

static void a_carried_answer_is_no_longer_adopted(void **state)
{
    struct rig r;
    static const struct cs_again_trial carried = {0, CS_OUTCOME_timeout, true};

    (void)state;
    rig_open(&r, 1, 10);
    r.disk->ledger[0][0] = CS_TRIAL_DONE;
    r.disk->counters[0].outcome[CS_OUTCOME_timeout] = r.disk->counters[0].adopted = r.disk->counters[0].carried = 1;
    r.disk->canonical[0][0] = 1;
    r.disk->outcome[0][0] = CS_OUTCOME_timeout;
    rig_load(&r, 1, true, true);
    rig_commit_all(&r);
    again(&r, 0, &carried, 1);
    rig_commit_all(&r);
    assert_int_equal(lane_of(&r, 0).counters.adopted, 0);
    assert_int_equal(lane_of(&r, 0).counters.carried, 0);
    assert_int_equal(lane_of(&r, 0).counters.superseded, 1);
    rig_close(&r);
}

/* ---- drawn again as the study says ------------------------------------------------------------------ */

/* One lane of four trials whose unparsable answers are drawn again, twice at most. */
static void open_judge(struct rig *r, struct hand *w)
{
    rig_open(r, 1, 4);
    r->disk->draws = 2;
    rig_begin(r);
    hand_open(w, r, "w", 1);
    want(w, 1, 0, 4);
    settle(w);
    w->n_leases = 0;
}

/* What is free is leased. */
static unsigned take(struct hand *w)
{
    w->n_leases = 0;
    want(w, 1, 0, 4);
    settle(w);
    return held(w);
}

static void only_what_cannot_be_parsed_is_drawn_again(void **state)
{
    struct rig r;
    struct hand w;

    (void)state;
    open_judge(&r, &w);
    answer(&w, 0, CS_OUTCOME_unparsable);
    answer(&w, 1, CS_OUTCOME_timeout);
    answer(&w, 2, CS_OUTCOME_refused);
    answer(&w, 3, CS_OUTCOME_provider_error);
    settle(&w);
    assert_int_equal(lane_of(&r, 0).planned, 1);
    assert_int_equal(lane_of(&r, 0).done, 2);
    assert_int_equal(lane_of(&r, 0).failed, 1);
    assert_int_equal(lane_of(&r, 0).counters.superseded, 1);
    assert_int_equal(lane_of(&r, 0).counters.outcome[CS_OUTCOME_unparsable], 0);
    assert_int_equal(lane_of(&r, 0).counters.attempts, 4);
    assert_int_equal(r.disk->outputs, 4); /* it is kept, and no act of an operator was needed */
    assert_int_equal(lane_of(&r, 0).leased, 1);
    answer(&w, 0, CS_OUTCOME_ok);
    settle(&w);
    assert_int_equal(lane_of(&r, 0).done, 3);
    assert_int_equal(r.disk->canonical[0][0], 1);
    assert_int_equal(r.disk->outcome[0][0], CS_OUTCOME_ok);
    rig_close(&r);
}

static void no_call_begins_before_the_first_answer_is_on_disk(void **state)
{
    struct rig r;
    struct hand w;

    (void)state;
    open_judge(&r, &w);
    answer(&w, 0, CS_OUTCOME_unparsable);
    assert_int_equal(r.n_batches, 1);
    assert_int_equal(r.batches[0]->outputs[0].flags, CS_OUTPUT_CANONICAL | CS_OUTPUT_SUPERSEDED);
    want(&w, 1, 0, 4);
    assert_int_equal(held(&w), 0);
    rig_commit(&r, CS_OK);
    note(&w);
    settle(&w);
    assert_int_equal(held(&w), 1);
    rig_close(&r);
}

static void at_most_as_often_as_declared_also_over_crashes(void **state)
{
    struct rig r;
    struct hand w;

    (void)state;
    open_judge(&r, &w);
    answer(&w, 0, CS_OUTCOME_unparsable);
    settle(&w);
    for (unsigned draw = 0; draw < 2; draw++) {
        rig_restart(&r, true);
        w.number = 0;
        hello(&w, NULL, 0);
        settle(&w);
        assert_int_equal(lane_of(&r, 0).planned, 4);
        assert_int_equal(take(&w), 4);
        answer(&w, 0, CS_OUTCOME_unparsable);
        rig_crash(&r); /* before that is on disk: it is as if it had not been drawn */
        rig_start(&r, true);
        rig_load(&r, 1, true, true);
        assert_int_equal(lane_of(&r, 0).counters.superseded, 1 + draw);
        w.number = 0;
        hello(&w, NULL, 0);
        settle(&w);
        assert_int_equal(take(&w), 4);
        answer(&w, 0, CS_OUTCOME_unparsable);
        settle(&w);
    }
    assert_int_equal(lane_of(&r, 0).done, 1); /* a verdict is missing, and that is an answer */
    assert_int_equal(lane_of(&r, 0).counters.outcome[CS_OUTCOME_unparsable], 1);
    assert_int_equal(lane_of(&r, 0).counters.superseded, 2);
    assert_int_equal(r.disk->outputs, 3);
    rig_close(&r);
}

static void a_declared_act_counts_as_one_of_them(void **state)
{
    static const struct cs_again_trial late = {0, CS_OUTCOME_timeout, false};
    struct rig r;
    struct hand w;

    (void)state;
    open_judge(&r, &w);
    answer(&w, 0, CS_OUTCOME_timeout);
    settle(&w);
    again(&r, 0, &late, 1);
    settle(&w);
    take(&w);
    answer(&w, 0, CS_OUTCOME_unparsable);
    settle(&w);
    assert_int_equal(lane_of(&r, 0).counters.superseded, 2);
    take(&w);
    answer(&w, 0, CS_OUTCOME_unparsable);
    settle(&w);
    assert_int_equal(lane_of(&r, 0).counters.superseded, 2);
    assert_int_equal(lane_of(&r, 0).done, 1);
    rig_close(&r);
}

static void each_draw_is_paid_and_reserved(void **state)
{
    struct rig r;
    struct hand w;
    struct cs_core_view v;

    (void)state;
    rig_open(&r, 1, 1);
    r.disk->draws = 2;
    r.disk->budget = 2 * (100 * 10 + 10 * 100); /* two calls at their worst; three of what they cost */
    r.disk->price = (struct cs_price){.input = 10, .cached = 10, .output = 100};
    rig_begin(&r);
    hand_open(&w, &r, "w", 1);
    want(&w, 1, 0, 1);
    settle(&w);
    for (int64_t spent = 1000; spent <= 2000; spent += 1000) {
        cs_core_view(r.core, 0, &v);
        assert_int_equal(v.reserved_nano_usd, 100 * 10 + 10 * 100);
        answer(&w, 0, CS_OUTCOME_unparsable);
        settle(&w);
        cs_core_view(r.core, 0, &v);
        assert_int_equal(v.committed_nano_usd, spent);
        assert_true(v.committed_nano_usd + v.reserved_nano_usd <= v.budget_nano_usd);
    }
    cs_core_view(r.core, 0, &v);
    assert_int_equal(v.reserved_nano_usd, 100 * 10 + 10 * 100); /* 2000 are left: the third draw fits */
    answer(&w, 0, CS_OUTCOME_unparsable);
    settle(&w);
    assert_int_equal(lane_of(&r, 0).done, 1);
    cs_core_view(r.core, 0, &v);
    assert_int_equal(v.committed_nano_usd, 3000);
    assert_int_equal(v.reserved_nano_usd, 0);
    rig_close(&r);
}

static void a_draw_that_the_budget_has_no_room_for_waits(void **state)
{
    struct rig r;
    struct hand w;

    (void)state;
    rig_open(&r, 1, 1);
    r.disk->draws = 2;
    r.disk->budget = 2900;
    r.disk->price = (struct cs_price){.input = 10, .cached = 10, .output = 100};
    rig_begin(&r);
    hand_open(&w, &r, "w", 1);
    want(&w, 1, 0, 1);
    settle(&w);
    answer(&w, 0, CS_OUTCOME_unparsable);
    settle(&w);
    assert_int_equal(take(&w), 0);
    assert_int_equal(lane_of(&r, 0).planned, 1);
    assert_string_equal(lane_of(&r, 0).reason, "budget");
    rig_close(&r);
}

static void a_cancelled_lane_draws_nothing(void **state)
{
    struct rig r;
    struct hand w;

    (void)state;
    open_judge(&r, &w);
    control(&r, CS_CONTROL_CANCEL);
    settle(&w);
    answer(&w, 0, CS_OUTCOME_unparsable); /* it flew */
    settle(&w);
    assert_int_equal(lane_of(&r, 0).counters.superseded, 0);
    assert_int_equal(lane_of(&r, 0).counters.outcome[CS_OUTCOME_unparsable], 1);
    rig_close(&r);
}

static void the_drawn_answer_sent_once_more_is_known(void **state)
{
    struct rig r;
    struct hand w;

    (void)state;
    open_judge(&r, &w);
    answer(&w, 0, CS_OUTCOME_unparsable);
    settle(&w);
    r.disk->n_fingerprints = 0;
    rig_restart(&r, true);
    hello(&w, NULL, 0);
    settle(&w);
    w.number = 0;
    result_as(&w, ++w.number, 1001, 1, 0, 0, CS_OUTCOME_unparsable, GOOD); /* its ACK was lost */
    settle(&w);
    assert_int_equal(lane_of(&r, 0).counters.superseded, 1);
    assert_int_equal(r.disk->outputs, 1);
    rig_close(&r);
}

static void a_place_that_cannot_be_read_ends_the_process(void **state)
{
    struct rig r;
    struct hand w;

    (void)state;
    open_judge(&r, &w);
    r.fail_drawn = true;
    answer(&w, 0, CS_OUTCOME_unparsable);
    assert_true(r.exited);
    assert_int_equal(r.exit_code, CS_ECORRUPT);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durable_before_the_reply_and_leased_anew),
        cmocka_unit_test(the_cost_of_the_first_call_stays_and_the_second_is_reserved),
        cmocka_unit_test(other_states_are_left_alone),
        cmocka_unit_test(pause_and_cancel_and_drain_meanwhile),
        cmocka_unit_test(a_crash_before_the_commit_changes_nothing_after_it_all),
        cmocka_unit_test(the_old_answer_sent_once_more_is_not_the_new_one),
        cmocka_unit_test(a_late_answer_to_the_old_lease_counts_and_the_new_lease_ends),
        cmocka_unit_test(a_carried_answer_is_no_longer_adopted),
        cmocka_unit_test(only_what_cannot_be_parsed_is_drawn_again),
        cmocka_unit_test(no_call_begins_before_the_first_answer_is_on_disk),
        cmocka_unit_test(at_most_as_often_as_declared_also_over_crashes),
        cmocka_unit_test(a_declared_act_counts_as_one_of_them),
        cmocka_unit_test(each_draw_is_paid_and_reserved),
        cmocka_unit_test(a_draw_that_the_budget_has_no_room_for_waits),
        cmocka_unit_test(a_cancelled_lane_draws_nothing),
        cmocka_unit_test(the_drawn_answer_sent_once_more_is_known),
        cmocka_unit_test(a_place_that_cannot_be_read_ends_the_process),
    };

    return cmocka_run_group_tests_name("coordinator_again", tests, NULL, NULL);
}
