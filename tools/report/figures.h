/* figures.h - what the finding's numbers are made of (model.h): values and intervals that may be unknown, counts by name. Any thread. */
#ifndef CS_REPORT_FIGURES_H
#define CS_REPORT_FIGURES_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/wire/output.h"

#define CS_REPORT_NONE UINT32_MAX /* "no such index" */

/* What is counted of trials and of replies: each outcome, and no verdict, of a study of judges alone. */
enum { CS_REPORT_NO_VERDICT = CS_OUTCOMES, CS_REPORT_CLASSES };

struct cs_report_figure {
    bool known;
    double value; /* 0 unless known */
};
struct cs_report_span {
    bool known;
    double low, high; /* 0 unless known, always finite */
};
struct cs_report_decided { /* the interval that a verdict was read off, where it is not the one shown beside it */
    struct cs_report_span span;
    const char *why; /* "" unless known; NULL where nothing was judged */
};
struct cs_report_count { /* "gpt-5-2026-01-31" 1,234 times */
    const char *name;
    uint64_t n;
};

#endif
