/* A file that is fetched in parts, by two who may want different ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "coordinator/handed.h"

enum { NOW = 5000, WALL = 1700000000 };

static void each_file_has_a_number_of_its_own(void **state)
{
    struct cs_handed h = {0};
    (void)state;
    cs_handed_begin(&h, WALL, NOW);
    const uint64_t first = h.id;
    cs_handed_begin(&h, WALL, NOW); /* in the same millisecond, or when the clock was set back */
    assert_true(h.id > first);
    cs_handed_begin(&h, WALL - 10, NOW);
    assert_true(h.id > first + 1);
    assert_false(cs_handed_part(&h, first, NOW)); /* the bytes would be another study's */
    assert_true(cs_handed_part(&h, h.id, NOW));
}

static void it_stays_until_all_are_through(void **state)
{
    struct cs_handed h = {0};
    (void)state;
    cs_handed_begin(&h, WALL, NOW);
    assert_true(cs_handed_is_wanted(&h, NOW)); /* made, and not yet told of */
    cs_handed_told(&h, NOW);
    cs_handed_told(&h, NOW); /* two submit the same study */
    assert_true(cs_handed_part(&h, h.id, NOW));
    assert_false(cs_handed_through(&h));
    assert_true(cs_handed_is_wanted(&h, NOW));
    assert_true(cs_handed_part(&h, h.id, NOW));
    assert_true(cs_handed_through(&h));
    assert_false(cs_handed_is_wanted(&h, NOW));
    assert_true(cs_handed_through(&h)); /* once more does no harm */
}

static void who_asks_for_nothing_is_gone(void **state)
{
    struct cs_handed h = {0};
    (void)state;
    cs_handed_begin(&h, WALL, NOW);
    assert_false(cs_handed_is_wanted(&h, NOW + CS_HANDED_MS)); /* nobody came for it */
    cs_handed_waits(&h, NOW + CS_HANDED_MS);
    assert_true(cs_handed_is_wanted(&h, NOW + CS_HANDED_MS));
    cs_handed_told(&h, 2 * NOW);
    assert_true(cs_handed_is_wanted(&h, 2 * NOW + CS_HANDED_MS - 1));
    assert_true(cs_handed_part(&h, h.id, 3 * NOW));
    assert_true(cs_handed_is_wanted(&h, 3 * NOW + CS_HANDED_MS - 1));
    assert_false(cs_handed_is_wanted(&h, 3 * NOW + CS_HANDED_MS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_file_has_a_number_of_its_own),
        cmocka_unit_test(it_stays_until_all_are_through),
        cmocka_unit_test(who_asks_for_nothing_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
