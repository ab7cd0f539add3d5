/* Anthropic Messages: requests, answers, errors and limit headers as that API has them. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "protocol/base/json.h"
#include "tools/simulator/dialect.h"
#include "tools/simulator/shown.h"

static bool is(const struct cs_j *v, const char *word)
{
    return cs_json_read_is(v, CS_J_TEXT) && strcmp(cs_json_read_text(v), word) == 0;
}

static bool refuse(struct cs_chat_error *e, const char *param, const char *what)
{
    return cs_chat_error_set(e, 400, "invalid_request_error", param, NULL, "%s: %s", param, what);
}

/* ---- reading ------------------------------------------------------------------------------------ */

/* A text, or blocks of type text. */
static bool read_content(struct cs_chat_request *r, const struct cs_j *content, const char *param,
                         struct cs_chat_error *e)
{
    if (cs_json_read_is(content, CS_J_TEXT)) {
        cs_sim_openai_chat_add_text(r, content);
        return true;
    }
    if (!cs_json_read_is(content, CS_J_LIST) || cs_json_read_size(content) == 0)
        return refuse(e, param,
                      content == NULL ? "Field required" : "Input should be a valid string or list of blocks");
    for (size_t i = 0; i < cs_json_read_size(content); i++) {
        const struct cs_j *block = cs_json_read_at(content, i), *text = cs_json_read_get(block, "text");
        const struct cs_j *type = cs_json_read_get(block, "type");
        if (is(type, "tool_use") || is(type, "tool_result") || is(type, "thinking"))
            continue; /* tooled_anthropic.c reads them */
        if (is(cs_json_read_get(block, "type"), "image")) {
            const struct cs_j *source = cs_json_read_get(block, "source");
            const char *why = !is(cs_json_read_get(source, "type"), "base64")
                                  ? "the simulator takes images as base64 only"
                                  : cs_sim_shown_add(r, cs_json_read_text(cs_json_read_get(source, "media_type")),
                                                     cs_json_read_get(source, "data"));
            if (why != NULL)
                return refuse(e, param, why);
            continue;
        }
        if (!is(cs_json_read_get(block, "type"), "text") || !cs_json_read_is(text, CS_J_TEXT))
            return refuse(e, param, "the simulator reads blocks of type text and image only");
        cs_sim_openai_chat_add_text(r, text);
    }
    return true;
}

static bool read_messages(struct cs_chat_request *r, struct cs_chat_error *e)
{
    const struct cs_j *messages = cs_json_read_get(r->root, "messages"), *system = cs_json_read_get(r->root, "system");
    char param[64];
    if (system != NULL && !read_content(r, system, "system", e))
        return false;
    if (messages == NULL)
        return refuse(e, "messages", "Field required");
    if (!cs_json_read_is(messages, CS_J_LIST) || cs_json_read_size(messages) == 0)
        return refuse(e, "messages", "at least one message is required");
    for (size_t i = 0; i < cs_json_read_size(messages); i++) {
        const struct cs_j *m = cs_json_read_at(messages, i), *role = cs_json_read_get(m, "role");
        snprintf(param, sizeof param, "messages.%zu.role", i);
        if (!is(role, "user") && !is(role, "assistant"))
            return refuse(e, param, role == NULL ? "Field required" : "Input should be 'user' or 'assistant'");
        snprintf(param, sizeof param, "messages.%zu.content", i);
        if (!read_content(r, cs_json_read_get(m, "content"), param, e))
            return false;
    }
    return true;
}

/* What structured outputs do not take: numbers with bounds, and objects that are open. */
static bool check_schema(const struct cs_j *schema, struct cs_chat_error *e)
{
    const struct cs_j *properties = cs_json_read_get(schema, "properties");
    if (!is(cs_json_read_get(schema, "type"), "object") ||
        !cs_json_read_is(cs_json_read_get(schema, "additionalProperties"), CS_J_FALSE))
        return refuse(e, "output_config.format.schema",
                      "For 'object' type, 'additionalProperties' must be explicitly set to false");
    for (const struct cs_j *p = cs_json_read_first(properties); p != NULL; p = cs_json_read_next(properties, p)) {
        if (cs_json_read_get(p, "minimum") != NULL || cs_json_read_get(p, "maximum") != NULL)
            return refuse(e, "output_config.format.schema",
                          "For 'number' type, properties maximum, minimum are not supported");
    }
    return true;
}

