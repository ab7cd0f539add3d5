#include <float.h>
#include <stdio.h>
#include <string.h>

#include "protocol/base/assert.h"
#include "protocol/study/answer.h"
#include "protocol/base/json.h"

static void put(struct cs_buf *out, const char *text)
{
    cs_json_str(out, text, strlen(text));
}

/* "enum":[the words of a field, insufficient's last] */
static void put_enum(const struct cs_field *f, struct cs_buf *out)
{
    cs_buf_str(out, "\"enum\":[");
    for (uint32_t i = 0; i < f->n_categories; i++) {
        const char letter[2] = {(char)('A' + i), '\0'};
        if (i > 0)
            cs_buf_char(out, ',');
        put(out, f->kind == CS_FIELD_OPTIONS ? letter : f->categories[i]);
    }
    if (f->insufficient != NULL) {
        if (f->n_categories > 0)
            cs_buf_char(out, ',');
        put(out, f->insufficient);
    }
    cs_buf_char(out, ']');
}

/* The largest numbers of their kind, and infinity, say that there is no bound. */
static bool is_bound(double v)
{
    return v > -DBL_MAX && v < DBL_MAX;
}

static void put_number(const struct cs_field *f, struct cs_buf *out)
{
    if (f->insufficient != NULL)
        cs_buf_str(out, "\"anyOf\":[{");
    cs_buf_str(out, "\"type\":\"number\"");
    if (is_bound(f->min)) {
        cs_buf_str(out, ",\"minimum\":");
        cs_json_number(out, f->min);
    }
    if (is_bound(f->max)) {
        cs_buf_str(out, ",\"maximum\":");
        cs_json_number(out, f->max);
    }
    if (f->insufficient != NULL) {
        cs_buf_str(out, "},{\"type\":\"string\",");
        put_enum(f, out);
        cs_buf_str(out, "}]");
    }
}

static void put_object(const struct cs_field *fields, uint32_t n_fields, uint32_t numbered, uint32_t elements,
                       struct cs_buf *out);

static void put_field(const struct cs_field *f, uint32_t elements, struct cs_buf *out)
{
    put(out, f->name);
    cs_buf_char(out, ':');
    if (f->kind == CS_FIELD_LIST) {
        put_object(f->list->fields, f->list->n_fields, elements > 0 ? elements : 1, 0, out);
        return;
    }
    cs_buf_char(out, '{');
    switch (f->kind) {
    case CS_FIELD_BOOLEAN:
    case CS_FIELD_ORDINAL:
    case CS_FIELD_NOMINAL:
    case CS_FIELD_OPTIONS:
        cs_buf_str(out, "\"type\":\"string\",");
        put_enum(f, out);
        break;
    case CS_FIELD_TEXT:
        cs_buf_str(out, "\"type\":\"string\"");
        break;
    case CS_FIELD_NUMBER:
        put_number(f, out);
        break;
    case CS_FIELD_LIST: /* above */
        break;
    }
    if (f->describe != NULL) {
        cs_buf_str(out, ",\"description\":");
        put(out, f->describe);
    }
    cs_buf_char(out, '}');
}

/* {"type":"object",...} with a property for each field; `numbered`: for each number, which then has the fields. */
static void put_object(const struct cs_field *fields, uint32_t n_fields, uint32_t numbered, uint32_t elements,
                       struct cs_buf *out)
{
    const uint32_t n = numbered > 0 ? numbered : n_fields;
    char number[16];
    cs_buf_str(out, "{\"type\":\"object\",\"properties\":{");
    for (uint32_t i = 0; i < n; i++) {
        if (i > 0)
            cs_buf_char(out, ',');
        if (numbered == 0) {
            put_field(&fields[i], elements, out);
            continue;
        }
        cs_buf_printf(out, "\"%u\":", i + 1);
        put_object(fields, n_fields, 0, 0, out);
    }
    cs_buf_str(out, "},\"required\":[");
    for (uint32_t i = 0; i < n; i++) {
        snprintf(number, sizeof number, "%u", i + 1);
        if (i > 0)
            cs_buf_char(out, ',');
        put(out, numbered > 0 ? number : fields[i].name);
    }
    cs_buf_str(out, "],\"additionalProperties\":false}");
}

void cs_schema_answer(const struct cs_study *s, uint32_t question, uint32_t elements, struct cs_buf *out)
{
    CS_ASSERT(question < s->n_questions);
    const struct cs_question *q = &s->questions[question];
    put_object(q->fields, q->n_fields, 0, elements, out);
}

void cs_schema_fields(const struct cs_field *fields, uint32_t n, struct cs_buf *out)
{
    put_object(fields, n, 0, 0, out);
}

struct cs_schema_size cs_schema_size(const struct cs_question *q, uint32_t elements)
{
    struct cs_schema_size size = {0};
    for (uint32_t i = 0; i < q->n_fields; i++) {
        const struct cs_field *f = &q->fields[i];
        const uint32_t times = f->kind == CS_FIELD_LIST ? elements : 1;
        const uint32_t n = f->kind == CS_FIELD_LIST ? f->list->n_fields : 1;
        const struct cs_field *fields = f->kind == CS_FIELD_LIST ? f->list->fields : f;
        size.properties += 1 + (f->kind == CS_FIELD_LIST ? times * (n + 1) : 0);
        for (uint32_t k = 0; k < n; k++)
            size.words += times * (fields[k].n_categories + (fields[k].insufficient != NULL));
    }
    return size;
}
