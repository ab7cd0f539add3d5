/* verdicts.c - the declared families judged: adjusted p values, simultaneous intervals, verdicts and why there is none. */
#include "tools/report/analysis/verdicts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/json.h"
#include "protocol/dialects/parameters.h"
#include "tools/report/analysis/corrected.h"
#include "tools/report/analysis/family.h"
#include "tools/report/stats/wording.h"
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

/* ---- the same requests on both sides --------------------------------------------------------------------------- */

static bool is_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* Columns for whoever reads the report (`labels:` adds one); a prompt that shows them to the model all the same has the words "X.label" or "X.axis". */
static bool is_for_readers(const struct cs_study *s, const char *column)
{
    if (strcmp(column, "label") != 0 && strcmp(column, "axis") != 0)
        return false;
    for (uint32_t i = 0; i < s->n_prompts; i++) {
        const struct cs_template_set *t = &s->prompts[i];
        if (t->turns != NULL || (t->system != NULL && strstr(t->system, column) != NULL) ||
            (t->user != NULL && strstr(t->user, column) != NULL))
            return false;
    }
    return true;
}

/* Nothing of the two levels differs but what they send beside the messages. */
static bool is_same_but_parameters(const struct cs_study *s, const struct cs_factor *f, const struct cs_level *a,
                                   const struct cs_level *b)
{
    if (a->n_wordings != 1 || b->n_wordings != 1 || !is_text(a->system, b->system) || a->use_column != b->use_column ||
        a->text_column != b->text_column || a->order != b->order || a->image != b->image)
        return false;
    for (uint32_t i = 0; i < f->n_columns; i++) {
        if (!is_for_readers(s, f->columns[i]) && !is_text(a->wordings[0].values[i], b->wordings[0].values[i]))
            return false;
    }
    return a->parameters != NULL || b->parameters != NULL;
}

static bool sends_same(const struct cs_model *model, const struct cs_level *a, const struct cs_level *b)
{
    struct cs_parameters one = {0}, other = {0};
    struct cs_error err;
    const bool same = cs_parameters_make(model, &a->parameters, 1, &one, &err) == CS_OK &&
                      cs_parameters_make(model, &b->parameters, 1, &other, &err) == CS_OK &&
                      one.max_output_tokens == other.max_output_tokens && is_text(one.text, other.text);
    free(one.text);
    free(other.text);
    return same;
}

/* Of a study of judges the one that asked, where it is at hand: its factors stand first among those of the report, its models are those of the
 * report, and both may be fewer there. */
static const struct cs_study *asking(const struct cs_report_work *w, uint32_t model, uint32_t factor, uint32_t *its)
{
    const struct cs_study *shown = w->study, *s = w->source->judged.own != NULL ? w->source->judged.asker : shown;
    *its = 0;
    if (s == NULL || factor >= s->n_factors || strcmp(s->factors[factor].name, shown->factors[factor].name) != 0)
        return NULL;
    while (*its < s->n_models && strcmp(s->models[*its].name, shown->models[model].name) != 0)
        (*its)++;
    return *its < s->n_models ? s : NULL;
}

/* The model does not take the parameter that the level sets (`omit`), or has it already: what differs between the sides is chance alone. */
static bool is_same_request(const struct cs_study *s, uint32_t model, const struct cs_spec_contrast *spec)
{
    const struct cs_factor *f = &s->factors[spec->factor];
    for (uint32_t i = 0; i < s->n_factors; i++) { /* parameters of another factor may tell the two apart again */
        for (uint32_t k = 0; i != spec->factor && k < s->factors[i].n_levels; k++) {
            if (s->factors[i].levels[k].parameters != NULL)
                return false;
        }
    }
    for (uint32_t i = 0; i < spec->comparator_side.n; i++) {
        const struct cs_level *a = &f->levels[spec->level], *b = &f->levels[spec->comparator_side.level[i]];
        if (a == b || !is_same_but_parameters(s, f, a, b) || !sends_same(&s->models[model], a, b))
            return false;
    }
    return spec->comparator_side.n > 0;
}

static bool sets_temperature(const struct cs_level *level)
{
    struct cs_json *o = level->parameters != NULL ? cs_json_loads(level->parameters, 0, NULL) : NULL;
    const bool sets = cs_json_object_get(o, "temperature") != NULL;
    cs_json_decref(o);
    return sets;
}

