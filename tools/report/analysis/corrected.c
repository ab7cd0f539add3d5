/* corrected.c - judges against people: the corrected effect beside the judges' own, how judges err arm by arm, and what people's own
 * errors would do to it. */
#include "tools/report/analysis/corrected.h"

#include <math.h>
#include <stdlib.h>

#include "protocol/base/alloc.h"
#include "tools/report/analysis/calibration.h"
#include "tools/report/analysis/sections.h"
#include "tools/report/stats/cluster.h"
#include "tools/report/stats/rogan_gladen.h"

/* ---- while contrasts are made ---------------------------------------------------------------------------------------- */

static const struct cs_calibration_answer *answer_of(const struct cs_report_work *w, uint32_t outcome)
{
    return cs_calibration_of(w->calibration, &w->declared->measures[outcome]);
}

static struct cs_report_corrected *new_row(struct cs_report_work *w, size_t at)
{
    struct cs_report *r = w->r;
    if (r->corrected == NULL)
        r->corrected = cs_arena_array(&r->arena, r->n_contrasts + 1, sizeof *r->corrected);
    struct cs_report_corrected *row = &r->corrected[r->n_corrected++];
    *row = (struct cs_report_corrected){.contrast = (uint32_t)at, .lambda = "", .why = ""};
    return row;
}

/* What the judges say by themselves. */
static void keep_own(const struct cs_report_work *w, struct cs_report_corrected *row, const struct cs_paired *p,
                     const struct cs_measure *m, double scale)
{
    const struct cs_cluster_test t = cs_cluster_t(p->diff, p->n, w->declared->alpha, cs_analysis_work_range(m));
    row->judge_shift = cs_analysis_work_known(p->n > 0 ? cs_analysis_work_mean(p->diff, p->n) * scale : NAN);
    if (cs_stats_usable(t.status))
        row->judge_ci = (struct cs_report_span){true, t.ci.lo * scale, t.ci.hi * scale};
}

void cs_analysis_corrected_correct(struct cs_report_work *w, size_t at, const struct cs_spec_contrast *spec,
                                   const struct cs_arrangement *around, const struct cs_case_filter *filter)
{
    const struct cs_report_contrast *c = &w->r->contrasts[at];
    const struct cs_calibration_answer *a = answer_of(w, c->outcome);
    const struct cs_side level = cs_analysis_declared_one_level(spec->level);
    double lambda = 1;
    if (a == NULL)
        return;
    struct cs_report_corrected *row = new_row(w, at);
    keep_own(w, row, &w->paired[at], &w->declared->measures[c->outcome],
             cs_analysis_work_scale(&w->r->outcomes[c->outcome]));
    row->lambda = a->tuned ? "tuned" : "1";
    row->why = cs_arena_strdup(&w->r->arena, a->why); /* the calibration ends before the report does */
    if (a->why[0] != '\0')
        return;
    if (cs_calibration_correct(w->calibration, a, &w->declared->measures[c->outcome], c->model, around, w->cases,
                               &level, &spec->comparator_side, filter, &w->paired[at], &lambda))
        row->lambda_used = cs_analysis_work_known(lambda);
    else {
        row->why = "no case was judged on both sides";
        w->paired[at].n = 0; /* the judges' own word gets no verdict */
    }
}

void cs_analysis_corrected_pair(const struct cs_report_work *w, uint32_t model, uint32_t outcome,
                                const struct cs_arrangement *around, const struct cs_side *level,
                                const struct cs_side *comparator, const struct cs_case_filter *filter,
                                struct cs_paired *p)
{
    const struct cs_calibration_answer *a = answer_of(w, outcome);
    double lambda;
    if (a != NULL && a->why[0] == '\0')
        (void)cs_calibration_correct(w->calibration, a, &w->declared->measures[outcome], model, around, w->cases, level,
                                     comparator, filter, p, &lambda);
}

bool cs_analysis_corrected_is(const struct cs_report_work *w, uint32_t outcome)
{
    return answer_of(w, outcome) != NULL;
}

bool cs_analysis_corrected_is_done(const struct cs_report_work *w, uint32_t outcome)
{
    const struct cs_calibration_answer *a = answer_of(w, outcome);
    return a != NULL && a->why[0] == '\0';
}

const char *cs_analysis_corrected_why(const struct cs_report_work *w, uint32_t outcome)
{
    const struct cs_calibration_answer *a = answer_of(w, outcome);
    return a != NULL && a->why[0] != '\0' ? "the judges' words are not corrected by people's yet" : "";
}

/* ---- the section ------------------------------------------------------------------------------------------------------- */

static uint64_t rated_under(const struct cs_calibration_answer *a, uint32_t model, uint32_t factor, uint32_t level)
{
    for (uint32_t i = 0; i < a->n_arms; i++) {
        if (a->arms[i].model == model && a->arms[i].factor == factor && a->arms[i].level == level)
            return a->arms[i].rated;
    }
    return 0;
}

