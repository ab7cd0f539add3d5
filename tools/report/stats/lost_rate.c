#include "tools/report/stats/lost_rate.h"

#include <math.h>

static double log_choose(double n, double k)
{
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1);
}

double cs_lost_rate_fisher(struct cs_lost_count a, struct cs_lost_count b)
{
    const double lost = (double)(a.lost + b.lost), of_a = (double)a.of, of_b = (double)b.of;
    const double low = fmax(0, lost - of_b), high = fmin(lost, of_a);
    if (a.lost > a.of || b.lost > b.of || a.of == 0 || b.of == 0 || high <= low)
        return 1;
    const double all = log_choose(of_a + of_b, lost),
                 slack = 1e-7; /* covers tables that are as probable but for rounding */
    const double seen = log_choose(of_a, (double)a.lost) + log_choose(of_b, (double)b.lost) - all;
    double p = 0;
    for (double x = low; x <= high; x++) {
        const double here = log_choose(of_a, x) + log_choose(of_b, lost - x) - all;
        p += here <= seen + slack ? exp(here) : 0;
    }
    return fmin(p, 1);
}

struct cs_lost_rate cs_lost_rate_test(const double *diff, size_t n, struct cs_lost_count a, struct cs_lost_count b,
                                      double alpha)
{
    struct cs_lost_rate r = {.test = cs_cluster_t(diff, n, alpha, 1), .p = 1};
    if (cs_stats_usable(r.test.status))
        r.p = fmax(r.test.p, cs_lost_rate_fisher(a, b));
    return r;
}
