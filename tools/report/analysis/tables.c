#include "tools/report/analysis/tables.h"

#define ANALYSIS(file) cs_analysis_##file##_tables,
#define NO_PAGE(file, id, title)
const struct cs_report_table *const cs_tables_all[] = {CS_REPORT_SECTIONS(ANALYSIS, NO_PAGE, NO_PAGE) NULL};
#undef ANALYSIS
#undef NO_PAGE
