#include "tools/report/analysis/family.h"

#include <math.h>
#include <stdlib.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "tools/report/stats/wording.h"

enum extreme { AT_REST, WORST, BEST, EXTREMES };

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

static double away(const struct cs_family_test *t, enum extreme at)
{
    if (at == AT_REST || t->joint != NULL || t->n == 0)
        return 0;
    return (at == WORST ? t->worst : t->best) - t->test.mean;
}

/* ---- joint tests ------------------------------------------------------------------------------------------- */

struct ends { /* the differences of a joint test in their worst and their best case */
    struct cs_joint joint;
    struct cs_cluster_test *low, *high;
};

static bool is_bounded(const struct cs_family_joint *j)
{
    for (size_t i = 0; i < j->n; i++) {
        if (fabs(j->worst[i] - j->test[i].mean) > CS_STAT_ZERO || fabs(j->best[i] - j->test[i].mean) > CS_STAT_ZERO)
            return true;
    }
    return false;
}

/* p of the difference that stays clearest wherever its unusable answers go, times the number of differences. */
static double p_that_stays(const struct ends *e)
{
    double p = 1;
    for (size_t i = 0; i < e->joint.n; i++) {
        const struct cs_cluster_test *low = &e->low[i], *high = &e->high[i];
        const bool same_side = (low->mean > 0 && high->mean > 0) || (low->mean < 0 && high->mean < 0);
        if (cs_stats_usable(low->status) && cs_stats_usable(high->status) && same_side)
            p = cs_stats_min(p, cs_stats_max(low->p, high->p));
    }
    return cs_stats_unit(p * (double)e->joint.n);
}

static struct ends ends_of(const struct cs_family_joint *j, enum extreme at, double alpha)
{
    struct ends e = {.low = cs_xcalloc(j->n + 1, sizeof *e.low), .high = cs_xcalloc(j->n + 1, sizeof *e.high)};
    e.joint = (struct cs_joint){.p = j->p, .low = e.low, .high = e.high, .n = j->n, .apart = j->apart};
    for (size_t i = 0; i < j->n; i++) {
        e.low[i] = e.high[i] = j->test[i];
        if (at == AT_REST)
            continue;
        e.low[i] = cs_cluster_moved(&j->test[i], j->worst[i] - j->test[i].mean, alpha);
        e.high[i] = cs_cluster_moved(&j->test[i], j->best[i] - j->test[i].mean, alpha);
    }
    if (at != AT_REST && is_bounded(j))
        e.joint.p = p_that_stays(&e);
    return e;
}

/* The clearest difference stands for the test. */
static struct cs_cluster_test clearest(const struct cs_family_joint *j)
{
    struct cs_cluster_test best = {.status = CS_STAT_TOO_FEW};
    double p = 2;
    for (size_t i = 0; i < j->n; i++) {
        if (i == 0 || (cs_stats_usable(j->test[i].status) && j->test[i].p < p))
            best = j->test[i];
        p = cs_stats_usable(best.status) ? best.p : 2;
    }
    return best;
}

static void judge_apart(const struct cs_family *family, const struct cs_family_test *t, const struct cs_finding *rest,
                        const struct cs_finding *worst, const struct cs_finding *best)
{
    struct cs_family_joint *j = t->joint;
    struct ends e = ends_of(j, WORST, family->alpha);
    struct cs_finding *out = cs_xcalloc(2 * j->n + 1, sizeof *out);
    cs_finding_inside(family, rest, j->test, j->n, t->margin, j->found);
    cs_finding_inside(family, worst, e.low, j->n, t->margin, out);
    cs_finding_inside(family, best, e.high, j->n, t->margin, out + j->n);
    for (size_t i = 0; i < j->n; i++) {
        const enum cs_stat_verdict bounded = cs_finding_verdict_bounded(&j->found[i], &out[i], &out[j->n + i]);
        j->crossed[i] = bounded != j->found[i].verdict;
        j->decided[i] = j->crossed[i] ? cs_finding_decided_bounded(&j->found[i], &out[i], &out[j->n + i], t->margin)
                                      : cs_finding_decided(&j->found[i], &j->test[i], 1, t->margin, 0);
        j->found[i].verdict = bounded;
        j->ci[i] = j->found[i].ci;
    }
    free(out);
    free(e.low);
    free(e.high);
}

static void judge_joint(const struct cs_family *family, const struct cs_family_test *t, const struct cs_finding *rest,
                        const struct cs_finding *worst, const struct cs_finding *best)
{
    struct cs_family_joint *j = t->joint;
    const struct cs_joint joint = {.n = j->n};
    if (j->apart) {
        judge_apart(family, t, rest, worst, best);
        return;
    }
    for (size_t i = 0; i < j->n; i++) {
        if (cs_stats_usable(j->test[i].status))
            j->ci[i] = cs_finding_joint_interval(rest, &joint, &j->test[i]);
    }
}

