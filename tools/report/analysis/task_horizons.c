/* task_horizons.c - `analysis: {horizon: {success, minutes, family}}`: how long tasks may be that are still done (stats/task_horizon.h), under each
 * level. A task is a case, a run an answer to it, whatever else is varied; a refusal or an unreadable answer is no success, a technical failure is
 * no run; the horizon with all of those as failures and as successes stands beside it, since long tasks time out first. `minutes` and `family` are strata. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/json.h"
#include "tools/report/analysis/sections.h"
#include "tools/report/stats/task_horizon.h"

struct declared {
    uint32_t outcome, minutes, family; /* CS_NONE: every task is a family of its own */
};

static uint32_t stratum_of(const struct cs_study *s, const struct cs_json *name)
{
    const char *text = cs_json_string_value(name);
    for (uint32_t k = 0; text != NULL && k < s->n_strata; k++) {
        if (strcmp(s->columns[s->strata[k]], text) == 0)
            return k;
    }
    return CS_NONE;
}

static bool read_declared(struct cs_report_work *w, struct declared *out)
{
    const struct cs_report *r = w->r;
    struct cs_json *analysis = w->study->analysis != NULL ? cs_json_loads(w->study->analysis, 0, NULL) : NULL;
    const struct cs_json *h = cs_json_object_get(analysis, "horizon");
    const char *success = cs_json_string_value(cs_json_object_get(h, "success"));
    const char *dot = success != NULL ? strchr(success, '.') : NULL;
    *out = (struct declared){CS_REPORT_NONE, stratum_of(w->study, cs_json_object_get(h, "minutes")),
                             stratum_of(w->study, cs_json_object_get(h, "family"))};
    for (uint32_t i = 0; success != NULL && i < r->n_outcomes; i++) {
        const struct cs_report_outcome *o = &r->outcomes[i];
        const bool question = dot == NULL || (strncmp(o->question, success, (size_t)(dot - success)) == 0 &&
                                              o->question[dot - success] == '\0');
        if (question && o->category[0] == '\0' && strcmp(o->field, dot != NULL ? dot + 1 : success) == 0)
            out->outcome = i;
    }
    cs_json_decref(analysis);
    return out->outcome != CS_REPORT_NONE && out->minutes != CS_NONE;
}

/* The runs of every case under the row's level. */
static void count_runs(const struct cs_report_work *w, const struct declared *d,
                       const struct cs_report_task_horizon *row, struct cs_task_horizon_task *task, uint32_t *lost)
{
    const struct cs_measure *m = &w->declared->measures[d->outcome];
    const struct cs_grid *g = &w->got->grids[row->model];
    struct cs_spot_counts c;
    for (uint32_t i = 0; i < g->n_cells; i++) {
        if (g->cells[i].at.question != m->question ||
            (row->factor != CS_REPORT_NONE && g->cells[i].at.arms[row->factor].level != row->level))
            continue;
        for (uint32_t k = 0; k < g->n_cases; k++) {
            cs_reduce_spot_count(m, g, k, &i, 1, &c);
            task[k].runs += (uint32_t)c.asked;
            task[k].successes += c.category[1];
            lost[k] += (uint32_t)c.technical;
        }
    }
}

static const char *why_not(const struct cs_task_horizon *h)
{
    const struct cs_task_horizon_at *at = &h->at[CS_TASK_HORIZON_50];
    if (h->status == CS_STAT_CONSTANT)
        return h->successes > 0 ? "every run succeeds" : "no run succeeds";
    if (h->status != CS_STAT_OK)
        return cs_stats_text(h->status);
    if (at->status != CS_STAT_OK)
        return "success does not fall with length";
    if (at->interval_status == CS_STAT_TOO_FEW)
        return "fewer than five families of tasks give no interval";
    return at->interval_status == CS_STAT_OK ? ""
                                             : "over 1 % of the draws have no horizon, and so there is no interval";
}

/* The range of lengths that was asked, and what the runs that were lost can have hidden: the same fit with all of them failed, all of them done. */
static void bound_row(const struct cs_report_work *w, struct cs_task_horizon_task *task, const uint32_t *lost,
                      struct cs_report_task_horizon *row)
{
    const struct cs_boot none = {.threads = 1}; /* the fit alone */
    const uint32_t n = w->cases->n_cases;
    struct cs_task_horizon failed, done;
    for (uint32_t i = 0; i < n; i++) {
        row->lost += lost[i];
        if (task[i].runs == 0)
            continue;
        if (!row->longest.known || task[i].minutes > row->longest.value)
            row->longest = cs_analysis_work_known(task[i].minutes);
        if (!row->shortest.known || task[i].minutes < row->shortest.value)
            row->shortest = cs_analysis_work_known(task[i].minutes);
    }
    if (row->lost == 0)
        return;
    for (uint32_t i = 0; i < n; i++)
        task[i].runs += lost[i];
    cs_task_horizon(task, n, &none, w->declared->alpha, &failed);
    for (uint32_t i = 0; i < n; i++)
        task[i].successes += lost[i];
    cs_task_horizon(task, n, &none, w->declared->alpha, &done);
    for (int k = 0; k < CS_TASK_HORIZON_SHARES; k++) {
        if (failed.at[k].status == CS_STAT_OK)
            row->lost_failed[k] = cs_analysis_work_known(failed.at[k].minutes);
        if (done.at[k].status == CS_STAT_OK)
            row->lost_done[k] = cs_analysis_work_known(done.at[k].minutes);
    }
}

