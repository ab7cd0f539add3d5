#include "protocol/table/table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/table/names.h"
#include "protocol/table/node.h"
#include "protocol/table/table_read.h"

static const uint64_t bytes_max = 1024u * 1024 * 1024;

uint32_t cs_table_column(const struct cs_table *t, const char *name)
{
    for (uint32_t i = 0; i < t->n_columns; i++) {
        if (strcmp(t->columns[i], name) == 0)
            return i;
    }
    return CS_NONE;
}

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

void cs_table_add(struct cs_table *t, struct cs_arena *arena, uint32_t line, const char *const *values)
{
    if (t->n_rows == t->cap) {
        t->cap = t->cap != 0 ? t->cap * 2 : 64;
        t->rows = cs_xrealloc(t->rows, t->cap, sizeof *t->rows);
    }
    size_t bytes = t->n_columns * sizeof *values;
    for (uint32_t i = 0; i < t->n_columns; i++)
        bytes += strlen(values[i]) + 1;
    const char **row = cs_arena_alloc(arena, bytes);
    char *to = (char *)(row + t->n_columns);
    for (uint32_t i = 0; i < t->n_columns; i++) {
        row[i] = to;
        to = stpcpy(to, values[i]) + 1;
    }
    t->rows[t->n_rows++] = (struct cs_row){.line = line, .values = row};
}

enum cs_err cs_table_room(const struct cs_table *t, uint32_t line, struct cs_error *err)
{
    if (t->n_rows == CS_CASES_MAX)
        return cs_error_set(err, CS_EINVAL, "%s:%u: more than %d rows", t->path, line, CS_CASES_MAX);
    return CS_OK;
}

/* A name of a column must work inside {{case.NAME}}. */
static bool is_column_name(const char *s)
{
    if (s[0] == '\0' || strlen(s) > 128 || strstr(s, "}}") != NULL || strstr(s, "{{") != NULL)
        return false;
    for (; *s != '\0'; s++) {
        if ((unsigned char)*s < 0x20 || *s == '"')
            return false;
    }
    return true;
}

enum cs_err cs_table_head(struct cs_table *t, struct cs_arena *arena, uint32_t line, const char *const *names,
                          uint32_t n, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    struct cs_names seen = {0};
    if (n == 0 || n > CS_COLUMNS_MAX - 2)
        return cs_error_set(err, CS_EINVAL, "%s:%u: %u columns; a table has 1 to %d", t->path, line, n,
                            CS_COLUMNS_MAX - 2);
    const char **columns = cs_arena_array(arena, n, sizeof *columns);
    for (uint32_t i = 0; i < n && rc == CS_OK; i++) {
        const char *s = names[i] + strspn(names[i], " \t");
        size_t len = strlen(s);
        while (len > 0 && (s[len - 1] == ' ' || s[len - 1] == '\t'))
            len--;
        columns[i] = cs_arena_strndup(arena, s, len);
        if (!is_column_name(columns[i]))
            rc = cs_error_set(err, CS_EINVAL, "%s:%u: column %u has no usable name; the first line names the columns",
                              t->path, line, i + 1);
        else if (cs_names_put(&seen, columns[i], i) != UINT32_MAX)
            rc = cs_error_set(err, CS_EINVAL, "%s:%u: two columns are called \"%s\"; rename one", t->path, line,
                              columns[i]);
    }
    t->columns = columns;
    t->n_columns = n;
    cs_names_release(&seen);
    return rc;
}

enum cs_err cs_pieces_next(struct cs_pieces *p, const char **bytes, size_t *n, struct cs_error *err)
{
    *n = 0;
    if (p->at == p->len) {
        ssize_t got;
        do
            got = read(p->fd, p->bytes, CS_PIECE_MAX);
        while (got < 0 && errno == EINTR);
        if (got < 0)
            return cs_error_set(err, CS_EIO, "%s: %s", p->path, strerror(errno));
        p->at = 0;
        p->len = (size_t)got;
        p->total += (uint64_t)got;
        if (got == 0)
            return CS_OK;
        if (p->total == (uint64_t)got && got >= 3 && memcmp(p->bytes, "\xEF\xBB\xBF", 3) == 0)
            p->at = 3;
        if (p->total > bytes_max && !p->endless)
            return cs_error_set(err, CS_ETOOBIG, "%s: larger than 1 GiB; split the study", p->path);
    }
    if (p->line_done)
        p->line++;
    const char *from = p->bytes + p->at, *newline = memchr(from, '\n', p->len - p->at);
    *bytes = from;
    *n = newline != NULL ? (size_t)(newline - from) + 1 : p->len - p->at;
    p->at += *n;
    p->line_done = newline != NULL;
    if (memchr(from, '\0', *n) != NULL)
        return cs_error_set(err, CS_EINVAL, "%s:%u: a zero byte; save the file as UTF-8 text", p->path, p->line);
    return CS_OK;
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n > m && strcmp(s + n - m, end) == 0;
}

