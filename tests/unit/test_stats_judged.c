/* A judge's words and people's: the corrected effect, the judge's errors, one rate alone, scores from many verdicts. */
#include "tests/unit/stats_near.h"

#include <string.h>

#include "tests/unit/stats_judged.h"
#include "tools/report/stats/kappa.h"
#include "tools/report/stats/rogan_gladen.h"
#include "tools/report/stats/scoring.h"

/* ---- one mean ------------------------------------------------------------------------------------------------------ */

/* ppi_py 0.2.3: ppi_mean_ci(Y, Yhat, Yhat_unlabeled, alpha=.05, lam=...) */
static void one_mean_is_that_of_ppi_py(void **state)
{
    static const char people[] = "10110010110001011000", judge[] = "10100110110011010000";
    static const struct {
        double lambda, mean, lo, hi;
    } rows[] = {{1, .47, .25094827, .68905173}, {0, .45, .23196777, .66803223}, {-1, .45979492, .27680446, .64278539}};
    double y[20], yhat[20], others[100] = {0};
    (void)state;
    for (size_t i = 0; i < 20; i++) {
        y[i] = people[i] - '0';
        yhat[i] = judge[i] - '0';
    }
    for (size_t i = 0; i < 47; i++)
        others[i] = 1;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct cs_calibrated_mean m = cs_calibrated_ppi(y, yhat, 20, others, 100, rows[i].lambda, 0.05);
        assert_int_equal(m.status, CS_STAT_OK);
        NEAR_WITHIN(m.mean, rows[i].mean, 5e-9);
        NEAR_WITHIN(m.ci.lo, rows[i].lo, 5e-9);
        NEAR_WITHIN(m.ci.hi, rows[i].hi, 5e-9);
    }
    assert_int_equal(cs_calibrated_ppi(y, yhat, 1, others, 100, 1, 0.05).status, CS_STAT_TOO_FEW);
    assert_int_equal(cs_calibrated_ppi(y, yhat, 20, others, 100, 1, 1.5).status, CS_STAT_BAD_INPUT);
}

/* arXiv 2511.21140; bounds at the printed precision of its reference code. */
static void one_rate_is_that_of_rogan_gladen(void **state)
{
    static const struct {
        double p, specificity, sensitivity, n, n_no, n_yes, want, lo, hi;
    } rows[] = {{.3, .95, .9, 500, 200, 100, .2941176470588, .2371188199581, .3542691154013},
                {.62, .85, .92, 600, 60, 90, .6103896103896, .5238257674830, .6932901393781}};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct cs_rogan_gladen_judge judge = {rows[i].sensitivity, rows[i].specificity, rows[i].n_yes,
                                                    rows[i].n_no};
        const struct cs_proportion p = cs_rogan_gladen(rows[i].p, rows[i].n, &judge, 0.05);
        assert_int_equal(p.status, CS_STAT_OK);
        NEAR_WITHIN(p.estimate, rows[i].want, 1e-12);
        NEAR_WITHIN(p.ci.lo, rows[i].lo, 1e-12);
        NEAR_WITHIN(p.ci.hi, rows[i].hi, 1e-12);
    }
    const struct cs_rogan_gladen_judge coin = {.5, .5, 50, 50}, nobody = {.9, .9, 0, 50};
    assert_int_equal(cs_rogan_gladen(.3, 100, &coin, 0.05).status, CS_STAT_UNDEFINED);
    assert_int_equal(cs_rogan_gladen(.3, 100, &nobody, 0.05).status, CS_STAT_TOO_FEW);
}

/* ---- the corrected effect -------------------------------------------------------------------------------------------- */

static void an_output_is_split_so_that_lambda_can_be_chosen(void **state)
{
    (void)state;
    const struct cs_calibrated_parts alone = cs_calibrated_split(1, 0, 0), rated = cs_calibrated_split(1, 0, 0.25),
                                     certain = cs_calibrated_split(1, 0, 1);
    NEAR(alone.rated + alone.judged, 1);
    NEAR(rated.rated + rated.judged, 1 + 4 * (0 - 1.0)); /* Yhat + (Y - Yhat) / pi */
    NEAR(rated.rated + 0.5 * rated.judged, 0.5 + 4 * (0 - 0.5));
    NEAR(certain.rated + certain.judged, 0); /* where all are rated people's word stands */
}

