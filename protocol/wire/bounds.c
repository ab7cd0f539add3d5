#include "protocol/wire/bounds.h"

#include <stdbool.h>
#include <stdint.h>

#include "protocol/base/assert.h"

enum { DEPTH_LIMIT = 16 };

struct head {              /* the first byte of a value, and the length field behind it */
    unsigned length_bytes; /* 0, 1, 2 or 4 bytes of length follow */
    uint64_t payload;      /* bytes that follow those (added to the length of strings) */
    uint64_t items;        /* values that follow */
    bool container, string, map, legal;
};

static struct head head_of(uint8_t b)
{
    struct head h = {.legal = true};
    if (b <= 0x7f || b >= 0xe0) { /* small numbers */
    } else if (b <= 0x8f) {       /* fixmap */
        h.container = h.map = true;
        h.items = 2 * (uint64_t)(b & 15);
    } else if (b <= 0x9f) { /* fixarray */
        h.container = true;
        h.items = b & 15;
    } else if (b <= 0xbf) { /* fixstr */
        h.payload = b & 31;
    } else if (b == 0xc1) { /* never used */
        h.legal = false;
    } else if (b <= 0xc3) { /* nil, false, true */
    } else if (b <= 0xc6) { /* bin 8, 16, 32 */
        h.string = true;
        h.length_bytes = 1u << (b - 0xc4);
    } else if (b <= 0xc9) { /* ext 8, 16, 32: a type byte follows the length */
        h.string = true;
        h.payload = 1;
        h.length_bytes = 1u << (b - 0xc7);
    } else if (b <= 0xcb) { /* float 32, 64 */
        h.payload = 4u << (b - 0xca);
    } else if (b <= 0xcf) { /* uint 8 to 64 */
        h.payload = 1u << (b - 0xcc);
    } else if (b <= 0xd3) { /* int 8 to 64 */
        h.payload = 1u << (b - 0xd0);
    } else if (b <= 0xd8) { /* fixext 1 to 16 */
        h.payload = 1 + (1u << (b - 0xd4));
    } else if (b <= 0xdb) { /* str 8, 16, 32 */
        h.string = true;
        h.length_bytes = 1u << (b - 0xd9);
    } else { /* array 16, 32; map 16, 32 */
        h.container = true;
        h.map = b >= 0xde;
        h.length_bytes = b & 1 ? 4 : 2;
    }
    return h;
}

const char *cs_bounds_fault(const void *bytes, size_t n, unsigned depth_max)
{
    const uint8_t *p = bytes, *end = p + n;
    uint64_t left[DEPTH_LIMIT + 1] = {1}; /* values still to come, per level */
    unsigned depth = 0;
    CS_ASSERT(depth_max <= DEPTH_LIMIT);
    for (;;) {
        while (depth > 0 && left[depth] == 0)
            depth--;
        if (left[depth] == 0)
            return p == end ? NULL : "the message goes on behind its end";
        if (p == end)
            return "the message is cut short";
        left[depth]--;
        struct head h = head_of(*p++);
        if (!h.legal)
            return "the message is not MessagePack";
        if (h.length_bytes > 0) {
            uint64_t length = 0;
            if ((size_t)(end - p) < h.length_bytes)
                return "the message is cut short";
            for (unsigned i = 0; i < h.length_bytes; i++)
                length = length << 8 | *p++;
            if (h.string)
                h.payload += length;
            else
                h.items = h.map ? 2 * length : length;
        }
        if (h.payload > (size_t)(end - p) || h.items > (size_t)(end - p))
            return "the message announces more than it holds";
        p += h.payload;
        if (h.container) {
            if (depth == depth_max)
                return "the message is nested too deeply";
            left[++depth] = h.items;
        }
    }
}
