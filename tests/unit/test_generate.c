/* Generated cases: the same everywhere, all different, and about nobody's sex. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/base/buf.h"
#include "protocol/base/digest.h"
#include "protocol/table/generate.h"
#include "protocol/table/names.h"

enum { ED, FABRICATED, NOTES, KINDS };

static void digest_of(uint32_t kind, uint64_t seed, char hex[65])
{
    struct cs_arena arena = {0};
    struct cs_table t;
    struct cs_buf all = CS_BUF_INIT(1 << 24);
    uint8_t digest[32];
    cs_generate(kind, 300, seed, &arena, &t);
    for (uint32_t i = 0; i < t.n_rows; i++) {
        for (uint32_t c = 0; c < t.n_columns; c++)
            cs_buf_printf(&all, "%s|", t.rows[i].values[c]);
    }
    cs_digest_blake2b_256(cs_buf_cstr(&all), all.len, digest);
    cs_digest_hex(digest, 32, hex);
    cs_buf_release(&all);
    cs_table_release(&t);
    cs_arena_release(&arena);
}

static void seeds_decide_the_texts(void **state)
{
    (void)state;
    char a[65], b[65];
    for (uint32_t kind = 0; kind < KINDS; kind++) {
        digest_of(kind, 1, a);
        digest_of(kind, 1, b);
        assert_string_equal(a, b);
        digest_of(kind, 2, b);
        assert_string_not_equal(a, b);
    }
}

/* A change of these is a change of every study that was run with them: paid outputs would no longer fit. */
static void texts_are_the_same_on_every_machine(void **state)
{
    (void)state;
    static const char *const golden[KINDS] = {
        "d05986760ee01ec390a62cc88ce811ef4c6a9e299cb3f7180feb4bf1193d0365",
        "5ce77ac50cf75af07dd71e0c3fafd37b5448ffaa17b92472c4219545e2321067",
        "2cece8a2f0914dae1cdf786dfe4990143dedfa66fbba794e3f62a45d7124ebe0",
    };
    char hex[65];
    for (uint32_t kind = 0; kind < KINDS; kind++) {
        digest_of(kind, 1, hex);
        assert_string_equal(hex, golden[kind]);
    }
}

static void more_cases_begin_with_the_same_ones(void **state)
{
    (void)state;
    struct cs_arena arena = {0};
    struct cs_table few, many;
    for (uint32_t kind = 0; kind < KINDS; kind++) {
        cs_generate(kind, 20, 5, &arena, &few);
        cs_generate(kind, 200, 5, &arena, &many);
        for (uint32_t i = 0; i < 20; i++) {
            for (uint32_t c = 0; c < few.n_columns; c++)
                assert_string_equal(few.rows[i].values[c], many.rows[i].values[c]);
        }
        cs_table_release(&few);
        cs_table_release(&many);
    }
    cs_arena_release(&arena);
}

static void all_texts_differ(void **state)
{
    (void)state;
    for (uint32_t kind = 0; kind < KINDS; kind++) {
        struct cs_arena arena = {0};
        struct cs_table t;
        struct cs_names seen = {0};
        cs_generate(kind, 20000, 1, &arena, &t);
        uint32_t text = cs_table_read_column(&t, kind == FABRICATED ? "text_short" : "text");
        for (uint32_t i = 0; i < t.n_rows; i++) {
            const char *shown = t.rows[i].values[text];
            if (kind == NOTES) /* the claim belongs to it */
                shown = cs_arena_printf(&arena, "%s%s", shown, t.rows[i].values[3]);
            assert_int_equal(cs_names_put(&seen, shown, i), UINT32_MAX);
        }
        cs_names_release(&seen);
        cs_table_release(&t);
        cs_arena_release(&arena);
    }
}

static void assert_without_sex(const char *text)
{
    static const char *const words[] = {"he",  "she",      "him",      "her",    "his",  "hers",
                                        "man", "woman",    "male",     "female", "mr",   "mrs",
                                        "ms",  "pregnant", "prostate", "uterus", "they", "their"};
    char word[32];
    for (const char *p = text; *p != '\0';) {
        size_t n = 0;
        while (isalpha((unsigned char)p[n]))
            n++;
        if (n > 0 && n < sizeof word) {
            for (size_t i = 0; i < n; i++)
                word[i] = (char)tolower((unsigned char)p[i]);
            word[n] = '\0';
            for (size_t w = 0; w < sizeof words / sizeof words[0]; w++)
                assert_string_not_equal(word, words[w]);
        }
        p += n > 0 ? n : 1;
    }
}

static void emergency_cases_name_no_sex_and_have_a_first_sentence(void **state)
{
    (void)state;
    struct cs_arena arena = {0};
    struct cs_table t;
    cs_generate(ED, 3000, 1, &arena, &t);
    uint32_t text = cs_table_read_column(&t, "text");
    for (uint32_t i = 0; i < t.n_rows; i++) {
        const char *s = t.rows[i].values[text];
        size_t words = 1;
        for (const char *p = s; *p != '\0'; p++)
            words += *p == ' ';
        assert_in_range(words, 80, 135);
        assert_non_null(strstr(s, ". "));
        assert_without_sex(s);
    }
    cs_table_release(&t);
    cs_arena_release(&arena);
}

static void notes_have_one_marker_and_every_framing(void **state)
{
    (void)state;
    struct cs_arena arena = {0};
    struct cs_table t;
    cs_generate(NOTES, 3000, 1, &arena, &t);
    assert_int_equal(t.n_columns, 14);
    for (uint32_t i = 0; i < t.n_rows; i++) {
        const char *marker = strstr(t.rows[i].values[2], "[claim]");
        assert_non_null(marker);
        assert_null(strstr(marker + 1, "[claim]"));
        for (uint32_t c = 3; c < t.n_columns; c++) {
            assert_null(strstr(t.rows[i].values[c], "%s"));
            assert_true(isupper((unsigned char)t.rows[i].values[c][0]));
        }
    }
    cs_table_release(&t);
    cs_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seeds_decide_the_texts),
        cmocka_unit_test(texts_are_the_same_on_every_machine),
        cmocka_unit_test(more_cases_begin_with_the_same_ones),
        cmocka_unit_test(all_texts_differ),
        cmocka_unit_test(emergency_cases_name_no_sex_and_have_a_first_sentence),
        cmocka_unit_test(notes_have_one_marker_and_every_framing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