/* Where every output was rated with the same chance the mean of Y~ is found by hand. */
static void the_mean_of_a_small_sample_is_found_by_hand(void **state)
{
    static const double judge[6] = {1, 1, 0, 0, 1, 0}, people[6] = {1, 0, 0, 0, 0, 0};
    static const double pi[6] = {0.5, 0.5, 1 / 3.0, 0, 0, 0};
    double sum = 0;
    (void)state;
    for (size_t i = 0; i < 6; i++) {
        const struct cs_calibrated_parts p = cs_calibrated_split(judge[i], people[i], pi[i]);
        sum += p.rated + p.judged;
    }
    NEAR(sum / 6, (3 + 2 * (0 - 1.0)) / 6);
}

static void lambda_makes_the_variance_smallest(void **state)
{
    static const double judged[5] = {0.2, -0.1, 0.4, 0, 0.3}, rated[5] = {0.1, 0.2, -0.2, 0.1, 0};
    double best = 0, least = INFINITY;
    (void)state;
    for (int i = 0; i <= 1000; i++) {
        double d[5];
        struct cs_moments m;
        for (size_t k = 0; k < 5; k++)
            d[k] = rated[k] + i / 1000.0 * judged[k];
        assert_int_equal(cs_stats_moments(d, 5, &m), CS_STAT_OK);
        if (m.var < least) {
            least = m.var;
            best = i / 1000.0;
        }
    }
    NEAR_WITHIN(cs_calibrated_lambda(judged, rated, 5), best, 6e-4);
    static const double still[3] = {0, 0, 0}, same[3] = {0.1, 0.2, 0.3};
    NEAR(cs_calibrated_lambda(still, rated, 3), 1);
    NEAR(cs_calibrated_lambda(same, same, 3), 0); /* would be -1 */
}

static void corrected_covers_and_the_judge_alone_does_not(void **state)
{
    enum { STUDIES = 1000 };
    struct cs_rng r = {20261129};
    (void)state;
    for (size_t i = 0; i < JUDGED_ROWS; i++) {
        const struct judged_study *study = &judged_rows[i].study;
        const struct sim population = judged_population(study);
        struct judged_tally sum = {0};
        for (int n = 0; n < STUDIES; n++)
            judged_once(study, &population, &r, i % 2 == 1, &sum);
        if (sum.covered < 0.93 * STUDIES || sum.covered > 0.97 * STUDIES ||
            (judged_rows[i].own_fails && sum.own_covered >= 0.93 * STUDIES))
            fail_msg("row %zu: the corrected effect covers in %g of %d studies, the judge's own in %g", i, sum.covered,
                     STUDIES, sum.own_covered);
    }
}

/* ---- errors of judge and people --------------------------------------------------------------------------------------- */

/* 40 outputs of which the judge calls 30 yes; people rate 6 of these and 5 of the others. */
static void sensitivity_counts_each_by_its_chance(void **state)
{
    struct cs_calibrated_error e = {0};
    (void)state;
    for (int i = 0; i < 6; i++)
        cs_calibrated_error_add(&e, i < 4, true, 6 / 30.0);
    for (int i = 0; i < 5; i++)
        cs_calibrated_error_add(&e, i < 1, false, 5 / 10.0);
    const struct cs_calibrated_share se = cs_calibrated_sensitivity(&e, 0.05), sp = cs_calibrated_specificity(&e, 0.05);
    assert_int_equal(se.n, 5);
    assert_int_equal(sp.n, 6);
    NEAR(se.share, 20 / 22.0); /* 4 x 5 of 4 x 5 + 1 x 2; unweighted it would be 4/5 */
    NEAR(sp.share, 8 / 18.0);
    double kappa;
    assert_true(cs_calibrated_kappa(&e, &kappa));
    const double agree = 28 / 40.0, chance = 22 / 40.0 * (30 / 40.0) + 18 / 40.0 * (10 / 40.0);
    NEAR(kappa, (agree - chance) / (1 - chance));
    assert_true(se.ci.lo < se.share && se.share < se.ci.hi && se.ci.hi <= 1);
}

