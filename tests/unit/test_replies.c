/* Replies as vendors, gateways and odd servers phrase them, beyond those that the dialects' own documents show: filters, errors in unusual
 * places, words for an end, contents in other shapes, usages in others' words; and how long they ask to wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/dialects/dialect.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

enum {
    CHAT = CS_PROTOCOL_OPENAI_CHAT,
    RESPONSES = CS_PROTOCOL_OPENAI_RESPONSES,
    ANTHROPIC = CS_PROTOCOL_ANTHROPIC_MESSAGES,
    GEMINI = CS_PROTOCOL_GEMINI,
    BEDROCK = CS_PROTOCOL_BEDROCK_CONVERSE,
    NOW_S = 1767225600 /* 2026-01-01 */
};

static struct cs_reading read_it(int protocol, uint16_t status, const char *headers, const char *body,
                                 struct cs_arena *arena)
{
    const struct cs_http_reply reply = {.transfer = CS_TRANSFER_WHOLE,
                                        .status = status,
                                        .headers = headers,
                                        .body = body,
                                        .body_len = strlen(body),
                                        .wall_ms = NOW_S * INT64_C(1000),
                                        .why = ""};
    struct cs_reading r;
    cs_dialect_of((enum cs_protocol)protocol)->read(&reply, CS_FORM_JSON_SCHEMA, arena, &r);
    return r;
}

/* ---- filters ------------------------------------------------------------------------------------------- */

static void filters_however_they_are_phrased(void **state)
{
    static const struct {
        int protocol;
        uint16_t status;
        const char *body;
    } filtered[] = {
        {CHAT, 403,
         "{\"code\":\"The caller does not have permission\",\"error\":\"Content violates usage guidelines. Team: x, API "
         "key ID: y, Failed check: SAFETY_CHECK_TYPE_BIO\"}"},
        {CHAT, 403,
         "{\"error\":{\"code\":403,\"message\":\"Input flagged by moderation\",\"metadata\":{\"reasons\":[\"violence\"]}}}"},
        {CHAT, 446,
         "{\"error\":{\"message\":\"The guardrail checks defined in the config failed.\",\"type\":\"hooks_failed\"}}"},
        {CHAT, 400,
         "{\"success\":false,\"error\":[{\"code\":2016,\"message\":\"Prompt blocked due to security configurations\"}]}"},
        {CHAT, 424,
         "{\"success\":false,\"errors\":[{\"code\":2017,\"message\":\"Response blocked due to security configurations\"}]}"},
        {CHAT, 400,
         "{\"error\":{\"message\":\"This prompt contains sensitive words that violate our Responsible AI practices.\"}}"},
        {CHAT, 400, "{\"error_code\":\"BAD_REQUEST\",\"message\":\"finishReason: input_guardrail_triggered\"}"},
        {CHAT, 200, "{\"choices\":null,\"base_resp\":{\"status_code\":1026,\"status_msg\":\"input new_sensitive\"}}"},
        {CHAT, 200, "{\"choices\":null,\"base_resp\":{\"status_code\":1027,\"status_msg\":\"output sensitive\"}}"},
        {CHAT, 200,
         "{\"choices\":[],\"prompt_filter_results\":[{\"content_filter_results\":{\"violence\":{\"filtered\":true}}}]}"},
        {CHAT, 200,
         "{\"choices\":[{\"error\":{\"code\":403,\"message\":\"Input flagged: content policy\"},\"message\":{\"content\":\"\"}}]}"},
        {ANTHROPIC, 403, "{\"message\":\"Request blocked by guardrail policy\"}"},
        {GEMINI, 400, "{\"error\":{\"code\":400,\"message\":\"The prompt was blocked: PROHIBITED_CONTENT\"}}"},
    };
    static const char *const others[] = {
        "{\"error\":{\"message\":\"Invalid prompt: schema for response_format is invalid\",\"code\":\"invalid_prompt\"}}",
        "{\"error\":{\"message\":\"This organization must be verified under the usage policies to use this model\"}}",
        "{\"error\":[{\"message\":\"temperature is too high\"}]}",
        "{\"errors\":[{\"message\":\"no such parameter\"}]}",
    };
    struct cs_arena arena = {0};
    (void)state;
    for (size_t i = 0; i < LEN(filtered); i++) {
        struct cs_reading r = read_it(filtered[i].protocol, filtered[i].status, "", filtered[i].body, &arena);
        if (r.says != CS_SAYS_FILTERED)
            fail_msg("%s: %d %s", filtered[i].body, (int)r.says, r.text);
    }
    for (size_t i = 0; i < LEN(others); i++) {
        struct cs_reading r = read_it(CHAT, 400, "", others[i], &arena);
        assert_int_equal(r.says, CS_SAYS_ERROR);
        assert_true(strlen(r.text) > 10); /* what the provider says, wherever it stands */
    }
    cs_arena_release(&arena);
}

