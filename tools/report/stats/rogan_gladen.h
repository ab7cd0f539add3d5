/* rogan_gladen.h - one rate alone, from a judge whose sensitivity and specificity were found out on other samples.
 *
 * Estimate: (p + Sp - 1) / (Se + Sp - 1), cut to [0, 1]: Rogan, Gladen, Am J Epidemiol 107 (1978) 71. Interval: Lang, Reiczigel,
 * Prev Vet Med 113 (2014) 13, which keeps its level where the two samples are small; for language models as judges: arXiv 2511.21140.
 * Never for a contrast of arms: it holds one sensitivity and specificity for all of them (there calibrated.h).
 */
#ifndef CS_ROGAN_GLADEN_H
#define CS_ROGAN_GLADEN_H

#include "tools/report/stats/proportion.h"

struct cs_rogan_gladen_judge {
    double sensitivity, specificity;
    double n_yes, n_no; /* outputs behind each: that people call yes, and no */
};

/* rate: of n outputs that the judge calls yes. CS_STAT_UNDEFINED: a judge no better than chance; CS_STAT_TOO_FEW: no outputs. */
struct cs_proportion cs_rogan_gladen(double rate, double n, const struct cs_rogan_gladen_judge *judge, double alpha);

#endif
