/* Replies whose bytes are odd: repaired JSON, compressed bodies, keys that a provider repeats. Byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/base/alloc.h"
#include "protocol/base/repair.h"
#include "protocol/dialects/dialect.h"
#include "protocol/dialects/system/mask.h"
#include "worker/inflate.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define FFFD "\xef\xbf\xbd"

static void what_is_odd_is_mended(void **state)
{
    static const struct {
        const char *given;
        size_t n;
        const char *mended;
    } t[] = {
#define GIVEN(s) s, sizeof(s) - 1
        {GIVEN("{\"a\":\"\\ud83d\"}"), "{\"a\":\"\\ufffd\"}"},               /* half a pair */
        {GIVEN("{\"a\":\"\\ude00x\"}"), "{\"a\":\"\\ufffdx\"}"},             /* the other half */
        {GIVEN("{\"a\":\"\\ud83d\\ude00\"}"), "{\"a\":\"\\ud83d\\ude00\"}"}, /* a whole one stays */
        {GIVEN("{\"a\":\"\\ud83d\\u0041\"}"), "{\"a\":\"\\ufffd\\u0041\"}"},
        {GIVEN("{\"a\":\"\\ud83d\\ud83d\\ude00\"}"), "{\"a\":\"\\ufffd\\ud83d\\ude00\"}"},
        {GIVEN("{\"a\\ud83d\":1}"), "{\"a\\ufffd\": 1}"}, /* in a name too */
        {GIVEN("{\"a\":\"\xf0\x9f\x98\"}"), "{\"a\":\"" FFFD "\"}"},
        {GIVEN("{\"a\":\"\xff\xfe\"}"), "{\"a\":\"" FFFD FFFD "\"}"},
        {GIVEN("{\"a\":\"\xed\xa0\xbd\"}"), "{\"a\":\"" FFFD FFFD FFFD "\"}"}, /* a surrogate as bytes */
        {GIVEN("{\"\\u0000\":\"\\u0000\"}"), "{\"\\ufffd\":\"\\ufffd\"}"},
        {GIVEN("{\"a\":\"x\0y\nz\"}"), "{\"a\":\"x\\ufffdy\\u000az\"}"},
        {GIVEN("{\"a\":\"\\x41\\'\\u12\"}"), "{\"a\":\"\\\\x41'\\\\u12\"}"},
        {GIVEN("{\"a\":18446744073709551615}"), "{\"a\": 18446744073709551615.0}"},
        {GIVEN("{\"a\":9223372036854775807}"), "{\"a\": 9223372036854775807}"},
        {GIVEN("[-Infinity,NaN,Infinity,1e999,-1e999,-inf]"),
         "[ \"-Infinity\", \"NaN\", \"Infinity\", \"Infinity\", \"-Infinity\", \"-Infinity\"]"},
        {GIVEN("[true,undefined,007,.5,1.]"), "[ true, null, null, null, null]"},
        {GIVEN("[True,False,None]"), "[ true, false, null]"},
        {GIVEN("[1 2]"), "[ 1 2]"}, /* two stay two: not JSON */
        {GIVEN("{\"a\":[1,],}"), "{\"a\":[ 1]}"},
        {GIVEN("\xef\xbb\xbf \n{\"a\":1}<|im_end|>\n{}"), "{\"a\": 1}"},
        {GIVEN("{\"a\":\"b"), "{\"a\":\"b"}, /* nothing is closed that was left open */
        {GIVEN("<html>"), "<"},
        {GIVEN(")]}',\n{\"a\":1}"), "{\"a\": 1}"},
        {GIVEN("\xff\xfe{\0\"\0\xe9\0\"\0:\0"
               "1\0}\0"),
         "{\"\xc3\xa9\": 1}"}, /* UTF-16 */
        {GIVEN("\xfe\xff\0{\0\"\x20\xac\0\"\0:\0"
               "1\0}"),
         "{\"\xe2\x82\xac\": 1}"},
        {GIVEN("{\0\"\0=\xd8\x00\xde\"\0:\0"
               "1\0}\0"),
         "{\"\xf0\x9f\x98\x80\": 1}"},
        {GIVEN("{\0\"\0=\xd8\"\0:\0"
               "1\0}\0"),
         "{\"" FFFD "\": 1}"}, /* half a pair */
        {GIVEN(""), ""},
    };
    (void)state;
    for (size_t i = 0; i < LEN(t); i++) {
        struct cs_buf out = CS_BUF_INIT(4096);
        const size_t read = cs_repair_json(t[i].given, t[i].n, &out);
        assert_string_equal(cs_buf_cstr(&out), t[i].mended);
        assert_in_range(read, 0, t[i].n);
        cs_buf_release(&out);
    }
}

