/* Anthropic Messages. There is no seed and no logprobs, and a cap must be given. */
#include <string.h>

#include "protocol/dialects/body.h"

enum { BUDGET_MIN = 1024 };

static void put_prompt(const struct cs_model *m, const struct cs_prompt *p, struct cs_buf *out)
{
    cs_body_text(out, "model", m->model, strlen(m->model));
    if (p->system.len > 0) {
        cs_buf_char(out, ',');
        cs_body_text(out, "system", cs_buf_cstr(&p->system), p->system.len);
    }
    cs_buf_str(out, ",\"messages\":[{\"role\":\"user\",");
    cs_body_text(out, "content", cs_buf_cstr(&p->user), p->user.len);
    cs_buf_str(out, "}]");
}

static void put_budget(json_t *root, const json_t *value)
{
    const json_int_t n = json_integer_value(value);
    cs_body_set(root, "thinking",
                n == 0 ? json_pack("{s:s}", "type", "disabled")
                       : json_pack("{s:s,s:I}", "type", "enabled", "budget_tokens", n));
}

static const struct cs_body_rule rules[] = {
    {"temperature", "temperature", CS_RULE_NUMBER, 0, 1, NULL},
    {"top_p", "top_p", CS_RULE_NUMBER, 0, 1, NULL},
    {"top_k", "top_k", CS_RULE_INTEGER, 1, 1e9, NULL},
    {"reasoning_effort", "output_config.effort", CS_RULE_WORD, 0, 0, NULL},
    {"thinking_budget", "thinking", CS_RULE_INTEGER, 0, 1e9, put_budget},
    {"thinking", "thinking", CS_RULE_ANY, 0, 0, NULL},
    {"stop_sequences", "stop_sequences", CS_RULE_ANY, 0, 0, NULL},
    {"service_tier", "service_tier", CS_RULE_WORD, 0, 0, NULL},
    {"inference_geo", "inference_geo", CS_RULE_WORD, 0, 0, NULL},
};

static enum cs_err check_caps(struct cs_settings_of *of, const json_t *root, struct cs_error *err)
{
    const uint32_t cap = of->parameters->max_output_tokens;
    const json_t *budget = json_object_get(json_object_get(root, "thinking"), "budget_tokens");
    if (cap == 0) {
        memcpy(of->culprit, "max_output_tokens", 18);
        return cs_error_set(err, CS_EINVAL,
                            "anthropic-messages wants a cap; write max_output_tokens: N in the parameters");
    }
    if (budget == NULL || (json_integer_value(budget) >= BUDGET_MIN && json_integer_value(budget) < cap))
        return CS_OK;
    memcpy(of->culprit, "thinking_budget", 16);
    return cs_error_set(err, CS_EINVAL, "thinking_budget must be 0, or from %d to below max_output_tokens (%u)",
                        BUDGET_MIN, cap);
}

static void put_format(const struct cs_settings_of *of, json_t *root)
{
    const bool tool = of->account->response_format == CS_FORM_TOOL;
    json_t *schema = cs_body_schema(of, tool);
    if (schema == NULL)
        return;
    if (!tool) {
        cs_body_set(root, "output_config.format", json_pack("{s:s,s:o}", "type", "json_schema", "schema", schema));
        return;
    }
    const char *name = cs_body_question(of);
    cs_body_set(root, "tools",
                json_pack("[{s:s,s:s,s:o}]", "name", name, "description", "Gives the answer.", "input_schema", schema));
    cs_body_set(root, "tool_choice", json_pack("{s:s,s:s}", "type", "tool", "name", name));
}

static enum cs_err put_settings(struct cs_settings_of *of, struct cs_buf *out, struct cs_error *err)
{
    json_t *root = json_object();
    enum cs_err rc = cs_body_parameters(of, rules, sizeof rules / sizeof rules[0], root, err);
    if (rc == CS_OK)
        rc = check_caps(of, root, err);
    if (rc == CS_OK) {
        cs_body_set(root, "max_tokens", json_integer(of->parameters->max_output_tokens));
        put_format(of, root);
        cs_body_members(root, out);
    }
    json_decref(root);
    return rc;
}

const struct cs_dialect cs_dialect_anthropic = {
    .formats = 1 << CS_FORM_JSON_SCHEMA | 1 << CS_FORM_TOOL | 1 << CS_FORM_NONE,
    .prompt = put_prompt,
    .settings = put_settings,
};
