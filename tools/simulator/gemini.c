/* Google Gemini, generateContent: the model stands in the path, errors tell all in their details, and no header tells of limits. */
#include <stdio.h>
#include <string.h>

#include "protocol/base/json.h"
#include "tools/simulator/dialect.h"
#include "tools/simulator/shown.h"
#include "tools/simulator/logprobs.h"

static const char invalid[] = "INVALID_ARGUMENT";

static bool refuse(struct cs_chat_error *e, const char *what)
{
    return cs_chat_error_set(e, 400, invalid, NULL, NULL, "%s", what);
}

/* ---- reading ------------------------------------------------------------------------------------ */

static bool read_parts(struct cs_chat_request *r, const struct cs_j *content, struct cs_chat_error *e)
{
    const struct cs_j *parts = cs_json_read_get(content, "parts");
    if (cs_json_read_size(parts) == 0)
        return refuse(e, "* GenerateContentRequest.contents[0].parts: contents.parts must not be empty.");
    for (size_t i = 0; i < cs_json_read_size(parts); i++) {
        const struct cs_j *part = cs_json_read_at(parts, i), *text = cs_json_read_get(part, "text");
        if (cs_json_read_get(part, "functionCall") != NULL || cs_json_read_get(part, "functionResponse") != NULL)
            continue; /* tooled_gemini.c reads them */
        const struct cs_j *data = cs_json_read_get(part, "inlineData");
        if (data != NULL) {
            const char *why = cs_sim_shown_add(r, cs_json_read_text(cs_json_read_get(data, "mimeType")),
                                               cs_json_read_get(data, "data"));
            if (why != NULL)
                return refuse(e, why);
            continue;
        }
        if (!cs_json_read_is(text, CS_J_TEXT))
            return refuse(e, "the simulator reads parts with a text or inlineData only");
        cs_sim_openai_chat_add_text(r, text);
    }
    return true;
}

static bool read_contents(struct cs_chat_request *r, struct cs_chat_error *e)
{
    const struct cs_j *contents = cs_json_read_get(r->root, "contents"),
                      *system = cs_json_read_get(r->root, "systemInstruction");
    if (system != NULL && !read_parts(r, system, e))
        return false;
    if (!cs_json_read_is(contents, CS_J_LIST) || cs_json_read_size(contents) == 0)
        return refuse(e, "* GenerateContentRequest.contents: contents is not specified");
    for (size_t i = 0; i < cs_json_read_size(contents); i++) {
        const char *role = cs_json_read_text(cs_json_read_get(cs_json_read_at(contents, i), "role"));
        if (role != NULL && strcmp(role, "user") != 0 && strcmp(role, "model") != 0)
            return refuse(e, "Please use a valid role: user, model.");
        if (!read_parts(r, cs_json_read_at(contents, i), e))
            return false;
    }
    return true;
}

static bool read_form(struct cs_chat_request *r, const struct cs_j *config, struct cs_chat_error *e)
{
    const char *type = cs_json_read_text(cs_json_read_get(config, "responseMimeType"));
    const struct cs_j *schema = cs_json_read_get(config, "responseJsonSchema");
    const bool json = type != NULL && strcmp(type, "application/json") == 0;
    if (cs_json_read_get(config, "responseSchema") != NULL)
        return refuse(e, "the simulator reads responseJsonSchema, not responseSchema");
    if (schema != NULL && !json)
        return refuse(e, "Function calling config or response schema with a response mime type other than "
                         "'application/json' is unsupported");
    if (json)
        r->format = schema != NULL ? CS_CHAT_JSON_SCHEMA : CS_CHAT_JSON_OBJECT;
    r->schema = schema;
    return schema == NULL || cs_json_read_is(schema, CS_J_MAP) || refuse(e, "response_json_schema must be an object");
}

