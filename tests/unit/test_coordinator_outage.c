/* A provider that answers nobody: what the coordinator makes of what workers say. */
#include "tests/unit/coordinator_hand.h"

#include "coordinator/lanes/trouble.h"

static void control(struct rig *r, enum cs_control verb, const char *model, uint64_t token)
{
    struct cs_event e = {.kind = CS_EV_CONTROL, .control = {verb, model, token}};

    rig_step(r, &e);
}

static struct cs_lane_view lane_of(struct rig *r, uint32_t lane)
{
    struct cs_lane_view v;

    cs_core_lane(r->core, 0, lane, &v);
    return v;
}

static void a_provider_that_is_away_is_told(void **state)
{
    struct cs_want_lane away = {.gen = 1, .lane = 0, .capacity = 2, .trouble = "no connection"};
    struct cs_message m = {.kind = CS_WANT, .want = {1, &away}};
    struct rig r;
    struct hand w;

    (void)state;
    rig_open(&r, 1, 1000);
    rig_begin(&r);
    hand_open(&w, &r, "w", 1);
    want(&w, 1, 0, 10);
    assert_string_equal(lane_of(&r, 0).reason, "");
    say(&w, &m);
    assert_int_equal(lane_of(&r, 0).state, CS_LANE_OPEN);
    assert_string_equal(lane_of(&r, 0).reason, "1 worker: no connection");
    want(&w, 1, 0, 10);
    assert_string_equal(lane_of(&r, 0).reason, "");
    rig_close(&r);
}

/* With a lease that it keeps, and no answer. */
static void say_away(struct hand *h)
{
    struct cs_want_lane away = {.gen = 1, .lane = 0, .capacity = 2, .trouble = "no connection"};
    struct cs_message m = {.kind = CS_WANT, .want = {1, &away}};

    ping(h, h->leases, h->n_leases, 0, 0);
    say(h, &m);
}

static uint64_t outage_of(struct rig *r, struct hand *h, uint32_t n, uint64_t ms)
{
    for (uint64_t step = 1000; ms > 0; ms -= step < ms ? step : ms) {
        rig_tick(r, step < ms ? step : ms);
        for (uint32_t i = 0; i < n; i++)
            ping(&h[i], h[i].leases, h[i].n_leases, 0, 0);
    }
    return lane_of(r, 0).outage_ms;
}

/* Of all workers that have calls to make, for so long, and since the last answer. */
static void an_outage_is_known_as_one(void **state)
{
    struct rig r;
    struct hand h[2];

    (void)state;
    rig_open(&r, 1, 1000);
    rig_begin(&r);
    hand_open(&h[0], &r, "w", 1);
    hand_open(&h[1], &r, "v", 2);
    want(&h[0], 1, 0, 10);
    want(&h[1], 1, 0, 10);
    result(&h[0], 0, 0);
    rig_commit_all(&r);
    assert_int_equal(outage_of(&r, h, 2, 5000), 0);
    say_away(&h[0]);
    assert_int_equal(outage_of(&r, h, 2, 3 * CS_COORDINATOR_OUTAGE_MS), 0); /* the other may be answered */
    say_away(&h[1]);
    assert_in_range(outage_of(&r, h, 2, 1000), 3 * CS_COORDINATOR_OUTAGE_MS, 3 * CS_COORDINATOR_OUTAGE_MS + 8000);
    want(&h[1], 1, 0, 10); /* it is answered again */
    assert_int_equal(outage_of(&r, h, 2, 1000), 0);
    say_away(&h[1]);
    assert_int_equal(outage_of(&r, h, 2, CS_COORDINATOR_OUTAGE_MS - 3000), 0);
    assert_in_range(outage_of(&r, h, 2, 3000), CS_COORDINATOR_OUTAGE_MS, CS_COORDINATOR_OUTAGE_MS + 2000);
    result(&h[0], 0, 1); /* an answer that was on its way */
    assert_int_equal(outage_of(&r, h, 2, 1000), 0);
    assert_in_range(outage_of(&r, h, 2, CS_COORDINATOR_OUTAGE_MS), CS_COORDINATOR_OUTAGE_MS,
                    CS_COORDINATOR_OUTAGE_MS + 2000);
    control(&r, CS_CONTROL_PAUSE, NULL, 0);
    assert_int_equal(lane_of(&r, 0).outage_ms, 0);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_provider_that_is_away_is_told),
        cmocka_unit_test(an_outage_is_known_as_one),
    };
    return cmocka_run_group_tests_name("coordinator outage", tests, NULL, NULL);
}
