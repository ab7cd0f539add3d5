#include "tools/plan/power.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/json.h"
#include "protocol/study/applies.h"
#include "tools/report/analysis/declared.h"
#include "tools/report/analysis/work.h"
#include "tools/report/stats/cluster.h"
#include "tools/report/stats/power.h"
#include "tools/report/analysis/wordings.h"

/* What a study does not declare. Yes/no: every answer a coin's toss, the worst case. Ordered: more than answers that are split
 * evenly between two neighbouring levels (0.5) and less than evenly over three (0.82). */
static const double points_noise = 50, levels_noise = 0.7, smallest_power = 0.9;

struct cs_power_facts { /* what the rows are made from */
    struct cs_declared_analysis analysis;
    struct cs_case_facts cases;
};

/* ---- the design of one comparison ------------------------------------------------------------------- */

struct arms {
    double level, comparator; /* answers a cluster */
    uint32_t clusters;
};

static bool is_on_side(const struct cs_side *side, uint32_t level)
{
    for (uint32_t i = 0; i < side->n; i++) {
        if (side->level[i] == level)
            return true;
    }
    return false;
}

/* Answers that a case gets in a lane, by side. A prompt that exists in several wordings counts with each. */
static void count_lane(const struct cs_plan *plan, uint32_t lane, uint32_t question, const struct cs_spec_contrast *c,
                       struct arms *out)
{
    struct cs_coords at;
    for (uint32_t cell = 0; cell < plan->lanes[lane].n_cells; cell++) {
        cs_plan_cell(plan, lane, 0, cell, &at);
        const uint32_t repeats = plan->study->rects[at.rect].repeats;
        if (at.question != question || (c->within.some && at.arms[c->within.factor].level != c->within.level))
            continue;
        out->level += at.arms[c->factor].level == c->level ? repeats : 0;
        out->comparator += is_on_side(&c->comparator_side, at.arms[c->factor].level) ? repeats : 0;
    }
}

/* Whether the case is asked on both sides. */
static bool is_compared(const struct cs_study *s, const struct cs_spec_contrast *c, const struct cs_case *of)
{
    const struct cs_level *levels = s->factors[c->factor].levels;
    bool any = false;
    for (uint32_t i = 0; i < c->comparator_side.n; i++)
        any = any || cs_applies_level(&levels[c->comparator_side.level[i]], of);
    return any && cs_applies_level(&levels[c->level], of) &&
           (!c->within.some || cs_applies_level(&s->factors[c->within.factor].levels[c->within.level], of));
}

/* With a case in the stratum that is asked on both sides. */
uint32_t cs_plan_power_clusters(const struct cs_loaded *l, const struct cs_case_facts *f,
                                const struct cs_spec_contrast *c, double *cases_each)
{
    bool *seen = cs_xcalloc(f->n_clusters + 1, sizeof *seen);
    uint32_t clusters = 0, cases = 0;
    for (uint32_t i = 0; i < f->n_cases; i++) {
        if (c->stratum != CS_NONE && f->strata[c->stratum].of_case[i] != c->value)
            continue;
        if (!is_compared(l->study, c, &l->all[i]))
            continue;
        cases++;
        clusters += !seen[f->cluster[i]];
        seen[f->cluster[i]] = true;
    }
    free(seen);
    *cases_each = clusters > 0 ? (double)cases / clusters : 0;
    return clusters;
}

/* ---- rows ---------------------------------------------------------------------------------------------- */

/* `2 points` of what the study says of a primary outcome: the loader has checked it. */
static bool declared_number(const struct cs_json *primary, const struct cs_report_outcome *o, const char *key,
                            double *out)
{
    char qualified[512];
    snprintf(qualified, sizeof qualified, "%s.%s", o->question, o->field);
    const struct cs_json *said = cs_json_object_get(primary, o->field);
    if (said == NULL)
        said = cs_json_object_get(primary, qualified);
    const char *text = cs_json_string_value(cs_json_object_get(said, key));
    if (text != NULL)
        *out = strtod(text, NULL);
    return text != NULL;
}

