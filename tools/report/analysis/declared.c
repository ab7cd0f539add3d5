#include "tools/report/analysis/declared.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/json.h"
#include "tools/report/analysis/outcomes.h"

uint32_t cs_analysis_declared_level_of_role(const struct cs_factor *f, enum cs_role role)
{
    for (uint32_t i = 0; i < f->n_levels; i++) {
        if (f->levels[i].role == role)
            return i;
    }
    return CS_REPORT_NONE;
}

struct cs_side cs_analysis_declared_placebo_side(const struct cs_factor *f)
{
    struct cs_side side = {.n = 0};
    for (uint32_t i = 0; i < f->n_levels && side.n < CS_SIDE_MAX; i++) {
        if (f->levels[i].role == CS_ROLE_PLACEBO)
            side.level[side.n++] = i;
    }
    return side;
}

struct cs_side cs_analysis_declared_one_level(uint32_t level)
{
    return (struct cs_side){.level = {level}, .n = 1};
}

bool cs_analysis_declared_is_whole(const struct cs_spec_contrast *c)
{
    return c->stratum == CS_NONE && !c->within.some;
}

static void note(struct cs_declared_analysis *d, const char *text)
{
    const char **more = cs_arena_array(&d->arena, d->n_notes + 1, sizeof *more);
    for (uint32_t i = 0; i < d->n_notes; i++)
        more[i] = d->notes[i];
    more[d->n_notes++] = text;
    d->notes = more;
}

/* ---- contrasts -------------------------------------------------------------------------------------------- */

struct specs { /* being listed */
    struct cs_declared_analysis *d;
    const struct cs_study *s;
    const struct cs_case_facts *cases;
    uint32_t cap;
    uint32_t *added, n_added; /* contrasts of the entry that is being read, also those that an earlier one has named */
};

static bool is_same(const struct cs_spec_contrast *a, const struct cs_spec_contrast *b)
{
    return a->factor == b->factor && a->level == b->level && a->against == b->against &&
           a->comparator == b->comparator && a->stratum == b->stratum && a->value == b->value &&
           a->within.some == b->within.some && a->within.factor == b->within.factor &&
           a->within.level == b->within.level;
}

static void remember(struct specs *l, uint32_t contrast)
{
    l->added = cs_xrealloc(l->added, l->n_added + 1, sizeof *l->added);
    l->added[l->n_added++] = contrast;
}

static void add_spec(struct specs *l, const struct cs_spec_contrast *c)
{
    struct cs_declared_analysis *d = l->d;
    for (uint32_t i = 0; i < d->n_contrasts; i++) {
        if (is_same(&d->contrasts[i], c)) {
            remember(l, i);
            return; /* declared twice is tested once, in the family that came first */
        }
    }
    if (d->n_contrasts == l->cap) {
        l->cap = l->cap * 2 + 64;
        d->contrasts = cs_xrealloc(d->contrasts, l->cap, sizeof *d->contrasts);
    }
    remember(l, d->n_contrasts);
    d->contrasts[d->n_contrasts++] = *c;
}

/* What a contrast is over: all cases, or those of one value of a stratum; the whole plan, or one level of another factor. */
struct slice {
    uint32_t stratum, value;
    struct cs_within within;
};

static bool is_exploratory(const struct cs_json *how)
{
    const char *family = cs_json_string_value(cs_json_object_get(how, "family"));
    return family != NULL && strcmp(family, "exploratory") == 0;
}

static int worse_of(const struct cs_json *how)
{
    const char *worse = cs_json_string_value(cs_json_object_get(how, "worse"));
    return worse == NULL ? 0 : strcmp(worse, "lower") == 0 ? -1 : 1;
}

static const char *placebo_text(struct cs_arena *arena, uint32_t n)
{
    return n == 1 ? "the placebo sentence" : cs_arena_printf(arena, "placebo sentences (%u)", n);
}

