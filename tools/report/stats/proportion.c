#include "tools/report/stats/proportion.h"

#include <math.h>

#include "tools/report/stats/dist.h"

struct cs_proportion cs_proportion_wilson(uint32_t yes, uint32_t n, double alpha)
{
    struct cs_proportion r = {.status = CS_STAT_OK};
    if (!cs_stats_is_level(alpha) || yes > n)
        r.status = CS_STAT_BAD_INPUT;
    else if (n == 0)
        r.status = CS_STAT_TOO_FEW;
    if (r.status != CS_STAT_OK)
        return r;
    const double z = cs_dist_normal_quantile(1 - alpha / 2), z2 = z * z, m = n;
    const double p = (double)yes / m, mid = (p + z2 / (2 * m)) / (1 + z2 / m);
    const double reach = z / (1 + z2 / m) * sqrt(p * (1 - p) / m + z2 / (4 * m * m));
    r.estimate = p;
    r.ci.lo = yes == 0 ? 0 : cs_stats_unit(mid - reach);
    r.ci.hi = yes == n ? 1 : cs_stats_unit(mid + reach);
    return r;
}

struct cs_proportion cs_proportion_newcombe(uint32_t yes1, uint32_t n1, uint32_t yes2, uint32_t n2, double alpha)
{
    const struct cs_proportion a = cs_proportion_wilson(yes1, n1, alpha), b = cs_proportion_wilson(yes2, n2, alpha);
    struct cs_proportion r = {.status = a.status != CS_STAT_OK ? a.status : b.status};
    if (r.status != CS_STAT_OK)
        return r;
    r.estimate = a.estimate - b.estimate;
    r.ci.lo = r.estimate - hypot(a.estimate - a.ci.lo, b.ci.hi - b.estimate);
    r.ci.hi = r.estimate + hypot(a.ci.hi - a.estimate, b.estimate - b.ci.lo);
    return r;
}

/* Newcombe's phi: numerator drawn n/2 towards 0 when positive. */
static double pair_correlation(struct cs_pairs t)
{
    const double a = t.both, b = t.lost, c = t.gained, d = t.neither;
    const double margins = (a + b) * (c + d) * (a + c) * (b + d);
    if (margins <= 0)
        return 0;
    const double cross = a * d - b * c;
    return (cross > 0 ? cs_stats_max(cross - (a + b + c + d) / 2, 0) : cross) / sqrt(margins);
}

static double with_correlation(double x, double y, double phi)
{
    return sqrt(cs_stats_max(x * x - 2 * phi * x * y + y * y, 0));
}

struct cs_proportion cs_proportion_newcombe_paired(struct cs_pairs pairs, double alpha)
{
    struct cs_proportion r = {.status = CS_STAT_BAD_INPUT};
    const uint64_t total = (uint64_t)pairs.both + pairs.lost + pairs.gained + pairs.neither;
    if (total > UINT32_MAX)
        return r;
    const uint32_t n = (uint32_t)total;
    const struct cs_proportion level = cs_proportion_wilson(pairs.both + pairs.gained, n, alpha);
    const struct cs_proportion base = cs_proportion_wilson(pairs.both + pairs.lost, n, alpha);
    r.status = level.status;
    if (r.status != CS_STAT_OK)
        return r;
    const double phi = pair_correlation(pairs);
    r.estimate = ((double)pairs.gained - (double)pairs.lost) / (double)n;
    r.ci.lo = r.estimate - with_correlation(level.estimate - level.ci.lo, base.ci.hi - base.estimate, phi);
    r.ci.hi = r.estimate + with_correlation(level.ci.hi - level.estimate, base.estimate - base.ci.lo, phi);
    return r;
}

double cs_proportion_mcnemar(uint32_t b, uint32_t c)
{
    return cs_stats_unit(2 * cs_dist_binomial_lower(b < c ? b : c, b + c, 0.5));
}

struct cs_odds_ratio cs_proportion_odds_ratio_pairs(uint32_t b, uint32_t c, double alpha)
{
    struct cs_odds_ratio r = {.status = CS_STAT_OK};
    if (!cs_stats_is_level(alpha) || (uint64_t)b + c > UINT32_MAX) {
        r.status = CS_STAT_BAD_INPUT;
        return r;
    }
    if (b == 0)
        r.status = CS_STAT_UNDEFINED;
    else
        r.ratio = (double)c / (double)b;
    if (b + c == 0)
        return r;
    r.has_lo = true;
    if (c > 0) {
        const double share = cs_dist_binomial_bound_lo(c, b + c, alpha / 2);
        r.lo = share / (1 - share);
    }
    if (b > 0) {
        const double share = cs_dist_binomial_bound_hi(c, b + c, alpha / 2);
        r.hi = share / (1 - share);
        r.has_hi = true;
    }
    return r;
}
