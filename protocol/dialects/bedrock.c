/* AWS Bedrock Converse (facts: providers.md section 10). The model is in the URL and not in the body; a trial's digest names it all the same. Without a cap Bedrock
 * reserves the model's maximum from the account's quota for every call, so one is wanted. */
#include <stdlib.h>
#include <string.h>

#include "protocol/base/assert.h"
#include "protocol/base/json.h"
#include "protocol/base/utf8.h"
#include "protocol/dialects/body.h"
#include "protocol/dialects/replies/complaint.h"
#include "protocol/dialects/dialect.h"
#include "protocol/dialects/replies/header.h"
#include "protocol/dialects/members.h"
#include "protocol/dialects/replies/read.h"
#include "protocol/dialects/replies/usage.h"

/* ---- what is sent ------------------------------------------------------------------------------ */

static void put_content(struct cs_buf *out, const char *text, size_t n)
{
    cs_buf_str(out, "[{");
    cs_body_text(out, "text", text, n);
    cs_buf_str(out, "}]");
}

static void put_message(struct cs_buf *out, const char *role, const char *text, size_t n)
{
    cs_buf_str(out, "{\"role\":\"");
    cs_buf_str(out, role);
    cs_buf_str(out, "\",\"content\":");
    put_content(out, text, n);
    cs_buf_char(out, '}');
}

static void put_prompt(const struct cs_model *m, const struct cs_prompt *p, struct cs_buf *out)
{
    (void)m;
    if (p->system.len > 0) {
        cs_buf_str(out, "\"system\":");
        put_content(out, cs_buf_cstr(&p->system), p->system.len);
        cs_buf_char(out, ',');
    }
    cs_buf_str(out, "\"messages\":[");
    cs_body_messages(out, CS_PROTOCOL_BEDROCK_CONVERSE, p, "assistant", put_message);
    cs_buf_char(out, ']');
}

/* Behind the last part of the last message. Models that have no cache refuse it, so the account must ask for it. */
static void put_mark(struct cs_buf *body, size_t end)
{
    static const char closed[] = "]}]"; /* the parts, the message, the messages */
    CS_ASSERT(end >= sizeof closed && memcmp(body->data + end - 3, closed, 3) == 0);
    cs_body_insert(body, end - 3, ",{\"cachePoint\":{\"type\":\"default\"}}");
}

