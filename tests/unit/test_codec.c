/* The codec: what is packed comes back, types are strict, and no bytes can hurt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/base/alloc.h"
#include "protocol/base/rng.h"
#include "protocol/base/utf8.h"
#include "protocol/wire/bounds.h"
#include "protocol/wire/codec.h"

enum { WORDS_MAX = 20, TEXT_MAX = 300 };

struct sample {
    uint64_t u64;
    int64_t i64;
    uint32_t u32;
    uint16_t u16;
    uint8_t u8;
    bool yes;
    double real;
    const char *text, *none;
    const uint8_t *bytes;
    uint32_t n_bytes;
    uint8_t fixed[16];
    uint32_t n_words;
    const char **words;
};

static void visit(struct cs_codec *c, struct sample *s)
{
    cs_codec_begin(c, 12);
    cs_codec_u64(c, &s->u64);
    cs_codec_i64(c, &s->i64);
    cs_codec_u32(c, &s->u32);
    cs_codec_u16(c, &s->u16);
    cs_codec_u8(c, &s->u8);
    cs_codec_bool(c, &s->yes);
    cs_codec_double(c, &s->real);
    cs_codec_str(c, &s->text, TEXT_MAX);
    cs_codec_str(c, &s->none, TEXT_MAX);
    cs_codec_bin(c, &s->bytes, &s->n_bytes, TEXT_MAX);
    cs_codec_fixed(c, s->fixed, sizeof s->fixed);
    cs_codec_array(c, &s->n_words, WORDS_MAX);
    if (!cs_codec_packing(c))
        s->words = cs_codec_alloc(c, s->n_words, sizeof *s->words);
    for (uint32_t i = 0; i < s->n_words; i++)
        cs_codec_str(c, &s->words[i], TEXT_MAX);
    cs_codec_end(c);
    cs_codec_end(c);
}

/* A number whose width is random too. */
static uint64_t some_number(struct cs_rng *r)
{
    return cs_rng_next(r) >> cs_rng_below(r, 64);
}

static const char *some_text(struct cs_rng *r, struct cs_arena *a)
{
    static const char *const bits[] = {"a", "Zürich ", "\xe2\x82\xac", "\xf0\x9f\xa9\xba", "\"\\\n", "patient "};
    struct cs_buf b = CS_BUF_INIT(TEXT_MAX);
    for (uint64_t n = cs_rng_below(r, 30); n > 0; n--)
        cs_buf_str(&b, bits[cs_rng_below(r, sizeof bits / sizeof bits[0])]);
    const char *s = cs_arena_strdup(a, cs_buf_cstr(&b));
    cs_buf_release(&b);
    return s;
}

static void fill(struct cs_rng *r, struct cs_arena *a, struct sample *s)
{
    *s = (struct sample){.u64 = some_number(r), .i64 = (int64_t)some_number(r), .u32 = (uint32_t)some_number(r)};
    if (cs_rng_below(r, 2) != 0)
        s->i64 = -(s->i64 >> 1);
    s->u16 = (uint16_t)some_number(r);
    s->u8 = (uint8_t)some_number(r);
    s->yes = cs_rng_below(r, 2) != 0;
    s->real = cs_rng_unit(r) * 1e6 - 5e5;
    s->text = some_text(r, a);
    s->n_bytes = (uint32_t)cs_rng_below(r, TEXT_MAX + 1);
    uint8_t *bytes = cs_arena_alloc(a, s->n_bytes);
    for (uint32_t i = 0; i < s->n_bytes; i++)
        bytes[i] = (uint8_t)cs_rng_next(r);
    s->bytes = bytes;
    for (unsigned i = 0; i < sizeof s->fixed; i++)
        s->fixed[i] = (uint8_t)cs_rng_next(r);
    s->n_words = (uint32_t)cs_rng_below(r, WORDS_MAX + 1);
    s->words = cs_arena_array(a, s->n_words, sizeof *s->words);
    for (uint32_t i = 0; i < s->n_words; i++)
        s->words[i] = some_text(r, a);
}

