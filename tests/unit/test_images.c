/* Pictures by their bytes, references to them, where they stand in bodies, what is sent of them, and the worker's cache of pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/base/alloc.h"
#include "protocol/base/base64.h"
#include "protocol/base/digest.h"
#include "protocol/dialects/images.h"
#include "protocol/study/image.h"
#include "worker/calls/pictures.h"
#include "worker/calls/sent.h"

static void put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* A PNG in its outer form: head, one chunk of n bytes, end. */
static uint8_t *png_of(uint32_t w, uint32_t h, size_t n, size_t *len)
{
    *len = 8 + 25 + 12 + n + 12;
    uint8_t *p = cs_xcalloc(1, *len);
    memcpy(p, "\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR", 16);
    put32(p + 16, w);
    put32(p + 20, h);
    put32(p + 33, (uint32_t)n);
    memcpy(p + 37, "IDAT", 4);
    for (size_t i = 0; i < n; i++)
        p[41 + i] = (uint8_t)(i * 7 + i / 255);
    memcpy(p + *len - 8, "IEND", 4);
    return p;
}

static void a_picture_is_known_by_its_bytes(void **state)
{
    static const uint8_t gif[] = "GIF89a\x09\x00\x05\x00\x00\x00\x00;",
                         webp_x[30] = "RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\x01\0\x63";
    struct cs_picture is;
    struct cs_error err = {0};
    size_t n;
    (void)state;
    uint8_t *p = png_of(640, 480, 100, &n);
    assert_int_equal(cs_picture_look(p, n, &is, &err), CS_OK);
    assert_int_equal(is.type, CS_PICTURE_PNG);
    assert_int_equal(is.width * 1000 + is.height, 640480);
    for (size_t cut = 0; cut < n; cut++) /* wherever it is cut */
        assert_int_equal(cs_picture_look(p, cut, &is, &err), CS_EINVAL);
    free(p);
    assert_int_equal(cs_picture_look(gif, sizeof gif - 1, &is, &err), CS_OK);
    assert_int_equal(is.width * 10 + is.height, 95);
    assert_int_equal(cs_picture_look(webp_x, sizeof webp_x, &is, &err), CS_OK);
    assert_int_equal(is.width, 512);
    assert_int_equal(is.height, 100);
    assert_int_equal(cs_picture_look("<svg/>", 6, &is, &err), CS_EINVAL);
    assert_non_null(strstr(err.msg, "whatever its name says"));
}

static void a_jpeg_ends_on_its_marker(void **state)
{
    static const uint8_t jpeg[] = "\xFF\xD8\xFF\xE0\x00\x04zz\xFF\xC2\x00\x0b\x08\x00\x10\x00\x20\x01\x01\x11\x00"
                                  "\xFF\xDA\x00\x02"
                                  "data\xFF\xD9";
    struct cs_picture is;
    (void)state;
    assert_int_equal(cs_picture_look(jpeg, sizeof jpeg - 1, &is, NULL), CS_OK);
    assert_int_equal(is.height, 16);
    assert_int_equal(is.width, 32);
    for (size_t cut = 0; cut < sizeof jpeg - 1; cut++)
        assert_int_not_equal(cs_picture_look(jpeg, cut, &is, NULL), CS_OK);
}

static void a_reference_holds_what_it_was_made_of(void **state)
{
    struct cs_buf text = CS_BUF_INIT(65536);
    struct cs_image made, read;
    size_t n;
    (void)state;
    uint8_t *p = png_of(3, 4, 2 * CS_IMAGE_PIECE_BYTES, &n);
    assert_int_equal(cs_image_make(p, n, "a b\tc.png", &made, NULL), CS_OK);
    assert_int_equal(made.n_pieces, 3);
    cs_image_put(&made, &text);
    assert_int_equal(cs_image_parse(cs_buf_cstr(&text), &read, NULL), CS_OK);
    assert_memory_equal(&read.pieces, &made.pieces, sizeof made.pieces);
    assert_memory_equal(read.hash, made.hash, 32);
    assert_string_equal(read.name, "a b\tc.png");
    assert_int_equal(read.bytes, n);
    assert_int_equal(cs_image_piece_bytes(&read, 2), n - 2 * CS_IMAGE_PIECE_BYTES);
    assert_true(cs_image_is(&read, p, n));
    p[50] ^= 1;
    assert_false(cs_image_is(&read, p, n));
    text.data[3] = 'x'; /* no hash any more */
    assert_int_equal(cs_image_parse(cs_buf_cstr(&text), &read, NULL), CS_EINVAL);
    for (size_t cut = 0; cut < text.len - strlen("\ta b\tc.png"); cut++) { /* cut short anywhere */
        text.data[3] = '0';
        char *part = cs_xcalloc(1, cut + 1);
        memcpy(part, text.data, cut);
        assert_int_not_equal(cs_image_parse(part, &read, NULL), CS_OK);
        free(part);
    }
    cs_buf_release(&text);
    free(p);
}