/* output_config.format, or a tool that must be called. */
static bool read_form(struct cs_chat_request *r, struct cs_chat_error *e)
{
    const struct cs_j *format = cs_json_read_get(cs_json_read_get(r->root, "output_config"), "format");
    const struct cs_j *choice = cs_json_read_get(r->root, "tool_choice"), *tools = cs_json_read_get(r->root, "tools");
    const struct cs_j *kind = cs_json_read_get(choice, "type");
    if (format != NULL) {
        r->schema = cs_json_read_get(format, "schema");
        r->format = CS_CHAT_JSON_SCHEMA;
        if (!is(cs_json_read_get(format, "type"), "json_schema") || !cs_json_read_is(r->schema, CS_J_MAP))
            return refuse(e, "output_config.format", "Input should be a json_schema with a schema");
        return check_schema(r->schema, e);
    }
    for (size_t i = 0; is(cs_json_read_get(choice, "type"), "tool") && i < cs_json_read_size(tools); i++) {
        const struct cs_j *tool = cs_json_read_at(tools, i), *name = cs_json_read_get(tool, "name");
        const char *wanted = cs_json_read_text(cs_json_read_get(choice, "name"));
        if (wanted == NULL || !is(name, wanted))
            continue;
        r->tool = cs_json_read_text(name);
        r->schema = cs_json_read_get(tool, "input_schema");
        r->format = CS_CHAT_JSON_SCHEMA;
        return cs_json_read_is(r->schema, CS_J_MAP) || refuse(e, "tools.0.input_schema", "Field required");
    }
    return choice == NULL || is(kind, "auto") || is(kind, "none") ||
           refuse(e, "tool_choice", "the simulator calls only a tool that it is told to call by name");
}

static bool check_sampling(const struct cs_sim_call *call, const struct cs_j *root, struct cs_chat_error *e)
{
    static const char *const names[] = {"temperature", "top_p", "top_k"};
    const bool gone = strcmp(call->version, "2026-10-21") >= 0;
    for (size_t i = 0; i < 3; i++) {
        const struct cs_j *v = cs_json_read_get(root, names[i]);
        if (v != NULL && gone)
            return refuse(e, names[i], "Extra inputs are not permitted");
        if (!cs_sim_dialect_in_range(v, 0, i == 2 ? 1e9 : 1))
            return refuse(e, names[i], "Input should be less than or equal to 1");
    }
    return true;
}

static bool parse(const struct cs_sim_call *call, struct cs_chat_request *r, struct cs_chat_error *e)
{
    static const char *const known[] = {
        "model",          "max_tokens",    "messages",    "system",        "temperature", "top_p",        "top_k",
        "stop_sequences", "cache_control", "thinking",    "output_config", "metadata",    "service_tier", "speed",
        "inference_geo",  "tools",         "tool_choice", "stream",        "diagnostics"};
    if (!cs_sim_dialect_read(call, r))
        return cs_chat_error_set(e, 400, "invalid_request_error", NULL, NULL,
                                 "The request body is not valid JSON: expected an object");
    if (call->version == NULL)
        return refuse(e, "anthropic-version", "header is required");
    const char *unknown = cs_sim_dialect_unknown(r->root, known, sizeof known / sizeof *known);
    const struct cs_j *model = cs_json_read_get(r->root, "model");
    if (unknown != NULL)
        return refuse(e, unknown, "Extra inputs are not permitted");
    if (!cs_json_read_is(model, CS_J_TEXT) || model->n == 0)
        return refuse(e, "model", "Field required");
    r->model = cs_json_read_text(model);
    r->max_tokens = cs_sim_dialect_cap(cs_json_read_get(r->root, "max_tokens"));
    if (r->max_tokens == 0)
        return refuse(e, "max_tokens", "Field required");
    const struct cs_j *budget = cs_json_read_get(cs_json_read_get(r->root, "thinking"), "budget_tokens");
    if (budget != NULL && !cs_sim_dialect_in_range(budget, 1024, (double)r->max_tokens - 1))
        return refuse(e, "thinking.enabled.budget_tokens",
                      "Input should be greater than or equal to 1024 and less than max_tokens");
    if (cs_json_read_is(cs_json_read_get(r->root, "stream"), CS_J_TRUE))
        return refuse(e, "stream", "the simulator does not stream");
    return check_sampling(call, r->root, e) && read_messages(r, e) && read_form(r, e) && cs_tooled_anthropic_read(r, e);
}

