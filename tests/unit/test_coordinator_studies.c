/* Two studies in one core: what is leased, paused, closed, paid for and unloaded of one leaves the other alone. */
#include "tests/unit/coordinator_hand.h"

#include "protocol/base/log.h"

/* A trial costs 50 x 10 + 5 x 100 = 1,000, at worst 100 x 10 + 10 x 100 = 2,000. */
enum { WORST = 2000, OTHER = 7, TRIALS = 1000 };

/* Generation 2: of another study. It works in its lane 1 only, so that the rig's disk tells its trials from those of generation 1. */
static void load_other(struct rig *r, int64_t budget, uint32_t weight)
{
    const struct cs_price price = {10, -1, 100, 0, -1};
    struct cs_lane_load lanes[2] = {{.name = "alpha", .n_trials = 10, .paused = true},
                                    {.name = "beta", .n_trials = TRIALS}};
    struct cs_generation_load load = {.gen = 2,
                                      .study = OTHER,
                                      .weight = weight,
                                      .open = true,
                                      .lanes = lanes,
                                      .n_lanes = 2,
                                      .budget_nano_usd = budget};
    struct cs_event e = {.kind = CS_EV_LOAD, .load = &load};

    for (unsigned i = 0; i < 2; i++) {
        lanes[i].price = price;
        lanes[i].block_size = 1;
        lanes[i].max_output_tokens = 10;
        lanes[i].timeout_ms = 60000;
        lanes[i].declared = lanes[i].answered = true;
    }
    rig_step(r, &e);
    rig_commit_all(r);
}

static void begin(struct rig *r, struct hand *w, int64_t budget, int64_t other)
{
    rig_open(r, 1, TRIALS);
    r->disk->price = (struct cs_price){10, -1, 100, 0, -1};
    r->disk->block_size = 1;
    r->disk->budget = budget;
    rig_begin(r);
    load_other(r, other, 0);
    hand_open(w, r, "w", 1);
}

static struct cs_core_view money(const struct rig *r, uint64_t study)
{
    struct cs_core_view v;

    cs_core_view(r->core, study, &v);
    return v;
}

static uint64_t leased(const struct rig *r, uint64_t study, uint32_t lane)
{
    struct cs_lane_view v;

    cs_core_lane(r->core, study, lane, &v);
    return v.leased;
}

static void want_both(struct hand *w, uint32_t capacity)
{
    struct cs_want_lane lanes[] = {{.gen = 1, .lane = 0, .capacity = capacity, .trouble = ""},
                                   {.gen = 2, .lane = 1, .capacity = capacity, .trouble = ""}};
    struct cs_message m = {.kind = CS_WANT, .want = {2, lanes}};

    say(w, &m);
    settle(w);
}

static void budgets_are_apart(void **state)
{
    struct rig r;
    struct hand w;

    (void)state;
    begin(&r, &w, 10 * WORST, 4 * WORST);
    want_both(&w, 50);
    assert_int_equal(leased(&r, 0, 0), 10);
    assert_int_equal(leased(&r, OTHER, 1), 4);
    assert_int_equal(money(&r, 0).reserved_nano_usd, 10 * WORST);
    assert_int_equal(money(&r, OTHER).reserved_nano_usd, 4 * WORST);
    rig_tick(&r, CS_LEASE_LOST_MS); /* its calls may have been made */
    assert_int_equal(money(&r, 0).presumed_nano_usd, 10 * WORST);
    assert_int_equal(money(&r, OTHER).presumed_nano_usd, 4 * WORST);
    rig_close(&r);
}

static void without_a_budget_beside_one_with(void **state)
{
    struct rig r;
    struct hand w;

    (void)state;
    begin(&r, &w, 3 * WORST, -1);
    want_both(&w, 50);
    assert_int_equal(leased(&r, 0, 0), 3);
    assert_int_equal(leased(&r, OTHER, 1), 50);
    assert_int_equal(money(&r, OTHER).reserved_nano_usd, 0);
    rig_close(&r);
}

static void what_is_presumed_for_good_is_read_back_into_its_study(void **state)
{
    const struct cs_presumed_row rows[] = {{OTHER, 5 * WORST}};
    struct rig r;

    (void)state;
    rig_open(&r, 1, TRIALS);
    cs_core_close(r.core);
    const struct cs_core_opts opts = {.term = 2,
                                      .fleet = "rig",
                                      .seed = 1,
                                      .fresh_fleet = true,
                                      .now_ms = r.now,
                                      .plan = rig_plan(&r),
                                      .presumed_nano_usd = WORST,
                                      .presumed = rows,
                                      .n_presumed = 1};
    r.core = cs_core_open(&opts);
    assert_int_equal(money(&r, 0).presumed_nano_usd, WORST);
    assert_int_equal(money(&r, OTHER).presumed_nano_usd, 5 * WORST);
    rig_close(&r);
}

static void a_pause_is_of_one_study(void **state)
{
    struct rig r;
    struct hand w;
    struct cs_event pause = {.kind = CS_EV_CONTROL, .control = {CS_CONTROL_PAUSE, NULL, 0, OTHER}};

    (void)state;
    begin(&r, &w, -1, -1);
    rig_step(&r, &pause);
    want_both(&w, 20);
    assert_int_equal(leased(&r, 0, 0), 20);
    assert_int_equal(leased(&r, OTHER, 1), 0);
    pause.control.verb = CS_CONTROL_RESUME;
    rig_step(&r, &pause);
    settle(&w);
    assert_int_equal(leased(&r, OTHER, 1), 20);
    pause.control.study = 99;
    pause.control.token = 5;
    rig_step(&r, &pause);
    assert_int_equal(r.acts->kind, CS_ACT_REPLY);
    assert_int_equal(r.acts->code, CS_ENOENT);
    rig_close(&r);
}

