/* Components, bootstrap, ratios, models, power. */
#include "tests/unit/stats_near.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/rng.h"
#include "tools/report/stats/components.h"
#include "tools/report/stats/crossed.h"
#include "tools/report/stats/power.h"
#include "tools/report/stats/ratio.h"

/* Four cases x 3 answers an arm, worked by hand: yes in the level arm 3 2 2 1, in the comparator 2 1 2 0. */
static const uint32_t by_hand_level[] = {0, 3, 1, 2, 1, 2, 2, 1}, by_hand_comparator[] = {1, 2, 2, 1, 1, 2, 3, 0};

static void binary_components_by_hand(void **state)
{
    (void)state;
    const struct cs_components c = cs_stats_components(CS_SCALE_BINARY, by_hand_level, by_hand_comparator, 4, 2, 0.05);
    assert_int_equal(c.status, CS_STAT_OK);
    /* D = 1/3, 1/3, 0, 1/3: S = 1/4, s2 = 1/36. p (1 - p) / 2 is 1/9 for 1 or 2 of 3, else 0: v = 1/9, 2/9, 2/9, 1/9. */
    NEAR(c.shift.mean, 0.25);
    NEAR(c.systematic_sq.value, 1 / 16.0 - 1 / 36.0 / 4);
    NEAR(c.case_sq.value, 1 / 36.0 - 1 / 6.0);
    assert_true(c.case_sq.value < 0 && c.case_sd == 0); /* kept negative, shown as 0 */
    /* Within a cell of 1 or 2 of 3, two of three pairs differ. */
    NEAR(c.noise.value, (2 / 3.0) * 6 / 8);
    NEAR(c.disagree.value, c.noise.value);
    assert_true(c.systematic_sq.se > 0 && c.case_sq.se > 0 && c.noise.se > 0);
    NEAR(c.noise.se, sqrt(1 / 36.0 / 3 * 4 / 4)); /* a mean's own standard error; cases 1/3 2/3 2/3 1/3 */
}

/* Disagreement between arms = square of the difference + mean disagreement within: for every case, on every scale. */
static void identity_holds_on_every_scale(void **state)
{
    (void)state;
    enum { K = 4, CASES = 7 };
    struct cs_rng r = {8};
    uint32_t a[CASES * K] = {0}, b[CASES * K] = {0};
    for (size_t i = 0; i < CASES; i++)
        for (size_t n = 0; n < 5 + i; n++) {
            a[i * K + cs_rng_below(&r, K)]++;
            b[i * K + cs_rng_below(&r, K)]++;
        }
    for (int ordinal = 0; ordinal < 2; ordinal++) {
        const struct cs_components c = cs_stats_components(ordinal ? CS_SCALE_ORDINAL : CS_SCALE_NOMINAL, a, b, CASES,
                                                           K, 0.05);
        double between = 0, within = 0;
        for (size_t i = 0; i < CASES; i++) {
            const double na = 5 + (double)i;
            for (size_t x = 0; x < K; x++)
                for (size_t y = 0; y < K; y++) {
                    const double apart = ordinal ? ((double)x - (double)y) * ((double)x - (double)y) : x != y;
                    between += apart * a[i * K + x] * b[i * K + y] / na / na;
                    within += apart * ((double)a[i * K + x] * a[i * K + y] + (double)b[i * K + x] * b[i * K + y]) / 2 /
                              na / (na - 1);
                }
        }
        /* mean of D_i^2 - v_i = S^2 + (n - 1)/n s2 - mean v = systematic + case-specific: the identity, unbiased. */
        NEAR(c.systematic_sq.value + c.case_sq.value, (between - within) / CASES);
        NEAR(c.noise.value, within / CASES);
    }
}

static void two_categories_are_a_binary_answer(void **state)
{
    (void)state;
    const struct cs_components b = cs_stats_components(CS_SCALE_BINARY, by_hand_level, by_hand_comparator, 4, 2, 0.05);
    const struct cs_components n = cs_stats_components(CS_SCALE_NOMINAL, by_hand_level, by_hand_comparator, 4, 2, 0.05);
    const struct cs_components o = cs_stats_components(CS_SCALE_ORDINAL, by_hand_level, by_hand_comparator, 4, 2, 0.05);
    NEAR(n.systematic_sq.value, b.systematic_sq.value);
    NEAR(n.case_sq.value, b.case_sq.value);
    NEAR(n.case_sq.se, b.case_sq.se);
    NEAR(n.noise.value, b.noise.value);
    NEAR(o.case_sq.value, b.case_sq.value);
    NEAR(o.noise.value, b.noise.value);
    assert_int_equal(n.shift.status, CS_STAT_UNDEFINED);
    struct cs_component_cluster reduced[4];
    for (size_t i = 0; i < 4; i++) {
        const double p = by_hand_level[2 * i + 1] / 3.0, q = by_hand_comparator[2 * i + 1] / 3.0;
        const double v = p * (1 - p) / 2 + q * (1 - q) / 2;
        reduced[i] = (struct cs_component_cluster){p - q, v, 3 * v, 3 * v};
    }
    const struct cs_components r = cs_stats_components_reduced(reduced, 4, 0.05, 1);
    NEAR(r.systematic_sq.value, b.systematic_sq.value);
    NEAR(r.case_sq.se, b.case_sq.se);
    NEAR(r.noise.value, b.noise.value);
    NEAR(r.shift.p, b.shift.p);
}

