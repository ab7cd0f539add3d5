/* How the replies of a declared system are read (dialects/system/deployed_read.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/dialects/replies/charset.h"
#include "protocol/dialects/dialect.h"
#include "protocol/dialects/system/service.h"

static struct cs_arena arena;

static struct cs_reading read_by(const char *declared, const char *headers, const char *body)
{
    struct cs_service *s;
    struct cs_error err = {0};
    struct cs_reading r;
    char *json = cs_arena_printf(&arena, "{\"request\":{\"method\":\"POST\",\"path\":\"/\",\"type\":\"json\"},%s}",
                                 declared);
    assert_int_equal(cs_service_open(&s, json, &err), CS_OK);
    const struct cs_http_reply reply = {.transfer = CS_TRANSFER_WHOLE,
                                        .status = 200,
                                        .headers = headers,
                                        .body = body,
                                        .body_len = strlen(body),
                                        .why = "",
                                        .service = s};
    cs_dialect_of(CS_PROTOCOL_HTTP)->read(&reply, CS_FORM_NONE, &arena, &r);
    cs_service_close(s);
    return r;
}

static void expect(struct cs_reading r, enum cs_saying says, enum cs_outcome outcome, const char *text)
{
    assert_string_equal(r.text, text);
    assert_int_equal(r.says, says);
    if (says == CS_SAYS_ANSWER)
        assert_int_equal(r.outcome, outcome);
}

#define SSE                                                                                                            \
    "\"reply\":{\"text\":\"\",\"error\":\"/error\",\"end\":\"/stop\"},\"stream\":{\"text\":\"/d\",\"done\":\"[DONE]\"}"

static void replies(void **state)
{
    (void)state;
    static const char text[] = "\"reply\":{\"text\":\"/t\"}", whole[] = "\"reply\":{\"text\":\"\"}",
                      end[] = "\"reply\":{\"text\":\"/t\",\"end\":\"/e\",\"error\":\"/err\"}";
    expect(read_by(text, "", "{\"t\":\"a\"}"), CS_SAYS_ANSWER, CS_OUTCOME_ok, "a");
    expect(read_by(text, "", "{\"t\":{\"x\":1}}"), CS_SAYS_ANSWER, CS_OUTCOME_ok, "{\"x\":1}");
    expect(read_by(text, "", "{\"t\":null}"), CS_SAYS_ANSWER, CS_OUTCOME_ok, "");
    expect(read_by(text, "", "{\"u\":[1,2]}"), CS_SAYS_NO_TEXT, 0,
           "the reply has no text at /t; it is {\"u\": [2 of number]}");
    expect(read_by(text, "", "[{\"t\":\"a\"}]"), CS_SAYS_NO_TEXT, 0,
           "the reply has no text at /t; it is [1 of {\"t\": text of 1}]");
    expect(read_by(text, "", "oops"), CS_SAYS_NOTHING, 0, "the reply is not JSON");
    expect(read_by(whole, "content-type: application/json\r\n", "\"a\\nb\""), CS_SAYS_ANSWER, CS_OUTCOME_ok, "a\nb");
    expect(read_by(whole, "content-type: application/json\r\n", "[1, 2]"), CS_SAYS_ANSWER, CS_OUTCOME_ok, "[1, 2]");
    expect(read_by(whole, "content-type: text/html\r\n", "<html>"), CS_SAYS_NOTHING, 0,
           "the reply is a page (HTML), not an answer");
    expect(read_by(whole, "", ""), CS_SAYS_ANSWER, CS_OUTCOME_ok, "");
    expect(read_by(end, "", "{\"t\":\"a\",\"e\":\"length\"}"), CS_SAYS_ANSWER, CS_OUTCOME_truncated, "a");
    expect(read_by(end, "", "{\"t\":\"a\",\"e\":true,\"err\":0}"), CS_SAYS_ANSWER, CS_OUTCOME_ok, "a");
    expect(read_by(end, "", "{\"t\":\"a\",\"e\":false}"), CS_SAYS_NOTHING, 0,
           "the reply does not say at /e that the answer has ended, as its account declares: it is not whole");
    expect(read_by(end, "", "{\"t\":\"a\",\"e\":true,\"err\":\"down\"}"), CS_SAYS_ERROR, 0, "down");
    expect(
        read_by(SSE, "", "data: {\"d\":\"a\"}\n\ndata: {\"d\":\"b\"}\n\ndata: {\"stop\":\"stop\"}\n\ndata: [DONE]\n\n"),
        CS_SAYS_ANSWER, CS_OUTCOME_ok, "ab");
    expect(read_by(SSE, "", "data: {\"d\":\"a\"}\n\ndata: {\"stop\":\"stop\"}\n\n"), CS_SAYS_NOTHING, 0,
           "the event stream broke off: without its end mark it is not whole");
    expect(read_by(SSE, "", "data: {\"d\":\"a\"}\n\ndata: {\"error\":\"down\"}\n\n"), CS_SAYS_ERROR, 0, "down");
}

/* Decision 16: the first of several values is not the reply. */
static void what_goes_on_behind_its_value_is_not_whole(void **state)
{
    static const char text[] = "\"reply\":{\"text\":\"/t\"}",
                      more[] =
                          "the reply goes on behind its first JSON value, as one that comes in lines of JSON does: "
                          "have it sent in one piece";
    (void)state;
    expect(read_by(text, "content-type: application/x-ndjson\r\n", "{\"t\":\"Call\"}\n{\"t\":\" an\"}\n"),
           CS_SAYS_PIECES, 0, more);
    expect(read_by(text, "", "{\"t\":\"\xff\"} }"), CS_SAYS_PIECES, 0, more); /* repaired */
    expect(read_by(text, "", "{\"t\":\"a\"}OK"), CS_SAYS_PIECES, 0, more);
    expect(read_by(text, "", "{\"t\":\"a\"} \r\n\t"), CS_SAYS_ANSWER, CS_OUTCOME_ok, "a");
    expect(read_by(text, "", "\xef\xbb\xbf{\"t\":\"\xff\"}\n"), CS_SAYS_ANSWER, CS_OUTCOME_ok, "\xef\xbf\xbd");
    expect(read_by("\"reply\":{\"text\":{\"header\":\"x-t\"}}", "x-t: Hi\r\n", "{}\n{}"), CS_SAYS_ANSWER, CS_OUTCOME_ok,
           "Hi");
    expect(read_by("\"reply\":{\"text\":\"\"}", "", "{\"t\":1}\n{\"t\":2}"), CS_SAYS_ANSWER, CS_OUTCOME_ok,
           "{\"t\":1}\n{\"t\":2}"); /* a body is one whatever it holds, */
    expect(read_by("\"reply\":{\"text\":\"\",\"error\":\"/e\"}", "", "{\"e\":\"down\"}\n{}"), CS_SAYS_ERROR, 0,
           "down"); /* but for an error */
}