/* `temperature: omit`, of the model or of its account. */
static bool takes_no_temperature(const struct cs_study *s, const struct cs_model *model)
{
    struct cs_json *o = model->parameters != NULL ? cs_json_loads(model->parameters, 0, NULL) : NULL;
    bool none = is_text(cs_json_string_value(cs_json_object_get(o, "temperature")), "omit");
    const struct cs_account *a = &s->accounts[model->account];
    for (uint32_t i = 0; i < a->n_parameter_names; i++)
        none |= strcmp(a->parameter_names[i], "temperature: omit") == 0;
    cs_json_decref(o);
    return none;
}

/* NULL: their requests differ, or that is not known. */
static const char *why_same(const struct cs_report_work *w, uint32_t model, const struct cs_spec_contrast *spec)
{
    uint32_t its;
    const struct cs_study *s = asking(w, model, spec->factor, &its);
    if (s == NULL || !is_same_request(s, its, spec))
        return NULL;
    return takes_no_temperature(s, &s->models[its]) && sets_temperature(&s->factors[spec->factor].levels[spec->level])
               ? "not applicable: this model takes no temperature; both sides send this model the same requests"
               : "both sides send this model the same requests: it does not take what the level sets, or has it already";
}

/* "" when there may be a verdict. */
static const char *why_none(const struct cs_report_work *w, size_t at, const struct cs_spec_contrast *spec)
{
    const struct cs_report_contrast *c = &w->r->contrasts[at];
    if (c->floor)
        return "part of the noise floor";
    const char *same = why_same(w, c->model, spec);
    if (same != NULL)
        return same;
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
    if (cs_analysis_corrected_why(w, c->outcome)[0] != '\0')
        return cs_analysis_corrected_why(w, c->outcome);
    if (c->lost_level.value > CS_LOST_MAX || c->lost_comparator.value > CS_LOST_MAX)
        return w->source->judged.own != NULL
                   ? "over 5 % of a side has no verdict of its judges, or ended in timeouts or failures"
                   : "over 5 % of a side ended in timeouts or failures";
    if (!is_concurrent(w, c->model, spec))
        return "not concurrent: one side was asked at another time";
    if (!c->ci.known)
        return "no interval can be computed";
    return "";
}

struct cs_pairs cs_verdicts_pairs(const struct cs_paired *p)
{
    struct cs_pairs pairs = {.lost = (uint32_t)p->b, .gained = (uint32_t)p->c};
    for (uint32_t i = 0; i < p->n; i++)
        pairs.both += p->level[i] > 0.5 && p->comparator[i] > 0.5;
    pairs.neither = p->n - pairs.both - pairs.lost - pairs.gained;
    return pairs;
}

struct cs_cluster_test cs_verdicts_test(const struct cs_report_work *w, size_t at)
{
    const struct cs_paired *p = &w->paired[at];
    const double range = cs_analysis_work_range(&w->declared->measures[w->r->contrasts[at].outcome]);
    const double alpha = w->declared->alpha;
    const struct cs_cluster_test t = p->single ? cs_cluster_pairs(cs_verdicts_pairs(p), alpha)
                                               : cs_cluster_t(p->diff, p->n, alpha, range);
    return cs_wording_widen(&t, p->wording_variance, p->wordings, alpha);
}

/* ---- which interval decided ---------------------------------------------------------------------------------------- */

