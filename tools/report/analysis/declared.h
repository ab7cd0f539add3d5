/* declared.h - the `analysis:` part of a study as work to do: outcomes, contrasts, family. Pure; any thread. */
#ifndef CS_DECLARED_H
#define CS_DECLARED_H

#include "tools/report/analysis/reduce.h"
#include "tools/report/stats/adjust.h"
#include "tools/report/analysis/warrant_flags.h"

/* One comparison, to be made in every model for every declared outcome. */
struct cs_spec_contrast {
    uint32_t factor, level;
    enum cs_comparator against;
    uint32_t comparator; /* level, or CS_REPORT_NONE: the placebo levels */
    struct cs_side comparator_side;
    const char *comparator_text;
    uint32_t stratum, value; /* CS_NONE: all cases */
    struct cs_within within; /* the part of the plan it is over */
    bool floor;
    bool exploratory; /* family: exploratory */
    int worse; /* -1: lower is worse, 1: higher; judged for not being worse, not for equivalence. 0: not declared */
};

/* Whether the shift of a contrast differs between the levels of another factor, models, or kinds of cases. */
struct cs_spec_interaction {
    uint32_t contrast;
    enum cs_modifier by;
    uint32_t modifier; /* factor or stratum, by what it is; CS_NONE of models */
    bool exploratory;
};

/* The shift for one step along an order of levels. */
struct cs_spec_trend {
    uint32_t factor, n;
    const uint32_t *levels;
    const double *scores;
    const char *text; /* "none 0, mild 1, severe 2" */
    bool exploratory;
};

struct cs_declared_analysis {
    struct cs_arena arena;
    bool declared; /* the study has an analysis part */
    double alpha;
    uint32_t majority; /* `decide: majority of K`; 0: not declared */
    enum cs_adjust adjust;
    const char *adjust_name;
    struct cs_report_outcome *outcomes; /* primary, exploratory, the rest */
    struct cs_measure *measures;        /* one each: CS_WHAT_ANSWER */
    uint32_t n_outcomes;
    struct cs_spec_contrast *contrasts;
    uint32_t n_contrasts;
    struct cs_spec_interaction *interactions;
    uint32_t n_interactions;
    struct cs_spec_trend *trends;
    uint32_t n_trends;
    struct cs_warrant_list warrant;
    const bool **flagged;     /* by outcome, contrast: cases that are left out, or NULL */
    const char *warrant_note; /* a sentence for the reader */
    const char *label_note;   /* who set the labels; "" when the study does not say */
    const char **notes;       /* sentences: what could not be done */
    uint32_t n_notes;
};

CS_WARN_UNUSED enum cs_err cs_analysis_declared_read(struct cs_declared_analysis *d, const struct cs_study *s,
                                                     const struct cs_case_facts *cases, struct cs_error *err);
void cs_analysis_declared_release(struct cs_declared_analysis *d); /* a zeroed struct is fine */

/* Level of a factor with a role; CS_REPORT_NONE if there is none. */
uint32_t cs_analysis_declared_level_of_role(const struct cs_factor *f, enum cs_role role);
/* All placebo levels. */
struct cs_side cs_analysis_declared_placebo_side(const struct cs_factor *f);
struct cs_side cs_analysis_declared_one_level(uint32_t level);
/* Over all cases and the whole plan. */
bool cs_analysis_declared_is_whole(const struct cs_spec_contrast *c);

#endif
