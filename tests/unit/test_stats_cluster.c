/* The primary analysis: t on cluster differences, TOST, sign flips, the distributions and the draws behind them. */
#include "tests/unit/stats_near.h"

#include <string.h>

#include "tools/report/stats/cluster.h"
#include "tools/report/stats/dist.h"
#include "tools/report/stats/draw.h"

static const double d10[] = {0.1, 0, -0.2, 0.35, 0.05, 0.15, -0.05, 0.3, 0.2, 0.1};

static void t_agrees_with_scipy(void **state)
{
    (void)state;
    /* PYTHON r = ttest_1samp(d10, 0); r.confidence_interval(.95) and (.99) */
    const struct cs_cluster_test t = cs_cluster_t(d10, COUNT(d10), 0.05, 1);
    assert_int_equal(t.status, CS_STAT_OK);
    NEAR(t.mean, 0.1);
    NEAR(t.t, 1.9364916731037083);
    NEAR(t.p, 0.08478521278717355);
    NEAR(t.df, 9);
    NEAR_CI(t.ci, -0.016817293573616915, 0.2168172935736169);
    const struct cs_interval wide = cs_cluster_interval(&t, 0.01);
    NEAR_CI(wide, -0.06782078573999019, 0.2678207857399902);
}

static void tost_agrees_with_scipy(void **state)
{
    (void)state;
    const struct cs_cluster_test t = cs_cluster_t(d10, COUNT(d10), 0.05,
                                                  0); /* without a range there is nothing to add */
    /* PYTHON max(ttest_1samp(d10, .25, alternative='less').pvalue, ttest_1samp(d10, -.25, alternative='greater').pvalue) */
    const struct cs_tost inside = cs_cluster_tost(&t, 0.25, 0.05);
    NEAR(inside.p, 0.008730089801926473);
    assert_true(inside.passes);
    NEAR_CI(inside.ci, 0.005338455201399389, 0.1946615447986006);
    const struct cs_tost outside = cs_cluster_tost(&t, 0.19, 0.05);
    assert_false(outside.passes); /* its 90 % interval ends at 0.1947 */
    assert_false(cs_cluster_tost(&t, 0.25, 0.005).passes);
}

/* `moved` of n clusters by a whole answer. */
static struct cs_cluster_test test_moved(size_t moved, size_t n)
{
    double d[200] = {0};
    for (size_t i = 0; i < moved; i++)
        d[i] = 1;
    return cs_cluster_t(d, n, 0.05, 1);
}

/* Twelve clusters at 100 % are as sure as twelve at 0 %, and which answer counts as 1 changes no width. */
static void a_level_has_the_width_of_its_mirror(void **state)
{
    (void)state;
    double x[12], y[12];
    for (int i = 0; i < 12; i++)
        x[i] = 1;
    const double q = 1 - pow(0.025, 1 / 12.0);
    struct cs_cluster_level a = cs_cluster_level(x, 12, 0.05, 0, 1);
    assert_int_equal(a.status, CS_STAT_BOUND);
    NEAR(a.mean, 1);
    NEAR_CI(a.ci, 1 - q, 1);
    NEAR_WITHIN(a.ci.lo, 0.735, 0.0005);
    for (double at = 0; at <= 1; at += 0.125) { /* any rate at which all agree */
        for (int i = 0; i < 12; i++) {
            x[i] = at;
            y[i] = 1 - at;
        }
        a = cs_cluster_level(x, 12, 0.05, 0, 1);
        const struct cs_cluster_level b = cs_cluster_level(y, 12, 0.05, 0, 1);
        NEAR_CI(a.ci, at - q * at, at + q * (1 - at));
        NEAR_CI(b.ci, 1 - a.ci.hi, 1 - a.ci.lo);
    }
    for (int i = 0; i < 12; i++) { /* and where they do not agree: t's, never beyond the ends */
        x[i] = i < 11;
        y[i] = i == 11;
    }
    a = cs_cluster_level(x, 12, 0.05, 0, 1);
    const struct cs_cluster_level b = cs_cluster_level(y, 12, 0.05, 0, 1);
    NEAR_CI(b.ci, 1 - a.ci.hi, 1 - a.ci.lo);
    NEAR(a.mean, 11 / 12.0);
    NEAR(a.ci.lo, 11 / 12.0 - cs_dist_t_critical(0.025, 11) / 12);
    NEAR(a.ci.hi, 1);
    for (int i = 0; i < 12; i++) /* a number from 1 to 5, always at its end */
        x[i] = 5;
    a = cs_cluster_level(x, 12, 0.05, 1, 5);
    NEAR_CI(a.ci, 5 - 4 * q, 5);
    assert_int_equal(cs_cluster_level(x, 12, 0.05, 0, 0).status, CS_STAT_CONSTANT); /* no ends */
    assert_int_equal(cs_cluster_level(x, 12, 0.05, 0, INFINITY).status, CS_STAT_CONSTANT);
    assert_int_equal(cs_cluster_level(x, 12, 0.05, 0, 4).status, CS_STAT_CONSTANT); /* beyond them */
    assert_int_equal(cs_cluster_level(x, 1, 0.05, 1, 5).status, CS_STAT_TOO_FEW);
    NEAR(cs_cluster_level(d10, COUNT(d10), 0.05, 0, 0).ci.hi, 0.2168172935736169); /* without ends it is t's */
}

