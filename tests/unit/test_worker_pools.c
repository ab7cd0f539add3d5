/* The worker's core and its pools: no call without quota, whoever gives it. */
#include "tests/unit/worker_bench.h"

static void limited(struct bench *b, uint32_t slots, uint32_t lanes, struct cs_limits limits)
{
    bench_init(b, slots);
    b->source.limits = limits;
    bench_welcome(b, lanes, CS_WINDOW_OUTPUTS);
}

static struct cs_worker_ask take(struct bench *b)
{
    struct cs_worker_ask a;
    assert_true(cs_pools_take_ask(b->w, &a));
    return a;
}

static void assert_no_ask(struct bench *b)
{
    struct cs_worker_ask a;
    assert_false(cs_pools_take_ask(b->w, &a));
}

static void answer(struct bench *b, const struct cs_worker_ask *a, const struct cs_quota_grant *grant)
{
    bench_step(b, (struct cs_worker_event){.kind = CS_WORKER_QUOTA,
                                           .quota = {.draw = a->draw, .serial = a->serial, .grant = grant}});
}

static void without_limits_nothing_is_asked(void **state)
{
    struct bench b;
    (void)state;
    limited(&b, 8, 1, (struct cs_limits){0});
    bench_assign(&b, 0, 3, 50, 10);
    assert_int_equal(b.started, 8);
    assert_no_ask(&b);
    bench_done(&b);
}

static void calls_start_as_granted(void **state)
{
    struct bench b;
    (void)state;
    limited(&b, 8, 1, (struct cs_limits){.requests_per_minute = 600});
    assert_no_ask(&b); /* there is no work */
    bench_assign(&b, 0, 3, 50, 20);
    assert_int_equal(b.total_started, 0);
    struct cs_worker_ask a = take(&b);
    assert_string_equal(a.ask.pool[0].name, "pool");
    assert_string_equal(a.ask.claimant, "f/w1/0");
    assert_int_equal(a.ask.want, 8);
    assert_true(a.ask.pool[0].limit[CS_QUOTA_REQUESTS] == 600);
    assert_true(a.ask.cost[CS_QUOTA_REQUESTS] == 1);
    answer(&b, &a, &(struct cs_quota_grant){.calls = 3, .pool[0].share = 1});
    assert_int_equal(b.total_started, 1); /* the others follow, spread over the slice */
    bench_wait(&b, CS_QUOTA_SLICE_MS - 1);
    assert_int_equal(b.total_started, 3);
    assert_no_ask(&b);
    bench_wait(&b, 1);
    a = take(&b);
    assert_int_equal(a.ask.want, 8); /* five slots are free, three calls came in a slice */
    assert_true(a.ask.back[CS_QUOTA_REQUESTS] == 0);
    answer(&b, &a, &(struct cs_quota_grant){.calls = 0, .pool[0].share = 1});
    bench_wait(&b, CS_QUOTA_SLICE_MS);
    assert_int_equal(b.total_started, 3);
    bench_done(&b);
}

static void what_is_not_used_goes_back(void **state)
{
    struct bench b;
    (void)state;
    limited(&b, 2, 1, (struct cs_limits){.requests_per_minute = 600});
    bench_assign(&b, 0, 3, 50, 20);
    struct cs_worker_ask a = take(&b);
    answer(&b, &a, &(struct cs_quota_grant){.calls = 5, .pool[0].share = 1});
    bench_wait(&b, CS_QUOTA_SLICE_MS);
    assert_int_equal(b.total_started, 2); /* slots */
    a = take(&b);
    assert_true(a.ask.back[CS_QUOTA_REQUESTS] == 3);
    bench_done(&b);
}

/* One slot and two lanes: while the slot is taken, the other lane's trial is nobody's reason to hold quota back from the fleet. */
static void a_full_worker_wants_nothing(void **state)
{
    struct bench b;
    (void)state;
    limited(&b, 1, 2, (struct cs_limits){.requests_per_minute = 180});
    bench_assign(&b, 0, 3, 50, 4);
    struct cs_worker_ask a = take(&b);
    bench_assign(&b, 1, 3, 51, 4);
    answer(&b, &a, &(struct cs_quota_grant){.calls = 1, .pool[0].share = 0.5});
    assert_int_equal(b.total_started, 1);
    bench_wait(&b, CS_QUOTA_SLICE_MS);
    a = take(&b);
    assert_int_equal(a.ask.want, 1); /* as many as came in the last slice: it might have ended */
    answer(&b, &a, &(struct cs_quota_grant){.calls = 1, .pool[0].share = 0.5});
    bench_wait(&b, CS_QUOTA_SLICE_MS);
    a = take(&b);
    assert_int_equal(a.ask.want, 0);
    assert_true(a.ask.back[CS_QUOTA_REQUESTS] == 1);
    assert_int_equal(b.total_started, 1);
    bench_done(&b);
}

