/* level_shifts.h - all levels of a factor against its control at once: a row of shifts for each cluster that has all of them. Thread: main. */
#ifndef CS_LEVEL_SHIFTS_H
#define CS_LEVEL_SHIFTS_H

#include "tools/report/analysis/work.h"

struct cs_level_shifts { /* contrasts of one model, outcome and factor */
    uint32_t *contrast;  /* into those of the report */
    uint32_t n;
    double *d; /* rows x n: shifts, as fractions; the caller free()s it */
    uint32_t rows;
};

void cs_level_shifts_open(struct cs_level_shifts *g, const struct cs_report_work *w);
/* Which contrasts there are: each level against the control, over the whole plan, placebo and A/A apart. */
void cs_level_shifts_gather(const struct cs_report_work *w, uint32_t model, uint32_t outcome, uint32_t factor,
                            struct cs_level_shifts *g);
void cs_level_shifts_fill(const struct cs_report_work *w, struct cs_level_shifts *g);
void cs_level_shifts_close(struct cs_level_shifts *g);

#endif
