/* xlsx_book.h - what an Excel workbook (ECMA-376, part 1, SpreadsheetML) says beside its sheets: which there are, the texts that cells
 * share, and which styles show a number as a date.
 *
 * Ownership: texts live in the arena; cs_xlsx_book_release frees the lists. Thread: one owner.
 */
#ifndef CS_XLSX_BOOK_H
#define CS_XLSX_BOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/base/arena.h"
#include "protocol/base/buf.h"
#include "protocol/table/xml.h"
#include "protocol/table/zip.h"

enum { CS_XLSX_SHEETS_MAX = 256, CS_XLSX_STRINGS_MAX = 4 * 1024 * 1024, CS_XLSX_STYLES_MAX = 64 * 1024 };

struct cs_xlsx_book {
    struct cs_zip *zip;
    const char *path;
    struct cs_arena *arena;
    struct cs_xlsx_sheet {
        const char *name, *part;
    } sheets[CS_XLSX_SHEETS_MAX]; /* worksheets only, in the order of their tabs */
    uint32_t n_sheets;
    const char **strings;
    uint32_t n_strings, strings_cap;
    bool *dates; /* per style of cells */
    uint32_t n_styles;
};

CS_WARN_UNUSED enum cs_err cs_xlsx_book_open(struct cs_zip *zip, const char *path, struct cs_arena *arena,
                                             struct cs_xlsx_book *out, struct cs_error *err);
void cs_xlsx_book_release(struct cs_xlsx_book *b);

/* Reads one part of the workbook through a sink. */
CS_WARN_UNUSED enum cs_err cs_xlsx_book_read(struct cs_xlsx_book *b, const char *part, const struct cs_xml_sink *sink,
                                             struct cs_error *err);
/* A text as Excel means it: _x000D_ stands for the character of that number. Appends to out. */
void cs_xlsx_book_text(struct cs_buf *out, const char *s);

#endif
