/* A truth file: rates, shifts, models. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/elements.h"
#include "protocol/table/names.h"
#include "tools/simulator/truth_load.h"

static const double sd_max = 10;

/* ---- rates ------------------------------------------------------------------------------------ */

/* One row of rates: a number for a boolean, else a list that adds up to 1. */
static enum cs_err load_rates(struct cs_truth_loader *l, const struct cs_node *n, const struct cs_truth_answer *a,
                              double *out)
{
    if (a->kind == CS_TRUTH_BOOLEAN)
        return cs_node_number(n, "rate", 0, 1, out, l->err);
    return cs_truth_rates_read(l, n, a->field, a->n_words, out);
}

/* The row of every case, by its text in the column. */
static enum cs_err label_cases(struct cs_truth_loader *l, const struct cs_node *column, const struct cs_node *rates,
                               const struct cs_names *labels, struct cs_truth_answer *a)
{
    uint32_t label_column = 0;
    enum cs_err rc = cs_truth_texts_column(l, column, "base", &l->cases, &label_column);
    uint32_t *label_of_case = cs_arena_array(l->arena, l->cases.n_rows + 1, sizeof *label_of_case);
    for (uint32_t i = 0; i < l->cases.n_rows && rc == CS_OK; i++) {
        const char *label = l->cases.rows[i].values[label_column];
        label_of_case[i] = cs_names_get(labels, label);
        if (label_of_case[i] == CS_NONE)
            rc = cs_yaml_fail(rates, l->err, "no rates for the label \"%s\" of case \"%s\"", label, l->truth->cases[i]);
    }
    a->label_of_case = label_of_case;
    return rc;
}

/* The row of every element of a list of the cases, by what it has under the key that `column` names. */
static enum cs_err label_elements(struct cs_truth_loader *l, const struct cs_node *list, const struct cs_node *column,
                                  const struct cs_node *rates, const struct cs_names *labels, struct cs_truth_answer *a)
{
    const uint32_t n = l->cases.n_rows;
    const uint32_t **rows = cs_arena_array(l->arena, (size_t)n + 1, sizeof *rows);
    uint32_t *n_elements = cs_arena_array(l->arena, (size_t)n + 1, sizeof *n_elements), at = 0;
    const char *key = "";
    enum cs_err rc = cs_truth_texts_column(l, list, "list", &l->cases, &at);
    if (rc == CS_OK)
        rc = cs_node_text(column, "column", &key, l->err);
    for (uint32_t i = 0; i < n && rc == CS_OK; i++) {
        struct cs_error why = {0};
        struct cs_elements elements;
        if (cs_elements_read(l->cases.rows[i].values[at], l->arena, &elements, &why) != CS_OK)
            return cs_yaml_fail(list, l->err, "%s of case \"%s\" %s", list->text, l->truth->cases[i], why.msg);
        uint32_t *row = cs_arena_array(l->arena, elements.n, sizeof *row);
        for (uint32_t k = 0; k < elements.n && rc == CS_OK; k++) {
            const char *label = cs_elements_value(&elements, k, key);
            row[k] = cs_names_get(labels, label);
            if (row[k] == CS_NONE)
                rc = cs_yaml_fail(rates, l->err, "no rates for the %s \"%s\" of element %u of case \"%s\"", key, label,
                                  k + 1, l->truth->cases[i]);
        }
        rows[i] = row;
        n_elements[i] = elements.n;
    }
    a->label_of_element = rows;
    a->n_elements = n_elements;
    return rc;
}

/* base: a row of rates, or {column: C, rates: {label: row, ...}} with a row for every label of the cases; with {list: L} C is a key of the
 * elements of that list, and there is a row for every label of theirs. */
static enum cs_err load_base(struct cs_truth_loader *l, const struct cs_node *n, struct cs_truth_answer *a)
{
    static const char *const keys[] = {"column", "rates", "list", NULL};
    const size_t width = a->kind == CS_TRUTH_BOOLEAN ? 1 : a->n_words;
    const struct cs_node *column, *rates, *list;
    uint32_t n_labels = 0;
    struct cs_names labels = {0};