static bool read_config(struct cs_chat_request *r, struct cs_chat_error *e)
{
    static const char *const known[] = {"temperature",
                                        "topP",
                                        "topK",
                                        "maxOutputTokens",
                                        "candidateCount",
                                        "stopSequences",
                                        "seed",
                                        "responseLogprobs",
                                        "logprobs",
                                        "presencePenalty",
                                        "frequencyPenalty",
                                        "responseMimeType",
                                        "responseJsonSchema",
                                        "responseSchema",
                                        "thinkingConfig"};
    const struct cs_j *config = cs_json_read_get(r->root, "generationConfig"),
                      *cap = cs_json_read_get(config, "maxOutputTokens");
    const char *unknown = cs_sim_dialect_unknown(config, known, sizeof known / sizeof *known);
    if (unknown != NULL)
        return cs_chat_error_set(
            e, 400, invalid, NULL, NULL,
            "Invalid JSON payload received. Unknown name \"%s\" at 'generation_config': Cannot find "
            "field.",
            unknown);
    if (!cs_sim_dialect_in_range(cs_json_read_get(config, "temperature"), 0, 2))
        return refuse(e, "* GenerateContentRequest.generation_config.temperature: temperature must be in the range "
                         "[0.0, 2.0].");
    if (!cs_sim_dialect_in_range(cs_json_read_get(config, "topP"), 0, 1))
        return refuse(e, "* GenerateContentRequest.generation_config.top_p: top_p must be in the range [0.0, 1.0].");
    if (!cs_sim_dialect_in_range(cs_json_read_get(config, "candidateCount"), 1, 1))
        return refuse(e, "the simulator gives one candidate");
    const struct cs_j *tops = cs_json_read_get(config, "logprobs");
    r->logprobs = cs_json_read_is(cs_json_read_get(config, "responseLogprobs"), CS_J_TRUE);
    r->top_logprobs = (unsigned)cs_sim_dialect_cap(tops);
    if (!cs_sim_dialect_in_range(tops, 0, 20) || (tops != NULL && !r->logprobs))
        return refuse(e,
                      "* GenerateContentRequest.generation_config.logprobs: logprobs must be in the range [0, 20], and "
                      "set only if response_logprobs is true.");
    r->max_tokens = cs_sim_dialect_cap(cap);
    if (cap != NULL && r->max_tokens == 0)
        return refuse(e, "* GenerateContentRequest.generation_config.max_output_tokens: max_output_tokens must be "
                         "positive.");
    return read_form(r, config, e);
}

static bool parse(const struct cs_sim_call *call, struct cs_chat_request *r, struct cs_chat_error *e)
{
    static const char *const known[] = {
        "contents",      "systemInstruction", "generationConfig", "safetySettings", "tools", "toolConfig",
        "cachedContent", "serviceTier",       "labels",           "store",          "model"};
    if (!cs_sim_dialect_read(call, r))
        return refuse(e, "Invalid JSON payload received. Expected an object.");
    const char *unknown = cs_sim_dialect_unknown(r->root, known, sizeof known / sizeof *known);
    if (unknown != NULL)
        return cs_chat_error_set(e, 400, invalid, NULL, NULL,
                                 "Invalid JSON payload received. Unknown name \"%s\": Cannot find field.", unknown);
    r->model = call->path_model != NULL ? call->path_model : "";
    return read_contents(r, e) && read_config(r, e) && cs_tooled_gemini_read(r, e);
}

/* ---- writing ------------------------------------------------------------------------------------ */

/* There is no refusal here but a filter: a candidate without content. */
static void write_answer(struct cs_chat_answer *a, struct cs_buf *out)
{
    const size_t full = strlen(a->text), len = cs_sim_openai_chat_cut(a);
    const char *reason = len < full ? "MAX_TOKENS" : "STOP";
    cs_buf_str(out, "{\"candidates\":[{\"content\":{");
    if (a->refused) {
        reason = "SAFETY";
        a->output_tokens = 0;
    } else if (a->calls != NULL) {
        reason = "STOP";
        a->output_tokens = cs_tooled_chat_tokens(a->calls);
        cs_tooled_gemini_write(a, out);
    } else {
        cs_buf_str(out, "\"role\":\"model\",\"parts\":[{\"text\":");
        cs_json_str(out, a->text, len);
        cs_buf_str(out, "}]");
    }
    cs_buf_printf(out, "},\"finishReason\":\"%s\",\"index\":0", reason);
    if (a->logprobs && !a->refused && a->calls == NULL)
        cs_sim_logprobs_gemini(a, len, out);
    cs_buf_printf(out, "}],\"usageMetadata\":{\"promptTokenCount\":%llu,", (unsigned long long)a->input_tokens);
    a->cache_write_tokens = 0; /* it is not told, nor charged for */
    if (a->cached_tokens > 0)
        cs_buf_printf(out, "\"cachedContentTokenCount\":%llu,", (unsigned long long)a->cached_tokens);
    if (!a->refused)
        cs_buf_printf(out, "\"candidatesTokenCount\":%llu,", (unsigned long long)a->output_tokens);
    cs_buf_printf(out,
                  "\"totalTokenCount\":%llu,\"promptTokensDetails\":[{\"modality\":\"TEXT\",\"tokenCount\":%llu}]},"
                  "\"modelVersion\":",
                  (unsigned long long)(a->input_tokens + a->output_tokens), (unsigned long long)a->input_tokens);
    cs_json_str(out, a->model, strlen(a->model));
    cs_buf_printf(out, ",\"responseId\":\"%s\"}\n", a->id);
}

