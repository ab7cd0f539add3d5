/* kappa.h - agreement of raters, beyond chance.
 *
 * Cohen:  Educ Psychol Meas 20 (1960) 37; weighted, Psychol Bull 70 (1968) 213. Standard error for intervals: Fleiss, Cohen,
 *         Everitt, Psychol Bull 72 (1969) 323. Interval: normal, cut at -1 and 1.
 * Fleiss: Psychol Bull 76 (1971) 378, for a fixed number of raters a subject; standard error by leaving out one subject at a
 *         time, interval by t with subjects - 1 degrees of freedom: the published formula holds under chance agreement only.
 * Edge cases: all ratings in one category leave chance agreement at 1: CS_STAT_UNDEFINED. Kappa with no variance (perfect
 * agreement): estimate with CS_STAT_CONSTANT in interval_status.
 */
#ifndef CS_KAPPA_H
#define CS_KAPPA_H

#include "tools/report/stats/stats.h"

enum cs_kappa_weights {
    CS_KAPPA_PLAIN,     /* any difference counts 1 */
    CS_KAPPA_LINEAR,    /* distance of the levels */
    CS_KAPPA_QUADRATIC, /* squared distance */
};

struct cs_kappa {
    enum cs_stat_status status;
    double kappa, agreement, chance; /* shares of weighted agreement, observed and expected */
    enum cs_stat_status interval_status;
    double se;
    struct cs_interval ci;
};

/* count[i * k + j]: subjects in category i by the first rater, j by the second. */
struct cs_kappa cs_kappa_cohen(const uint32_t *count, size_t k, enum cs_kappa_weights weights, double alpha);

/* count[s * k + c]: raters who put subject s into category c; every subject has the same number of raters, at least two. */
struct cs_kappa cs_kappa_fleiss(const uint32_t *count, size_t subjects, size_t k, double alpha);

#endif
