/* declared.c - what a file declares of a study that came without one: controls, kinds of answers, the analysis. */
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/load/loader.h"

static enum cs_err set_control(struct cs_loader *l, const struct cs_node *n)
{
    const char *id;
    uint32_t f, level;
    enum cs_err rc = cs_loader_factor_ref(l, n, n->key, &f);
    if (rc == CS_OK)
        rc = cs_node_text(n, "control", &id, l->err);
    if (rc == CS_OK)
        rc = cs_loader_level_ref(l, n, id, &l->s->factors[f], &level);
    if (rc != CS_OK)
        return rc;
    const struct cs_factor *old = &l->s->factors[f];
    struct cs_level *levels = cs_arena_array(l->arena, old->n_levels, sizeof *levels);
    for (uint32_t i = 0; i < old->n_levels; i++) {
        levels[i] = old->levels[i];
        if (levels[i].role == CS_ROLE_CONTROL)
            levels[i].role = CS_ROLE_LEVEL;
    }
    levels[level].role = CS_ROLE_CONTROL;
    struct cs_factor *factors = cs_arena_array(l->arena, l->s->n_factors, sizeof *factors);
    memcpy(factors, l->s->factors, l->s->n_factors * sizeof *factors);
    factors[f].levels = levels;
    l->s->factors = factors;
    return CS_OK;
}

/* In every question that has an answer of this name. */
static enum cs_err set_answer(struct cs_loader *l, const struct cs_node *n)
{
    const char *names[CS_QUESTIONS_MAX * CS_FIELDS_MAX];
    uint32_t n_names = 0, found = 0;
    struct cs_field field;
    enum cs_err rc = cs_load_questions_field(l, n, &field);
    struct cs_question *questions = cs_arena_array(l->arena, l->s->n_questions, sizeof *questions);
    memcpy(questions, l->s->questions, l->s->n_questions * sizeof *questions);
    for (uint32_t q = 0; rc == CS_OK && q < l->s->n_questions; q++) {
        struct cs_field *fields = cs_arena_array(l->arena, questions[q].n_fields + 1, sizeof *fields);
        for (uint32_t i = 0; i < questions[q].n_fields; i++) {
            const bool same = strcmp(questions[q].fields[i].name, n->key) == 0;
            fields[i] = same ? field : questions[q].fields[i];
            names[n_names++] = questions[q].fields[i].name;
            found += same;
        }
        questions[q].fields = fields;
    }
    l->s->questions = questions;
    if (rc == CS_OK && found == 0)
        rc = cs_yaml_fail_key(n, l->err, "the table has no answer \"%s\"%s", n->key,
                              cs_names_hint(n->key, names, n_names).text);
    return rc;
}

static enum cs_err each(struct cs_loader *l, const char *key,
                        enum cs_err (*fn)(struct cs_loader *l, const struct cs_node *n))
{
    const struct cs_node *map = cs_node_get(l->root, key);
    enum cs_err rc = map != NULL ? cs_node_any_map(map, key, l->err) : CS_OK;
    for (const struct cs_node *n = map != NULL ? map->first : NULL; n != NULL && rc == CS_OK; n = n->next)
        rc = fn(l, n);
    return rc;
}

/* The cases as the table that labels and strata are looked up in. */
static enum cs_err take_cases(struct cs_loader *l, const struct cs_case_source *cases)
{
    enum cs_err rc = CS_OK;
    l->columns = cs_xcalloc(CS_COLUMNS_MAX, sizeof *l->columns);
    l->table = (struct cs_table){.path = l->path, .n_columns = l->s->n_columns, .columns = l->s->columns};
    l->table.rows = cs_xcalloc(l->s->n_cases + 1, sizeof *l->table.rows);
    l->table.n_rows = l->s->n_cases;
    for (uint32_t i = 0; i < l->s->n_columns && i < CS_COLUMNS_MAX; i++) {
        l->columns[i] = l->s->columns[i];
        cs_names_put(&l->column_names, l->columns[i], i);
    }
    for (uint32_t i = 0; i < l->s->n_cases && rc == CS_OK; i++) {
        struct cs_case c;
        rc = cases->get(cases->self, i, &c, l->err);
        if (rc == CS_OK)
            l->table.rows[i] = (struct cs_row){.line = i + 1, .values = c.values};
    }
    return rc;
}

enum cs_err cs_load_declared(const char *path, struct cs_study *s, const struct cs_case_source *cases,
                             struct cs_error *err)
{
    static const char *const keys[] = {"control", "answers", "analysis", NULL};
    static const struct cs_load_opts none = {0};
    struct cs_loader *l = cs_xcalloc(1, sizeof *l);
    const struct cs_yaml *doc;
    *l = (struct cs_loader){.path = path, .opts = &none, .s = s, .arena = &s->arena, .err = err};
    enum cs_err rc = cs_yaml_load(path, l->arena, &doc, err);
    if (rc == CS_OK) {
        l->root = doc->root;
        rc = cs_node_map(l->root, "what is declared of a table", keys, err);
    }
    if (rc == CS_OK)
        rc = take_cases(l, cases);
    if (rc == CS_OK)
        rc = each(l, "control", set_control);
    if (rc == CS_OK)
        rc = each(l, "answers", set_answer);
    if (rc == CS_OK)
        rc = cs_load_analysis(l);
    free(l->columns);
    cs_names_release(&l->column_names);
    free(l->table.rows);
    free(l);
    return rc;
}
