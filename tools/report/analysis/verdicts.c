/* verdicts.c - the declared families judged: adjusted p values, simultaneous intervals, verdicts and why there is none. */
#include "tools/report/analysis/verdicts.h"

#include <stdlib.h>

#include "protocol/base/alloc.h"
#include "tools/report/analysis/family.h"
#include "tools/report/analysis/lost.h"

static enum cs_report_verdict verdict_of(enum cs_stat_verdict v, bool has_margin)
{
    switch (v) {
    case CS_STAT_VERDICT_NONE:
        return CS_VERDICT_NONE;
    case CS_STAT_VERDICT_BEYOND:
        return CS_VERDICT_BEYOND;
    case CS_STAT_VERDICT_UNCLEAR:
        return has_margin ? CS_VERDICT_UNCLEAR_SIZE : CS_VERDICT_DIFFERENT;
    case CS_STAT_VERDICT_SMALLER:
        return CS_VERDICT_SMALLER;
    case CS_STAT_VERDICT_EQUIVALENT:
        return CS_VERDICT_EQUIVALENT;
    case CS_STAT_VERDICT_INCONCLUSIVE:
        return CS_VERDICT_INCONCLUSIVE;
    }
    return CS_VERDICT_NONE;
}

/* ---- concurrent or not -------------------------------------------------------------------------------------- */

struct window {
    int64_t first, last;
};

static struct window window_of(const struct cs_grid *g, uint32_t factor, const struct cs_side *side)
{
    struct window w = {INT64_MAX, INT64_MIN};
    for (uint32_t i = 0; i < g->n_cells; i++) {
        const struct cs_grid_cell *c = &g->cells[i];
        for (uint32_t k = 0; k < side->n; k++) {
            if (c->at.arms[factor].level != side->level[k])
                continue;
            w.first = c->first_ms < w.first ? c->first_ms : w.first;
            w.last = c->last_ms > w.last ? c->last_ms : w.last;
        }
    }
    return w;
}

/* Only answers taken over from an earlier generation can lie apart in time by design (DESIGN, decision 6). */
static bool is_concurrent(const struct cs_report_work *w, uint32_t model, const struct cs_spec_contrast *spec)
{
    const struct cs_grid *g = &w->got->grids[model];
    if (w->got->facts[model].adopted == 0)
        return true;
    const struct cs_side level = cs_analysis_declared_one_level(spec->level);
    const struct window a = window_of(g, spec->factor, &level), b = window_of(g, spec->factor, &spec->comparator_side);
    return a.first > a.last || b.first > b.last || (a.first <= b.last && b.first <= a.last);
}

/* "" when there may be a verdict. */
static const char *why_none(const struct cs_report_work *w, size_t at, const struct cs_spec_contrast *spec)
{
    const struct cs_report_contrast *c = &w->r->contrasts[at];
    if (c->floor)
        return "part of the noise floor";
    if (w->paired[at].silent)
        return "no usable answer on one side: all refused, filtered, unreadable or failed";
    if (c->clusters == 0)
        return c->warranted > 0 ? "a difference was declared warranted in every case with answers"
                                : "no case has usable answers on both sides";
    if (w->r->outcomes[c->outcome].role == CS_OUTCOME_UNDECLARED)
        return w->declared->declared ? "not named in the declared analysis" : "the study declares no analysis";
    if (!w->r->complete)
        return "the study is not complete";
    if (c->clusters < CS_CLUSTERS_MIN)
        return "fewer than 5 clusters";
    if (c->lost_level.value > CS_LOST_MAX || c->lost_comparator.value > CS_LOST_MAX)
        return "over 5 % of a side ended in timeouts or failures";
    if (!is_concurrent(w, c->model, spec))
        return "not concurrent: one side was asked at another time";
    if (!c->ci.known)
        return "no interval can be computed";
    return "";
}

/* ---- families --------------------------------------------------------------------------------------------------- */

