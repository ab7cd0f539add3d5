/* pooling.h - many shifts against one control at once, drawn towards their mean: for ranking and for a headline, never for a verdict.
 *
 * y_i = theta_i + error, theta_i ~ N(mu, tau^2), errors with the covariance V of the k estimates, the shared control included. tau^2 by
 * REML (Patterson, Thompson, Biometrika 58 (1971) 545): with Q an orthonormal basis of the differences and QVQ' = U L U', the w = U'Qy are
 * independent N(0, tau^2 + l_i), and tau^2 is where sum w^2 / (tau^2 + l)^2 = sum 1 / (tau^2 + l), or 0. mu by generalised least squares,
 * theta by BLUP: mu + tau^2 (V + tau^2 I)^-1 (y - mu) (Robinson, Stat Sci 6 (1991) 15). The largest of many estimates is too large; its
 * BLUP is not, on average.
 * Needs CS_POOLING_MIN estimates. CS_STAT_CONSTANT: V is zero, there is nothing to shrink by.
 */
#ifndef CS_POOLING_H
#define CS_POOLING_H

#include "tools/report/stats/stats.h"

enum { CS_POOLING_MIN = 3 };

struct cs_pooling {
    enum cs_stat_status status;
    double mu, se; /* se: of mu */
    double tau2;
};

/* v: k x k, symmetric, row by row. theta: k, set unless the status says no. */
struct cs_pooling cs_pooling_reml(const double *y, const double *v, size_t k, double *theta);

#endif
