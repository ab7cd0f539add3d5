#include <float.h>
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

static void put_field(const struct cs_field *f, struct cs_buf *out)
{
    put(out, f->name);
    cs_buf_str(out, ":{");
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
    }
    if (f->describe != NULL) {
        cs_buf_str(out, ",\"description\":");
        put(out, f->describe);
    }
    cs_buf_char(out, '}');
}

void cs_schema_answer(const struct cs_study *s, uint32_t question, struct cs_buf *out)
{
    CS_ASSERT(question < s->n_questions);
    const struct cs_question *q = &s->questions[question];
    cs_buf_str(out, "{\"type\":\"object\",\"properties\":{");
    for (uint32_t i = 0; i < q->n_fields; i++) {
        if (i > 0)
            cs_buf_char(out, ',');
        put_field(&q->fields[i], out);
    }
    cs_buf_str(out, "},\"required\":[");
    for (uint32_t i = 0; i < q->n_fields; i++) {
        if (i > 0)
            cs_buf_char(out, ',');
        put(out, q->fields[i].name);
    }
    cs_buf_str(out, "],\"additionalProperties\":false}");
}
