/* questions.c - the `questions:` part: typed answers. */
#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/study/answer.h"
#include "protocol/study/pair.h"
#include "protocol/load/dialect.h"
#include "protocol/load/loader.h"

static const char *const kinds[] = {"boolean", "ordinal", "nominal", "text", "number", "options", "list", NULL};
_Static_assert(CS_FIELD_BOOLEAN == 0 && CS_FIELD_ORDINAL == 1 && CS_FIELD_NOMINAL == 2 && CS_FIELD_TEXT == 3 &&
                   CS_FIELD_NUMBER == 4 && CS_FIELD_OPTIONS == 5 && CS_FIELD_LIST == 6,
               "kinds[] is in the order of enum cs_field_kind");

struct field_in {
    struct cs_loader *l;
    const struct cs_node *node, *value; /* the entry; the value of its kind, or NULL for `name: text` */
    struct cs_field *f;
    bool member; /* of the elements of a list */
};

static enum cs_err load_categories(const struct field_in *in)
{
    struct cs_field *f = in->f;
    const char *kind = kinds[f->kind];
    enum cs_err rc = cs_node_list(in->value, kind, in->l->err);
    if (rc == CS_OK)
        rc = cs_loader_words(in->l, in->value, kind, &f->categories, &f->n_categories);
    if (rc != CS_OK)
        return rc;
    if (f->kind == CS_FIELD_BOOLEAN && f->n_categories != 2)
        return cs_yaml_fail(
            in->value, in->l->err,
            "boolean has %u words; write two, the one that counts as yes first, as in [\"Yes\", \"No\"]",
            f->n_categories);
    if (f->n_categories < 2 || f->n_categories > CS_CATEGORIES_MAX)
        return cs_yaml_fail(in->value, in->l->err, "%s has %u answers; write 2 to %d", kind, f->n_categories,
                            CS_CATEGORIES_MAX);
    return CS_OK;
}

/* `options: [COLUMNS], order: FACTOR` */
static enum cs_err load_options(const struct field_in *in)
{
    struct cs_field *f = in->f;
    struct cs_loader *l = in->l;
    enum cs_err rc = load_categories(in);
    if (rc == CS_OK && f->n_categories > CS_OPTIONS_MAX)
        rc = cs_yaml_fail(in->value, l->err, "%u options; at most %d, lettered A to Z", f->n_categories,
                          CS_OPTIONS_MAX);
    if (rc != CS_OK)
        return rc;
    uint32_t *columns = cs_arena_array(l->arena, f->n_categories, sizeof *columns), i = 0;
    f->option_columns = columns;
    for (const struct cs_node *c = in->value->first; c != NULL && rc == CS_OK; c = c->next)
        rc = cs_loader_column(l, c, "options", &columns[i++]);
    const struct cs_node *order = cs_node_get(in->node, "order");
    const char *factor;
    if (rc != CS_OK || order == NULL)
        return rc;
    rc = cs_node_text(order, "order", &factor, l->err);
    if (rc == CS_OK)
        rc = cs_loader_factor_ref(l, order, factor, &f->order_factor);
    bool ordered = false;
    for (i = 0; rc == CS_OK && i < l->s->factors[f->order_factor].n_levels; i++) {
        const struct cs_level *level = &l->s->factors[f->order_factor].levels[i];
        ordered = ordered || level->order != NULL;
        if (level->order != NULL && level->n_order != f->n_categories)
            rc = cs_yaml_fail(order, l->err, "level \"%s\" of factor \"%s\" orders %u options, but there are %u",
                              level->id, factor, level->n_order, f->n_categories);
    }
    if (rc == CS_OK && !ordered)
        rc = cs_yaml_fail(order, l->err, "no level of factor \"%s\" has an order; add order: [2, 1, ...] to its levels",
                          factor);
    return rc;
}

/* `number: {min: 0, max: 100}` */
static enum cs_err load_number(const struct field_in *in)
{
    static const char *const keys[] = {"min", "max", NULL};
    struct cs_field *f = in->f;
    const struct cs_node *n;
    f->min = -DBL_MAX;
    f->max = DBL_MAX;
    if (in->value == NULL)
        return CS_OK;
    enum cs_err rc = cs_node_map(in->value, "number", keys, in->l->err);
    if (rc == CS_OK && (n = cs_node_get(in->value, "min")) != NULL)
        rc = cs_node_number(n, "min", -1e300, 1e300, &f->min, in->l->err);
    if (rc == CS_OK && (n = cs_node_get(in->value, "max")) != NULL)
        rc = cs_node_number(n, "max", -1e300, 1e300, &f->max, in->l->err);
    if (rc == CS_OK && f->min > f->max)
        rc = cs_yaml_fail(in->value, in->l->err, "min is above max; swap them");
    return rc;
}

