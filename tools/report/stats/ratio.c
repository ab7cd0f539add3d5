#include "tools/report/stats/ratio.h"

#include <math.h>

struct rate {
    enum cs_stat_status status;
    double mean;
    size_t some; /* clusters where it is above 0 */
};

static struct rate mean_rate(const double *x, size_t n)
{
    struct rate r = {.status = n == 0 ? CS_STAT_TOO_FEW : CS_STAT_OK};
    for (size_t i = 0; i < n; i++) {
        if (!(x[i] >= 0 && x[i] <= 1)) {
            r.status = CS_STAT_BAD_INPUT;
            r.mean = 0;
            return r;
        }
        r.mean += x[i] / (double)n;
        r.some += x[i] > 0;
    }
    return r;
}

struct cs_ratio cs_ratio_rate(const struct cs_boot *boot, const double *level, const double *comparator, size_t n,
                              double alpha)
{
    const struct rate above = mean_rate(level, n), below = mean_rate(comparator, n);
    struct cs_ratio r = {.status = above.status != CS_STAT_OK ? above.status : below.status};
    if (r.status != CS_STAT_OK) {
        r.interval_status = r.status;
        return r;
    }
    r.above = above.mean;
    r.below = below.mean;
    if (below.some == 0)
        r.status = CS_STAT_UNDEFINED;
    else if (below.mean < CS_RATIO_RATE_MIN || below.some < CS_RATIO_CLUSTERS_MIN)
        r.status = CS_STAT_RARE;
    r.interval_status = r.status;
    if (r.status != CS_STAT_OK)
        return r;
    r.ratio = above.mean / below.mean;
    if (above.some < CS_RATIO_CLUSTERS_MIN) {
        r.interval_status = CS_STAT_RARE;
        return r;
    }
    struct cs_boot_result b;
    cs_bootstrap_ratios(boot, level, comparator, n, 1, alpha, &b);
    r.interval_status = b.interval_status;
    r.ci = b.ci;
    return r;
}
