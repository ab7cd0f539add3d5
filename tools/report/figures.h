/* figures.h - what the finding's numbers are made of (model.h): values and intervals that may be unknown, counts by name. Any thread. */
#ifndef CS_REPORT_FIGURES_H
#define CS_REPORT_FIGURES_H

#include <stdbool.h>
#include <stdint.h>

#define CS_REPORT_NONE UINT32_MAX /* "no such index" */

struct cs_report_figure {
    bool known;
    double value; /* 0 unless known */
};
struct cs_report_span {
    bool known;
    double low, high; /* 0 unless known, always finite */
};
struct cs_report_count { /* "gpt-5-2026-01-31" 1,234 times */
    const char *name;
    uint64_t n;
};

#endif
