#include "tools/report/stats/kappa.h"

#include <math.h>
#include <stdlib.h>

#include "protocol/base/alloc.h"
#include "tools/report/stats/dist.h"

static double agreement_weight(size_t i, size_t j, size_t k, enum cs_kappa_weights weights)
{
    const double apart = fabs((double)i - (double)j) / (double)(k - 1);
    switch (weights) {
    case CS_KAPPA_PLAIN:
        break;
    case CS_KAPPA_LINEAR:
        return 1 - apart;
    case CS_KAPPA_QUADRATIC:
        return 1 - apart * apart;
    }
    return i == j ? 1 : 0;
}

static struct cs_kappa fail(enum cs_stat_status status)
{
    return (struct cs_kappa){.status = status, .interval_status = status};
}

static void set_interval(struct cs_kappa *r, double critical)
{
    if (r->se <= CS_STAT_ZERO) {
        r->se = 0;
        r->interval_status = CS_STAT_CONSTANT;
        return;
    }
    r->ci.lo = cs_stats_max(-1, r->kappa - critical * r->se);
    r->ci.hi = cs_stats_min(1, r->kappa + critical * r->se);
}

struct cs_kappa cs_kappa_cohen(const uint32_t *count, size_t k, enum cs_kappa_weights weights, double alpha)
{
    if (k < 2 || !cs_stats_is_level(alpha))
        return fail(CS_STAT_BAD_INPUT);
    double n = 0;
    for (size_t e = 0; e < k * k; e++)
        n += count[e];
    if (n < 2)
        return fail(CS_STAT_TOO_FEW);

    /* Margins, and the mean weight that each category meets under chance. */
    double *row = cs_xcalloc(4 * k, sizeof *row), *col = row + k, *row_weight = row + 2 * k, *col_weight = row + 3 * k;
    for (size_t e = 0; e < k * k; e++) {
        row[e / k] += count[e] / n;
        col[e % k] += count[e] / n;
    }
    struct cs_kappa r = {.status = CS_STAT_OK};
    for (size_t e = 0; e < k * k; e++) {
        const size_t i = e / k, j = e % k;
        const double w = agreement_weight(i, j, k, weights);
        r.agreement += w * count[e] / n;
        r.chance += w * row[i] * col[j];
        row_weight[i] += w * col[j];
        col_weight[j] += w * row[i];
    }
    if (1 - r.chance <= CS_STAT_ZERO) {
        r.status = r.interval_status = CS_STAT_UNDEFINED;
    } else {
        r.kappa = (r.agreement - r.chance) / (1 - r.chance);
        double sum = 0;
        for (size_t e = 0; e < k * k; e++) {
            const double w = agreement_weight(e / k, e % k, k, weights);
            const double part = w - (row_weight[e / k] + col_weight[e % k]) * (1 - r.kappa);
            sum += count[e] / n * part * part;
        }
        const double shift = r.kappa - r.chance * (1 - r.kappa);
        r.se = sqrt(cs_stats_max(sum - shift * shift, 0) / n) / (1 - r.chance);
        if (r.agreement >= 1)
            r.se = 0;
        set_interval(&r, cs_dist_normal_quantile(1 - alpha / 2));
    }
    free(row);
    return r;
}

/* Kappa from sums over n subjects: agreeing pairs' share, and ratings per category. */
static bool fleiss(double agreement_sum, const double *total, const uint32_t *without, size_t k, double n,
                   double raters, struct cs_kappa *r)
{
    r->agreement = agreement_sum / n;
    r->chance = 0;
    for (size_t c = 0; c < k; c++) {
        const double p = (total[c] - (without != NULL ? without[c] : 0)) / (n * raters);
        r->chance += p * p;
    }
    if (1 - r->chance <= CS_STAT_ZERO)
        return false;
    r->kappa = (r->agreement - r->chance) / (1 - r->chance);
    return true;
}

static double subject_agreement(const uint32_t *count, size_t k, double raters)
{
    double pairs = 0;
    for (size_t c = 0; c < k; c++)
        pairs += (double)count[c] * ((double)count[c] - 1);
    return pairs / (raters * (raters - 1));
}

/* Raters of every subject, or 0 if they differ. */
static double raters_of(const uint32_t *count, size_t subjects, size_t k)
{
    double first = 0;
    for (size_t s = 0; s < subjects; s++) {
        double raters = 0;
        for (size_t c = 0; c < k; c++)
            raters += count[s * k + c];
        if (s == 0)
            first = raters;
        else if (raters != first)
            return 0;
    }
    return first;
}

struct cs_kappa cs_kappa_fleiss(const uint32_t *count, size_t subjects, size_t k, double alpha)
{
    if (subjects < 2)
        return fail(CS_STAT_TOO_FEW);
    const double raters = raters_of(count, subjects, k), n = (double)subjects;
    if (k < 2 || !cs_stats_is_level(alpha) || raters < 2)
        return fail(CS_STAT_BAD_INPUT);
    struct cs_kappa r = {.status = CS_STAT_OK};
    double *total = cs_xcalloc(k, sizeof *total), *left = cs_xcalloc(subjects, sizeof *left);
    double agreement = 0;
    for (size_t s = 0; s < subjects; s++) {
        agreement += subject_agreement(count + s * k, k, raters);
        for (size_t c = 0; c < k; c++)
            total[c] += count[s * k + c];
    }
    if (!fleiss(agreement, total, NULL, k, n, raters, &r)) {
        r.status = r.interval_status = CS_STAT_UNDEFINED;
        goto out;
    }
    if (subjects < 3) {
        r.interval_status = CS_STAT_TOO_FEW;
        goto out;
    }
    for (size_t s = 0; s < subjects; s++) {
        const uint32_t *own = count + s * k;
        struct cs_kappa rest;
        if (!fleiss(agreement - subject_agreement(own, k, raters), total, own, k, n - 1, raters, &rest)) {
            r.interval_status = CS_STAT_UNDEFINED;
            goto out;
        }
        left[s] = rest.kappa;
    }
    struct cs_moments m;
    if (cs_stats_moments(left, subjects, &m) == CS_STAT_OK)
        r.se = sqrt(m.var) * (n - 1) / sqrt(n);
    set_interval(&r, cs_dist_t_critical(alpha / 2, n - 1));
out:
    free(left);
    free(total);
    return r;
}
