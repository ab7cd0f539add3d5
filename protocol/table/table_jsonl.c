/* JSON Lines and JSON lists: objects become rows. Objects inside are taken apart (`meta.age`), lists too (`options.1`); a key that a row
 * lacks is the empty text, and a column that comes later is empty in the rows before it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/buf.h"
#include "protocol/base/json.h"
#include "protocol/table/names.h"
#include "protocol/table/table_read.h"

enum { DEPTH_MAX = 8, LIST_BYTES_MAX = 64 * 1024 * 1024, COLUMNS_MAX = CS_COLUMNS_MAX - 2 };

struct reader {
    struct cs_table *t;
    struct cs_arena *arena;
    struct cs_error *err;
    uint32_t line, head_line;
    struct cs_names known;   /* columns so far */
    const char **columns;    /* COLUMNS_MAX; t->n_columns of them so far */
    uint32_t *since;         /* the number of rows that there were when the column came */
    const char **values;     /* the row's, per column; NULL: not there */
    struct cs_arena scratch; /* names and numbers of the row */
};

static const char *number_text(struct reader *r, double v)
{
    char *s = cs_arena_printf(&r->scratch, "%.15g", v);
    if (strtod(s, NULL) < v || strtod(s, NULL) > v)
        s = cs_arena_printf(&r->scratch, "%.17g", v);
    return s;
}

