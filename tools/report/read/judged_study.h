/* judged_study.h - the study that a study of judges is analysed as (judged.h): its cases, factors, questions and models, made up from what
 * the judging study knows of its parent. Thread: one. */
#ifndef CS_JUDGED_STUDY_H
#define CS_JUDGED_STUDY_H

#include "protocol/table/names.h"
#include "tools/judged/votes.h"

struct cs_judged_study {
    struct cs_study study; /* its arena holds everything */
    struct cs_case *cases;
    bool *is_base; /* by case: it stands for one of the parent; false: a further element of it */
    struct cs_names case_ids;
    uint32_t cap_cases, n_bases;
    uint32_t n_parent_factors;    /* the first ones are the parent's */
    uint32_t asked;               /* factor: the parent's question; CS_NONE: it has one */
    uint32_t own[CS_FACTORS_MAX]; /* factor of the judging study -> factor here; CS_NONE: it has one level */
    uint32_t *question;           /* ballot -> question here */
    bool repeats;                 /* some output is a repeat */
    struct cs_arena row;
};

/* Reads every case of the judging study once. */
CS_WARN_UNUSED enum cs_err cs_judged_study_make(struct cs_judged_study *j, const struct cs_votes *votes,
                                                struct cs_error *err);
void cs_judged_study_release(struct cs_judged_study *j);

/* Its case that an output belongs to; CS_NONE: none, which cannot be after cs_judged_study_make. */
uint32_t cs_judged_study_case(const struct cs_judged_study *j, const struct cs_parent *of);
/* Levels of all factors: of the output, and of the ballot under which it is judged. */
void cs_judged_study_levels(const struct cs_judged_study *j, const uint32_t *parent_levels, uint32_t parent_question,
                            const struct cs_ballot *b, uint32_t levels[CS_FACTORS_MAX]);
/* Cell of the plan, in any lane: one full cross. */
uint32_t cs_judged_study_cell(const struct cs_judged_study *j, const uint32_t levels[CS_FACTORS_MAX],
                              uint32_t question);
struct cs_case_source cs_judged_study_cases(struct cs_judged_study *j);

#endif
