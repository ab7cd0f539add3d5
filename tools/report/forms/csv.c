/* csv.c - every table of the report as a CSV file of its own; README.md says what the columns mean. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "tools/base/part_file.h"
#include "tools/base/csv_write.h"
#include "tools/report/analysis/tables.h"
#include "tools/report/forms/forms.h"

struct sheet {
    FILE *out;
    bool excel;           /* for Excel (csv_write.h) */
    bool begun;           /* the line has a cell already */
    uint32_t line, lines; /* within this row: a column of counts takes a line for each */
};

static void cell(struct sheet *s, const char *value)
{
    cs_csv_write_field_for(s->out, s->excel, value, !s->begun);
    s->begun = true;
}

/* As it is: -1 is not a formula. */
static void number(struct sheet *s, const char *value)
{
    cs_csv_write_field(s->out, value, !s->begun);
    s->begun = true;
}

static void count(struct sheet *s, uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, value);
    number(s, text);
}

static void real(struct sheet *s, bool known, double value)
{
    char text[40] = "";
    if (known)
        snprintf(text, sizeof text, "%.12g", value);
    number(s, text);
}

static void end_line(struct sheet *s)
{
    cs_csv_write_end_for(s->out, s->excel);
    s->begun = false;
}

/* Some columns are two cells, and have both names: "low,high". */
static void write_name(void *self, const char *name, const struct cs_column_value *v)
{
    struct sheet *s = self;
    (void)v;
    fprintf(s->out, "%s%s", s->begun ? "," : "", name);
    s->begun = true;
}

static void write_value(void *self, const char *name, const struct cs_column_value *v)
{
    struct sheet *s = self;
    (void)name;
    switch (v->kind) {
    case CS_VALUE_TEXT:
    case CS_VALUE_NOTE:
        cell(s, v->text);
        break;
    case CS_VALUE_COUNT:
        count(s, v->count);
        break;
    case CS_VALUE_KNOWN:
        if (v->figure.known)
            count(s, v->count);
        else
            cell(s, "");
        break;
    case CS_VALUE_FLAG:
        cell(s, v->flag ? "true" : "false");
        break;
    case CS_VALUE_FIGURE:
        real(s, v->figure.known, v->figure.value);
        break;
    case CS_VALUE_SPAN:
        real(s, v->span.known, v->span.low);
        real(s, v->span.known, v->span.high);
        break;
    case CS_VALUE_DECIDED:
        real(s, v->span.known, v->span.low);
        real(s, v->span.known, v->span.high);
        cell(s, v->text);
        break;
    case CS_VALUE_COUNTS:
        s->lines = v->n_counts;
        cell(s, s->line < v->n_counts ? v->counts[s->line].name : "");
        count(s, s->line < v->n_counts ? v->counts[s->line].n : 0);
        break;
    }
}

static void write_row(struct sheet *s, const struct cs_report *r, const struct cs_report_table *t, const void *row)
{
    s->lines = 1;
    for (s->line = 0; s->line == 0 || s->line < s->lines; s->line++) {
        cs_columns_each(r, t->columns, row, CS_FORM_CSV, write_value, s);
        end_line(s);
    }
}

static void write_table(struct sheet *s, const struct cs_report *r, const struct cs_report_table *t)
{
    const uint32_t n = cs_columns_rows(r, t);
    if (s->excel)
        cs_csv_write_excel_begin(s->out);
    cs_columns_each(r, t->columns, NULL, CS_FORM_CSV, write_name, s);
    end_line(s);
    for (uint32_t i = 0; i < n; i++)
        write_row(s, r, t, cs_columns_row(r, t, i));
    if (n == 0 && t->none != NULL)
        write_row(s, r, t, t->none);
}

static enum cs_err write_file(const struct cs_report *r, const char *dir, const struct cs_report_table *t,
                              bool readable, bool excel, struct cs_error *err)
{
    char *path = cs_xasprintf("%s/%s.csv", dir, t->csv), *part = cs_xasprintf("%s.part", path);
    struct sheet s = {.out = cs_part_file_private(part), .excel = excel};
    enum cs_err rc = CS_OK;
    if (s.out == NULL) {
        rc = cs_error_set(err, CS_EIO, "%s: %s", part, strerror(errno));
    } else {
        write_table(&s, r, t);
        const bool bad = ferror(s.out) != 0 || (readable && fchmod(fileno(s.out), 0644) != 0);
        if (fclose(s.out) != 0 || bad || rename(part, path) != 0) {
            rc = cs_error_set(err, CS_EIO, "%s: %s", path, strerror(errno));
            unlink(part);
        }
    }
    free(part);
    free(path);
    return rc;
}

enum cs_err cs_forms_csv(const struct cs_report *r, const char *dir, bool readable, bool excel, struct cs_error *err)
{
    enum cs_err rc = CS_OK;
    if (mkdir(dir, readable ? 0755 : 0700) != 0 && errno != EEXIST)
        return cs_error_set(err, CS_EIO, "%s: %s", dir, strerror(errno));
    for (size_t i = 0; cs_tables_all[i] != NULL; i++) {
        for (const struct cs_report_table *t = cs_tables_all[i]; t->columns != NULL && rc == CS_OK; t++)
            rc = t->csv != NULL && (!t->is_rare || t->is_shown(r)) ? write_file(r, dir, t, readable, excel, err)
                                                                   : CS_OK;
    }
    return rc;
}
