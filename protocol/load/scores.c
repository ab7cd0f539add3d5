/* scores.c - `scores:`: numbers of an output that are put together from its verdicts. Checked; kept as canonical JSON by others. */
#include <stdlib.h>
#include <string.h>

#include "protocol/load/loader.h"

enum { SCORES_MAX = 64 };
static const double measure_max = 1e9;

static const struct cs_field *answer_of(const struct cs_study *s, const char *name)
{
    for (uint32_t q = 0; q < s->n_questions; q++) {
        for (uint32_t i = 0; i < s->questions[q].n_fields; i++) {
            if (strcmp(s->questions[q].fields[i].name, name) == 0)
                return &s->questions[q].fields[i];
        }
    }
    return NULL;
}

/* A column of the cases that judges see. */
static enum cs_err check_column(const struct cs_loader *l, const struct cs_node *n, const char *what, uint32_t *out)
{
    return cs_loader_column(l, n, what, out);
}

/* `sum: each.points`: numbers in every case. */
static enum cs_err check_sum(const struct cs_loader *l, const struct cs_node *n)
{
    uint32_t column;
    enum cs_err rc = check_column(l, n, "sum", &column);
    for (uint32_t i = 0; i < l->s->n_cases && rc == CS_OK; i++) {
        const char *text = cs_loader_value(l, i, column);
        char *end = NULL;
        const double v = strtod(text, &end);
        if (text[0] == '\0' || *end != '\0' || !(v >= -measure_max && v <= measure_max))
            rc = cs_yaml_fail(n, l->err, "sum: %s of case \"%s\" is \"%.40s\", which is no number", n->text,
                              l->all[i].id, text);
    }
    return rc;
}

/* `where: {met: "yes"}` */
static enum cs_err check_where(const struct cs_loader *l, const struct cs_node *n)
{
    enum cs_err rc = cs_node_any_map(n, "where", l->err);
    const char *word;
    if (rc == CS_OK && n->n != 1)
        return cs_yaml_fail(n, l->err, "where: want one answer and its word, as in {met: \"yes\"}");
    if (rc == CS_OK)
        rc = cs_node_text(n->first, "where", &word, l->err);
    if (rc != CS_OK)
        return rc;
    const struct cs_field *f = answer_of(l->s, n->first->key);
    if (f == NULL || f->n_categories == 0 || f->kind == CS_FIELD_OPTIONS)
        return cs_yaml_fail_key(n->first, l->err, "where: no question has an answer \"%s\" with words", n->first->key);
    if (cs_load_answers_category(f, word) == CS_NONE)
        return cs_yaml_fail(n->first, l->err, "where: %s has no answer \"%s\"%s", f->name, word,
                            cs_names_hint(word, f->categories, f->n_categories).text);
    return CS_OK;
}

/* `mean: {clip: [0, 1]}` */
static enum cs_err check_mean(const struct cs_loader *l, const struct cs_node *n)
{
    static const char *const keys[] = {"clip", NULL};
    const struct cs_node *clip;
    double lo, hi;
    enum cs_err rc = cs_node_map(n, "mean", keys, l->err);
    if (rc == CS_OK)
        rc = cs_node_need(n, "mean", "clip", &clip, l->err);
    if (rc == CS_OK && (clip->kind != CS_NODE_LIST || clip->n != 2))
        return cs_yaml_fail(clip, l->err, "clip: want [lowest, highest], between which the mean is kept");
    if (rc == CS_OK)
        rc = cs_node_number(clip->first, "clip", -measure_max, measure_max, &lo, l->err);
    if (rc == CS_OK)
        rc = cs_node_number(clip->first->next, "clip", -measure_max, measure_max, &hi, l->err);
    if (rc == CS_OK && !(lo < hi))
        rc = cs_yaml_fail(clip, l->err, "clip: the lowest value stands first");
    return rc;
}

/* `minus: {length: output.text, center: 2000, per: 500, points: 0.0147}` */
static enum cs_err check_minus(const struct cs_loader *l, const struct cs_node *n)
{
    static const char *const keys[] = {"length", "center", "per", "points", NULL};
    const struct cs_node *v;
    uint32_t column;
    double number;
    enum cs_err rc = cs_node_map(n, "minus", keys, l->err);
    if (rc == CS_OK)
        rc = cs_node_need(n, "minus", "length", &v, l->err);
    if (rc == CS_OK)
        rc = check_column(l, v, "length", &column);
    for (size_t i = 1; keys[i] != NULL && rc == CS_OK; i++) {
        rc = cs_node_need(n, "minus", keys[i], &v, l->err);
        if (rc == CS_OK)
            rc = cs_node_number(v, keys[i], strcmp(keys[i], "per") == 0 ? 1e-9 : -measure_max, measure_max, &number,
                                l->err);
    }
    return rc;
}

/* An earlier score. */
static enum cs_err check_earlier(const struct cs_loader *l, const struct cs_node *n, const struct cs_node *self)
{
    const char *name, *known[SCORES_MAX];
    uint32_t n_known = 0;
    enum cs_err rc = cs_node_text(n, "a score", &name, l->err);
    const struct cs_node *all = cs_node_get(l->root, "scores");
    for (const struct cs_node *c = all->first; rc == CS_OK && c != self && c != NULL; c = c->next) {
        if (strcmp(c->key, name) == 0)
            return CS_OK;
        known[n_known++] = c->key;
    }
    return rc == CS_OK ? cs_yaml_fail(n, l->err, "no score \"%s\" stands before this one%s", name,
                                      cs_names_hint(name, known, n_known).text)
                       : rc;
}

