#include "tools/report/stats/dist.h"

#include <math.h>

#include <gsl/gsl_cdf.h>

#include "protocol/base/assert.h"
#include "tools/report/stats/stats.h"

/* Beyond these a tail is 0 as far as any decision goes; the tail at the clamp stands for it, so that p never reads 0. */
static const double T_MOST = 1e12, CHI2_MOST = 1200, F_MOST = 1e12;

enum { BISECTIONS = 200 };

double cs_dist_normal_cdf(double z)
{
    return 0.5 * erfc(-z * M_SQRT1_2);
}

double cs_dist_normal_quantile(double p)
{
    CS_ASSERT(cs_stats_is_level(p));
    return gsl_cdf_ugaussian_Pinv(p);
}

double cs_dist_t_upper(double t, double df)
{
    CS_ASSERT(!isnan(t) && df > 0);
    const double q = gsl_cdf_tdist_Q(cs_stats_max(-T_MOST, cs_stats_min(t, T_MOST)), df);
    CS_ASSERT(!isnan(q));
    return cs_stats_unit(q);
}

double cs_dist_t_two_sided(double t, double df)
{
    return cs_stats_unit(2 * cs_dist_t_upper(fabs(t), df));
}

double cs_dist_t_critical(double upper, double df)
{
    CS_ASSERT(cs_stats_is_level(upper) && df > 0);
    if (upper > 0.5)
        return -cs_dist_t_critical(1 - upper, df);
    double lo = 0, hi = 1;
    while (hi < T_MOST && cs_dist_t_upper(hi, df) > upper) {
        lo = hi;
        hi *= 2;
    }
    for (int i = 0; i < BISECTIONS; i++) {
        const double mid = lo + (hi - lo) / 2;
        if (mid <= lo || mid >= hi)
            break;
        if (cs_dist_t_upper(mid, df) > upper)
            lo = mid;
        else
            hi = mid;
    }
    return hi;
}

double cs_dist_chi2_upper(double x, double df)
{
    CS_ASSERT(!isnan(x) && df > 0);
    return x <= 0 ? 1 : cs_stats_unit(gsl_cdf_chisq_Q(cs_stats_min(x, CHI2_MOST + df), df));
}

double cs_dist_f_upper(double x, double df1, double df2)
{
    CS_ASSERT(!isnan(x) && df1 > 0 && df2 > 0);
    if (x <= 0)
        return 1;
    const double q = gsl_cdf_fdist_Q(cs_stats_min(x, F_MOST), df1, df2);
    CS_ASSERT(!isnan(q));
    return cs_stats_unit(q);
}

double cs_dist_binomial_lower(uint32_t k, uint32_t n, double p)
{
    CS_ASSERT(k <= n && p >= 0 && p <= 1);
    return k == n ? 1 : cs_stats_unit(gsl_cdf_binomial_P(k, p, n));
}

double cs_dist_binomial_bound_hi(uint32_t k, uint32_t n, double alpha)
{
    CS_ASSERT(k <= n && cs_stats_is_level(alpha));
    if (k == n)
        return 1;
    double lo = 0, hi = 1;
    for (int i = 0; i < BISECTIONS; i++) {
        const double mid = lo + (hi - lo) / 2;
        if (mid <= lo || mid >= hi)
            break;
        if (cs_dist_binomial_lower(k, n, mid) > alpha)
            lo = mid;
        else
            hi = mid;
    }
    return hi;
}

double cs_dist_binomial_bound_lo(uint32_t k, uint32_t n, double alpha)
{
    return 1 - cs_dist_binomial_bound_hi(n - k, n, alpha);
}
