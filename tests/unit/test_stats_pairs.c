/* Proportions, pairs, ordered and unordered answers, agreement of raters. */
#include "tests/unit/stats_near.h"

#include "tools/report/stats/kappa.h"
#include "tools/report/stats/paired.h"
#include "tools/report/stats/proportion.h"

static void wilson_agrees_with_published_intervals(void **state)
{
    (void)state;
    static const struct {
        uint32_t yes, n;
        double lo, hi, half_digit;
    } published[] = {
        {390, 600, .6110, .6871, .5e-4}, {157, 564, .243, .317, .5e-3}, {11, 564, .011, .035, .5e-3},
        {487, 564, .833, .889, .5e-3},   {308, 564, .505, .587, .5e-3}, {15709, 27600, .563, .575, .5e-3},
    };
    for (size_t i = 0; i < COUNT(published); i++) {
        const struct cs_proportion w = cs_proportion_wilson(published[i].yes, published[i].n, 0.05);
        assert_int_equal(w.status, CS_STAT_OK);
        NEAR_WITHIN(w.ci.lo, published[i].lo, published[i].half_digit);
        NEAR_WITHIN(w.ci.hi, published[i].hi, published[i].half_digit);
    }
    /* PYTHON proportion_confint(k, n, method='wilson') */
    NEAR_CI(cs_proportion_wilson(390, 600, 0.05).ci, 0.6109905535659118, 0.6871009361299781);
    NEAR_CI(cs_proportion_wilson(0, 20, 0.05).ci, 0, 0.1611251580528194);
    NEAR_CI(cs_proportion_wilson(20, 20, 0.05).ci, 0.8388748419471804, 1);
    assert_true(cs_proportion_wilson(0, 20, 0.05).ci.lo == 0 && cs_proportion_wilson(20, 20, 0.05).ci.hi == 1);
    assert_int_equal(cs_proportion_wilson(0, 0, 0.05).status, CS_STAT_TOO_FEW);
    assert_int_equal(cs_proportion_wilson(3, 2, 0.05).status, CS_STAT_BAD_INPUT);
    assert_int_equal(cs_proportion_wilson(3, 2, 1).status, CS_STAT_BAD_INPUT);
}

static void newcombe_agrees(void **state)
{
    (void)state;
    /* PYTHON confint_proportions_2indep(56, 70, 48, 80, method='newcomb', compare='diff'); Newcombe's table II, example a */
    NEAR_CI(cs_proportion_newcombe(56, 70, 48, 80, 0.05).ci, 0.05243147240236498, 0.33387265403690614);
    NEAR_CI(cs_proportion_newcombe(0, 10, 10, 10, 0.05).ci, -1, -0.6075093504305241);
    NEAR_CI(cs_proportion_newcombe(0, 10, 0, 20, 0.05).ci, -0.1611251580528194, 0.27753279986288926);
    assert_int_equal(cs_proportion_newcombe(1, 2, 0, 0, 0.05).status, CS_STAT_TOO_FEW);
    /* PYTHON the published formula, written out over proportion_confint(method='wilson') */
    NEAR_CI(cs_proportion_newcombe_paired((struct cs_pairs){36, 12, 2, 0}, 0.05).ci, -0.3404276029749408,
            -0.05692958400323875);
    NEAR_CI(cs_proportion_newcombe_paired((struct cs_pairs){20, 12, 2, 16}, 0.05).ci, -0.32920699540014053,
            -0.05615642484174821);
    NEAR_CI(cs_proportion_newcombe_paired((struct cs_pairs){0, 0, 30, 70}, 0.05).ci, 0.21090562673310967,
            0.39584854633346667);
    NEAR(cs_proportion_newcombe_paired((struct cs_pairs){20, 12, 2, 16}, 0.05).estimate, -0.2);
    assert_int_equal(cs_proportion_newcombe_paired((struct cs_pairs){0}, 0.05).status, CS_STAT_TOO_FEW);
    const uint32_t most = UINT32_MAX;
    assert_int_equal(cs_proportion_newcombe_paired((struct cs_pairs){most, most, 1, 1}, 0.05).status,
                     CS_STAT_BAD_INPUT);
}

