/* The providers' dialects: canonical bodies (pinned: they name what was paid for), what of parameters they take, where calls go, and
 * what replies mean. The replies are written after the vendors' documents. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/dialects/replies/header.h"
#include "protocol/dialects/body.h"
#include "protocol/dialects/dialect.h"
#include "protocol/dialects/replies/limit_headers.h"
#include "protocol/dialects/request.h"
#include "tests/unit/fixture_study.h"
#include "worker/calls/retry.h"
#include "protocol/base/json.h"

/* ---- bodies ----------------------------------------------------------------------------------------- */

/* The body of the first case's first cell, its model with an account like this. */
static char *body_of(struct cs_account account, const char *parameters, uint32_t question, bool system)
{
    struct cs_study s = fx_study();
    struct cs_model model = fx_models[0];
    struct cs_account accounts[] = {account, fx_accounts[1]};
    struct cs_model models[] = {model, fx_models[1]};
    struct cs_plan plan;
    struct cs_requests *r;
    struct cs_error err = {0};
    struct cs_buf body = CS_BUF_INIT(CS_BODY_MAX);
    struct cs_coords c = {.lane = 0, .question = question};
    models[0].parameters = parameters;
    models[0].model = "m:1";
    s.accounts = accounts;
    s.models = models;
    struct cs_level arms[COUNT(fx_arm)];
    memcpy(arms, fx_arm, sizeof arms);
    arms[2].parameters = NULL; /* sets a seed, which not all have */
    struct cs_factor factors[N_FACTORS];
    memcpy(factors, fx_factors, sizeof factors);
    factors[ARM].levels = arms;
    s.factors = factors;
    for (uint32_t f = 0; f < N_FACTORS; f++)
        c.arms[f] = (struct cs_arm){f == ARM && system ? 1 : 0, f == EVIDENCE ? CS_NONE : 0};
    cs_plan_init(&plan, &s);
    if (cs_requests_open(&r, &plan, &err) != CS_OK || cs_request_body(r, &c, &fx_cases[0], &body, &err) != CS_OK)
        fail_msg("%s", err.msg);
    cs_requests_close(r);
    cs_plan_release(&plan);
    return cs_buf_take(&body);
}

#define PROMPT "Case: A patient arrives. Pain is \\\"8\\\". End.\\nWhat now?"
#define SYSTEM "Beware of none."
#define RISK_BOUND ",\"minimum\":0,\"maximum\":100"
#define SCHEMA(bounds)                                                                                                      \
    "{\"type\":\"object\",\"properties\":{\"triage\":{\"type\":\"string\",\"enum\":[\"low\",\"mid\",\"high\",\"unclear\"]," \
    "\"description\":\"How urgent \\\"it\\\" is\"},\"mental\":{\"type\":\"string\",\"enum\":[\"Yes\",\"No\"]},\"risk\":{"   \
    "\"type\":\"number\"" bounds                                                                                            \
    "},\"why\":{\"type\":\"string\"}},\"required\":[\"triage\",\"mental\",\"risk\",\"why\"],"                               \
    "\"additionalProperties\":false}"