static void enter(const struct cs_report_work *w, size_t at, struct cs_family_test *t)
{
    const struct cs_report_contrast *c = &w->r->contrasts[at];
    const struct cs_report_outcome *o = &w->r->outcomes[c->outcome];
    const struct cs_paired *p = &w->paired[at];
    const double scale = cs_analysis_work_scale(o), mean = c->shift.value / scale;
    *t = (struct cs_family_test){
        .diff = p->diff,
        .cluster = p->cluster,
        .n = p->n,
        .range = cs_analysis_work_range(&w->declared->measures[c->outcome]),
        .margin = o->margin.known ? o->margin.value / scale : 0,
        .worst = p->bounded ? p->low : mean,
        .best = p->bounded ? p->high : mean,
        .eligible = c->why[0] == '\0',
    };
}

static void leave(struct cs_report_work *w, size_t at, const struct cs_family_test *t)
{
    struct cs_report_contrast *c = &w->r->contrasts[at];
    const struct cs_report_outcome *o = &w->r->outcomes[c->outcome];
    const double scale = cs_analysis_work_scale(o);
    if (t->usable) {
        c->p_adjusted = cs_analysis_work_known(t->p_adjusted);
        c->ci_simultaneous = (struct cs_report_span){true, t->ci.lo * scale, t->ci.hi * scale};
    }
    if (t->usable && o->margin.known) {
        c->p_equivalence = cs_analysis_work_known(t->p_equivalence);
        c->p_equivalence_adjusted = cs_analysis_work_known(t->p_equivalence_adjusted);
    }
    c->verdict = verdict_of(t->verdict, o->margin.known);
    if (t->crossed)
        c->why = w->paired[at].missing == 0 ? "refusals and unreadable answers could change the verdict"
                 : w->paired[at].unusable == 0
                     ? "timeouts and failures could change the verdict"
                     : "refusals, unreadable answers, timeouts and failures could change the verdict";
    if (t->crossed && w->paired[at].missing > 0)
        c->verdict = CS_VERDICT_NONE; /* an answer that nobody heard supports no statement, not even an open one */
    else if (c->verdict == CS_VERDICT_NONE && c->why[0] == '\0')
        c->why = "the declared adjustment cannot be computed";
}

static uint32_t judge(struct cs_report_work *w, bool primary, enum cs_adjust method)
{
    struct cs_report *r = w->r;
    size_t *at = cs_xcalloc(r->n_contrasts + 1, sizeof *at), n = 0;
    for (size_t i = 0; i < r->n_contrasts; i++) {
        if (r->contrasts[i].in_family && r->contrasts[i].primary == primary)
            at[n++] = i;
    }
    struct cs_family_test *tests = cs_xcalloc(n + 1, sizeof *tests);
    const struct cs_family_rule rule = {.method = method,
                                        .alpha = w->declared->alpha,
                                        .complete = r->complete,
                                        .n_clusters = r->n_clusters,
                                        .boot = {.seed = w->seed, .draws = w->draws, .threads = w->threads}};
    for (size_t i = 0; i < n; i++)
        enter(w, at[i], &tests[i]);
    cs_family_judge(&rule, tests, n);
    for (size_t i = 0; i < n; i++)
        leave(w, at[i], &tests[i]);
    free(tests);
    free(at);
    return (uint32_t)n;
}

void cs_verdicts_judge(struct cs_report_work *w)
{
    struct cs_report *r = w->r;
    const enum cs_adjust declared = w->declared->adjust;
    for (size_t i = 0; i < r->n_contrasts; i++) {
        r->contrasts[i].verdict = CS_VERDICT_NONE;
        r->contrasts[i].why = why_none(w, i, &w->declared->contrasts[i % w->declared->n_contrasts]);
    }
    r->declared.family = judge(w, true, declared);
    /* exploratory outcomes and contrasts: false discovery rate, whatever guards the primary ones */
    judge(w, false, declared == CS_ADJUST_NONE || declared == CS_ADJUST_BY ? declared : CS_ADJUST_BH);
}
