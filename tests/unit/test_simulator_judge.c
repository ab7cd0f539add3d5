/* Planted judges: free replies that carry what was drawn, verdicts that are wrong as often as planted, by level. */
#include "tests/unit/stats_near.h"

#include <string.h>

#include "protocol/base/sizes.h"
#include "tests/unit/fixture_truth.h"
#include "tools/simulator/planted_judge.h"

static const char file[] =
    "seed: 9\n"
    "levels: {rows: [{id: warned, sentence: Be careful.}], id: id, text: sentence}\n"
    "models:\n"
    "  doctor:\n"
    "    answers:\n"
    "      adopted: {boolean: [\"Yes\", \"No\"], base: 0.4, shift: {warned: -1}, says: [I take it as real., There is no such finding.]}\n"
    "      triage: {ordinal: [low, high], base: [0.5, 0.5]}\n"
    "  nurse:\n"
    "    answers: {adopted: {boolean: [\"Yes\", \"No\"], base: 0.5, says: [I take it as real., There is no such finding.]}}\n"
    "  judge:\n"
    "    judge:\n"
    "      verdicts:\n"
    "        adopted: {boolean: [\"yes\", \"no\"], of: adopted, sensitivity: 0.9, specificity: {control: 0.8, warned: 0.95}}\n"
    "        fond: {boolean: [\"yes\", \"no\"], of: adopted, sensitivity: 0.5, specificity: 0.5, better: \"No\", self_preference: {doctor: 2}}\n"
    "        asked: {boolean: [met, unmet], of: {adopted: \"Does it adopt\"}}\n"
    "        duel: {pair: [first, second, tie], of: adopted, better: \"No\", strength: 2, order: 0.5, tie: 0.1}\n"
    "        clear: {ordinal: [\"1\", \"2\", \"3\"], of: adopted, given: {\"Yes\": [0.7, 0.2, 0.1], \"No\": [0, 0.25, 0.75]}}\n"
    "      unparsable: {control: 0.02, warned: 0.1}\n"
    "      refused: 0.05\n";

enum { DRAWS = 4000, DOCTOR = 0, NURSE = 1, JUDGE = 2 };

struct fixture {
    struct truth_file f;
    struct cs_truth *t;
};

static int set_up(void **state)
{
    static struct fixture x;
    struct cs_error err;
    truth_file_write(&x.f, file);
    if (cs_truth_load(x.f.path, &x.t, &err) != CS_OK)
        fail_msg("%s", err.msg);
    *state = &x;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *x = *state;
    cs_truth_free(x->t);
    truth_file_remove(&x->f);
    return 0;
}

static void digest_of(uint32_t i, char out[33])
{
    snprintf(out, 33, "%032x", i);
}

static const char *say(const struct cs_truth *t, uint32_t model, uint32_t level, uint32_t i, struct cs_buf *out)
{
    char digest[33];
    digest_of(i, digest);
    out->len = 0;
    const struct cs_sim_talk first = {.turn = 1};
    cs_spoken_write(t, t->seed, &t->models[model], (struct cs_truth_place){0, level}, digest, digest, &first, out);
    return cs_buf_cstr(out);
}

