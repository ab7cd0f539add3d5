#include "tools/report/analysis/sections.h"

#define ANALYSIS(file) cs_analysis_##file##_tables,
#define PAGE(file, id, title)
const struct cs_report_table *const cs_sections_tables[] = {CS_REPORT_SECTIONS(ANALYSIS, PAGE) NULL};
#undef ANALYSIS
#undef PAGE