static void bodies_never_change(void **state)
{
    (void)state;
    static const struct {
        enum cs_protocol protocol;
        enum cs_form form;
        bool system;
        const char *parameters, *body;
    } t[] = {
        {CS_PROTOCOL_OPENAI_RESPONSES, CS_FORM_JSON_SCHEMA, false,
         "{\"temperature\":0.7,\"reasoning_effort\":\"low\",\"logprobs\":true,\"top_logprobs\":3,\"verbosity\":\"low\"}",
         "{\"model\":\"m:1\",\"input\":[{\"role\":\"user\",\"content\":\"" PROMPT
         "\"}],\"store\":false,\"temperature\":0.7,"
         "\"reasoning\":{\"effort\":\"low\"},\"include\":[\"message.output_text.logprobs\"],\"top_logprobs\":3,"
         "\"text\":{\"verbosity\":\"low\",\"format\":{\"type\":\"json_schema\",\"name\":\"disposition\",\"strict\":true,"
         "\"schema\":" SCHEMA(RISK_BOUND) "}},\"max_output_tokens\":400}"},
        {CS_PROTOCOL_OPENAI_RESPONSES, CS_FORM_JSON_OBJECT, true, "{}",
         "{\"model\":\"m:1\",\"instructions\":\"" SYSTEM "\",\"input\":[{\"role\":\"user\",\"content\":\"" PROMPT
         "\"}],"
         "\"store\":false,\"max_output_tokens\":400,\"text\":{\"format\":{\"type\":\"json_object\"}}}"},
        {CS_PROTOCOL_ANTHROPIC_MESSAGES, CS_FORM_JSON_SCHEMA, true, "{\"temperature\":0,\"reasoning_effort\":\"high\"}",
         "{\"model\":\"m:1\",\"system\":\"" SYSTEM "\",\"messages\":[{\"role\":\"user\",\"content\":\"" PROMPT "\"}],"
         "\"temperature\":0,\"output_config\":{\"effort\":\"high\",\"format\":{\"type\":\"json_schema\",\"schema\":" SCHEMA(
             "") "}},\"max_tokens\":400}"},
        {CS_PROTOCOL_ANTHROPIC_MESSAGES, CS_FORM_TOOL, false, "{\"thinking_budget\":0}",
         "{\"model\":\"m:1\",\"messages\":[{\"role\":\"user\",\"content\":\"" PROMPT
         "\"}],\"thinking\":{\"type\":\"disabled\"},"
         "\"max_tokens\":400,\"tools\":[{\"name\":\"disposition\",\"description\":\"Gives the answer.\",\"input_schema\":" SCHEMA(
             RISK_BOUND) "}],\"tool_choice\":{\"type\":\"tool\",\"name\":\"disposition\"}}"},
        {CS_PROTOCOL_GEMINI, CS_FORM_JSON_SCHEMA, true,
         "{\"temperature\":0.7,\"top_p\":1,\"seed\":7,\"thinking_budget\":-1,\"logprobs\":true,\"top_logprobs\":2}",
         "{\"systemInstruction\":{\"parts\":[{\"text\":\"" SYSTEM
         "\"}]},\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"" PROMPT
         "\"}]}],\"generationConfig\":{\"temperature\":0.7,\"topP\":1,\"seed\":7,\"thinkingConfig\":{\"thinkingBudget\":"
         "-1},\"responseLogprobs\":true,\"logprobs\":2,\"maxOutputTokens\":400,\"responseMimeType\":\"application/json\","
         "\"responseJsonSchema\":" SCHEMA(RISK_BOUND) "}}"},
        {CS_PROTOCOL_GEMINI, CS_FORM_NONE, false, "{\"reasoning_effort\":\"low\"}",
         "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"" PROMPT
         "\"}]}],\"generationConfig\":{\"thinkingConfig\":"
         "{\"thinkingLevel\":\"LOW\"},\"maxOutputTokens\":400}}"},
        {CS_PROTOCOL_BEDROCK_CONVERSE, CS_FORM_TOOL, true, "{\"temperature\":0.5,\"thinking_budget\":1024}",
         "{\"system\":[{\"text\":\"" SYSTEM "\"}],\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"" PROMPT
         "\"}]}],"
         "\"inferenceConfig\":{\"temperature\":0.5,\"maxTokens\":400},\"additionalModelRequestFields\":{\"thinking\":{\"type\":"
         "\"enabled\",\"budget_tokens\":1024}},\"toolConfig\":{\"tools\":[{\"toolSpec\":{\"name\":\"disposition\","
         "\"description\":\"Gives the answer.\",\"inputSchema\":{\"json\":" SCHEMA(
             RISK_BOUND) "}}}],\"toolChoice\":{\"tool\":"
                         "{\"name\":\"disposition\"}}}}"},
        {CS_PROTOCOL_OPENAI_CHAT, CS_FORM_JSON_OBJECT, false, "{\"top_k\":5}",
         "{\"model\":\"m:1\",\"messages\":[{\"role\":\"user\",\"content\":\"" PROMPT "\"}],\"top_k\":5,"
         "\"max_completion_tokens\":400,\"response_format\":{\"type\":\"json_object\"}}"},
        {CS_PROTOCOL_OPENAI_CHAT, CS_FORM_NONE, false, "{}",
         "{\"model\":\"m:1\",\"messages\":[{\"role\":\"user\",\"content\":\"" PROMPT
         "\"}],\"max_completion_tokens\":400}"},
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct cs_account a = {.name = "a", .base_url = "", .protocol = t[i].protocol, .response_format = t[i].form};
        char *body = body_of(a, t[i].parameters, 0, t[i].system);
        assert_string_equal(body, t[i].body);
        free(body);
    }
}

/* Bedrock's schema is a string; the bounds of numbers are not in it, and it is JSON again when read. */
static void bedrocks_schema_is_a_string(void **state)
{
    (void)state;
    struct cs_account a = {.name = "a", .base_url = "", .protocol = CS_PROTOCOL_BEDROCK_CONVERSE};
    char *body = body_of(a, "{}", 0, false);
    struct cs_json *root = cs_json_loads(body, 0, NULL);
    const struct cs_json *format = cs_json_object_get(cs_json_object_get(root, "outputConfig"), "textFormat");
    const struct cs_json *schema = cs_json_object_get(cs_json_object_get(format, "structure"), "jsonSchema");
    assert_string_equal(cs_json_string_value(cs_json_object_get(format, "type")), "json_schema");
    assert_string_equal(cs_json_string_value(cs_json_object_get(schema, "name")), "disposition");
    assert_string_equal(cs_json_string_value(cs_json_object_get(schema, "schema")), SCHEMA(""));
    cs_json_decref(root);
    free(body);
}

/* Every line of the table has a file that says all. */
static void every_dialect_is_whole(void **state)
{
    (void)state;
    for (enum cs_protocol p = 0; p < CS_PROTOCOLS; p++) {
        const struct cs_dialect *d = cs_dialect_of(p);
        const struct cs_dialect_charge *c = cs_dialect_charge_of(p);
        assert_int_equal(d->protocol, p);
        assert_true(cs_protocol_name(p)[0] != '\0');
        assert_true((d->fill != NULL ? d->path[0] == '\0' : d->path[0] == '/') && d->root != NULL &&
                    strstr(d->auth_prefix, ": ") != NULL);
        assert_true((d->formats & 1u << CS_FORM_NONE) != 0);
        assert_true(d->prompt != NULL && d->settings != NULL && d->read != NULL);
        assert_in_range(c->tokens, CS_CHARGE_BY_INPUT, CS_CHARGE_BY_CAP);
        assert_in_range(c->output, CS_CHARGE_BY_INPUT, CS_CHARGE_BY_CAP);
    }
}

