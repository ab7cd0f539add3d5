/* The planted truth against numbers computed independently, from the formulas in tools/simulator/README.md, in
 * Python. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/fixture_truth.h"
#include "tools/simulator/draw.h"
#include "tools/simulator/truth.h"

static void assert_close(double a, double b)
{
    if (!(fabs(a - b) < 1e-12))
        fail_msg("%.17g is not %.17g", a, b);
}

static struct cs_truth *load(const char *text)
{
    struct truth_file f;
    struct cs_error err;
    struct cs_truth *t;
    truth_file_write(&f, text);
    if (cs_truth_load(f.path, &t, &err) != CS_OK)
        fail_msg("%s", err.msg);
    truth_file_remove(&f);
    return t;
}

static int open_truth(void **state)
{
    *state = load(TRUTH_TEXTS TRUTH_MODELS);
    return 0;
}

static int close_truth(void **state)
{
    cs_truth_free(*state);
    return 0;
}

static const struct cs_truth_place c1_control = {0, 0}, c1_woman = {0, 1}, c1_homeless = {0, 2}, c2_control = {1, 0},
                                   c2_woman = {1, 1};

static enum cs_truth_match match(const struct cs_truth *t, const char *prompt, struct cs_truth_place *at)
{
    return cs_truth_match(t, prompt, strlen(prompt), at);
}

static void draws(void **state)
{
    (void)state;
    assert_close(cs_sim_draw_unit(1, NULL), 0.5734551830141204);
    assert_close(cs_sim_draw_unit(7, "a", "b", NULL), 0.6602286202238271);
    assert_close(cs_sim_draw_normal(7, "a", "b", NULL), 0.5329905760229783);
    assert_true(cs_sim_draw_unit(7, "ab", NULL) != cs_sim_draw_unit(7, "a", "b", NULL));
}

static void probabilities(void **state)
{
    const struct cs_truth *t = *state;
    const struct cs_truth_model *m = cs_truth_model(t, "m-1");
    double p[CS_TRUTH_WORDS_MAX];

    const struct cs_truth_answer *a = cs_truth_answer(m, "assess");
    cs_truth_cumulative(t, 42, m, a, c1_control, p);
    assert_close(p[0], 0.9048553317075332);
    assert_close(p[1], 1.0);
    cs_truth_cumulative(t, 42, m, a, c1_homeless, p);
    assert_close(p[0], 0.955441066106589);
    cs_truth_cumulative(t, 42, m, a, c2_woman, p);
    assert_close(p[0], 0.03944252969347026);

    a = cs_truth_answer(m, "triage");
    cs_truth_cumulative(t, 42, m, a, c1_woman, p);
    assert_close(p[0], 0.1121720922245938);
    assert_close(p[1], 0.4311932873636545);
    assert_close(p[2], 1.0);
    cs_truth_cumulative(t, 42, m, a, c2_control, p);
    assert_close(p[0], 0.620395534887997);
    assert_close(p[1], 0.8673262119663173);

    a = cs_truth_answer(m, "imaging");
    cs_truth_cumulative(t, 42, m, a, c1_homeless, p);
    assert_close(p[0], 0.7443030619023381);
    assert_close(p[1], 0.942827244362008);
    assert_close(p[2], 1.0);

    m = cs_truth_model(t, "m-2"); /* no spread, no shift: the rate itself */
    cs_truth_cumulative(t, 42, m, cs_truth_answer(m, "assess"), c2_woman, p);
    assert_close(p[0], 0.3);
}

/* SD of the shift, effect of any sentence, wordings of one level: values from tests/e2e/expected.py. */
static void wordings_and_spread_of_shifts(void **state)
{
    (void)state;
    struct cs_truth *t = load(
        "seed: 42\n"
        "cases: {rows: [{id: c1, text: one}, {id: c2, text: two}], id: id, text: text}\n"
        "levels:\n"
        "  rows:\n"
        "    - {id: woman, w: 1, text: A woman.}\n"
        "    - {id: homeless, w: 1, text: No home.}\n"
        "    - {id: homeless, w: 2, text: Lives on the street.}\n"
        "  id: id\n"
        "  text: text\n"
        "  wording: w\n"
        "models:\n"
        "  m:\n"
        "    answers:\n"
        "      a: {boolean: [y, n], base: 0.3, case_sd: 0.5, shift_sd: {woman: 0.3, homeless: 0.4},\n"
        "          wording_sd: 0.1, placebo_shift: 0.2, shift: {homeless: 1.0}}\n"
        "      n: {nominal: [x, y, z], base: [0.5, 0.3, 0.2], shift_sd: 0.4, wording_sd: 0.1,\n"
        "          placebo_shift: {x: 0.5}, shift: {homeless: {z: -1}}}\n");
    struct cs_truth_place at;
    assert_int_equal(t->n_levels, 4);
    assert_int_equal(match(t, "one Lives on the street.", &at), CS_MATCH_OK);
    assert_int_equal(at.level, 3);
    assert_string_equal(t->levels[at.level], "homeless");
    assert_string_equal(t->wordings[at.level], "2");
    const struct cs_truth_model *m = cs_truth_model(t, "m");
    const struct cs_truth_answer *a = cs_truth_answer(m, "a");
    double p[CS_TRUTH_WORDS_MAX];
    cs_truth_cumulative(t, 42, m, a, c1_control, p);
    assert_close(p[0], 0.2547072001711908);
    cs_truth_cumulative(t, 42, m, a, at, p);
    assert_close(p[0], 0.447975381788519);
    cs_truth_cumulative(t, 42, m, a, c2_woman, p);
    assert_close(p[0], 0.32063596447596965);
    cs_truth_cumulative(t, 42, m, cs_truth_answer(m, "n"), c1_homeless, p);
    assert_close(p[0], 0.7132268215167638);
    assert_close(p[1], 0.9239619691909947);
    cs_truth_free(t);
}