/* ---- writing ------------------------------------------------------------------------------------ */

static void write_content(struct cs_chat_answer *a, size_t len, bool cut, struct cs_buf *out)
{
    if (a->calls != NULL)
        cs_tooled_anthropic_write(a, out);
    if (a->calls != NULL || a->refused || (a->tool != NULL && cut))
        return;
    if (a->tool != NULL) {
        cs_buf_printf(out, "{\"type\":\"tool_use\",\"id\":\"toolu_%s\",\"name\":", a->id);
        cs_json_str(out, a->tool, strlen(a->tool));
        cs_buf_str(out, ",\"input\":");
        cs_buf_append(out, a->text, len);
    } else {
        cs_buf_str(out, "{\"type\":\"text\",\"text\":");
        cs_json_str(out, a->text, len);
    }
    cs_buf_char(out, '}');
}

static void write_answer(struct cs_chat_answer *a, struct cs_buf *out)
{
    const size_t full = strlen(a->text), len = cs_sim_openai_chat_cut(a);
    const char *reason = a->tool != NULL || a->calls != NULL ? "tool_use" : "end_turn";
    if (a->calls != NULL)
        a->output_tokens = cs_tooled_chat_tokens(a->calls);
    if (a->refused)
        reason = "refusal";
    else if (len < full)
        reason = "max_tokens";
    cs_buf_printf(out, "{\"id\":\"%s\",\"type\":\"message\",\"role\":\"assistant\",\"model\":", a->id);
    cs_json_str(out, a->model, strlen(a->model));
    cs_buf_str(out, ",\"content\":[");
    write_content(a, len, len < full, out);
    cs_buf_printf(out, "],\"stop_reason\":\"%s\",\"stop_sequence\":null,\"stop_details\":", reason);
    if (a->refused) {
        cs_buf_str(out, "{\"type\":\"refusal\",\"category\":null,\"explanation\":");
        cs_json_str(out, a->text, full);
        cs_buf_char(out, '}');
    } else {
        cs_buf_str(out, "null");
    }
    cs_buf_printf(
        out,
        ",\"usage\":{\"input_tokens\":%llu,\"cache_creation_input_tokens\":%llu,\"cache_read_input_tokens\":%llu,"
        "\"cache_creation\":{\"ephemeral_5m_input_tokens\":%llu,\"ephemeral_1h_input_tokens\":0},"
        "\"output_tokens\":%llu,\"output_tokens_details\":{\"thinking_tokens\":0},"
        "\"service_tier\":\"standard\",\"inference_geo\":\"not_available\"}}\n",
        (unsigned long long)(a->input_tokens - a->cached_tokens - a->cache_write_tokens),
        (unsigned long long)a->cache_write_tokens, (unsigned long long)a->cached_tokens,
        (unsigned long long)a->cache_write_tokens, (unsigned long long)a->output_tokens);
}

static const char *unit_of(enum cs_dimension d)
{
    return d == CS_DIM_INPUT    ? "input tokens"
           : d == CS_DIM_OUTPUT ? "output tokens"
           : d == CS_DIM_TOKENS ? "tokens"
                                : "requests";
}

