/* AWS Bedrock Converse with an API key: the model stands in the path, the name of an error in a header. */
#include <stdio.h>
#include <string.h>

#include "protocol/base/json.h"
#include "tools/simulator/dialect.h"
#include "tools/simulator/shown.h"

static const char validation[] = "ValidationException";

static bool refuse(struct cs_chat_error *e, const char *what)
{
    return cs_chat_error_set(e, 400, validation, NULL, NULL, "%s", what);
}

/* ---- reading ------------------------------------------------------------------------------------ */

/* A list of {"text": ...}. */
static bool read_blocks(struct cs_chat_request *r, const struct cs_j *list, struct cs_chat_error *e)
{
    if (!cs_json_read_is(list, CS_J_LIST) || cs_json_read_size(list) == 0)
        return refuse(e, "The content field in the Message object is empty. Add a ContentBlock object to the content "
                         "field and try again.");
    for (size_t i = 0; i < cs_json_read_size(list); i++) {
        const struct cs_j *block = cs_json_read_at(list, i), *text = cs_json_read_get(block, "text");
        if (cs_json_read_get(block, "toolUse") != NULL || cs_json_read_get(block, "toolResult") != NULL ||
            cs_json_read_get(block, "reasoningContent") != NULL)
            continue; /* tooled_bedrock.c reads them */
        const struct cs_j *point = cs_json_read_get(block, "cachePoint");
        if (point != NULL) {
            const char *type = cs_json_read_text(cs_json_read_get(point, "type"));
            if (type == NULL || strcmp(type, "default") != 0 || i == 0)
                return refuse(e, "a cachePoint has the type default, and stands behind what is kept");
            continue;
        }
        const struct cs_j *image = cs_json_read_get(block, "image");
        if (image != NULL) {
            const char *why = cs_sim_shown_add(r, cs_json_read_text(cs_json_read_get(image, "format")),
                                               cs_json_read_get(cs_json_read_get(image, "source"), "bytes"));
            if (why != NULL)
                return refuse(e, why);
            continue;
        }
        if (!cs_json_read_is(text, CS_J_TEXT))
            return refuse(e, "the simulator reads blocks with a text or an image only");
        cs_sim_openai_chat_add_text(r, text);
    }
    return true;
}

static bool read_messages(struct cs_chat_request *r, struct cs_chat_error *e)
{
    const struct cs_j *messages = cs_json_read_get(r->root, "messages"), *system = cs_json_read_get(r->root, "system");
    if (system != NULL && !read_blocks(r, system, e))
        return false;
    if (!cs_json_read_is(messages, CS_J_LIST) || cs_json_read_size(messages) == 0)
        return refuse(e,
                      "A conversation must start with a user message. Try again with a conversation that starts with "
                      "a user message.");
    for (size_t i = 0; i < cs_json_read_size(messages); i++) {
        const struct cs_j *m = cs_json_read_at(messages, i);
        const char *role = cs_json_read_text(cs_json_read_get(m, "role"));
        if (role == NULL || (strcmp(role, "user") != 0 && strcmp(role, "assistant") != 0))
            return refuse(e, "Value at 'messages.1.member.role' failed to satisfy constraint: Member must satisfy enum "
                             "value set: [user, assistant]");
        if (!read_blocks(r, cs_json_read_get(m, "content"), e))
            return false;
    }
    return true;
}

