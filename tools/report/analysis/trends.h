/* trends.h - shifts along an order of levels, between their measure and their verdict. Thread: main. */
#ifndef CS_ANALYSIS_TRENDS_H
#define CS_ANALYSIS_TRENDS_H

#include "tools/report/analysis/work.h"

/* Measured by cs_analysis_trends (sections.h), before the families are judged (verdicts.c). */
void cs_analysis_trends_release(struct cs_report_work *w); /* w->trend_pairs */

#endif
