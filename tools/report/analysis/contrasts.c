/* contrasts.c - every declared comparison in every model: its clusters, its test, its ratio. Verdicts: verdicts.c. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "tools/report/analysis/corrected.h"
#include "tools/report/analysis/lost.h"
#include "tools/report/analysis/interactions.h"
#include "tools/report/analysis/rate_ratios.h"
#include "tools/report/stats/cluster.h"
#include "tools/report/stats/paired.h"
#include "tools/report/stats/proportion.h"
#include "tools/report/analysis/sections.h"
#include "tools/report/analysis/verdicts.h"
#include "tools/report/analysis/wordings.h"
#include "tools/report/stats/wording.h"
#include "tools/report/words.h"

enum { SIGN_FLIPS = 1999 };

static struct cs_report_span span(struct cs_interval i, double scale)
{
    return (struct cs_report_span){true, i.lo * scale, i.hi * scale};
}

/* ---- what is compared ----------------------------------------------------------------------------------------- */

/* An id of letters, digits and dashes: "c-0-3-17" would not survive a changed study, names do. */
static const char *anchor_of(struct cs_report_work *w, const struct cs_report_contrast *c)
{
    const struct cs_report *r = w->r;
    char *id = cs_arena_printf(&w->r->arena, "%s--%s--%s-%s--%s%s%s", r->models[c->model].name,
                               r->outcomes[c->outcome].name, r->factors[c->factor].name,
                               r->factors[c->factor].levels[c->level].id,
                               c->against == CS_AGAINST_PLACEBO ? "placebo" : c->comparator_text,
                               c->stratum[0] != '\0' ? "--" : "", c->stratum_value);
    for (char *p = id; *p != '\0'; p++) {
        const bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
                           *p == '_';
        if (!plain)
            *p = '-';
    }
    return cs_arena_printf(&w->r->arena, "c%zu-%s", (size_t)(c - r->contrasts) + 1, id);
}

static void describe(struct cs_report_work *w, struct cs_report_contrast *c, const struct cs_spec_contrast *spec)
{
    const enum cs_outcome_role role = w->r->outcomes[c->outcome].role;
    c->factor = spec->factor;
    c->level = spec->level;
    c->against = spec->against;
    c->comparator = spec->comparator;
    c->comparator_text = cs_arena_strdup(&w->r->arena, spec->comparator_text);
    c->floor = spec->floor;
    c->in_family = !spec->floor && role != CS_OUTCOME_UNDECLARED;
    c->primary = c->in_family && role == CS_OUTCOME_PRIMARY && !spec->exploratory;
    c->stratum = c->stratum_value = c->why = "";
    if (spec->stratum != CS_NONE) {
        c->stratum = cs_arena_strdup(&w->r->arena, w->study->columns[w->study->strata[spec->stratum]]);
        c->stratum_value = cs_arena_strdup(&w->r->arena, w->cases->strata[spec->stratum].values[spec->value]);
    } else if (spec->within.some) {
        c->stratum = w->r->factors[spec->within.factor].name;
        c->stratum_value = w->r->factors[spec->within.factor].levels[spec->within.level].id;
    }
    c->wordings = cs_wordings_of(&w->study->factors[c->factor], &w->study->factors[c->factor].levels[c->level]);
    c->worse = spec->worse == 0 ? "" : spec->worse < 0 ? "lower" : "higher";
    c->anchor = anchor_of(w, c);
}

/* ---- clusters ---------------------------------------------------------------------------------------------------- */

static void take_counts(struct cs_report_contrast *c, const struct cs_paired *p, double scale)
{
    c->clusters = p->n;
    c->n_level = p->n_level;
    c->n_comparator = p->n_comparator;
    c->unmatched = p->unmatched;
    if (p->n == 0)
        return;
    c->rate_level = cs_analysis_work_known(cs_analysis_work_mean(p->level, p->n));
    c->rate_comparator = cs_analysis_work_known(cs_analysis_work_mean(p->comparator, p->n));
    c->shift = cs_analysis_work_known(cs_analysis_work_mean(p->diff, p->n) * scale);
    if (p->bounded)
        c->bounds = (struct cs_report_span){true, p->low * scale, p->high * scale};
}

