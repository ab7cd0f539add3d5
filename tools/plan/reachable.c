#include "tools/plan/reachable.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/study/plan.h"
#include "tools/plan/power.h"
#include "tools/report/analysis/declared.h"
#include "tools/report/stats/findable.h"

static const double range = 100, range_of_interaction = 200; /* points: an interaction is a difference of shifts */

struct comparison { /* a primary one, or several that are alike; or an interaction, a test of the same family */
    const char *outcome;
    size_t clusters, n;
    double margin;
    bool one_sided, pairs, interaction;
};

/* Smaller: decided sooner, where nothing moves. */
static double rank_of(const struct comparison *c)
{
    return (double)c->clusters * log1p(-c->margin / (c->interaction ? range_of_interaction : range));
}

/* Tests that Holm's procedure has still to reject with this one. What has another margin or more clusters may go before. */
static size_t tests_with(const struct comparison *all, size_t n, const struct comparison *one)
{
    size_t tests = 0;
    for (size_t i = 0; i < n; i++)
        tests += rank_of(&all[i]) >= rank_of(one) - 1e-9 ? all[i].n : 0;
    return tests;
}

/* ---- words ------------------------------------------------------------------------------------------------ */

static char *sentence(const struct comparison *c, const struct cs_findable *r)
{
    char needed[64] = "no number of clusters would do";
    const char *word = c->one_sided ? "not worse" : "equivalent",
               *differ = r->beyond ? "different, also beyond the margin," : "different";
    if (r->clusters_needed > 0)
        snprintf(needed, sizeof needed, "it takes %zu", r->clusters_needed);
    if (r->equivalent && r->different)
        return cs_xasprintf("%s and %s can both be reached: %zu clusters that all agree leave %.1f points, within the "
                            "margin of %g",
                            word, differ, c->clusters, r->smallest_margin, c->margin);
    return cs_xasprintf("%s (within %g points) %s where answers are alike throughout: %zu clusters that all agree "
                        "leave %.1f points to either side, and %s; %s %s be reached",
                        word, c->margin, r->equivalent ? "can be reached" : "cannot be reached", c->clusters,
                        r->smallest_margin, needed, differ, r->different ? "can" : "cannot");
}

static struct cs_json *reach_of(const struct comparison *all, size_t n, const struct comparison *c, double alpha,
                                const char *adjust)
{
    const bool stepwise = strcmp(adjust, "none") != 0 && strcmp(adjust, "bh") != 0; /* else nothing waits for others */
    const struct cs_findable r = cs_findable_of(
        &(struct cs_findable_design){.clusters = c->clusters,
                                     .margin = c->margin,
                                     .range = range,
                                     .alpha = alpha,
                                     .tests = stepwise ? tests_with(all, n, c) : 1,
                                     .pairs = c->pairs});
    if (!r.known)
        return cs_json_null();
    char *why = sentence(c, &r);
    struct cs_json *o = cs_json_pack("{s:b, s:b, s:b, s:f, s:i, s:s}", "equivalent", r.equivalent, "different",
                                     r.different, "beyond", r.beyond, "smallest_margin", r.smallest_margin,
                                     "clusters_needed", (int)r.clusters_needed, "why", why);
    free(why);
    return o;
}

/* ---- of a report -------------------------------------------------------------------------------------------- */

static const char *text(const struct cs_json *o, const char *key)
{
    const char *s = cs_json_string_value(cs_json_object_get(o, key));
    return s != NULL ? s : "";
}

static double number(const struct cs_json *o, const char *key)
{
    return cs_json_number_value(cs_json_object_get(o, key));
}

static bool is_yes_no(const struct cs_json *report, const char *outcome)
{
    struct cs_json *o;
    size_t i;
    cs_json_array_foreach(cs_json_object_get(report, "outcomes"), i, o)
    {
        if (strcmp(text(o, "name"), outcome) == 0)
            return strcmp(text(o, "kind"), "yes-no") == 0;
    }
    return false;
}

/* Interactions with a margin are tests of the family like others; under max-T they are a family of their own. */
static bool are_interactions_in(const char *adjust)
{
    return strcmp(adjust, "max-t") != 0;
}

static size_t interactions_of(const struct cs_json *report, struct comparison *out)
{
    struct cs_json *x;
    size_t i, n = 0;
    if (!are_interactions_in(text(report, "adjust")))
        return 0;
    cs_json_array_foreach(cs_json_object_get(report, "interactions"), i, x)
    {
        if (strcmp(text(x, "family"), "primary") == 0 && is_yes_no(report, text(x, "outcome")) &&
            cs_json_is_number(cs_json_object_get(x, "margin")))
            out[n++] = (struct comparison){.outcome = text(x, "outcome"),
                                           .clusters = (size_t)number(x, "clusters"),
                                           .n = 1,
                                           .margin = number(x, "margin"),
                                           .interaction = true};
    }
    return n;
}

void cs_reachable_contrasts(struct cs_json *contrasts, const struct cs_json *report)
{
    size_t n = cs_json_array_size(contrasts);
    struct comparison *all = cs_xcalloc(n + cs_json_array_size(cs_json_object_get(report, "interactions")) + 1,
                                        sizeof *all);
    struct cs_json *c;
    size_t i;
    cs_json_array_foreach(contrasts, i, c)
    {
        const double clusters = number(c, "clusters");
        if (!is_yes_no(report, text(c, "outcome")) || !cs_json_is_number(cs_json_object_get(c, "margin")))
            continue;
        all[i] = (struct comparison){.outcome = text(c, "outcome"),
                                     .clusters = (size_t)clusters,
                                     .n = 1,
                                     .margin = number(c, "margin"),
                                     .one_sided = text(c, "worse")[0] != '\0',
                                     .pairs = number(c, "answers") == clusters &&
                                              number(c, "answers_comparator") == clusters};
    }
    n += interactions_of(report, all + n);
    cs_json_array_foreach(contrasts, i, c)
    {
        cs_json_object_set_new(c, "reach", reach_of(all, n, &all[i], number(report, "alpha"), text(report, "adjust")));
    }
    free(all);
}

