/* lost.h - how many trials of two sides ended without an answer, and how many may. Pure; any thread. */
#ifndef CS_LOST_H
#define CS_LOST_H

#include "tools/report/analysis/work.h"

/* A side that lost more of its trials to timeouts and failures supports no verdict, whatever its bounds say. */
#define CS_LOST_MAX 0.05

struct cs_lost_pair { /* shares, 0..1; not known (and 0) where the model lost nothing */
    struct cs_report_figure level, comparator;
};
/* Timeouts and failures on both sides of a contrast, mean over the clusters in which either was asked. */
struct cs_lost_pair cs_analysis_lost_pair(const struct cs_report_work *w, uint32_t model,
                                          const struct cs_arrangement *a, const struct cs_spec_contrast *spec,
                                          const struct cs_case_filter *filter, uint32_t question, bool silent_known);

#endif
