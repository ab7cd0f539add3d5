/* Systems behind HTTP: pointers, fillings, events, the errand of one call. How its reply is read: test_deployed.c. Pure pieces only; the rest is e2e. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/dialects/dialect.h"
#include "protocol/dialects/system/sse.h"
#include "protocol/dialects/system/fill.h"
#include "protocol/dialects/system/pointer.h"
#include "protocol/dialects/system/service.h"
#include "tests/unit/fixture_files.h"
#include "worker/calls/call.h"
#include "worker/calls/endpoint.h"
#include "worker/calls/errand.h"
#include "worker/calls/gates.h"
#include "worker/calls/pass.h"
#include "worker/calls/retry.h"

static struct cs_arena arena;

/* ---- pointers ------------------------------------------------------------------------------------------------- */

static void gather(void *self, const struct cs_json *of, const struct cs_json *found)
{
    struct cs_buf *out = self;
    char *text = cs_json_dumps(found, CS_JSON_COMPACT | CS_JSON_ENCODE_ANY);
    (void)of;
    cs_buf_printf(out, "%s ", text);
    free(text);
}

static const char *at(const char *pointer, const char *json)
{
    struct cs_buf out = CS_BUF_INIT(4096);
    struct cs_json *root = cs_json_loads(json, CS_JSON_DECODE_ANY, NULL);
    assert_non_null(root);
    assert_int_equal(cs_pointer_check(pointer, NULL), CS_OK);
    const bool there = cs_pointer_each(pointer, root, gather, &out);
    const char *text = there ? cs_arena_strdup(&arena, cs_buf_cstr(&out)) : "not there";
    cs_buf_release(&out);
    cs_json_decref(root);
    return text;
}

/* The examples of RFC 6901, section 5, that JSON in a C string bears, and the star. */
static void pointers(void **state)
{
    (void)state;
    static const char doc[] = "{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\" \":7,\"m~n\":8}";
    assert_string_equal(at("/foo", doc), "[\"bar\",\"baz\"] ");
    assert_string_equal(at("/foo/0", doc), "\"bar\" ");
    assert_string_equal(at("/", doc), "0 ");
    assert_string_equal(at("/a~1b", doc), "1 ");
    assert_string_equal(at("/c%d", doc), "2 ");
    assert_string_equal(at("/ ", doc), "7 ");
    assert_string_equal(at("/m~0n", doc), "8 ");
    assert_string_equal(at("/foo/2", doc), "not there");
    assert_string_equal(at("/foo/00", doc), "not there");
    assert_string_equal(at("/foo/x", doc), "not there");
    assert_string_equal(at("/foo/0/x", doc), "not there");
    assert_string_equal(at("/foo/*", doc), "\"bar\" \"baz\" ");
    assert_string_equal(at("/*/t", "[{\"t\":1},{\"x\":2},{\"t\":3}]"), "1 3 ");
    assert_string_equal(at("/*", "{\"a\":1,\"b\":2}"), "1 2 ");
    assert_string_equal(at("/*/t", "[{\"x\":2}]"), "not there");
    assert_string_equal(at("/*/t", "[]"), ""); /* there, and nothing in it */
    assert_string_equal(at("/*/t", "5"), "not there");
    assert_string_equal(at("", "5"), "5 ");
    assert_int_equal(cs_pointer_check("a", NULL), CS_EINVAL);
    assert_int_equal(cs_pointer_check("/a~2", NULL), CS_EINVAL);
    assert_int_equal(cs_pointer_check("/*/b/*", NULL), CS_EINVAL);
    assert_true(cs_pointer_is_many("/a/*/b"));
    assert_false(cs_pointer_is_many("/a*/b"));
}

/* ---- fillings ---------------------------------------------------------------------------------------------------- */

static void fill_user(void *self, enum cs_filling which, const char *name, struct cs_filled *out)
{
    (void)name;
    out->is_ours = which == CS_FILL_USER;
    out->text = self;
}

static void fill_trial(void *self, enum cs_filling which, const char *name, struct cs_filled *out)
{
    (void)name;
    out->is_ours = which == CS_FILL_TRIAL;
    out->text = self;
}