static void few_moved_clusters_widen_equivalence(void **state)
{
    (void)state;
    /* upper limits, one-sided 95 %, of 3 in 100 and 10 in 100: PYTHON bisection on the sum of comb(n, i) p^i (1-p)^(n-i), i <= k */
    const struct cs_cluster_test three = test_moved(3, 100), ten = test_moved(10, 100), eleven = test_moved(11, 100);
    const struct cs_interval t3 = cs_cluster_interval(&three, 0.1), t11 = cs_cluster_interval(&eleven, 0.1);
    const struct cs_interval e3 = cs_cluster_tost(&three, 0.2, 0.05).ci, e11 = cs_cluster_tost(&eleven, 0.2, 0.05).ci;
    assert_int_equal(three.moved, 3);
    NEAR_WITHIN(e3.hi - t3.hi, 0.0757107937498301 - 0.03, 1e-9);
    NEAR_WITHIN(t3.lo - e3.lo, 0.0757107937498301 - 0.03, 1e-9);
    NEAR_WITHIN(cs_cluster_tost(&ten, 0.3, 0.05).ci.hi - cs_cluster_interval(&ten, 0.1).hi, 0.163717623275815 - 0.1,
                1e-9);
    NEAR_CI(e11, t11.lo, t11.hi); /* more than ten: t alone */
    /* 1 of 200 moved and a margin of 3 points: t alone claims equivalence, although 2.4 % may move */
    const struct cs_cluster_test one = test_moved(1, 200);
    assert_true(cs_cluster_interval(&one, 0.1).hi < 0.03);
    assert_false(cs_cluster_tost(&one, 0.03, 0.05).passes);
    for (double margin = 0.02; margin < 0.3; margin += 0.01) { /* p and interval say the same */
        const struct cs_tost r = cs_cluster_tost(&three, margin, 0.05);
        assert_int_equal(r.passes, r.ci.lo > -margin && r.ci.hi < margin);
    }
}

/* The least margin that can be met at all: 5 points take 73 clusters once one moved, 10 points 35; and what TOST does at it. */
static void a_design_has_a_least_margin(void **state)
{
    (void)state;
    assert_true(cs_cluster_least_margin(72, 1, 0.05, 1) > 0.05 && cs_cluster_least_margin(73, 1, 0.05, 1) < 0.05);
    assert_true(cs_cluster_least_margin(34, 1, 0.05, 1) > 0.1 && cs_cluster_least_margin(35, 1, 0.05, 1) < 0.1);
    NEAR(cs_cluster_least_margin(59, 0, 0.05, 1), 1 - pow(0.05, 1 / 59.0)); /* none: the bound of agreement */
    NEAR_WITHIN(cs_cluster_least_margin(16, 1, 0.0125, 100), 27.5, 0.05);
    NEAR(cs_cluster_least_margin(100, 3, 0.05, 4), 4 * (0.0757107937498301 - 0.03));
    NEAR(cs_cluster_least_margin(100, 11, 0.05, 1), 0); /* more than ten: the spread decides */
    NEAR(cs_cluster_least_margin(5, 5, 0.05, 1), 0);
    for (size_t n = 12; n < 120; n += 9) {
        double d[120] = {1e-7}; /* moved, and next to nothing */
        for (size_t moved = 0; moved <= 1; moved++) {
            d[0] = moved ? 1e-7 : 0;
            const double least = cs_cluster_least_margin(n, moved, 0.05, 1);
            const struct cs_cluster_test t = cs_cluster_t(d, n, 0.05, 1);
            assert_true(cs_cluster_tost(&t, least + 1e-6, 0.05).passes);
            assert_false(cs_cluster_tost(&t, least - 1e-6, 0.05).passes);
        }
    }
}