/* Variance of one answer, and what a fraction is multiplied by to be in the unit. */
static double variance_of(const struct cs_power_row *r, double *scale)
{
    const bool points = strcmp(r->unit, "points") == 0;
    *scale = points ? 100 : 1;
    return points ? r->noise / 100 / 2 : r->noise * r->noise;
}

static void compute(struct cs_power_row *r, double alpha)
{
    double scale, smallest = 0;
    const double noise = variance_of(r, &scale), margin = r->margin / scale;
    const struct cs_power_design d = {r->clusters, r->tau / scale,        noise, noise,
                                      r->answers,  r->answers_comparator, alpha};
    const struct cs_power at_margin = cs_stats_power_difference(&d, margin),
                          beyond = cs_stats_power_difference(&d, 2 * margin);
    const struct cs_power equivalence = cs_stats_power_equivalence(&d, 0, margin);
    const struct cs_power found = cs_stats_power_smallest_shift(&d, smallest_power, &smallest);
    r->known = r->known && found.status == CS_STAT_OK && equivalence.status == CS_STAT_OK;
    r->se = at_margin.se * scale;
    r->smallest = smallest * scale;
    r->difference = at_margin.power;
    r->difference_2 = beyond.power;
    r->equivalence = equivalence.power;
    if (r->range > 0 && r->clusters >= 2) {
        r->least_0 = cs_cluster_least_margin(r->clusters, 0, alpha, r->range);
        r->least_1 = cs_cluster_least_margin(r->clusters, 1, alpha, r->range);
    }
}

double cs_plan_power_at_margin(const struct cs_power_row *r, double alpha, double clusters, double times)
{
    double scale;
    const double noise = variance_of(r, &scale);
    const struct cs_power_design d = {
        clusters, r->tau / scale, noise, noise, r->answers * times, r->answers_comparator * times, alpha};
    const struct cs_power p = cs_stats_power_difference(&d, r->margin / scale);
    return r->known && p.status == CS_STAT_OK ? p.power : 0;
}

static bool is_alike(const struct cs_power_row *a, const struct cs_power_row *b)
{
    return a->outcome == b->outcome && a->clusters == b->clusters && a->answers == b->answers &&
           a->answers_comparator == b->answers_comparator && a->tau == b->tau;
}

static void add_row(struct cs_plan_power *p, struct cs_power_row row)
{
    for (uint32_t i = 0; i < p->n_rows; i++) {
        if (is_alike(&p->rows[i], &row)) {
            p->rows[i].comparisons += row.comparisons;
            return;
        }
    }
    if (p->n_rows == p->cap) {
        p->cap = p->cap * 2 + 16;
        p->rows = cs_xrealloc(p->rows, p->cap, sizeof *p->rows);
    }
    p->rows[p->n_rows++] = row;
}

/* How far apart two answers can lie, in the unit. */
static double range_of(const struct cs_report_outcome *o, const struct cs_measure *m, const struct arms *arms)
{
    const bool share = o->kind == CS_OUTCOME_BINARY || o->kind == CS_OUTCOME_CATEGORY;
    const bool single = share && arms->level < 1.5 && arms->comparator < 1.5;
    return single ? 0 : cs_analysis_work_range(m) * (share ? 100 : 1);
}

static void add_comparison(struct cs_plan_power *p, const struct cs_report_outcome *o, const struct cs_measure *m,
                           const struct arms *arms, const struct cs_json *primary)
{
    static const double of_margin[] = {0, 0.5, 1};
    struct cs_power_row row = {.outcome = o->name,
                               .unit = o->unit,
                               .comparisons = 1,
                               .clusters = arms->clusters,
                               .answers = arms->level,
                               .answers_comparator = arms->comparator,
                               .margin = o->margin.value,
                               .range = range_of(o, m, arms),
                               .known = true};
    row.noise_declared = declared_number(primary, o, "noise", &row.noise);
    if (!row.noise_declared) {
        row.known = o->kind != CS_OUTCOME_NUMBER;
        row.noise = o->kind == CS_OUTCOME_ORDINAL ? levels_noise : points_noise;
    }
    row.tau_declared = declared_number(primary, o, "tau", &row.tau);
    for (size_t i = 0; i < sizeof of_margin / sizeof *of_margin; i++) {
        if (!row.tau_declared)
            row.tau = of_margin[i] * row.margin;
        add_row(p, row);
        if (row.tau_declared)
            break;
    }
}

