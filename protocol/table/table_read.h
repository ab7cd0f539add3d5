/* table_read.h - inside table*.c only: a table file in pieces that end with their line, and its two formats. */
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
    uint32_t line;  /* that the last piece belongs to, from 1 */
    bool line_done; /* the last piece ended its line */
    bool endless;   /* of any size: rows are not kept */
};

/* The next piece: up to and including a newline, or part of a longer line; *n = 0 at the end of the file. */
CS_WARN_UNUSED enum cs_err cs_table_read_next(struct cs_pieces *p, const char **bytes, size_t *n, struct cs_error *err);

/* sink NULL: rows are added to t. */
CS_WARN_UNUSED enum cs_err cs_table_csv(struct cs_pieces *in, char delimiter, struct cs_arena *arena,
                                        struct cs_table *t, const struct cs_table_sink *sink, struct cs_error *err);
CS_WARN_UNUSED enum cs_err cs_table_jsonl(struct cs_pieces *in, struct cs_arena *arena, struct cs_table *t,
                                          struct cs_error *err);

/* Takes the names of the columns and checks them; `line` for messages. */
CS_WARN_UNUSED enum cs_err cs_table_read_head(struct cs_table *t, struct cs_arena *arena, uint32_t line,
                                              const char *const *names, uint32_t n, struct cs_error *err);
CS_WARN_UNUSED enum cs_err cs_table_read_room(const struct cs_table *t, uint32_t line, struct cs_error *err);

#endif
