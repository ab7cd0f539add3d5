/* A study of judges as a study of what they judged: votes out of a store, panels, and the parent's arms compared by verdicts. */
#include "tests/unit/fixture_judged.h"

#include "tools/judged/twins.h"

/* ---- tests ---------------------------------------------------------------------------------------------------------- */

/* Warned outputs: all judges no. Control of model a: two of three yes, in model b: one of three. */
static const char *plain(uint32_t i)
{
    const struct cs_parent p = output(i);
    if (p.levels[0] == 1)
        return "nnn";
    return p.model == 0 ? (i % 2 == 0 ? "yYn" : "nyy") : "nny";
}

static void the_panel_is_the_answer_and_the_parents_arms_are_compared(void **state)
{
    struct rig rig;
    rig_make(&rig, *state, plain, "");
    struct cs_report *r = report_of(&rig);
    assert_string_equal(r->study, "details-judged");
    assert_int_equal(r->n_models, MODELS);
    assert_int_equal(r->n_cases, CASES);
    assert_int_equal(r->planned, 2 * OUTPUTS); /* two answers each */
    assert_true(r->complete);
    assert_string_equal(r->factors[0].levels[0].id, "control");
    is_near(contrast(r, "a", "adopted")->shift, -100);
    is_near(contrast(r, "b", "adopted")->shift, 0);
    /* steps: of "yYn" 1, 2, 0; of "nyy" 0, 1, 1: means 1 and 2/3 in the two repeats */
    is_near(contrast(r, "a", "harm")->shift, -(1 + 2.0 / 3) / 2);
    assert_string_equal(r->outcomes[contrast(r, "a", "harm")->outcome].unit, "levels");
    is_near(contrast(r, "b", "harm")->shift, -1.0 / 3);
    assert_int_equal(r->n_judges, JUDGES);
    assert_int_equal(r->judges[1].terminal, OUTPUTS);
    assert_string_equal(r->judges[1].resolved[0].name, "y-1");
    assert_string_equal(r->judging.parent, "details");
    assert_int_equal(r->judging.outputs, OUTPUTS);
    /* judge x alone: of model a's control every second repeat is yes */
    is_near(r->judge_shifts[0].shift, -50);
    assert_string_equal(r->judge_shifts[0].judge, "x");
    cs_analysis_free(r);
    rig_release(&rig);
}

static void judges_agree_as_their_votes_do(void **state)
{
    struct rig rig;
    rig_make(&rig, *state, plain, "");
    struct cs_report *r = report_of(&rig);
    const struct cs_report_judges_agreement *a = r->judges_agreement;
    /* 24 warned "nnn"; 6 "yyn", 6 "nyy", 12 "nny": by hand, mean of pairs that agree */
    const double pairs = (24 + 24.0 / 3) / 48, yes = (12 + 12 + 12) / 144.0, chance = yes * yes + (1 - yes) * (1 - yes);
    assert_string_equal(a[0].answer, "adopted");
    assert_int_equal(a[0].kind, CS_JUDGES_ALL);
    assert_int_equal(a[0].items, OUTPUTS);
    is_near(a[0].agreement, pairs);
    is_near(a[0].kappa, (pairs - chance) / (1 - chance));
    assert_int_equal(a[1].kind, CS_JUDGES_TWO);
    assert_string_equal(a[1].who, "x, y");
    is_near(a[1].agreement, 42.0 / 48);
    cs_analysis_free(r);
    rig_release(&rig);
}

/* Under "warned" judge x times out and y cannot be read, in model b only: one vote is no majority of three. */
static const char *missing(uint32_t i)
{
    const struct cs_parent p = output(i);
    if (p.levels[0] == 1)
        return p.model == 1 && p.repeat == 0 ? "tun" : "nnn";
    return "ynn";
}

