/* Interactions: one shift against another, within cases and between them. The published data of test_interactions.py say the same. */
#include "tests/unit/stats_near.h"

#include "tools/report/stats/dist.h"
#include "tools/report/stats/interaction.h"
#include "tools/report/stats/pooling.h"
#include "tools/report/stats/wording.h"

static const struct cs_boot boot = {.seed = 3, .draws = 5000, .threads = 1};

/* 10 of 40 clusters have (-1, -1) and 10 have (-1, 0): means -1/2 and -1/4, T2 = 39, by hand. */
static void hotelling_of_two_columns(void **state)
{
    (void)state;
    double x[40 * 2] = {0};
    for (int i = 0; i < 20; i++) {
        x[2 * i] = -1;
        x[2 * i + 1] = i < 10 ? -1 : 0;
    }
    const struct cs_interaction r = cs_interaction_within(&boot, x, 40, 2);
    assert_int_equal(r.status, CS_STAT_OK);
    assert_int_equal(r.kind, CS_INTERACTION_HOTELLING);
    NEAR(r.statistic, 39);
    NEAR(r.f, 19);
    NEAR(r.df1, 2);
    NEAR(r.df2, 38);
    NEAR(r.p, cs_dist_f_upper(19, 2, 38));
}

static void one_column_is_the_t_test(void **state)
{
    (void)state;
    static const double x[] = {.1, 0, -.2, .35, .05, .15, -.05, .3, .2, .1, .4, -.1};
    const struct cs_cluster_test t = cs_cluster_t(x, COUNT(x), .05, 2);
    const struct cs_interaction r = cs_interaction_within(&boot, x, COUNT(x), 1);
    NEAR(r.statistic, t.t * t.t);
    NEAR(r.p, t.p);
}

/* Columns that say the same thing twice add no degree of freedom. */
static void a_column_twice_is_one(void **state)
{
    (void)state;
    double x[30 * 2];
    for (int i = 0; i < 30; i++)
        x[2 * i] = x[2 * i + 1] = (i % 5) * .1 - .1;
    const struct cs_interaction r = cs_interaction_within(&boot, x, 30, 2);
    NEAR(r.df1, 1);
    NEAR(r.df2, 29);
}

static void few_clusters_are_judged_by_the_largest_t(void **state)
{
    (void)state;
    double x[10 * 4];
    for (int i = 0; i < 10; i++)
        for (int k = 0; k < 4; k++)
            x[i * 4 + k] = ((i * 7 + k * 3) % 11) * .1 - .5 + (k == 0 ? .6 : 0);
    const struct cs_interaction r = cs_interaction_within(&boot, x, 10, 4);
    assert_int_equal(r.kind, CS_INTERACTION_MAX_T);
    assert_int_equal(r.status, CS_STAT_OK);
    assert_true(r.p > 0 && r.p < .05);
    const struct cs_interaction again = cs_interaction_within(&boot, x, 10, 4);
    assert_true(r.p == again.p);
}

static void nothing_that_moves_is_no_interaction(void **state)
{
    (void)state;
    double x[20 * 2] = {0};
    NEAR(cs_interaction_within(&boot, x, 20, 2).p, 1);
    assert_int_equal(cs_interaction_within(&boot, x, 1, 2).status, CS_STAT_TOO_FEW);
    for (int i = 0; i < 20; i++)
        x[2 * i] = .5; /* moved everywhere alike: nothing to compare it with */
    assert_int_equal(cs_interaction_within(&boot, x, 20, 2).status, CS_STAT_CONSTANT);
    x[3] = NAN;
    assert_int_equal(cs_interaction_within(&boot, x, 20, 2).status, CS_STAT_BAD_INPUT);
}

