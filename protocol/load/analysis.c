/* analysis.c - the `analysis:` part: checked, and kept as canonical JSON with its digest. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/digest.h"
#include "protocol/load/analysed.h"
#include "protocol/load/params.h"

static const double measure_max = 1e9;

enum { NAMES_MAX = 2 * CS_FIELDS_MAX * CS_QUESTIONS_MAX };

/* An answer (or derived answer) as the analysis may call it: FIELD, or QUESTION.FIELD. */
struct outcome {
    const char *unit; /* "points", "levels" or "units"; NULL: not to be compared */
    bool truth;       /* it is true or false */
};

static const char *unit_of(const struct cs_field *f)
{
    switch (f->kind) {
    case CS_FIELD_BOOLEAN:
    case CS_FIELD_NOMINAL:
    case CS_FIELD_OPTIONS:
        return "points";
    case CS_FIELD_ORDINAL:
        return "levels";
    case CS_FIELD_NUMBER:
        return "units";
    case CS_FIELD_TEXT:
    case CS_FIELD_LIST:
        return NULL;
    }
    return NULL;
}

static const char *unit_of_derived(const struct cs_derived *d)
{
    return d->kind == CS_DERIVES_BOOLEAN ? "points" : d->kind == CS_DERIVES_NUMBER ? "units" : NULL;
}

struct search {
    const char *question, *field; /* question NULL: any */
    uint32_t found;
    const char **names; /* names of all outcomes, for the hint */
    uint32_t n_names;
    bool list; /* what was found is one */
    struct outcome outcome;
};

static void try_outcome(struct search *s, const char *question, const char *field, const char *unit, bool truth)
{
    s->names[s->n_names++] = field;
    if (strcmp(field, s->field) == 0 && (s->question == NULL || strcmp(question, s->question) == 0)) {
        s->found++;
        s->outcome = (struct outcome){unit, truth};
    }
}

/* What is answered about each element of a list becomes an outcome by a rule. */
static void try_field(struct search *s, const char *question, const struct cs_field *f)
{
    try_outcome(s, question, f->name, unit_of(f), f->kind == CS_FIELD_BOOLEAN);
    s->list = s->list || (f->kind == CS_FIELD_LIST && strcmp(f->name, s->field) == 0);
    for (uint32_t i = 0; f->kind == CS_FIELD_LIST && i < f->list->n_fields; i++) {
        if (strcmp(f->list->fields[i].name, s->field) == 0) {
            s->found++;
            s->list = true;
        }
    }
}

/* n's key or text names an outcome. */
static enum cs_err find_outcome(const struct cs_loader *l, const struct cs_node *n, const char *name,
                                struct outcome *out)
{
    const char *dot = strchr(name, '.');
    struct search s = {.field = dot != NULL ? dot + 1 : name};
    if (dot != NULL)
        s.question = cs_arena_strndup(l->arena, name, (size_t)(dot - name));
    s.names = cs_xcalloc(NAMES_MAX, sizeof *s.names);
    for (uint32_t q = 0; q < l->s->n_questions; q++) {
        const struct cs_question *question = &l->s->questions[q];
        for (uint32_t i = 0; i < question->n_fields; i++)
            try_field(&s, question->name, &question->fields[i]);
        for (uint32_t i = 0; i < question->n_derived; i++)
            try_outcome(&s, question->name, question->derived[i].name, unit_of_derived(&question->derived[i]),
                        question->derived[i].kind == CS_DERIVES_BOOLEAN);
    }
    struct cs_hint hint = cs_names_hint(s.field, s.names, s.n_names);
    free(s.names);
    enum cs_err (*fail)(const struct cs_node *, struct cs_error *, const char *,
                        ...) = name == n->key ? cs_yaml_fail_key : cs_yaml_fail;
    if (s.found == 0)
        return fail(n, l->err, "no question has an answer \"%s\"%s", name, hint.text);
    if (s.found > 1)
        return fail(n, l->err, "%u questions have an answer \"%s\"; write QUESTION.%s", s.found, name, name);
    if (s.list)
        return fail(n, l->err,
                    "\"%s\" is answered for each element of a list; derive a number for the output, as in "
                    "{share: {of: LIST, where: {...}}}, and name that",
                    name);
    if (s.outcome.unit == NULL)
        return fail(n, l->err, "answer \"%s\" is a text and cannot be compared; name another", name);
    *out = s.outcome;
    return CS_OK;
}

