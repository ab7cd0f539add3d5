/* table_read.h - inside table*.c only: a table file in pieces that end with their line, its formats, and rows on their way. */
#ifndef CS_TABLE_READ_H
#define CS_TABLE_READ_H

#include "protocol/table/table.h"

enum { CS_PIECE_MAX = 64 * 1024 };

struct cs_pieces {
    const char *path;
    int fd;
    char *bytes; /* CS_PIECE_MAX of them */
    size_t at, len;
    uint64_t total;
    uint32_t line;  /* the one that the last piece belongs to, from 1 */
    bool line_done; /* the last piece ended its line */
    bool endless;   /* it may be of any size: rows are not kept */
};

/* The first bytes of the file, at most n; how many there are. Pieces are not moved. */
size_t cs_table_read_peek(int fd, void *bytes, size_t n);
/* Is this the first character after blanks (and a byte-order mark)? */
bool cs_table_read_begins(const struct cs_pieces *p, char c);
/* The next piece: up to and including a newline, or part of a longer line; *n = 0 at the end of the file. */
CS_WARN_UNUSED enum cs_err cs_table_read_next(struct cs_pieces *p, const char **bytes, size_t *n, struct cs_error *err);

/* Where rows go: into t, or to the sink. */
struct cs_table_rows {
    struct cs_table *t;
    struct cs_arena *arena;
    const struct cs_table_sink *sink; /* NULL: rows are added to t */
    const char *separator;            /* between cells, as people call it; NULL: cells have places of their own */
};

/* One row of cells. The first names the columns, without the empty cells at its end; later ones are passed over when all of their cells
 * are empty, and may have empty cells beyond the columns. */
CS_WARN_UNUSED enum cs_err cs_table_read_row(const struct cs_table_rows *to, uint32_t line, const char *const *cells,
                                             uint32_t n, struct cs_error *err);

CS_WARN_UNUSED enum cs_err cs_table_csv(struct cs_pieces *in, char delimiter, const struct cs_table_rows *to,
                                        struct cs_error *err);
/* One object a line; or, when the file begins with [, one list of objects. */
CS_WARN_UNUSED enum cs_err cs_table_jsonl(struct cs_pieces *in, struct cs_arena *arena, struct cs_table *t,
                                          struct cs_error *err);
/* The first sheet of an Excel workbook. fd stays the caller's. */
CS_WARN_UNUSED enum cs_err cs_table_xlsx(int fd, const struct cs_table_rows *to, struct cs_error *err);

/* Can this name a column, so that {{case.NAME}} works? */
bool cs_table_read_is_name(const char *s);
/* Takes the names of the columns and checks them; `line` for messages. */
CS_WARN_UNUSED enum cs_err cs_table_read_head(struct cs_table *t, struct cs_arena *arena, uint32_t line,
                                              const char *const *names, uint32_t n, struct cs_error *err);
CS_WARN_UNUSED enum cs_err cs_table_read_room(const struct cs_table *t, uint32_t line, struct cs_error *err);

#endif
