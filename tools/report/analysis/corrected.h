/* corrected.h - inside this folder only: where contrasts meet what people said of judged outputs. Thread: main. */
#ifndef CS_ANALYSIS_CORRECTED_H
#define CS_ANALYSIS_CORRECTED_H

#include "tools/report/analysis/work.h"

/* Right after w->paired[at] was reduced: keeps what the judges say by themselves, and puts the corrected differences in its place. Nothing
 * for an answer that is not calibrated. */
void cs_analysis_corrected_correct(struct cs_report_work *w, size_t at, const struct cs_spec_contrast *spec,
                                   const struct cs_arrangement *around, const struct cs_case_filter *filter);
/* The same of any other comparison, which keeps nothing. */
void cs_analysis_corrected_pair(const struct cs_report_work *w, uint32_t model, uint32_t outcome,
                                const struct cs_arrangement *around, const struct cs_side *level,
                                const struct cs_side *comparator, const struct cs_case_filter *filter,
                                struct cs_paired *p);
bool cs_analysis_corrected_is(const struct cs_report_work *w, uint32_t outcome);
/* Contrasts of it are corrected: what judges said nothing of is not lost, for people were asked. */
bool cs_analysis_corrected_is_done(const struct cs_report_work *w, uint32_t outcome);
/* Why a contrast of this outcome has no verdict; "" when people do not stand in its way. */
const char *cs_analysis_corrected_why(const struct cs_report_work *w, uint32_t outcome);

#endif
