/* What tokens cost, against sums made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol/study/price.h"

static void by_hand(void **state)
{
    static const struct {
        struct cs_price price;
        uint64_t input, cached, output;
        bool known;
        int64_t cost;
    } t[] = {
        /* $0.15 and $0.60 a million: 1,000 x 150 + 50 x 600 */
        {{150, -1, 600, 0}, 1000, 0, 50, true, 180000},
        /* nothing declared for the cache: as other input */
        {{150, -1, 600, 0}, 1000, 400, 50, true, 180000},
        /* 600 x 1,250 + 400 x 125 + 10 x 10,000 */
        {{1250, 125, 10000, 0}, 1000, 400, 10, true, 900000},
        /* all of it cached; more cached than input is not believed */
        {{1250, 125, 10000, 0}, 1000, 1000, 0, true, 125000},
        {{1250, 125, 10000, 0}, 1000, 5000, 0, true, 125000},
        /* free is a price */
        {{0, 0, 0, 0}, 1000, 400, 50, true, 0},
        {{0, -1, 600, 0}, 1000, 400, 50, true, 30000},
        /* unknown is not free: what has a price is counted, and it is said that this is not all */
        {{-1, -1, -1, 0}, 1000, 400, 50, false, 0},
        {{150, -1, -1, 0}, 1000, 0, 50, false, 150000},
        {{-1, -1, 600, 0}, 1000, 0, 50, false, 30000},
        /* the cache has a price and other input has none: 100 x 600 + 10 x 400 */
        {{-1, 600, 400, 0}, 1000, 100, 10, false, 64000},
        {{-1, 600, 400, 0}, 100, 100, 10, true, 64000},
        /* a price that is missing does not matter where there is nothing to pay */
        {{150, -1, -1, 0}, 1000, 0, 0, true, 150000},
        {{-1, -1, -1, 0}, 0, 0, 0, true, 0},
        /* the dearest price there can be, and the most tokens that a reply can tell of: 1e9 x (2^32 - 1) twice */
        {{1000000000, -1, 1000000000, 0}, UINT32_MAX, 0, UINT32_MAX, true, 8589934590000000000},
        /* what does not fit stays at the top, by product or by sum */
        {{1000000000, -1, 0, 0}, UINT64_MAX, 0, 0, true, INT64_MAX},
        {{INT64_MAX, -1, 1, 0}, 1, 0, 1, true, INT64_MAX},
    };
    (void)state;
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        int64_t cost = -1;
        assert_int_equal(cs_price_of(&t[i].price, t[i].input, t[i].cached, t[i].output, &cost), t[i].known);
        assert_int_equal(cost, t[i].cost);
    }
}

static void the_most(void **state)
{
    int64_t cost;
    (void)state;
    /* writing to the cache costs more than input: 100 x 3,750 + 10 x 15,000 */
    assert_true(cs_price_most(&(struct cs_price){3000, 3750, 15000, 0}, 100, 10, &cost));
    assert_int_equal(cost, 525000);
    assert_true(cs_price_most(&(struct cs_price){3000, 300, 15000, 0}, 100, 10, &cost));
    assert_int_equal(cost, 450000);
    assert_true(cs_price_most(&(struct cs_price){3000, -1, 15000, 0}, 100, 10, &cost));
    assert_int_equal(cost, 450000);
    assert_true(cs_price_most(&(struct cs_price){0, -1, 0, 2000000}, 100, 10, &cost)); /* by the call */
    assert_int_equal(cost, 2000000);
    assert_int_equal(cs_price_requests(&(struct cs_price){0, -1, 0, 2000000}, 3), 6000000);
    assert_false(cs_price_most(&(struct cs_price){-1, -1, 15000, 0}, 100, 10, &cost));
    assert_int_equal(cost, 150000);
    /* never below what it costs in the end, whatever came from the cache */
    for (uint64_t cached = 0; cached <= 100; cached++) {
        static const struct cs_price prices[] = {
            {3000, 3750, 15000, 0}, {3000, 300, 15000, 0}, {3000, -1, 0, 2}, {0, 5, 7, 11}};
        for (size_t i = 0; i < sizeof prices / sizeof *prices; i++) {
            int64_t most;
            assert_true(cs_price_of(&prices[i], 100, cached, 10, &cost));
            assert_true(cs_price_most(&prices[i], 100, 10, &most));
            assert_true(cost <= most);
        }
    }
}

static void sums(void **state)
{
    (void)state;
    assert_int_equal(cs_price_add(1, 2), 3);
    assert_int_equal(cs_price_add(INT64_MAX - 1, 1), INT64_MAX);
    assert_int_equal(cs_price_add(INT64_MAX, 1), INT64_MAX);
    assert_int_equal(cs_price_times(1000000000, 256), 256000000000);
    assert_int_equal(cs_price_times(INT64_MAX, 0), 0);
    assert_int_equal(cs_price_times(INT64_MAX / 2, 3), INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand),
        cmocka_unit_test(the_most),
        cmocka_unit_test(sums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
