/* A suite's rules that need no run: what becomes of a study file, when a card is confirmatory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tools/suite/seal.h"
#include "tools/suite/stage.h"

static void staged(const char *text, const char *wanted, uint32_t n)
{
    static const char *const models[] = {"mine", "a \"b\""};
    struct cs_error err = {0};
    char *out = NULL;
    assert_int_equal(cs_stage_text(text, models, n, &out, &err), CS_OK);
    assert_string_equal(out, wanted);
    free(out);
}

static void models_are_replaced_and_nothing_else(void **state)
{
    struct cs_error err = {0};
    char *out = NULL;
    (void)state;
    staged("study: x\nmodels: [a, b]\nrepeats: 3\n", "study: x\nmodels: [\"mine\"]\nrepeats: 3\n", 1);
    staged("models:\n  - a\n  - {name: b}\n# models: of others\nx: 1",
           "models: [\"mine\", \"a \\\"b\\\"\"]\n# models: of others\nx: 1", 2);
    staged("models: [a]\n- b\ncases: {models: [c]}\n", "models: [\"mine\"]\ncases: {models: [c]}\n", 1);
    staged("models: [a]\n", "models: [a]\n", 0);
    assert_int_equal(cs_stage_text("study: x\n  models: [a]\n", (const char *const[]){"m"}, 1, &out, &err), CS_EINVAL);
    free(out);
}

static void what_compares_models_is_left_out(void **state)
{
    (void)state;
    staged("models: [a]\n - {x: 1, differs_by: [model, length], y: 2}\n",
           "models: [a]\n - {x: 1, differs_by: [length], y: 2}\n", 0);
    staged("models: [a]\n - {differs_by: [source, model]}\n", "models: [a]\n - {differs_by: [source]}\n", 0);
    staged("models: [a]\n - {differs_by: [p, model, q]}\n", "models: [a]\n - {differs_by: [p, q]}\n", 0);
    staged("models: [a]\n - {differs_by: [p]} # [model, x]\n", "models: [a]\n - {differs_by: [p]} # [model, x]\n", 0);
}

static void a_model_under_two_ids_is_one(void **state)
{
    static const char *const same[][2] = {{"gpt-4.1", "gpt-4.1"},
                                          {"gpt-4.1", "gpt-4.1-2025-04-14"},
                                          {"openai/gpt-4.1", "gpt-4.1-2025-04-14"},
                                          {"claude-sonnet-4-5-20250929", "claude-sonnet-4-5"},
                                          {"claude-sonnet-4-5@20250929", "claude-sonnet-4-5"}};
    static const char *const other[][2] = {{"gpt-4.1", "gpt-4.1-mini"},
                                           {"gpt-4.1-mini-2025-04-14", "gpt-4.1-2025-04-14"},
                                           {"claude-sonnet-4", "claude-sonnet-4-5-20250929"},
                                           {"gemini-2.5-flash", "gemini-2.5-pro"}};
    (void)state;
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        assert_true(cs_stage_same_model(same[i][0], same[i][1]) && cs_stage_same_model(same[i][1], same[i][0]));
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        assert_false(cs_stage_same_model(other[i][0], other[i][1]) || cs_stage_same_model(other[i][1], other[i][0]));
}

/* Both ways to say it agree. */
static bool confirmatory(const struct cs_seal *seal, const char *released, const char *asked, bool simulated)
{
    const struct cs_seal_model m = {released, asked, simulated};
    const bool is = cs_seal_is_confirmatory(seal, &m);
    char *said = cs_seal_standing(seal, &m);
    assert_int_equal(strncmp(said, is ? "confirmatory: released" : "exploratory: ", is ? 22 : 13), 0);
    free(said);
    return is;
}

static void only_a_later_day_is_confirmatory(void **state)
{
    const struct cs_seal sealed = {.there = true, .date = "2026-11-29T19:00:00Z"}, open = {.there = false};
    (void)state;
    assert_true(confirmatory(&sealed, "2026-11-30", "2027-01-01T08:00:00Z", false));
    assert_true(confirmatory(&sealed, "2027-01-01", "2027-01-01T08:00:00Z", false));
    assert_false(confirmatory(&sealed, "2026-11-29", "2027-01-01T08:00:00Z", false)); /* the same day proves nothing */
    assert_false(confirmatory(&sealed, "2026-11-28", "2027-01-01T08:00:00Z", false));
    assert_false(confirmatory(&sealed, NULL, "2027-01-01T08:00:00Z", false));
    assert_false(confirmatory(&sealed, "2026-11-30", "2027-01-01T08:00:00Z", true));
    assert_false(confirmatory(&open, "2026-11-30", "2027-01-01T08:00:00Z", false));
    /* A model cannot have been asked before it was there. */
    assert_false(confirmatory(&sealed, "2026-11-30", "2026-11-29T23:59:00Z", false));
    assert_true(confirmatory(&sealed, "2026-11-30", "2026-11-30T00:00:00Z", false));
    assert_false(confirmatory(&sealed, "2026-11-30", NULL, false));
}

static void a_day_is_one_that_was(void **state)
{
    const int64_t now_ms = 1796000000000; /* 2026-11-30 */
    struct cs_error err = {0};
    (void)state;
    assert_int_equal(cs_seal_day("2026-11-30", now_ms, &err), CS_OK);
    assert_int_equal(cs_seal_day(NULL, now_ms, &err), CS_OK);
    assert_int_equal(cs_seal_day("2026-12-01", now_ms, &err), CS_EUSAGE);
    assert_int_equal(cs_seal_day("2999-01-01", now_ms, &err), CS_EUSAGE);
    assert_int_equal(cs_seal_day("2026-11", now_ms, &err), CS_EUSAGE);
    assert_int_equal(cs_seal_day("2026-1-9", now_ms, &err), CS_EUSAGE);
    assert_int_equal(cs_seal_day("zzzz", now_ms, &err), CS_EUSAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_are_replaced_and_nothing_else),
        cmocka_unit_test(what_compares_models_is_left_out),
        cmocka_unit_test(only_a_later_day_is_confirmatory),
        cmocka_unit_test(a_model_under_two_ids_is_one),
        cmocka_unit_test(a_day_is_one_that_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
