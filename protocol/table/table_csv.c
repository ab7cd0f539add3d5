/* CSV rows out of pieces. libcsv does not say where it is: it is fed a line at a time, and lines are counted here. */
#include <csv.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "protocol/base/alloc.h"
#include "protocol/base/buf.h"
#include "protocol/table/table_read.h"

struct reader {
    struct csv_parser p;
    struct cs_table *t;
    struct cs_table_rows to;
    size_t cell_max, row_max;
    struct cs_error *err;
    enum cs_err rc;    /* the first error inside a callback */
    uint32_t line;     /* being fed */
    uint32_t row_line; /* where the row began */
    bool in_row;
    size_t row_fed;      /* bytes fed since then */
    struct cs_buf cells; /* the row's, each with its NUL */
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
    r->rc = cs_table_read_row(&r->to, r->row_line, r->values, r->n_cells, r->err);
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

static bool is_blank_line(const char *bytes, size_t n)
{
    return bytes[0] == '\n' || (n == 2 && bytes[0] == '\r' && bytes[1] == '\n');
}

static enum cs_err feed(struct reader *r, const char *bytes, size_t n)
{
    if (!r->in_row) {
        if (is_blank_line(bytes, n))
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

/* What separates the cells of the first line: the file's kind says comma, but where a comma is for decimals Excel writes semicolons. */
static char separator_of(const char *line, size_t n)
{
    size_t commas = 0, semicolons = 0, tabs = 0;
    bool quoted = false;
    for (size_t i = 0; i < n && line[i] != '\n' && line[i] != '\r'; i++) {
        quoted ^= line[i] == '"';
        commas += !quoted && line[i] == ',';
        semicolons += !quoted && line[i] == ';';
        tabs += !quoted && line[i] == '\t';
    }
    return commas > 0 ? ',' : semicolons > 0 ? ';' : tabs > 0 ? '\t' : ',';
}

/* The line with which Excel is told the separator: `sep=;`, perhaps in quotes. '\0' when it is another. */
static char told_separator(const char *line, size_t n)
{
    while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
        n--;
    if (n == 7 && line[0] == '"' && line[6] == '"') {
        line++;
        n -= 2;
    }
    return n == 5 && strncasecmp(line, "sep=", 4) == 0 && strchr(",;\t|", line[4]) != NULL ? line[4] : '\0';
}

static void set_separator(struct reader *r, char c)
{
    csv_set_delim(&r->p, (unsigned char)c);
    r->to.separator = c == ';' ? "semicolon" : c == '\t' ? "tab" : c == '|' ? "bar" : "comma";
}

static enum cs_err feed_all(struct reader *r, struct cs_pieces *in, char delimiter)
{
    const char *bytes;
    size_t n;
    enum cs_err rc;
    bool decided = delimiter == '\t';
    set_separator(r, delimiter);
    while ((rc = cs_table_read_next(in, &bytes, &n, r->err)) == CS_OK && n > 0) {
        r->line = in->line;
        if (!decided && !is_blank_line(bytes, n)) {
            char told = told_separator(bytes, n);
            set_separator(r, told != '\0' ? told : separator_of(bytes, n));
            decided = true;
            if (told != '\0')
                continue;
        }
        rc = feed(r, bytes, n);
        if (rc != CS_OK)
            return rc;
    }
    return rc;
}

enum cs_err cs_table_csv(struct cs_pieces *in, char delimiter, const struct cs_table_rows *to, struct cs_error *err)
{
    struct reader r = {.t = to->t,
                       .to = *to,
                       .cell_max = to->sink != NULL ? CS_STREAM_ROW_MAX : CS_TEXT_MAX,
                       .row_max = to->sink != NULL ? CS_STREAM_ROW_MAX : CS_ROW_BYTES_MAX,
                       .err = err,
                       .cells = CS_BUF_INIT(2 * CS_STREAM_ROW_MAX)};
    if (csv_init(&r.p, CSV_STRICT | CSV_STRICT_FINI) != 0)
        return cs_error_set(err, CS_EINTERNAL, "%s: no memory for the CSV parser", to->t->path);
    csv_set_space_func(&r.p, never_blank);
    enum cs_err rc = feed_all(&r, in, delimiter);
    if (rc == CS_OK && csv_fini(&r.p, on_cell, on_row, &r) != 0)
        rc = cs_error_set(err, CS_EINVAL, "%s:%u: a quote that is opened here is not closed", r.t->path, r.row_line);
    if (rc == CS_OK)
        rc = r.rc;
    csv_free(&r.p);
    cs_buf_release(&r.cells);
    free(r.values);
    return rc;
}
