/* A truth file: the judges in it. Read when all models are known, since a verdict is about another model's answer. */
#include <string.h>

#include "protocol/base/assert.h"
#include "protocol/table/names.h"
#include "tools/simulator/planted_judge.h"
#include "tools/simulator/truth_load.h"

static const double shift_max = 50;

/* A chance, or {level: chance}, where levels that are left out have the control's; n NULL: `otherwise`. */
static enum cs_err load_chances(struct cs_truth_loader *l, const struct cs_node *n, const char *what, double otherwise,
                                const double **out)
{
    const struct cs_truth *t = l->truth;
    double *all = cs_arena_array(l->arena, t->n_levels, sizeof *all), first = otherwise;
    const struct cs_node *control = n != NULL && n->kind == CS_NODE_MAP ? cs_node_get(n, t->levels[0]) : n;
    enum cs_err rc = CS_OK;
    *out = all;
    if (n != NULL && control == NULL)
        return cs_yaml_fail(n, l->err, "%s: want %s among the levels; those that are left out have its chance", what,
                            t->levels[0]);
    if (control != NULL)
        rc = cs_node_number(control, what, 0, 1, &first, l->err);
    for (uint32_t i = 0; i < t->n_levels; i++)
        all[i] = first;
    for (const struct cs_node *c = n != NULL && n->kind == CS_NODE_MAP ? n->first : NULL; rc == CS_OK && c != NULL;
         c = c->next) {
        double own = 0;
        bool found = false;
        rc = cs_node_number(c, what, 0, 1, &own, l->err);
        for (uint32_t i = 0; i < t->n_levels && rc == CS_OK; i++) {
            if (strcmp(t->levels[i], c->key) == 0) { /* also each wording of it */
                all[i] = own;
                found = true;
            }
        }
        if (rc == CS_OK && !found)
            rc = cs_yaml_fail_key(c, l->err, "no level with a sentence of its own is called \"%s\"%s", c->key,
                                  cs_names_hint(c->key, t->levels, t->n_levels).text);
    }
    return rc;
}

/* An answer that some model says in its free replies. */
static const struct cs_truth_answer *spoken_answer(const struct cs_truth *t, const char *name)
{
    for (uint32_t m = 0; m < t->n_models; m++) {
        const struct cs_truth_answer *a = cs_truth_answer(&t->models[m], name);
        if (a != NULL && a->says != NULL)
            return a;
    }
    return NULL;
}

/* Steps may be given to any such answer, other verdicts are about one of two words. */
static enum cs_err add_of(struct cs_truth_loader *l, const struct cs_planted_verdict *v, const struct cs_node *at,
                          const char *name, const char **out)
{
    const struct cs_truth_answer *a = spoken_answer(l->truth, name);
    *out = name;
    if (a == NULL || (!v->steps && a->n_words != 2))
        return cs_yaml_fail(at, l->err,
                            "of: no model of this file has a%s answer \"%s\" with says:", v->steps ? "n" : " boolean",
                            name);
    return CS_OK;
}

/* NAME, or {NAME: the text by which a prompt asks for it}. */
static enum cs_err load_of(struct cs_truth_loader *l, const struct cs_node *n, struct cs_planted_verdict *v)
{
    const uint32_t most = n->kind == CS_NODE_MAP ? n->n : 1;
    const char **of = cs_arena_array(l->arena, most + 1, sizeof *of), **asked = NULL, *name;
    enum cs_err rc = CS_OK;
    v->of = of;
    if (n->kind != CS_NODE_MAP) {
        rc = cs_node_text(n, "of", &name, l->err);
        return rc == CS_OK ? add_of(l, v, n, name, &of[v->n_of++]) : rc;
    }
    asked = cs_arena_array(l->arena, most + 1, sizeof *asked);
    v->asked = asked;
    if (n->n == 0)
        return cs_yaml_fail(n, l->err, "of: want an answer and the text that asks for it");
    for (const struct cs_node *c = n->first; c != NULL && rc == CS_OK; c = c->next) {
        rc = cs_node_text(c, "of", &asked[v->n_of], l->err);
        if (rc == CS_OK)
            rc = add_of(l, v, c, c->key, &of[v->n_of++]);
    }
    return rc;
}

