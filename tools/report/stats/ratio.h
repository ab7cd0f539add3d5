/* ratio.h - the ratio of two rates.
 *
 * Ratio of means over clusters, r = sum of a_i / sum of b_i, with the interval r exp(+-t SE / r), t on n - 1 degrees of freedom and SE that
 * of the mean of (a_i - r b_i) / mean b: the linearised variance of a ratio (Cochran, Sampling Techniques (1977) section 6) on the scale of
 * logarithms. No resampling: a percentile interval misses too often where rates are small.
 *
 * Guards. Both rates must be above 0 in at least CS_RATIO_CLUSTERS_MIN clusters: below that line the ratio of the rate below is
 * CS_STAT_RARE (CS_STAT_UNDEFINED at exactly 0) and not given, and a rate above the line that is 0 nearly everywhere gives a ratio without
 * an interval (interval_status CS_STAT_RARE). Rates outside [0, 1]: CS_STAT_BAD_INPUT.
 */
#ifndef CS_RATIO_H
#define CS_RATIO_H

#include "tools/report/stats/stats.h"

enum { CS_RATIO_CLUSTERS_MIN = 5 };

struct cs_ratio {
    enum cs_stat_status status;
    double ratio, above, below; /* the two mean rates; always set, but for bad input and no clusters */
    enum cs_stat_status interval_status;
    struct cs_interval ci;
};

/* Mean rates per cluster, n of each. */
struct cs_ratio cs_ratio_rate(const double *level, const double *comparator, size_t n, double alpha);

#endif