static void components_need_repeats_and_cases(void **state)
{
    (void)state;
    static const uint32_t level[] = {0, 3, 1, 2, 0, 1, 2, 1, 0, 0}, comparator[] = {1, 2, 2, 1, 1, 2, 3, 0, 1, 1};
    const struct cs_components c = cs_stats_components(CS_SCALE_BINARY, level, comparator, 5, 2, 0.05);
    assert_int_equal(c.used, 3); /* one answer in a cell, or none, tells nothing about re-asking */
    assert_int_equal(c.left_out, 2);
    assert_int_equal(c.status, CS_STAT_OK);
    assert_int_equal(cs_stats_components(CS_SCALE_BINARY, level, comparator, 2, 2, 0.05).status, CS_STAT_TOO_FEW);
    assert_int_equal(cs_stats_components(CS_SCALE_BINARY, level, comparator, 0, 2, 0.05).status, CS_STAT_TOO_FEW);
    assert_int_equal(cs_stats_components(CS_SCALE_BINARY, level, comparator, 2, 3, 0.05).status, CS_STAT_BAD_INPUT);
    const struct cs_component_cluster bad[] = {{NAN, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}};
    assert_int_equal(cs_stats_components_reduced(bad, 3, 0.05, 1).status, CS_STAT_BAD_INPUT);
}

enum { N = 50, COLUMNS = 70 }; /* more columns than are held at once */

static void fill_rates(uint64_t seed, size_t n, size_t columns, double *num, double *den)
{
    struct cs_rng r = {seed};
    for (size_t e = 0; e < n * columns; e++) {
        den[e] = 0.1 + 0.6 * cs_rng_unit(&r);
        num[e] = 1.3 * den[e] * (0.8 + 0.4 * cs_rng_unit(&r));
    }
}

static void bootstrap_bytes_do_not_depend_on_threads(void **state)
{
    (void)state;
    double *num = calloc(N * COLUMNS, sizeof *num), *den = calloc(N * COLUMNS, sizeof *den);
    fill_rates(1, N, COLUMNS, num, den);
    static struct cs_boot_result one[COLUMNS], many[COLUMNS]; /* static: padding is zero on both sides */
    struct cs_boot boot = {.seed = 77, .draws = 5001, .threads = 1};
    cs_bootstrap_ratios(&boot, num, den, N, COLUMNS, 0.05, one);
    for (boot.threads = 0; boot.threads < 12; boot.threads += 1 + boot.threads / 2) {
        memset(many, 0, sizeof many);
        cs_bootstrap_ratios(&boot, num, den, N, COLUMNS, 0.05, many);
        for (size_t k = 0; k < COLUMNS; k++) {
            assert_memory_equal(&one[k].estimate, &many[k].estimate, sizeof one[k].estimate);
            assert_memory_equal(&one[k].se, &many[k].se, sizeof one[k].se);
            assert_memory_equal(&one[k].ci, &many[k].ci, sizeof one[k].ci);
        }
    }
    boot.seed = 78;
    cs_bootstrap_ratios(&boot, num, den, N, COLUMNS, 0.05, many);
    assert_true(one[0].ci.lo != many[0].ci.lo);
    free(num);
    free(den);
}

/* All contrasts share the draws: a column gives the same interval alone and among others. */
static void bootstrap_shares_its_draws(void **state)
{
    (void)state;
    double num[N * 3], den[N * 3], alone_num[N], alone_den[N];
    fill_rates(2, N, 3, num, den);
    for (size_t i = 0; i < N; i++) {
        alone_num[i] = num[i * 3 + 2];
        alone_den[i] = den[i * 3 + 2];
    }
    const struct cs_boot boot = {.seed = 5, .draws = 5000};
    struct cs_boot_result all[3], alone;
    cs_bootstrap_ratios(&boot, num, den, N, 3, 0.05, all);
    cs_bootstrap_ratios(&boot, alone_num, alone_den, N, 1, 0.05, &alone);
    assert_true(all[2].ci.lo == alone.ci.lo && all[2].ci.hi == alone.ci.hi);
}

