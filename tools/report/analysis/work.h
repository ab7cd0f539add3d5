/* work.h - what the parts of the analysis share while a report is made; only the files of this folder include it. Thread: main. */
#ifndef CS_REPORT_WORK_H
#define CS_REPORT_WORK_H

#include "tools/report/analysis/declared.h"
#include "tools/report/model.h"
#include "tools/report/read/source.h"
#include "tools/report/stats/findable.h"

struct cs_calibration;
struct cs_family_joint;
struct cs_report_work {
    const struct cs_report_source *source, *against; /* against: another run of the study, or NULL */
    const struct cs_acts *acts;                      /* NULL: not known */
    bool unblind;
    const struct cs_ratings *ratings; /* by people; NULL: none */
    const struct cs_study *study;
    const struct cs_plan *plan;
    const struct cs_collected *got;
    const struct cs_case_facts *cases;
    const struct cs_declared_analysis *declared;
    struct cs_calibration *calibration; /* calibration.h; NULL: no answer is corrected by people */
    uint64_t seed;
    uint32_t draws;
    unsigned threads;
    uint32_t n_paired;
    struct cs_paired *paired;       /* one per contrast of the report: model, outcome, declared contrast */
    struct cs_family_joint *joints; /* one per interaction of the report */
    struct cs_paired *trend_pairs;  /* one per trend: the slope of each cluster as its difference */
    struct cs_report *r;            /* being made */
    enum cs_err rc;                 /* set by a section that cannot go on, which ends the analysis; *err says why */
    struct cs_error *err;
};

enum { CS_CLUSTERS_MIN = CS_FINDABLE_CLUSTERS_MIN }; /* fewer give no verdict */

/* Where the report has a declared contrast, in a model and for an outcome. */
size_t cs_analysis_work_contrast_at(const struct cs_report_work *w, uint32_t model, uint32_t outcome,
                                    uint32_t contrast);
/* What turns a fraction into the unit of an outcome: 100 for points. */
double cs_analysis_work_scale(const struct cs_report_outcome *o);
double cs_analysis_work_range(const struct cs_measure *m); /* the largest shift possible; 0: no bounds */
bool cs_analysis_work_ends(const struct cs_measure *m, double *low,
                           double *high);                     /* of a rate or mean; false: none are known */
double cs_analysis_work_mean(const double *x, uint32_t n);    /* 0 of none */
struct cs_report_figure cs_analysis_work_known(double value); /* not known unless finite */
void cs_analysis_work_note(struct cs_report_work *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A sentence above every finding, on the first screen of the page: short, and only what changes how all of it is read. */
void cs_analysis_work_say_first(struct cs_report_work *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A pilot that nobody has unblinded: nothing that compares arms is shown (blind.c). */
bool cs_analysis_work_is_blind(const struct cs_report_work *w);

/* ---- arms -------------------------------------------------------------------------------------------------- */

/* The arms that answers are told by: the levels of a factor. A study without factors has one, all of its answers: factor and level are
 * CS_REPORT_NONE. */
uint32_t cs_analysis_work_factors(const struct cs_report *r);                 /* how many; at least 1 */
uint32_t cs_analysis_work_factor(const struct cs_report *r, uint32_t i);      /* the i-th */
uint32_t cs_analysis_work_levels(const struct cs_report *r, uint32_t factor); /* how many levels the factor has */
uint32_t cs_analysis_work_level(uint32_t factor, uint32_t k);                 /* the k-th of a factor */
uint32_t cs_analysis_work_arms(const struct cs_report *r);                    /* levels of all factors */
uint32_t cs_analysis_work_control(const struct cs_study *s, uint32_t factor); /* CS_REPORT_NONE: it has none */

const char *cs_analysis_work_copy(struct cs_report_work *w, const char *text); /* "" of NULL */
const char *cs_analysis_work_time(struct cs_report_work *w, int64_t ms);       /* UTC; "" of 0 */
const char *cs_analysis_work_hex(struct cs_report_work *w, const uint8_t digest[32]);

#endif
