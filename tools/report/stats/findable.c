#include "tools/report/stats/findable.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "protocol/base/alloc.h"
#include "tools/report/stats/cluster.h"

/* n clusters that all differ by `each`, a fraction of the range. */
static struct cs_cluster_test all_differ(size_t n, bool pairs, double each, double level)
{
    if (pairs)
        return cs_cluster_pairs(
            each > 0 ? (struct cs_pairs){.gained = (uint32_t)n} : (struct cs_pairs){.neither = (uint32_t)n}, level);
    double *d = cs_xcalloc(n, sizeof *d);
    for (size_t i = 0; i < n; i++)
        d[i] = each;
    const struct cs_cluster_test test = cs_cluster_t(d, n, level, 1);
    free(d);
    return test;
}

/* How far the interval that decides on equivalence reaches from 0 when nothing moved. */
static double agreement(size_t n, bool pairs, double level)
{
    if (!pairs)
        return cs_cluster_least_margin(n, 0, level, 1);
    const struct cs_cluster_test none = all_differ(n, pairs, 0, level);
    const struct cs_interval ci = cs_cluster_equivalence_interval(&none, level);
    return fmax(-ci.lo, ci.hi);
}

/* It shrinks as clusters are added. */
static size_t clusters_for(double margin, bool pairs, double level)
{
    size_t low = 2, high = CS_FINDABLE_CLUSTERS_TRIED;
    if (agreement(high, pairs, level) >= margin)
        return 0;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        *(agreement(middle, pairs, level) < margin ? &high : &low) = middle;
    }
    return high;
}

struct cs_findable cs_findable_of(const struct cs_findable_design *d)
{
    struct cs_findable r = {.known = d->clusters >= 2 && d->margin > 0 && d->margin < d->range};
    const double margin = d->margin / d->range, level = d->alpha / (double)(d->tests > 0 ? d->tests : 1);
    if (!r.known)
        return r;
    const bool enough = d->clusters >= CS_FINDABLE_CLUSTERS_MIN;
    const double least = agreement(d->clusters, d->pairs, level);
    const struct cs_cluster_test all = all_differ(d->clusters, d->pairs, 1, level);
    r.smallest_margin = least * d->range;
    r.equivalent = enough && least < margin;
    r.different = enough && all.p <= level;
    r.beyond = r.different && cs_cluster_interval(&all, level).lo > margin;
    r.clusters_needed = clusters_for(margin, d->pairs, level);
    if (r.clusters_needed > 0 && r.clusters_needed < CS_FINDABLE_CLUSTERS_MIN)
        r.clusters_needed = CS_FINDABLE_CLUSTERS_MIN;
    return r;
}
