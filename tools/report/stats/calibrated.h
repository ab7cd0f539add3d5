/* calibrated.h - the effect on what people would say, from a judge's word on all outputs and people's words on a sample of them.
 *
 * Per output Y~ = lambda Yhat + (R / pi)(Y - lambda Yhat): Yhat the judge's word, R = 1 where people rated it, pi the known chance of
 * that, Y their word. Its mean is that of Y for any lambda, however the judge errs, and differently by arm (design-based supervised
 * learning: Egami, Hinck, Stewart, Wei, NeurIPS 2023; augmented inverse probability weighting: Robins, Rotnitzky, Zhao, JASA 89 (1994)
 * 846). It goes by cluster means into cluster.h like any other answer. An output without a verdict has a constant Yhat and a pi of its own.
 * lambda: 1, or the one that makes the variance of the clusters' differences smallest, inside [0, 1] (power tuning: PPI++,
 * Angelopoulos, Duchi, Zrnic, arXiv 2311.01453).
 *
 * People are no gold: two raters who err independently at rate e disagree in d = 2 e (1 - e). A yes/no rate r seen through that error
 * comes from (r - e) / (1 - 2 e).
 */
#ifndef CS_CALIBRATED_H
#define CS_CALIBRATED_H

#include "tools/report/stats/stats.h"

/* Y~ = rated + lambda * judged. pi: in (0, 1] where people rated the output, 0: they did not (`people` does not count then). */
struct cs_calibrated_parts {
    double judged, rated;
};
struct cs_calibrated_parts cs_calibrated_split(double judge, double people, double pi);

/* The lambda for differences rated[i] + lambda * judged[i] of n clusters; 1 where the judge's part does not vary. */
double cs_calibrated_lambda(const double *judged, const double *rated, size_t n);

/* One mean, people's n outputs apart from the judge's N others (prediction-powered inference: Angelopoulos, Bates, Fannjiang, Jordan,
 * Zrnic, Science 382 (2023) 669): mean of lambda Yhat over the others + mean of Y - lambda Yhat over people's; normal interval.
 * lambda < 0: tuned. */
struct cs_calibrated_mean {
    enum cs_stat_status status; /* CS_STAT_TOO_FEW: below two of either */
    double lambda, mean, se;
    struct cs_interval ci;
};
struct cs_calibrated_mean cs_calibrated_ppi(const double *people, const double *judge, size_t n, const double *others,
                                            size_t n_others, double lambda, double alpha);

/* A judge against people, over outputs rated with chance pi: each counts 1 / pi. Yes/no answers. */
struct cs_calibrated_error {
    uint32_t yes, no; /* outputs that people call so and that have a verdict: the number behind each rate */
    double both, missed, alarms, neither; /* weights: people yes and judge yes; yes, no; no, yes; no, no */
    double yes_squares, no_squares;       /* sums of squared weights */
};
void cs_calibrated_error_add(struct cs_calibrated_error *e, bool people, bool judge, double pi);

/* A weighted share; the interval is Wilson's at Kish's effective number (sum w)^2 / sum w^2 (Survey Sampling (1965) section 11.7). */
struct cs_calibrated_share {
    enum cs_stat_status status; /* CS_STAT_TOO_FEW: nothing was rated */
    uint32_t n;
    double share, effective; /* effective: that number */
    struct cs_interval ci;
};
struct cs_calibrated_share cs_calibrated_sensitivity(const struct cs_calibrated_error *e, double alpha);
struct cs_calibrated_share cs_calibrated_specificity(const struct cs_calibrated_error *e, double alpha);
/* Cohen's, from the weights. False: chance agreement is 1, or nothing was rated. */
bool cs_calibrated_kappa(const struct cs_calibrated_error *e, double *kappa);

/* The rate at which each of two raters errs who disagree in so many outputs; 0.5 from one half on. */
double cs_calibrated_rater_error(double disagreement);
/* The shift without that error in either arm: rates as people say them. False: a rate of error of one half, nothing can be said. */
bool cs_calibrated_without_error(double rate, double error, double rate_comparator, double error_comparator,
                                 double *shift);

#endif