static void growth_is_bounded(void **state)
{
    char bad[1000];
    struct cs_buf out = CS_BUF_INIT(CS_REPAIR_GROWTH * sizeof bad + 16), small = CS_BUF_INIT(64);
    (void)state;
    memset(bad, 0xff, sizeof bad);
    bad[0] = '"';
    cs_repair_json(bad, sizeof bad, &out);
    assert_false(out.overflow);
    cs_repair_json(bad, sizeof bad, &small);
    assert_true(small.overflow);
    cs_buf_release(&out);
    cs_buf_release(&small);
}

/* ---- compressed bodies --------------------------------------------------------------------------------- */

/* {"a":1} by gzip, zlib and bare deflate, made by Python's zlib. */
static const unsigned char gzipped[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02,
                                        0x03, 0xab, 0x56, 0x4a, 0x54, 0xb2, 0x32, 0xac, 0x05,
                                        0x00, 0xaf, 0xac, 0x1b, 0x56, 0x07, 0x00, 0x00, 0x00};
static const unsigned char zlibbed[] = {0x78, 0x9c, 0xab, 0x56, 0x4a, 0x54, 0xb2, 0x32,
                                        0xac, 0x05, 0x00, 0x08, 0x2a, 0x02, 0x09};
static const unsigned char bare[] = {0xab, 0x56, 0x4a, 0x54, 0xb2, 0x32, 0xac, 0x05, 0x00};

static void compressed_bodies(void **state)
{
    char twice[2 * sizeof gzipped + 3];
    struct cs_buf out = CS_BUF_INIT(100);
    (void)state;
    assert_true(cs_inflate_is_deflated("Content-Encoding: GZIP\r\n", "x", 1));
    assert_true(cs_inflate_is_deflated("content-encoding: deflate\r\n", "x", 1));
    assert_true(cs_inflate_is_deflated("", (const char *)gzipped, sizeof gzipped)); /* whatever the header says */
    assert_false(cs_inflate_is_deflated("Content-Encoding: utf-8\r\n", "{}", 2));
    assert_false(cs_inflate_is_deflated("Content-Encoding: gzip\r\n", "", 0));
    assert_int_equal(cs_inflate((const char *)gzipped, sizeof gzipped, &out), CS_INFLATED_WHOLE);
    assert_string_equal(cs_buf_cstr(&out), "{\"a\":1}");
    cs_buf_clear(&out);
    assert_int_equal(cs_inflate((const char *)zlibbed, sizeof zlibbed, &out), CS_INFLATED_WHOLE);
    assert_string_equal(cs_buf_cstr(&out), "{\"a\":1}");
    cs_buf_clear(&out);
    assert_int_equal(cs_inflate((const char *)bare, sizeof bare, &out), CS_INFLATED_WHOLE);
    assert_string_equal(cs_buf_cstr(&out), "{\"a\":1}");
    cs_buf_clear(&out);
    memcpy(twice, gzipped, sizeof gzipped);
    memcpy(twice + sizeof gzipped, gzipped, sizeof gzipped);
    memcpy(twice + 2 * sizeof gzipped, "end", 3);
    assert_int_equal(cs_inflate(twice, sizeof twice, &out), CS_INFLATED_WHOLE);
    assert_string_equal(cs_buf_cstr(&out), "{\"a\":1}{\"a\":1}");
    for (size_t n = 0; n < sizeof gzipped; n++) { /* cut short, it is never whole */
        cs_buf_clear(&out);
        assert_int_equal(cs_inflate((const char *)gzipped, n, &out), CS_INFLATED_DAMAGED);
    }
    cs_buf_clear(&out);
    assert_int_equal(cs_inflate("{\"a\":1}", 7, &out), CS_INFLATED_WHOLE); /* a header that was not so */
    assert_string_equal(cs_buf_cstr(&out), "{\"a\":1}");
    cs_buf_release(&out);
    out = CS_BUF_INIT(6);
    assert_int_equal(cs_inflate((const char *)gzipped, sizeof gzipped, &out), CS_INFLATED_TOO_LONG);
    cs_buf_release(&out);
}

/* ---- echoed keys ---------------------------------------------------------------------------------------- */

