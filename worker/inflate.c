#include "worker/inflate.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#define ZLIB_CONST /* it does not write what it reads */
#include <zlib.h>

#include "protocol/base/alloc.h"
#include "protocol/dialects/replies/header.h"

enum { PIECE = 64 * 1024, GZIP_OR_ZLIB = 15 + 32, BARE = -15 };

static bool is_gzip(const char *bytes, size_t n)
{
    return n >= 2 && (unsigned char)bytes[0] == 0x1f && (unsigned char)bytes[1] == 0x8b;
}

bool cs_inflate_is_deflated(const char *headers, const char *bytes, size_t n)
{
    static const char *const codings[] = {"gzip", "x-gzip", "deflate"};
    struct cs_arena arena = {0};
    bool is = is_gzip(bytes, n);
    const char *coding = is || n == 0 ? NULL : cs_header(headers, "content-encoding", &arena);
    for (size_t i = 0; coding != NULL && i < sizeof codings / sizeof *codings; i++)
        is |= strcasecmp(coding, codings[i]) == 0;
    cs_arena_release(&arena);
    return is;
}

/* One member; *used of the bytes belong to it. */
static enum cs_inflated one_member(const char *bytes, size_t n, int window, struct cs_buf *out, size_t *used)
{
    z_stream z = {.next_in = (const Bytef *)bytes, .avail_in = (uInt)n};
    Bytef *piece = cs_xmalloc(PIECE);
    int rc = inflateInit2(&z, window);
    enum cs_inflated is = CS_INFLATED_DAMAGED;
    while (rc == Z_OK) {
        z.next_out = piece;
        z.avail_out = PIECE;
        rc = inflate(&z, Z_NO_FLUSH);
        cs_buf_append(out, piece, PIECE - z.avail_out);
        if (out->overflow)
            rc = Z_BUF_ERROR;
    }
    if (out->overflow)
        is = CS_INFLATED_TOO_LONG;
    else if (rc == Z_STREAM_END)
        is = CS_INFLATED_WHOLE;
    *used = n - z.avail_in;
    inflateEnd(&z);
    free(piece);
    return is;
}

/* Text that begins as JSON and HTML do, whatever was said of its coding: no stream of zlib's does, and a bare one has control characters. */
static bool is_plain(const char *bytes, size_t n)
{
    if (n == 0 || bytes[0] == '\0' || strchr("{[<\" \r\n", bytes[0]) == NULL)
        return false;
    for (size_t i = 0; i < n; i++) {
        const unsigned char c = (unsigned char)bytes[i];
        if (c < 0x20 && c != '\t' && c != '\r' && c != '\n')
            return false;
    }
    return true;
}

enum cs_inflated cs_inflate(const char *bytes, size_t n, struct cs_buf *out)
{
    const size_t before = out->len;
    size_t used;
    if (is_plain(bytes, n)) {
        cs_buf_append(out, bytes, n);
        return out->overflow ? CS_INFLATED_TOO_LONG : CS_INFLATED_WHOLE;
    }
    enum cs_inflated is = one_member(bytes, n, GZIP_OR_ZLIB, out, &used);
    if (is == CS_INFLATED_DAMAGED && !is_gzip(bytes, n)) {
        out->len = before;
        return one_member(bytes, n, BARE, out, &used);
    }
    while (is == CS_INFLATED_WHOLE && used < n && is_gzip(bytes + used, n - used)) {
        bytes += used;
        n -= used;
        is = one_member(bytes, n, GZIP_OR_ZLIB, out, &used);
    }
    return is;
}
