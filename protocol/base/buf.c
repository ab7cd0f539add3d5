#include "protocol/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"

void cs_buf_release(struct cs_buf *b)
{
    free(b->data);
    *b = CS_BUF_INIT(b->max);
}

void cs_buf_clear(struct cs_buf *b)
{
    b->len = 0;
    b->overflow = false;
    if (b->data != NULL)
        b->data[0] = '\0';
}

/* Makes room for n more bytes and the NUL. */
static bool reserve(struct cs_buf *b, size_t n)
{
    CS_ASSERT(b->max > 0);
    if (n > b->max - b->len) {
        b->overflow = true;
        return false;
    }
    if (b->len + n + 1 > b->cap) {
        size_t cap = b->cap != 0 ? b->cap : 64;
        while (cap < b->len + n + 1)
            cap *= 2;
        b->data = cs_xrealloc(b->data, cap, 1);
        b->cap = cap;
    }
    return true;
}

void cs_buf_append(struct cs_buf *b, const void *bytes, size_t n)
{
    if (!reserve(b, n))
        return;
    if (n != 0)
        memcpy(b->data + b->len, bytes, n);
    b->len += n;
    b->data[b->len] = '\0';
}

void cs_buf_str(struct cs_buf *b, const char *s)
{
    cs_buf_append(b, s, strlen(s));
}

void cs_buf_char(struct cs_buf *b, char c)
{
    cs_buf_append(b, &c, 1);
}

void cs_buf_printf(struct cs_buf *b, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n >= 0 && reserve(b, (size_t)n)) {
        vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

const char *cs_buf_cstr(const struct cs_buf *b)
{
    return b->data != NULL ? b->data : "";
}

char *cs_buf_take(struct cs_buf *b)
{
    char *s = b->data != NULL ? b->data : cs_xstrdup("");
    b->data = NULL;
    cs_buf_release(b);
    return s;
}

void cs_buf_u32(struct cs_buf *b, uint32_t v)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        cs_buf_char(b, (char)(uint8_t)(v >> shift));
}

void cs_buf_counted(struct cs_buf *b, const char *text)
{
    const size_t n = strlen(text);
    cs_buf_u32(b, (uint32_t)n);
    cs_buf_append(b, text, n);
}
