#include "tools/report/stats/finding.h"

#include <math.h>
#include <stdlib.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"

enum cs_stat_verdict cs_finding_verdict_of(bool complete, bool different, struct cs_interval ci, double margin,
                                           bool equivalent)
{
    if (!complete)
        return CS_STAT_VERDICT_NONE;
    if (different && margin > 0 && (ci.lo > margin || ci.hi < -margin))
        return CS_STAT_VERDICT_BEYOND;
    if (different && margin > 0 && ci.lo > -margin && ci.hi < margin)
        return CS_STAT_VERDICT_SMALLER;
    if (different)
        return CS_STAT_VERDICT_UNCLEAR;
    return equivalent && margin > 0 ? CS_STAT_VERDICT_EQUIVALENT : CS_STAT_VERDICT_INCONCLUSIVE;
}

static double harmonic(size_t m)
{
    double sum = 0;
    for (size_t i = 1; i <= m; i++)
        sum += 1 / (double)i;
    return sum;
}

/* The level of an interval: two-sided, simultaneous in the method's sense, when `rejected` of m were. */
static double interval_level(enum cs_adjust method, double alpha, size_t m, size_t rejected)
{
    const double r = rejected > 0 ? (double)rejected : 1;
    switch (method) {
    case CS_ADJUST_NONE:
        break;
    case CS_ADJUST_HOLM:
    case CS_ADJUST_MAX_T:
        return alpha / (double)m;
    case CS_ADJUST_BH:
        return alpha * r / (double)m;
    case CS_ADJUST_BY:
        return alpha * r / (double)m / harmonic(m);
    }
    return alpha;
}

/* Intervals follow the decision: 0 is outside exactly when the contrast is different. */
static void agree(struct cs_finding *f, double mean)
{
    const bool off_zero = f->ci.lo > 0 || f->ci.hi < 0;
    f->cut = f->different && !off_zero;
    if (f->cut && mean > 0)
        f->ci.lo = 0;
    else if (f->cut)
        f->ci.hi = 0;
    else if (!f->different && f->ci.lo > 0)
        f->ci.lo = 0;
    else if (!f->different && f->ci.hi < 0)
        f->ci.hi = 0;
}

/* The level at which a p was decided by its step; `smaller` of the m are smaller. */
static double step_level(enum cs_adjust method, double alpha, size_t m, size_t passed, bool passes, size_t smaller)
{
    if (method != CS_ADJUST_HOLM)
        return interval_level(method, alpha, m, passed);
    const size_t done = passes ? smaller : passed;
    return alpha / (double)(done < m ? m - done : 1);
}

static size_t count_smaller(const double *p, size_t m, double than)
{
    size_t smaller = 0;
    for (size_t i = 0; i < m; i++)
        smaller += p[i] < than;
    return smaller;
}

static double p_of(const struct cs_contrast *c)
{
    if (!cs_stats_usable(c->test.status))
        return 1;
    return c->joint != NULL ? c->joint->p : c->test.p;
}

struct cs_interval cs_finding_joint_interval(const struct cs_finding *f, const struct cs_joint *joint,
                                             const struct cs_cluster_test *one)
{
    return cs_cluster_interval(one, f->ci_level / (double)joint->n);
}

static void set_interval(const struct cs_family *family, const struct cs_contrast *c, struct cs_finding *f)
{
    if (family->method == CS_ADJUST_MAX_T && c->test.se > 0 && !c->test.widened) {
        const double reach = family->max_t->critical * c->test.se;
        f->ci = (struct cs_interval){c->test.mean - reach, c->test.mean + reach};
    } else {
        f->ci = cs_cluster_interval(&c->test, f->ci_level / (double)(c->joint != NULL ? c->joint->n : 1));
    }
    agree(f, c->test.mean);
}

