#include "tools/report/analysis/declared.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/json.h"
#include "tools/report/read/rated_answers.h"

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

static void note(struct cs_declared_analysis *d, const char *text)
{
    const char **more = cs_arena_array(&d->arena, d->n_notes + 1, sizeof *more);
    for (uint32_t i = 0; i < d->n_notes; i++)
        more[i] = d->notes[i];
    more[d->n_notes++] = text;
    d->notes = more;
}

/* ---- outcomes --------------------------------------------------------------------------------------------- */

static bool is_alone(const struct cs_study *s, const char *name)
{
    uint32_t n = 0;
    for (uint32_t q = 0; q < s->n_questions; q++) {
        for (uint32_t i = 0; i < s->questions[q].n_fields; i++)
            n += strcmp(s->questions[q].fields[i].name, name) == 0;
        for (uint32_t i = 0; i < s->questions[q].n_derived; i++)
            n += strcmp(s->questions[q].derived[i].name, name) == 0;
    }
    return n == 1;
}

/* "points" of `{"margin": "5 points"}`: the loader has checked it. */
static struct cs_report_figure margin_of(const struct cs_json *primary)
{
    const char *text = cs_json_string_value(cs_json_object_get(primary, "margin"));
    return text == NULL ? (struct cs_report_figure){0} : (struct cs_report_figure){true, strtod(text, NULL)};
}

static bool is_listed(const struct cs_json *list, const char *name)
{
    size_t i;
    struct cs_json *item;
    if (cs_json_is_string(list))
        return strcmp(cs_json_string_value(list), name) == 0;
    cs_json_array_foreach(list, i, item)
    {
        if (cs_json_is_string(item) && strcmp(cs_json_string_value(item), name) == 0)
            return true;
    }
    return false;
}

/* The role that the analysis gives to an answer, called FIELD or QUESTION.FIELD. */
static void set_role(struct cs_report_outcome *o, const struct cs_json *analysis, const char *qualified)
{
    const struct cs_json *primary = cs_json_object_get(analysis, "primary"),
                         *named = cs_json_object_get(primary, o->field);
    const struct cs_json *exploratory = cs_json_object_get(analysis, "exploratory");
    if (named == NULL)
        named = cs_json_object_get(primary, qualified);
    o->role = CS_OUTCOME_UNDECLARED;
    if (named != NULL) {
        o->role = CS_OUTCOME_PRIMARY;
        o->margin = margin_of(named);
    } else if (is_listed(exploratory, o->field) || is_listed(exploratory, qualified)) {
        o->role = CS_OUTCOME_EXPLORATORY;
    }
}

struct outcomes { /* being listed */
    struct cs_declared_analysis *d;
    const struct cs_study *s;
    const struct cs_case_facts *cases;
    const struct cs_json *analysis;
    uint32_t cap;
};

static void add_outcome(struct outcomes *l, const struct cs_report_outcome *o, const struct cs_measure *m)
{
    struct cs_declared_analysis *d = l->d;
    if (d->n_outcomes == l->cap) {
        l->cap = l->cap * 2 + 16;
        d->outcomes = cs_xrealloc(d->outcomes, l->cap, sizeof *d->outcomes);
        d->measures = cs_xrealloc(d->measures, l->cap, sizeof *d->measures);
    }
    d->outcomes[d->n_outcomes] = *o;
    d->measures[d->n_outcomes++] = *m;
}

static void name_outcome(struct outcomes *l, struct cs_report_outcome *o, const char *question, const char *field)
{
    struct cs_arena *arena = &l->d->arena;
    const char *qualified = cs_arena_printf(arena, "%s.%s", question, field);
    const char *name = is_alone(l->s, field) ? field : qualified;
    const bool category = o->category[0] != '\0';
    o->question = cs_arena_strdup(arena, question);
    o->field = cs_arena_strdup(arena, field);
    o->name = category ? cs_arena_printf(arena, "%s=%s", name, o->category) : cs_arena_strdup(arena, name);
    o->label = category ? cs_arena_printf(arena, "%s = %s", name, o->category) : o->name;
    set_role(o, l->analysis, qualified);
}

static void copy_categories(struct cs_arena *arena, struct cs_report_outcome *o, const struct cs_field *f)
{
    const char **words = cs_arena_array(arena, f->n_categories + 1, sizeof *words);
    for (uint32_t i = 0; i < f->n_categories; i++)
        words[i] = cs_arena_strdup(arena, f->categories[i]);
    o->categories = words;
    o->n_categories = f->n_categories;
}

static void add_categories(struct outcomes *l, const struct cs_field *f, const char *question,
                           struct cs_report_outcome *o, struct cs_measure *m)
{
    o->kind = m->kind = CS_OUTCOME_CATEGORY;
    o->unit = "points";
    for (uint32_t k = 0; k < f->n_categories; k++) {
        m->category = k;
        o->category = o->categories[k];
        o->up = cs_arena_printf(&l->d->arena, "more often \"%s\"", o->category);
        name_outcome(l, o, question, f->name);
        add_outcome(l, o, m);
    }
}

