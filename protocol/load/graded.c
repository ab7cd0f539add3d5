/* graded.c - `answer: {NAME: {list: case.LIST, key: MEMBER, fields: {...}}}`: the same answers about every element of a list, and `where` of
 * the rules that count them. */
#include <stdlib.h>
#include <string.h>

#include "protocol/load/loader.h"
#include "protocol/study/answer.h"
#include "protocol/study/list.h"
#include "protocol/study/script.h"

/* The keys that elements have, in the order in which they turn up. */
struct own_keys {
    const char *names[CS_ELEMENTS_KEYS_MAX];
    uint32_t n;
};

static void learn(struct own_keys *own, const struct cs_loader *l, const struct cs_element *e)
{
    for (uint32_t i = 0; i < e->n; i++) {
        uint32_t k = 0;
        while (k < own->n && strcmp(own->names[k], e->keys[i]) != 0)
            k++;
        if (k == own->n && own->n < CS_ELEMENTS_KEYS_MAX)
            own->names[own->n++] = cs_arena_strdup(l->arena, e->keys[i]);
    }
}

static bool has_key(const struct own_keys *own, const char *name)
{
    for (uint32_t i = 0; i < own->n; i++) {
        if (strcmp(own->names[i], name) == 0)
            return true;
    }
    return false;
}

/* Reads the lists of all cases one after the other. */
static enum cs_err each_list(struct cs_loader *l, uint32_t column,
                             enum cs_err (*fn)(void *self, struct cs_loader *l, uint32_t row,
                                               const struct cs_elements *list),
                             void *self)
{
    struct cs_arena arena = {0};
    struct cs_error why = {0};
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; i < l->s->n_cases && rc == CS_OK; i++) {
        struct cs_elements list;
        cs_arena_reset(&arena);
        rc = cs_elements_read(cs_loader_value(l, i, column), &arena, &list, &why);
        rc = rc == CS_OK
                 ? fn(self, l, i, &list)
                 : cs_table_fail(&l->table, i, l->err, "case \"%s\": %s %s", l->all[i].id, l->columns[column], why.msg);
    }
    cs_arena_release(&arena);
    return rc;
}

/* ---- the answer --------------------------------------------------------------------------------------- */

struct checking {
    const struct cs_list_answer *a;
    struct own_keys own;
    uint32_t most;
};

static enum cs_err check_case(void *self, struct cs_loader *l, uint32_t row, const struct cs_elements *list)
{
    struct checking *c = self;
    const char *column = l->columns[c->a->column];
    c->most = list->n > c->most ? list->n : c->most;
    for (uint32_t i = 0; i < list->n; i++) {
        learn(&c->own, l, &list->all[i]);
        if (cs_elements_value(list, i, c->a->show)[0] == '\0')
            return cs_table_fail(&l->table, row, l->err, "case \"%s\": element %u of %s has no %s to show",
                                 l->all[row].id, i + 1, column, c->a->show);
        for (uint32_t k = 0; k < c->a->n_fields; k++) {
            const struct cs_field *f = &c->a->fields[k];
            const char *label = f->truth_key != NULL ? cs_elements_value(list, i, f->truth_key) : "";
            if (!cs_load_answers_is_label(f, label))
                return cs_table_fail(&l->table, row, l->err,
                                     "case \"%s\": %s of element %u of %s is \"%.60s\", which is no answer of \"%s\"%s",
                                     l->all[row].id, f->truth_key, i + 1, column, label, f->name,
                                     cs_names_hint(label, f->categories, f->n_categories).text);
        }
    }
    return CS_OK;
}

static enum cs_err check_names(const struct cs_loader *l, const struct cs_node *n, const struct checking *c)
{
    const struct cs_node *field = cs_node_get(n, "fields")->first;
    for (uint32_t k = 0; k < c->a->n_fields; k++, field = field->next) {
        const struct cs_field *f = &c->a->fields[k];
        if (has_key(&c->own, f->name) || strcmp(f->name, c->a->key) == 0)
            return cs_yaml_fail_key(field, l->err, "\"%s\" is %s; give the answer another name", f->name,
                                    strcmp(f->name, c->a->key) == 0 ? "the key" : "what the elements have already");
        if (f->truth_key != NULL && !has_key(&c->own, f->truth_key))
            return cs_yaml_fail(cs_node_get(field, "truth"), l->err, "no element has a \"%s\"%s", f->truth_key,
                                cs_names_hint(f->truth_key, c->own.names, c->own.n).text);
    }
    return CS_OK;
}

