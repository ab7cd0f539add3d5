#include "tools/report/analysis/family.h"

#include <math.h>
#include <stdlib.h>

#include "protocol/base/alloc.h"

/* The joint distribution of max-T needs every difference, cluster by cluster. */
static struct cs_max_t max_t_of(const struct cs_family_rule *rule, const struct cs_family_test *tests,
                                const double *moved, size_t m, double *adjusted)
{
    const size_t cells = (size_t)rule->n_clusters * m;
    double *d = cs_xcalloc(cells + 1, sizeof *d);
    bool *present = cs_xcalloc(cells + 1, sizeof *present);
    for (size_t k = 0; k < m; k++) {
        for (uint32_t i = 0; i < tests[k].n; i++) {
            d[(size_t)tests[k].cluster[i] * m + k] = tests[k].diff[i] + moved[k];
            present[(size_t)tests[k].cluster[i] * m + k] = true;
        }
    }
    struct cs_max_t t = cs_adjust_max_t(&rule->boot, d, present, rule->n_clusters, m, rule->alpha, adjusted);
    free(present);
    free(d);
    return t;
}

static struct cs_cluster_test test_moved(const struct cs_family_test *t, double by, double alpha)
{
    double *d = cs_xcalloc(t->n + 1, sizeof *d);
    for (uint32_t i = 0; i < t->n; i++)
        d[i] = t->diff[i] + by;
    struct cs_cluster_test test = cs_cluster_t(d, t->n, alpha, t->range);
    free(d);
    return test;
}

/* The whole family with the shift of every test moved by so much. */
static void find(const struct cs_family_rule *rule, const struct cs_family_test *tests, const double *moved, size_t m,
                 struct cs_finding *out)
{
    struct cs_contrast *contrasts = cs_xcalloc(m, sizeof *contrasts);
    double *adjusted = cs_xcalloc(m, sizeof *adjusted);
    struct cs_max_t max_t = {0};
    struct cs_family family = {.method = rule->method, .alpha = rule->alpha, .complete = rule->complete};
    for (size_t k = 0; k < m; k++)
        contrasts[k] = (struct cs_contrast){test_moved(&tests[k], moved[k], rule->alpha), tests[k].margin};
    if (rule->method == CS_ADJUST_MAX_T) {
        max_t = max_t_of(rule, tests, moved, m, adjusted);
        family.max_t = &max_t;
        family.max_t_adjusted = adjusted;
    }
    /* a refusal to judge leaves all verdicts at none, which is what the report then says */
    enum cs_stat_status status = cs_finding_family(&family, contrasts, m, out);
    (void)status;
    free(contrasts);
    free(adjusted);
}

/* Every test of the family with its unusable answers all one way. */
static void find_extreme(const struct cs_family_rule *rule, const struct cs_family_test *tests, const double *mean,
                         bool worst, size_t m, struct cs_finding *out)
{
    double *moved = cs_xcalloc(m, sizeof *moved);
    for (size_t k = 0; k < m; k++)
        moved[k] = tests[k].n > 0 ? (worst ? tests[k].worst : tests[k].best) - mean[k] : 0;
    find(rule, tests, moved, m, out);
    free(moved);
}

static void take(struct cs_family_test *t, const struct cs_finding *f, enum cs_stat_verdict bounded)
{
    t->usable = cs_stats_usable(f->status);
    t->p_adjusted = f->p_adjusted;
    t->p_equivalence = f->tost_p;
    t->p_equivalence_adjusted = f->tost_p_adjusted;
    t->ci = f->ci;
    t->verdict = t->eligible ? bounded : CS_STAT_VERDICT_NONE;
    t->crossed = t->eligible && bounded != f->verdict;
}

void cs_family_judge(const struct cs_family_rule *rule, struct cs_family_test *tests, size_t m)
{
    if (m == 0)
        return;
    struct cs_finding *found = cs_xcalloc(3 * m, sizeof *found);
    double *zero = cs_xcalloc(m, sizeof *zero), *mean = cs_xcalloc(m, sizeof *mean);
    bool bounds = false;
    for (size_t k = 0; k < m; k++) {
        tests[k].test = cs_cluster_t(tests[k].diff, tests[k].n, rule->alpha, tests[k].range);
        mean[k] = tests[k].test.mean;
        bounds = bounds || fabs(tests[k].worst - mean[k]) > CS_STAT_ZERO ||
                 fabs(tests[k].best - mean[k]) > CS_STAT_ZERO;
    }
    find(rule, tests, zero, m, found);
    if (bounds) {
        find_extreme(rule, tests, mean, true, m, found + m);
        find_extreme(rule, tests, mean, false, m, found + 2 * m);
    }
    for (size_t k = 0; k < m; k++)
        take(&tests[k], &found[k],
             bounds ? cs_finding_verdict_bounded(&found[k], &found[m + k], &found[2 * m + k]) : found[k].verdict);
    free(mean);
    free(zero);
    free(found);
}