/* `how`: the declared contrast, or NULL for every level. */
static void add_each(struct specs *l, uint32_t factor, bool placebo, const struct cs_json *how, struct slice over)
{
    const struct cs_factor *f = &l->s->factors[factor];
    const struct cs_json *levels = cs_json_object_get(how, "levels");
    struct cs_spec_contrast c = {.factor = factor,
                                 .against = CS_AGAINST_CONTROL,
                                 .stratum = over.stratum,
                                 .value = over.value,
                                 .within = over.within,
                                 .exploratory = is_exploratory(how),
                                 .worse = worse_of(how)};
    c.comparator = cs_analysis_declared_level_of_role(f, CS_ROLE_CONTROL);
    if (placebo) {
        c.against = CS_AGAINST_PLACEBO;
        c.comparator = CS_REPORT_NONE;
        c.comparator_side = cs_analysis_declared_placebo_side(f);
        c.comparator_text = placebo_text(&l->d->arena, c.comparator_side.n);
    } else if (c.comparator != CS_REPORT_NONE) {
        c.comparator_side = cs_analysis_declared_one_level(c.comparator);
        c.comparator_text = cs_arena_strdup(&l->d->arena, f->levels[c.comparator].id);
    }
    if (c.comparator_side.n == 0)
        return;
    for (c.level = 0; c.level < f->n_levels; c.level++) {
        const enum cs_role role = f->levels[c.level].role;
        c.floor = role == CS_ROLE_PLACEBO || role == CS_ROLE_AA;
        if (levels != NULL && !cs_outcomes_is_listed(levels, f->levels[c.level].id))
            continue;
        if (role != CS_ROLE_CONTROL && !(c.floor && (placebo || over.stratum != CS_NONE || over.within.some)))
            add_spec(l, &c);
    }
}

static uint32_t level_named(const struct cs_factor *f, const struct cs_json *name)
{
    const char *id = cs_json_string_value(name);
    for (uint32_t i = 0; id != NULL && i < f->n_levels; i++) {
        if (strcmp(f->levels[i].id, id) == 0)
            return i;
    }
    return CS_REPORT_NONE;
}

static void add_pairs(struct specs *l, uint32_t factor, const struct cs_json *how, struct slice over)
{
    const struct cs_factor *f = &l->s->factors[factor];
    const struct cs_json *pairs = cs_json_object_get(how, "pairs");
    size_t i;
    struct cs_json *pair;
    cs_json_array_foreach(pairs, i, pair)
    {
        struct cs_spec_contrast c = {.factor = factor,
                                     .against = CS_AGAINST_LEVEL,
                                     .stratum = over.stratum,
                                     .value = over.value,
                                     .within = over.within,
                                     .exploratory = is_exploratory(how),
                                     .worse = worse_of(how)};
        c.level = level_named(f, cs_json_array_get(pair, 0));
        c.comparator = level_named(f, cs_json_array_get(pair, 1));
        if (c.level == CS_REPORT_NONE || c.comparator == CS_REPORT_NONE)
            continue; /* the loader has refused it */
        c.comparator_side = cs_analysis_declared_one_level(c.comparator);
        c.comparator_text = cs_arena_strdup(&l->d->arena, f->levels[c.comparator].id);
        add_spec(l, &c);
    }
}

static void add_slice(struct specs *l, uint32_t factor, const struct cs_json *how, struct slice over)
{
    const char *each = cs_json_string_value(cs_json_object_get(how, "each"));
    if (each != NULL)
        add_each(l, factor, strcmp(each, "placebo") == 0, how, over);
    else
        add_pairs(l, factor, how, over);
}

static void add_interaction(struct specs *l, const struct cs_spec_interaction *x)
{
    struct cs_declared_analysis *d = l->d;
    for (uint32_t i = 0; i < d->n_interactions; i++) {
        const struct cs_spec_interaction *y = &d->interactions[i];
        if (x->contrast == y->contrast && x->by == y->by && x->modifier == y->modifier)
            return;
    }
    d->interactions = cs_xrealloc(d->interactions, d->n_interactions + 1, sizeof *d->interactions);
    d->interactions[d->n_interactions++] = *x;
}

static struct cs_spec_interaction modifier_named(const struct cs_study *s, const char *name)
{
    const uint32_t factor = cs_study_factor(s, name);
    if (factor != CS_NONE)
        return (struct cs_spec_interaction){.by = CS_BY_FACTOR, .modifier = factor};
    for (uint32_t k = 0; k < s->n_strata; k++) {
        if (strcmp(s->columns[s->strata[k]], name) == 0)
            return (struct cs_spec_interaction){.by = CS_BY_STRATUM, .modifier = k};
    }
    return (struct cs_spec_interaction){.by = CS_BY_MODEL, .modifier = CS_NONE};
}