static void set_differences(const struct cs_family *family, const struct cs_contrast *contrasts, size_t m,
                            struct cs_finding *out)
{
    double *p = cs_xcalloc(m, sizeof *p), *adjusted = cs_xcalloc(m, sizeof *adjusted);
    for (size_t i = 0; i < m; i++) {
        p[i] = p_of(&contrasts[i]);
        adjusted[i] = cs_stats_usable(contrasts[i].test.status) && family->method == CS_ADJUST_MAX_T
                          ? family->max_t_adjusted[i]
                          : 1;
        if (contrasts[i].test.widened)
            adjusted[i] = cs_stats_max(adjusted[i], cs_stats_unit(p[i] * (double)m));
    }
    if (family->method != CS_ADJUST_MAX_T)
        cs_adjust_p(family->method, p, m, adjusted);
    size_t rejected = 0;
    for (size_t i = 0; i < m; i++) {
        out[i].p_adjusted = adjusted[i];
        out[i].different = adjusted[i] <= family->alpha && contrasts[i].test.mean != 0;
        rejected += out[i].different;
    }
    for (size_t i = 0; i < m; i++) {
        out[i].ci_level = interval_level(family->method, family->alpha, m, rejected);
        out[i].level = step_level(family->method, family->alpha, m, rejected, out[i].different,
                                  count_smaller(p, m, p[i]));
        if (cs_stats_usable(contrasts[i].test.status))
            set_interval(family, &contrasts[i], &out[i]);
    }
    free(adjusted);
    free(p);
}

static bool has_tost(const struct cs_contrast *c)
{
    return c->margin > 0 && cs_stats_usable(c->test.status);
}

/* A joint test's p-value: all of its differences inside the margin, or, where they are judged apart, any. */
static double joint_tost(const struct cs_joint *joint, double margin, double alpha)
{
    double largest = 0, smallest = 1;
    for (size_t i = 0; i < joint->n; i++) {
        const struct cs_tost low = cs_cluster_tost(&joint->low[i], margin, alpha),
                             high = cs_cluster_tost(&joint->high[i], margin, alpha);
        const bool usable = cs_stats_usable(low.status) && cs_stats_usable(high.status);
        const double p = usable ? cs_stats_max(low.p, high.p) : 1;
        largest = cs_stats_max(largest, p);
        smallest = cs_stats_min(smallest, p);
    }
    return joint->apart ? cs_stats_unit(smallest * (double)joint->n) : largest;
}

static double tost_of(const struct cs_contrast *c, double alpha)
{
    if (!has_tost(c))
        return 1;
    return c->joint != NULL ? joint_tost(c->joint, c->margin, alpha)
                            : cs_cluster_not_worse(&c->test, c->margin, alpha, c->worse).p;
}

static void set_equivalence(const struct cs_family *family, const struct cs_contrast *contrasts, size_t m,
                            struct cs_finding *out)
{
    const enum cs_adjust method = family->method == CS_ADJUST_MAX_T ? CS_ADJUST_HOLM : family->method;
    double *p = cs_xcalloc(2 * m, sizeof *p), *adjusted = p + m;
    size_t *at = cs_xcalloc(m, sizeof *at), n = 0, passed = 0;
    for (size_t i = 0; i < m; i++) {
        out[i].tost_p = out[i].tost_p_adjusted = 1;
        if (!(contrasts[i].margin > 0))
            continue;
        out[i].tost_p = tost_of(&contrasts[i], family->alpha);
        at[n] = i;
        p[n++] = out[i].tost_p;
    }
    cs_adjust_p(method, p, n, adjusted);
    for (size_t j = 0; j < n; j++) {
        out[at[j]].tost_p_adjusted = adjusted[j];
        out[at[j]].equivalent = has_tost(&contrasts[at[j]]) && adjusted[j] <= family->alpha;
        passed += out[at[j]].equivalent;
    }
    for (size_t j = 0; j < n; j++) {
        struct cs_finding *f = &out[at[j]];
        f->tost_level = step_level(method, family->alpha, n, passed, f->equivalent, count_smaller(p, n, p[j]));
        if (has_tost(&contrasts[at[j]]))
            f->equivalence_ci = cs_cluster_equivalence_interval(&contrasts[at[j]].test, f->tost_level);
    }
    free(at);
    free(p);
}

/* ---- joint tests -------------------------------------------------------------------------------------------- */

