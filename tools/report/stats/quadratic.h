/* quadratic.h - x' V^- x for a covariance that may be singular, with the rank that it has.
 *
 * Category shifts sum to 0 and unused categories never move, so their covariance is singular by construction: the
 * Moore-Penrose inverse leaves such directions out, and the rank is the degrees of freedom (Rao, Mitra, Generalized Inverse
 * of Matrices and its Applications (1971) section 9.2). Eigenvalues below 1e-9 of the largest count as 0.
 */
#ifndef CS_QUADRATIC_H
#define CS_QUADRATIC_H

#include <stdbool.h>
#include <stddef.h>

struct cs_quadratic {
    double value;
    size_t rank; /* 0: V is all zero; value is then 0 */
    bool inside; /* x lies in the range of V; if not, x moved where V says that nothing can */
};

/* V is k x k, symmetric, row by row; all finite. */
struct cs_quadratic cs_quadratic_form(const double *x, const double *v, size_t k);

/* Eigenvalues of V, and its eigenvectors as columns: vectors[i * k + e] is entry i of the e-th. */
void cs_quadratic_eigen(const double *v, size_t k, double *values, double *vectors);

#endif