static const char *filled(const char *text, const char *user, bool encoded)
{
    char prompt[256];
    char trial[] = "T {{user}}";
    struct cs_buf one = CS_BUF_INIT(4096), two = CS_BUF_INIT(4096);
    snprintf(prompt, sizeof prompt, "%s", user);
    cs_fill_text(&(struct cs_fill){fill_user, prompt, false}, text, encoded, &one);
    cs_fill_text(&(struct cs_fill){fill_trial, trial, true}, cs_buf_cstr(&one), encoded, &two);
    const char *kept = cs_arena_strdup(&arena, cs_buf_cstr(&two));
    cs_buf_release(&one);
    cs_buf_release(&two);
    return kept;
}

/* Whatever a prompt says, it arrives as it is, and is never taken for a filling. */
static void what_is_filled_in_is_never_read_again(void **state)
{
    (void)state;
    static const char *const users[] = {"",
                                        "plain",
                                        "{{user}}",
                                        "{{trial}}",
                                        "{{text:trial}}",
                                        "{{text:text:job}}",
                                        "{{{{user}}",
                                        "{{parameter.x}}",
                                        "{{parameter.x y}}",
                                        "{{nothing}}",
                                        "}} {{",
                                        "{{text:}}",
                                        "{{text:nothing}}"};
    for (size_t i = 0; i < sizeof users / sizeof *users; i++) {
        char want[256];
        snprintf(want, sizeof want, "a %s b T {{user}}", users[i]);
        assert_string_equal(filled("a {{user}} b {{trial}}", users[i], false), want);
    }
    assert_string_equal(filled("/p/{{user}}/{{trial}}", "a/b {{job}}", true),
                        "/p/a%2Fb%20%7B%7Bjob%7D%7D/T%20%7B%7Buser%7D%7D");
    assert_string_equal(filled("{{session}}", "x", false), "{{session}}"); /* a later step's */
}

/* ---- events ---------------------------------------------------------------------------------------------------------- */

static void events(void **state)
{
    (void)state;
    static const char body[] =
        "\xef\xbb\xbf: hello\r\nevent: a\r\ndata: 1\r\ndata:2\r\n\r\ndata\n\nevent: end\n\nid: 7\ndata: {\"type\":\"t\"}\r\rdata: [DONE]";
    struct cs_sse e = cs_sse_begin(body, sizeof body - 1);
    struct cs_sse_event out;
    assert_true(cs_sse_next(&e, &arena, &out));
    assert_string_equal(out.name, "a");
    assert_string_equal(out.data, "1\n2");
    assert_true(cs_sse_next(&e, &arena, &out));
    assert_string_equal(out.name, "");
    assert_string_equal(out.data, "");
    assert_true(cs_sse_next(&e, &arena, &out));
    assert_string_equal(out.name, "end");
    assert_string_equal(out.data, "");
    assert_true(cs_sse_next(&e, &arena, &out));
    assert_string_equal(out.name, "");
    assert_string_equal(out.data, "{\"type\":\"t\"}");
    assert_true(cs_sse_next(&e, &arena, &out));
    assert_string_equal(out.data, "[DONE]");
    assert_false(cs_sse_next(&e, &arena, &out));
}

/* ---- declarations ------------------------------------------------------------------------------------------------- */

static void declarations(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"request\":{\"method\":\"POST\",\"path\":\"x\",\"type\":\"json\"},\"reply\":{\"text\":\"\"}}",
        "{\"request\":{\"method\":\"POST\",\"path\":\"/\",\"type\":\"xml\"},\"reply\":{\"text\":\"\"}}",
        "{\"request\":{\"method\":\"POST\",\"path\":\"/\",\"type\":\"json\"},\"reply\":{\"text\":\"a\"}}",
        "{\"request\":{\"method\":\"POST\",\"path\":\"/\",\"type\":\"json\"},\"reply\":{\"text\":\"\"},\"stream\":{}}",
        "{\"request\":{\"method\":\"POST\",\"path\":\"/\",\"type\":\"json\"},\"reply\":{\"text\":\"\"},\"poll\":{\"path\":\"/\"}}",
        "{\"request\":{\"method\":\"POST\",\"path\":\"/\",\"type\":\"json\"},\"reply\":{\"text\":\"\"},\"auth\":{\"kind\":\"x\"}}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct cs_service *s;
        struct cs_error err = {0};
        assert_int_equal(cs_service_open(&s, bad[i], &err), CS_EINVAL);
        assert_null(s);
    }
}

