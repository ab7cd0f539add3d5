#include "tools/report/stats/paired.h"

#include <math.h>
#include <stdlib.h>

#include "protocol/base/alloc.h"
#include "tools/report/stats/dist.h"
#include "tools/report/stats/quadratic.h"

struct cs_homogeneity cs_paired_stuart_maxwell(const uint32_t *count, size_t k)
{
    struct cs_homogeneity r = {.status = CS_STAT_OK};
    if (k < 2) {
        r.status = CS_STAT_BAD_INPUT;
        return r;
    }
    double *d = cs_xcalloc(k, sizeof *d), *v = cs_xcalloc(k * k, sizeof *v);
    double pairs = 0;
    for (size_t i = 0; i < k; i++) {
        for (size_t j = 0; j < k; j++) {
            const double out = count[i * k + j], in = count[j * k + i];
            pairs += out;
            if (i == j)
                continue;
            d[i] += in - out;
            v[i * k + i] += in + out;
            v[i * k + j] = -(in + out);
        }
    }
    if (pairs == 0) {
        r.status = CS_STAT_TOO_FEW;
    } else {
        const struct cs_quadratic q = cs_quadratic_form(d, v, k);
        r.statistic = q.value;
        r.df1 = (double)q.rank;
        r.p = q.rank == 0 ? 1 : cs_dist_chi2_upper(q.value, r.df1);
    }
    free(v);
    free(d);
    return r;
}

struct ranked {
    double size;
    int sign;         /* 0: a zero */
    uint32_t doubled; /* twice its rank, a whole number even among ties */
};

static int by_size(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    return (x->size > y->size) - (x->size < y->size);
}

/* Ranks all, zeros included; returns the sum over ties of nonzero values of t^3 - t. */
static double rank_all(struct ranked *r, size_t n)
{
    qsort(r, n, sizeof *r, by_size);
    double ties = 0;
    for (size_t i = 0; i < n;) {
        size_t end = i + 1;
        while (end < n && r[end].size - r[i].size <= 1e-9 * cs_stats_max(1, r[i].size))
            end++;
        for (size_t j = i; j < end; j++)
            r[j].doubled = (uint32_t)(i + 1 + end);
        const double t = (double)(end - i);
        if (r[i].sign != 0)
            ties += t * t * t - t;
        i = end;
    }
    return ties;
}

/* How many of the 2^m sign patterns of the nonzero ranks give a doubled sum of exactly s: one rank at a time. */
static double exact_p(const struct ranked *r, size_t n, uint32_t smaller)
{
    uint32_t most = 0;
    for (size_t i = 0; i < n; i++)
        most += r[i].sign != 0 ? r[i].doubled : 0;
    double *share = cs_xcalloc((size_t)most + 1, sizeof *share);
    share[0] = 1;
    uint32_t reached = 0;
    for (size_t i = 0; i < n; i++) {
        if (r[i].sign == 0)
            continue;
        reached += r[i].doubled;
        for (uint32_t s = reached + 1; s-- > 0;)
            share[s] = 0.5 * share[s] + (s >= r[i].doubled ? 0.5 * share[s - r[i].doubled] : 0);
    }
    double p = 0;
    for (uint32_t s = 0; s <= smaller && s <= most; s++)
        p += share[s];
    free(share);
    return cs_stats_unit(2 * p);
}

static double normal_p(double plus, size_t n, size_t zeros, double ties)
{
    const double m = (double)n, z = (double)zeros;
    const double mean = (m * (m + 1) - z * (z + 1)) / 4;
    const double var = (m * (m + 1) * (2 * m + 1) - z * (z + 1) * (2 * z + 1)) / 24 - ties / 48;
    return var > 0 ? cs_stats_unit(2 * cs_dist_normal_cdf(-fabs(plus - mean) / sqrt(var))) : 1;
}