static void one_side_of_the_margin(void **state)
{
    (void)state;
    const struct cs_cluster_test t = cs_cluster_t(d10, COUNT(d10), 0.05, 0);
    /* PYTHON ttest_1samp(d10, -.25, alternative='greater').pvalue is the smaller side of the test above, by t = .35 / se */
    NEAR(cs_cluster_not_worse(&t, 0.25, 0.05, -1).p, cs_dist_t_upper(0.35 / t.se, 9));
    NEAR(cs_cluster_not_worse(&t, 0.25, 0.05, 1).p, 0.008730089801926473);
    NEAR(cs_cluster_not_worse(&t, 0.25, 0.05, 0).p, 0.008730089801926473);
    assert_true(cs_cluster_not_worse(&t, 0.05, 0.05, -1).passes); /* .1 with its interval from .0053 is above -.05 */
    assert_false(cs_cluster_tost(&t, 0.05, 0.05).passes);
    static const double same[] = {0.5, 0.5, 0.5, 0.5, 0.5, 0.5};
    const struct cs_cluster_test agreed = cs_cluster_t(same, COUNT(same), 0.05, 1);
    assert_true(cs_cluster_not_worse(&agreed, 0.2, 0.05, -1).p < cs_cluster_tost(&agreed, 0.2, 0.05).p);
}

static void pairs_are_tested_exactly(void **state)
{
    (void)state;
    const struct cs_cluster_test t = cs_cluster_pairs((struct cs_pairs){68, 1, 7, 24}, 0.05);
    assert_int_equal(t.status, CS_STAT_OK);
    NEAR(t.p, 0.0703125); /* exact McNemar of 1 and 7 */
    NEAR(t.mean, 0.06);
    NEAR_CI(t.ci, 0.0018266217093161202, 0.1194662086686372); /* PYTHON Newcombe's method 10, written out */
    /* the same differences, one by one */
    double d[100] = {-1, 1, 1, 1, 1, 1, 1, 1};
    const struct cs_cluster_test u = cs_cluster_t(d, COUNT(d), 0.05, 1);
    NEAR(t.t, u.t);
    NEAR(t.se, u.se);
    NEAR(t.df, u.df);
    /* p of equivalence is the level at which Newcombe's interval reaches the margin */
    const struct cs_tost e = cs_cluster_tost(&t, 0.12, 0.05);
    NEAR_WITHIN(cs_cluster_interval(&t, 2 * e.p).hi, 0.12, 1e-9);
    assert_int_equal(e.passes, e.ci.hi < 0.12);
    assert_false(cs_cluster_tost(&t, 0.05, 0.05).passes);
    /* the worst case adds losses: 1 and 7 become 7 and 7 */
    const struct cs_cluster_test worst = cs_cluster_moved(&t, -0.06, 0.05);
    NEAR(worst.mean, 0);
    NEAR(worst.p, 1);
    assert_int_equal(worst.pairs.lost, 7);
    assert_int_equal(cs_cluster_pairs((struct cs_pairs){1, 0, 0, 0}, 0.05).status, CS_STAT_TOO_FEW);
}

static void a_moved_test_keeps_its_spread(void **state)
{
    (void)state;
    double up[COUNT(d10)];
    for (size_t i = 0; i < COUNT(d10); i++)
        up[i] = d10[i] + 0.07;
    const struct cs_cluster_test t = cs_cluster_t(d10, COUNT(d10), 0.05, 1),
                                 want = cs_cluster_t(up, COUNT(up), 0.05, 1);
    const struct cs_cluster_test got = cs_cluster_moved(&t, 0.07, 0.05);
    NEAR(got.t, want.t);
    NEAR(got.p, want.p);
    NEAR_CI(got.ci, want.ci.lo, want.ci.hi);
    static const double same[] = {0.5, 0.5, 0.5, 0.5, 0.5};
    const struct cs_cluster_test agreed = cs_cluster_t(same, 5, 0.05, 1), moved = cs_cluster_moved(&agreed, -0.5, 0.05);
    NEAR(moved.p, 1);
    NEAR(moved.mean, 0);
}

