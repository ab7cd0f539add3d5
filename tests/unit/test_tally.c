/* How calls end and how long they take: the counts of a worker, their sum, and what is shown of it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "coordinator/page/samples.h"
#include "protocol/base/json.h"
#include "protocol/signals/metrics.h"
#include "worker/calls/lane_tally.h"

static struct cs_retry_rule rule(enum cs_next next, enum cs_outcome outcome)
{
    return (struct cs_retry_rule){.next = next, .outcome = outcome};
}

static void test_each_call_is_in_one_class(void **state)
{
    static const struct {
        enum cs_next next;
        enum cs_outcome outcome;
        enum cs_transfer transfer;
        enum cs_tally_end end;
    } rows[] = {
        {CS_NEXT_ANSWER, CS_OUTCOME_ok, CS_TRANSFER_WHOLE, CS_TALLY_answered},
        {CS_NEXT_ANSWER, CS_OUTCOME_refused, CS_TRANSFER_WHOLE, CS_TALLY_answered},
        {CS_NEXT_ANSWER, CS_OUTCOME_timeout, CS_TRANSFER_TIMEOUT, CS_TALLY_timeouts},
        {CS_NEXT_WAIT, CS_OUTCOME_rate_limited, CS_TRANSFER_WHOLE, CS_TALLY_limited},
        {CS_NEXT_STOP, CS_OUTCOME_ok, CS_TRANSFER_WHOLE, CS_TALLY_refused},
        {CS_NEXT_DENIED, CS_OUTCOME_invalid_request, CS_TRANSFER_WHOLE, CS_TALLY_refused},
        {CS_NEXT_DAY, CS_OUTCOME_rate_limited, CS_TRANSFER_WHOLE, CS_TALLY_refused},
        {CS_NEXT_RETRY, CS_OUTCOME_provider_error, CS_TRANSFER_WHOLE, CS_TALLY_errors},
        {CS_NEXT_FAIL, CS_OUTCOME_invalid_request, CS_TRANSFER_WHOLE, CS_TALLY_errors},
        {CS_NEXT_RETRY, CS_OUTCOME_transport, CS_TRANSFER_UNSENT, CS_TALLY_lost},
        {CS_NEXT_RETRY, CS_OUTCOME_transport, CS_TRANSFER_LOST, CS_TALLY_lost},
        {CS_NEXT_RETRY, CS_OUTCOME_transport, CS_TRANSFER_CUT, CS_TALLY_lost},
    };
    struct cs_lane_tally t = {0};
    struct cs_call_tally sum;
    uint64_t all = 0;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct cs_retry_rule r = rule(rows[i].next, rows[i].outcome);
        const uint64_t before = t.all.ended[rows[i].end];
        cs_lane_tally_note(&t, &r, rows[i].transfer, 100, 1000);
        assert_int_equal(t.all.ended[rows[i].end], before + 1);
    }
    cs_lane_tally_sum(&t, 1000, &sum);
    for (int e = 0; e < CS_TALLY_ENDS_N; e++)
        all += sum.ended[e];
    assert_int_equal(all, sizeof rows / sizeof *rows);
    assert_true(fabs(sum.seconds - 0.2) < 1e-9); /* of the two that were answered */
}

static void test_quantiles_are_near_the_truth(void **state)
{
    const struct cs_retry_rule ok = rule(CS_NEXT_ANSWER, CS_OUTCOME_ok);
    struct cs_lane_tally t = {0};
    struct cs_call_tally sum;

    (void)state;
    for (uint64_t ms = 1; ms <= 1000; ms++)
        cs_lane_tally_note(&t, &ok, CS_TRANSFER_WHOLE, ms * 10, 1000);
    cs_lane_tally_sum(&t, 1000, &sum);
    assert_true(fabs(cs_tally_quantile(sum.recent, 0.5) / 5.0 - 1) < 0.19);
    assert_true(fabs(cs_tally_quantile(sum.recent, 0.95) / 9.5 - 1) < 0.19);
    assert_true(cs_tally_quantile((uint64_t[CS_TALLY_BUCKETS]){0}, 0.5) < 0);
    assert_true(isinf(cs_tally_quantile((uint64_t[CS_TALLY_BUCKETS]){[CS_TALLY_BUCKETS - 1] = 1}, 0.5)));
    for (uint64_t ms = 1; ms < 600000; ms = ms * 3 / 2 + 1) {
        const uint32_t b = cs_tally_bucket(ms);
        assert_true((double)ms / 1e3 <= cs_tally_bound(b) && (b == 0 || (double)ms / 1e3 > cs_tally_bound(b - 1)));
    }
}