static void what_a_dialect_has_not_is_refused(void **state)
{
    (void)state;
    static const struct {
        enum cs_protocol protocol;
        uint32_t cap;
        const char *parameters, *culprit; /* culprit NULL: fine */
    } t[] = {
        {CS_PROTOCOL_OPENAI_CHAT, 0, "{\"seed\":1,\"anything\":{\"a\":1}}", NULL},
        {CS_PROTOCOL_OPENAI_RESPONSES, 0, "{\"temperature\":2}", NULL},
        {CS_PROTOCOL_OPENAI_RESPONSES, 0, "{\"temperature\":2.1}", "temperature"},
        {CS_PROTOCOL_OPENAI_RESPONSES, 0, "{\"seed\":1}", "seed"},
        {CS_PROTOCOL_OPENAI_RESPONSES, 0, "{\"thinking_budget\":1}", "thinking_budget"},
        {CS_PROTOCOL_OPENAI_RESPONSES, 0, "{\"store\":true}", "store"},
        {CS_PROTOCOL_OPENAI_RESPONSES, 15, "{}", "max_output_tokens"},
        {CS_PROTOCOL_ANTHROPIC_MESSAGES, 0, "{}", "max_output_tokens"},
        {CS_PROTOCOL_ANTHROPIC_MESSAGES, 9, "{\"logprobs\":true}", "logprobs"},
        {CS_PROTOCOL_ANTHROPIC_MESSAGES, 9, "{\"temperature\":1.01}", "temperature"},
        {CS_PROTOCOL_ANTHROPIC_MESSAGES, 2000, "{\"thinking_budget\":1999}", NULL},
        {CS_PROTOCOL_ANTHROPIC_MESSAGES, 2000, "{\"thinking_budget\":1023}", "thinking_budget"},
        {CS_PROTOCOL_ANTHROPIC_MESSAGES, 2000, "{\"system\":\"x\"}", "system"},
        {CS_PROTOCOL_ANTHROPIC_MESSAGES, 9, "{\"thinking_budget\":0,\"thinking\":{\"type\":\"adaptive\"}}", "thinking"},
        {CS_PROTOCOL_ANTHROPIC_MESSAGES, 9, "{\"thinking\":{\"type\":\"adaptive\"},\"thinking_budget\":0}",
         "thinking_budget"},
        {CS_PROTOCOL_GEMINI, 0, "{\"temperature\":1.7976931348623157e308}", ""},
        {CS_PROTOCOL_GEMINI, 0, "{\"seed\":1.5}", "seed"},
        {CS_PROTOCOL_GEMINI, 0, "{\"verbosity\":\"low\"}", "verbosity"},
        {CS_PROTOCOL_GEMINI, 0, "{\"logprobs\":1}", "logprobs"},
        {CS_PROTOCOL_BEDROCK_CONVERSE, 9, "{\"seed\":1}", "seed"},
        {CS_PROTOCOL_BEDROCK_CONVERSE, 9, "{\"top_p\":0.5}", NULL},
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct cs_account a = {.name = "a", .protocol = t[i].protocol};
        struct cs_model m = {.name = "m", .model = "m", .parameters = t[i].parameters, .max_output_tokens = t[i].cap};
        struct cs_error err = {0};
        char culprit[64];
        enum cs_err rc = cs_dialect_check(&a, &m, culprit, &err);
        assert_int_equal(rc, t[i].culprit == NULL ? CS_OK : CS_EINVAL);
        assert_string_equal(culprit, t[i].culprit != NULL ? t[i].culprit : "");
    }
}

/* ---- where calls go --------------------------------------------------------------------------------- */

static void urls_keys_and_headers(void **state)
{
    (void)state;
    static const char azure[] = "/deployments/{model}/chat/completions?api-version=2024-10-21";
    static const struct {
        enum cs_protocol protocol;
        enum cs_auth auth;
        const char *path, *url, *simulated, *key;
    } t[] = {
        {CS_PROTOCOL_OPENAI_CHAT, CS_AUTH_DEFAULT, NULL, "https://h/v/chat/completions", "S/v1/chat/completions",
         "Authorization: Bearer K"},
        {CS_PROTOCOL_OPENAI_CHAT, CS_AUTH_API_KEY, azure,
         "https://h/v/deployments/a.b%3A0%2Fc/chat/completions?api-version=2024-10-21", "S/v1/chat/completions",
         "api-key: K"},
        {CS_PROTOCOL_OPENAI_RESPONSES, CS_AUTH_DEFAULT, NULL, "https://h/v/responses", "S/v1/responses",
         "Authorization: Bearer K"},
        {CS_PROTOCOL_ANTHROPIC_MESSAGES, CS_AUTH_DEFAULT, NULL, "https://h/v/messages", "S/v1/messages",
         "x-api-key: K"},
        {CS_PROTOCOL_ANTHROPIC_MESSAGES, CS_AUTH_BEARER, NULL, "https://h/v/messages", "S/v1/messages",
         "Authorization: Bearer K"},
        {CS_PROTOCOL_GEMINI, CS_AUTH_DEFAULT, NULL, "https://h/v/models/a.b%3A0%2Fc:generateContent",
         "S/v1beta/models/a.b%3A0%2Fc:generateContent", "x-goog-api-key: K"},
        {CS_PROTOCOL_BEDROCK_CONVERSE, CS_AUTH_DEFAULT, NULL, "https://h/v/model/a.b%3A0%2Fc/converse",
         "S/model/a.b%3A0%2Fc/converse", "Authorization: Bearer K"},
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct cs_account a = {
            .protocol = t[i].protocol, .base_url = "https://h/v", .path = t[i].path, .auth = t[i].auth};
        const struct cs_dialect *p = cs_dialect_of(t[i].protocol);
        char *url = cs_dialect_url(p, &a, NULL, "a.b:0/c"), *auth = cs_dialect_auth(p, &a, "K");
        a.simulated = true;
        char *simulated = cs_dialect_url(p, &a, "S", "a.b:0/c");
        assert_string_equal(url, t[i].url);
        assert_string_equal(simulated, t[i].simulated);
        assert_string_equal(auth, t[i].key);
        free(url);
        free(auth);
        free(simulated);
    }
    const char *lines[CS_HEADERS_MAX + 1];
    struct cs_account a = {.protocol = CS_PROTOCOL_ANTHROPIC_MESSAGES, .headers = WORDS("X-A: 1"), .n_headers = 1};
    assert_int_equal(cs_dialect_headers(&cs_dialect_anthropic, &a, lines), 2);
    assert_string_equal(lines[0], "X-A: 1");
    assert_string_equal(lines[1], "anthropic-version: 2023-06-01");
    a.headers = WORDS("Anthropic-Version: 2026-10-21");
    assert_int_equal(cs_dialect_headers(&cs_dialect_anthropic, &a, lines), 1);
    assert_string_equal(lines[0], "Anthropic-Version: 2026-10-21");
}

