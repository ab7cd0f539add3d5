#include "tools/report/stats/pooling.h"

#include <math.h>
#include <stdlib.h>

#include "protocol/base/alloc.h"
#include "tools/report/stats/quadratic.h"

/* Row r (from 1) of Helmert's orthonormal basis: 1/sqrt(r (r + 1)) r times, then -r over the same. */
static double helmert(size_t row, size_t column)
{
    const double r = (double)row, norm = sqrt(r * (r + 1));
    return column < row ? 1 / norm : column == row ? -r / norm : 0;
}

/* Differences of the estimates, and their covariance, in that basis. */
static void project(const double *y, const double *v, size_t k, double *z, double *s)
{
    for (size_t a = 1; a < k; a++) {
        for (size_t i = 0; i < k; i++)
            z[a - 1] += helmert(a, i) * y[i];
        for (size_t b = 1; b < k; b++) {
            double sum = 0;
            for (size_t i = 0; i <= a; i++)
                for (size_t j = 0; j <= b; j++)
                    sum += helmert(a, i) * v[i * k + j] * helmert(b, j);
            s[(a - 1) * (k - 1) + b - 1] = sum;
        }
    }
}

static double score(const double *w, const double *l, size_t n, double tau2)
{
    double f = 0;
    for (size_t i = 0; i < n; i++)
        f += w[i] * w[i] / ((tau2 + l[i]) * (tau2 + l[i])) - 1 / (tau2 + l[i]);
    return f;
}

/* The score falls through 0 once, or is below it from the start. */
static double root(const double *w, const double *l, size_t n)
{
    enum { STEPS = 200 };
    double lo = 0, hi = 0;
    for (size_t i = 0; i < n; i++)
        hi += w[i] * w[i];
    if (score(w, l, n, 0) <= 0 || hi <= 0)
        return 0;
    for (int i = 0; i < STEPS; i++) {
        const double mid = lo + (hi - lo) / 2;
        if (score(w, l, n, mid) > 0)
            lo = mid;
        else
            hi = mid;
    }
    return lo + (hi - lo) / 2;
}

static double variance_between(const double *y, const double *v, size_t k)
{
    const size_t n = k - 1;
    double *z = cs_xcalloc(n, sizeof *z), *s = cs_xcalloc(n * n, sizeof *s);
    double *l = cs_xcalloc(n, sizeof *l), *u = cs_xcalloc(n * n, sizeof *u), *w = cs_xcalloc(n, sizeof *w);
    project(y, v, k, z, s);
    cs_quadratic_eigen(s, n, l, u);
    double largest = 0;
    for (size_t i = 0; i < n; i++)
        largest = cs_stats_max(largest, l[i]);
    for (size_t i = 0; i < n; i++) {
        l[i] = cs_stats_max(l[i], 1e-12 * largest);
        for (size_t j = 0; j < n; j++)
            w[i] += u[j * n + i] * z[j];
    }
    const double tau2 = largest > 0 ? root(w, l, n) : -1;
    free(z);
    free(s);
    free(l);
    free(u);
    free(w);
    return tau2;
}

/* mu and theta, through the eigenvectors of V, which are those of V + tau^2 I. */
static void predict(const double *y, const double *v, size_t k, struct cs_pooling *p, double *theta)
{
    double *l = cs_xcalloc(k, sizeof *l), *u = cs_xcalloc(k * k, sizeof *u);
    double weight = 0, sum = 0, largest = 0;
    cs_quadratic_eigen(v, k, l, u);
    for (size_t e = 0; e < k; e++)
        largest = cs_stats_max(largest, l[e]);
    for (size_t e = 0; e < k; e++) {
        double one = 0, along = 0;
        l[e] = cs_stats_max(l[e], 1e-12 * largest) + p->tau2;
        for (size_t i = 0; i < k; i++) {
            one += u[i * k + e];
            along += u[i * k + e] * y[i];
        }
        weight += one * one / l[e];
        sum += one * along / l[e];
    }
    p->mu = sum / weight;
    p->se = sqrt(1 / weight);
    for (size_t i = 0; i < k; i++)
        theta[i] = p->mu;
    for (size_t e = 0; e < k; e++) {
        double along = 0;
        for (size_t i = 0; i < k; i++)
            along += u[i * k + e] * (y[i] - p->mu);
        for (size_t i = 0; i < k; i++)
            theta[i] += p->tau2 * along / l[e] * u[i * k + e];
    }
    free(l);
    free(u);
}

struct cs_pooling cs_pooling_reml(const double *y, const double *v, size_t k, double *theta)
{
    struct cs_pooling p = {.status = k < CS_POOLING_MIN ? CS_STAT_TOO_FEW : CS_STAT_OK};
    for (size_t i = 0; i < k * k; i++) {
        if (!isfinite(v[i]) || !isfinite(y[i % k]))
            p.status = CS_STAT_BAD_INPUT;
    }
    if (p.status != CS_STAT_OK)
        return p;
    const double tau2 = variance_between(y, v, k);
    if (tau2 < 0) {
        p.status = CS_STAT_CONSTANT;
        return p;
    }
    p.tau2 = tau2;
    predict(y, v, k, &p, theta);
    return p;
}
