#include "tools/simulator/openai_chat.h"

#include <string.h>

#include "protocol/base/assert.h"
#include "protocol/base/json.h"
#include "tools/simulator/chat_parts.h"
#include "tools/simulator/dialect.h"
#include "tools/simulator/shown.h"
#include "tools/simulator/logprobs.h"

static const char invalid[] = "invalid_request_error";

/* ---- checking a request ----------------------------------------------------------------------- */

static const char *type_name(const struct cs_j *v)
{
    switch (v->kind) {
    case CS_J_MAP:
        return "object";
    case CS_J_LIST:
        return "array";
    case CS_J_TEXT:
        return "string";
    case CS_J_INTEGER:
        return "integer";
    case CS_J_REAL:
        return "decimal";
    case CS_J_TRUE:
    case CS_J_FALSE:
        return "boolean";
    case CS_J_NULL:
        return "null";
    }
    return "value";
}

static bool wrong_type(struct cs_chat_error *e, const char *param, const char *want, const struct cs_j *got)
{
    return cs_chat_error_set(e, 400, invalid, param, "invalid_type",
                             "Invalid type for '%s': expected %s, but got %s %s instead.", param, want,
                             strchr("aeiou", type_name(got)[0]) != NULL ? "an" : "a", type_name(got));
}

static bool missing(struct cs_chat_error *e, const char *param)
{
    return cs_chat_error_set(e, 400, invalid, param, "missing_required_parameter", "Missing required parameter: '%s'.",
                             param);
}

/* Absent and null are fine. */
static bool check_decimal(const struct cs_j *root, const char *name, double min, double max, struct cs_chat_error *e)
{
    const struct cs_j *v = cs_json_read_get(root, name);
    if (v == NULL || cs_json_read_is(v, CS_J_NULL))
        return true;
    if (!cs_json_read_is_number(v))
        return wrong_type(e, name, "a decimal", v);
    const double x = v->number;
    if (x < min)
        return cs_chat_error_set(
            e, 400, invalid, name, "decimal_below_min_value",
            "Invalid '%s': decimal below minimum value. Expected a value >= %g, but got %g instead.", name, min, x);
    if (x > max)
        return cs_chat_error_set(
            e, 400, invalid, name, "decimal_above_max_value",
            "Invalid '%s': decimal above maximum value. Expected a value <= %g, but got %g instead.", name, max, x);
    return true;
}

static bool check_integer(const struct cs_j *root, const char *name, int64_t min, uint64_t *out,
                          struct cs_chat_error *e)
{
    const struct cs_j *v = cs_json_read_get(root, name);
    if (v == NULL || cs_json_read_is(v, CS_J_NULL))
        return true;
    if (!cs_json_read_is(v, CS_J_INTEGER))
        return wrong_type(e, name, "an integer", v);
    if (v->integer < min)
        return cs_chat_error_set(
            e, 400, invalid, name, "integer_below_min_value",
            "Invalid '%s': integer below minimum value. Expected a value >= %lld, but got %lld instead.", name,
            (long long)min, (long long)v->integer);
    if (out != NULL)
        *out = (uint64_t)v->integer;
    return true;
}

/* What the API knows; a name that it does not know is refused, as a misspelt parameter should be. */
static bool check_names(const struct cs_j *root, struct cs_chat_error *e)
{
    static const char *const known[] = {"messages",
                                        "model",
                                        "response_format",
                                        "temperature",
                                        "max_completion_tokens",
                                        "max_tokens",
                                        "seed",
                                        "top_p",
                                        "n",
                                        "stop",
                                        "logprobs",
                                        "top_logprobs",
                                        "logit_bias",
                                        "frequency_penalty",
                                        "presence_penalty",
                                        "reasoning_effort",
                                        "verbosity",
                                        "service_tier",
                                        "store",
                                        "metadata",
                                        "prompt_cache_key",
                                        "prompt_cache_options",
                                        "prompt_cache_retention",
                                        "safety_identifier",
                                        "user",
                                        "moderation",
                                        "stream",
                                        "stream_options",
                                        "modalities",
                                        "prediction",
                                        "tools",
                                        "tool_choice",
                                        "parallel_tool_calls",
                                        "web_search_options",
                                        "audio"};
    for (const struct cs_j *v = cs_json_read_first(root); v != NULL; v = cs_json_read_next(root, v)) {
        size_t i = 0;
        while (i < sizeof known / sizeof known[0] && strcmp(known[i], v->key) != 0)
            i++;
        if (i == sizeof known / sizeof known[0])
            return cs_chat_error_set(e, 400, invalid, NULL, NULL, "Unrecognized request argument supplied: %s", v->key);
    }
    return true;
}

