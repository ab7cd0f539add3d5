/* warrants.c - the table of differences that were declared warranted: the cases that the main result leaves out. */
#include <stdlib.h>

#include "protocol/base/alloc.h"
#include "tools/report/stats/cluster.h"
#include "tools/report/analysis/sections.h"

/* Who flagged the cases of a contrast, on either of its sides. */
static void count_raters(const struct cs_report_work *w, const struct cs_report_contrast *c,
                         const struct cs_spec_contrast *spec, struct cs_report_warrant *row)
{
    const struct cs_measure *m = &w->declared->measures[c->outcome];
    double sum = 0;
    uint32_t known = 0;
    for (uint32_t side = 0; side <= spec->comparator_side.n; side++) {
        const uint32_t level = side == 0 ? spec->level : spec->comparator_side.level[side - 1];
        const struct cs_warranted *x = cs_warrant_flags_of(&w->declared->warrant, spec->factor, level, m->question,
                                                           m->field, m->derived);
        for (uint32_t i = 0; x != NULL && i < w->study->n_cases; i++) {
            if (x->raters[i] == 0)
                continue;
            row->raters_min = row->raters_min == 0 || x->raters[i] < row->raters_min ? x->raters[i] : row->raters_min;
            row->raters_max = x->raters[i] > row->raters_max ? x->raters[i] : row->raters_max;
            if (x->agreement[i] > CS_AGREEMENT_UNKNOWN) {
                sum += x->agreement[i];
                known++;
            }
        }
    }
    if (known > 0)
        row->agreement = cs_analysis_work_known(sum / known);
}

static double mean_of(const double *x, uint32_t n)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += x[i] / n;
    return sum;
}

static void measure(const struct cs_report_work *w, const struct cs_report_contrast *c,
                    const struct cs_spec_contrast *spec, const bool *flagged, struct cs_report_warrant *row)
{
    const struct cs_measure *m = &w->declared->measures[c->outcome];
    const struct cs_case_filter only = {.stratum = CS_NONE, .flagged = flagged, .only_flagged = true};
    const struct cs_side level = cs_analysis_declared_one_level(spec->level);
    const double scale = cs_analysis_work_scale(&w->r->outcomes[c->outcome]);
    struct cs_arrangement a;
    struct cs_paired p;
    cs_reduce_arrange(&a, &w->got->grids[c->model], m->question, spec->factor);
    cs_reduce_pair(&p, m, &w->got->grids[c->model], &a, w->cases, &level, &spec->comparator_side, &only);
    const struct cs_cluster_test t = cs_cluster_t(p.diff, p.n, w->declared->alpha, cs_analysis_work_range(m));
    row->clusters = p.n;
    if (p.n > 0) {
        row->rate_level = cs_analysis_work_known(mean_of(p.level, p.n));
        row->rate_comparator = cs_analysis_work_known(mean_of(p.comparator, p.n));
        row->shift = cs_analysis_work_known(mean_of(p.diff, p.n) * scale);
    }
    if (cs_stats_usable(t.status))
        row->ci = (struct cs_report_span){true, t.ci.lo * scale, t.ci.hi * scale};
    else
        row->why = cs_stats_text(t.status);
    cs_reduce_paired_release(&p);
    cs_reduce_arrangement_release(&a);
}

void cs_analysis_warrants(struct cs_report_work *w)
{
    struct cs_report *r = w->r;
    const struct cs_declared_analysis *d = w->declared;
    uint32_t most = 0;
    for (size_t i = 0; i < (size_t)r->n_outcomes * d->n_contrasts; i++)
        most += d->flagged[i] != NULL && cs_analysis_declared_is_whole(&d->contrasts[i % d->n_contrasts]);
    struct cs_report_warrant *rows = cs_arena_array(&r->arena, (size_t)most * r->n_models + 1, sizeof *rows);
    for (uint32_t i = 0; i < r->n_contrasts && most > 0; i++) {
        const struct cs_report_contrast *c = &r->contrasts[i];
        const struct cs_spec_contrast *spec = &d->contrasts[i % d->n_contrasts];
        const bool *flagged = d->flagged[(size_t)c->outcome * d->n_contrasts + i % d->n_contrasts];
        if (flagged == NULL || !cs_analysis_declared_is_whole(spec))
            continue;
        struct cs_report_warrant *row = &rows[r->n_warrants++];
        *row = (struct cs_report_warrant){.contrast = i, .cases = (uint32_t)c->warranted, .why = ""};
        count_raters(w, c, spec, row);
        measure(w, c, spec, flagged, row);
    }
    r->warrants = rows;
}

static const struct cs_report_column columns[] = {
    CS_COLUMN_OF(CS_COLUMN_CONTRAST, warrant, contrast, "", ""),
    CS_COLUMN_SAME(warrant, cases),
    CS_COLUMN_SAME(warrant, clusters),
    CS_COLUMN_SAME(warrant, raters_min),
    CS_COLUMN_SAME(warrant, raters_max),
    CS_COLUMN_SAME(warrant, agreement),
    CS_COLUMN_SAME(warrant, rate_level),
    CS_COLUMN_SAME(warrant, rate_comparator),
    CS_COLUMN_SAME(warrant, shift),
    CS_COLUMN(warrant, ci, "ci", "ci_low,ci_high"),
    CS_COLUMN_SAME(warrant, why),
    CS_COLUMN_OF(CS_COLUMN_NOTE_CONTRAST, warrant, contrast, "note", "note"),
    {0},
};
const struct cs_report_table cs_analysis_warrants_tables[] = {
    {"warrants", "warrant", CS_TABLE_ROWS(warrants, n_warrants), .columns = columns},
    {0},
};
