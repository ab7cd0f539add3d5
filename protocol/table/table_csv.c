/* CSV rows out of pieces. libcsv does not say where it is: it is fed a line at a time, and lines are counted here. */
#include <csv.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/buf.h"
#include "protocol/table/table_read.h"

struct reader {
    struct csv_parser p;
    struct cs_table *t;
    struct cs_arena *arena;
    const struct cs_table_sink *sink; /* NULL: rows are kept in t */
    size_t cell_max, row_max;
    struct cs_error *err;
    enum cs_err rc;    /* the first error inside a callback */
    uint32_t line;     /* being fed */
    uint32_t row_line; /* where the row began */
    bool in_row;
    size_t row_fed;      /* bytes fed since then */
    struct cs_buf cells; /* of the row, each with its NUL */
    uint32_t n_cells;
    const char **values; /* room for one row */
    uint32_t values_cap;
};

/* Blanks belong to the cell (RFC 4180). */
static int never_blank(unsigned char c)
{
    (void)c;
    return 0;
}

/* Is it UTF-8, without overlong forms and surrogates? */
static bool is_utf8(const char *s, size_t n)
{
    const unsigned char *p = (const unsigned char *)s, *end = p + n;
    while (p < end) {
        unsigned char c = *p++;
        if (c < 0x80)
            continue;
        unsigned more = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : 1;
        if (c < 0xC2 || c > 0xF4 || (size_t)(end - p) < more)
            return false;
        if ((c == 0xE0 && *p < 0xA0) || (c == 0xED && *p > 0x9F) || (c == 0xF0 && *p < 0x90) ||
            (c == 0xF4 && *p > 0x8F))
            return false;
        for (; more > 0; more--) {
            if ((*p++ & 0xC0) != 0x80)
                return false;
        }
    }
    return true;
}

static void on_cell(void *data, size_t n, void *self)
{
    struct reader *r = self;
    if (r->rc != CS_OK)
        return;
    if (!r->in_row) { /* several rows in one line: line ends of an old Mac */
        r->in_row = true;
        r->row_line = r->line;
    }
    const char *s = data != NULL ? data : "";
    if (n > r->cell_max)
        r->rc = cs_error_set(r->err, CS_EINVAL, "%s:%u: cell %u is longer than %zu bytes", r->t->path, r->row_line,
                             r->n_cells + 1, r->cell_max);
    else if (!is_utf8(s, n))
        r->rc = cs_error_set(r->err, CS_EINVAL, "%s:%u: cell %u is not UTF-8; save the file as \"CSV UTF-8\"",
                             r->t->path, r->row_line, r->n_cells + 1);
    cs_buf_append(&r->cells, s, n);
    cs_buf_char(&r->cells, '\0');
    r->n_cells++;
}

static void take_row(struct reader *r)
{
    if (r->n_cells > r->values_cap) {
        r->values_cap = r->n_cells;
        r->values = cs_xrealloc(r->values, r->values_cap, sizeof *r->values);
    }
    const char *s = cs_buf_cstr(&r->cells);
    for (uint32_t i = 0; i < r->n_cells; i++, s += strlen(s) + 1)
        r->values[i] = s;
    struct cs_table *t = r->t;
    if (t->columns == NULL) {
        if (r->n_cells == 1 && strchr(r->values[0], ';') != NULL)
            r->rc = cs_error_set(r->err, CS_EINVAL,
                                 "%s:%u: the columns are separated by semicolons; save the file with commas", t->path,
                                 r->row_line);
        else
            r->rc = cs_table_read_head(t, r->arena, r->row_line, r->values, r->n_cells, r->err);
        if (r->rc == CS_OK && r->sink != NULL)
            r->rc = r->sink->head(r->sink->self, t, r->err);
        return;
    }
    if (r->n_cells != t->n_columns)
        r->rc = cs_error_set(r->err, CS_EINVAL,
                             "%s:%u: %u cells, but the first line names %u columns; is a comma not inside quotes?",
                             t->path, r->row_line, r->n_cells, t->n_columns);
    else if (r->sink != NULL)
        r->rc = r->sink->row(r->sink->self, t, r->row_line, r->values, r->err);
    else
        r->rc = cs_table_read_room(t, r->row_line, r->err);
    if (r->rc == CS_OK && r->sink == NULL)
        cs_table_read_add(t, r->arena, r->row_line, r->values);
}

static void on_row(int end, void *self)
{
    (void)end;
    struct reader *r = self;
    if (r->rc == CS_OK)
        take_row(r);
    cs_buf_clear(&r->cells);
    r->n_cells = 0;
    r->in_row = false;
    r->row_fed = 0;
}

static enum cs_err feed(struct reader *r, const char *bytes, size_t n)
{
    if (!r->in_row) {
        if (bytes[0] == '\n' || (n == 2 && bytes[0] == '\r' && bytes[1] == '\n'))
            return CS_OK;
        r->in_row = true;
        r->row_line = r->line;
    }
    r->row_fed += n;
    if (r->row_fed > r->row_max)
        return cs_error_set(r->err, CS_EINVAL, "%s:%u: a row longer than %zu MiB; is a quote not closed?", r->t->path,
                            r->row_line, r->row_max >> 20);
    size_t done = csv_parse(&r->p, bytes, n, on_cell, on_row, r);
    if (r->rc != CS_OK)
        return r->rc;
    if (done != n)
        return cs_error_set(r->err, CS_EINVAL,
                            "%s:%u: a quote inside a cell; put the cell in quotes and double the quotes inside",
                            r->t->path, r->line);
    return CS_OK;
}

enum cs_err cs_table_csv(struct cs_pieces *in, char delimiter, struct cs_arena *arena, struct cs_table *t,
                         const struct cs_table_sink *sink, struct cs_error *err)
{
    struct reader r = {.t = t,
                       .arena = arena,
                       .sink = sink,
                       .cell_max = sink != NULL ? CS_STREAM_ROW_MAX : CS_TEXT_MAX,
                       .row_max = sink != NULL ? CS_STREAM_ROW_MAX : CS_ROW_BYTES_MAX,
                       .err = err,
                       .cells = CS_BUF_INIT(2 * CS_STREAM_ROW_MAX)};
    if (csv_init(&r.p, CSV_STRICT | CSV_STRICT_FINI) != 0)
        return cs_error_set(err, CS_EINTERNAL, "%s: no memory for the CSV parser", t->path);
    csv_set_delim(&r.p, (unsigned char)delimiter);
    csv_set_space_func(&r.p, never_blank);
    const char *bytes;
    size_t n;
    enum cs_err rc;
    while ((rc = cs_table_read_next(in, &bytes, &n, err)) == CS_OK && n > 0) {
        r.line = in->line;
        rc = feed(&r, bytes, n);
        if (rc != CS_OK)
            break;
    }
    if (rc == CS_OK && csv_fini(&r.p, on_cell, on_row, &r) != 0)
        rc = cs_error_set(err, CS_EINVAL, "%s:%u: a quote that is opened here is not closed", t->path, r.row_line);
    if (rc == CS_OK)
        rc = r.rc;
    csv_free(&r.p);
    cs_buf_release(&r.cells);
    free(r.values);
    return rc;
}