/* ---- the family --------------------------------------------------------------------------------------------- */

/* The whole family, with unusable answers where they are or all of them one way. */
static void find(const struct cs_family_rule *rule, const struct cs_family *as, const struct cs_family_test *tests,
                 enum extreme at, size_t m, struct cs_finding *out)
{
    struct cs_contrast *contrasts = cs_xcalloc(m, sizeof *contrasts);
    struct ends *ends = cs_xcalloc(m, sizeof *ends);
    double *adjusted = cs_xcalloc(m, sizeof *adjusted), *moved = cs_xcalloc(m, sizeof *moved);
    struct cs_max_t max_t = {0};
    struct cs_family family = *as;
    for (size_t k = 0; k < m; k++) {
        moved[k] = away(&tests[k], at);
        contrasts[k] = (struct cs_contrast){.test = cs_cluster_moved(&tests[k].test, moved[k], rule->alpha),
                                            .margin = tests[k].margin,
                                            .worse = tests[k].worse};
        if (tests[k].joint != NULL) {
            ends[k] = ends_of(tests[k].joint, at, rule->alpha);
            contrasts[k].joint = &ends[k].joint;
        }
    }
    if (rule->method == CS_ADJUST_MAX_T) {
        max_t = max_t_of(rule, tests, moved, m, adjusted);
        family.max_t = &max_t;
        family.max_t_adjusted = adjusted;
    }
    /* a refusal to judge leaves all verdicts at none, which is what the report then says */
    enum cs_stat_status status = cs_finding_family(&family, contrasts, m, out);
    (void)status;
    for (size_t k = 0; k < m; k++) {
        free(ends[k].low);
        free(ends[k].high);
    }
    free(ends);
    free(contrasts);
    free(adjusted);
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

/* Of a joint test in its worst and best case only the reason is told: its intervals are many. */
static void decide(struct cs_family_test *t, const struct cs_finding *rest, const struct cs_finding *worst,
                   const struct cs_finding *best)
{
    const struct cs_family_joint *j = t->joint;
    if (!t->eligible || (j != NULL && (j->apart || t->crossed)))
        return;
    t->decided = t->crossed  ? cs_finding_decided_bounded(rest, worst, best, t->margin)
                 : j != NULL ? cs_finding_decided(rest, j->test, j->n, t->margin, 0)
                             : cs_finding_decided(rest, &t->test, 1, t->margin, t->worse);
}

/* Whether the worst or the best case is another than what was seen. */
static bool test_each(const struct cs_family_rule *rule, struct cs_family_test *tests, size_t m)
{
    bool bounds = false;
    for (size_t k = 0; k < m; k++) {
        struct cs_family_test *t = &tests[k];
        CS_ASSERT(t->joint == NULL || rule->method != CS_ADJUST_MAX_T);
        t->test = t->joint != NULL ? clearest(t->joint)
                  : t->single      ? cs_cluster_pairs(t->pairs, rule->alpha)
                                   : cs_cluster_t(t->diff, t->n, rule->alpha, t->range);
        if (t->joint == NULL)
            t->test = cs_wording_widen(&t->test, t->wording_variance, t->wordings, rule->alpha);
        if (t->joint != NULL)
            bounds = bounds || is_bounded(t->joint);
        else if (t->n > 0)
            bounds = bounds || fabs(t->worst - t->test.mean) > CS_STAT_ZERO ||
                     fabs(t->best - t->test.mean) > CS_STAT_ZERO;
    }
    return bounds;
}

void cs_family_judge(const struct cs_family_rule *rule, struct cs_family_test *tests, size_t m)
{
    if (m == 0)
        return;
    const struct cs_family family = {.method = rule->method, .alpha = rule->alpha, .complete = rule->complete};
    struct cs_finding *found = cs_xcalloc(EXTREMES * m, sizeof *found);
    const bool bounds = test_each(rule, tests, m);
    for (int at = AT_REST; at < EXTREMES; at++) {
        if (at == AT_REST || bounds)
            find(rule, &family, tests, (enum extreme)at, m, found + (size_t)at * m);
        else
            for (size_t k = 0; k < m; k++)
                found[(size_t)at * m + k] = found[k];
    }
    for (size_t k = 0; k < m; k++) {
        const struct cs_finding *rest = &found[k], *worst = &found[m + k], *best = &found[2 * m + k];
        take(&tests[k], rest, bounds ? cs_finding_verdict_bounded(rest, worst, best) : rest->verdict);
        decide(&tests[k], rest, worst, best);
        if (tests[k].joint != NULL)
            judge_joint(&family, &tests[k], rest, worst, best);
    }
    free(found);
}