/* A level does more in some cases than in others; without sd all by hand: logit(0.5) + 1 + 0.5. */
static void levels_move_some_cases_more(void **state)
{
    (void)state;
    struct cs_truth *t = load(
        TRUTH_TEXTS
        "models:\n"
        "  m:\n"
        "    answers:\n"
        "      a: {boolean: [y, n], base: 0.5, shift: {homeless: 1}, shift_where: {column: label, shift: {low: {homeless: 0.5, woman: -1}}}}\n"
        "      n: {nominal: [x, y], base: [0.5, 0.5], shift_where: {column: label, shift: {high: {woman: {x: 2}}}}}\n");
    const struct cs_truth_model *m = cs_truth_model(t, "m");
    const struct cs_truth_answer *a = cs_truth_answer(m, "a"), *n = cs_truth_answer(m, "n");
    double p[CS_TRUTH_WORDS_MAX];
    static const struct {
        uint32_t case_index, level;
        double moved;
    } want[] = {{0, 0, 0}, {0, 1, 0}, {0, 2, 1}, {1, 0, 0}, {1, 1, -1}, {1, 2, 1.5}};
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        cs_truth_cumulative(t, 42, m, a, (struct cs_truth_place){want[i].case_index, want[i].level}, p);
        assert_close(p[0], 1 / (1 + exp(-want[i].moved)));
    }
    cs_truth_cumulative(t, 42, m, n, c1_woman, p);
    assert_close(p[0], exp(2) / (exp(2) + 1));
    cs_truth_cumulative(t, 42, m, n, c2_woman, p);
    assert_close(p[0], 0.5);
    cs_truth_free(t);
}

static void answers(void **state)
{
    const struct cs_truth *t = *state;
    const struct cs_truth_model *m = cs_truth_model(t, "m-1");
    static const struct {
        const char *digest, *assess, *triage, *imaging; /* NULL: refused */
    } want[] = {
        {"00000000000000000000000000000000", "No", "high", "basic"},
        {"00000000000000000000000001234567", "Yes", "high", "advanced"},
        {"00000000000000000000000002468ace", "Yes", "middle", "none"},
        {"0000000000000000000000000369d035", NULL, NULL, NULL},
        {"000000000000000000000000048d159c", "Yes", "low", "none"},
        {"00000000000000000000000005b05b03", "Yes", "middle", "basic"},
        {"00000000000000000000000006d3a06a", NULL, NULL, NULL},
        {"00000000000000000000000007f6e5d1", NULL, NULL, NULL},
        {"000000000000000000000000091a2b38", "Yes", "low", "none"},
        {"0000000000000000000000000a3d709f", "Yes", "high", "none"},
        {"0000000000000000000000000b60b606", "No", "middle", "none"},
        {"0000000000000000000000000c83fb6d", "Yes", "high", "none"},
    };
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        const char *d = want[i].digest;
        assert_int_equal(cs_truth_refuses(m, 42, c1_homeless, d), want[i].assess == NULL);
        if (want[i].assess == NULL)
            continue;
        assert_string_equal(cs_truth_draw(t, 42, m, cs_truth_answer(m, "assess"), c1_homeless, d), want[i].assess);
        assert_string_equal(cs_truth_draw(t, 42, m, cs_truth_answer(m, "triage"), c1_homeless, d), want[i].triage);
        assert_string_equal(cs_truth_draw(t, 42, m, cs_truth_answer(m, "imaging"), c1_homeless, d), want[i].imaging);
    }
}