    if (n->kind != CS_NODE_MAP) {
        double *row = cs_arena_array(l->arena, width, sizeof *row);
        a->rates = row;
        return load_rates(l, n, a, row);
    }
    if (l->cases.n_rows == 0)
        return cs_yaml_fail(n, l->err,
                            "base: rates by label need cases: in this file; without it write the rates alone");
    enum cs_err rc = cs_node_map(n, "base", keys, l->err);
    if (rc != CS_OK || (rc = cs_node_need(n, "base", "column", &column, l->err)) != CS_OK ||
        (rc = cs_node_need(n, "base", "rates", &rates, l->err)) != CS_OK ||
        (rc = cs_node_any_map(rates, "rates", l->err)) != CS_OK)
        return rc;
    double *rows = cs_arena_array(l->arena, rates->n * width, sizeof *rows);
    for (const struct cs_node *c = rates->first; c != NULL && rc == CS_OK; c = c->next) {
        cs_names_put(&labels, c->key, n_labels);
        rc = load_rates(l, c, a, rows + n_labels++ * width);
    }
    list = cs_node_get(n, "list");
    if (rc == CS_OK)
        rc = list != NULL ? label_elements(l, list, column, rates, &labels, a)
                          : label_cases(l, column, rates, &labels, a);
    cs_names_release(&labels);
    a->rates = rows;
    return rc;
}

/* ---- flips ------------------------------------------------------------------------------------ */

/* A chance for every turn from the second on, or a list of them of which the last holds on. */
static enum cs_err load_chances(struct cs_truth_loader *l, const struct cs_node *n, struct cs_truth_flips *out)
{
    const bool list = n->kind == CS_NODE_LIST;
    enum cs_err rc = CS_OK;
    if (list && (n->n == 0 || n->n > CS_TRUTH_TURNS_MAX))
        return cs_yaml_fail(n, l->err, "%u chances; write 1 to %d, for turn 2, 3, ...", n->n, CS_TRUTH_TURNS_MAX);
    double *p = cs_arena_array(l->arena, list ? n->n : 1, sizeof *p);
    out->p = p;
    out->n = 0;
    for (const struct cs_node *c = list ? n->first : n; c != NULL && rc == CS_OK; c = list ? c->next : NULL)
        rc = cs_node_number(c, "flip", 0, 1, &p[out->n++], l->err);
    return rc;
}

/* `flip`: chances of all levels, or {level: chances}; the control is one of them. n may be NULL. */
static enum cs_err load_flips(struct cs_truth_loader *l, const struct cs_node *n, struct cs_truth_answer *a)
{
    struct cs_truth_flips *flips = cs_arena_array(l->arena, l->truth->n_levels, sizeof *flips), all = {NULL, 0};
    enum cs_err rc = CS_OK;
    a->flips = flips;
    for (uint32_t i = 0; i < l->truth->n_levels; i++)
        flips[i] = all;
    if (n != NULL && n->kind != CS_NODE_MAP) {
        rc = load_chances(l, n, &all);
        for (uint32_t i = 0; i < l->truth->n_levels; i++)
            flips[i] = all;
        return rc;
    }
    for (const struct cs_node *c = n != NULL ? n->first : NULL; c != NULL && rc == CS_OK; c = c->next) {
        uint32_t level = 0;
        if (strcmp(c->key, l->truth->levels[0]) != 0)
            rc = cs_truth_shift_level(l, c, &level);
        if (rc == CS_OK)
            rc = load_chances(l, c, &flips[level]);
        for (uint32_t i = level + 1; rc == CS_OK && i < l->truth->n_levels; i++) {
            if (strcmp(l->truth->levels[i], l->truth->levels[level]) == 0)
                flips[i] = flips[level];
        }
    }
    return rc;
}

/* ---- models ----------------------------------------------------------------------------------- */

static enum cs_err load_words(struct cs_truth_loader *l, const struct cs_node *n, struct cs_truth_answer *a)
{
    enum cs_err rc = cs_node_list(n, n->key, l->err);
    if (rc != CS_OK)
        return rc;
    if (n->n < 2 || n->n > CS_TRUTH_WORDS_MAX || (a->kind == CS_TRUTH_BOOLEAN && n->n != 2))
        return cs_yaml_fail(n, l->err, "%s: want %s answers", a->field, a->kind == CS_TRUTH_BOOLEAN ? "2" : "2 to 256");
    const char **words = cs_arena_array(l->arena, n->n, sizeof *words);
    for (const struct cs_node *c = n->first; c != NULL && rc == CS_OK; c = c->next)
        rc = cs_node_text(c, "answer", &words[a->n_words++], l->err);
    a->words = words;
    return rc;
}