/* {MODEL: log-odds towards the better word} */
static enum cs_err load_self(struct cs_truth_loader *l, const struct cs_node *n, struct cs_planted_verdict *v)
{
    const struct cs_truth *t = l->truth;
    double *self = cs_arena_array(l->arena, t->n_models, sizeof *self);
    enum cs_err rc = n != NULL ? cs_node_any_map(n, "self_preference", l->err) : CS_OK;
    v->self = self;
    for (const struct cs_node *c = n != NULL ? n->first : NULL; c != NULL && rc == CS_OK; c = c->next) {
        const struct cs_truth_model *m = cs_truth_model(t, c->key);
        if (m == NULL)
            return cs_yaml_fail_key(c, l->err, "this file has no model \"%s\"", c->key);
        if (v->better == NULL)
            return cs_yaml_fail_key(c, l->err, "self_preference: say which word is better:");
        rc = cs_node_number(c, "self_preference", -shift_max, shift_max, &self[m - t->models], l->err);
    }
    return rc;
}

static enum cs_err load_better(struct cs_truth_loader *l, const struct cs_node *n, struct cs_planted_verdict *v)
{
    const struct cs_truth_answer *a = spoken_answer(l->truth, v->of[0]);
    enum cs_err rc = n != NULL ? cs_node_text(n, "better", &v->better, l->err) : CS_OK;
    if (rc == CS_OK && n != NULL && strcmp(v->better, a->words[0]) != 0 && strcmp(v->better, a->words[1]) != 0)
        rc = cs_yaml_fail(n, l->err, "better: %s has no answer \"%s\"%s", a->field, v->better,
                          cs_names_hint(v->better, a->words, a->n_words).text);
    return rc;
}

static enum cs_err load_words(struct cs_truth_loader *l, const struct cs_node *n, struct cs_planted_verdict *v)
{
    static const char *const kinds[] = {"boolean", "pair", "ordinal", "nominal"};
    static const uint32_t wanted[] = {2, 3, 0, 0};
    const struct cs_node *words = NULL;
    int kind = 0;
    for (int i = 0; i < 4 && words == NULL; i++) {
        words = cs_node_get(n, kinds[i]);
        kind = i;
    }
    if (words == NULL)
        return cs_yaml_fail(
            n, l->err, "%s: want boolean: [yes, no], pair: [first, second, tie], or ordinal: or nominal: with steps",
            v->field);
    v->pair = kind == 1;
    v->steps = kind > 1;
    enum cs_err rc = cs_node_list(words, words->key, l->err);
    if (rc == CS_OK && wanted[kind] != 0 && words->n != wanted[kind])
        rc = cs_yaml_fail(words, l->err, "%s: want %u words", v->field, wanted[kind]);
    if (rc == CS_OK && (words->n < 2 || words->n > CS_TRUTH_WORDS_MAX))
        rc = cs_yaml_fail(words, l->err, "%s: want 2 to %d words", v->field, CS_TRUTH_WORDS_MAX);
    const char **list = cs_arena_array(l->arena, rc == CS_OK ? words->n : 1, sizeof *list);
    for (const struct cs_node *c = words->first; rc == CS_OK && c != NULL; c = c->next)
        rc = cs_node_text(c, "word", &list[v->n_words++], l->err);
    v->words = list;
    return rc;
}

static enum cs_err load_number(struct cs_truth_loader *l, const struct cs_node *map, const char *key, double min,
                               double max, double *out)
{
    const struct cs_node *n = cs_node_get(map, key);
    return n != NULL ? cs_node_number(n, key, min, max, out, l->err) : CS_OK;
}

/* {WORD of the judged answer: [the chance of each step], ...}, all of its words. Several answers may be judged if they have the same words. */
static enum cs_err load_given(struct cs_truth_loader *l, const struct cs_node *n, struct cs_planted_verdict *v)
{
    const struct cs_truth_answer *a = spoken_answer(l->truth, v->of[0]);
    enum cs_err rc = cs_node_any_map(n, "given", l->err);
    CS_ASSERT(a != NULL);
    double *given = cs_arena_array(l->arena, (size_t)a->n_words * v->n_words, sizeof *given);
    v->given = given;
    for (uint32_t i = 1; i < v->n_of && rc == CS_OK; i++) {
        const struct cs_truth_answer *b = spoken_answer(l->truth, v->of[i]);
        CS_ASSERT(b != NULL);
        for (uint32_t k = 0; k < a->n_words || k < b->n_words; k++) {
            if (a->n_words != b->n_words || strcmp(a->words[k], b->words[k]) != 0)
                return cs_yaml_fail(n, l->err, "given: %s and %s have other words", a->field, b->field);
        }
    }
    for (uint32_t i = 0; i < a->n_words && rc == CS_OK; i++) {
        const struct cs_node *row;
        rc = cs_node_need(n, "given", a->words[i], &row, l->err);
        if (rc == CS_OK)
            rc = cs_truth_rates_read(l, row, v->field, v->n_words, given + (size_t)i * v->n_words);
    }
    if (rc == CS_OK && n->n != a->n_words)
        rc = cs_yaml_fail(n, l->err, "given: want the %u words of %s and no other", a->n_words, a->field);
    return rc;
}