/* ---- errors in a good reply ------------------------------------------------------------------------------ */

static void errors_wherever_they_stand(void **state)
{
#define WHOLE "\"message\":{\"content\":\"a\"},\"finish_reason\":\"stop\""
    static const struct {
        const char *body;
        uint16_t status; /* 0: an error that says none; 1: none at all */
        const char *text;
    } t[] = {
        {"{\"error\":{\"error\":{\"code\":400,\"message\":\"bad\"}}}", 400, "bad"},
        {"{\"error\":[{\"code\":\"429\",\"message\":\"slow\"}]}", 429, "slow"},
        {"{\"errors\":[{\"status\":400,\"title\":\"bad\"}]}", 400, "bad"},
        {"{\"success\":false,\"errors\":[{\"code\":3040,\"message\":\"full\"}],\"result\":null}", 0, "full"},
        {"{\"choices\":[{\"error\":502," WHOLE "}]}", 502, ""},
        {"{\"choices\":[{\"error\":\"502\"," WHOLE "}]}", 502, "502"},
        {"{\"choices\":[{\"message\":{\"content\":\"\",\"error\":{\"code\":502,\"message\":\"died\"}},\"finish_reason\":\"stop\"}]}",
         502, "died"},
        {"{\"choices\":null,\"base_resp\":{\"status_code\":1002,\"status_msg\":\"rate limit\"}}", 0, "rate limit"},
        {"{\"choices\":[{" WHOLE "}],\"base_resp\":{\"status_code\":0,\"status_msg\":\"success\"}}", 1, "a"},
        {"{\"choices\":[{" WHOLE "}],\"error\":{\"code\":0,\"message\":\"\"},\"errors\":[]}", 1, "a"},
        {"{\"choices\":[{\"error\":0," WHOLE "}],\"error\":false,\"errors\":null}", 1, "a"},
    };
    struct cs_arena arena = {0};
    (void)state;
    for (size_t i = 0; i < LEN(t); i++) {
        struct cs_reading r = read_it(CHAT, 200, "", t[i].body, &arena);
        if (r.says != (t[i].status == 1 ? CS_SAYS_ANSWER : CS_SAYS_ERROR) || strcmp(r.text, t[i].text) != 0 ||
            (t[i].status != 1 && r.status != t[i].status))
            fail_msg("%s: %d %u %s", t[i].body, (int)r.says, r.status, r.text);
    }
    cs_arena_release(&arena);
}

/* ---- ends ------------------------------------------------------------------------------------------------ */

static void words_for_an_end_that_nobody_knew(void **state)
{
    static const struct {
        const char *words[16];
        enum cs_saying says;
        enum cs_outcome outcome;
    } t[] = {
        {{"COMPLETE", "normal", "END_TURN", "eos"}, CS_SAYS_ANSWER, CS_OUTCOME_ok},
        {{"ERROR_LIMIT", "truncated", "context_window_exceeded", "token_limit_reached", "length_capped"},
         CS_SAYS_ANSWER,
         CS_OUTCOME_truncated},
        {{"ERROR_TOXIC", "input_guardrail_triggered", "guardrails", "IMAGE_RECITATION", "sensitive_output",
          "content-filter"},
         CS_SAYS_ANSWER,
         CS_OUTCOME_content_filtered},
        {{"user_cancel", "engine_error", "request_aborted", "stream_error", "interrupted", "load", "timed_out"},
         CS_SAYS_ERROR,
         CS_OUTCOME_ok},
    };
    struct cs_arena arena = {0};
    (void)state;
    for (size_t i = 0; i < LEN(t); i++) {
        for (size_t k = 0; t[i].words[k] != NULL; k++) {
            char body[200];
            snprintf(body, sizeof body, "{\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":\"%s\"}]}",
                     t[i].words[k]);
            struct cs_reading r = read_it(CHAT, 200, "", body, &arena);
            if (r.says != t[i].says || r.outcome != t[i].outcome)
                fail_msg("%s: %d %s", t[i].words[k], (int)r.says, cs_outcome_name(r.outcome));
        }
    }
    cs_arena_release(&arena);
}