/* A value as text; NULL for lists and objects. */
static const char *text_of(struct reader *r, const struct cs_json *v)
{
    switch (cs_json_typeof(v)) {
    case CS_JSON_STRING:
        return cs_json_string_value(v);
    case CS_JSON_INTEGER:
        return cs_arena_printf(&r->scratch, "%lld", (long long)cs_json_integer_value(v));
    case CS_JSON_REAL:
        return number_text(r, cs_json_real_value(v));
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

static enum cs_err new_column(struct reader *r, const char *name, uint32_t *out)
{
    struct cs_table *t = r->t;
    if (t->n_columns == COLUMNS_MAX)
        return cs_error_set(r->err, CS_EINVAL, "%s:%u: more than %d columns", t->path, r->line, COLUMNS_MAX);
    if (!cs_table_read_is_name(name))
        return cs_error_set(r->err, CS_EINVAL, "%s:%u: key \"%.100s\" is no usable name of a column", t->path, r->line,
                            name);
    *out = t->n_columns++;
    r->columns[*out] = cs_arena_strdup(r->arena, name);
    r->since[*out] = t->n_rows;
    cs_names_put(&r->known, r->columns[*out], *out);
    return CS_OK;
}

static enum cs_err take_value(struct reader *r, const char *name, const char *text)
{
    uint32_t c = cs_names_get(&r->known, name);
    enum cs_err rc = c == CS_NONE ? new_column(r, name, &c) : CS_OK;
    if (rc != CS_OK)
        return rc;
    if (r->values[c] != NULL)
        return cs_error_set(r->err, CS_EINVAL, "%s:%u: two values for \"%s\"; rename one key", r->t->path, r->line,
                            name);
    if (strlen(text) > CS_TEXT_MAX)
        return cs_error_set(r->err, CS_EINVAL, "%s:%u: \"%s\" is longer than %d bytes", r->t->path, r->line, name,
                            CS_TEXT_MAX);
    r->values[c] = text;
    return CS_OK;
}

/* A column of lists keeps what it has as it is. */
static const char *list_text(struct reader *r, const char *name, const struct cs_json *v)
{
    for (uint32_t i = 0; i < r->t->n_lists; i++) {
        if (strcmp(r->t->lists[i], name) != 0)
            continue;
        char *json = cs_json_dumps(v, CS_JSON_COMPACT), *text = cs_arena_strdup(&r->scratch, json);
        free(json);
        return text;
    }
    return NULL;
}

/* The values inside an object or a list; `above` is its name, or NULL at the top. Depth is bounded. */
static enum cs_err take_inside(struct reader *r, const char *above, struct cs_json *v, uint32_t depth)
{
    if (depth > DEPTH_MAX)
        return cs_error_set(r->err, CS_EINVAL, "%s:%u: \"%s\" is nested deeper than %d levels", r->t->path, r->line,
                            above, DEPTH_MAX);
    enum cs_err rc = CS_OK;
    struct cs_json *inner;
    const char *key, *text;
    size_t i;
    if (cs_json_is_array(v)) {
        cs_json_array_foreach(v, i, inner)
        {
            const char *name = cs_arena_printf(&r->scratch, "%s.%zu", above, i + 1);
            text = text_of(r, inner);
            rc = text != NULL ? take_value(r, name, text) : take_inside(r, name, inner, depth + 1);
            if (rc != CS_OK)
                return rc;
        }
        return CS_OK;
    }
    cs_json_object_foreach(v, key, inner)
    {
        const char *name = above == NULL ? key : cs_arena_printf(&r->scratch, "%s.%s", above, key);
        text = text_of(r, inner);
        if (text == NULL && above == NULL)
            text = list_text(r, name, inner);
        rc = text != NULL ? take_value(r, name, text) : take_inside(r, name, inner, depth + 1);
        if (rc != CS_OK)
            return rc;
    }
    return CS_OK;
}

/* `options.3.text`: of a list, which may be longer in this row. */
static bool is_of_list(const char *name)
{
    for (const char *dot = strchr(name, '.'); dot != NULL; dot = strchr(dot + 1, '.')) {
        const size_t digits = strspn(dot + 1, "0123456789");
        if (digits > 0 && (dot[1 + digits] == '.' || dot[1 + digits] == '\0'))
            return true;
    }
    return false;
}

/* A key that this row brings, while it lacks one that is spelt nearly so, is a slip. */
static enum cs_err refuse_slips(const struct reader *r, uint32_t before)
{
    bool lacks = false;
    for (uint32_t i = 0; i < before; i++)
        lacks |= r->values[i] == NULL;
    for (uint32_t i = before; lacks && i < r->t->n_columns; i++) {
        if (is_of_list(r->columns[i]))
            continue;
        struct cs_hint hint = cs_names_hint(r->columns[i], r->columns, before);
        if (strncmp(hint.text, "; did you mean", 14) == 0)
            return cs_error_set(r->err, CS_EINVAL, "%s:%u: unknown key \"%s\"%s", r->t->path, r->line, r->columns[i],
                                hint.text);
    }
    return CS_OK;
}

static enum cs_err take_object(struct reader *r, struct cs_json *o)
{
    struct cs_table *t = r->t;
    const uint32_t before = t->n_columns;
    if (t->n_rows == 0)
        r->head_line = r->line;
    memset(r->values, 0, before * sizeof *r->values);
    enum cs_err rc = cs_table_read_room(t, r->line, r->err);
    if (rc == CS_OK)
        rc = take_inside(r, NULL, o, 1);
    if (rc == CS_OK && t->n_rows > 0)
        rc = refuse_slips(r, before);
    if (rc != CS_OK)
        return rc;
    for (uint32_t i = 0; i < t->n_columns; i++)
        r->values[i] = r->values[i] != NULL ? r->values[i] : "";
    cs_table_read_add(t, r->arena, r->line, r->values);
    cs_arena_reset(&r->scratch);
    return CS_OK;
}

/* Rows that were read before the last column came get the empty text in what they lack. */
static void fill_up(struct reader *r)
{
    struct cs_table *t = r->t;
    uint32_t width = 0;
    for (uint32_t i = 0; i < t->n_rows; i++) {
        while (width < t->n_columns && r->since[width] <= i)
            width++;
        if (width == t->n_columns)
            return;
        const char **row = cs_arena_array(r->arena, t->n_columns, sizeof *row);
        for (uint32_t c = 0; c < t->n_columns; c++)
            row[c] = c < width ? t->rows[i].values[c] : "";
        t->rows[i].values = row;
    }
}

static enum cs_err not_an_object(const struct reader *r)
{
    return cs_error_set(r->err, CS_EINVAL, "%s:%u: not a JSON object; write {\"column\": \"text\", ...}", r->t->path,
                        r->line);
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
    else
        rc = cs_json_is_object(o) ? take_object(r, o) : not_an_object(r);
    cs_json_decref(o);
    return rc;
}

static enum cs_err take_lines(struct reader *r, struct cs_pieces *in, struct cs_buf *line)
{
    const char *bytes;
    size_t n;
    enum cs_err rc;
    while ((rc = cs_table_read_next(in, &bytes, &n, r->err)) == CS_OK && n > 0) {
        r->line = in->line;
        cs_buf_append(line, bytes, n);
        if (line->overflow)
            return cs_error_set(r->err, CS_EINVAL, "%s:%u: a row longer than 1 MiB", r->t->path, r->line);
        if (!in->line_done)
            continue;
        rc = take_line(r, line);
        if (rc != CS_OK)
            return rc;
        cs_buf_clear(line);
    }
    return rc == CS_OK && line->len > 0 ? take_line(r, line) : rc;
}

/* Past blanks, counting lines. */
static const char *skip(struct reader *r, const char *s)
{
    for (; *s == ' ' || *s == '\t' || *s == '\r' || *s == '\n'; s++)
        r->line += *s == '\n';
    return s;
}

static enum cs_err fail_list(const struct reader *r, const char *what)
{
    return cs_error_set(r->err, CS_EINVAL, "%s:%u: %s", r->t->path, r->line, what);
}

/* One object of the list at *s; *s is moved behind it. */
static enum cs_err take_item(struct reader *r, const char **s, const char *end)
{
    struct cs_json_error e;
    if (**s != '{')
        return **s == '\0' ? fail_list(r, "the list that opens this file is not closed; its end ] is missing")
                           : not_an_object(r);
    struct cs_json *o = cs_json_loadb(*s, (size_t)(end - *s), CS_JSON_REJECT_DUPLICATES | CS_JSON_DISABLE_EOF_CHECK,
                                      &e);
    if (o == NULL)
        return cs_error_set(r->err, CS_EINVAL, "%s:%u: not valid JSON (%s)", r->t->path,
                            r->line + (uint32_t)(e.line > 1 ? e.line - 1 : 0), e.text);
    enum cs_err rc = take_object(r, o);
    for (const char *to = *s + e.position; rc == CS_OK && *s < to; (*s)++)
        r->line += **s == '\n';
    cs_json_decref(o);
    return rc;
}

static enum cs_err take_list(struct reader *r, const char *s, const char *end)
{
    enum cs_err rc = CS_OK;
    s = skip(r, s + 1);
    if (*s == ']')
        return fail_list(r, "the list is empty; a table needs at least one row");
    while (rc == CS_OK) {
        rc = take_item(r, &s, end);
        if (rc != CS_OK)
            return rc;
        s = skip(r, s);
        if (*s == ']')
            break;
        if (*s != ',')
            return fail_list(r, *s == '\0' ? "the list that opens this file is not closed; its end ] is missing"
                                           : "a comma is missing between two objects");
        s = skip(r, s + 1);
    }
    s = skip(r, s + 1);
    return *s == '\0' ? CS_OK : fail_list(r, "text after the list; a .json file holds one list of objects");
}

static enum cs_err take_whole(struct reader *r, struct cs_pieces *in, struct cs_buf *all)
{
    const char *bytes;
    size_t n;
    enum cs_err rc;
    while ((rc = cs_table_read_next(in, &bytes, &n, r->err)) == CS_OK && n > 0) {
        cs_buf_append(all, bytes, n);
        if (all->overflow)
            return cs_error_set(r->err, CS_ETOOBIG,
                                "%s: a JSON list larger than %d MiB; save it as JSON Lines, one object a line",
                                r->t->path, LIST_BYTES_MAX >> 20);
    }
    r->line = 1;
    return rc != CS_OK ? rc : take_list(r, skip(r, cs_buf_cstr(all)), cs_buf_cstr(all) + all->len);
}

enum cs_err cs_table_jsonl(struct cs_pieces *in, struct cs_arena *arena, struct cs_table *t, struct cs_error *err)
{
    struct reader r = {.t = t, .arena = arena, .err = err, .line = 1};
    r.columns = cs_xcalloc(COLUMNS_MAX, sizeof *r.columns);
    r.since = cs_xcalloc(COLUMNS_MAX, sizeof *r.since);
    r.values = cs_xcalloc(COLUMNS_MAX, sizeof *r.values);
    const bool list = cs_table_read_begins(in, '[');
    struct cs_buf text = CS_BUF_INIT(list ? (size_t)LIST_BYTES_MAX : CS_ROW_BYTES_MAX);
    enum cs_err rc = list ? take_whole(&r, in, &text) : take_lines(&r, in, &text);
    if (rc == CS_OK && t->n_rows > 0) {
        fill_up(&r);
        rc = cs_table_read_head(t, arena, r.head_line, r.columns, t->n_columns, err);
    }
    cs_buf_release(&text);
    cs_names_release(&r.known);
    cs_arena_release(&r.scratch);
    free(r.columns);
    free(r.since);
    free(r.values);
    return rc;
}
