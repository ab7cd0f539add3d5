#include "tools/report/analysis/beside/level_shifts.h"

#include <stdlib.h>

#include "protocol/base/alloc.h"

void cs_level_shifts_open(struct cs_level_shifts *g, const struct cs_report_work *w)
{
    *g = (struct cs_level_shifts){.contrast = cs_xcalloc((size_t)w->declared->n_contrasts + 1, sizeof *g->contrast)};
}

static bool belongs(const struct cs_report_work *w, uint32_t k, uint32_t factor)
{
    const struct cs_spec_contrast *c = &w->declared->contrasts[k];
    return c->factor == factor && c->against == CS_AGAINST_CONTROL && cs_analysis_declared_is_whole(c) && !c->floor;
}

void cs_level_shifts_gather(const struct cs_report_work *w, uint32_t model, uint32_t outcome, uint32_t factor,
                            struct cs_level_shifts *g)
{
    g->n = g->rows = 0;
    for (uint32_t k = 0; k < w->declared->n_contrasts; k++) {
        const size_t at = cs_analysis_work_contrast_at(w, model, outcome, k);
        if (belongs(w, k, factor) && w->paired[at].n > 0)
            g->contrast[g->n++] = (uint32_t)at;
    }
}

void cs_level_shifts_fill(const struct cs_report_work *w, struct cs_level_shifts *g)
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

void cs_level_shifts_close(struct cs_level_shifts *g)
{
    free(g->contrast);
    *g = (struct cs_level_shifts){0};
}