/* The bootstrap of a mean knows its answer: sd / sqrt n with n below the line, and normal percentiles. */
static void bootstrap_of_a_mean_is_near_theory(void **state)
{
    (void)state;
    double d[200], ones[200], squares = 0, mean = 0;
    struct cs_rng r = {3};
    for (size_t i = 0; i < 200; i++) {
        d[i] = cs_rng_unit(&r) - 0.4;
        ones[i] = 1;
        mean += d[i] / 200;
    }
    for (size_t i = 0; i < 200; i++)
        squares += (d[i] - mean) * (d[i] - mean);
    const double se = sqrt(squares / 200 / 200);
    const struct cs_boot boot = {.seed = 5, .draws = 20000};
    struct cs_boot_result b;
    cs_bootstrap_ratios(&boot, d, ones, 200, 1, 0.05, &b);
    NEAR(b.estimate, mean);
    NEAR_WITHIN(b.se, se, 0.02 * se);
    NEAR_WITHIN(b.ci.lo, mean - 1.96 * se, 0.08 * se);
    NEAR_WITHIN(b.ci.hi, mean + 1.96 * se, 0.08 * se);
}

static void bootstrap_refuses_and_guards(void **state)
{
    (void)state;
    double num[10] = {1, 0, 1, 0, 1, 1, 0, 1, 0, 1}, den[10] = {1, 0, 0, 0, 0, 0, 0, 0, 0, 0}, ones[10];
    for (size_t i = 0; i < 10; i++)
        ones[i] = 1;
    const struct cs_boot boot = {.seed = 5, .draws = 5000}, few = {.seed = 5, .draws = 4999};
    struct cs_boot_result b;
    cs_bootstrap_ratios(&few, num, ones, 10, 1, 0.05, &b);
    assert_true(b.status == CS_STAT_OK && b.interval_status == CS_STAT_BAD_INPUT);
    cs_bootstrap_ratios(&boot, num, ones, 4, 1, 0.05, &b);
    assert_int_equal(b.interval_status, CS_STAT_TOO_FEW);
    cs_bootstrap_ratios(&boot, num, den, 10, 1, 0.05, &b); /* a third of the draws has nothing below the line */
    assert_true(b.interval_status == CS_STAT_RARE && b.undefined > 1000);
    den[0] = 0;
    cs_bootstrap_ratios(&boot, num, den, 10, 1, 0.05, &b);
    assert_int_equal(b.status, CS_STAT_UNDEFINED);
    cs_bootstrap_ratios(&boot, ones, ones, 10, 1, 0.05, &b);
    assert_int_equal(b.interval_status, CS_STAT_CONSTANT);
    cs_bootstrap_ratios(&boot, num, den, 0, 1, 0.05, &b);
    assert_int_equal(b.status, CS_STAT_UNDEFINED);
    num[0] = NAN;
    cs_bootstrap_ratios(&boot, num, ones, 10, 1, 0.05, &b);
    assert_int_equal(b.status, CS_STAT_BAD_INPUT);
}

static void percentiles_interpolate(void **state)
{
    (void)state;
    double v[] = {5, 1, 4, 2, 3}; /* PYTHON numpy.quantile(v, [.1, .9]) */
    const struct cs_interval ci = cs_bootstrap_percentile(v, 5, 0.2);
    NEAR_CI(ci, 1.4, 4.6);
    double one[] = {7};
    NEAR_CI(cs_bootstrap_percentile(one, 1, 0.05), 7, 7);
}

