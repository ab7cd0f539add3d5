#include "tools/report/stats/rogan_gladen.h"

#include <math.h>

#include "tools/report/stats/dist.h"

double cs_rogan_gladen_effective(const double *yes, const double *n, size_t k)
{
    double all = 0, sum = 0, squares = 0, clusters = 0;
    for (size_t i = 0; i < k; i++) {
        sum += yes[i];
        all += n[i];
        clusters += n[i] > 0;
    }
    if (clusters < 2)
        return clusters;
    const double p = sum / all;
    for (size_t i = 0; i < k; i++)
        squares += (yes[i] - p * n[i]) * (yes[i] - p * n[i]);
    const double variance = clusters / (clusters - 1) * squares / (all * all);
    if (p * (1 - p) <= CS_STAT_ZERO)
        return clusters;
    return variance > CS_STAT_ZERO ? cs_stats_max(clusters, cs_stats_min(all, p * (1 - p) / variance)) : all;
}

struct cs_proportion cs_rogan_gladen(double rate, double n, const struct cs_rogan_gladen_judge *judge, double alpha)
{
    struct cs_proportion r = {.status = CS_STAT_OK};
    const double youden = judge->sensitivity + judge->specificity - 1;
    if (!cs_stats_is_level(alpha))
        r.status = CS_STAT_BAD_INPUT;
    else if (n < 1 || judge->n_yes < 1 || judge->n_no < 1)
        r.status = CS_STAT_TOO_FEW;
    else if (youden <= CS_STAT_ZERO)
        r.status = CS_STAT_UNDEFINED;
    if (r.status != CS_STAT_OK)
        return r;
    r.estimate = cs_stats_unit((rate + judge->specificity - 1) / youden);

    /* Each proportion is drawn towards one half by one or two outputs, then the delta method with a correction of its bias. */
    const double z = cs_dist_normal_quantile(1 - alpha / 2), z2 = z * z;
    const double n_seen = n + z2, n_no = judge->n_no + 2, n_yes = judge->n_yes + 2;
    const double p = (n * rate + z2 / 2) / n_seen, sp = (judge->n_no * judge->specificity + 1) / n_no,
                 se = (judge->n_yes * judge->sensitivity + 1) / n_yes, better = se + sp - 1;
    if (better <= CS_STAT_ZERO) {
        r.status = CS_STAT_UNDEFINED;
        return r;
    }
    const double theta = (p + sp - 1) / better, of_yes = se * (1 - se) / n_yes, of_no = sp * (1 - sp) / n_no;
    const double mid = theta + 2 * z2 * (theta * of_yes - (1 - theta) * of_no);
    const double half = z / better *
                        sqrt(p * (1 - p) / n_seen + (1 - theta) * (1 - theta) * of_no + theta * theta * of_yes);
    r.ci = (struct cs_interval){cs_stats_unit(mid - half), cs_stats_unit(mid + half)};
    return r;
}