static void finish_row(struct cs_report_work *w, struct cs_report_corrected *row)
{
    const struct cs_report_contrast *c = &w->r->contrasts[row->contrast];
    const struct cs_spec_contrast *spec = &w->declared->contrasts[row->contrast % w->declared->n_contrasts];
    const struct cs_calibration_answer *a = answer_of(w, c->outcome);
    row->rated_level = rated_under(a, c->model, spec->factor, spec->level);
    for (uint32_t k = 0; k < spec->comparator_side.n; k++)
        row->rated_comparator += rated_under(a, c->model, spec->factor, spec->comparator_side.level[k]);
    if (row->why[0] != '\0')
        return;
    row->shift = c->shift;
    row->ci = c->ci;
    if (a->disagreement < 0 || !a->yes_no || !c->rate_level.known || !c->rate_comparator.known)
        return;
    const double e = cs_calibrated_rater_error(a->disagreement);
    double without = 0;
    row->rater_error = cs_analysis_work_known(e);
    if (cs_calibrated_without_error(c->rate_level.value, e, c->rate_comparator.value, e, &without))
        row->without_rater_error = cs_analysis_work_known(without *
                                                          cs_analysis_work_scale(&w->r->outcomes[c->outcome]));
}

static void set_share(const struct cs_calibrated_share *s, struct cs_report_figure *share, struct cs_report_span *ci,
                      uint64_t *n)
{
    *n = s->n;
    if (s->status != CS_STAT_OK)
        return;
    *share = cs_analysis_work_known(s->share);
    *ci = (struct cs_report_span){true, s->ci.lo, s->ci.hi};
}

/* Outputs of an arm as so many independent ones, by how the judges' word differs between clusters. */
static double effective_outputs(const struct cs_report_work *w, const struct cs_calibration_answer *a,
                                const struct cs_calibration_arm *arm)
{
    const struct cs_grid *g = &w->got->grids[arm->model];
    const struct cs_measure m = {
        .question = a->question, .kind = CS_OUTCOME_BINARY, .n_categories = 2, .what = CS_WHAT_ANSWER};
    double *yes = cs_xcalloc(w->cases->n_clusters + 1, sizeof *yes),
           *n = cs_xcalloc(w->cases->n_clusters + 1, sizeof *n);
    struct cs_spot_counts counts;
    for (uint32_t i = 0; i < g->n_cells; i++) {
        if (g->cells[i].at.question != a->question ||
            (arm->factor != CS_NONE && g->cells[i].at.arms[arm->factor].level != arm->level))
            continue;
        for (uint32_t c = 0; c < g->n_cases; c++) {
            cs_reduce_spot_count(&m, g, c, &i, 1, &counts);
            yes[w->cases->cluster[c]] += counts.category[1];
            n[w->cases->cluster[c]] += (double)counts.usable;
        }
    }
    const double effective = cs_rogan_gladen_effective(yes, n, w->cases->n_clusters);
    free(yes);
    free(n);
    return effective;
}

/* One rate alone may be corrected by the judge's errors; a contrast never (stats/rogan_gladen.h). */
static void set_rate(const struct cs_report_work *w, const struct cs_calibration_answer *a,
                     const struct cs_calibration_arm *arm, double n_yes, double n_no,
                     struct cs_report_judge_errors *row)
{
    const double judged = (double)(arm->outputs - arm->silent);
    const struct cs_rogan_gladen_judge judge = {row->sensitivity.value, row->specificity.value, n_yes, n_no};
    if (judged <= 0)
        return;
    row->said = cs_analysis_work_known(arm->said / judged);
    if (!row->sensitivity.known || !row->specificity.known)
        return;
    const struct cs_proportion rate = cs_rogan_gladen(arm->said / judged, effective_outputs(w, a, arm), &judge,
                                                      w->declared->alpha);
    if (rate.status == CS_STAT_OK) {
        row->rate = cs_analysis_work_known(rate.estimate);
        row->rate_ci = (struct cs_report_span){true, rate.ci.lo, rate.ci.hi};
    }
}

static void add_errors(struct cs_report_work *w, const struct cs_calibration_answer *a)
{
    for (uint32_t i = 0; i < a->n_arms; i++) {
        const struct cs_calibration_arm *arm = &a->arms[i];
        struct cs_report_judge_errors *row = &w->r->judge_errors[w->r->n_judge_errors++];
        const struct cs_calibrated_share se = cs_calibrated_sensitivity(&arm->error, w->declared->alpha),
                                         sp = cs_calibrated_specificity(&arm->error, w->declared->alpha);
        double kappa;
        *row = (struct cs_report_judge_errors){.model = arm->model,
                                               .factor = arm->factor,
                                               .level = arm->level,
                                               .answer = cs_analysis_work_copy(w, a->name),
                                               .outputs = arm->outputs,
                                               .no_verdict = arm->silent,
                                               .rated = arm->rated,
                                               .rated_no_verdict = arm->rated_silent};
        set_share(&se, &row->sensitivity, &row->sensitivity_ci, &row->n_yes);
        set_share(&sp, &row->specificity, &row->specificity_ci, &row->n_no);
        if (cs_calibrated_kappa(&arm->error, &kappa))
            row->kappa = cs_analysis_work_known(kappa);
        set_rate(w, a, arm, se.effective, sp.effective, row);
    }
}