static void what_an_image_counts(void **state)
{
    struct cs_account a = {.protocol = CS_PROTOCOL_OPENAI_CHAT, .base_url = "https://api.openai.com/v1"};
    struct cs_model m = {.model = "m"};
    struct cs_image image = {.is = {CS_PICTURE_PNG, 2048, 4096}};
    struct cs_images_count c;
    (void)state;
    assert_true(cs_images_tokens(&a, &m, &image, &c)); /* the vendor's own example: 768 x 1536, six tiles */
    assert_int_equal(c.usual, 1105);
    assert_int_equal(c.most, 2833 + 6 * 5667);
    a.base_url = "https://notopenai.com/v1";
    assert_false(cs_images_tokens(&a, &m, &image, &c));
    m.image_tokens = 77;
    assert_true(cs_images_tokens(&a, &m, &image, &c));
    assert_int_equal(c.most, 77);
    m.image_tokens = 0;
    a = (struct cs_account){.protocol = CS_PROTOCOL_ANTHROPIC_MESSAGES, .base_url = "https://api.anthropic.com/v1"};
    image.is.width = image.is.height = 1000;
    assert_true(cs_images_tokens(&a, &m, &image, &c));
    assert_int_equal(c.usual, 1334);
    assert_in_range(c.most, c.usual, 4784);
    a = (struct cs_account){.protocol = CS_PROTOCOL_GEMINI,
                            .base_url = "https://generativelanguage.googleapis.com/v1beta"};
    image.is.width = image.is.height = 384;
    assert_true(cs_images_tokens(&a, &m, &image, &c));
    assert_int_equal(c.most, 2240);
    a = (struct cs_account){.protocol = CS_PROTOCOL_BEDROCK_CONVERSE,
                            .base_url = "https://bedrock-runtime.eu-west-1.amazonaws.com"};
    m.model = "eu.amazon.nova-lite-v1:0";
    assert_false(cs_images_tokens(&a, &m, &image, &c));
    m.model = "eu.anthropic.claude-x";
    assert_true(cs_images_tokens(&a, &m, &image, &c));
}

/* ---- in a body, and on its way ------------------------------------------------------------------------- */

static void count_missing(void *self, const uint8_t digest[32], uint32_t bytes)
{
    uint32_t *n = self;
    (void)digest;
    assert_in_range(bytes, 1, CS_IMAGE_PIECE_BYTES);
    ++*n;
}

static char *encoded(const uint8_t *p, size_t n)
{
    char *text = cs_xcalloc(1, cs_base64_length(n) + 1);
    cs_base64_encode(p, n, text);
    return text;
}

static void put_pieces(struct cs_pictures *p, const struct cs_image *image, const uint8_t *bytes)
{
    for (uint32_t i = 0; i < image->n_pieces; i++)
        assert_true(cs_pictures_put(p, image->pieces[i], bytes + (size_t)i * CS_IMAGE_PIECE_BYTES,
                                    cs_image_piece_bytes(image, i)));
}