static enum cs_err load_field(struct field_in *in);

/* `{list: case.LIST, key: MEMBER, fields: {...}}` */
static enum cs_err load_list(const struct field_in *in)
{
    const struct cs_node *fields = NULL;
    uint32_t n = 0;
    enum cs_err rc = cs_node_need(in->node, in->node->key, "fields", &fields, in->l->err);
    if (rc == CS_OK)
        rc = cs_node_any_map(fields, "fields", in->l->err);
    if (rc == CS_OK && (fields->n == 0 || fields->n > CS_FIELDS_MAX))
        rc = cs_yaml_fail(fields, in->l->err, "%u fields of a list; write 1 to %d", fields->n, CS_FIELDS_MAX);
    struct cs_field *list = cs_arena_array(in->l->arena, rc == CS_OK ? fields->n : 1, sizeof *list);
    for (const struct cs_node *c = rc == CS_OK ? fields->first : NULL; c != NULL && rc == CS_OK; c = c->next) {
        struct field_in member = {.l = in->l, .node = c, .f = &list[n++], .member = true};
        rc = load_field(&member);
    }
    return rc == CS_OK ? cs_load_graded(in->l, in->node, list, n, &in->f->list) : rc;
}

static enum cs_err load_kind(const struct field_in *in)
{
    switch (in->f->kind) {
    case CS_FIELD_BOOLEAN:
    case CS_FIELD_ORDINAL:
    case CS_FIELD_NOMINAL:
        return in->f->n_categories > 0 ? CS_OK : load_categories(in); /* those of a pair are there */
    case CS_FIELD_OPTIONS:
        return load_options(in);
    case CS_FIELD_NUMBER:
        return load_number(in);
    case CS_FIELD_LIST:
        return load_list(in);
    case CS_FIELD_TEXT:
        if (in->value != NULL && (in->value->kind != CS_NODE_TEXT || strcmp(in->value->text, "free") != 0))
            return cs_yaml_fail(in->value, in->l->err, "a text answer has no settings; write text: free");
        break;
    }
    return CS_OK;
}

/* `pair: tie`: which of two outputs, or neither; `pair: forced`: one of them. To all others it is a nominal answer. */
static enum cs_err take_pair(struct field_in *in, const struct cs_node *pair)
{
    static const char *const words[] = {"tie", "forced", NULL};
    uint32_t word = 0;
    if (in->value != NULL)
        return cs_yaml_fail_key(pair, in->l->err, "answer \"%s\" is %s and pair; keep one of them", in->node->key,
                                in->value->key);
    enum cs_err rc = cs_node_word(pair, "pair", words, &word, in->l->err);
    in->f->kind = CS_FIELD_NOMINAL;
    in->f->categories = cs_pair_words;
    in->f->n_categories = word == 0 ? CS_PAIR_WORDS : CS_PAIR_TIE;
    in->value = pair;
    in->l->pair = in->l->pair != NULL ? in->l->pair : pair;
    return rc;
}

/* The kind is the one key of its name, or the whole value (`labs_ordered: text`). */
static enum cs_err find_kind(struct field_in *in)
{
    static const char *const keys[] = {"boolean",  "ordinal", "nominal",      "text",  "number", "options",
                                       "describe", "truth",   "insufficient", "order", "pair",   "list",
                                       "key",      "fields",  "show",         NULL};
    static const char *const of_lists[] = {"key", "fields", "show", NULL};
    const struct cs_node *n = in->node, *pair = n->kind == CS_NODE_MAP ? cs_node_get(n, "pair") : NULL;
    uint32_t kind = 0;
    if (n->kind == CS_NODE_TEXT) {
        enum cs_err rc = cs_node_word(n, n->key, kinds, &kind, in->l->err);
        if (rc == CS_OK && kind != CS_FIELD_TEXT && kind != CS_FIELD_NUMBER)
            rc = cs_yaml_fail(n, in->l->err, "%s needs its answers; write {%s: [...]}", n->text, n->text);
        in->f->kind = (enum cs_field_kind)kind;
        return rc;
    }
    enum cs_err rc = cs_node_map(n, n->key, keys, in->l->err);
    for (uint32_t i = 0; kinds[i] != NULL && rc == CS_OK; i++) {
        const struct cs_node *v = cs_node_get(n, kinds[i]);
        if (v != NULL && in->value != NULL)
            rc = cs_yaml_fail_key(v, in->l->err, "answer \"%s\" is %s and %s; keep one of them", n->key, in->value->key,
                                  v->key);
        if (v != NULL) {
            in->value = v;
            in->f->kind = (enum cs_field_kind)i;
        }
    }
    if (rc == CS_OK && pair != NULL)
        return take_pair(in, pair);
    if (rc == CS_OK && in->value == NULL)
        rc = cs_yaml_fail(n, in->l->err,
                          "answer \"%s\" has no kind; write one of boolean, ordinal, nominal, options, number, text",
                          n->key);
    if (rc == CS_OK && in->member && in->f->kind >= CS_FIELD_OPTIONS)
        rc = cs_yaml_fail_key(in->value, in->l->err, "%s is no answer about an element of a list; write another kind",
                              in->value->key);
    for (uint32_t i = 0; of_lists[i] != NULL && rc == CS_OK && in->f->kind != CS_FIELD_LIST; i++) {
        if (cs_node_get(n, of_lists[i]) != NULL)
            rc = cs_yaml_fail_key(cs_node_get(n, of_lists[i]), in->l->err, "%s goes with list; \"%s\" is %s",
                                  of_lists[i], n->key, in->value->key);
    }
    return rc;
}

