/* figure.h - a number of the finding, which may not be known, and an interval. Units and rules: model.h. */
#ifndef CS_REPORT_FIGURE_H
#define CS_REPORT_FIGURE_H

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

#endif
