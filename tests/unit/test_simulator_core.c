/* The provider without its sockets: what it refuses and how, what it answers, and what it counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "tests/unit/fixture_truth.h"
#include "tools/simulator/reply.h"
#include "tools/simulator/simulator.h"
#include "protocol/base/json.h"

#define SCHEMA(properties, required)                                                                                   \
    "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"q\",\"strict\":true,"                   \
    "\"schema\":{\"type\":\"object\",\"properties\":{" properties "},\"required\":[" required "],"                     \
    "\"additionalProperties\":false}}}"
#define ASSESS SCHEMA("\"assess\":{\"type\":\"string\",\"enum\":[\"Yes\",\"No\"]}", "\"assess\"")
#define USER(text) "\"messages\":[{\"role\":\"user\",\"content\":\"" text "\"}]"
#define D1 "000102030405060708090a0b0c0d0e0f"

struct answer {
    unsigned status;
    struct cs_json *json; /* the reply's body */
    struct cs_sim_reply reply;
};

static struct cs_simulator *open_with(const struct cs_simulator_opts *opts)
{
    struct cs_simulator *s;
    struct cs_error err;
    if (cs_simulator_open(&s, opts, &err) != CS_OK)
        fail_msg("%s", err.msg);
    return s;
}

static struct cs_simulator *open_truth(void)
{
    struct truth_file f;
    truth_file_write(&f, TRUTH_TEXTS TRUTH_MODELS);
    const char *paths[] = {f.path, f.path}; /* twice: counts once */
    struct cs_simulator *s = open_with(&(struct cs_simulator_opts){.truth_files = paths, .n_truth_files = 2});
    truth_file_remove(&f);
    return s;
}

static struct answer ask_at(struct cs_simulator *s, const char *id, const char *authorization, const char *body,
                            int64_t mono_us)
{
    struct answer a = {0};
    const struct cs_sim_call call = {.authorization = authorization,
                                     .client_request_id = id,
                                     .body = body,
                                     .len = strlen(body),
                                     .mono_us = mono_us,
                                     .wall_s = 1700000000};
    cs_simulator_serve(s, &call, &a.reply);
    a.status = a.reply.status;
    a.json = cs_json_loads(cs_buf_cstr(&a.reply.body), 0, NULL);
    return a;
}

static struct answer ask(struct cs_simulator *s, const char *id, const char *body)
{
    return ask_at(s, id, "Bearer sk-1", body, 0);
}

static void done(struct answer *a)
{
    cs_json_decref(a->json);
    cs_serve_reply_release(&a->reply);
}

static const char *text_of(const struct answer *a)
{
    const struct cs_json *choice = cs_json_array_get(cs_json_object_get(a->json, "choices"), 0);
    return cs_json_string_value(cs_json_object_get(cs_json_object_get(choice, "message"), "content"));
}

static const char *header(const struct answer *a, const char *name)
{
    for (unsigned i = 0; i < a->reply.n_headers; i++) {
        if (strcmp(a->reply.headers[i].name, name) == 0)
            return a->reply.headers[i].value;
    }
    return "";
}

static int64_t stat_of(struct cs_simulator *s, const char *path)
{
    struct cs_buf b = CS_BUF_INIT(1 << 20);
    cs_control_stats(s, &b);
    struct cs_json *root = cs_json_loads(cs_buf_cstr(&b), 0, NULL), *at = root;
    char *copy = strdup(path), *rest = copy, *part;
    while ((part = strsep(&rest, "/")) != NULL)
        at = cs_json_object_get(at, part);
    if (!cs_json_is_integer(at))
        fail_msg("/stats has no %s", path);
    const int64_t n = cs_json_integer_value(at);
    free(copy);
    cs_json_decref(root);
    cs_buf_release(&b);
    return n;
}