static void fill_row(const struct cs_report_work *w, const struct declared *d, struct cs_report_task_horizon *row)
{
    const uint32_t n = w->cases->n_cases;
    const struct cs_case_column *minutes = &w->cases->strata[d->minutes];
    const struct cs_boot boot = {w->seed, w->draws, w->threads};
    struct cs_task_horizon_task *task = cs_xcalloc((size_t)n + 1, sizeof *task);
    uint32_t *lost = cs_xcalloc((size_t)n + 1, sizeof *lost);
    struct cs_task_horizon h;
    for (uint32_t i = 0; i < n; i++) {
        task[i].minutes = strtod(minutes->values[minutes->of_case[i]], NULL);
        task[i].family = d->family == CS_NONE ? i : w->cases->strata[d->family].of_case[i];
    }
    count_runs(w, d, row, task, lost);
    cs_task_horizon(task, n, &boot, w->declared->alpha, &h);
    bound_row(w, task, lost, row);
    free(task);
    free(lost);
    row->tasks = h.tasks;
    row->families = h.families;
    row->runs = h.runs;
    row->successes = h.successes;
    row->why = why_not(&h);
    if (h.status != CS_STAT_OK)
        return;
    row->intercept = cs_analysis_work_known(h.intercept);
    row->slope = cs_analysis_work_known(h.slope);
    for (int k = 0; k < CS_TASK_HORIZON_SHARES; k++) {
        if (h.at[k].status == CS_STAT_OK)
            row->horizon[k] = cs_analysis_work_known(h.at[k].minutes);
        if (h.at[k].status == CS_STAT_OK && h.at[k].interval_status == CS_STAT_OK)
            row->horizon_ci[k] = (struct cs_report_span){true, h.at[k].ci.lo, h.at[k].ci.hi};
    }
}

void cs_analysis_task_horizons(struct cs_report_work *w)
{
    struct cs_report *r = w->r;
    struct declared d;
    if (!read_declared(w, &d))
        return;
    struct cs_report_task_horizon *rows = cs_arena_array(&r->arena, (size_t)r->n_models * cs_analysis_work_arms(r) + 1,
                                                         sizeof *rows);
    r->task_horizons = rows;
    for (uint32_t m = 0; m < r->n_models; m++) {
        for (uint32_t i = 0; i < cs_analysis_work_factors(r); i++) {
            const uint32_t f = cs_analysis_work_factor(r, i);
            for (uint32_t l = 0; l < cs_analysis_work_levels(r, f); l++) {
                struct cs_report_task_horizon *row = &rows[r->n_task_horizons++];
                *row = (struct cs_report_task_horizon){
                    .model = m, .outcome = d.outcome, .factor = f, .level = cs_analysis_work_level(f, l), .why = ""};
                fill_row(w, &d, row);
            }
        }
    }
}

static bool is_any(const struct cs_report *r)
{
    return r->n_task_horizons > 0;
}

static const struct cs_report_column columns[] = {
    CS_COLUMN_MODEL_OUTCOME(task_horizon),
    CS_COLUMN_FACTOR_LEVEL(task_horizon),
    CS_COLUMN_SAME(task_horizon, tasks),
    CS_COLUMN_SAME(task_horizon, families),
    CS_COLUMN_SAME(task_horizon, runs),
    CS_COLUMN_SAME(task_horizon, successes),
    CS_COLUMN_SAME(task_horizon, lost),
    CS_COLUMN(task_horizon, shortest, "shortest_minutes", "shortest_minutes"),
    CS_COLUMN(task_horizon, longest, "longest_minutes", "longest_minutes"),
    CS_COLUMN_SAME(task_horizon, intercept),
    CS_COLUMN_SAME(task_horizon, slope),
    CS_COLUMN(task_horizon, horizon[CS_REPORT_HORIZON_50], "minutes_50", "minutes_50"),
    CS_COLUMN(task_horizon, horizon_ci[CS_REPORT_HORIZON_50], "minutes_50_ci", "minutes_50_low,minutes_50_high"),
    CS_COLUMN(task_horizon, horizon[CS_REPORT_HORIZON_80], "minutes_80", "minutes_80"),
    CS_COLUMN(task_horizon, horizon_ci[CS_REPORT_HORIZON_80], "minutes_80_ci", "minutes_80_low,minutes_80_high"),
    CS_COLUMN(task_horizon, lost_failed[CS_REPORT_HORIZON_50], "minutes_50_lost_failed", "minutes_50_lost_failed"),
    CS_COLUMN(task_horizon, lost_done[CS_REPORT_HORIZON_50], "minutes_50_lost_done", "minutes_50_lost_done"),
    CS_COLUMN(task_horizon, lost_failed[CS_REPORT_HORIZON_80], "minutes_80_lost_failed", "minutes_80_lost_failed"),
    CS_COLUMN(task_horizon, lost_done[CS_REPORT_HORIZON_80], "minutes_80_lost_done", "minutes_80_lost_done"),
    CS_COLUMN_SAME(task_horizon, why),
    CS_COLUMN_END_MODEL(task_horizon),
};
const struct cs_report_table cs_analysis_task_horizons_tables[] = {
    {"task_horizons", "task_horizons", CS_TABLE_ROWS(task_horizons, n_task_horizons), .columns = columns,
     .is_shown = is_any, .is_rare = true},
    {0},
};