/* Redis' first answer leaves a bucket: one that is missing afterwards, however soon, was lost. */
static void fresh_until_answered(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, 8);
    b.source.limits = (struct cs_limits){.requests_per_minute = 600};
    b.fresh = true;
    bench_welcome(&b, 1, CS_WINDOW_OUTPUTS);
    bench_assign(&b, 0, 3, 50, 20);
    struct cs_worker_ask a = take(&b);
    assert_true(a.ask.fresh);
    answer(&b, &a, NULL);
    bench_wait(&b, CS_QUOTA_SLICE_MS);
    a = take(&b);
    assert_true(a.ask.fresh); /* nothing was granted */
    answer(&b, &a, &(struct cs_quota_grant){.calls = 1, .pool[0].share = 1});
    bench_wait(&b, CS_QUOTA_SLICE_MS);
    a = take(&b);
    assert_false(a.ask.fresh);
    bench_done(&b);
}

static void a_fleet_that_called_is_not_fresh(void **state)
{
    struct bench b;
    (void)state;
    limited(&b, 8, 1, (struct cs_limits){.requests_per_minute = 600});
    bench_assign(&b, 0, 3, 50, 20);
    assert_false(take(&b).ask.fresh);
    bench_done(&b);
}

static void lanes_of_a_pool_share_it(void **state)
{
    struct bench b;
    (void)state;
    limited(&b, 80, 2,
            (struct cs_limits){.requests_per_minute = 600}); /* two lanes get four before they are answered */
    bench_assign(&b, 0, 3, 50, 20);
    struct cs_worker_ask a = take(&b);
    bench_assign(&b, 1, 3, 51, 20);
    assert_no_ask(&b);
    answer(&b, &a, &(struct cs_quota_grant){.calls = 4, .pool[0].share = 1});
    bench_wait(&b, CS_QUOTA_SLICE_MS - 1);
    assert_int_equal(b.total_started, 4);
    bench_done(&b);
}

static void redis_away_leaves_the_last_share(void **state)
{
    struct bench b;
    (void)state;
    limited(&b, 64, 1, (struct cs_limits){.requests_per_minute = 600});
    bench_assign(&b, 0, 3, 50, 60);
    struct cs_worker_ask a = take(&b);
    answer(&b, &a, NULL);
    bench_wait(&b, CS_QUOTA_SLICE_MS);
    assert_int_equal(b.total_started, 0); /* no share was ever told */
    a = take(&b);
    answer(&b, &a, &(struct cs_quota_grant){.pool[0].share = 0.5});
    bench_wait(&b, CS_QUOTA_SLICE_MS);
    a = take(&b);
    answer(&b, &a, NULL);
    bench_wait(&b, 2000);
    assert_int_equal(b.total_started, 9); /* ten a second, half, 0.9, two seconds */
    bench_done(&b);
}

static void without_redis_nine_tenths(void **state)
{
    struct bench b;
    (void)state;
    limited(&b, 64, 1, (struct cs_limits){.requests_per_minute = 600});
    bench_assign(&b, 0, 3, 50, 60);
    struct cs_worker_ask a = take(&b);
    bench_step(&b, (struct cs_worker_event){.kind = CS_WORKER_QUOTA, .quota = {.draw = a.draw, .alone = true}});
    bench_wait(&b, 2000);
    assert_int_equal(b.total_started, 18);
    assert_no_ask(&b);
    bench_done(&b);
}

static void a_429_is_told_and_a_lower_limit_followed(void **state)
{
    struct bench b;
    (void)state;
    limited(&b, 8, 1, (struct cs_limits){.requests_per_minute = 600});
    bench_assign(&b, 0, 3, 50, 20);
    struct cs_worker_ask a = take(&b);
    answer(&b, &a, &(struct cs_quota_grant){.calls = 1, .pool[0].share = 1});
    assert_int_equal(b.total_started, 1);
    bench_reply(&b, bench_slot(&b), bench_http(429, "retry-after: 2\r\nx-ratelimit-limit-requests: 300\r\n", "{}"));
    a = take(&b); /* at once */
    assert_int_equal(a.ask.quiet_ms, 2000);
    assert_true(a.ask.pool[0].told.limit[CS_QUOTA_REQUESTS] == 300);
    bench_done(&b);
}