void cs_sim_openai_chat_add_text(struct cs_chat_request *r, const struct cs_j *text)
{
    if (r->prompt.len > 0)
        cs_buf_char(&r->prompt, '\n');
    cs_buf_append(&r->prompt, cs_json_read_text(text), text->n);
    r->content_bytes += text->n;
}

/* A text, or parts of which each is a text. */
static bool read_content(struct cs_chat_request *r, const struct cs_j *content, const char *param,
                         struct cs_chat_error *e)
{
    if (cs_json_read_is(content, CS_J_TEXT)) {
        cs_sim_openai_chat_add_text(r, content);
        return true;
    }
    if (!cs_json_read_is(content, CS_J_LIST) || cs_json_read_size(content) == 0)
        return wrong_type(e, param, "a string or a list of parts", content);
    for (size_t i = 0; i < cs_json_read_size(content); i++) {
        const struct cs_j *part = cs_json_read_at(content, i), *text = cs_json_read_get(part, "text");
        const char *type = cs_json_read_text(cs_json_read_get(part, "type"));
        if (type != NULL && strcmp(type, "image_url") == 0) {
            const char *why = cs_sim_shown_add_url(r, cs_json_read_get(cs_json_read_get(part, "image_url"), "url"));
            if (why != NULL)
                return cs_chat_error_set(e, 400, invalid, param, "invalid_image", "Invalid image in '%s': %s.", param,
                                         why);
            continue;
        }
        if (type == NULL || strcmp(type, "text") != 0 || !cs_json_read_is(text, CS_J_TEXT))
            return cs_chat_error_set(
                e, 400, invalid, param, "invalid_value",
                "Invalid value in '%s': the simulator reads parts of type 'text' and 'image_url' only.", param);
        cs_sim_openai_chat_add_text(r, text);
    }
    return true;
}

static bool read_messages(struct cs_chat_request *r, struct cs_chat_error *e)
{
    static const char *const roles[] = {"system", "developer", "user", "assistant", "tool", "function"};
    const struct cs_j *messages = cs_json_read_get(r->root, "messages");
    if (messages == NULL)
        return missing(e, "messages");
    if (!cs_json_read_is(messages, CS_J_LIST))
        return wrong_type(e, "messages", "an array of objects", messages);
    if (cs_json_read_size(messages) == 0)
        return cs_chat_error_set(e, 400, invalid, "messages", "empty_array",
                                 "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an "
                                 "empty array instead.");
    for (size_t i = 0; i < cs_json_read_size(messages); i++) {
        const struct cs_j *m = cs_json_read_at(messages, i);
        char param[64];
        snprintf(param, sizeof param, "messages[%zu]", i);
        if (!cs_json_read_is(m, CS_J_MAP))
            return wrong_type(e, param, "an object", m);
        const struct cs_j *role = cs_json_read_get(m, "role"), *content = cs_json_read_get(m, "content");
        snprintf(param, sizeof param, "messages[%zu].role", i);
        if (role == NULL)
            return missing(e, param);
        if (!cs_json_read_is(role, CS_J_TEXT))
            return wrong_type(e, param, "one of 'system', 'assistant', 'user', 'function', 'tool', and 'developer'",
                              role);
        size_t k = 0;
        while (k < sizeof roles / sizeof roles[0] && strcmp(roles[k], cs_json_read_text(role)) != 0)
            k++;
        if (k == sizeof roles / sizeof roles[0])
            return cs_chat_error_set(e, 400, invalid, param, "invalid_value",
                                     "Invalid value: '%s'. Supported values are: 'system', 'assistant', 'user', "
                                     "'function', 'tool', and 'developer'.",
                                     cs_json_read_text(role));
        snprintf(param, sizeof param, "messages[%zu].content", i);
        if (strcmp(roles[k], "tool") == 0 || cs_json_read_size(cs_json_read_get(m, "tool_calls")) > 0)
            continue; /* tooled_chat.c reads them */
        if (content == NULL)
            return missing(e, param);
        if (!read_content(r, content, param, e))
            return false;
    }
    return true;
}

