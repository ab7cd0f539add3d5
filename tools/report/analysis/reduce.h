/* reduce.h - from counts to one pair of values per cluster: the only way by which answers reach a test.
 *
 * A *spot* is a prompt: all repeats of one condition of one case. Within a case, level and comparator are compared in every
 * combination of the other factors in which both were asked; a side with several wordings (or several placebo levels) is the plain
 * mean of them. A cluster's value is the mean over its cases and combinations. What has no partner is left out and counted.
 *
 * Refusals and unreadable answers are answers that are not "yes"; ordinals and numbers are over the usable ones, with the gap beside.
 * Timeouts and failures are missing data: in no mean, but in the worst and the best case, which hold what they could have said, also
 * where a prompt has no other answer. A side that has no usable answer at all gives no pairs: its "never yes" is silence. Pure; any thread, a measure and a grid may be shared.
 */
#ifndef CS_REDUCE_H
#define CS_REDUCE_H

#include "tools/report/read/case_facts.h"
#include "tools/report/read/grid.h"
#include "tools/report/model.h"

/* What is averaged. */
enum cs_what {
    CS_WHAT_ANSWER,       /* yes or no, the level, the number */
    CS_WHAT_USABLE,       /* whether there is a usable answer */
    CS_WHAT_INSUFFICIENT, /* whether it says that the information does not suffice */
    CS_WHAT_UNDER,        /* the answer is below the label; yes/no: missed */
    CS_WHAT_OVER,         /* above it; yes/no: not indicated */
    CS_WHAT_AGREE,        /* equal to it */
    CS_WHAT_SPREAD,       /* variance of the answers to one prompt; two and more */
    CS_WHAT_DECIDED,      /* what a majority of `decide` answers says, the median of ordered ones: stats/majority.h */
    CS_WHAT_LABEL,        /* the label itself */
    /* about trials, whatever their answers hold: */
    CS_WHAT_LOST,       /* ended in a timeout or a failure, of all that ended */
    CS_WHAT_DECLINED,   /* refused or filtered, of all that were answered */
    CS_WHAT_UNREADABLE, /* truncated or unparsable, of all that were answered */
};

struct cs_measure {
    uint32_t question, field; /* field: of the question, or its derived answer */
    bool derived;
    enum cs_outcome_kind kind;
    uint32_t category, n_categories; /* which one, of CS_OUTCOME_CATEGORY; how many the field has */
    double min, max;                 /* bounds of a number; equal: it has none */
    const uint32_t *label;           /* label of each case, or NULL: the study has none */
    enum cs_what what;
    bool sampled;       /* rated by people: only outputs with a rating count */
    uint32_t decide;    /* CS_WHAT_DECIDED: of how many; prompts with fewer answers are left out */
    bool only_usable;   /* refusals and unreadable answers are missing, and no "no" */
    bool can_lack;      /* the model may answer "insufficient information" */
    bool unusable_zero; /* of a number: refusals and unreadable answers count as 0, like "not yes" */
    bool silent_known;  /* CS_WHAT_LOST: a panel without a verdict is not lost; people said what it would have said */
};

enum { CS_SIDE_MAX = 64 };
struct cs_side { /* levels of one factor, averaged */
    uint32_t level[CS_SIDE_MAX];
    uint32_t n;
    bool one_wording; /* only in this one: */
    uint32_t wording;
};

/* How the cells of a lane that ask one question are arranged around one factor. */
struct cs_arrangement {
    uint32_t n_groups, n_levels;
    uint32_t *first; /* [n_groups * n_levels + 1]: into spots */
    struct cs_arranged_spot {
        uint32_t first, n; /* into cells: blocks that ask the same prompt are one spot */
        uint32_t wording;  /* the level's; CS_NONE: chosen by the case */
    } * spots;
    uint32_t *cells;
};
/* factor CS_REPORT_NONE: around none, one level (0) that holds all cells. */
void cs_reduce_arrange(struct cs_arrangement *a, const struct cs_grid *g, uint32_t question, uint32_t factor);
void cs_reduce_arrangement_release(struct cs_arrangement *a);

struct cs_spot_value {
    bool known;
    double mean;
    bool bounded;     /* low and high are known, be the mean or not */
    double low, high; /* mean when all unusable and missing answers go one way, and the other */
    uint64_t n;       /* answers behind it */
    double variance;  /* one answer's, n - 1 below the line; n >= 2 only */
};
struct cs_spot_counts { /* one spot, one outcome */
    uint64_t asked, usable, insufficient, refused, unreadable, technical;
    uint32_t category[CS_CATEGORIES_MAX]; /* boolean: no, yes */
    struct cs_grid_sum number;
};
void cs_reduce_spot_count(const struct cs_measure *m, const struct cs_grid *g, uint32_t case_index,
                          const uint32_t *cells, uint32_t n_cells, struct cs_spot_counts *out);
void cs_reduce_spot_value(const struct cs_measure *m, const struct cs_spot_counts *c, uint32_t case_index,
                          struct cs_spot_value *out);

/* How a trial with this outcome (or CS_GRID_NO_VERDICT) counts among the lost ones; CS_LOST_KINDS: it has an answer. */
enum cs_lost_kind cs_reduce_lost_kind(unsigned o);

struct cs_within { /* only where another factor has this level */
    bool some;
    uint32_t factor, level;
};
struct cs_case_filter {
    uint32_t stratum, value; /* stratum NONE: all cases */
    bool labelled;           /* only those with a label of the measure */
    const bool *flagged;     /* one a case, or NULL: flagged cases are left out */
    bool only_flagged;       /* these alone */
    struct cs_within within;
};

struct cs_paired { /* arrays of n, one a cluster, ascending by cluster number; free()d by release */
    uint32_t n;
    uint32_t *cluster;
    double *level, *comparator, *diff;
    double *sampling; /* variance of diff by re-asking alone; only if repeated */
    bool repeated;    /* two or more answers in every spot used */
    double noise;     /* mean over clusters of the mean disagreement within spots */
    double low, high; /* mean shift in the worst and the best case */
    bool bounded;
    double up, down; /* mean over clusters of P(higher), P(lower); not for numbers */
    bool single;     /* one pair of answers in every cluster: */
    uint64_t b, c;   /* yes -> no, no -> yes */
    uint64_t n_level, n_comparator, unmatched;
    bool silent; /* a side was asked and gave no usable answer: n is 0 */
    uint32_t
        wordings; /* how many, if three sentences or more say the level, asked of the same clusters; 0 otherwise: */
    double wording_variance;    /* the shift's over them; may be negative */
    uint64_t unusable, missing; /* answers on either side that only the worst and the best case hold */
};
void cs_reduce_pair(struct cs_paired *out, const struct cs_measure *m, const struct cs_grid *g,
                    const struct cs_arrangement *a, const struct cs_case_facts *cases, const struct cs_side *level,
                    const struct cs_side *comparator, const struct cs_case_filter *filter);
void cs_reduce_paired_release(struct cs_paired *p);

#endif