/* `margin: 5 points`; n NULL: left out. */
static enum cs_err check_measure(const struct cs_loader *l, const struct cs_node *n, const char *what, const char *unit,
                                 double least, double most)
{
    const char *text;
    enum cs_err rc = n != NULL ? cs_node_text(n, what, &text, l->err) : CS_OK;
    if (n == NULL || rc != CS_OK)
        return rc;
    char *end = NULL;
    double v = strtod(text, &end);
    const bool number = text[strspn(text, "0123456789.")] == ' ' && end != text && *end == ' ';
    if (!number || strcmp(end + 1, unit) != 0 || v < least || v > most)
        return cs_yaml_fail(n, l->err, "%s is \"%s\"; write a number %s and its unit, as in 5 %s", what, text,
                            most < measure_max ? "from 0 to 50"
                            : least > 0        ? "above 0"
                                               : "from 0 on",
                            unit);
    return CS_OK;
}

/* What is said of one primary outcome: its margin, and what `plan` assumes to compute the power. */
static enum cs_err check_primary(const struct cs_loader *l, const struct cs_node *n, const char *unit)
{
    static const char *const keys[] = {"margin", "interaction_margin", "why", "tau", "noise", NULL};
    const bool points = strcmp(unit, "points") == 0;
    const struct cs_node *margin, *why = cs_node_get(n, "why");
    const char *reason;
    enum cs_err rc = cs_node_map(n, n->key, keys, l->err);
    if (rc == CS_OK)
        rc = cs_node_need(n, n->key, "margin", &margin, l->err);
    if (rc == CS_OK)
        rc = check_measure(l, margin, "margin", unit, DBL_MIN, measure_max);
    if (rc == CS_OK && why != NULL)
        rc = cs_node_text(why, "why", &reason, l->err);
    if (rc == CS_OK)
        rc = check_measure(l, cs_node_get(n, "interaction_margin"), "interaction_margin", unit, DBL_MIN, measure_max);
    if (rc == CS_OK)
        rc = check_measure(l, cs_node_get(n, "tau"), "tau", unit, 0, measure_max);
    /* two answers yes or no differ at most half of the time */
    return rc == CS_OK ? check_measure(l, cs_node_get(n, "noise"), "noise", unit, 0, points ? 50 : measure_max) : rc;
}

static enum cs_err check_outcomes(const struct cs_loader *l, const struct cs_node *analysis)
{
    const struct cs_node *primary = cs_node_get(analysis, "primary"),
                         *exploratory = cs_node_get(analysis, "exploratory");
    struct outcome outcome = {NULL};
    const char *const *words = NULL;
    uint32_t n_words = 0;
    enum cs_err rc = primary != NULL ? cs_node_any_map(primary, "primary", l->err) : CS_OK;
    for (const struct cs_node *n = primary != NULL ? primary->first : NULL; n != NULL && rc == CS_OK; n = n->next) {
        rc = find_outcome(l, n, n->key, &outcome);
        if (rc == CS_OK)
            rc = check_primary(l, n, outcome.unit);
    }
    if (rc == CS_OK && exploratory != NULL)
        rc = cs_loader_words(l, exploratory, "exploratory", &words, &n_words);
    const struct cs_node *c = exploratory != NULL && exploratory->kind == CS_NODE_LIST ? exploratory->first
                                                                                       : exploratory;
    for (uint32_t i = 0; i < n_words && rc == CS_OK; i++, c = c->next) {
        rc = find_outcome(l, c, words[i], &outcome);
        if (rc == CS_OK && primary != NULL && cs_node_get(primary, words[i]) != NULL)
            rc = cs_yaml_fail(c, l->err, "\"%s\" is primary already; an outcome is one or the other", words[i]);
    }
    return rc;
}

