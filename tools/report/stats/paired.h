/* paired.h - ordered and unordered answers of pairs: Stuart-Maxwell, signed rank, ordinal shift, cluster Wald.
 *
 * Stuart-Maxwell: marginal homogeneity of a k x k table of pairs, one pair a cluster: Stuart, Biometrika 42 (1955) 412;
 *           Maxwell, Br J Psychiatry 116 (1970) 651. Chi-square with the rank of the covariance as degrees of freedom, which
 *           is k - 1 when every category moves. Nothing moved: statistic 0, df 0, p 1.
 * Signed rank: Wilcoxon, Biometrics Bull 1 (1945) 80, zeros ranked and then dropped: Pratt, J Am Stat Assoc 54 (1959) 655.
 *           Ties share the mean of their ranks. Up to CS_SIGNED_RANK_EXACT_MAX values p is exact given the ranks (ties and
 *           zeros included), above it normal with the variance corrected for both, without continuity correction.
 * Ordinal shift: per cluster the difference of mean levels and P(up) - P(down) over all pairs of a comparator and a level
 *           answer (Agresti, Analysis of Ordinal Categorical Data (2010) section 2.1); the caller puts them through cluster.h.
 * Nominal:  per cluster the shift of every category; Wald on their means with the covariance of a cluster bootstrap, scaled by
 *           n / (n - 1), referred to F as Hotelling's T2: (n - r) / (r (n - 1)) W on r and n - r degrees of freedom (Hotelling,
 *           Ann Math Stat 2 (1931) 360): chi-square rejects too often at 24-30 clusters.
 */
#ifndef CS_PAIRED_H
#define CS_PAIRED_H

#include "tools/report/stats/bootstrap.h"
#include "tools/report/stats/stats.h"

struct cs_homogeneity {
    enum cs_stat_status status;
    double statistic, df1, df2; /* df2 is 0 where the reference is chi-square */
    double p;
};

/* count[i * k + j] pairs with comparator category i and level category j; k >= 2. */
struct cs_homogeneity cs_paired_stuart_maxwell(const uint32_t *count, size_t k);

enum { CS_SIGNED_RANK_EXACT_MAX = 50 };

struct cs_signed_rank {
    enum cs_stat_status status; /* CS_STAT_TOO_FEW when n < 2 */
    double plus, minus;         /* rank sums of the positive and of the negative differences */
    size_t zeros;
    double p; /* 1 when all are zero */
    bool exact;
};

struct cs_signed_rank cs_paired_signed_rank(const double *d, size_t n);

/* shift[i * k + c]: share of category c in the level arm minus in the comparator, in cluster i. */
struct cs_homogeneity cs_paired_nominal_wald(const struct cs_boot *boot, const double *shift, size_t clusters,
                                             size_t k);

#endif