/* Spoken in the vendor's words: type, status, and a sentence where ours is another's. */
static void translate(struct cs_exchange *x)
{
    struct cs_chat_error *e = &x->error;
    switch (cs_sim_dialect_trouble(e)) {
    case CS_TROUBLE_REQUEST:
        e->type = e->status == 413 ? "request_too_large" : "invalid_request_error";
        break;
    case CS_TROUBLE_NO_KEY:
        cs_chat_error_set(e, 401, "authentication_error", NULL, NULL, "x-api-key header is required");
        break;
    case CS_TROUBLE_BAD_KEY:
        cs_chat_error_set(e, 401, "authentication_error", NULL, NULL, "invalid x-api-key");
        break;
    case CS_TROUBLE_MODEL:
        cs_chat_error_set(e, 404, "not_found_error", NULL, NULL, "model: %s", x->request.model);
        break;
    case CS_TROUBLE_LIMIT:
        cs_chat_error_set(
            e, 429, "rate_limit_error", NULL, NULL,
            "This request would exceed the rate limit for your organization (org-simulator) of %llu %s per minute "
            "(model: %s).",
            (unsigned long long)x->refusal.limit, unit_of(x->refusal.dimension), x->request.model);
        break;
    case CS_TROUBLE_QUOTA:
        cs_chat_error_set(e, 400, "invalid_request_error", NULL, NULL,
                          "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to "
                          "upgrade or purchase credits.");
        break;
    case CS_TROUBLE_SERVER:
        cs_chat_error_set(e, 500, "api_error", NULL, NULL, "Internal server error");
        break;
    case CS_TROUBLE_UNAVAILABLE:
        cs_chat_error_set(e, 503, "api_error", NULL, NULL, "Service unavailable");
        break;
    case CS_TROUBLE_OVERLOADED:
        cs_chat_error_set(e, 529, "overloaded_error", NULL, NULL, "Overloaded");
        break;
    }
}

static void write_error(struct cs_exchange *x)
{
    struct cs_buf *out = &x->reply->body;
    translate(x);
    x->reply->status = x->error.status;
    if (x->error.status == 429 && !x->refusal.never)
        cs_sim_dialect_header(x->reply, "retry-after", "%llu", (unsigned long long)(x->refusal.wait_ms + 999) / 1000);
    cs_buf_printf(out, "{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":", x->error.type);
    cs_json_str(out, cs_buf_cstr(&x->error.message), x->error.message.len);
    cs_buf_printf(out, "},\"request_id\":\"req_%016llx\"}\n", (unsigned long long)x->number);
}

/* What is left of tokens is told in thousands. */
static void add_limit(struct cs_exchange *x, const char *const names[3], const struct cs_limit *limit,
                      const struct cs_bucket *bucket, uint64_t unit)
{
    if (limit->per_minute == 0)
        return;
    const struct cs_limit_state now = cs_sim_limits_state(limit, bucket);
    const time_t full = (time_t)(x->call->wall_s + (int64_t)(now.reset_ms + 999) / 1000);
    struct tm tm;
    char when[32];
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&full, &tm));
    cs_sim_dialect_header(x->reply, names[0], "%llu", (unsigned long long)now.limit);
    cs_sim_dialect_header(x->reply, names[1], "%llu", (unsigned long long)((now.remaining + unit / 2) / unit * unit));
    cs_sim_dialect_header(x->reply, names[2], "%s", when);
}

static void add_headers(struct cs_exchange *x)
{
    static const char *const requests[] = {"anthropic-ratelimit-requests-limit",
                                           "anthropic-ratelimit-requests-remaining",
                                           "anthropic-ratelimit-requests-reset"};
    static const char *const tokens[] = {"anthropic-ratelimit-tokens-limit", "anthropic-ratelimit-tokens-remaining",
                                         "anthropic-ratelimit-tokens-reset"};
    static const char *const input[] = {"anthropic-ratelimit-input-tokens-limit",
                                        "anthropic-ratelimit-input-tokens-remaining",
                                        "anthropic-ratelimit-input-tokens-reset"};
    static const char *const output[] = {"anthropic-ratelimit-output-tokens-limit",
                                         "anthropic-ratelimit-output-tokens-remaining",
                                         "anthropic-ratelimit-output-tokens-reset"};
    cs_sim_dialect_header(x->reply, "request-id", "req_%016llx", (unsigned long long)x->number);
    cs_sim_dialect_header(x->reply, "anthropic-organization-id", "00000000-0000-4000-8000-000000000000");
    add_limit(x, requests, &x->quota.requests, &x->buckets.requests, 1);
    add_limit(x, tokens, &x->quota.tokens, &x->buckets.tokens, 1000);
    add_limit(x, input, &x->quota.input, &x->buckets.input, 1000);
    add_limit(x, output, &x->quota.output, &x->buckets.output, 1000);
}

const struct cs_sim_dialect cs_sim_anthropic = {
    .charging = CS_CHARGE_AS_WRITTEN,
    .id_prefix = "msg_",
    .key_header = "x-api-key",
    .bearer = true,
    .parse = parse,
    .write = write_answer,
    .write_error = write_error,
    .add_headers = add_headers,
};