static enum cs_err check_pairs(const struct cs_loader *l, const struct cs_node *pairs, const struct cs_factor *f)
{
    uint32_t level[2];
    enum cs_err rc = cs_node_list(pairs, "pairs", l->err);
    for (const struct cs_node *p = pairs->first; p != NULL && rc == CS_OK; p = p->next) {
        if (p->kind != CS_NODE_LIST || p->n != 2)
            return cs_yaml_fail(p, l->err, "a pair is two levels of factor \"%s\", as in [a, b]", f->name);
        const struct cs_node *c = p->first;
        for (uint32_t i = 0; i < 2 && rc == CS_OK; i++, c = c->next) {
            const char *id;
            rc = cs_node_text(c, "a level", &id, l->err);
            if (rc == CS_OK)
                rc = cs_loader_level_ref(l, c, id, f, &level[i]);
        }
        if (rc == CS_OK && level[0] == level[1])
            rc = cs_yaml_fail(p, l->err, "level \"%s\" is compared with itself; name two", f->levels[level[0]].id);
    }
    return rc;
}

static enum cs_err check_each(const struct cs_loader *l, const struct cs_node *each, const struct cs_factor *f)
{
    static const char *const words[] = {"control", "placebo", NULL};
    uint32_t word = 0;
    enum cs_err rc = cs_node_word(each, "each", words, &word, l->err);
    enum cs_role role = word == 0 ? CS_ROLE_CONTROL : CS_ROLE_PLACEBO;
    for (uint32_t i = 0; i < f->n_levels && rc == CS_OK; i++) {
        if (f->levels[i].role == role)
            return CS_OK;
    }
    return rc != CS_OK ? rc
                       : cs_yaml_fail(each, l->err,
                                      "factor \"%s\" has no level with role %s; give one that role, or name pairs",
                                      f->name, words[word]);
}

/* `levels: [a, b]` of `each`: only these are compared. */
static enum cs_err check_levels(const struct cs_loader *l, const struct cs_node *levels, const struct cs_factor *f)
{
    const char *const *words = NULL;
    uint32_t n_words = 0, level;
    enum cs_err rc = cs_loader_words(l, levels, "levels", &words, &n_words);
    const struct cs_node *c = levels->kind == CS_NODE_LIST ? levels->first : levels;
    for (uint32_t i = 0; i < n_words && rc == CS_OK; i++, c = c->next)
        rc = cs_loader_level_ref(l, c, words[i], f, &level);
    return rc;
}

/* `by: [setting]`: strata of the cases. */
static enum cs_err check_by(const struct cs_loader *l, const struct cs_node *by)
{
    const char *const *words = NULL;
    const char *strata[CS_STRATA_MAX];
    uint32_t n_words = 0, n_strata = 0;
    enum cs_err rc = cs_loader_words(l, by, "by", &words, &n_words);
    for (uint32_t i = 0; i < l->s->n_strata; i++)
        strata[n_strata++] = l->columns[l->s->strata[i]];
    const struct cs_node *c = by->kind == CS_NODE_LIST ? by->first : by;
    for (uint32_t i = 0; i < n_words && rc == CS_OK; i++, c = c->next) {
        uint32_t k = 0;
        while (k < n_strata && strcmp(strata[k], words[i]) != 0)
            k++;
        if (k == n_strata)
            rc = cs_yaml_fail(c, l->err, "\"%s\" is not among the strata of cases%s", words[i],
                              cs_names_hint(words[i], strata, n_strata).text);
    }
    return rc;
}

/* `within: persona`: the same contrast in each level of another factor. */
static enum cs_err check_within(const struct cs_loader *l, const struct cs_node *within, uint32_t factor)
{
    const char *const *words = NULL;
    uint32_t n_words = 0, other = 0;
    enum cs_err rc = cs_loader_words(l, within, "within", &words, &n_words);
    const struct cs_node *c = within->kind == CS_NODE_LIST ? within->first : within;
    for (uint32_t i = 0; i < n_words && rc == CS_OK; i++, c = c->next) {
        rc = cs_loader_factor_ref(l, c, words[i], &other);
        if (rc == CS_OK && other == factor)
            rc = cs_yaml_fail(c, l->err, "\"%s\" is the factor that is compared; within names another", words[i]);
    }
    return rc;
}