/* outputConfig.textFormat holds the schema as a string; a forced tool holds it as it is. */
static bool read_form(struct cs_chat_request *r, struct cs_chat_error *e)
{
    const struct cs_j *format = cs_json_read_get(cs_json_read_get(r->root, "outputConfig"), "textFormat");
    const struct cs_j *tools = cs_json_read_get(r->root, "toolConfig"), *choice = cs_json_read_get(tools, "toolChoice");
    const struct cs_j *list = cs_json_read_get(tools, "tools"); /* the one that is forced stands last */
    const size_t n = cs_json_read_size(list);
    const struct cs_j *spec = cs_json_read_get(cs_json_read_at(list, n > 0 ? n - 1 : 0), "toolSpec");
    if (format != NULL) {
        const struct cs_j *schema = cs_json_read_get(
            cs_json_read_get(cs_json_read_get(format, "structure"), "jsonSchema"), "schema");
        if (!cs_json_read_is(schema, CS_J_TEXT) ||
            !cs_json_read(&r->schema_document, cs_json_read_text(schema), schema->n) ||
            !cs_json_read_is(r->schema_document.values, CS_J_MAP))
            return refuse(e, "outputConfig.textFormat.structure.jsonSchema.schema is not a JSON Schema in a string");
        r->schema = r->schema_document.values;
        r->format = CS_CHAT_JSON_SCHEMA;
    } else if (cs_json_read_get(choice, "tool") != NULL) {
        const char *wanted = cs_json_read_text(cs_json_read_get(cs_json_read_get(choice, "tool"), "name"));
        r->tool = cs_json_read_text(cs_json_read_get(spec, "name"));
        r->schema = cs_json_read_get(cs_json_read_get(spec, "inputSchema"), "json");
        r->format = CS_CHAT_JSON_SCHEMA;
        if (r->tool == NULL || wanted == NULL || strcmp(r->tool, wanted) != 0 || !cs_json_read_is(r->schema, CS_J_MAP))
            return refuse(e, "toolConfig.toolChoice names a tool that is not there");
    }
    return true;
}

static bool check_config(struct cs_chat_request *r, struct cs_chat_error *e)
{
    const struct cs_j *config = cs_json_read_get(r->root, "inferenceConfig"),
                      *cap = cs_json_read_get(config, "maxTokens");
    if (!cs_sim_dialect_in_range(cs_json_read_get(config, "temperature"), 0, 1) ||
        !cs_sim_dialect_in_range(cs_json_read_get(config, "topP"), 0, 1))
        return refuse(e, "Value at 'inferenceConfig.temperature' failed to satisfy constraint: Member must have value "
                         "less than or equal to 1");
    r->max_tokens = cs_sim_dialect_cap(cap);
    return cap == NULL || r->max_tokens > 0 ||
           refuse(e,
                  "Value at 'inferenceConfig.maxTokens' failed to satisfy constraint: Member must have value greater "
                  "than or equal to 1");
}

static bool parse(const struct cs_sim_call *call, struct cs_chat_request *r, struct cs_chat_error *e)
{
    static const char *const known[] = {"messages",
                                        "system",
                                        "inferenceConfig",
                                        "toolConfig",
                                        "guardrailConfig",
                                        "additionalModelRequestFields",
                                        "additionalModelResponseFieldPaths",
                                        "outputConfig",
                                        "serviceTier",
                                        "requestMetadata",
                                        "performanceConfig",
                                        "promptVariables"};
    if (!cs_sim_dialect_read(call, r))
        return cs_chat_error_set(e, 400, "SerializationException", NULL, NULL, "The body is not a JSON object.");
    const char *unknown = cs_sim_dialect_unknown(r->root, known, sizeof known / sizeof *known);
    if (unknown != NULL)
        return cs_chat_error_set(e, 400, validation, NULL, NULL, "The request has a member that is not known: %s",
                                 unknown);
    r->model = call->path_model != NULL ? call->path_model : "";
    return check_config(r, e) && read_messages(r, e) && read_form(r, e) && cs_tooled_bedrock_read(r, e);
}

/* ---- writing ------------------------------------------------------------------------------------ */