/* ---- errands ------------------------------------------------------------------------------------------------------------- */

#define CHAT                                                                                                                              \
    "{\"request\":{\"method\":\"POST\",\"path\":\"/c/{{session}}\",\"type\":\"json\",\"body\":{\"u\":\"{{user}}\"}},"                     \
    "\"reply\":{\"text\":\"/m/*/t\",\"error\":\"/e\"},\"session\":{\"start\":{\"method\":\"POST\",\"path\":\"/c\"},\"id\":\"/id\"},"      \
    "\"poll\":{\"path\":\"/j/{{job}}\",\"id\":\"/job\",\"until\":{\"at\":\"/s\",\"is\":[\"done\"]},\"failed\":[\"error\"],\"every_s\":2," \
    "\"at_most_s\":10}}"
#define CHAT_CALL                                                                                                      \
    "{\"method\":\"POST\",\"path\":\"/c/{{session}}\",\"type\":\"json\",\"body\":{\"u\":\"hi\"},\"start\":{\"method\":\"POST\",\"path\":\"/c\"}}"

#define CHAT_BY_HEADER                                                                                                                   \
    "{\"request\":{\"method\":\"POST\",\"path\":\"/c\",\"type\":\"json\",\"body\":{\"s\":\"{{session}}\"}},\"reply\":{\"text\":\"/t\"}," \
    "\"session\":{\"start\":{\"method\":\"POST\",\"path\":\"/c\"},\"id\":{\"header\":\"x-session\"}}}"

static struct cs_service *service;
static struct cs_errand errand;

static void begin(void)
{
    struct cs_error err = {0};
    assert_int_equal(cs_service_open(&service, CHAT, &err), CS_OK);
    cs_errand_begin(&errand, service, "https://h/api", CHAT_CALL, strlen(CHAT_CALL), "00ff-1", 0xabc, NULL, 1000,
                    60000);
}

static void end(void)
{
    cs_errand_end(&errand);
    cs_service_close(service);
}

static void expect_request(const char *method, const char *url, const char *body)
{
    struct cs_errand_request q;
    assert_true(cs_errand_request(&errand, &q));
    assert_string_equal(q.method, method);
    assert_string_equal(q.url, url);
    if (body == NULL)
        assert_null(q.body);
    else
        assert_string_equal(q.body, body);
}

static struct cs_http_reply came;
static uint32_t wait_ms;

static enum cs_errand_next reply(enum cs_transfer transfer, uint16_t status, const char *body, uint64_t now_ms)
{
    came = (struct cs_http_reply){
        .transfer = transfer, .status = status, .headers = "", .body = body, .body_len = strlen(body), .why = ""};
    wait_ms = 0;
    return cs_errand_reply(&errand, &came, now_ms, &wait_ms);
}

static void until_it_polls(void)
{
    begin();
    expect_request("POST", "https://h/api/c", "");
    assert_int_equal(reply(CS_TRANSFER_WHOLE, 201, "{\"id\":\"s/1\"}", 1100), CS_ERRAND_SEND);
    expect_request("POST", "https://h/api/c/s%2F1", "{\"u\":\"hi\"}");
    assert_int_equal(reply(CS_TRANSFER_WHOLE, 202, "{\"job\":7,\"s\":\"queued\"}", 1200), CS_ERRAND_PAUSE);
    assert_int_equal(wait_ms, 2000);
    expect_request("GET", "https://h/api/j/7", NULL);
}

