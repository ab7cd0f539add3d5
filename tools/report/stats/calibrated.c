#include "tools/report/stats/calibrated.h"

#include <math.h>

#include "tools/report/stats/dist.h"

struct cs_calibrated_parts cs_calibrated_split(double judge, double people, double pi)
{
    if (pi <= 0)
        return (struct cs_calibrated_parts){judge, 0};
    return (struct cs_calibrated_parts){judge * (1 - 1 / pi), people / pi};
}

static double mean_of(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return sum / (double)n;
}

/* Sum of products about the means. */
static double products(const double *x, const double *y, size_t n)
{
    const double mx = mean_of(x, n), my = mean_of(y, n);
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (x[i] - mx) * (y[i] - my);
    return sum;
}

static double unit_or(double above, double below, double otherwise)
{
    return below > CS_STAT_ZERO ? cs_stats_unit(above / below) : otherwise;
}

double cs_calibrated_lambda(const double *judged, const double *rated, size_t n)
{
    return n < 2 ? 1 : unit_or(-products(judged, rated, n), products(judged, judged, n), 1);
}

/* ---- one mean --------------------------------------------------------------------------------------------------- */

/* The sum of squares about the mean of both arrays together. */
static double squares_together(const double *x, size_t n, const double *y, size_t m)
{
    const double mean = (mean_of(x, n) * (double)n + mean_of(y, m) * (double)m) / (double)(n + m);
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (x[i] - mean) * (x[i] - mean);
    for (size_t i = 0; i < m; i++)
        sum += (y[i] - mean) * (y[i] - mean);
    return sum;
}

struct cs_calibrated_mean cs_calibrated_ppi(const double *people, const double *judge, size_t n, const double *others,
                                            size_t n_others, double lambda, double alpha)
{
    struct cs_calibrated_mean r = {.status = CS_STAT_OK, .lambda = lambda};
    if (n < 2 || n_others < 2 || !cs_stats_is_level(alpha)) {
        r.status = n < 2 || n_others < 2 ? CS_STAT_TOO_FEW : CS_STAT_BAD_INPUT;
        return r;
    }
    const double n_people = (double)n, m = (double)n_others;
    if (lambda < 0) {
        const double var = squares_together(judge, n, others, n_others) / (n_people + m - 1);
        r.lambda = unit_or(products(people, judge, n) / n_people, (1 + n_people / m) * var, 1);
    }
    const double left = products(people, people, n) - 2 * r.lambda * products(people, judge, n) +
                        r.lambda * r.lambda * products(judge, judge, n);
    const double imputed = r.lambda * r.lambda * products(others, others, n_others);
    r.mean = r.lambda * mean_of(others, n_others) + mean_of(people, n) - r.lambda * mean_of(judge, n);
    r.se = sqrt(cs_stats_max(left, 0) / (n_people * n_people) + imputed / (m * m));
    const double half = cs_dist_normal_quantile(1 - alpha / 2) * r.se;
    r.ci = (struct cs_interval){r.mean - half, r.mean + half};
    return r;
}

/* ---- the judge's errors ------------------------------------------------------------------------------------------- */

void cs_calibrated_error_add(struct cs_calibrated_error *e, bool people, bool judge, double pi)
{
    const double w = 1 / pi;
    if (people) {
        e->yes++;
        e->yes_squares += w * w;
        *(judge ? &e->both : &e->missed) += w;
    } else {
        e->no++;
        e->no_squares += w * w;
        *(judge ? &e->alarms : &e->neither) += w;
    }
}

static struct cs_calibrated_share share_of(double hit, double missed, double squares, uint32_t n, double alpha)
{
    struct cs_calibrated_share r = {.status = CS_STAT_OK, .n = n};
    if (n == 0 || !cs_stats_is_level(alpha)) {
        r.status = n == 0 ? CS_STAT_TOO_FEW : CS_STAT_BAD_INPUT;
        return r;
    }
    const double sum = hit + missed, p = hit / sum, effective = sum * sum / squares;
    const double z = cs_dist_normal_quantile(1 - alpha / 2), z2 = z * z / effective;
    const double mid = (p + z2 / 2) / (1 + z2), half = sqrt(p * (1 - p) * z2 + z2 * z2 / 4) / (1 + z2);
    r.share = p;
    r.effective = effective;
    r.ci = (struct cs_interval){missed > 0 ? cs_stats_max(mid - half, 0) : cs_stats_unit(mid - half),
                                missed > 0 ? cs_stats_min(mid + half, 1) : 1};
    return r;
}

struct cs_calibrated_share cs_calibrated_sensitivity(const struct cs_calibrated_error *e, double alpha)
{
    return share_of(e->both, e->missed, e->yes_squares, e->yes, alpha);
}

struct cs_calibrated_share cs_calibrated_specificity(const struct cs_calibrated_error *e, double alpha)
{
    return share_of(e->neither, e->alarms, e->no_squares, e->no, alpha);
}

bool cs_calibrated_kappa(const struct cs_calibrated_error *e, double *kappa)
{
    const double all = e->both + e->missed + e->alarms + e->neither;
    if (all <= 0)
        return false;
    const double people = (e->both + e->missed) / all, judge = (e->both + e->alarms) / all;
    const double chance = people * judge + (1 - people) * (1 - judge);
    if (1 - chance <= CS_STAT_ZERO)
        return false;
    *kappa = ((e->both + e->neither) / all - chance) / (1 - chance);
    return true;
}

/* ---- people's errors ---------------------------------------------------------------------------------------------- */

double cs_calibrated_rater_error(double disagreement)
{
    return disagreement >= 0.5 ? 0.5 : (1 - sqrt(1 - 2 * cs_stats_max(disagreement, 0))) / 2;
}

bool cs_calibrated_without_error(double rate, double error, double rate_comparator, double error_comparator,
                                 double *shift)
{
    if (1 - 2 * error <= CS_STAT_ZERO || 1 - 2 * error_comparator <= CS_STAT_ZERO)
        return false;
    *shift = (rate - error) / (1 - 2 * error) - (rate_comparator - error_comparator) / (1 - 2 * error_comparator);
    return true;
}