static void all_pools_of_a_lane_are_asked_at_once(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, 8);
    b.source.limits = (struct cs_limits){.requests_per_minute = 600};
    b.source.shared = (struct cs_limits){.requests_per_minute = 6000, .concurrent = 4};
    bench_welcome(&b, 1, CS_WINDOW_OUTPUTS);
    bench_assign(&b, 0, 3, 50, 40);
    struct cs_worker_ask a = take(&b);
    assert_int_equal(a.ask.n_pools, 2);
    assert_string_equal(a.ask.group, "group");
    assert_string_equal(a.ask.pool[1].name, "shared");
    assert_true(a.ask.pool[1].limit[CS_QUOTA_REQUESTS] == 6000);
    assert_int_equal(a.ask.pool[1].concurrent, 4);
    assert_int_equal(a.ask.held, 0);
    struct cs_quota_grant g = {.calls = 8};
    g.pool[1].allotted = 3;
    answer(&b, &a, &g);
    bench_wait(&b, CS_QUOTA_SLICE_MS - 1);
    assert_int_equal(b.in_flight, 3); /* though eight could start by the rates */
    bench_reply(&b, bench_slot(&b), bench_http(200, "", BENCH_GOOD));
    bench_wait(&b, 20);
    assert_int_equal(b.in_flight, 3);
    assert_int_equal(b.total_started, 4);
    bench_wait(&b, CS_QUOTA_SLICE_MS);
    a = take(&b);
    assert_int_equal(a.ask.held, 3);
    assert_int_equal(a.ask.pool[1].allotted, 3);
    bench_done(&b);
}

static void by_hand(struct bench *b, struct cs_limits limits)
{
    struct cs_lane_info lanes[BENCH_LANES];
    struct cs_message m = {.kind = CS_STOP, .announce = bench_announce(b, lanes, 1, CS_LANE_OPEN)};
    lanes[0].limits = limits;
    bench_say(b, &m);
}

/* A lane without limits gets some while calls of it are under way, and loses them again: each call is taken back where it was charged. */
static void limits_come_and_go_by_hand(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, 8);
    b.source.own = "own";
    bench_welcome(&b, 1, CS_WINDOW_OUTPUTS);
    bench_assign(&b, 0, 3, 50, 100);
    assert_int_equal(b.in_flight, 8);
    assert_no_ask(&b);
    by_hand(&b, (struct cs_limits){.requests_per_minute = 600, .concurrent = 2});
    for (int i = 0; i < 8; i++)
        bench_reply(&b, bench_slot(&b), bench_http(200, "", BENCH_GOOD));
    assert_int_equal(b.in_flight, 0); /* nothing without quota from now on */
    struct cs_worker_ask a = take(&b);
    assert_string_equal(a.ask.pool[0].name, "own");
    assert_true(a.ask.pool[0].limit[CS_QUOTA_REQUESTS] == 600);
    assert_int_equal(a.ask.pool[0].concurrent, 2);
    answer(&b, &a, &(struct cs_quota_grant){.calls = 8, .pool[0].allotted = 2});
    bench_wait(&b, CS_QUOTA_SLICE_MS - 1);
    assert_int_equal(b.in_flight, 2);
    by_hand(&b, (struct cs_limits){.requests_per_minute = 60, .concurrent = 2});
    bench_wait(&b, 1);
    a = take(&b);
    assert_true(a.ask.pool[0].limit[CS_QUOTA_REQUESTS] == 60);
    assert_int_equal(a.ask.held, 2);
    by_hand(&b, (struct cs_limits){0});
    bench_wait(&b, 1);
    assert_int_equal(b.in_flight, 8); /* as before */
    for (int i = 0; i < 8; i++)
        bench_reply(&b, bench_slot(&b), bench_http(200, "", BENCH_GOOD));
    bench_done(&b);
}

