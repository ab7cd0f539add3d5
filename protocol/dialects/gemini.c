/* Google Gemini, generateContent. The model is in the URL and not in the body; a trial's digest names it all the same. */
#include <ctype.h>
#include <string.h>

#include "protocol/dialects/body.h"

static void put_part(struct cs_buf *out, const struct cs_buf *text)
{
    cs_buf_str(out, "\"parts\":[{");
    cs_body_text(out, "text", cs_buf_cstr(text), text->len);
    cs_buf_str(out, "}]}");
}

static void put_prompt(const struct cs_model *m, const struct cs_prompt *p, struct cs_buf *out)
{
    (void)m;
    if (p->system.len > 0) {
        cs_buf_str(out, "\"systemInstruction\":{");
        put_part(out, &p->system);
        cs_buf_char(out, ',');
    }
    cs_buf_str(out, "\"contents\":[{\"role\":\"user\",");
    put_part(out, &p->user);
    cs_buf_char(out, ']');
}

/* "low" -> "LOW", as the enum has it. */
static void put_level(json_t *root, const json_t *value)
{
    char word[32];
    size_t n = 0;
    for (const char *s = json_string_value(value); *s != '\0' && n < sizeof word - 1; s++)
        word[n++] = (char)toupper((unsigned char)*s);
    word[n] = '\0';
    cs_body_set(root, "generationConfig.thinkingConfig.thinkingLevel", json_string(word));
}

static const struct cs_body_rule rules[] = {
    {"temperature", "generationConfig.temperature", CS_RULE_NUMBER, 0, 2, NULL},
    {"top_p", "generationConfig.topP", CS_RULE_NUMBER, 0, 1, NULL},
    {"top_k", "generationConfig.topK", CS_RULE_INTEGER, 1, 1e9, NULL},
    {"seed", "generationConfig.seed", CS_RULE_INTEGER, -2147483648.0, 2147483647.0, NULL},
    {"reasoning_effort", "generationConfig.thinkingConfig.thinkingLevel", CS_RULE_WORD, 0, 0, put_level},
    {"thinking_budget", "generationConfig.thinkingConfig.thinkingBudget", CS_RULE_INTEGER, -1, 1e9, NULL},
    {"logprobs", "generationConfig.responseLogprobs", CS_RULE_BOOLEAN, 0, 0, NULL},
    {"top_logprobs", "generationConfig.logprobs", CS_RULE_INTEGER, 0, 20, NULL},
    {"stop_sequences", "generationConfig.stopSequences", CS_RULE_ANY, 0, 0, NULL},
    {"presence_penalty", "generationConfig.presencePenalty", CS_RULE_NUMBER, -2, 2, NULL},
    {"frequency_penalty", "generationConfig.frequencyPenalty", CS_RULE_NUMBER, -2, 2, NULL},
    {"service_tier", "serviceTier", CS_RULE_WORD, 0, 0, NULL},
    {"safety_settings", "safetySettings", CS_RULE_ANY, 0, 0, NULL},
};

static void put_format(const struct cs_settings_of *of, json_t *root)
{
    json_t *schema = cs_body_schema(of, true);
    if (schema == NULL)
        return;
    cs_body_set(root, "generationConfig.responseMimeType", json_string("application/json"));
    if (of->account->response_format == CS_FORM_JSON_SCHEMA)
        cs_body_set(root, "generationConfig.responseJsonSchema", json_incref(schema));
    json_decref(schema);
}

static enum cs_err put_settings(struct cs_settings_of *of, struct cs_buf *out, struct cs_error *err)
{
    json_t *root = json_object();
    enum cs_err rc = cs_body_parameters(of, rules, sizeof rules / sizeof rules[0], root, err);
    if (rc == CS_OK) {
        if (of->parameters->max_output_tokens > 0)
            cs_body_set(root, "generationConfig.maxOutputTokens", json_integer(of->parameters->max_output_tokens));
        put_format(of, root);
        cs_body_members(root, out);
    }
    json_decref(root);
    return rc;
}

const struct cs_dialect cs_dialect_gemini = {
    .formats = 1 << CS_FORM_JSON_SCHEMA | 1 << CS_FORM_JSON_OBJECT | 1 << CS_FORM_NONE,
    .prompt = put_prompt,
    .settings = put_settings,
};
