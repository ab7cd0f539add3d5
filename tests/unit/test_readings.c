/* What is read beside the answer: log probabilities in each vendor's form, limits in headers; and what a server calls its
 * parameters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/dialects/dialect.h"
#include "protocol/dialects/replies/limit_headers.h"
#include "protocol/load/probe.h"
#include "protocol/load/providers.h"
#include "tests/unit/fixture_files.h"

/* ---- log probabilities --------------------------------------------------------------------------------- */

static struct cs_reading read_as(enum cs_protocol p, const char *body, struct cs_arena *arena)
{
    const struct cs_http_reply reply = {
        .transfer = CS_TRANSFER_WHOLE, .status = 200, .headers = "", .body = body, .body_len = strlen(body), .why = ""};
    struct cs_reading r;
    cs_dialect_of(p)->read(&reply, CS_FORM_JSON_SCHEMA, arena, &r);
    assert_int_equal(r.says, CS_SAYS_ANSWER);
    return r;
}

/* {"a":"yes","b":7} in tokens, the alternatives where answers begin. */
#define TOKENS(value, tops, end)                                                                                       \
    "{\"token\":\"{\\\"\",\"" value "\":-0.5" tops("{\\\"") end "},"                                                   \
                                                                "{\"token\":\"a\\\":\\\"\",\"" value                   \
                                                                "\":-0.25" tops("a") end                               \
        "},"                                                                                                           \
        "{\"token\":\"ye\",\"" value "\":-0.125" tops("ye") end "},"                                                   \
                                                                "{\"token\":\"s\\\",\",\"" value "\":0" tops("s") end  \
        "},"                                                                                                           \
        "{\"token\":\"\\\"b\\\":\",\"" value "\":0" tops("b") end "},"                                                 \
                                                                  "{\"token\":\"7}\",\"" value "\":-1.125" tops("7")   \
                                                                      end "}"
#define TEXT "{\\\"a\\\":\\\"yes\\\",\\\"b\\\":7}"
#define ALTERNATIVES "{\"a\":{\"ye\":-0.125,\"no\":-2.1235},\"b\":{\"7\":-0.125,\"no\":-2.1235}}"

#define OPENAI_TOPS(token)                                                                                             \
    ",\"bytes\":null,\"top_logprobs\":[{\"token\":\"" token "\",\"logprob\":-0.125},{\"token\":\"no\",\"logprob\":"    \
    "-2.12349}]"
#define NO_TOPS(token) ""
#define GEM_TOP(token)                                                                                                 \
    "{\"candidates\":[{\"token\":\"" token                                                                             \
    "\",\"logProbability\":-0.125},{\"token\":\"no\",\"logProbability\":-2.12349}]}"

#define CHAT(text, logprobs)                                                                                           \
    "{\"choices\":[{\"message\":{\"content\":\"" text "\"},\"finish_reason\":\"stop\",\"logprobs\":" logprobs "}]}"

static void log_probabilities_in_every_form(void **state)
{
    static const struct {
        enum cs_protocol protocol;
        const char *body, *alternatives;
    } t[] = {
        {CS_PROTOCOL_OPENAI_CHAT, CHAT(TEXT, "{\"content\":[" TOKENS("logprob", OPENAI_TOPS, "") "]}"), ALTERNATIVES},
        {CS_PROTOCOL_OPENAI_CHAT, CHAT(TEXT, "{\"content\":[" TOKENS("logprob", NO_TOPS, "") "]}"), ""},
        {CS_PROTOCOL_OPENAI_CHAT,
         CHAT(TEXT,
              "{\"tokens\":[\"{\\\"\",\"a\\\":\\\"\",\"ye\",\"s\\\",\",\"\\\"b\\\":\",\"7}\"],\"token_logprobs\":["
              "-0.5,-0.25,-0.125,0,0,-1.125]}"),
         ""},
        {CS_PROTOCOL_OPENAI_RESPONSES,
         "{\"status\":\"completed\",\"output\":[{\"type\":\"reasoning\"},{\"type\":\"message\",\"content\":[{\"type\":"
         "\"output_text\",\"text\":\"" TEXT "\",\"logprobs\":[" TOKENS("logprob", OPENAI_TOPS, "") "]}]}]}",
         ALTERNATIVES},
        {CS_PROTOCOL_GEMINI,
         "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"" TEXT "\"}]},\"finishReason\":\"STOP\","
         "\"logprobsResult\":{\"chosenCandidates\":[" TOKENS("logProbability", NO_TOPS, ",\"tokenId\":7") //
         "],\"topCandidates\":[" GEM_TOP("{\\\"") "," GEM_TOP("a") "," GEM_TOP("ye") "," GEM_TOP("s") "," GEM_TOP(
             "b") "," GEM_TOP("7") "]}}]}",
         ALTERNATIVES},
    };
    struct cs_arena arena = {0};
    (void)state;
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct cs_reading r = read_as(t[i].protocol, t[i].body, &arena);
        assert_string_equal(r.text, "{\"a\":\"yes\",\"b\":7}");
        assert_int_equal(r.logprob_tokens, 6);
        assert_true(r.logprob == -2.0);
        assert_string_equal(r.alternatives, t[i].alternatives);
    }
    cs_arena_release(&arena);
}