/* `says`: a sentence for each word, none inside another. n may be NULL. */
static enum cs_err load_says(struct cs_truth_loader *l, const struct cs_node *n, struct cs_truth_answer *a)
{
    const char **says = cs_arena_array(l->arena, a->n_words, sizeof *says);
    uint32_t k = 0;
    if (n == NULL)
        return CS_OK;
    if (a->label_of_element != NULL)
        return cs_yaml_fail_key(n, l->err, "says: %s is an answer about elements of a list, and prose has none",
                                a->field);
    enum cs_err rc = cs_node_list(n, "says", l->err);
    if (rc == CS_OK && n->n != a->n_words)
        return cs_yaml_fail(n, l->err, "says: want %u sentences, one for each answer of %s", a->n_words, a->field);
    for (const struct cs_node *c = n->first; c != NULL && rc == CS_OK; c = c->next, k++) {
        rc = cs_node_text(c, "says", &says[k], l->err);
        for (uint32_t i = 0; i < k && rc == CS_OK; i++) {
            if (strstr(says[i], says[k]) != NULL || strstr(says[k], says[i]) != NULL)
                rc = cs_yaml_fail(c, l->err, "says: one sentence of %s lies inside another", a->field);
        }
    }
    a->says = says;
    return rc;
}

static enum cs_err load_answer(struct cs_truth_loader *l, const struct cs_node *n, struct cs_truth_answer *a)
{
    static const char *const keys[] = {"boolean",  "ordinal",     "nominal", "base",          "case_sd",
                                       "shift_sd", "wording_sd",  "shift",   "placebo_shift", "says",
                                       "flip",     "shift_where", NULL};
    static const char *const kinds[] = {"boolean", "ordinal", "nominal"};
    const struct cs_node *words = NULL, *base, *sd;
    enum cs_err rc = cs_node_map(n, "answer", keys, l->err);
    if (rc != CS_OK)
        return rc;
    a->field = n->key;
    for (int i = 0; i < 3; i++) {
        const struct cs_node *w = cs_node_get(n, kinds[i]);
        if (w != NULL && words != NULL)
            return cs_yaml_fail_key(w, l->err, "%s is both %s and %s", a->field, words->key, kinds[i]);
        if (w != NULL) {
            words = w;
            a->kind = (enum cs_truth_kind)i;
        }
    }
    if (words == NULL)
        return cs_yaml_fail(n, l->err, "%s: want boolean, ordinal or nominal with the list of answers", a->field);
    if ((rc = load_words(l, words, a)) != CS_OK || (rc = cs_node_need(n, a->field, "base", &base, l->err)) != CS_OK ||
        (rc = load_base(l, base, a)) != CS_OK || (rc = load_says(l, cs_node_get(n, "says"), a)) != CS_OK)
        return rc;
    if ((sd = cs_node_get(n, "case_sd")) != NULL &&
        (rc = cs_node_number(sd, "case_sd", 0, sd_max, &a->case_sd, l->err)) != CS_OK)
        return rc;
    if ((sd = cs_node_get(n, "wording_sd")) != NULL &&
        (rc = cs_node_number(sd, "wording_sd", 0, sd_max, &a->wording_sd, l->err)) != CS_OK)
        return rc;
    rc = cs_truth_shift_load(l, n, a);
    return rc == CS_OK ? load_flips(l, cs_node_get(n, "flip"), a) : rc;
}

static enum cs_err load_refusal(struct cs_truth_loader *l, const struct cs_node *n, struct cs_truth_model *m)
{
    static const char *const keys[] = {"rate", "shift", NULL};
    const struct cs_node *rate;
    enum cs_err rc = CS_OK;
    if (n != NULL && ((rc = cs_node_map(n, "refusal", keys, l->err)) != CS_OK ||
                      (rc = cs_node_need(n, "refusal", "rate", &rate, l->err)) != CS_OK ||
                      (rc = cs_node_number(rate, "rate", 0, 1, &m->refusal_rate, l->err)) != CS_OK))
        return rc;
    return cs_truth_shift_levels(l, n != NULL ? cs_node_get(n, "shift") : NULL, NULL, &m->refusal_shift);
}