/* How the share of one kind of answer differs, in points. */
static struct cs_report_figure share_gap(const struct cs_report_work *w, uint32_t model, uint32_t outcome,
                                         const struct cs_arrangement *a, const struct cs_spec_contrast *spec,
                                         const struct cs_case_filter *filter, enum cs_what what)
{
    const struct cs_side level = cs_analysis_declared_one_level(spec->level);
    struct cs_measure m = w->declared->measures[outcome];
    struct cs_report_figure gap = {0};
    struct cs_paired p;
    m.what = what;
    cs_reduce_pair(&p, &m, &w->got->grids[model], a, w->cases, &level, &spec->comparator_side, filter);
    if (p.n > 0)
        gap = cs_analysis_work_known(cs_analysis_work_mean(p.diff, p.n) * 100);
    cs_reduce_paired_release(&p);
    return gap;
}

static void pair_lane(struct cs_report_work *w, uint32_t model, uint32_t outcome, struct cs_arrangement *arranged)
{
    const struct cs_declared_analysis *d = w->declared;
    const struct cs_measure *m = &d->measures[outcome];
    for (uint32_t k = 0; k < d->n_contrasts; k++) {
        const struct cs_spec_contrast *spec = &d->contrasts[k];
        const bool *flagged = d->flagged[(size_t)outcome * d->n_contrasts + k];
        const struct cs_case_filter filter = {
            .stratum = spec->stratum, .value = spec->value, .flagged = flagged, .within = spec->within};
        const struct cs_side level = cs_analysis_declared_one_level(spec->level);
        const struct cs_arrangement *a = &arranged[m->question * w->study->n_factors + spec->factor];
        const size_t at = cs_analysis_work_contrast_at(w, model, outcome, k);
        struct cs_report_contrast *c = &w->r->contrasts[at];
        c->model = model;
        c->outcome = outcome;
        describe(w, c, spec);
        cs_reduce_pair(&w->paired[at], m, &w->got->grids[model], a, w->cases, &level, &spec->comparator_side, &filter);
        cs_analysis_corrected_correct(w, at, spec, a, &filter);
        cs_wordings_measure(&w->paired[at], m, &w->got->grids[model], a, w->cases, &w->study->factors[spec->factor],
                            spec, &filter);
        take_counts(c, &w->paired[at], cs_analysis_work_scale(&w->r->outcomes[outcome]));
        for (uint32_t i = 0; flagged != NULL && i < w->study->n_cases; i++)
            c->warranted += flagged[i] &&
                            (spec->stratum == CS_NONE || w->cases->strata[spec->stratum].of_case[i] == spec->value);
        c->usable_gap = share_gap(w, model, outcome, a, spec, &filter, CS_WHAT_USABLE);
        const struct cs_lost_pair lost = cs_analysis_lost_pair(w, model, a, spec, &filter, m->question,
                                                               cs_analysis_corrected_is_done(w, outcome));
        c->lost_level = lost.level;
        c->lost_comparator = lost.comparator;
        if (m->can_lack)
            c->insufficient_gap = share_gap(w, model, outcome, a, spec, &filter, CS_WHAT_INSUFFICIENT);
    }
}

static void pair_all(struct cs_report_work *w)
{
    const struct cs_study *s = w->study;
    const size_t n = (size_t)s->n_questions * s->n_factors;
    struct cs_arrangement *arranged = cs_xcalloc(n + 1, sizeof *arranged);
    for (uint32_t model = 0; model < s->n_models; model++) {
        for (size_t i = 0; i < n; i++)
            cs_reduce_arrange(&arranged[i], &w->got->grids[model], (uint32_t)(i / s->n_factors),
                              (uint32_t)(i % s->n_factors));
        for (uint32_t o = 0; o < w->declared->n_outcomes; o++)
            pair_lane(w, model, o, arranged);
        for (size_t i = 0; i < n; i++)
            cs_reduce_arrangement_release(&arranged[i]);
    }
    free(arranged);
}

/* ---- tests --------------------------------------------------------------------------------------------------------- */

