#include "tools/report/read/json_rows.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/file.h"
#include "protocol/base/json.h"
#include "protocol/table/names.h"

enum { DEPTH_MAX = 8, COLUMNS_MAX = 1024 };

struct json_rows {
    const char *path;
    struct cs_error *err;
    struct cs_arena arena, row; /* names of columns; texts of a row */
    struct cs_names known;
    const char *columns[COLUMNS_MAX];
    const char *values[COLUMNS_MAX]; /* the row's texts */
    uint32_t n_columns, line;
    bool learning; /* the first pass */
};

bool cs_json_rows_is(const char *path)
{
    const size_t n = strlen(path);
    return (n > 6 && strcmp(path + n - 6, ".jsonl") == 0) || (n > 7 && strcmp(path + n - 7, ".ndjson") == 0);
}

/* A value as text; lists as JSON. Not for objects. */
static const char *text_of(struct json_rows *r, const struct cs_json *v)
{
    switch (cs_json_typeof(v)) {
    case CS_JSON_STRING:
        return cs_json_string_value(v);
    case CS_JSON_TRUE:
        return "true";
    case CS_JSON_FALSE:
        return "false";
    case CS_JSON_NULL:
        return "";
    case CS_JSON_INTEGER:
    case CS_JSON_REAL:
    case CS_JSON_ARRAY:
    case CS_JSON_OBJECT:
        break;
    }
    char *s = cs_json_dumps(v, CS_JSON_ENCODE_ANY | CS_JSON_COMPACT | CS_JSON_REAL_PRECISION(15));
    const char *text = cs_arena_strdup(&r->row, s);
    free(s);
    return text;
}

static enum cs_err take_value(struct json_rows *r, const char *name, const struct cs_json *v)
{
    uint32_t at = cs_names_get(&r->known, name);
    if (at == UINT32_MAX && r->n_columns == COLUMNS_MAX)
        return cs_error_set(r->err, CS_EINVAL, "%s:%u: more than %d columns", r->path, r->line, COLUMNS_MAX);
    if (at == UINT32_MAX) {
        at = r->n_columns++;
        r->columns[at] = cs_arena_strdup(&r->arena, name);
        cs_names_put(&r->known, r->columns[at], at);
    }
    if (!r->learning)
        r->values[at] = text_of(r, v);
    return CS_OK;
}

/* Depth is bounded. */
static enum cs_err take_object(struct json_rows *r, const char *above, struct cs_json *o, int depth)
{
    const char *key;
    struct cs_json *v;
    cs_json_object_foreach(o, key, v)
    {
        const char *name = above[0] == '\0' ? key : cs_arena_printf(&r->row, "%s.%s", above, key);
        if (cs_json_is_object(v) && depth == DEPTH_MAX)
            return cs_error_set(r->err, CS_EINVAL, "%s:%u: \"%s\" is nested deeper than %d objects", r->path, r->line,
                                name, DEPTH_MAX);
        enum cs_err rc = cs_json_is_object(v) ? take_object(r, name, v, depth + 1) : take_value(r, name, v);
        if (rc != CS_OK)
            return rc;
    }
    return CS_OK;
}

/* *o holds the texts of the row: the caller's to release. */
static enum cs_err take_line(struct json_rows *r, const char *line, size_t n, struct cs_json **out)
{
    struct cs_json_error why;
    struct cs_json *o = *out = cs_json_loadb(line, n, CS_JSON_REJECT_DUPLICATES, &why);
    cs_arena_reset(&r->row);
    for (uint32_t i = 0; i < r->n_columns; i++)
        r->values[i] = "";
    if (o == NULL)
        return cs_error_set(r->err, CS_EINVAL, "%s:%u: not one JSON object in one line (%s)", r->path, r->line,
                            why.text);
    if (!cs_json_is_object(o))
        return cs_error_set(r->err, CS_EINVAL, "%s:%u: not a JSON object; write {\"column\": \"text\", ...}", r->path,
                            r->line);
    return take_object(r, "", o, 1);
}

static enum cs_err pass(struct json_rows *r, const struct cs_table_sink *sink, const struct cs_table *head)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    int fd;
    enum cs_err rc = cs_file_open(r->path, &fd, r->err);
    FILE *f = rc == CS_OK ? fdopen(fd, "r") : NULL;
    if (rc != CS_OK)
        return rc;
    CS_ASSERT(f != NULL);
    for (r->line = 1; rc == CS_OK && (n = getline(&line, &room, f)) >= 0; r->line++) {
        struct cs_json *o = NULL;
        if (n > CS_STREAM_ROW_MAX)
            rc = cs_error_set(r->err, CS_EINVAL, "%s:%u: a row longer than %d MiB", r->path, r->line,
                              CS_STREAM_ROW_MAX >> 20);
        else if (line[strspn(line, " \t\r\n")] != '\0')
            rc = take_line(r, line, (size_t)n, &o);
        else
            continue;
        if (rc == CS_OK && !r->learning)
            rc = sink->row(sink->self, head, r->line, r->values, r->err);
        cs_json_decref(o);
    }
    if (rc == CS_OK && ferror(f))
        rc = cs_error_set(r->err, CS_EIO, "%s: %s", r->path, strerror(errno));
    free(line);
    fclose(f);
    return rc;
}

enum cs_err cs_json_rows_stream(const char *path, const struct cs_table_sink *sink, struct cs_error *err)
{
    struct json_rows *r = cs_xcalloc(1, sizeof *r);
    *r = (struct json_rows){.path = path, .err = err, .learning = true};
    enum cs_err rc = pass(r, NULL, NULL);
    if (rc == CS_OK && r->n_columns == 0)
        rc = cs_error_set(err, CS_EINVAL, "%s: no rows; there is nothing to analyse", path);
    const struct cs_table head = {.path = path, .columns = r->columns, .n_columns = r->n_columns};
    if (rc == CS_OK)
        rc = sink->head(sink->self, &head, err);
    r->learning = false;
    if (rc == CS_OK)
        rc = pass(r, sink, &head);
    cs_names_release(&r->known);
    cs_arena_release(&r->arena);
    cs_arena_release(&r->row);
    free(r);
    return rc;
}