/* ---- what replies mean ------------------------------------------------------------------------------ */

static struct cs_reading read_it(enum cs_protocol p, uint16_t status, const char *headers, const char *body,
                                 struct cs_arena *arena)
{
    struct cs_http_reply r = {.status = status, .headers = headers, .body = body, .body_len = strlen(body), .why = ""};
    struct cs_reading out;
    cs_dialect_of(p)->read(&r, strstr(body, "\"tool_use\"") != NULL ? CS_FORM_TOOL : CS_FORM_JSON_SCHEMA, arena, &out);
    return out;
}

#define RESP(status, more, output)                                                                                      \
    "{\"id\":\"resp_1\",\"object\":\"response\",\"status\":\"" status "\",\"error\":null," more                         \
    "\"model\":\"gpt-5-2025-08-07\",\"output\":[{\"type\":\"reasoning\",\"summary\":[]}," output "],\"usage\":{"        \
    "\"input_tokens\":14,\"input_tokens_details\":{\"cached_tokens\":5,\"cache_write_tokens\":5},\"output_tokens\":70," \
    "\"output_tokens_details\":{\"reasoning_tokens\":64},\"total_tokens\":84}}"
#define RESP_MESSAGE(part) "{\"type\":\"message\",\"role\":\"assistant\",\"content\":[" part "]}"
#define RESP_TEXT RESP_MESSAGE("{\"type\":\"output_text\",\"text\":\"Par\"},{\"type\":\"output_text\",\"text\":\"is\"}")
#define ANTH(content, reason, details)                                                                                    \
    "{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-x-20250929\",\"content\":[" content \
    "],"                                                                                                                  \
    "\"stop_reason\":" reason ",\"stop_sequence\":null,\"stop_details\":" details ",\"usage\":{\"input_tokens\":4,"       \
    "\"cache_creation_input_tokens\":5,\"cache_read_input_tokens\":5,\"output_tokens\":70,\"output_tokens_details\":{"    \
    "\"thinking_tokens\":64}}}"
#define ANTH_TEXT                                                                                                      \
    "{\"type\":\"thinking\",\"thinking\":\"hm\"},{\"type\":\"text\",\"text\":\"Par\"},{\"type\":\"text\",\"text\":\"is\"}"
#define GEM_USAGE                                                                                                      \
    "\"usageMetadata\":{\"promptTokenCount\":14,\"cachedContentTokenCount\":5,\"candidatesTokenCount\":6,"             \
    "\"thoughtsTokenCount\":64,\"totalTokenCount\":84},\"modelVersion\":\"gemini-2.5\",\"responseId\":\"r1\"}"
#define GEM(content, reason)                                                                                           \
    "{\"candidates\":[{\"content\":" content ",\"finishReason\":\"" reason "\",\"index\":0}]," GEM_USAGE
#define GEM_TEXT                                                                                                       \
    "{\"role\":\"model\",\"parts\":[{\"text\":\"hm\",\"thought\":true},{\"text\":\"Par\"},{\"text\":\"is\"}]}"
#define BED(content, reason)                                                                                           \
    "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[" content "]}},\"stopReason\":\"" reason            \
    "\",\"usage\":{"                                                                                                   \
    "\"inputTokens\":4,\"outputTokens\":70,\"totalTokens\":84,\"cacheReadInputTokens\":5,\"cacheWriteInputTokens\":5}}"
#define BED_TEXT "{\"reasoningContent\":{\"reasoningText\":{\"text\":\"hm\"}}},{\"text\":\"Par\"},{\"text\":\"is\"}"

enum {
    RESPONSES = CS_PROTOCOL_OPENAI_RESPONSES,
    ANTHROPIC = CS_PROTOCOL_ANTHROPIC_MESSAGES,
    GEMINI = CS_PROTOCOL_GEMINI,
    BEDROCK = CS_PROTOCOL_BEDROCK_CONVERSE
};

