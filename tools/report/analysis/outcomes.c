#include "tools/report/analysis/outcomes.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/study/derive.h"
#include "protocol/study/pair.h"
#include "tools/report/read/rated_answers.h"

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

/* The number of `{"margin": "5 points"}`: the loader has checked it. */
static struct cs_report_figure margin_of(const struct cs_json *primary, const char *key)
{
    const char *text = cs_json_string_value(cs_json_object_get(primary, key));
    return text == NULL ? (struct cs_report_figure){0} : (struct cs_report_figure){true, strtod(text, NULL)};
}

bool cs_outcomes_is_listed(const struct cs_json *list, const char *name)
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
        o->margin = margin_of(named, "margin");
        o->interaction_margin = margin_of(named, "interaction_margin");
        if (!o->interaction_margin.known)
            o->interaction_margin = o->margin;
    } else if (cs_outcomes_is_listed(exploratory, o->field) || cs_outcomes_is_listed(exploratory, qualified)) {
        o->role = CS_OUTCOME_EXPLORATORY;
    }
}

struct outcomes { /* being listed */
    struct cs_outcomes *d;
    struct cs_arena *arena;
    const struct cs_study *s;
    const struct cs_case_facts *cases;
    const struct cs_json *analysis;
    uint32_t cap;
};

static void add_outcome(struct outcomes *l, const struct cs_report_outcome *o, const struct cs_measure *m)
{
    struct cs_outcomes *d = l->d;
    if (d->n == l->cap) {
        l->cap = l->cap * 2 + 16;
        d->list = cs_xrealloc(d->list, l->cap, sizeof *d->list);
        d->measures = cs_xrealloc(d->measures, l->cap, sizeof *d->measures);
    }
    d->list[d->n] = *o;
    d->measures[d->n++] = *m;
}

static void name_outcome(struct outcomes *l, struct cs_report_outcome *o, const char *question, const char *field)
{
    struct cs_arena *arena = l->arena;
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
        o->up = cs_arena_printf(l->arena, "more often \"%s\"", o->category);
        name_outcome(l, o, question, f->name);
        add_outcome(l, o, m);
    }
}

static void add_field(struct outcomes *l, uint32_t q, uint32_t i)
{
    struct cs_arena *arena = l->arena;
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
    case CS_FIELD_LIST: /* what is derived of it is an outcome */
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
        if (f->categories == cs_pair_words) { /* points won less points lost (read/judged.h) */
            o.unit = "points";
            o.up = "preferred more often";
        } else if (f->n_categories > 1) { /* the mean of several judges' steps on a scale (read/judged_study.h) */
            o.unit = "levels";
            o.up = cs_arena_printf(arena, "towards \"%s\"", f->categories[f->n_categories - 1]);
        }
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
    const struct cs_derived *d = &l->s->questions[q].derived[i];
    o.categories = words;
    o.n_categories = 2;
    o.kind = CS_OUTCOME_BINARY;
    if (d->kind == CS_DERIVES_TEXT)
        return; /* to be read, not compared */
    if (d->kind == CS_DERIVES_NUMBER) {
        o.kind = m.kind = CS_OUTCOME_NUMBER;
        m.n_categories = 1;
        o.n_categories = 0;
        o.unit = "units";
        o.up = "higher";
        if (!cs_derive_bounds(&l->s->questions[q], d, &m.min, &m.max))
            m.min = m.max = 0;
    }
    name_outcome(l, &o, l->s->questions[q].name, d->name);
    add_outcome(l, &o, &m);
}

/* Primary ones first, in the order of the study within each role. */
static void sort_outcomes(struct cs_outcomes *d)
{
    struct cs_report_outcome *o = cs_xcalloc(d->n + 1, sizeof *o);
    struct cs_measure *m = cs_xcalloc(d->n + 1, sizeof *m);
    uint32_t n = 0;
    for (int role = CS_OUTCOME_PRIMARY; role <= CS_OUTCOME_UNDECLARED; role++) {
        for (uint32_t i = 0; i < d->n; i++) {
            if ((int)d->list[i].role != role)
                continue;
            o[n] = d->list[i];
            m[n++] = d->measures[i];
        }
    }
    free(d->list);
    free(d->measures);
    d->list = o;
    d->measures = m;
}

void cs_outcomes_read(struct cs_outcomes *out, struct cs_arena *arena, const struct cs_study *s,
                      const struct cs_case_facts *cases, const struct cs_json *analysis)
{
    struct outcomes l = {.d = out, .arena = arena, .s = s, .cases = cases, .analysis = analysis};
    for (uint32_t q = 0; q < s->n_questions; q++) {
        for (uint32_t i = 0; i < s->questions[q].n_fields; i++)
            add_field(&l, q, i);
        for (uint32_t i = 0; i < s->questions[q].n_derived; i++)
            add_derived(&l, q, i);
    }
    sort_outcomes(out);
}
