#include "tools/report/stats/scoring.h"

#include <math.h>

bool cs_scoring_rubric(const double *points, const bool *met, size_t n, double *out)
{
    double sum = 0, positive = 0;
    for (size_t i = 0; i < n; i++) {
        sum += met[i] ? points[i] : 0;
        positive += points[i] > 0 ? points[i] : 0;
    }
    *out = positive > 0 ? sum / positive : 0;
    return positive > 0;
}

double cs_scoring_adjusted(double score, double length, double center, double per, double points)
{
    return score - points * (length - center) / per;
}

double cs_scoring_clipped_mean(const double *values, size_t n, double lo, double hi)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += values[i];
    return cs_stats_max(lo, cs_stats_min(sum / (double)n, hi));
}

bool cs_scoring_f1(const struct cs_scoring_hits *hits, double *out)
{
    const double below = (double)hits->judge + (double)hits->people;
    *out = below > 0 ? 2 * (double)hits->both / below : 0;
    return below > 0;
}

bool cs_scoring_balanced_f1(const struct cs_scoring_hits *yes, const struct cs_scoring_hits *no, double *out)
{
    double a, b;
    const bool ok = cs_scoring_f1(yes, &a) && cs_scoring_f1(no, &b);
    *out = ok ? (a + b) / 2 : 0;
    return ok;
}

void cs_scoring_win_rate(const double *values, size_t models, size_t columns, double *out)
{
    for (size_t m = 0; m < models; m++) {
        double sum = 0, compared_in = 0;
        for (size_t c = 0; c < columns; c++) {
            const double own = values[m * columns + c];
            double worse = 0, others = 0;
            for (size_t o = 0; o < models && !isnan(own); o++) {
                const double theirs = values[o * columns + c];
                if (o == m || isnan(theirs))
                    continue;
                others++;
                worse += theirs < own ? 1 : theirs <= own ? 0.5 : 0;
            }
            sum += others > 0 ? worse / others : 0;
            compared_in += others > 0;
        }
        out[m] = compared_in > 0 ? sum / compared_in : NAN;
    }
}

struct cs_scoring_jury cs_scoring_jury_mean(const double *scores, size_t n)
{
    struct cs_scoring_jury r = {0};
    for (size_t i = 0; i < n; i++) {
        if (isnan(scores[i])) {
            r.missing++;
        } else {
            r.mean += scores[i];
            r.n++;
        }
    }
    r.mean = r.n > 0 ? r.mean / (double)r.n : 0;
    return r;
}

double cs_scoring_harmonic_mean(const double *parts, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (!(parts[i] > 0))
            return 0;
        sum += 1 / parts[i];
    }
    return (double)n / sum;
}

bool cs_scoring_needed_to_harm(const double *rates, size_t runs, double *out)
{
    *out = 0;
    for (size_t i = 0; i < runs; i++) {
        if (!(rates[i] > 0))
            return false;
        *out += 1 / rates[i] / (double)runs;
    }
    return runs > 0;
}
