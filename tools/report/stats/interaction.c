#include "tools/report/stats/interaction.h"

#include <math.h>
#include <stdlib.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "tools/report/stats/adjust.h"
#include "tools/report/stats/dist.h"
#include "tools/report/stats/quadratic.h"

/* ---- within cases ----------------------------------------------------------------------------------------- */

static void covariance(const double *x, size_t n, size_t p, double *mean, double *v)
{
    for (size_t e = 0; e < n * p; e++)
        mean[e % p] += x[e] / (double)n;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < p; j++)
            for (size_t k = 0; k < p; k++)
                v[j * p + k] += (x[i * p + j] - mean[j]) * (x[i * p + k] - mean[k]) / (double)(n - 1);
}

static struct cs_interaction hotelling(const double *x, size_t n, size_t p)
{
    struct cs_interaction r = {.kind = CS_INTERACTION_HOTELLING};
    double *mean = cs_xcalloc(p, sizeof *mean), *v = cs_xcalloc(p * p, sizeof *v);
    covariance(x, n, p, mean, v);
    const struct cs_quadratic q = cs_quadratic_form(mean, v, p);
    const double size = (double)n, rank = (double)q.rank;
    if (q.rank == 0 || !q.inside) {
        r.status = CS_STAT_CONSTANT;
    } else {
        r.statistic = size * q.value;
        r.df1 = rank;
        r.df2 = size - rank;
        r.f = r.df2 * r.statistic / (rank * (size - 1));
        r.p = cs_dist_f_upper(r.f, r.df1, r.df2);
    }
    free(mean);
    free(v);
    return r;
}

static struct cs_interaction largest_t(const struct cs_boot *boot, const double *x, size_t n, size_t p)
{
    struct cs_interaction r = {.kind = CS_INTERACTION_MAX_T, .p = 1};
    double *adjusted = cs_xcalloc(p, sizeof *adjusted), *column = cs_xcalloc(n, sizeof *column);
    r.status = cs_adjust_max_t(boot, x, NULL, n, p, 0.05, adjusted).status;
    for (size_t k = 0; k < p && r.status == CS_STAT_OK; k++) {
        for (size_t i = 0; i < n; i++)
            column[i] = x[i * p + k];
        r.statistic = cs_stats_max(r.statistic, fabs(cs_cluster_t(column, n, 0.05, 0).t));
        r.p = cs_stats_min(r.p, adjusted[k]);
    }
    free(column);
    free(adjusted);
    return r;
}

struct cs_interaction cs_interaction_within(const struct cs_boot *boot, const double *x, size_t n, size_t p)
{
    struct cs_interaction r = {.status = n < 2 ? CS_STAT_TOO_FEW : CS_STAT_OK};
    bool moved = false;
    CS_ASSERT(p > 0);
    for (size_t e = 0; e < n * p; e++) {
        if (!isfinite(x[e]))
            r.status = CS_STAT_BAD_INPUT;
        moved = moved || fabs(x[e]) > CS_STAT_ZERO;
    }
    if (r.status != CS_STAT_OK)
        return r;
    if (!moved) {
        r.p = 1;
        return r;
    }
    return n < p + CS_INTERACTION_SPARE && p > 1 ? largest_t(boot, x, n, p) : hotelling(x, n, p);
}

/* ---- between cases ---------------------------------------------------------------------------------------- */

/* Welch's t of two samples whose moments are known. */
static void compare_means(struct cs_cluster_test *test, const struct cs_moments *a, const struct cs_moments *b,
                          double alpha)
{
    const double va = a->var / (double)a->n, vb = b->var / (double)b->n;
    test->se = sqrt(va + vb);
    test->df = (va + vb) * (va + vb) / (va * va / (double)(a->n - 1) + vb * vb / (double)(b->n - 1));
    test->t = test->mean / test->se;
    test->p = cs_dist_t_two_sided(test->t, test->df);
    test->ci = cs_cluster_interval(test, alpha);
}

