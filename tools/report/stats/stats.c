#include "tools/report/stats/stats.h"

#include <math.h>

const char *cs_stats_text(enum cs_stat_status status)
{
    switch (status) {
    case CS_STAT_OK:
        return "sound";
    case CS_STAT_BOUND:
        return "every cluster moved by the same amount: exact bound";
    case CS_STAT_TOO_FEW:
        return "too few clusters";
    case CS_STAT_CONSTANT:
        return "no variance";
    case CS_STAT_RARE:
        return "too rare for a ratio";
    case CS_STAT_UNDEFINED:
        return "not defined";
    case CS_STAT_BAD_INPUT:
        return "not a number";
    }
    return "unknown";
}

bool cs_stats_usable(enum cs_stat_status status)
{
    return status == CS_STAT_OK || status == CS_STAT_BOUND;
}

enum cs_stat_status cs_stats_moments(const double *x, size_t n, struct cs_moments *out)
{
    *out = (struct cs_moments){.n = n};
    double sum = 0, lo = 0, hi = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(x[i]))
            return CS_STAT_BAD_INPUT;
        sum += x[i];
        lo = i == 0 || x[i] < lo ? x[i] : lo;
        hi = i == 0 || x[i] > hi ? x[i] : hi;
    }
    if (n == 0)
        return CS_STAT_TOO_FEW;
    out->mean = sum / (double)n;
    if (!isfinite(out->mean)) {
        *out = (struct cs_moments){.n = n};
        return CS_STAT_BAD_INPUT;
    }
    out->constant = hi - lo <= CS_STAT_ZERO * cs_stats_max(1, cs_stats_max(fabs(lo), fabs(hi)));
    if (n < 2)
        return CS_STAT_TOO_FEW;
    double squares = 0;
    for (size_t i = 0; i < n; i++)
        squares += (x[i] - out->mean) * (x[i] - out->mean);
    out->var = out->constant ? 0 : squares / (double)(n - 1);
    if (isfinite(out->var))
        return CS_STAT_OK;
    *out = (struct cs_moments){.n = n};
    return CS_STAT_BAD_INPUT;
}

bool cs_stats_is_level(double alpha)
{
    return alpha > 0 && alpha < 1;
}

double cs_stats_min(double a, double b)
{
    return a < b ? a : b;
}

double cs_stats_max(double a, double b)
{
    return a > b ? a : b;
}

double cs_stats_unit(double x)
{
    return x < 0 ? 0 : x > 1 ? 1 : x;
}

int cs_stats_order_double(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}
