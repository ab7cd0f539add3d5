/* Google Gemini, generateContent (facts: providers.md section 8). The model is in the URL and not in the body; a trial's digest
 * names it all the same. */
#include <ctype.h>
#include <jansson.h>
#include <string.h>

#include "protocol/dialects/body.h"
#include "protocol/dialects/complaint.h"
#include "protocol/dialects/dialect.h"
#include "protocol/dialects/logprobs.h"
#include "protocol/dialects/members.h"
#include "protocol/dialects/read.h"
#include "protocol/dialects/retry_after.h"

/* ---- what is sent ------------------------------------------------------------------------------ */

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
    {"STOP", CS_OUTCOME_ok},
    {"MAX_TOKENS", CS_OUTCOME_truncated},
    {"SAFETY", CS_OUTCOME_content_filtered},
    {"RECITATION", CS_OUTCOME_content_filtered},
    {"BLOCKLIST", CS_OUTCOME_content_filtered},
    {"PROHIBITED_CONTENT", CS_OUTCOME_content_filtered},
    {"SPII", CS_OUTCOME_content_filtered},
};

/* Gemini counts thoughts beside the answer's tokens. */
static void read_usage(const json_t *usage, struct cs_reading *out)
{
    out->input_tokens = cs_read_count(json_object_get(usage, "promptTokenCount"));
    out->cached_tokens = cs_read_count(json_object_get(usage, "cachedContentTokenCount"));
    out->reasoning_tokens = cs_read_count(json_object_get(usage, "thoughtsTokenCount"));
    out->output_tokens = cs_read_count(json_object_get(usage, "candidatesTokenCount")) + out->reasoning_tokens;
}

/* There may be no content, or content without parts: thinking has then eaten the cap, or a filter the answer. */
static void read_candidate(const json_t *candidate, struct cs_arena *arena, struct cs_reading *out)
{
    struct cs_buf text = CS_BUF_INIT(SIZE_MAX);
    const json_t *reason = json_object_get(candidate, "finishReason"), *part;
    const json_t *parts = json_object_get(json_object_get(candidate, "content"), "parts");
    size_t i, end = 0;
    while (end < sizeof ends / sizeof *ends && !cs_read_is(reason, ends[end].reason))
        end++;
    const bool known = end < sizeof ends / sizeof *ends;
    out->says = known ? CS_SAYS_ANSWER : CS_SAYS_ERROR; /* OTHER, MALFORMED_RESPONSE, ... */
    out->outcome = known ? ends[end].outcome : CS_OUTCOME_ok;
    out->finish = cs_read_text(reason, CS_OUTPUT_WORD_MAX, arena);
    json_array_foreach(parts, i, part)
    {
        if (!json_is_true(json_object_get(part, "thought")))
            cs_read_piece(&text, json_object_get(part, "text"));
    }
    cs_read_answer(&text, arena, out);
    const json_t *logprobs = json_object_get(candidate, "logprobsResult");
    cs_logprobs_read(json_object_get(logprobs, "chosenCandidates"), "logProbability",
                     json_object_get(logprobs, "topCandidates"), arena, out);
    cs_buf_release(&text);
}

/* The end marker is finishReason; a prompt that was blocked has no candidate and says so. */
static void read_answer(const json_t *root, struct cs_arena *arena, struct cs_reading *out)
{
    const json_t *candidate = json_array_get(json_object_get(root, "candidates"), 0);
    const json_t *blocked = json_object_get(json_object_get(root, "promptFeedback"), "blockReason");
    if (json_is_string(json_object_get(candidate, "finishReason"))) {
        read_candidate(candidate, arena, out);
    } else if (candidate == NULL && json_is_string(blocked)) {
        out->says = CS_SAYS_ANSWER;
        out->outcome = CS_OUTCOME_content_filtered;
        out->finish = cs_read_text(blocked, CS_OUTPUT_WORD_MAX, arena);
    } else {
        return;
    }
    out->model = cs_read_text(json_object_get(root, "modelVersion"), CS_OUTPUT_WORD_MAX, arena);
    read_usage(json_object_get(root, "usageMetadata"), out);
}

static void read_error(const struct cs_http_reply *reply, const json_t *root, const json_t *error,
                       struct cs_arena *arena, struct cs_reading *out)
{
    cs_complaint_read(reply, root, error, NULL, arena, out);
    out->finish = cs_read_text(json_object_get(error, "status"), CS_OUTPUT_WORD_MAX, arena);
}

static void read_reply(const struct cs_http_reply *reply, struct cs_arena *arena, struct cs_reading *out)
{
    static const char *const id_headers[] = {"x-request-id", NULL}; /* Google sends none, a gateway may */
    json_t *root = cs_read_begin(reply, id_headers, arena, out);
    const json_t *first = json_is_array(root) ? json_array_get(root, 0) : root; /* some gateways send a list */
    const json_t *error = json_object_get(first, "error");
    const bool said = json_is_object(error) || json_is_string(error);
    if (said || !cs_read_is_good(reply))
        read_error(reply, root, said ? error : first, arena, out);
    else
        read_answer(root, arena, out);
    if (out->request_id[0] == '\0')
        out->request_id = cs_read_text(json_object_get(root, "responseId"), CS_OUTPUT_WORD_MAX, arena);
    json_decref(root);
}

/* ---- the dialect ------------------------------------------------------------------------------- */

const struct cs_dialect_charge cs_dialect_charge_gemini = {CS_CHARGE_BY_INPUT, CS_CHARGE_BY_CAP, false};

const struct cs_dialect cs_dialect_gemini = {
    .protocol = CS_PROTOCOL_GEMINI,
    .path = "/models/{model}:generateContent",
    .root = "/v1beta",
    .auth_prefix = "x-goog-api-key: ",
    .formats = 1 << CS_FORM_JSON_SCHEMA | 1 << CS_FORM_JSON_OBJECT | 1 << CS_FORM_NONE,
    .prompt = put_prompt,
    .settings = put_settings,
    .read = read_reply,
};