static void an_errand_starts_asks_and_polls(void **state)
{
    (void)state;
    until_it_polls();
    assert_int_equal(reply(CS_TRANSFER_WHOLE, 200, "{\"s\":\"running\"}", 3300), CS_ERRAND_PAUSE);
    assert_int_equal(reply(CS_TRANSFER_WHOLE, 503, "", 5300), CS_ERRAND_PAUSE); /* the job goes on */
    assert_int_equal(reply(CS_TRANSFER_LOST, 0, "", 7300), CS_ERRAND_PAUSE);
    assert_int_equal(reply(CS_TRANSFER_WHOLE, 200, "{\"s\":\"done\",\"m\":[{\"t\":\"a\"}]}", 9300), CS_ERRAND_END);
    assert_int_equal(came.latency_ms, 8300);
    assert_null(came.broken);
    assert_ptr_equal(came.service, service);
    end();
}

static void a_job_that_does_not_end_is_a_timeout(void **state)
{
    (void)state;
    until_it_polls();
    assert_int_equal(reply(CS_TRANSFER_WHOLE, 200, "{\"s\":\"running\"}", 10200), CS_ERRAND_PAUSE);
    assert_int_equal(wait_ms, 1000); /* what is left of at_most_s */
    assert_int_equal(reply(CS_TRANSFER_WHOLE, 200, "{\"s\":\"running\"}", 11200), CS_ERRAND_END);
    assert_int_equal(came.transfer, CS_TRANSFER_TIMEOUT);
    assert_int_equal(came.status, 200); /* it was heard: not one that may or may not have been taken */
    end();
}

static void what_ends_an_errand_early(void **state)
{
    (void)state;
    begin();
    assert_int_equal(reply(CS_TRANSFER_WHOLE, 200, "{}", 1100), CS_ERRAND_END);
    assert_int_equal(came.broken_says, CS_SAYS_NO_TEXT);
    assert_non_null(strstr(came.broken, "does not name the session"));
    end();
    begin();
    assert_int_equal(reply(CS_TRANSFER_WHOLE, 500, "{\"id\":1}", 1100), CS_ERRAND_END);
    assert_int_equal(came.status, 500);
    end();
    until_it_polls();
    assert_int_equal(reply(CS_TRANSFER_WHOLE, 200, "{\"s\":\"error\"}", 3300), CS_ERRAND_END);
    assert_int_equal(came.broken_says, CS_SAYS_ERROR);
    end();
    assert_true(came.was_taken);
    begin();
    assert_int_equal(reply(CS_TRANSFER_WHOLE, 201, "{\"id\":1}", 1100), CS_ERRAND_SEND);
    assert_int_equal(reply(CS_TRANSFER_WHOLE, 202, "{\"s\":\"queued\"}", 1200), CS_ERRAND_END);
    assert_int_equal(came.broken_says, CS_SAYS_NO_TEXT);
    assert_non_null(strstr(came.broken, "does not name the job"));
    assert_true(came.was_taken);
    end();
    begin();
    assert_int_equal(reply(CS_TRANSFER_WHOLE, 201, "{\"id\":1}", 1100), CS_ERRAND_SEND);
    assert_int_equal(reply(CS_TRANSFER_WHOLE, 200, "{\"e\":\"down\"}", 1200), CS_ERRAND_END);
    assert_null(came.broken); /* it says its error itself */
    end();
}

/* It is neither a key nor a model that is refused, nor may what was taken be asked again as if it cost nothing. */
static void a_poll_that_is_refused_has_lost_a_job(void **state)
{
    static const uint16_t refusals[] = {400, 401, 403, 404, 409, 410};
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct cs_reading r;
        until_it_polls();
        assert_int_equal(reply(CS_TRANSFER_WHOLE, refusals[i], "{\"message\":\"gone\"}", 3300), CS_ERRAND_END);
        cs_dialect_of(CS_PROTOCOL_HTTP)->read(&came, CS_FORM_NONE, &arena, &r);
        const struct cs_retry_rule rule = cs_retry_rule(came.transfer, came.status, r.says);
        assert_int_equal(rule.next, CS_NEXT_RETRY);
        assert_int_equal(rule.outcome, CS_OUTCOME_provider_error);
        assert_true(cs_worker_call_is_billed(&came, &r));
        assert_non_null(strstr(r.text, "is not to be had: HTTP "));
        assert_non_null(strstr(r.text, ": gone"));
        end();
    }
    begin(); /* nothing was asked */
    assert_int_equal(reply(CS_TRANSFER_WHOLE, 200, "{}", 1100), CS_ERRAND_END);
    assert_false(cs_worker_call_is_billed(&came, &(struct cs_reading){.says = came.broken_says}));
    end();
}

