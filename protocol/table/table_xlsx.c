/* The first sheet of an Excel workbook as rows: values, of a formula the value that Excel kept with it. What a table of texts cannot say
 * without guessing is refused with the cell's name: dates (numbers, shown as each computer likes), merged cells, errors, and a second
 * sheet with anything in it. Hidden rows and columns are read as others are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/table/table_read.h"
#include "protocol/table/xlsx_book.h"

enum { EXCEL_COLUMNS_MAX = 16384, TEXT_BYTES_MAX = 256 * 1024 * 1024 };

struct sheet {
    const struct cs_xlsx_book *book;
    const struct cs_table_rows *to;
    uint32_t line;       /* the row being read, from 1 */
    uint32_t column;     /* the cell being read, from 0 */
    uint32_t n_cells;    /* cells of the row, up to the last that holds something */
    size_t *at;          /* per column: where its text begins in `cells`, 0 for none */
    const char **values; /* room for one row */
    struct cs_buf cells; /* texts of the row, each with its NUL; begins with a NUL */
    struct cs_buf text;  /* what the cell says */
    char ref[16], type[12];
    unsigned long style;
    size_t total; /* bytes of all rows: one shared text may stand in a million cells */
    bool formula, valued, collecting;
    uint32_t phonetic;
};

static enum cs_err fail_cell(const struct sheet *s, struct cs_error *err, const char *what)
{
    return cs_error_set(err, CS_EINVAL, "%s:%u: cell %s %s", s->book->path, s->line, s->ref, what);
}

/* "AB12": the column, from 0; UINT32_MAX when it is not such a name. */
static uint32_t column_of(const char *ref)
{
    uint32_t c = 0;
    for (; *ref >= 'A' && *ref <= 'Z' && c <= EXCEL_COLUMNS_MAX; ref++)
        c = 26 * c + (uint32_t)(*ref - 'A') + 1;
    return c >= 1 && c <= EXCEL_COLUMNS_MAX && *ref >= '1' && *ref <= '9' ? c - 1 : UINT32_MAX;
}

static void name_cell(struct sheet *s)
{
    char letters[4] = {0};
    uint32_t n = 0, c = s->column + 1;
    for (; c > 0 && n < 3; c = (c - 1) / 26)
        letters[n++] = (char)('A' + (c - 1) % 26);
    snprintf(s->ref, sizeof s->ref, "%s%s%s%u", n > 2 ? (char[]){letters[2], 0} : "",
             n > 1 ? (char[]){letters[1], 0} : "", (char[]){letters[0], 0}, s->line);
}

static enum cs_err open_row(struct sheet *s, const char *const *attributes, struct cs_error *err)
{
    const char *r = cs_xml_attribute(attributes, "r");
    unsigned long line = r != NULL ? strtoul(r, NULL, 10) : s->line + 1;
    if (line <= s->line || line > 1u << 20)
        return cs_error_set(err, CS_EINVAL, "%s: rows out of order after row %u; save the workbook again",
                            s->book->path, s->line);
    s->line = (uint32_t)line;
    s->column = UINT32_MAX;
    memset(s->at, 0, s->n_cells * sizeof *s->at);
    s->n_cells = 0;
    cs_buf_clear(&s->cells);
    cs_buf_char(&s->cells, '\0');
    return CS_OK;
}

static enum cs_err open_cell(struct sheet *s, const char *const *attributes, struct cs_error *err)
{
    const char *r = cs_xml_attribute(attributes, "r"), *t = cs_xml_attribute(attributes, "t"),
               *style = cs_xml_attribute(attributes, "s");
    uint32_t column = r != NULL ? column_of(r) : s->column + 1;
    if (s->line == 0 || column >= EXCEL_COLUMNS_MAX || (s->column != UINT32_MAX && column <= s->column))
        return cs_error_set(err, CS_EINVAL, "%s:%u: a cell out of its place; save the workbook again", s->book->path,
                            s->line);
    s->column = column;
    name_cell(s);
    snprintf(s->type, sizeof s->type, "%s", t != NULL ? t : "n");
    s->style = style != NULL ? strtoul(style, NULL, 10) : 0;
    s->formula = s->valued = false;
    cs_buf_clear(&s->text);
    return CS_OK;
}

