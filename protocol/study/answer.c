#include "protocol/study/answer.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/arena.h"
#include "protocol/base/assert.h"
#include "protocol/base/json.h"
#include "protocol/study/derive.h"
#include "protocol/study/lenient.h"
#include "protocol/study/list.h"

/* The sentences name fields, never what a model said: they are logged and stored. */

struct span {
    const char *p;
    size_t n;
};

/* White space, and what stands in the place of odd bytes: it was not the model that wrote that. */
static struct span trim(struct span s)
{
    static const char odd[] = "\xef\xbf\xbd";
    const size_t n_odd = sizeof odd - 1;
    for (;;) {
        if (s.n > 0 && isspace((unsigned char)s.p[0]))
            s.p++, s.n--;
        else if (s.n > 0 && isspace((unsigned char)s.p[s.n - 1]))
            s.n--;
        else if (s.n >= n_odd && memcmp(s.p + s.n - n_odd, odd, n_odd) == 0)
            s.n -= n_odd;
        else if (s.n >= n_odd && memcmp(s.p, odd, n_odd) == 0)
            s.p += n_odd, s.n -= n_odd;
        else
            return s;
    }
}

/* Takes white space and one code fence (```json ... ```) off. */
static struct span unwrap(const char *text, size_t n)
{
    struct span s = trim((struct span){text, n});
    if (s.n < 6 || memcmp(s.p, "```", 3) != 0 || memcmp(s.p + s.n - 3, "```", 3) != 0)
        return s;
    s = (struct span){s.p + 3, s.n - 6};
    while (s.n > 0 && isalnum((unsigned char)s.p[0])) /* the language */
        s.p++, s.n--;
    return trim(s);
}

/* Why it is unparsable, for the record and for people. */
struct verdict {
    enum cs_answer_fault fault;
    struct cs_error *err;
};

#define FAILS(v, why, ...) ((v)->fault = (why), cs_error_set((v)->err, CS_EINVAL, __VA_ARGS__))

/* ---- one field -------------------------------------------------------------------------------- */

/* The place of a word in the enum as the schema gives it, or CS_NONE. */
static uint32_t place_of(const struct cs_field *f, const char *word)
{
    if (f->kind == CS_FIELD_OPTIONS) {
        bool letter = word[0] >= 'A' && (uint32_t)(word[0] - 'A') < f->n_categories && word[1] == '\0';
        return letter ? (uint32_t)(word[0] - 'A') : CS_NONE;
    }
    for (uint32_t i = 0; i < f->n_categories; i++)
        if (strcmp(word, f->categories[i]) == 0)
            return i;
    return CS_NONE;
}

static enum cs_err read_word(const struct cs_field *f, const char *word, const uint32_t *order, struct cs_answer *out,
                             struct verdict *v)
{
    uint32_t i = place_of(f, word);
    if (i == CS_NONE)
        return FAILS(v, CS_ANSWER_WORD, "\"%s\" is not one of its words", f->name);
    if (order != NULL)
        i = order[i];
    out->text = f->categories[i];
    out->category = f->kind == CS_FIELD_BOOLEAN ? 1 - i : i;
    return CS_OK;
}

static enum cs_err read_number(const struct cs_field *f, const struct cs_json *value, struct cs_arena *arena,
                               struct cs_answer *out, struct verdict *v)
{
    char text[40];
    if (!cs_json_is_number(value))
        return FAILS(v, CS_ANSWER_TYPE, "\"%s\" is not a number", f->name);
    out->number = cs_json_number_value(value);
    if (!(out->number >= f->min && out->number <= f->max))
        return FAILS(v, CS_ANSWER_RANGE, "\"%s\" is outside %g to %g", f->name, f->min, f->max);
    if (arena == NULL)
        return CS_OK;
    if (cs_json_is_integer(value)) {
        snprintf(text, sizeof text, "%lld", (long long)cs_json_integer_value(value));
    } else {
        snprintf(text, sizeof text, "%.15g", out->number);
        if (strtod(text, NULL) < out->number || strtod(text, NULL) > out->number)
            snprintf(text, sizeof text, "%.17g", out->number);
    }
    out->text = cs_arena_strdup(arena, text);
    return CS_OK;
}