/* The next job would be sent away too, and be paid: asked once. */
static void a_poll_that_is_sent_elsewhere_says_so(void **state)
{
    struct cs_reading r;
    (void)state;
    until_it_polls();
    came = (struct cs_http_reply){
        .status = 303, .headers = "Location: https://h/api/results/7?of=us\r\n", .body = "", .why = ""};
    assert_int_equal(cs_errand_reply(&errand, &came, 3300, &wait_ms), CS_ERRAND_END);
    cs_dialect_of(CS_PROTOCOL_HTTP)->read(&came, CS_FORM_NONE, &arena, &r);
    const struct cs_retry_rule rule = cs_retry_rule(came.transfer, came.status, r.says);
    assert_int_equal(rule.next, CS_NEXT_FAIL);
    assert_int_equal(rule.outcome, CS_OUTCOME_provider_error);
    assert_true(cs_worker_call_is_billed(&came, &r));
    assert_string_equal(r.text, "the job was taken, and its result is not to be had: HTTP 303, a redirect to "
                                "https://h/api/results/7, which is not followed; write in poll: path where the result "
                                "itself is, or have the system give it there");
    end();
}

/* What a reply names has to fit into the next request. */
static void ids_that_cannot_be_sent(void **state)
{
    static const char headers[] = "x-session: a\xff\r\n";
    char id[CS_ERRAND_FOUND_MAX + 64] = "{\"id\":\"";
    struct cs_error err = {0};
    (void)state;
    memset(id + 7, 'x', CS_ERRAND_FOUND_MAX + 1);
    memcpy(id + 7 + CS_ERRAND_FOUND_MAX + 1, "\"}", 3);
    begin();
    assert_int_equal(reply(CS_TRANSFER_WHOLE, 200, id, 1100), CS_ERRAND_END);
    assert_non_null(strstr(came.broken, "does not name the session"));
    end();
    memcpy(id + 7 + CS_ERRAND_FOUND_MAX, "\"}", 3);
    begin();
    assert_int_equal(reply(CS_TRANSFER_WHOLE, 200, id, 1100), CS_ERRAND_SEND);
    end();
    begin();
    cs_service_close(service);
    assert_int_equal(cs_service_open(&service, CHAT_BY_HEADER, &err), CS_OK);
    errand.service = service;
    came = (struct cs_http_reply){.status = 200, .headers = headers, .body = "", .why = ""};
    assert_int_equal(cs_errand_reply(&errand, &came, 1100, &wait_ms), CS_ERRAND_END);
    assert_non_null(strstr(came.broken, "does not name the session"));
    end();
}

static void a_request_that_is_too_large_is_not_sent(void **state)
{
    static const char call[] =
        "{\"method\":\"POST\",\"path\":\"/c\",\"type\":\"json\",\"headers\":{\"X-S\":\"{{session}}\"},"
        "\"body\":\"\",\"start\":{\"method\":\"POST\",\"path\":\"/c\"}}";
    struct cs_errand_request q;
    struct cs_error err = {0};
    char id[CS_ERRAND_FOUND_MAX];
    (void)state;
    assert_int_equal(cs_service_open(&service, CHAT, &err), CS_OK);
    cs_errand_begin(&errand, service, "https://h", call, sizeof call - 1, "00ff-1", 1, NULL, 1000, 60000);
    assert_true(cs_errand_request(&errand, &q));
    assert_string_equal(q.lines[0], "X-S: "); /* headers go with each of its requests */
    memset(id, 'x', sizeof id);
    memcpy(id, "{\"id\":\"", 7);
    memcpy(id + sizeof id - 3, "\"}", 3);
    assert_int_equal(reply(CS_TRANSFER_WHOLE, 200, id, 1100), CS_ERRAND_SEND);
    assert_false(cs_errand_request(&errand, &q)); /* a header of such a length is cut */
    end();
}

