/* AWS Bedrock Converse (facts: providers.md section 10). The model is in the URL and not in the body; a trial's digest names it all the same. Without a cap Bedrock
 * reserves the model's maximum from the account's quota for every call, so one is wanted. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/assert.h"
#include "protocol/base/utf8.h"
#include "protocol/dialects/body.h"
#include "protocol/dialects/complaint.h"
#include "protocol/dialects/dialect.h"
#include "protocol/dialects/header.h"
#include "protocol/dialects/members.h"
#include "protocol/dialects/read.h"

/* ---- what is sent ------------------------------------------------------------------------------ */

static void put_content(struct cs_buf *out, const struct cs_buf *text)
{
    cs_buf_str(out, "[{");
    cs_body_text(out, "text", cs_buf_cstr(text), text->len);
    cs_buf_str(out, "}]");
}

static void put_prompt(const struct cs_model *m, const struct cs_prompt *p, struct cs_buf *out)
{
    (void)m;
    if (p->system.len > 0) {
        cs_buf_str(out, "\"system\":");
        put_content(out, &p->system);
        cs_buf_char(out, ',');
    }
    cs_buf_str(out, "\"messages\":[{\"role\":\"user\",\"content\":");
    put_content(out, &p->user);
    cs_buf_str(out, "}]");
}

/* As the Claude models there take it; others have fields of their own, see additional_model_request_fields. */
static void put_budget(json_t *root, const json_t *value)
{
    const json_int_t n = json_integer_value(value);
    cs_body_set(root, "additionalModelRequestFields.thinking",
                n == 0 ? json_pack("{s:s}", "type", "disabled")
                       : json_pack("{s:s,s:I}", "type", "enabled", "budget_tokens", n));
}

static const struct cs_body_rule rules[] = {
    {"temperature", "inferenceConfig.temperature", CS_RULE_NUMBER, 0, 1, NULL},
    {"top_p", "inferenceConfig.topP", CS_RULE_NUMBER, 0, 1, NULL},
    {"stop_sequences", "inferenceConfig.stopSequences", CS_RULE_ANY, 0, 0, NULL},
    {"reasoning_effort", "outputConfig.effort", CS_RULE_WORD, 0, 0, NULL},
    {"thinking_budget", "additionalModelRequestFields.thinking", CS_RULE_INTEGER, 0, 1e9, put_budget},
    {"additional_model_request_fields", "additionalModelRequestFields", CS_RULE_ANY, 0, 0, NULL},
    {"guardrail_config", "guardrailConfig", CS_RULE_ANY, 0, 0, NULL},
    {"service_tier", "serviceTier.type", CS_RULE_WORD, 0, 0, NULL},
};

static void put_format(const struct cs_settings_of *of, json_t *root)
{
    const bool tool = of->account->response_format == CS_FORM_TOOL;
    json_t *schema = cs_body_schema(of, tool);
    if (schema == NULL)
        return;
    const char *name = cs_body_question(of);
    if (tool) {
        cs_body_set(root, "toolConfig",
                    json_pack("{s:[{s:{s:s,s:s,s:{s:o}}}],s:{s:{s:s}}}", "tools", "toolSpec", "name", name,
                              "description", "Gives the answer.", "inputSchema", "json", schema, "toolChoice", "tool",
                              "name", name));
        return;
    }
    char *text = json_dumps(schema, JSON_COMPACT | JSON_REAL_PRECISION(15)); /* here a schema is a string */
    CS_ASSERT(text != NULL);
    cs_body_set(root, "outputConfig.textFormat",
                json_pack("{s:s,s:{s:{s:s,s:s}}}", "type", "json_schema", "structure", "jsonSchema", "schema", text,
                          "name", name));
    free(text);
    json_decref(schema);
}

static enum cs_err put_settings(struct cs_settings_of *of, struct cs_buf *out, struct cs_error *err)
{
    json_t *root = json_object();
    enum cs_err rc = cs_body_parameters(of, rules, sizeof rules / sizeof rules[0], root, err);
    if (rc == CS_OK && of->parameters->max_output_tokens == 0) {
        memcpy(of->culprit, "max_output_tokens", 18);
        rc = cs_error_set(err, CS_EINVAL,
                          "bedrock-converse wants a cap, for without one each call reserves the model's "
                          "maximum; write max_output_tokens: N in the parameters");
    }
    if (rc == CS_OK) {
        cs_body_set(root, "inferenceConfig.maxTokens", json_integer(of->parameters->max_output_tokens));
        put_format(of, root);
        cs_members(root, out);
    }
    json_decref(root);
    return rc;
}

