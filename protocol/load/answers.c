/* answers.c - what questions and derived answers share: names, words, labels of cases. */
#include <stdlib.h>
#include <string.h>

#include "protocol/load/loader.h"

uint32_t cs_load_answers_category(const struct cs_field *f, const char *word)
{
    for (uint32_t i = 0; i < f->n_categories; i++) {
        if (strcmp(f->categories[i], word) == 0)
            return i;
    }
    return CS_NONE;
}

bool cs_load_answers_is_label(const struct cs_field *f, const char *label)
{
    char *end = NULL;
    if (label[0] == '\0' || f->kind == CS_FIELD_TEXT || cs_load_answers_category(f, label) != CS_NONE ||
        (f->insufficient != NULL && strcmp(label, f->insufficient) == 0))
        return true;
    if (f->kind != CS_FIELD_NUMBER)
        return false;
    (void)strtod(label, &end);
    return *end == '\0';
}

enum cs_err cs_load_answers_labels(const struct cs_loader *l, const struct cs_field *f, uint32_t column)
{
    for (uint32_t i = 0; i < l->s->n_cases; i++) {
        const char *label = cs_loader_value(l, i, column);
        if (cs_load_answers_is_label(f, label))
            continue;
        if (f->kind == CS_FIELD_NUMBER) {
            const bool comma = strchr(label, ',') != NULL && label[strspn(label, "0123456789,-")] == '\0';
            return cs_table_fail(&l->table, i, l->err, "%s is \"%.60s\", but answer \"%s\" is a number%s",
                                 l->columns[column], label, f->name, comma ? "; write it with a decimal point" : "");
        }
        return cs_table_fail(&l->table, i, l->err, "%s is \"%.60s\", which is no answer of \"%s\"%s",
                             l->columns[column], label, f->name,
                             cs_names_hint(label, f->categories, f->n_categories).text);
    }
    return CS_OK;
}

enum cs_err cs_load_answers_name(const struct cs_loader *l, const struct cs_node *n, const char *what,
                                 enum cs_name_rule rule)
{
    struct cs_node as_value = *n; /* the rule for names, applied to a key */
    const char *name;
    as_value.kind = CS_NODE_TEXT;
    as_value.text = n->key;
    as_value.plain = false;
    as_value.line = n->key_line;
    as_value.column = n->key_column;
    return cs_node_name(&as_value, what, rule, &name, l->err);
}