static void an_answer_without_json_begins_at_its_start(void **state)
{
    struct cs_arena arena = {0};
    (void)state;
    struct cs_reading r = read_as(
        CS_PROTOCOL_OPENAI_CHAT,
        CHAT("Yes.",
             "{\"content\":[{\"token\":\"Yes\",\"logprob\":-0.5,\"top_logprobs\":[{\"token\":\"Yes\",\"logprob\":"
             "-0.5}]},{\"token\":\".\",\"logprob\":-0.25,\"top_logprobs\":[]}]}"),
        &arena);
    assert_string_equal(r.alternatives, "{\"\":{\"Yes\":-0.5}}");
    assert_true(r.logprob == -0.75 && r.logprob_tokens == 2);
    r = read_as(CS_PROTOCOL_OPENAI_CHAT, CHAT("Yes.", "null"), &arena);
    assert_int_equal(r.logprob_tokens, 0);
    assert_string_equal(r.alternatives, "");
    cs_arena_release(&arena);
}

/* A cut answer, an escaped name, nested values, missing numbers, too many fields: nothing is read past its end. */
static void odd_log_probabilities(void **state)
{
    static const char *const lists[] = {
        "[{\"token\":\"{\\\"a\\\":\\\"\",\"logprob\":-1,\"top_logprobs\":[{\"token\":\"x\",\"logprob\":-1}]}]",
        "[{\"token\":\"{\\\"a\",\"logprob\":-1}]",
        "[{\"token\":\"{\\\"a\\\\\",\"logprob\":-1}]",
        "[{\"token\":\"{\\\"a\\\":{\\\"b\\\":1},\\\"c\\\":[\\\"d\\\"]}\",\"logprob\":-1,\"top_logprobs\":[{\"token\":7}]}]",
        "[{\"token\":\"{\\\"\\\":1}\",\"logprob\":-1}]",
        "[{\"token\":null,\"logprob\":-1}]",
        "[{\"logprob\":-1}]",
        "[7]",
        "[{\"token\":\"a\"}]",
        "{\"a\":1}",
        "7",
    };
    struct cs_arena arena = {0};
    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        char *body = cs_arena_printf(&arena, CHAT("a", "{\"content\":%s}"), lists[i]);
        struct cs_reading r = read_as(CS_PROTOCOL_OPENAI_CHAT, body, &arena);
        assert_true(r.logprob_tokens <= 1 && strlen(r.alternatives) <= CS_OUTPUT_ALTERNATIVES_MAX);
    }
    cs_arena_release(&arena);
}

static void who_served_is_told(void **state)
{
    static const char *const bodies[][2] = {
        {"\"system_fingerprint\":\"fp_1\",\"provider\":\"Z\"", "fp_1"},
        {"\"system_fingerprint\":null,\"provider\":\"DeepInfra\"", "DeepInfra"}, /* OpenRouter */
        {"\"system_fingerprint\":null", ""},
    };
    struct cs_arena arena = {0};
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        char *body = cs_arena_printf(
            &arena, "{%s,\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}", bodies[i][0]);
        assert_string_equal(read_as(CS_PROTOCOL_OPENAI_CHAT, body, &arena).fingerprint, bodies[i][1]);
    }
    cs_arena_release(&arena);
}

/* ---- limits in headers --------------------------------------------------------------------------------- */