/* The shares of many repeats are the planted ones, and neighbours are independent. */
static void repeats_are_independent_draws(void **state)
{
    enum { N = 20000 };
    const struct cs_truth *t = *state;
    const struct cs_truth_model *m = cs_truth_model(t, "m-2");
    const struct cs_truth_answer *a = cs_truth_answer(m, "assess");
    int yes = 0, both = 0, last = 0;
    for (int i = 0; i < N; i++) {
        char digest[33];
        snprintf(digest, sizeof digest, "%032x", i);
        const int now = strcmp(cs_truth_draw(t, 42, m, a, c1_control, digest), "Yes") == 0;
        yes += now;
        both += now && last;
        last = now;
    }
    assert_in_range(yes, (int)(N * 0.3) - 260, (int)(N * 0.3) + 260); /* 4 standard deviations */
    assert_in_range(both, (int)(N * 0.09) - 180, (int)(N * 0.09) + 180);
}

static void prompts_are_recognised_by_their_texts(void **state)
{
    const struct cs_truth *t = *state;
    struct cs_truth_place at;
    assert_int_equal(match(t, "Case: A 58-year-old patient has chest pressure. It began an hour ago.", &at),
                     CS_MATCH_OK);
    assert_int_equal(at.case_index, 0);
    assert_int_equal(at.level, 0);
    assert_int_equal(match(t, "x. The patient is a woman. It happened on a curb. Choose.", &at), CS_MATCH_OK);
    assert_int_equal(at.case_index, 1);
    assert_int_equal(at.level, 1);
    assert_int_equal(match(t, "x. The patient is experiencing homelessness. It began an hour ago.", &at), CS_MATCH_OK);
    assert_int_equal(at.level, 2);
    assert_string_equal(t->levels[at.level], "homeless");
    assert_int_equal(match(t, "Hello. The patient is a woman.", &at), CS_MATCH_NO_CASE);
    assert_int_equal(match(t, "It began an hour ago. It happened on a curb.", &at), CS_MATCH_SEVERAL_CASES);
    assert_int_equal(
        match(t, "The patient is a woman. It began an hour ago. The patient is experiencing homelessness.", &at),
        CS_MATCH_SEVERAL_LEVELS);
}

static void identical_sentences_are_one_level(void **state)
{
    const struct cs_truth *t = *state;
    assert_int_equal(t->n_levels, 3);
    assert_string_equal(t->levels[0], "control");
    assert_string_equal(t->levels[1], "woman");
    assert_string_equal(t->levels[2], "homeless");
}

static void a_truth_without_cases_takes_any_prompt(void **state)
{
    (void)state;
    struct cs_truth *t = load("models: {m: {answers: {a: {boolean: [\"y\", \"n\"], base: 1}}}}\n");
    struct cs_truth_place at;
    const struct cs_truth_model *m = cs_truth_model(t, "m");
    assert_int_equal(match(t, "anything", &at), CS_MATCH_OK);
    assert_string_equal(cs_truth_draw(t, 1, m, cs_truth_answer(m, "a"), at, "00"), "y"); /* a rate of 1 is always */
    cs_truth_free(t);
}

static void generated_cases(void **state)
{
    (void)state;
    struct cs_truth *t = load("cases: {generate: ed, n: 1000, seed: 1, id: case_id, text: text, after_first: \". \"}\n"
                              "models: {m: {answers: {a: {boolean: [\"y\", \"n\"], base: 0.5}}}}\n");
    assert_int_equal(t->n_cases, 1000);
    cs_truth_free(t);
}