static enum cs_err load_extras(const struct field_in *in)
{
    struct cs_loader *l = in->l;
    struct cs_field *f = in->f;
    const struct cs_node *n;
    enum cs_err rc = CS_OK;
    if (in->node->kind != CS_NODE_MAP)
        return CS_OK;
    if ((n = cs_node_get(in->node, "order")) != NULL && f->kind != CS_FIELD_OPTIONS)
        return cs_yaml_fail_key(n, l->err, "order goes with options; \"%s\" is %s", f->name, kinds[f->kind]);
    if ((n = cs_node_get(in->node, "describe")) != NULL)
        rc = cs_node_text(n, "describe", &f->describe, l->err);
    if (rc == CS_OK && (n = cs_node_get(in->node, "insufficient")) != NULL) {
        rc = cs_node_text(n, "insufficient", &f->insufficient, l->err);
        if (rc == CS_OK && (f->kind == CS_FIELD_TEXT || f->kind == CS_FIELD_NUMBER || f->kind == CS_FIELD_LIST))
            rc = cs_yaml_fail_key(n, l->err, "insufficient goes with a list of answers; \"%s\" is %s", f->name,
                                  kinds[f->kind]);
        if (rc == CS_OK && (cs_load_answers_category(f, f->insufficient) != CS_NONE ||
                            (f->kind == CS_FIELD_OPTIONS && strlen(f->insufficient) == 1)))
            rc = cs_yaml_fail(n, l->err, "insufficient is \"%s\", which is an answer already; use another word",
                              f->insufficient);
    }
    n = cs_node_get(in->node, "truth");
    if (rc == CS_OK && n != NULL && f->kind == CS_FIELD_LIST)
        rc = cs_yaml_fail_key(n, l->err, "truth is told of the fields of a list, each its own");
    if (rc == CS_OK && n != NULL && in->member) /* cs_load_graded checks the labels */
        return cs_node_text(n, "truth", &f->truth_key, l->err);
    if (rc == CS_OK && n != NULL) {
        rc = cs_loader_column(l, n, "truth", &f->truth_column);
        if (rc == CS_OK)
            rc = cs_load_answers_labels(l, f, f->truth_column);
    }
    return rc;
}

static enum cs_err load_field(struct field_in *in)
{
    *in->f = (struct cs_field){.name = in->node->key, .truth_column = CS_NONE, .order_factor = CS_NONE};
    enum cs_err rc = cs_load_answers_name(in->l, in->node, "the name of an answer",
                                          in->member ? CS_NAME_MEMBER : CS_NAME_FIELD);
    if (rc == CS_OK)
        rc = find_kind(in);
    if (rc == CS_OK)
        rc = load_kind(in);
    return rc == CS_OK ? load_extras(in) : rc;
}

enum cs_err cs_load_questions_field(struct cs_loader *l, const struct cs_node *n, struct cs_field *f)
{
    struct field_in in = {.l = l, .node = n, .f = f};
    return load_field(&in);
}

/* `answer: free`: prose as it comes. There is no schema to ask for, and no lenient way to read it. */
static enum cs_err load_free(const struct cs_loader *l, const struct cs_node *n, const struct cs_node *answer)
{
    const struct cs_node *reading = cs_node_get(n, "reading");
    enum cs_err rc = CS_OK;
    if (answer->plain && answer->text[0] == '\0')
        return cs_yaml_fail_key(
            answer, l->err,
            "answer is empty; write what is wanted, as in answer: {triage: {ordinal: [low, high]}}, or free "
            "for prose as it comes");
    if (strcmp(answer->text, "free") != 0)
        rc = cs_yaml_fail(answer, l->err,
                          "answer is \"%.60s\"; write a map of the answers wanted, or free for prose as it comes",
                          answer->text);
    if (rc == CS_OK && reading != NULL)
        rc = cs_yaml_fail_key(reading, l->err, "a free answer is kept as it comes, however it reads; remove reading");
    return rc;
}

