/* OpenAI Responses. `store` is true there unless one says otherwise, and texts about patients are not to be kept. */
#include <string.h>

#include "protocol/dialects/body.h"

enum { CAP_MIN = 16 };

static void put_prompt(const struct cs_model *m, const struct cs_prompt *p, struct cs_buf *out)
{
    cs_body_text(out, "model", m->model, strlen(m->model));
    if (p->system.len > 0) {
        cs_buf_char(out, ',');
        cs_body_text(out, "instructions", cs_buf_cstr(&p->system), p->system.len);
    }
    cs_buf_str(out, ",\"input\":[{\"role\":\"user\",");
    cs_body_text(out, "content", cs_buf_cstr(&p->user), p->user.len);
    cs_buf_str(out, "}],\"store\":false");
}

static void put_logprobs(json_t *root, const json_t *value)
{
    if (json_is_true(value))
        cs_body_set(root, "include", json_pack("[s]", "message.output_text.logprobs"));
}

static const struct cs_body_rule rules[] = {
    {"temperature", "temperature", CS_RULE_NUMBER, 0, 2, NULL},
    {"top_p", "top_p", CS_RULE_NUMBER, 0, 1, NULL},
    {"reasoning_effort", "reasoning.effort", CS_RULE_WORD, 0, 0, NULL},
    {"logprobs", "include", CS_RULE_BOOLEAN, 0, 0, put_logprobs},
    {"top_logprobs", "top_logprobs", CS_RULE_INTEGER, 0, 20, NULL},
    {"verbosity", "text.verbosity", CS_RULE_WORD, 0, 0, NULL},
    {"service_tier", "service_tier", CS_RULE_WORD, 0, 0, NULL},
    {"truncation", "truncation", CS_RULE_WORD, 0, 0, NULL},
    {"prompt_cache_key", "prompt_cache_key", CS_RULE_WORD, 0, 0, NULL},
    {"safety_identifier", "safety_identifier", CS_RULE_WORD, 0, 0, NULL},
};

static void put_format(const struct cs_settings_of *of, json_t *root)
{
    json_t *schema = cs_body_schema(of, true);
    if (schema == NULL)
        return;
    if (of->account->response_format == CS_FORM_JSON_OBJECT) {
        json_decref(schema);
        cs_body_set(root, "text.format", json_pack("{s:s}", "type", "json_object"));
    } else {
        cs_body_set(root, "text.format",
                    json_pack("{s:s,s:s,s:b,s:o}", "type", "json_schema", "name", cs_body_question(of), "strict", 1,
                              "schema", schema));
    }
}

static enum cs_err put_settings(struct cs_settings_of *of, struct cs_buf *out, struct cs_error *err)
{
    json_t *root = json_object();
    const uint32_t cap = of->parameters->max_output_tokens;
    enum cs_err rc = cs_body_parameters(of, rules, sizeof rules / sizeof rules[0], root, err);
    if (rc == CS_OK && cap > 0 && cap < CAP_MIN) {
        memcpy(of->culprit, "max_output_tokens", 18);
        rc = cs_error_set(err, CS_EINVAL, "openai-responses wants a max_output_tokens of at least %d", CAP_MIN);
    }
    if (rc == CS_OK && cap > 0)
        cs_body_set(root, "max_output_tokens", json_integer(cap));
    if (rc == CS_OK) {
        put_format(of, root);
        cs_body_members(root, out);
    }
    json_decref(root);
    return rc;
}

const struct cs_dialect cs_dialect_openai_responses = {
    .formats = 1 << CS_FORM_JSON_SCHEMA | 1 << CS_FORM_JSON_OBJECT | 1 << CS_FORM_NONE,
    .prompt = put_prompt,
    .settings = put_settings,
};