static bool is_schema_name(const char *s)
{
    return strlen(s) >= 1 && strlen(s) <= 64 &&
           strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == strlen(s);
}

static bool read_format(struct cs_chat_request *r, struct cs_chat_error *e)
{
    const struct cs_j *f = cs_json_read_get(r->root, "response_format");
    if (f == NULL || cs_json_read_is(f, CS_J_NULL))
        return true;
    if (!cs_json_read_is(f, CS_J_MAP))
        return wrong_type(e, "response_format", "an object", f);
    const struct cs_j *type = cs_json_read_get(f, "type"), *s = cs_json_read_get(f, "json_schema");
    if (type == NULL)
        return missing(e, "response_format.type");
    if (!cs_json_read_is(type, CS_J_TEXT))
        return wrong_type(e, "response_format.type", "one of 'json_object', 'json_schema', and 'text'", type);
    if (strcmp(cs_json_read_text(type), "text") == 0)
        return true;
    if (strcmp(cs_json_read_text(type), "json_object") == 0) {
        r->format = CS_CHAT_JSON_OBJECT;
        return true;
    }
    if (strcmp(cs_json_read_text(type), "json_schema") != 0)
        return cs_chat_error_set(e, 400, invalid, "response_format.type", "invalid_value",
                                 "Invalid value: '%s'. Supported values are: 'json_object', 'json_schema', and 'text'.",
                                 cs_json_read_text(type));
    if (s == NULL)
        return missing(e, "response_format.json_schema");
    if (!cs_json_read_is(s, CS_J_MAP))
        return wrong_type(e, "response_format.json_schema", "an object", s);
    const struct cs_j *name = cs_json_read_get(s, "name"), *schema = cs_json_read_get(s, "schema");
    if (name == NULL)
        return missing(e, "response_format.json_schema.name");
    if (!cs_json_read_is(name, CS_J_TEXT) || !is_schema_name(cs_json_read_text(name)))
        return cs_chat_error_set(
            e, 400, invalid, "response_format.json_schema.name", "invalid_value",
            "Invalid 'response_format.json_schema.name': expected a string of 1 to 64 characters that "
            "matches the pattern '^[a-zA-Z0-9_-]+$'.");
    if (schema == NULL)
        return missing(e, "response_format.json_schema.schema");
    if (!cs_json_read_is(schema, CS_J_MAP))
        return wrong_type(e, "response_format.json_schema.schema", "an object", schema);
    r->format = CS_CHAT_JSON_SCHEMA;
    r->schema = schema;
    return !cs_json_read_is(cs_json_read_get(s, "strict"), CS_J_TRUE) ||
           cs_chat_parts_strict(schema, cs_json_read_text(name), e);
}

static bool read_model(struct cs_chat_request *r, struct cs_chat_error *e)
{
    const struct cs_j *model = cs_json_read_get(r->root, "model");
    if (model == NULL || cs_json_read_is(model, CS_J_NULL) || (cs_json_read_is(model, CS_J_TEXT) && model->n == 0))
        return cs_chat_error_set(e, 400, invalid, NULL, NULL, "you must provide a model parameter");
    if (!cs_json_read_is(model, CS_J_TEXT))
        return wrong_type(e, "model", "a string", model);
    r->model = cs_json_read_text(model);
    return true;
}

static bool read_logprobs(struct cs_chat_request *r, struct cs_chat_error *e)
{
    const struct cs_j *asked = cs_json_read_get(r->root, "logprobs"), *tops = cs_json_read_get(r->root, "top_logprobs");
    uint64_t n = 0;
    r->logprobs = cs_json_read_is(asked, CS_J_TRUE);
    if (asked != NULL && !r->logprobs && !cs_json_read_is(asked, CS_J_FALSE) && !cs_json_read_is(asked, CS_J_NULL))
        return wrong_type(e, "logprobs", "a boolean", asked);
    if (!check_integer(r->root, "top_logprobs", 0, &n, e))
        return false;
    if (n > 20)
        return cs_chat_error_set(
            e, 400, invalid, "top_logprobs", "integer_above_max_value",
            "Invalid 'top_logprobs': integer above maximum value. Expected a value <= 20, but got %llu "
            "instead.",
            (unsigned long long)n);
    if (cs_json_read_is(tops, CS_J_INTEGER) && !r->logprobs)
        return cs_chat_error_set(e, 400, invalid, "top_logprobs", "invalid_value",
                                 "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.");
    r->top_logprobs = (unsigned)n;
    return true;
}

