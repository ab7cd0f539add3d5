/* How many calls a lane may have in flight where nobody has said it, against a provider that serves so many at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "worker/calls/brake.h"

static void begins_with_a_window_and_doubles(void **state)
{
    struct cs_brake b;
    (void)state;
    cs_brake_init(&b, false);
    assert_int_equal(cs_brake_most(&b), CS_BRAKE_START);
    cs_brake_answered(&b, 9000, CS_BRAKE_START - 1); /* it is not the brake that bounds */
    assert_int_equal(cs_brake_most(&b), CS_BRAKE_START);
    for (int i = 0; i < CS_BRAKE_START; i++)
        cs_brake_answered(&b, 9000, cs_brake_most(&b));
    assert_int_equal(cs_brake_most(&b), 2 * CS_BRAKE_START);
}

static void one_overload_is_one_cut(void **state)
{
    struct cs_brake b;
    (void)state;
    cs_brake_init(&b, false);
    assert_true(cs_brake_overloaded(&b, 100, 80, 150));
    assert_int_equal(cs_brake_most(&b), 40);
    assert_false(cs_brake_overloaded(&b, 149, 60, 160)); /* sent before the cut */
    assert_false(cs_brake_overloaded(&b, 150, 60, 160));
    assert_int_equal(cs_brake_most(&b), 40);
    assert_true(cs_brake_overloaded(&b, 151, 40, 170));
    assert_int_equal(cs_brake_most(&b), 20);
    for (int i = 0; i < 10; i++)
        cs_brake_overloaded(&b, 1000 + (uint64_t)i * 10, cs_brake_most(&b), 1005 + (uint64_t)i * 10);
    assert_int_equal(cs_brake_most(&b), 1); /* never none: how would one know */
}

static void near_the_ceiling_it_grows_by_one_a_window(void **state)
{
    struct cs_brake b;
    (void)state;
    cs_brake_init(&b, false);
    cs_brake_overloaded(&b, 1, 100, 2);
    for (int i = 0; i < 40; i++) /* 50 -> 90: one for each answer */
        cs_brake_answered(&b, 9000, cs_brake_most(&b));
    assert_int_equal(cs_brake_most(&b), 90);
    for (int i = 0; i < 90; i++)
        cs_brake_answered(&b, 9000, cs_brake_most(&b));
    assert_in_range(cs_brake_most(&b), 90, 91);
    for (int i = 0; i < 91 * 5; i++)
        cs_brake_answered(&b, 9000, cs_brake_most(&b));
    assert_in_range(cs_brake_most(&b), 94, 97);
}

static void what_was_sent_before_the_cut_lets_nothing_grow(void **state)
{
    struct cs_brake b;
    (void)state;
    cs_brake_init(&b, true);
    cs_brake_overloaded(&b, 100, 10, 110);
    for (int i = 0; i < 9; i++)
        cs_brake_answered(&b, 105, 9);
    assert_int_equal(cs_brake_most(&b), 5);
    cs_brake_answered(&b, 111, 5);
    assert_int_equal(cs_brake_most(&b), 6);
}

static void declared_rates_bound_by_themselves(void **state)
{
    struct cs_brake b;
    (void)state;
    cs_brake_init(&b, true);
    assert_int_equal(cs_brake_most(&b), UINT32_MAX);
    cs_brake_overloaded(&b, 1, 100, 2);
    assert_int_equal(cs_brake_most(&b), 50);
    for (int i = 0; i < 100; i++)
        cs_brake_answered(&b, 9000, cs_brake_most(&b));
    assert_int_equal(cs_brake_most(&b), 150);
}

static void after_an_outage_one_call(void **state)
{
    struct cs_brake b;
    (void)state;
    cs_brake_init(&b, true);
    cs_brake_weak(&b);
    assert_int_equal(cs_brake_most(&b), 1);
    cs_brake_answered(&b, 9000, 1);
    assert_int_equal(cs_brake_most(&b), 2);
}

/* A server that serves `can` calls at once, each for a round trip, and refuses the others at once. */
static void finds_what_the_server_can(void **state)
{
    enum { ROUNDS = 400 };
    static const uint32_t cans[] = {1, 7, 64, 300};
    (void)state;
    for (size_t k = 0; k < sizeof cans / sizeof *cans; k++) {
        struct cs_brake b;
        uint64_t served = 0, refused = 0;
        cs_brake_init(&b, false);
        for (uint64_t round = 1; round <= ROUNDS; round++) {
            uint32_t can = round <= ROUNDS / 2 ? cans[k] : (cans[k] + 1) / 2; /* it gets weaker */
            uint32_t n = cs_brake_most(&b), good = n < can ? n : can;
            for (uint32_t i = 0; i < n - good; i++)
                cs_brake_overloaded(&b, 100 * round, n, 100 * round + 1);
            for (uint32_t i = 0; i < good; i++)
                cs_brake_answered(&b, 100 * round, cs_brake_most(&b)); /* another one starts at once */
            if (round <= ROUNDS / 8 || (round > ROUNDS / 2 && round <= ROUNDS * 5 / 8))
                continue; /* on its way there */
            served += good * 1000 / can;
            refused += (n - good) * 1000 / can;
        }
        assert_true(served >= 850 * (uint64_t)ROUNDS * 3 / 4);                  /* thousandths of what it could */
        assert_true(refused <= 150 * (uint64_t)ROUNDS * 3 / 4 || cans[k] < 64); /* one of few is many */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begins_with_a_window_and_doubles),
        cmocka_unit_test(one_overload_is_one_cut),
        cmocka_unit_test(near_the_ceiling_it_grows_by_one_a_window),
        cmocka_unit_test(what_was_sent_before_the_cut_lets_nothing_grow),
        cmocka_unit_test(declared_rates_bound_by_themselves),
        cmocka_unit_test(after_an_outage_one_call),
        cmocka_unit_test(finds_what_the_server_can),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
