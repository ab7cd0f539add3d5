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

/* arena NULL: only whether it is valid matters. order: from letters to options, or NULL. */
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

static struct cs_json *object_in(const char *text, size_t n, bool lenient, struct verdict *v)
{
    struct span span = unwrap(text, n);
    struct cs_json *reply = NULL;
    v->fault = is_blank(text, n) ? CS_ANSWER_EMPTY : CS_ANSWER_NO_OBJECT;
    if (span.n > CS_BODY_MAX) {
        (void)FAILS(v, CS_ANSWER_TOO_LONG, "the reply is over %u bytes", CS_BODY_MAX);
        return NULL;
    }
    if (lenient)
        return cs_lenient_object(text, n, &v->fault);
    reply = cs_json_loadb(span.p, span.n, CS_JSON_REJECT_DUPLICATES, NULL);
    if (cs_json_is_object(reply))
        return reply;
    cs_json_decref(reply);
    return NULL;
}

/* answers and at NULL: check only. */
static enum cs_err read_reply(const struct cs_study *s, uint32_t question, const struct cs_coords *at, const char *text,
                              size_t n, bool lenient, struct cs_arena *arena, struct cs_answer *answers,
                              struct verdict *v)
{
    enum cs_err rc = CS_OK;
    CS_ASSERT(question < s->n_questions);
    const struct cs_question *q = &s->questions[question];
    if (q->n_fields == 0)
        return is_blank(text, n) ? FAILS(v, CS_ANSWER_EMPTY, "the reply is empty") : CS_OK;
    struct cs_json *reply = object_in(text, n, lenient, v);
    if (reply == NULL)
        return v->fault == CS_ANSWER_TOO_LONG ? CS_EINVAL : FAILS(v, v->fault, "the reply is not a JSON object");
    for (uint32_t i = 0; i < q->n_fields && rc == CS_OK; i++) {
        const struct cs_field *f = &q->fields[i];
        struct cs_answer scratch;
        struct cs_json *value = lenient ? cs_lenient_member(reply, f->name) : cs_json_object_get(reply, f->name);
        value = lenient && value != NULL ? cs_lenient_value(f, value) : cs_json_incref(value);
        rc = read_field(f, value, order_of(s, f, at), arena, answers != NULL ? &answers[i] : &scratch, v);
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

struct cs_answer_check cs_answer_check(const struct cs_study *s, uint32_t question, bool lenient, const char *text,
                                       size_t n)
{
    struct verdict v = {CS_ANSWER_NONE, NULL};
    if (read_reply(s, question, NULL, text, n, false, NULL, NULL, &v) == CS_OK)
        return (struct cs_answer_check){CS_ANSWER_NONE, false};
    if (lenient && read_reply(s, question, NULL, text, n, true, NULL, NULL, &v) == CS_OK)
        return (struct cs_answer_check){CS_ANSWER_NONE, true};
    return (struct cs_answer_check){v.fault, false};
}

enum cs_err cs_answer_read(const struct cs_study *s, const struct cs_coords *at, const char *text, size_t n,
                           bool lenient, struct cs_arena *arena, struct cs_answer *answers)
{
    struct verdict v = {CS_ANSWER_NONE, NULL};
    CS_ASSERT(arena != NULL);
    return read_reply(s, at->question, at, text, n, lenient, arena, answers, &v);
}

enum cs_err cs_answer_parse(const struct cs_study *s, const struct cs_coords *at, const struct cs_case *c,
                            const char *text, size_t n, bool lenient, const char *alternatives, struct cs_arena *arena,
                            struct cs_answer *answers, struct cs_derived_value *derived, struct cs_error *err)
{
    struct verdict v = {CS_ANSWER_NONE, err};
    CS_ASSERT(arena != NULL);
    enum cs_err rc = read_reply(s, at->question, at, text, n, lenient, arena, answers, &v);
    if (rc != CS_OK)
        return rc;
    const struct cs_derive_facts facts = {&s->questions[at->question], c, text, n, alternatives, answers, arena, NULL};
    cs_derive(&facts, derived);
    return CS_OK;
}
