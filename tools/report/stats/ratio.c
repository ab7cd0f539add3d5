#include "tools/report/stats/ratio.h"

#include <math.h>

#include "tools/report/stats/dist.h"

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

/* SE of the ratio, from how far each cluster is from it. */
static double linear_se(const double *level, const double *comparator, size_t n, double ratio, double below)
{
    double squares = 0;
    for (size_t i = 0; i < n; i++) {
        const double off = (level[i] - ratio * comparator[i]) / below; /* their mean is 0 */
        squares += off * off;
    }
    return sqrt(squares / (double)(n - 1) / (double)n);
}

struct cs_ratio cs_ratio_rate(const double *level, const double *comparator, size_t n, double alpha)
{
    const struct rate above = mean_rate(level, n), below = mean_rate(comparator, n);
    struct cs_ratio r = {.status = above.status != CS_STAT_OK ? above.status : below.status};
    if (!cs_stats_is_level(alpha))
        r.status = CS_STAT_BAD_INPUT;
    if (r.status != CS_STAT_OK) {
        r.interval_status = r.status;
        return r;
    }
    r.above = above.mean;
    r.below = below.mean;
    if (below.some == 0)
        r.status = CS_STAT_UNDEFINED;
    else if (below.some < CS_RATIO_CLUSTERS_MIN)
        r.status = CS_STAT_RARE;
    r.interval_status = r.status;
    if (r.status != CS_STAT_OK)
        return r;
    r.ratio = above.mean / below.mean;
    if (above.some < CS_RATIO_CLUSTERS_MIN) {
        r.interval_status = CS_STAT_RARE;
        return r;
    }
    const double se = linear_se(level, comparator, n, r.ratio, below.mean);
    if (se <= CS_STAT_ZERO) {
        r.interval_status = CS_STAT_CONSTANT; /* one rate is a multiple of the other in every cluster */
        return r;
    }
    const double reach = exp(cs_dist_t_critical(alpha / 2, (double)(n - 1)) * se / r.ratio);
    r.ci = (struct cs_interval){r.ratio / reach, r.ratio * reach};
    return r;
}
