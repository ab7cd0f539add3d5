/* pooled.c - all levels of a factor against its control at once: the largest of many is too large (stats/pooling.h). */
#include <math.h>
#include <stdlib.h>

#include "protocol/base/alloc.h"
#include "tools/report/analysis/sections.h"
#include "tools/report/stats/pooling.h"

struct group { /* contrasts of one model, outcome and factor */
    uint32_t *contrast;
    uint32_t n;
    double *d; /* clusters that have all of them, by contrast */
    uint32_t rows;
};

static bool belongs(const struct cs_report_work *w, uint32_t k, uint32_t factor)
{
    const struct cs_spec_contrast *c = &w->declared->contrasts[k];
    return c->factor == factor && c->against == CS_AGAINST_CONTROL && cs_analysis_declared_is_whole(c) && !c->floor;
}

static void gather(const struct cs_report_work *w, uint32_t model, uint32_t outcome, uint32_t factor, struct group *g)
{
    g->n = g->rows = 0;
    for (uint32_t k = 0; k < w->declared->n_contrasts; k++) {
        const size_t at = cs_analysis_work_contrast_at(w, model, outcome, k);
        if (belongs(w, k, factor) && w->paired[at].n > 0)
            g->contrast[g->n++] = (uint32_t)at;
    }
}

/* Rows of clusters with a shift under every level. */
static void fill(const struct cs_report_work *w, struct group *g)
{
    const uint32_t clusters = w->cases->n_clusters;
    uint32_t *seen = cs_xcalloc((size_t)clusters + 1, sizeof *seen);
    double *all = cs_xcalloc((size_t)clusters * g->n + 1, sizeof *all);
    for (uint32_t j = 0; j < g->n; j++) {
        const struct cs_paired *p = &w->paired[g->contrast[j]];
        for (uint32_t i = 0; i < p->n; i++) {
            all[(size_t)p->cluster[i] * g->n + j] = p->diff[i];
            seen[p->cluster[i]]++;
        }
    }
    for (uint32_t i = 0; i < clusters; i++) {
        if (seen[i] < g->n)
            continue;
        for (uint32_t j = 0; j < g->n; j++)
            all[(size_t)g->rows * g->n + j] = all[(size_t)i * g->n + j];
        g->rows++;
    }
    free(seen);
    g->d = all;
}

static void moments(const struct group *g, double *y, double *v)
{
    for (uint32_t i = 0; i < g->rows; i++)
        for (uint32_t j = 0; j < g->n; j++)
            y[j] += g->d[(size_t)i * g->n + j] / g->rows;
    for (uint32_t i = 0; i < g->rows; i++)
        for (uint32_t j = 0; j < g->n; j++)
            for (uint32_t k = 0; k < g->n; k++)
                v[(size_t)j * g->n + k] += (g->d[(size_t)i * g->n + j] - y[j]) * (g->d[(size_t)i * g->n + k] - y[k]) /
                                           (g->rows - 1.0) / g->rows;
}

static void pool(struct cs_report_work *w, struct group *g, double scale, struct cs_report_pooled *rows)
{
    fill(w, g);
    double *y = cs_xcalloc((size_t)g->n + 1, sizeof *y), *theta = cs_xcalloc((size_t)g->n + 1, sizeof *theta);
    double *v = cs_xcalloc((size_t)g->n * g->n + 1, sizeof *v);
    struct cs_pooling p = {.status = CS_STAT_TOO_FEW};
    if (g->rows > g->n) { /* fewer clusters than levels do not show how the levels' errors hang together */
        moments(g, y, v);
        p = cs_pooling_reml(y, v, g->n, theta);
    }
    for (uint32_t j = 0; j < g->n && p.status == CS_STAT_OK; j++) {
        rows[w->r->n_pooled++] = (struct cs_report_pooled){.contrast = g->contrast[j],
                                                           .shift = cs_analysis_work_known(y[j] * scale),
                                                           .pooled = cs_analysis_work_known(theta[j] * scale),
                                                           .mean = cs_analysis_work_known(p.mu * scale),
                                                           .tau = cs_analysis_work_known(sqrt(p.tau2) * scale),
                                                           .levels = g->n,
                                                           .clusters = g->rows};
    }
    free(y);
    free(theta);
    free(v);
    free(g->d);
}

void cs_analysis_pooled(struct cs_report_work *w)
{
    struct cs_report *r = w->r;
    struct group g = {.contrast = cs_xcalloc((size_t)w->declared->n_contrasts + 1, sizeof *g.contrast)};
    struct cs_report_pooled *rows = cs_arena_array(&r->arena, (size_t)r->n_contrasts + 1, sizeof *rows);
    for (uint32_t m = 0; m < r->n_models; m++) {
        for (uint32_t o = 0; o < r->n_outcomes; o++) {
            for (uint32_t f = 0; f < r->n_factors && r->outcomes[o].role != CS_OUTCOME_UNDECLARED; f++) {
                gather(w, m, o, f, &g);
                if (g.n >= CS_POOLING_MIN)
                    pool(w, &g, cs_analysis_work_scale(&r->outcomes[o]), rows);
            }
        }
    }
    r->pooled = rows;
    free(g.contrast);
}

static const struct cs_report_column columns[] = {
    CS_COLUMN_OF(CS_COLUMN_CONTRAST, pooled, contrast, NULL, NULL),
    CS_COLUMN_SAME(pooled, levels),
    CS_COLUMN_SAME(pooled, clusters),
    CS_COLUMN_SAME(pooled, shift),
    CS_COLUMN_SAME(pooled, pooled),
    CS_COLUMN_SAME(pooled, mean),
    CS_COLUMN_SAME(pooled, tau),
    CS_COLUMN_OF(CS_COLUMN_NOTE_CONTRAST, pooled, contrast, "note", "note"),
    {0},
};

static bool is_any(const struct cs_report *r)
{
    return r->n_pooled > 0;
}

const struct cs_report_table cs_analysis_pooled_tables[] = {
    {"pooled", "pooled", CS_TABLE_ROWS(pooled, n_pooled), .columns = columns, .is_shown = is_any, .is_rare = true},
    {0},
};
