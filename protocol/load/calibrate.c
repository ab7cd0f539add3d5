/* calibrate.c - `analysis: calibrate`: verdicts of judges that are corrected by what people say of a sample. Checked; it travels with the
 * analysis. */
#include <string.h>

#include "protocol/load/loader.h"

/* The answer that a key names, FIELD or QUESTION.FIELD; NULL: none. */
static const struct cs_field *answer_of(const struct cs_study *s, const char *name)
{
    const char *dot = strchr(name, '.');
    for (uint32_t q = 0; q < s->n_questions; q++) {
        const struct cs_question *question = &s->questions[q];
        if (dot != NULL &&
            (strncmp(question->name, name, (size_t)(dot - name)) != 0 || question->name[dot - name] != '\0'))
            continue;
        for (uint32_t i = 0; i < question->n_fields; i++) {
            if (strcmp(question->fields[i].name, dot != NULL ? dot + 1 : name) == 0)
                return &question->fields[i];
        }
    }
    return NULL;
}

static enum cs_err check_lambda(const struct cs_loader *l, const struct cs_node *n)
{
    const char *word;
    enum cs_err rc = cs_node_text(n, "lambda", &word, l->err);
    if (rc == CS_OK && strcmp(word, "1") != 0 && strcmp(word, "tuned") != 0)
        rc = cs_yaml_fail(
            n, l->err,
            "lambda is \"%s\"; write 1 (a verdict counts in full), or tuned (as far as it makes intervals shorter)",
            word);
    return rc;
}

static enum cs_err check_one(const struct cs_loader *l, const struct cs_node *n)
{
    static const char *const keys[] = {"ratings", "lambda", NULL}, *const from[] = {"imported", NULL};
    const struct cs_node *ratings, *lambda;
    const struct cs_field *f = answer_of(l->s, n->key);
    uint32_t word;
    if (f == NULL)
        return cs_yaml_fail_key(n, l->err, "calibrate: no question asks for \"%s\"; name an answer that judges give",
                                n->key);
    if (f->kind != CS_FIELD_BOOLEAN && f->kind != CS_FIELD_ORDINAL && f->kind != CS_FIELD_NUMBER)
        return cs_yaml_fail_key(
            n, l->err, "calibrate: \"%s\" has no order; only boolean, ordinal and number answers can be corrected",
            n->key);
    enum cs_err rc = cs_node_map(n, n->key, keys, l->err);
    if (rc == CS_OK)
        rc = cs_node_need(n, n->key, "ratings", &ratings, l->err);
    if (rc == CS_OK)
        rc = cs_node_word(ratings, "ratings", from, &word, l->err);
    if (rc == CS_OK && (lambda = cs_node_get(n, "lambda")) != NULL)
        rc = check_lambda(l, lambda);
    return rc;
}

enum cs_err cs_load_calibrate(const struct cs_loader *l, const struct cs_node *calibrate)
{
    const struct cs_node *cases = cs_node_get(l->root, "cases");
    enum cs_err rc = cs_node_any_map(calibrate, "calibrate", l->err);
    if (rc == CS_OK && (cases == NULL || cs_node_get(cases, "from_study") == NULL))
        rc = cs_yaml_fail_key(
            calibrate, l->err,
            "calibrate corrects verdicts about another study's outputs; it goes with cases: {from_study: FILE}");
    for (const struct cs_node *n = calibrate->first; n != NULL && rc == CS_OK; n = n->next)
        rc = check_one(l, n);
    return rc;
}
