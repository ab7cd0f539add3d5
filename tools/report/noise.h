/* noise.h - what moves without anything that should matter, and how much of a shift that is, as plain data: a part of model.h. */
#ifndef CS_REPORT_NOISE_H
#define CS_REPORT_NOISE_H

#include "tools/report/figures.h"

enum cs_arm_kind { CS_ARM_LEVELS, CS_ARM_PLACEBO, CS_ARM_AA, CS_ARM_REPHRASE, CS_ARM_REASK };

/* What moves without anything that should matter. One row for (model, outcome, kind). */
struct cs_report_floor {
    uint32_t model, outcome;
    enum cs_arm_kind kind;
    uint32_t n_arms;             /* contrasts behind it: placebo levels, A/A levels */
    struct cs_report_span range; /* smallest and largest shift against the control (REASK: not known) */
    struct cs_report_figure
        disagreement; /* REASK, REPHRASE: probability that two answers to the same (rephrased) prompt differ, points;
                                      ordinals and numbers: mean absolute difference, unit */
    const char *why;  /* why something is not known: "one repeat", "no A/A level" */
};

/* Three components, of one kind of arm against the control. */
struct cs_report_component {
    uint32_t model, outcome, factor;
    enum cs_arm_kind kind; /* LEVELS, PLACEBO, AA: against the control; REPHRASE: between cases of one cluster */
    uint32_t level;        /* one level, or NONE: mean over the levels of the kind */
    uint32_t n_levels, clusters;
    struct cs_report_figure
        systematic; /* signed shift; over several levels: root of the mean of its square, unbiased; unknown when
                                        that estimate is negative */
    struct cs_report_span systematic_ci;   /* one level only */
    struct cs_report_figure systematic_sq; /* unbiased square, may be negative; unit squared */
    struct cs_report_figure
        case_sd; /* case-specific, SD over clusters in `unit`; 0 when the estimate of the variance is negative */
    struct cs_report_figure case_variance;  /* unbiased, may be negative */
    struct cs_report_span case_variance_ci; /* 1 - alpha, jackknife over clusters; one level only */
    struct cs_report_figure wording_sd;     /* over the sentences of one level, SD in `unit` */
    struct cs_report_figure
        noise; /* re-ask disagreement within cells, 0..1 (binary, category), unit squared otherwise */
    const char *why;
};

#endif
