#include "tools/report/stats/bootstrap.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "tools/report/stats/draw.h"

enum { COLUMNS_AT_ONCE = 64 }; /* 5,000 draws x 64 columns: 2.6 MB at a time */

struct part {
    cs_boot_part *fn;
    void *ctx;
    uint32_t from, to;
    unsigned worker;
};

static void *run_part(void *arg)
{
    const struct part *p = arg;
    p->fn(p->ctx, p->from, p->to, p->worker);
    return NULL;
}

unsigned cs_bootstrap_workers(const struct cs_boot *boot)
{
    return boot->threads < 1 ? 1 : boot->threads > CS_BOOT_THREADS_MAX ? CS_BOOT_THREADS_MAX : boot->threads;
}

void cs_bootstrap_each(const struct cs_boot *boot, cs_boot_part *fn, void *ctx)
{
    const unsigned workers = cs_bootstrap_workers(boot);
    struct part parts[CS_BOOT_THREADS_MAX];
    pthread_t threads[CS_BOOT_THREADS_MAX];
    bool started[CS_BOOT_THREADS_MAX] = {false};
    for (unsigned w = 0; w < workers; w++) {
        parts[w] = (struct part){.fn = fn,
                                 .ctx = ctx,
                                 .from = (uint32_t)((uint64_t)boot->draws * w / workers),
                                 .to = (uint32_t)((uint64_t)boot->draws * (w + 1) / workers),
                                 .worker = w};
        /* The caller is worker 0; a thread that the system refuses is done by the caller too. */
        started[w] = w > 0 && pthread_create(&threads[w], NULL, run_part, &parts[w]) == 0;
    }
    for (unsigned w = 0; w < workers; w++)
        if (!started[w])
            run_part(&parts[w]);
    for (unsigned w = 0; w < workers; w++)
        if (started[w])
            pthread_join(threads[w], NULL);
}

struct run {
    const struct cs_boot *boot;
    size_t clusters, columns;
    cs_boot_fn *fn;
    const void *ctx;
    double *out;
};

static void run_draws(void *ctx, uint32_t from, uint32_t to, unsigned worker)
{
    (void)worker;
    const struct run *r = ctx;
    uint32_t *weight = cs_xcalloc(r->clusters, sizeof *weight);
    for (uint32_t draw = from; draw < to; draw++) {
        cs_stats_draw_weights(cs_stats_draw_key(r->boot->seed, draw, CS_DRAW_CLUSTERS), r->clusters, weight);
        r->fn(r->ctx, weight, r->out + (size_t)draw * r->columns);
    }
    free(weight);
}

void cs_bootstrap_run(const struct cs_boot *boot, size_t clusters, size_t columns, cs_boot_fn *fn, const void *ctx,
                      double *out)
{
    CS_ASSERT(clusters > 0);
    struct run r = {boot, clusters, columns, fn, ctx, out};
    cs_bootstrap_each(boot, run_draws, &r);
}

struct cs_interval cs_bootstrap_percentile(double *values, size_t n, double alpha)
{
    CS_ASSERT(n > 0 && cs_stats_is_level(alpha));
    qsort(values, n, sizeof *values, cs_stats_order_double);
    double end[2];
    const double level[2] = {alpha / 2, 1 - alpha / 2};
    for (int e = 0; e < 2; e++) {
        const double at = level[e] * (double)(n - 1);
        const size_t below = (size_t)at;
        const size_t above = below + 1 < n ? below + 1 : below;
        end[e] = values[below] + (at - (double)below) * (values[above] - values[below]);
    }
    return (struct cs_interval){end[0], end[1]};
}

struct ratios {
    const double *num, *den; /* first of the columns at work */
    size_t clusters, stride, columns;
};

/* A draw without a denominator is left as infinity, which nobody but summarize() sees. */
static void ratios_of_draw(const void *ctx, const uint32_t *weight, double *out)
{
    const struct ratios *r = ctx;
    double num[COLUMNS_AT_ONCE] = {0}, den[COLUMNS_AT_ONCE] = {0};
    for (size_t i = 0; i < r->clusters; i++) {
        if (weight[i] == 0)
            continue;
        const double w = weight[i];
        const double *n = r->num + i * r->stride, *d = r->den + i * r->stride;
        for (size_t k = 0; k < r->columns; k++) {
            num[k] += w * n[k];
            den[k] += w * d[k];
        }
    }
    for (size_t k = 0; k < r->columns; k++)
        out[k] = fabs(den[k]) > CS_STAT_ZERO ? num[k] / den[k] : (double)INFINITY;
}

static void summarize(const double *draws, size_t n, size_t columns, double alpha, double *values,
                      struct cs_boot_result *result)
{
    size_t defined = 0;
    for (size_t i = 0; i < n; i++)
        if (isfinite(draws[i * columns]))
            values[defined++] = draws[i * columns];
    result->undefined = (uint32_t)(n - defined);
    if ((double)result->undefined > 0.01 * (double)n) {
        result->interval_status = CS_STAT_RARE;
        return;
    }
    struct cs_moments m;
    result->interval_status = cs_stats_moments(values, defined, &m);
    if (result->interval_status != CS_STAT_OK)
        return;
    if (m.constant) {
        result->interval_status = CS_STAT_CONSTANT;
        return;
    }
    result->se = sqrt(m.var);
    result->ci = cs_bootstrap_percentile(values, defined, alpha);
}

static struct cs_boot_result estimate(const double *num, const double *den, size_t clusters, size_t stride)
{
    struct cs_boot_result result = {.status = CS_STAT_OK};
    double n = 0, d = 0;
    size_t present = 0;
    for (size_t i = 0; i < clusters; i++) {
        n += num[i * stride];
        d += den[i * stride];
        present += num[i * stride] != 0 || den[i * stride] != 0;
    }
    if (!isfinite(n) || !isfinite(d))
        result.status = CS_STAT_BAD_INPUT;
    else if (fabs(d) <= CS_STAT_ZERO)
        result.status = CS_STAT_UNDEFINED;
    else
        result.estimate = n / d;
    result.interval_status = result.status;
    if (result.status == CS_STAT_OK && present < CS_BOOT_CLUSTERS_MIN)
        result.interval_status = CS_STAT_TOO_FEW;
    return result;
}

void cs_bootstrap_ratios(const struct cs_boot *boot, const double *num, const double *den, size_t clusters,
                         size_t columns, double alpha, struct cs_boot_result *out)
{
    for (size_t k = 0; k < columns; k++) {
        out[k] = estimate(num + k, den + k, clusters, columns);
        if (boot->draws < CS_BOOT_DRAWS_MIN || !cs_stats_is_level(alpha))
            out[k].interval_status = CS_STAT_BAD_INPUT;
    }
    if (clusters == 0 || boot->draws < CS_BOOT_DRAWS_MIN || !cs_stats_is_level(alpha))
        return;
    const size_t wide = columns < COLUMNS_AT_ONCE ? columns : COLUMNS_AT_ONCE;
    double *draws = cs_xcalloc((size_t)boot->draws * wide, sizeof *draws);
    double *values = cs_xcalloc(boot->draws, sizeof *values);
    for (size_t first = 0; first < columns; first += wide) {
        const size_t count = columns - first < wide ? columns - first : wide;
        const struct ratios r = {num + first, den + first, clusters, columns, count};
        cs_bootstrap_run(boot, clusters, count, ratios_of_draw, &r, draws);
        for (size_t k = 0; k < count; k++)
            if (out[first + k].interval_status == CS_STAT_OK)
                summarize(draws + k, boot->draws, count, alpha, values, &out[first + k]);
    }
    free(values);
    free(draws);
}