/* ---- contents and usages --------------------------------------------------------------------------------- */

static void contents_in_other_shapes(void **state)
{
    static const struct {
        int protocol;
        const char *body, *text, *reasoning;
    } t[] = {
        {CHAT,
         "{\"choices\":[{\"message\":{\"content\":{\"type\":\"text\",\"text\":\"a\"}},\"finish_reason\":\"stop\"}]}",
         "a", ""},
        {CHAT, "{\"choices\":[{\"message\":{\"content\":{\"type\":7,\"b\":1}},\"finish_reason\":\"stop\"}]}",
         "{\"type\":7,\"b\":1}", ""},
        {CHAT,
         "{\"choices\":[{\"message\":{\"content\":[{\"type\":\"reasoning\",\"text\":\"hm\"},{\"type\":\"text\",\"text\":"
         "\"a\"}]},\"finish_reason\":\"stop\"}]}",
         "a", "hm"},
        {CHAT,
         "{\"choices\":[{\"message\":{\"content\":[{\"type\":\"thinking\",\"thinking\":[{\"type\":\"text\",\"text\":"
         "\"hm\"}]},\"a\"]},\"finish_reason\":\"stop\"}]}",
         "a", "hm"},
        {ANTHROPIC, "{\"content\":\"a\",\"stop_reason\":\"end_turn\"}", "a", ""},
        {RESPONSES, "{\"status\":\"completed\",\"output\":[{\"type\":\"message\",\"content\":\"a\"}]}", "a", ""},
    };
    struct cs_arena arena = {0};
    (void)state;
    for (size_t i = 0; i < LEN(t); i++) {
        struct cs_reading r = read_it(t[i].protocol, 200, "", t[i].body, &arena);
        assert_int_equal(r.says, CS_SAYS_ANSWER);
        assert_string_equal(r.text, t[i].text);
        assert_string_equal(r.reasoning, t[i].reasoning);
    }
    cs_arena_release(&arena);
}

static void usages_in_others_words(void **state)
{
    static const struct {
        const char *usage;
        uint32_t input, output, reasoning;
        bool usage_short;
    } t[] = {
        {"{\"input_tokens\":50,\"output_tokens\":12}", 50, 12, 0, false},
        {"{\"prompt_tokens\":50,\"completion_tokens\":12,\"reasoning_tokens\":100,\"total_tokens\":162}", 50, 112, 100,
         false},
        {"{\"prompt_tokens\":50,\"completion_tokens\":112,\"reasoning_tokens\":100,\"total_tokens\":162}", 50, 112, 100,
         false},
        {"{\"prompt_tokens\":\"50.0\",\"completion_tokens\":12.0,\"total_tokens\":\"300\"}", 50, 12, 0, true},
        {"{\"prompt_tokens\":0,\"input_tokens\":50,\"completion_tokens\":-1}", 0, 0, 0, false},
    };
    struct cs_arena arena = {0};
    (void)state;
    for (size_t i = 0; i < LEN(t); i++) {
        char body[400];
        snprintf(body, sizeof body,
                 "{\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}],\"usage\":%s}",
                 t[i].usage);
        struct cs_reading r = read_it(CHAT, 200, "", body, &arena);
        assert_int_equal(r.input_tokens, t[i].input);
        assert_int_equal(r.output_tokens, t[i].output);
        assert_int_equal(r.reasoning_tokens, t[i].reasoning);
        assert_true(r.usage_short == t[i].usage_short);
    }
    cs_arena_release(&arena);
}