static void answers_in_one_normal_form(void **state)
{
    (void)state;
    static const struct {
        int protocol;
        const char *body;
        enum cs_outcome outcome;
        const char *finish, *text;
    } t[] = {
        {RESPONSES, RESP("completed", "", RESP_TEXT), CS_OUTCOME_ok, "completed", "Paris"},
        {RESPONSES, RESP("incomplete", "\"incomplete_details\":{\"reason\":\"max_output_tokens\"},", RESP_TEXT),
         CS_OUTCOME_truncated, "max_output_tokens", "Paris"},
        {RESPONSES, RESP("incomplete", "\"incomplete_details\":{\"reason\":\"content_filter\"},", RESP_MESSAGE("")),
         CS_OUTCOME_content_filtered, "content_filter", ""},
        {RESPONSES, RESP("completed", "", RESP_MESSAGE("{\"type\":\"refusal\",\"refusal\":\"No.\"}")),
         CS_OUTCOME_refused, "completed", "No."},
        {ANTHROPIC, ANTH(ANTH_TEXT, "\"end_turn\"", "null"), CS_OUTCOME_ok, "end_turn", "Paris"},
        {ANTHROPIC, ANTH(ANTH_TEXT, "\"stop_sequence\"", "null"), CS_OUTCOME_ok, "stop_sequence", "Paris"},
        {ANTHROPIC,
         ANTH("{\"type\":\"tool_use\",\"name\":\"q\",\"input\":{\"a\":\"b\",\"c\":0.1}}", "\"tool_use\"", "null"),
         CS_OUTCOME_ok, "tool_use", "{\"a\":\"b\",\"c\":0.1}"},
        {ANTHROPIC, ANTH(ANTH_TEXT, "\"max_tokens\"", "null"), CS_OUTCOME_truncated, "max_tokens", "Paris"},
        {ANTHROPIC, ANTH(ANTH_TEXT, "\"model_context_window_exceeded\"", "null"), CS_OUTCOME_truncated,
         "model_context_window_exceeded", "Paris"},
        {ANTHROPIC,
         ANTH(ANTH_TEXT, "\"refusal\"", "{\"type\":\"refusal\",\"category\":\"bio\",\"explanation\":\"No.\"}"),
         CS_OUTCOME_refused, "refusal", "No."},
        {GEMINI, GEM(GEM_TEXT, "STOP"), CS_OUTCOME_ok, "STOP", "Paris"},
        {GEMINI, GEM("{\"role\":\"model\"}", "MAX_TOKENS"), CS_OUTCOME_truncated, "MAX_TOKENS", ""},
        {GEMINI, GEM("{}", "SAFETY"), CS_OUTCOME_content_filtered, "SAFETY", ""},
        {GEMINI, GEM("{}", "RECITATION"), CS_OUTCOME_content_filtered, "RECITATION", ""},
        {GEMINI, "{\"promptFeedback\":{\"blockReason\":\"PROHIBITED_CONTENT\"}," GEM_USAGE, CS_OUTCOME_content_filtered,
         "PROHIBITED_CONTENT", ""},
        {BEDROCK, BED(BED_TEXT, "end_turn"), CS_OUTCOME_ok, "end_turn", "Paris"},
        {BEDROCK, BED("{\"toolUse\":{\"toolUseId\":\"t\",\"name\":\"q\",\"input\":{\"a\":1}}}", "tool_use"),
         CS_OUTCOME_ok, "tool_use", "{\"a\":1}"},
        {BEDROCK, BED(BED_TEXT, "max_tokens"), CS_OUTCOME_truncated, "max_tokens", "Paris"},
        {BEDROCK, BED("", "content_filtered"), CS_OUTCOME_content_filtered, "content_filtered", ""},
        {BEDROCK, BED(BED_TEXT, "guardrail_intervened"), CS_OUTCOME_content_filtered, "guardrail_intervened", "Paris"},
    };
    struct cs_arena arena = {0};
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct cs_reading r = read_it(
            (enum cs_protocol)t[i].protocol, 200,
            "x-request-id: r1\r\nrequest-id: r1\r\nx-amzn-requestid: r1\r\nretry-after: 40\r\n", t[i].body, &arena);
        if (r.says != CS_SAYS_ANSWER || r.outcome != t[i].outcome)
            fail_msg("%s: says %d, %s", t[i].body, r.says, cs_outcome_name(r.outcome));
        assert_string_equal(r.finish, t[i].finish);
        assert_string_equal(r.text, t[i].text);
        assert_int_equal(r.input_tokens, 14); /* cached ones among them, whatever the vendor counts */
        assert_int_equal(r.cached_tokens, 5);
        assert_int_equal(r.cache_write_tokens, t[i].protocol == GEMINI ? 0 : 5); /* nor those written */
        assert_int_equal(r.output_tokens, 70);                                   /* reasoning among them */
        assert_int_equal(r.reasoning_tokens, t[i].protocol == BEDROCK ? 0 : 64);
        assert_string_equal(r.request_id, "r1");
        assert_int_equal(r.model[0] == '\0', t[i].protocol == BEDROCK);
        assert_true(r.wait_ms == CS_NO_HINT); /* retry-after on a 200 means nothing */
    }
    cs_arena_release(&arena);
}

#define ANTH_ERROR(type, message, more)                                                                                \
    "{\"type\":\"error\",\"error\":{\"type\":\"" type "\",\"message\":\"" message "\"" more "}}"
#define GEM_ERROR(code, status, details)                                                                               \
    "{\"error\":{\"code\":" code ",\"message\":\"Sorry.\",\"status\":\"" status "\",\"details\":[" details "]}}"
#define GEM_QUOTA(id) "{\"violations\":[{\"quotaId\":\"GenerateRequestsPer" id "PerProjectPerModel\"}]}"