/* For every contrast of the entry that is over all cases and under study. */
static void add_interactions(struct specs *l, const struct cs_json *how, const char *name)
{
    struct cs_spec_interaction x = modifier_named(l->s, name);
    x.exploratory = is_exploratory(how);
    for (uint32_t i = 0; i < l->n_added; i++) {
        const struct cs_spec_contrast *c = &l->d->contrasts[l->added[i]];
        if (c->floor)
            continue;
        x.contrast = l->added[i];
        add_interaction(l, &x);
    }
}

static void add_differs_by(struct specs *l, const struct cs_json *how)
{
    const struct cs_json *by = cs_json_object_get(how, "differs_by");
    size_t i;
    struct cs_json *item;
    if (cs_json_is_string(by))
        add_interactions(l, how, cs_json_string_value(by));
    cs_json_array_foreach(by, i, item)
    {
        if (cs_json_is_string(item))
            add_interactions(l, how, cs_json_string_value(item));
    }
}

/* A level and its score; what the loader refuses does not come here. */
static void add_step(struct cs_arena *arena, const struct cs_factor *f, const struct cs_json *name, double score,
                     struct cs_spec_trend *t)
{
    uint32_t *levels = (uint32_t *)(uintptr_t)t->levels;
    double *scores = (double *)(uintptr_t)t->scores;
    levels[t->n] = level_named(f, name);
    scores[t->n] = score;
    if (levels[t->n] == CS_REPORT_NONE)
        return;
    t->text = cs_arena_printf(arena, "%s%s%s %g", t->text, t->n > 0 ? ", " : "", f->levels[levels[t->n]].id, score);
    t->n++;
}

static double score_of(const struct cs_json *v)
{
    const char *text = cs_json_string_value(v);
    return text != NULL ? strtod(text, NULL) : cs_json_number_value(v);
}

static void add_trend(struct specs *l, uint32_t factor, const struct cs_json *how)
{
    struct cs_declared_analysis *d = l->d;
    const struct cs_factor *f = &l->s->factors[factor];
    struct cs_json *trend = cs_json_object_get(how, "trend"), *item;
    struct cs_spec_trend t = {.factor = factor, .text = "", .exploratory = is_exploratory(how)};
    const char *key;
    size_t i;
    if (trend == NULL)
        return;
    t.levels = cs_arena_array(&d->arena, (size_t)f->n_levels + 1, sizeof *t.levels);
    t.scores = cs_arena_array(&d->arena, (size_t)f->n_levels + 1, sizeof *t.scores);
    cs_json_array_foreach(trend, i, item)
    {
        add_step(&d->arena, f, item, (double)i, &t);
    }
    cs_json_object_foreach(trend, key, item)
    {
        struct cs_json *name = cs_json_string(key);
        add_step(&d->arena, f, name, score_of(item), &t);
        cs_json_decref(name);
    }
    d->trends = cs_xrealloc(d->trends, d->n_trends + 1, sizeof *d->trends);
    d->trends[d->n_trends++] = t;
}

/* In each level of the factors named in `within`. */
static void add_within(struct specs *l, uint32_t factor, const struct cs_json *how)
{
    const struct cs_json *within = cs_json_object_get(how, "within");
    for (uint32_t f = 0; within != NULL && f < l->s->n_factors; f++) {
        if (f == factor || !cs_outcomes_is_listed(within, l->s->factors[f].name))
            continue;
        for (uint32_t level = 0; level < l->s->factors[f].n_levels; level++)
            add_slice(l, factor, how, (struct slice){.stratum = CS_NONE, .within = {true, f, level}});
    }
}

/* Over all cases, and then over those of each value of the strata named in `by`. */
static void add_declared(struct specs *l, uint32_t factor, const struct cs_json *how)
{
    const struct cs_json *by = cs_json_object_get(how, "by");
    l->n_added = 0;
    add_trend(l, factor, how);
    add_slice(l, factor, how, (struct slice){.stratum = CS_NONE});
    add_differs_by(l, how);
    add_within(l, factor, how);
    for (uint32_t k = 0; by != NULL && k < l->s->n_strata; k++) {
        if (!cs_outcomes_is_listed(by, l->s->columns[l->s->strata[k]]))
            continue;
        for (uint32_t value = 0; value < l->cases->strata[k].n_values; value++)
            add_slice(l, factor, how, (struct slice){.stratum = k, .value = value});
    }
}

