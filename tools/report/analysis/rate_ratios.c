#include "tools/report/analysis/rate_ratios.h"

#include "tools/report/stats/ratio.h"

void cs_rate_ratios_of(const struct cs_paired *pair, double alpha, struct cs_report_figure *ratio,
                       struct cs_report_span *ci)
{
    const struct cs_ratio r = cs_ratio_rate(pair->level, pair->comparator, pair->n, alpha);
    if (r.status != CS_STAT_OK)
        return;
    *ratio = cs_analysis_work_known(r.ratio);
    if (r.interval_status == CS_STAT_OK)
        *ci = (struct cs_report_span){true, r.ci.lo, r.ci.hi};
}

struct cs_report_figure cs_rate_ratios_plain(const double *above, const double *below, uint32_t n)
{
    const struct cs_ratio r = cs_ratio_rate(above, below, n, 0.05);
    return r.status == CS_STAT_OK ? cs_analysis_work_known(r.ratio) : (struct cs_report_figure){0};
}