static void keys_are_masked(void **state)
{
    static const char key[] = "sk-abcdefghijklmnopqrstuvwxyz-0123456789";
    static const struct {
        const char *text, *key, *masked;
    } t[] = {
        {"your key is sk-abcdefghijklmnopqrstuvwxyz-0123456789.", key,
         "your key is ****************************************."},
        {"Bearer sk-abcdefghijklm", key, "Bearer ****************"},
        {"tail yz-0123456789", key, "tail *************"},
        {"ijklmnopqrst twice ijklmnopqrst", key, "************ twice ************"},
        {"abcdefg", key, "abcdefg"}, /* as any text may say */
        {"defghijklm", key, "defghijklm"},
        {"k and k", "k", "k and k"}, /* no secret */
        {"the hunter22 is", "hunter22", "the ******** is"},
        {"", key, ""},
        {"no key at all", NULL, "no key at all"},
    };
    struct cs_arena arena = {0};
    (void)state;
    for (size_t i = 0; i < LEN(t); i++)
        assert_string_equal(cs_mask_text(t[i].text, t[i].key, &arena), t[i].masked);
    struct cs_reading r = {.text = key, .finish = key, .model = key, .request_id = key, .fingerprint = key};
    r.alternatives = r.reasoning = r.tool_calls = r.response_id = key;
    cs_mask_reading(&r, key, &arena);
    const char *const all[] = {r.text,         r.finish,    r.model,      r.request_id, r.fingerprint,
                               r.alternatives, r.reasoning, r.tool_calls, r.response_id};
    for (size_t i = 0; i < LEN(all); i++)
        assert_int_equal(strspn(all[i], "*"), strlen(key));
    cs_arena_release(&arena);
}

/* ---- what a dialect makes of them ------------------------------------------------------------------------ */

static struct cs_reading read_body(uint16_t status, const char *headers, const char *body, size_t n,
                                   struct cs_arena *arena)
{
    const struct cs_http_reply reply = {.status = status, .headers = headers, .body = body, .body_len = n, .why = ""};
    struct cs_reading r;
    cs_dialect_openai_chat.read(&reply, CS_FORM_JSON_SCHEMA, arena, &r);
    return r;
}

#define CHAT(before, content, after)                                                                                   \
    before "{\"choices\":[{\"message\":{\"content\":\"" content "\"},\"finish_reason\":\"stop\"}]}" after

static void odd_replies_are_answers(void **state)
{
    static const struct {
        const char *body;
        size_t n;
        const char *text;
    } t[] = {
        {GIVEN(CHAT("\xef\xbb\xbf", "a", "")), "a"},
        {GIVEN(CHAT("\n\n  ", "a", "\n")), "a"},
        {GIVEN(CHAT("", "a", "\0\0 and more")), "a"},
        {GIVEN(CHAT("[", "a", "]")), "a"},
        {GIVEN(CHAT("", "a\\ud83d", "")), "a" FFFD},
        {GIVEN(CHAT("", "a\xf0\x9f", "")), "a" FFFD},
        {GIVEN(CHAT("", "a\\u0000b", "")), "a" FFFD "b"},
        {GIVEN("{\"x\":18446744073709551615,\"y\":NaN,\"z\":1e999," CHAT(
             "\"w\":", "q", "") ",\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}"),
         "a"},
    };
    struct cs_arena arena = {0};
    (void)state;
    for (size_t i = 0; i < LEN(t); i++) {
        const struct cs_reading r = read_body(200, "", t[i].body, t[i].n, &arena);
        if (r.says != CS_SAYS_ANSWER)
            fail_msg("row %zu: says %d, %s", i, r.says, r.text);
        assert_string_equal(r.text, t[i].text);
    }
    cs_arena_release(&arena);
}

static void what_is_no_reply_is_named(void **state)
{
    static const struct {
        uint16_t status;
        const char *headers, *body, *says;
    } t[] = {
        {200, "", "data: {}\n\ndata: [DONE]\n", "event stream"},
        {200, "content-type: text/event-stream; charset=utf-8\r\n", "x", "event stream"},
        {200, "", "<html>", "HTML"},
        {200, "", "", "empty"},
        {200, "", "{\"choices\":[", "cut short"},
        {200, "", "hello", "not JSON"},
        {206, "", CHAT("", "a", ""), "Partial Content"},
        {200, "", "{}", "no choices"},
        {200, "", "{\"detail\":\"no such route\"}", "no such route"},
        {200, "", "{\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":null}]}", "end marker"},
        {200, "", "{\"choices\":[{\"message\":{\"content\":\"a\"}}]}", "end marker"},
        {200, "", "{\"choices\":[{\"finish_reason\":\"stop\"}]}", "no message"},
    };
    struct cs_arena arena = {0};
    (void)state;
    for (size_t i = 0; i < LEN(t); i++) {
        const struct cs_reading r = read_body(t[i].status, t[i].headers, t[i].body, strlen(t[i].body), &arena);
        assert_int_equal(r.says, CS_SAYS_NOTHING);
        if (strstr(r.text, t[i].says) == NULL)
            fail_msg("row %zu: \"%s\" does not speak of \"%s\"", i, r.text, t[i].says);
    }
    cs_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_odd_is_mended),   cmocka_unit_test(growth_is_bounded),
        cmocka_unit_test(compressed_bodies),       cmocka_unit_test(keys_are_masked),
        cmocka_unit_test(odd_replies_are_answers), cmocka_unit_test(what_is_no_reply_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