static void what_is_sent_has_the_bytes_and_no_text_is_taken_for_them(void **state)
{
    static const size_t rooms[] = {1, 2, 3, 4, 5, 7, 64, 65536, 8 << 20};
    struct cs_pictures *cache = cs_pictures_open(64 << 20);
    struct cs_prompt prompt = CS_PROMPT_INIT;
    struct cs_image images[2];
    struct cs_held *held = NULL;
    struct cs_sent sent;
    uint32_t missing = 0;
    size_t n[2], length;
    uint8_t *bytes[2] = {png_of(3, 4, CS_IMAGE_PIECE_BYTES + 10, &n[0]), png_of(5, 6, 1, &n[1])};
    (void)state;
    for (int i = 0; i < 2; i++)
        assert_int_equal(cs_image_make(bytes[i], n[i], "x.png", &images[i], NULL), CS_OK);
    prompt.images = images;
    prompt.n_images = 2;
    assert_int_equal(cs_pictures_hold(cache, images, 2, count_missing, &missing, &held, NULL), CS_EAGAIN);
    assert_int_equal(missing, 3);
    for (int i = 0; i < 2; i++)
        put_pieces(cache, &images[i], bytes[i]);
    assert_int_equal(cs_pictures_hold(cache, images, 2, count_missing, &missing, &held, NULL), CS_OK);
    const char *text = "//image:00 \\/\\/image:0000000000000000000000000000000000000000000000000000000000000000 \" end";
    struct cs_buf body = CS_BUF_INIT(1 << 20);
    cs_images_message(&body, CS_PROTOCOL_GEMINI, &prompt, text, strlen(text));
    char *whole = cs_sent_whole(body.data, body.len, held, &length), *base64[2];
    for (int i = 0; i < 2; i++) {
        base64[i] = encoded(bytes[i], n[i]);
        assert_non_null(strstr(whole, base64[i]));
    }
    assert_int_equal(length, body.len - 2 * CS_IMAGES_MARK_BYTES + strlen(base64[0]) + strlen(base64[1]));
    assert_non_null(strstr(whole, "{\"text\":\"//image:00 \\\\/\\\\/image:0000")); /* as it was written, escaped */
    for (size_t r = 0; r < sizeof rooms / sizeof *rooms; r++) {
        char *again = cs_xcalloc(1, length + 1), *piece = cs_xmalloc(rooms[r]);
        size_t at = 0, got;
        cs_sent_make(&sent, body.data, body.len, held);
        assert_int_equal(sent.length, length);
        for (int round = 0; round < 2; round++) {
            cs_sent_rewind(&sent);
            for (at = 0; (got = cs_sent_read(&sent, piece, rooms[r])) > 0; at += got) {
                assert_true(at + got <= length);
                memcpy(again + at, piece, got);
            }
            assert_int_equal(at, length);
            assert_string_equal(again, whole);
        }
        cs_sent_release(&sent);
        free(again);
        free(piece);
    }
    cs_pictures_let_go(held);
    for (int i = 0; i < 2; i++) {
        free(base64[i]);
        free(bytes[i]);
    }
    free(whole);
    cs_buf_release(&body);
    prompt.images = NULL;
    cs_render_release(&prompt);
    cs_pictures_close(cache);
}

static void the_cache_is_bounded_and_what_is_held_stays(void **state)
{
    struct cs_pictures *cache = cs_pictures_open(3000);
    struct cs_held *first = NULL, *other = NULL;
    uint32_t missing = 0, n_pieces;
    (void)state;
    for (uint32_t i = 0; i < 10; i++) {
        struct cs_image image;
        size_t n;
        uint8_t *p = png_of(1 + i, 1, 900, &n);
        assert_int_equal(cs_image_make(p, n, "", &image, NULL), CS_OK);
        assert_false(cs_pictures_put(cache, image.hash, p, (uint32_t)n)); /* nobody waits for it */
        assert_int_equal(cs_pictures_hold(cache, &image, 1, count_missing, &missing, &other, NULL), CS_EAGAIN);
        put_pieces(cache, &image, p);
        assert_int_equal(cs_pictures_hold(cache, &image, 1, count_missing, &missing, &other, NULL), CS_OK);
        assert_true(cs_pictures_bytes(cache) <= 3000);
        if (i == 0)
            first = cs_pictures_keep(other);
        const struct cs_held_piece *pieces = cs_pictures_of(other, image.hash, &n_pieces);
        assert_int_equal(n_pieces, 1);
        assert_memory_equal(pieces[0].bytes, p, n);
        cs_pictures_let_go(other);
        free(p);
    }
    assert_int_equal(missing, 10);
    cs_pictures_close(cache);
    size_t n;
    struct cs_image image;
    uint8_t *p = png_of(1, 1, 900, &n);
    assert_int_equal(cs_image_make(p, n, "", &image, NULL), CS_OK);
    assert_memory_equal(cs_pictures_of(first, image.hash, &n_pieces)->bytes, p, n); /* long out of the cache */
    cs_pictures_let_go(first);
    free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_picture_is_known_by_its_bytes),
        cmocka_unit_test(a_jpeg_ends_on_its_marker),
        cmocka_unit_test(a_reference_holds_what_it_was_made_of),
        cmocka_unit_test(what_an_image_counts),
        cmocka_unit_test(what_is_sent_has_the_bytes_and_no_text_is_taken_for_them),
        cmocka_unit_test(the_cache_is_bounded_and_what_is_held_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