/* The words for nothing mean the same at each place, in JSON and in headers. */
static void one_rule_for_what_is_said(void **state)
{
    static const char *const none[] = {"null",      "false",     "0",     "0.0",      "\"\"",     "[]",    "{}",
                                       "\"false\"", "\"False\"", "\"0\"", "\"none\"", "\"null\"", "\"No\""},
                             *const some[] = {"true", "1", "\"down\"", "[0]", "{\"a\":0}", "\"nothing left\""},
                             *const headers[] = {"x-e: false\r\n", "x-e: 0\r\n", "x-e:\r\n", "x-e: None\r\n"};
    static const char in_json[] = "\"reply\":{\"text\":\"/t\",\"%s\":\"/e\"}",
                      in_header[] = "\"reply\":{\"text\":\"/t\",\"%s\":{\"header\":\"X-E\"}}";
    (void)state;
    for (size_t i = 0; i < sizeof none / sizeof *none + sizeof some / sizeof *some; i++) {
        const bool is = i >= sizeof none / sizeof *none;
        char *body = cs_arena_printf(&arena, "{\"t\":\"a\",\"e\":%s}",
                                     is ? some[i - sizeof none / sizeof *none] : none[i]);
        assert_int_equal(read_by(cs_arena_printf(&arena, in_json, "error"), "", body).says,
                         is ? CS_SAYS_ERROR : CS_SAYS_ANSWER);
        expect(read_by(cs_arena_printf(&arena, in_json, "refused"), "", body), CS_SAYS_ANSWER,
               is ? CS_OUTCOME_refused : CS_OUTCOME_ok, "a");
        if (!is)
            assert_int_equal(read_by(cs_arena_printf(&arena, in_json, "end"), "", body).says, CS_SAYS_NOTHING);
    }
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        expect(read_by(cs_arena_printf(&arena, in_header, "error"), headers[i], "{\"t\":\"a\"}"), CS_SAYS_ANSWER,
               CS_OUTCOME_ok, "a");
        expect(read_by(cs_arena_printf(&arena, in_header, "refused"), headers[i], "{\"t\":\"a\"}"), CS_SAYS_ANSWER,
               CS_OUTCOME_ok, "a");
    }
    expect(read_by(cs_arena_printf(&arena, in_header, "error"), "x-e: down\r\n", "{\"t\":\"a\"}"), CS_SAYS_ERROR, 0,
           "down");
}

