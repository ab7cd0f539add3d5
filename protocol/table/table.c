#include "protocol/table/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/file.h"
#include "protocol/base/json.h"
#include "protocol/table/names.h"
#include "protocol/table/node.h"
#include "protocol/table/table_read.h"

enum cs_err cs_table_fail(const struct cs_table *t, uint32_t row, struct cs_error *err, const char *fmt, ...)
{
    char sentence[sizeof err->msg];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(sentence, sizeof sentence, fmt, ap);
    va_end(ap);
    CS_ASSERT(row < t->n_rows);
    return cs_error_set(err, CS_EINVAL, "%s:%u: %s", t->path, t->rows[row].line, sentence);
}

void cs_table_release(struct cs_table *t)
{
    free(t->rows);
    *t = (struct cs_table){0};
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n > m && strcmp(s + n - m, end) == 0;
}

enum kind { UNKNOWN, CSV, TSV, JSON, XLSX };

/* What a file is, by its name. */
static enum kind kind_of(const char *path)
{
    static const struct {
        const char *end;
        enum kind kind;
    } kinds[] = {{".csv", CSV}, {".tsv", TSV}, {".jsonl", JSON}, {".ndjson", JSON}, {".json", JSON}, {".xlsx", XLSX}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (ends_with(path, kinds[i].end))
            return kinds[i].kind;
    }
    return UNKNOWN;
}

/* Files that are not what they are called, by their first bytes. */
static enum cs_err refuse_disguised(const char *path, int fd, enum kind kind, struct cs_error *err)
{
    unsigned char b[4] = {0};
    size_t n = cs_table_read_peek(fd, b, sizeof b);
    if (n == 4 && memcmp(b, "\xD0\xCF\x11\xE0", 4) == 0)
        return cs_error_set(
            err, CS_EINVAL,
            "%s: an Excel workbook of the old kind (.xls) or with a password; save it as .xlsx without one", path);
    if (n == 4 && memcmp(b, "PK\3\4", 4) == 0 && kind != XLSX)
        return cs_error_set(err, CS_EINVAL, "%s: this is an Excel workbook; name it .xlsx", path);
    if (n >= 2 && kind != XLSX && (memcmp(b, "\xFF\xFE", 2) == 0 || memcmp(b, "\xFE\xFF", 2) == 0))
        return cs_error_set(err, CS_EINVAL, "%s: the file is UTF-16; save it as \"CSV UTF-8\"", path);
    if (kind == XLSX && n > 0 && memcmp(b, "PK", 2) != 0)
        return cs_error_set(err, CS_EINVAL, "%s: no Excel workbook, whatever its name says; is it a .csv?", path);
    return CS_OK;
}

static enum cs_err read_rows(struct cs_pieces *in, enum kind kind, const struct cs_table_rows *to, struct cs_error *err)
{
    enum cs_err rc = refuse_disguised(in->path, in->fd, kind, err);
    if (rc != CS_OK)
        return rc;
    if (kind == XLSX)
        return cs_table_xlsx(in->fd, to, err);
    in->bytes = cs_xmalloc(CS_PIECE_MAX);
    rc = kind == JSON ? cs_table_jsonl(in, to->arena, to->t, err) : cs_table_csv(in, kind == TSV ? '\t' : ',', to, err);
    free(in->bytes);
    return rc;
}

/* Every cell of a column of lists is one, with something in it or not. */
static enum cs_err check_lists(const struct cs_table *t, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; i < t->n_lists && rc == CS_OK; i++) {
        const uint32_t c = cs_table_read_column(t, t->lists[i]);
        for (uint32_t row = 0; c != CS_NONE && row < t->n_rows && rc == CS_OK; row++) {
            struct cs_json *v = cs_json_loads(t->rows[row].values[c], 0, NULL);
            if (!cs_json_is_array(v))
                rc = cs_table_fail(t, row, err, "%s is no list; write it as JSON, as in [\"a\", \"b\"]", t->lists[i]);
            cs_json_decref(v);
        }
    }
    return rc;
}

enum cs_err cs_table_load(const char *path, struct cs_arena *arena, struct cs_table *out, struct cs_error *err)
{
    return cs_table_load_lists(path, NULL, 0, arena, out, err);
}