/* What the study declares holds again when the word is lifted. */
static void a_declared_limit_is_raised_by_hand(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, 8);
    b.source.own = "own";
    b.source.limits = (struct cs_limits){.requests_per_minute = 60, .output_tokens_per_minute = 9000};
    b.source.shared = (struct cs_limits){.requests_per_minute = 6000};
    bench_welcome(&b, 1, CS_WINDOW_OUTPUTS);
    by_hand(&b, (struct cs_limits){.requests_per_minute = 600});
    bench_assign(&b, 0, 3, 50, 100);
    struct cs_worker_ask a = take(&b);
    assert_int_equal(a.ask.n_pools, 2);
    assert_true(a.ask.pool[0].limit[CS_QUOTA_REQUESTS] == 600);
    assert_true(a.ask.pool[0].limit[CS_QUOTA_OUTPUT] == 9000);
    assert_true(a.ask.pool[1].limit[CS_QUOTA_REQUESTS] == 6000);
    answer(&b, &a, &(struct cs_quota_grant){.calls = 1});
    by_hand(&b, (struct cs_limits){0});
    bench_wait(&b, CS_QUOTA_SLICE_MS);
    a = take(&b);
    assert_true(a.ask.pool[0].limit[CS_QUOTA_REQUESTS] == 60);
    bench_done(&b);
}

/* A call beyond what it named could be one too many: the answer may say less. */
static void while_asking_no_more_than_named(void **state)
{
    struct bench b;
    (void)state;
    limited(&b, 8, 1, (struct cs_limits){.concurrent = 4});
    bench_assign(&b, 0, 3, 50, 40);
    struct cs_worker_ask a = take(&b);
    struct cs_quota_grant g = {.calls = 8, .pool[0].allotted = 4};
    answer(&b, &a, &g);
    assert_int_equal(b.in_flight, 4);
    bench_reply(&b, bench_slot(&b), bench_http(503, "", "{}"));
    bench_reply(&b, bench_slot(&b), bench_http(503, "", "{}"));
    while (b.in_flight > 2) /* the brake has let one go on */
        bench_reply(&b, bench_slot(&b), bench_http(503, "", "{}"));
    bench_wait(&b, CS_QUOTA_SLICE_MS);
    a = take(&b);
    uint32_t named = a.ask.held;
    bench_wait(&b, 100);
    assert_true(b.in_flight <= named);
    g.pool[0].allotted = 1;
    answer(&b, &a, &g);
    bench_wait(&b, 10);
    assert_true(b.in_flight <= named);
    bench_done(&b);
}

static void limits_declared_anew_hold(void **state)
{
    struct bench b;
    struct cs_lane_info lanes[BENCH_LANES];
    (void)state;
    limited(&b, 8, 1, (struct cs_limits){.requests_per_minute = 600});
    bench_assign(&b, 0, 3, 50, 20);
    struct cs_worker_ask a = take(&b);
    answer(&b, &a, &(struct cs_quota_grant){.calls = 0, .pool[0].share = 1});
    b.source.limits.requests_per_minute = 300;
    struct cs_message m = {.kind = CS_STOP, .announce = bench_announce(&b, lanes, 2, CS_LANE_OPEN)};
    bench_say(&b, &m); /* a second lane, of a study that was changed, draws from the same pool */
    bench_assign(&b, 1, 3, 51, 20);
    bench_wait(&b, CS_QUOTA_SLICE_MS);
    a = take(&b);
    assert_int_equal(a.draw, 0);
    assert_true(a.ask.pool[0].limit[CS_QUOTA_REQUESTS] == 300);
    bench_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_limits_nothing_is_asked),
        cmocka_unit_test(calls_start_as_granted),
        cmocka_unit_test(what_is_not_used_goes_back),
        cmocka_unit_test(a_full_worker_wants_nothing),
        cmocka_unit_test(fresh_until_answered),
        cmocka_unit_test(a_fleet_that_called_is_not_fresh),
        cmocka_unit_test(lanes_of_a_pool_share_it),
        cmocka_unit_test(redis_away_leaves_the_last_share),
        cmocka_unit_test(without_redis_nine_tenths),
        cmocka_unit_test(a_429_is_told_and_a_lower_limit_followed),
        cmocka_unit_test(all_pools_of_a_lane_are_asked_at_once),
        cmocka_unit_test(limits_come_and_go_by_hand),
        cmocka_unit_test(a_declared_limit_is_raised_by_hand),
        cmocka_unit_test(while_asking_no_more_than_named),
        cmocka_unit_test(limits_declared_anew_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
