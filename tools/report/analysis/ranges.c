/* ranges.c - one comparison over all models: the range of their shifts, and from eight models on their mean. */
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "tools/report/stats/crossed.h"
#include "tools/report/analysis/sections.h"

/* Clusters all of whose trials have ended in all models. */
static bool *complete_clusters(const struct cs_report_work *w)
{
    bool *complete = cs_xcalloc(w->cases->n_clusters + 1, sizeof *complete);
    memset(complete, true, w->cases->n_clusters);
    for (uint32_t m = 0; m < w->r->n_models; m++) {
        const struct cs_grid *g = &w->got->grids[m];
        for (uint32_t c = 0; c < g->n_cases; c++) {
            uint64_t terminal = 0;
            for (uint32_t i = 0; i < g->n_cells; i++) {
                const uint32_t *record = cs_grid_record(g, c, i);
                for (int o = 0; o < CS_GRID_CLASSES; o++)
                    terminal += record[o];
            }
            if (terminal < g->planned[c])
                complete[w->cases->cluster[c]] = false;
        }
    }
    return complete;
}

struct crossing { /* differences, cluster by model */
    double *d;
    bool *present;
    const bool *complete;
};

static void fill(const struct cs_report_work *w, struct crossing *x, uint32_t outcome, uint32_t contrast)
{
    const uint32_t models = w->r->n_models;
    memset(x->present, 0, (size_t)w->cases->n_clusters * models * sizeof *x->present);
    for (uint32_t m = 0; m < models; m++) {
        const struct cs_paired *p = &w->paired[cs_analysis_work_contrast_at(w, m, outcome, contrast)];
        for (uint32_t i = 0; i < p->n; i++) {
            const size_t at = (size_t)p->cluster[i] * models + m;
            x->d[at] = p->diff[i];
            x->present[at] = x->complete[p->cluster[i]];
        }
    }
}

static void measure(const struct cs_report_work *w, const struct crossing *x, struct cs_report_range *out)
{
    const uint32_t models = w->r->n_models, clusters = w->cases->n_clusters;
    const double scale = cs_analysis_work_scale(&w->r->outcomes[out->outcome]);
    double mean = 0;
    for (uint32_t m = 0; m < models; m++) {
        double sum = 0;
        uint32_t n = 0;
        for (uint32_t i = 0; i < clusters; i++) {
            if (!x->present[(size_t)i * models + m])
                continue;
            sum += x->d[(size_t)i * models + m];
            n++;
        }
        if (n == 0)
            continue;
        const double shift = sum / n * scale;
        if (out->n_models == 0 || shift < out->range.low) {
            out->range.low = shift;
            out->lowest = m;
        }
        if (out->n_models == 0 || shift > out->range.high) {
            out->range.high = shift;
            out->highest = m;
        }
        out->clusters = out->n_models == 0 || n < out->clusters ? n : out->clusters;
        out->n_models++;
        mean += shift;
    }
    out->range.known = out->n_models > 0;
    if (out->n_models > 0)
        out->mean = cs_analysis_work_known(mean / out->n_models);
    if (out->n_models < CS_CROSSED_MODELS_MIN)
        return;
    const struct cs_boot boot = {.seed = w->seed, .draws = w->draws, .threads = w->threads};
    const struct cs_crossed c = cs_crossed_shift(&boot, x->d, x->present, clusters, models, w->declared->alpha);
    if (cs_stats_usable(c.interval_status) && cs_stats_usable(c.status))
        out->mean_ci = (struct cs_report_span){true, c.ci.lo * scale, c.ci.hi * scale};
}

void cs_analysis_ranges(struct cs_report_work *w)
{
    struct cs_report *r = w->r;
    const struct cs_declared_analysis *d = w->declared;
    if (r->n_models < 2)
        return;
    bool *complete = complete_clusters(w);
    const size_t cells = (size_t)w->cases->n_clusters * r->n_models + 1;
    struct crossing x = {cs_xcalloc(cells, sizeof(double)), cs_xcalloc(cells, sizeof(bool)), complete};
    struct cs_report_range *rows = cs_arena_array(&r->arena, (size_t)r->n_outcomes * d->n_contrasts + 1, sizeof *rows);
    for (uint32_t o = 0; o < r->n_outcomes; o++) {
        for (uint32_t k = 0; k < d->n_contrasts; k++) {
            const struct cs_report_contrast *c = &r->contrasts[cs_analysis_work_contrast_at(w, 0, o, k)];
            if (!cs_analysis_declared_is_whole(&d->contrasts[k]) || r->outcomes[o].role == CS_OUTCOME_UNDECLARED)
                continue;
            struct cs_report_range row = {.outcome = o,
                                          .factor = c->factor,
                                          .level = c->level,
                                          .against = c->against,
                                          .comparator = c->comparator,
                                          .comparator_text = c->comparator_text};
            fill(w, &x, o, k);
            measure(w, &x, &row);
            rows[r->n_ranges++] = row;
        }
    }
    r->ranges = rows;
    free(x.d);
    free(x.present);
    free(complete);
}

/* ---- columns ---------------------------------------------------------------------------------------------------- */

static const char *lowest_model(const struct cs_report *r, const void *row)
{
    const struct cs_report_range *v = row;
    return v->n_models > 0 ? r->models[v->lowest].name : "";
}

static const char *highest_model(const struct cs_report *r, const void *row)
{
    const struct cs_report_range *v = row;
    return v->n_models > 0 ? r->models[v->highest].name : "";
}

static const struct cs_report_column columns[] = {
    CS_COLUMN_OF(CS_COLUMN_OUTCOME, range, outcome, "outcome", "outcome"),
    CS_COLUMN_OF(CS_COLUMN_UNIT, range, outcome, NULL, "unit"),
    CS_COLUMN_FACTOR_LEVEL(range),
    CS_COLUMN_OF(CS_COLUMN_AGAINST, range, against, "against", "against"),
    CS_COLUMN(range, comparator_text, "comparator", "comparator"),
    CS_COLUMN(range, n_models, "models", "models"),
    CS_COLUMN_SAME(range, clusters),
    CS_COLUMN_SAID(lowest_model, "lowest", "lowest"),
    CS_COLUMN_SAID(highest_model, "highest", "highest"),
    CS_COLUMN(range, range, "range", "range_low,range_high"),
    CS_COLUMN_SAME(range, mean),
    CS_COLUMN(range, mean_ci, "mean_ci", "mean_low,mean_high"),
    {"note", "note", .kind = CS_COLUMN_NOTE_ANY},
    {0},
};
const struct cs_report_table cs_analysis_ranges_tables[] = {
    {"ranges", "ranges", CS_TABLE_ROWS(ranges, n_ranges), .columns = columns},
    {0},
};
