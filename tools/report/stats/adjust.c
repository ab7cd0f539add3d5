#include "tools/report/stats/adjust.h"

#include <math.h>
#include <stdlib.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "tools/report/stats/draw.h"

struct placed {
    double key;
    size_t at;
};

/* Ascending; equal keys by place, so that the order never depends on the sort. */
static int by_key(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

static struct placed *place(const double *key, size_t m, double sign)
{
    struct placed *order = cs_xcalloc(m + 1, sizeof *order);
    for (size_t i = 0; i < m; i++)
        order[i] = (struct placed){sign * key[i], i};
    qsort(order, m, sizeof *order, by_key);
    return order;
}

static void holm(struct placed *order, size_t m, double *adjusted)
{
    double most = 0;
    for (size_t r = 0; r < m; r++) {
        most = cs_stats_max(most, cs_stats_unit((double)(m - r) * order[r].key));
        adjusted[order[r].at] = most;
    }
}

static void step_up(struct placed *order, size_t m, double factor, double *adjusted)
{
    double least = 1;
    for (size_t r = m; r-- > 0;) {
        least = cs_stats_min(least, cs_stats_unit(factor * (double)m / (double)(r + 1) * order[r].key));
        adjusted[order[r].at] = least;
    }
}

void cs_adjust_p(enum cs_adjust method, const double *p, size_t m, double *adjusted)
{
    CS_ASSERT(method != CS_ADJUST_MAX_T); /* not a function of p alone */
    for (size_t i = 0; i < m; i++)
        adjusted[i] = p[i] >= 0 && p[i] <= 1 ? p[i] : 1;
    struct placed *order = place(adjusted, m, 1);
    double harmonic = 0;
    switch (method) {
    case CS_ADJUST_NONE:
        break;
    case CS_ADJUST_HOLM:
        holm(order, m, adjusted);
        break;
    case CS_ADJUST_BH:
        step_up(order, m, 1, adjusted);
        break;
    case CS_ADJUST_BY:
        for (size_t i = 1; i <= m; i++)
            harmonic += 1 / (double)i;
        step_up(order, m, harmonic, adjusted);
        break;
    case CS_ADJUST_MAX_T:
        break;
    }
    free(order);
}

struct max_t {
    const struct cs_boot *boot;
    const double *d;
    size_t clusters, m;
    const double *n, *squares;  /* for each contrast: clusters, sum of squares (the same under any signs) */
    const struct placed *order; /* largest |t| first */
    uint32_t *hits;             /* m a worker: draws whose running maximum reached |t|, by rank */
    double *largest;            /* one a draw */
};

/* |t| from sum and sum of squares; 0 for a contrast that never moved or has too few clusters to resample, very large for
 * one without variance. */
static double t_of(double sum, double squares, double n)
{
    if (n < CS_BOOT_CLUSTERS_MIN || squares <= n * CS_STAT_ZERO * CS_STAT_ZERO)
        return 0;
    const double var = (squares - sum * sum / n) / (n - 1);
    return var > CS_STAT_ZERO * squares ? fabs(sum / n) / sqrt(var / n) : HUGE_VAL;
}

static void max_t_draws(void *ctx, uint32_t from, uint32_t to, unsigned worker)
{
    const struct max_t *x = ctx;
    uint32_t *hits = x->hits + (size_t)worker * x->m;
    double *sum = cs_xcalloc(x->m, sizeof *sum);
    for (uint32_t draw = from; draw < to; draw++) {
        const uint64_t key = cs_stats_draw_key(x->boot->seed, draw, CS_DRAW_SIGNS);
        for (size_t k = 0; k < x->m; k++)
            sum[k] = 0;
        uint64_t bits = 0;
        for (size_t i = 0; i < x->clusters; i++, bits >>= 1) {
            if (i % 64 == 0)
                bits = cs_stats_draw_u64(key, i / 64);
            const double sign = bits & 1 ? 1 : -1;
            const double *row = x->d + i * x->m;
            for (size_t k = 0; k < x->m; k++)
                sum[k] += sign * row[k];
        }
        double most = 0;
        for (size_t r = x->m; r-- > 0;) {
            const size_t k = x->order[r].at;
            most = cs_stats_max(most, t_of(sum[k], x->squares[k], x->n[k]));
            hits[r] += most >= -x->order[r].key * (1 - 1e-10);
        }
        x->largest[draw] = most;
    }
    free(sum);
}

static void step_down(const struct max_t *x, double *adjusted)
{
    double most = 0;
    for (size_t r = 0; r < x->m; r++) {
        uint32_t hits = 0;
        for (unsigned w = 0; w < cs_bootstrap_workers(x->boot); w++)
            hits += x->hits[(size_t)w * x->m + r];
        most = cs_stats_max(most, (1 + (double)hits) / (1 + (double)x->boot->draws));
        adjusted[x->order[r].at] = -x->order[r].key > 0 ? most : 1;
    }
}

/* The smallest c with (1 + draws at or above c) / (1 + draws) <= alpha just beyond it: t > c is then rejected, t <= c not. */
static double critical_value(double *largest, uint32_t draws, double alpha)
{
    qsort(largest, draws, sizeof *largest, cs_stats_order_double);
    const double allowed = floor(alpha * (1 + (double)draws)) - 1; /* draws that may reach a rejected t */
    CS_ASSERT(allowed >= 0 && allowed < draws);
    return largest[draws - 1 - (uint32_t)allowed];
}

struct cs_max_t cs_adjust_max_t(const struct cs_boot *boot, const double *d, const bool *present, size_t clusters,
                                size_t m, double alpha, double *adjusted)
{
    struct cs_max_t result = {.status = CS_STAT_OK};
    for (size_t k = 0; k < m; k++)
        adjusted[k] = 1;
    for (size_t e = 0; e < clusters * m; e++)
        if (!isfinite(d[e]))
            result.status = CS_STAT_BAD_INPUT;
    if (boot->draws < CS_BOOT_DRAWS_MIN || !cs_stats_is_level(alpha) || alpha * boot->draws < 10)
        result.status = CS_STAT_BAD_INPUT;
    else if (result.status == CS_STAT_OK && (clusters < CS_BOOT_CLUSTERS_MIN || m == 0))
        result.status = CS_STAT_TOO_FEW;
    if (result.status != CS_STAT_OK)
        return result;

    double *n = cs_xcalloc(4 * m, sizeof *n), *squares = n + m, *sum = n + 2 * m, *t = n + 3 * m;
    for (size_t e = 0; e < clusters * m; e++) {
        n[e % m] += present == NULL || present[e] ? 1 : 0;
        sum[e % m] += d[e];
        squares[e % m] += d[e] * d[e];
    }
    for (size_t k = 0; k < m; k++)
        t[k] = t_of(sum[k], squares[k], n[k]);
    struct placed *order = place(t, m, -1);
    struct max_t x = {boot, d, clusters, m, n, squares, order, NULL, NULL};
    x.hits = cs_xcalloc((size_t)cs_bootstrap_workers(boot) * m, sizeof *x.hits);
    x.largest = cs_xcalloc(boot->draws, sizeof *x.largest);
    cs_bootstrap_each(boot, max_t_draws, &x);
    step_down(&x, adjusted);
    result.critical = critical_value(x.largest, boot->draws, alpha);
    if (!isfinite(result.critical)) {
        result.critical = 0;
        result.status = CS_STAT_CONSTANT;
    }
    free(x.largest);
    free(x.hits);
    free(order);
    free(n);
    return result;
}
