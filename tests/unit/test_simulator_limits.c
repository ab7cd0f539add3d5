/* The token bucket and the headers, against values recorded from the real provider and worked out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tools/simulator/faults.h"
#include "tools/simulator/limits.h"

static const char *go(uint64_t ms)
{
    static char out[32];
    cs_sim_limits_go_duration(ms, out);
    return out;
}

static void durations_as_go_prints_them(void **state)
{
    (void)state;
    assert_string_equal(go(0), "0s");
    assert_string_equal(go(1), "1ms");
    assert_string_equal(go(120), "120ms");
    assert_string_equal(go(1000), "1s");
    assert_string_equal(go(1780), "1.78s");
    assert_string_equal(go(1005), "1.005s");
    assert_string_equal(go(360000), "6m0s");
    assert_string_equal(go(3723000), "1h2m3s");
    assert_string_equal(go(86399500), "23h59m59.5s");
}

static bool take(struct cs_buckets *b, const struct cs_quota *q, uint64_t tokens, int64_t now_us,
                 struct cs_limit_refusal *why)
{
    return cs_sim_limits_buckets_take(b, q, &(struct cs_charge){.tokens = tokens}, now_us, why);
}

/* Recorded: limit, remaining, reset. */
static void reset_is_the_time_until_the_bucket_is_full(void **state)
{
    (void)state;
    static const struct {
        uint64_t limit, remaining;
        const char *reset;
    } recorded[] = {{5000, 4999, "12ms"},
                    {500, 499, "120ms"},
                    {800000, 799986, "1ms"},
                    {200000, 199695, "91ms"},
                    {5000, 5000, "0s"}};
    for (size_t i = 0; i < sizeof recorded / sizeof recorded[0]; i++) {
        const struct cs_limit limit = {.per_minute = recorded[i].limit};
        const struct cs_bucket bucket = {.available = (double)recorded[i].remaining};
        const struct cs_limit_state s = cs_sim_limits_state(&limit, &bucket);
        assert_int_equal(s.remaining, recorded[i].remaining);
        assert_string_equal(go(s.reset_ms), recorded[i].reset);
    }
}

/* Recorded: "Limit 30000, Used 30000, Requested 890. Please try again in 1.78s." and 154 -> 308ms. */
static void wait_is_the_time_until_this_request_fits(void **state)
{
    (void)state;
    const struct cs_quota q = {.tokens = {.per_minute = 30000}};
    struct cs_buckets b;
    struct cs_limit_refusal why;
    cs_sim_limits_buckets_init(&b, &q, 0);
    assert_true(take(&b, &q, 30000, 0, &why));
    assert_false(take(&b, &q, 890, 0, &why));
    assert_int_equal(why.dimension, CS_DIM_TOKENS);
    assert_int_equal(why.used, 30000);
    assert_int_equal(why.requested, 890);
    assert_int_equal(why.wait_ms, 1780);
    assert_false(take(&b, &q, 154, 0, &why));
    assert_int_equal(why.wait_ms, 308);
    assert_false(take(&b, &q, 154, 307999, &why));
    assert_true(take(&b, &q, 154, 308000, &why)); /* the promise is kept */
    assert_false(take(&b, &q, 1, 308000, &why));  /* and not a token more */
}

static void requests_are_limited_first_and_a_refusal_takes_nothing(void **state)
{
    (void)state;
    const struct cs_quota q = {.requests = {.per_minute = 500}, .tokens = {.per_minute = 1000}};
    struct cs_buckets b;
    struct cs_limit_refusal why;
    cs_sim_limits_buckets_init(&b, &q, 0);
    for (int i = 0; i < 500; i++)
        assert_true(take(&b, &q, 2, 0, &why));
    assert_false(take(&b, &q, 2, 0, &why));
    assert_int_equal(why.dimension, CS_DIM_REQUESTS);
    assert_int_equal(why.wait_ms, 120);
    for (int i = 0; i < 1000; i++)
        assert_false(take(&b, &q, 2, 0, &why));
    assert_true(take(&b, &q, 2, 120000, &why));
}

static void never_more_than_limit_and_burst(void **state)
{
    (void)state;
    const struct cs_quota q = {.requests = {.per_minute = 6000, .burst = 16}, .starts_empty = true};
    struct cs_buckets b;
    struct cs_limit_refusal why;
    cs_sim_limits_buckets_init(&b, &q, 0);
    assert_false(take(&b, &q, 1, 0, &why)); /* it starts empty */
    assert_int_equal(why.wait_ms, 10);
    unsigned admitted = 0;
    for (int64_t us = 0; us <= 60 * 1000000; us += 500)
        admitted += take(&b, &q, 1, us, &why);
    assert_in_range(admitted, 5999, 6000);
    for (int i = 0; i < 16; i++) /* after a long rest the burst, and no more */
        assert_true(take(&b, &q, 1, 600 * 1000000LL, &why));
    assert_false(take(&b, &q, 1, 600 * 1000000LL, &why));
}

