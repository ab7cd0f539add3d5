/* How long the store's disk lasts: at the pace of late, not before a minute of it, and without jumps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "coordinator/room.h"

enum { MB = 1000 * 1000 };
static const uint64_t SIZE = 1000000ull * MB;

static void test_it_lasts_as_long_as_its_pace_says(void **state)
{
    struct cs_room r = {0};
    uint64_t free = 100000ull * MB;
    (void)state;
    assert_true(cs_room_full_s(&r, 5000) < 0); /* nobody has looked */
    for (uint64_t s = 1; s < 3600; s++) {
        free -= MB; /* one a second */
        cs_room_note(&r, free, SIZE, 1000 * s);
        const double left = cs_room_full_s(&r, 1000 * s), due = (double)free / MB;
        if (s <= 60)
            assert_true(left < 0);
        else /* at every moment, also when ten minutes are over */
            assert_true(left > 0.99 * due && left < 1.01 * due);
    }
}

static void test_one_that_does_not_shrink_is_never_full(void **state)
{
    struct cs_room r = {0};
    (void)state;
    for (uint64_t s = 1; s < 3600; s++) {
        cs_room_note(&r, (500 + s % 7) * MB, SIZE, 1000 * s);
        assert_true(cs_room_full_s(&r, 1000 * s) < 0 || cs_room_full_s(&r, 1000 * s) > 600);
    }
    cs_room_note(&r, 600 * MB, SIZE, 3600000);
    assert_true(cs_room_full_s(&r, 3600000) < 0);
}

static void test_the_system_is_asked(void **state)
{
    struct cs_room r = {0};
    (void)state;
    cs_room_look(&r, "/", 1000);
    assert_true(r.size > 0 && r.free <= r.size);
    r.size = 1;
    cs_room_look(&r, "/", 1000 + CS_ROOM_LOOK_MS - 1); /* not again so soon */
    assert_int_equal(r.size, 1);
    cs_room_look(&r, "/", 1000 + CS_ROOM_LOOK_MS);
    assert_true(r.size > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_lasts_as_long_as_its_pace_says),
        cmocka_unit_test(test_one_that_does_not_shrink_is_never_full),
        cmocka_unit_test(test_the_system_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