/* Placebo and A/A against the control are the noise floor of every study that has them, asked for or not. */
static void add_floors(struct specs *l)
{
    for (uint32_t factor = 0; factor < l->s->n_factors; factor++) {
        const struct cs_factor *f = &l->s->factors[factor];
        const uint32_t control = cs_analysis_declared_level_of_role(f, CS_ROLE_CONTROL);
        if (control == CS_REPORT_NONE)
            continue;
        for (uint32_t i = 0; i < f->n_levels; i++) {
            if (f->levels[i].role != CS_ROLE_PLACEBO && f->levels[i].role != CS_ROLE_AA)
                continue;
            struct cs_spec_contrast c = {.factor = factor,
                                         .level = i,
                                         .against = CS_AGAINST_CONTROL,
                                         .comparator = control,
                                         .comparator_side = cs_analysis_declared_one_level(control),
                                         .comparator_text = cs_arena_strdup(&l->d->arena, f->levels[control].id),
                                         .stratum = CS_NONE,
                                         .floor = true};
            add_spec(l, &c);
        }
    }
}

static void list_contrasts(struct cs_declared_analysis *d, const struct cs_study *s, const struct cs_case_facts *cases,
                           const struct cs_json *analysis)
{
    struct specs l = {.d = d, .s = s, .cases = cases};
    const struct cs_json *contrasts = cs_json_object_get(analysis, "contrasts");
    size_t i;
    struct cs_json *c;
    add_floors(&l); /* first: what should not matter stands above what is under study */
    cs_json_array_foreach(contrasts, i, c)
    {
        const char *name = cs_json_string_value(cs_json_object_get(c, "factor"));
        const uint32_t factor = name != NULL ? cs_study_factor(s, name) : CS_NONE;
        if (factor != CS_NONE)
            add_declared(&l, factor, c);
    }
    for (uint32_t f = 0; f < s->n_factors && cs_json_array_size(contrasts) == 0; f++) {
        add_each(&l, f, false, NULL, (struct slice){.stratum = CS_NONE});
        if (cs_analysis_declared_level_of_role(&s->factors[f], CS_ROLE_CONTROL) == CS_REPORT_NONE)
            note(d, cs_arena_printf(&d->arena,
                                    "Factor \"%s\" has no control and the study declares no contrasts: its levels are "
                                    "counted, not compared.",
                                    s->factors[f].name));
    }
    free(l.added);
}

/* "majority of 5": the loader has checked it. */
static uint32_t majority_of(const char *text)
{
    static const char words[] = "majority of ";
    return text != NULL && strncmp(text, words, strlen(words)) == 0 ? (uint32_t)strtoul(text + strlen(words), NULL, 10)
                                                                    : 0;
}

/* ---- all ---------------------------------------------------------------------------------------------------- */

static void set_adjustment(struct cs_declared_analysis *d, const struct cs_json *analysis)
{
    static const char *const names[] = {[CS_ADJUST_NONE] = "none",
                                        [CS_ADJUST_HOLM] = "holm",
                                        [CS_ADJUST_MAX_T] = "max-t",
                                        [CS_ADJUST_BH] = "bh",
                                        [CS_ADJUST_BY] = "by"};
    const char *word = cs_json_string_value(cs_json_object_get(analysis, "adjust"));
    const struct cs_json *alpha = cs_json_object_get(analysis, "alpha");
    d->adjust = CS_ADJUST_HOLM;
    for (unsigned i = 0; word != NULL && i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], word) == 0)
            d->adjust = (enum cs_adjust)i;
    }
    d->adjust_name = names[d->adjust];
    d->alpha = 0.05;
    d->majority = majority_of(cs_json_string_value(cs_json_object_get(analysis, "decide")));
    if (cs_json_is_string(alpha))
        d->alpha = strtod(cs_json_string_value(alpha), NULL);
    else if (cs_json_is_number(alpha))
        d->alpha = cs_json_number_value(alpha);
}

/* ---- warrant and labels ------------------------------------------------------------------------------------- */

