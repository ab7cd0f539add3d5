/* A worker's slots, shared among its lanes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "worker/calls/shares.h"

enum { ANY = -1 };

static struct cs_share lane(bool trusted, int64_t limit)
{
    return (struct cs_share){.works = true, .trusted = trusted, .limit = limit < 0 ? CS_SHARES_FREE : (uint32_t)limit};
}

static void evenly_and_what_one_cannot_use_goes_to_the_others(void **state)
{
    struct cs_share l[3] = {lane(true, ANY), lane(true, 10), lane(true, ANY)};
    (void)state;
    cs_shares(l, 3, 101);
    assert_int_equal(l[0].share, 46);
    assert_int_equal(l[1].share, 10);
    assert_int_equal(l[2].share, 45);
    assert_int_equal(l[1].wish, 34); /* as much as the others */
    l[0].works = false;
    cs_shares(l, 3, 101);
    assert_int_equal(l[0].share, 0);
    assert_int_equal(l[2].share, 91);
}

static void a_lane_alone_has_all(void **state)
{
    struct cs_share l[2] = {lane(false, ANY), {.works = false}};
    (void)state;
    cs_shares(l, 2, 64);
    assert_int_equal(l[0].share, 64);
    l[0].limit = 0; /* nothing is dealt out to it; it could use what there is */
    cs_shares(l, 2, 64);
    assert_int_equal(l[0].share, 0);
    assert_int_equal(l[0].wish, 64);
}

static void one_without_trust_gets_little(void **state)
{
    struct cs_share l[4] = {lane(true, ANY), lane(false, ANY), lane(false, ANY), lane(true, 4)};
    (void)state;
    cs_shares(l, 2, 256);
    assert_in_range(l[0].share, 244, 255); /* 95 % and more of what it has alone */
    assert_int_equal(l[1].share, 12);
    assert_int_equal(l[1].wish, 12);
    cs_shares(l, 4, 256);
    assert_int_equal(l[1].share, 6);
    assert_int_equal(l[2].share, 6);
    assert_int_equal(l[0].share, 240);
    assert_in_range(l[3].wish, 122, 128);
    cs_shares(l, 4, 2); /* never none */
    for (int i = 0; i < 4; i++)
        assert_in_range(l[i].share, 1, 2);
    cs_shares(l + 1, 2, 256); /* nobody is answered yet */
    assert_int_equal(l[1].share, 6);
    assert_int_equal(l[2].share, 6);
}

static void by_weight_and_what_one_cannot_use_goes_to_the_others_by_theirs(void **state)
{
    struct cs_share l[3] = {lane(true, ANY), lane(true, ANY), lane(true, ANY)};
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        l[i].weight = 1u << i;
    cs_shares(l, 3, 70);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(l[i].share, 10 << i);
    l[2].limit = 4;
    cs_shares(l, 3, 70);
    assert_int_equal(l[2].share, 4);
    assert_int_equal(l[0].share, 22);
    assert_int_equal(l[1].share, 44);
    l[0].weight = 100000000; /* the others keep one call each */
    cs_shares(l, 3, 70);
    assert_in_range(l[0].share, 66, 70);
    assert_int_equal(l[1].share, 1);
}

/* The coordinator deals out what was wished for. Two such exchanges that are on their way at once must come to the same. */
static void wishes_that_come_true_settle(void **state)
{
    static const uint32_t began[][3] = {{79, 82, 95}, {81, 80, 95}, {1, 255, 0}, {0, 0, 0}, {4, 4, 4}};
    (void)state;
    for (size_t k = 0; k < sizeof began / sizeof *began; k++) {
        struct cs_share l[3] = {lane(true, began[k][0]), lane(true, began[k][1]), lane(true, began[k][2])};
        for (int round = 0; round < 4; round++) {
            cs_shares(l, 3, 256);
            l[0].limit = l[0].wish;
            l[1].limit = l[1].wish;
            l[2].limit = l[2].wish < 95 ? l[2].wish : 95; /* its server bears no more */
        }
        assert_int_equal(l[0].wish, 86);
        assert_int_equal(l[1].wish, 86);
        assert_int_equal(l[2].wish, 86);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(evenly_and_what_one_cannot_use_goes_to_the_others),
        cmocka_unit_test(a_lane_alone_has_all),
        cmocka_unit_test(by_weight_and_what_one_cannot_use_goes_to_the_others_by_theirs),
        cmocka_unit_test(one_without_trust_gets_little),
        cmocka_unit_test(wishes_that_come_true_settle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
