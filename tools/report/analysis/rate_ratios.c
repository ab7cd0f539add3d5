#include "tools/report/analysis/rate_ratios.h"

#include <stdlib.h>

#include "protocol/base/alloc.h"
#include "tools/report/stats/ratio.h"

enum { COLUMNS = 128 }; /* at a time */

struct side_rate {
    double mean;
    uint32_t some; /* clusters where it is above 0 */
};

static struct side_rate rate_of(const double *x, uint32_t n)
{
    struct side_rate r = {0, 0};
    for (uint32_t i = 0; i < n; i++) {
        r.mean += x[i] / n;
        r.some += x[i] > 0;
    }
    return r;
}

struct cs_report_figure cs_rate_ratios_plain(const double *above, const double *below, uint32_t n)
{
    const struct side_rate a = rate_of(above, n), b = rate_of(below, n);
    if (b.mean < CS_RATIO_RATE_MIN || b.some < CS_RATIO_CLUSTERS_MIN)
        return (struct cs_report_figure){0};
    return cs_analysis_work_known(a.mean / b.mean);
}

static void run_batch(const struct cs_report_work *w, const struct cs_ratio_job *const *jobs, size_t n)
{
    const size_t clusters = w->cases->n_clusters;
    const struct cs_boot boot = {.seed = w->seed, .draws = w->draws, .threads = w->threads};
    double *num = cs_xcalloc(clusters * n + 1, sizeof *num), *den = cs_xcalloc(clusters * n + 1, sizeof *den);
    struct cs_boot_result *out = cs_xcalloc(n, sizeof *out);
    for (size_t k = 0; k < n; k++) {
        const struct cs_paired *p = jobs[k]->pair;
        for (uint32_t i = 0; i < p->n; i++) {
            num[p->cluster[i] * n + k] = p->level[i];
            den[p->cluster[i] * n + k] = p->comparator[i];
        }
    }
    cs_bootstrap_ratios(&boot, num, den, clusters, n, w->declared->alpha, out);
    for (size_t k = 0; k < n; k++) {
        const struct side_rate above = rate_of(jobs[k]->pair->level, jobs[k]->pair->n);
        if (cs_stats_usable(out[k].status))
            *jobs[k]->ratio = cs_analysis_work_known(out[k].estimate);
        if (cs_stats_usable(out[k].interval_status) && above.mean >= CS_RATIO_RATE_MIN)
            *jobs[k]->ci = (struct cs_report_span){true, out[k].ci.lo, out[k].ci.hi};
    }
    free(num);
    free(den);
    free(out);
}

void cs_rate_ratios(const struct cs_report_work *w, const struct cs_ratio_job *jobs, size_t n)
{
    const struct cs_ratio_job *batch[COLUMNS];
    size_t wide = 0;
    for (size_t i = 0; i < n; i++) {
        if (!cs_rate_ratios_plain(jobs[i].pair->level, jobs[i].pair->comparator, jobs[i].pair->n).known)
            continue;
        batch[wide++] = &jobs[i];
        if (wide == COLUMNS) {
            run_batch(w, batch, wide);
            wide = 0;
        }
    }
    if (wide > 0)
        run_batch(w, batch, wide);
}
