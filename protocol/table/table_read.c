#include "protocol/table/table_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/table/names.h"

static const uint64_t bytes_max = 1024u * 1024 * 1024;

uint32_t cs_table_read_column(const struct cs_table *t, const char *name)
{
    for (uint32_t i = 0; i < t->n_columns; i++) {
        if (strcmp(t->columns[i], name) == 0)
            return i;
    }
    return CS_NONE;
}

void cs_table_read_add(struct cs_table *t, struct cs_arena *arena, uint32_t line, const char *const *values)
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

enum cs_err cs_table_read_room(const struct cs_table *t, uint32_t line, struct cs_error *err)
{
    if (t->n_rows == CS_CASES_MAX)
        return cs_error_set(err, CS_EINVAL, "%s:%u: more than %d rows", t->path, line, CS_CASES_MAX);
    return CS_OK;
}

bool cs_table_read_is_name(const char *s)
{
    if (s[0] == '\0' || strlen(s) > 128 || strstr(s, "}}") != NULL || strstr(s, "{{") != NULL)
        return false;
    for (; *s != '\0'; s++) {
        if ((unsigned char)*s < 0x20 || *s == '"')
            return false;
    }
    return true;
}

/* How many bytes of a blank are at the start of s, or (from the end) before s + n: what word processors take for one, too. */
static size_t blank_at(const char *s, size_t n, bool from_end)
{
    static const char *const blanks[] = {" ", "\t", "\xC2\xA0", "\xE2\x80\x8B", "\xEF\xBB\xBF"};
    for (size_t i = 0; i < sizeof blanks / sizeof blanks[0]; i++) {
        size_t m = strlen(blanks[i]);
        if (m <= n && memcmp(from_end ? s + n - m : s, blanks[i], m) == 0)
            return m;
    }
    return 0;
}

static const char *trimmed(struct cs_arena *arena, const char *s)
{
    size_t n = strlen(s), m;
    while ((m = blank_at(s, n, false)) > 0) {
        s += m;
        n -= m;
    }
    while ((m = blank_at(s, n, true)) > 0)
        n -= m;
    return cs_arena_strndup(arena, s, n);
}

enum cs_err cs_table_read_head(struct cs_table *t, struct cs_arena *arena, uint32_t line, const char *const *names,
                               uint32_t n, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    struct cs_names seen = {0};
    if (n == 0 || n > CS_COLUMNS_MAX - 2)
        return cs_error_set(err, CS_EINVAL, "%s:%u: %u columns; a table has 1 to %d", t->path, line, n,
                            CS_COLUMNS_MAX - 2);
    const char **columns = cs_arena_array(arena, n, sizeof *columns);
    for (uint32_t i = 0; i < n && rc == CS_OK; i++) {
        columns[i] = trimmed(arena, names[i]);
        if (!cs_table_read_is_name(columns[i]))
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

size_t cs_table_read_peek(int fd, void *bytes, size_t n)
{
    ssize_t got = pread(fd, bytes, n, 0);
    return got > 0 ? (size_t)got : 0;
}

bool cs_table_read_begins(const struct cs_pieces *p, char c)
{
    char head[256] = {0};
    cs_table_read_peek(p->fd, head, sizeof head - 1);
    const char *s = head + (strncmp(head, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0);
    return s[strspn(s, " \t\r\n")] == c;
}

enum cs_err cs_table_read_next(struct cs_pieces *p, const char **bytes, size_t *n, struct cs_error *err)
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

static enum cs_err wrong_width(const struct cs_table_rows *to, uint32_t line, uint32_t n, struct cs_error *err)
{
    const struct cs_table *t = to->t;
    if (to->separator == NULL)
        return cs_error_set(err, CS_EINVAL,
                            "%s:%u: a cell right of the columns that the first row names; empty it, or name its column",
                            t->path, line);
    return cs_error_set(err, CS_EINVAL,
                        "%s:%u: %u cells, but the first line names %u columns; is a %s not inside quotes?", t->path,
                        line, n, t->n_columns, to->separator);
}

enum cs_err cs_table_read_row(const struct cs_table_rows *to, uint32_t line, const char *const *cells, uint32_t n,
                              struct cs_error *err)
{
    struct cs_table *t = to->t;
    uint32_t filled = n;
    while (filled > 0 && cells[filled - 1][0] == '\0')
        filled--;
    if (filled == 0 && n > 1)
        return CS_OK;
    if (t->columns == NULL) {
        enum cs_err rc = cs_table_read_head(t, to->arena, line, cells, filled > 0 ? filled : n, err);
        return rc == CS_OK && to->sink != NULL ? to->sink->head(to->sink->self, t, err) : rc;
    }
    if (n < t->n_columns || filled > t->n_columns)
        return wrong_width(to, line, n, err);
    if (to->sink != NULL)
        return to->sink->row(to->sink->self, t, line, cells, err);
    enum cs_err rc = cs_table_read_room(t, line, err);
    if (rc == CS_OK)
        cs_table_read_add(t, to->arena, line, cells);
    return rc;
}