/* Three samples of Welch, Biometrika 38 (1951), written out in rationals for these: PYTHON fractions over the published formula. */
static void welch_of_three_samples(void **state)
{
    (void)state;
    static const double a[] = {1, 2, 3, 4}, b[] = {2, 4, 6, 8, 10}, c[] = {0, 0, 3};
    const double *const x[] = {a, b, c};
    static const size_t n[] = {4, 5, 3};
    const struct cs_interaction r = cs_interaction_between(x, n, 3);
    assert_int_equal(r.status, CS_STAT_OK);
    assert_int_equal(r.kind, CS_INTERACTION_WELCH);
    NEAR(r.f, 3.702118366455558);
    NEAR(r.df1, 2);
    NEAR(r.df2, 5.170172084130019);
}

static void welch_of_two_samples_is_its_t(void **state)
{
    (void)state;
    static const double a[] = {1, 2, 3, 4}, b[] = {2, 4, 6, 8, 10};
    const double *const x[] = {a, b};
    static const size_t n[] = {4, 5};
    const struct cs_cluster_test t = cs_interaction_welch(a, 4, b, 5, .05, 20);
    const struct cs_interaction r = cs_interaction_between(x, n, 2);
    NEAR(r.f, t.t * t.t);
    NEAR(r.df2, t.df);
    NEAR(r.p, t.p);
    NEAR(t.mean, -3.5);
    NEAR(t.se, sqrt(5. / 12 + 2));
    NEAR_CI(t.ci, -3.5 - cs_dist_t_critical(.025, t.df) * t.se, -3.5 + cs_dist_t_critical(.025, t.df) * t.se);
}

static void a_sample_without_variance_is_judged_by_pairs(void **state)
{
    (void)state;
    static const double a[] = {1, 1, 1, 1}, b[] = {2, 4, 6, 8, 10}, c[] = {0, 1, 3};
    const double *const x[] = {a, b, c}, *const same[] = {a, a};
    static const size_t n[] = {4, 5, 3}, alike[] = {4, 4};
    const struct cs_interaction r = cs_interaction_between(x, n, 3);
    assert_int_equal(r.kind, CS_INTERACTION_PAIRS);
    NEAR(r.p, 3 * cs_interaction_welch(a, 4, b, 5, .05, 20).p);
    assert_int_equal(cs_interaction_between(same, alike, 2).status, CS_STAT_CONSTANT);
    assert_int_equal(cs_interaction_between(x, n, 1).status, CS_STAT_TOO_FEW);
}

/* Four cases under three wordings: two-way layout, PYTHON written out. */
static void wordings_widen_the_shift(void **state)
{
    (void)state;
    static const double d[] = {.1, .3, -.2, 0, .2, -.1, .4, .3, .1, -.1, .5, -.3};
    double mean[4];
    for (int i = 0; i < 4; i++)
        mean[i] = (d[3 * i] + d[3 * i + 1] + d[3 * i + 2]) / 3;
    const struct cs_wording_spread s = cs_wording_spread_of(d, 4, 3);
    assert_int_equal(s.status, CS_STAT_OK);
    NEAR(s.variance, 0.0438888888888889);
    NEAR(s.sd, sqrt(s.variance));
    const struct cs_cluster_test t = cs_cluster_t(mean, 4, .05, 1), wide = cs_wording_widen(&t, s.variance, 3, .05);
    NEAR(wide.mean, t.mean);
    NEAR(wide.se, 0.133333333333333);
    NEAR(wide.df, 2); /* from three wordings; four cases would give 3 */
    NEAR(wide.p, cs_dist_t_two_sided(wide.mean / wide.se, 2));
    assert_true(wide.ci.hi > t.ci.hi && wide.ci.lo < t.ci.lo);
}

