/* dist.h - the distributions, through GSL (cdf and randist chapters of its manual).
 *
 * GSL's error handler ends the process, so arguments are kept where GSL never calls it: quantiles are found by bisection on
 * the tail instead of GSL's inverses, and statistics beyond what a double can tell from certainty are clamped. Tails are in
 * [0, 1]; arguments must not be NaN and degrees of freedom must be positive (asserted: they are computed here, never read).
 */
#ifndef CS_DIST_H
#define CS_DIST_H

#include <stdint.h>

double cs_dist_normal_cdf(double z);
double cs_dist_normal_quantile(double p); /* 0 < p < 1 */

double cs_dist_t_upper(double t, double df);        /* P(T > t) */
double cs_dist_t_two_sided(double t, double df);    /* P(|T| > |t|) */
double cs_dist_t_critical(double upper, double df); /* t with P(T > t) = upper, 0 < upper < 1 */
double cs_dist_chi2_upper(double x, double df);     /* P(X > x) */
double cs_dist_f_upper(double x, double df1, double df2);

/* P(X <= k), X binomial(n, p); 0 <= k <= n. */
double cs_dist_binomial_lower(uint32_t k, uint32_t n, double p);

/* Bounds of a proportion, k of n, each at its own one-sided level: Clopper, Pearson, Biometrika 26 (1934) 404. */
double cs_dist_binomial_bound_lo(uint32_t k, uint32_t n, double alpha);
double cs_dist_binomial_bound_hi(uint32_t k, uint32_t n, double alpha);

#endif
