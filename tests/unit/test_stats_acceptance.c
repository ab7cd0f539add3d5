/* The acceptance of the statistics in short: seeded studies, bands that a wrong formula leaves. tests/bench/statistics.c is
 * the long form. Bands are 3.5 Monte Carlo standard errors of 400 studies. */
#include "tests/unit/stats_near.h"

#include "tests/unit/stats_simulate.h"
#include "tools/report/stats/components.h"
#include "tools/report/stats/finding.h"
#include "tools/report/stats/proportion.h"

enum { STUDIES = 400, N = 30 };

static double band(double p, double studies)
{
    return 3.5 * sqrt(p * (1 - p) / studies);
}

static void t_intervals_cover(void **state)
{
    (void)state;
    static const double rates[] = {0.1, 0.5, 0.8};
    for (size_t g = 0; g < COUNT(rates); g++) {
        const struct sim s = sim_at_rate(rates[g], 1, 0.6, 0.6);
        const struct sim_truth truth = sim_truth(&s);
        struct cs_rng r = {1000 + g};
        int covered = 0;
        double d[N];
        for (int study = 0; study < STUDIES; study++) {
            sim_study(&s, &r, N, 3, d, NULL, NULL);
            const struct cs_cluster_test t = cs_cluster_t(d, N, 0.05, 1);
            covered += t.ci.lo <= truth.shift && truth.shift <= t.ci.hi;
        }
        NEAR_WITHIN((double)covered / STUDIES, 0.95, band(0.95, STUDIES));
    }
}

/* Cases that move a lot, up and down, and not in the mean: the cluster test keeps its level. The pooled test, which this
 * library does not offer for such data, would not: if it did, the studies would be too easy to tell anything. */
static void nothing_is_found_where_nothing_is(void **state)
{
    (void)state;
    enum { PAIRS = 60 };
    const struct sim s = sim_at_shift(0.4, 1, 0, 1);
    struct cs_rng r = {2000};
    int t_rejects = 0, flip_rejects = 0, pooled_rejects = 0;
    for (int study = 0; study < STUDIES; study++) {
        double d[N];
        uint32_t b = 0, c = 0;
        for (size_t i = 0; i < N; i++) {
            const double a = s.mu + s.sd * sim_normal(&r), shift = s.delta + s.tau * sim_normal(&r);
            d[i] = 0;
            for (int pair = 0; pair < PAIRS; pair++) {
                const int yes = cs_rng_unit(&r) < sim_logistic(a + shift), yes0 = cs_rng_unit(&r) < sim_logistic(a);
                b += yes < yes0;
                c += yes > yes0;
                d[i] += (double)(yes - yes0) / PAIRS;
            }
        }
        t_rejects += cs_cluster_t(d, N, 0.05, 1).p <= 0.05;
        flip_rejects += cs_cluster_sign_flip(d, N, 1, 999).p <= 0.05;
        pooled_rejects += cs_proportion_mcnemar(b, c) <= 0.05;
    }
    NEAR_WITHIN((double)t_rejects / STUDIES, 0.05, band(0.05, STUDIES));
    NEAR_WITHIN((double)flip_rejects / STUDIES, 0.05, band(0.05, STUDIES));
    assert_true(pooled_rejects > 0.15 * STUDIES);
}

static void components_are_recovered(void **state)
{
    (void)state;
    enum { PARTS = 3 };
    const struct sim s = sim_at_rate(0.35, 1, 0.5, 0.8);
    const struct sim_truth truth = sim_truth(&s);
    const double want[PARTS] = {truth.shift * truth.shift, truth.case_variance, truth.noise};
    struct cs_rng r = {3000};
    double sum[PARTS] = {0}, squares[PARTS] = {0}, se[PARTS] = {0};
    for (int study = 0; study < STUDIES; study++) {
        double d[N];
        uint32_t level[2 * N], comparator[2 * N];
        sim_study(&s, &r, N, 3, d, level, comparator);
        const struct cs_components c = cs_stats_components(CS_SCALE_BINARY, level, comparator, N, 2, 0.05);
        const struct cs_component got[PARTS] = {c.systematic_sq, c.case_sq, c.noise};
        for (int p = 0; p < PARTS; p++) {
            sum[p] += got[p].value;
            squares[p] += got[p].value * got[p].value;
            se[p] += got[p].se;
        }
    }
    for (int p = 0; p < PARTS; p++) {
        const double mean = sum[p] / STUDIES, sd = sqrt(squares[p] / STUDIES - mean * mean);
        NEAR_WITHIN(mean, want[p], 3.5 * sd / sqrt(STUDIES));
        NEAR_WITHIN(se[p] / STUDIES / sd, 1, 0.2);     /* the standard error that is printed is the one that there is */
        assert_true(want[p] > 5 * sd / sqrt(STUDIES)); /* else 0 would pass too */
    }
}

