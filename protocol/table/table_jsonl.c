/* JSON Lines: one flat object a line, all with the keys of the first. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/buf.h"
#include "protocol/table/names.h"
#include "protocol/table/table_read.h"

struct reader {
    struct cs_table *t;
    struct cs_arena *arena;
    struct cs_error *err;
    uint32_t line;
    const char **values;
    char (*numbers)[32]; /* room for the text of a number, one per column */
};

/* A value as text; NULL for lists and objects. */
static const char *text_of(const json_t *v, char number[32])
{
    switch (json_typeof(v)) {
    case JSON_STRING:
        return json_string_value(v);
    case JSON_INTEGER:
        snprintf(number, 32, "%lld", (long long)json_integer_value(v));
        return number;
    case JSON_REAL:
        snprintf(number, 32, "%.15g", json_real_value(v));
        if (strtod(number, NULL) < json_real_value(v) || strtod(number, NULL) > json_real_value(v))
            snprintf(number, 32, "%.17g", json_real_value(v));
        return number;
    case JSON_TRUE:
        return "true";
    case JSON_FALSE:
        return "false";
    case JSON_NULL:
        return "";
    case JSON_OBJECT:
    case JSON_ARRAY:
        return NULL;
    }
    return NULL;
}

static enum cs_err take_head(struct reader *r, json_t *o)
{
    uint32_t n = 0;
    const char *key;
    json_t *v;
    const char **names = cs_xcalloc(json_object_size(o) + 1, sizeof *names);
    json_object_foreach(o, key, v) names[n++] = key;
    enum cs_err rc = cs_table_head(r->t, r->arena, r->line, names, n, r->err);
    free(names);
    if (rc == CS_OK) {
        r->values = cs_xcalloc(n, sizeof *r->values);
        r->numbers = cs_xcalloc(n, sizeof *r->numbers);
    }
    return rc;
}

static enum cs_err take_object(struct reader *r, json_t *o)
{
    struct cs_table *t = r->t;
    enum cs_err rc = t->columns == NULL ? take_head(r, o) : cs_table_room(t, r->line, r->err);
    for (uint32_t i = 0; i < t->n_columns && rc == CS_OK; i++) {
        const json_t *v = json_object_get(o, t->columns[i]);
        if (v == NULL)
            return cs_error_set(r->err, CS_EINVAL, "%s:%u: no \"%s\"; all rows have the keys of the first", t->path,
                                r->line, t->columns[i]);
        r->values[i] = text_of(v, r->numbers[i]);
        if (r->values[i] == NULL)
            return cs_error_set(r->err, CS_EINVAL, "%s:%u: \"%s\" is a list or an object; write a text", t->path,
                                r->line, t->columns[i]);
        if (strlen(r->values[i]) > CS_TEXT_MAX)
            return cs_error_set(r->err, CS_EINVAL, "%s:%u: \"%s\" is longer than %d bytes", t->path, r->line,
                                t->columns[i], CS_TEXT_MAX);
    }
    if (rc != CS_OK)
        return rc;
    const char *key;
    json_t *v;
    json_object_foreach(o, key, v)
    {
        if (cs_table_column(t, key) == CS_NONE)
            return cs_error_set(r->err, CS_EINVAL, "%s:%u: unknown key \"%s\"; all rows have the keys of the first%s",
                                t->path, r->line, key, cs_hint(key, t->columns, t->n_columns).text);
    }
    cs_table_add(t, r->arena, r->line, r->values);
    return CS_OK;
}

static enum cs_err take_line(struct reader *r, const struct cs_buf *line)
{
    json_error_t e;
    const char *s = cs_buf_cstr(line);
    if (s[strspn(s, " \t\r\n")] == '\0')
        return CS_OK;
    json_t *o = json_loadb(s, line->len, JSON_REJECT_DUPLICATES, &e);
    enum cs_err rc;
    if (o == NULL)
        rc = cs_error_set(r->err, CS_EINVAL, "%s:%u: not one JSON object in one line (%s)", r->t->path, r->line,
                          e.text);
    else if (!json_is_object(o))
        rc = cs_error_set(r->err, CS_EINVAL, "%s:%u: not a JSON object; write {\"column\": \"text\", ...}", r->t->path,
                          r->line);
    else
        rc = take_object(r, o);
    json_decref(o);
    return rc;
}

enum cs_err cs_table_jsonl(struct cs_pieces *in, struct cs_arena *arena, struct cs_table *t, struct cs_error *err)
{
    struct reader r = {.t = t, .arena = arena, .err = err};
    struct cs_buf line = CS_BUF_INIT(CS_ROW_BYTES_MAX);
    const char *bytes;
    size_t n;
    enum cs_err rc;
    while ((rc = cs_pieces_next(in, &bytes, &n, err)) == CS_OK && n > 0) {
        r.line = in->line;
        cs_buf_append(&line, bytes, n);
        if (line.overflow) {
            rc = cs_error_set(err, CS_EINVAL, "%s:%u: a row longer than 1 MiB", t->path, r.line);
            break;
        }
        if (!in->line_done)
            continue;
        rc = take_line(&r, &line);
        if (rc != CS_OK)
            break;
        cs_buf_clear(&line);
    }
    if (rc == CS_OK && line.len > 0)
        rc = take_line(&r, &line);
    cs_buf_release(&line);
    free(r.values);
    free(r.numbers);
    return rc;
}