/* An unordered answer is one test of the family, counted with its first category; its others are judged inside it. */
static bool is_test(const struct cs_declared_analysis *d, uint32_t outcome)
{
    const struct cs_measure *m = &d->measures[outcome];
    return m->kind != CS_OUTCOME_CATEGORY || m->category == 0 || d->adjust == CS_ADJUST_MAX_T ||
           d->adjust == CS_ADJUST_NONE;
}

/* Trends, and whether a shift differs, are tests of the same family; under max-T the latter have one of their own. */
static void count_others(struct cs_plan_power *p, const struct cs_plan *plan, const struct cs_declared_analysis *d)
{
    for (uint32_t o = 0; o < d->n_outcomes && d->outcomes[o].role == CS_OUTCOME_PRIMARY; o++) {
        for (uint32_t i = 0; i < d->n_interactions && d->adjust != CS_ADJUST_MAX_T; i++) {
            if (!d->interactions[i].exploratory)
                p->family += d->interactions[i].by == CS_BY_MODEL ? 1 : plan->n_lanes;
        }
        for (uint32_t i = 0; i < d->n_trends; i++)
            p->family += d->trends[i].exploratory ? 0 : plan->n_lanes;
    }
}

static bool is_primary(const struct cs_spec_contrast *c)
{
    return !c->floor && !c->exploratory;
}

/* Each level once, however many comparisons it is in. */
static void count_sentences(struct cs_plan_power *p, const struct cs_study *s, const struct cs_declared_analysis *d)
{
    const bool any = d->n_outcomes > 0 && d->outcomes[0].role == CS_OUTCOME_PRIMARY;
    for (uint32_t k = 0; any && k < d->n_contrasts; k++) {
        const struct cs_spec_contrast *c = &d->contrasts[k];
        const struct cs_factor *f = &s->factors[c->factor];
        bool seen = !is_primary(c) || cs_wordings_of(f, &f->levels[c->level]) != 1;
        for (uint32_t i = 0; i < k && !seen; i++)
            seen = is_primary(&d->contrasts[i]) && d->contrasts[i].factor == c->factor &&
                   d->contrasts[i].level == c->level;
        if (seen)
            continue;
        p->one_sentence++;
        p->in_factor = p->in_factor != NULL ? p->in_factor : f->name;
    }
}

/* Row by outcome first, so that those of an outcome follow one another. */
static void add_comparisons(struct cs_plan_power *p, const struct cs_plan *plan, const struct cs_loaded *l,
                            const struct cs_power_facts *f, const struct cs_json *primary)
{
    const struct cs_declared_analysis *d = &f->analysis;
    for (uint32_t o = 0; o < d->n_outcomes && d->outcomes[o].role == CS_OUTCOME_PRIMARY; o++) {
        for (uint32_t k = 0; k < d->n_contrasts; k++) {
            const struct cs_spec_contrast *c = &d->contrasts[k];
            double cases;
            const uint32_t clusters = is_primary(c) ? cs_plan_power_clusters(l, &f->cases, c, &cases) : 0;
            for (uint32_t lane = 0; is_primary(c) && lane < plan->n_lanes; lane++) {
                struct arms arms = {.clusters = clusters};
                count_lane(plan, lane, d->measures[o].question, c, &arms);
                arms.level *= cases;
                arms.comparator *= cases;
                p->family += is_test(d, o);
                if (arms.level > 0 && arms.comparator > 0)
                    add_comparison(p, &d->outcomes[o], &d->measures[o], &arms, primary);
            }
        }
    }
}

