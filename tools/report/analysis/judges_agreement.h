/* judges_agreement.h - how judges agree: all of them (Fleiss), any two (Cohen), and each with itself when it is asked again (Fleiss over its
 * repeats). A judge's word is that of its first repeat; a text that several outputs share counts once. Missing votes are in no kappa: who
 * has none is left out of that item, and `items` says how many remain. Thread: main. */
#ifndef CS_JUDGES_AGREEMENT_H
#define CS_JUDGES_AGREEMENT_H

#include "tools/report/analysis/work.h"

/* Sets judges_agreement of the report. */
void cs_judges_agreement_fill(struct cs_report_work *w);

#endif
