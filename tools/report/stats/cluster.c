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
    if (test->exact)
        return cs_proportion_newcombe_paired(test->pairs, alpha).ci;
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
    for (size_t i = 0; i < n; i++)
        test.moved += fabs(d[i]) > CS_STAT_ZERO;
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

/* A difference from the middle of its ends, which is as far from either. */
struct cs_cluster_level cs_cluster_level(const double *x, size_t n, double alpha, double lo, double hi)
{
    const bool bounded = isfinite(lo) && isfinite(hi) && lo < hi;
    const double middle = bounded ? lo + (hi - lo) / 2 : 0;
    double *d = cs_xcalloc(n + 1, sizeof *d);
    for (size_t i = 0; i < n; i++)
        d[i] = x[i] - middle;
    const struct cs_cluster_test t = cs_cluster_t(d, n, alpha, bounded ? hi - middle : 0);
    free(d);
    struct cs_cluster_level level = {.status = t.status, .n = n, .mean = middle + t.mean};
    if (cs_stats_usable(t.status))
        level.ci = (struct cs_interval){middle + t.ci.lo, middle + t.ci.hi};
    if (bounded)
        level.ci = (struct cs_interval){cs_stats_max(lo, level.ci.lo), cs_stats_min(hi, level.ci.hi)};
    return level;
}

/* ---- one pair of answers a cluster ------------------------------------------------------------------------- */

static void count_pairs(struct cs_cluster_test *test, struct cs_pairs pairs, double alpha)
{
    const double n = (double)test->n, b = pairs.lost, c = pairs.gained;
    test->pairs = pairs;
    test->moved = (size_t)pairs.lost + pairs.gained;
    test->mean = (c - b) / n;
    test->se = sqrt((b + c - n * test->mean * test->mean) / (n - 1) / n);
    test->t = test->se > 0 ? test->mean / test->se : 0;
    test->p = cs_proportion_mcnemar(pairs.lost, pairs.gained);
    test->ci = cs_cluster_interval(test, alpha);
}

struct cs_cluster_test cs_cluster_pairs(struct cs_pairs pairs, double alpha)
{
    const size_t n = (size_t)pairs.both + pairs.lost + pairs.gained + pairs.neither;
    struct cs_cluster_test test = {.n = n, .range = 1, .exact = true, .df = n > 1 ? (double)(n - 1) : 0};
    test.status = !cs_stats_is_level(alpha) ? CS_STAT_BAD_INPUT : n < 2 ? CS_STAT_TOO_FEW : CS_STAT_OK;
    if (cs_stats_usable(test.status))
        count_pairs(&test, pairs, alpha);
    else if (n == 1)
        test.mean = (double)pairs.gained - (double)pairs.lost;
    return test;
}

/* So many agreeing pairs that now disagree; no more than there are. */
static struct cs_pairs disagree_more(struct cs_pairs pairs, double by, size_t n)
{
    const uint32_t agreeing = pairs.both + pairs.neither, wanted = (uint32_t)lround(fabs(by) * (double)n);
    const uint32_t k = wanted < agreeing ? wanted : agreeing, of_neither = k < pairs.neither ? k : pairs.neither;
    pairs.neither -= of_neither;
    pairs.both -= k - of_neither;
    if (by < 0)
        pairs.lost += k;
    else
        pairs.gained += k;
    return pairs;
}

struct cs_cluster_test cs_cluster_moved(const struct cs_cluster_test *test, double by, double alpha)
{
    struct cs_cluster_test out = *test;
    if (!cs_stats_usable(test->status) || fabs(by) <= CS_STAT_ZERO)
        return out;
    if (test->exact) {
        count_pairs(&out, disagree_more(test->pairs, by, test->n), alpha);
        return out;
    }
    out.mean += by;
    if (test->status == CS_STAT_BOUND) {
        out.mean = cs_stats_max(-test->range, cs_stats_min(out.mean, test->range));
        out.p = fabs(out.mean) <= CS_STAT_ZERO ? 1 : exp2(1 - (double)out.n);
    } else {
        out.t = out.mean / out.se;
        out.p = cs_dist_t_two_sided(out.t, out.df);
    }
    out.ci = cs_cluster_interval(&out, alpha);
    return out;
}