static void bad_requests_get_the_providers_errors(void **state)
{
    (void)state;
    static const struct {
        const char *body, *message, *param, *code; /* param and code: NULL is null */
    } bad[] = {
        {"{", "could not parse the JSON body", NULL, NULL},
        {"[]", "could not parse the JSON body", NULL, NULL},
        {"{" USER("x") "}", "you must provide a model parameter", NULL, NULL},
        {"{\"model\":7," USER("x") "}", "expected a string, but got an integer", "model", "invalid_type"},
        {"{\"model\":\"m\"}", "Missing required parameter: 'messages'", "messages", "missing_required_parameter"},
        {"{\"model\":\"m\",\"messages\":[]}", "empty array", "messages", "empty_array"},
        {"{\"model\":\"m\",\"messages\":[{\"content\":\"x\"}]}", "messages[0].role", "messages[0].role",
         "missing_required_parameter"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"boss\",\"content\":\"x\"}]}", "Invalid value: 'boss'",
         "messages[0].role", "invalid_value"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\"}]}", "messages[0].content", "messages[0].content",
         "missing_required_parameter"},
        {"{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":3}]}", "but got an integer",
         "messages[0].content", "invalid_type"},
        {"{\"model\":\"m\"," USER("x") ",\"temperature\":3}", "Expected a value <= 2, but got 3", "temperature",
         "decimal_above_max_value"},
        {"{\"model\":\"m\"," USER("x") ",\"temperature\":-1}", "Expected a value >= 0", "temperature",
         "decimal_below_min_value"},
        {"{\"model\":\"m\"," USER("x") ",\"temperature\":\"1\"}", "expected a decimal", "temperature", "invalid_type"},
        {"{\"model\":\"m\"," USER("x") ",\"n\":2}", "'n' is 2", "n", "unsupported_value"},
        {"{\"model\":\"m\"," USER("x") ",\"stream\":true}", "stream", "stream", "unsupported_value"},
        {"{\"model\":\"m\"," USER("x") ",\"max_completion_tokens\":0}", "Expected a value >= 1",
         "max_completion_tokens", "integer_below_min_value"},
        {"{\"model\":\"m\"," USER("x") ",\"temprature\":1}", "Unrecognized request argument supplied: temprature", NULL,
         NULL},
        {"{\"model\":\"m\"," USER("x") ",\"response_format\":{\"type\":\"xml\"}}", "Invalid value: 'xml'",
         "response_format.type", "invalid_value"},
        {"{\"model\":\"m\"," USER("x") ",\"response_format\":{\"type\":\"json_schema\"}}",
         "response_format.json_schema", "response_format.json_schema", "missing_required_parameter"},
        {"{\"model\":\"m\"," USER("x") "," SCHEMA("\"a\":{\"type\":\"string\"}", "") "}", "'required' is required",
         "response_format", NULL},
    };
    struct cs_simulator *s = open_with(&(struct cs_simulator_opts){0});
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct answer a = ask(s, NULL, bad[i].body);
        const struct cs_json *e = cs_json_object_get(a.json, "error");
        const char *param = cs_json_string_value(cs_json_object_get(e, "param")),
                   *code = cs_json_string_value(cs_json_object_get(e, "code"));
        assert_int_equal(a.status, 400);
        assert_string_equal(cs_json_string_value(cs_json_object_get(e, "type")), "invalid_request_error");
        if (strstr(cs_json_string_value(cs_json_object_get(e, "message")), bad[i].message) == NULL)
            fail_msg("%s: says %s", bad[i].body, cs_json_string_value(cs_json_object_get(e, "message")));
        assert_string_equal(param != NULL ? param : "-", bad[i].param != NULL ? bad[i].param : "-");
        assert_string_equal(code != NULL ? code : "-", bad[i].code != NULL ? bad[i].code : "-");
        done(&a);
    }
    assert_int_equal(stat_of(s, "invalid"), sizeof bad / sizeof bad[0]);
    assert_int_equal(stat_of(s, "answered"), 0);
    cs_simulator_close(s);
}