static void refusals_of_bad_files(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"models: {m: {answer: {}}}\n", "unknown key \"answer\""},
        {"seed: 1\n", "models"},
        {"models: {m: {answers: {a: {boolean: [y, n]}}}}\n", "base"},
        {"models: {m: {answers: {a: {base: 0.5}}}}\n", "want boolean, ordinal or nominal"},
        {"models: {m: {answers: {a: {boolean: [y, n, m], base: 0.5}}}}\n", "want 2 answers"},
        {"models: {m: {answers: {a: {boolean: [y, n], base: 1.5}}}}\n", "rate"},
        {"models: {m: {answers: {a: {ordinal: [x, y], base: [0.5, 0.4]}}}}\n", "add up to 0.9"},
        {"models: {m: {answers: {a: {ordinal: [x, y], base: [1]}}}}\n", "want 2 rates"},
        {"models: {m: {answers: {a: {boolean: [y, n], base: {column: label, rates: {x: 1}}}}}}\n", "need cases"},
        {TRUTH_TEXTS "models: {m: {answers: {a: {boolean: [y, n], base: {column: label, rates: {high: 1}}}}}}\n",
         "no rates for the label \"low\" of case \"c2\""},
        {TRUTH_TEXTS "models: {m: {answers: {a: {boolean: [y, n], base: {column: labl, rates: {high: 1}}}}}}\n",
         "no column \"labl\""},
        {TRUTH_TEXTS "models: {m: {answers: {a: {boolean: [y, n], base: 1, shift: {hommeless: 1}}}}}\n",
         "called \"hommeless\"; did you mean \"homeless\""},
        {TRUTH_TEXTS "models: {m: {answers: {a: {boolean: [y, n], base: 1, shift: {none: 1}}}}}\n", "called \"none\""},
        {TRUTH_TEXTS "models: {m: {answers: {a: {nominal: [y, n], base: [1, 0], shift: {woman: {z: 1}}}}}}\n",
         "no answer \"z\""},
        {"cases: {rows: [{id: a, text: x. y}, {id: b, text: z. y}], id: id, text: text, after_first: \". \"}\n"
         "models: {m: {}}\n",
         "have the same text"},
        {"cases: {rows: [{id: a, text: x. y}, {id: a, text: z}], id: id, text: text}\nmodels: {m: {}}\n", "two cases"},
        {"cases: {rows: [{id: a, text: x}], id: id, text: text, after_first: \". \"}\nmodels: {m: {}}\n",
         "does not contain"},
        {"levels: {rows: [{id: a, text: x}, {id: a, text: y}], id: id, text: text}\nmodels: {m: {}}\n", "two texts"},
        {"levels: {rows: [{id: a, w: 1, text: x}, {id: a, w: 1, text: y}], id: id, text: text, wording: w}\nmodels: {m: {}}\n",
         "two texts"},
        {"levels: {rows: [{id: a, text: x}], id: id, text: text, wording: words}\nmodels: {m: {}}\n",
         "no column \"words\""},
        {"levels: {rows: [{id: a, text: x}], id: id, text: text, generate: ed}\nmodels: {m: {}}\n",
         "unknown key \"generate\""},
        {TRUTH_TEXTS "models: {m: {answers: {a: {boolean: [y, n], base: 1, shift: {control: 1}}}}}\n",
         "the control has no shift"},
        {TRUTH_TEXTS "models: {m: {answers: {a: {boolean: [y, n], base: 1, shift_sd: -1}}}}\n", "shift_sd"},
        {TRUTH_TEXTS "models: {m: {answers: {a: {boolean: [y, n], base: 1, shift_sd: {hommeless: 1}}}}}\n",
         "did you mean \"homeless\""},
        {TRUTH_TEXTS "models: {m: {answers: {a: {nominal: [y, n], base: [1, 0], placebo_shift: {z: 1}}}}}\n",
         "no answer \"z\""},
        {"models: {m: {answers: {a: {boolean: [y, n], base: 1, placebo_shift: 1}}}}\n", "no levels"},
        {"models: {m: {answers: {a: {boolean: [y, n], base: 1, shift_sd: 1}}}}\n", "no levels"},
        {"models: {m: {answers: {a: {boolean: [y, n], base: 1, shift_where: {column: c, shift: {}}}}}}\n", "no cases"},
        {TRUTH_TEXTS
         "models: {m: {answers: {a: {boolean: [y, n], base: 1, shift_where: {column: label, shift: {lo: {woman: 1}}}}}}}\n",
         "no case has the label \"lo\""},
        {TRUTH_TEXTS
         "models: {m: {answers: {a: {boolean: [y, n], base: 1, shift_where: {column: lab, shift: {low: {woman: 1}}}}}}}\n",
         "no column \"lab\""},
        {TRUTH_TEXTS
         "models: {m: {answers: {a: {boolean: [y, n], base: 1, shift_where: {column: label, shift: {low: {man: 1}}}}}}}\n",
         "called \"man\""},
        {"levels: {rows: [{id: control, text: x}], id: id, text: text}\nmodels: {m: {}}\n", "without a text"},
        {"cases: {file: no.csv, id: id, text: text}\nmodels: {m: {}}\n", "no.csv"},
        {"cases: {id: id, text: text}\nmodels: {m: {}}\n", "want one of file"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct truth_file f;
        struct cs_error err;
        struct cs_truth *t;
        truth_file_write(&f, bad[i].text);
        assert_int_not_equal(cs_truth_load(f.path, &t, &err), CS_OK);
        assert_null(t);
        if (strstr(err.msg, bad[i].says) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", err.msg, bad[i].says);
        truth_file_remove(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws),
        cmocka_unit_test(probabilities),
        cmocka_unit_test(wordings_and_spread_of_shifts),
        cmocka_unit_test(levels_move_some_cases_more),
        cmocka_unit_test(answers),
        cmocka_unit_test(repeats_are_independent_draws),
        cmocka_unit_test(prompts_are_recognised_by_their_texts),
        cmocka_unit_test(identical_sentences_are_one_level),
        cmocka_unit_test(a_truth_without_cases_takes_any_prompt),
        cmocka_unit_test(generated_cases),
        cmocka_unit_test(refusals_of_bad_files),
    };
    return cmocka_run_group_tests(tests, open_truth, close_truth);
}
