#include "tools/report/stats/crossed.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "tools/report/stats/draw.h"

struct crossed {
    const struct cs_boot *boot;
    const double *d;
    const bool *present;
    size_t clusters, models;
    double *sum, *cell; /* d, 0 where absent; 1 or 0: so that the inner loop has no branch */
    bool full;          /* every cell is there */
    double *out;        /* one a draw; infinity where the draw is empty */
};

static double weighted_mean(const struct crossed *c, const uint32_t *row, const uint32_t *column, double *sums,
                            double *cells)
{
    double sum = 0, weight = 0, rows = 0;
    memset(sums, 0, c->models * sizeof *sums);
    memset(cells, 0, c->models * sizeof *cells);
    for (size_t i = 0; i < c->clusters; i++) {
        const double w = row[i], *d = c->sum + i * c->models, *cell = c->cell + i * c->models;
        if (row[i] == 0)
            continue;
        rows += w;
        for (size_t m = 0; m < c->models; m++)
            sums[m] += w * d[m];
        for (size_t m = 0; !c->full && m < c->models; m++)
            cells[m] += w * cell[m];
    }
    for (size_t m = 0; m < c->models; m++) {
        sum += column[m] * sums[m];
        weight += column[m] * (c->full ? rows : cells[m]);
    }
    return weight > 0 ? sum / weight : (double)INFINITY;
}

static void crossed_draws(void *ctx, uint32_t from, uint32_t to, unsigned worker)
{
    (void)worker;
    const struct crossed *c = ctx;
    uint32_t *row = cs_xcalloc(c->clusters, sizeof *row), *column = cs_xcalloc(c->models, sizeof *column);
    double *sums = cs_xcalloc(c->models, sizeof *sums), *cells = cs_xcalloc(c->models, sizeof *cells);
    for (uint32_t draw = from; draw < to; draw++) {
        cs_stats_draw_weights(cs_stats_draw_key(c->boot->seed, draw, CS_DRAW_CLUSTERS), c->clusters, row);
        cs_stats_draw_weights(cs_stats_draw_key(c->boot->seed, draw, CS_DRAW_MODELS), c->models, column);
        c->out[draw] = weighted_mean(c, row, column, sums, cells);
    }
    free(cells);
    free(sums);
    free(column);
    free(row);
}

/* Means of the models and of all cells. */
static enum cs_stat_status describe(const struct crossed *c, struct cs_crossed *r)
{
    double sum = 0, cells = 0;
    for (size_t m = 0; m < c->models; m++) {
        double own = 0, n = 0;
        for (size_t i = 0; i < c->clusters; i++) {
            if (c->present != NULL && !c->present[i * c->models + m])
                continue;
            if (!isfinite(c->d[i * c->models + m]))
                return CS_STAT_BAD_INPUT;
            own += c->d[i * c->models + m];
            n++;
        }
        if (n <= 0)
            continue;
        const double mean = own / n;
        r->models_range.lo = r->models == 0 ? mean : cs_stats_min(r->models_range.lo, mean);
        r->models_range.hi = r->models == 0 ? mean : cs_stats_max(r->models_range.hi, mean);
        r->models++;
        sum += own;
        cells += n;
    }
    if (r->models == 0)
        return CS_STAT_TOO_FEW;
    r->mean = sum / cells;
    return CS_STAT_OK;
}

static void interval(const struct cs_boot *boot, double *draws, double alpha, struct cs_crossed *r)
{
    size_t defined = 0;
    for (size_t b = 0; b < boot->draws; b++)
        if (isfinite(draws[b]))
            draws[defined++] = draws[b];
    struct cs_moments m;
    r->interval_status = (double)(boot->draws - defined) > 0.01 * boot->draws ? CS_STAT_RARE
                                                                              : cs_stats_moments(draws, defined, &m);
    if (r->interval_status == CS_STAT_OK && m.constant)
        r->interval_status = CS_STAT_CONSTANT;
    if (r->interval_status != CS_STAT_OK)
        return;
    r->se = sqrt(m.var);
    r->ci = cs_bootstrap_percentile(draws, defined, alpha);
}

struct cs_crossed cs_crossed_shift(const struct cs_boot *boot, const double *d, const bool *present, size_t clusters,
                                   size_t models, double alpha)
{
    struct cs_crossed r = {.status = CS_STAT_OK};
    struct crossed c = {.boot = boot, .d = d, .present = present, .clusters = clusters, .models = models};
    r.status = describe(&c, &r);
    r.interval_status = r.status;
    if (r.status == CS_STAT_BAD_INPUT)
        r = (struct cs_crossed){.status = CS_STAT_BAD_INPUT, .interval_status = CS_STAT_BAD_INPUT};
    else if (boot->draws < CS_BOOT_DRAWS_MIN || !cs_stats_is_level(alpha))
        r.interval_status = CS_STAT_BAD_INPUT;
    else if (r.models < CS_CROSSED_MODELS_MIN || clusters < CS_BOOT_CLUSTERS_MIN)
        r.interval_status = CS_STAT_TOO_FEW;
    if (r.interval_status != CS_STAT_OK)
        return r;
    c.sum = cs_xcalloc(clusters * models, sizeof *c.sum);
    c.cell = cs_xcalloc(clusters * models, sizeof *c.cell);
    c.full = true;
    for (size_t i = 0; i < clusters * models; i++) {
        c.full = c.full && (present == NULL || present[i]);
        c.cell[i] = present == NULL || present[i];
        c.sum[i] = present == NULL || present[i] ? d[i] : 0;
    }
    c.out = cs_xcalloc(boot->draws, sizeof *c.out);
    cs_bootstrap_each(boot, crossed_draws, &c);
    interval(boot, c.out, alpha, &r);
    free(c.out);
    free(c.cell);
    free(c.sum);
    return r;
}