static void rate_ratios_are_guarded(void **state)
{
    (void)state;
    double level[30], comparator[30], label[30];
    for (size_t i = 0; i < 30; i++) {
        level[i] = 0.3 + 0.01 * (double)i;
        comparator[i] = 0.25 + 0.005 * (double)(29 - i);
        label[i] = i % 10 == 0;
    }
    struct cs_ratio r = cs_ratio_rate(level, comparator, 30, 0.05);
    assert_true(r.status == CS_STAT_OK && r.interval_status == CS_STAT_OK);
    NEAR(r.ratio, 0.445 / 0.3225);
    NEAR_CI(r.ci, 1.21790889449133,
            1.56331243303341); /* PYTHON the formula of the header, t with 29 degrees of freedom 2.045229642132703 */

    /* Three labelled cases of thirty: too rare to divide by. */
    assert_int_equal(cs_ratio_rate(level, label, 30, 0.05).status, CS_STAT_RARE);
    for (size_t i = 0; i < 30; i++)
        label[i] = i % 3 == 0;
    r = cs_ratio_rate(level, label, 30, 0.05);
    NEAR(r.ratio, 0.445 * 3);
    assert_true(r.ci.hi > r.ci.lo);

    for (size_t i = 0; i < 30; i++)
        comparator[i] = i < 2 ? 0.05 : 0;
    r = cs_ratio_rate(level, comparator, 30, 0.05);
    assert_true(r.status == CS_STAT_RARE && r.ratio == 0 && r.above > 0.4);
    comparator[0] = comparator[1] = 0;
    assert_int_equal(cs_ratio_rate(level, comparator, 30, 0.05).status, CS_STAT_UNDEFINED);
    r = cs_ratio_rate(comparator, level, 30, 0.05);
    assert_true(r.status == CS_STAT_OK && r.ratio == 0 && r.interval_status == CS_STAT_RARE);
    for (size_t i = 0; i < 30; i++)
        comparator[i] = level[i] / 2; /* twice as often in every cluster: nothing shows how sure that is */
    r = cs_ratio_rate(level, comparator, 30, 0.05);
    assert_true(r.status == CS_STAT_OK && r.interval_status == CS_STAT_CONSTANT);
    NEAR(r.ratio, 2);
    level[3] = 1.01;
    assert_int_equal(cs_ratio_rate(level, comparator, 30, 0.05).status, CS_STAT_BAD_INPUT);
    assert_int_equal(cs_ratio_rate(level, comparator, 0, 0.05).status, CS_STAT_TOO_FEW);
}

static void crossed_interval_covers_models_too(void **state)
{
    (void)state;
    enum { CASES = 40, MODELS = 9 };
    static double d[CASES * MODELS];
    static bool present[CASES * MODELS];
    struct cs_rng r = {4};
    for (size_t e = 0; e < CASES * MODELS; e++) {
        d[e] = 0.02 * (double)(e % MODELS) + 0.1 * (cs_rng_unit(&r) - 0.5);
        present[e] = e % 13 != 0;
    }
    struct cs_boot boot = {.seed = 5, .draws = 5000, .threads = 1};
    const struct cs_crossed one = cs_crossed_shift(&boot, d, present, CASES, MODELS, 0.05);
    assert_true(one.status == CS_STAT_OK && one.interval_status == CS_STAT_OK && one.models == 9);
    NEAR_WITHIN(one.mean, 0.08, 0.02);
    assert_true(one.models_range.lo < 0.03 && one.models_range.hi > 0.13);
    /* The spread of the models, 0.02 x sd of 0..8 over 3, is most of the error; cases alone would give 0.0015. */
    NEAR_WITHIN(one.se, 0.0172, 0.003);
    boot.threads = 5;
    const struct cs_crossed five = cs_crossed_shift(&boot, d, present, CASES, MODELS, 0.05);
    assert_true(one.ci.lo == five.ci.lo && one.ci.hi == five.ci.hi && one.se == five.se);
    const struct cs_crossed seven = cs_crossed_shift(&boot, d, NULL, CASES, 7, 0.05);
    assert_true(seven.status == CS_STAT_OK && seven.interval_status == CS_STAT_TOO_FEW);
    memset(present, 0, sizeof present);
    assert_int_equal(cs_crossed_shift(&boot, d, present, CASES, MODELS, 0.05).status, CS_STAT_TOO_FEW);
    d[0] = INFINITY;
    assert_int_equal(cs_crossed_shift(&boot, d, NULL, CASES, MODELS, 0.05).status, CS_STAT_BAD_INPUT);
}

/* Only model i moves case i. Drawn together, a case and its model would never fall below their share of one in ten. */
static void crossed_draws_are_independent(void **state)
{
    (void)state;
    enum { SIZE = 10 };
    double d[SIZE * SIZE] = {0};
    for (size_t i = 0; i < SIZE; i++)
        d[i * SIZE + i] = 1;
    const struct cs_boot boot = {.seed = 5, .draws = 5000};
    const struct cs_crossed c = cs_crossed_shift(&boot, d, NULL, SIZE, SIZE, 0.05);
    NEAR(c.mean, 0.1);
    assert_true(c.ci.lo < 0.07 && c.ci.hi > 0.13);
}

