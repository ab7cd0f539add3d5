/* Answers: the parser is strict about values and lenient about wrapping. Questions are those of fixture_study.h. */
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
#include "protocol/study/answer.h"
#include "tests/unit/fixture_study.h"

#define GOOD "{\"triage\":\"mid\",\"mental\":\"Yes\",\"risk\":7,\"why\":\"so\"}"

static enum cs_err check(uint32_t question, const char *text)
{
    struct cs_study s = fx_study();
    enum cs_err rc = cs_answer_check(&s, question, 0, false, text, strlen(text)).fault == CS_ANSWER_NONE ? CS_OK
                                                                                                         : CS_EINVAL;
    return rc;
}

/* A reply to a question under an arm about a case. */
static enum cs_err parse(uint32_t question, uint32_t arm, const struct cs_case *c, const char *text,
                         struct cs_arena *arena, struct cs_answer *answers, struct cs_derived_value *derived)
{
    struct cs_study s = fx_study();
    struct cs_coords at = {.question = question};
    at.arms[ARM].level = arm;
    return cs_answer_parse(&s, &at, c, text, strlen(text), false, NULL, arena, answers, derived, NULL);
}

static void wrapping_is_taken_off(void **state)
{
    (void)state;
    static const char *const good[] = {
        GOOD,
        " \n\t" GOOD "\r\n ",
        "```json\n" GOOD "\n```",
        "```\n" GOOD "\n```\n",
        "```" GOOD "```",
        "  ```JSON " GOOD " ``` ",
        "{\"why\":\"\",\"risk\":100,\"mental\":\"No\",\"triage\":\"unclear\"}",                   /* any order */
        "{\"triage\":\"mid\",\"mental\":\"Yes\",\"risk\":0.0,\"why\":\"so\",\"thought\":[1,{}]}", /* and more than asked */
    };
    static const char *const bad[] = {
        "",
        " ",
        "```",
        "``````",
        "```json\n" GOOD,
        GOOD "\n```",
        "Here it is: " GOOD,
        GOOD " Hope this helps!",
        "[" GOOD "]",
        GOOD GOOD,
        "```json\n```" GOOD "```\n```",
        "null",
        "{\"triage\":",
        "\""
        "triage"
        "\"",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_int_equal(check(0, good[i]), CS_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(check(0, bad[i]), CS_EINVAL);
    assert_int_equal(check(2, "any words at all"), CS_OK); /* a question without fields */
    assert_int_equal(check(2, " \n"), CS_EINVAL);          /* but not none */
}

static void values_are_taken_literally(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{\"mental\":\"Yes\",\"risk\":7,\"why\":\"so\"}",                    /* missing */
        "{\"triage\":\"Mid\",\"mental\":\"Yes\",\"risk\":7,\"why\":\"so\"}", /* not its word */
        "{\"triage\":\"\",\"mental\":\"Yes\",\"risk\":7,\"why\":\"so\"}",
        "{\"triage\":null,\"mental\":\"Yes\",\"risk\":7,\"why\":\"so\"}",
        "{\"triage\":1,\"mental\":\"Yes\",\"risk\":7,\"why\":\"so\"}",
        "{\"triage\":\"mid\",\"mental\":true,\"risk\":7,\"why\":\"so\"}", /* "Yes" is a word */
        "{\"triage\":\"mid\",\"mental\":\"yes\",\"risk\":7,\"why\":\"so\"}",
        "{\"triage\":\"mid\",\"mental\":\"unclear\",\"risk\":7,\"why\":\"so\"}", /* the word of another field */
        "{\"triage\":\"mid\",\"mental\":\"Yes\",\"risk\":\"7\",\"why\":\"so\"}",
        "{\"triage\":\"mid\",\"mental\":\"Yes\",\"risk\":101,\"why\":\"so\"}",
        "{\"triage\":\"mid\",\"mental\":\"Yes\",\"risk\":-0.5,\"why\":\"so\"}",
        "{\"triage\":\"mid\",\"mental\":\"Yes\",\"risk\":1e999,\"why\":\"so\"}",
        "{\"triage\":\"mid\",\"mental\":\"Yes\",\"risk\":7,\"why\":7}",
        "{\"triage\":\"mid\",\"triage\":\"low\",\"mental\":\"Yes\",\"risk\":7,\"why\":\"so\"}", /* which of the two? */
        "{\"triage\":\"mid\",\"mental\":\"Yes\",\"risk\":7,\"why\":\"\xff\"}",
        "{\"triage\":\"mid\",\"mental\":\"Yes\",\"risk\":7,\"why\":\"\\u0000\"}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(check(0, bad[i]), CS_EINVAL);
    static const char *const bad_choices[] = {"{\"choice\":\"D\",\"days\":1}",  "{\"choice\":\"a\",\"days\":1}",
                                              "{\"choice\":\"A.\",\"days\":1}", "{\"choice\":\"opt_a\",\"days\":1}",
                                              "{\"choice\":\"@\",\"days\":1}",  "{\"choice\":\"A\",\"days\":\"none\"}"};
    for (size_t i = 0; i < sizeof bad_choices / sizeof bad_choices[0]; i++)
        assert_int_equal(check(1, bad_choices[i]), CS_EINVAL);
}

static void fields_of_each_kind(void **state)
{
    (void)state;
    struct cs_arena a = {0};
    struct cs_answer v[4];
    struct cs_derived_value derived[2];
    assert_int_equal(parse(0, 0, &fx_cases[0],
                           "{\"triage\":\"high\",\"mental\":\"No\",\"risk\":12.5,\"why\":\"a\\n\\u00e9\"}", &a, v,
                           derived),
                     CS_OK);
    assert_string_equal(v[0].text, "high");
    assert_int_equal(v[0].category, 2);
    assert_false(v[0].insufficient);
    assert_string_equal(v[1].text, "No");
    assert_int_equal(v[1].category, 0);
    assert_string_equal(v[2].text, "12.5");
    assert_int_equal(v[2].category, CS_NONE);
    assert_true(v[2].number > 12.4 && v[2].number < 12.6);
    assert_string_equal(v[3].text, "a\né");

    assert_int_equal(parse(0, 0, &fx_cases[0], "{\"triage\":\"unclear\",\"mental\":\"Yes\",\"risk\":3.0,\"why\":\"\"}",
                           &a, v, derived),
                     CS_OK);
    assert_true(v[0].insufficient);
    assert_int_equal(v[0].category, CS_NONE);
    assert_string_equal(v[0].text, "unclear");
    assert_int_equal(v[1].category, 1);
    assert_string_equal(v[2].text, "3");
    assert_string_equal(v[3].text, "");

    assert_int_equal(parse(1, 0, &fx_cases[0], "{\"choice\":\"A\",\"days\":\"unknown\"}", &a, v, derived), CS_OK);
    assert_true(v[1].insufficient);
    assert_int_equal(parse(1, 0, &fx_cases[0], "{\"choice\":\"A\",\"days\":0.30000000000000004}", &a, v, derived),
                     CS_OK);
    assert_string_equal(v[1].text, "0.30000000000000004");
    assert_int_equal(parse(1, 0, &fx_cases[0], "{\"choice\":\"A\",\"days\":9007199254740993}", &a, v, derived), CS_OK);
    assert_string_equal(v[1].text, "9007199254740993");
    cs_arena_release(&a);
}

/* The letter is what was shown; the answer is the option. Arm 1 shows them as C, A, B. */
static void letters_mean_what_was_shown(void **state)
{
    (void)state;
    static const struct {
        uint32_t arm, case_index;
        const char *letter, *option;
        uint32_t category;
        int picks_cue, picks_a;
    } t[] = {
        {0, 0, "B", "opt_b", 1, 1, 0},           {0, 0, "A", "opt_a", 0, 0, 1},
        {1, 0, "A", "opt_c", 2, 0, 0},           {1, 0, "B", "opt_a", 0, 0, 1},
        {1, 0, "C", "opt_b", 1, 1, 0},           {0, 1, "B", "opt_b", 1, -1, 0}, /* a case without a cue */
        {0, 0, "none", "none", CS_NONE, -1, -1},                                 /* too little information */
    };
    struct cs_arena a = {0};
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct cs_answer v[2];
        struct cs_derived_value derived[2];
        char text[64];
        snprintf(text, sizeof text, "{\"choice\":\"%s\",\"days\":-2}", t[i].letter);
        assert_int_equal(parse(1, t[i].arm, &fx_cases[t[i].case_index], text, &a, v, derived), CS_OK);
        assert_string_equal(v[0].text, t[i].option);
        assert_int_equal(v[0].category, t[i].category);
        assert_int_equal(derived[0].known ? derived[0].yes : -1, t[i].picks_cue);
        assert_int_equal(derived[1].known ? derived[1].yes : -1, t[i].picks_a);
    }
    cs_arena_release(&a);
}

static void texts_are_bounded(void **state)
{
    (void)state;
    struct cs_buf b = CS_BUF_INIT(4 * CS_BODY_MAX);
    for (int over = 0; over < 2; over++) {
        cs_buf_clear(&b);
        cs_buf_str(&b, "{\"triage\":\"mid\",\"mental\":\"Yes\",\"risk\":7,\"why\":\"");
        for (int i = 0; i < CS_ANSWER_TEXT_MAX + over; i++)
            cs_buf_char(&b, 'w');
        cs_buf_str(&b, "\"}");
        assert_int_equal(check(0, b.data), over ? CS_EINVAL : CS_OK);
    }
    cs_buf_clear(&b);
    for (int i = 0; i < 100000; i++)
        cs_buf_char(&b, '[');
    assert_int_equal(check(0, b.data), CS_EINVAL); /* depth */
    cs_buf_release(&b);
}

/* Replies are foreign bytes. */
static void damaged_replies_do_no_harm(void **state)
{
    (void)state;
    struct cs_study s = fx_study();
    struct cs_rng r = {31};
    struct cs_arena a = {0};
    static const char fenced[] = "```json\n" GOOD "\n```";
    for (int i = 0; i < 5000; i++) {
        size_t n = 1 + cs_rng_below(&r, sizeof fenced - 1);
        char *copy = cs_xmalloc(n);
        struct cs_answer v[4];
        struct cs_derived_value derived[1];
        struct cs_coords at = {0};
        memcpy(copy, fenced, n);
        for (uint64_t k = cs_rng_below(&r, 4); k > 0; k--)
            copy[cs_rng_below(&r, n)] = (char)cs_rng_next(&r);
        enum cs_err checked = cs_answer_check(&s, 0, 0, false, copy, n).fault == CS_ANSWER_NONE ? CS_OK : CS_EINVAL;
        assert_int_equal(cs_answer_parse(&s, &at, NULL, copy, n, false, NULL, &a, v, derived, NULL), checked);
        free(copy);
        cs_arena_reset(&a);
    }
    cs_arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrapping_is_taken_off), cmocka_unit_test(values_are_taken_literally),
        cmocka_unit_test(fields_of_each_kind),   cmocka_unit_test(letters_mean_what_was_shown),
        cmocka_unit_test(texts_are_bounded),     cmocka_unit_test(damaged_replies_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