static void set_odds(const struct cs_report_work *w, struct cs_report_contrast *c)
{
    const uint32_t b = (uint32_t)c->flips_b, gained = (uint32_t)c->flips_c;
    const struct cs_odds_ratio odds = cs_proportion_odds_ratio_pairs(b, gained, w->declared->alpha);
    c->p_mcnemar = cs_analysis_work_known(cs_proportion_mcnemar(b, gained));
    if (odds.status == CS_STAT_OK)
        c->odds_ratio = cs_analysis_work_known(odds.ratio);
    if (odds.has_lo && odds.has_hi)
        c->odds_ratio_ci = (struct cs_report_span){true, odds.lo, odds.hi};
}

static void test_one(struct cs_report_work *w, size_t at)
{
    struct cs_report_contrast *c = &w->r->contrasts[at];
    const struct cs_paired *p = &w->paired[at];
    const struct cs_report_outcome *o = &w->r->outcomes[c->outcome];
    const double scale = cs_analysis_work_scale(o);
    const struct cs_cluster_test t = cs_verdicts_test(w, at);
    if (p->wordings > 0)
        c->wording_sd = cs_analysis_work_known(p->wording_variance > 0 ? sqrt(p->wording_variance) * scale : 0);
    if (cs_stats_usable(t.status)) {
        c->se = cs_analysis_work_known(t.se * scale);
        c->ci = span(t.ci, scale);
        c->p = cs_analysis_work_known(t.p);
    }
    if (c->in_family && p->n >= 2)
        c->p_signflip = cs_analysis_work_known(cs_cluster_sign_flip(p->diff, p->n, w->seed, SIGN_FLIPS).p);
    if (o->kind != CS_OUTCOME_NUMBER && p->n > 0) {
        c->up = cs_analysis_work_known(p->up);
        c->down = cs_analysis_work_known(p->down);
    }
    if ((o->kind == CS_OUTCOME_ORDINAL || o->kind == CS_OUTCOME_NUMBER) && p->n >= 2) {
        const struct cs_signed_rank rank = cs_paired_signed_rank(p->diff, p->n);
        if (cs_stats_usable(rank.status))
            c->p_wilcoxon = cs_analysis_work_known(rank.p);
    }
    c->flips_known = p->single;
    c->flips_b = p->b;
    c->flips_c = p->c;
    if (p->single)
        set_odds(w, c);
}

static void test_some(void *self, uint32_t from, uint32_t to, unsigned worker)
{
    struct cs_report_work *w = self;
    (void)worker;
    for (uint32_t i = from; i < to; i++)
        test_one(w, i);
}

/* ---- ratios ----------------------------------------------------------------------------------------------------------- */

static void all_ratios(struct cs_report_work *w)
{
    struct cs_report *r = w->r;
    for (size_t i = 0; i < r->n_contrasts; i++) {
        struct cs_report_contrast *c = &r->contrasts[i];
        if (cs_analysis_work_scale(&r->outcomes[c->outcome]) > 1)
            cs_rate_ratios_of(&w->paired[i], w->declared->alpha, &c->ratio, &c->ratio_ci);
    }
}

/* ---- nominal answers at once -------------------------------------------------------------------------------------------- */

/* The categories of a nominal field are neighbours among the outcomes. */
static void test_categories(struct cs_report_work *w, uint32_t model, uint32_t outcome, uint32_t k, uint32_t contrast)
{
    struct cs_report *r = w->r;
    const struct cs_report_contrast *c = &r->contrasts[cs_analysis_work_contrast_at(w, model, outcome, contrast)];
    struct cs_report_category_test *t = &r->category_tests[r->n_category_tests++];
    const struct cs_paired *first = &w->paired[cs_analysis_work_contrast_at(w, model, outcome, contrast)];
    const struct cs_boot boot = {.seed = w->seed, .draws = w->draws, .threads = w->threads};
    double *shift = cs_xcalloc((size_t)first->n * k + 1, sizeof *shift);
    *t = (struct cs_report_category_test){.model = model,
                                          .factor = c->factor,
                                          .level = c->level,
                                          .against = c->against,
                                          .comparator = c->comparator,
                                          .comparator_text = c->comparator_text,
                                          .stratum = c->stratum,
                                          .stratum_value = c->stratum_value,
                                          .contrast = (uint32_t)(c - r->contrasts),
                                          .n_categories = k,
                                          .clusters = c->clusters,
                                          .why = "",
                                          .question = r->outcomes[outcome].question,
                                          .field = r->outcomes[outcome].field};
    for (uint32_t j = 0; j < k; j++) {
        const struct cs_paired *p = &w->paired[cs_analysis_work_contrast_at(w, model, outcome + j, contrast)];
        for (uint32_t i = 0; i < p->n && p->n == first->n; i++)
            shift[(size_t)i * k + j] = p->diff[i];
    }
    const struct cs_homogeneity h = cs_paired_nominal_wald(&boot, shift, first->n, k);
    if (cs_stats_usable(h.status)) {
        t->statistic = cs_analysis_work_known(h.statistic);
        t->df = (uint32_t)h.df1;
        t->p = cs_analysis_work_known(h.p);
    } else {
        t->why = cs_stats_text(h.status);
    }
    free(shift);
}

