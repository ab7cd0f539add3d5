/* interaction.h - does a shift differ: between levels of another factor, between models, between kinds of cases.
 *
 * Within cases, cluster i has one shift a column and I_i = shift in one column - shift in the reference column; one column is then a
 * matter for cluster.h. Several at once: Hotelling's T2 = n c' S^-1 c with c their means and S their covariance, F = (n - p) T2 /
 * (p (n - 1)) on (p, n - p), p the rank of S: Hotelling, Ann Math Stat 2 (1931) 360. With fewer than p + CS_INTERACTION_SPARE
 * clusters S is too uncertain: then the largest |t| of the columns under the wild cluster bootstrap (adjust.h), whose statistic it is.
 * Between cases, each kind of case is an independent sample of shifts: Welch's F of k means, Biometrika 38 (1951) 330; two of them are
 * Welch's t, Biometrika 34 (1947) 28. Where a kind of case has no variance its weight has no bound: then the smallest p of all pairs,
 * times their number (Bonferroni).
 */
#ifndef CS_INTERACTION_H
#define CS_INTERACTION_H

#include "tools/report/stats/bootstrap.h"
#include "tools/report/stats/cluster.h"

enum { CS_INTERACTION_SPARE = 10 };

enum cs_interaction_kind { CS_INTERACTION_HOTELLING, CS_INTERACTION_MAX_T, CS_INTERACTION_WELCH, CS_INTERACTION_PAIRS };

struct cs_interaction {
    enum cs_stat_status
        status; /* CS_STAT_TOO_FEW: fewer than two clusters in a sample; CS_STAT_CONSTANT: nothing varies */
    enum cs_interaction_kind kind;
    double statistic;   /* T2, the largest |t|, or F; 0 for pairs */
    double f, df1, df2; /* 0 for max-T and pairs */
    double p;
};

/* x[i * p + k]: how the shift of cluster i in column k differs from its shift in the reference; p >= 1. */
struct cs_interaction cs_interaction_within(const struct cs_boot *boot, const double *x, size_t n, size_t p);

/* k >= 2 samples of shifts, n[j] clusters in the j-th. */
struct cs_interaction cs_interaction_between(const double *const *x, const size_t *n, size_t k);

/* Mean of x minus mean of y, of independent samples. range: the largest difference of two shifts, as for cs_cluster_t. */
struct cs_cluster_test cs_interaction_welch(const double *x, size_t n, const double *y, size_t m, double alpha,
                                            double range);

#endif
