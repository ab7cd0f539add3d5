/* sections.h - what fills in the sections of CS_REPORT_SECTIONS (model.h), and their tables: a file of this folder each. Thread: main. */
#ifndef CS_REPORT_SECTIONS_H
#define CS_REPORT_SECTIONS_H

#include "tools/report/analysis/tables.h"
#include "tools/report/analysis/work.h"

#define ANALYSIS(file) void cs_analysis_##file(struct cs_report_work *w);
#define NO_PAGE(file, id, title)
CS_REPORT_SECTIONS(ANALYSIS, NO_PAGE, NO_PAGE)
#undef ANALYSIS
#undef NO_PAGE

#endif