/* `why` of the row takes it over where it says nothing yet. A row without a verdict has none: no interval decided. */
static struct cs_report_decided decided_by(struct cs_report_work *w, const struct cs_finding_decided *d,
                                           enum cs_report_verdict verdict, double scale, const char **why)
{
    struct cs_report_decided out = {.why = ""};
    if (d->by == CS_FINDING_BY_CI || verdict == CS_VERDICT_NONE)
        return out;
    if (d->by == CS_FINDING_BY_FEW_MOVED)
        out.why = cs_arena_printf(&w->r->arena,
                                  "few clusters moved: %zu of %zu, so that the interval which decides allows for those "
                                  "that might have; of %zu clusters no margin below %.3g can be met once any moved",
                                  d->moved, d->n, d->n, d->least * scale);
    else
        out.why = d->by == CS_FINDING_BY_BOUNDS
                      ? *why
                      : cs_arena_printf(&w->r->arena, "the interval at %.4g %% decides on equivalence",
                                        100 * (1 - 2 * d->level));
    out.span = (struct cs_report_span){true, d->ci.lo * scale, d->ci.hi * scale};
    if ((*why)[0] == '\0')
        *why = out.why;
    return out;
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
        .worse = w->declared->contrasts[at % w->declared->n_contrasts].worse,
        .single = p->single,
        .wordings = p->wordings,
        .wording_variance = p->wording_variance,
    };
    if (p->single)
        t->pairs = cs_verdicts_pairs(p);
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
    if (c->verdict == CS_VERDICT_EQUIVALENT && c->worse[0] != '\0')
        c->verdict = CS_VERDICT_NOT_WORSE;
    if (t->crossed)
        c->why = w->paired[at].missing == 0 ? "refusals and unreadable answers could change the verdict"
                 : w->paired[at].unusable == 0
                     ? "timeouts and failures could change the verdict"
                     : "refusals, unreadable answers, timeouts and failures could change the verdict";
    if (t->crossed && w->paired[at].missing > 0)
        c->verdict = CS_VERDICT_NONE; /* an answer that nobody heard supports no statement, not even an open one */
    else if (c->verdict == CS_VERDICT_NONE && c->why[0] == '\0')
        c->why = "the declared adjustment cannot be computed";
    c->decided_by = decided_by(w, &t->decided, c->verdict, scale, &c->why);
}

/* ---- nominal answers: one test, its categories inside it ----------------------------------------------------------- */

/* Two categories of the same answers, one the mirror of the other, are one difference. */
static bool is_mirror(const struct cs_paired *a, const struct cs_paired *b)
{
    for (uint32_t i = 0; i < a->n && a->n == b->n; i++) {
        if (fabs(a->diff[i] + b->diff[i]) > CS_STAT_ZERO)
            return false;
    }
    return a->n == b->n && fabs(a->low + b->high) <= CS_STAT_ZERO && fabs(a->high + b->low) <= CS_STAT_ZERO;
}

/* The joint test of the categories; arrays are freed by release_categories. */
static void enter_categories(const struct cs_report_work *w, const struct cs_report_category_test *c,
                             struct cs_family_joint *j, struct cs_family_test *t)
{
    const uint32_t step = w->declared->n_contrasts, n = c->n_categories;
    struct cs_cluster_test *test = cs_xcalloc(n, sizeof *test);
    double *worst = cs_xcalloc(n, sizeof *worst), *best = cs_xcalloc(n, sizeof *best), least = 1;
    const bool mirror = n == 2 && is_mirror(&w->paired[c->contrast], &w->paired[c->contrast + step]);
    for (uint32_t k = 0; k < n; k++) {
        const struct cs_paired *p = &w->paired[c->contrast + k * step];
        test[k] = cs_verdicts_test(w, c->contrast + k * step);
        worst[k] = p->n > 0 ? p->low : test[k].mean;
        best[k] = p->n > 0 ? p->high : test[k].mean;
        least = cs_stats_usable(test[k].status) ? cs_stats_min(least, test[k].p) : least;
    }
    *j = (struct cs_family_joint){.p = c->p.known && !mirror ? c->p.value : cs_stats_unit(least * (mirror ? 1 : n)),
                                  .n = mirror ? 1 : n,
                                  .apart = true,
                                  .test = test,
                                  .worst = worst,
                                  .best = best,
                                  .ci = cs_xcalloc(n, sizeof *j->ci),
                                  .found = cs_xcalloc(n, sizeof *j->found),
                                  .crossed = cs_xcalloc(n, sizeof *j->crossed),
                                  .decided = cs_xcalloc(n, sizeof *j->decided)};
    enter(w, c->contrast, t);
    t->joint = j;
}

static void release_categories(struct cs_family_joint *j)
{
    free((void *)(uintptr_t)j->test);
    free((void *)(uintptr_t)j->worst);
    free((void *)(uintptr_t)j->best);
    free(j->ci);
    free(j->found);
    free(j->crossed);
    free(j->decided);
}