/* Passing is the same as the 1 - 2 alpha interval inside the margin, for t and for the bound of agreement. */
static void tost_and_its_interval_agree(void **state)
{
    (void)state;
    static const double same[] = {0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02};
    const struct cs_cluster_test tests[] = {cs_cluster_t(d10, COUNT(d10), 0.05, 1),
                                            cs_cluster_t(same, COUNT(same), 0.05, 1)};
    assert_int_equal(tests[1].status, CS_STAT_BOUND);
    int passed = 0;
    for (size_t i = 0; i < COUNT(tests); i++)
        for (double margin = 0.01; margin < 0.6; margin += 0.0173) {
            const struct cs_tost r = cs_cluster_tost(&tests[i], margin, 0.05);
            assert_int_equal(r.passes, r.ci.lo > -margin && r.ci.hi < margin);
            passed += r.passes;
        }
    assert_in_range(passed, 20, 60);
}

static void no_variance_gives_a_bound_instead_of_certainty(void **state)
{
    (void)state;
    double d[30] = {0};
    const struct cs_cluster_test none = cs_cluster_t(d, 30, 0.05, 1);
    assert_int_equal(none.status, CS_STAT_BOUND);
    assert_true(cs_stats_usable(none.status));
    NEAR(none.p, 1);
    /* PYTHON binomtest(0, 30).proportion_ci(method='exact').high */
    NEAR_CI(none.ci, -0.11570330822202784, 0.11570330822202784);
    for (size_t i = 0; i < 30; i++)
        d[i] = 1;
    const struct cs_cluster_test all = cs_cluster_t(d, 30, 0.05, 1);
    assert_int_equal(all.status, CS_STAT_BOUND);
    NEAR(all.p, pow(2, -29));
    NEAR(all.ci.hi, 1);
    NEAR(all.ci.lo, 1 - 2 * 0.11570330822202784);
    assert_int_equal(cs_cluster_t(d, 30, 0.05, 0).status, CS_STAT_CONSTANT);
    /* Rounding is no variance: 1/3 + 1/3 + 1/3 - 1 and 0. */
    for (size_t i = 0; i < 30; i++)
        d[i] = i % 2 ? 1e-16 : -3e-17;
    assert_int_equal(cs_cluster_t(d, 30, 0.05, 1).status, CS_STAT_BOUND);
    assert_true(cs_cluster_t(d, 30, 0.05, 1).mean == 0);
}

static void odd_input_has_a_status_and_no_numbers(void **state)
{
    (void)state;
    const double nan_inside[] = {0.1, NAN, 0.2}, inf_inside[] = {0.1, INFINITY}, huge[] = {1e308, 1e308, -1e308};
    assert_int_equal(cs_cluster_t(nan_inside, 3, 0.05, 1).status, CS_STAT_BAD_INPUT);
    assert_true(cs_cluster_t(nan_inside, 3, 0.05, 1).mean == 0);
    assert_int_equal(cs_cluster_t(inf_inside, 2, 0.05, 1).status, CS_STAT_BAD_INPUT);
    assert_int_equal(cs_cluster_t(huge, 3, 0.05, 1).status, CS_STAT_BAD_INPUT);
    assert_int_equal(cs_cluster_t(d10, 10, 0, 1).status, CS_STAT_BAD_INPUT);
    assert_int_equal(cs_cluster_t(d10, 10, NAN, 1).status, CS_STAT_BAD_INPUT);
    assert_int_equal(cs_cluster_t(d10, 0, 0.05, 1).status, CS_STAT_TOO_FEW);
    const struct cs_cluster_test one = cs_cluster_t(d10, 1, 0.05, 1);
    assert_int_equal(one.status, CS_STAT_TOO_FEW);
    NEAR(one.mean, 0.1);
    assert_true(one.p == 0 && one.ci.lo == 0 && one.ci.hi == 0);
    const struct cs_cluster_test good = cs_cluster_t(d10, 10, 0.05, 1);
    assert_int_equal(cs_cluster_tost(&one, 0.1, 0.05).status, CS_STAT_TOO_FEW);
    assert_int_equal(cs_cluster_tost(&good, 0, 0.05).status, CS_STAT_BAD_INPUT);
    assert_int_equal(cs_cluster_tost(&good, 0.1, 0.5).status, CS_STAT_BAD_INPUT);
    assert_int_equal(cs_cluster_sign_flip(nan_inside, 3, 1, 5000).status, CS_STAT_BAD_INPUT);
    assert_int_equal(cs_cluster_sign_flip(d10, 1, 1, 5000).status, CS_STAT_TOO_FEW);
}

