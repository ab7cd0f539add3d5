#include "tools/report/stats/quadratic.h"

#include <math.h>

#include <gsl/gsl_eigen.h>

#include "protocol/base/assert.h"
#include "tools/report/stats/stats.h"

struct cs_quadratic cs_quadratic_form(const double *x, const double *v, size_t k)
{
    struct cs_quadratic q = {.inside = true};
    CS_ASSERT(k > 0);
    gsl_matrix *a = gsl_matrix_alloc(k, k), *vectors = gsl_matrix_alloc(k, k);
    gsl_vector *values = gsl_vector_alloc(k);
    gsl_eigen_symmv_workspace *work = gsl_eigen_symmv_alloc(k);
    CS_ASSERT(a != NULL && vectors != NULL && values != NULL && work != NULL);
    double size = 0;
    for (size_t i = 0; i < k; i++) {
        size += x[i] * x[i];
        for (size_t j = 0; j < k; j++) {
            CS_ASSERT(isfinite(v[i * k + j]));
            gsl_matrix_set(a, i, j, v[i * k + j]);
        }
    }
    gsl_eigen_symmv(a, values, vectors, work);
    /* Rounding noise around a zero matrix is zero. */
    const double largest = gsl_vector_max(values) > CS_STAT_ZERO * CS_STAT_ZERO ? gsl_vector_max(values) : 0;
    double outside = 0;
    for (size_t e = 0; e < k; e++) {
        const double lambda = gsl_vector_get(values, e);
        double along = 0;
        for (size_t i = 0; i < k; i++)
            along += gsl_matrix_get(vectors, i, e) * x[i];
        if (largest > 0 && lambda > 1e-9 * largest) {
            q.value += along * along / lambda;
            q.rank++;
        } else {
            outside += along * along;
        }
    }
    q.inside = outside <= 1e-9 * size;
    gsl_eigen_symmv_free(work);
    gsl_vector_free(values);
    gsl_matrix_free(vectors);
    gsl_matrix_free(a);
    return q;
}

void cs_quadratic_eigen(const double *v, size_t k, double *values, double *vectors)
{
    gsl_matrix *a = gsl_matrix_alloc(k, k), *u = gsl_matrix_alloc(k, k);
    gsl_vector *l = gsl_vector_alloc(k);
    gsl_eigen_symmv_workspace *work = gsl_eigen_symmv_alloc(k);
    CS_ASSERT(a != NULL && u != NULL && l != NULL && work != NULL);
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j < k; j++) {
            CS_ASSERT(isfinite(v[i * k + j]));
            gsl_matrix_set(a, i, j, v[i * k + j]);
        }
    gsl_eigen_symmv(a, l, u, work);
    for (size_t i = 0; i < k; i++) {
        values[i] = gsl_vector_get(l, i);
        for (size_t e = 0; e < k; e++)
            vectors[i * k + e] = gsl_matrix_get(u, i, e);
    }
    gsl_eigen_symmv_free(work);
    gsl_vector_free(l);
    gsl_matrix_free(u);
    gsl_matrix_free(a);
}