/* The level of each test that the adjustment grants at least. */
static double alpha_of_each(enum cs_adjust adjust, double alpha, uint32_t m)
{
    double harmonic = 0;
    for (uint32_t i = 1; i <= m; i++)
        harmonic += 1.0 / i;
    if (adjust == CS_ADJUST_NONE || m == 0)
        return alpha;
    return adjust == CS_ADJUST_BY ? alpha / m / harmonic : alpha / m;
}

enum cs_err cs_plan_power_make(const struct cs_plan *plan, const struct cs_loaded *l, struct cs_plan_power *out,
                               struct cs_error *err)
{
    struct cs_power_facts *f = cs_xcalloc(1, sizeof *f);
    *out = (struct cs_plan_power){.facts = f};
    enum cs_err rc = cs_case_facts_read(&f->cases, plan->study, &l->cases, err);
    if (rc == CS_OK)
        rc = cs_analysis_declared_read(&f->analysis, plan->study, &f->cases, err);
    if (rc != CS_OK)
        return rc;
    struct cs_json *analysis = cs_json_loads(plan->study->analysis, 0, NULL);
    add_comparisons(out, plan, l, f, cs_json_object_get(analysis, "primary"));
    count_others(out, plan, &f->analysis);
    count_sentences(out, plan->study, &f->analysis);
    cs_json_decref(analysis);
    out->adjust = f->analysis.adjust_name;
    out->alpha = f->analysis.alpha;
    out->alpha_each = alpha_of_each(f->analysis.adjust, out->alpha, out->family);
    for (uint32_t i = 0; i < out->n_rows; i++)
        compute(&out->rows[i], out->alpha_each);
    return CS_OK;
}

void cs_plan_power_release(struct cs_plan_power *p)
{
    struct cs_power_facts *f = p->facts;
    if (f != NULL) {
        cs_analysis_declared_release(&f->analysis);
        cs_case_facts_release(&f->cases);
    }
    free(f);
    free(p->rows);
    *p = (struct cs_plan_power){0};
}

/* ---- shown ------------------------------------------------------------------------------------------------- */

/* What was assumed of an outcome; its rows follow one another. */
static void print_outcome(const struct cs_power_row *r, FILE *out)
{
    const bool points = strcmp(r->unit, "points") == 0;
    fprintf(out, "\n  %s, margin %g %s", r->outcome, r->margin, r->unit);
    if (!r->known && !r->noise_declared) {
        fprintf(out, ": no power without `noise:`, the SD between two answers to the same prompt\n");
        return;
    }
    fprintf(out, "; noise %g %s (%s; %s)", r->noise, r->unit,
            points ? "chance that two answers to the same prompt differ" : "SD between answers to the same prompt",
            r->noise_declared ? "declared"
            : points          ? "not declared: the worst case"
                              : "not declared: a guess");
    fprintf(out, "; tau %s\n", r->tau_declared ? "declared" : "not declared: 0, half the margin, the margin");
    fprintf(out, "    %11s %8s %17s %8s %8s  %s\n", "comparisons", "clusters", "answers a cluster", "tau", "SE",
            "found with 90 %   margin found   twice it   equivalent");
}

static void print_row(const struct cs_power_row *r, FILE *out)
{
    char answers[64];
    snprintf(answers, sizeof answers, "%.4g / %.4g", r->answers, r->answers_comparator);
    fprintf(out, "    %11u %8u %17s %8.3g ", r->comparisons, r->clusters, answers, r->tau);
    if (r->known)
        fprintf(out, "%8.3g  %15.3g %12.1f %% %8.1f %% %10.1f %%\n", r->se, r->smallest, 100 * r->difference,
                100 * r->difference_2, 100 * r->equivalence);
    else
        fprintf(out, "no power: too few clusters, or no variance\n");
}

/* The smallest margin that so many clusters can meet when they hardly move. */
static void print_least(const struct cs_power_row *r, FILE *out)
{
    if (!(r->least_0 > 0) || !(r->least_1 > 0))
        return;
    fprintf(out,
            "    With %u clusters no margin below %.3g %s can be met where none of them moves, below %.3g where one "
            "does%s.\n",
            r->clusters, r->least_0, r->unit, r->least_1,
            r->margin <= r->least_0 ? "; this one only where more than 10, or all, move" : "");
}