static void sign_flips_are_exact_when_few(void **state)
{
    (void)state;
    /* PYTHON permutation_test((d10,), np.mean, permutation_type='samples', n_resamples=inf).pvalue */
    const struct cs_sign_flip r = cs_cluster_sign_flip(d10, COUNT(d10), 1, 0);
    assert_true(r.exact);
    NEAR(r.p, 0.10546875);
    double d[40] = {0};
    NEAR(cs_cluster_sign_flip(d, 40, 1, 5000).p, 1);
    for (size_t i = 0; i < 16; i++)
        d[i] = 0.1 * (double)(i + 1); /* 16 moved of 40: still exact, and the most extreme pattern */
    assert_true(cs_cluster_sign_flip(d, 40, 1, 5000).exact);
    NEAR(cs_cluster_sign_flip(d, 40, 1, 5000).p, pow(2, -15));
}

static void sign_flips_are_drawn_when_many(void **state)
{
    (void)state;
    double d[60];
    for (size_t i = 0; i < 60; i++)
        d[i] = 0.05 + 0.3 * sin((double)(i * i));
    const struct cs_sign_flip r = cs_cluster_sign_flip(d, 60, 7, 20000);
    const struct cs_cluster_test t = cs_cluster_t(d, 60, 0.05, 1);
    assert_false(r.exact);
    NEAR_WITHIN(r.p, t.p, 0.015);
    assert_true(cs_cluster_sign_flip(d, 60, 7, 20000).p == r.p);
    assert_true(cs_cluster_sign_flip(d, 60, 8, 20000).p != r.p);
    for (size_t i = 0; i < 60; i++)
        d[i] = 1;
    NEAR(cs_cluster_sign_flip(d, 60, 7, 5000).p, 1 / 5001.0); /* never 0 */
    assert_int_equal(cs_cluster_sign_flip(d, 60, 7, 0).status, CS_STAT_BAD_INPUT);
}

static void distributions_agree_with_scipy(void **state)
{
    (void)state;
    /* PYTHON t.isf(q, df); t.sf, chi2.sf, f.sf; norm.ppf */
    NEAR(cs_dist_t_critical(0.025, 1), 12.706204736174705);
    NEAR(cs_dist_t_critical(0.025, 29), 2.045229642132704);
    NEAR(cs_dist_t_critical(0.05 / 1116 / 2, 999), 4.099308220451747);
    NEAR(cs_dist_t_critical(1e-6, 3), 103.29946778041935);
    NEAR(cs_dist_t_critical(0.975, 29), -2.045229642132704);
    NEAR(cs_dist_t_upper(3, 5), 0.015049623948731293);
    NEAR(cs_dist_t_upper(40, 9) * 1e12, 9.491499224669911);
    NEAR(cs_dist_chi2_upper(20, 3), 0.00016974243555282632);
    NEAR(cs_dist_chi2_upper(700, 4) * 1e150, 3.4852862290889247);
    NEAR(cs_dist_f_upper(4.5, 2, 27), 0.020574394164052878);
    NEAR(cs_dist_normal_quantile(0.975), 1.959963984540054);
}

/* Nothing that a study can produce may reach GSL's error handler, which ends the process. */
static void extreme_arguments_stay_in_range(void **state)
{
    (void)state;
    static const double xs[] = {0, 1e-300, 1e-9, 1, 37, 1e3, 1e9, 1e18, 1e300, INFINITY};
    static const double dfs[] = {1, 2, 3, 29, 999, 1e5, 1e7};
    for (size_t i = 0; i < COUNT(xs); i++)
        for (size_t j = 0; j < COUNT(dfs); j++) {
            assert_true(cs_dist_t_two_sided(xs[i], dfs[j]) >= 0 && cs_dist_t_two_sided(-xs[i], dfs[j]) <= 1);
            assert_true(cs_dist_chi2_upper(xs[i], dfs[j]) >= 0 && cs_dist_chi2_upper(xs[i], dfs[j]) <= 1);
            assert_true(cs_dist_f_upper(xs[i], dfs[j], 5) >= 0 && cs_dist_f_upper(xs[i], 3, dfs[j]) <= 1);
            assert_true(cs_dist_t_critical(1e-12, dfs[j]) > 0);
        }
    assert_true(cs_dist_binomial_lower(0, 4000000, 0.5) >= 0);
    NEAR(cs_dist_binomial_lower(7, 7, 0.3), 1);
}