/* What follows from a reply that is no answer: section 1.3 of the facts, through the one retry table. */
static void everything_else_has_its_consequence(void **state)
{
    (void)state;
    static const struct {
        int protocol;
        uint16_t status;
        const char *headers, *body;
        enum cs_next next;
        enum cs_outcome outcome;
        uint64_t wait_ms;
    } t[] = {
        /* no end marker, or not whole */
        {RESPONSES, 200, "", "{\"status\":\"in_progress\",\"output\":[]}", CS_NEXT_RETRY, CS_OUTCOME_provider_error,
         CS_NO_HINT},
        {ANTHROPIC, 200, "", ANTH(ANTH_TEXT, "null", "null"), CS_NEXT_RETRY, CS_OUTCOME_transport, CS_NO_HINT},
        {GEMINI, 200, "", "{\"candidates\":[{\"content\":" GEM_TEXT "}]}", CS_NEXT_RETRY, CS_OUTCOME_transport,
         CS_NO_HINT},
        {BEDROCK, 200, "", "{\"output\":{\"message\":{\"content\":[]}}}", CS_NEXT_RETRY, CS_OUTCOME_transport,
         CS_NO_HINT},
        {BEDROCK, 200, "", "{\"output\":{\"mess", CS_NEXT_RETRY, CS_OUTCOME_transport, CS_NO_HINT},
        /* broken, and says so */
        {RESPONSES, 200, "", "{\"status\":\"failed\",\"error\":{\"code\":\"server_error\",\"message\":\"x\"}}",
         CS_NEXT_RETRY, CS_OUTCOME_provider_error, CS_NO_HINT},
        {RESPONSES, 200, "", "{\"status\":\"failed\",\"error\":{\"code\":\"bio_policy\",\"message\":\"x\"}}",
         CS_NEXT_ANSWER, CS_OUTCOME_content_filtered, CS_NO_HINT},
        {ANTHROPIC, 200, "", ANTH(ANTH_TEXT, "\"pause_turn\"", "null"), CS_NEXT_RETRY, CS_OUTCOME_provider_error,
         CS_NO_HINT},
        {GEMINI, 200, "", GEM("{}", "MALFORMED_RESPONSE"), CS_NEXT_ANSWER, CS_OUTCOME_ok, CS_NO_HINT},
        {BEDROCK, 200, "", BED("", "malformed_model_output"), CS_NEXT_ANSWER, CS_OUTCOME_ok, CS_NO_HINT},
        /* the request */
        {RESPONSES, 400, "", "{\"error\":{\"message\":\"x\",\"code\":\"model_not_found\",\"param\":\"model\"}}",
         CS_NEXT_DENIED, CS_OUTCOME_invalid_request, CS_NO_HINT},
        {ANTHROPIC, 400, "", ANTH_ERROR("invalid_request_error", "prompt is too long", ""), CS_NEXT_FAIL,
         CS_OUTCOME_invalid_request, CS_NO_HINT},
        {ANTHROPIC, 404, "", ANTH_ERROR("not_found_error", "model: x", ""), CS_NEXT_DENIED, CS_OUTCOME_invalid_request,
         CS_NO_HINT},
        {GEMINI, 400, "", GEM_ERROR("400", "INVALID_ARGUMENT", ""), CS_NEXT_FAIL, CS_OUTCOME_invalid_request,
         CS_NO_HINT},
        {BEDROCK, 400, "x-amzn-errortype: ValidationException:http://x\r\n", "{\"message\":\"bad\"}", CS_NEXT_FAIL,
         CS_OUTCOME_invalid_request, CS_NO_HINT},
        /* the key, the bill */
        {ANTHROPIC, 401, "", ANTH_ERROR("authentication_error", "invalid x-api-key", ""), CS_NEXT_DENIED,
         CS_OUTCOME_invalid_request, CS_NO_HINT},
        {ANTHROPIC, 400, "",
         ANTH_ERROR("invalid_request_error", "Your credit balance is too low to access the API.", ""), CS_NEXT_STOP,
         CS_OUTCOME_internal, CS_NO_HINT},
        {ANTHROPIC, 429, "",
         ANTH_ERROR("rate_limit_error", "x", ",\"details\":{\"error_code\":\"enforced_spend_limit_reached\"}"),
         CS_NEXT_STOP, CS_OUTCOME_internal, CS_NO_HINT},
        {GEMINI, 400, "", GEM_ERROR("400", "INVALID_ARGUMENT", "{\"reason\":\"API_KEY_INVALID\"}"), CS_NEXT_DENIED,
         CS_OUTCOME_invalid_request, CS_NO_HINT},
        {GEMINI, 400, "", GEM_ERROR("400", "FAILED_PRECONDITION", ""), CS_NEXT_DENIED, CS_OUTCOME_invalid_request,
         CS_NO_HINT},
        {GEMINI, 429, "", GEM_ERROR("429", "RESOURCE_EXHAUSTED", GEM_QUOTA("Day")), CS_NEXT_DAY,
         CS_OUTCOME_rate_limited, CS_NO_HINT},
        {BEDROCK, 403, "x-amzn-errortype: AccessDeniedException\r\n", "{\"Message\":\"no\"}", CS_NEXT_DENIED,
         CS_OUTCOME_invalid_request, CS_NO_HINT},
        {BEDROCK, 400, "x-amzn-errortype: ServiceQuotaExceededException\r\n", "{\"message\":\"no\"}", CS_NEXT_STOP,
         CS_OUTCOME_internal, CS_NO_HINT},
        /* full, and for how long */
        {RESPONSES, 429, "retry-after-ms: 40\r\n", "{\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":\"x\"}}",
         CS_NEXT_WAIT, CS_OUTCOME_rate_limited, 40},
        {ANTHROPIC, 429, "retry-after: 12\r\n", ANTH_ERROR("rate_limit_error", "x", ""), CS_NEXT_WAIT,
         CS_OUTCOME_rate_limited, 12000},
        {GEMINI, 429, "",
         GEM_ERROR("429", "RESOURCE_EXHAUSTED", GEM_QUOTA("Minute") ",{\"retryDelay\":\"3.957525076s\"}"), CS_NEXT_WAIT,
         CS_OUTCOME_rate_limited, 3958},
        {GEMINI, 429, "",
         "{\"error\":{\"code\":429,\"message\":\"Please retry in 27.37s.\",\"status\":\"RESOURCE_EXHAUSTED\"}}",
         CS_NEXT_WAIT, CS_OUTCOME_rate_limited, 27370},
        {BEDROCK, 429, "x-amzn-errortype: ThrottlingException\r\n", "{\"message\":\"Too many\"}", CS_NEXT_WAIT,
         CS_OUTCOME_rate_limited, CS_NO_HINT},
        /* the provider's own trouble */
        {RESPONSES, 503, "", "Slow Down", CS_NEXT_RETRY, CS_OUTCOME_provider_error, CS_NO_HINT},
        {ANTHROPIC, 529, "", ANTH_ERROR("overloaded_error", "Overloaded", ""), CS_NEXT_RETRY, CS_OUTCOME_provider_error,
         CS_NO_HINT},
        {GEMINI, 503, "", GEM_ERROR("503", "UNAVAILABLE", ""), CS_NEXT_RETRY, CS_OUTCOME_provider_error, CS_NO_HINT},
        {BEDROCK, 424, "x-amzn-errortype: ModelErrorException\r\n", "{\"message\":\"x\"}", CS_NEXT_RETRY,
         CS_OUTCOME_provider_error, CS_NO_HINT},
        {BEDROCK, 502, "", "<html>Bad gateway</html>", CS_NEXT_RETRY, CS_OUTCOME_provider_error, CS_NO_HINT},
    };
    struct cs_arena arena = {0};
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct cs_reading r = read_it((enum cs_protocol)t[i].protocol, t[i].status, t[i].headers, t[i].body, &arena);
        struct cs_retry_rule rule = cs_retry_rule(CS_TRANSFER_WHOLE, t[i].status, r.says);
        if (rule.next != t[i].next || rule.outcome != t[i].outcome || r.wait_ms != t[i].wait_ms)
            fail_msg("row %zu (%u %s): says %d, next %d, %s, wait %llu", i, t[i].status, t[i].body, r.says, rule.next,
                     cs_outcome_name(rule.outcome), (unsigned long long)r.wait_ms);
    }
    struct cs_reading r = read_it(CS_PROTOCOL_BEDROCK_CONVERSE, 429,
                                  "X-Amzn-ErrorType: ThrottlingException:http://a/\r\n", "{\"message\":\"Too many\"}",
                                  &arena);
    assert_string_equal(r.finish, "ThrottlingException");
    assert_string_equal(r.text, "Too many");
    r = read_it(CS_PROTOCOL_BEDROCK_CONVERSE, 502, "", "<html>Bad gateway</html>", &arena);
    assert_string_equal(r.text, "<html>Bad gateway</html>");
    cs_arena_release(&arena);
}