static size_t count_moved(const double *x, size_t n)
{
    size_t moved = 0;
    for (size_t i = 0; i < n; i++)
        moved += fabs(x[i]) > CS_STAT_ZERO;
    return moved;
}

struct cs_cluster_test cs_interaction_welch(const double *x, size_t n, const double *y, size_t m, double alpha,
                                            double range)
{
    struct cs_moments a, b;
    const enum cs_stat_status first = cs_stats_moments(x, n, &a), second = cs_stats_moments(y, m, &b);
    struct cs_cluster_test test = {.status = first != CS_STAT_OK ? first : second, .range = range};
    /* the smaller sample, and the one that moved less, say how little is known of rare movements */
    const size_t moved_x = count_moved(x, n), moved_y = count_moved(y, m);
    test.n = n < m ? n : m;
    test.moved = moved_x < moved_y ? moved_x : moved_y;
    if (!cs_stats_is_level(alpha) || !isfinite(range) || range < 0)
        test.status = CS_STAT_BAD_INPUT;
    if (test.status == CS_STAT_BAD_INPUT)
        return test;
    test.mean = a.mean - b.mean;
    if (test.status == CS_STAT_OK && a.constant && b.constant)
        test.status = CS_STAT_CONSTANT;
    if (test.status == CS_STAT_OK)
        compare_means(&test, &a, &b, alpha);
    return test;
}

static struct cs_interaction smallest_of_pairs(const double *const *x, const size_t *n, size_t k)
{
    struct cs_interaction r = {.status = CS_STAT_CONSTANT, .kind = CS_INTERACTION_PAIRS, .p = 1};
    const double pairs = (double)k * (double)(k - 1) / 2;
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j < i; j++) {
            const struct cs_cluster_test t = cs_interaction_welch(x[i], n[i], x[j], n[j], 0.05, 0);
            if (t.status != CS_STAT_OK)
                continue;
            r.status = CS_STAT_OK;
            r.p = cs_stats_min(r.p, cs_stats_unit(t.p * pairs));
        }
    return r;
}

static struct cs_interaction welch_f(const struct cs_moments *m, size_t k)
{
    double weights = 0, mean = 0, between = 0, lambda = 0;
    for (size_t j = 0; j < k; j++) {
        const double w = (double)m[j].n / m[j].var;
        weights += w;
        mean += w * m[j].mean;
    }
    mean /= weights;
    for (size_t j = 0; j < k; j++) {
        const double w = (double)m[j].n / m[j].var, rest = 1 - w / weights;
        between += w * (m[j].mean - mean) * (m[j].mean - mean);
        lambda += rest * rest / (double)(m[j].n - 1);
    }
    const double groups = (double)k, wide = groups * groups - 1;
    struct cs_interaction r = {.kind = CS_INTERACTION_WELCH, .df1 = groups - 1, .df2 = wide / (3 * lambda)};
    r.f = r.statistic = between / (groups - 1) / (1 + 2 * (groups - 2) / wide * lambda);
    r.p = cs_dist_f_upper(r.f, r.df1, r.df2);
    return r;
}

struct cs_interaction cs_interaction_between(const double *const *x, const size_t *n, size_t k)
{
    struct cs_interaction r = {.status = k < 2 ? CS_STAT_TOO_FEW : CS_STAT_OK, .kind = CS_INTERACTION_WELCH};
    struct cs_moments *m = cs_xcalloc(k + 1, sizeof *m);
    bool constant = false;
    for (size_t j = 0; j < k && r.status == CS_STAT_OK; j++) {
        r.status = cs_stats_moments(x[j], n[j], &m[j]);
        constant = constant || m[j].constant;
    }
    if (r.status == CS_STAT_OK)
        r = constant ? smallest_of_pairs(x, n, k) : welch_f(m, k);
    free(m);
    return r;
}