static enum cs_err load_verdict(struct cs_truth_loader *l, const struct cs_node *n, struct cs_planted_verdict *v)
{
    static const char *const one[] = {"boolean", "of", "sensitivity", "specificity", "better", "self_preference", NULL};
    static const char *const two[] = {"pair", "of", "better", "strength", "order", "tie", "self_preference", NULL};
    static const char *const steps[] = {"ordinal", "nominal", "of", "given", NULL};
    const struct cs_node *of, *given;
    enum cs_err rc = cs_node_any_map(n, n->key, l->err);
    v->field = n->key;
    const bool graded = rc == CS_OK && (cs_node_get(n, "ordinal") != NULL || cs_node_get(n, "nominal") != NULL);
    if (rc == CS_OK)
        rc = cs_node_map(n, "verdict", graded ? steps : cs_node_get(n, "pair") != NULL ? two : one, l->err);
    if (rc != CS_OK || (rc = load_words(l, n, v)) != CS_OK ||
        (rc = cs_node_need(n, v->field, "of", &of, l->err)) != CS_OK || (rc = load_of(l, of, v)) != CS_OK)
        return rc;
    if (v->steps)
        return (rc = cs_node_need(n, v->field, "given", &given, l->err)) == CS_OK ? load_given(l, given, v) : rc;
    if ((rc = load_better(l, cs_node_get(n, "better"), v)) != CS_OK ||
        (rc = load_self(l, cs_node_get(n, "self_preference"), v)) != CS_OK)
        return rc;
    if (!v->pair) {
        rc = load_chances(l, cs_node_get(n, "sensitivity"), "sensitivity", 1, &v->sensitivity);
        return rc == CS_OK ? load_chances(l, cs_node_get(n, "specificity"), "specificity", 1, &v->specificity) : rc;
    }
    if (v->better == NULL)
        return cs_yaml_fail(n, l->err, "%s: want better:, the word of %s that should win", v->field, v->of[0]);
    v->strength = shift_max;
    if ((rc = load_number(l, n, "strength", 0, shift_max, &v->strength)) != CS_OK ||
        (rc = load_number(l, n, "order", -shift_max, shift_max, &v->order)) != CS_OK)
        return rc;
    return load_number(l, n, "tie", 0, 1, &v->tie);
}

enum cs_err cs_planted_judge_load(struct cs_truth_loader *l, const struct cs_node *n,
                                  const struct cs_planted_judge **out)
{
    static const char *const keys[] = {"verdicts", "unparsable", "refused", NULL};
    struct cs_planted_judge *j = cs_arena_alloc(l->arena, sizeof *j);
    const struct cs_node *verdicts;
    enum cs_err rc = cs_node_map(n, "judge", keys, l->err);
    if (rc != CS_OK || (rc = cs_node_need(n, "judge", "verdicts", &verdicts, l->err)) != CS_OK ||
        (rc = cs_node_any_map(verdicts, "verdicts", l->err)) != CS_OK)
        return rc;
    struct cs_planted_verdict *list = cs_arena_array(l->arena, verdicts->n + 1, sizeof *list);
    *j = (struct cs_planted_judge){.verdicts = list};
    for (const struct cs_node *c = verdicts->first; c != NULL && rc == CS_OK; c = c->next)
        rc = load_verdict(l, c, &list[j->n_verdicts++]);
    if (rc == CS_OK)
        rc = load_chances(l, cs_node_get(n, "unparsable"), "unparsable", 0, &j->unparsable);
    if (rc == CS_OK)
        rc = load_chances(l, cs_node_get(n, "refused"), "refused", 0, &j->refused);
    *out = j;
    return rc;
}
