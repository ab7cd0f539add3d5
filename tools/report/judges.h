/* judges.h - the part of the finding (model.h) that a study of judges alone has. Its verdicts are the answers of all the rest: models, factors
 * and cases are those of the study that was judged. Indexes, strings and units as in model.h. Any thread may read it.
 */
#ifndef CS_REPORT_JUDGES_H
#define CS_REPORT_JUDGES_H

#include "tools/report/figures.h"

/* Of a study whose cases are the outputs of another one. Its verdicts are the answers of all that stands above: models, factors and cases
 * are those of the study that was judged. */
struct cs_report_judging {
    const char *parent; /* the study that was judged; "": this is no study of judges */
    uint32_t parent_generation;
    uint64_t outputs;          /* of the parent, when its outputs were taken: all of them before the first verdict */
    uint64_t taken;            /* of these, given to judges */
    const char *first_verdict; /* UTC; "" before it */
    const char *panel;         /* how votes become a verdict, in words */
    const char *shows;         /* what judges were shown beside the output, as declared; "" nothing */
};

struct cs_report_judge { /* a model of the judging study: who votes */
    const char *name, *model_sent, *account;
    const struct cs_report_count *resolved; /* ids that the provider said had answered, most frequent first */
    uint32_t n_resolved;
    bool simulated;
    uint64_t planned, terminal, missing; /* trials; those that ended without a readable verdict */
    const char *first_call, *last_call;  /* UTC */
    double cost_usd;                     /* -1: not known */
    bool own;                            /* it judges texts that it wrote itself */
};

/* Verdicts on one answer about the outputs of one level; first, per model, over all of its outputs. */
struct cs_report_verdicts {
    uint32_t model, factor, level;
    const char *answer;
    uint64_t planned, answered, taken;       /* outputs: planned, ended, given to judges */
    uint64_t judged, no_verdict, not_judged; /* of those taken */
    uint64_t leaks,
        leaks_shown; /* taken, and hold a level's text, a level's id or a model's name: as they came, as judges saw them */
    struct cs_report_figure share;    /* without a verdict, of those whose panel is through: 0..1 */
    uint64_t votes, missing, dropped; /* votes asked for; of these without a verdict; dropped, and not asked */
    uint64_t won, tied;               /* of pairs: verdicts for this level, for neither */
    uint64_t order_led;               /* votes that named whatever stood in one place */
};

/* A primary or exploratory comparison by one judge's verdicts alone: no verdict of its own. */
struct cs_report_judge_shift {
    uint32_t contrast; /* index in contrasts */
    const char *judge;
    uint32_t clusters;
    struct cs_report_figure shift;
    struct cs_report_span ci; /* 1 - alpha, cluster t; unadjusted */
};

enum cs_judges_agree { CS_JUDGES_ALL, CS_JUDGES_TWO, CS_JUDGES_AGAIN };
struct cs_report_judges_agreement {
    const char *answer;
    enum cs_judges_agree kind; /* all judges; two of them; one judge asked again */
    const char *who;
    const char *statistic;
    uint32_t judges; /* or repeats */
    uint64_t items;
    struct cs_report_figure agreement, kappa;
    struct cs_report_span kappa_ci;
    bool simulated;
    const char *why;
};

#endif
