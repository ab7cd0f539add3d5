#include "protocol/base/plain.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/utf8.h"

static uint32_t code_of(const uint8_t *p, size_t len)
{
    static const uint8_t first[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t code = p[0] & first[len];
    for (size_t i = 1; i < len; i++)
        code = code << 6 | (p[i] & 0x3f);
    return code;
}

/* U+00AD..: soft hyphen, Arabic and Syriac marks apart (they belong to their scripts), of the format class what hides or turns text. */
static bool is_hidden(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x061c || (c >= 0x200e && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
           (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe0fff);
}

size_t cs_plain_hidden(const char *s, size_t n, size_t *len, uint32_t *code)
{
    bool whole;
    *len = cs_utf8_step(s, n, &whole);
    *code = whole ? code_of((const uint8_t *)s, *len) : (uint8_t)*s;
    if (!whole)
        return 1;
    return is_hidden(*code) ? *len : 0;
}

bool cs_plain_is(const char *text)
{
    size_t len;
    uint32_t code;
    for (size_t n = strlen(text); n > 0; text += len, n -= len) {
        if (cs_plain_hidden(text, n, &len, &code) > 0)
            return false;
    }
    return true;
}

enum { WRITTEN_MAX = 11 }; /* "\U000e0001" and its NUL */

static void write_out(char out[WRITTEN_MAX], uint32_t code, bool is_character)
{
    if (code == '\n' || code == '\r' || code == '\t')
        snprintf(out, WRITTEN_MAX, "\\%c", code == '\n' ? 'n' : code == '\r' ? 'r' : 't');
    else if (!is_character || code < 0x80)
        snprintf(out, WRITTEN_MAX, "\\x%02x", (unsigned)code & 0xffu);
    else
        snprintf(out, WRITTEN_MAX, code > 0xffff ? "\\U%08x" : "\\u%04x", (unsigned)code);
}

const char *cs_plain_text(char *out, size_t size, const char *text)
{
    size_t at = 0, safe = 0; /* safe: where "..." still fits */
    for (size_t n = strlen(text), len; n > 0; text += len, n -= len) {
        char written[WRITTEN_MAX];
        const char *put = text;
        uint32_t code;
        const size_t hidden = cs_plain_hidden(text, n, &len, &code);
        size_t k = len;
        if (hidden > 0) {
            write_out(written, code, hidden > 1 || code < 0x80);
            put = written;
            k = strlen(written);
            len = hidden;
        }
        if (at + k + 1 > size) {
            if (size > 3)
                memcpy(out + safe, "...", 3);
            at = size > 3 ? safe + 3 : 0;
            break;
        }
        memcpy(out + at, put, k);
        at += k;
        safe = at + 4 <= size ? at : safe;
    }
    if (size > 0)
        out[at] = '\0';
    return out;
}

const char *cs_plain_in(struct cs_arena *arena, const char *text)
{
    if (cs_plain_is(text))
        return text;
    const size_t size = CS_PLAIN_GROWTH * strlen(text) + 1;
    return cs_plain_text(cs_arena_alloc(arena, size), size, text);
}

/* ---- a stream ------------------------------------------------------------------------------------- */

struct door {
    FILE *out;
    char begun[4]; /* first bytes of a character whose other bytes have not come yet */
    size_t n_begun;
};

/* How many of the last bytes begin a character that may go on. */
static size_t unfinished(const char *bytes, size_t n)
{
    for (size_t back = 1; back <= 3 && back <= n; back++) {
        const uint8_t c = (uint8_t)bytes[n - back];
        if (c >= 0xc0)
            return (c >= 0xf0 ? 4u : c >= 0xe0 ? 3u : 2u) > back ? back : 0;
        if (c < 0x80)
            return 0;
    }
    return 0;
}

static void pass(FILE *out, const char *s, size_t n)
{
    for (size_t len; n > 0; s += len, n -= len) {
        uint32_t code;
        const size_t hidden = cs_plain_hidden(s, n, &len, &code);
        char written[WRITTEN_MAX];
        if (hidden == 0 || *s == '\n' || *s == '\t') {
            fwrite(s, 1, len, out);
            continue;
        }
        write_out(written, code, hidden > 1 || code < 0x80);
        fputs(written, out);
        len = hidden;
    }
}

static ssize_t door_write(void *self, const char *bytes, size_t n)
{
    struct door *d = self;
    char *all = cs_xmalloc(d->n_begun + n + 1);
    memcpy(all, d->begun, d->n_begun);
    memcpy(all + d->n_begun, bytes, n);
    const size_t have = d->n_begun + n, keep = unfinished(all, have);
    pass(d->out, all, have - keep);
    memcpy(d->begun, all + have - keep, keep);
    d->n_begun = keep;
    free(all);
    return ferror(d->out) ? 0 : (ssize_t)n;
}

static int door_close(void *self)
{
    struct door *d = self;
    pass(d->out, d->begun, d->n_begun);
    const int rc = fflush(d->out);
    free(d);
    return rc;
}

FILE *cs_plain_file(FILE *out)
{
    struct door *d = cs_xcalloc(1, sizeof *d);
    d->out = out;
    FILE *f = fopencookie(d, "w", (cookie_io_functions_t){.write = door_write, .close = door_close});
    CS_ASSERT(f != NULL); /* it opens nothing: only memory could lack, and that ends the process (alloc.h) */
    setvbuf(f, NULL, _IOLBF, BUFSIZ);
    return f;
}