/* ---- equivalence -------------------------------------------------------------------------------------------- */

/* The level at which the bound of agreement just reaches a limit `room` away, of `most` possible. */
static double agreement_p(double room, double most, size_t n)
{
    if (room <= 0)
        return 1;
    return room >= most ? 0 : exp((double)n * log1p(-room / most));
}

bool cs_cluster_few_moved(const struct cs_cluster_test *test)
{
    return test->status == CS_STAT_OK && !test->exact && test->range > 0 && test->moved > 0 &&
           test->moved <= CS_CLUSTER_FEW_MOVED && test->moved < test->n;
}

double cs_cluster_least_margin(size_t n, size_t moved, double alpha, double range)
{
    if (moved > CS_CLUSTER_FEW_MOVED || moved >= n)
        return 0;
    const double share = (double)moved / (double)n;
    return (cs_dist_binomial_bound_hi((uint32_t)moved, (uint32_t)n, alpha) - share) * range;
}

/* What t does not see where hardly a cluster moved. */
static double unseen(const struct cs_cluster_test *test, double alpha)
{
    return cs_cluster_few_moved(test) ? cs_cluster_least_margin(test->n, test->moved, alpha, test->range) : 0;
}

struct cs_interval cs_cluster_equivalence_interval(const struct cs_cluster_test *test, double alpha)
{
    const struct cs_interval ci = cs_cluster_interval(test, 2 * alpha);
    const double more = unseen(test, alpha);
    return (struct cs_interval){ci.lo - more, ci.hi + more};
}

/* The smallest level at which the interval lies inside the margin, or on the right side of one of its ends: it only shrinks as the level
 * grows. */
static double smallest_level(const struct cs_cluster_test *test, double margin, int worse)
{
    enum { STEPS = 60 };
    double lo = 0, hi = 0.5 - 1e-12;
    for (int i = 0; i < STEPS; i++) {
        const double mid = lo + (hi - lo) / 2;
        if (mid <= lo || mid >= hi)
            break;
        const struct cs_interval ci = cs_cluster_equivalence_interval(test, mid);
        if ((worse > 0 || ci.lo > -margin) && (worse < 0 || ci.hi < margin))
            hi = mid;
        else
            lo = mid;
    }
    return hi;
}

static double tost_p(const struct cs_cluster_test *test, double margin)
{
    const double d = test->mean;
    if (fabs(d) >= margin && (test->exact || test->status == CS_STAT_OK))
        return cs_stats_max(0.5, test->exact ? 0.5 : cs_dist_t_upper((margin - fabs(d)) / test->se, test->df));
    if (test->exact || cs_cluster_few_moved(test))
        return smallest_level(test, margin, 0);
    if (test->status == CS_STAT_BOUND)
        return cs_stats_max(agreement_p(margin - d, test->range - d, test->n),
                            agreement_p(margin + d, test->range + d, test->n));
    return cs_stats_max(cs_dist_t_upper((margin - d) / test->se, test->df),
                        cs_dist_t_upper((margin + d) / test->se, test->df));
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
    tost.p = tost_p(test, margin);
    tost.passes = tost.p < alpha;
    tost.ci = cs_cluster_equivalence_interval(test, alpha);
    return tost;
}

/* The p-value at the end that counts; room is how far the mean is from it. */
static double not_worse_p(const struct cs_cluster_test *test, double margin, int worse)
{
    const double d = worse < 0 ? test->mean : -test->mean, room = margin + d;
    if (test->status == CS_STAT_BOUND)
        return agreement_p(room, test->range + d, test->n);
    if (room > 0 && (test->exact || cs_cluster_few_moved(test)))
        return smallest_level(test, margin, worse);
    return test->exact ? 0.5 : cs_dist_t_upper(room / test->se, test->df);
}

struct cs_tost cs_cluster_not_worse(const struct cs_cluster_test *test, double margin, double alpha, int worse)
{
    struct cs_tost r = cs_cluster_tost(test, margin, alpha);
    if (!cs_stats_usable(r.status) || worse == 0)
        return r;
    r.p = not_worse_p(test, margin, worse);
    r.passes = r.p < alpha;
    return r;
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