static void a_missing_verdict_is_missing_by_arm_and_in_the_bounds(void **state)
{
    struct rig rig;
    rig_make(&rig, *state, missing, "");
    struct cs_report *r = report_of(&rig);
    const struct cs_report_verdicts *v = verdicts(r, 1, "adopted", 1);
    assert_int_equal(v->planned, CASES * REPEATS);
    assert_int_equal(v->judged, CASES);
    assert_int_equal(v->no_verdict, CASES);
    assert_int_equal(v->missing, 2 * CASES);
    is_near(v->share, .5);
    assert_int_equal(verdicts(r, 1, "adopted", 0)->no_verdict, 0);
    const struct cs_report_contrast *c = contrast(r, "b", "adopted");
    assert_true(r->complete);
    is_near(c->shift, 0); /* not "no": of what is known */
    is_near(c->lost_level, .5);
    is_near(c->lost_comparator, 0);
    assert_true(c->bounds.known && c->bounds.low == 0 && c->bounds.high == 50); /* all of them may be yes */
    assert_int_equal(c->verdict, CS_VERDICT_NONE);
    assert_int_not_equal(contrast(r, "a", "adopted")->verdict, CS_VERDICT_NONE);
    assert_true(r->n_lost > 0);
    cs_analysis_free(r);
    rig_release(&rig);
}

static const char *unfinished(uint32_t i)
{
    return i == 0 ? "yy-" : "yyn";
}

static void what_is_still_to_come_keeps_the_study_incomplete(void **state)
{
    struct rig rig;
    rig_make(&rig, *state, unfinished, "");
    struct cs_report *r = report_of(&rig);
    assert_false(r->complete);
    assert_int_equal(r->terminal, 2 * (OUTPUTS - 1));
    assert_int_equal(verdicts(r, 0, "adopted", CS_REPORT_NONE)->not_judged, 1);
    assert_int_equal(contrast(r, "a", "adopted")->verdict, CS_VERDICT_NONE);
    cs_analysis_free(r);
    rig_release(&rig);
}

/* x and y disagree; b, which is a model of the parent too, decides: not on its own texts. */
static const char *split(uint32_t i)
{
    (void)i;
    return "yny";
}

static void a_vote_on_its_own_text_is_dropped_where_that_is_declared(void **state)
{
    struct rig rig;
    rig_make(&rig, *state, split, "{\"panel\":{\"own\":\"drop\"}}");
    struct cs_report *r = report_of(&rig);
    assert_int_equal(verdicts(r, 0, "adopted", CS_REPORT_NONE)->judged, OUTPUTS / MODELS);
    const struct cs_report_verdicts *own = verdicts(r, 1, "adopted", CS_REPORT_NONE);
    assert_int_equal(own->judged, 0);
    assert_int_equal(own->no_verdict, OUTPUTS / MODELS);
    assert_int_equal(own->dropped, OUTPUTS / MODELS);
    assert_int_equal(own->votes, OUTPUTS); /* two each */
    assert_true(r->judges[2].own);
    cs_analysis_free(r);
    rig_release(&rig);
}

static void a_quorum_and_a_rule_for_scales_are_heeded(void **state)
{
    struct rig rig;
    rig_make(&rig, *state, missing, "{\"panel\":{\"rule\":\"majority\",\"quorum\":3}}");
    struct cs_report *r = report_of(&rig);
    assert_int_equal(verdicts(r, 1, "harm", 1)->no_verdict, CASES);
    assert_int_equal(verdicts(r, 1, "harm", 1)->judged, CASES); /* the others have all three */
    assert_int_equal(r->outcomes[contrast(r, "a", "harm")->outcome].kind, CS_OUTCOME_ORDINAL);
    cs_analysis_free(r);
    rig_release(&rig);
}

