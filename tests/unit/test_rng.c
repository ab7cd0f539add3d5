/* Seeded randomness: known values, and the keyed permutation as a bijection for any size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/base/alloc.h"
#include "protocol/base/arena.h"
#include "protocol/base/buf.h"
#include "protocol/base/rng.h"

static void check_bijection(uint64_t key, uint64_t n)
{
    uint8_t *seen = cs_xcalloc(n, 1);
    for (uint64_t i = 0; i < n; i++) {
        uint64_t to = cs_rng_permute(key, n, i);
        assert_true(to < n);
        assert_int_equal(seen[to]++, 0);
        assert_int_equal(cs_rng_unpermute(key, n, to), i);
    }
    free(seen);
}

static void permutations_are_bijections(void **state)
{
    (void)state;
    struct cs_rng r = {11};
    for (uint64_t n = 1; n <= 300; n++)
        check_bijection(cs_rng_next(&r), n);
    for (int i = 0; i < 20; i++)
        check_bijection(cs_rng_next(&r), 1 + cs_rng_below(&r, 5000));
    static const uint64_t edges[] = {1023, 1024, 1025, 4096, 4097, 65535, 65536, 65537};
    for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++)
        check_bijection(edges[i] * 77, edges[i]);
}

static void permutations_reach_the_largest_sizes(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {UINT64_C(1) << 32, (UINT64_C(1) << 40) + 12345, UINT64_MAX / 2 + 2, UINT64_MAX};
    struct cs_rng r = {5};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (int k = 0; k < 200; k++) {
            uint64_t i = k == 0 ? 0 : k == 1 ? sizes[s] - 1 : cs_rng_below(&r, sizes[s]);
            uint64_t to = cs_rng_permute(99, sizes[s], i);
            assert_true(to < sizes[s]);
            assert_true(cs_rng_unpermute(99, sizes[s], to) == i);
        }
}

/* Each place must be equally likely for each element: chi-square over many keys, far inside its range. */
static void permutations_of_small_sets_are_fair(void **state)
{
    (void)state;
    enum { N = 7, KEYS = 14000 };
    static uint32_t count[N][N];
    struct cs_rng r = {21};
    for (int k = 0; k < KEYS; k++) {
        uint64_t key = cs_rng_next(&r);
        for (uint64_t i = 0; i < N; i++)
            count[i][cs_rng_permute(key, N, i)]++;
    }
    double chi = 0, expected = (double)KEYS / N;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            chi += (count[i][j] - expected) * (count[i][j] - expected) / expected;
    assert_true(chi < 70); /* 36 degrees of freedom: one seed in 1,700 would exceed it */
}

/* SplitMix64 from the seed 1234567, as published with the algorithm. */
static void known_values(void **state)
{
    (void)state;
    struct cs_rng r = {1234567};
    assert_true(cs_rng_next(&r) == UINT64_C(6457827717110365317));
    assert_true(cs_rng_next(&r) == UINT64_C(3203168211198807973));
    assert_true(cs_rng_next(&r) == UINT64_C(9817491932198370423));
    assert_true(cs_rng_next(&r) == UINT64_C(4593380528125082431));
    assert_true(cs_rng_next(&r) == UINT64_C(16408922859458223821));
}

static void draws_stay_in_range(void **state)
{
    (void)state;
    struct cs_rng r = {8};
    uint32_t hits[6] = {0};
    for (int i = 0; i < 60000; i++) {
        hits[cs_rng_below(&r, 6)]++;
        double u = cs_rng_unit(&r);
        assert_true(u >= 0 && u < 1);
    }
    for (int i = 0; i < 6; i++)
        assert_true(hits[i] > 9500 && hits[i] < 10500);
    assert_int_equal(cs_rng_below(&r, 1), 0);
    assert_true(cs_rng_below(&r, UINT64_MAX) < UINT64_MAX);
}

static void a_buffer_keeps_to_its_maximum(void **state)
{
    (void)state;
    struct cs_buf b = CS_BUF_INIT(5);
    assert_string_equal(cs_buf_cstr(&b), "");
    cs_buf_str(&b, "abc");
    cs_buf_str(&b, "def"); /* all or nothing */
    assert_true(b.overflow);
    assert_string_equal(cs_buf_cstr(&b), "abc");
    cs_buf_printf(&b, "%d", 12);
    assert_string_equal(cs_buf_cstr(&b), "abc12");
    cs_buf_printf(&b, "%s", "");
    assert_int_equal(b.len, 5);
    cs_buf_clear(&b);
    assert_false(b.overflow);
    cs_buf_append(&b, "a\0b", 3);
    assert_int_equal(b.len, 3);
    char *taken = cs_buf_take(&b);
    assert_memory_equal(taken, "a\0b", 4);
    assert_int_equal(b.len, 0);
    free(taken);
    taken = cs_buf_take(&b);
    assert_string_equal(taken, "");
    free(taken);
}

static void arena_memory_is_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    struct cs_arena a = {0};
    struct cs_rng r = {4};
    for (int round = 0; round < 3; round++) {
        uint8_t *last = NULL;
        size_t last_n = 0;
        for (int i = 0; i < 500; i++) {
            size_t n = i % 100 == 99 ? 40000 : cs_rng_below(&r, 200);
            uint8_t *p = cs_arena_alloc(&a, n);
            assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
            for (size_t k = 0; k < n; k++)
                assert_int_equal(p[k], 0);
            memset(p, 0xee, n);
            for (size_t k = 0; k < last_n; k++)
                assert_int_equal(last[k], 0xee);
            last = p;
            last_n = n;
        }
        assert_true(a.bytes > 5 * 40000);
        cs_arena_reset(&a);
        assert_int_equal(a.bytes, 0);
    }
    assert_string_equal(cs_arena_strndup(&a, "abcdef", 3), "abc");
    assert_string_equal(cs_arena_printf(&a, "%d-%s", 7, "x"), "7-x");
    cs_arena_release(&a);
    cs_arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(permutations_are_bijections),
        cmocka_unit_test(permutations_reach_the_largest_sizes),
        cmocka_unit_test(permutations_of_small_sets_are_fair),
        cmocka_unit_test(known_values),
        cmocka_unit_test(draws_stay_in_range),
        cmocka_unit_test(a_buffer_keeps_to_its_maximum),
        cmocka_unit_test(arena_memory_is_zeroed_aligned_and_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