static enum cs_err load_latency(struct cs_truth_loader *l, const struct cs_node *n, struct cs_truth_model *m)
{
    static const char *const keys[] = {"median_ms", "sigma", NULL};
    const struct cs_node *median, *sigma;
    enum cs_err rc = cs_node_map(n, "latency", keys, l->err);
    if (rc != CS_OK || (rc = cs_node_need(n, "latency", "median_ms", &median, l->err)) != CS_OK ||
        (rc = cs_node_number(median, "median_ms", 0, 3600e3, &m->latency_median_ms, l->err)) != CS_OK)
        return rc;
    sigma = cs_node_get(n, "sigma");
    return sigma != NULL ? cs_node_number(sigma, "sigma", 0, 5, &m->latency_sigma, l->err) : CS_OK;
}

static enum cs_err load_model(struct cs_truth_loader *l, const struct cs_node *n, struct cs_truth_model *m)
{
    static const char *const keys[] = {"answers", "refusal", "latency", "judge", "tools", NULL};
    const struct cs_node *answers, *latency;
    enum cs_err rc = cs_node_map(n, "model", keys, l->err);
    if (rc != CS_OK)
        return rc;
    m->id = n->key;
    answers = cs_node_get(n, "answers");
    if (answers != NULL) {
        rc = cs_node_any_map(answers, "answers", l->err);
        struct cs_truth_answer *list = cs_arena_array(l->arena, answers->n + 1, sizeof *list);
        m->answers = list;
        for (const struct cs_node *c = answers->first; c != NULL && rc == CS_OK; c = c->next)
            rc = load_answer(l, c, &list[m->n_answers++]);
    }
    if (rc == CS_OK)
        rc = load_refusal(l, cs_node_get(n, "refusal"), m);
    if (rc == CS_OK && cs_node_get(n, "tools") != NULL)
        rc = cs_tooling_load(l, cs_node_get(n, "tools"), &m->tools);
    latency = cs_node_get(n, "latency");
    if (rc == CS_OK && latency != NULL)
        rc = load_latency(l, latency, m);
    return rc;
}

static enum cs_err load_all(struct cs_truth_loader *l, const struct cs_node *root)
{
    static const char *const keys[] = {"seed", "cases", "levels", "models", NULL};
    static const char *const one_case[] = {"-"};
    struct cs_truth *t = l->truth;
    const struct cs_node *models = NULL, *n;
    enum cs_err rc = cs_node_map(root, "the truth file", keys, l->err);
    t->seed = 1;
    if (rc == CS_OK && (n = cs_node_get(root, "seed")) != NULL)
        rc = cs_node_u64(n, "seed", 0, INT64_MAX, &t->seed, l->err);
    if (rc == CS_OK && (n = cs_node_get(root, "cases")) != NULL) {
        rc = cs_truth_texts_load_cases(l, n);
    } else {
        t->cases = one_case;
        t->n_cases = 1;
    }
    if (rc == CS_OK)
        rc = cs_truth_texts_load_levels(l, cs_node_get(root, "levels"));
    if (rc == CS_OK)
        rc = cs_node_need(root, "the truth file", "models", &models, l->err);
    if (rc == CS_OK)
        rc = cs_node_any_map(models, "models", l->err);
    if (rc != CS_OK)
        return rc;
    struct cs_truth_model *list = cs_arena_array(l->arena, models->n, sizeof *list);
    t->models = list;
    for (n = models->first; n != NULL && rc == CS_OK; n = n->next)
        rc = load_model(l, n, &list[t->n_models++]);
    uint32_t i = 0;
    for (n = models->first; n != NULL && rc == CS_OK; n = n->next, i++) {
        const struct cs_node *judge = cs_node_get(n, "judge");
        if (judge != NULL)
            rc = cs_planted_judge_load(l, judge, &list[i].judge);
    }
    return rc;
}

enum cs_err cs_truth_load(const char *path, struct cs_truth **out, struct cs_error *err)
{
    struct cs_truth *t = cs_xcalloc(1, sizeof *t);
    struct cs_truth_loader l = {.truth = t, .arena = &t->arena, .path = path, .err = err};
    const struct cs_yaml *file;

    CS_ASSERT(out != NULL);
    enum cs_err rc = cs_yaml_load(path, l.arena, &file, err);
    if (rc == CS_OK)
        rc = load_all(&l, file->root);
    cs_table_release(&l.cases);
    cs_table_release(&l.levels);
    if (rc != CS_OK) {
        cs_truth_free(t);
        t = NULL;
    }
    *out = t;
    return rc;
}