static void assert_same(const struct sample *a, const struct sample *b)
{
    assert_true(a->u64 == b->u64 && a->i64 == b->i64 && a->u32 == b->u32 && a->u16 == b->u16);
    assert_true(a->u8 == b->u8 && a->yes == b->yes);
    assert_memory_equal(&a->real, &b->real, sizeof a->real);
    assert_string_equal(a->text, b->text);
    assert_null(b->none);
    assert_int_equal(a->n_bytes, b->n_bytes);
    assert_memory_equal(a->bytes, b->bytes, a->n_bytes);
    assert_memory_equal(a->fixed, b->fixed, sizeof a->fixed);
    assert_int_equal(a->n_words, b->n_words);
    for (uint32_t i = 0; i < a->n_words; i++)
        assert_string_equal(a->words[i], b->words[i]);
}

static enum cs_err pack(struct sample *s, struct cs_buf *out, struct cs_error *err)
{
    struct cs_codec *c = cs_codec_packer(out);
    visit(c, s);
    return cs_codec_close(c, err);
}

static enum cs_err unpack(const void *bytes, size_t n, struct cs_arena *a, struct sample *s, struct cs_error *err)
{
    struct cs_codec *c;
    enum cs_err rc = cs_codec_unpacker(bytes, n, a, &c, err);
    if (rc != CS_OK)
        return rc;
    visit(c, s);
    return cs_codec_close(c, err);
}

static void what_is_packed_comes_back(void **state)
{
    (void)state;
    struct cs_rng r = {1};
    struct cs_arena a = {0};
    struct cs_buf b = CS_BUF_INIT(65536);
    for (int i = 0; i < 2000; i++) {
        struct sample in, back;
        fill(&r, &a, &in);
        cs_buf_clear(&b);
        assert_int_equal(pack(&in, &b, NULL), CS_OK);
        assert_int_equal(unpack(b.data, b.len, &a, &back, NULL), CS_OK);
        assert_same(&in, &back);
        cs_arena_reset(&a);
    }
    cs_buf_release(&b);
    cs_arena_release(&a);
}

/* Under ASan this is where reading outside the bytes would show. Each copy is on the heap, exactly as long as it is. */
static void damaged_bytes_are_refused_or_read_safely(void **state)
{
    (void)state;
    struct cs_rng r = {2};
    struct cs_arena a = {0};
    struct cs_buf b = CS_BUF_INIT(65536);
    int refused = 0;
    for (int i = 0; i < 4000; i++) {
        struct sample in, back;
        struct cs_error err = {0};
        fill(&r, &a, &in);
        cs_buf_clear(&b);
        assert_int_equal(pack(&in, &b, NULL), CS_OK);
        size_t n = cs_rng_below(&r, 3) == 0 ? cs_rng_below(&r, b.len) : b.len;
        uint8_t *copy = cs_xmalloc(n);
        memcpy(copy, b.data, n);
        for (uint64_t k = cs_rng_below(&r, 4); k > 0 && n > 0; k--)
            copy[cs_rng_below(&r, n)] = (uint8_t)cs_rng_next(&r);
        enum cs_err rc = unpack(copy, n, &a, &back, &err);
        if (n < b.len)
            assert_int_not_equal(rc, CS_OK);
        if (rc != CS_OK) {
            assert_int_equal(rc, CS_EPROTO);
            assert_int_equal(err.code, CS_EPROTO);
            assert_true(err.msg[0] != '\0');
            refused++;
        }
        free(copy);
        cs_arena_reset(&a);
    }
    assert_true(refused > 1000);
    cs_buf_release(&b);
    cs_arena_release(&a);
}

