/* adjust.h - many tests at once: adjusted p values.
 *
 * Holm: Scand J Stat 6 (1979) 65. BH: Benjamini, Hochberg, J R Stat Soc B 57 (1995) 289. BY: Benjamini, Yekutieli, Ann Stat 29
 * (2001) 1165. Adjusted p as in Westfall, Young, Resampling-Based Multiple Testing (1993).
 * max-T: step-down over |t| of all contrasts together, algorithm 2.8 of Westfall, Young; the joint distribution under no
 * effect from a wild cluster bootstrap with the null imposed: one random sign a cluster, the same for all contrasts, each t
 * with its own standard error (Cameron, Gelbach, Miller, Rev Econ Stat 90 (2008) 414; Rademacher weights). A resampling of
 * clusters instead would meet draws without variance where few clusters moved. p is (1 + hits) / (1 + draws), the critical
 * value the (1 - alpha) quantile of the largest |t|, taken from above.
 *
 * A test that could not be made enters with p = 1: the family was declared with it. Equal for any number of threads.
 */
#ifndef CS_ADJUST_H
#define CS_ADJUST_H

#include "tools/report/stats/bootstrap.h"

enum cs_adjust {
    CS_ADJUST_NONE,
    CS_ADJUST_HOLM,
    CS_ADJUST_MAX_T,
    CS_ADJUST_BH,
    CS_ADJUST_BY,
};

/* adjusted[i] of p[i], in [0, 1]; a p that is not in [0, 1] counts as 1. Not for max-T, which needs the data. The two
 * arrays may be one. */
void cs_adjust_p(enum cs_adjust method, const double *p, size_t m, double *adjusted);

struct cs_max_t {
    enum cs_stat_status status;
    double critical; /* two-sided: mean +- critical * se holds for all contrasts together at 1 - alpha */
};

/* d[i * m + k]: difference of cluster i in contrast k, 0 where present[i * m + k] is false (NULL: all there). adjusted: m. */
struct cs_max_t cs_adjust_max_t(const struct cs_boot *boot, const double *d, const bool *present, size_t clusters,
                                size_t m, double alpha, double *adjusted);

#endif