static enum cs_err read_text(const struct cs_field *f, const struct cs_json *value, struct cs_arena *arena,
                             struct cs_answer *out, struct verdict *v)
{
    if (cs_json_string_length(value) > CS_ANSWER_TEXT_MAX)
        return FAILS(v, CS_ANSWER_TOO_LONG, "\"%s\" is over %u bytes", f->name, CS_ANSWER_TEXT_MAX);
    if (arena != NULL)
        out->text = cs_arena_strdup(arena, cs_json_string_value(value));
    return CS_OK;
}

/* arena NULL: only whether it is valid matters. order: from letters to options, or NULL. Of all kinds but lists. */
static enum cs_err read_field(const struct cs_field *f, const struct cs_json *value, const uint32_t *order,
                              struct cs_arena *arena, struct cs_answer *out, struct verdict *v)
{
    *out = (struct cs_answer){.category = CS_NONE};
    if (value == NULL)
        return FAILS(v, CS_ANSWER_MISSING, "\"%s\" is missing", f->name);
    if (cs_json_is_string(value) && f->insufficient != NULL &&
        strcmp(cs_json_string_value(value), f->insufficient) == 0) {
        out->insufficient = true;
        out->text = f->insufficient;
        return CS_OK;
    }
    if (f->kind == CS_FIELD_NUMBER)
        return read_number(f, value, arena, out, v);
    if (!cs_json_is_string(value))
        return FAILS(v, CS_ANSWER_TYPE, "\"%s\" is not a string", f->name);
    if (f->kind == CS_FIELD_TEXT)
        return read_text(f, value, arena, out, v);
    return read_word(f, cs_json_string_value(value), order, out, v);
}

/* ---- a list ----------------------------------------------------------------------------------- */

struct reading { /* how a reply is read */
    bool lenient;
    uint32_t elements;      /* of the case's list */
    struct cs_arena *arena; /* NULL: only whether it is valid matters */
};

/* A member's value as this reader takes it, a new reference or NULL. */
static struct cs_json *member(const struct reading *r, struct cs_json *object, const struct cs_field *f)
{
    struct cs_json *value = r->lenient ? cs_lenient_member(object, f->name) : cs_json_object_get(object, f->name);
    return r->lenient && value != NULL ? cs_lenient_value(f, value) : cs_json_incref(value);
}

static enum cs_err read_element(const struct reading *r, const struct cs_list_answer *a, struct cs_json *element,
                                struct cs_answer *out, struct verdict *v)
{
    enum cs_err rc = CS_OK;
    struct cs_answer scratch;
    if (!cs_json_is_object(element))
        return FAILS(v, CS_ANSWER_TYPE, "an element of the list is not an object");
    for (uint32_t i = 0; i < a->n_fields && rc == CS_OK; i++) {
        struct cs_json *value = member(r, element, &a->fields[i]);
        rc = read_field(&a->fields[i], value, NULL, r->arena, out != NULL ? &out[i] : &scratch, v);
        cs_json_decref(value);
    }
    return rc;
}

/* The number that a text or a value says, from 0; CS_NONE: none of the list's. */
static uint32_t numbered(const struct reading *r, const struct cs_json *value, const char *text)
{
    char *end = NULL;
    int64_t number = cs_json_is_integer(value) ? cs_json_integer_value(value) : 0;
    if (text != NULL && text[0] >= '1' && text[0] <= '9') {
        number = strtol(text, &end, 10);
        number = *end == '\0' ? number : 0;
    }
    return number >= 1 && number <= r->elements ? (uint32_t)number - 1 : CS_NONE;
}