static void limits_are_read_as_declared(void **state)
{
    static const char *const groq[] = {"x-ratelimit-limit-requests: requests_per_day"},
                             *const azure[] = {"X-RateLimit-Limit-Requests: ignore"},
                             *const mistral[] = {"x-ratelimit-limit-req-10-second: requests_per_10_seconds"};
    static const char headers[] = "x-ratelimit-limit-requests: 5000\r\nX-Ratelimit-Limit-Tokens: 800000\r\n"
                                  "anthropic-ratelimit-input-tokens-limit: -1\r\n"
                                  "anthropic-ratelimit-output-tokens-limit: 4000\r\n"
                                  "x-ratelimit-limit-req-10-second: 30\r\n";
    struct cs_arena arena = {0};
    struct cs_limits l;
    (void)state;
    cs_limit_headers_read(headers, NULL, 0, &arena, &l);
    assert_int_equal(l.requests_per_minute, 5000);
    assert_int_equal(l.tokens_per_minute, 800000);
    assert_int_equal(l.input_tokens_per_minute, 0);
    assert_int_equal(l.output_tokens_per_minute, 4000);
    assert_int_equal(l.requests_per_day, 0);
    cs_limit_headers_read(headers, groq, 1, &arena, &l);
    assert_int_equal(l.requests_per_minute, 0);
    assert_int_equal(l.requests_per_day, 5000);
    cs_limit_headers_read(headers, azure, 1, &arena, &l);
    assert_int_equal(l.requests_per_minute, 0);
    assert_int_equal(l.tokens_per_minute, 800000);
    cs_limit_headers_read(headers, mistral, 1, &arena, &l);
    assert_int_equal(l.requests_per_minute, 180);
    cs_limit_headers_read("", mistral, 1, &arena, &l);
    assert_int_equal(l.requests_per_minute + l.tokens_per_minute, 0);
    cs_arena_release(&arena);
}

/* ---- what a server calls its parameters, and the probe -------------------------------------------------- */

static struct folder dir;

/* The probe of a providers file's only model. */
static char *probe_of(const char *account, const char *parameters)
{
    struct cs_buf text = CS_BUF_INIT(4096), body = CS_BUF_INIT(CS_BODY_MAX);
    struct cs_probes probes;
    struct cs_error err = {0};
    const struct cs_load_opts opts = {0};
    cs_buf_printf(&text,
                  "accounts: {a: {base_url: \"https://h.example\", %s}}\nmodels: {m: {account: a, model: x, "
                  "parameters: {%s}}}\n",
                  account, parameters);
    if (cs_probes_load(folder_put(&dir, "p.yaml", cs_buf_cstr(&text)), &opts, NULL, &probes, &err) != CS_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(probes.n, 1);
    if (probes.all[0].fault != NULL)
        cs_buf_printf(&body, "! %s", probes.all[0].fault);
    else
        assert_int_equal(cs_probe_body(&probes.all[0], &body, &err), CS_OK);
    cs_probes_release(&probes);
    cs_buf_release(&text);
    return cs_buf_take(&body);
}

static void assert_probe(const char *account, const char *parameters, const char *with, const char *without)
{
    char *body = probe_of(account, parameters);
    if (strstr(body, with) == NULL || (without != NULL && strstr(body, without) != NULL))
        fail_msg("want %s in, and not %s: %s", with, without != NULL ? without : "nothing", body);
    free(body);
}

static void parameters_have_the_servers_names(void **state)
{
    (void)state;
    assert_probe("parameter_names: {seed: random_seed}", "seed: 7, temperature: 0",
                 "\"random_seed\":7,\"temperature\":0,\"max_completion_tokens\":16", "\"seed\"");
    assert_probe("parameter_names: {top_logprobs: logprobs, logprobs: omit}", "logprobs: true, top_logprobs: 3",
                 ",\"logprobs\":3,", "top_logprobs");
    assert_probe("parameter_names: {a: b}", "a: 1, b: 2", "! b is said a second time", NULL);
}

static void a_probe_is_small_and_takes_the_lanes_parameters(void **state)
{
    (void)state;
    assert_probe("protocol: openai-responses", "temperature: 0.5", "\"temperature\":0.5", "format");
    assert_probe("protocol: openai-responses", "max_output_tokens: 4000", "\"max_output_tokens\":16", "4000");
    assert_probe("protocol: anthropic-messages", "temperature: omit", "\"max_tokens\":16", "temperature");
    assert_probe("protocol: anthropic-messages", "thinking_budget: 2000, max_output_tokens: 4000",
                 "\"max_tokens\":4000", NULL);
    assert_probe("protocol: gemini", "wishes: 3", "! gemini has no parameter wishes", NULL);
    assert_probe("protocol: bedrock-converse", "temperature: 1", "\"maxTokens\":16", NULL);
}

static int open_folder(void **state)
{
    (void)state;
    folder_open(&dir);
    return 0;
}

static int close_folder(void **state)
{
    (void)state;
    folder_close(&dir);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(log_probabilities_in_every_form),
        cmocka_unit_test(an_answer_without_json_begins_at_its_start),
        cmocka_unit_test(odd_log_probabilities),
        cmocka_unit_test(who_served_is_told),
        cmocka_unit_test(limits_are_read_as_declared),
        cmocka_unit_test(parameters_have_the_servers_names),
        cmocka_unit_test(a_probe_is_small_and_takes_the_lanes_parameters),
    };
    return cmocka_run_group_tests(tests, open_folder, close_folder);
}