/* A case leaves a contrast when the answer was flagged under either of its sides. */
static const bool *flagged_of(struct cs_declared_analysis *d, uint32_t n_cases, const struct cs_measure *m,
                              const struct cs_spec_contrast *c)
{
    bool *flagged = NULL;
    for (uint32_t side = 0; side <= c->comparator_side.n; side++) {
        const uint32_t level = side == 0 ? c->level : c->comparator_side.level[side - 1];
        const struct cs_warranted *x = cs_warrant_flags_of(&d->warrant, c->factor, level, m->question, m->field,
                                                           m->derived);
        if (x != NULL && flagged == NULL)
            flagged = cs_arena_array(&d->arena, (size_t)n_cases + 1, sizeof *flagged);
        for (uint32_t i = 0; x != NULL && i < n_cases; i++)
            flagged[i] = flagged[i] || x->raters[i] > 0;
    }
    return flagged;
}

static void flag_contrasts(struct cs_declared_analysis *d, const struct cs_study *s, const struct cs_json *analysis)
{
    const char *source = cs_json_string_value(cs_json_object_get(cs_json_object_get(analysis, "warrant"), "source"));
    d->flagged = cs_arena_array(&d->arena, (size_t)d->n_outcomes * d->n_contrasts + 1, sizeof *d->flagged);
    for (uint32_t o = 0; o < d->n_outcomes; o++) {
        for (uint32_t k = 0; k < d->n_contrasts; k++)
            d->flagged[(size_t)o * d->n_contrasts + k] = flagged_of(d, s->n_cases, &d->measures[o], &d->contrasts[k]);
    }
    d->warrant_note =
        source == NULL
            ? "The study declares no warranted differences: nothing is flagged and nothing is subtracted."
            : cs_arena_printf(
                  &d->arena,
                  "Warranted differences were declared beforehand (%s): %u of (case, level, answer). They are left out "
                  "of the main results and shown in a table of their own; nothing is subtracted.",
                  source, d->warrant.pairs);
}

static const char *label_note(struct cs_arena *arena, const struct cs_json *labels)
{
    const char *source = cs_json_string_value(cs_json_object_get(labels, "source"));
    const char *reviewed = cs_json_string_value(cs_json_object_get(labels, "reviewed"));
    const char *agreement = cs_json_string_value(cs_json_object_get(labels, "agreement"));
    const struct cs_json *raters = cs_json_object_get(labels, "raters");
    if (source == NULL)
        return "";
    const char *text = cs_arena_printf(arena, "Labels: %s", source);
    if (cs_json_is_string(raters))
        text = cs_arena_printf(arena, "%s; raters: %s", text, cs_json_string_value(raters));
    else if (cs_json_is_integer(raters))
        text = cs_arena_printf(arena, "%s; raters: %d", text, (int)cs_json_integer_value(raters));
    if (agreement != NULL)
        text = cs_arena_printf(arena, "%s; agreement: %s", text, agreement);
    return reviewed != NULL && strcmp(reviewed, "yes") == 0
               ? cs_arena_printf(arena, "%s; reviewed by clinicians.", text)
               : cs_arena_printf(arena, "%s; illustrative, not reviewed by a clinician.", text);
}

enum cs_err cs_analysis_declared_read(struct cs_declared_analysis *d, const struct cs_study *s,
                                      const struct cs_case_facts *cases, struct cs_error *err)
{
    struct cs_json_error why;
    *d = (struct cs_declared_analysis){0};
    struct cs_json *analysis = cs_json_loads(s->analysis, 0, &why);
    if (analysis == NULL)
        return cs_error_set(err, CS_ECORRUPT, "the stored analysis part is damaged: %s", why.text);
    d->declared = cs_json_object_size(analysis) > 0;
    set_adjustment(d, analysis);
    struct cs_outcomes outcomes = {0};
    cs_outcomes_read(&outcomes, &d->arena, s, cases, analysis);
    d->outcomes = outcomes.list;
    d->measures = outcomes.measures;
    d->n_outcomes = outcomes.n;
    list_contrasts(d, s, cases, analysis);
    enum cs_err rc = cs_warrant_flags_read(&d->warrant, &d->arena, s, cases, analysis, err);
    if (rc == CS_OK)
        flag_contrasts(d, s, analysis);
    d->label_note = label_note(&d->arena, cs_json_object_get(analysis, "labels"));
    cs_json_decref(analysis);
    return rc;
}

void cs_analysis_declared_release(struct cs_declared_analysis *d)
{
    free(d->outcomes);
    free(d->measures);
    free(d->contrasts);
    free(d->interactions);
    free(d->trends);
    cs_arena_release(&d->arena);
    *d = (struct cs_declared_analysis){0};
}
