/* people.h - the part of the finding (model.h) that comes of people beside judges: corrected effects, the judges' errors; and declared scores.
 * Indexes, strings and units as in model.h. Any thread may read it.
 */
#ifndef CS_REPORT_PEOPLE_H
#define CS_REPORT_PEOPLE_H

#include "tools/report/figures.h"

/* A comparison of an answer that `calibrate` names: as the judges say it, and corrected by people's words. */
struct cs_report_corrected {
    uint32_t contrast; /* index in contrasts, whose shift is the corrected one */
    struct cs_report_figure judge_shift, shift;
    struct cs_report_span judge_ci, ci; /* alone, 1 - alpha */
    const char *lambda;                 /* as declared: "1", "tuned" */
    struct cs_report_figure lambda_used;
    uint64_t rated_level, rated_comparator;      /* outputs */
    struct cs_report_figure rater_error;         /* of one person, by the disagreement of two */
    struct cs_report_figure without_rater_error; /* the shift if people err so */
    const char *why;                             /* it is not corrected; "" otherwise */
};

/* How judges err about the outputs of one level; first, per model, of all. Rates 0..1. */
struct cs_report_judge_errors {
    uint32_t model, factor, level;
    const char *answer;
    uint64_t outputs, no_verdict; /* that panels are through with; of these without a verdict */
    uint64_t rated, rated_no_verdict;
    struct cs_report_figure sensitivity, specificity, kappa;
    struct cs_report_span sensitivity_ci, specificity_ci;
    uint64_t n_yes, n_no;         /* outputs behind them: that people call yes, and no */
    struct cs_report_figure said; /* yes, by judges, of those with a verdict */
    struct cs_report_figure rate; /* that rate alone, corrected by these errors (Rogan, Gladen) */
    struct cs_report_span rate_ci;
};

/* A declared score over the outputs of one level of one model; factor NONE: all. */
struct cs_report_score {
    const char *score, *tag; /* tag "": of no split */
    uint32_t model, factor, level;
    uint64_t outputs, without; /* with elements of that kind; of these without a score, for want of a verdict */
    uint32_t clusters;
    struct cs_report_figure mean, unclipped;
    struct cs_report_span ci;     /* of the mean, cluster t at 1 - alpha, clipped as the mean is */
    struct cs_report_span bounds; /* the mean if all that is missing went one way, and the other */
    const char *why;
};

#endif