/* "param" stands for the details: what the vendor says beside its sentence. */
static void translate(struct cs_exchange *x, struct cs_buf *details)
{
    static const char quota[] =
        "{\"@type\":\"type.googleapis.com/google.rpc.QuotaFailure\",\"violations\":[{\"quotaMetric\":"
        "\"generativelanguage.googleapis.com/generate_content_requests\",\"quotaId\":"
        "\"GenerateRequestsPer%sPerProjectPerModel\",\"quotaValue\":\"%llu\"}]}";
    struct cs_chat_error *e = &x->error;
    const char *model = x->request.model != NULL ? x->request.model : "";
    switch (cs_sim_dialect_trouble(e)) {
    case CS_TROUBLE_REQUEST:
        e->type = invalid;
        break;
    case CS_TROUBLE_NO_KEY:
        cs_chat_error_set(
            e, 403, "PERMISSION_DENIED", NULL, NULL,
            "Method doesn't allow unregistered callers (callers without established identity). Please use API "
            "Key or other form of API consumer identity to call this API.");
        break;
    case CS_TROUBLE_BAD_KEY:
        cs_chat_error_set(e, 400, invalid, NULL, NULL, "API key not valid. Please pass a valid API key.");
        cs_buf_str(details, "{\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\",\"reason\":\"API_KEY_INVALID\","
                            "\"domain\":\"googleapis.com\"}");
        break;
    case CS_TROUBLE_MODEL:
        cs_chat_error_set(e, 404, "NOT_FOUND", NULL, NULL,
                          "models/%s is not found for API version v1beta, or is not supported for generateContent.",
                          model);
        break;
    case CS_TROUBLE_LIMIT:
        cs_chat_error_set(
            e, 429, "RESOURCE_EXHAUSTED", NULL, NULL,
            "You exceeded your current quota, please check your plan and billing details. Please retry in "
            "%.3fs.",
            (double)x->refusal.wait_ms / 1000);
        cs_buf_printf(details, quota, "Minute", (unsigned long long)x->refusal.limit);
        cs_buf_printf(details, ",{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":\"%.3fs\"}",
                      (double)x->refusal.wait_ms / 1000);
        break;
    case CS_TROUBLE_QUOTA:
        cs_chat_error_set(e, 429, "RESOURCE_EXHAUSTED", NULL, NULL,
                          "You exceeded your current quota, please check your plan and billing details.");
        cs_buf_printf(details, quota, "Day", 1000ULL);
        break;
    case CS_TROUBLE_SERVER:
        cs_chat_error_set(e, 500, "INTERNAL", NULL, NULL, "An internal error has occurred. Please retry.");
        break;
    case CS_TROUBLE_UNAVAILABLE:
    case CS_TROUBLE_OVERLOADED:
        cs_chat_error_set(e, 503, "UNAVAILABLE", NULL, NULL, "The model is overloaded. Please try again later.");
        break;
    }
}

static void write_error(struct cs_exchange *x)
{
    struct cs_buf details = CS_BUF_INIT(4096), *out = &x->reply->body;
    translate(x, &details);
    x->reply->status = x->error.status;
    cs_buf_printf(out, "{\"error\":{\"code\":%u,\"message\":", x->error.status);
    cs_json_str(out, cs_buf_cstr(&x->error.message), x->error.message.len);
    cs_buf_printf(out, ",\"status\":\"%s\"", x->error.type);
    if (details.len > 0)
        cs_buf_printf(out, ",\"details\":[%s]", cs_buf_cstr(&details));
    cs_buf_str(out, "}}\n");
    cs_buf_release(&details);
}

static void add_headers(struct cs_exchange *x)
{
    cs_sim_dialect_header(x->reply, "server-timing", "gfet4t7; dur=%llu", (unsigned long long)x->reply->delay_ms + 1);
}

const struct cs_sim_dialect cs_sim_gemini = {
    .charging = CS_CHARGE_INPUT,
    .id_prefix = "",
    .key_header = "x-goog-api-key",
    .parse = parse,
    .write = write_answer,
    .write_error = write_error,
    .add_headers = add_headers,
};
