/* task_horizons.h - how long tasks may be that are still done (`horizon` of the analysis; stats/task_horizon.h), as plain data: a part of model.h. */
#ifndef CS_REPORT_TASK_HORIZONS_H
#define CS_REPORT_TASK_HORIZONS_H

#include "tools/report/figures.h"

enum { CS_REPORT_HORIZON_50, CS_REPORT_HORIZON_80, CS_REPORT_HORIZONS };
struct cs_report_task_horizon {
    uint32_t model, outcome, factor, level;
    uint32_t tasks, families, runs, successes;
    uint32_t lost; /* runs that ended in a timeout or a failure: not among `runs` */
    struct cs_report_figure shortest,
        longest; /* minutes of the tasks with runs: what lies beyond them is extrapolated */
    struct cs_report_figure intercept, slope;             /* of log2(minutes) */
    struct cs_report_figure horizon[CS_REPORT_HORIZONS];  /* minutes at which 50 % and 80 % succeed */
    struct cs_report_span horizon_ci[CS_REPORT_HORIZONS]; /* 1 - alpha, hierarchical bootstrap */
    struct cs_report_figure
        lost_failed[CS_REPORT_HORIZONS]; /* the horizon, had no lost run succeeded; known where some */
    struct cs_report_figure lost_done[CS_REPORT_HORIZONS]; /* ... had every lost run succeeded */
    const char *why;                                       /* why there is no horizon, or no interval; "" */
};

#endif