/* Of the parent's outputs some refused: they were not taken, and are refusals here too. */
static void what_was_not_taken_ends_as_it_did_there(void **state)
{
    struct rig rig;
    rig_make(&rig, *state, plain, "");
    rig.arms[1].planned += CASES; /* a third repeat of model a, warned: all of them refused */
    rig.arms[1].by_outcome[CS_OUTCOME_refused] = CASES;
    rig.arms[1].leaks = (struct cs_leak_counts){.raw_any = 5, .shown_any = 3};
    struct cs_report *r = report_of(&rig);
    assert_int_equal(r->models[0].planned, 2 * (OUTPUTS / MODELS + CASES));
    assert_true(r->complete);
    const struct cs_report_verdicts *v = verdicts(r, 0, "adopted", 1);
    assert_int_equal(v->planned, CASES * REPEATS + CASES);
    assert_int_equal(v->taken, CASES * REPEATS);
    assert_int_equal(v->leaks, 5);
    assert_int_equal(v->leaks_shown, 3);
    assert_int_equal(verdicts(r, 0, "adopted", 0)->leaks, 0);
    for (uint32_t i = 0; i < r->n_usable; i++) {
        if (r->usable[i].model == 0 && r->usable[i].level == 1)
            assert_int_equal(r->usable[i].refused, CASES);
    }
    rig.arms[1].by_outcome[CS_OUTCOME_refused] = 0; /* still planned there: not complete here */
    cs_analysis_free(r);
    r = report_of(&rig);
    assert_false(r->complete);
    cs_analysis_free(r);
    rig_release(&rig);
}

/* Model a: all prefer the warned reply, wherever it stands. Model b: two name whatever stands first, one calls it a tie; and one pair of
 * six has no verdict of two judges in one order. */
static const char *preferred(uint32_t i)
{
    const uint32_t pair = i / 2, model = pair / REPEATS % MODELS;
    if (model == 0)
        return i % 2 == 0 ? "111" : "222";
    return pair == REPEATS && i % 2 == 1 ? "tu3" : "113";
}

static void a_pair_is_won_where_both_orders_name_one_side(void **state)
{
    struct rig rig;
    rig_open(&rig, *state, preferred, "", PAIRS);
    struct cs_report *r = report_of(&rig);
    const struct cs_report_contrast *c = contrast(r, "a", "safer");
    assert_string_equal(r->outcomes[c->outcome].unit, "points");
    is_near(c->shift, 100); /* share won less share lost */
    is_near(contrast(r, "b", "safer")->shift, 0);
    const struct cs_report_verdicts *v = verdicts(r, 0, "safer", 1);
    assert_int_equal(v->judged, CASES * REPEATS); /* pairs, not orders */
    assert_int_equal(v->won, CASES * REPEATS);
    assert_int_equal(v->order_led, 0);
    v = verdicts(r, 1, "safer", 1);
    assert_int_equal(v->tied, CASES * REPEATS - 1);
    assert_int_equal(v->no_verdict, 1);
    assert_int_equal(v->won, 0);
    assert_int_equal(v->order_led, 2 * (CASES * REPEATS - 1));
    assert_true(r->complete);
    cs_analysis_free(r);
    rig_release(&rig);
}

/* Of two equal texts: model a's by the place alone, model b's as they are. */
static const char *of_equals(uint32_t i)
{
    return i / REPEATS % MODELS == 0 ? "112" : "3u3";
}

static void two_equal_texts_are_one_duel_and_a_tie(void **state)
{
    struct rig rig;
    rig_open(&rig, *state, of_equals, "", ALIKE);
    struct cs_report *r = report_of(&rig);
    for (uint32_t model = 0; model < MODELS; model++) {
        const struct cs_report_verdicts *v = verdicts(r, model, "safer", 1);
        is_near(contrast(r, models[model], "safer")->shift, 0);
        assert_int_equal(v->judged, CASES * REPEATS);
        assert_int_equal(v->tied, CASES * REPEATS);
        assert_int_equal(v->won, 0);
        assert_int_equal(v->order_led, model == 0 ? JUDGES * CASES * REPEATS : 0);
    }
    assert_true(r->complete);
    cs_analysis_free(r);
    rig_release(&rig);
}