static void all_categories(struct cs_report_work *w)
{
    struct cs_report *r = w->r;
    r->category_tests = cs_arena_array(&r->arena, r->n_contrasts + 1, sizeof *r->category_tests);
    for (uint32_t o = 0; o < r->n_outcomes; o++) {
        const struct cs_report_outcome *out = &r->outcomes[o];
        uint32_t n = 1;
        if (out->kind != CS_OUTCOME_CATEGORY || out->role == CS_OUTCOME_UNDECLARED)
            continue;
        while (o + n < r->n_outcomes && r->outcomes[o + n].kind == CS_OUTCOME_CATEGORY &&
               w->declared->measures[o + n].question == w->declared->measures[o].question &&
               w->declared->measures[o + n].field == w->declared->measures[o].field)
            n++;
        for (uint32_t m = 0; m < r->n_models; m++) {
            for (uint32_t c = 0; c < w->declared->n_contrasts; c++) {
                if (!w->declared->contrasts[c].floor)
                    test_categories(w, m, o, n, c);
            }
        }
        o += n - 1;
    }
}

void cs_analysis_contrasts(struct cs_report_work *w)
{
    struct cs_report *r = w->r;
    r->n_contrasts = r->n_models * w->declared->n_outcomes * w->declared->n_contrasts;
    r->contrasts = cs_arena_array(&r->arena, r->n_contrasts + 1, sizeof *r->contrasts);
    w->paired = cs_xcalloc(r->n_contrasts + 1, sizeof *w->paired);
    w->n_paired = r->n_contrasts;
    pair_all(w);
    /* draws are contrasts here: each is computed by one thread, alone */
    const struct cs_boot each = {.draws = r->n_contrasts, .threads = w->threads};
    if (r->n_contrasts > 0)
        cs_bootstrap_each(&each, test_some, w);
    all_ratios(w);
    all_categories(w);
    cs_analysis_interactions_measure(w);
    cs_verdicts_judge(w);
}

/* ---- columns ------------------------------------------------------------------------------------------------------ */

static const char *family_word(const struct cs_report *r, const void *row)
{
    const struct cs_report_contrast *c = row;
    (void)r;
    return c->primary ? "primary" : c->in_family ? "exploratory" : "";
}

static const char *verdict_word(const struct cs_report *r, const void *row)
{
    const struct cs_report_contrast *c = row;
    (void)r;
    return cs_words_verdict_key(c->verdict);
}