/* 100 contexts of the MedPerturb data, VISIT, one answer each: counts recomputed from the data. */
static void mcnemar_agrees_with_medperturb(void **state)
{
    (void)state;
    static const struct {
        uint32_t b, c;
        double printed, exact; /* PYTHON mcnemar([[0, b], [c, 0]], exact=True).pvalue */
    } rows[] = {
        {2, 6, .2891, 0.2890625},
        {1, 7, .07031, 0.0703125},
        {0, 15, 6.104e-05, 6.103515625e-05},
        {1, 17, 1.45e-04, 0.00014495849609375},
        {19, 8, .05224, 0.052238985896110535},
        {2, 9, .06543, 0.0654296875},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        NEAR_WITHIN(cs_proportion_mcnemar(rows[i].b, rows[i].c), rows[i].printed, rows[i].printed * 5e-4);
        NEAR(cs_proportion_mcnemar(rows[i].b, rows[i].c), rows[i].exact);
        NEAR(cs_proportion_mcnemar(rows[i].c, rows[i].b), rows[i].exact);
    }
    NEAR(cs_proportion_mcnemar(5, 5), 1);
    NEAR(cs_proportion_mcnemar(0, 0), 1);
}

static void odds_ratio_of_pairs_is_exact(void **state)
{
    (void)state;
    /* PYTHON ci = binomtest(c, b + c).proportion_ci(method='exact'); low / (1 - low), high / (1 - high) */
    const struct cs_odds_ratio r = cs_proportion_odds_ratio_pairs(8, 19, 0.05);
    NEAR(r.ratio, 2.375);
    NEAR(r.lo, 0.9927715544970265);
    NEAR(r.hi, 6.271323037964492);
    NEAR(cs_proportion_odds_ratio_pairs(1, 17, 0.05).hi, 710.4621409034658);
    const struct cs_odds_ratio none_lost = cs_proportion_odds_ratio_pairs(0, 15, 0.05);
    assert_int_equal(none_lost.status, CS_STAT_UNDEFINED);
    assert_true(none_lost.has_lo && !none_lost.has_hi);
    NEAR(none_lost.lo, 3.5867486071980546);
    const struct cs_odds_ratio none_gained = cs_proportion_odds_ratio_pairs(15, 0, 0.05);
    assert_true(none_gained.status == CS_STAT_OK && none_gained.ratio == 0 && none_gained.lo == 0);
    NEAR(none_gained.hi, 1 / 3.5867486071980546);
    const struct cs_odds_ratio none = cs_proportion_odds_ratio_pairs(0, 0, 0.05);
    assert_true(none.status == CS_STAT_UNDEFINED && !none.has_lo && !none.has_hi);
}

static void stuart_maxwell_agrees(void **state)
{
    (void)state;
    /* PYTHON SquareTable(t, shift_zeros=False).homogeneity(); the second is Stuart's own table of eyesight */
    static const uint32_t small[] = {20, 10, 5, 3, 30, 15, 0, 5, 40};
    struct cs_homogeneity r = cs_paired_stuart_maxwell(small, 3);
    NEAR(r.statistic, 13.76470588235294);
    NEAR(r.p, 0.0010257277265580678);
    NEAR(r.df1, 2);
    static const uint32_t eyes[] = {1520, 266, 124, 66, 234, 1512, 432, 78, 117, 362, 1772, 205, 36, 82, 179, 492};
    r = cs_paired_stuart_maxwell(eyes, 4);
    NEAR(r.statistic, 11.95656962298254);
    NEAR(r.p, 0.007533425054800591);
    /* An unused category changes nothing. */
    static const uint32_t gap[] = {20, 0, 10, 5, 0, 0, 0, 0, 3, 0, 30, 15, 0, 0, 5, 40};
    r = cs_paired_stuart_maxwell(gap, 4);
    NEAR(r.statistic, 13.76470588235294);
    NEAR(r.df1, 2);
    /* Two categories: McNemar's chi-square, (b - c)^2 / (b + c). */
    static const uint32_t two[] = {50, 12, 5, 33};
    NEAR(cs_paired_stuart_maxwell(two, 2).statistic, 49.0 / 17);
    static const uint32_t still[] = {5, 0, 0, 7}, empty[4] = {0};
    assert_true(cs_paired_stuart_maxwell(still, 2).p == 1 && cs_paired_stuart_maxwell(still, 2).df1 == 0);
    assert_int_equal(cs_paired_stuart_maxwell(empty, 2).status, CS_STAT_TOO_FEW);
    assert_int_equal(cs_paired_stuart_maxwell(two, 1).status, CS_STAT_BAD_INPUT);
}

