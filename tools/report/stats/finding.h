/* finding.h - from the tests of a family to adjusted intervals and verdicts that agree with each other.
 *
 * A contrast is *different* iff its adjusted p is at most alpha. Its interval is then simultaneous in the sense of its method:
 *   Holm   Bonferroni's, 1 - alpha / m: all together hold with 1 - alpha (Dunn, J Am Stat Assoc 56 (1961) 52)
 *   max-T  mean +- critical * se, the same guarantee (adjust.h)
 *   BH     1 - R alpha / m with R contrasts different (at least 1): of the intervals of the different ones at most a share
 *          alpha is expected to miss; BY the same, divided by the sum of 1/i: Benjamini, Yekutieli, JASA 100 (2005) 71
 *   none   1 - alpha
 * Holm and max-T step down and so find more than their intervals show: such an interval is cut at 0 (`cut`), as the step-down
 * decision says (the side of 0 is known, the size is not). Direction and size then each hold with familywise error alpha.
 * A test widened by its wordings is not part of max-T's distribution: Bonferroni holds for it where that asks for more.
 * The reverse, an interval off 0 without a rejection, happens by rounding only, and is widened to 0.
 *
 * Equivalence: TOST p of the contrasts with a margin, adjusted by the same method (max-T: by Holm). equivalence_ci is the
 * 1 - 2 a interval at the level a of the contrast's own step: inside the margin exactly when the adjusted TOST passes.
 *
 * Verdicts, in this order: interval beyond +-margin: different, beyond the margin; different and the interval crosses the
 * margin: size unclear; different and inside: smaller than the margin; TOST passes: equivalent; else inconclusive. Not
 * significant is not equivalent. A joint test enters the family once, with the p of its omnibus and the largest TOST p of its differences;
 * their intervals share its level (Bonferroni): beyond the margin when any of them is, smaller when all are inside. Without a margin a difference is of unclear size and nothing is equivalent. An incomplete
 * study, or a contrast that could not be tested, has no verdict.
 */
#ifndef CS_FINDING_H
#define CS_FINDING_H

#include "tools/report/stats/adjust.h"
#include "tools/report/stats/cluster.h"

enum cs_stat_verdict {
    CS_STAT_VERDICT_NONE,
    CS_STAT_VERDICT_BEYOND,
    CS_STAT_VERDICT_UNCLEAR,
    CS_STAT_VERDICT_SMALLER,
    CS_STAT_VERDICT_EQUIVALENT,
    CS_STAT_VERDICT_INCONCLUSIVE,
};

/* The rule itself, for an interval that agrees with `different`. margin 0: none declared. */
enum cs_stat_verdict cs_finding_verdict_of(bool complete, bool different, struct cs_interval ci, double margin,
                                           bool equivalent);

/* Several differences judged as one test: the shift of one level in every other, the categories of an answer. `low` and `high` are each
 * difference in its worst and best case, one array where these are the same. */
struct cs_joint {
    double p; /* for no difference at all, from the test of all of them together */
    const struct cs_cluster_test *low, *high;
    size_t n;
    bool apart; /* they are judged each for itself afterwards (cs_finding_inside) */
};

struct cs_contrast {
    struct cs_cluster_test test;
    double margin;                /* in the test's units; 0: none declared */
    const struct cs_joint *joint; /* NULL: one difference; else test is that of its largest */
    int worse;                    /* not 0: equivalent means not worse by the margin, -1: lower is worse, 1: higher */
};

struct cs_finding {
    enum cs_stat_status status; /* what the contrast's test says of itself */
    double p_adjusted;
    bool different;
    struct cs_interval ci;          /* adjusted */
    bool cut;                       /* ci was drawn to 0, to agree with the step-down decision */
    double tost_p, tost_p_adjusted; /* 1 without a margin */
    bool equivalent;
    struct cs_interval equivalence_ci;
    enum cs_stat_verdict verdict;
    double level, tost_level; /* at which its step of the adjustment decided */
    double ci_level;          /* ci is the interval at 1 - ci_level, a joint test's differences share it */
};

/* An interval of one difference of a joint test, simultaneous with its verdict. */
struct cs_interval cs_finding_joint_interval(const struct cs_finding *f, const struct cs_joint *joint,
                                             const struct cs_cluster_test *one);

struct cs_family {
    enum cs_adjust method;
    double alpha;                 /* at most 0.5: TOST needs 1 - 2 alpha */
    bool complete;                /* every planned trial is terminal */
    const struct cs_max_t *max_t; /* for max-T: its critical value and adjusted p, in the order of the contrasts */
    const double *max_t_adjusted;
};

/* CS_STAT_BAD_INPUT (and findings without verdicts) if alpha is not in (0, 0.5) or max-T's results are missing or unusable. */
enum cs_stat_status cs_finding_family(const struct cs_family *family, const struct cs_contrast *contrasts, size_t m,
                                      struct cs_finding *out);

/* The n differences of a joint test, each judged for itself once the joint one is found: Holm among them at the level of its step, which
 * keeps the error rate of the family (a gatekeeper: Dmitrienko, Offen, Westfall, Stat Med 22 (2003) 2387). For equivalence the gate is
 * the smallest TOST p of them times n. */
void cs_finding_inside(const struct cs_family *family, const struct cs_finding *gate,
                       const struct cs_cluster_test *tests, size_t n, double margin, struct cs_finding *out);

/* The interval that a verdict is read off. Equivalence is judged by one of its own, which may say another thing than the adjusted one: it is
 * narrower by its level, or wider where few clusters moved. */
enum cs_finding_by {
    CS_FINDING_BY_CI,          /* the adjusted one; `ci` is empty */
    CS_FINDING_BY_EQUIVALENCE, /* at 1 - 2 level */
    CS_FINDING_BY_FEW_MOVED,   /* that, wider: moved of n clusters (cluster.h) */
    CS_FINDING_BY_BOUNDS,      /* all of worst and best case (cs_finding_verdict_bounded) */
};
struct cs_finding_decided {
    enum cs_finding_by by;
    struct cs_interval ci;
    size_t moved, n;
    double level,
        least; /* least: of the few moved, the smallest margin that n clusters can meet at that level once any moved */
};

/* Of a finding over n tests, one or all of a joint test. */
struct cs_finding_decided cs_finding_decided(const struct cs_finding *f, const struct cs_cluster_test *tests, size_t n,
                                             double margin, int worse);
/* Of one that worst and best case leave inconclusive. */
struct cs_finding_decided cs_finding_decided_bounded(const struct cs_finding *main, const struct cs_finding *worst,
                                                     const struct cs_finding *best, double margin);

/* Worst and best case for answers that are missing by refusal: a verdict or direction that changes is inconclusive. */
enum cs_stat_verdict cs_finding_verdict_bounded(const struct cs_finding *main, const struct cs_finding *worst,
                                                const struct cs_finding *best);

#endif
