/* power.h - what a study can see before it is paid for. Normal approximation; shifts in fractions or levels.
 *
 * SE^2 = (tau^2 + pa (1 - pa) / Ka + p0 (1 - p0) / K0) / n: the variance of a mean of n cluster differences, each with its own
 * true shift (SD tau) and K answers an arm (Miller, arXiv 2411.00640, section 3, with both arms written out).
 * Difference: P(|Z| > z) with Z normal(shift / SE, 1), z at alpha / 2 (Chow, Shao, Wang, Sample Size Calculations in Clinical
 * Research (2008) section 3.2). Equivalence: P(both one-sided tests pass), never below 0 (the same, section 3.2.3).
 * Give alpha as adjusted for the family: alpha / m bounds Holm and max-T from below.
 * Edge cases: SE = 0 (no variance possible) is CS_STAT_CONSTANT; n = 0 or K = 0 CS_STAT_TOO_FEW.
 */
#ifndef CS_POWER_H
#define CS_POWER_H

#include "tools/report/stats/stats.h"

struct cs_power_design {
    double n;      /* clusters */
    double tau;    /* SD of the true shift over clusters */
    double p0, pa; /* rates of comparator and level; their difference is the shift */
    double k0, ka; /* answers a cluster in each arm */
    double alpha;  /* two-sided for a difference, each side for equivalence */
};

struct cs_power {
    enum cs_stat_status status;
    double se;
    double power;
};

double cs_power_se(const struct cs_power_design *d); /* 0 if the design has no variance or no clusters */
struct cs_power cs_power_difference(const struct cs_power_design *d);
struct cs_power cs_power_equivalence(const struct cs_power_design *d, double margin);

/* The smallest shift found with this power, at the design's SE: (z of 1 - alpha/2 + z of power) SE. */
struct cs_power cs_power_smallest_shift(const struct cs_power_design *d, double power, double *shift);

#endif
