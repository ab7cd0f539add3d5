/* OpenAI Responses: the same provider, limits and errors as Chat Completions, with other forms of request and answer. */
#include <stdio.h>
#include <string.h>

#include "protocol/base/assert.h"
#include "protocol/base/json.h"
#include "tools/simulator/chat_parts.h"
#include "tools/simulator/dialect.h"
#include "tools/simulator/shown.h"
#include "tools/simulator/logprobs.h"

static const char invalid[] = "invalid_request_error";

static bool fail(struct cs_chat_error *e, const char *param, const char *code, const char *message)
{
    return cs_chat_error_set(e, 400, invalid, param, code, "%s", message);
}

/* ---- reading ------------------------------------------------------------------------------------ */

static bool is(const struct cs_j *v, const char *word)
{
    return cs_json_read_is(v, CS_J_TEXT) && strcmp(cs_json_read_text(v), word) == 0;
}

/* A text, or parts of type input_text. */
static bool read_content(struct cs_chat_request *r, const struct cs_j *content, struct cs_chat_error *e)
{
    if (cs_json_read_is(content, CS_J_TEXT)) {
        cs_sim_openai_chat_add_text(r, content);
        return true;
    }
    for (size_t i = 0; i < cs_json_read_size(content); i++) {
        const struct cs_j *part = cs_json_read_at(content, i), *text = cs_json_read_get(part, "text");
        const bool model = is(cs_json_read_get(part, "type"), "output_text");
        if (is(cs_json_read_get(part, "type"), "input_image")) {
            const char *why = cs_sim_shown_add_url(r, cs_json_read_get(part, "image_url"));
            if (why != NULL)
                return fail(e, "input", "invalid_image", why);
            continue;
        }
        if ((!model && !is(cs_json_read_get(part, "type"), "input_text")) || !cs_json_read_is(text, CS_J_TEXT))
            return fail(e, "input", "invalid_value",
                        "Invalid value: supported values are: 'input_text' and 'input_image'.");
        cs_sim_openai_chat_add_text(r, text);
    }
    return cs_json_read_size(content) > 0 || fail(e, "input", "invalid_type", "Invalid type for 'input[0].content'.");
}

static bool read_input(struct cs_chat_request *r, struct cs_chat_error *e)
{
    const struct cs_j *input = cs_json_read_get(r->root, "input"),
                      *instructions = cs_json_read_get(r->root, "instructions");
    if (cs_json_read_is(instructions, CS_J_TEXT))
        cs_sim_openai_chat_add_text(r, instructions);
    if (input == NULL)
        return fail(e, "input", "missing_required_parameter", "Missing required parameter: 'input'.");
    if (cs_json_read_is(input, CS_J_TEXT)) {
        cs_sim_openai_chat_add_text(r, input);
        return true;
    }
    if (!cs_json_read_is(input, CS_J_LIST) || cs_json_read_size(input) == 0)
        return fail(e, "input", "invalid_type",
                    "Invalid type for 'input': expected one of a string or array of input "
                    "items.");
    for (size_t i = 0; i < cs_json_read_size(input); i++) {
        const struct cs_j *item = cs_json_read_at(input, i), *type = cs_json_read_get(item, "type");
        if (is(type, "reasoning") || is(type, "function_call") || is(type, "function_call_output"))
            continue; /* tooled_responses.c reads them */
        if (!cs_json_read_is(cs_json_read_get(item, "role"), CS_J_TEXT))
            return fail(e, "input[0].role", "missing_required_parameter",
                        "Missing required parameter: 'input[0].role'.");
        if (!read_content(r, cs_json_read_get(item, "content"), e))
            return false;
    }
    return true;
}

