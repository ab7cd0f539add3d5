/* Lanes whose trials all end alike: the rule by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "coordinator/lanes/alike.h"
#include "store/store.h"

static struct cs_output ended(enum cs_outcome outcome, uint16_t status, const char *text)
{
    return (struct cs_output){.outcome = (uint8_t)outcome, .http_status = status, .finish = "", .text = text};
}

static uint32_t until(struct cs_alike *a, const struct cs_output *o, uint32_t most)
{
    for (uint32_t n = 1; n <= most; n++) {
        if (cs_alike_ended(a, o))
            return n;
    }
    return 0;
}

static void fifty_alike_pause_and_quote(void **state)
{
    const struct cs_counters none = {0};
    struct cs_output o = ended(CS_OUTCOME_invalid_request, 400,
                               "no \x1b[31m temperature sk-SECRET-123456789, says\nit");
    struct cs_alike a;

    (void)state;
    cs_alike_open(&a, &none, false, false, NULL);
    assert_int_equal(cs_alike_room(&a, 0), CS_ALIKE_MAX);
    assert_int_equal(cs_alike_room(&a, 20), CS_ALIKE_MAX - 20);
    assert_int_equal(until(&a, &o, 200), CS_ALIKE_MAX);
    assert_int_equal(cs_alike_room(&a, 0), 0);
    assert_non_null(strstr(a.why, "HTTP 400"));
    assert_non_null(strstr(a.why, "temperature [key], says it"));
    assert_null(strchr(a.why, '\x1b'));
    assert_null(strstr(a.why, "SECRET"));
    assert_true(cs_alike_resume(&a)); /* and it does not ask again */
    assert_int_equal(until(&a, &o, 200), 0);
    assert_true(cs_alike_room(&a, 1000) > 1000);
    cs_alike_open(&a, &none, false, false, a.why); /* the mark of that, after a restart */
    assert_int_equal(until(&a, &o, 200), 0);
}

static void what_is_not_alike_does_not_pause(void **state)
{
    const struct cs_counters none = {0};
    struct cs_output bad = ended(CS_OUTCOME_invalid_request, 400, ""),
                     other = ended(CS_OUTCOME_provider_error, 500, ""), good = ended(CS_OUTCOME_ok, 200, "{}"),
                     odd = ended(CS_OUTCOME_unparsable, 200, "x");
    struct cs_alike a;

    (void)state;
    cs_alike_open(&a, &none, false, false, NULL);
    assert_int_equal(until(&a, &bad, 49), 0);
    assert_false(cs_alike_ended(&a, &other));
    assert_int_equal(until(&a, &bad, 49), 0);
    assert_false(cs_alike_ended(&a, &good));
    assert_int_equal(until(&a, &odd, 500), 0); /* it has been readable */
    assert_int_equal(until(&a, &bad, 60), CS_ALIKE_MAX);
    cs_alike_open(&a, &none, true, false, NULL);
    assert_int_equal(until(&a, &odd, 500), 0); /* so the study accepts */
    cs_alike_open(&a, &none, false, false, NULL);
    assert_int_equal(until(&a, &odd, 500), CS_ALIKE_MAX);
}

/* A reasoning model whose cap leaves no room for an answer is paid for every reply. */
static void what_is_cut_is_no_answer_unless_it_is_free(void **state)
{
    struct cs_counters half = {0};
    struct cs_output cut = ended(CS_OUTCOME_truncated, 200, "First I weigh"), good = ended(CS_OUTCOME_ok, 200, "{}");
    struct cs_alike a;

    (void)state;
    half.outcome[CS_OUTCOME_truncated] = 30;
    cs_alike_open(&a, &half, false, false, NULL);
    assert_int_equal(until(&a, &cut, 500), CS_ALIKE_MAX - 30);
    assert_non_null(strstr(a.why, "(truncated): \"First I weigh\""));
    cs_alike_open(&a, &half, false, false, NULL);
    assert_false(cs_alike_ended(&a, &good));
    assert_int_equal(until(&a, &cut, 500), 0);
    cs_alike_open(&a, &half, true, false, NULL); /* so the study accepts */
    assert_int_equal(until(&a, &cut, 500), 0);
    cs_alike_open(&a, &half, false, true, NULL);
    assert_int_equal(until(&a, &cut, 500), 0);
    assert_true(a.proven);
}

static void it_outlives_a_restart(void **state)
{
    struct cs_counters half = {0};
    struct cs_output odd = ended(CS_OUTCOME_unparsable, 200, "<think>");
    struct cs_alike a, b;

    (void)state;
    half.outcome[CS_OUTCOME_unparsable] = 30;
    cs_alike_open(&a, &half, false, false, NULL);
    assert_int_equal(until(&a, &odd, 500), CS_ALIKE_MAX - 30);
    cs_alike_open(&b, &half, false, false, a.why);
    assert_string_equal(b.why, a.why);
    half.outcome[CS_OUTCOME_refused] = 1;
    cs_alike_open(&a, &half, false, false, NULL);
    assert_int_equal(until(&a, &odd, 500), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fifty_alike_pause_and_quote),
        cmocka_unit_test(what_is_not_alike_does_not_pause),
        cmocka_unit_test(what_is_cut_is_no_answer_unless_it_is_free),
        cmocka_unit_test(it_outlives_a_restart),
    };
    return cmocka_run_group_tests_name("alike", tests, NULL, NULL);
}