/* The element that an object of an array is about. */
static enum cs_err find_number(const struct reading *r, const struct cs_list_answer *a, struct cs_json *element,
                               uint32_t *out, struct verdict *v)
{
    const struct cs_json *key = r->lenient ? cs_lenient_member(element, a->key) : cs_json_object_get(element, a->key);
    if (!cs_json_is_object(element))
        return FAILS(v, CS_ANSWER_TYPE, "an element of the list is not an object");
    if (key == NULL)
        return FAILS(v, CS_ANSWER_MISSING, "\"%s\" is missing in an element", a->key);
    if (!cs_json_is_integer(key) && !(r->lenient && cs_json_is_string(key)))
        return FAILS(v, CS_ANSWER_TYPE, "\"%s\" is not a whole number", a->key);
    *out = numbered(r, key, cs_json_string_value(key));
    return *out != CS_NONE ? CS_OK
                           : FAILS(v, CS_ANSWER_ELEMENT_FOREIGN, "\"%s\" is not from 1 to %u", a->key, r->elements);
}

static enum cs_err read_numbered(const struct reading *r, const struct cs_list_answer *a, struct cs_json *value,
                                 bool *seen, struct cs_answer *out, struct verdict *v)
{
    const bool array = cs_json_is_array(value);
    struct cs_json *element;
    const char *key;
    size_t i;
    enum cs_err rc = CS_OK;
    uint32_t at = CS_NONE;
    cs_json_array_foreach(value, i, element)
    {
        rc = find_number(r, a, element, &at, v);
        if (rc == CS_OK && seen[at])
            rc = FAILS(v, CS_ANSWER_ELEMENT_TWICE, "element %u stands twice", at + 1);
        if (rc == CS_OK)
            rc = read_element(r, a, element, out != NULL ? out + (size_t)at * a->n_fields : NULL, v);
        if (rc != CS_OK)
            return rc;
        seen[at] = true;
    }
    cs_json_object_foreach(array ? NULL : value, key, element)
    {
        at = numbered(r, NULL, key);
        if (at == CS_NONE)
            return FAILS(v, CS_ANSWER_ELEMENT_FOREIGN, "an element is not from 1 to %u", r->elements);
        rc = read_element(r, a, element, out != NULL ? out + (size_t)at * a->n_fields : NULL, v);
        if (rc != CS_OK)
            return rc;
        seen[at] = true;
    }
    for (at = 0; at < r->elements; at++) {
        if (!seen[at])
            return FAILS(v, CS_ANSWER_ELEMENT_MISSING, "element %u is missing", at + 1);
    }
    return CS_OK;
}

/* [{"Option":1,"grade":"right"},...] */
static const char *list_text(const struct cs_list_answer *a, const struct cs_answer *rows, uint32_t n,
                             struct cs_arena *arena)
{
    struct cs_buf b = CS_BUF_INIT(SIZE_MAX);
    cs_buf_char(&b, '[');
    for (uint32_t i = 0; i < n; i++) {
        cs_buf_str(&b, i > 0 ? ",{" : "{");
        cs_json_str(&b, a->key, strlen(a->key));
        cs_buf_printf(&b, ":%u", i + 1);
        for (uint32_t k = 0; k < a->n_fields; k++) {
            const struct cs_answer *said = &rows[(size_t)i * a->n_fields + k];
            cs_buf_char(&b, ',');
            cs_json_str(&b, a->fields[k].name, strlen(a->fields[k].name));
            cs_buf_char(&b, ':');
            if (a->fields[k].kind == CS_FIELD_NUMBER && !said->insufficient)
                cs_buf_str(&b, said->text);
            else
                cs_json_str(&b, said->text, strlen(said->text));
        }
        cs_buf_char(&b, '}');
    }
    cs_buf_char(&b, ']');
    const char *text = cs_arena_strndup(arena, b.data, b.len);
    cs_buf_release(&b);
    return text;
}

