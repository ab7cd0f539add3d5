/* ratio.h - the ratio of two rates.
 *
 * Ratio of means over clusters, sum of rates / sum of rates (Cochran, Sampling Techniques (1977) section 6), with the
 * percentile interval of the cluster bootstrap (bootstrap.h).
 *
 * Guards. The rate below the line must be at least CS_RATIO_RATE_MIN and above 0 in at least CS_RATIO_CLUSTERS_MIN clusters,
 * else CS_STAT_RARE (CS_STAT_UNDEFINED at exactly 0) and no ratio. A rate above the line that is 0 nearly everywhere gives a
 * ratio without an interval (interval_status CS_STAT_RARE). Rates outside [0, 1]: CS_STAT_BAD_INPUT.
 */
#ifndef CS_RATIO_H
#define CS_RATIO_H

#include "tools/report/stats/bootstrap.h"

#define CS_RATIO_RATE_MIN 0.01
enum { CS_RATIO_CLUSTERS_MIN = 5 };

struct cs_ratio {
    enum cs_stat_status status;
    double ratio, above, below; /* the two mean rates; always set, but for bad input and no clusters */
    enum cs_stat_status interval_status;
    struct cs_interval ci;
};

/* Mean rates per cluster, n of each. */
struct cs_ratio cs_ratio_rate(const struct cs_boot *boot, const double *level, const double *comparator, size_t n,
                              double alpha);

#endif
