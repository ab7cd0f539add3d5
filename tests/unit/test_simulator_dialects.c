/* The simulator in each vendor's words: what it refuses and how, and what our own worker makes of that. The vendors' own clients
 * judge the same in tests/conformance/. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/dialects/dialect.h"
#include "tests/unit/fixture_truth.h"
#include "tools/simulator/dialect.h"
#include "worker/calls/retry.h"

enum { CHAT, RESPONSES, ANTHROPIC, GEMINI, BEDROCK, DIALECTS };

static const struct {
    enum cs_protocol protocol;
    const struct cs_sim_dialect *dialect;
    const char *body, *wrong; /* a good request, and one that the vendor refuses */
} speech[DIALECTS] = {
    {CS_PROTOCOL_OPENAI_CHAT, &cs_sim_openai_chat,
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}", "{\"model\":\"m\"}"},
    {CS_PROTOCOL_OPENAI_RESPONSES, &cs_sim_openai_responses, "{\"model\":\"m\",\"input\":\"x\"}",
     "{\"model\":\"m\",\"input\":\"x\",\"seed\":1}"},
    {CS_PROTOCOL_ANTHROPIC_MESSAGES, &cs_sim_anthropic,
     "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}",
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}"},
    {CS_PROTOCOL_GEMINI, &cs_sim_gemini, "{\"contents\":[{\"parts\":[{\"text\":\"x\"}]}]}",
     "{\"contents\":[{\"parts\":[{\"text\":\"x\"}]}],\"generationConfig\":{\"maxTokens\":5}}"},
    {CS_PROTOCOL_BEDROCK_CONVERSE, &cs_sim_bedrock,
     "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"x\"}]}]}", "{\"messages\":[]}"},
};

struct heard {
    unsigned status;
    struct cs_reading reading;
    struct cs_retry_rule rule;
    char headers[4096];
};

/* One call to a simulator with this fault in all replies. */
static struct heard ask(int d, const char *body, const char *fault, const char *key, const char *path_model,
                        struct cs_arena *arena)
{
    struct cs_faults faults = {{0}};
    const char *keys[] = {"good"};
    struct truth_file f;
    struct cs_simulator *s;
    struct cs_sim_reply reply;
    struct heard out = {0};
    truth_file_write(&f, TRUTH_TEXTS TRUTH_MODELS);
    const char *paths[] = {f.path};
    if (fault != NULL)
        assert_int_equal(cs_faults_set(&faults, fault, 1, NULL), CS_OK);
    const struct cs_simulator_opts opts = {.keys = keys,
                                           .n_keys = 1,
                                           .faults = faults,
                                           .truth_files = paths,
                                           .n_truth_files = path_model != NULL ? 1 : 0,
                                           .quota = {.requests = {600, 0}, .tokens = {60000, 0}}};
    assert_int_equal(cs_simulator_open(&s, &opts, NULL), CS_OK);
    const struct cs_sim_call call = {.body = body,
                                     .len = strlen(body),
                                     .wall_s = 1700000000,
                                     .dialect = speech[d].dialect,
                                     .path_model = d < GEMINI           ? NULL
                                                   : path_model != NULL ? path_model
                                                                        : "m",
                                     .api_key = key,
                                     .version = "2023-06-01"};
    cs_simulator_serve(s, &call, &reply);
    size_t n = 0;
    for (unsigned i = 0; i < reply.n_headers; i++)
        n += (size_t)snprintf(out.headers + n, sizeof out.headers - n, "%s: %s\r\n", reply.headers[i].name,
                              reply.headers[i].value);
    const struct cs_http_reply http = {.status = (uint16_t)reply.status,
                                       .headers = out.headers,
                                       .body = cs_buf_cstr(&reply.body),
                                       .body_len = reply.body.len,
                                       .why = ""};
    cs_dialect_of(speech[d].protocol)->read(&http, CS_FORM_JSON_SCHEMA, arena, &out.reading);
    out.status = reply.status;
    out.rule = cs_retry_rule(CS_TRANSFER_WHOLE, http.status, out.reading.says);
    cs_serve_reply_release(&reply);
    cs_simulator_close(s);
    truth_file_remove(&f);
    return out;
}

