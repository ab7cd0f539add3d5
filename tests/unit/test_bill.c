/* What a study has cost: each output's money stands in one class, and the vendor's account is laid beside ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "protocol/base/alloc.h"
#include "tools/bill/compare.h"

static const int64_t DAY_MS = 86400000, NOON_MS = 1795953600000; /* 2026-11-29 12:00 UTC */
static const struct cs_price price = {.input = 1000, .cached = -1, .output = 2000, .cache_write = 1250};

static struct cs_stored output(uint8_t flags, int64_t at_ms, const char *resolved)
{
    struct cs_stored s = {.flags = flags};
    s.output = (struct cs_output){.outcome = CS_OUTCOME_ok,
                                  .attempts = 1,
                                  .input_tokens = 100,
                                  .output_tokens = 10,
                                  .model_resolved = resolved,
                                  .started_wall_ms = at_ms};
    return s;
}

static void add(struct cs_bill_account *l, struct cs_stored s)
{
    cs_bill_account_add(l, &s, "as-sent", &price, 0);
}

static void test_each_output_stands_in_one_class(void **state)
{
    struct cs_bill_account l = {0};
    const int64_t one = 100 * 1000 + 10 * 2000;

    (void)state;
    add(&l, output(CS_OUTPUT_CANONICAL, NOON_MS, "m-1"));
    add(&l, output(CS_OUTPUT_TURN, NOON_MS, "m-1")); /* a call of a conversation, as good as any */
    add(&l, output(CS_OUTPUT_DUPLICATE, NOON_MS, "m-1"));
    add(&l, output(CS_OUTPUT_FAILURE, NOON_MS, "m-1"));
    add(&l, output(CS_OUTPUT_ATTEMPT, NOON_MS, "m-1"));
    add(&l, output(CS_OUTPUT_CANONICAL | CS_OUTPUT_BORROWED, NOON_MS, "m-1")); /* in another study's bill */
    struct cs_stored retried = output(CS_OUTPUT_CANONICAL, NOON_MS, "m-1");
    retried.output.attempts = 3;
    retried.output.wasted = 2;
    retried.output.wasted_input = 50;
    retried.output.ambiguous = 1;
    add(&l, retried);
    assert_int_equal(l.n, 1);
    assert_string_equal(l.rows[0].day, "2026-11-29");
    assert_int_equal(l.rows[0].unique, 3 * one);
    assert_int_equal(l.rows[0].twice, one);
    assert_int_equal(l.rows[0].wasted, 2 * one + 50 * 1000);
    assert_int_equal(cs_bill_account_cost(&l.rows[0]), 6 * one + 50 * 1000);
    assert_int_equal(l.rows[0].calls, 8);
    assert_int_equal(l.rows[0].ambiguous, 1);
    assert_int_equal(l.rows[0].n_wasted, 3);
    assert_int_equal(l.rows[0].input, 650);
    cs_bill_account_release(&l);
}

static void test_what_is_written_to_the_cache_is_dearer(void **state)
{
    struct cs_bill_account l = {0};
    struct cs_stored s = output(CS_OUTPUT_CANONICAL, NOON_MS, "m-1");

    (void)state;
    s.output.cache_write_tokens = 60;
    s.output.wasted = 1;
    s.output.wasted_input = 50;
    s.output.wasted_cache_write = 50;
    add(&l, s);
    assert_int_equal(l.rows[0].unique, 40 * 1000 + 60 * 1250 + 10 * 2000);
    assert_int_equal(l.rows[0].wasted, 50 * 1250);
    assert_int_equal(l.rows[0].input, 150);
    assert_int_equal(l.rows[0].written, 110);
    cs_bill_account_release(&l);
}

static void test_a_row_a_day_and_model(void **state)
{
    struct cs_bill_account l = {0};

    (void)state;
    add(&l, output(CS_OUTPUT_CANONICAL, NOON_MS + DAY_MS, "m-2"));
    add(&l, output(CS_OUTPUT_CANONICAL, NOON_MS, "m-2"));
    add(&l, output(CS_OUTPUT_CANONICAL, NOON_MS, "")); /* nobody says who answered */
    add(&l, output(CS_OUTPUT_CANONICAL, NOON_MS + DAY_MS, "m-2"));
    cs_bill_account_sort(&l);
    assert_int_equal(l.n, 3);
    assert_string_equal(l.rows[0].model, "as-sent");
    assert_string_equal(l.rows[2].day, "2026-11-30");
    assert_int_equal(l.rows[2].outputs, 2);
    cs_bill_account_release(&l);
}

static enum cs_err load(const char *text, struct cs_arena *arena, struct cs_usage *u, struct cs_error *err)
{
    char path[] = "/tmp/usage-XXXXXX.csv";
    const int fd = mkstemps(path, 4);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    const enum cs_err rc = cs_bill_vendor_load(path, arena, u, err);
    unlink(path);
    return rc;
}

