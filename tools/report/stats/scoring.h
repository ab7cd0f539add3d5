/* scoring.h - numbers that are put together from many verdicts: rubrics, juries, win rates, harmonic means.
 *
 * Rubric (HealthBench, arXiv 2505.08775): points of the criteria that are met / sum of the positive points of all, below 0 where bad ones
 * prevail; the mean over examples is then clipped to 0..1, never the examples. Length adjustment (HealthBench Professional, arXiv
 * 2604.27470): less `points` for every `per` characters above `center`, more below, before mean and clip.
 * Balanced F1: mean of the F1 of yes and the F1 of no, a judge against physicians (HealthBench, meta-evaluation).
 * Win rate (HELM, arXiv 2211.09110): per column (others strictly worse + ties / 2) / (n - 1), mean over columns.
 * Jury (MedHELM, arXiv 2505.23802): mean over judges x criteria that have a score; how many have none is told beside it.
 * Harmonic mean of the parts, and F1 = 2 P R / (P + R) (van Rijsbergen, Information Retrieval (1979) chapter 7); number needed to
 * harm: mean over runs of 1 / rate (NOHARM, arXiv 2512.01241).
 */
#ifndef CS_SCORING_H
#define CS_SCORING_H

#include "tools/report/stats/stats.h"

/* Without a positive point there is no score: false. points and met: of n criteria. */
bool cs_scoring_rubric(const double *points, const bool *met, size_t n, double *out);
double cs_scoring_adjusted(double score, double length, double center, double per, double points);
/* The mean of n >= 1 values, then clipped. lo <= hi; either may be infinite. */
double cs_scoring_clipped_mean(const double *values, size_t n, double lo, double hi);

/* agree: of_judge and of_people name the same; each triple is about one word: both, judge's and people's number of it. False: undefined. */
struct cs_scoring_hits {
    uint64_t both, judge, people;
};
bool cs_scoring_f1(const struct cs_scoring_hits *hits, double *out);
bool cs_scoring_balanced_f1(const struct cs_scoring_hits *yes, const struct cs_scoring_hits *no, double *out);

/* values[model * columns + column], higher is better; NaN: that model has none there, and it stands in no comparison of that column.
 * out[model]; NaN: it was compared in no column. */
void cs_scoring_win_rate(const double *values, size_t models, size_t columns, double *out);

struct cs_scoring_jury {
    double mean; /* 0 without any score */
    size_t n, missing;
};
struct cs_scoring_jury cs_scoring_jury_mean(const double *scores, size_t n); /* NaN: no score */

double cs_scoring_harmonic_mean(const double *parts, size_t n);                /* of n >= 1 rates; 0 when any is 0 */
bool cs_scoring_needed_to_harm(const double *rates, size_t runs, double *out); /* false: a run without harm */

#endif