static void every_error_in_every_dialect(void **state)
{
    (void)state;
    static const struct {
        const char *what, *fault, *key;
        enum cs_next next;
        unsigned status[DIALECTS];
        const char *finish[DIALECTS]; /* the vendor's name for it */
    } t[] = {
        {"bad request",
         NULL,
         "good",
         CS_NEXT_FAIL,
         {400, 400, 400, 400, 400},
         {"missing_required_parameter", "unknown_parameter", "invalid_request_error", "INVALID_ARGUMENT",
          "ValidationException"}},
        {"no key",
         NULL,
         NULL,
         CS_NEXT_DENIED,
         {401, 401, 401, 403, 403},
         {"", "", "authentication_error", "PERMISSION_DENIED", "AccessDeniedException"}},
        {"bad key",
         NULL,
         "bad",
         CS_NEXT_DENIED,
         {401, 401, 401, 400, 403},
         {"invalid_api_key", "invalid_api_key", "authentication_error", "INVALID_ARGUMENT", "AccessDeniedException"}},
        {"rate limit",
         "rate_limited",
         "good",
         CS_NEXT_WAIT,
         {429, 429, 429, 429, 429},
         {"rate_limit_exceeded", "rate_limit_exceeded", "rate_limit_error", "RESOURCE_EXHAUSTED",
          "ThrottlingException"}},
        {"quota",
         "quota",
         "good",
         CS_NEXT_STOP,
         {429, 429, 400, 429, 400},
         {"insufficient_quota", "insufficient_quota", "invalid_request_error", "RESOURCE_EXHAUSTED",
          "ServiceQuotaExceededException"}},
        {"server error",
         "server_error",
         "good",
         CS_NEXT_RETRY,
         {500, 500, 500, 500, 500},
         {"", "", "api_error", "INTERNAL", "InternalServerException"}},
        {"unavailable",
         "unavailable",
         "good",
         CS_NEXT_RETRY,
         {503, 503, 503, 503, 503},
         {"server_is_overloaded", "server_is_overloaded", "api_error", "UNAVAILABLE", "ServiceUnavailableException"}},
        {"overloaded",
         "overloaded",
         "good",
         CS_NEXT_RETRY,
         {529, 529, 529, 503, 503},
         {"", "", "overloaded_error", "UNAVAILABLE", "ServiceUnavailableException"}},
    };
    struct cs_arena arena = {0};
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        for (int d = 0; d < DIALECTS; d++) {
            struct heard h = ask(d, i == 0 ? speech[d].wrong : speech[d].body, t[i].fault, t[i].key, NULL, &arena);
            /* Gemini alone names the quota, one of the day: it may come back, which money does not */
            const enum cs_next next = t[i].next == CS_NEXT_STOP && d == GEMINI ? CS_NEXT_DAY : t[i].next;
            if (h.status != t[i].status[d] || h.rule.next != next || strcmp(h.reading.finish, t[i].finish[d]) != 0)
                fail_msg("%s, dialect %d: %u %s %s, next %d", t[i].what, d, h.status, h.reading.finish, h.reading.text,
                         h.rule.next);
            assert_string_not_equal(h.reading.text, "");
            if (t[i].next == CS_NEXT_WAIT) /* 100 ms; Anthropic tells whole seconds, AWS nothing */
                assert_true(h.reading.wait_ms == (d == ANTHROPIC ? 1000 : d == BEDROCK ? CS_NO_HINT : 100));
        }
    }
    cs_arena_release(&arena);
}

static void a_model_that_is_not_there(void **state)
{
    (void)state;
    static const unsigned status[] = {404, 400, 404, 404, 400};
    struct cs_arena arena = {0};
    for (int d = 0; d < DIALECTS; d++) {
        struct heard h = ask(d, speech[d].body, NULL, "good", "no-such", &arena);
        assert_int_equal(h.status, status[d]);
        assert_int_equal(h.rule.next, CS_NEXT_DENIED); /* three prompts of a lane that was not answered stop it */
        assert_non_null(strstr(h.reading.text, d == BEDROCK ? "model identifier" : d < GEMINI ? "m" : "no-such"));
    }
    cs_arena_release(&arena);
}

static void limits_are_told_as_the_vendor_does(void **state)
{
    (void)state;
    struct cs_arena arena = {0};
    struct heard h = ask(RESPONSES, speech[RESPONSES].body, NULL, "good", NULL, &arena);
    assert_int_equal(h.rule.next, CS_NEXT_ANSWER);
    assert_non_null(strstr(h.headers, "x-ratelimit-remaining-requests: 599\r\n"));
    h = ask(ANTHROPIC, speech[ANTHROPIC].body, NULL, "good", NULL, &arena);
    assert_int_equal(h.rule.next, CS_NEXT_ANSWER);
    assert_non_null(strstr(h.headers, "anthropic-ratelimit-requests-remaining: 599\r\n"));
    assert_non_null(strstr(h.headers, "anthropic-ratelimit-requests-reset: 2023-11-14T22:13:21Z\r\n"));
    for (int d = GEMINI; d < DIALECTS; d++) {
        h = ask(d, speech[d].body, NULL, "good", NULL, &arena);
        assert_int_equal(h.rule.next, CS_NEXT_ANSWER);
        assert_null(strstr(h.headers, "limit"));
    }
    cs_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_in_every_dialect),
        cmocka_unit_test(a_model_that_is_not_there),
        cmocka_unit_test(limits_are_told_as_the_vendor_does),
    };
    return cmocka_run_group_tests_name("simulator dialects", tests, NULL, NULL);
}
