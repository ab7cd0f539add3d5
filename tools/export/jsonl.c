/* jsonl.c - JSON Lines: an object a line, empty cells left out. */
#include <inttypes.h>

#include "protocol/base/json.h"
#include "tools/export/format.h"

static void header(FILE *out, const struct cs_export_row *r)
{
    (void)out;
    (void)r;
}

static void write_json_string(FILE *out, const char *text)
{
    struct cs_json *s = cs_json_string(text);
    if (s != NULL)
        cs_json_dumpf(s, out, CS_JSON_ENCODE_ANY | CS_JSON_COMPACT);
    else
        fputs("null", out); /* not UTF-8: cannot come out of the store, which checked it */
    cs_json_decref(s);
}

static void row(FILE *out, const struct cs_export_row *r)
{
    bool first = true;
    fputc('{', out);
    for (uint32_t i = 0; i < r->n; i++) {
        const struct cs_cell *c = &r->cell[i];
        char number[CS_EXPORT_REAL_LEN];
        if (c->kind == CS_CELL_NONE)
            continue;
        fputs(first ? "" : ",", out);
        write_json_string(out, r->names[i]);
        fputc(':', out);
        first = false;
        if (c->kind == CS_CELL_TEXT)
            write_json_string(out, c->text);
        else if (c->kind == CS_CELL_REAL) {
            cs_export_row_real(number, c->real);
            fputs(number, out);
        } else if (c->kind == CS_CELL_BOOL)
            fputs(c->integer != 0 ? "true" : "false", out);
        else
            fprintf(out, "%" PRId64, c->integer);
    }
    fputs("}\n", out);
}

const struct cs_export_format cs_export_jsonl = {"jsonl", header, row};