static void add_field(struct outcomes *l, uint32_t q, uint32_t i)
{
    struct cs_arena *arena = &l->d->arena;
    const struct cs_field *f = &l->s->questions[q].fields[i];
    const char *question = l->s->questions[q].name;
    struct cs_report_outcome o = {.category = "", .unit = "points", .has_label = f->truth_column != CS_NONE};
    struct cs_measure m = {.question = q,
                           .field = i,
                           .n_categories = cs_grid_categories(f),
                           .label = l->cases->labels[q][i],
                           .sampled = strncmp(f->name, CS_RATED_PREFIX, strlen(CS_RATED_PREFIX)) == 0,
                           .can_lack = f->insufficient != NULL};
    copy_categories(arena, &o, f);
    switch (f->kind) {
    case CS_FIELD_TEXT:
        return;
    case CS_FIELD_NOMINAL:
    case CS_FIELD_OPTIONS:
        add_categories(l, f, question, &o, &m);
        return;
    case CS_FIELD_BOOLEAN:
        o.kind = CS_OUTCOME_BINARY;
        o.up = cs_arena_printf(arena, "more often \"%s\"", f->categories[0]);
        break;
    case CS_FIELD_ORDINAL:
        o.kind = CS_OUTCOME_ORDINAL;
        o.unit = "levels";
        o.up = cs_arena_printf(arena, "towards \"%s\"", f->categories[f->n_categories - 1]);
        break;
    case CS_FIELD_NUMBER:
        o.kind = CS_OUTCOME_NUMBER;
        o.unit = "units";
        o.up = "higher";
        if (f->min > -DBL_MAX && f->max < DBL_MAX) {
            m.min = f->min;
            m.max = f->max;
        }
        break;
    }
    m.kind = o.kind;
    name_outcome(l, &o, question, f->name);
    add_outcome(l, &o, &m);
}

static void add_derived(struct outcomes *l, uint32_t q, uint32_t i)
{
    static const char *const words[] = {"true", "false"};
    struct cs_report_outcome o = {.category = "", .unit = "points", .derived = true, .up = "more often true"};
    struct cs_measure m = {.question = q, .field = i, .derived = true, .n_categories = 2, .kind = CS_OUTCOME_BINARY};
    o.categories = words;
    o.n_categories = 2;
    o.kind = CS_OUTCOME_BINARY;
    name_outcome(l, &o, l->s->questions[q].name, l->s->questions[q].derived[i].name);
    add_outcome(l, &o, &m);
}

/* Primary ones first, in the order of the study within each role. */
static void sort_outcomes(struct cs_declared_analysis *d)
{
    struct cs_report_outcome *o = cs_xcalloc(d->n_outcomes + 1, sizeof *o);
    struct cs_measure *m = cs_xcalloc(d->n_outcomes + 1, sizeof *m);
    uint32_t n = 0;
    for (int role = CS_OUTCOME_PRIMARY; role <= CS_OUTCOME_UNDECLARED; role++) {
        for (uint32_t i = 0; i < d->n_outcomes; i++) {
            if ((int)d->outcomes[i].role != role)
                continue;
            o[n] = d->outcomes[i];
            m[n++] = d->measures[i];
        }
    }
    free(d->outcomes);
    free(d->measures);
    d->outcomes = o;
    d->measures = m;
}

static void list_outcomes(struct cs_declared_analysis *d, const struct cs_study *s, const struct cs_case_facts *cases,
                          const struct cs_json *analysis)
{
    struct outcomes l = {.d = d, .s = s, .cases = cases, .analysis = analysis};
    for (uint32_t q = 0; q < s->n_questions; q++) {
        for (uint32_t i = 0; i < s->questions[q].n_fields; i++)
            add_field(&l, q, i);
        for (uint32_t i = 0; i < s->questions[q].n_derived; i++)
            add_derived(&l, q, i);
    }
    sort_outcomes(d);
}

/* ---- contrasts -------------------------------------------------------------------------------------------- */

struct specs { /* being listed */
    struct cs_declared_analysis *d;
    const struct cs_study *s;
    const struct cs_case_facts *cases;
    uint32_t cap;
};

static bool is_same(const struct cs_spec_contrast *a, const struct cs_spec_contrast *b)
{
    return a->factor == b->factor && a->level == b->level && a->against == b->against &&
           a->comparator == b->comparator && a->stratum == b->stratum && a->value == b->value;
}

static void add_spec(struct specs *l, const struct cs_spec_contrast *c)
{
    struct cs_declared_analysis *d = l->d;
    for (uint32_t i = 0; i < d->n_contrasts; i++) {
        if (is_same(&d->contrasts[i], c))
            return; /* declared twice is tested once, in the family that came first */
    }
    if (d->n_contrasts == l->cap) {
        l->cap = l->cap * 2 + 64;
        d->contrasts = cs_xrealloc(d->contrasts, l->cap, sizeof *d->contrasts);
    }
    d->contrasts[d->n_contrasts++] = *c;
}

/* The cases that a contrast is over: all, or those of one value of a stratum. */
struct slice {
    uint32_t stratum, value;
};

static bool is_exploratory(const struct cs_json *how)
{
    const char *family = cs_json_string_value(cs_json_object_get(how, "family"));
    return family != NULL && strcmp(family, "exploratory") == 0;
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
                                 .exploratory = is_exploratory(how)};
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
        if (levels != NULL && !is_listed(levels, f->levels[c.level].id))
            continue;
        if (role != CS_ROLE_CONTROL && !(c.floor && (placebo || over.stratum != CS_NONE)))
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
                                     .exploratory = is_exploratory(how)};
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

/* Over all cases, and then over those of each value of the strata named in `by`. */
static void add_declared(struct specs *l, uint32_t factor, const struct cs_json *how)
{
    const struct cs_json *by = cs_json_object_get(how, "by");
    add_slice(l, factor, how, (struct slice){.stratum = CS_NONE});
    for (uint32_t k = 0; by != NULL && k < l->s->n_strata; k++) {
        if (!is_listed(by, l->s->columns[l->s->strata[k]]))
            continue;
        for (uint32_t value = 0; value < l->cases->strata[k].n_values; value++)
            add_slice(l, factor, how, (struct slice){k, value});
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
    list_outcomes(d, s, cases, analysis);
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
    cs_arena_release(&d->arena);
    *d = (struct cs_declared_analysis){0};
}