static bool read_format(struct cs_chat_request *r, struct cs_chat_error *e)
{
    const struct cs_j *f = cs_json_read_get(cs_json_read_get(r->root, "text"), "format");
    const struct cs_j *schema = cs_json_read_get(f, "schema"), *name = cs_json_read_get(f, "name");
    if (f == NULL || is(cs_json_read_get(f, "type"), "text"))
        return true;
    if (is(cs_json_read_get(f, "type"), "json_object")) {
        r->format = CS_CHAT_JSON_OBJECT;
        return true;
    }
    if (!is(cs_json_read_get(f, "type"), "json_schema"))
        return fail(e, "text.format.type", "invalid_value",
                    "Invalid value. Supported values are: 'json_object', 'json_schema', and 'text'.");
    if (!cs_json_read_is(name, CS_J_TEXT))
        return fail(e, "text.format.name", "missing_required_parameter",
                    "Missing required parameter: 'text.format.name'.");
    if (!cs_json_read_is(schema, CS_J_MAP))
        return fail(e, "text.format.schema", "missing_required_parameter",
                    "Missing required parameter: 'text.format.schema'.");
    r->format = CS_CHAT_JSON_SCHEMA;
    r->schema = schema;
    return !cs_json_read_is(cs_json_read_get(f, "strict"), CS_J_TRUE) ||
           cs_chat_parts_strict(schema, cs_json_read_text(name), e);
}

static bool read_logprobs(struct cs_chat_request *r, struct cs_chat_error *e)
{
    const struct cs_j *include = cs_json_read_get(r->root, "include"),
                      *tops = cs_json_read_get(r->root, "top_logprobs");
    for (size_t i = 0; i < cs_json_read_size(include); i++)
        r->logprobs |= is(cs_json_read_at(include, i), "message.output_text.logprobs");
    if (!cs_sim_dialect_in_range(tops, 0, 20))
        return fail(e, "top_logprobs", "integer_above_max_value",
                    "Invalid 'top_logprobs': expected a value from 0 to 20.");
    r->top_logprobs = (unsigned)cs_sim_dialect_cap(tops);
    return true;
}

static bool parse(const struct cs_sim_call *call, struct cs_chat_request *r, struct cs_chat_error *e)
{
    static const char *const known[] = {"model",
                                        "input",
                                        "instructions",
                                        "max_output_tokens",
                                        "temperature",
                                        "top_p",
                                        "top_logprobs",
                                        "include",
                                        "reasoning",
                                        "text",
                                        "truncation",
                                        "store",
                                        "metadata",
                                        "service_tier",
                                        "prompt_cache_key",
                                        "prompt_cache_options",
                                        "prompt_cache_retention",
                                        "safety_identifier",
                                        "user",
                                        "background",
                                        "stream",
                                        "stream_options",
                                        "tools",
                                        "tool_choice",
                                        "parallel_tool_calls",
                                        "previous_response_id",
                                        "conversation"};
    if (!cs_sim_dialect_read(call, r))
        return fail(e, NULL, NULL, "We could not parse the JSON body of your request.");
    const char *unknown = cs_sim_dialect_unknown(r->root, known, sizeof known / sizeof *known);
    const struct cs_j *model = cs_json_read_get(r->root, "model"),
                      *cap = cs_json_read_get(r->root, "max_output_tokens");
    if (unknown != NULL)
        return cs_chat_error_set(e, 400, invalid, unknown, "unknown_parameter", "Unknown parameter: '%s'.", unknown);
    if (!cs_json_read_is(model, CS_J_TEXT) || model->n == 0)
        return fail(e, "model", "missing_required_parameter", "Missing required parameter: 'model'.");
    r->model = cs_json_read_text(model);
    if (!cs_sim_dialect_in_range(cs_json_read_get(r->root, "temperature"), 0, 2))
        return fail(e, "temperature", "decimal_above_max_value",
                    "Invalid 'temperature': expected a value from 0 to 2.");
    if (!cs_sim_dialect_in_range(cs_json_read_get(r->root, "top_p"), 0, 1))
        return fail(e, "top_p", "decimal_above_max_value", "Invalid 'top_p': expected a value from 0 to 1.");
    r->max_tokens = cs_sim_dialect_cap(cap);
    if (cap != NULL && r->max_tokens < 16)
        return fail(e, "max_output_tokens", "integer_below_min_value",
                    "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16.");
    if (cs_json_read_is(cs_json_read_get(r->root, "stream"), CS_J_TRUE) ||
        cs_json_read_is(cs_json_read_get(r->root, "background"), CS_J_TRUE))
        return fail(e, "stream", "unsupported_value",
                    "Unsupported value: the simulator answers in one piece, at once.");
    return read_input(r, e) && read_format(r, e) && read_logprobs(r, e) && cs_tooled_responses_read(r, e);
}