static void answer_has_the_providers_shape(void **state)
{
    (void)state;
    struct cs_simulator *s = open_truth();
    struct answer a = ask(s, D1 "-1", "{\"model\":\"m-2\"," USER("It began an hour ago.") "," ASSESS ",\"seed\":1}");
    const char *id, *object, *model, *role, *content, *finish, *fingerprint;
    int64_t created, in, out, total, index;
    assert_int_equal(a.status, 200);
    assert_int_equal(
        json_unpack((json_t *)(void *)a.json,
                    "{s:s, s:s, s:I, s:s, s:[{s:I, s:{s:s, s:s, s:n, s:[]}, s:n, s:s}], s:{s:I, s:I, s:I, s:o, "
                    "s:o}, s:s, s:s}",
                    "id", &id, "object", &object, "created", &created, "model", &model, "choices", "index", &index,
                    "message", "role", &role, "content", &content, "refusal", "annotations", "logprobs",
                    "finish_reason", &finish, "usage", "prompt_tokens", &in, "completion_tokens", &out, "total_tokens",
                    &total, "prompt_tokens_details", &(struct cs_json *){NULL}, "completion_tokens_details",
                    &(struct cs_json *){NULL}, "service_tier", &(char *){NULL}, "system_fingerprint", &fingerprint),
        0);
    assert_true(strncmp(id, "chatcmpl-", 9) == 0 && strncmp(fingerprint, "fp_", 3) == 0);
    assert_string_equal(object, "chat.completion");
    assert_string_equal(model, "m-2");
    assert_string_equal(role, "assistant");
    assert_string_equal(finish, "stop");
    assert_int_equal(created, 1700000000);
    assert_int_equal(in, 6); /* 21 bytes */
    assert_int_equal(out, (strlen(content) + 3) / 4);
    assert_int_equal(total, in + out);
    assert_true(strncmp(header(&a, "x-request-id"), "req_", 4) == 0);
    assert_string_equal(header(&a, "x-ratelimit-limit-requests"), ""); /* no limit, no header */
    assert_int_equal(stat_of(s, "models/m-2/input_tokens"), 6);
    done(&a);
    cs_simulator_close(s);
}

/* Fields of the truth, a field of its own, in the order of the schema; the draws are those of test_simulator_truth.c. */
static void planted_fields_and_others(void **state)
{
    (void)state;
    struct cs_simulator *s = open_truth();
    static const char body[] =
        "{\"model\":\"m-1\"," USER("The patient is experiencing homelessness. It began an hour ago.") "," SCHEMA(
            "\"imaging\":{\"enum\":[\"none\",\"basic\",\"advanced\"]},\"note\":{\"type\":\"string\"},"
            "\"assess\":{\"type\":\"boolean\"},\"triage\":{\"type\":\"string\",\"enum\":[\"low\",\"middle\",\"high\"]}",
            "\"imaging\",\"note\",\"assess\",\"triage\"") "}";
    struct answer a = ask(s, "00000000000000000000000001234567-1", body);
    assert_true(strncmp(text_of(&a), "{\"imaging\":\"advanced\",\"note\":\"simulated text ", 45) == 0);
    assert_non_null(strstr(text_of(&a), ",\"assess\":true,\"triage\":\"high\"}"));
    done(&a);
    a = ask(s, "00000000000000000000000006d3a06a-1", body);
    const struct cs_json *message = cs_json_object_get(cs_json_array_get(cs_json_object_get(a.json, "choices"), 0),
                                                       "message");
    assert_true(cs_json_is_null(cs_json_object_get(message, "content")));
    assert_true(cs_json_is_string(cs_json_object_get(message, "refusal")));
    done(&a);
    assert_int_equal(stat_of(s, "models/m-1/refused"), 1);
    cs_simulator_close(s);
}

static void answer_depends_on_the_digest_not_on_the_attempt(void **state)
{
    (void)state;
    struct cs_simulator *s = open_with(&(struct cs_simulator_opts){0});
    static const char body[] = "{\"model\":\"any\"," USER("x") "," SCHEMA("\"n\":{\"type\":\"number\"}", "\"n\"") "}";
    struct answer a = ask(s, D1 "-1", body), b = ask(s, D1 "-2", body), c = ask(s, "f" D1 "-1", body),
                  d = ask(s, NULL, body), e = ask(s, NULL, body);
    assert_string_equal(text_of(&a), text_of(&b));
    assert_string_not_equal(text_of(&a), text_of(&c)); /* 33 digits: not a digest */
    assert_string_not_equal(text_of(&d), text_of(&e)); /* repeats without a digest are independent */
    done(&a), done(&b), done(&c), done(&d), done(&e);
    assert_int_equal(stat_of(s, "unique_digests"), 1);
    assert_int_equal(stat_of(s, "unique_bodies"), 1);
    assert_int_equal(stat_of(s, "paid_again"), 1);
    assert_int_equal(stat_of(s, "models/any/paid_again"), 1);
    cs_simulator_close(s);
}

static void one_digest_with_two_bodies_is_a_conflict(void **state)
{
    (void)state;
    struct cs_simulator *s = open_with(&(struct cs_simulator_opts){0});
    struct answer a = ask(s, D1 "-1", "{\"model\":\"m\"," USER("x") "}");
    struct answer b = ask(s, D1 "-2", "{\"model\":\"m\"," USER("y") "}");
    assert_int_equal(stat_of(s, "digest_body_conflicts"), 1);
    assert_int_equal(stat_of(s, "unique_bodies"), 2);
    done(&a), done(&b);
    cs_simulator_close(s);
}

