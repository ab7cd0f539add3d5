/* What binds a lane: the reason that held longest in a worker, and what a fleet's workers together make of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/redis/progress.h"
#include "worker/calls/binding.h"

static void the_longest_reason_is_told(void **state)
{
    struct cs_binding b = {0};
    (void)state;
    assert_int_equal(cs_binding_most(&b, 100), CS_BIND_NOTHING); /* it never could not start */
    cs_binding_note(&b, CS_BIND_SLOTS, 1000);
    cs_binding_note(&b, CS_BIND_NOTHING, 1300);
    cs_binding_note(&b, CS_BIND_SLOTS, 1500);
    cs_binding_note(&b, (enum cs_bind)CS_QUOTA_TOKENS, 1600);
    assert_int_equal(cs_binding_most(&b, 1900), CS_BIND_SLOTS);   /* 400 of 900 ms */
    assert_int_equal(cs_binding_most(&b, 2000), CS_QUOTA_TOKENS); /* since then: what holds */
    assert_int_equal(cs_binding_most(&b, 2000), CS_QUOTA_TOKENS);
    for (int i = 0; i < CS_BINDS; i++)
        assert_non_null(cs_binding_name((enum cs_bind)i));
}

/* ---- a fleet ---------------------------------------------------------------------------------------------- */

enum { REQUESTS, TOKENS, REQUESTS_DAY = 4 };

static struct cs_worker_pool_info pool(const char *name, double rpm, double used)
{
    struct cs_worker_pool_info p = {.draw = 1, .group = "g", .name = name, .in_flight = 5};
    p.limit[REQUESTS] = rpm;
    p.used[REQUESTS] = used;
    return p;
}

static struct cs_worker_info worker(struct cs_worker_lane_info *lane, struct cs_worker_pool_info *pools, uint32_t n)
{
    return (struct cs_worker_info){
        .name = "w", .updated_wall_ms = 60000, .lanes = lane, .n_lanes = 1, .pools = pools, .n_pools = n};
}

static struct cs_progress_lane merged(const struct cs_worker_info *workers, uint32_t n, const char *state)
{
    static struct cs_progress_lane lane;
    lane = (struct cs_progress_lane){.gen = 1, .state = state, .planned = 10, .done = 3};
    struct cs_progress p = {.lanes = &lane, .n_lanes = 1};
    struct cs_arena arena = {0};
    cs_progress_lanes_merge(&p, workers, n, &arena);
    cs_arena_release(&arena);
    return lane;
}

static void rates_are_summed_over_the_fleet(void **state)
{
    struct cs_worker_lane_info a = {.gen = 1, .binds = "requests_per_minute", .in_flight = 4, .draw = 1},
                               b = {.gen = 1, .binds = "no_trials", .in_flight = 0, .draw = 1};
    /* one worker has not heard yet that the provider allows less; the wide pool is less in use */
    struct cs_worker_pool_info of_a[] = {pool("narrow", 600, 400), pool("wide", 6000, 1000)},
                               of_b[] = {pool("narrow", 500, 80), pool("wide", 6000, 2000)};
    struct cs_worker_info fleet[] = {worker(&a, of_a, 2), worker(&b, of_b, 2)};
    (void)state;
    struct cs_progress_lane l = merged(fleet, 2, "open");
    assert_string_equal(l.binds, "requests_per_minute");
    assert_true(l.used == 480 && l.limit == 500);
    assert_string_equal(merged(fleet, 2, "paused").binds, "");
    l = merged(fleet + 1, 1, "open");
    assert_string_equal(l.binds, "no_trials");
    assert_true(l.limit == 0);
    assert_string_equal(merged(fleet, 0, "open").binds, "");
}

/* What workers told before they were given anything is not "nothing is free to start". */
static void who_has_just_begun_waits_for_nothing(void **state)
{
    struct cs_worker_lane_info a = {.gen = 1, .binds = "no_trials"}, b = a;
    struct cs_worker_info fleet[] = {worker(&a, NULL, 0), worker(&b, NULL, 0)};
    struct cs_progress_lane lane = {.gen = 1, .state = "open", .planned = 10, .leased = 8};
    struct cs_progress p = {.lanes = &lane, .n_lanes = 1};
    struct cs_arena arena = {0};
    (void)state;
    fleet[0].started_wall_ms = fleet[1].started_wall_ms = 59000;
    assert_string_equal(merged(fleet, 2, "open").binds, "starting");
    fleet[1].started_wall_ms = 50000; /* it has told a second time */
    assert_string_equal(merged(fleet, 2, "open").binds, "no_trials");
    cs_progress_lanes_merge(&p, fleet, 2, &arena); /* a lane that has begun only now */
    assert_string_equal(lane.binds, "starting");
    assert_non_null(strstr(cs_progress_binds_words(lane.binds), "starting: "));
    lane.done = 1;
    cs_progress_lanes_merge(&p, fleet, 2, &arena);
    assert_string_equal(lane.binds, "no_trials");
    cs_arena_release(&arena);
}

