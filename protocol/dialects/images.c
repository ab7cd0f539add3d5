#include "protocol/dialects/images.h"

#include <string.h>

#include "protocol/base/assert.h"
#include "protocol/base/base64.h"
#include "protocol/base/digest.h"
#include "protocol/base/json.h"

/* ---- how they stand in a message ------------------------------------------------------------------- */

/* open, then of each image type_before TYPE data_before BASE64 after, then text_before "text":"..." }, close */
struct form {
    const char *open, *before, *between, *after, *text, *close;
    bool word; /* "png", not "image/png" */
};

#define OF_USER "{\"role\":\"user\","
static const struct form forms[CS_PROTOCOLS] = {
    [CS_PROTOCOL_OPENAI_CHAT] = {OF_USER "\"content\":[", "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:",
                                 ";base64,", "\"}}", "{\"type\":\"text\",", "]}", false},
    [CS_PROTOCOL_OPENAI_RESPONSES] = {OF_USER "\"content\":[",
                                      "{\"type\":\"input_image\",\"detail\":\"auto\",\"image_url\":\"data:", ";base64,",
                                      "\"}", "{\"type\":\"input_text\",", "]}", false},
    [CS_PROTOCOL_ANTHROPIC_MESSAGES] = {OF_USER "\"content\":[",
                                        "{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"",
                                        "\",\"data\":\"", "\"}}", "{\"type\":\"text\",", "]}", false},
    [CS_PROTOCOL_GEMINI] = {OF_USER "\"parts\":[", "{\"inlineData\":{\"mimeType\":\"", "\",\"data\":\"", "\"}}", "{",
                            "]}", false},
    [CS_PROTOCOL_BEDROCK_CONVERSE] = {OF_USER "\"content\":[", "{\"image\":{\"format\":\"",
                                      "\",\"source\":{\"bytes\":\"", "\"}}}", "{", "]}", true},
};

void cs_images_message(struct cs_buf *out, enum cs_protocol p, const struct cs_prompt *prompt, const char *text,
                       size_t n)
{
    const struct form *f = &forms[p];
    char hex[65];
    CS_ASSERT(f->open != NULL && prompt->n_images > 0);
    cs_buf_str(out, f->open);
    for (uint32_t i = 0; i < prompt->n_images; i++) {
        const struct cs_image *image = &prompt->images[i];
        cs_digest_hex(image->hash, sizeof image->hash, hex);
        cs_buf_str(out, i > 0 ? "," : "");
        cs_buf_str(out, f->before);
        cs_buf_str(out, f->word ? cs_picture_word(image->is.type) : cs_picture_media(image->is.type));
        cs_buf_str(out, f->between);
        cs_buf_str(out, CS_IMAGES_MARK);
        cs_buf_str(out, hex);
        cs_buf_str(out, f->after);
    }
    if (n > 0) { /* some refuse an empty text */
        cs_buf_char(out, ',');
        cs_buf_str(out, f->text);
        cs_buf_str(out, "\"text\":");
        cs_json_str(out, text, n);
        cs_buf_char(out, '}');
    }
    cs_buf_str(out, f->close);
}

/* ---- what a vendor takes ------------------------------------------------------------------------------ */

/* As their pages of 2026 have it. 0: nothing is said beside what we take ourselves (image.h). */
struct limits {
    uint32_t bytes, side, count, together; /* together: of all, as base64 */
    bool gif;
};
static const struct limits limits[CS_PROTOCOLS] = {
    [CS_PROTOCOL_OPENAI_CHAT] = {.together = 50 * 1000 * 1000, .gif = true},
    [CS_PROTOCOL_OPENAI_RESPONSES] = {.together = 50 * 1000 * 1000, .gif = true},
    /* 10 MiB as base64, the whole request 32 MB */
    [CS_PROTOCOL_ANTHROPIC_MESSAGES] = {7864320, 8000, 0, 31 * 1000 * 1000, true},
    [CS_PROTOCOL_GEMINI] = {0, 0, 0, 19 * 1000 * 1000, false},
    [CS_PROTOCOL_BEDROCK_CONVERSE] = {3750000, 8000, 20, 0, true},
    [CS_PROTOCOL_HTTP] = {.gif = true},
};

enum cs_err cs_images_fit(enum cs_protocol p, const struct cs_image *image, struct cs_error *err)
{
    const struct limits *l = &limits[p];
    if (l->bytes != 0 && image->bytes > l->bytes)
        return cs_error_set(err, CS_ETOOBIG, "an image of %u bytes, of which %s takes at most %u; save it smaller",
                            image->bytes, cs_protocol_name(p), l->bytes);
    if (l->side != 0 && (image->is.width > l->side || image->is.height > l->side))
        return cs_error_set(err, CS_ETOOBIG,
                            "an image of %u x %u pixels, and %s takes at most %u a side; save it smaller",
                            image->is.width, image->is.height, cs_protocol_name(p), l->side);
    if (!l->gif && image->is.type == CS_PICTURE_GIF)
        return cs_error_set(err, CS_EINVAL, "a GIF, which %s does not take; save it as PNG", cs_protocol_name(p));
    return CS_OK;
}

