/* interactions.h - does a shift differ between levels of another factor, models or kinds of cases (stats/interaction.h). Thread: main. */
#ifndef CS_INTERACTIONS_H
#define CS_INTERACTIONS_H

#include "tools/report/analysis/family.h"
#include "tools/report/analysis/work.h"

/* The declared ones measured and tested, after the contrasts are paired; they are judged with the families (verdicts.c). */
void cs_analysis_interactions_measure(struct cs_report_work *w);
void cs_analysis_interactions_release(struct cs_report_work *w); /* w->joints */

#endif