/* A log-in is no answer, whoever forgot to say that it is a page. */
static void pages_are_no_text(void **state)
{
    static const char whole[] = "\"reply\":{\"text\":\"\"}", page[] = "the reply is a page (HTML), not an answer";
    static const struct {
        const char *headers, *body;
        bool is_page;
    } t[] = {
        {"", "\xef\xbb\xbf\n<!DOCTYPE html><title>Log in</title>", true},
        {"", "<HTML lang=\"de\">", true},
        {"content-type: application/xml\r\n", "<!doctype HTML>", true},
        {"content-type: application/xhtml+xml; charset=utf-8\r\n", "<?xml version=\"1.0\"?>", true},
        {"content-type: Text/HTML\r\n", "Log in", true},
        {"", "<answer>Go.</answer>", false},
        {"content-type: text/plain\r\n", "<html> is how a page begins.", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof t / sizeof *t; i++)
        expect(read_by(whole, t[i].headers, t[i].body), t[i].is_page ? CS_SAYS_NOTHING : CS_SAYS_ANSWER, CS_OUTCOME_ok,
               t[i].is_page ? page : t[i].body);
}

/* What stands in headers, or comes in place of the events. */
static void beside_a_stream(void **state)
{
    static const char plain[] =
        "\"reply\":{\"text\":\"\",\"version\":{\"header\":\"x-build\"},\"refused\":{\"header\":\"x-no\"},"
        "\"error\":{\"header\":\"x-e\"},\"usage\":{\"output\":{\"header\":\"x-out\"}}},"
        "\"stream\":{\"text\":\"\",\"done\":\"[DONE]\"}",
                      body[] = "data: G\n\ndata: o.\n\ndata: [DONE]\n\n";
    (void)state;
    struct cs_reading r = read_by(plain, "x-build: b-17\r\nx-out: 7\r\n", body);
    expect(r, CS_SAYS_ANSWER, CS_OUTCOME_ok, "Go.");
    assert_string_equal(r.model, "b-17");
    assert_int_equal(r.output_tokens, 7);
    expect(read_by(plain, "x-no: true\r\n", body), CS_SAYS_ANSWER, CS_OUTCOME_refused, "Go.");
    expect(read_by(plain, "x-e: down\r\n", body), CS_SAYS_ERROR, 0, "down");
    expect(
        read_by(SSE, "content-type: application/json\r\n", "{\"error\":{\"message\":\"the ward's quota is used up\"}}"),
        CS_SAYS_ERROR, 0, "the ward's quota is used up");
    expect(read_by(SSE, "", "Log in"), CS_SAYS_NOTHING, 0, "the reply is no event stream (SSE)");
    expect(read_by(SSE, "", "{\"error\":\"down\"}\n{\"d\":\"b\"}\n"), CS_SAYS_ERROR, 0, "down");
    expect(read_by(SSE, "", ": {}\n\nretry: [1]\n\ndata: {\"d\":\"a\"}\n\n"), CS_SAYS_NOTHING, 0,
           "the event stream broke off: without its end mark it is not whole");
    expect(read_by(SSE, "", "{\"d\":\"a\",\"stop\":\"stop\"}"), CS_SAYS_NOTHING, 0,
           "the reply is JSON and no event stream (SSE); it is {\"d\": text of 1, \"stop\": text of 4}");
}

#define WITH(s) s, sizeof(s) - 1

static void charsets(void **state)
{
    static const struct {
        const char *type, *body;
        size_t n;
        const char *text; /* NULL: it is not known */
    } t[] = {
        {"text/plain; charset=ISO-8859-1", WITH("f\xfcr"), "f\xc3\xbcr"},
        {"text/plain;Charset=\"iso-8859-15\"; x=y", WITH("\xa4"), "\xe2\x82\xac"},
        {"text/plain; charset=windows-1252", WITH("\x93Go\x94\x81"), "\xe2\x80\x9cGo\xe2\x80\x9d\xef\xbf\xbd"},
        {"text/plain; charset=Shift_JIS", WITH("\x8b\x7e"), "\xe6\x95\x91"},
        {"text/plain; charset=GBK", WITH("\xbe\xc8\xff x\xbe"), "\xe6\x95\x91\xef\xbf\xbd x\xef\xbf\xbd"},
        {"text/plain; charset=utf-16le", WITH("f\0\0\xd8\xfc\0r\0"), "f\xef\xbf\xbd\xc3\xbcr"},
        {"application/json; charset=ISO-8859-1", WITH("\"f\xfcr\""), "\"f\xc3\xbcr\""},
        {"application/json; charset=ISO-8859-1", WITH("\"f\xc3\xbcr\""),
         "\"f\xc3\xbcr\""},                                      /* it is UTF-8 all the same */
        {"text/plain; charset=utf-8", WITH("f\xfcr"), "f\xfcr"}, /* for the reader to mend, as without a charset */
        {"text/plain; charset=us-ascii", WITH("f\xc3\xbcr"), "f\xc3\xbcr"},
        {"text/plain; charset=", WITH("f\xfcr"), "f\xfcr"},
        {"text/plain", WITH("f\xfcr"), "f\xfcr"},
        {"text/plain; charset=own", WITH("f\xc3\xbcr"), "f\xc3\xbcr"},
        {"text/plain; charset=own", WITH("f\xfcr"), NULL},
        {"text/plain; charset=utf-7", WITH("f\xfcr"), NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct cs_http_reply r = {.headers = cs_arena_printf(&arena, "content-type: %s\r\n", t[i].type),
                                  .body = t[i].body,
                                  .body_len = t[i].n};
        const char *unknown = cs_charset_to_utf8(&r, &arena);
        assert_int_equal(unknown == NULL, t[i].text != NULL);
        if (t[i].text == NULL)
            continue;
        assert_int_equal(r.body_len, strlen(t[i].text));
        assert_string_equal(r.body, t[i].text);
    }
}

/* Longer than any piece of it. */
static void long_replies_in_other_charsets(void **state)
{
    enum { N = 100001 };
    char *body = cs_arena_alloc(&arena, N + 1);
    struct cs_http_reply r = {.headers = "content-type: text/plain; charset=latin1\r\n", .body = body, .body_len = N};
    (void)state;
    memset(body, 0xe4, N);
    assert_null(cs_charset_to_utf8(&r, &arena));
    assert_int_equal(r.body_len, 2 * N);
    for (size_t i = 0; i < N; i++)
        assert_memory_equal(r.body + 2 * i, "\xc3\xa4", 2);
}

static int done(void **state)
{
    (void)state;
    cs_arena_release(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies),
        cmocka_unit_test(what_goes_on_behind_its_value_is_not_whole),
        cmocka_unit_test(one_rule_for_what_is_said),
        cmocka_unit_test(pages_are_no_text),
        cmocka_unit_test(beside_a_stream),
        cmocka_unit_test(charsets),
        cmocka_unit_test(long_replies_in_other_charsets),
    };
    return cmocka_run_group_tests(tests, NULL, done);
}