static void announced_counts_are_held_against_the_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        bool good;
    } t[] = {
        {"\xdd\xff\xff\xff\xff", 5, false},     /* array of 4 G */
        {"\xdf\x80\x00\x00\x00", 5, false},     /* map of 2 G: twice as many values */
        {"\xdb\xff\xff\xff\xff", 5, false},     /* string of 4 GB */
        {"\xc9\xff\xff\xff\xff\x01", 6, false}, /* ext of 4 GB */
        {"\x93\x01\x02", 3, false},             /* one short */
        {"\x92\x01\x02\x03", 4, false},         /* one behind the end */
        {"\xc1", 1, false},                     /* never used */
        {"", 0, false},
        {"\xd8", 1, false},
        {"\x91\x91\x91\x91\x91\x91\x91\x91\x91\x01", 10, false}, /* nine deep */
        {"\x91\x91\x91\x91\x91\x91\x91\x91\x01", 9, true},       /* eight */
        {"\x92\xc0\x82\x01\xc3\x02\xa3"
         "abc",
         10, true},
        {"\x95\xca\x00\x00\x00\x00\xcf\x00\x00\x00\x00\x00\x00\x00\x00\xd0\x00\xd4\x01\x02\xc7\x00\x01", 23, true},
        {"\x90", 1, true},
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        uint8_t *copy = cs_xmalloc(t[i].n);
        memcpy(copy, t[i].bytes, t[i].n);
        const char *why = cs_bounds_fault(copy, t[i].n, CS_CODEC_DEPTH_MAX);
        assert_int_equal(why == NULL, t[i].good);
        free(copy);
    }
}

/* One value, read as each type: only its own is accepted. */
static enum cs_err read_as(const char *bytes, size_t n, int type)
{
    struct cs_arena a = {0};
    struct cs_codec *c;
    union {
        uint64_t u64;
        int64_t i64;
        uint32_t u32;
        uint16_t u16;
        uint8_t u8;
        double real;
        bool yes;
    } v;
    const char *s;
    assert_int_equal(cs_codec_unpacker(bytes, n, &a, &c, NULL), CS_OK);
    switch (type) {
    case 'Q':
        cs_codec_u64(c, &v.u64);
        break;
    case 'q':
        cs_codec_i64(c, &v.i64);
        break;
    case 'I':
        cs_codec_u32(c, &v.u32);
        break;
    case 'H':
        cs_codec_u16(c, &v.u16);
        break;
    case 'B':
        cs_codec_u8(c, &v.u8);
        break;
    case '?':
        cs_codec_bool(c, &v.yes);
        break;
    case 'd':
        cs_codec_double(c, &v.real);
        break;
    case 's':
        cs_codec_str(c, &s, 4);
        break;
    default:
        break;
    }
    enum cs_err rc = cs_codec_close(c, NULL);
    cs_arena_release(&a);
    return rc;
}

static void types_are_strict(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        const char *accepted;
    } t[] = {
        {"\x07", 1, "QqIHB"},
        {"\xff", 1, "q"}, /* -1 */
        {"\xcd\x01\x00", 3, "QqIH"},
        {"\xce\x00\x01\x00\x00", 5, "QqI"},
        {"\xcf\x00\x00\x00\x01\x00\x00\x00\x00", 9, "Qq"},
        {"\xcf\x80\x00\x00\x00\x00\x00\x00\x00", 9, "Q"},
        {"\xc3", 1, "?"},
        {"\xc0", 1, "s"}, /* nil is a NULL string, nothing else */
        {"\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00", 9, "d"},
        {"\xa4"
         "abcd",
         5, "s"},
        {"\xa5"
         "abcde",
         6, ""}, /* over its limit */
        {"\xa2"
         "a\0",
         3, ""},                 /* would end early as a C string */
        {"\xa2\xc3\x28", 3, ""}, /* not UTF-8 */
        {"\xc4\x01"
         "a",
         3, ""}, /* bytes are not text */
        {"\x80", 1, ""},
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++)
        for (const char *type = "QqIHB?ds"; *type != '\0'; type++)
            assert_int_equal(read_as(t[i].bytes, t[i].n, *type),
                             strchr(t[i].accepted, *type) != NULL ? CS_OK : CS_EPROTO);
}

