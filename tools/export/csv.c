/* csv.c - RFC 4180, the header line first; and the same for Excel (tools/base/csv_write.h). */
#include <inttypes.h>

#include "tools/base/csv_write.h"
#include "tools/export/format.h"

static void header(FILE *out, const struct cs_export_row *r)
{
    for (uint32_t i = 0; i < r->n; i++)
        cs_csv_write_field(out, r->names[i], i == 0);
    cs_csv_write_end(out);
}

/* A number or truth value as text; "" for nothing. */
static const char *plain(const struct cs_cell *c, char number[CS_EXPORT_REAL_LEN])
{
    number[0] = '\0';
    switch (c->kind) {
    case CS_CELL_NONE:
    case CS_CELL_TEXT:
        break;
    case CS_CELL_INT:
        snprintf(number, CS_EXPORT_REAL_LEN, "%" PRId64, c->integer);
        break;
    case CS_CELL_REAL:
        cs_export_row_real(number, c->real);
        break;
    case CS_CELL_BOOL:
        snprintf(number, CS_EXPORT_REAL_LEN, "%s", c->integer != 0 ? "true" : "false");
        break;
    }
    return number;
}

static void row(FILE *out, const struct cs_export_row *r)
{
    char number[CS_EXPORT_REAL_LEN];
    for (uint32_t i = 0; i < r->n; i++)
        cs_csv_write_field(out, r->cell[i].kind == CS_CELL_TEXT ? r->cell[i].text : plain(&r->cell[i], number), i == 0);
    cs_csv_write_end(out);
}

static void excel_header(FILE *out, const struct cs_export_row *r)
{
    cs_csv_write_excel_begin(out);
    for (uint32_t i = 0; i < r->n; i++)
        cs_csv_write_excel_field(out, r->names[i], i == 0);
    cs_csv_write_excel_end(out);
}

static void excel_row(FILE *out, const struct cs_export_row *r)
{
    char number[CS_EXPORT_REAL_LEN];
    for (uint32_t i = 0; i < r->n; i++) {
        if (r->cell[i].kind == CS_CELL_TEXT)
            cs_csv_write_excel_field(out, r->cell[i].text, i == 0);
        else
            cs_csv_write_excel_number(out, plain(&r->cell[i], number), i == 0);
    }
    cs_csv_write_excel_end(out);
}

const struct cs_export_format cs_export_csv = {"csv", header, row};
const struct cs_export_format cs_export_csv_excel = {"csv", excel_header, excel_row};