#define CHAT(message, finish, usage)                                                                                   \
    "{\"choices\":[{\"index\":0,\"message\":" message ",\"finish_reason\":\"" finish "\"}],\"usage\":{" usage "}}"

/* Servers that speak OpenAI's dialect with an accent (facts: section 11). */
static void accents_of_openai_chat(void **state)
{
    (void)state;
    static const struct {
        uint16_t status;
        const char *body;
        enum cs_next next;
        enum cs_outcome outcome;
        const char *text;
        uint32_t cached, written;
    } t[] = {
        {200, "\n\n" CHAT("{\"content\":\"a\"}", "stop", "\"prompt_cache_hit_tokens\":3"), CS_NEXT_ANSWER,
         CS_OUTCOME_ok, "a", 3, 0},
        {200,
         CHAT("{\"content\":[{\"type\":\"thinking\",\"thinking\":[]},{\"type\":\"text\",\"text\":\"b\"}]}", "stop",
              "\"num_cached_tokens\":4"),
         CS_NEXT_ANSWER, CS_OUTCOME_ok, "b", 4, 0},
        {200, CHAT("{\"content\":\"c\"}", "eos", ""), CS_NEXT_ANSWER, CS_OUTCOME_ok, "c", 0, 0},
        {200,
         CHAT("{\"content\":\"w\"}", "stop",
              "\"prompt_tokens_details\":{\"cached_tokens\":3,\"cache_write_tokens\":7}"),
         CS_NEXT_ANSWER, CS_OUTCOME_ok, "w", 3, 7},
        {200, CHAT("{\"content\":\"v\"}", "stop", "\"cache_creation_input_tokens\":6"), CS_NEXT_ANSWER, CS_OUTCOME_ok,
         "v", 0, 6},
        {200, CHAT("{\"content\":\"d\"}", "model_length", ""), CS_NEXT_ANSWER, CS_OUTCOME_truncated, "d", 0, 0},
        {200, CHAT("{\"content\":\"e\"}", "error", ""), CS_NEXT_RETRY, CS_OUTCOME_provider_error,
         "the provider broke the answer off: it ended with \"error\"", 0, 0},
        {200, "{\"error\":{\"code\":402,\"message\":\"Pay.\"}}", CS_NEXT_STOP, CS_OUTCOME_internal, "Pay.", 0, 0},
        {200, "{\"error\":{\"code\":502,\"message\":\"Down.\"}}", CS_NEXT_RETRY, CS_OUTCOME_provider_error, "Down.", 0,
         0},
        {400, "{\"object\":\"error\",\"message\":\"Bad.\",\"code\":400}", CS_NEXT_FAIL, CS_OUTCOME_invalid_request,
         "Bad.", 0, 0},
        {422, "{\"error\":\"Bad.\",\"error_type\":\"validation\"}", CS_NEXT_FAIL, CS_OUTCOME_invalid_request, "Bad.", 0,
         0},
        {498, "{\"error\":{\"message\":\"Full.\",\"code\":\"capacity_exceeded\"}}", CS_NEXT_RETRY,
         CS_OUTCOME_provider_error, "Full.", 0, 0},
    };
    struct cs_arena arena = {0};
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct cs_reading r = read_it(CS_PROTOCOL_OPENAI_CHAT, t[i].status, "", t[i].body, &arena);
        struct cs_retry_rule rule = cs_retry_rule(CS_TRANSFER_WHOLE, t[i].status, r.says);
        enum cs_outcome outcome = r.says == CS_SAYS_ANSWER ? r.outcome : rule.outcome;
        if (rule.next != t[i].next || outcome != t[i].outcome)
            fail_msg("%s: next %d, %s", t[i].body, rule.next, cs_outcome_name(outcome));
        assert_string_equal(r.text, t[i].text);
        assert_int_equal(r.cached_tokens, t[i].cached);
        assert_int_equal(r.cache_write_tokens, t[i].written);
    }
    cs_arena_release(&arena);
}