static const struct cs_report_column contrast_columns[] = {
    CS_COLUMN_CONTRAST_KEY(NULL, "unit"),
    CS_COLUMN_SAID(family_word, NULL, "family"),
    CS_COLUMN(contrast, floor, NULL, "floor"),
    CS_COLUMN_SAME(contrast, clusters),
    CS_COLUMN(contrast, n_level, "answers", "answers"),
    CS_COLUMN(contrast, n_comparator, "answers_comparator", "answers_comparator"),
    CS_COLUMN_SAME(contrast, unmatched),
    CS_COLUMN(contrast, warranted, NULL, "warranted"),
    CS_COLUMN(contrast, floor, "floor", NULL),
    CS_COLUMN(contrast, in_family, "in_family", NULL),
    CS_COLUMN_SAID(family_word, "family", NULL),
    CS_COLUMN_SAID(verdict_word, "verdict", NULL),
    CS_COLUMN(contrast, why, "why", NULL),
    CS_COLUMN_SAME(contrast, rate_level),
    CS_COLUMN_SAME(contrast, rate_comparator),
    CS_COLUMN_SAME(contrast, shift),
    CS_COLUMN_SAME(contrast, se),
    CS_COLUMN(contrast, ci, "ci", "ci_low,ci_high"),
    CS_COLUMN(contrast, ci_simultaneous, "ci_simultaneous", "simultaneous_low,simultaneous_high"),
    CS_COLUMN(contrast, decided_by, "decided_by", NULL),
    CS_COLUMN_SAME(contrast, p),
    CS_COLUMN_SAME(contrast, p_adjusted),
    CS_COLUMN_SAME(contrast, p_signflip),
    CS_COLUMN_SAME(contrast, p_equivalence),
    CS_COLUMN_SAME(contrast, p_equivalence_adjusted),
    CS_COLUMN_SAME(contrast, ratio),
    CS_COLUMN(contrast, ratio_ci, "ratio_ci", "ratio_low,ratio_high"),
    CS_COLUMN(contrast, up, "up", "p_up"),
    CS_COLUMN(contrast, down, "down", "p_down"),
    CS_COLUMN_BESIDE(CS_COLUMN_KNOWN, contrast, flips_b, flips_known, NULL, "flips_b"),
    CS_COLUMN_BESIDE(CS_COLUMN_KNOWN, contrast, flips_c, flips_known, NULL, "flips_c"),
    CS_COLUMN_SAME(contrast, p_mcnemar),
    CS_COLUMN_SAME(contrast, p_wilcoxon),
    CS_COLUMN(contrast, usable_gap, "usable_gap", "usable_gap_points"),
    CS_COLUMN(contrast, insufficient_gap, "insufficient_gap", "insufficient_gap_points"),
    CS_COLUMN_SAME(contrast, lost_level),
    CS_COLUMN_SAME(contrast, lost_comparator),
    CS_COLUMN_SAME(contrast, detectable),
    CS_COLUMN(contrast, warranted, "warranted", NULL),
    CS_COLUMN(contrast, bounds, "bounds", "worst,best"),
    CS_COLUMN_BESIDE(CS_COLUMN_KNOWN, contrast, flips_b, flips_known, "flips_b", NULL),
    CS_COLUMN_BESIDE(CS_COLUMN_KNOWN, contrast, flips_c, flips_known, "flips_c", NULL),
    CS_COLUMN_SAID(verdict_word, NULL, "verdict"),
    CS_COLUMN(contrast, why, NULL, "why"),
    CS_COLUMN(contrast, decided_by, NULL, "decided_low,decided_high,decided_why"),
    CS_COLUMN_SAME(contrast, worse),
    CS_COLUMN_SAME(contrast, wordings),
    CS_COLUMN_SAME(contrast, wording_sd),
    CS_COLUMN_SAME(contrast, odds_ratio),
    CS_COLUMN(contrast, odds_ratio_ci, "odds_ratio_ci", "odds_ratio_low,odds_ratio_high"),
    CS_COLUMN_END_MODEL(contrast),
};
static const struct cs_report_column category_columns[] = {
    CS_COLUMN_OF(CS_COLUMN_MODEL, category_test, model, "model", "model"),
    CS_COLUMN_SAME(category_test, question),
    CS_COLUMN_SAME(category_test, field),
    CS_COLUMN_FACTOR_LEVEL(category_test),
    CS_COLUMN_OF(CS_COLUMN_AGAINST, category_test, against, "against", "against"),
    CS_COLUMN(category_test, comparator_text, "comparator", "comparator"),
    CS_COLUMN_SAME(category_test, clusters),
    CS_COLUMN_SAME(category_test, df),
    CS_COLUMN_SAME(category_test, statistic),
    CS_COLUMN_SAME(category_test, p),
    CS_COLUMN_SAME(category_test, p_adjusted),
    CS_COLUMN_SAME(category_test, why),
    CS_COLUMN_SAME(category_test, stratum),
    CS_COLUMN_SAME(category_test, stratum_value),
    CS_COLUMN_END_MODEL(category_test),
};
const struct cs_report_table cs_analysis_contrasts_tables[] = {
    {"contrasts", "contrasts", CS_TABLE_ROWS(contrasts, n_contrasts), .columns = contrast_columns},
    {"category_tests", "categories", CS_TABLE_ROWS(category_tests, n_category_tests), .columns = category_columns},
    {0},
};
