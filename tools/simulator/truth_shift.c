/* A truth file: what moves an answer away from its base: levels, any sentence, levels in some of the cases. */
#include <string.h>

#include "protocol/table/names.h"
#include "tools/simulator/truth_load.h"

static const double shift_max = 50; /* log-odds: more means "always" */
static const double sd_max = 10;

/* The first number of the level in truth->levels. A level without a sentence cannot be told from the control. */
enum cs_err cs_truth_shift_level(struct cs_truth_loader *l, const struct cs_node *n, uint32_t *out)
{
    const struct cs_truth *t = l->truth;
    if (strcmp(n->key, t->levels[0]) == 0)
        return cs_yaml_fail_key(n, l->err,
                                "the control has no shift: it is what the others are shifted from; change base");
    for (uint32_t i = 1; i < t->n_levels; i++) {
        if (strcmp(t->levels[i], n->key) == 0) {
            *out = i;
            return CS_OK;
        }
    }
    return cs_yaml_fail_key(n, l->err, "no level with a sentence of its own is called \"%s\"%s", n->key,
                            cs_names_hint(n->key, t->levels, t->n_levels).text);
}

/* What was given for a level holds in all of its wordings, which are the numbers behind its first. */
static void to_all_wordings(const struct cs_truth *t, uint32_t level, double *values, size_t width)
{
    for (uint32_t i = level + 1; i < t->n_levels; i++) {
        if (strcmp(t->levels[i], t->levels[level]) == 0)
            memcpy(values + i * width, values + level * width, width * sizeof *values);
    }
}

/* {word: log-odds, ...} */
static enum cs_err load_word_shifts(struct cs_truth_loader *l, const struct cs_node *n, const struct cs_truth_answer *a,
                                    double *row)
{
    enum cs_err rc = cs_node_any_map(n, n->key, l->err);
    for (const struct cs_node *c = n->first; rc == CS_OK && c != NULL; c = c->next) {
        uint32_t k = 0;
        while (k < a->n_words && strcmp(a->words[k], c->key) != 0)
            k++;
        if (k == a->n_words)
            return cs_yaml_fail_key(c, l->err, "%s has no answer \"%s\"%s", a->field, c->key,
                                    cs_names_hint(c->key, a->words, a->n_words).text);
        rc = cs_node_number(c, "shift", -shift_max, shift_max, &row[k], l->err);
    }
    return rc;
}

/* {level: log-odds, ...}; for a nominal answer a: {level: {word: log-odds, ...}, ...}. n may be NULL. */
enum cs_err cs_truth_shift_levels(struct cs_truth_loader *l, const struct cs_node *n,
                                  const struct cs_truth_answer *nominal, const double **out)
{
    const size_t width = nominal != NULL ? nominal->n_words : 1;
    double *shift = cs_arena_array(l->arena, l->truth->n_levels * width, sizeof *shift);
    enum cs_err rc = n != NULL ? cs_node_any_map(n, "shift", l->err) : CS_OK;
    *out = shift;
    for (const struct cs_node *c = n != NULL ? n->first : NULL; rc == CS_OK && c != NULL; c = c->next) {
        uint32_t level = 0;
        rc = cs_truth_shift_level(l, c, &level);
        if (rc != CS_OK)
            break;
        if (nominal != NULL)
            rc = load_word_shifts(l, c, nominal, shift + level * width);
        else
            rc = cs_node_number(c, "shift", -shift_max, shift_max, &shift[level], l->err);
        to_all_wordings(l->truth, level, shift, width);
    }
    return rc;
}

/* `placebo_shift`: what any sentence does, whatever it says: a number, of a nominal answer {word: log-odds}. n may be NULL. */
static enum cs_err add_placebo_shift(struct cs_truth_loader *l, const struct cs_node *n, struct cs_truth_answer *a)
{
    const size_t width = a->kind == CS_TRUTH_NOMINAL ? a->n_words : 1;
    double *row = cs_arena_array(l->arena, width, sizeof *row), *sum;
    enum cs_err rc = CS_OK;
    if (n == NULL)
        return CS_OK;
    if (l->truth->n_levels < 2)
        return cs_yaml_fail_key(n, l->err, "placebo_shift moves levels with a sentence; this file has no levels:");
    if (a->kind == CS_TRUTH_NOMINAL)
        rc = load_word_shifts(l, n, a, row);
    else
        rc = cs_node_number(n, "placebo_shift", -shift_max, shift_max, row, l->err);
    sum = cs_arena_array(l->arena, l->truth->n_levels * width, sizeof *sum);
    for (size_t i = 0; i < l->truth->n_levels * width; i++)
        sum[i] = a->shift[i] + (i < width ? 0 : row[i % width]);
    a->shift = sum;
    return rc;
}

