/* rate_ratios.h - many rate ratios at once: one bootstrap of clusters for all of them, in batches that bound memory and change no byte.
 *
 * The guards are those of stats/ratio.h. Thread: main.
 */
#ifndef CS_RATIOS_H
#define CS_RATIOS_H

#include "tools/report/model.h"
#include "tools/report/analysis/work.h"

struct cs_ratio_job {
    const struct cs_paired *pair;   /* mean rates of level and comparator, cluster by cluster */
    struct cs_report_figure *ratio; /* set when it may be given */
    struct cs_report_span *ci;      /* likewise, at 1 - alpha */
};

void cs_rate_ratios(const struct cs_report_work *w, const struct cs_ratio_job *jobs, size_t n);
/* The ratio of two mean rates over the same n clusters, unknown where it would mislead. */
struct cs_report_figure cs_rate_ratios_plain(const double *above, const double *below, uint32_t n);

#endif