static void leave_categories(struct cs_report_work *w, struct cs_report_category_test *c,
                             const struct cs_family_test *t)
{
    const struct cs_family_joint *j = t->joint;
    c->p_adjusted = cs_analysis_work_known(t->p_adjusted);
    for (uint32_t k = 0; k < c->n_categories; k++) {
        const size_t at = c->contrast + (size_t)k * w->declared->n_contrasts, from = k < j->n ? k : 0;
        const struct cs_finding *f = &j->found[from];
        struct cs_family_test one = *t;
        one.test = j->test[k];
        one.usable = cs_stats_usable(j->test[k].status);
        one.eligible = w->r->contrasts[at].why[0] == '\0';
        one.p_adjusted = f->p_adjusted;
        one.p_equivalence = f->tost_p;
        one.p_equivalence_adjusted = f->tost_p_adjusted;
        one.ci = k < j->n ? f->ci : (struct cs_interval){-f->ci.hi, -f->ci.lo};
        one.verdict = one.eligible ? f->verdict : CS_STAT_VERDICT_NONE;
        one.crossed = one.eligible && j->crossed[from];
        one.decided = j->decided[from];
        if (k >= j->n) /* the mirror */
            one.decided.ci = (struct cs_interval){-one.decided.ci.hi, -one.decided.ci.lo};
        leave(w, at, &one);
    }
}

/* ---- interactions ----------------------------------------------------------------------------------------------------- */

static const char *why_no_interaction(const struct cs_report_work *w, const struct cs_report_interaction *x)
{
    const uint32_t models = x->model == CS_REPORT_NONE ? w->r->n_models : 1;
    const size_t step = (size_t)w->declared->n_outcomes * w->declared->n_contrasts;
    if (x->why[0] != '\0')
        return x->why;
    for (uint32_t m = 0; m < models; m++) {
        if (w->r->contrasts[x->contrast + m * step].why[0] != '\0')
            return w->r->contrasts[x->contrast + m * step].why;
    }
    for (uint32_t i = x->first; i < x->first + x->n_levels; i++) {
        if (w->r->interaction_levels[i].clusters < CS_CLUSTERS_MIN)
            return "fewer than 5 clusters in one of its levels";
    }
    return "";
}

static void enter_interaction(const struct cs_report_work *w, struct cs_report_interaction *x,
                              struct cs_family_joint *j, struct cs_family_test *t)
{
    const double scale = cs_analysis_work_scale(&w->r->outcomes[x->outcome]);
    *t = (struct cs_family_test){
        .margin = x->margin.known ? x->margin.value / scale : 0, .eligible = x->why[0] == '\0', .joint = j};
}

static void leave_interaction(struct cs_report_work *w, struct cs_report_interaction *x, const struct cs_family_test *t)
{
    const double scale = cs_analysis_work_scale(&w->r->outcomes[x->outcome]);
    x->verdict = verdict_of(t->verdict, x->margin.known);
    if (t->usable)
        x->p_adjusted = cs_analysis_work_known(t->p_adjusted);
    if (t->usable && x->margin.known) {
        x->p_equivalence = cs_analysis_work_known(t->p_equivalence);
        x->p_equivalence_adjusted = cs_analysis_work_known(t->p_equivalence_adjusted);
    }
    if (t->crossed)
        x->why = "refusals, unreadable answers, timeouts or failures could change the verdict";
    else if (x->verdict == CS_VERDICT_NONE && x->why[0] == '\0')
        x->why = "the declared adjustment cannot be computed";
    x->decided_by = decided_by(w, &t->decided, x->verdict, scale, &x->why);
    for (uint32_t k = 1; k < x->n_levels; k++) {
        const struct cs_interval ci = t->joint->ci[k - 1];
        if (cs_stats_usable(t->joint->test[k - 1].status))
            w->r->interaction_levels[x->first + k].difference_simultaneous = (struct cs_report_span){
                true, ci.lo * scale, ci.hi * scale};
    }
}

/* ---- trends ------------------------------------------------------------------------------------------------------------ */

static bool are_steps_concurrent(const struct cs_report_work *w, uint32_t model, const struct cs_spec_trend *t)
{
    struct cs_spec_contrast step = {.factor = t->factor,
                                    .comparator_side = cs_analysis_declared_one_level(t->levels[0])};
    for (uint32_t i = 1; i < t->n; i++) {
        step.level = t->levels[i];
        if (!is_concurrent(w, model, &step))
            return false;
    }
    return true;
}