/* Whatever is read of a reply is read in UTF-8: ids, words, text. */
static void replies_in_other_charsets(void **state)
{
    struct cs_reading r;
    (void)state;
    until_it_polls();
    came = (struct cs_http_reply){
        .status = 200,
        .headers = "Content-Type: application/json; charset=ISO-8859-1\r\n",
        .body = "{\"s\":\"done\",\"m\":[{\"t\":\"f\xfcr\"}]}",
        .body_len = 30,
        .why = "",
    };
    assert_int_equal(cs_errand_reply(&errand, &came, 3300, &wait_ms), CS_ERRAND_END);
    cs_dialect_of(CS_PROTOCOL_HTTP)->read(&came, CS_FORM_NONE, &arena, &r);
    assert_int_equal(r.says, CS_SAYS_ANSWER);
    assert_string_equal(r.text, "f\xc3\xbcr");
    end();
    until_it_polls();
    came = (struct cs_http_reply){.status = 200,
                                  .headers = "content-type: text/plain; charset=x-own\r\n",
                                  .body = "\xfc",
                                  .body_len = 1,
                                  .why = ""};
    assert_int_equal(cs_errand_reply(&errand, &came, 3300, &wait_ms), CS_ERRAND_END);
    assert_int_equal(came.broken_says, CS_SAYS_ERROR);
    assert_string_equal(came.broken, "the reply is in the charset x-own, which is not known");
    end();
}