static void a_reply_carries_its_model_level_and_word(void **state)
{
    const struct cs_truth *t = ((struct fixture *)*state)->t;
    struct cs_buf reply = CS_BUF_INIT(4096), prompt = CS_BUF_INIT(8192);
    struct cs_spoken found[CS_SPOKEN_MAX];
    uint32_t yes = 0;
    for (uint32_t i = 0; i < DRAWS; i++) {
        char digest[33];
        digest_of(i, digest);
        prompt.len = 0;
        cs_buf_printf(&prompt, "Is it so, reference none? I take it as real.\n%s\nWhat now?",
                      say(t, DOCTOR, 1, i, &reply));
        assert_int_equal(cs_spoken_find(t, cs_buf_cstr(&prompt), prompt.len, found), 1);
        assert_int_equal(found[0].model, DOCTOR);
        assert_int_equal(found[0].level, 1);
        const uint32_t word = cs_spoken_word(t, &found[0], "adopted");
        const char *want = cs_truth_draw(t, t->seed, &t->models[DOCTOR], cs_truth_answer(&t->models[DOCTOR], "adopted"),
                                         (struct cs_truth_place){0, 1}, digest);
        assert_string_equal(t->models[DOCTOR].answers[0].words[word], want);
        assert_int_equal(cs_spoken_word(t, &found[0], "triage"), CS_NONE); /* it has no sentences */
        yes += word == 0;
    }
    NEAR_WITHIN((double)yes / DRAWS, 1 / (1 + exp(-(log(0.4 / 0.6) - 1))), 0.025);
    assert_null(strstr(say(t, DOCTOR, 1, 1, &reply), "warned"));
    assert_null(strstr(cs_buf_cstr(&reply), "doctor"));
    assert_int_equal(cs_spoken_find(t, "There is no such finding.", 25, found), 1);
    assert_int_equal(found[0].model, t->n_models);
    assert_int_equal(cs_spoken_word(t, &found[0], "adopted"), 1);
    cs_buf_release(&reply);
    cs_buf_release(&prompt);
}

/* How often the verdict is its k-th word, about texts that say the answer's `word`. */
static double share_of(const struct cs_truth *t, const char *field, uint32_t model, uint32_t level, uint32_t word,
                       uint32_t k)
{
    const struct cs_planted_judge *j = t->models[JUDGE].judge;
    const struct cs_planted_verdict *v = cs_planted_judge_verdict(j, field);
    struct cs_buf reply = CS_BUF_INIT(4096);
    uint32_t hits = 0, of = 0;
    for (uint32_t i = 0; i < 3 * DRAWS; i++) {
        struct cs_planted_case c;
        char digest[33];
        digest_of(i + 900000, digest);
        const char *text = say(t, model, level, i, &reply);
        cs_planted_judge_read(&c, t, text, strlen(text));
        if (cs_spoken_word(t, &c.texts[0], "adopted") != word)
            continue;
        of++;
        hits += strcmp(cs_planted_judge_draw(v, &c, t->seed, digest), v->words[k]) == 0;
    }
    cs_buf_release(&reply);
    return (double)hits / of;
}

static double share(const struct cs_truth *t, const char *field, uint32_t model, uint32_t level, uint32_t word)
{
    return share_of(t, field, model, level, word, 0);
}

static void steps_are_given_as_planted(void **state)
{
    const struct cs_truth *t = ((struct fixture *)*state)->t;
    static const double given[2][3] = {{0.7, 0.2, 0.1}, {0, 0.25, 0.75}};
    for (uint32_t word = 0; word < 2; word++) {
        for (uint32_t k = 0; k < 3; k++)
            NEAR_WITHIN(share_of(t, "clear", DOCTOR, 1, word, k), given[word][k], 0.025);
    }
}

static void a_verdict_errs_as_planted(void **state)
{
    const struct cs_truth *t = ((struct fixture *)*state)->t;
    NEAR_WITHIN(share(t, "adopted", DOCTOR, 0, 0), 0.9, 0.02);
    NEAR_WITHIN(share(t, "adopted", DOCTOR, 1, 0), 0.9, 0.02);
    NEAR_WITHIN(share(t, "adopted", DOCTOR, 0, 1), 0.2, 0.02);
    NEAR_WITHIN(share(t, "adopted", DOCTOR, 1, 1), 0.05, 0.02);
    NEAR_WITHIN(share(t, "fond", NURSE, 0, 1), 0.5, 0.025);
    NEAR_WITHIN(share(t, "fond", DOCTOR, 0, 1), 1 / (1 + exp(2)), 0.025); /* towards the better word */
}

