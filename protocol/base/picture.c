#include "protocol/base/picture.h"

#include <string.h>

#include "protocol/base/assert.h"

const char *cs_picture_media(enum cs_picture_type t)
{
    static const char *const media[CS_PICTURES] = {"image/jpeg", "image/png", "image/webp", "image/gif"};
    CS_ASSERT(t < CS_PICTURES);
    return media[t];
}

const char *cs_picture_word(enum cs_picture_type t)
{
    return cs_picture_media(t) + sizeof "image/" - 1;
}

/* ---- how each is built -------------------------------------------------------------------------- */

static uint32_t be(const uint8_t *p, int n)
{
    uint32_t v = 0;
    for (int i = 0; i < n; i++)
        v = v << 8 | p[i];
    return v;
}

static uint32_t le(const uint8_t *p, int n)
{
    uint32_t v = 0;
    while (n > 0)
        v = v << 8 | p[--n];
    return v;
}

static bool ends_on(const uint8_t *p, size_t n, const char *end, size_t m)
{
    return n >= m && memcmp(p + n - m, end, m) == 0;
}

/* Chunks: length, name, data, check; IHDR first, IEND last. */
static bool look_png(const uint8_t *p, size_t n, struct cs_picture *out)
{
    size_t at = 8;
    if (n < 33 || memcmp(p + 12, "IHDR", 4) != 0)
        return false;
    out->width = be(p + 16, 4);
    out->height = be(p + 20, 4);
    while (n - at >= 12) {
        const size_t data = be(p + at, 4);
        if (data > n - at - 12)
            return false;
        if (memcmp(p + at + 4, "IEND", 4) == 0)
            return true;
        at += 12 + data;
    }
    return false;
}

static bool is_frame(uint8_t marker) /* SOF, of any coding but DHT, JPG and DAC */
{
    return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

/* Segments up to the scan's; the end's marker is the last, but for what some cameras append. */
static bool look_jpeg(const uint8_t *p, size_t n, struct cs_picture *out)
{
    size_t at = 2;
    bool framed = false;
    while (n - at >= 4 && p[at] == 0xFF) {
        const uint8_t marker = p[at + 1];
        const size_t length = be(p + at + 2, 2);
        if (marker == 0xFF) { /* filling */
            at++;
            continue;
        }
        if (length < 2 || length > n - at - 2)
            return false;
        if (is_frame(marker) && length >= 8) {
            out->height = be(p + at + 5, 2);
            out->width = be(p + at + 7, 2);
            framed = true;
        }
        at += 2 + length;
        if (marker != 0xDA)
            continue;
        for (size_t end = n; end - at >= 2; end--) {
            if (p[end - 2] == 0xFF && p[end - 1] == 0xD9)
                return framed;
        }
        return false;
    }
    return false;
}

static bool look_gif(const uint8_t *p, size_t n, struct cs_picture *out)
{
    if (n < 14)
        return false;
    out->width = le(p + 6, 2);
    out->height = le(p + 8, 2);
    return ends_on(p, n, "\x3B", 1) || ends_on(p, n, "\x3B\x00", 2);
}

static bool look_webp(const uint8_t *p, size_t n, struct cs_picture *out)
{
    if (n < 30 || (size_t)le(p + 4, 4) + 8 > n)
        return false;
    if (memcmp(p + 12, "VP8X", 4) == 0) {
        out->width = le(p + 24, 3) + 1;
        out->height = le(p + 27, 3) + 1;
    } else if (memcmp(p + 12, "VP8L", 4) == 0) {
        const uint32_t bits = le(p + 21, 4);
        if (p[20] != 0x2F)
            return false;
        out->width = (bits & 0x3FFF) + 1;
        out->height = (bits >> 14 & 0x3FFF) + 1;
    } else if (memcmp(p + 12, "VP8 ", 4) == 0) {
        if (memcmp(p + 23, "\x9D\x01\x2A", 3) != 0)
            return false;
        out->width = le(p + 26, 2) & 0x3FFF;
        out->height = le(p + 28, 2) & 0x3FFF;
    } else {
        return false;
    }
    return true;
}

static bool begins_with(const uint8_t *p, size_t n, const char *head, size_t m)
{
    return n >= m && memcmp(p, head, m) == 0;
}

enum cs_err cs_picture_look(const void *bytes, size_t n, struct cs_picture *out, struct cs_error *err)
{
    const uint8_t *p = bytes;
    bool whole = false;
    *out = (struct cs_picture){.type = CS_PICTURES};
    if (begins_with(p, n, "\xFF\xD8\xFF", 3)) {
        out->type = CS_PICTURE_JPEG;
        whole = look_jpeg(p, n, out);
    } else if (begins_with(p, n, "\x89PNG\r\n\x1A\n", 8)) {
        out->type = CS_PICTURE_PNG;
        whole = look_png(p, n, out);
    } else if (begins_with(p, n, "GIF87a", 6) || begins_with(p, n, "GIF89a", 6)) {
        out->type = CS_PICTURE_GIF;
        whole = look_gif(p, n, out);
    } else if (begins_with(p, n, "RIFF", 4) && n >= 12 && memcmp(p + 8, "WEBP", 4) == 0) {
        out->type = CS_PICTURE_WEBP;
        whole = look_webp(p, n, out);
    }
    if (out->type == CS_PICTURES)
        return cs_error_set(err, CS_EINVAL,
                            "no JPEG, PNG, WebP or GIF, whatever its name says; save it as one of these");
    if (!whole || out->width == 0 || out->height == 0)
        return cs_error_set(err, CS_EINVAL, "a %s that is cut short or damaged; save it anew",
                            cs_picture_word(out->type));
    return CS_OK;
}
