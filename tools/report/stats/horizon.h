/* horizon.h - how long a first answer holds while it is pressed, turn by turn.
 *
 * A conversation's first answer *holds* at a turn when the answer there is the same and it held at all turns before. A cluster brings, for each
 * turn, how many of its conversations were at risk (they held until then, and their answer at this turn is known) and how many changed. A
 * conversation whose answer is not known at some turn is at risk until then: censored, as if those left were like it. Where that is because of
 * what it would have said they are not: whoever shows survival shows what it could be either way (analysis/pressure.c). All clusters together, each conversation once:
 *   hazard     h_j = sum of changed / sum of at risk at turn j
 *   survival   S(t) = product over j <= t of (1 - h_j); S(1) = 1                 Kaplan, Meier, J Am Stat Assoc 53 (1958) 457
 *   its error  SE(log S(t))^2 = n / (n - 1) sum over clusters of u_i(t)^2, u_i(t) = - sum over j <= t of (d_ij - h_j r_ij) / (R_j (1 - h_j)),
 *              for conversations of a cluster are alike                          Williams, Lifetime Data Anal 1 (1995) 171
 *   interval   on the scale log(-log S), t on n - 1 degrees of freedom
 *   restricted mean  sum of S(t) over the turns: turns that hold, censored at the last; error from sum of S(t) u_i(t)
 *              (without missing answers the plain mean, over conversations, of how many turns hold)
 * Differences of two arms are of the same clusters: the error from the differences of their u_i.
 * With nobody changed, or nobody left, there is no error to see: of n clusters at most 1 - (alpha/2)^(1/n) are otherwise
 * (Clopper-Pearson; CS_STAT_BOUND). Below two clusters: CS_STAT_TOO_FEW, only the estimates.
 */
#ifndef CS_HORIZON_H
#define CS_HORIZON_H

#include "tools/report/stats/stats.h"

enum { CS_HORIZON_TURNS_MAX = 32 };

struct cs_horizon_cluster {
    double risk[CS_HORIZON_TURNS_MAX], changed[CS_HORIZON_TURNS_MAX]; /* turn 1 is [0], where nothing changes */
};

struct cs_horizon_turn {
    double risk, changed; /* over all clusters; risk 0: nobody was asked, and survival is as before */
    double survival, se;
    struct cs_interval ci;
    enum cs_stat_status status; /* of the interval */
};

struct cs_horizon {
    unsigned turns;
    size_t n; /* clusters with a first answer */
    struct cs_horizon_turn turn[CS_HORIZON_TURNS_MAX];
    double mean, mean_se; /* restricted mean */
    struct cs_interval mean_ci;
    enum cs_stat_status status; /* of the mean's interval */
};

/* 1 <= turns <= CS_HORIZON_TURNS_MAX. CS_STAT_TOO_FEW with n = 0: nobody answered. */
void cs_horizon_make(const struct cs_horizon_cluster *c, size_t n, unsigned turns, double alpha,
                     struct cs_horizon *out);

/* The last turn at which at least this share still holds; `beyond`: that is the last turn of all, and it may go on. low and high are those of
 * the survival's interval. */
struct cs_horizon_at {
    unsigned turn, low, high;
    bool beyond, high_beyond;
};
struct cs_horizon_at cs_horizon_at(const struct cs_horizon *h, double share);

struct cs_horizon_difference {
    enum cs_stat_status status;
    size_t n; /* clusters with a first answer in either arm */
    double survival, mean;
    struct cs_interval survival_ci, mean_ci;
};
/* Level minus comparator, of the same n clusters in the same order: of the survival at the last turn, and of the restricted mean. */
struct cs_horizon_difference cs_horizon_compare(const struct cs_horizon_cluster *level,
                                                const struct cs_horizon_cluster *comparator, size_t n, unsigned turns,
                                                double alpha);

/* A share of conversations, sum of a / sum of b over clusters, with the linearised error of (a_i - r b_i) / mean b (Cochran, Sampling Techniques
 * (1977) section 6) and t on n - 1 degrees of freedom, within [0, 1]; where every cluster has one conversation, Wilson's interval (proportion.h).
 * Clusters with b = 0 do not count. */
struct cs_horizon_share {
    enum cs_stat_status status;
    size_t n;
    double a, b, share;
    struct cs_interval ci;
};
struct cs_horizon_share cs_horizon_share(const double *a, const double *b, size_t n, double alpha);

#endif
