/* power.h - what a study can see before it is paid for: the power of the tests that cluster.h makes. Shifts in fractions or levels.
 *
 * SE^2 = (tau^2 + noise_a / Ka + noise_0 / K0) / n: the variance of a mean of n cluster differences, each with its own true shift
 * (SD tau) and K answers an arm, whose variance within a cluster is the noise: p (1 - p) of a rate p (Miller, arXiv 2411.00640,
 * section 3, with both arms written out). The test divides by an estimated SE with n - 1 degrees of freedom: power is the mean,
 * over its chi distribution, of the normal probability (Chow, Shao, Wang, Sample Size Calculations in Clinical Research (2008)
 * sections 3.1.1 and 3.1.3), which for a difference is the noncentral t. Exact if cluster differences are normal.
 * Give alpha as adjusted for the family: alpha / m bounds Holm, max-T and BH from below.
 * Edge cases: SE = 0 (no variance possible) is CS_STAT_CONSTANT; n < 2 or K < 1 CS_STAT_TOO_FEW.
 */
#ifndef CS_POWER_H
#define CS_POWER_H

#include "tools/report/stats/stats.h"

struct cs_power_design {
    double n;                /* clusters */
    double tau;              /* SD of the true shift over clusters */
    double noise_a, noise_0; /* variance of one answer within a cluster, under the level and under the comparator */
    double ka, k0;           /* answers a cluster in each arm */
    double alpha;            /* two-sided for a difference, each side for equivalence */
};

struct cs_power {
    enum cs_stat_status status;
    double se;
    double power;
};

double cs_stats_power_se(const struct cs_power_design *d); /* 0 if the design has no variance or no clusters */
/* A mean shift of this size is found. */
struct cs_power cs_stats_power_difference(const struct cs_power_design *d, double shift);
/* Both one-sided tests pass, when the mean shift is this. */
struct cs_power cs_stats_power_equivalence(const struct cs_power_design *d, double shift, double margin);

/* The smallest shift that is found with this power, 0.5 to 0.9999. */
struct cs_power cs_stats_power_smallest_shift(const struct cs_power_design *d, double power, double *shift);

#endif
