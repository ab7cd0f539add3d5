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

static void set_differences(const struct cs_family *family, const struct cs_contrast *contrasts, size_t m,
                            struct cs_finding *out)
{
    double *p = cs_xcalloc(m, sizeof *p);
    for (size_t i = 0; i < m; i++)
        p[i] = cs_stats_usable(contrasts[i].test.status) ? contrasts[i].test.p : 1;
    if (family->method == CS_ADJUST_MAX_T)
        for (size_t i = 0; i < m; i++)
            p[i] = cs_stats_usable(contrasts[i].test.status) ? family->max_t_adjusted[i] : 1;
    else
        cs_adjust_p(family->method, p, m, p);
    size_t rejected = 0;
    for (size_t i = 0; i < m; i++) {
        out[i].p_adjusted = p[i];
        out[i].different = p[i] <= family->alpha && contrasts[i].test.mean != 0;
        rejected += out[i].different;
    }
    const double level = interval_level(family->method, family->alpha, m, rejected);
    for (size_t i = 0; i < m; i++) {
        const struct cs_cluster_test *test = &contrasts[i].test;
        if (!cs_stats_usable(test->status))
            continue;
        if (family->method == CS_ADJUST_MAX_T && test->status == CS_STAT_OK) {
            const double reach = family->max_t->critical * test->se;
            out[i].ci = (struct cs_interval){test->mean - reach, test->mean + reach};
        } else {
            out[i].ci = cs_cluster_interval(test, level);
        }
        agree(&out[i], test->mean);
    }
    free(p);
}

/* The level at which a contrast's TOST was decided; `smaller` of the m had a smaller p. */
static double step_level(enum cs_adjust method, double alpha, size_t m, size_t passed, bool passes, size_t smaller)
{
    if (method != CS_ADJUST_HOLM)
        return interval_level(method, alpha, m, passed);
    const size_t done = passes ? smaller : passed;
    return alpha / (double)(done < m ? m - done : 1);
}

static bool has_tost(const struct cs_contrast *c)
{
    return c->margin > 0 && cs_stats_usable(c->test.status);
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
        if (has_tost(&contrasts[i]))
            out[i].tost_p = cs_cluster_tost(&contrasts[i].test, contrasts[i].margin, family->alpha).p;
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
        if (!has_tost(&contrasts[at[j]]))
            continue;
        size_t smaller = 0;
        for (size_t k = 0; k < n; k++)
            smaller += p[k] < p[j];
        const double level = step_level(method, family->alpha, n, passed, f->equivalent, smaller);
        f->equivalence_ci = cs_cluster_interval(&contrasts[at[j]].test, 2 * level);
    }
    free(at);
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
    for (size_t i = 0; i < m; i++)
        out[i].verdict = cs_finding_verdict_of(family->complete && cs_stats_usable(out[i].status), out[i].different,
                                               out[i].ci, contrasts[i].margin, out[i].equivalent);
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
