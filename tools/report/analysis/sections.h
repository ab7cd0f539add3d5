/* sections.h - what every section of CS_REPORT_SECTIONS (model.h) has here: the function that fills it in, and its tables. Thread: main. */
#ifndef CS_REPORT_ANALYSIS_SECTIONS_H
#define CS_REPORT_ANALYSIS_SECTIONS_H

#include "tools/report/analysis/work.h"
#include "tools/report/columns.h"

#define ANALYSIS(file)                                                                                                 \
    void cs_analysis_##file(struct cs_report_work *w);                                                                 \
    extern const struct cs_report_table cs_analysis_##file##_tables[]; /* ends with a row of zeros */
#define PAGE(file, id, title)
CS_REPORT_SECTIONS(ANALYSIS, PAGE)
#undef ANALYSIS
#undef PAGE

/* The tables of all sections, section by section; ends with NULL. */
extern const struct cs_report_table *const cs_sections_tables[];

#endif