static enum cs_err on_open(void *self, const char *name, const char *const *attributes, struct cs_error *err)
{
    struct sheet *s = self;
    if (strcmp(name, "row") == 0)
        return open_row(s, attributes, err);
    if (strcmp(name, "c") == 0)
        return open_cell(s, attributes, err);
    if (strcmp(name, "mergeCell") == 0) {
        const char *where = cs_xml_attribute(attributes, "ref");
        return cs_error_set(err, CS_EINVAL,
                            "%s: cells %.30s are merged; unmerge them, and write the value into each row",
                            s->book->path, where != NULL ? where : "of the sheet");
    }
    s->formula |= strcmp(name, "f") == 0;
    s->phonetic += strcmp(name, "rPh") == 0;
    s->collecting = strcmp(name, "v") == 0 || (strcmp(name, "t") == 0 && s->phonetic == 0);
    s->valued |= s->collecting;
    return CS_OK;
}

static void on_text(void *self, const char *text, size_t n)
{
    struct sheet *s = self;
    if (s->collecting)
        cs_buf_append(&s->text, text, n);
}

static enum cs_err take_number(struct sheet *s, struct cs_buf *out, struct cs_error *err)
{
    char *end;
    const char *digits = cs_buf_cstr(&s->text);
    double v = strtod(digits, &end);
    if (end == digits || *end != '\0' || strpbrk(digits, "xXnN") != NULL)
        return fail_cell(s, err, "is not the number that it says it is; save the workbook again");
    if (s->style < s->book->n_styles && s->book->dates[s->style])
        return fail_cell(s, err,
                         "is a date, which Excel keeps as a number; format the column as text and write the date out");
    cs_buf_printf(out, "%.15g", v);
    return CS_OK;
}

/* The cell's text, appended to out. */
static enum cs_err take_value(struct sheet *s, struct cs_buf *out, struct cs_error *err)
{
    const struct cs_xlsx_book *b = s->book;
    const char *text = cs_buf_cstr(&s->text);
    if (strcmp(s->type, "s") == 0) {
        char *end;
        unsigned long i = strtoul(text, &end, 10);
        if (end == text || i >= b->n_strings)
            return fail_cell(s, err, "names a text that is not there; save the workbook again");
        cs_buf_str(out, b->strings[i]);
        return CS_OK;
    }
    if (strcmp(s->type, "str") == 0 || strcmp(s->type, "inlineStr") == 0) {
        cs_xlsx_book_text(out, text);
        return CS_OK;
    }
    if (strcmp(s->type, "b") == 0) {
        cs_buf_str(out, text[0] == '1' ? "TRUE" : "FALSE");
        return CS_OK;
    }
    if (strcmp(s->type, "n") == 0)
        return take_number(s, out, err);
    return fail_cell(s, err,
                     strcmp(s->type, "e") == 0   ? "holds an error (such as #N/A); write the value"
                     : strcmp(s->type, "d") == 0 ? "is a date; format the column as text and write the date out"
                                                 : "is of a kind that is not known");
}

static enum cs_err close_cell(struct sheet *s, struct cs_error *err)
{
    if (s->text.overflow)
        return fail_cell(s, err, "is longer than 256 KiB");
    const bool nothing = s->text.len == 0 && strcmp(s->type, "n") == 0;
    if (s->formula && (!s->valued || nothing))
        return fail_cell(s, err, "is a formula that was never computed; open the workbook in Excel and save it");
    if (!s->valued || nothing)
        return CS_OK;
    size_t at = s->cells.len;
    enum cs_err rc = take_value(s, &s->cells, err);
    if (rc != CS_OK)
        return rc;
    cs_buf_char(&s->cells, '\0');
    if (s->cells.overflow)
        return cs_error_set(err, CS_EINVAL, "%s:%u: a row longer than 1 MiB", s->book->path, s->line);
    s->total += s->cells.len - at;
    if (s->total > TEXT_BYTES_MAX)
        return cs_error_set(err, CS_ETOOBIG, "%s:%u: more than %d MiB of text; save it as CSV UTF-8", s->book->path,
                            s->line, TEXT_BYTES_MAX >> 20);
    if (s->cells.len == at + 1)
        return CS_OK;
    if (s->column >= CS_COLUMNS_MAX)
        return fail_cell(s, err, "is in a column too far to the right");
    s->at[s->column] = at;
    s->n_cells = s->column + 1;
    return CS_OK;
}