/* A newer minor version appends fields, also of kinds unknown here. */
static void appended_fields_are_skipped(void **state)
{
    (void)state;
    static const char newer[] =
        "\x92\x94\x01\x02\x81\xa1k\xc0\x93\x07\x08\x09\x05"; /* [[1, 2, {k: nil}, [7, 8, 9]], 5] */
    static const char older[] = "\x92\x91\x01\x05";          /* [[1], 5] */
    struct cs_arena a = {0};
    struct cs_codec *c;
    uint32_t x, y, z;
    assert_int_equal(cs_codec_unpacker(newer, sizeof newer - 1, &a, &c, NULL), CS_OK);
    cs_codec_begin(c, 2);
    cs_codec_begin(c, 2);
    cs_codec_u32(c, &x);
    cs_codec_u32(c, &y);
    cs_codec_end(c);
    cs_codec_u32(c, &z);
    cs_codec_end(c);
    assert_int_equal(cs_codec_close(c, NULL), CS_OK);
    assert_true(x == 1 && y == 2 && z == 5);

    assert_int_equal(cs_codec_unpacker(older, sizeof older - 1, &a, &c, NULL), CS_OK);
    cs_codec_begin(c, 2);
    cs_codec_begin(c, 2);
    assert_false(cs_codec_ok(c));
    y = 77;
    cs_codec_u32(c, &y); /* behind a fault: zero, and no step further */
    assert_int_equal(y, 0);
    assert_int_equal(cs_codec_close(c, NULL), CS_EPROTO);
    cs_arena_release(&a);
}

static void limits_hold_while_packing(void **state)
{
    (void)state;
    struct cs_error err;
    struct sample s = {.text = "x"};
    struct cs_buf small = CS_BUF_INIT(10), b = CS_BUF_INIT(1000);
    assert_int_equal(pack(&s, &small, &err), CS_ETOOBIG);
    assert_int_equal(err.code, CS_ETOOBIG);
    s.text = "\xff";
    assert_int_equal(pack(&s, &b, &err), CS_EINVAL);
    const char *words[WORDS_MAX + 1] = {0};
    s.text = "x";
    s.words = words;
    s.n_words = WORDS_MAX + 1;
    assert_int_equal(pack(&s, &b, &err), CS_EINVAL);

    struct cs_codec *c = cs_codec_packer(&b);
    cs_codec_begin(c, 1);
    cs_codec_fail(c, "no %s", "thanks");
    cs_codec_fail(c, "the second fault is not kept");
    assert_int_equal(cs_codec_close(c, &err), CS_EINVAL);
    assert_string_equal(err.msg, "no thanks");
    cs_buf_release(&small);
    cs_buf_release(&b);
}

static void an_unfinished_walk_is_a_fault(void **state)
{
    (void)state;
    struct cs_arena a = {0};
    struct cs_codec *c;
    uint32_t x;
    assert_int_equal(cs_codec_unpacker("\x91\x01", 2, &a, &c, NULL), CS_OK);
    assert_int_equal(cs_codec_close(c, NULL), CS_EPROTO);
    assert_int_equal(cs_codec_unpacker("\x91\x01", 2, &a, &c, NULL), CS_OK);
    cs_codec_begin(c, 1);
    cs_codec_u32(c, &x);
    assert_int_equal(cs_codec_close(c, NULL), CS_EPROTO); /* no cs_codec_end */
    cs_arena_release(&a);
}

static void utf8_is_judged_by_the_book(void **state)
{
    (void)state;
    static const char *const good[] = {"",
                                       "plain ascii, longer than eight",
                                       "\xc2\x80",
                                       "\xdf\xbf",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf",
                                       "1234567\xc3\xa9\x31\x32\x33\x34\x35\x36\x37\x38\xc3\xa9"};
    static const char *const bad[] = {"\x80",
                                      "\xc0\xaf",
                                      "\xc1\xbf",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xe2\x82",
                                      "\xc3",
                                      "\xe2\x28\xa1",
                                      "\xff",
                                      "12345678\xc3",
                                      "1234567\xc3\x31\x32\x33\x34\x35\x36\x37\x38"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(cs_utf8_valid(good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(cs_utf8_valid(bad[i], strlen(bad[i])));
    assert_false(cs_utf8_valid("abcdefgh\0ijklmnop", 17));
    assert_false(cs_utf8_valid("abc\0defghijkl", 13));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_packed_comes_back),
        cmocka_unit_test(damaged_bytes_are_refused_or_read_safely),
        cmocka_unit_test(announced_counts_are_held_against_the_bytes),
        cmocka_unit_test(types_are_strict),
        cmocka_unit_test(appended_fields_are_skipped),
        cmocka_unit_test(limits_hold_while_packing),
        cmocka_unit_test(an_unfinished_walk_is_a_fault),
        cmocka_unit_test(utf8_is_judged_by_the_book),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