static const char *why_no_trend(const struct cs_report_work *w, uint32_t at)
{
    const struct cs_report_trend *t = &w->r->trends[at];
    if (t->clusters == 0)
        return "no case has usable answers under every level";
    if (!t->in_family)
        return "not named in the declared analysis";
    if (!w->r->complete)
        return "the study is not complete";
    if (t->clusters < CS_CLUSTERS_MIN)
        return "fewer than 5 clusters";
    if (cs_analysis_corrected_why(w, t->outcome)[0] != '\0')
        return cs_analysis_corrected_why(w, t->outcome);
    if (!are_steps_concurrent(w, t->model, &w->declared->trends[at % w->declared->n_trends]))
        return "not concurrent: one level was asked at another time";
    return t->ci.known ? "" : "no interval can be computed";
}

static void enter_trend(const struct cs_report_work *w, uint32_t at, struct cs_family_test *test)
{
    const struct cs_report_trend *t = &w->r->trends[at];
    const struct cs_paired *p = &w->trend_pairs[at];
    const double scale = cs_analysis_work_scale(&w->r->outcomes[t->outcome]), mean = t->slope.value / scale;
    *test = (struct cs_family_test){.diff = p->diff,
                                    .cluster = p->cluster,
                                    .n = p->n,
                                    .margin = t->margin.value / scale,
                                    .worst = p->bounded ? p->low : mean,
                                    .best = p->bounded ? p->high : mean,
                                    .eligible = t->why[0] == '\0'};
}

static void leave_trend(struct cs_report_work *w, uint32_t at, const struct cs_family_test *test)
{
    struct cs_report_trend *t = &w->r->trends[at];
    const double scale = cs_analysis_work_scale(&w->r->outcomes[t->outcome]);
    t->verdict = verdict_of(test->verdict, t->margin.known);
    if (test->usable) {
        t->p_adjusted = cs_analysis_work_known(test->p_adjusted);
        t->ci_simultaneous = (struct cs_report_span){true, test->ci.lo * scale, test->ci.hi * scale};
    }
    if (test->usable && t->margin.known) {
        t->p_equivalence = cs_analysis_work_known(test->p_equivalence);
        t->p_equivalence_adjusted = cs_analysis_work_known(test->p_equivalence_adjusted);
    }
    if (test->crossed)
        t->why = "refusals, unreadable answers, timeouts or failures could change the verdict";
    else if (t->verdict == CS_VERDICT_NONE && t->why[0] == '\0')
        t->why = "the declared adjustment cannot be computed";
    t->decided_by = decided_by(w, &test->decided, t->verdict, scale, &t->why);
}

/* ---- all of it ---------------------------------------------------------------------------------------------------------- */

struct family { /* being put together */
    struct cs_family_test *tests;
    size_t n;
    uint32_t *of; /* contrast, category test or interaction */
    uint32_t contrasts, categories, trends;
};

static bool is_in(bool in_family, bool is_primary, bool primary)
{
    return in_family && is_primary == primary;
}

/* one_each: every category stands for itself. Under max-T, whose joint distribution they are part of, and where nothing is adjusted. */
static void gather_contrasts(struct cs_report_work *w, struct family *f, bool primary, bool one_each,
                             struct cs_family_joint *joints)
{
    struct cs_report *r = w->r;
    for (uint32_t i = 0; i < r->n_contrasts; i++) {
        const struct cs_report_contrast *c = &r->contrasts[i];
        const bool apart = r->outcomes[c->outcome].kind != CS_OUTCOME_CATEGORY || one_each;
        if (!apart || !is_in(c->in_family, c->primary, primary))
            continue;
        f->of[f->n] = i;
        enter(w, i, &f->tests[f->n++]);
    }
    f->contrasts = (uint32_t)f->n;
    for (uint32_t i = 0; i < r->n_category_tests && !one_each; i++) {
        const struct cs_report_contrast *c = &r->contrasts[r->category_tests[i].contrast];
        if (!is_in(c->in_family, c->primary, primary))
            continue;
        f->of[f->n] = i;
        enter_categories(w, &r->category_tests[i], &joints[f->categories++], &f->tests[f->n]);
        f->n++;
    }
}

