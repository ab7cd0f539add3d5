/* calibration.h - a study of judges beside what people said of a sample of what was judged: ready for the corrected effect.
 *
 * For every answer that `calibrate` names there are two numbers an output, whose sum with lambda before the first is Y~
 * (stats/calibrated.h). They stand in grids of their own, with the cells of the study that is analysed, so that a contrast is reduced to
 * clusters in the very way of the judges' own. pi is that of the sample; where a stratum was not decided in full (nobody rated it, two
 * raters are even), times the share that was. Outputs that were never judged, since they were refused or failed, stand in them as among
 * the judges' own: refused is "not yes". Texts that the sample was not drawn from had no chance: there is no corrected effect then.
 * Thread: main. Errors: those of the store.
 */
#ifndef CS_CALIBRATION_H
#define CS_CALIBRATION_H

#include "tools/base/sampled.h"
#include "tools/report/analysis/reduce.h"
#include "tools/report/read/source.h"
#include "tools/report/stats/calibrated.h"

/* The judges against people, over the outputs of one level of one factor in one model; first, per model, over all. */
struct cs_calibration_arm {
    uint32_t model, factor, level; /* factor CS_NONE: all */
    uint64_t outputs, silent;      /* that panels are through with; of these without a verdict */
    uint64_t rated, rated_silent;
    double said;                      /* sum over the outputs with a verdict */
    struct cs_calibrated_error error; /* of yes/no answers */
};

struct cs_calibration_answer {
    uint32_t ballot, question; /* question: of the study that is analysed */
    const char *name;
    bool tuned, yes_no;
    uint32_t sampled, decided; /* items */
    double frame;              /* texts that they were drawn from: the sum of 1 / pi */
    double disagreement;       /* of two raters, weighted by 1 / pi; negative: nobody rated in pairs */
    double silent;             /* what stands for a missing verdict */
    const char *why;           /* there is no corrected effect; "" otherwise */
    struct cs_calibration_arm *arms;
    uint32_t n_arms;
};

struct cs_calibration {
    struct cs_arena arena;
    struct cs_study study; /* the analysed one, with the two numbers as answers of its questions */
    struct cs_plan plan;
    struct cs_grid *grids; /* one a model */
    uint32_t n_models;
    struct cs_calibration_answer *answers;
    uint32_t n_answers;
};

/* *out NULL: nothing is calibrated. Source and ratings must outlive it. */
CS_WARN_UNUSED enum cs_err cs_calibration_open(struct cs_calibration **out, const struct cs_report_source *source,
                                               const struct cs_ratings *ratings, const struct cs_sampled *sampled,
                                               struct cs_error *err);
void cs_calibration_close(struct cs_calibration *c); /* NULL is fine */

/* The answer that a measure is about, or NULL. */
const struct cs_calibration_answer *cs_calibration_of(const struct cs_calibration *c, const struct cs_measure *m);

/* Puts the corrected differences in place of the judges' own, with the bounds of what the judged models left open (refused, failed) and not
 * of what judges did. own: the measure behind p. *lambda: as used. False: no clusters, and p is as it was. */
bool cs_calibration_correct(const struct cs_calibration *c, const struct cs_calibration_answer *a,
                            const struct cs_measure *own, uint32_t model, const struct cs_arrangement *around,
                            const struct cs_case_facts *cases, const struct cs_side *level,
                            const struct cs_side *comparator, const struct cs_case_filter *filter, struct cs_paired *p,
                            double *lambda);

#endif
