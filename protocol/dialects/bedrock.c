/* AWS Bedrock Converse. The model is in the URL and not in the body; a trial's digest names it all the same. Without a cap Bedrock
 * reserves the model's maximum from the account's quota for every call, so one is wanted. */
#include <stdlib.h>
#include <string.h>

#include "protocol/base/assert.h"
#include "protocol/dialects/body.h"

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
        cs_body_members(root, out);
    }
    json_decref(root);
    return rc;
}

const struct cs_dialect cs_dialect_bedrock = {
    .formats = 1 << CS_FORM_JSON_SCHEMA | 1 << CS_FORM_TOOL | 1 << CS_FORM_NONE,
    .prompt = put_prompt,
    .settings = put_settings,
};
