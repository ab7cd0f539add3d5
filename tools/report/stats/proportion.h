/* proportion.h - proportions and pairs, only where each cluster gives one answer or one pair (else cluster.h).
 *
 * Wilson:   score interval, J Am Stat Assoc 22 (1927) 209. At 0 and n of n its end is exactly 0 and 1.
 * Newcombe: hybrid score intervals of a difference: independent, method 10 of Stat Med 17 (1998) 873; paired, method 10 of
 *           Stat Med 17 (1998) 2635, whose correlation is corrected for continuity when positive and 0 when undefined.
 * McNemar:  exact, 2 P(X <= min(b, c)), X binomial(b + c, 1/2), at most 1; Psychometrika 12 (1947) 153. b + c = 0: p = 1.
 * Odds ratio c / b: conditional maximum likelihood for pairs, with the exact interval from Clopper-Pearson on c / (b + c);
 *           Breslow, Day, Statistical Methods in Cancer Research I (1980) section 5.2. b: 1 -> 0, c: 0 -> 1 (level over
 *           comparator). b = 0: the ratio is CS_STAT_UNDEFINED, its lower bound is still sound.
 */
#ifndef CS_PROPORTION_H
#define CS_PROPORTION_H

#include "tools/report/stats/stats.h"

struct cs_proportion {
    enum cs_stat_status status; /* CS_STAT_TOO_FEW when there is nothing to divide by */
    double estimate;            /* a rate, or a difference of two */
    struct cs_interval ci;
};

struct cs_proportion cs_proportion_wilson(uint32_t yes, uint32_t n, double alpha);

/* Rate of the first minus rate of the second. */
struct cs_proportion cs_proportion_newcombe(uint32_t yes1, uint32_t n1, uint32_t yes2, uint32_t n2, double alpha);

struct cs_pairs {
    uint32_t both, lost, gained, neither; /* comparator/level: 1/1, 1/0 (b), 0/1 (c), 0/0 */
};

/* Level minus comparator, (c - b) / n. */
struct cs_proportion cs_proportion_newcombe_paired(struct cs_pairs pairs, double alpha);

double cs_proportion_mcnemar(uint32_t b, uint32_t c);

struct cs_odds_ratio {
    enum cs_stat_status status; /* whether ratio can be given */
    double ratio;
    bool has_lo, has_hi; /* lo needs c > 0 to differ from 0; hi is infinite, and absent, when b = 0 */
    double lo, hi;
};

struct cs_odds_ratio cs_proportion_odds_ratio_pairs(uint32_t b, uint32_t c, double alpha);

#endif
