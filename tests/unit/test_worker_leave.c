/* Leaving by itself: before a deadline, after idling, when the studies are done; and how deadlines are written. */
#include "tests/unit/worker_bench.h"

#include <time.h>

#include "worker/deadline.h"

enum { START = 1000 }; /* on the bench's clock */

static void open_with(struct bench *b, struct cs_worker_opts more, uint32_t timeout_ms)
{
    *b = (struct bench){.now = START, .session = 100, .term = 5};
    b->source = (struct bench_source){.spec_here = true, .cases_here = true, .timeout_ms = timeout_ms};
    more.name = "w1";
    more.version = "test";
    more.seed = 42;
    more.slots = 8;
    if (more.drain_ms == 0)
        more.drain_ms = 120000;
    more.source = (struct cs_source){&b->source,   bench_lane,    bench_release, bench_trial,
                                     bench_parses, bench_missing, bench_put};
    cs_worker_open(&b->w, &more);
    bench_tick(b);
    bench_welcome(b, 1, CS_WINDOW_OUTPUTS);
}

/* Time passes while the coordinator answers every PING. */
static void pass(struct bench *b, uint64_t ms)
{
    for (uint64_t end = b->now + ms; b->now < end && !b->exited;) {
        bench_wait(b, b->now + CS_PING_MS <= end ? CS_PING_MS : end - b->now);
        if (!b->exited)
            bench_pong(b, b->now);
    }
}

static void no_call_outlives_the_deadline(void **state)
{
    (void)state;
    struct bench b;
    const uint64_t deadline = START + 100000;
    open_with(&b, (struct cs_worker_opts){.deadline_ms = deadline}, 20000);
    pass(&b, 70000);
    bench_assign(&b, 0, 0, 50, 8);
    assert_int_equal(b.in_flight, 8); /* 5 s to spare */
    bench_reply(&b, bench_slot(&b), bench_http(200, "", BENCH_GOOD));
    bench_assign(&b, 0, 1, 51, 4);
    assert_int_equal(b.in_flight, 8);
    bench_wait(&b, deadline - 25000 - b.now);
    bench_reply(&b, bench_slot(&b), bench_http(200, "", BENCH_GOOD));
    assert_int_equal(b.in_flight, 8); /* the last moment */
    bench_wait(&b, 1);
    assert_int_equal(b.sent[CS_RELEASE], 1);
    assert_int_equal(bench_bits(b.message[CS_RELEASE]->leases.leases[0].todo), 2);
    assert_int_equal(b.message[CS_WANT]->want.lanes[0].capacity, 0);
    bench_reply(&b, bench_slot(&b), bench_http(200, "", BENCH_GOOD));
    assert_int_equal(b.in_flight, 7); /* nothing is begun any more; what flies ends and is delivered */
    while (b.in_flight > 0)
        bench_reply(&b, bench_slot(&b), bench_http(200, "", BENCH_GOOD));
    bench_wait(&b, CS_FLUSH_MS);
    bench_ack(&b, 10);
    assert_int_equal(b.sent[CS_BYE], 1);
    bench_wait(&b, CS_BYE_MS);
    assert_true(b.exited);
    assert_int_equal(b.exit_code, CS_OK);
    assert_true(b.now < deadline);
    bench_done(&b);
}

static void a_retry_that_does_not_fit_goes_back(void **state)
{
    (void)state;
    struct bench b;
    open_with(&b, (struct cs_worker_opts){.deadline_ms = START + 30000}, 20000);
    bench_assign(&b, 0, 0, 50, 1);
    assert_int_equal(b.in_flight, 1);
    bench_wait(&b, 4999);
    bench_reply(&b, bench_slot(&b), bench_http(500, "", "{}")); /* a repetition would begin after its pause */
    assert_int_equal(b.sent[CS_RELEASE], 1);
    assert_int_equal(bench_bits(b.message[CS_RELEASE]->leases.leases[0].todo), 1);
    bench_done(&b);
}

static void a_drain_ends_before_the_deadline(void **state)
{
    (void)state;
    struct bench b;
    open_with(&b, (struct cs_worker_opts){.deadline_ms = START + 30000}, 20000);
    bench_assign(&b, 0, 0, 50, 1);
    bench_step(&b, (struct cs_worker_event){.kind = CS_WORKER_DRAIN});
    pass(&b, 29500); /* the call does not end: 120 s of drain would be too long */
    assert_true(b.exited);
    assert_int_equal(b.exit_code, CS_EINCOMPLETE);
    bench_done(&b);
}

/* What flies then began in time: the short drain of a site that kills soon after it has asked is not for it. */
static void leaving_in_time_waits_for_what_flies(void **state)
{
    (void)state;
    struct bench b;
    const uint64_t deadline = START + 100000;
    open_with(&b, (struct cs_worker_opts){.deadline_ms = deadline, .drain_ms = 3000}, 20000);
    pass(&b, 74000);
    bench_assign(&b, 0, 0, 50, 2);
    assert_int_equal(b.in_flight, 2);
    pass(&b, 19000); /* it drains since 18 s */
    assert_int_equal(b.in_flight, 2);
    bench_reply(&b, bench_slot(&b), bench_http(200, "", BENCH_GOOD));
    bench_wait(&b, CS_FLUSH_MS);
    bench_ack(&b, 1);
    assert_false(b.exited);
    bench_step(&b, (struct cs_worker_event){.kind = CS_WORKER_DRAIN}); /* now the site is in a hurry */
    pass(&b, 2900);
    assert_false(b.exited);
    pass(&b, 300);
    assert_true(b.exited);
    assert_int_equal(b.exit_code, CS_EINCOMPLETE);
    bench_done(&b);
}