/* Clusters that speak with one voice tell as much as there are of them; clusters that each hold what all do tell as much as their outputs. */
static void outputs_of_clusters_count_as_independent_ones(void **state)
{
    static const double apart[] = {5, 5, 5, 0, 0, 0}, alike[] = {2, 2, 2, 2, 2, 2}, none[6], mixed[] = {4, 2, 1, 1},
                        n[] = {5, 5, 5, 5, 5, 5}, of[] = {4, 4, 4, 4, 0};
    (void)state;
    /* .25 by 6/5 x 6 x 2.5^2 / 900 = .05 is 5, and there are 6 clusters */
    NEAR(cs_rogan_gladen_effective(apart, n, 6), 6);
    NEAR(cs_rogan_gladen_effective(alike, n, 6), 30);
    NEAR(cs_rogan_gladen_effective(none, n, 6), 6); /* how clusters differ cannot be seen */
    /* p = .5; squares 4 + 0 + 1 + 1, times 4/3, by 256: .03125; .25 by that is 8 of 16 */
    NEAR(cs_rogan_gladen_effective(mixed, of, 4), 8);
    NEAR(cs_rogan_gladen_effective(mixed, n + 5, 1), 1);
    NEAR(cs_rogan_gladen_effective(mixed, of + 4, 1), 0);
    struct cs_calibrated_error e = {0};
    cs_calibrated_error_add(&e, true, true, .5);
    cs_calibrated_error_add(&e, true, false, .25);
    NEAR(cs_calibrated_sensitivity(&e, .05).effective, 36.0 / 20); /* (2 + 4)^2 by 2^2 + 4^2 */
}

/* With equal chances it is Wilson's interval and Cohen's kappa. */
static void equal_chances_give_the_plain_figures(void **state)
{
    struct cs_calibrated_error e = {0};
    (void)state;
    for (int i = 0; i < 40; i++)
        cs_calibrated_error_add(&e, i < 20, i < 17 || i >= 35, 0.25);
    const struct cs_proportion want = cs_proportion_wilson(17, 20, 0.05);
    const struct cs_calibrated_share se = cs_calibrated_sensitivity(&e, 0.05);
    NEAR(se.share, want.estimate);
    NEAR_CI(se.ci, want.ci.lo, want.ci.hi);
    static const uint32_t table[4] = {15, 5, 3, 17};
    double kappa;
    assert_true(cs_calibrated_kappa(&e, &kappa));
    NEAR(kappa, cs_kappa_cohen(table, 2, CS_KAPPA_PLAIN, 0.05).kappa);
}

static void nobody_rated_is_no_figure(void **state)
{
    struct cs_calibrated_error e = {0};
    double kappa;
    (void)state;
    assert_int_equal(cs_calibrated_sensitivity(&e, 0.05).status, CS_STAT_TOO_FEW);
    assert_false(cs_calibrated_kappa(&e, &kappa));
    cs_calibrated_error_add(&e, true, true, 1);
    assert_int_equal(cs_calibrated_specificity(&e, 0.05).status, CS_STAT_TOO_FEW);
    assert_false(cs_calibrated_kappa(&e, &kappa)); /* all in one word */
    NEAR(cs_calibrated_sensitivity(&e, 0.05).ci.hi, 1);
}

static void people_are_not_gold(void **state)
{
    double shift;
    (void)state;
    NEAR(cs_calibrated_rater_error(0), 0);
    NEAR(cs_calibrated_rater_error(2 * 0.1 * 0.9), 0.1);
    NEAR(cs_calibrated_rater_error(0.7), 0.5);
    assert_true(cs_calibrated_without_error(0.42, 0.1, 0.26, 0.1, &shift));
    NEAR(shift, 0.4 - 0.2); /* .4 and .2 seen through an error of .1 */
    assert_true(cs_calibrated_without_error(0.42, 0.1, 0.26, 0, &shift));
    NEAR(shift, 0.4 - 0.26);
    assert_false(cs_calibrated_without_error(0.4, 0.5, 0.2, 0.1, &shift));
}

/* ---- scores ------------------------------------------------------------------------------------------------------------ */

static void rubrics_are_scored_as_published(void **state)
{
    static const double points[] = {7, 5, 10, -6}, bad[] = {4, -8}, none[] = {-3};
    static const bool met[] = {true, false, true, true}, harm[] = {false, true}, all[] = {true};
    static const double examples[] = {-2, 1, 0.5};
    double score;
    (void)state;
    assert_true(cs_scoring_rubric(points, met, 4, &score));
    NEAR(score, 0.5);
    assert_true(cs_scoring_rubric(bad, harm, 2, &score));
    NEAR(score, -2);
    assert_false(cs_scoring_rubric(none, all, 1, &score));
    NEAR(cs_scoring_clipped_mean(examples, 3, 0, 1), 0); /* clipping first would give .5 */
    NEAR(cs_scoring_clipped_mean(examples, 3, -INFINITY, INFINITY), -0.5 / 3);
    NEAR(cs_scoring_adjusted(.8, 2500, 2000, 500, .022), .778);
    NEAR(cs_scoring_adjusted(.5, 3000, 2000, 500, .0147), .4706);
    NEAR(cs_scoring_adjusted(.5, 500, 2000, 500, .0147), .5441);
}