static void gather_trends(struct cs_report_work *w, struct family *f, bool primary)
{
    for (uint32_t i = 0; i < w->r->n_trends; i++) {
        if (!is_in(w->r->trends[i].in_family, w->r->trends[i].primary, primary))
            continue;
        f->of[f->n] = i;
        enter_trend(w, i, &f->tests[f->n++]);
        f->trends++;
    }
}

static void gather_interactions(struct cs_report_work *w, struct family *f, bool primary)
{
    struct cs_report *r = w->r;
    for (uint32_t i = 0; i < r->n_interactions; i++) {
        if (!is_in(r->interactions[i].in_family, r->interactions[i].primary, primary))
            continue;
        f->of[f->n] = i;
        enter_interaction(w, &r->interactions[i], &w->joints[i], &f->tests[f->n++]);
    }
}

static void scatter(struct cs_report_work *w, struct family *f)
{
    struct cs_report *r = w->r;
    for (size_t i = 0; i < f->n; i++) {
        if (i < f->contrasts)
            leave(w, f->of[i], &f->tests[i]);
        else if (i < (size_t)f->contrasts + f->categories)
            leave_categories(w, &r->category_tests[f->of[i]], &f->tests[i]);
        else if (i < (size_t)f->contrasts + f->categories + f->trends)
            leave_trend(w, f->of[i], &f->tests[i]);
        else
            leave_interaction(w, &r->interactions[f->of[i]], &f->tests[i]);
    }
}

/* Interactions are tests of the family like others; under max-T, which needs single differences, they are one of their own, by Holm. */
static uint32_t judge(struct cs_report_work *w, bool primary, enum cs_adjust method)
{
    struct cs_report *r = w->r;
    const size_t most = (size_t)r->n_contrasts + r->n_category_tests + r->n_trends + r->n_interactions + 1;
    const bool max_t = method == CS_ADJUST_MAX_T;
    struct cs_family_joint *joints = cs_xcalloc((size_t)r->n_category_tests + 1, sizeof *joints);
    struct family f = {.tests = cs_xcalloc(most, sizeof *f.tests), .of = cs_xcalloc(most, sizeof *f.of)};
    struct cs_family_rule rule = {.method = method,
                                  .alpha = w->declared->alpha,
                                  .complete = r->complete,
                                  .n_clusters = r->n_clusters,
                                  .boot = {.seed = w->seed, .draws = w->draws, .threads = w->threads}};
    gather_contrasts(w, &f, primary, max_t || method == CS_ADJUST_NONE, joints);
    gather_trends(w, &f, primary);
    if (!max_t)
        gather_interactions(w, &f, primary);
    cs_family_judge(&rule, f.tests, f.n);
    scatter(w, &f);
    if (max_t) {
        const size_t alone = f.n;
        f.n = f.contrasts = f.categories = f.trends = 0;
        gather_interactions(w, &f, primary);
        rule.method = CS_ADJUST_HOLM;
        cs_family_judge(&rule, f.tests, f.n);
        scatter(w, &f);
        f.n += alone;
    }
    for (uint32_t i = 0; i < r->n_category_tests; i++)
        release_categories(&joints[i]);
    free(joints);
    free(f.tests);
    free(f.of);
    return (uint32_t)f.n;
}

void cs_verdicts_judge(struct cs_report_work *w)
{
    struct cs_report *r = w->r;
    const enum cs_adjust declared = w->declared->adjust;
    for (size_t i = 0; i < r->n_contrasts; i++) {
        r->contrasts[i].verdict = CS_VERDICT_NONE;
        r->contrasts[i].why = why_none(w, i, &w->declared->contrasts[i % w->declared->n_contrasts]);
    }
    for (uint32_t i = 0; i < r->n_trends; i++) {
        r->trends[i].verdict = CS_VERDICT_NONE;
        r->trends[i].why = why_no_trend(w, i);
    }
    for (uint32_t i = 0; i < r->n_interactions; i++) {
        r->interactions[i].verdict = CS_VERDICT_NONE;
        r->interactions[i].why = why_no_interaction(w, &r->interactions[i]);
    }
    r->declared.family = judge(w, true, declared);
    /* exploratory outcomes and contrasts: false discovery rate, whatever guards the primary ones */
    judge(w, false, declared == CS_ADJUST_NONE || declared == CS_ADJUST_BY ? declared : CS_ADJUST_BH);
}
