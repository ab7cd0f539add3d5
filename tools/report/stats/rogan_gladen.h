/* rogan_gladen.h - one rate alone, from a judge whose sensitivity and specificity were found out on other samples.
 *
 * Estimate: (p + Sp - 1) / (Se + Sp - 1), cut to [0, 1]: Rogan, Gladen, Am J Epidemiol 107 (1978) 71. Interval: Lang, Reiczigel,
 * Prev Vet Med 113 (2014) 13, which keeps its level where the two samples are small; for language models as judges: arXiv 2511.21140.
 * It takes outputs as independent: of clusters, or with weights, give it effective numbers.
 * Never for a contrast of arms: it holds one sensitivity and specificity for all of them (there calibrated.h).
 */
#ifndef CS_ROGAN_GLADEN_H
#define CS_ROGAN_GLADEN_H

#include "tools/report/stats/proportion.h"

struct cs_rogan_gladen_judge {
    double sensitivity, specificity;
    double n_yes,
        n_no; /* outputs behind each: that people call yes, and no; weighted: Kish's effective number of them */
};

/* How many independent outputs tell as much of a rate as these do: `yes[i]` of `n[i]` outputs in each of k clusters. p (1 - p) by the variance of
 * a ratio of cluster sums (Kish, Survey Sampling (1965) section 6.3); never more than the outputs, nor fewer than the clusters that have any,
 * which is what it is of a rate of 0 or 1. */
double cs_rogan_gladen_effective(const double *yes, const double *n, size_t k);

/* rate: of n outputs that the judge calls yes. CS_STAT_UNDEFINED: a judge no better than chance; CS_STAT_TOO_FEW: no outputs. */
struct cs_proportion cs_rogan_gladen(double rate, double n, const struct cs_rogan_gladen_judge *judge, double alpha);

#endif
