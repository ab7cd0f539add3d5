/* csv.c - RFC 4180, the header line first. */
#include <inttypes.h>

#include "tools/base/csv_write.h"
#include "tools/export/format.h"

static void header(FILE *out, const struct cs_export_row *r)
{
    for (uint32_t i = 0; i < r->n; i++)
        cs_csv_write_field(out, r->names[i], i == 0);
    cs_csv_write_end(out);
}

static void row(FILE *out, const struct cs_export_row *r)
{
    for (uint32_t i = 0; i < r->n; i++) {
        const struct cs_cell *c = &r->cell[i];
        char number[CS_EXPORT_REAL_LEN] = "";
        switch (c->kind) {
        case CS_CELL_NONE:
        case CS_CELL_TEXT:
            break;
        case CS_CELL_INT:
            snprintf(number, sizeof number, "%" PRId64, c->integer);
            break;
        case CS_CELL_REAL:
            cs_export_row_real(number, c->real);
            break;
        case CS_CELL_BOOL:
            snprintf(number, sizeof number, "%s", c->integer != 0 ? "true" : "false");
            break;
        }
        cs_csv_write_field(out, c->kind == CS_CELL_TEXT ? c->text : number, i == 0);
    }
    cs_csv_write_end(out);
}

const struct cs_export_format cs_export_csv = {"csv", header, row};