static bool check_parameters(struct cs_chat_request *r, struct cs_chat_error *e)
{
    uint64_t old_cap = 0, n = 1;
    if (!check_decimal(r->root, "temperature", 0, 2, e) || !check_decimal(r->root, "top_p", 0, 1, e) ||
        !check_decimal(r->root, "frequency_penalty", -2, 2, e) ||
        !check_decimal(r->root, "presence_penalty", -2, 2, e) ||
        !check_integer(r->root, "max_completion_tokens", 1, &r->max_tokens, e) ||
        !check_integer(r->root, "max_tokens", 1, &old_cap, e) || !check_integer(r->root, "seed", INT64_MIN, NULL, e) ||
        !check_integer(r->root, "n", 1, &n, e) || !read_logprobs(r, e))
        return false;
    if (old_cap != 0 && r->max_tokens != 0)
        return cs_chat_error_set(e, 400, invalid, "max_tokens", "invalid_parameter_combination",
                                 "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.");
    if (old_cap != 0)
        r->max_tokens = old_cap;
    if (n != 1)
        return cs_chat_error_set(e, 400, invalid, "n", "unsupported_value",
                                 "Unsupported value: 'n' is %llu; the simulator gives one answer.",
                                 (unsigned long long)n);
    if (cs_json_read_is(cs_json_read_get(r->root, "stream"), CS_J_TRUE))
        return cs_chat_error_set(e, 400, invalid, "stream", "unsupported_value",
                                 "Unsupported value: 'stream' is true; the simulator does not stream.");
    return true;
}

bool cs_sim_openai_chat_parse(const char *body, size_t len, struct cs_chat_request *out, struct cs_chat_error *e)
{
    *out = (struct cs_chat_request){.prompt = CS_BUF_INIT(2 * CS_CHAT_BODY_MAX)};
    const bool read = cs_json_read(&out->document, body, len);
    out->root = out->document.values;
    if (!read || !cs_json_read_is(out->root, CS_J_MAP))
        return cs_chat_error_set(
            e, 400, invalid, NULL, NULL,
            "We could not parse the JSON body of your request. (HINT: This likely means you aren't "
            "using your HTTP library correctly. The OpenAI API expects a JSON payload, but what was "
            "sent was not valid JSON.)");
    return read_model(out, e) && check_names(out->root, e) && read_messages(out, e) && check_parameters(out, e) &&
           read_format(out, e) && cs_tooled_chat_read(out, e);
}

void cs_sim_openai_chat_request_release(struct cs_chat_request *r)
{
    cs_json_read_release(&r->document);
    cs_json_read_release(&r->schema_document);
    cs_buf_release(&r->prompt);
}

/* ---- writing answers -------------------------------------------------------------------------- */

/* How much of the text a cap of so many tokens lets through, whole characters only. */
static size_t capped(const char *text, size_t len, uint64_t max_tokens)
{
    if (max_tokens == 0 || cs_sim_dialect_tokens(len) <= max_tokens)
        return len;
    size_t n = (size_t)max_tokens * 4;
    while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
        n--;
    return n;
}

size_t cs_sim_openai_chat_cut(struct cs_chat_answer *a)
{
    const size_t len = capped(a->text, strlen(a->text), a->max_tokens);
    a->output_tokens = cs_sim_dialect_tokens(len);
    return len;
}

