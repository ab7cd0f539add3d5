#include "tools/report/stats/wording.h"

#include <math.h>
#include <stdlib.h>

#include "protocol/base/alloc.h"
#include "tools/report/stats/dist.h"

static double variance_of_wordings(const double *d, size_t n, size_t w)
{
    double *cluster = cs_xcalloc(n, sizeof *cluster), *wording = cs_xcalloc(w, sizeof *wording);
    double mean = 0, between = 0, rest = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t r = 0; r < w; r++) {
            cluster[i] += d[i * w + r] / (double)w;
            wording[r] += d[i * w + r] / (double)n;
            mean += d[i * w + r] / (double)(n * w);
        }
    for (size_t r = 0; r < w; r++)
        between += (wording[r] - mean) * (wording[r] - mean);
    for (size_t i = 0; i < n; i++)
        for (size_t r = 0; r < w; r++) {
            const double off = d[i * w + r] - cluster[i] - wording[r] + mean;
            rest += off * off;
        }
    free(cluster);
    free(wording);
    return between / (double)(w - 1) - rest / (double)((n - 1) * (w - 1)) / (double)n;
}

struct cs_wording_spread cs_wording_spread_of(const double *d, size_t clusters, size_t wordings)
{
    struct cs_wording_spread s = {.clusters = clusters, .wordings = wordings};
    s.status = wordings < CS_WORDINGS_MIN || clusters < 2 ? CS_STAT_TOO_FEW : CS_STAT_OK;
    for (size_t i = 0; i < clusters * wordings; i++) {
        if (!isfinite(d[i]))
            s.status = CS_STAT_BAD_INPUT;
    }
    if (s.status != CS_STAT_OK)
        return s;
    s.variance = variance_of_wordings(d, clusters, wordings);
    s.sd = sqrt(cs_stats_max(s.variance, 0));
    return s;
}

struct cs_cluster_test cs_wording_widen(const struct cs_cluster_test *test, double variance, size_t wordings,
                                        double alpha)
{
    struct cs_cluster_test out = *test;
    if (test->status != CS_STAT_OK || test->exact || wordings < CS_WORDINGS_MIN)
        return out;
    out.widened = true;
    out.se = sqrt(test->se * test->se + cs_stats_max(variance, 0) / (double)wordings);
    out.df = cs_stats_min(test->df, (double)(wordings - 1));
    out.t = out.mean / out.se;
    out.p = cs_dist_t_two_sided(out.t, out.df);
    out.ci = cs_cluster_interval(&out, alpha);
    return out;
}