static enum cs_err check_modifier(const struct cs_loader *l, const struct cs_node *c, const char *word, uint32_t factor)
{
    const char *names[CS_FACTORS_MAX + CS_STRATA_MAX + 1];
    uint32_t n = 0;
    if (strcmp(word, l->s->factors[factor].name) == 0)
        return cs_yaml_fail(c, l->err, "\"%s\" is the factor that is compared; differs_by names another", word);
    for (uint32_t i = 0; i < l->s->n_factors; i++) {
        if (i != factor)
            names[n++] = l->s->factors[i].name;
    }
    for (uint32_t i = 0; i < l->s->n_strata; i++)
        names[n++] = l->columns[l->s->strata[i]];
    names[n++] = "model";
    for (uint32_t i = 0; i < n; i++) {
        if (strcmp(names[i], word) == 0)
            return i + 1 == n && l->s->n_models < 2
                       ? cs_yaml_fail(c, l->err, "the study has one model, so that nothing can differ by model")
                       : CS_OK;
    }
    return cs_yaml_fail(c, l->err, "\"%s\" is no other factor, no stratum of cases and not \"model\"%s", word,
                        cs_names_hint(word, names, n).text);
}

/* `differs_by: [persona, model, setting]`: whether the shift is another one there. */
static enum cs_err check_differs_by(const struct cs_loader *l, const struct cs_node *by, uint32_t factor)
{
    const char *const *words = NULL;
    uint32_t n_words = 0;
    enum cs_err rc = cs_loader_words(l, by, "differs_by", &words, &n_words);
    const struct cs_node *c = by->kind == CS_NODE_LIST ? by->first : by;
    for (uint32_t i = 0; i < n_words && rc == CS_OK; i++, c = c->next)
        rc = check_modifier(l, c, words[i], factor);
    return rc;
}

static enum cs_err check_slices(const struct cs_loader *l, const struct cs_node *n, uint32_t factor)
{
    const struct cs_node *by = cs_node_get(n, "by"), *within = cs_node_get(n, "within"),
                         *differs_by = cs_node_get(n, "differs_by");
    enum cs_err rc = by != NULL ? check_by(l, by) : CS_OK;
    if (rc == CS_OK && within != NULL)
        rc = check_within(l, within, factor);
    return rc == CS_OK && differs_by != NULL ? check_differs_by(l, differs_by, factor) : rc;
}

/* `trend: [none, mild, severe]`, scored 0, 1, 2, or `trend: {none: 0, mild: 1, severe: 4}`. */
static enum cs_err check_trend(const struct cs_loader *l, const struct cs_node *trend, const struct cs_factor *f)
{
    uint32_t *seen = cs_xcalloc((size_t)f->n_levels + 1, sizeof *seen), n = 0, level;
    const bool scored = trend->kind == CS_NODE_MAP;
    double score = 0, first = 0;
    bool same = scored;
    enum cs_err rc = scored ? cs_node_any_map(trend, "trend", l->err) : cs_node_list(trend, "trend", l->err);
    for (const struct cs_node *c = trend->first; c != NULL && rc == CS_OK; c = c->next) {
        const char *id = c->key;
        rc = scored ? cs_node_number(c, "a score", -measure_max, measure_max, &score, l->err)
                    : cs_node_text(c, "a level", &id, l->err);
        if (rc == CS_OK)
            rc = cs_loader_level_ref(l, c, id, f, &level);
        if (rc != CS_OK)
            break;
        if (seen[level]++ > 0)
            rc = cs_yaml_fail(c, l->err, "level \"%s\" stands in the trend twice", id);
        first = n++ == 0 ? score : first;
        same = same && score == first;
    }
    free(seen);
    if (rc == CS_OK && (n < 3 || same))
        rc = cs_yaml_fail(trend, l->err,
                          n < 3 ? "a trend is over three levels or more; two are a pair"
                                : "all levels of the trend have the same score");
    return rc;
}