static void test_recent_is_the_last_two_minutes(void **state)
{
    const struct cs_retry_rule ok = rule(CS_NEXT_ANSWER, CS_OUTCOME_ok);
    struct cs_lane_tally t = {0};
    struct cs_call_tally sum;
    const uint64_t minute = CS_TALLY_MINUTE_MS;

    (void)state;
    cs_lane_tally_note(&t, &ok, CS_TRANSFER_WHOLE, 10000, minute);
    cs_lane_tally_note(&t, &ok, CS_TRANSFER_WHOLE, 10, 2 * minute);
    cs_lane_tally_sum(&t, 2 * minute, &sum);
    assert_true(cs_tally_quantile(sum.recent, 0.99) > 8);
    cs_lane_tally_sum(&t, 3 * minute, &sum);
    assert_true(cs_tally_quantile(sum.recent, 0.99) < 0.02);
    cs_lane_tally_sum(&t, 5 * minute, &sum);
    assert_true(cs_tally_quantile(sum.recent, 0.5) < 0);
    assert_true(cs_tally_quantile(sum.latency, 0.99) > 8); /* of all */
}

static void test_json_and_back(void **state)
{
    struct cs_call_tally t = {
        .ended = {1, 2, 3, 4, 5, 6}, .latency = {[3] = 7, [40] = 1}, .recent = {[3] = 2}, .seconds = 9.5};
    struct cs_call_tally back, twice = t;
    struct cs_json *json = cs_tally_to_json(&t);

    (void)state;
    cs_tally_from_json(json, &back);
    assert_memory_equal(&t, &back, sizeof t);
    cs_json_decref(json);
    cs_tally_add(&twice, &t);
    assert_int_equal(twice.ended[5], 12);
    assert_int_equal(twice.latency[3], 14);
    cs_tally_from_json(NULL, &back); /* an older worker tells nothing */
    assert_int_equal(back.ended[0] + back.latency[3], 0);
}

static void test_labels_carry_no_line_of_their_own(void **state)
{
    struct cs_buf out = CS_BUF_INIT(4096);
    const struct cs_metrics_label label = {"model", "a\"b\\c\nclinsafe_forged 1\x1b[31m"};

    (void)state;
    cs_metrics_family(&out, "clinsafe_x_total", CS_METRIC_COUNTER, "Of a test.");
    cs_metrics_sample(&out, "clinsafe_x_total", &label, 1, 3);
    cs_metrics_one(&out, "clinsafe_y", CS_METRIC_GAUGE, "Too.", INFINITY);
    assert_string_equal(cs_buf_cstr(&out),
                        "# HELP clinsafe_x_total Of a test.\n# TYPE clinsafe_x_total counter\n"
                        "clinsafe_x_total{model=\"a\\\"b\\\\c\\\\nclinsafe_forged 1\\\\x1b[31m\"} 3\n"
                        "# HELP clinsafe_y Too.\n# TYPE clinsafe_y gauge\nclinsafe_y +Inf\n");
    cs_buf_release(&out);
}

static void test_a_sample_a_minute_for_a_day(void **state)
{
    struct cs_samples *s = calloc(1, sizeof *s);

    (void)state;
    for (uint64_t i = 0; i < 3000; i++) {
        const struct cs_sample now = {.ended = i};
        cs_samples_note(s, &now, 1 + i * CS_SAMPLES_EVERY_MS, 0);
        cs_samples_note(s, &(struct cs_sample){.ended = 9999999}, 2 + i * CS_SAMPLES_EVERY_MS, 0); /* too early */
    }
    assert_int_equal(cs_samples_count(s), CS_SAMPLES_MAX);
    assert_int_equal(cs_samples_at(s, 0)->ended, 3000 - CS_SAMPLES_MAX);
    assert_int_equal(cs_samples_at(s, CS_SAMPLES_MAX - 1)->ended, 2999);
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_call_is_in_one_class),         cmocka_unit_test(test_quantiles_are_near_the_truth),
        cmocka_unit_test(test_recent_is_the_last_two_minutes),    cmocka_unit_test(test_json_and_back),
        cmocka_unit_test(test_labels_carry_no_line_of_their_own), cmocka_unit_test(test_a_sample_a_minute_for_a_day),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