static void few_or_equal_wordings_add_nothing(void **state)
{
    (void)state;
    double d[20 * 3];
    for (int i = 0; i < 20; i++)
        for (int r = 0; r < 3; r++)
            d[3 * i + r] = .05 * (i % 4);
    const struct cs_wording_spread s = cs_wording_spread_of(d, 20, 3);
    NEAR_WITHIN(s.variance, 0, 1e-15);
    const struct cs_cluster_test t = cs_cluster_t(d, 20, .05, 1), same = cs_wording_widen(&t, -0.01, 3, .05);
    NEAR(same.se, t.se);
    NEAR(same.df, 2); /* but three sentences are three */
    assert_false(cs_wording_widen(&t, .5, 2, .05).widened);
    assert_int_equal(cs_wording_spread_of(d, 20, 2).status, CS_STAT_TOO_FEW);
    assert_int_equal(cs_wording_spread_of(d, 1, 3).status, CS_STAT_TOO_FEW);
}

/* Equal variances and one shared control: REML is the variance of the estimates less theirs, and every estimate shrinks alike. */
static void pooling_of_equal_variances_is_closed(void **state)
{
    (void)state;
    enum { K = 5 };
    static const double y[K] = {.09, .02, .05, -.01, .04};
    const double own = 2e-4, shared = 5e-4;
    double v[K * K], theta[K], mean = 0, s2 = 0;
    for (int i = 0; i < K; i++)
        mean += y[i] / K;
    for (int i = 0; i < K; i++) {
        s2 += (y[i] - mean) * (y[i] - mean) / (K - 1);
        for (int j = 0; j < K; j++)
            v[i * K + j] = shared + (i == j ? own : 0);
    }
    const struct cs_pooling p = cs_pooling_reml(y, v, K, theta);
    assert_int_equal(p.status, CS_STAT_OK);
    NEAR_WITHIN(p.tau2, s2 - own, 1e-12);
    NEAR(p.mu, mean);
    NEAR(p.se, sqrt(shared + (own + p.tau2) / K));
    for (int i = 0; i < K; i++)
        NEAR(theta[i], mean + (s2 - own) / s2 * (y[i] - mean));
    assert_int_equal(cs_pooling_reml(y, v, 2, theta).status, CS_STAT_TOO_FEW);
}

/* Unequal variances: the gradient of the restricted likelihood, written out with numbers of its own, is 0 there. */
static void pooling_maximises_the_restricted_likelihood(void **state)
{
    (void)state;
    static const double y[] = {.2, -.1, .05}, var[] = {.001, .004, .002};
    double v[9] = {0}, theta[3];
    for (int i = 0; i < 3; i++)
        v[4 * i] = var[i];
    const struct cs_pooling p = cs_pooling_reml(y, v, 3, theta);
    double best = 0, best_at = -1;
    for (double t = 0; t < .1; t += 1e-5) {
        double w = 0, mu = 0, l = 0;
        for (int i = 0; i < 3; i++) {
            w += 1 / (var[i] + t);
            mu += y[i] / (var[i] + t);
        }
        mu /= w;
        for (int i = 0; i < 3; i++)
            l -= .5 * (log(var[i] + t) + (y[i] - mu) * (y[i] - mu) / (var[i] + t));
        l -= .5 * log(w);
        if (best_at < 0 || l > best) {
            best = l;
            best_at = t;
        }
    }
    NEAR_WITHIN(p.tau2, best_at, 1.1e-5);
    NEAR(theta[0], p.mu + p.tau2 / (p.tau2 + var[0]) * (y[0] - p.mu));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hotelling_of_two_columns),
        cmocka_unit_test(one_column_is_the_t_test),
        cmocka_unit_test(a_column_twice_is_one),
        cmocka_unit_test(few_clusters_are_judged_by_the_largest_t),
        cmocka_unit_test(nothing_that_moves_is_no_interaction),
        cmocka_unit_test(welch_of_three_samples),
        cmocka_unit_test(welch_of_two_samples_is_its_t),
        cmocka_unit_test(pooling_of_equal_variances_is_closed),
        cmocka_unit_test(pooling_maximises_the_restricted_likelihood),
        cmocka_unit_test(wordings_widen_the_shift),
        cmocka_unit_test(few_or_equal_wordings_add_nothing),
        cmocka_unit_test(a_sample_without_variance_is_judged_by_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