/* All of its intervals stand for it: beyond the margin when one is, inside when all are. */
static enum cs_stat_verdict joint_verdict(const struct cs_finding *f, const struct cs_contrast *c)
{
    bool beyond = false, inside = true;
    if (!f->different || !(c->margin > 0))
        return cs_finding_verdict_of(true, f->different, f->ci, c->margin, f->equivalent);
    for (size_t i = 0; i < c->joint->n; i++) {
        if (!cs_stats_usable(c->joint->low[i].status) || !cs_stats_usable(c->joint->high[i].status)) {
            inside = false;
            continue;
        }
        const struct cs_interval low = cs_finding_joint_interval(f, c->joint, &c->joint->low[i]),
                                 high = cs_finding_joint_interval(f, c->joint, &c->joint->high[i]);
        beyond = beyond || low.lo > c->margin || high.hi < -c->margin;
        inside = inside && low.lo > -c->margin && high.hi < c->margin;
    }
    return beyond ? CS_STAT_VERDICT_BEYOND : inside ? CS_STAT_VERDICT_SMALLER : CS_STAT_VERDICT_UNCLEAR;
}

void cs_finding_inside(const struct cs_family *family, const struct cs_finding *gate,
                       const struct cs_cluster_test *tests, size_t n, double margin, struct cs_finding *out)
{
    double *p = cs_xcalloc(2 * n + 1, sizeof *p), *tost = p + n;
    for (size_t i = 0; i < n; i++) {
        const bool usable = cs_stats_usable(tests[i].status);
        p[i] = usable ? tests[i].p : 1;
        tost[i] = usable && margin > 0 ? cs_cluster_tost(&tests[i], margin, family->alpha).p : 1;
        out[i] = (struct cs_finding){.status = tests[i].status, .p_adjusted = 1, .tost_p = tost[i]};
    }
    cs_adjust_p(CS_ADJUST_HOLM, p, n, p);
    cs_adjust_p(CS_ADJUST_HOLM, tost, n, tost);
    for (size_t i = 0; i < n; i++) {
        struct cs_finding *f = &out[i];
        const bool usable = cs_stats_usable(f->status);
        f->p_adjusted = cs_stats_max(gate->p_adjusted, cs_stats_unit(p[i] * family->alpha / gate->level));
        f->different = usable && f->p_adjusted <= family->alpha && tests[i].mean != 0;
        f->tost_p_adjusted = margin > 0 ? cs_stats_max(gate->tost_p_adjusted,
                                                       cs_stats_unit(tost[i] * family->alpha / gate->tost_level))
                                        : 1;
        f->equivalent = usable && margin > 0 && f->tost_p_adjusted <= family->alpha;
        if (usable) {
            f->ci = cs_cluster_interval(&tests[i], gate->ci_level / (double)n);
            agree(f, tests[i].mean);
        }
        if (usable && margin > 0) { /* the level at which Holm's step, inside that of the gate, decided */
            f->tost_level = gate->tost_level / (f->tost_p > 0 ? tost[i] / f->tost_p : (double)n);
            f->equivalence_ci = cs_cluster_equivalence_interval(&tests[i], f->tost_level);
        }
        f->verdict = cs_finding_verdict_of(family->complete && usable, f->different, f->ci, margin, f->equivalent);
    }
    free(p);
}

enum cs_stat_status cs_finding_family(const struct cs_family *family, const struct cs_contrast *contrasts, size_t m,
                                      struct cs_finding *out)
{
    const bool max_t = family->method == CS_ADJUST_MAX_T;
    enum cs_stat_status status = CS_STAT_OK;
    if (!cs_stats_is_level(2 * family->alpha))
        status = CS_STAT_BAD_INPUT;
    else if (max_t && (family->max_t == NULL || family->max_t_adjusted == NULL || family->max_t->status != CS_STAT_OK))
        status = CS_STAT_BAD_INPUT;
    for (size_t i = 0; i < m; i++)
        out[i] = (struct cs_finding){.status = status == CS_STAT_OK ? contrasts[i].test.status : status,
                                     .p_adjusted = 1,
                                     .tost_p = 1,
                                     .tost_p_adjusted = 1};
    if (status != CS_STAT_OK || m == 0)
        return status;
    set_differences(family, contrasts, m, out);
    set_equivalence(family, contrasts, m, out);
    for (size_t i = 0; i < m; i++) {
        const bool judged = family->complete && cs_stats_usable(out[i].status);
        out[i].verdict = judged && contrasts[i].joint != NULL
                             ? joint_verdict(&out[i], &contrasts[i])
                             : cs_finding_verdict_of(judged, out[i].different, out[i].ci, contrasts[i].margin,
                                                     out[i].equivalent);
    }
    return status;
}