enum cs_err cs_images_fit_together(enum cs_protocol p, const struct cs_image *images, uint32_t n, struct cs_error *err)
{
    const struct limits *l = &limits[p];
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < n; i++)
        bytes += cs_base64_length((uint64_t)images[i].bytes);
    if (l->together != 0 && bytes > l->together)
        return cs_error_set(err, CS_ETOOBIG, "images of %llu bytes together (as base64), of which %s takes at most %u",
                            (unsigned long long)bytes, cs_protocol_name(p), l->together);
    if (l->count != 0 && n > l->count)
        return cs_error_set(err, CS_ETOOBIG, "%u images, of which %s takes at most %u", n, cs_protocol_name(p),
                            l->count);
    return CS_OK;
}

/* ---- what they count ----------------------------------------------------------------------------------- */

static uint32_t parts(double side, double part)
{
    const uint32_t n = (uint32_t)(side / part);
    return n * part < side ? n + 1 : n;
}

static double smaller(double a, double b)
{
    return a < b ? a : b;
}

/* Tiles of 512 after the picture was made to fit 2048 x 2048 and its shorter side 768: 85 and 170 a tile with most models, 2,833 and
 * 5,667 with the one that counts most (gpt-4o-mini). Those that count patches of 32 stay below that. */
static void count_openai(double w, double h, struct cs_images_count *out)
{
    const double fit = smaller(1, smaller(2048 / w, 2048 / h));
    w *= fit;
    h *= fit;
    const double shrink = smaller(1, 768 / smaller(w, h));
    const uint32_t tiles = parts(w * shrink, 512) * parts(h * shrink, 512);
    *out = (struct cs_images_count){85 + 170 * tiles, 2833 + 5667 * tiles};
}

/* A token for 750 pixels, of a picture of at most 1,568 a side and about 1,600 tokens; newer models take up to 4,784 (patches of 28). */
static void count_anthropic(double w, double h, struct cs_images_count *out)
{
    enum { USUAL = 1600, MOST = 4784 };
    const double tokens = w * h / 750 + 1;
    const uint32_t patches = parts(w, 28) * parts(h, 28), larger = tokens > patches ? (uint32_t)tokens + 1 : patches;
    *out = (struct cs_images_count){tokens < USUAL ? (uint32_t)tokens : USUAL, larger < MOST ? larger : MOST};
}

/* 258 a tile of at most 768; Gemini 3 counts by the resolution that is asked for, 1,120 by default and 2,240 at most. */
static void count_gemini(double w, double h, struct cs_images_count *out)
{
    const double third = smaller(w, h) / 1.5, unit = smaller(768, third > 256 ? third : 256);
    const uint32_t tiles = w <= 384 && h <= 384 ? 1 : parts(w, unit) * parts(h, unit);
    const uint32_t tokens = 258 * tiles;
    *out = (struct cs_images_count){tokens > 1120 ? tokens : 1120, tokens > 2240 ? tokens : 2240};
}

/* The host is the vendor's own; others that speak its dialect count as they like. */
static bool is_at(const struct cs_account *a, const char *host)
{
    const char *at = strstr(a->base_url, "://"), *name = at != NULL ? at + 3 : a->base_url;
    const size_t n = strcspn(name, ":/"), m = strlen(host);
    return a->simulated || (n >= m && strncmp(name + n - m, host, m) == 0 && (n == m || name[n - m - 1] == '.'));
}

bool cs_images_tokens(const struct cs_account *a, const struct cs_model *m, const struct cs_image *image,
                      struct cs_images_count *out)
{
    const double w = image->is.width, h = image->is.height;
    *out = (struct cs_images_count){m->image_tokens, m->image_tokens};
    if (m->image_tokens != 0)
        return true;
    switch (a->protocol) {
    case CS_PROTOCOL_OPENAI_CHAT:
    case CS_PROTOCOL_OPENAI_RESPONSES:
        if (!is_at(a, "openai.com") && !is_at(a, "openai.azure.com"))
            return false;
        count_openai(w, h, out);
        return true;
    case CS_PROTOCOL_ANTHROPIC_MESSAGES:
        if (!is_at(a, "anthropic.com"))
            return false;
        count_anthropic(w, h, out);
        return true;
    case CS_PROTOCOL_GEMINI:
        if (!is_at(a, "googleapis.com"))
            return false;
        count_gemini(w, h, out);
        return true;
    case CS_PROTOCOL_BEDROCK_CONVERSE:
        if (!a->simulated && strstr(m->model, "anthropic.") == NULL)
            return false;
        count_anthropic(w, h, out);
        return true;
    case CS_PROTOCOL_HTTP:
    case CS_PROTOCOLS:
        break;
    }
    return false;
}

bool cs_images_counted(const struct cs_study *s, const struct cs_model *m)
{
    static const struct cs_image any = {.is = {CS_PICTURE_PNG, 1, 1}};
    struct cs_images_count count;
    return cs_images_tokens(&s->accounts[m->account], m, &any, &count);
}