static void power_is_that_of_the_noncentral_t(void **state)
{
    (void)state;
    /* PYTHON se = sqrt((.1**2 + (.3*.7 + .4*.6)/3)/n); c = t.ppf(.975, n-1); 1 - nct.cdf(c, n-1, .1/se) + nct.cdf(-c, ...) */
    struct cs_power_design d = {
        .n = 100, .tau = 0.1, .noise_a = 0.24, .noise_0 = 0.21, .ka = 3, .k0 = 3, .alpha = 0.05};
    NEAR_WITHIN(cs_stats_power_difference(&d, 0.1).power, 0.696980274054786, 1e-9);
    NEAR_WITHIN(cs_stats_power_difference(&d, -0.1).power, 0.696980274054786, 1e-9);
    double shift;
    assert_int_equal(cs_stats_power_smallest_shift(&d, cs_stats_power_difference(&d, 0.1).power, &shift).status,
                     CS_STAT_OK);
    NEAR_WITHIN(shift, 0.1, 1e-9);
    /* No shift: power is the level, for few clusters too. */
    NEAR_WITHIN(cs_stats_power_difference(&d, 0).power, 0.05, 1e-9);
    d.n = 5;
    NEAR_WITHIN(cs_stats_power_difference(&d, 0).power, 0.05, 1e-9);
    NEAR_WITHIN(cs_stats_power_difference(&d, 0.4).power, 0.4013899173717953, 1e-9);
    /* A control with more repeats helps as much as the formula says. */
    d = (struct cs_power_design){100, 0.1, 0.21, 0.21, 3, 12, 0.05};
    NEAR(cs_stats_power_se(&d), sqrt((0.01 + 0.21 / 3 + 0.21 / 12) / 100));
}

/* 1,000 cases, margin of 2 points: 0, 62 and 94 % at 1, 3 and 6 repeats, at rates of 10 % and an SD of 5 points. */
static void power_of_equivalence_as_published(void **state)
{
    (void)state;
    static const double repeats[] = {1, 3, 6}, simulated[] = {0, .62, .94};
    for (size_t i = 0; i < 3; i++) {
        const struct cs_power_design e = {1000, 0.05, 0.09, 0.09, repeats[i], repeats[i], 0.05};
        NEAR_WITHIN(cs_stats_power_equivalence(&e, 0, 0.02).power, simulated[i], 0.01);
        /* At the margin itself it is the level, or less. */
        assert_true(cs_stats_power_equivalence(&e, 0.02, 0.02).power < 0.05 + 1e-9);
    }
}

static void power_refuses_nonsense(void **state)
{
    (void)state;
    const struct cs_power_design good = {100, 0.1, 0.21, 0.24, 3, 3, 0.05};
    struct cs_power_design d = good;
    double shift;
    d.noise_a = -1;
    assert_int_equal(cs_stats_power_difference(&d, 0.1).status, CS_STAT_BAD_INPUT);
    d = good;
    d.n = 1;
    assert_int_equal(cs_stats_power_difference(&d, 0.1).status, CS_STAT_TOO_FEW);
    d = (struct cs_power_design){100, 0, 0, 0, 3, 3, 0.05};
    assert_int_equal(cs_stats_power_equivalence(&d, 0, 0.1).status, CS_STAT_CONSTANT);
    assert_int_equal(cs_stats_power_equivalence(&good, 0, 0).status, CS_STAT_BAD_INPUT);
    assert_int_equal(cs_stats_power_equivalence(&good, NAN, 0.1).status, CS_STAT_BAD_INPUT);
    assert_int_equal(cs_stats_power_smallest_shift(&good, 1, &shift).status, CS_STAT_BAD_INPUT);
    d = good;
    d.tau = NAN;
    assert_int_equal(cs_stats_power_difference(&d, 0.1).status, CS_STAT_BAD_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(binary_components_by_hand),
        cmocka_unit_test(identity_holds_on_every_scale),
        cmocka_unit_test(two_categories_are_a_binary_answer),
        cmocka_unit_test(components_need_repeats_and_cases),
        cmocka_unit_test(bootstrap_bytes_do_not_depend_on_threads),
        cmocka_unit_test(bootstrap_shares_its_draws),
        cmocka_unit_test(bootstrap_of_a_mean_is_near_theory),
        cmocka_unit_test(bootstrap_refuses_and_guards),
        cmocka_unit_test(percentiles_interpolate),
        cmocka_unit_test(rate_ratios_are_guarded),
        cmocka_unit_test(crossed_interval_covers_models_too),
        cmocka_unit_test(crossed_draws_are_independent),
        cmocka_unit_test(power_is_that_of_the_noncentral_t),
        cmocka_unit_test(power_of_equivalence_as_published),
        cmocka_unit_test(power_refuses_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