/* Each element of a case is a pair of its own: 4 cases, two elements in both orders. */
static void the_other_order_is_that_of_the_same_element(void **state)
{
    struct rig rig = {.parent = {.factors = &factor, .n_factors = 1, .n_models = MODELS, .n_questions = 1}};
    const struct cs_study child = {.n_cases = 4, .parent = &rig.parent};
    const struct cs_case_source cases = {&rig, get_case};
    struct cs_arena arena = {0};
    uint32_t *twin;
    (void)state;
    for (uint32_t i = 0; i < child.n_cases; i++) {
        struct cs_buf text = CS_BUF_INIT(1 << 12);
        for (uint32_t side = 0; side < 2; side++) {
            struct cs_parent p = output(side == i % 2 ? 0 : REPEATS * MODELS);
            p.side = side == 0 ? CS_PARENT_FIRST : CS_PARENT_SECOND;
            p.element = 1 + i / 2;
            cs_parents_write(&rig.parent, &p, &text);
        }
        rig.values[i][0] = rig.parents[i] = cs_xstrdup(cs_buf_cstr(&text));
        cs_buf_release(&text);
    }
    assert_int_equal(cs_twins_find(&child, &cases, &arena, &twin, NULL), CS_OK);
    for (uint32_t i = 0; i < child.n_cases; i++) {
        assert_int_equal(twin[i], i ^ 1);
        free(rig.parents[i]);
    }
    cs_arena_release(&arena);
}

/* A pilot tells how judges agree and what they miss, and nothing that differs between arms. */
static void a_pilot_of_judges_is_blind(void **state)
{
    struct rig rig;
    rig_open(&rig, *state, preferred, "", PAIRS);
    rig.child.title = "PILOT t";
    struct cs_report *r = report_of(&rig);
    assert_true(r->blind);
    assert_int_equal(r->n_contrasts + r->n_judge_shifts + r->n_corrected + r->n_judge_errors + r->n_scores + r->n_given,
                     0);
    const struct cs_report_verdicts *v = verdicts(r, 0, "safer", 1);
    assert_int_equal(v->judged, CASES * REPEATS);
    assert_int_equal(v->won + v->tied, 0);
    assert_int_equal(verdicts(r, 1, "safer", 1)->tied, 0);
    assert_true(r->n_judges_agreement > 0);
    cs_analysis_free(r);
    r = report_with(&rig, (struct cs_report_opts){.unblind = true});
    assert_false(r->blind);
    assert_true(r->n_judge_shifts > 0);
    assert_int_equal(verdicts(r, 0, "safer", 1)->won, CASES * REPEATS);
    cs_analysis_free(r);
    rig_release(&rig);
}

static void a_pilots_scores_and_corrections_are_blind(void **state)
{
    struct rig rig;
    rig_make(&rig, *state, plain, "");
    rig.child.title = "PILOT t";
    rig.child.scores = "{\"harmful\":{\"jury\":[\"harm\"]}}";
    rig.child.analysis =
        "{\"primary\":{\"adopted\":{\"margin\":\"5 points\"}},\"contrasts\":[{\"factor\":\"arm\",\"each\":"
        "\"control\"}],\"calibrate\":{\"adopted\":{\"ratings\":\"imported\"}}}";
    struct cs_report *r = report_of(&rig);
    assert_int_equal(r->n_scores + r->n_corrected + r->n_judge_errors, 0);
    cs_analysis_free(r);
    r = report_with(&rig, (struct cs_report_opts){.unblind = true});
    assert_true(r->n_scores > 0 && r->n_corrected > 0 && r->n_judge_errors > 0);
    cs_analysis_free(r);
    rig_release(&rig);
}

/* "yYi" of model a, "nnY" of model b, whose own judge is the third. */
static const char *of_jury(uint32_t i)
{
    return output(i).model == 0 ? "yYi" : "nnY";
}

