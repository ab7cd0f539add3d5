/* pooled.c - all levels of a factor against its control at once: the largest of many is too large (stats/pooling.h). */
#include <math.h>
#include <stdlib.h>

#include "protocol/base/alloc.h"
#include "tools/report/analysis/beside/level_shifts.h"
#include "tools/report/analysis/sections.h"
#include "tools/report/stats/pooling.h"

static void moments(const struct cs_level_shifts *g, double *y, double *v)
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

static void pool(struct cs_report_work *w, struct cs_level_shifts *g, double scale, struct cs_report_pooled *rows)
{
    cs_level_shifts_fill(w, g);
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
    g->d = NULL;
}

void cs_analysis_pooled(struct cs_report_work *w)
{
    struct cs_report *r = w->r;
    struct cs_level_shifts g;
    cs_level_shifts_open(&g, w);
    struct cs_report_pooled *rows = cs_arena_array(&r->arena, (size_t)r->n_contrasts + 1, sizeof *rows);
    for (uint32_t m = 0; m < r->n_models; m++) {
        for (uint32_t o = 0; o < r->n_outcomes; o++) {
            for (uint32_t f = 0; f < r->n_factors && r->outcomes[o].role != CS_OUTCOME_UNDECLARED; f++) {
                cs_level_shifts_gather(w, m, o, f, &g);
                if (g.n >= CS_POOLING_MIN)
                    pool(w, &g, cs_analysis_work_scale(&r->outcomes[o]), rows);
            }
        }
    }
    r->pooled = rows;
    cs_level_shifts_close(&g);
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