static int side(const struct cs_finding *f)
{
    return !f->different ? 0 : f->ci.lo >= 0 ? 1 : -1;
}

enum cs_stat_verdict cs_finding_verdict_bounded(const struct cs_finding *main, const struct cs_finding *worst,
                                                const struct cs_finding *best)
{
    if (main->verdict == CS_STAT_VERDICT_NONE)
        return CS_STAT_VERDICT_NONE;
    const bool holds = worst->verdict == main->verdict && best->verdict == main->verdict && side(worst) == side(main) &&
                       side(best) == side(main);
    return holds ? main->verdict : CS_STAT_VERDICT_INCONCLUSIVE;
}

/* ---- which interval decided ---------------------------------------------------------------------------------- */

static struct cs_interval hull(struct cs_interval a, struct cs_interval b)
{
    return (struct cs_interval){cs_stats_min(a.lo, b.lo), cs_stats_max(a.hi, b.hi)};
}

/* Whether someone who sees this interval alone would call it equivalent, or not worse. */
static bool is_inside(struct cs_interval ci, double margin, int worse)
{
    return (worse > 0 || ci.lo > -margin) && (worse < 0 || ci.hi < margin);
}

struct cs_finding_decided cs_finding_decided(const struct cs_finding *f, const struct cs_cluster_test *tests, size_t n,
                                             double margin, int worse)
{
    struct cs_finding_decided d = {CS_FINDING_BY_CI};
    struct cs_interval shown = f->ci, own = f->equivalence_ci;
    const bool equivalent = f->verdict == CS_STAT_VERDICT_EQUIVALENT;
    if (!(margin > 0) || (!equivalent && f->verdict != CS_STAT_VERDICT_INCONCLUSIVE))
        return d;
    for (size_t i = 0, first = 1; i < n; i++) {
        if (!cs_stats_usable(tests[i].status))
            continue;
        if (n > 1) {
            const struct cs_interval ci = cs_cluster_interval(&tests[i], f->ci_level / (double)n),
                                     eq = cs_cluster_equivalence_interval(&tests[i], f->tost_level);
            shown = first ? ci : hull(shown, ci);
            own = first ? eq : hull(own, eq);
            first = 0;
        }
        if (cs_cluster_few_moved(&tests[i]) && (d.n == 0 || tests[i].moved < d.moved)) {
            d.moved = tests[i].moved;
            d.n = tests[i].n;
            d.least = cs_cluster_least_margin(d.n, 1, f->tost_level, tests[i].range);
        }
    }
    if (is_inside(shown, margin, worse) == equivalent || is_inside(own, margin, worse) != equivalent)
        return (struct cs_finding_decided){CS_FINDING_BY_CI};
    d.by = d.n > 0 && !equivalent ? CS_FINDING_BY_FEW_MOVED : CS_FINDING_BY_EQUIVALENCE;
    d.ci = own;
    d.level = f->tost_level;
    return d;
}

/* The one that stands behind the verdict, whether it is shown or not. */
static struct cs_interval behind(const struct cs_finding *f, double margin)
{
    return f->different || !(margin > 0) ? f->ci : f->equivalence_ci;
}

struct cs_finding_decided cs_finding_decided_bounded(const struct cs_finding *main, const struct cs_finding *worst,
                                                     const struct cs_finding *best, double margin)
{
    return (struct cs_finding_decided){
        .by = CS_FINDING_BY_BOUNDS,
        .ci = hull(behind(main, margin), hull(behind(worst, margin), behind(best, margin)))};
}