static void an_order_and_ties_are_planted(void **state)
{
    const struct cs_truth *t = ((struct fixture *)*state)->t;
    const struct cs_planted_verdict *v = cs_planted_judge_verdict(t->models[JUDGE].judge, "duel");
    struct cs_buf one = CS_BUF_INIT(4096), two = CS_BUF_INIT(4096), prompt = CS_BUF_INIT(16384);
    uint32_t first = 0, tie = 0, better = 0, better_wins = 0, of = 0;
    for (uint32_t i = 0; i < DRAWS; i++) {
        struct cs_planted_case c;
        char digest[33];
        digest_of(i + 77, digest);
        prompt.len = 0;
        cs_buf_printf(&prompt, "First: %s Second: %s", say(t, DOCTOR, 0, i, &one), say(t, NURSE, 0, i + DRAWS, &two));
        cs_planted_judge_read(&c, t, cs_buf_cstr(&prompt), prompt.len);
        assert_int_equal(c.n_texts, 2);
        const uint32_t a = cs_spoken_word(t, &c.texts[0], "adopted"), b = cs_spoken_word(t, &c.texts[1], "adopted");
        const char *word = cs_planted_judge_draw(v, &c, t->seed, digest);
        tie += strcmp(word, "tie") == 0;
        if (a == b && strcmp(word, "tie") != 0) {
            of++;
            first += strcmp(word, "first") == 0;
        } else if (a == 1 && b == 0 && strcmp(word, "tie") != 0) {
            better++;
            better_wins += strcmp(word, "first") == 0;
        }
    }
    NEAR_WITHIN((double)tie / DRAWS, 0.1, 0.02);
    NEAR_WITHIN((double)first / of, 1 / (1 + exp(-0.5)), 0.035);
    NEAR_WITHIN((double)better_wins / better, 1 / (1 + exp(-2.5)), 0.035);
    cs_buf_release(&one);
    cs_buf_release(&two);
    cs_buf_release(&prompt);
}

static void verdicts_are_missing_as_planted(void **state)
{
    const struct cs_truth *t = ((struct fixture *)*state)->t;
    const struct cs_planted_judge *j = t->models[JUDGE].judge;
    struct cs_buf reply = CS_BUF_INIT(4096);
    uint32_t rambles[2] = {0}, refuses = 0;
    for (uint32_t i = 0; i < 2 * DRAWS; i++) {
        struct cs_planted_case c;
        char digest[33];
        digest_of(i, digest);
        const char *text = say(t, DOCTOR, i % 2, i, &reply);
        cs_planted_judge_read(&c, t, text, strlen(text));
        rambles[i % 2] += cs_planted_judge_rambles(j, &c, t->seed, digest, 0);
        refuses += cs_planted_judge_refuses(j, &c, t->seed, digest);
    }
    NEAR_WITHIN((double)rambles[0] / DRAWS, 0.02, 0.01);
    NEAR_WITHIN((double)rambles[1] / DRAWS, 0.1, 0.015);
    NEAR_WITHIN((double)refuses / (2 * DRAWS), 0.05, 0.01);
    cs_buf_release(&reply);
}

static void the_prompt_says_what_is_asked(void **state)
{
    const struct cs_truth *t = ((struct fixture *)*state)->t;
    const struct cs_planted_verdict *v = cs_planted_judge_verdict(t->models[JUDGE].judge, "asked"),
                                    *duel = cs_planted_judge_verdict(t->models[JUDGE].judge, "duel");
    static const char digest[] = "00000000000000000000000000000001",
                      with[] = "There is no such finding. Does it adopt?",
                      without[] = "There is no such finding. Is it kind?", nothing[] = "Does it adopt?";
    struct cs_planted_case c;
    cs_planted_judge_read(&c, t, with, strlen(with));
    assert_string_equal(cs_planted_judge_draw(v, &c, 1, digest), "unmet"); /* never wrong unless planted */
    assert_null(cs_planted_judge_draw(duel, &c, 1, digest));
    cs_planted_judge_read(&c, t, without, strlen(without));
    assert_null(cs_planted_judge_draw(v, &c, 1, digest));
    cs_planted_judge_read(&c, t, nothing, strlen(nothing));
    assert_null(cs_planted_judge_draw(v, &c, 1, digest));
}

