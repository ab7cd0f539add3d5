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
        struct cs_price_tokens tokens;
        bool known;
        int64_t cost;
    } t[] = {
        /* $0.15 and $0.60 a million: 1,000 x 150 + 50 x 600 */
        {{150, -1, 600, 0, -1}, {1000, 0, 0, 50}, true, 180000},
        /* nothing declared for the cache: as other input */
        {{150, -1, 600, 0, -1}, {1000, 400, 0, 50}, true, 180000},
        /* 600 x 1,250 + 400 x 125 + 10 x 10,000 */
        {{1250, 125, 10000, 0, -1}, {1000, 400, 0, 10}, true, 900000},
        /* all of it cached; more cached than input is not believed */
        {{1250, 125, 10000, 0, -1}, {1000, 1000, 0, 0}, true, 125000},
        {{1250, 125, 10000, 0, -1}, {1000, 5000, 0, 0}, true, 125000},
        /* free is a price */
        {{0, 0, 0, 0, -1}, {1000, 400, 0, 50}, true, 0},
        {{0, -1, 600, 0, -1}, {1000, 400, 0, 50}, true, 30000},
        /* unknown is not free: what has a price is counted, and it is said that this is not all */
        {{-1, -1, -1, 0, -1}, {1000, 400, 0, 50}, false, 0},
        {{150, -1, -1, 0, -1}, {1000, 0, 0, 50}, false, 150000},
        {{-1, -1, 600, 0, -1}, {1000, 0, 0, 50}, false, 30000},
        /* the cache has a price and other input has none: 100 x 600 + 10 x 400 */
        {{-1, 600, 400, 0, -1}, {1000, 100, 0, 10}, false, 64000},
        {{-1, 600, 400, 0, -1}, {100, 100, 0, 10}, true, 64000},
        /* a price that is missing does not matter where there is nothing to pay */
        {{150, -1, -1, 0, -1}, {1000, 0, 0, 0}, true, 150000},
        {{-1, -1, -1, 0, -1}, {0, 0, 0, 0}, true, 0},
        /* the dearest price there can be, and the most tokens that a reply can tell of: 1e9 x (2^32 - 1) twice */
        {{1000000000, -1, 1000000000, 0, -1}, {UINT32_MAX, 0, 0, UINT32_MAX}, true, 8589934590000000000},
        /* what does not fit stays at the top, by product or by sum */
        {{1000000000, -1, 0, 0, -1}, {UINT64_MAX, 0, 0, 0}, true, INT64_MAX},
        {{INT64_MAX, -1, 1, 0, -1}, {1, 0, 0, 1}, true, INT64_MAX},
        /* written to the cache: 300 x 1,250 + 400 x 125 + 300 x 1,563 + 10 x 10,000 */
        {{1250, 125, 10000, 0, 1563}, {1000, 400, 300, 10}, true, 993900},
        /* no price for it: as other input; it may be free */
        {{1250, 125, 0, 0, -1}, {1000, 400, 300, 0}, true, 800000},
        {{1250, 125, 0, 0, 0}, {1000, 400, 300, 0}, true, 425000},
        /* more than there is: what was written counts before what was read */
        {{1000, 100, 0, 0, 1250}, {100, 80, 90, 0}, true, 113500},
        {{1000, 100, 0, 0, 1250}, {100, 0, 5000, 0}, true, 125000},
        {{-1, -1, 0, 0, 1250}, {100, 0, 100, 0}, true, 125000},
    };
    (void)state;
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        int64_t cost = -1;
        assert_int_equal(cs_price_of(&t[i].price, &t[i].tokens, &cost), t[i].known);
        assert_int_equal(cost, t[i].cost);
    }
}

static int64_t most_of(struct cs_price p, uint64_t calls, uint64_t input, uint64_t output, bool known)
{
    int64_t cost;
    assert_int_equal(cs_price_most(&p, calls, input, output, &cost), known);
    return cost;
}

static void the_most(void **state)
{
    (void)state;
    /* all of the input at the dearest of its prices: 100 x 3,750 + 10 x 15,000 */
    assert_int_equal(most_of((struct cs_price){3000, 300, 15000, 0, 3750}, 1, 100, 10, true), 525000);
    assert_int_equal(most_of((struct cs_price){3000, 3750, 15000, 0, -1}, 1, 100, 10, true), 525000);
    assert_int_equal(most_of((struct cs_price){3000, 300, 15000, 0, -1}, 1, 100, 10, true), 450000);
    assert_int_equal(most_of((struct cs_price){3000, -1, 15000, 0, 0}, 1, 100, 10, true), 450000);
    /* by the call */
    assert_int_equal(most_of((struct cs_price){0, -1, 0, 2000000, -1}, 1, 100, 10, true), 2000000);
    assert_int_equal(most_of((struct cs_price){0, -1, 0, 2000000, -1}, 3, 100, 10, true), 6000000);
    assert_int_equal(most_of((struct cs_price){0, -1, 0, 2000000, -1}, 0, 100, 10, true), 0);
    assert_int_equal(cs_price_requests(&(struct cs_price){0, -1, 0, 2000000, -1}, 3), 6000000);
    assert_int_equal(most_of((struct cs_price){-1, -1, 15000, 0, -1}, 1, 100, 10, false), 150000);
    /* never below what it costs in the end, whatever was read from the cache or written to it */
    static const struct cs_price prices[] = {
        {3000, 3750, 15000, 0, -1}, {3000, 300, 15000, 0, 3750}, {3000, -1, 0, 2, 6000}, {0, 5, 7, 11, 3}};
    for (uint64_t cached = 0; cached <= 100; cached++) {
        for (size_t i = 0; i < 4 * sizeof prices / sizeof *prices; i++) {
            const struct cs_price *p = &prices[i / 4];
            const struct cs_price_tokens used = {100, cached, i % 4 * 40, 10};
            int64_t cost;
            assert_true(cs_price_of(p, &used, &cost));
            assert_true(cost + p->request <= most_of(*p, 1, 100, 10, true));
        }
    }
}

/* What vendors charge for writing to their caches, where nobody says it. */
static void writing_unsaid(void **state)
{
    (void)state;
    assert_int_equal(cs_price_write_unsaid(CS_PROTOCOL_OPENAI_CHAT, 2000), 2500);
    assert_int_equal(cs_price_write_unsaid(CS_PROTOCOL_OPENAI_RESPONSES, 1250), 1563); /* 1,562.5 */
    assert_int_equal(cs_price_write_unsaid(CS_PROTOCOL_ANTHROPIC_MESSAGES, 5000), 6250);
    assert_int_equal(cs_price_write_unsaid(CS_PROTOCOL_BEDROCK_CONVERSE, 1000), 1250);
    assert_int_equal(cs_price_write_unsaid(CS_PROTOCOL_GEMINI, 1250), -1);
    assert_int_equal(cs_price_write_unsaid(CS_PROTOCOL_HTTP, 1250), -1);
    assert_int_equal(cs_price_write_unsaid(CS_PROTOCOL_OPENAI_CHAT, -1), -1);
    assert_int_equal(cs_price_write_unsaid(CS_PROTOCOL_OPENAI_CHAT, 0), 0);
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
        cmocka_unit_test(writing_unsaid),
        cmocka_unit_test(sums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