static enum cs_err load_answers(struct cs_loader *l, const struct cs_node *n, struct cs_question *q)
{
    const struct cs_node *answer;
    enum cs_err rc = cs_node_need(n, "a question", "answer", &answer, l->err);
    if (rc == CS_OK && answer->kind == CS_NODE_TEXT)
        return load_free(l, n, answer);
    if (rc == CS_OK)
        rc = cs_node_any_map(answer, "answer", l->err);
    if (rc == CS_OK && answer->n > CS_FIELDS_MAX)
        rc = cs_yaml_fail(answer, l->err, "%u answers; at most %d in one question", answer->n, CS_FIELDS_MAX);
    if (rc != CS_OK)
        return rc;
    struct cs_field *fields = cs_arena_array(l->arena, answer->n, sizeof *fields);
    q->fields = fields;
    bool options = false, list = false;
    for (const struct cs_node *c = answer->first; c != NULL && rc == CS_OK; c = c->next) {
        rc = cs_load_questions_field(l, c, &fields[q->n_fields]);
        if (rc != CS_OK)
            break;
        const enum cs_field_kind kind = fields[q->n_fields++].kind;
        if (kind == CS_FIELD_OPTIONS && options)
            rc = cs_yaml_fail_key(c, l->err, "a second answer with options; ask it in a question of its own");
        if (kind == CS_FIELD_LIST && list)
            rc = cs_yaml_fail_key(c, l->err, "a second answer that is a list; ask it in a question of its own");
        options = options || kind == CS_FIELD_OPTIONS;
        list = list || kind == CS_FIELD_LIST;
    }
    return rc;
}

static enum cs_err load_question(struct cs_loader *l, const struct cs_node *n, struct cs_question *q)
{
    static const char *const keys[] = {"name", "ask", "answer", "answer_at", "derive", "reading", "tools", NULL};
    const struct cs_node *name, *ask = cs_node_get(n, "ask"), *answer = cs_node_get(n, "answer");
    const bool free = answer != NULL && answer->kind == CS_NODE_TEXT && strcmp(answer->text, "free") == 0;
    enum cs_err rc = cs_node_map(n, "a question", keys, l->err);
    if (rc == CS_OK)
        rc = cs_node_need(n, "a question", "name", &name, l->err);
    if (rc == CS_OK)
        rc = cs_node_name(name, "name", CS_NAME_FIELD, &q->name, l->err);
    for (uint32_t i = 0; rc == CS_OK && i < l->s->n_questions; i++) {
        if (strcmp(l->s->questions[i].name, q->name) == 0)
            rc = cs_yaml_fail(name, l->err, "there are two questions called \"%s\"; rename one", q->name);
    }
    q->ask = "";
    if (rc == CS_OK && !free) /* whose prompt may ask all by itself */
        rc = cs_node_need(n, "a question", "ask", &ask, l->err);
    if (rc == CS_OK && ask != NULL)
        rc = cs_node_text(ask, "ask", &q->ask, l->err);
    if (rc == CS_OK && ask != NULL && strstr(q->ask, "{{") != NULL)
        rc = cs_yaml_fail_at(ask, "{{", l->err,
                             "ask is shown as it is written; put {{...}} into prompt, around {{question.ask}}");
    if (rc == CS_OK)
        rc = cs_load_dialect_reads(cs_node_get(n, "reading"), &q->reads, l->err);
    if (rc == CS_OK)
        rc = load_answers(l, n, q);
    if (rc == CS_OK)
        rc = cs_load_turn_list_answer_at(l, cs_node_get(n, "answer_at"), q);
    q->tools = l->question_tools[l->s->n_questions];
    return rc == CS_OK ? cs_load_derived(l, cs_node_get(n, "derive"), q) : rc;
}

enum cs_err cs_load_questions(struct cs_loader *l)
{
    const struct cs_node *list;
    enum cs_err rc = cs_node_need(l->root, "the study", "questions", &list, l->err);
    if (rc == CS_OK)
        rc = cs_node_list(list, "questions", l->err);
    if (rc == CS_OK && list->n > CS_QUESTIONS_MAX)
        rc = cs_yaml_fail(list, l->err, "%u questions; at most %d", list->n, CS_QUESTIONS_MAX);
    if (rc != CS_OK)
        return rc;
    struct cs_question *questions = cs_arena_array(l->arena, list->n, sizeof *questions);
    l->s->questions = questions;
    for (const struct cs_node *n = list->first; n != NULL && rc == CS_OK; n = n->next) {
        rc = load_question(l, n, &questions[l->s->n_questions]);
        l->s->n_questions++;
    }
    return rc;
}
