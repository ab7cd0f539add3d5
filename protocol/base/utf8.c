#include "protocol/base/utf8.h"

#include <stdint.h>
#include <string.h>

#include "protocol/base/buf.h"

/* Bytes of the sequence that starts at p; n > 0 bytes are there. If it is malformed *whole is false, and they are those before the first
 * one that cannot belong to it. */
static size_t sequence(const uint8_t *p, size_t n, bool *whole)
{
    uint8_t lead = p[0], low = 0x80, high = 0xbf; /* low, high: what the second byte may be */
    size_t len;
    *whole = true;
    if (lead >= 0x01 && lead <= 0x7f)
        return 1;
    *whole = false;
    if (lead >= 0xc2 && lead <= 0xdf) {
        len = 2;
    } else if (lead >= 0xe0 && lead <= 0xef) {
        len = 3;
        low = lead == 0xe0 ? 0xa0 : 0x80;
        high = lead == 0xed ? 0x9f : 0xbf;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
        len = 4;
        low = lead == 0xf0 ? 0x90 : 0x80;
        high = lead == 0xf4 ? 0x8f : 0xbf;
    } else {
        return 1;
    }
    for (size_t i = 1; i < len; i++) {
        if (i >= n || p[i] < (i == 1 ? low : 0x80) || p[i] > (i == 1 ? high : 0xbf))
            return i;
    }
    *whole = true;
    return len;
}

size_t cs_utf8_step(const char *s, size_t n, bool *whole)
{
    return sequence((const uint8_t *)s, n, whole);
}

bool cs_utf8_valid(const char *s, size_t n)
{
    const uint8_t *p = (const uint8_t *)s;
    while (n > 0) {
        uint64_t word;
        if (n >= sizeof word) { /* eight ASCII bytes at a time: nearly all text is */
            memcpy(&word, p, sizeof word);
            const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
            if (((word | ((word - ones) & ~word)) & tops) == 0) {
                p += sizeof word;
                n -= sizeof word;
                continue;
            }
        }
        bool whole;
        size_t len = sequence(p, n, &whole);
        if (!whole)
            return false;
        p += len;
        n -= len;
    }
    return true;
}

const char *cs_utf8_clean(struct cs_arena *arena, const char *bytes, size_t n, size_t max)
{
    static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */
    if (n == 0)
        return "";
    if (n <= max && cs_utf8_valid(bytes, n))
        return cs_arena_strndup(arena, bytes, n);
    struct cs_buf out = CS_BUF_INIT(max + 1);
    for (size_t i = 0; i < n;) {
        bool whole;
        const size_t k = cs_utf8_step(bytes + i, n - i, &whole);
        const size_t put = whole ? k : sizeof replacement - 1;
        if (out.len + put > max)
            break;
        cs_buf_append(&out, whole ? bytes + i : replacement, put);
        i += k;
    }
    const char *copy = cs_arena_strndup(arena, cs_buf_cstr(&out), out.len);
    cs_buf_release(&out);
    return copy;
}