/* Sentences with effects of their own, of no group, are what a family of single sentences finds. */
static void print_sentences(const struct cs_plan_power *p, FILE *out)
{
    if (p->one_sentence == 0)
        return;
    fprintf(
        out,
        "\nWarning: %u level%s of \"%s\" under primary comparison %s one sentence: a verdict is then about that sentence and "
        "not about\nwhat it stands for. Sentences differ by themselves: where their own effects had an SD of 2 points, 35 %% of "
        "31 levels without any\nother effect were called different. Three wordings a level or more (`wording:`) tell the two "
        "apart.\n",
        p->one_sentence, p->one_sentence == 1 ? "" : "s", p->in_factor,
        p->one_sentence == 1 ? "is said in" : "are each said in");
}

void cs_plan_power_text(const struct cs_plan_power *p, FILE *out)
{
    print_sentences(p, out);
    if (p->n_rows == 0)
        return;
    fprintf(out,
            "\nPower of the primary family: %u tests, %s at %g, so %.3g for each at least. Assumed: t on cluster "
            "differences with\nSE^2 = (tau^2 + noise / answers + noise / answers of the comparator) / clusters; tau is "
            "the SD of the true shift over\nclusters; no refusals. \"found with 90 %%\": the smallest shift that is "
            "found with that chance; \"margin found\", \"twice it\": the\nchance to find a shift of that size; "
            "\"equivalent\": the chance that no shift at all is shown to lie inside the margin.\n",
            p->family, p->adjust, p->alpha, p->alpha_each);
    for (uint32_t i = 0; i < p->n_rows; i++) {
        const struct cs_power_row *r = &p->rows[i];
        if (i == 0 || r->outcome != p->rows[i - 1].outcome)
            print_outcome(r, out);
        if (r->known || r->noise_declared || strcmp(r->unit, "units") != 0)
            print_row(r, out);
        if (i + 1 == p->n_rows || p->rows[i + 1].outcome != r->outcome || p->rows[i + 1].clusters != r->clusters)
            print_least(r, out);
    }
}

struct cs_json *cs_plan_power_json(const struct cs_plan_power *p)
{
    struct cs_json *rows = cs_json_array();
    for (uint32_t i = 0; i < p->n_rows; i++) {
        const struct cs_power_row *r = &p->rows[i];
        struct cs_json *o = cs_json_pack(
            "{s:s, s:s, s:i, s:i, s:f, s:f, s:f, s:f, s:b, s:f, s:b}", "outcome", r->outcome, "unit", r->unit,
            "comparisons", (int)r->comparisons, "clusters", (int)r->clusters, "answers", r->answers,
            "answers_comparator", r->answers_comparator, "margin", r->margin, "tau", r->tau, "tau_declared",
            (int)r->tau_declared, "noise", r->noise, "noise_declared", (int)r->noise_declared);
        if (r->known) {
            cs_json_object_set_new(o, "se", cs_json_real(r->se));
            cs_json_object_set_new(o, "smallest_shift_90", cs_json_real(r->smallest));
            cs_json_object_set_new(o, "power_at_margin", cs_json_real(r->difference));
            cs_json_object_set_new(o, "power_at_twice_margin", cs_json_real(r->difference_2));
            cs_json_object_set_new(o, "power_equivalence", cs_json_real(r->equivalence));
        }
        if (r->least_1 > 0) {
            cs_json_object_set_new(o, "least_margin_none_moved", cs_json_real(r->least_0));
            cs_json_object_set_new(o, "least_margin_one_moved", cs_json_real(r->least_1));
        }
        cs_json_array_append_new(rows, o);
    }
    return cs_json_pack("{s:i, s:s, s:f, s:f, s:i, s:o}", "family", (int)p->family, "adjust", p->adjust, "alpha",
                        p->alpha, "alpha_each", p->alpha_each, "one_sentence_levels", (int)p->one_sentence, "rows",
                        rows);
}