/* A session that is not begun: why, and where it was. */
static void a_start_that_is_refused_says_so(void **state)
{
    static const struct {
        uint16_t status;
        const char *headers, *body, *text;
    } t[] = {
        {302, "Location: /login?next=what+was+asked\r\n", "<p>moved",
         "at the session's start: HTTP 302, a redirect to /login, which is not followed"},
        {307, "", "", "at the session's start: HTTP 307, a redirect, which is not followed"},
        {500, "", "", "at the session's start: HTTP 500"},
        {503, "", "{\"message\":\"closed\"}", "at the session's start: closed"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct cs_reading r;
        begin();
        came = (struct cs_http_reply){.status = t[i].status,
                                      .headers = t[i].headers,
                                      .body = t[i].body,
                                      .body_len = strlen(t[i].body),
                                      .why = ""};
        assert_int_equal(cs_errand_reply(&errand, &came, 1100, &wait_ms), CS_ERRAND_END);
        cs_dialect_of(CS_PROTOCOL_HTTP)->read(&came, CS_FORM_NONE, &arena, &r);
        assert_int_equal(r.says, CS_SAYS_ERROR);
        assert_string_equal(r.text, t[i].text);
        end();
    }
}

/* Also with the same digest and attempt: another turn, or another worker. */
static void other_calls_are_somebody_else(void **state)
{
    (void)state;
    begin();
    assert_string_equal(errand.trial, "00ff-0000000000000abc");
    cs_errand_end(&errand);
    cs_errand_begin(&errand, service, "https://h/api", CHAT_CALL, strlen(CHAT_CALL), "00ff-1", UINT64_MAX, NULL, 1000,
                    60000);
    assert_string_equal(errand.trial, "00ff-ffffffffffffffff");
    assert_int_equal(cs_errand_left_ms(&errand, 60999), 1);
    cs_errand_waited(&errand, 500); /* for a token */
    assert_int_equal(cs_errand_left_ms(&errand, 60999), 501);
    assert_int_equal(cs_errand_left_ms(&errand, 99999), 1);
    end();
}

static void begin_in(const char *declared, const char *call, const struct cs_session_told *session)
{
    struct cs_error err = {0};
    assert_int_equal(cs_service_open(&service, declared, &err), CS_OK);
    assert_true(service->session.remembers);
    cs_errand_begin(&errand, service, "https://h/api", call, strlen(call), "00ff-1", 0xabc, session, 1000, 60000);
}

#define NAMED                                                                                                                    \
    "{\"request\":{\"method\":\"POST\",\"path\":\"/q\",\"type\":\"json\",\"body\":{\"s\":\"{{session}}\",\"w\":\"{{trial}}\"}}," \
    "\"reply\":{\"text\":\"/t\"},\"session\":{\"id\":\"/s\"}}"
#define NAMED_CALL                                                                                                     \
    "{\"method\":\"POST\",\"path\":\"/q\",\"type\":\"json\",\"body\":{\"s\":\"{{session}}\",\"w\":\"{{trial}}\"},"     \
    "\"said\":[{\"role\":\"user\",\"content\":\"{{session}}\"}]}"

/* The turns of a conversation are told by one user into one session; what was said before is not sent. */
static void a_conversation_goes_on_in_its_session(void **state)
{
    const struct cs_session_told none = {0}, known = {.trial = "00ff-1", .id = "a"};
    (void)state;
    begin_in(NAMED, NAMED_CALL, &none);
    expect_request("POST", "https://h/api/q", "{\"s\":\"\",\"w\":\"00ff-0000000000000abc\"}");
    assert_int_equal(reply(CS_TRANSFER_WHOLE, 200, "{\"t\":\"x\",\"s\":\"a\"}", 1100), CS_ERRAND_END);
    assert_string_equal(came.session->trial, "00ff-0000000000000abc");
    assert_string_equal(came.session->id, "a");
    end();
    for (int other = 0; other < 2; other++) {
        begin_in(NAMED, NAMED_CALL, &known);
        expect_request("POST", "https://h/api/q", "{\"s\":\"a\",\"w\":\"00ff-1\"}");
        assert_int_equal(
            reply(CS_TRANSFER_WHOLE, 200, other ? "{\"t\":\"x\",\"s\":\"b\"}" : "{\"t\":\"x\",\"s\":\"a\"}", 1100),
            CS_ERRAND_END);
        assert_string_equal(came.broken != NULL ? came.broken : "",
                            other ? "the system has lost the session: it answered in another one" : "");
        end();
    }
    begin_in(CHAT, CHAT_CALL, &known);
    expect_request("POST", "https://h/api/c/a", "{\"u\":\"hi\"}"); /* nothing is started */
    end();
}

/* ---- permits -------------------------------------------------------------------------------------------------------------- */

/* A worker with a file of its own shows a client's id and secret only where that file says so. */
static void other_secrets_are_permitted_too(void **state)
{
    (void)state;
    static const char declared[] =
        "{\"request\":{\"method\":\"POST\",\"path\":\"/\",\"type\":\"json\"},\"reply\":{\"text\":\"\"},\"auth\":{\"kind\":\"oauth2\","
        "\"token_url\":\"https://id.example/token\",\"id_env\":\"CHAT_ID\",\"certificate\":\"/etc/own.pem\"}}";
    static const char *const lines[] = {"chat.example: [{env: CHAT_SECRET}, {file: /etc/own.pem}]\n",
                                        "id.example: [{env: CHAT_SECRET}, {env: CHAT_ID}]\n"};
    const struct cs_account a = {.name = "chat",
                                 .protocol = CS_PROTOCOL_HTTP,
                                 .base_url = "https://chat.example",
                                 .key_env = "CHAT_SECRET",
                                 .service = declared};
    struct folder dir;
    folder_open(&dir);
    setenv("CHAT_SECRET", "s3cret-5d41402a", 1);
    setenv("CHAT_ID", "ward", 1);
    for (int given = 0; given < 4; given++) {
        struct cs_permits *permits;
        struct cs_made_endpoint *e = NULL;
        struct cs_error err = {0};
        char text[512];
        snprintf(text, sizeof text, "other.example: none\n%s%s", given & 1 ? lines[0] : "", given & 2 ? lines[1] : "");
        assert_int_equal(cs_permits_load(folder_put(&dir, "keys.yaml", text), &permits, &err), CS_OK);
        const struct cs_endpoint_means means = {NULL, permits};
        const enum cs_err rc = cs_endpoint_make(1, &means, &a, "m", &e, &err);
        assert_int_equal(rc, given == 3 ? CS_OK : CS_EDENIED);
        if (rc == CS_OK)
            assert_null(e->pub.auth); /* a token will be */
        else
            assert_non_null(strstr(err.msg, given & 1 ? "id.example" : "chat.example"));
        cs_endpoint_free(e);
        cs_permits_free(permits);
    }
    folder_close(&dir);
}

/* Whoever made the study: the loader refuses the same. */
static void a_secret_goes_to_no_other_host_in_clear(void **state)
{
    static const struct {
        const char *url;
        bool may;
    } urls[] = {{"https://id.example/token", true},
                {"http://127.0.0.1:8080/token", true},
                {"http://id.example/token", false},
                {"ftp://127.0.0.1/token", false}};
    (void)state;
    setenv("CHAT_SECRET", "s3cret-5d41402a", 1);
    setenv("CHAT_ID", "ward", 1);
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        char declared[400];
        struct cs_made_endpoint *e = NULL;
        struct cs_error err = {0};
        snprintf(declared, sizeof declared,
                 "{\"request\":{\"method\":\"POST\",\"path\":\"/\",\"type\":\"json\"},\"reply\":{\"text\":\"\"},"
                 "\"auth\":{\"kind\":\"oauth2\",\"token_url\":\"%s\",\"id_env\":\"CHAT_ID\"}}",
                 urls[i].url);
        const struct cs_account a = {.name = "chat",
                                     .protocol = CS_PROTOCOL_HTTP,
                                     .base_url = "https://chat.example",
                                     .proxy = "http://proxy.example:3128",
                                     .key_env = "CHAT_SECRET",
                                     .service = declared};
        const struct cs_endpoint_means means = {NULL, NULL};
        assert_int_equal(cs_endpoint_make(1, &means, &a, "m", &e, &err), urls[i].may ? CS_OK : CS_EDENIED);
        if (urls[i].may) {
            struct cs_passes *all = cs_passes_open(1);
            struct cs_pass *p = cs_passes_of(all, &e->pub);
            struct cs_pass_ask ask;
            assert_ptr_equal(cs_passes_of(all, &e->pub), p); /* one for all */
            assert_int_equal(cs_pass_ask(p, &ask, &err), CS_OK);
            assert_string_equal(ask.endpoint->proxy, i == 0 ? a.proxy : "");
            cs_passes_close(all);
        }
        cs_endpoint_free(e);
    }
}