static enum cs_err open_regular(const char *path, int *fd, struct cs_error *err)
{
    struct stat st;
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hold us up */
    if (*fd < 0)
        return cs_error_set(err, errno == ENOENT ? CS_ENOENT : CS_EIO, "%s: %s", path,
                            errno == ENOENT ? "no such file" : strerror(errno));
    if (fstat(*fd, &st) != 0 || !S_ISREG(st.st_mode))
        return cs_error_set(err, CS_EINVAL, "%s: not a regular file", path);
    return CS_OK;
}

enum cs_err cs_table_load(const char *path, struct cs_arena *arena, struct cs_table *out, struct cs_error *err)
{
    *out = (struct cs_table){.path = cs_arena_strdup(arena, path)};
    struct cs_pieces in = {.path = out->path, .fd = -1, .line = 1};
    enum cs_err rc = open_regular(path, &in.fd, err);
    if (rc != CS_OK)
        goto out;
    in.bytes = cs_xmalloc(CS_PIECE_MAX);
    if (ends_with(path, ".csv"))
        rc = cs_table_csv(&in, ',', arena, out, NULL, err);
    else if (ends_with(path, ".tsv"))
        rc = cs_table_csv(&in, '\t', arena, out, NULL, err);
    else if (ends_with(path, ".jsonl"))
        rc = cs_table_jsonl(&in, arena, out, err);
    else
        rc = cs_error_set(err, CS_EINVAL, "%s: what kind of table is it? Name it .csv, .tsv or .jsonl", path);
    if (rc == CS_OK && out->n_rows == 0)
        rc = cs_error_set(err, CS_EINVAL, "%s:%u: no rows; a table needs at least one", path, in.line);

out:
    if (in.fd >= 0)
        close(in.fd);
    free(in.bytes);
    if (rc != CS_OK)
        cs_table_release(out);
    return rc;
}

enum cs_err cs_table_stream(const char *path, const struct cs_table_sink *sink, struct cs_error *err)
{
    struct cs_arena arena = {0};
    struct cs_table head = {.path = path};
    struct cs_pieces in = {.path = path, .fd = -1, .line = 1, .endless = true};
    enum cs_err rc = open_regular(path, &in.fd, err);
    if (rc == CS_OK) {
        in.bytes = cs_xmalloc(CS_PIECE_MAX);
        rc = cs_table_csv(&in, ends_with(path, ".tsv") ? '\t' : ',', &arena, &head, sink, err);
    }
    if (rc == CS_OK && head.columns == NULL)
        rc = cs_error_set(err, CS_EINVAL, "%s: empty; the first line names the columns", path);
    if (in.fd >= 0)
        close(in.fd);
    free(in.bytes);
    cs_arena_release(&arena);
    return rc;
}

/* One item of an inline list, in the order of the columns. */
static enum cs_err take_item(const struct cs_node *item, const char *what, struct cs_table *t, const char **values,
                             struct cs_error *err)
{
    enum cs_err rc = cs_node_any_map(item, what, err);
    for (const struct cs_node *c = item->first; rc == CS_OK && c != NULL; c = c->next) {
        if (cs_table_column(t, c->key) == CS_NONE)
            rc = cs_node_fail_key(c, err, "unknown key \"%s\" in %s; all rows have the keys of the first%s", c->key,
                                  what, cs_hint(c->key, t->columns, t->n_columns).text);
    }
    for (uint32_t i = 0; i < t->n_columns && rc == CS_OK; i++) {
        const struct cs_node *v;
        rc = cs_node_need(item, what, t->columns[i], &v, err);
        if (rc == CS_OK)
            rc = cs_node_any_text(v, t->columns[i], &values[i], err);
        if (rc == CS_OK && strlen(values[i]) > CS_TEXT_MAX)
            rc = cs_node_fail(v, err, "%s is longer than %d bytes", t->columns[i], CS_TEXT_MAX);
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
    rc = cs_table_head(out, arena, list->first->line, values, n, err);
    for (const struct cs_node *item = list->first; rc == CS_OK && item != NULL; item = item->next) {
        rc = take_item(item, what, out, values, err);
        if (rc == CS_OK)
            cs_table_add(out, arena, item->line, values);
    }

out:
    free(values);
    if (rc != CS_OK)
        cs_table_release(out);
    return rc;
}