static void draws_are_fixed_by_their_numbers(void **state)
{
    (void)state;
    uint32_t a[37], b[37], sum = 0;
    cs_stats_draw_weights(cs_stats_draw_key(11, 4, CS_DRAW_CLUSTERS), 37, a);
    cs_stats_draw_weights(cs_stats_draw_key(11, 4, CS_DRAW_CLUSTERS), 37, b);
    assert_memory_equal(a, b, sizeof a);
    for (size_t i = 0; i < 37; i++)
        sum += a[i];
    assert_int_equal(sum, 37);
    cs_stats_draw_weights(cs_stats_draw_key(11, 5, CS_DRAW_CLUSTERS), 37, b);
    assert_true(memcmp(a, b, sizeof a) != 0);
    cs_stats_draw_weights(cs_stats_draw_key(12, 4, CS_DRAW_CLUSTERS), 37, b);
    assert_true(memcmp(a, b, sizeof a) != 0);
    assert_true(cs_stats_draw_key(11, 4, CS_DRAW_CLUSTERS) != cs_stats_draw_key(11, 4, CS_DRAW_MODELS));
    /* Seed and draw must not be interchangeable. */
    assert_true(cs_stats_draw_key(1, 2, CS_DRAW_CLUSTERS) != cs_stats_draw_key(2, 1, CS_DRAW_CLUSTERS));
}

/* Sign of unit i as the flips take it: bit i % 64 of number i / 64. */
static int draw_sign(uint64_t key, size_t i)
{
    return cs_stats_draw_u64(key, i / 64) >> (i % 64) & 1 ? 1 : -1;
}

/* Each cluster is drawn once on average with variance 1 - 1/n, and signs are even: chi-square far inside its range. */
static void draws_are_fair(void **state)
{
    (void)state;
    enum { N = 20, DRAWS = 20000 };
    double sum[N] = {0}, squares = 0, signs = 0;
    for (uint32_t draw = 0; draw < DRAWS; draw++) {
        uint32_t w[N];
        const uint64_t key = cs_stats_draw_key(3, draw, CS_DRAW_CLUSTERS);
        cs_stats_draw_weights(key, N, w);
        for (size_t i = 0; i < N; i++) {
            sum[i] += w[i];
            squares += (double)w[i] * w[i];
            signs += draw_sign(key, i);
        }
    }
    double chi2 = 0;
    for (size_t i = 0; i < N; i++)
        chi2 += (sum[i] - DRAWS) * (sum[i] - DRAWS) / DRAWS;
    assert_true(chi2 > 3 && chi2 < 50);
    NEAR_WITHIN(squares / DRAWS / N, 2 - 1.0 / N, 0.02);
    NEAR_WITHIN(signs / DRAWS / N, 0, 5 / sqrt(N * DRAWS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_agrees_with_scipy),
        cmocka_unit_test(tost_agrees_with_scipy),
        cmocka_unit_test(a_level_has_the_width_of_its_mirror),
        cmocka_unit_test(few_moved_clusters_widen_equivalence),
        cmocka_unit_test(a_design_has_a_least_margin),
        cmocka_unit_test(one_side_of_the_margin),
        cmocka_unit_test(pairs_are_tested_exactly),
        cmocka_unit_test(a_moved_test_keeps_its_spread),
        cmocka_unit_test(tost_and_its_interval_agree),
        cmocka_unit_test(no_variance_gives_a_bound_instead_of_certainty),
        cmocka_unit_test(odd_input_has_a_status_and_no_numbers),
        cmocka_unit_test(sign_flips_are_exact_when_few),
        cmocka_unit_test(sign_flips_are_drawn_when_many),
        cmocka_unit_test(distributions_agree_with_scipy),
        cmocka_unit_test(extreme_arguments_stay_in_range),
        cmocka_unit_test(draws_are_fixed_by_their_numbers),
        cmocka_unit_test(draws_are_fair),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
