/* JSON Lines: one flat object a line, all with the keys of the first. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/buf.h"
#include "protocol/base/json.h"
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
static const char *text_of(const struct cs_json *v, char number[32])
{
    switch (cs_json_typeof(v)) {
    case CS_JSON_STRING:
        return cs_json_string_value(v);
    case CS_JSON_INTEGER:
        snprintf(number, 32, "%lld", (long long)cs_json_integer_value(v));
        return number;
    case CS_JSON_REAL:
        snprintf(number, 32, "%.15g", cs_json_real_value(v));
        if (strtod(number, NULL) < cs_json_real_value(v) || strtod(number, NULL) > cs_json_real_value(v))
            snprintf(number, 32, "%.17g", cs_json_real_value(v));
        return number;
    case CS_JSON_TRUE:
        return "true";
    case CS_JSON_FALSE:
        return "false";
    case CS_JSON_NULL:
        return "";
    case CS_JSON_OBJECT:
    case CS_JSON_ARRAY:
        return NULL;
    }
    return NULL;
}

static enum cs_err take_head(struct reader *r, struct cs_json *o)
{
    uint32_t n = 0;
    const char *key;
    struct cs_json *v;
    const char **names = cs_xcalloc(cs_json_object_size(o) + 1, sizeof *names);
    cs_json_object_foreach(o, key, v) names[n++] = key;
    enum cs_err rc = cs_table_read_head(r->t, r->arena, r->line, names, n, r->err);
    free(names);
    if (rc == CS_OK) {
        r->values = cs_xcalloc(n, sizeof *r->values);
        r->numbers = cs_xcalloc(n, sizeof *r->numbers);
    }
    return rc;
}

static enum cs_err take_object(struct reader *r, struct cs_json *o)
{
    struct cs_table *t = r->t;
    enum cs_err rc = t->columns == NULL ? take_head(r, o) : cs_table_read_room(t, r->line, r->err);
    for (uint32_t i = 0; i < t->n_columns && rc == CS_OK; i++) {
        const struct cs_json *v = cs_json_object_get(o, t->columns[i]);
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
    struct cs_json *v;
    cs_json_object_foreach(o, key, v)
    {
        if (cs_table_read_column(t, key) == CS_NONE)
            return cs_error_set(r->err, CS_EINVAL, "%s:%u: unknown key \"%s\"; all rows have the keys of the first%s",
                                t->path, r->line, key, cs_names_hint(key, t->columns, t->n_columns).text);
    }
    cs_table_read_add(t, r->arena, r->line, r->values);
    return CS_OK;
}

static enum cs_err take_line(struct reader *r, const struct cs_buf *line)
{
    struct cs_json_error e;
    const char *s = cs_buf_cstr(line);
    if (s[strspn(s, " \t\r\n")] == '\0')
        return CS_OK;
    struct cs_json *o = cs_json_loadb(s, line->len, CS_JSON_REJECT_DUPLICATES, &e);
    enum cs_err rc;
    if (o == NULL)
        rc = cs_error_set(r->err, CS_EINVAL, "%s:%u: not one JSON object in one line (%s)", r->t->path, r->line,
                          e.text);
    else if (!cs_json_is_object(o))
        rc = cs_error_set(r->err, CS_EINVAL, "%s:%u: not a JSON object; write {\"column\": \"text\", ...}", r->t->path,
                          r->line);
    else
        rc = take_object(r, o);
    cs_json_decref(o);
    return rc;
}

enum cs_err cs_table_jsonl(struct cs_pieces *in, struct cs_arena *arena, struct cs_table *t, struct cs_error *err)
{
    struct reader r = {.t = t, .arena = arena, .err = err};
    struct cs_buf line = CS_BUF_INIT(CS_ROW_BYTES_MAX);
    const char *bytes;
    size_t n;
    enum cs_err rc;
    while ((rc = cs_table_read_next(in, &bytes, &n, err)) == CS_OK && n > 0) {
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