/* What a contrast compares: each level with the control, pairs, or one trend over several. */
static enum cs_err check_compared(const struct cs_loader *l, const struct cs_node *n, const struct cs_factor *f)
{
    static const char *const not_with_trend[] = {"by", "within", "differs_by", NULL};
    const struct cs_node *each = cs_node_get(n, "each"), *pairs = cs_node_get(n, "pairs"),
                         *trend = cs_node_get(n, "trend"), *levels = cs_node_get(n, "levels");
    if ((each != NULL) + (pairs != NULL) + (trend != NULL) != 1)
        return cs_yaml_fail(
            n, l->err,
            "a contrast compares each: control (or placebo), pairs: [[a, b]], or trend: [a, b, c]; give one");
    if (levels != NULL && each == NULL)
        return cs_yaml_fail_key(levels, l->err, "levels goes with each: control (or placebo); %s",
                                trend != NULL ? "a trend names its own" : "pairs name their own");
    for (size_t i = 0; trend != NULL && not_with_trend[i] != NULL; i++) {
        const struct cs_node *other = cs_node_get(n, not_with_trend[i]);
        if (other != NULL)
            return cs_yaml_fail_key(other, l->err, "%s goes with each: or pairs:, not with a trend", not_with_trend[i]);
    }
    return each != NULL ? check_each(l, each, f) : pairs != NULL ? check_pairs(l, pairs, f) : check_trend(l, trend, f);
}

static enum cs_err check_contrast(const struct cs_loader *l, const struct cs_node *n)
{
    static const char *const keys[] = {"factor", "each",       "pairs",  "trend", "levels", "by",
                                       "within", "differs_by", "family", "worse", NULL};
    static const char *const families[] = {"primary", "exploratory", NULL};
    static const char *const directions[] = {"lower", "higher", NULL};
    const struct cs_node *factor, *levels, *family, *worse;
    const char *name;
    uint32_t f = 0, word;
    enum cs_err rc = cs_node_map(n, "a contrast", keys, l->err);
    if (rc == CS_OK)
        rc = cs_node_need(n, "a contrast", "factor", &factor, l->err);
    if (rc == CS_OK)
        rc = cs_node_text(factor, "factor", &name, l->err);
    if (rc == CS_OK)
        rc = cs_loader_factor_ref(l, factor, name, &f);
    if (rc != CS_OK)
        return rc;
    levels = cs_node_get(n, "levels");
    family = cs_node_get(n, "family");
    worse = cs_node_get(n, "worse");
    rc = check_compared(l, n, &l->s->factors[f]);
    if (rc == CS_OK && levels != NULL)
        rc = check_levels(l, levels, &l->s->factors[f]);
    if (rc == CS_OK && family != NULL)
        rc = cs_node_word(family, "family", families, &word, l->err);
    if (rc == CS_OK && worse != NULL)
        rc = cs_node_get(n, "trend") != NULL
                 ? cs_yaml_fail_key(worse, l->err, "worse goes with each: or pairs:, not with a trend")
                 : cs_node_word(worse, "worse", directions, &word, l->err);
    return rc == CS_OK ? check_slices(l, n, f) : rc;
}

/* `decide: majority of 5`: no more than any prompt is asked. */
static enum cs_err check_decide(const struct cs_loader *l, const struct cs_node *n)
{
    static const char words[] = "majority of ";
    const char *text;
    enum cs_err rc = cs_node_text(n, "decide", &text, l->err);
    if (rc != CS_OK)
        return rc;
    const char *digits = text + strlen(words);
    const bool said = strncmp(text, words, strlen(words)) == 0;
    const uint64_t k = said && strlen(digits) <= 6 && digits[strspn(digits, "0123456789")] == '\0'
                           ? strtoull(digits, NULL, 10)
                           : 0;
    if (k < 2)
        return cs_yaml_fail(n, l->err,
                            "decide is \"%s\"; write majority of and a number from 2 on, as in majority of 5", text);
    uint32_t least = l->s->n_rects > 0 ? l->s->rects[0].repeats : 0;
    for (uint32_t i = 1; i < l->s->n_rects; i++)
        least = l->s->rects[i].repeats < least ? l->s->rects[i].repeats : least;
    if (l->repeats > 0 && k > least) /* 0: there is a table in place of a plan */
        return cs_yaml_fail(n, l->err, "a majority of %llu needs as many answers, and some prompts are asked %u time%s",
                            (unsigned long long)k, least, least == 1 ? "" : "s");
    return CS_OK;
}