void cs_sim_openai_chat_write(struct cs_chat_answer *a, struct cs_buf *out)
{
    if (a->calls != NULL) {
        cs_tooled_chat_write(a, out);
        return;
    }
    const size_t full = strlen(a->text), len = cs_sim_openai_chat_cut(a);
    cs_buf_printf(out, "{\"id\":\"%s\",\"object\":\"chat.completion\",\"created\":%lld,\"model\":", a->id,
                  (long long)a->created);
    cs_json_str(out, a->model, strlen(a->model));
    cs_buf_str(out, ",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":");
    if (a->refused)
        cs_buf_str(out, "null,\"refusal\":");
    cs_json_str(out, a->text, len);
    if (!a->refused)
        cs_buf_str(out, ",\"refusal\":null");
    cs_buf_str(out, ",\"annotations\":[]},\"logprobs\":");
    if (a->logprobs) {
        cs_buf_str(out, a->refused ? "{\"content\":null,\"refusal\":" : "{\"content\":");
        cs_sim_logprobs_openai(a, len, out);
        cs_buf_str(out, a->refused ? "}" : ",\"refusal\":null}");
    } else {
        cs_buf_str(out, "null");
    }
    cs_buf_printf(out, ",\"finish_reason\":\"%s\"}],", len < full ? "length" : "stop");
    cs_chat_parts_usage(a, out);
}

void cs_sim_openai_chat_write_error(const struct cs_chat_error *e, struct cs_buf *out)
{
    cs_buf_str(out, "{\"error\":{\"message\":");
    cs_json_str(out, cs_buf_cstr(&e->message), e->message.len);
    cs_buf_printf(out, ",\"type\":\"%s\",\"param\":", e->type);
    if (e->param.len > 0)
        cs_json_str(out, e->param.data, e->param.len);
    else
        cs_buf_str(out, "null");
    if (e->code != NULL)
        cs_buf_printf(out, ",\"code\":\"%s\"}}\n", e->code);
    else
        cs_buf_str(out, ",\"code\":null}}\n");
}

/* ---- the dialect ------------------------------------------------------------------------------ */

static bool parse(const struct cs_sim_call *call, struct cs_chat_request *out, struct cs_chat_error *e)
{
    const bool good = cs_sim_openai_chat_parse(call->body, call->len, out, e);
    if (good && call->path_model != NULL) /* Azure: the deployment in the path holds, whatever the body says */
        out->model = call->path_model;
    return good;
}

void cs_sim_openai_chat_error_body(struct cs_exchange *x)
{
    x->reply->status = x->error.status;
    if (cs_sim_dialect_trouble(&x->error) == CS_TROUBLE_LIMIT && !x->refusal.never &&
        x->refusal.dimension != CS_DIM_CALLS) {
        cs_sim_dialect_header(x->reply, "retry-after", "%llu", (unsigned long long)(x->refusal.wait_ms + 999) / 1000);
        cs_sim_dialect_header(x->reply, "retry-after-ms", "%llu", (unsigned long long)x->refusal.wait_ms);
    }
    cs_sim_openai_chat_write_error(&x->error, &x->reply->body);
}

static void add_limit_headers(struct cs_exchange *x)
{
    static const char *const names[2][3] = {
        {"x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"},
        {"x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"}};
    const struct cs_limit *limits[2] = {&x->quota.requests, &x->quota.tokens};
    const struct cs_bucket *buckets[2] = {&x->buckets.requests, &x->buckets.tokens};
    const bool azure = x->call->path_model != NULL; /* tells whole seconds, of tokens only */
    for (int i = 0; i < 2; i++) {
        if (limits[i]->per_minute == 0)
            continue;
        const struct cs_limit_state now = cs_sim_limits_state(limits[i], buckets[i]);
        char reset[32];
        cs_sim_limits_go_duration(now.reset_ms, reset);
        cs_sim_dialect_header(x->reply, names[i][0], "%llu", (unsigned long long)now.limit);
        cs_sim_dialect_header(x->reply, names[i][1], "%llu", (unsigned long long)now.remaining);
        if (!azure)
            cs_sim_dialect_header(x->reply, names[i][2], "%s", reset);
        else if (i == 1)
            cs_sim_dialect_header(x->reply, names[i][2], "%llu", (unsigned long long)(now.reset_ms + 999) / 1000);
    }
}

void cs_sim_openai_chat_headers(struct cs_exchange *x)
{
    cs_sim_dialect_header(x->reply, "x-request-id", "req_%016llx%.16s", (unsigned long long)x->number, x->digest + 16);
    if (x->call->path_model != NULL) {
        cs_sim_dialect_header(x->reply, "apim-request-id", "%016llx", (unsigned long long)x->number);
    } else {
        cs_sim_dialect_header(x->reply, "openai-version", "2020-10-01");
        cs_sim_dialect_header(x->reply, "openai-organization", "org-simulator");
    }
    cs_sim_dialect_header(x->reply, "openai-processing-ms", "%llu", (unsigned long long)x->reply->delay_ms + 1);
    add_limit_headers(x);
}

const struct cs_sim_dialect cs_sim_openai_chat = {
    .id_prefix = "chatcmpl-",
    .key_header = "api-key",
    .bearer = true,
    .parse = parse,
    .write = cs_sim_openai_chat_write,
    .write_error = cs_sim_openai_chat_error_body,
    .add_headers = cs_sim_openai_chat_headers,
};