/* An edit of one study may begin while the other never rests. */
static void one_is_idle_while_the_other_works(void **state)
{
    struct rig r;
    struct hand w;
    struct cs_event close = {.kind = CS_EV_CLOSE, .study = {.key = OTHER}};
    struct cs_message m = {.kind = CS_REVOKED};

    (void)state;
    begin(&r, &w, -1, -1);
    want_both(&w, 10);
    assert_int_equal(w.n_leases, 2);
    want(&w, 2, 1, 0); /* no more of it */
    result_as(&w, ++w.number, 1, 2, 1, 0, CS_OUTCOME_ok, GOOD);
    rig_step(&r, &close);
    assert_false(cs_core_is_idle(r.core, OTHER));
    w.leases[1].todo[0] &= 0xfe; /* what is left of it */
    m.leases = (struct cs_leases){1, &w.leases[1]};
    say(&w, &m);
    assert_int_equal(leased(&r, OTHER, 1), 0);
    assert_false(cs_core_is_idle(r.core, OTHER)); /* its output is not on disk yet */
    while (!cs_core_is_idle(r.core, OTHER)) {
        assert_true(r.n_batches > 0);
        result(&w, 0, w.number); /* results of the other study, all the time */
        rig_commit(&r, CS_OK);
    }
    assert_true(r.n_batches > 0);
    assert_true(leased(&r, 0, 0) > 0);
    rig_close(&r);
}

static void one_makes_room_and_is_unknown_from_then_on(void **state)
{
    struct rig r;
    struct hand w;
    struct cs_event unload = {.kind = CS_EV_UNLOAD, .study = {.key = OTHER}};

    (void)state;
    begin(&r, &w, -1, -1);
    assert_true(cs_core_has_room(r.core, 8, CS_MODELS_MAX));
    assert_false(cs_core_has_room(r.core, 8, 2 * CS_MODELS_MAX - 2));
    want_both(&w, 10);
    rig_step(&r, &unload);
    rig_commit_all(&r);
    assert_int_equal(money(&r, OTHER).gen, 0);
    assert_true(cs_core_has_room(r.core, 8, 2 * CS_MODELS_MAX - 2));
    result_as(&w, ++w.number, 1, 2, 1, 0, CS_OUTCOME_ok, GOOD);
    rig_commit_all(&r);
    assert_int_equal(rig_sent(&r, CS_ACK, 0)->ack_body.refused[0].why, CS_REFUSED_UNKNOWN);
    assert_int_equal(leased(&r, 0, 0), 10);
    rig_close(&r);
}

static uint32_t announced_weight(const struct rig *r, uint32_t gen)
{
    const struct cs_message *m = rig_sent(r, CS_ANNOUNCE, 0);

    assert_non_null(m);
    for (uint32_t i = 0; i < m->announce.n_lanes; i++) {
        if (m->announce.lanes[i].gen == gen)
            return m->announce.lanes[i].weight;
    }
    fail();
    return 0;
}

static void a_weight_is_told_to_all(void **state)
{
    struct rig r;
    struct hand w;
    struct cs_event weight = {.kind = CS_EV_WEIGHT, .study = {.key = OTHER, .weight = 400}};

    (void)state;
    begin(&r, &w, -1, -1);
    rig_step(&r, &weight);
    assert_int_equal(announced_weight(&r, 2), 400);
    assert_int_equal(announced_weight(&r, 1), 0); /* the usual one: nothing is said, as ever */
    assert_non_null(rig_sent(&r, CS_STOP, 0));
    rig_close(&r);
}

/* It is a lane that has a future to every worker of this wire, and that no model has. */
static void who_waits_for_its_turn_is_told_to_all(void **state)
{
    struct rig r;
    struct hand w;
    struct cs_event awaited = {.kind = CS_EV_AWAITED, .awaited = {.gen = 3}};

    (void)state;
    begin(&r, &w, -1, -1);
    for (int i = 0; i < 2; i++) {
        rig_step(&r, &awaited);
        for (int k = 0; k < 2; k++) {
            const struct cs_message *m = rig_sent(&r, k == 0 ? CS_ANNOUNCE : CS_STOP, 0);
            assert_non_null(m);
            const struct cs_lane_info *last = &m->announce.lanes[m->announce.n_lanes - 1];
            assert_int_equal(last->gen == 3 && last->lane == CS_LANE_AWAITED && last->state == CS_LANE_PAUSED &&
                                 !last->available,
                             i == 0);
        }
        awaited.awaited.gen = 0;
    }
    assert_true((int)CS_LANE_AWAITED >= (int)CS_MODELS_MAX);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(budgets_are_apart),
        cmocka_unit_test(without_a_budget_beside_one_with),
        cmocka_unit_test(what_is_presumed_for_good_is_read_back_into_its_study),
        cmocka_unit_test(a_pause_is_of_one_study),
        cmocka_unit_test(one_is_idle_while_the_other_works),
        cmocka_unit_test(one_makes_room_and_is_unknown_from_then_on),
        cmocka_unit_test(a_weight_is_told_to_all),
        cmocka_unit_test(who_waits_for_its_turn_is_told_to_all),
    };

    cs_log_init("test");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
