/* tables.h - the tables of every section of CS_REPORT_SECTIONS (model.h), each beside what fills it in. Any thread. */
#ifndef CS_REPORT_TABLES_H
#define CS_REPORT_TABLES_H

#include "tools/report/columns.h"

/* Each ends with a row of zeros. */
#define ANALYSIS(file) extern const struct cs_report_table cs_analysis_##file##_tables[];
#define NO_PAGE(file, id, title)
CS_REPORT_SECTIONS(ANALYSIS, NO_PAGE, NO_PAGE)
#undef ANALYSIS
#undef NO_PAGE

/* All of them, section by section; ends with NULL. */
extern const struct cs_report_table *const cs_tables_all[];

#endif
