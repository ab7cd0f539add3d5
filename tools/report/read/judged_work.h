/* judged_work.h - what the files behind judged.h share while a study of judges is counted; only they include it. Thread: one. */
#ifndef CS_JUDGED_WORK_H
#define CS_JUDGED_WORK_H

#include "protocol/study/take.h"
#include "tools/report/read/judged.h"
#include "tools/report/read/judged_study.h"

struct cs_judged {
    struct cs_reader *reader;
    struct cs_votes votes;
    struct cs_judged_study made;
    struct cs_plan plan;
    struct cs_collected_lane *judges;
    struct cs_judged_count *counts;
    uint16_t **taken; /* [model][case * arms + arm]: outputs given to judges; arms are those of the parent */
    uint32_t n_arms;
    uint32_t pair_factor; /* CS_NONE: no pairs */
    bool *is_comparator;  /* by its levels */
    struct cs_take take;
    struct cs_arena arena, row;
};

struct cs_judged_spot { /* where an output is counted */
    uint32_t model, case_index, cell, ballot;
    bool half;
    int64_t when;
};

/* judged_take.c: */
bool cs_judged_take_is_asked(const struct cs_votes *v, uint32_t ballot, uint32_t judge);
/* One more that is planned. */
void cs_judged_take_planned(struct cs_judged_source *out, uint32_t model, uint32_t case_index, uint32_t cell);
/* One more that has ended; when 0: not known. */
void cs_judged_take_ended(struct cs_judged_source *out, uint32_t model, int64_t when);
/* An arm of the parent as a number, from the levels of an output. */
uint32_t cs_judged_take_arm(const struct cs_judged *j, const uint32_t *levels);
/* The verdict on one output: everywhere it counts. */
void cs_judged_take_verdict(struct cs_judged *j, struct cs_judged_source *out, uint32_t child_case,
                            const struct cs_parent *of, const struct cs_judged_spot *at, const uint32_t *levels);

void cs_judged_take_output(struct cs_judged *j, struct cs_judged_source *out, uint32_t child_case,
                           const struct cs_parent *of);

/* judged_counts.c: the rows of struct cs_judged_count. */
void cs_judged_counts_make(struct cs_judged *j, struct cs_judged_source *out);
/* Adds to the rows of an output: over all, and of each of its levels. */
void cs_judged_counts_add(struct cs_judged *j, uint32_t model, uint32_t ballot, const uint32_t *levels,
                          const struct cs_judged_count *more);

/* judged_pairs.c: outputs that are judged against each other. */
CS_WARN_UNUSED enum cs_err cs_judged_pairs_find(struct cs_judged *j, const struct cs_study *child,
                                                struct cs_error *err);
void cs_judged_pairs_take(struct cs_judged *j, struct cs_judged_source *out, uint32_t child_case,
                          const struct cs_parent *parents, uint32_t n);

/* judged_lost.c: outputs that were not given to judges. */
void cs_judged_lost_take(struct cs_judged *j, struct cs_judged_source *out);

#endif