enum cs_err cs_load_graded(struct cs_loader *l, const struct cs_node *n, const struct cs_field *fields,
                           uint32_t n_fields, const struct cs_list_answer **out)
{
    struct cs_list_answer *a = cs_arena_array(l->arena, 1, sizeof *a);
    const struct cs_node *list = cs_node_get(n, "list"), *key = NULL, *show = cs_node_get(n, "show");
    enum cs_err rc = cs_loader_column(l, list, "list", &a->column);
    *out = a;
    a->fields = fields;
    a->n_fields = n_fields;
    if (rc == CS_OK && !cs_loader_is_list(l, a->column))
        rc = cs_yaml_fail(list, l->err, "list is \"%s\", which is no list; add lists: [%s] to the cases", list->text,
                          l->columns[a->column]);
    for (uint32_t i = 0; i < l->s->n_factors && rc == CS_OK; i++) {
        if (l->s->factors[i].into_column == a->column)
            rc = cs_yaml_fail(list, l->err,
                              "factor \"%s\" changes %s; a list that is graded is the same in every level",
                              l->s->factors[i].name, l->columns[a->column]);
    }
    if (rc == CS_OK)
        rc = cs_node_need(n, n->key, "key", &key, l->err);
    if (rc == CS_OK)
        rc = cs_node_name(key, "key", CS_NAME_MEMBER, &a->key, l->err);
    a->show = "text";
    if (rc == CS_OK && show != NULL)
        rc = cs_node_text(show, "show", &a->show, l->err);
    struct checking c = {.a = a};
    if (rc == CS_OK)
        rc = each_list(l, a->column, check_case, &c);
    a->most = c.most;
    return rc == CS_OK ? check_names(l, n, &c) : rc;
}

/* ---- the schema --------------------------------------------------------------------------------------- */

static bool holds_schemas(enum cs_form form)
{
    return form == CS_FORM_JSON_SCHEMA || form == CS_FORM_TOOL;
}

/* The case with the longest list. */
static uint32_t longest(const struct cs_loader *l, uint32_t question, uint32_t elements)
{
    uint32_t row = 0;
    const struct cs_field *f = cs_list_of(&l->s->questions[question]);
    for (uint32_t i = 0; i < l->s->n_cases; i++) {
        struct cs_json *list = cs_json_loads(cs_loader_value(l, i, f->list->column), 0, NULL);
        if (cs_json_array_size(list) == elements)
            row = i;
        cs_json_decref(list);
    }
    return row;
}

enum cs_err cs_load_graded_fits(struct cs_loader *l)
{
    const struct cs_account *schemas = NULL;
    for (uint32_t i = 0; i < l->s->n_models && schemas == NULL; i++) {
        const struct cs_account *a = &l->s->accounts[l->s->models[i].account];
        schemas = holds_schemas(a->response_format) ? a : NULL;
    }
    const struct cs_node *n = cs_node_get(l->root, "questions");
    n = n != NULL ? n->first : NULL;
    for (uint32_t q = 0; q < l->s->n_questions; q++, n = n->next) {
        const struct cs_field *f = cs_list_of(&l->s->questions[q]);
        if (f != NULL && cs_script_is_used(l->s))
            return cs_yaml_fail(
                n, l->err, "\"%s\" is a list, which is graded in one call; ask it in a study without turns or tools",
                f->name);
        if (schemas == NULL)
            continue;
        const struct cs_schema_size size = cs_schema_size(&l->s->questions[q], f != NULL ? f->list->most : 0);
        if (f == NULL || (size.properties <= CS_SCHEMA_PROPERTIES_MAX && size.words <= CS_SCHEMA_WORDS_MAX))
            continue;
        const uint32_t row = longest(l, q, f->list->most);
        return cs_table_fail(
            &l->table, row, l->err,
            "case \"%s\": with %u elements the schema of \"%s\" has %u properties and %u words, and "
            "providers take %d and %d; split the list, or set response_format: none (or json_object) for "
            "account \"%s\"",
            l->all[row].id, f->list->most, f->name, size.properties, size.words, CS_SCHEMA_PROPERTIES_MAX,
            CS_SCHEMA_WORDS_MAX, schemas->name);
    }
    return CS_OK;
}

/* ---- where -------------------------------------------------------------------------------------------- */

struct wording { /* whether a key of the elements ever says a word */
    const char *key, *word;
    struct own_keys own;
    bool found;
};

static enum cs_err look_for(void *self, struct cs_loader *l, uint32_t row, const struct cs_elements *list)
{
    struct wording *w = self;
    (void)row;
    for (uint32_t i = 0; i < list->n; i++) {
        learn(&w->own, l, &list->all[i]);
        w->found = w->found || (w->word != NULL && strcmp(cs_elements_value(list, i, w->key), w->word) == 0);
    }
    return CS_OK;
}