/* As the Claude models there take it; others have fields of their own, see additional_model_request_fields. */
static void put_budget(struct cs_json *root, const struct cs_json *value)
{
    const int64_t n = cs_json_integer_value(value);
    cs_body_set(root, "additionalModelRequestFields.thinking",
                n == 0 ? cs_json_pack("{s:s}", "type", "disabled")
                       : cs_json_pack("{s:s,s:I}", "type", "enabled", "budget_tokens", n));
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

static void put_format(const struct cs_settings_of *of, struct cs_json *root)
{
    const bool tool = of->account->response_format == CS_FORM_TOOL;
    struct cs_json *schema = cs_body_schema(of, tool);
    if (schema == NULL)
        return;
    const char *name = cs_body_question(of);
    if (tool) {
        cs_body_set(root, "toolConfig",
                    cs_json_pack("{s:[{s:{s:s,s:s,s:{s:o}}}],s:{s:{s:s}}}", "tools", "toolSpec", "name", name,
                                 "description", "Gives the answer.", "inputSchema", "json", schema, "toolChoice",
                                 "tool", "name", name));
        return;
    }
    char *text = cs_json_dumps(schema, CS_JSON_COMPACT | CS_JSON_REAL_PRECISION(15)); /* here a schema is a string */
    CS_ASSERT(text != NULL);
    cs_body_set(root, "outputConfig.textFormat",
                cs_json_pack("{s:s,s:{s:{s:s,s:s}}}", "type", "json_schema", "structure", "jsonSchema", "schema", text,
                             "name", name));
    free(text);
    cs_json_decref(schema);
}

static enum cs_err put_settings(struct cs_settings_of *of, struct cs_buf *out, struct cs_error *err)
{
    struct cs_json *root = cs_json_object();
    enum cs_err rc = cs_body_parameters(of, rules, sizeof rules / sizeof rules[0], root, err);
    if (rc == CS_OK && of->parameters->max_output_tokens == 0) {
        memcpy(of->culprit, "max_output_tokens", 18);
        rc = cs_error_set(err, CS_EINVAL,
                          "bedrock-converse wants a cap, for without one each call reserves the model's "
                          "maximum; write max_output_tokens: N in the parameters");
    }
    if (rc == CS_OK) {
        cs_body_set(root, "inferenceConfig.maxTokens", cs_json_integer(of->parameters->max_output_tokens));
        put_format(of, root);
        cs_members(root, out);
    }
    cs_json_decref(root);
    return rc;
}

/* ---- what comes back --------------------------------------------------------------------------- */

/* Bedrock's inputTokens leave out what went through the cache. The model that served is not told. */
static void read_usage(const struct cs_json *usage, struct cs_reading *out)
{
    out->cached_tokens = cs_read_count(cs_json_object_get(usage, "cacheReadInputTokens"));
    out->input_tokens = cs_usage_add(cs_read_count(cs_json_object_get(usage, "inputTokens")), out->cached_tokens);
    out->cache_write_tokens = cs_read_count(cs_json_object_get(usage, "cacheWriteInputTokens"));
    out->input_tokens = cs_usage_add(out->input_tokens, out->cache_write_tokens);
    out->output_tokens = cs_read_count(cs_json_object_get(usage, "outputTokens"));
    cs_usage_total(cs_json_object_get(usage, "totalTokens"), out);
}

static void read_block(struct cs_json *block, enum cs_form asked, struct cs_read_said *p)
{
    struct cs_json *call = cs_json_object_get(block, "toolUse");
    const struct cs_json *reasoning = cs_json_object_get(block, "reasoningContent");
    if (!p->has_answer_tool)
        cs_read_piece(&p->text, cs_json_object_get(block, "text"));
    cs_read_said_reason(p, cs_json_object_get(reasoning, "reasoningText"));
    if (cs_json_is_object(call))
        cs_read_said_tool(p, asked, call, cs_json_object_get(call, "input"));
}

/* The end marker is stopReason. */
static void read_answer(const struct cs_json *root, enum cs_form asked, struct cs_arena *arena, struct cs_reading *out)
{
    struct cs_read_said p = CS_READ_SAID_INIT;
    const struct cs_json *message = cs_json_object_get(cs_json_object_get(root, "output"), "message");
    const struct cs_json *content = cs_json_object_get(message, "content");
    struct cs_json *block;
    size_t i;
    cs_ends_read(cs_json_object_get(root, "stopReason"), arena, out);
    if (!cs_json_is_object(message) && (out->says == CS_SAYS_NOTHING || out->outcome == CS_OUTCOME_ok)) {
        out->says = CS_SAYS_NOTHING;
        cs_read_nothing(root, "the reply has no message", arena, out);
        return;
    }
    cs_json_array_foreach((struct cs_json *)(uintptr_t)content, i, block) read_block(block, asked, &p);
    cs_read_take(&p, asked, arena, out);
    cs_read_said_release(&p);
}

/* {"message":"..."}, its name in a header, "ThrottlingException:http://...", or (in front of it, or in a good reply) in the body as __type,
 * "com.amazon.coral.service#ThrottlingException". */
static void read_error(const struct cs_json *root, const struct cs_http_reply *reply, struct cs_arena *arena,
                       struct cs_reading *out)
{
    const char *name = cs_header(reply->headers, "x-amzn-errortype", arena);
    const char *type = cs_json_string_value(cs_json_object_get(root, "__type")), *hash;
    if (name == NULL && type != NULL)
        name = (hash = strrchr(type, '#')) != NULL ? hash + 1 : type;
    char *bare = name != NULL ? cs_arena_strndup(arena, name, strcspn(name, ":")) : NULL;
    cs_complaint_read(reply, root, root, NULL, bare, arena, out);
    if (bare != NULL)
        out->finish = cs_utf8_clean(arena, bare, strlen(bare), CS_OUTPUT_WORD_MAX);
    if (out->status == 0 && reply->status < 300)
        out->status = cs_statuses_of_word(out->finish);
}

static void read_reply(const struct cs_http_reply *reply, enum cs_form asked, struct cs_arena *arena,
                       struct cs_reading *out)
{
    static const char *const id_headers[] = {"x-amzn-requestid", NULL};
    struct cs_json *root = cs_read_begin(reply, id_headers, arena, out);
    const bool good = reply->status >= 200 && reply->status <= 299;
    const struct cs_json *error = cs_read_error_of(root); /* a gateway's */
    read_usage(cs_json_object_get(root, "usage"), out);
    if (reply->transfer == CS_TRANSFER_WHOLE &&
        (!good || (cs_json_object_get(root, "__type") != NULL && cs_json_object_get(root, "output") == NULL)))
        read_error(root, reply, arena, out);
    else if (error != NULL)
        read_error(error, reply, arena, out);
    else
        read_answer(root, asked, arena, out);
    cs_json_decref(root);
}

/* ---- the dialect ------------------------------------------------------------------------------- */

const struct cs_dialect_charge cs_dialect_bedrock_charge = {CS_CHARGE_BY_INPUT_AND_CAP, CS_CHARGE_BY_CAP, true};

const struct cs_dialect cs_dialect_bedrock = {
    .protocol = CS_PROTOCOL_BEDROCK_CONVERSE,
    .path = "/model/{model}/converse",
    .root = "",
    .auth_prefix = "Authorization: Bearer ",
    .formats = 1 << CS_FORM_JSON_SCHEMA | 1 << CS_FORM_TOOL | 1 << CS_FORM_NONE,
    .alternates = true,
    .prompt = put_prompt,
    .settings = put_settings,
    .keep = put_mark,
    .read = read_reply,
};
