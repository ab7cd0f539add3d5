/* table.h - cases and levels as rows of texts, from the files that people have, or from a list in the study file.
 *
 * CSV as in RFC 4180, UTF-8 (a byte-order mark is skipped), separated by what its first line shows: commas, semicolons or tabs, or what a
 * line `sep=;` before it says. Cells are kept byte for byte, blanks too; names of columns are trimmed. Blank lines, rows of empty cells,
 * and columns and cells at the right end that are empty are passed over. The only door to libcsv.
 * JSON Lines (.jsonl, .ndjson, .json), or one list of objects: numbers and true/false become the text they are written as (numbers with at
 * most 17 digits), null and a key that a row lacks the empty text; what is inside objects and lists gets names with dots
 * (`meta.age`, `options.1`).
 * Excel (.xlsx): the first sheet (table_xlsx.c).
 *
 * Limits: 1 GiB, CS_CASES_MAX rows, CS_COLUMNS_MAX columns, CS_TEXT_MAX bytes a cell, 1 MiB a row; 64 MiB of a JSON list.
 * Ownership: texts live in the caller's arena, `rows` is the table's. Thread: any.
 * Errors: CS_EINVAL with "FILE:LINE: ...", CS_ENOENT when there is no such file.
 */
#ifndef CS_TABLE_H
#define CS_TABLE_H

#include <stdbool.h>

#include "protocol/base/sizes.h"
#include "protocol/table/yaml.h"

enum { CS_ROW_BYTES_MAX = 1024 * 1024, CS_STREAM_ROW_MAX = 4 * 1024 * 1024 };

struct cs_row {
    uint32_t line;
    const char *const *values; /* one per column, never NULL */
};

struct cs_table {
    const char *path;
    const char *const *columns;
    uint32_t n_columns;
    struct cs_row *rows;
    uint32_t n_rows, cap;
    const char *const *lists; /* columns that hold lists */
    uint32_t n_lists;
};

CS_WARN_UNUSED enum cs_err cs_table_load(const char *path, struct cs_arena *arena, struct cs_table *out,
                                         struct cs_error *err);
/* The same, where columns of these names hold lists: in JSON they stay whole, as compact JSON texts; elsewhere a cell has the JSON of one. */
CS_WARN_UNUSED enum cs_err cs_table_load_lists(const char *path, const char *const *lists, uint32_t n_lists,
                                               struct cs_arena *arena, struct cs_table *out, struct cs_error *err);
/* A CSV, TSV or Excel file row by row, text files of any size: the columns once, then every row, until a call returns other than CS_OK. Values are valid
 * during the call; a row has up to CS_STREAM_ROW_MAX bytes. */
struct cs_table_sink {
    void *self;
    enum cs_err (*head)(void *self, const struct cs_table *t, struct cs_error *err);
    enum cs_err (*row)(void *self, const struct cs_table *t, uint32_t line, const char *const *values,
                       struct cs_error *err);
};
CS_WARN_UNUSED enum cs_err cs_table_stream(const char *path, const struct cs_table_sink *sink, struct cs_error *err);
/* From [{column: text, ...}, ...]. */
CS_WARN_UNUSED enum cs_err cs_table_from_node(const struct cs_node *list, const char *what, struct cs_arena *arena,
                                              struct cs_table *out, struct cs_error *err);
void cs_table_release(struct cs_table *t);

uint32_t cs_table_read_column(const struct cs_table *t, const char *name); /* CS_NONE if absent */
/* Sets CS_EINVAL and "FILE:LINE: sentence" at a row; returns CS_EINVAL. */
enum cs_err cs_table_fail(const struct cs_table *t, uint32_t row, struct cs_error *err, const char *fmt, ...)
    CS_PRINTF(4, 5);

/* Appends a row of t->n_columns texts, which are copied. */
void cs_table_read_add(struct cs_table *t, struct cs_arena *arena, uint32_t line, const char *const *values);

#endif