static void unmatched_prompts_and_unknown_models(void **state)
{
    (void)state;
    static const struct {
        const char *body, *counter, *says;
        unsigned status;
    } bad[] = {
        {"{\"model\":\"m-1\"," USER("Hello") "}", "no_case", "matches no case", 400},
        {"{\"model\":\"m-1\"," USER("It began an hour ago. It happened on a curb.") "}", "several_cases",
         "several cases", 400},
        {"{\"model\":\"m-1\"," USER(
             "It began an hour ago. The patient is a woman. The patient is experiencing homelessness.") "}",
         "several_levels", "several levels", 400},
        {"{\"model\":\"m-1\"," USER("It began an hour ago.") "," SCHEMA("\"assess\":{\"enum\":[\"yes\",\"no\"]}",
                                                                        "\"assess\"") "}",
         "schema_conflicts", "does not allow", 400},
        {"{\"model\":\"m-9\"," USER("It began an hour ago.") "}", "model_not_found", "The model `m-9` does not exist",
         404},
    };
    struct cs_simulator *s = open_truth();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct answer a = ask(s, "00000000000000000000000000000001-1", bad[i].body);
        assert_int_equal(a.status, bad[i].status);
        assert_non_null(strstr(cs_buf_cstr(&a.reply.body), bad[i].says));
        assert_int_equal(stat_of(s, bad[i].counter), 1);
        done(&a);
    }
    cs_simulator_close(s);
}

static void keys(void **state)
{
    (void)state;
    const char *allowed[] = {"sk-1", "sk-2"};
    struct cs_simulator *s = open_with(&(struct cs_simulator_opts){.keys = allowed, .n_keys = 2});
    static const char body[] = "{\"model\":\"m\"," USER("x") "}";
    struct answer a = ask_at(s, NULL, "Bearer sk-2", body, 0), b = ask_at(s, NULL, "Bearer sk-3", body, 0),
                  c = ask_at(s, NULL, NULL, body, 0);
    assert_int_equal(a.status, 200);
    assert_int_equal(b.status, 401);
    assert_non_null(strstr(cs_buf_cstr(&b.reply.body), "\"code\":\"invalid_api_key\""));
    assert_null(strstr(cs_buf_cstr(&b.reply.body), "sk-3"));
    assert_int_equal(c.status, 401);
    assert_int_equal(stat_of(s, "unauthorized"), 2);
    done(&a), done(&b), done(&c);
    cs_simulator_close(s);
}

static void limits_are_kept_per_key_and_model(void **state)
{
    (void)state;
    struct cs_simulator *s = open_with(&(struct cs_simulator_opts){.quota = {.requests = {2, 0}, .tokens = {1000, 0}}});
    static const char body[] = "{\"model\":\"m\"," USER("x") ",\"max_completion_tokens\":100}";
    struct answer a = ask(s, NULL, body);
    assert_string_equal(header(&a, "x-ratelimit-limit-requests"), "2");
    assert_string_equal(header(&a, "x-ratelimit-remaining-requests"), "1");
    assert_string_equal(header(&a, "x-ratelimit-reset-requests"), "30s");
    assert_string_equal(header(&a, "x-ratelimit-remaining-tokens"), "900"); /* the cap is charged */
    assert_string_equal(header(&a, "x-ratelimit-reset-tokens"), "6s");
    done(&a);
    a = ask(s, NULL, body);
    done(&a);
    a = ask(s, NULL, body);
    assert_int_equal(a.status, 429);
    assert_string_equal(header(&a, "retry-after"), "30");
    assert_string_equal(header(&a, "retry-after-ms"), "30000");
    assert_non_null(strstr(cs_buf_cstr(&a.reply.body),
                           "Rate limit reached for m in organization org-simulator on requests per min (RPM): Limit 2, "
                           "Used 2, Requested 1. Please try again in 30s."));
    assert_non_null(
        strstr(cs_buf_cstr(&a.reply.body), "\"type\":\"requests\",\"param\":null,\"code\":\"rate_limit_exceeded\""));
    done(&a);
    a = ask_at(s, NULL, "Bearer other", body, 0);
    assert_int_equal(a.status, 200);
    done(&a);
    a = ask(s, NULL, "{\"model\":\"m2\"," USER("x") "}");
    assert_int_equal(a.status, 200);
    done(&a);
    a = ask_at(s, NULL, "Bearer sk-1", body, 30 * 1000000);
    assert_int_equal(a.status, 200);
    done(&a);
    a = ask(s, NULL, "{\"model\":\"m3\"," USER("x") ",\"max_completion_tokens\":1001}");
    assert_non_null(strstr(cs_buf_cstr(&a.reply.body), "Request too large for m3"));
    done(&a);
    assert_int_equal(stat_of(s, "limit_violations"), 2);
    assert_int_equal(stat_of(s, "models/m/limit_violations"), 1);
    cs_simulator_close(s);
}