struct cs_signed_rank cs_paired_signed_rank(const double *d, size_t n)
{
    struct cs_signed_rank result = {CS_STAT_OK, 0, 0, 0, 0, false};
    struct cs_moments m;
    result.status = n > UINT16_MAX * 16u ? CS_STAT_BAD_INPUT : cs_stats_moments(d, n, &m);
    if (result.status != CS_STAT_OK)
        return result;
    struct ranked *r = cs_xcalloc(n, sizeof *r);
    for (size_t i = 0; i < n; i++) {
        const bool moved = fabs(d[i]) > CS_STAT_ZERO;
        r[i] = (struct ranked){moved ? fabs(d[i]) : 0, !moved ? 0 : d[i] > 0 ? 1 : -1, 0};
        result.zeros += !moved;
    }
    const double ties = rank_all(r, n);
    uint64_t plus = 0, minus = 0;
    for (size_t i = 0; i < n; i++) {
        plus += r[i].sign > 0 ? r[i].doubled : 0;
        minus += r[i].sign < 0 ? r[i].doubled : 0;
    }
    result.plus = (double)plus / 2;
    result.minus = (double)minus / 2;
    result.exact = n <= CS_SIGNED_RANK_EXACT_MAX;
    if (result.zeros == n)
        result.p = 1;
    else if (result.exact)
        result.p = exact_p(r, n, (uint32_t)(plus < minus ? plus : minus));
    else
        result.p = normal_p(result.plus, n, result.zeros, ties);
    free(r);
    return result;
}

struct shifts {
    const double *shift;
    size_t clusters, k;
};

static void mean_shift(const void *ctx, const uint32_t *weight, double *out)
{
    const struct shifts *s = ctx;
    for (size_t c = 0; c < s->k; c++)
        out[c] = 0;
    for (size_t i = 0; i < s->clusters; i++)
        for (size_t c = 0; c < s->k; c++)
            out[c] += (double)weight[i] * s->shift[i * s->k + c];
    for (size_t c = 0; c < s->k; c++)
        out[c] /= (double)s->clusters;
}

/* Covariance of the draws, scaled to the unbiased one. */
static void draw_covariance(const double *draws, size_t n, size_t k, double scale, double *v)
{
    double *mean = cs_xcalloc(k, sizeof *mean);
    for (size_t b = 0; b < n; b++)
        for (size_t c = 0; c < k; c++)
            mean[c] += draws[b * k + c] / (double)n;
    for (size_t b = 0; b < n; b++)
        for (size_t i = 0; i < k; i++)
            for (size_t j = 0; j < k; j++)
                v[i * k + j] += (draws[b * k + i] - mean[i]) * (draws[b * k + j] - mean[j]);
    for (size_t e = 0; e < k * k; e++)
        v[e] *= scale / (double)(n - 1);
    free(mean);
}

struct cs_homogeneity cs_paired_nominal_wald(const struct cs_boot *boot, const double *shift, size_t clusters, size_t k)
{
    struct cs_homogeneity r = {.status = CS_STAT_OK};
    bool moved = false;
    for (size_t e = 0; e < clusters * k; e++) {
        if (!isfinite(shift[e]))
            r.status = CS_STAT_BAD_INPUT;
        moved = moved || fabs(shift[e]) > CS_STAT_ZERO;
    }
    if (boot->draws < CS_BOOT_DRAWS_MIN || k < 2)
        r.status = CS_STAT_BAD_INPUT;
    else if (r.status == CS_STAT_OK && clusters < CS_BOOT_CLUSTERS_MIN)
        r.status = CS_STAT_TOO_FEW;
    if (r.status != CS_STAT_OK)
        return r;
    if (!moved) {
        r.p = 1;
        return r;
    }
    double *draws = cs_xcalloc((size_t)boot->draws * k, sizeof *draws);
    double *v = cs_xcalloc(k * k, sizeof *v), *mean = cs_xcalloc(k, sizeof *mean);
    const struct shifts s = {shift, clusters, k};
    cs_bootstrap_run(boot, clusters, k, mean_shift, &s, draws);
    const double n = (double)clusters;
    draw_covariance(draws, boot->draws, k, n / (n - 1), v);
    for (size_t e = 0; e < clusters * k; e++)
        mean[e % k] += shift[e] / n;
    const struct cs_quadratic q = cs_quadratic_form(mean, v, k);
    if (q.rank == 0 || !q.inside) {
        r.status = CS_STAT_CONSTANT; /* every cluster moved alike: no variance to test against */
    } else if (q.rank >= clusters) {
        r.status = CS_STAT_TOO_FEW;
    } else {
        r.statistic = q.value;
        r.df1 = (double)q.rank;
        r.df2 = n - r.df1;
        r.p = cs_dist_f_upper(q.value * r.df2 / (r.df1 * (n - 1)), r.df1, r.df2);
    }
    free(mean);
    free(v);
    free(draws);
    return r;
}