void cs_analysis_corrected(struct cs_report_work *w)
{
    const struct cs_calibration *c = w->calibration;
    uint32_t most = 0;
    for (uint32_t i = 0; i < w->r->n_corrected; i++)
        finish_row(w, &w->r->corrected[i]);
    for (uint32_t i = 0; c != NULL && i < c->n_answers; i++)
        most += c->answers[i].n_arms;
    w->r->judge_errors = cs_arena_array(&w->r->arena, (size_t)most + 1, sizeof *w->r->judge_errors);
    for (uint32_t i = 0; c != NULL && i < c->n_answers; i++) {
        const struct cs_calibration_answer *a = &c->answers[i];
        if (a->yes_no)
            add_errors(w, a);
        if (a->why[0] != '\0')
            cs_analysis_work_note(w, "%s is to be corrected by people, and is not yet: %s.", a->name, a->why);
        else if (a->decided < a->sampled)
            cs_analysis_work_note(w,
                                  "%s: of %u sampled texts people decided %u; the others count as missing at random "
                                  "within their stratum.",
                                  a->name, a->sampled, a->decided);
    }
}

/* ---- columns ------------------------------------------------------------------------------------------------------------ */

static const struct cs_report_column columns[] = {
    CS_COLUMN_OF(CS_COLUMN_CONTRAST, corrected, contrast, "contrast", "contrast"),
    CS_COLUMN_SAME(corrected, judge_shift),
    CS_COLUMN(corrected, judge_ci, "judge_ci", "judge_ci_low,judge_ci_high"),
    CS_COLUMN_SAME(corrected, shift),
    CS_COLUMN(corrected, ci, "ci", "ci_low,ci_high"),
    CS_COLUMN_SAME(corrected, lambda),
    CS_COLUMN_SAME(corrected, lambda_used),
    CS_COLUMN_SAME(corrected, rated_level),
    CS_COLUMN_SAME(corrected, rated_comparator),
    CS_COLUMN_SAME(corrected, rater_error),
    CS_COLUMN_SAME(corrected, without_rater_error),
    CS_COLUMN_SAME(corrected, why),
    CS_COLUMN_OF(CS_COLUMN_NOTE_CONTRAST, corrected, contrast, "note", "note"),
    {0},
};
static const struct cs_report_column error_columns[] = {
    CS_COLUMN_OF(CS_COLUMN_MODEL, judge_errors, model, "model", "model"),
    CS_COLUMN_SAME(judge_errors, answer),
    CS_COLUMN_FACTOR_LEVEL(judge_errors),
    CS_COLUMN_SAME(judge_errors, outputs),
    CS_COLUMN_SAME(judge_errors, no_verdict),
    CS_COLUMN_SAME(judge_errors, rated),
    CS_COLUMN_SAME(judge_errors, rated_no_verdict),
    CS_COLUMN_SAME(judge_errors, sensitivity),
    CS_COLUMN(judge_errors, sensitivity_ci, "sensitivity_ci", "sensitivity_low,sensitivity_high"),
    CS_COLUMN_SAME(judge_errors, n_yes),
    CS_COLUMN_SAME(judge_errors, specificity),
    CS_COLUMN(judge_errors, specificity_ci, "specificity_ci", "specificity_low,specificity_high"),
    CS_COLUMN_SAME(judge_errors, n_no),
    CS_COLUMN_SAME(judge_errors, kappa),
    CS_COLUMN_SAME(judge_errors, said),
    CS_COLUMN_SAME(judge_errors, rate),
    CS_COLUMN(judge_errors, rate_ci, "rate_ci", "rate_low,rate_high"),
    CS_COLUMN_END_MODEL(judge_errors),
};
static bool is_corrected(const struct cs_report *r)
{
    return r->n_corrected > 0 || r->n_judge_errors > 0;
}

const struct cs_report_table cs_analysis_corrected_tables[] = {
    {"corrected", "corrected", CS_TABLE_ROWS(corrected, n_corrected), .columns = columns, .is_shown = is_corrected,
     .is_rare = true},
    {"judge_errors", "judge_errors", CS_TABLE_ROWS(judge_errors, n_judge_errors), .columns = error_columns,
     .is_shown = is_corrected, .is_rare = true},
    {0},
};