/* ---- gates ----------------------------------------------------------------------------------------------------------------- */

static void the_first_goes_alone(void **state)
{
    (void)state;
    struct cs_gates g = {0};
    struct cs_gate_call a = {.endpoint = 1}, b = {.endpoint = 1}, c = {.endpoint = 1}, other = {.endpoint = 2};
    assert_true(cs_gates_enter(&g, &a));
    assert_false(cs_gates_enter(&g, &b));
    assert_false(cs_gates_enter(&g, &c));
    assert_true(cs_gates_enter(&g, &other));
    assert_null(cs_gates_next(&g));
    assert_true(cs_gates_leave(&g, &c));
    assert_false(cs_gates_leave(&g, &c));
    assert_false(cs_gates_open(&g, &other)); /* nobody waits there */
    assert_true(cs_gates_open(&g, &a));
    assert_ptr_equal(cs_gates_next(&g), &b);
    assert_null(cs_gates_next(&g));
    assert_true(cs_gates_enter(&g, &c));
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
        cmocka_unit_test(pointers),
        cmocka_unit_test(what_is_filled_in_is_never_read_again),
        cmocka_unit_test(events),
        cmocka_unit_test(declarations),
        cmocka_unit_test(an_errand_starts_asks_and_polls),
        cmocka_unit_test(a_job_that_does_not_end_is_a_timeout),
        cmocka_unit_test(what_ends_an_errand_early),
        cmocka_unit_test(a_poll_that_is_refused_has_lost_a_job),
        cmocka_unit_test(a_poll_that_is_sent_elsewhere_says_so),
        cmocka_unit_test(ids_that_cannot_be_sent),
        cmocka_unit_test(a_request_that_is_too_large_is_not_sent),
        cmocka_unit_test(replies_in_other_charsets),
        cmocka_unit_test(a_start_that_is_refused_says_so),
        cmocka_unit_test(other_calls_are_somebody_else),
        cmocka_unit_test(a_conversation_goes_on_in_its_session),
        cmocka_unit_test(a_secret_goes_to_no_other_host_in_clear),
        cmocka_unit_test(other_secrets_are_permitted_too),
        cmocka_unit_test(the_first_goes_alone),
    };
    return cmocka_run_group_tests(tests, NULL, done);
}