/* Half of 20 contrasts planted, all against one control. */
static void false_discoveries_stay_below_q(void **state)
{
    (void)state;
    enum { M = 20, FAMILIES = 200 };
    const struct sim null = sim_at_rate(0.4, 1, 0, 0), planted = sim_at_rate(0.4, 1, 1.5, 0.5);
    struct cs_rng r = {4000};
    double share = 0, found = 0;
    for (int family = 0; family < FAMILIES; family++) {
        double d[M][N];
        struct cs_contrast contrasts[M];
        struct cs_finding out[M];
        for (size_t i = 0; i < N; i++) {
            const double a = null.mu + null.sd * sim_normal(&r);
            const double control = sim_count(&r, sim_logistic(a), 6) / 6.0;
            for (size_t k = 0; k < M; k++) {
                const double shift = k % 2 ? planted.delta + planted.tau * sim_normal(&r) : 0;
                d[k][i] = sim_count(&r, sim_logistic(a + shift), 3) / 3.0 - control;
            }
        }
        for (size_t k = 0; k < M; k++)
            contrasts[k] = (struct cs_contrast){.test = cs_cluster_t(d[k], N, 0.05, 1), .margin = 0.05};
        const struct cs_family f = {CS_ADJUST_BH, 0.05, true, NULL, NULL};
        assert_int_equal(cs_finding_family(&f, contrasts, M, out), CS_STAT_OK);
        double wrong = 0, right = 0;
        for (size_t k = 0; k < M; k++)
            *(k % 2 ? &right : &wrong) += out[k].different;
        share += wrong + right > 0 ? wrong / (wrong + right) / FAMILIES : 0;
        found += right / (M / 2) / FAMILIES;
    }
    assert_true(share < 0.05 + 0.02);
    assert_true(found > 0.8);
}

/* At a true shift of exactly the margin, equivalence is claimed in at most alpha of the studies; well inside, mostly. */
static void equivalence_is_not_claimed_at_the_margin(void **state)
{
    (void)state;
    enum { CASES = 100 };
    const struct sim edge = sim_at_shift(0.4, 1, 0.1, 0.3), inside = sim_at_shift(0.4, 1, 0, 0.3);
    struct cs_rng r = {5000};
    int at_edge = 0, at_zero = 0;
    for (int study = 0; study < STUDIES; study++) {
        double d[CASES];
        sim_study(&edge, &r, CASES, 6, d, NULL, NULL);
        struct cs_cluster_test t = cs_cluster_t(d, CASES, 0.05, 1);
        at_edge += cs_cluster_tost(&t, 0.1, 0.05).passes;
        sim_study(&inside, &r, CASES, 6, d, NULL, NULL);
        t = cs_cluster_t(d, CASES, 0.05, 1);
        at_zero += cs_cluster_tost(&t, 0.1, 0.05).passes;
    }
    NEAR_WITHIN((double)at_edge / STUDIES, 0.05, band(0.05, STUDIES));
    assert_true(at_zero > 0.8 * STUDIES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_intervals_cover),
        cmocka_unit_test(nothing_is_found_where_nothing_is),
        cmocka_unit_test(components_are_recovered),
        cmocka_unit_test(false_discoveries_stay_below_q),
        cmocka_unit_test(equivalence_is_not_claimed_at_the_margin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