static void length_cuts_the_answer_and_caps_the_bill(void **state)
{
    (void)state;
    struct cs_simulator *s = open_with(&(struct cs_simulator_opts){0});
    struct answer a = ask(s, NULL, "{\"model\":\"m\"," USER("x") ",\"max_completion_tokens\":2}");
    const struct cs_json *choice = cs_json_array_get(cs_json_object_get(a.json, "choices"), 0);
    assert_string_equal(cs_json_string_value(cs_json_object_get(choice, "finish_reason")), "length");
    assert_string_equal(text_of(&a), "This is ");
    assert_int_equal(
        cs_json_integer_value(cs_json_object_get(cs_json_object_get(a.json, "usage"), "completion_tokens")), 2);
    done(&a);
    cs_simulator_close(s);
}

static void reply_of(const char *schema, char *out, size_t size)
{
    struct cs_buf b = CS_BUF_INIT(1 << 16);
    struct cs_error err;
    const struct cs_reply_source from = {.seed = 1, .digest = D1};
    struct cs_j_document d;
    assert_true(cs_json_read(&d, schema, strlen(schema)));
    if (cs_reply_write(d.values, &from, &b, &err) == CS_OK)
        snprintf(out, size, "%s", cs_buf_cstr(&b));
    else
        snprintf(out, size, "%s", err.msg);
    cs_json_read_release(&d);
    cs_buf_release(&b);
}

/* U(1, "random", D1, ...) is 0.569 for "a", 0.2297 for "b.c", 0.993 for "d.0": computed in Python. */
static void chance_follows_any_schema(void **state)
{
    (void)state;
    char out[1024];
    reply_of(
        "{\"type\":\"object\",\"properties\":{\"a\":{\"enum\":[1,\"two\",null]},"
        "\"b\":{\"type\":\"object\",\"properties\":{\"c\":{\"type\":\"integer\",\"minimum\":10,\"maximum\":19}}},"
        "\"d\":{\"type\":\"array\",\"items\":{\"type\":\"boolean\"}},\"e\":{\"const\":{\"k\":1}},\"f\":{\"$ref\":\"#/$defs/f\"}},"
        "\"$defs\":{\"f\":{\"type\":[\"null\"]}}}",
        out, sizeof out);
    assert_string_equal(out, "{\"a\":\"two\",\"b\":{\"c\":12},\"d\":[false],\"e\":{\"k\":1},\"f\":null}");
    reply_of("{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"number\",\"minimum\":-1,\"maximum\":1}}}", out,
             sizeof out);
    assert_true(strncmp(out, "{\"a\":0.138061600364917", 22) == 0);
    reply_of("{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\",\"maxLength\":9}}}", out, sizeof out);
    assert_string_equal(out, "{\"a\":\"simulated\"}");
    reply_of("{\"type\":\"array\",\"items\":{\"$ref\":\"#\"}}", out, sizeof out);
    assert_non_null(strstr(out, "nested too deeply"));
    reply_of("{\"type\":\"array\",\"minItems\":1000,\"items\":{\"$ref\":\"#\"}}", out, sizeof out);
    assert_non_null(strstr(out, "too"));
    reply_of("{\"type\":\"object\",\"properties\":{\"a\":{}}}", out, sizeof out);
    assert_non_null(strstr(out, "\"a\" has no type"));
    reply_of("{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\",\"minimum\":1.2,\"maximum\":1.8}}}", out,
             sizeof out);
    assert_non_null(strstr(out, "bounds"));
}

static enum cs_err control(struct cs_simulator *s, const char *json)
{
    struct cs_error err;
    return cs_simulator_control(s, json, strlen(json), &err);
}