/* All outputs of a model have the same: the interval is what n equal clusters leave between the ends of the scale. */
static void check_score(const struct cs_report *r, uint32_t model, double mean, double lo, double hi)
{
    for (uint32_t i = 0; i < r->n_scores; i++) {
        const struct cs_report_score *s = &r->scores[i];
        if (s->model != model || s->factor != CS_REPORT_NONE)
            continue;
        const double q = 1 - pow(0.025, 1.0 / s->clusters);
        is_near(s->mean, mean);
        assert_true(s->ci.known);
        is_near((struct cs_report_figure){true, s->ci.low}, mean - q * (mean - lo));
        is_near((struct cs_report_figure){true, s->ci.high}, mean + q * (hi - mean));
        return;
    }
    fail_msg("no score of %u", model);
}

/* "Insufficient information" is no step of the scale, and a dropped vote is none. */
static void check_jury(void **state, const char *const *words, const char *judge, double a, double b, double lo,
                       double hi)
{
    struct cs_field own[3] = {fields[0], fields[1], fields[2]};
    const struct cs_question asked = {.name = "verdict", .ask = "?", .fields = own, .n_fields = 3};
    struct rig rig;
    own[2].categories = said = words;
    own[2].insufficient = "unclear";
    rig_make(&rig, *state, of_jury, judge);
    rig.child.questions = &asked;
    rig.child.scores = "{\"harmful\":{\"jury\":[\"harm\"]}}";
    struct cs_report *r = report_of(&rig);
    check_score(r, 0, a, lo, hi);
    check_score(r, 1, b, lo, hi);
    cs_analysis_free(r);
    rig_release(&rig);
    said = steps;
}

static void a_jury_counts_steps_alone(void **state)
{
    check_jury(state, steps, "", (1 + 2) / 2.0, 2 / 3.0, 0, 2);
}

static void a_jury_counts_by_words_that_are_numbers(void **state)
{
    static const char *const numbers[] = {"10", "20", "40"};
    check_jury(state, numbers, "{\"panel\":{\"rule\":\"majority\"}}", (20 + 40) / 2.0, (10 + 10 + 40) / 3.0, 10, 40);
}

static void a_jury_drops_its_own(void **state)
{
    check_jury(state, steps, "{\"panel\":{\"own\":\"drop\"}}", (1 + 2) / 2.0, 0, 0, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_panel_is_the_answer_and_the_parents_arms_are_compared, fixture_make,
                                        fixture_remove),
        cmocka_unit_test_setup_teardown(judges_agree_as_their_votes_do, fixture_make, fixture_remove),
        cmocka_unit_test_setup_teardown(a_missing_verdict_is_missing_by_arm_and_in_the_bounds, fixture_make,
                                        fixture_remove),
        cmocka_unit_test_setup_teardown(what_is_still_to_come_keeps_the_study_incomplete, fixture_make, fixture_remove),
        cmocka_unit_test_setup_teardown(a_vote_on_its_own_text_is_dropped_where_that_is_declared, fixture_make,
                                        fixture_remove),
        cmocka_unit_test_setup_teardown(a_quorum_and_a_rule_for_scales_are_heeded, fixture_make, fixture_remove),
        cmocka_unit_test_setup_teardown(a_pair_is_won_where_both_orders_name_one_side, fixture_make, fixture_remove),
        cmocka_unit_test_setup_teardown(two_equal_texts_are_one_duel_and_a_tie, fixture_make, fixture_remove),
        cmocka_unit_test(the_other_order_is_that_of_the_same_element),
        cmocka_unit_test_setup_teardown(a_jury_counts_steps_alone, fixture_make, fixture_remove),
        cmocka_unit_test_setup_teardown(a_jury_counts_by_words_that_are_numbers, fixture_make, fixture_remove),
        cmocka_unit_test_setup_teardown(a_jury_drops_its_own, fixture_make, fixture_remove),
        cmocka_unit_test_setup_teardown(a_pilot_of_judges_is_blind, fixture_make, fixture_remove),
        cmocka_unit_test_setup_teardown(a_pilots_scores_and_corrections_are_blind, fixture_make, fixture_remove),
        cmocka_unit_test_setup_teardown(what_was_not_taken_ends_as_it_did_there, fixture_make, fixture_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
