/* Pages and sets of trials: the word-wise arithmetic against the definition, bit by bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "coordinator/lanes/ledger.h"
#include "protocol/base/rng.h"

static void random_page(struct cs_rng *r, uint8_t page[CS_PAGE_BYTES])
{
    for (unsigned i = 0; i < CS_PAGE_BYTES; i++)
        page[i] = (uint8_t)cs_rng_next(r);
}

static struct cs_bits random_set(struct cs_rng *r)
{
    struct cs_bits s;

    for (unsigned i = 0; i < 4; i++)
        s.w[i] = cs_rng_next(r) & cs_rng_next(r);
    return s;
}

static void a_page_is_laid_out_as_the_store_says(void **state)
{
    uint8_t page[CS_PAGE_BYTES] = {0};
    struct cs_bits one = {{0}};

    (void)state;
    cs_bits_add(&one, 5);
    cs_ledger_set(page, &one, CS_TRIAL_FAILED);
    assert_int_equal(page[1], 0x08); /* trial 5: bits 2 and 3 of byte 1 */
    assert_int_equal(cs_ledger_get(page, 5), CS_TRIAL_FAILED);
    assert_int_equal(cs_ledger_get(page, 4), CS_TRIAL_PLANNED);
}

static void select_and_set_agree_with_get(void **state)
{
    struct cs_rng r = {7};

    (void)state;
    for (unsigned round = 0; round < 200; round++) {
        uint8_t page[CS_PAGE_BYTES], after[CS_PAGE_BYTES];
        unsigned n = (unsigned)cs_rng_below(&r, CS_PAGE_TRIALS + 1);
        struct cs_bits set = random_set(&r);
        enum cs_trial_state to = (enum cs_trial_state)cs_rng_below(&r, 4);

        random_page(&r, page);
        for (unsigned s = 0; s < 4; s++) {
            struct cs_bits in = cs_ledger_select(page, (enum cs_trial_state)s, n);

            for (unsigned i = 0; i < CS_PAGE_TRIALS; i++)
                assert_int_equal(cs_bits_has(&in, i), i < n && cs_ledger_get(page, i) == (enum cs_trial_state)s);
        }
        memcpy(after, page, sizeof after);
        cs_ledger_set(after, &set, to);
        for (unsigned i = 0; i < CS_PAGE_TRIALS; i++)
            assert_int_equal(cs_ledger_get(after, i), cs_bits_has(&set, i) ? to : cs_ledger_get(page, i));
    }
}

static void sets_behave_as_sets(void **state)
{
    struct cs_rng r = {8};

    (void)state;
    for (unsigned round = 0; round < 200; round++) {
        struct cs_bits a = random_set(&r), b = random_set(&r), either = cs_bits_or(&a, &b), both = cs_bits_and(&a, &b),
                       rest = cs_bits_without(&a, &b), back, low;
        uint8_t wire[CS_BITMAP_BYTES];
        unsigned k = (unsigned)cs_rng_below(&r, 80), seen = 0;

        assert_int_equal(cs_bits_count(&either) + cs_bits_count(&both), cs_bits_count(&a) + cs_bits_count(&b));
        low = cs_bits_lowest(&a, k);
        cs_bits_to_wire(&a, wire);
        back = cs_bits_from_wire(wire);
        for (unsigned i = 0; i < CS_PAGE_TRIALS; i++) {
            assert_int_equal(cs_bits_has(&rest, i), cs_bits_has(&a, i) && !cs_bits_has(&b, i));
            assert_int_equal(cs_bits_has(&back, i), cs_bits_has(&a, i));
            assert_int_equal(wire[i / 8] >> (i % 8) & 1, cs_bits_has(&a, i));
            assert_int_equal(cs_bits_has(&low, i), cs_bits_has(&a, i) && seen < k);
            seen += cs_bits_has(&a, i);
        }
        assert_int_equal(seen, cs_bits_count(&a));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_is_laid_out_as_the_store_says),
        cmocka_unit_test(select_and_set_agree_with_get),
        cmocka_unit_test(sets_behave_as_sets),
    };

    return cmocka_run_group_tests_name("coordinator_ledger", tests, NULL, NULL);
}