/* ---- writing ------------------------------------------------------------------------------------ */

static void write_rest(const struct cs_chat_answer *a, struct cs_buf *out)
{
    cs_buf_printf(
        out,
        ",\"parallel_tool_calls\":true,\"tool_choice\":\"auto\",\"tools\":[],"
        "\"usage\":{\"input_tokens\":%llu,\"input_tokens_details\":{\"cached_tokens\":%llu,\"cache_write_tokens\":%llu},"
        "\"output_tokens\":%llu,\"output_tokens_details\":{\"reasoning_tokens\":0},\"total_tokens\":%llu},",
        (unsigned long long)a->input_tokens, (unsigned long long)a->cached_tokens,
        (unsigned long long)a->cache_write_tokens, (unsigned long long)a->output_tokens,
        (unsigned long long)(a->input_tokens + a->output_tokens));
    cs_buf_str(out, "\"service_tier\":\"default\",\"store\":false,\"temperature\":1.0,\"top_p\":1.0,"
                    "\"truncation\":\"disabled\",\"metadata\":{}}\n");
}

static void write_answer(struct cs_chat_answer *a, struct cs_buf *out)
{
    const bool calls = a->calls != NULL;
    const size_t full = strlen(a->text), len = calls ? full : cs_sim_openai_chat_cut(a);
    const bool cut = len < full;
    cs_buf_printf(out,
                  "{\"id\":\"%s\",\"object\":\"response\",\"created_at\":%lld,\"status\":\"%s\",\"background\":false,"
                  "\"error\":null,\"incomplete_details\":%s,\"instructions\":null,\"model\":",
                  a->id, (long long)a->created, cut ? "incomplete" : "completed",
                  cut ? "{\"reason\":\"max_output_tokens\"}" : "null");
    cs_json_str(out, a->model, strlen(a->model));
    if (calls) {
        cs_tooled_responses_write(a, out);
        write_rest(a, out);
        return;
    }
    cs_buf_printf(out,
                  ",\"output\":[{\"id\":\"msg_%s\",\"type\":\"message\",\"status\":\"%s\",\"role\":\"assistant\","
                  "\"content\":[{\"type\":\"%s\",\"%s\":",
                  a->id, cut ? "incomplete" : "completed", a->refused ? "refusal" : "output_text",
                  a->refused ? "refusal" : "text");
    cs_json_str(out, a->text, len);
    if (!a->refused) {
        cs_buf_str(out, ",\"annotations\":[],\"logprobs\":");
        if (a->logprobs)
            cs_sim_logprobs_openai(a, len, out);
        else
            cs_buf_str(out, "[]");
    }
    cs_buf_str(out, "}]}]");
    write_rest(a, out);
}

/* An unknown model is a bad request here. */
static void write_error(struct cs_exchange *x)
{
    if (cs_sim_dialect_trouble(&x->error) == CS_TROUBLE_MODEL)
        cs_chat_error_set(&x->error, 400, invalid, "model", "model_not_found",
                          "The requested model '%s' does not exist.", x->request.model);
    cs_sim_openai_chat_error_body(x);
}

const struct cs_sim_dialect cs_sim_openai_responses = {
    .id_prefix = "resp_",
    .key_header = "api-key",
    .bearer = true,
    .parse = parse,
    .write = write_answer,
    .write_error = write_error,
    .add_headers = cs_sim_openai_chat_headers,
};
