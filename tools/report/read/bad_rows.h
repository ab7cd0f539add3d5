/* bad_rows.h - what is wrong with a table, told all at once: each kind with its first line and the number of its rows. Thread: one. */
#ifndef CS_BAD_ROWS_H
#define CS_BAD_ROWS_H

#include "protocol/base/arena.h"
#include "protocol/base/error.h"
#include "protocol/table/names.h"

enum { CS_BAD_ROWS_MAX = 64 }; /* kinds that are told apart */

struct cs_bad_rows { /* zeroed: empty */
    struct cs_arena arena;
    struct cs_names known;
    struct {
        const char *sentence;
        uint32_t line;
        uint64_t rows;
    } of[CS_BAD_ROWS_MAX];
    uint32_t n;
    uint64_t others; /* rows with further kinds */
};

/* message: "FILE:LINE: sentence", as cs_error_set has it. */
void cs_bad_rows_note(struct cs_bad_rows *f, uint32_t line, const char *message);
/* One message of all of them, at least one; returns CS_EINVAL. */
enum cs_err cs_bad_rows_tell(const struct cs_bad_rows *f, const char *path, struct cs_error *err);
void cs_bad_rows_release(struct cs_bad_rows *f);

#endif