/* ---- too much, and when again ----------------------------------------------------------------------------- */

static void too_much_in_their_words(void **state)
{
    static const struct {
        int protocol;
        const char *text;
        enum cs_saying says;
        const char *limit;
    } t[] = {
        {CHAT,
         "Rate limit reached for gpt in organization org on requests per day (RPD): Limit 200, Used 200, Requested 1. Please try again in 7m12s.",
         CS_SAYS_DAY_USED, "200 requests a day"},
        {CHAT, "Rate limit reached for model x on tokens per day (TPD): Limit 100000, Used 99900, Requested 500.",
         CS_SAYS_DAY_USED, "100000 tokens a day"},
        {CHAT, "Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model requests per day",
         CS_SAYS_DAY_USED, NULL},
        {CHAT, "Requests per day limit exceeded - too many requests sent.", CS_SAYS_DAY_USED, NULL},
        {CHAT, "Rate limit of 50 per 86400s exceeded for UserByModelByDay. Please wait 23443 seconds before retrying.",
         CS_SAYS_DAY_USED, "50 requests a day"},
        {CHAT, "You have exceeded your daily request quota", CS_SAYS_DAY_USED, NULL},
        {CHAT, "You reached the 24-hour limit of your plan", CS_SAYS_DAY_USED, NULL},
        {CHAT, "Quota exceeded for this 24h window", CS_SAYS_DAY_USED, NULL},
        {BEDROCK, "Too many tokens per day, please wait before trying again.", CS_SAYS_DAY_USED, NULL},
        {CHAT, "Request too large for gpt in organization org on tokens per min (TPM): Limit 30000, Requested 35000.",
         CS_SAYS_TOO_LARGE, NULL},
        {CHAT, "Limit 6,000, Requested 9,001 tokens per minute", CS_SAYS_TOO_LARGE, NULL},
        {CHAT, "This request needs 9001 tokens, which exceeds your limit of 6000 tokens per minute", CS_SAYS_TOO_LARGE,
         NULL},
        {CHAT, "The input is too long for your tokens-per-minute limit", CS_SAYS_TOO_LARGE, NULL},
        {CHAT, "requested: 9001, limit: 6000", CS_SAYS_TOO_LARGE, NULL},
        {ANTHROPIC, "The request exceeds the maximum size allowed by your rate limit", CS_SAYS_TOO_LARGE, NULL},
        {CHAT,
         "Rate limit reached on tokens per min (TPM): Limit 30000, Used 29000, Requested 5000. Please try again in 8s.",
         CS_SAYS_ERROR, NULL},
        {CHAT, "Requests rate limit exceeded", CS_SAYS_ERROR, NULL},
        {ANTHROPIC, "This request would exceed your organization's rate limit of 50,000 input tokens per minute",
         CS_SAYS_ERROR, NULL},
        {CHAT,
         "Requests to the API have exceeded token rate limit of your current S0 pricing tier. Please retry after 3 seconds.",
         CS_SAYS_ERROR, NULL},
        {CHAT, "The engine is currently overloaded, please try again later", CS_SAYS_ERROR, NULL},
        {CHAT, "Concurrency limit of 5 reached", CS_SAYS_ERROR, NULL},
    };
    struct cs_arena arena = {0};
    (void)state;
    for (size_t i = 0; i < LEN(t); i++) {
        char body[600];
        snprintf(body, sizeof body,
                 t[i].protocol == BEDROCK ? "{\"message\":\"%s\"}" : "{\"error\":{\"message\":\"%s\",\"code\":\"x\"}}",
                 t[i].text);
        struct cs_reading r = read_it(t[i].protocol, 429, "", body, &arena);
        if (r.says != t[i].says || (t[i].limit != NULL && strcmp(r.limit, t[i].limit) != 0))
            fail_msg("%s: %d \"%s\"", t[i].text, (int)r.says, r.limit);
    }
    cs_arena_release(&arena);
}