static void signed_rank_ranks_zeros_first(void **state)
{
    (void)state;
    /* PYTHON all 2^8 sign patterns of rankdata(abs(x)), zeros dropped after ranking */
    static const double x[] = {0.5, -0.25, 0, 0.75, 1, 0.25, 0, -0.5, 1.25, 0.25};
    struct cs_signed_rank r = cs_paired_signed_rank(x, COUNT(x));
    assert_true(r.exact);
    NEAR(r.plus, 41.5);
    NEAR(r.minus, 10.5);
    NEAR(r.p, 0.140625);
    assert_int_equal(r.zeros, 2);
    /* PYTHON wilcoxon(y, zero_method='pratt', method='exact') */
    static const double y[] = {.31, -.12, .2, .45, .07, .18, -.03, .6};
    r = cs_paired_signed_rank(y, COUNT(y));
    NEAR(r.minus, 4);
    NEAR(r.p, 0.0546875);
    /* PYTHON wilcoxon(z, zero_method='pratt', correction=False, method='asymptotic') */
    double z[60];
    for (int i = 0; i < 60; i++)
        z[i] = ((i * 37) % 23 - 9) / 4.0;
    r = cs_paired_signed_rank(z, 60);
    assert_false(r.exact);
    NEAR(fmin(r.plus, r.minus), 643);
    NEAR(r.p, 0.046273822549333724);
    /* Equal but for rounding is tied: 1 - 2/3 and 1/3. */
    static const double rounded[] = {1 - 2 / 3.0, -1 / 3.0, 1 / 3.0, 2 / 3.0};
    NEAR(cs_paired_signed_rank(rounded, 4).minus, 2);
    static const double zeros[3] = {0}, bad[] = {1, NAN};
    NEAR(cs_paired_signed_rank(zeros, 3).p, 1);
    assert_int_equal(cs_paired_signed_rank(bad, 2).status, CS_STAT_BAD_INPUT);
    assert_int_equal(cs_paired_signed_rank(y, 1).status, CS_STAT_TOO_FEW);
}

/* Exact and normal p of the same data are near where both are sound. */
static void signed_rank_methods_meet(void **state)
{
    (void)state;
    double z[51];
    for (int i = 0; i < 51; i++)
        z[i] = ((i * 29) % 31 - 12) / 5.0;
    const struct cs_signed_rank exact = cs_paired_signed_rank(z, 50), normal = cs_paired_signed_rank(z, 51);
    assert_true(exact.exact && !normal.exact);
    NEAR_WITHIN(exact.p, normal.p, 0.03);
}

static void nominal_wald_is_hotelling_by_bootstrap(void **state)
{
    (void)state;
    static const double shift[] = {.2,  -.1, -.1, 0,  .1,  -.1, .3, -.2, -.1, .1, 0, -.1,
                                   -.1, .2,  -.1, .4, -.3, -.1, .2, 0,   -.2, 0,  0, 0};
    const struct cs_boot boot = {.seed = 5, .draws = 40000, .threads = 2};
    const struct cs_homogeneity r = cs_paired_nominal_wald(&boot, shift, 8, 3);
    assert_int_equal(r.status, CS_STAT_OK);
    /* PYTHON m = S[:, :2].mean(0); W = m @ solve(cov(S[:, :2].T) / 8, m); f.sf(W * 6 / (2 * 7), 2, 6) */
    NEAR_WITHIN(r.statistic, 28.440559440559372, 28.44 * 0.06); /* the covariance is drawn: Monte Carlo error of 2 % */
    NEAR_WITHIN(r.p, 0.007705350769114582, 0.0012);
    assert_true(r.df1 == 2 && r.df2 == 6);
    /* An unused fourth category changes nothing. */
    double wide[8 * 4] = {0};
    for (size_t i = 0; i < 24; i++)
        wide[i / 3 * 4 + i % 3] = shift[i];
    const struct cs_homogeneity same = cs_paired_nominal_wald(&boot, wide, 8, 4);
    NEAR(same.statistic, r.statistic);
    NEAR(same.p, r.p);
}

static void nominal_wald_without_variance(void **state)
{
    (void)state;
    const struct cs_boot boot = {.seed = 5, .draws = 5000}, few = {.seed = 5, .draws = 100};
    double shift[10 * 2] = {0};
    assert_true(cs_paired_nominal_wald(&boot, shift, 10, 2).p == 1);
    for (size_t i = 0; i < 10; i++) {
        shift[2 * i] = 0.3;
        shift[2 * i + 1] = -0.3;
    }
    assert_int_equal(cs_paired_nominal_wald(&boot, shift, 10, 2).status, CS_STAT_CONSTANT);
    assert_int_equal(cs_paired_nominal_wald(&boot, shift, 4, 2).status, CS_STAT_TOO_FEW);
    assert_int_equal(cs_paired_nominal_wald(&few, shift, 10, 2).status, CS_STAT_BAD_INPUT);
    shift[3] = NAN;
    assert_int_equal(cs_paired_nominal_wald(&boot, shift, 10, 2).status, CS_STAT_BAD_INPUT);
}