static void a_grader_is_held_against_physicians(void **state)
{
    static const struct cs_scoring_hits yes = {83, 97, 159}, no = {35, 111, 49}, empty = {0, 0, 0};
    double f1;
    (void)state;
    assert_true(cs_scoring_balanced_f1(&yes, &no, &f1));
    NEAR(f1, .54296875);
    assert_false(cs_scoring_f1(&empty, &f1));
    assert_false(cs_scoring_balanced_f1(&yes, &empty, &f1));
}

/* Three models, two columns by hand: 3 2 2 gives 1, 1/4, 1/4; the second column has no value for the last model: 0 and 1. */
static void a_win_rate_counts_ties_half(void **state)
{
    static const double values[] = {3, 0.1, 2, 0.4, 2, NAN}, alone[] = {1, NAN, NAN, 2};
    double out[3];
    (void)state;
    cs_scoring_win_rate(values, 3, 2, out);
    NEAR(out[0], (1 + 0) / 2.0);
    NEAR(out[1], (0.25 + 1) / 2);
    NEAR(out[2], 0.25);
    cs_scoring_win_rate(alone, 2, 2, out);
    assert_true(isnan(out[0]) && isnan(out[1]));
}

static void a_jury_says_how_many_scores_are_missing(void **state)
{
    static const double scores[] = {4, 5, NAN, 3, 4, 5, NAN, 2, 1}, none[] = {NAN};
    (void)state;
    const struct cs_scoring_jury j = cs_scoring_jury_mean(scores, 9), no = cs_scoring_jury_mean(none, 1);
    NEAR(j.mean, 24 / 7.0);
    assert_int_equal(j.missing, 2);
    assert_int_equal(no.n, 0);
    NEAR(no.mean, 0);
}

static void means_of_parts_are_harmonic(void **state)
{
    static const double parts[] = {0.8, 0.6, 0.9}, zero[] = {0.8, 0}, harm[] = {0.1, 0.2, 0.25}, safe[] = {0.1, 0};
    static const struct cs_scoring_hits hits = {30, 40, 50};
    double out;
    (void)state;
    NEAR(cs_scoring_harmonic_mean(parts, 3), 3 / (1 / 0.8 + 1 / 0.6 + 1 / 0.9));
    NEAR(cs_scoring_harmonic_mean(zero, 2), 0);
    assert_true(cs_scoring_f1(&hits, &out));
    NEAR(out, 2 * 0.75 * 0.6 / (0.75 + 0.6));
    assert_true(cs_scoring_needed_to_harm(harm, 3, &out));
    NEAR(out, (10 + 5 + 4) / 3.0);
    assert_false(cs_scoring_needed_to_harm(safe, 2, &out));
}

/* ---- shares of a sample -------------------------------------------------------------------------------------------------- */

static void every_stratum_has_a_share(void **state)
{
    static const uint64_t sizes[] = {900, 90, 9, 1};
    uint64_t take[4], sum = 0;
    (void)state;
    cs_strata_share(sizes, 4, 4, take);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(take[i], 1);
    cs_strata_share(sizes, 4, 100, take);
    for (size_t i = 0; i < 4; i++) {
        assert_true(take[i] >= 1 && take[i] <= sizes[i]);
        sum += take[i];
    }
    assert_int_equal(sum, 100);
    assert_int_equal(take[3], 1);
    assert_int_equal(take[2], 9);
    assert_true(take[0] > take[1] && take[1] >= 14); /* at least half of an equal share */
    cs_strata_share(sizes, 4, 5000, take);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(take[i], sizes[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_mean_is_that_of_ppi_py),
        cmocka_unit_test(one_rate_is_that_of_rogan_gladen),
        cmocka_unit_test(an_output_is_split_so_that_lambda_can_be_chosen),
        cmocka_unit_test(the_mean_of_a_small_sample_is_found_by_hand),
        cmocka_unit_test(lambda_makes_the_variance_smallest),
        cmocka_unit_test(corrected_covers_and_the_judge_alone_does_not),
        cmocka_unit_test(sensitivity_counts_each_by_its_chance),
        cmocka_unit_test(outputs_of_clusters_count_as_independent_ones),
        cmocka_unit_test(equal_chances_give_the_plain_figures),
        cmocka_unit_test(nobody_rated_is_no_figure),
        cmocka_unit_test(people_are_not_gold),
        cmocka_unit_test(rubrics_are_scored_as_published),
        cmocka_unit_test(a_grader_is_held_against_physicians),
        cmocka_unit_test(a_win_rate_counts_ties_half),
        cmocka_unit_test(a_jury_says_how_many_scores_are_missing),
        cmocka_unit_test(means_of_parts_are_harmonic),
        cmocka_unit_test(every_stratum_has_a_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
