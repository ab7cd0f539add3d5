/* buf.h - a growing byte buffer that is born with a maximum.
 *
 * Appending beyond the maximum sets `overflow` and drops the bytes; check it once at the end. `data` is always
 * NUL-terminated after an append (the NUL is not counted in len). Thread: none of its own; one owner.
 */
#ifndef CS_BUF_H
#define CS_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cs_buf {
    char *data; /* NULL while empty */
    size_t len, cap, max;
    bool overflow;
};

#define CS_BUF_INIT(max_bytes) ((struct cs_buf){.max = (max_bytes)})

void cs_buf_release(struct cs_buf *b); /* frees; the buffer may be used again */
void cs_buf_clear(struct cs_buf *b);   /* keeps the memory */
void cs_buf_append(struct cs_buf *b, const void *bytes, size_t n);
void cs_buf_str(struct cs_buf *b, const char *s);
void cs_buf_char(struct cs_buf *b, char c);
void cs_buf_u32(struct cs_buf *b, uint32_t v);           /* big-endian, as digests are made of */
void cs_buf_counted(struct cs_buf *b, const char *text); /* its length, so written, and it */
void cs_buf_printf(struct cs_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The string built so far, never NULL; valid until the next append. */
const char *cs_buf_cstr(const struct cs_buf *b);
/* Hands the NUL-terminated memory over to the caller (free()); the buffer is empty afterwards. */
char *cs_buf_take(struct cs_buf *b);

#endif