static void a_deadline_too_near_for_any_call(void **state)
{
    (void)state;
    struct bench b;
    open_with(&b, (struct cs_worker_opts){.deadline_ms = START + 24000}, 20000);
    bench_assign(&b, 0, 0, 50, 8);
    assert_int_equal(b.total_started, 0);
    bench_wait(&b, CS_BYE_MS);
    assert_true(b.exited);
    assert_int_equal(b.exit_code, CS_OK);
    bench_done(&b);
}

static void idleness_ends_it(void **state)
{
    (void)state;
    struct bench b;
    open_with(&b, (struct cs_worker_opts){.idle_ms = 10000}, 20000);
    pass(&b, 9000);
    assert_false(b.exited);
    bench_assign(&b, 0, 0, 50, 1);
    pass(&b, 15000);
    assert_false(b.exited); /* a call is under way */
    bench_reply(&b, bench_slot(&b), bench_http(200, "", BENCH_GOOD));
    bench_wait(&b, CS_FLUSH_MS);
    bench_ack(&b, 1);
    pass(&b, 9900);
    assert_false(b.exited);
    pass(&b, 2000);
    assert_true(b.exited);
    assert_int_equal(b.exit_code, CS_OK);
    bench_done(&b);
}

static void done_studies_end_it(void **state)
{
    (void)state;
    struct bench b;
    open_with(&b, (struct cs_worker_opts){.until_done = true}, 20000);
    bench_stop(&b, 1, CS_LANE_PAUSED);
    pass(&b, 5000);
    assert_false(b.exited); /* a person may let it go on */
    bench_stop(&b, 1, CS_LANE_DONE);
    bench_wait(&b, CS_BYE_MS);
    assert_true(b.exited);
    assert_int_equal(b.exit_code, CS_OK);
    bench_done(&b);
}

static void without_studies_it_waits_for_one(void **state)
{
    (void)state;
    struct bench b;
    struct cs_worker_opts o = {.name = "w1", .version = "test", .seed = 1, .slots = 8, .until_done = true};
    b = (struct bench){.now = START, .session = 100, .term = 5};
    o.source = (struct cs_source){&b.source,    bench_lane,    bench_release, bench_trial,
                                  bench_parses, bench_missing, bench_put};
    cs_worker_open(&b.w, &o);
    bench_tick(&b);
    bench_welcome(&b, 0, CS_WINDOW_OUTPUTS);
    bench_wait(&b, 5000);
    assert_false(b.exited);
    bench_done(&b);
}

static void deadlines_as_they_are_written(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t left_s;
    } good[] = {{"90", 90},
                {"1:30", 90},
                {"2:00:00", 7200},
                {"1-06:00:00", 108000},
                {"1-6", 108000},
                {"0:05", 5},
                {"2-00:01", 172860},
                {"UNLIMITED", 0},
                {"NOT_SET", 0},
                {"2023-11-14T22:13:30Z", 10},
                {"2023-11-15T00:13:30", 10},
                {"T00:14", 40},
                {"2023-11-14T22:14Z", 40},
                {"2023-11-15T00:14", 40},
                {"T00:13:21", 1},
                {"T00:13:20", 86400},
                {"T23:00:00", 82000}};
    static const char *const bad[] = {"",
                                      "0",
                                      "0:00",
                                      "-5",
                                      "5m",
                                      "1:60",
                                      "1:2:3:4",
                                      "INVALID",
                                      "1:",
                                      "-",
                                      "1-2-3",
                                      "1234567890",
                                      "1.5",
                                      "now",
                                      "2023-02-31T00:00:00Z",
                                      "2023-11-14T22:13:20Z",
                                      "2023-11-15T00:13:20",
                                      "2023-11-15T00:13:30+02:00",
                                      "2023-11-15T00:14:",
                                      "2023-11-15T00",
                                      "T24:00",
                                      "T12",
                                      "T12:60",
                                      "T1:2:3:4",
                                      "slurm",
                                      "2023-11-14T22:13:30Zx"};
    const int64_t wall_ms = 1700000000000; /* 2023-11-14T22:13:20Z */
    struct cs_error err;
    uint64_t left;

    setenv("TZ", "UTC-2", 1); /* two hours ahead: 2023-11-15T00:13:20 here */
    tzset();
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(cs_deadline_parse(good[i].text, wall_ms, &left, &err), CS_OK);
        assert_int_equal(left, good[i].left_s * 1000);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (cs_deadline_parse(bad[i], wall_ms, &left, &err) != CS_EUSAGE)
            fail_msg("accepted: \"%s\"", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_call_outlives_the_deadline),
        cmocka_unit_test(a_retry_that_does_not_fit_goes_back),
        cmocka_unit_test(a_drain_ends_before_the_deadline),
        cmocka_unit_test(leaving_in_time_waits_for_what_flies),
        cmocka_unit_test(a_deadline_too_near_for_any_call),
        cmocka_unit_test(idleness_ends_it),
        cmocka_unit_test(done_studies_end_it),
        cmocka_unit_test(without_studies_it_waits_for_one),
        cmocka_unit_test(deadlines_as_they_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