static enum cs_err read_list(const struct reading *r, const struct cs_field *f, struct cs_json *value,
                             struct cs_answer *out, struct verdict *v)
{
    const struct cs_list_answer *a = f->list;
    struct cs_answer *rows = NULL;
    bool seen[CS_ELEMENTS_MAX] = {false};
    *out = (struct cs_answer){.category = CS_NONE};
    CS_ASSERT(r->elements <= CS_ELEMENTS_MAX);
    if (value == NULL)
        return FAILS(v, CS_ANSWER_MISSING, "\"%s\" is missing", f->name);
    if (!cs_json_is_object(value) && !cs_json_is_array(value))
        return FAILS(v, CS_ANSWER_TYPE, "\"%s\" is neither an object nor an array", f->name);
    if (r->arena != NULL)
        rows = cs_arena_array(r->arena, (size_t)r->elements * a->n_fields + 1, sizeof *rows);
    enum cs_err rc = read_numbered(r, a, value, seen, rows, v);
    if (rc != CS_OK || rows == NULL)
        return rc;
    out->elements = rows;
    out->n_elements = r->elements;
    out->text = list_text(a, rows, r->elements, r->arena);
    return CS_OK;
}

/* ---- a reply ---------------------------------------------------------------------------------- */

static const uint32_t *order_of(const struct cs_study *s, const struct cs_field *f, const struct cs_coords *at)
{
    if (at == NULL || f->order_factor == CS_NONE)
        return NULL;
    return s->factors[f->order_factor].levels[at->arms[f->order_factor].level].order;
}

static bool is_blank(const char *text, size_t n)
{
    return trim((struct span){text, n}).n == 0;
}

/* Whether the reply may be an array: the list itself, where nothing else is asked. */
static bool is_list_alone(const struct cs_question *q)
{
    return q->n_fields == 1 && q->fields[0].kind == CS_FIELD_LIST;
}

/* An object, or the array of is_list_alone. */
static struct cs_json *root_in(const struct cs_question *q, const char *text, size_t n, bool lenient, struct verdict *v)
{
    const bool list = is_list_alone(q);
    struct span span = unwrap(text, n);
    struct cs_json *reply = NULL;
    v->fault = is_blank(text, n) ? CS_ANSWER_EMPTY : CS_ANSWER_NO_OBJECT;
    if (span.n > CS_BODY_MAX) {
        (void)FAILS(v, CS_ANSWER_TOO_LONG, "the reply is over %u bytes", CS_BODY_MAX);
        return NULL;
    }
    if (lenient)
        return cs_lenient_root(text, n, list, &v->fault);
    reply = cs_json_loadb(span.p, span.n, CS_JSON_REJECT_DUPLICATES, NULL);
    if (cs_json_is_object(reply) || (list && cs_json_is_array(reply)))
        return reply;
    if (reply == NULL && cs_list_of(q) != NULL) { /* a member twice is no JSON to us, and of a list it has a name */
        reply = cs_json_loadb(span.p, span.n, 0, NULL);
        v->fault = cs_json_is_object(reply) ? CS_ANSWER_ELEMENT_TWICE : v->fault;
    }
    cs_json_decref(reply);
    return NULL;
}

/* answers and at NULL: check only. */
static enum cs_err read_reply(const struct cs_study *s, uint32_t question, const struct cs_coords *at, const char *text,
                              size_t n, const struct reading *r, struct cs_answer *answers, struct verdict *v)
{
    enum cs_err rc = CS_OK;
    CS_ASSERT(question < s->n_questions);
    const struct cs_question *q = &s->questions[question];
    if (q->n_fields == 0)
        return is_blank(text, n) ? FAILS(v, CS_ANSWER_EMPTY, "the reply is empty") : CS_OK;
    struct cs_json *reply = root_in(q, text, n, r->lenient, v);
    if (reply == NULL)
        return v->fault == CS_ANSWER_TOO_LONG        ? CS_EINVAL
               : v->fault == CS_ANSWER_ELEMENT_TWICE ? FAILS(v, v->fault, "a member of the reply stands twice")
                                                     : FAILS(v, v->fault, "the reply is not a JSON object");
    for (uint32_t i = 0; i < q->n_fields && rc == CS_OK; i++) {
        const struct cs_field *f = &q->fields[i];
        struct cs_answer scratch, *out = answers != NULL ? &answers[i] : &scratch;
        struct cs_json *value = cs_json_is_array(reply) ? cs_json_incref(reply) : member(r, reply, f);
        rc = f->kind == CS_FIELD_LIST ? read_list(r, f, value, out, v)
                                      : read_field(f, value, order_of(s, f, at), r->arena, out, v);
        cs_json_decref(value);
    }
    cs_json_decref(reply);
    return rc;
}

