#include "tools/export/format.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "tools/base/csv_write.h"

/* The shortest text that reads back as the same number. */
static void print_real(char *out, size_t size, double v)
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(out, size, "%.*g", digits, v);
        if (strtod(out, NULL) == v)
            return;
    }
}

static void csv_header(FILE *out, const struct cs_row *r)
{
    for (uint32_t i = 0; i < r->n; i++)
        cs_csv_field(out, r->names[i], i == 0);
    cs_csv_end(out);
}

static void csv_row(FILE *out, const struct cs_row *r)
{
    for (uint32_t i = 0; i < r->n; i++) {
        const struct cs_cell *c = &r->cell[i];
        char number[40] = "";
        switch (c->kind) {
        case CS_CELL_NONE:
        case CS_CELL_TEXT:
            break;
        case CS_CELL_INT:
            snprintf(number, sizeof number, "%" PRId64, c->integer);
            break;
        case CS_CELL_REAL:
            print_real(number, sizeof number, c->real);
            break;
        case CS_CELL_BOOL:
            snprintf(number, sizeof number, "%s", c->integer != 0 ? "true" : "false");
            break;
        }
        cs_csv_field(out, c->kind == CS_CELL_TEXT ? c->text : number, i == 0);
    }
    cs_csv_end(out);
}

static void no_header(FILE *out, const struct cs_row *r)
{
    (void)out;
    (void)r;
}

static void write_json_string(FILE *out, const char *text)
{
    json_t *s = json_string(text);
    if (s != NULL)
        json_dumpf(s, out, JSON_ENCODE_ANY | JSON_COMPACT);
    else
        fputs("null", out); /* not UTF-8: cannot come out of the store, which checked it */
    json_decref(s);
}

static void jsonl_row(FILE *out, const struct cs_row *r)
{
    bool first = true;
    fputc('{', out);
    for (uint32_t i = 0; i < r->n; i++) {
        const struct cs_cell *c = &r->cell[i];
        char number[40];
        if (c->kind == CS_CELL_NONE)
            continue;
        fprintf(out, "%s\"%s\":", first ? "" : ",", r->names[i]); /* names are plain: [A-Za-z0-9_.-] */
        first = false;
        if (c->kind == CS_CELL_TEXT)
            write_json_string(out, c->text);
        else if (c->kind == CS_CELL_REAL) {
            print_real(number, sizeof number, c->real);
            fputs(number, out);
        } else if (c->kind == CS_CELL_BOOL)
            fputs(c->integer != 0 ? "true" : "false", out);
        else
            fprintf(out, "%" PRId64, c->integer);
    }
    fputs("}\n", out);
}

static const struct cs_format formats[] = {{"csv", csv_header, csv_row}, {"jsonl", no_header, jsonl_row}};

const struct cs_format *cs_format_find(const char *name)
{
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    }
    return NULL;
}
