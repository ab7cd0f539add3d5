/* spread.c - how far apart the answers to one prompt lie, by arm, and what a majority of several would say: whether a level makes the model
 * less sure, and whether asking more often removes a shift. No verdict depends on it.
 */
#include <math.h>
#include <stdlib.h>

#include "protocol/base/alloc.h"
#include "tools/report/analysis/sections.h"
#include "tools/report/stats/cluster.h"

struct reduced {
    struct cs_paired pair;
    struct cs_cluster_test test;
};

static struct reduced reduce(const struct cs_report_work *w, size_t at, struct cs_measure *m)
{
    const struct cs_report_contrast *c = &w->r->contrasts[at];
    const struct cs_declared_analysis *d = w->declared;
    const size_t k = at % d->n_contrasts;
    const struct cs_spec_contrast *spec = &d->contrasts[k];
    const struct cs_side level = cs_analysis_declared_one_level(spec->level);
    const struct cs_case_filter filter = {.stratum = spec->stratum,
                                          .value = spec->value,
                                          .flagged = d->flagged[(size_t)c->outcome * d->n_contrasts + k],
                                          .within = spec->within};
    struct reduced out;
    struct cs_arrangement a;
    cs_reduce_arrange(&a, &w->got->grids[c->model], m->question, spec->factor);
    cs_reduce_pair(&out.pair, m, &w->got->grids[c->model], &a, w->cases, &level, &spec->comparator_side, &filter);
    out.test = cs_cluster_t(out.pair.diff, out.pair.n, d->alpha, 0);
    cs_reduce_arrangement_release(&a);
    return out;
}

/* Variances as SDs, in the unit of the outcome; of fractions, 100 times that. */
static void measure_spread(const struct cs_report_work *w, struct cs_report_spread *row)
{
    const struct cs_report_contrast *c = &w->r->contrasts[row->contrast];
    const double scale = cs_analysis_work_scale(&w->r->outcomes[c->outcome]);
    struct cs_measure m = w->declared->measures[c->outcome];
    m.what = CS_WHAT_SPREAD;
    struct reduced v = reduce(w, row->contrast, &m);
    row->clusters = v.pair.n;
    if (v.pair.n > 0) {
        row->level = cs_analysis_work_known(scale * sqrt(cs_analysis_work_mean(v.pair.level, v.pair.n)));
        row->comparator = cs_analysis_work_known(scale * sqrt(cs_analysis_work_mean(v.pair.comparator, v.pair.n)));
        row->variance = cs_analysis_work_known(scale * scale * v.test.mean);
    }
    if (cs_stats_usable(v.test.status)) {
        row->variance_ci = (struct cs_report_span){true, scale * scale * v.test.ci.lo, scale * scale * v.test.ci.hi};
        row->p = cs_analysis_work_known(v.test.p);
    }
    cs_reduce_paired_release(&v.pair);
}

static void measure_decided(const struct cs_report_work *w, struct cs_report_spread *row, uint32_t k)
{
    const struct cs_report_contrast *c = &w->r->contrasts[row->contrast];
    const double scale = cs_analysis_work_scale(&w->r->outcomes[c->outcome]);
    struct cs_measure m = w->declared->measures[c->outcome];
    if (k == 0 || c->outcome >= w->r->n_outcomes)
        return;
    if (m.kind == CS_OUTCOME_NUMBER) {
        row->why = "numbers have no majority";
        return;
    }
    m.what = CS_WHAT_DECIDED;
    m.decide = k;
    struct reduced v = reduce(w, row->contrast, &m);
    row->majority = k;
    row->decided_clusters = v.pair.n;
    if (v.pair.n > 0)
        row->decided = cs_analysis_work_known(scale * v.test.mean);
    else
        row->why = cs_arena_printf(&w->r->arena, "no prompt has %u answers under both", k);
    if (cs_stats_usable(v.test.status)) {
        row->decided_ci = (struct cs_report_span){true, scale * v.test.ci.lo, scale * v.test.ci.hi};
        row->decided_p = cs_analysis_work_known(v.test.p);
    }
    cs_reduce_paired_release(&v.pair);
}

void cs_analysis_spread(struct cs_report_work *w)
{
    struct cs_report *r = w->r;
    r->spread = cs_arena_array(&r->arena, (size_t)r->n_contrasts + 1, sizeof *r->spread);
    r->majority = w->declared->majority;
    if (w->got->halves == NULL) /* nothing is asked more than once */
        return;
    for (uint32_t i = 0; i < r->n_contrasts; i++) {
        const struct cs_report_contrast *c = &r->contrasts[i];
        if (!c->in_family || !c->primary)
            continue;
        struct cs_report_spread *row = &r->spread[r->n_spread++];
        *row = (struct cs_report_spread){.contrast = i, .why = ""};
        measure_spread(w, row);
        measure_decided(w, row, w->declared->majority);
    }
}

static const struct cs_report_column columns[] = {
    CS_COLUMN_OF(CS_COLUMN_CONTRAST, spread, contrast, NULL, NULL),
    CS_COLUMN_SAME(spread, clusters),
    CS_COLUMN(spread, level, "spread_level", "spread_level"),
    CS_COLUMN(spread, comparator, "spread_comparator", "spread_comparator"),
    CS_COLUMN(spread, variance, "variance_difference", "variance_difference"),
    CS_COLUMN(spread, variance_ci, "variance_ci", "variance_ci_low,variance_ci_high"),
    CS_COLUMN_SAME(spread, p),
    CS_COLUMN_SAME(spread, majority),
    CS_COLUMN(spread, decided, "decided_shift", "decided_shift"),
    CS_COLUMN(spread, decided_ci, "decided_ci", "decided_low,decided_high"),
    CS_COLUMN_SAME(spread, decided_p),
    CS_COLUMN_SAME(spread, decided_clusters),
    CS_COLUMN_SAME(spread, why),
    CS_COLUMN_OF(CS_COLUMN_NOTE_CONTRAST, spread, contrast, "note", "note"),
    {0},
};

static bool is_any(const struct cs_report *r)
{
    return r->n_spread > 0;
}

const struct cs_report_table cs_analysis_spread_tables[] = {
    {"spread", "spread", CS_TABLE_ROWS(spread, n_spread), .columns = columns, .is_shown = is_any, .is_rare = true},
    {0},
};