static void cohen_agrees_with_statsmodels(void **state)
{
    (void)state;
    static const uint32_t t[] = {20, 5, 1, 4, 30, 6, 2, 3, 29};
    /* PYTHON cohens_kappa(t), cohens_kappa(t, wt='linear'), cohens_kappa(t, wt='quadratic'): kappa, std_kappa, low, upp */
    struct cs_kappa k = cs_kappa_cohen(t, 3, CS_KAPPA_PLAIN, 0.05);
    NEAR(k.kappa, 0.6808510638297873);
    NEAR(k.se, 0.061990523577181794);
    NEAR_CI(k.ci, 0.5593518702357299, 0.8023502574238448);
    k = cs_kappa_cohen(t, 3, CS_KAPPA_LINEAR, 0.05);
    NEAR(k.kappa, 0.7142857142857143);
    NEAR(k.se, 0.05936425651941823);
    k = cs_kappa_cohen(t, 3, CS_KAPPA_QUADRATIC, 0.05);
    NEAR(k.kappa, 0.7508305647840532);
    NEAR_CI(k.ci, 0.626040173325498, 0.8756209562426084);
    static const uint32_t perfect[] = {7, 0, 0, 9}, one[] = {7, 0, 0, 0}, none[4] = {0};
    k = cs_kappa_cohen(perfect, 2, CS_KAPPA_PLAIN, 0.05);
    assert_true(k.status == CS_STAT_OK && k.interval_status == CS_STAT_CONSTANT);
    NEAR(k.kappa, 1);
    assert_int_equal(cs_kappa_cohen(one, 2, CS_KAPPA_PLAIN, 0.05).status, CS_STAT_UNDEFINED);
    assert_int_equal(cs_kappa_cohen(none, 2, CS_KAPPA_PLAIN, 0.05).status, CS_STAT_TOO_FEW);
}

static void fleiss_agrees(void **state)
{
    (void)state;
    /* Ten subjects, fourteen raters, five categories. PYTHON fleiss_kappa(t), and its leave-one-out standard error */
    static const uint32_t t[] = {0, 0, 0, 0, 14, 0, 2, 6, 4, 2, 0, 0, 3, 5, 6, 0, 3, 9, 2, 0, 2, 2, 8, 1, 1,
                                 7, 7, 0, 0, 0,  3, 2, 6, 3, 0, 2, 5, 3, 2, 2, 6, 5, 2, 1, 0, 0, 2, 2, 3, 7};
    struct cs_kappa k = cs_kappa_fleiss(t, 10, 5, 0.05);
    NEAR(k.kappa, 0.20993070442195522);
    NEAR(k.se, 0.10055702324497184);
    NEAR_CI(k.ci, -0.017545085981323427, 0.43740649482523386);
    static const uint32_t uneven[] = {1, 1, 2, 1, 0, 2}, same[] = {3, 0, 3, 0, 3, 0},
                          perfect[] = {3, 0, 0, 3, 3, 0, 0, 3};
    assert_int_equal(cs_kappa_fleiss(uneven, 3, 2, 0.05).status, CS_STAT_BAD_INPUT);
    assert_int_equal(cs_kappa_fleiss(same, 3, 2, 0.05).status, CS_STAT_UNDEFINED);
    k = cs_kappa_fleiss(perfect, 4, 2, 0.05);
    assert_true(k.status == CS_STAT_OK && k.kappa == 1 && k.interval_status == CS_STAT_CONSTANT);
    assert_int_equal(cs_kappa_fleiss(t, 1, 5, 0.05).status, CS_STAT_TOO_FEW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wilson_agrees_with_published_intervals),
        cmocka_unit_test(newcombe_agrees),
        cmocka_unit_test(mcnemar_agrees_with_medperturb),
        cmocka_unit_test(odds_ratio_of_pairs_is_exact),
        cmocka_unit_test(stuart_maxwell_agrees),
        cmocka_unit_test(signed_rank_ranks_zeros_first),
        cmocka_unit_test(signed_rank_methods_meet),
        cmocka_unit_test(nominal_wald_is_hotelling_by_bootstrap),
        cmocka_unit_test(nominal_wald_without_variance),
        cmocka_unit_test(cohen_agrees_with_statsmodels),
        cmocka_unit_test(fleiss_agrees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