/* ---- of a plan -------------------------------------------------------------------------------------------- */

/* The study that is analysed: of judges the one that they judge, with their answers and their analysis. */
static struct cs_study analysed(const struct cs_study *own, const struct cs_study *last, struct cs_arena *arena)
{
    struct cs_study s = *own;
    if (last == own)
        return s;
    struct cs_question *questions = cs_arena_array(arena, last->n_questions + 1u, sizeof *questions);
    for (uint32_t q = 0; q < last->n_questions; q++) {
        struct cs_field *fields = cs_arena_array(arena, last->questions[q].n_fields + 1u, sizeof *fields);
        for (uint32_t f = 0; f < last->questions[q].n_fields; f++) {
            fields[f] = last->questions[q].fields[f];
            fields[f].truth_column = fields[f].order_factor = CS_NONE; /* of the judges' own cases */
            fields[f].option_columns = NULL;
        }
        questions[q] = last->questions[q];
        questions[q].fields = fields;
    }
    s.questions = questions;
    s.n_questions = last->n_questions;
    s.analysis = last->analysis;
    return s;
}

static void add(struct comparison *all, size_t *n, struct comparison c)
{
    for (size_t i = 0; i < *n; i++) {
        if (strcmp(all[i].outcome, c.outcome) == 0 && all[i].clusters == c.clusters && all[i].margin == c.margin &&
            all[i].one_sided == c.one_sided && all[i].interaction == c.interaction) {
            all[i].n++;
            return;
        }
    }
    all[(*n)++] = c;
}

static void put(const char *study, const struct comparison *all, size_t n, const struct cs_declared_analysis *d,
                struct cs_json *list)
{
    for (size_t i = 0; i < n; i++) {
        if (all[i].interaction)
            continue;
        cs_json_array_append_new(list, cs_json_pack("{s:s, s:s, s:i, s:i, s:f, s:s, s:o}", "study", study, "outcome",
                                                    all[i].outcome, "comparisons", (int)all[i].n, "clusters",
                                                    (int)all[i].clusters, "margin", all[i].margin, "unit", "points",
                                                    "reach", reach_of(all, n, &all[i], d->alpha, d->adjust_name)));
    }
}

/* Of one outcome. */
static void add_interactions(const struct cs_declared_analysis *d, const struct cs_report_outcome *o,
                             const struct cs_loaded *own, const struct cs_case_facts *facts, struct comparison *all,
                             size_t *n)
{
    double cases;
    for (uint32_t i = 0; i < d->n_interactions && are_interactions_in(d->adjust_name); i++) {
        if (d->interactions[i].exploratory || !o->interaction_margin.known)
            continue;
        add(all, n,
            (struct comparison){
                .outcome = o->name,
                .clusters = cs_plan_power_clusters(own, facts, &d->contrasts[d->interactions[i].contrast], &cases),
                .n = 1,
                .margin = o->interaction_margin.value,
                .interaction = true});
    }
}

enum cs_err cs_reachable_plan(const char *name, const struct cs_loaded *own, const struct cs_study *last,
                              struct cs_json *list, struct cs_error *err)
{
    struct cs_arena arena = {0};
    struct cs_case_facts facts = {0};
    struct cs_declared_analysis d = {.n_outcomes = 0};
    const struct cs_study s = analysed(own->study, last, &arena);
    struct cs_plan plan;
    cs_plan_init(&plan, own->study);
    enum cs_err rc = cs_case_facts_read(&facts, &s, &own->cases, err);
    if (rc == CS_OK)
        rc = cs_analysis_declared_read(&d, &s, &facts, err);
    struct comparison *all = cs_xcalloc((size_t)d.n_outcomes * (d.n_contrasts + d.n_interactions) + 1, sizeof *all);
    size_t n = 0;
    for (uint32_t o = 0; rc == CS_OK && o < d.n_outcomes && d.outcomes[o].role == CS_OUTCOME_PRIMARY; o++) {
        for (uint32_t k = 0; k < d.n_contrasts; k++) {
            const struct cs_spec_contrast *c = &d.contrasts[k];
            double cases;
            if (d.outcomes[o].kind != CS_OUTCOME_BINARY || !d.outcomes[o].margin.known || c->floor || c->exploratory)
                continue;
            add(all, &n,
                (struct comparison){.outcome = d.outcomes[o].name,
                                    .clusters = cs_plan_power_clusters(own, &facts, c, &cases),
                                    .n = 1,
                                    .margin = d.outcomes[o].margin.value,
                                    .one_sided = c->worse != 0,
                                    .pairs = plan.n_planned ==
                                             (uint64_t)facts.n_clusters * s.factors[c->factor].n_levels});
        }
        if (d.outcomes[o].kind == CS_OUTCOME_BINARY)
            add_interactions(&d, &d.outcomes[o], own, &facts, all, &n);
    }
    put(name, all, n, &d, list);
    free(all);
    cs_plan_release(&plan);
    cs_analysis_declared_release(&d);
    cs_case_facts_release(&facts);
    cs_arena_release(&arena);
    return rc;
}
