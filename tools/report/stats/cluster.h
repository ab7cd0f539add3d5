/* cluster.h - the primary analysis: one difference per cluster, t on their mean; TOST; the sign-flip check.
 *
 * Everything was reduced before to d[i] = mean of the level minus mean of the comparator in cluster i, over repeats,
 * wordings and other factors. Pooling pairs instead rejects far too often (Miller, arXiv 2411.00640).
 *
 * t:         mean / (s / sqrt n), df = n - 1: Student, Biometrika 6 (1908) 1.
 * TOST:      Schuirmann, J Pharmacokinet Biopharm 15 (1987) 657; passes iff the 1 - 2 alpha interval lies inside the margin. p is the
 *            smallest alpha at which it does, also where the interval is wider than t's (few clusters moved) or Newcombe's.
 * Sign flip: Fisher, The Design of Experiments (1935) section 21; exact over all 2^m sign patterns of the m differences that
 *            are not 0 when m <= 16, else (1 + hits) / (1 + draws) of random patterns (Phipson, Smyth, SAGMB 9 (2010) 39).
 *
 * Edge cases. n < 2: CS_STAT_TOO_FEW, only the mean. All differences equal (a model that never changes its answer): t would
 * claim certainty, so CS_STAT_BOUND: with n clusters all at d, at most q = 1 - (alpha/2)^(1/n) of all clusters differ from
 * d (Clopper-Pearson with 0 of n), each by what `range` leaves: [d - q (range + d), d + q (range - d)]; p is that of the
 * sign test, 2^(1-n), or 1 when d = 0; t is 0. `range` is the largest |difference| possible: 1 for rates, levels - 1 for an
 * ordinal; 0 when there is none, then CS_STAT_CONSTANT.
 */
#ifndef CS_CLUSTER_H
#define CS_CLUSTER_H

#include "tools/report/stats/proportion.h"
#include "tools/report/stats/stats.h"

struct cs_cluster_test {
    enum cs_stat_status status;
    size_t n;         /* clusters */
    size_t moved;     /* those whose difference is not 0 */
    double mean;      /* the shift, signed */
    double se, t, df; /* 0 under CS_STAT_BOUND */
    double p;
    struct cs_interval ci; /* at 1 - alpha */
    double range;
    bool widened; /* by the spread of wordings (wording.h): se and df are no longer those of the cluster means alone */
    bool exact;   /* every cluster gives one pair of yes/no answers: */
    struct cs_pairs pairs;
};

struct cs_cluster_test cs_cluster_t(const double *d, size_t n, double alpha, double range);

/* The mean of one value a cluster that is no difference, in [lo, hi]: a rate, a mean level, a score. The interval never leaves these ends, and
 * is the mirror of that of lo + hi - x: coding Yes as No changes no width. All values equal: CS_STAT_BOUND, [d - q (d - lo), d + q (hi - d)].
 * lo >= hi or one not finite: no ends are known, and equal values have no interval (CS_STAT_CONSTANT). */
struct cs_cluster_level {
    enum cs_stat_status status;
    size_t n;
    double mean;
    struct cs_interval ci; /* at 1 - alpha */
};
struct cs_cluster_level cs_cluster_level(const double *x, size_t n, double alpha, double lo, double hi);

/* The same where every cluster gives one pair of yes/no answers: p is McNemar's, exact, and intervals are Newcombe's (proportion.h);
 * t, its standard error and degrees of freedom are kept, for max-T. CS_STAT_TOO_FEW below two pairs. */
struct cs_cluster_test cs_cluster_pairs(struct cs_pairs pairs, double alpha);

/* A usable test with its mean moved by so much, its spread as it was: the worst and the best case of answers that nobody has. Pairs gain
 * as many discordant ones as that takes. */
struct cs_cluster_test cs_cluster_moved(const struct cs_cluster_test *test, double by, double alpha);

/* The interval of a test at another level, for adjusted intervals; the test must be usable. */
struct cs_interval cs_cluster_interval(const struct cs_cluster_test *test, double alpha);

enum { CS_CLUSTER_FEW_MOVED = 10 };

/* The interval that equivalence is judged by, at 1 - 2 alpha: where at most CS_CLUSTER_FEW_MOVED clusters moved, t does not see those
 * that might have, and each end is wider by (Clopper-Pearson's one-sided upper limit at alpha of moved / n, less moved / n) x range. */
struct cs_interval cs_cluster_equivalence_interval(const struct cs_cluster_test *test, double alpha);
bool cs_cluster_few_moved(const struct cs_cluster_test *test); /* whether that is so of a usable test */

/* What that rule leaves at best: no margin below this can be met at alpha, one-sided, by n clusters of which so many moved, however little.
 * moved 0: none, the bound of agreement. 0 where the rule does not hold (more than CS_CLUSTER_FEW_MOVED moved, or all), where the spread
 * alone decides, and for single pairs, which are judged by Newcombe's interval. 2 <= n. */
double cs_cluster_least_margin(size_t n, size_t moved, double alpha, double range);

struct cs_tost {
    enum cs_stat_status status;
    double p;              /* the larger of the two one-sided tests */
    bool passes;           /* p < alpha */
    struct cs_interval ci; /* at 1 - 2 alpha: cs_cluster_equivalence_interval */
};

/* Is the shift inside (-margin, margin)? margin > 0, alpha < 0.5. */
struct cs_tost cs_cluster_tost(const struct cs_cluster_test *test, double margin, double alpha);

/* One side of it: is the shift above -margin (worse < 0: lower is worse) or below margin (worse > 0)? ci is that of cs_cluster_tost, of
 * which one end counts. Declared beforehand, it is non-inferiority: ICH E9 (1998) section 3.3.2. */
struct cs_tost cs_cluster_not_worse(const struct cs_cluster_test *test, double margin, double alpha, int worse);

enum { CS_SIGN_FLIP_EXACT_MAX = 16 };

struct cs_sign_flip {
    enum cs_stat_status status; /* CS_STAT_TOO_FEW below two clusters */
    double p;                   /* 1 when no cluster moved */
    bool exact;
};

struct cs_sign_flip cs_cluster_sign_flip(const double *d, size_t n, uint64_t seed, uint32_t draws);

#endif
