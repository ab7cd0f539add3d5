/* family.h - a family of tests judged together: adjusted p values, intervals and verdicts, worst and best case included.
 *
 * Pure; any thread.
 */
#ifndef CS_FAMILY_H
#define CS_FAMILY_H

#include "tools/report/stats/finding.h"

/* Several differences that are one test of the family (finding.h). Arrays of n, the caller's. */
struct cs_family_joint {
    double p; /* from the test of all at once */
    size_t n;
    bool apart;                         /* each has a verdict of its own: categories of an answer */
    const struct cs_cluster_test *test; /* each difference's */
    const double *worst, *best;         /* its mean when unusable answers all go one way */
    struct cs_interval *ci;             /* results from here: simultaneous with the verdict */
    struct cs_finding *found;           /* apart only: verdicts with worst and best case; NULL otherwise */
    bool *crossed;                      /* likewise */
    struct cs_finding_decided *decided; /* likewise */
};

struct cs_family_test {
    const double *diff; /* n of them, one a cluster */
    const uint32_t *cluster;
    uint32_t n;
    double range, margin; /* as in cluster.h; 0: none declared */
    double worst, best;   /* mean shift when unusable answers all go one way; equal to the mean without such answers */
    int worse;            /* not 0: judged on one side of the margin (finding.h) */
    bool eligible;        /* may have a verdict; a test that may not still counts in the family */
    bool single;          /* one pair of yes/no answers a cluster: */
    struct cs_pairs pairs;
    uint32_t wordings; /* the level's sentences, from three on; 0: no spread of them is known: */
    double wording_variance;
    struct cs_family_joint
        *joint; /* NULL: one difference; else diff, cluster, n, worst and best are not read. Not under max-T */

    struct cs_cluster_test test; /* results from here; of a joint test that of its clearest difference */
    bool usable;
    double p_adjusted, p_equivalence, p_equivalence_adjusted;
    struct cs_interval ci;
    enum cs_stat_verdict verdict;
    bool crossed;                      /* worst or best case would have given another verdict */
    struct cs_finding_decided decided; /* by which interval; of categories their own (joint->decided) */
};

struct cs_family_rule {
    enum cs_adjust method;
    double alpha;
    bool complete;
    uint32_t n_clusters; /* clusters of the whole study */
    struct cs_boot boot;
};

void cs_family_judge(const struct cs_family_rule *rule, struct cs_family_test *tests, size_t m);

#endif