/* What an element's answer or own key is compared with: a word, or `each.KEY`. */
static enum cs_err load_word(struct cs_loader *l, const struct cs_list_answer *a, const struct cs_node *n,
                             const struct cs_node *of, const struct cs_derive_term *what, struct cs_derive_term *out)
{
    const struct cs_field *f = what->from == CS_DERIVE_MEMBER ? &a->fields[what->at] : NULL;
    const char *word;
    enum cs_err rc = cs_node_text(n, of->key, &word, l->err);
    *out = (struct cs_derive_term){CS_DERIVE_LITERAL, 0, word};
    if (rc != CS_OK)
        return rc;
    const bool own = strncmp(word, "each.", 5) == 0;
    struct wording w = {.key = own ? word + 5 : what->literal, .word = own ? NULL : word};
    if (own || f == NULL)
        rc = each_list(l, a->column, look_for, &w);
    if (rc != CS_OK)
        return rc;
    if (own) {
        *out = (struct cs_derive_term){CS_DERIVE_OWN, 0, word + 5};
        return has_key(&w.own, word + 5) ? CS_OK
                                         : cs_yaml_fail(n, l->err, "no element has a \"%s\"%s", word + 5,
                                                        cs_names_hint(word + 5, w.own.names, w.own.n).text);
    }
    if (f == NULL && !w.found)
        return cs_yaml_fail(n, l->err, "no element has the %s \"%s\"", of->key, word);
    if (f != NULL && f->kind == CS_FIELD_TEXT)
        return cs_yaml_fail_key(of, l->err,
                                "\"%s\" is a text; elements are counted by words, numbers and their own keys", f->name);
    if (f != NULL && !cs_load_answers_is_label(f, word))
        return cs_yaml_fail(n, l->err, "\"%s\" is no answer of \"%s\"%s; for a key of the elements write each.%s", word,
                            f->name, cs_names_hint(word, f->categories, f->n_categories).text, word);
    return CS_OK;
}

static enum cs_err load_condition(struct cs_loader *l, const struct cs_list_answer *a, const struct cs_node *of,
                                  struct cs_derive_term *terms, struct cs_derive_rule *r)
{
    struct cs_derive_term what = {CS_DERIVE_OWN, 0, of->key};
    struct wording w = {0};
    const char *names[CS_FIELDS_MAX + CS_ELEMENTS_KEYS_MAX];
    uint32_t n = 0;
    enum cs_err rc = of->kind == CS_NODE_LIST ? cs_node_list(of, of->key, l->err) : CS_OK;
    for (uint32_t i = 0; i < a->n_fields; i++) {
        if (strcmp(a->fields[i].name, of->key) == 0)
            what = (struct cs_derive_term){CS_DERIVE_MEMBER, i, ""};
        names[n++] = a->fields[i].name;
    }
    if (rc == CS_OK && what.from == CS_DERIVE_OWN)
        rc = each_list(l, a->column, look_for, &w);
    if (rc == CS_OK && what.from == CS_DERIVE_OWN && !has_key(&w.own, of->key)) {
        for (uint32_t i = 0; i < w.own.n; i++)
            names[n++] = w.own.names[i];
        rc = cs_yaml_fail_key(of, l->err, "\"%s\" is neither an answer about an element nor a key of one%s", of->key,
                              cs_names_hint(of->key, names, n).text);
    }
    const bool several = of->kind == CS_NODE_LIST;
    for (const struct cs_node *c = several ? of->first : of; c != NULL && rc == CS_OK; c = several ? c->next : NULL) {
        if (r->n_terms + 2 > CS_DERIVE_TERMS_MAX)
            return cs_yaml_fail(c, l->err, "more than %d words", CS_DERIVE_TERMS_MAX / 2);
        terms[r->n_terms] = what;
        rc = load_word(l, a, c, of, &what, &terms[r->n_terms + 1]);
        r->n_terms += 2;
    }
    return rc;
}

enum cs_err cs_load_graded_where(struct cs_loader *l, const struct cs_question *q, uint32_t field,
                                 const struct cs_node *where, struct cs_derive_rule *r)
{
    struct cs_derive_term *terms = cs_arena_array(l->arena, CS_DERIVE_TERMS_MAX, sizeof *terms);
    enum cs_err rc = where != NULL ? cs_node_any_map(where, where->key, l->err) : CS_OK;
    terms[0] = (struct cs_derive_term){CS_DERIVE_FIELD, field, ""};
    *r = (struct cs_derive_rule){.op = CS_DERIVE_ELEMENTS, .terms = terms, .n_terms = 1};
    for (const struct cs_node *of = where != NULL ? where->first : NULL; of != NULL && rc == CS_OK; of = of->next)
        rc = load_condition(l, q->fields[field].list, of, terms, r);
    return rc;
}