static void refuse(const char *models, const char *want)
{
    struct cs_truth *t = NULL;
    struct cs_error err = {0};
    struct truth_file f;
    char text[2048];
    snprintf(
        text, sizeof text,
        "levels: {rows: [{id: warned, sentence: Be careful.}], id: id, text: sentence}\nmodels:\n"
        "  d: {answers: {a: {boolean: [y, n], base: 0.5, says: [It is so., It is not.]}, b: {boolean: [y, n], base: 0.5}}}\n%s\n",
        models);
    truth_file_write(&f, text);
    assert_int_equal(cs_truth_load(f.path, &t, &err), CS_EINVAL);
    if (strstr(err.msg, want) == NULL)
        fail_msg("\"%s\" is not in: %s", want, err.msg);
    truth_file_remove(&f);
}

static void mistakes_are_told(void **state)
{
    (void)state;
    refuse("  j: {judge: {verdicts: {v: {boolean: [y, n], of: b}}}}",
           "no model of this file has a boolean answer \"b\"");
    refuse("  j: {judge: {verdicts: {v: {of: a}}}}", "want boolean: [yes, no], pair:");
    refuse("  j: {judge: {verdicts: {v: {boolean: [y, n, m], of: a}}}}", "want 2 words");
    refuse("  j: {judge: {verdicts: {v: {boolean: [y, n], of: a, sensitivity: {warned: 0.9}}}}}", "want control among");
    refuse("  j: {judge: {verdicts: {v: {boolean: [y, n], of: a, sensitivity: {control: 1, warnd: 0.9}}}}}",
           "\"warnd\"");
    refuse("  j: {judge: {verdicts: {v: {boolean: [y, n], of: a, self_preference: {d: 1}}}}}",
           "say which word is better");
    refuse("  j: {judge: {verdicts: {v: {boolean: [y, n], of: a, better: x}}}}", "no answer \"x\"");
    refuse("  j: {judge: {verdicts: {v: {pair: [f, s, t], of: a}}}}", "want better:");
    refuse("  j: {judge: {verdicts: {v: {pair: [f, s, t], of: a, sensitivity: 1}}}}", "sensitivity");
    refuse("  j: {judge: {verdicts: {v: {ordinal: [a, b], of: a}}}}", "given");
    refuse("  j: {judge: {verdicts: {v: {ordinal: [a, b], of: b, given: {y: [1, 0], n: [0, 1]}}}}}",
           "no model of this file has an answer \"b\" with says");
    refuse("  j: {judge: {verdicts: {v: {nominal: [a, b], of: a, given: {y: [1, 0]}}}}}", "n");
    refuse("  j: {judge: {verdicts: {v: {nominal: [a, b], of: a, given: {y: [1, 0], n: [0, 1], m: [0, 1]}}}}}",
           "the 2 words of a and no other");
    refuse("  j: {judge: {verdicts: {v: {nominal: [a, b], of: a, given: {y: [1, 0], n: [0.5, 0.4]}}}}}",
           "add up to 0.9");
    refuse("  j: {judge: {verdicts: {v: {nominal: [a], of: a, given: {y: [1], n: [1]}}}}}", "want 2 to");
    refuse("  j: {judge: {verdicts: {v: {boolean: [a, b], of: a, given: {y: [1, 0], n: [0, 1]}}}}}", "given");
    refuse("  e: {answers: {a: {boolean: [y, n], base: 0.5, says: [It is., It is. Not]}}}", "lies inside another");
    refuse("  e: {answers: {a: {boolean: [y, n], base: 0.5, says: [It is.]}}}", "want 2 sentences");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reply_carries_its_model_level_and_word),
        cmocka_unit_test(a_verdict_errs_as_planted),
        cmocka_unit_test(steps_are_given_as_planted),
        cmocka_unit_test(an_order_and_ties_are_planted),
        cmocka_unit_test(verdicts_are_missing_as_planted),
        cmocka_unit_test(the_prompt_says_what_is_asked),
        cmocka_unit_test(mistakes_are_told),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