/* `shift_sd`: a number for every level with a sentence, or {level: number}. n may be NULL. */
static enum cs_err load_shift_sd(struct cs_truth_loader *l, const struct cs_node *n, struct cs_truth_answer *a)
{
    double *sd = cs_arena_array(l->arena, l->truth->n_levels, sizeof *sd), all = 0;
    enum cs_err rc = CS_OK;
    a->shift_sd = sd;
    if (n != NULL && n->kind != CS_NODE_MAP) {
        rc = cs_node_number(n, "shift_sd", 0, sd_max, &all, l->err);
        if (rc == CS_OK && l->truth->n_levels < 2)
            return cs_yaml_fail_key(n, l->err, "shift_sd moves levels with a sentence; this file has no levels:");
        for (uint32_t i = 1; i < l->truth->n_levels; i++)
            sd[i] = all;
        return rc;
    }
    for (const struct cs_node *c = n != NULL ? n->first : NULL; rc == CS_OK && c != NULL; c = c->next) {
        uint32_t level = 0;
        rc = cs_truth_shift_level(l, c, &level);
        if (rc == CS_OK)
            rc = cs_node_number(c, "shift_sd", 0, sd_max, &sd[level], l->err);
        if (rc == CS_OK)
            to_all_wordings(l->truth, level, sd, 1);
    }
    return rc;
}

/* `shift_where: {column: C, shift: {VALUE: {level: x}}}`: a further shift in cases whose column C says VALUE. n may be NULL. */
static enum cs_err load_where(struct cs_truth_loader *l, const struct cs_node *n, struct cs_truth_answer *a)
{
    static const char *const keys[] = {"column", "shift", NULL};
    const struct cs_node *column, *values;
    struct cs_names names = {0};
    uint32_t at = 0, n_values = 0;
    if (n == NULL)
        return CS_OK;
    if (l->cases.n_rows == 0)
        return cs_yaml_fail_key(n, l->err, "shift_where looks at a column of the cases; this file has no cases:");
    enum cs_err rc = cs_node_map(n, "shift_where", keys, l->err);
    if (rc != CS_OK || (rc = cs_node_need(n, "shift_where", "column", &column, l->err)) != CS_OK ||
        (rc = cs_node_need(n, "shift_where", "shift", &values, l->err)) != CS_OK ||
        (rc = cs_node_any_map(values, "shift", l->err)) != CS_OK ||
        (rc = cs_truth_texts_column(l, column, "shift_where", &l->cases, &at)) != CS_OK)
        return rc;
    const double **rows = cs_arena_array(l->arena, values->n + 1, sizeof *rows);
    const double **of_case = cs_arena_array(l->arena, l->cases.n_rows, sizeof *of_case);
    bool *met = cs_arena_array(l->arena, values->n + 1, sizeof *met);
    for (const struct cs_node *c = values->first; c != NULL && rc == CS_OK; c = c->next) {
        cs_names_put(&names, c->key, n_values);
        rc = cs_truth_shift_levels(l, c, a->kind == CS_TRUTH_NOMINAL ? a : NULL, &rows[n_values++]);
    }
    for (uint32_t i = 0; i < l->cases.n_rows && rc == CS_OK; i++) {
        const uint32_t value = cs_names_get(&names, l->cases.rows[i].values[at]);
        of_case[i] = value != CS_NONE ? rows[value] : NULL;
        if (value != CS_NONE)
            met[value] = true;
    }
    cs_names_release(&names);
    n_values = 0;
    for (const struct cs_node *c = values->first; c != NULL && rc == CS_OK; c = c->next) {
        if (!met[n_values++])
            rc = cs_yaml_fail_key(c, l->err, "no case has the %s \"%s\"", column->text, c->key);
    }
    a->shift_of_case = of_case;
    return rc;
}

enum cs_err cs_truth_shift_load(struct cs_truth_loader *l, const struct cs_node *n, struct cs_truth_answer *a)
{
    enum cs_err rc = cs_truth_shift_levels(l, cs_node_get(n, "shift"), a->kind == CS_TRUTH_NOMINAL ? a : NULL,
                                           &a->shift);
    if (rc == CS_OK)
        rc = add_placebo_shift(l, cs_node_get(n, "placebo_shift"), a);
    if (rc == CS_OK)
        rc = load_where(l, cs_node_get(n, "shift_where"), a);
    return rc == CS_OK ? load_shift_sd(l, cs_node_get(n, "shift_sd"), a) : rc;
}
