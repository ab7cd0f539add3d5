/* stats.h - what all statistics of the report share: states of a result, moments, sums over clusters.
 *
 * The library in this folder is pure: numbers in, numbers out, no input or output, no globals; time, seeds and numbers of
 * threads are arguments. Any thread may call anything. Nobody owns anything but the caller. Formulas carry their source in
 * the header that declares them; what is estimated, and why, is said in the study's declared analysis.
 *
 * Units:  rates and shifts are fractions (0.05 is five points) or levels of an ordinal answer; intervals are two-sided at
 *         1 - alpha; p is two-sided unless said otherwise.
 * Errors: every result carries a status. What a status does not cover is 0, never NaN or infinity: look at it first.
 * Limits: differences below CS_STAT_ZERO are rounding, not effects (1/3 + 1/3 + 1/3 - 1 is not a shift).
 */
#ifndef CS_STATS_H
#define CS_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CS_STAT_ZERO 1e-12

enum cs_stat_status {
    CS_STAT_OK,
    CS_STAT_BOUND,     /* usable: no variance seen; an exact bound stands in for the interval (cluster.h) */
    CS_STAT_TOO_FEW,   /* too few clusters, pairs or models for this statistic */
    CS_STAT_CONSTANT,  /* no variance, and no range to bound it with */
    CS_STAT_RARE,      /* a rate so near 0 that its ratio or interval would mislead */
    CS_STAT_UNDEFINED, /* the formula divides by nothing here */
    CS_STAT_BAD_INPUT, /* NaN, infinity, a count above its total, a level outside (0, 1) */
};

const char *cs_stats_text(enum cs_stat_status status); /* a clause for the reader: "too few clusters" */
bool cs_stats_usable(enum cs_stat_status status);      /* CS_STAT_OK and CS_STAT_BOUND */

struct cs_interval {
    double lo, hi;
};

struct cs_moments {
    size_t n;
    double mean, var; /* var has n - 1 below the line; 0 when n < 2 */
    bool constant;    /* all values equal, rounding apart */
};

/* Two passes. CS_STAT_BAD_INPUT if a value is not finite, CS_STAT_TOO_FEW if n < 2 (the mean of one is set). */
enum cs_stat_status cs_stats_moments(const double *x, size_t n, struct cs_moments *out);

bool cs_stats_is_level(double alpha); /* inside (0, 1) */
double cs_stats_min(double a, double b);
double cs_stats_max(double a, double b);
double cs_stats_unit(double x);                        /* clamped to [0, 1] */
int cs_stats_order_double(const void *, const void *); /* for qsort, ascending */

#endif
