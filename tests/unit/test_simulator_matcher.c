/* Which text does a prompt contain: one, none, several; long sets, short texts, texts inside each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/base/alloc.h"
#include "protocol/base/rng.h"
#include "tools/simulator/idmap.h"
#include "tools/simulator/matcher.h"

#define NONE UINT32_MAX

/* The number of the text found, NONE, or NONE - 1 for several. */
static uint32_t find(const char *const *texts, uint32_t n, const char *prompt)
{
    struct cs_matcher *m = cs_matcher_open(texts, n);
    uint32_t which = 77;
    const enum cs_found found = cs_matcher_find(m, prompt, strlen(prompt), &which);
    cs_matcher_close(m);
    return found == CS_FOUND_ONE ? which : found == CS_FOUND_NONE ? NONE : NONE - 1;
}

static void finds_one_none_or_several(void **state)
{
    (void)state;
    const char *const texts[] = {"The patient is Black.", "The patient is White.", "Check-in is complete."};
    assert_int_equal(find(texts, 3, "Pain. The patient is White. Choose."), 1);
    assert_int_equal(find(texts, 3, "Check-in is complete."), 2);
    assert_int_equal(find(texts, 3, "The patient is Black"), NONE);
    assert_int_equal(find(texts, 3, "The patient is black."), NONE);
    assert_int_equal(find(texts, 3, ""), NONE);
    assert_int_equal(find(texts, 3, "The patient is Black. The patient is White."), NONE - 1);
    assert_int_equal(find(texts, 3, "The patient is Black. The patient is Black."), 0);
    assert_int_equal(find(texts, 0, "The patient is Black."), NONE);
}

static void text_inside_a_longer_found_text_does_not_count(void **state)
{
    (void)state;
    const char *const texts[] = {"is a woman", "She is a woman of color", "color"};
    assert_int_equal(find(texts, 3, "She is a woman of color."), 1);
    assert_int_equal(find(texts, 3, "She is a woman."), 0);
    assert_int_equal(find(texts, 3, "She is a woman of color. He is a woman."), NONE - 1);
    assert_int_equal(find(texts, 3, "A color."), 2);
}

static void overlapping_texts_are_several(void **state)
{
    (void)state;
    const char *const texts[] = {"abcd", "cdef"};
    assert_int_equal(find(texts, 2, "abcdef"), NONE - 1);
}

static void one_byte_texts_and_bytes_above_127(void **state)
{
    (void)state;
    const char *const texts[] = {"x", "\xc3\xa9t\xc3\xa9"};
    assert_int_equal(find(texts, 2, "l'\xc3\xa9t\xc3\xa9"), 1);
    assert_int_equal(find(texts, 2, "abcx"), 0);
    assert_int_equal(find(texts, 2, "\xc3\xa9tx\xc3\xa9"), 0);
}

/* 2,000 texts that share their first 40 bytes, each looked for at the start, in the middle and at the end. */
static void many_texts_with_a_common_beginning(void **state)
{
    enum { N = 2000 };
    (void)state;
    char **texts = cs_xcalloc(N, sizeof *texts);
    for (int i = 0; i < N; i++)
        texts[i] = cs_xasprintf("The discomfort began this very morning, and number %d was written down.", i);
    struct cs_matcher *m = cs_matcher_open((const char *const *)texts, N);
    for (uint32_t i = 0; i < N; i += 37) {
        static const char *const around[][2] = {{"", " Go on."}, {"A patient. ", " Go on."}, {"A patient. ", ""}};
        char *prompt = cs_xasprintf("%s%s%s", around[i % 3][0], texts[i], around[i % 3][1]);
        uint32_t which = NONE;
        assert_int_equal(cs_matcher_find(m, prompt, strlen(prompt), &which), CS_FOUND_ONE);
        assert_int_equal(which, i);
        free(prompt);
    }
    cs_matcher_close(m);
    for (int i = 0; i < N; i++)
        free(texts[i]);
    free(texts);
}

/* Against strstr, over an alphabet so small that texts meet all the time. */
static void agrees_with_strstr(void **state)
{
    (void)state;
    struct cs_rng r = {.state = 5};
    for (int round = 0; round < 3000; round++) {
        char text[6][8], prompt[48];
        const char *texts[6];
        uint32_t present = 0, last = NONE;
        for (int i = 0; i < 6; i++) {
            const size_t n = 4; /* all have one length: none lies inside another */
            for (size_t k = 0; k < n; k++)
                text[i][k] = (char)('a' + cs_rng_below(&r, 2) + 2 * (i % 3));
            text[i][n] = '\0';
            texts[i] = text[i];
        }
        for (size_t k = 0; k < sizeof prompt; k++)
            prompt[k] = (char)('a' + cs_rng_below(&r, 6));
        prompt[cs_rng_below(&r, sizeof prompt)] = '\0';
        prompt[sizeof prompt - 1] = '\0';
        for (uint32_t i = 0; i < 6; i++) {
            if (strstr(prompt, texts[i]) != NULL) {
                present++;
                last = i;
            }
        }
        assert_int_equal(find(texts, 6, prompt), present == 0 ? NONE : present == 1 ? last : NONE - 1);
    }
}

static void idmap_remembers_each_id_once(void **state)
{
    (void)state;
    struct cs_idmap m = {0};
    for (uint64_t round = 0; round < 2; round++) {
        for (uint64_t i = 0; i < 50000; i++) {
            /* numbered in the last bytes, as a lazy client would: all begin alike */
            uint8_t id[16] = {0};
            memcpy(id + 8, &i, sizeof i);
            uint64_t *n = cs_idmap_at(&m, id);
            assert_int_equal(*n, round == 0 ? 0 : i + 1);
            *n = i + 1;
        }
    }
    assert_int_equal(m.n, 50000);
    assert_true(m.size <= 65536);
    cs_idmap_release(&m);
    assert_int_equal(m.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_one_none_or_several),
        cmocka_unit_test(text_inside_a_longer_found_text_does_not_count),
        cmocka_unit_test(overlapping_texts_are_several),
        cmocka_unit_test(one_byte_texts_and_bytes_above_127),
        cmocka_unit_test(many_texts_with_a_common_beginning),
        cmocka_unit_test(agrees_with_strstr),
        cmocka_unit_test(idmap_remembers_each_id_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
