/* level_rates.c - what was answered under each level. */
#include <stdlib.h>

#include "protocol/base/alloc.h"
#include "tools/report/stats/cluster.h"
#include "tools/report/stats/proportion.h"
#include "tools/report/analysis/sections.h"

/* One answer a cluster: Wilson's interval, which t's is no match for near 0 and 1. */
static struct cs_report_span wilson(const struct cs_paired *p, double alpha)
{
    uint32_t yes = 0;
    for (uint32_t i = 0; i < p->n; i++)
        yes += p->level[i] > 0.5;
    const struct cs_proportion w = cs_proportion_wilson(yes, p->n, alpha);
    return w.status == CS_STAT_OK ? (struct cs_report_span){true, w.ci.lo, w.ci.hi} : (struct cs_report_span){0};
}

static void fill_row(const struct cs_report_work *w, const struct cs_arrangement *a, struct cs_report_rate *row)
{
    const struct cs_measure *m = &w->declared->measures[row->outcome];
    const struct cs_side side = cs_analysis_declared_one_level(row->level == CS_REPORT_NONE ? 0 : row->level);
    const struct cs_case_filter all = {.stratum = CS_NONE};
    double low, high;
    struct cs_paired p;
    cs_reduce_pair(&p, m, &w->got->grids[row->model], a, w->cases, &side, &side, &all);
    row->clusters = p.n;
    row->answers = p.n_level;
    if (!cs_analysis_work_ends(m, &low, &high))
        low = high = 0;
    const struct cs_cluster_level t = cs_cluster_level(p.level, p.n, w->declared->alpha, low, high);
    if (p.n > 0)
        row->rate = cs_analysis_work_known(t.mean);
    if (p.single)
        row->ci = wilson(&p, w->declared->alpha);
    else if (cs_stats_usable(t.status))
        row->ci = (struct cs_report_span){true, t.ci.lo, t.ci.hi};
    cs_reduce_paired_release(&p);
}

void cs_analysis_level_rates(struct cs_report_work *w)
{
    struct cs_report *r = w->r;
    struct cs_arrangement a;
    const uint32_t levels = cs_analysis_work_arms(r);
    struct cs_report_rate *rows = cs_arena_array(&r->arena, (size_t)r->n_models * r->n_outcomes * levels + 1,
                                                 sizeof *rows);
    for (uint32_t m = 0; m < r->n_models; m++) {
        for (uint32_t o = 0; o < r->n_outcomes; o++) {
            for (uint32_t i = 0; i < cs_analysis_work_factors(r); i++) {
                const uint32_t f = cs_analysis_work_factor(r, i);
                cs_reduce_arrange(&a, &w->got->grids[m], w->declared->measures[o].question, f);
                for (uint32_t l = 0; l < cs_analysis_work_levels(r, f); l++) {
                    struct cs_report_rate *row = &rows[r->n_rates++];
                    *row = (struct cs_report_rate){
                        .model = m, .outcome = o, .factor = f, .level = cs_analysis_work_level(f, l)};
                    fill_row(w, &a, row);
                }
                cs_reduce_arrangement_release(&a);
            }
        }
    }
    r->rates = rows;
}

static const struct cs_report_column columns[] = {
    CS_COLUMN_MODEL_OUTCOME(rate), CS_COLUMN_FACTOR_LEVEL(rate), CS_COLUMN_SAME(rate, clusters),
    CS_COLUMN_SAME(rate, answers), CS_COLUMN_SAME(rate, rate),   CS_COLUMN(rate, ci, "ci", "rate_low,rate_high"),
    CS_COLUMN_END_MODEL(rate),
};
const struct cs_report_table cs_analysis_level_rates_tables[] = {
    {"rates", "rates", CS_TABLE_ROWS(rates, n_rates), .columns = columns},
    {0},
};