static enum cs_err close_row(struct sheet *s, struct cs_error *err)
{
    const struct cs_table *t = s->to->t;
    const char *cells = cs_buf_cstr(&s->cells);
    uint32_t n = s->n_cells;
    if (n == 0)
        return CS_OK;
    if (t->columns != NULL && n < t->n_columns)
        n = t->n_columns;
    for (uint32_t i = 0; i < n; i++)
        s->values[i] = cells + s->at[i];
    return cs_table_read_row(s->to, s->line, s->values, n, err);
}

static enum cs_err on_close(void *self, const char *name, struct cs_error *err)
{
    struct sheet *s = self;
    s->collecting = false;
    s->phonetic -= strcmp(name, "rPh") == 0 && s->phonetic > 0;
    if (strcmp(name, "c") == 0)
        return close_cell(s, err);
    return strcmp(name, "row") == 0 ? close_row(s, err) : CS_OK;
}

/* Another sheet may be there, but empty, as Excel made them of old. */
struct second {
    const char *path, *name, *first;
};

static enum cs_err second_open(void *self, const char *name, const char *const *attributes, struct cs_error *err)
{
    const struct second *s = self;
    (void)attributes;
    if (strcmp(name, "v") != 0 && strcmp(name, "is") != 0 && strcmp(name, "f") != 0)
        return CS_OK;
    return cs_error_set(
        err, CS_EINVAL,
        "%s: a second sheet \"%.60s\" beside \"%.60s\"; a table is one sheet: save each as a workbook of its own",
        s->path, s->name, s->first);
}

static enum cs_err second_close(void *self, const char *name, struct cs_error *err)
{
    (void)self;
    (void)name;
    (void)err;
    return CS_OK;
}

static void second_text(void *self, const char *text, size_t n)
{
    (void)self;
    (void)text;
    (void)n;
}

static enum cs_err read_sheets(struct cs_xlsx_book *b, const struct cs_table_rows *to, struct cs_error *err)
{
    struct sheet s = {.book = b, .to = to, .cells = CS_BUF_INIT(CS_ROW_BYTES_MAX), .text = CS_BUF_INIT(CS_TEXT_MAX)};
    s.at = cs_xcalloc(CS_COLUMNS_MAX, sizeof *s.at);
    s.values = cs_xcalloc(CS_COLUMNS_MAX, sizeof *s.values);
    enum cs_err rc = CS_OK;
    for (uint32_t i = 1; i < b->n_sheets && rc == CS_OK; i++) {
        struct second other = {b->path, b->sheets[i].name, b->sheets[0].name};
        rc = cs_xlsx_book_read(b, b->sheets[i].part,
                               &(struct cs_xml_sink){&other, second_open, second_close, second_text}, err);
    }
    if (rc == CS_OK)
        rc = cs_xlsx_book_read(b, b->sheets[0].part, &(struct cs_xml_sink){&s, on_open, on_close, on_text}, err);
    cs_buf_release(&s.cells);
    cs_buf_release(&s.text);
    free(s.at);
    free(s.values);
    return rc;
}

enum cs_err cs_table_xlsx(int fd, const struct cs_table_rows *to, struct cs_error *err)
{
    struct cs_arena texts = {0}; /* the workbook's texts; rows are copied */
    struct cs_zip *zip;
    struct cs_xlsx_book book;
    enum cs_err rc = cs_zip_open(fd, to->t->path, &zip, err);
    if (rc == CS_OK) {
        rc = cs_xlsx_book_open(zip, to->t->path, &texts, &book, err);
        if (rc == CS_OK) {
            rc = read_sheets(&book, to, err);
            cs_xlsx_book_release(&book);
        }
    }
    cs_zip_close(zip);
    cs_arena_release(&texts);
    return rc;
}