/* What was used, as vendors tell it: reasoning within the output or beside it, a total above all parts, counts out of all bounds. */
static void usage_in_all_its_forms(void **state)
{
    (void)state;
#define DONE "\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]"
#define USED(usage) "{" DONE ",\"usage\":{" usage "}}"
#define THOUGHT ",\"completion_tokens_details\":{\"reasoning_tokens\":94}"
    static const struct {
        enum cs_protocol p;
        const char *body;
        uint32_t input, output;
        bool is_short;
    } t[] = {
        {CS_PROTOCOL_OPENAI_CHAT, USED("\"prompt_tokens\":32,\"completion_tokens\":9,\"total_tokens\":135" THOUGHT), 32,
         103, false},
        {CS_PROTOCOL_OPENAI_CHAT, USED("\"prompt_tokens\":32,\"completion_tokens\":103,\"total_tokens\":135" THOUGHT),
         32, 103, false},
        {CS_PROTOCOL_OPENAI_CHAT, USED("\"prompt_tokens\":32,\"completion_tokens\":9" THOUGHT), 32, 103, false},
        {CS_PROTOCOL_OPENAI_CHAT, USED("\"prompt_tokens\":\"32\",\"completion_tokens\":9.0,\"total_tokens\":60"), 32, 9,
         true},
        {CS_PROTOCOL_OPENAI_CHAT, USED("\"prompt_tokens\":1e300,\"completion_tokens\":-4"), UINT32_MAX, 0, false},
        {CS_PROTOCOL_OPENAI_CHAT, "{\"error\":{\"code\":502,\"message\":\"m\"},\"usage\":{\"prompt_tokens\":7}}", 7, 0,
         false},
        {CS_PROTOCOL_OPENAI_CHAT, "{\"choices\":null,\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2}}", 7, 2,
         false},
        {CS_PROTOCOL_ANTHROPIC_MESSAGES,
         "{\"content\":[],\"stop_reason\":\"end_turn\",\"usage\":{\"input_tokens\":4294967295,\"cache_read_input_tokens\":9}}",
         UINT32_MAX, 0, false},
        {CS_PROTOCOL_GEMINI,
         "{\"usageMetadata\":{\"promptTokenCount\":5,\"toolUsePromptTokenCount\":2,\"candidatesTokenCount\":3,"
         "\"thoughtsTokenCount\":4,\"totalTokenCount\":15}}",
         7, 7, true},
    };
    struct cs_arena arena = {0};
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct cs_reading r = read_it(t[i].p, 200, "", t[i].body, &arena);
        if (r.input_tokens != t[i].input || r.output_tokens != t[i].output || r.usage_short != t[i].is_short)
            fail_msg("%s: %u %u %d", t[i].body, r.input_tokens, r.output_tokens, r.usage_short);
    }
    cs_arena_release(&arena);
}

static void what_kept_a_reply(void **state)
{
    (void)state;
    assert_true(cs_header_cache_hit("a: b\r\nX-Cache: HIT from proxy\r\n"));
    assert_true(cs_header_cache_hit("x-litellm-cache-hit: True\r\n"));
    assert_true(cs_header_cache_hit("Age: 12\r\n"));
    assert_true(cs_header_cache_hit("Cache-Status: nginx; hit\r\n"));
    assert_true(cs_header_cache_hit("X-Cache: MISS, HIT\r\n"));
    assert_true(cs_header_cache_hit("X-Cache: TCP_MEM_HIT from a1\r\n"));
    assert_false(cs_header_cache_hit("Cache-Status: nginx; fwd=miss\r\nX-Cache: Miss from cloudfront\r\nx-cache:\r\n"));
    assert_false(cs_header_cache_hit("cf-cache-status: DYNAMIC\r\nx-cache: MISS\r\nage: 0\r\n"));
    assert_false(cs_header_cache_hit("cache-control: no-cache\r\nx: hit\r\n"));
    assert_false(cs_header_cache_hit(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_never_change),
        cmocka_unit_test(bedrocks_schema_is_a_string),
        cmocka_unit_test(every_dialect_is_whole),
        cmocka_unit_test(what_a_dialect_has_not_is_refused),
        cmocka_unit_test(urls_keys_and_headers),
        cmocka_unit_test(answers_in_one_normal_form),
        cmocka_unit_test(everything_else_has_its_consequence),
        cmocka_unit_test(accents_of_openai_chat),
        cmocka_unit_test(usage_in_all_its_forms),
        cmocka_unit_test(what_kept_a_reply),
    };
    return cmocka_run_group_tests_name("dialects", tests, NULL, NULL);
}