/* ---- what comes back --------------------------------------------------------------------------- */

static const struct {
    const char *reason;
    enum cs_outcome outcome;
} ends[] = {
    {"end_turn", CS_OUTCOME_ok},
    {"stop_sequence", CS_OUTCOME_ok},
    {"tool_use", CS_OUTCOME_ok},
    {"max_tokens", CS_OUTCOME_truncated},
    {"model_context_window_exceeded", CS_OUTCOME_truncated},
    {"content_filtered", CS_OUTCOME_content_filtered},
    {"guardrail_intervened", CS_OUTCOME_content_filtered},
    {"refusal", CS_OUTCOME_refused}, /* not in AWS' list, but what Claude says elsewhere */
};

/* Bedrock's inputTokens leave out what went through the cache. The model that served is not told. */
static void read_usage(const json_t *usage, struct cs_reading *out)
{
    out->cached_tokens = cs_read_count(json_object_get(usage, "cacheReadInputTokens"));
    out->input_tokens = cs_read_count(json_object_get(usage, "inputTokens")) + out->cached_tokens +
                        cs_read_count(json_object_get(usage, "cacheWriteInputTokens"));
    out->output_tokens = cs_read_count(json_object_get(usage, "outputTokens"));
}

/* The end marker is stopReason. */
static void read_answer(const json_t *root, struct cs_arena *arena, struct cs_reading *out)
{
    struct cs_buf text = CS_BUF_INIT(SIZE_MAX);
    const char *reason = json_string_value(json_object_get(root, "stopReason"));
    const json_t *message = json_object_get(json_object_get(root, "output"), "message"), *block;
    const json_t *content = json_object_get(message, "content");
    size_t i, end = 0;
    if (reason == NULL || !json_is_object(message))
        return;
    while (end < sizeof ends / sizeof *ends && strcmp(reason, ends[end].reason) != 0)
        end++;
    const bool known = end < sizeof ends / sizeof *ends;
    out->says = known ? CS_SAYS_ANSWER : CS_SAYS_ERROR; /* malformed_model_output, ... */
    out->outcome = known ? ends[end].outcome : CS_OUTCOME_ok;
    out->finish = cs_read_text(json_object_get(root, "stopReason"), CS_OUTPUT_WORD_MAX, arena);
    json_array_foreach(content, i, block)
    {
        cs_read_piece(&text, json_object_get(block, "text"));
        cs_read_piece(&text, json_object_get(json_object_get(block, "toolUse"), "input"));
    }
    cs_read_answer(&text, arena, out);
    read_usage(json_object_get(root, "usage"), out);
    cs_buf_release(&text);
}

/* {"message":"..."}, its name in a header: "ThrottlingException:http://..." */
static void read_error(const json_t *root, const struct cs_http_reply *reply, struct cs_arena *arena,
                       struct cs_reading *out)
{
    const char *name = cs_header(reply->headers, "x-amzn-errortype", arena);
    char *bare = name != NULL ? cs_arena_strndup(arena, name, strcspn(name, ":")) : NULL;
    cs_complaint_read(reply, root, root, bare, arena, out);
    if (bare != NULL)
        out->finish = cs_clean_text(arena, bare, strlen(bare), CS_OUTPUT_WORD_MAX);
}

static void read_reply(const struct cs_http_reply *reply, struct cs_arena *arena, struct cs_reading *out)
{
    static const char *const id_headers[] = {"x-amzn-requestid", NULL};
    json_t *root = cs_read_begin(reply, id_headers, arena, out);
    if (reply->transfer == CS_TRANSFER_WHOLE && (reply->status < 200 || reply->status > 299))
        read_error(root, reply, arena, out);
    else
        read_answer(root, arena, out);
    json_decref(root);
}

/* ---- the dialect ------------------------------------------------------------------------------- */

const struct cs_dialect_charge cs_dialect_charge_bedrock = {CS_CHARGE_BY_INPUT_AND_CAP, CS_CHARGE_BY_CAP, true};

const struct cs_dialect cs_dialect_bedrock = {
    .protocol = CS_PROTOCOL_BEDROCK_CONVERSE,
    .path = "/model/{model}/converse",
    .root = "",
    .auth_prefix = "Authorization: Bearer ",
    .formats = 1 << CS_FORM_JSON_SCHEMA | 1 << CS_FORM_TOOL | 1 << CS_FORM_NONE,
    .prompt = put_prompt,
    .settings = put_settings,
    .read = read_reply,
};
