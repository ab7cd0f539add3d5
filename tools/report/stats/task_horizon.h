/* task_horizon.h - how long a task may be that a model still does: success against the minutes that people need for it.
 *
 * As METR (Kwa et al., Measuring AI Ability to Complete Long Tasks, 2025, arXiv 2503.14499, with its published analysis code):
 *   P(success) = sigmoid(a + b log2(minutes)); a, b minimise  sum over runs of w (-log P(what the run did)) + 0.05 b^2, a free;
 *   w = 1 / (runs of the task) / sqrt(tasks of its family), then divided by their sum;
 *   horizon at q = 2^((logit q - a) / b), the length at which the fit says that q of the runs succeed.
 * It is scikit-learn's LogisticRegression(C=10) with these sample weights, minimised by Newton's method to the last digits.
 * Interval: percentiles of the log horizon over draws, each of families, then tasks of a family, then runs of a task, with replacement
 * (draw.h), which is on the safe side: it held the truth in all of 60 simulated studies of 40 tasks; a run keeps the weight that it had, and the weights drawn are divided by their sum.
 *
 * Status: CS_STAT_BAD_INPUT a length that is not positive, more successes than runs; CS_STAT_TOO_FEW below two tasks with runs;
 * CS_STAT_CONSTANT every run did the same, so there is no fit; CS_STAT_UNDEFINED (of a horizon) success does not fall with length, or the length has no
 * number. Of an interval: CS_STAT_TOO_FEW below CS_BOOT_CLUSTERS_MIN families, CS_STAT_RARE over 1 % of the draws without a horizon.
 */
#ifndef CS_TASK_HORIZON_H
#define CS_TASK_HORIZON_H

#include "tools/report/stats/bootstrap.h"

struct cs_task_horizon_task {
    double minutes;
    uint32_t runs, successes; /* without runs it counts for nothing, not in its family either */
    uint32_t family;          /* below the number of tasks */
};

struct cs_task_horizon_at { /* minutes */
    enum cs_stat_status status, interval_status;
    double minutes;
    struct cs_interval ci;
};

enum { CS_TASK_HORIZON_50, CS_TASK_HORIZON_80, CS_TASK_HORIZON_SHARES };
extern const double cs_task_horizon_shares[CS_TASK_HORIZON_SHARES]; /* .5, .8 */

struct cs_task_horizon {
    enum cs_stat_status status; /* of the fit */
    double intercept, slope;
    uint32_t tasks, families, runs, successes; /* with runs */
    struct cs_task_horizon_at at[CS_TASK_HORIZON_SHARES];
};

void cs_task_horizon(const struct cs_task_horizon_task *t, size_t n, const struct cs_boot *boot, double alpha,
                     struct cs_task_horizon *out);

#endif
