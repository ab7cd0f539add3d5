#include "tools/simulator/shown.h"

#include <stb/stb_image.h>
#include <stdlib.h>
#include <string.h>
#include <webp/decode.h>

#include "protocol/base/alloc.h"
#include "protocol/base/digest.h"

enum { TOKENS_MOST = 1600, PIXELS_A_TOKEN = 750 };

/* Strict: no blanks, no other alphabet, padded. NULL: it is none; free() it. */
static uint8_t *decode_base64(const char *text, size_t n, size_t *len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const size_t padding = n > 1 && text[n - 1] == '=' ? 1u + (text[n - 2] == '=') : 0;
    uint8_t *out = n > 0 && n % 4 == 0 ? cs_xmalloc(n / 4 * 3) : NULL, value[256];
    uint32_t bits = 0;
    memset(value, 64, sizeof value);
    for (int i = 0; i < 64; i++)
        value[(unsigned char)digits[i]] = (uint8_t)i;
    *len = 0;
    for (size_t i = 0; out != NULL && i < n; i++) {
        const uint8_t v = i >= n - padding ? 0 : value[(unsigned char)text[i]];
        if (v == 64) {
            free(out);
            return NULL;
        }
        bits = bits << 6 | v;
        if (i % 4 != 3)
            continue;
        out[(*len)++] = (uint8_t)(bits >> 16);
        out[(*len)++] = (uint8_t)(bits >> 8);
        out[(*len)++] = (uint8_t)bits;
    }
    *len -= out != NULL ? padding : 0;
    return out;
}

/* What it is by its first bytes; only what decodes is one. */
static const char *type_of(const uint8_t *bytes, size_t n, int *w, int *h)
{
    int channels;
    if (n > 12 && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "WEBP", 4) == 0) {
        uint8_t *pixels = WebPDecodeRGBA(bytes, n, w, h);
        WebPFree(pixels);
        return pixels != NULL ? "webp" : NULL;
    }
    unsigned char *pixels = n <= INT32_MAX ? stbi_load_from_memory(bytes, (int)n, w, h, &channels, 0) : NULL;
    stbi_image_free(pixels);
    if (pixels == NULL)
        return NULL;
    return memcmp(bytes, "\x89PNG", 4) == 0 ? "png" : memcmp(bytes, "GIF8", 4) == 0 ? "gif" : "jpeg";
}

const char *cs_sim_shown_mark(const void *bytes, size_t n, struct cs_arena *arena)
{
    uint8_t hash[32];
    char hex[65];
    cs_digest_blake2b_256(bytes, n, hash);
    cs_digest_hex(hash, sizeof hash, hex);
    return cs_arena_printf(arena, "[image %s]", hex);
}

static void add_mark(struct cs_chat_request *r, const void *bytes, size_t n)
{
    struct cs_arena arena = {0};
    cs_buf_char(&r->prompt, '\n');
    cs_buf_str(&r->prompt, cs_sim_shown_mark(bytes, n, &arena));
    cs_arena_release(&arena);
}

static const char *add(struct cs_chat_request *r, const char *media, size_t media_len, const char *base64, size_t n)
{
    size_t len;
    int w = 0, h = 0;
    uint8_t *bytes = decode_base64(base64, n, &len);
    if (bytes == NULL)
        return "the image's data is no base64";
    const char *is = type_of(bytes, len, &w, &h);
    const char *why = is == NULL ? "the image cannot be decoded" : NULL;
    const size_t skip = media_len > 6 && strncmp(media, "image/", 6) == 0 ? 6 : 0;
    if (why == NULL && (media_len - skip != strlen(is) || strncmp(media + skip, is, media_len - skip) != 0))
        why = "the image is of another type than the request says";
    if (why == NULL) {
        const uint64_t tokens = (uint64_t)w * (uint64_t)h / PIXELS_A_TOKEN + 1;
        r->image_tokens += tokens < TOKENS_MOST ? tokens : TOKENS_MOST;
        add_mark(r, bytes, len);
    }
    free(bytes);
    return why;
}

const char *cs_sim_shown_add(struct cs_chat_request *r, const char *media, const struct cs_j *base64)
{
    if (media == NULL || !cs_json_read_is(base64, CS_J_TEXT))
        return "an image has a type and data";
    return add(r, media, strlen(media), base64->text, base64->n);
}

const char *cs_sim_shown_add_url(struct cs_chat_request *r, const struct cs_j *url)
{
    const char *text = cs_json_read_text(url);
    const char *end = text != NULL ? strstr(text, ";base64,") : NULL;
    if (end == NULL || strncmp(text, "data:", 5) != 0)
        return "the simulator takes images as data: URLs only";
    const char *data = end + strlen(";base64,");
    return add(r, text + 5, (size_t)(end - text - 5), data, url->n - (size_t)(data - text));
}
