/* The end of a study is that of its slowest lane. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "coordinator/rate.h"

static struct cs_rate rate;
static double per_s, eta;

static void look(uint64_t at_s, uint64_t fast, uint64_t slow, bool open)
{
    const struct cs_rate_lane lanes[] = {{fast, 1000 - fast, true}, {slow, 1000 - slow, open}};
    cs_rate_look(&rate, 1, lanes, 2, 1000 * at_s + 1, true, &per_s, &eta);
}

static int fresh(void **state)
{
    (void)state;
    rate = (struct cs_rate){0};
    return 0;
}

static void the_slowest_lane_decides(void **state)
{
    (void)state;
    for (uint64_t s = 0; s <= 8; s++)
        look(s, 100 * s, s, true);
    assert_true(per_s > 100.9 && per_s < 101.1);
    assert_true(eta > 991 && eta < 993); /* together they would say 12 s */
    look(10, 1000, 10, true);
    assert_true(eta > 989 && eta < 991);
}

static void a_lane_slower_than_the_window(void **state)
{
    (void)state;
    for (uint64_t s = 0; s <= 39; s++)
        look(s, 1000, s / 20, true); /* one answer in 20 s */
    assert_true(eta > 999 * 39 - 1 && eta < 999 * 39 + 1);
}

static void what_cannot_be_said(void **state)
{
    (void)state;
    look(0, 0, 0, true);
    assert_true(eta < 0);
    look(1, 100, 0, true);
    assert_true(eta < 0); /* the slow lane has not answered yet */
    look(2, 200, 0, false);
    assert_true(eta > 7.9 && eta < 8.1); /* it is paused, and does not count */
    look(3, 1000, 0, false);
    assert_true(eta < 0); /* nobody works on what is left */
    look(4, 1000, 1000, true);
    assert_true(eta >= 0 && eta <= 0);
}

static void another_generation_begins_anew(void **state)
{
    (void)state;
    look(0, 0, 0, true);
    look(1, 100, 100, true);
    const struct cs_rate_lane lanes[] = {{5, 5, true}};
    cs_rate_look(&rate, 2, lanes, 1, 2001, true, &per_s, &eta);
    assert_true(per_s >= 0 && per_s <= 0 && eta < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_slowest_lane_decides, fresh),
        cmocka_unit_test_setup(a_lane_slower_than_the_window, fresh),
        cmocka_unit_test_setup(what_cannot_be_said, fresh),
        cmocka_unit_test_setup(another_generation_begins_anew, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
