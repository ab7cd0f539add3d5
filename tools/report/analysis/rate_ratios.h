/* rate_ratios.h - the ratio of two mean rates with its interval, as figures of the report. The guards are those of stats/ratio.h. Pure; any
 * thread. */
#ifndef CS_RATE_RATIOS_H
#define CS_RATE_RATIOS_H

#include "tools/report/model.h"
#include "tools/report/analysis/work.h"

/* The ratio of level to comparator, cluster by cluster; what may not be given stays unknown. */
void cs_rate_ratios_of(const struct cs_paired *pair, double alpha, struct cs_report_figure *ratio,
                       struct cs_report_span *ci);
/* The ratio of two mean rates over the same n clusters, unknown where it would mislead. */
struct cs_report_figure cs_rate_ratios_plain(const double *above, const double *below, uint32_t n);

#endif
