/* work.h - what the parts of the analysis share while a report is made; only the files of this folder include it. Thread: main. */
#ifndef CS_REPORT_WORK_H
#define CS_REPORT_WORK_H

#include "tools/report/read/collect.h"
#include "tools/report/analysis/declared.h"
#include "tools/report/model.h"

struct cs_report_work {
    const struct cs_study *study;
    const struct cs_plan *plan;
    const struct cs_collected *got;
    const struct cs_case_facts *cases;
    const struct cs_declared_analysis *declared;
    uint64_t seed;
    uint32_t draws;
    unsigned threads;
    struct cs_paired *paired; /* one per contrast of the report: model, outcome, declared contrast */
    struct cs_report *r;      /* being made */
    uint32_t note_cap;
};

enum { CS_CLUSTERS_MIN = 5 }; /* fewer give no verdict */

/* Contrast of the report. */
size_t cs_work_contrast_at(const struct cs_report_work *w, uint32_t model, uint32_t outcome, uint32_t contrast);
/* What turns a fraction into the unit of an outcome: 100 for points. */
double cs_work_scale(const struct cs_report_outcome *o);
void cs_work_note(struct cs_report_work *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
struct cs_report_figure cs_work_known(double value);
double cs_work_range(const struct cs_measure *m); /* the largest shift possible; 0: no bounds */

void cs_analysis_completeness(struct cs_report_work *w); /* completeness, usable */
void cs_analysis_level_rates(struct cs_report_work *w);
void cs_analysis_contrasts(struct cs_report_work *w); /* contrasts with their tests, ratios, category tests */
void cs_verdicts_judge(struct cs_report_work *w);     /* families: adjusted, judged */
void cs_analysis_warrants(struct cs_report_work *w);  /* after contrasts */
void cs_analysis_noise(struct cs_report_work *w);     /* floors, components */
void cs_analysis_labels(struct cs_report_work *w);
struct cs_ratings;
void cs_analysis_agreement(struct cs_report_work *w, const struct cs_ratings *ratings); /* NULL: there are none */
void cs_analysis_ranges(struct cs_report_work *w);
struct cs_report_source;
/* The contrasts in another run of the study, over the clusters that both have. Errors: those of its cases. */
CS_WARN_UNUSED enum cs_err cs_analysis_reruns(struct cs_report_work *w, const struct cs_report_source *other,
                                              struct cs_error *err);
void cs_analysis_provenance(struct cs_report_work *w);

#endif