static void when_to_come_again(void **state)
{
    static const struct {
        const char *headers, *text;
        uint64_t ms; /* 0: no hint */
    } t[] = {
        {"Retry-After: 0\r\n", "x", 0},
        {"Retry-After: -5\r\n", "x", 0},
        {"Retry-After: soon\r\n", "x", 0},
        {"Retry-After: inf\r\n", "x", 0},
        {"Retry-After: 1e3\r\n", "x", 0},
        {"Retry-After:\r\n", "x", 0},
        {"Retry-After: 3\r\n", "x", 3000},
        {"Retry-After: 3s\r\n", "x", 3000},
        {"Retry-After: 0.5\r\n", "x", 500},
        {"Retry-After: 1m30s\r\n", "x", 90000},
        {"retry-after: 120 seconds\r\n", "x", 120000},
        {"Retry-After: PT30S\r\n", "x", 30000},
        {"Retry-After: \"30\"\r\n", "x", 30000},
        {"Retry-After: 30, 30\r\n", "x", 30000},
        {"Retry-After: Thu, 01 Jan 2026 00:00:30 GMT\r\n", "x", 30000},
        {"Retry-After: Thursday, 01-Jan-26 00:00:30 GMT\r\n", "x", 30000},
        {"Retry-After: Thu Jan  1 00:00:30 2026\r\n", "x", 30000},
        {"Retry-After: Wed, 31 Dec 2025 23:00:00 GMT\r\n", "x", 0},
        {"Retry-After: 2026-01-01T00:00:30Z\r\n", "x", 30000},
        {"Retry-After: 2026-01-01T01:00:30+01:00\r\n", "x", 30000},
        {"Retry-After: 2026-01-01T00:00:30.5Z\r\n", "x", 30500},
        {"Retry-After: 1767225630\r\n", "x", 30000},
        {"Retry-After: 1767225630000\r\n", "x", 30000},
        {"retry-after-ms: 1500\r\n", "x", 1500},
        {"x-ms-retry-after-ms: 1500\r\n", "x", 1500},
        {"x-ratelimit-reset-requests: 12s\r\n", "x", 12000},
        {"x-ratelimit-reset-tokens: 6m0s\r\n", "x", 360000},
        {"x-ratelimit-reset: 1767225630000\r\n", "x", 30000},
        {"x-ratelimit-reset-after: 7\r\n", "x", 7000},
        {"ratelimit-reset: 12\r\n", "x", 12000},
        {"anthropic-ratelimit-input-tokens-reset: 2026-01-01T00:00:30Z\r\n", "x", 30000},
        {"RateLimit: \"default\";r=0;t=12\r\n", "x", 12000},
        {"RateLimit: limit=100, remaining=0, reset=12\r\n", "x", 12000},
        {"", "Please try again in 20s.", 20000},
        {"", "Please try again in 1m2.5s.", 62500},
        {"", "Please retry after 3 seconds.", 3000},
        {"", "Please wait 23 seconds before retrying.", 23000},
        {"", "Retry in 2 minutes", 120000},
        {"", "You can retry in 250ms", 250},
        {"", "quota will reset after 2h", 7200000},
        {"RateLimit: \"default\";r=7;t=12\r\n", "x", 0},
        {"", "no hint at all in 7 words", 0},
    };
    struct cs_arena arena = {0};
    (void)state;
    for (size_t i = 0; i < LEN(t); i++) {
        char body[300];
        snprintf(body, sizeof body, "{\"error\":{\"message\":\"%s\"}}", t[i].text);
        struct cs_reading r = read_it(CHAT, 429, t[i].headers, body, &arena);
        if (r.wait_ms != (t[i].ms == 0 ? CS_NO_HINT : t[i].ms))
            fail_msg("%s%s: %llu", t[i].headers, t[i].text, (unsigned long long)r.wait_ms);
    }
    cs_arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_however_they_are_phrased),
        cmocka_unit_test(errors_wherever_they_stand),
        cmocka_unit_test(words_for_an_end_that_nobody_knew),
        cmocka_unit_test(contents_in_other_shapes),
        cmocka_unit_test(usages_in_others_words),
        cmocka_unit_test(too_much_in_their_words),
        cmocka_unit_test(when_to_come_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