static void a_used_up_day_binds_before_all(void **state)
{
    struct cs_worker_lane_info a = {.gen = 1, .binds = "requests_per_minute", .draw = 1};
    struct cs_worker_pool_info pools[] = {pool("p", 600, 0)};
    struct cs_worker_info fleet[] = {worker(&a, pools, 1)};
    (void)state;
    pools[0].limit[REQUESTS_DAY] = 1000;
    pools[0].used[REQUESTS_DAY] = 900;
    assert_string_equal(merged(fleet, 1, "open").binds, "requests_per_minute");
    pools[0].used[REQUESTS_DAY] = 999;
    struct cs_progress_lane l = merged(fleet, 1, "open");
    assert_string_equal(l.binds, "requests_per_day");
    assert_true(l.used == 999 && l.limit == 1000);
}

static void calls_are_counted_where_they_bind(void **state)
{
    struct cs_worker_lane_info a = {.gen = 1, .binds = "slots", .in_flight = 7, .slots = 8},
                               b = {.gen = 1, .binds = "slots", .in_flight = 8, .slots = 8},
                               other = {.gen = 2, .binds = "slots", .in_flight = 100, .slots = 100};
    struct cs_worker_info fleet[] = {worker(&a, NULL, 0), worker(&b, NULL, 0), worker(&other, NULL, 0)};
    (void)state;
    struct cs_progress_lane l = merged(fleet, 3, "open");
    assert_string_equal(l.binds, "slots");
    assert_true(l.used == 15 && l.limit == 16);
    struct cs_worker_pool_info pools[] = {pool("p", 0, 0)};
    a.binds = b.binds = "concurrent";
    a.draw = b.draw = 1;
    pools[0].concurrent = 12;
    fleet[0] = worker(&a, pools, 1);
    fleet[1] = worker(&b, pools, 1);
    l = merged(fleet, 2, "open");
    assert_true(l.used == 10 && l.limit == 12); /* five of each */
}

/* In an outage calls are dealt to few: the others say that they may make none. */
static void an_outage_binds_whoever_was_given_no_call(void **state)
{
    struct cs_worker_lane_info a = {.gen = 1, .binds = "provider_away"},
                               b = {.gen = 1, .binds = "concurrent", .slots = 1};
    struct cs_worker_info fleet[] = {worker(&b, NULL, 0), worker(&b, NULL, 0), worker(&a, NULL, 0)};
    (void)state;
    struct cs_progress_lane l = merged(fleet, 3, "open");
    assert_string_equal(l.binds, "provider_away");
    assert_true(l.limit == 0);
    b.in_flight = 1; /* somebody is asked */
    assert_string_equal(merged(fleet, 3, "open").binds, "concurrent");
}

static struct cs_progress_lane merged_held(const struct cs_worker_info *workers, uint32_t n, const char *held)
{
    static struct cs_progress_lane lane;
    lane = (struct cs_progress_lane){.gen = 1, .state = "open", .held = held, .planned = 10, .done = 3};
    struct cs_progress p = {.lanes = &lane, .n_lanes = 1};
    struct cs_arena arena = {0};
    cs_progress_lanes_merge(&p, workers, n, &arena);
    cs_arena_release(&arena);
    return lane;
}

/* Workers do not know of money, nor of each other. */
static void what_the_coordinator_knows_binds_before_what_workers_say(void **state)
{
    struct cs_worker_lane_info a = {.gen = 1, .binds = "slots", .in_flight = 1, .slots = 6};
    struct cs_worker_info fleet[] = {worker(&a, NULL, 0)};
    (void)state;
    struct cs_progress_lane l = merged_held(fleet, 1, "budget");
    assert_string_equal(l.binds, "budget");
    assert_true(l.limit == 0);
    assert_string_equal(merged_held(fleet, 1, "outage").binds, "provider_away");
    a.binds = "no_server";
    assert_string_equal(merged_held(fleet, 1, "outage").binds, "no_server");
    a.binds = "told_to_wait";
    assert_string_equal(merged_held(fleet, 1, "outage").binds, "told_to_wait");
    a.binds = "no_server";
    assert_string_equal(merged_held(fleet, 1, "").binds, "no_server");
    for (size_t i = 0; i < CS_BINDS; i++)
        assert_string_not_equal(cs_progress_binds_words(cs_binding_name((enum cs_bind)i)),
                                cs_binding_name((enum cs_bind)i));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_reason_is_told),
        cmocka_unit_test(rates_are_summed_over_the_fleet),
        cmocka_unit_test(who_has_just_begun_waits_for_nothing),
        cmocka_unit_test(a_used_up_day_binds_before_all),
        cmocka_unit_test(calls_are_counted_where_they_bind),
        cmocka_unit_test(an_outage_binds_whoever_was_given_no_call),
        cmocka_unit_test(what_the_coordinator_knows_binds_before_what_workers_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