static enum cs_err check_list(const struct cs_loader *l, const struct cs_node *n, const struct cs_node *self,
                              bool answers)
{
    enum cs_err rc = cs_node_list(n, n->key, l->err);
    for (const struct cs_node *c = n->first; c != NULL && rc == CS_OK; c = c->next) {
        const char *name;
        if (!answers) {
            rc = check_earlier(l, c, self);
            continue;
        }
        rc = cs_node_text(c, n->key, &name, l->err);
        const struct cs_field *f = rc == CS_OK ? answer_of(l->s, name) : NULL;
        if (rc == CS_OK && (f == NULL || (f->kind != CS_FIELD_ORDINAL && f->kind != CS_FIELD_NUMBER)))
            rc = cs_yaml_fail(c, l->err, "%s: no question has an ordinal or number answer \"%s\"", n->key, name);
    }
    return rc;
}

/* What goes with which way of making a score. */
static const char *const with_sum[] = {"sum", "where", "over", "by", "mean", "split", "minus", NULL};
static const char *const with_like[] = {"like", "mean", "split", "minus", NULL};
static const char *const with_jury[] = {"jury", "mean", NULL};
static const char *const with_harmonic[] = {"harmonic", NULL};
static const char *const with_win_rate[] = {"win_rate", NULL};
static const struct {
    const char *key;
    const char *const *with;
} ways[] = {{"sum", with_sum},
            {"like", with_like},
            {"jury", with_jury},
            {"harmonic", with_harmonic},
            {"win_rate", with_win_rate}};
enum { N_WAYS = sizeof ways / sizeof ways[0] };

static enum cs_err check_parts(const struct cs_loader *l, const struct cs_node *n)
{
    static const char *const over[] = {"positive", "all", NULL}, *const by[] = {"output", NULL};
    const struct cs_node *v;
    uint32_t word;
    enum cs_err rc = CS_OK;
    if ((v = cs_node_get(n, "sum")) != NULL) {
        rc = check_sum(l, v);
        if (rc == CS_OK)
            rc = cs_node_need(n, n->key, "where", &v, l->err);
        if (rc == CS_OK)
            rc = check_where(l, v);
    }
    if (rc == CS_OK && (v = cs_node_get(n, "over")) != NULL)
        rc = cs_node_word(v, "over", over, &word, l->err);
    if (rc == CS_OK && (v = cs_node_get(n, "by")) != NULL)
        rc = cs_node_word(v, "by", by, &word, l->err);
    if (rc == CS_OK && (v = cs_node_get(n, "mean")) != NULL)
        rc = check_mean(l, v);
    if (rc == CS_OK && (v = cs_node_get(n, "split")) != NULL)
        rc = check_column(l, v, "split", &word);
    if (rc == CS_OK && (v = cs_node_get(n, "minus")) != NULL)
        rc = check_minus(l, v);
    return rc;
}

static enum cs_err check_score(const struct cs_loader *l, const struct cs_node *n)
{
    const struct cs_node *way = NULL;
    const char *const *keys = with_sum;
    enum cs_err rc = cs_node_any_map(n, n->key, l->err);
    for (size_t i = 0; i < N_WAYS && rc == CS_OK; i++) {
        const struct cs_node *v = cs_node_get(n, ways[i].key);
        if (v != NULL && way != NULL)
            return cs_yaml_fail_key(v, l->err, "a score is made in one way: %s or %s", way->key, v->key);
        if (v != NULL) {
            way = v;
            keys = ways[i].with;
        }
    }
    if (rc == CS_OK && way == NULL)
        return cs_yaml_fail(n, l->err, "score %s: want sum:, like:, jury:, harmonic: or win_rate:", n->key);
    if (rc == CS_OK)
        rc = cs_node_map(n, n->key, keys, l->err);
    if (rc == CS_OK)
        rc = check_parts(l, n);
    if (rc == CS_OK && strcmp(way->key, "like") == 0)
        rc = check_earlier(l, way, n);
    if (rc == CS_OK &&
        (strcmp(way->key, "jury") == 0 || strcmp(way->key, "harmonic") == 0 || strcmp(way->key, "win_rate") == 0))
        rc = check_list(l, way, n, strcmp(way->key, "jury") == 0);
    return rc;
}

enum cs_err cs_load_scores(struct cs_loader *l)
{
    const struct cs_node *scores = cs_node_get(l->root, "scores"), *cases = cs_node_get(l->root, "cases");
    if (scores == NULL)
        return CS_OK;
    enum cs_err rc = cs_node_any_map(scores, "scores", l->err);
    if (rc == CS_OK && cs_node_get(cases, "from_study") == NULL)
        return cs_yaml_fail_key(
            scores, l->err,
            "scores are put together from verdicts about another study's outputs; they go with cases: {from_study: FILE}");
    if (rc == CS_OK && (scores->n == 0 || scores->n > SCORES_MAX))
        return cs_yaml_fail(scores, l->err, "scores: want 1 to %d of them, by name", SCORES_MAX);
    for (const struct cs_node *n = scores->first; n != NULL && rc == CS_OK; n = n->next) {
        rc = cs_load_answers_name(l, n, "the name of a score", CS_NAME_FIELD);
        if (rc == CS_OK)
            rc = check_score(l, n);
    }
    return rc;
}