/* `composites: {overall: {harmonic: [safety, restraint]}}` */
static enum cs_err check_composites(const struct cs_loader *l, const struct cs_node *composites)
{
    static const char *const keys[] = {"harmonic", NULL};
    enum cs_err rc = cs_node_any_map(composites, "composites", l->err);
    for (const struct cs_node *n = composites->first; n != NULL && rc == CS_OK; n = n->next) {
        const struct cs_node *parts = NULL;
        struct outcome outcome;
        rc = cs_load_answers_name(l, n, "the name of a composite", CS_NAME_FIELD);
        if (rc == CS_OK)
            rc = cs_node_map(n, n->key, keys, l->err);
        if (rc == CS_OK)
            rc = cs_node_need(n, n->key, "harmonic", &parts, l->err);
        if (rc == CS_OK)
            rc = cs_node_list(parts, "harmonic", l->err);
        if (rc == CS_OK && (parts->n < 2 || parts->n > CS_FIELDS_MAX))
            rc = cs_yaml_fail(parts, l->err, "harmonic takes 2 to %d answers, as in [precision, recall]",
                              CS_FIELDS_MAX);
        for (const struct cs_node *c = rc == CS_OK ? parts->first : NULL; c != NULL && rc == CS_OK; c = c->next) {
            const char *name;
            rc = cs_node_text(c, "an answer", &name, l->err);
            if (rc == CS_OK)
                rc = find_outcome(l, c, name, &outcome);
            if (rc == CS_OK && strcmp(outcome.unit, "units") != 0)
                rc = cs_yaml_fail(c, l->err, "\"%s\" is no number; derive one, as in {share: {of: LIST, where: {...}}}",
                                  name);
        }
    }
    return rc;
}

/* A column of the strata. */
static enum cs_err find_stratum(const struct cs_loader *l, const struct cs_node *n, uint32_t *column)
{
    const char *strata[CS_STRATA_MAX + 1], *word;
    uint32_t n_strata = 0;
    enum cs_err rc = cs_node_text(n, n->key, &word, l->err);
    for (uint32_t i = 0; i < l->s->n_strata && rc == CS_OK; i++) {
        strata[n_strata++] = l->columns[l->s->strata[i]];
        *column = l->s->strata[i];
        if (strcmp(strata[i], word) == 0)
            return CS_OK;
    }
    return rc != CS_OK ? rc
                       : cs_yaml_fail(n, l->err, "\"%s\" is not among the strata of cases%s", word,
                                      cs_names_hint(word, strata, n_strata).text);
}

static enum cs_err check_minutes(const struct cs_loader *l, uint32_t column)
{
    for (uint32_t i = 0; i < l->s->n_cases && l->table.n_rows > 0; i++) {
        const char *text = cs_loader_value(l, i, column);
        char *end = NULL;
        const double v = strtod(text, &end);
        if (end == text || *end != '\0' || !(v > 0) || !isfinite(v))
            return cs_table_fail(&l->table, i, l->err,
                                 "%s is \"%.60s\"; the minutes that a person needs are a number above 0",
                                 l->columns[column], text);
    }
    return CS_OK;
}