const char *cs_answer_fault_name(enum cs_answer_fault f)
{
    static const char *const names[] = {
#define X(name, word) [CS_ANSWER_##name] = word,
        CS_ANSWER_FAULT_TABLE(X)
#undef X
    };
    CS_ASSERT(f < CS_ANSWER_FAULTS);
    return names[f];
}

enum cs_answer_fault cs_answer_fault_of(const char *word)
{
    unsigned f = CS_ANSWER_NONE;
    while (f < CS_ANSWER_FAULTS && strcmp(cs_answer_fault_name((enum cs_answer_fault)f), word) != 0)
        f++;
    return f < CS_ANSWER_FAULTS ? (enum cs_answer_fault)f : CS_ANSWER_NONE;
}

bool cs_answer_lenient(const struct cs_study *s, uint32_t question, uint32_t model)
{
    const enum cs_reads own = s->questions[question].reads;
    return (own != CS_READS_UNSAID ? own : s->accounts[s->models[model].account].reads) == CS_READS_LENIENT;
}

struct cs_answer_check cs_answer_check(const struct cs_study *s, uint32_t question, uint32_t elements, bool lenient,
                                       const char *text, size_t n)
{
    struct verdict v = {CS_ANSWER_NONE, NULL};
    const struct reading strict = {.elements = elements}, all = {.lenient = true, .elements = elements};
    if (read_reply(s, question, NULL, text, n, &strict, NULL, &v) == CS_OK)
        return (struct cs_answer_check){CS_ANSWER_NONE, false};
    if (lenient && read_reply(s, question, NULL, text, n, &all, NULL, &v) == CS_OK)
        return (struct cs_answer_check){CS_ANSWER_NONE, true};
    return (struct cs_answer_check){v.fault, false};
}

enum cs_err cs_answer_read(const struct cs_study *s, const struct cs_coords *at, const char *text, size_t n,
                           bool lenient, struct cs_arena *arena, struct cs_answer *answers)
{
    struct verdict v = {CS_ANSWER_NONE, NULL};
    CS_ASSERT(arena != NULL);
    const struct reading r = {.lenient = lenient, .arena = arena}; /* a conversation has no lists (load/graded.c) */
    return read_reply(s, at->question, at, text, n, &r, answers, &v);
}

enum cs_err cs_answer_parse(const struct cs_study *s, const struct cs_coords *at, const struct cs_case *c,
                            const char *text, size_t n, bool lenient, const char *alternatives, struct cs_arena *arena,
                            struct cs_answer *answers, struct cs_derived_value *derived, struct cs_error *err)
{
    const struct cs_question *q = &s->questions[at->question];
    const struct cs_field *list = cs_list_of(q);
    struct verdict v = {CS_ANSWER_NONE, err};
    struct cs_elements own = {0};
    CS_ASSERT(arena != NULL);
    enum cs_err rc = CS_OK;
    if (list != NULL && c != NULL && c->values != NULL)
        rc = cs_elements_read(c->values[list->list->column], arena, &own, err);
    const struct reading r = {.lenient = lenient, .elements = own.n, .arena = arena};
    if (rc == CS_OK)
        rc = read_reply(s, at->question, at, text, n, &r, answers, &v);
    if (rc != CS_OK)
        return rc;
    const struct cs_derive_facts facts = {q, c, text, n, alternatives, answers, arena, NULL, &own, NULL};
    cs_derive(&facts, derived);
    return CS_OK;
}
