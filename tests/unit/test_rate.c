/* The end of a study is that of its slowest lane. */
#include <math.h>
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
    const struct cs_rate_lane lanes[] = {{fast, 1000 - fast, true, false}, {slow, 1000 - slow, open, false}};
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

static void what_is_held_has_no_end(void **state)
{
    (void)state;
    for (uint64_t s = 0; s <= 8; s++)
        look(s, 100 * s, s, true);
    assert_true(eta > 0);
    struct cs_rate_lane lanes[] = {{800, 200, true, true},
                                   {8, 992, true, false}}; /* nothing can come in the fast one */
    double lane_per_s, lane_eta;
    cs_rate_look(&rate, 1, lanes, 2, 9001, true, &per_s, &eta);
    assert_true(eta < 0);
    cs_rate_of_lane(&rate, 0, &lanes[0], 9001, &lane_per_s, &lane_eta);
    assert_true(lane_eta < 0 && lane_per_s > 0);
    cs_rate_of_lane(&rate, 1, &lanes[1], 9001, &lane_per_s, &lane_eta);
    assert_true(lane_eta > 0);
    lanes[0] = (struct cs_rate_lane){1000, 0, true, true};
    cs_rate_of_lane(&rate, 0, &lanes[0], 9001, &lane_per_s, &lane_eta);
    assert_true(lane_eta >= 0 && lane_eta <= 0); /* it has ended */
}

static void another_generation_begins_anew(void **state)
{
    (void)state;
    look(0, 0, 0, true);
    look(1, 100, 100, true);
    const struct cs_rate_lane lanes[] = {{5, 5, true, false}};
    cs_rate_look(&rate, 2, lanes, 1, 2001, true, &per_s, &eta);
    assert_true(per_s >= 0 && per_s <= 0 && eta < 0);
}

/* Lanes and study are of one span: as many seconds as the header says. */
static void lanes_add_up_to_the_study(void **state)
{
    (void)state;
    for (uint64_t s = 0; s <= 35; s++) {
        const uint64_t fast = 5 * (s / 7 * 7), slow = s / 3; /* in bursts */
        const uint64_t then = s < CS_RATE_SECONDS ? 0 : s - CS_RATE_SECONDS;
        const struct cs_rate_lane lane = {fast, 1000 - fast, true, false}, other = {slow, 1000 - slow, true, false};
        const double span = s == 0 ? 1 : (double)(s - then);
        double of_fast, of_slow, ends;
        look(s, fast, slow, true);
        cs_rate_of_lane(&rate, 0, &lane, 1000 * s + 1, &of_fast, &ends);
        cs_rate_of_lane(&rate, 1, &other, 1000 * s + 1, &of_slow, &ends);
        assert_true(fabs(of_fast - (double)(fast - 5 * (then / 7 * 7)) / span) < 1e-9);
        assert_true(fabs(of_slow - (double)(slow - then / 3) / span) < 1e-9);
        assert_true(fabs(of_fast + of_slow - per_s) < 1e-9);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_slowest_lane_decides, fresh),
        cmocka_unit_test_setup(a_lane_slower_than_the_window, fresh),
        cmocka_unit_test_setup(what_is_held_has_no_end, fresh),
        cmocka_unit_test_setup(what_cannot_be_said, fresh),
        cmocka_unit_test_setup(lanes_add_up_to_the_study, fresh),
        cmocka_unit_test_setup(another_generation_begins_anew, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