static void larger_than_the_burst_leaves_a_debt(void **state)
{
    (void)state;
    const struct cs_quota q = {.tokens = {.per_minute = 60000, .burst = 1000}};
    struct cs_buckets b;
    struct cs_limit_refusal why;
    cs_sim_limits_buckets_init(&b, &q, 0);
    assert_true(take(&b, &q, 3000, 0, &why));
    assert_false(take(&b, &q, 3000, 0, &why));
    assert_false(why.never);
    assert_in_range(why.wait_ms, 3000, 3001); /* 2,000 owed and a full bucket of 1,000, at 1,000 a second */
    assert_false(take(&b, &q, 3000, 2990000, &why));
    assert_true(take(&b, &q, 3000, 3000000, &why));
    assert_false(take(&b, &q, 60001, 600000000, &why));
    assert_true(why.never);
}

/* Bedrock: input and cap first, then what was written. Anthropic: output is charged once it is written, and then first to be paid. */
static void what_is_settled(void **state)
{
    (void)state;
    const struct cs_quota q = {.tokens = {.per_minute = 60000, .burst = 1000},
                               .output = {.per_minute = 6000, .burst = 100}};
    const struct cs_charge begun = {.tokens = 900}, ended = {.tokens = 300, .output = 250};
    struct cs_buckets b;
    struct cs_limit_refusal why;
    cs_sim_limits_buckets_init(&b, &q, 0);
    assert_true(cs_sim_limits_buckets_take(&b, &q, &begun, 0, &why));
    assert_false(cs_sim_limits_buckets_take(&b, &q, &begun, 0, &why));
    assert_int_equal(why.dimension, CS_DIM_TOKENS);
    cs_sim_limits_buckets_settle(&b, &begun, &ended);
    assert_int_equal((int)b.tokens.available, 700);
    assert_int_equal((int)b.output.available, -150);
    assert_false(take(&b, &q, 1, 0, &why));
    assert_int_equal(why.dimension, CS_DIM_OUTPUT);
    assert_in_range(why.wait_ms, 1500, 1520); /* the debt, at 100 a second */
    assert_true(take(&b, &q, 1, 1520000, &why));
}

static void no_limit_no_bucket(void **state)
{
    (void)state;
    const struct cs_quota q = {0};
    struct cs_buckets b;
    struct cs_limit_refusal why;
    cs_sim_limits_buckets_init(&b, &q, 0);
    for (int i = 0; i < 100000; i++)
        assert_true(take(&b, &q, 1000000, 0, &why));
}

static void faults_are_read_and_drawn_in_their_shares(void **state)
{
    (void)state;
    struct cs_faults f;
    struct cs_error err;
    assert_int_equal(cs_faults_parse(&f, "rate_limited=0.1,reset=0.3", &err), CS_OK);
    unsigned n[CS_FAULT_COUNT + 1] = {0};
    for (int i = 0; i < 10000; i++) {
        char digest[33];
        snprintf(digest, sizeof digest, "%032d", i);
        n[cs_faults_draw(&f, 1, digest, "1")]++;
        assert_int_equal(cs_faults_draw(&f, 1, digest, "1"), cs_faults_draw(&f, 1, digest, "1"));
    }
    assert_in_range(n[CS_FAULT_RATE_LIMITED], 900, 1100);
    assert_in_range(n[CS_FAULT_RESET], 2850, 3150);
    assert_int_equal(n[CS_FAULT_RATE_LIMITED] + n[CS_FAULT_RESET] + n[CS_FAULT_NONE], 10000);
    assert_int_equal(cs_faults_parse(&f, "", &err), CS_OK);
    assert_int_equal(cs_faults_draw(&f, 1, "0", "1"), CS_FAULT_NONE);

    assert_int_equal(cs_faults_parse(&f, "slow=0.1", &err), CS_EINVAL);
    assert_non_null(strstr(err.msg, "no fault is called \"slow\""));
    assert_int_equal(cs_faults_parse(&f, "reset", &err), CS_EINVAL);
    assert_int_equal(cs_faults_parse(&f, "reset=0.1x", &err), CS_EINVAL);
    assert_int_equal(cs_faults_parse(&f, "reset=1.5", &err), CS_EINVAL);
    assert_int_equal(cs_faults_parse(&f, "reset=0.7,hang=0.7", &err), CS_EINVAL);
    assert_non_null(strstr(err.msg, "1.4"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_as_go_prints_them),
        cmocka_unit_test(reset_is_the_time_until_the_bucket_is_full),
        cmocka_unit_test(wait_is_the_time_until_this_request_fits),
        cmocka_unit_test(requests_are_limited_first_and_a_refusal_takes_nothing),
        cmocka_unit_test(never_more_than_limit_and_burst),
        cmocka_unit_test(larger_than_the_burst_leaves_a_debt),
        cmocka_unit_test(what_is_settled),
        cmocka_unit_test(no_limit_no_bucket),
        cmocka_unit_test(faults_are_read_and_drawn_in_their_shares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
