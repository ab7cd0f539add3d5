#include "tools/report/stats/cluster.h"

#include <math.h>
#include <stdlib.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "tools/report/stats/dist.h"
#include "tools/report/stats/draw.h"

/* n clusters agree: the share of all clusters that may still differ, one-sided at `upper`. */
static struct cs_interval bound_of_agreement(const struct cs_cluster_test *test, double upper)
{
    const double q = -expm1(log(upper) / (double)test->n), d = test->mean;
    return (struct cs_interval){d - q * (test->range + d), d + q * (test->range - d)};
}

struct cs_interval cs_cluster_interval(const struct cs_cluster_test *test, double alpha)
{
    CS_ASSERT(cs_stats_usable(test->status));
    CS_ASSERT(cs_stats_is_level(alpha));
    if (test->status == CS_STAT_BOUND)
        return bound_of_agreement(test, alpha / 2);
    const double reach = cs_dist_t_critical(alpha / 2, test->df) * test->se;
    return (struct cs_interval){test->mean - reach, test->mean + reach};
}

struct cs_cluster_test cs_cluster_t(const double *d, size_t n, double alpha, double range)
{
    struct cs_cluster_test test = {.n = n};
    struct cs_moments m;
    test.status = cs_stats_moments(d, n, &m);
    if (!cs_stats_is_level(alpha) || !isfinite(range) || range < 0)
        test.status = CS_STAT_BAD_INPUT;
    if (test.status == CS_STAT_BAD_INPUT)
        return test;
    test.mean = m.constant && fabs(m.mean) <= CS_STAT_ZERO ? 0 : m.mean;
    if (test.status != CS_STAT_OK)
        return test;
    if (m.constant) {
        if (range <= 0 || fabs(test.mean) > range * (1 + CS_STAT_ZERO)) {
            test.status = CS_STAT_CONSTANT;
            return test;
        }
        test.status = CS_STAT_BOUND;
        test.range = range;
        test.p = test.mean == 0 ? 1 : exp2(1 - (double)n);
    } else {
        test.range = range;
        test.se = sqrt(m.var / (double)n);
        test.df = (double)(n - 1);
        test.t = m.mean / test.se;
        test.p = cs_dist_t_two_sided(test.t, test.df);
    }
    test.ci = cs_cluster_interval(&test, alpha);
    return test;
}

/* The level at which the bound of agreement just reaches a limit `room` away, of `most` possible. */
static double agreement_p(double room, double most, size_t n)
{
    if (room <= 0)
        return 1;
    return room >= most ? 0 : exp((double)n * log1p(-room / most));
}

struct cs_tost cs_cluster_tost(const struct cs_cluster_test *test, double margin, double alpha)
{
    struct cs_tost tost = {.status = test->status};
    if (!cs_stats_usable(test->status))
        return tost;
    if (!(margin > 0) || !isfinite(margin) || !cs_stats_is_level(2 * alpha)) {
        tost.status = CS_STAT_BAD_INPUT;
        return tost;
    }
    const double d = test->mean;
    if (test->status == CS_STAT_BOUND)
        tost.p = cs_stats_max(agreement_p(margin - d, test->range - d, test->n),
                              agreement_p(margin + d, test->range + d, test->n));
    else
        tost.p = cs_stats_max(cs_dist_t_upper((margin - d) / test->se, test->df),
                              cs_dist_t_upper((margin + d) / test->se, test->df));
    tost.passes = tost.p < alpha;
    tost.ci = cs_cluster_interval(test, 2 * alpha);
    return tost;
}

/* All sign patterns in Gray-code order: each step flips one sign, named by the trailing zeros of the counter. */
static double flip_all(const double *d, size_t n, double least)
{
    double sum = 0, sign[CS_SIGN_FLIP_EXACT_MAX];
    for (size_t i = 0; i < n; i++) {
        sign[i] = 1;
        sum += d[i];
    }
    const uint32_t patterns = UINT32_C(1) << n;
    uint32_t hits = fabs(sum) >= least;
    for (uint32_t step = 1; step < patterns; step++) {
        const int i = __builtin_ctz(step);
        sum -= 2 * sign[i] * d[i];
        sign[i] = -sign[i];
        hits += fabs(sum) >= least;
    }
    return (double)hits / (double)patterns;
}

enum { SIGNS_AT_ONCE = 8, SIGN_PATTERNS = 1 << SIGNS_AT_ONCE };

/* For every eight differences, their sum under each of the 256 patterns of signs: a draw then adds one number for eight. */
static double *sums_by_pattern(const double *d, size_t n)
{
    const size_t groups = (n + SIGNS_AT_ONCE - 1) / SIGNS_AT_ONCE;
    double *sums = cs_xcalloc(groups * SIGN_PATTERNS, sizeof *sums);
    for (size_t g = 0; g < groups; g++) {
        double *own = sums + g * SIGN_PATTERNS;
        for (size_t j = g * SIGNS_AT_ONCE; j < n && j < (g + 1) * SIGNS_AT_ONCE; j++)
            own[0] -= d[j];
        for (size_t pattern = 1; pattern < SIGN_PATTERNS; pattern++) {
            const size_t j = g * SIGNS_AT_ONCE + (size_t)__builtin_ctzl(pattern);
            own[pattern] = own[pattern & (pattern - 1)] + (j < n ? 2 * d[j] : 0);
        }
    }
    return sums;
}

static double flip_some(const double *d, size_t n, double least, uint64_t seed, uint32_t draws)
{
    const size_t groups = (n + SIGNS_AT_ONCE - 1) / SIGNS_AT_ONCE;
    double *sums = sums_by_pattern(d, n);
    uint32_t hits = 0;
    for (uint32_t draw = 0; draw < draws; draw++) {
        const uint64_t key = cs_stats_draw_key(seed, draw, CS_DRAW_SIGNS);
        uint64_t bits = 0;
        double sum = 0;
        for (size_t g = 0; g < groups; g++, bits >>= SIGNS_AT_ONCE) {
            if (g % (64 / SIGNS_AT_ONCE) == 0)
                bits = cs_stats_draw_u64(key, g / (64 / SIGNS_AT_ONCE));
            sum += sums[g * SIGN_PATTERNS + (bits & (SIGN_PATTERNS - 1))];
        }
        hits += fabs(sum) >= least;
    }
    free(sums);
    return (1 + (double)hits) / (1 + (double)draws);
}

struct cs_sign_flip cs_cluster_sign_flip(const double *d, size_t n, uint64_t seed, uint32_t draws)
{
    struct cs_sign_flip result = {CS_STAT_OK, 0, false};
    struct cs_moments m;
    result.status = cs_stats_moments(d, n, &m);
    if (result.status != CS_STAT_OK)
        return result;

    double few[CS_SIGN_FLIP_EXACT_MAX], sum = 0, size = 0;
    size_t moved = 0;
    for (size_t i = 0; i < n; i++) {
        if (fabs(d[i]) > CS_STAT_ZERO) {
            if (moved < CS_SIGN_FLIP_EXACT_MAX)
                few[moved] = d[i];
            moved++;
        }
        sum += d[i];
        size += fabs(d[i]);
    }
    /* Patterns as extreme as the observed one count, whatever order their sum was rounded in. */
    const double least = fabs(sum) - 1e-10 * size;
    result.exact = moved <= CS_SIGN_FLIP_EXACT_MAX;
    if (moved == 0)
        result.p = 1;
    else if (result.exact)
        result.p = flip_all(few, moved, least);
    else if (draws == 0)
        result.status = CS_STAT_BAD_INPUT;
    else
        result.p = flip_some(d, n, least, seed, draws);
    return result;
}
