#include "tools/report/stats/power.h"

#include <math.h>

#include "tools/report/stats/dist.h"

static bool is_rate(double p)
{
    return p >= 0 && p <= 1;
}

double cs_power_se(const struct cs_power_design *d)
{
    if (!(d->n > 0 && d->k0 > 0 && d->ka > 0))
        return 0;
    return sqrt((d->tau * d->tau + d->pa * (1 - d->pa) / d->ka + d->p0 * (1 - d->p0) / d->k0) / d->n);
}

static struct cs_power check(const struct cs_power_design *d)
{
    struct cs_power r = {.status = CS_STAT_OK};
    if (!cs_is_level(d->alpha) || !is_rate(d->p0) || !is_rate(d->pa) || !(d->tau >= 0) || !isfinite(d->tau) ||
        !isfinite(d->n) || !isfinite(d->k0) || !isfinite(d->ka))
        r.status = CS_STAT_BAD_INPUT;
    else if (d->n < 2 || d->k0 < 1 || d->ka < 1)
        r.status = CS_STAT_TOO_FEW;
    else if ((r.se = cs_power_se(d)) <= 0)
        r.status = CS_STAT_CONSTANT;
    return r;
}

struct cs_power cs_power_difference(const struct cs_power_design *d)
{
    struct cs_power r = check(d);
    if (r.status != CS_STAT_OK)
        return r;
    const double z = cs_normal_quantile(1 - d->alpha / 2), at = fabs(d->pa - d->p0) / r.se;
    r.power = cs_unit(cs_normal_cdf(at - z) + cs_normal_cdf(-at - z));
    return r;
}

struct cs_power cs_power_equivalence(const struct cs_power_design *d, double margin)
{
    struct cs_power r = check(d);
    if (r.status == CS_STAT_OK && !(margin > 0 && isfinite(margin)))
        r.status = CS_STAT_BAD_INPUT;
    if (r.status != CS_STAT_OK)
        return r;
    const double z = cs_normal_quantile(1 - d->alpha), shift = d->pa - d->p0;
    r.power = cs_unit(cs_normal_cdf((margin - shift) / r.se - z) + cs_normal_cdf((margin + shift) / r.se - z) - 1);
    return r;
}

struct cs_power cs_power_smallest_shift(const struct cs_power_design *d, double power, double *shift)
{
    struct cs_power r = check(d);
    *shift = 0;
    if (r.status == CS_STAT_OK && !(power >= 0.5 && power < 1))
        r.status = CS_STAT_BAD_INPUT;
    if (r.status != CS_STAT_OK)
        return r;
    r.power = power;
    *shift = (cs_normal_quantile(1 - d->alpha / 2) + cs_normal_quantile(power)) * r.se;
    return r;
}
