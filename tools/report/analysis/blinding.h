/* blinding.h - what the judges of another study's outputs were told or could guess of where these came from, in sentences. Thread: main. */
#ifndef CS_REPORT_BLINDING_H
#define CS_REPORT_BLINDING_H

#include "tools/report/analysis/work.h"

/* Adds notes; none for a study that judges nothing. */
void cs_analysis_blinding_note(struct cs_report_work *w);

#endif