static void control_changes_all_or_nothing(void **state)
{
    (void)state;
    struct cs_simulator *s = open_with(&(struct cs_simulator_opts){0});
    static const char body[] = "{\"model\":\"m\"," USER("x") "}";
    assert_int_equal(control(s, "{\"keys\":[\"a\"],\"faults\":{\"server_eror\":1}}"), CS_EINVAL);
    assert_int_equal(control(s, "{\"fault\":\"reset=1\"}"), CS_EINVAL);
    assert_int_equal(control(s, "[]"), CS_EINVAL);
    struct answer a = ask(s, NULL, body);
    assert_int_equal(a.status, 200); /* the keys of the refused change do not hold */
    done(&a);
    static const struct {
        const char *json;
        unsigned status;
        enum cs_fault fault;
    } steps[] = {
        {"{\"keys\":[\"a\"]}", 401, CS_FAULT_NONE},
        {"{\"keys\":[]}", 200, CS_FAULT_NONE},
        {"{\"faults\":\"server_error=1\"}", 500, CS_FAULT_SERVER_ERROR},
        {"{\"faults\":{\"overloaded\":1}}", 529, CS_FAULT_OVERLOADED},
        {"{\"faults\":{\"unavailable\":1}}", 503, CS_FAULT_UNAVAILABLE},
        {"{\"faults\":{\"rate_limited\":1}}", 429, CS_FAULT_RATE_LIMITED},
        {"{\"faults\":{\"quota\":1}}", 429, CS_FAULT_QUOTA},
        {"{\"faults\":{\"hang\":1}}", 0, CS_FAULT_HANG},
        {"{\"faults\":{\"drip\":1},\"drip_ms\":7}", 200, CS_FAULT_DRIP},
        {"{\"faults\":{},\"limits\":{\"rpm\":1,\"burst_requests\":1,\"empty\":true}}", 429, CS_FAULT_NONE},
        {"{\"limits\":{\"rpm\":1,\"empty\":false}}", 200, CS_FAULT_NONE},
        {"{\"limits\":{\"rpm\":0},\"latency\":{\"median_ms\":70}}", 200, CS_FAULT_NONE},
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        assert_int_equal(control(s, steps[i].json), CS_OK);
        a = ask(s, NULL, body);
        assert_int_equal(a.status, steps[i].status);
        assert_int_equal(a.reply.fault, steps[i].fault);
        assert_int_equal(a.reply.delay_ms, i + 1 == sizeof steps / sizeof steps[0] ? 70 : 0);
        done(&a);
    }
    assert_int_equal(stat_of(s, "faults/rate_limited"), 1);
    assert_int_equal(stat_of(s, "faults/hang"), 1);
    assert_int_equal(stat_of(s, "limit_violations"), 1); /* the faults that look like one are not */
    assert_int_equal(control(s, "{\"reset_stats\":true}"), CS_OK);
    assert_int_equal(stat_of(s, "requests"), 0);
    assert_int_equal(stat_of(s, "unique_bodies"), 0);
    assert_int_equal(stat_of(s, "models/m/answered"), 0);
    cs_simulator_close(s);
}

static void malformed_is_not_json_and_is_not_paid(void **state)
{
    (void)state;
    struct cs_simulator *s = open_with(&(struct cs_simulator_opts){0});
    assert_int_equal(control(s, "{\"faults\":{\"malformed\":1}}"), CS_OK);
    struct answer a = ask(s, D1 "-1", "{\"model\":\"m\"," USER("x") "}");
    assert_int_equal(a.status, 200);
    assert_null(a.json);
    done(&a);
    assert_int_equal(stat_of(s, "answered"), 0);
    assert_int_equal(control(s, "{\"faults\":{}}"), CS_OK);
    a = ask(s, D1 "-2", "{\"model\":\"m\"," USER("x") "}");
    done(&a);
    assert_int_equal(stat_of(s, "paid_again"), 0);
    cs_simulator_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_requests_get_the_providers_errors),
        cmocka_unit_test(answer_has_the_providers_shape),
        cmocka_unit_test(planted_fields_and_others),
        cmocka_unit_test(answer_depends_on_the_digest_not_on_the_attempt),
        cmocka_unit_test(one_digest_with_two_bodies_is_a_conflict),
        cmocka_unit_test(unmatched_prompts_and_unknown_models),
        cmocka_unit_test(keys),
        cmocka_unit_test(limits_are_kept_per_key_and_model),
        cmocka_unit_test(length_cuts_the_answer_and_caps_the_bill),
        cmocka_unit_test(chance_follows_any_schema),
        cmocka_unit_test(control_changes_all_or_nothing),
        cmocka_unit_test(malformed_is_not_json_and_is_not_paid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
