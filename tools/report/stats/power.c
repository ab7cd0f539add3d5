#include "tools/report/stats/power.h"

#include <math.h>

#include "tools/report/stats/dist.h"

double cs_stats_power_se(const struct cs_power_design *d)
{
    if (!(d->n > 0 && d->k0 > 0 && d->ka > 0))
        return 0;
    return sqrt((d->tau * d->tau + d->noise_a / d->ka + d->noise_0 / d->k0) / d->n);
}

static bool is_size(double x)
{
    return x >= 0 && isfinite(x);
}

static struct cs_power check(const struct cs_power_design *d, double shift)
{
    struct cs_power r = {.status = CS_STAT_OK};
    if (!cs_stats_is_level(d->alpha) || !is_size(d->tau) || !is_size(d->noise_a) || !is_size(d->noise_0) ||
        !is_size(d->n) || !is_size(d->ka) || !is_size(d->k0) || !isfinite(shift))
        r.status = CS_STAT_BAD_INPUT;
    else if (d->n < 2 || d->k0 < 1 || d->ka < 1)
        r.status = CS_STAT_TOO_FEW;
    else if ((r.se = cs_stats_power_se(d)) <= 0)
        r.status = CS_STAT_CONSTANT;
    return r;
}

/* Density of s = estimated / true SE: chi over its degrees of freedom. */
static double density(double s, double df)
{
    return s <= 0 ? 0 : 2 * exp(df / 2 * log(df / 2) - lgamma(df / 2) + (df - 1) * log(s) - df * s * s / 2);
}

/* Mean over the estimated SE of the probability that both bounds hold: lower + step s < Z < upper - step s. */
static double mean_over_se(double df, double lower, double upper, double step)
{
    enum { STEPS = 600 }; /* Simpson's rule */
    const double reach = 9 / sqrt(2 * df), from = cs_stats_max(0, 1 - reach);
    const double empty = step > 0 ? (upper - lower) / (2 * step) : 1 + reach; /* from here on no Z is left */
    const double h = (cs_stats_min(1 + reach, empty) - from) / STEPS;
    double sum = 0;
    if (h <= 0)
        return 0;
    for (int i = 0; i <= STEPS; i++) {
        const double s = from + i * h, a = lower + step * s, b = upper - step * s;
        const double inside = a < b ? cs_dist_normal_cdf(b) - cs_dist_normal_cdf(a) : 0;
        sum += (i == 0 || i == STEPS ? 1 : i % 2 ? 4 : 2) * density(s, df) * inside;
    }
    return cs_stats_unit(sum * h / 3);
}

struct cs_power cs_stats_power_difference(const struct cs_power_design *d, double shift)
{
    struct cs_power r = check(d, shift);
    if (r.status != CS_STAT_OK)
        return r;
    /* Not found: the mean lies within the critical value of 0 on both sides. */
    const double at = shift / r.se, critical = cs_dist_t_critical(d->alpha / 2, d->n - 1);
    r.power = 1 - mean_over_se(d->n - 1, -at, -at, -critical);
    return r;
}

struct cs_power cs_stats_power_equivalence(const struct cs_power_design *d, double shift, double margin)
{
    struct cs_power r = check(d, shift);
    if (r.status == CS_STAT_OK && !(margin > 0 && isfinite(margin)))
        r.status = CS_STAT_BAD_INPUT;
    if (r.status != CS_STAT_OK)
        return r;
    const double critical = cs_dist_t_critical(d->alpha, d->n - 1);
    r.power = mean_over_se(d->n - 1, (-margin - shift) / r.se, (margin - shift) / r.se, critical);
    return r;
}

struct cs_power cs_stats_power_smallest_shift(const struct cs_power_design *d, double power, double *shift)
{
    struct cs_power r = check(d, 0);
    *shift = 0;
    if (r.status == CS_STAT_OK && !(power >= 0.5 && power <= 0.9999))
        r.status = CS_STAT_BAD_INPUT;
    if (r.status != CS_STAT_OK)
        return r;
    double least = 0, most = r.se;
    while (cs_stats_power_difference(d, most).power < power)
        most *= 2;
    for (int i = 0; i < 60; i++) {
        *shift = (least + most) / 2;
        if (cs_stats_power_difference(d, *shift).power < power)
            least = *shift;
        else
            most = *shift;
    }
    r.power = power;
    return r;
}
