/* lost_rate.h - whether one arm loses more of its trials than another: timeouts, refusals, whatever is rare and comes in heaps.
 *
 * p is the larger of two, so that it holds where either does: the cluster t on per-cluster differences, which knows that losses come in
 * heaps and not that an arm without any has a spread, and Fisher's exact test on all trials (J R Stat Soc 98 (1935) 39; two-sided, the tables
 * no more probable than the one seen), which is the other way round. The interval is that of the cluster t. Pure; any thread.
 */
#ifndef CS_LOST_RATE_H
#define CS_LOST_RATE_H

#include <stdint.h>

#include "tools/report/stats/cluster.h"

struct cs_lost_count { /* trials of one arm */
    uint64_t lost, of; /* lost <= of */
};

/* Fisher's exact test; 1 where there is nothing to compare. */
double cs_lost_rate_fisher(struct cs_lost_count a, struct cs_lost_count b);

struct cs_lost_rate {
    struct cs_cluster_test test; /* its p is that of the t alone */
    double p;                    /* 1 unless the test is usable */
};
/* diff: of n clusters, share lost in one arm minus that in the other. */
struct cs_lost_rate cs_lost_rate_test(const double *diff, size_t n, struct cs_lost_count a, struct cs_lost_count b,
                                      double alpha);

#endif