static void write_answer(struct cs_chat_answer *a, struct cs_buf *out)
{
    const size_t full = strlen(a->text), len = cs_sim_openai_chat_cut(a);
    const char *reason = a->tool != NULL || a->calls != NULL ? "tool_use" : "end_turn";
    if (a->calls != NULL)
        a->output_tokens = cs_tooled_chat_tokens(a->calls);
    if (a->refused)
        reason = "content_filtered";
    else if (len < full)
        reason = "max_tokens";
    cs_buf_str(out, "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[");
    if (a->calls != NULL) {
        cs_tooled_bedrock_write(a, out);
    } else if (a->tool != NULL && !a->refused && len == full) {
        cs_buf_printf(out, "{\"toolUse\":{\"toolUseId\":\"tooluse_%s\",\"name\":", a->id);
        cs_json_str(out, a->tool, strlen(a->tool));
        cs_buf_printf(out, ",\"input\":%s}}", a->text);
    } else if (a->tool == NULL && !a->refused) {
        cs_buf_str(out, "{\"text\":");
        cs_json_str(out, a->text, len);
        cs_buf_char(out, '}');
    }
    cs_buf_printf(
        out,
        "]}},\"stopReason\":\"%s\",\"usage\":{\"inputTokens\":%llu,\"outputTokens\":%llu,\"totalTokens\":%llu,"
        "\"cacheReadInputTokens\":%llu,\"cacheWriteInputTokens\":%llu},\"metrics\":{\"latencyMs\":1}}\n",
        reason, (unsigned long long)(a->input_tokens - a->cached_tokens - a->cache_write_tokens),
        (unsigned long long)a->output_tokens, (unsigned long long)(a->input_tokens + a->output_tokens),
        (unsigned long long)a->cached_tokens, (unsigned long long)a->cache_write_tokens);
}

static void translate(struct cs_exchange *x)
{
    struct cs_chat_error *e = &x->error;
    switch (cs_sim_dialect_trouble(e)) {
    case CS_TROUBLE_REQUEST:
        if (strcmp(e->type, "SerializationException") != 0)
            e->type = validation;
        break;
    case CS_TROUBLE_NO_KEY:
    case CS_TROUBLE_BAD_KEY:
        cs_chat_error_set(e, 403, "AccessDeniedException", NULL, NULL,
                          "Authentication failed: Please make sure your API Key is valid.");
        break;
    case CS_TROUBLE_MODEL:
        cs_chat_error_set(e, 400, validation, NULL, NULL, "The provided model identifier is invalid.");
        break;
    case CS_TROUBLE_LIMIT:
        cs_chat_error_set(e, 429, "ThrottlingException", NULL, NULL,
                          "Too many requests, please wait before trying again.");
        break;
    case CS_TROUBLE_QUOTA:
        cs_chat_error_set(e, 400, "ServiceQuotaExceededException", NULL, NULL,
                          "Your request exceeds the service quota for your account.");
        break;
    case CS_TROUBLE_SERVER:
        cs_chat_error_set(e, 500, "InternalServerException", NULL, NULL,
                          "The system encountered an unexpected error during processing. Try your request again.");
        break;
    case CS_TROUBLE_UNAVAILABLE:
    case CS_TROUBLE_OVERLOADED:
        cs_chat_error_set(e, 503, "ServiceUnavailableException", NULL, NULL,
                          "Bedrock is unable to process your request.");
        break;
    }
}

static void write_error(struct cs_exchange *x)
{
    translate(x);
    x->reply->status = x->error.status;
    cs_sim_dialect_header(x->reply, "x-amzn-errortype", "%s", x->error.type);
    cs_buf_str(&x->reply->body, "{\"message\":");
    cs_json_str(&x->reply->body, cs_buf_cstr(&x->error.message), x->error.message.len);
    cs_buf_str(&x->reply->body, "}\n");
}

static void add_headers(struct cs_exchange *x)
{
    cs_sim_dialect_header(x->reply, "x-amzn-requestid", "%08x-0000-4000-8000-%012llx", (unsigned)(x->number >> 32),
                          (unsigned long long)(x->number & 0xffffffffffff));
}

const struct cs_sim_dialect cs_sim_bedrock = {
    .charging = CS_CHARGE_RESERVE,
    .id_prefix = "",
    .bearer = true,
    .parse = parse,
    .write = write_answer,
    .write_error = write_error,
    .add_headers = add_headers,
};
