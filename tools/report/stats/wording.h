/* wording.h - a level said in several sentences: how far the sentences differ, and what that does to the shift of the level.
 *
 * A level stands for more than the sentences that say it, so these are a sample, as the cases are. With D_ir the shift of cluster i under
 * wording r, n clusters and W wordings, D_ir = shift + case + wording + rest, and the variance of the mean is s^2 / n + sw^2 / W with s^2
 * the variance of the cluster means and sw^2 = variance of the wording means - MS_rest / n, from the two-way layout without repetition
 * (Searle, Casella, McCulloch, Variance Components (1992) section 4.4); below 0 it adds nothing. Degrees of freedom are the smaller of
 * n - 1 and W - 1: Cameron, Gelbach, Miller, J Bus Econ Stat 29 (2011) 238, on clustering in two ways.
 * Needs CS_WORDINGS_MIN wordings and two clusters with all of them.
 */
#ifndef CS_WORDING_H
#define CS_WORDING_H

#include "tools/report/stats/cluster.h"

enum { CS_WORDINGS_MIN = 3 };

struct cs_wording_spread {
    enum cs_stat_status status;
    size_t clusters, wordings;
    double variance; /* unbiased, may be negative */
    double sd;       /* 0 where that is negative: for display */
};

/* d[i * wordings + r]; every cluster has every wording. */
struct cs_wording_spread cs_wording_spread_of(const double *d, size_t clusters, size_t wordings);

/* A usable test of cluster means with the spread of its wordings added: wider, and on fewer degrees of freedom. */
struct cs_cluster_test cs_wording_widen(const struct cs_cluster_test *test, double variance, size_t wordings,
                                        double alpha);

#endif
