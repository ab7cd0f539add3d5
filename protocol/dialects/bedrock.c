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

/* Bedrock's inputTokens leave out what went through the cache. The model that served is not told. */
static void read_usage(const json_t *usage, struct cs_reading *out)
{
    out->cached_tokens = cs_read_count(json_object_get(usage, "cacheReadInputTokens"));
    out->input_tokens = cs_read_count(json_object_get(usage, "inputTokens")) + out->cached_tokens +
                        cs_read_count(json_object_get(usage, "cacheWriteInputTokens"));
    out->output_tokens = cs_read_count(json_object_get(usage, "outputTokens"));
}

static void read_block(json_t *block, enum cs_form asked, struct cs_read_said *p)
{
    json_t *call = json_object_get(block, "toolUse");
    const json_t *reasoning = json_object_get(block, "reasoningContent");
    if (!p->has_answer_tool)
        cs_read_piece(&p->text, json_object_get(block, "text"));
    cs_read_said_reason(p, json_object_get(reasoning, "reasoningText"));
    if (json_is_object(call))
        cs_read_said_tool(p, asked, call, json_object_get(call, "input"));
}

/* The end marker is stopReason. */
static void read_answer(const json_t *root, enum cs_form asked, struct cs_arena *arena, struct cs_reading *out)
{
    struct cs_read_said p = CS_READ_SAID_INIT;
    const json_t *message = json_object_get(json_object_get(root, "output"), "message");
    const json_t *content = json_object_get(message, "content");
    json_t *block;
    size_t i;
    cs_read_end(json_object_get(root, "stopReason"), arena, out);
    if (!json_is_object(message) && (out->says == CS_SAYS_NOTHING || out->outcome == CS_OUTCOME_ok)) {
        out->says = CS_SAYS_NOTHING;
        cs_read_nothing(root, "the reply has no message", arena, out);
        return;
    }
    json_array_foreach((json_t *)(uintptr_t)content, i, block) read_block(block, asked, &p);
    cs_read_take(&p, asked, arena, out);
    read_usage(json_object_get(root, "usage"), out);
    cs_read_said_release(&p);
}

/* {"message":"..."}, its name in a header, "ThrottlingException:http://...", or (in front of it, or in a good reply) in the body as __type,
 * "com.amazon.coral.service#ThrottlingException". */
static void read_error(const json_t *root, const struct cs_http_reply *reply, struct cs_arena *arena,
                       struct cs_reading *out)
{
    const char *name = cs_header(reply->headers, "x-amzn-errortype", arena);
    const char *type = json_string_value(json_object_get(root, "__type")), *hash;
    if (name == NULL && type != NULL)
        name = (hash = strrchr(type, '#')) != NULL ? hash + 1 : type;
    char *bare = name != NULL ? cs_arena_strndup(arena, name, strcspn(name, ":")) : NULL;
    cs_complaint_read(reply, root, root, NULL, bare, arena, out);
    if (bare != NULL)
        out->finish = cs_clean_text(arena, bare, strlen(bare), CS_OUTPUT_WORD_MAX);
    if (out->status == 0 && reply->status < 300)
        out->status = cs_read_status_of_word(out->finish);
}

static void read_reply(const struct cs_http_reply *reply, enum cs_form asked, struct cs_arena *arena,
                       struct cs_reading *out)
{
    static const char *const id_headers[] = {"x-amzn-requestid", NULL};
    json_t *root = cs_read_begin(reply, id_headers, arena, out);
    const bool good = reply->status >= 200 && reply->status <= 299;
    const json_t *error = json_object_get(root, "error"); /* of a gateway */
    if (reply->transfer == CS_TRANSFER_WHOLE &&
        (!good || (json_object_get(root, "__type") != NULL && json_object_get(root, "output") == NULL)))
        read_error(root, reply, arena, out);
    else if (cs_read_is_error(error))
        read_error(error, reply, arena, out);
    else
        read_answer(root, asked, arena, out);
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
