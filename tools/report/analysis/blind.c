/* blind.c - a pilot shows that a study works and how noisy it is, never what it finds: whoever saw its differences could choose the study that
 * shows them. What stays: completeness, failures and refusals by arm, noise, the spread over cases, prices. */
#include "tools/report/analysis/interactions.h"
#include "tools/report/analysis/sections.h"
#include "tools/report/analysis/trends.h"

static void blind_components(struct cs_report *r)
{
    struct cs_report_component *list = (struct cs_report_component *)(uintptr_t)r->components;
    for (uint32_t i = 0; i < r->n_components; i++) {
        list[i].systematic = list[i].systematic_sq = (struct cs_report_figure){0};
        list[i].systematic_ci = (struct cs_report_span){0};
    }
}

static void blind_floors(struct cs_report *r)
{
    struct cs_report_floor *list = (struct cs_report_floor *)(uintptr_t)r->floors;
    for (uint32_t i = 0; i < r->n_floors; i++)
        list[i].range = (struct cs_report_span){0};
}

/* Who won how many pairs is the effect itself. */
static void blind_verdicts(struct cs_report *r)
{
    struct cs_report_verdicts *list = (struct cs_report_verdicts *)(uintptr_t)r->verdicts;
    for (uint32_t i = 0; i < r->n_verdicts; i++)
        list[i].won = list[i].tied = 0;
}

void cs_analysis_blind(struct cs_report_work *w)
{
    struct cs_report *r = w->r;
    if (!cs_analysis_work_is_blind(w))
        return;
    r->blind = true;
    cs_analysis_interactions_release(w); /* which counts by the rows that go now */
    cs_analysis_trends_release(w);
    r->n_pooled = r->n_omnibus = r->n_spread = r->n_variants = r->variants_left = r->n_trends = 0;
    r->n_contrasts = r->n_category_tests = r->n_twice = r->n_rates = r->n_composites = r->n_task_horizons =
        r->n_labels = r->n_warrants = r->n_ranges = 0;
    r->n_pressure = r->n_survival = r->n_reruns = r->n_moved = r->n_interactions = r->n_interaction_levels = 0;
    r->n_given = r->n_judge_shifts = r->n_corrected = r->n_judge_errors = r->n_scores = 0;
    r->moved_note = "";
    r->pressure_note = "A pilot shows no comparison of arms.";
    blind_components(r);
    blind_floors(r);
    blind_verdicts(r);
}

const struct cs_report_table cs_analysis_blind_tables[] = {{0}};
