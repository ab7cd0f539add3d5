/* bootstrap.h - resampling clusters, for ratios and other statistics without a closed form.
 *
 * Draw b of a seed is one multiset of clusters (draw.h), the same for every statistic, so that two of them can be compared
 * draw by draw. Draws are computed independently and stored by number: any number of threads gives the same bytes.
 * Percentile interval: Efron, Tibshirani, An Introduction to the Bootstrap (1993) section 13.3, quantiles by linear
 * interpolation (type 7 of Hyndman, Fan, Am Stat 50 (1996) 361). It covers 90-93 % where t covers 95 with 24-30 clusters or
 * rare answers: use cluster.h for means.
 *
 * Limits: at least CS_BOOT_DRAWS_MIN draws (CS_STAT_BAD_INPUT below), CS_BOOT_CLUSTERS_MIN clusters (CS_STAT_TOO_FEW).
 */
#ifndef CS_BOOTSTRAP_H
#define CS_BOOTSTRAP_H

#include "tools/report/stats/stats.h"

enum { CS_BOOT_DRAWS_MIN = 5000, CS_BOOT_CLUSTERS_MIN = 5, CS_BOOT_THREADS_MAX = 64 };

struct cs_boot {
    uint64_t seed;
    uint32_t draws;
    unsigned threads; /* 0 counts as 1; changes the time, never a byte */
};

/* Must be pure: writes the statistics of one resample into out; weight[i] is how often cluster i is in it. */
typedef void cs_boot_fn(const void *ctx, const uint32_t *weight, double *out);

/* out[draw * columns + column]; the caller's, draws * columns doubles. */
void cs_bootstrap_run(const struct cs_boot *boot, size_t clusters, size_t columns, cs_boot_fn *fn, const void *ctx,
                      double *out);

/* Calls fn(ctx, draw from, draw to, worker) over a fixed partition of the draws, one part a thread; returns when all are
 * done. The building block of everything here that takes threads. */
typedef void cs_boot_part(void *ctx, uint32_t from, uint32_t to, unsigned worker);
unsigned cs_bootstrap_workers(const struct cs_boot *boot);
void cs_bootstrap_each(const struct cs_boot *boot, cs_boot_part *fn, void *ctx);

struct cs_boot_result {
    enum cs_stat_status status; /* the estimate's; CS_STAT_UNDEFINED if its denominator is 0 */
    double estimate;
    enum cs_stat_status interval_status; /* for ci and se; CS_STAT_RARE if over 1 % of the draws are undefined */
    double se;                           /* SD over the defined draws */
    struct cs_interval ci;
    uint32_t undefined; /* draws whose denominator was 0 */
};

/* Statistic k = sum over clusters of num[i * columns + k] / sum of den[i * columns + k]. A mean of differences has the
 * difference and 1, a cluster without the contrast 0 and 0, a rate ratio the two rates. */
void cs_bootstrap_ratios(const struct cs_boot *boot, const double *num, const double *den, size_t clusters,
                         size_t columns, double alpha, struct cs_boot_result *out);

/* Percentile interval of n >= 1 finite values, which are sorted in place. */
struct cs_interval cs_bootstrap_percentile(double *values, size_t n, double alpha);

#endif