enum cs_err cs_table_load_lists(const char *path, const char *const *lists, uint32_t n_lists, struct cs_arena *arena,
                                struct cs_table *out, struct cs_error *err)
{
    *out = (struct cs_table){.path = cs_arena_strdup(arena, path), .lists = lists, .n_lists = n_lists};
    struct cs_pieces in = {.path = out->path, .fd = -1, .line = 1};
    const enum kind kind = kind_of(path);
    enum cs_err rc = cs_file_open(path, &in.fd, err);
    if (rc == CS_OK && kind == UNKNOWN)
        rc = cs_error_set(err, CS_EINVAL, "%s: what kind of table is it? Name it .csv, .tsv, .jsonl, .json or .xlsx",
                          path);
    if (rc == CS_OK)
        rc = read_rows(&in, kind, &(struct cs_table_rows){.t = out, .arena = arena}, err);
    if (rc == CS_OK && out->n_rows == 0)
        rc = cs_error_set(err, CS_EINVAL, "%s:%u: no rows; a table needs at least one", path, in.line);
    if (rc == CS_OK)
        rc = check_lists(out, err);
    if (in.fd >= 0)
        close(in.fd);
    if (rc != CS_OK)
        cs_table_release(out);
    return rc;
}

enum cs_err cs_table_stream(const char *path, const struct cs_table_sink *sink, struct cs_error *err)
{
    struct cs_arena arena = {0};
    struct cs_table head = {.path = path};
    struct cs_pieces in = {.path = path, .fd = -1, .line = 1, .endless = true};
    const enum kind kind = kind_of(path);
    enum cs_err rc = cs_file_open(path, &in.fd, err);
    if (rc == CS_OK && kind == JSON)
        rc = cs_error_set(err, CS_EINVAL, "%s: JSON; a CSV file is wanted here", path);
    if (rc == CS_OK)
        rc = read_rows(&in, kind, &(struct cs_table_rows){.t = &head, .arena = &arena, .sink = sink}, err);
    if (rc == CS_OK && head.columns == NULL)
        rc = cs_error_set(err, CS_EINVAL, "%s: empty; the first line names the columns", path);
    if (in.fd >= 0)
        close(in.fd);
    cs_arena_release(&arena);
    return rc;
}

/* One item of an inline list, in the order of the columns. */
static enum cs_err take_item(const struct cs_node *item, const char *what, struct cs_table *t, const char **values,
                             struct cs_error *err)
{
    enum cs_err rc = cs_node_any_map(item, what, err);
    for (const struct cs_node *c = item->first; rc == CS_OK && c != NULL; c = c->next) {
        if (cs_table_read_column(t, c->key) == CS_NONE)
            rc = cs_yaml_fail_key(c, err, "unknown key \"%s\" in %s; all rows have the keys of the first%s", c->key,
                                  what, cs_names_hint(c->key, t->columns, t->n_columns).text);
    }
    for (uint32_t i = 0; i < t->n_columns && rc == CS_OK; i++) {
        const struct cs_node *v;
        rc = cs_node_need(item, what, t->columns[i], &v, err);
        if (rc == CS_OK)
            rc = cs_node_any_text(v, t->columns[i], &values[i], err);
        if (rc == CS_OK && strlen(values[i]) > CS_TEXT_MAX)
            rc = cs_yaml_fail(v, err, "%s is longer than %d bytes", t->columns[i], CS_TEXT_MAX);
    }
    return rc;
}

enum cs_err cs_table_from_node(const struct cs_node *list, const char *what, struct cs_arena *arena,
                               struct cs_table *out, struct cs_error *err)
{
    *out = (struct cs_table){.path = list->file->path};
    const char **values = NULL;
    enum cs_err rc = cs_node_list(list, what, err);
    if (rc == CS_OK)
        rc = cs_node_any_map(list->first, what, err);
    if (rc != CS_OK)
        goto out;
    values = cs_xcalloc(list->first->n, sizeof *values);
    uint32_t n = 0;
    for (const struct cs_node *c = list->first->first; c != NULL; c = c->next)
        values[n++] = c->key;
    rc = cs_table_read_head(out, arena, list->first->line, values, n, err);
    for (const struct cs_node *item = list->first; rc == CS_OK && item != NULL; item = item->next) {
        rc = take_item(item, what, out, values, err);
        if (rc == CS_OK)
            cs_table_read_add(out, arena, item->line, values);
    }

out:
    free(values);
    if (rc != CS_OK)
        cs_table_release(out);
    return rc;
}