/* `horizon: {success: solved, minutes: minutes, family: family}` */
static enum cs_err check_horizon(const struct cs_loader *l, const struct cs_node *n)
{
    static const char *const keys[] = {"success", "minutes", "family", NULL};
    const struct cs_node *success = NULL, *minutes = NULL, *family;
    struct outcome outcome;
    const char *name;
    uint32_t column = 0;
    enum cs_err rc = cs_node_map(n, "horizon", keys, l->err);
    if (rc == CS_OK)
        rc = cs_node_need(n, "horizon", "success", &success, l->err);
    if (rc == CS_OK)
        rc = cs_node_need(n, "horizon", "minutes", &minutes, l->err);
    if (rc == CS_OK)
        rc = cs_node_text(success, "success", &name, l->err);
    if (rc == CS_OK)
        rc = find_outcome(l, success, name, &outcome);
    if (rc == CS_OK && !outcome.truth)
        rc = cs_yaml_fail(success, l->err, "\"%s\" is not true or false; derive that, as in {equals: [%s, case.right]}",
                          name, name);
    if (rc == CS_OK && (family = cs_node_get(n, "family")) != NULL)
        rc = find_stratum(l, family, &column);
    if (rc == CS_OK)
        rc = find_stratum(l, minutes, &column);
    return rc == CS_OK ? check_minutes(l, column) : rc;
}

static enum cs_err check_analysis(const struct cs_loader *l, const struct cs_node *analysis)
{
    static const char *const keys[] = {"alpha",  "adjust", "primary",   "exploratory", "contrasts", "warrant",
                                       "labels", "decide", "calibrate", "composites",  "horizon",   NULL};
    static const char *const adjusts[] = {"holm", "max-t", "bh", "by", "none", NULL};
    const struct cs_node *n;
    uint32_t word;
    double alpha;
    enum cs_err rc = cs_node_map(analysis, "analysis", keys, l->err);
    if (rc == CS_OK && (n = cs_node_get(analysis, "alpha")) != NULL)
        rc = cs_node_number(n, "alpha", 0.0001, 0.5, &alpha, l->err);
    if (rc == CS_OK && (n = cs_node_get(analysis, "adjust")) != NULL)
        rc = cs_node_word(n, "adjust", adjusts, &word, l->err);
    if (rc == CS_OK)
        rc = check_outcomes(l, analysis);
    if (rc == CS_OK && (n = cs_node_get(analysis, "decide")) != NULL)
        rc = check_decide(l, n);
    if (rc == CS_OK && (n = cs_node_get(analysis, "calibrate")) != NULL)
        rc = cs_load_calibrate(l, n);
    if (rc == CS_OK && (n = cs_node_get(analysis, "composites")) != NULL)
        rc = check_composites(l, n);
    if (rc == CS_OK && (n = cs_node_get(analysis, "horizon")) != NULL)
        rc = check_horizon(l, n);
    if (rc == CS_OK && (n = cs_node_get(analysis, "labels")) != NULL)
        rc = cs_load_warrant_label_source(l, n);
    if (rc != CS_OK || (n = cs_node_get(analysis, "contrasts")) == NULL)
        return rc;
    rc = cs_node_list(n, "contrasts", l->err);
    for (const struct cs_node *c = n->first; c != NULL && rc == CS_OK; c = c->next)
        rc = check_contrast(l, c);
    return rc;
}

/* As written, with the rows of the warrant's table behind the last key. */
static enum cs_err to_json(const struct cs_loader *l, const struct cs_node *analysis, const char **out)
{
    const struct cs_node *warrant = cs_node_get(analysis, "warrant");
    const char *json = cs_params_node_json(analysis, l->arena), *rows = NULL;
    *out = json;
    if (warrant == NULL)
        return CS_OK;
    enum cs_err rc = cs_load_warrant(l, warrant, &rows);
    if (rc == CS_OK)
        *out = cs_arena_printf(l->arena, "%.*s,\"warrant_rows\":%s}", (int)strlen(json) - 1, json, rows);
    return rc;
}

enum cs_err cs_load_analysis(struct cs_loader *l)
{
    const struct cs_node *analysis = cs_node_get(l->root, "analysis");
    enum cs_err rc = CS_OK;
    l->s->analysis = "{}";
    if (analysis != NULL) {
        struct cs_study *own = l->s, view;
        rc = cs_load_analysed(l, &view);
        l->s = &view;
        if (rc == CS_OK)
            rc = check_analysis(l, analysis);
        if (rc == CS_OK)
            rc = to_json(l, analysis, &own->analysis);
        l->s = own;
    }
    cs_digest_blake2b_256(l->s->analysis, strlen(l->s->analysis), l->s->analysis_digest);
    return rc;
}