static void test_the_vendors_account_beside_ours(void **state)
{
    struct cs_bill_account l = {0};
    struct cs_arena arena = {0};
    struct cs_usage u;
    struct cs_bill_comparison c;
    struct cs_stored unknown = output(CS_OUTPUT_CANONICAL, NOON_MS, "m-2");

    (void)state;
    unknown.output.ambiguous = 1;
    unknown.output.attempts = 2;
    add(&l, output(CS_OUTPUT_CANONICAL, NOON_MS, "m-1"));
    add(&l, unknown);
    add(&l, output(CS_OUTPUT_CANONICAL, NOON_MS, "m-3"));
    cs_bill_account_sort(&l);
    /* m-1 agrees, in two rows; m-2 has the tokens of the call that we know nothing of; m-3 is not there; m-4 is not ours */
    assert_int_equal(load("start_time,Model,num_model_requests,input_tokens,output_tokens\n"
                          "2026-11-29T00:00:00Z,m-1,0,40,10\n1795953600,M-1,1,60,0\n"
                          "2026-11-29,m-2,2,200,20\n2026-11-28,m-4,1,1,1\n",
                          &arena, &u, NULL),
                     CS_OK);
    cs_bill_compare(&l, &u, &arena, &c);
    assert_int_equal(c.n, 4);
    assert_int_equal(c.differ, 3);
    assert_int_equal(c.unexplained, 2);
    assert_false(c.rows[0].differs);
    assert_true(c.rows[1].differs && c.rows[1].explained);
    assert_true(c.rows[1].more[CS_USAGE_INPUT] > 99 && c.rows[1].more[CS_USAGE_INPUT] < 101);
    assert_null(c.rows[2].theirs);
    assert_null(c.rows[3].ours);
    cs_bill_account_release(&l);
    cs_arena_release(&arena);
}

/* One call of unknown fate explains what one call can use, and no more. */
static void test_a_lost_call_explains_no_more_than_a_call(void **state)
{
    static const struct {
        const char *input, *output, *usd;
        bool explained;
    } theirs[] = {
        {"200", "60", "0.00032", true},      /* twice the prompt, and a whole answer at its cap of 50 */
        {"5000100", "20", "0.00024", false}, /* five million tokens are not one call's */
        {"200", "61", "0.00032", false},     {"200", "20", "500", false}, {"99", "20", "0.00024", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof theirs / sizeof *theirs; i++) {
        struct cs_bill_account l = {0};
        struct cs_arena arena = {0};
        struct cs_usage u;
        struct cs_bill_comparison c;
        struct cs_stored unknown = output(CS_OUTPUT_CANONICAL, NOON_MS, "m-2");
        char *text = cs_xasprintf(
            "date,model,requests,input_tokens,output_tokens,cost_usd\n2026-11-29,m-2,2,%s,%s,%s\n", theirs[i].input,
            theirs[i].output, theirs[i].usd);
        unknown.output.ambiguous = 1;
        unknown.output.attempts = 2;
        cs_bill_account_add(&l, &unknown, "as-sent", &price, 50);
        assert_int_equal(load(text, &arena, &u, NULL), CS_OK);
        cs_bill_compare(&l, &u, &arena, &c);
        assert_int_equal(c.rows[0].bound.input, 100);
        assert_int_equal(c.rows[0].bound.output, 50);
        assert_true(c.rows[0].differs);
        if (c.rows[0].explained != theirs[i].explained)
            fail_msg("%s", text);
        cs_bill_account_release(&l);
        cs_arena_release(&arena);
        free(text);
    }
}

static void test_a_table_that_is_none(void **state)
{
    static const char *const texts[][2] = {
        {"model,requests\nm,1\n", ":1: no column with the day"},
        {"date,requests\n2026-11-29,1\n", ":1: no column with the model"},
        {"date,model\n2026-11-29,m\n", ":1: no figure"},
        {"date,model,requests\n29.11.2026,m,1\n", ":2: date: \"29.11.2026\" is no day"},
        {"date,model,requests\n2026-11-29,m,many\n", ":2: requests: \"many\" is no number"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct cs_arena arena = {0};
        struct cs_error err = {0};
        struct cs_usage u;
        assert_int_equal(load(texts[i][0], &arena, &u, &err), CS_EINVAL);
        if (strstr(err.msg, texts[i][1]) == NULL)
            fail_msg("%s", err.msg);
        cs_arena_release(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_output_stands_in_one_class),
        cmocka_unit_test(test_what_is_written_to_the_cache_is_dearer),
        cmocka_unit_test(test_a_row_a_day_and_model),
        cmocka_unit_test(test_the_vendors_account_beside_ours),
        cmocka_unit_test(test_a_lost_call_explains_no_more_than_a_call),
        cmocka_unit_test(test_a_table_that_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
