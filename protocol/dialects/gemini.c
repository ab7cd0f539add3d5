/* Google Gemini, generateContent (facts: providers.md section 8). The model is in the URL and not in the body; a trial's digest
 * names it all the same. */
#include <ctype.h>
#include <string.h>

#include "protocol/base/json.h"
#include "protocol/dialects/body.h"
#include "protocol/dialects/replies/complaint.h"
#include "protocol/dialects/dialect.h"
#include "protocol/dialects/logprobs.h"
#include "protocol/dialects/members.h"
#include "protocol/dialects/replies/read.h"
#include "protocol/dialects/replies/usage.h"
#include "protocol/study/answer.h"

/* ---- what is sent ------------------------------------------------------------------------------ */

static void put_part(struct cs_buf *out, const char *text, size_t n)
{
    cs_buf_str(out, "\"parts\":[{");
    cs_body_text(out, "text", text, n);
    cs_buf_str(out, "}]}");
}

static void put_message(struct cs_buf *out, const char *role, const char *text, size_t n)
{
    cs_buf_str(out, "{\"role\":\"");
    cs_buf_str(out, role);
    cs_buf_str(out, "\",");
    put_part(out, text, n);
}

static void put_prompt(const struct cs_model *m, const struct cs_prompt *p, struct cs_buf *out)
{
    (void)m;
    if (p->system.len > 0) {
        cs_buf_str(out, "\"systemInstruction\":{");
        put_part(out, cs_buf_cstr(&p->system), p->system.len);
        cs_buf_char(out, ',');
    }
    cs_buf_str(out, "\"contents\":[");
    cs_body_messages(out, CS_PROTOCOL_GEMINI, p, "model", put_message);
    cs_buf_char(out, ']');
}

/* "low" -> "LOW", as the enum has it. */
static void put_level(struct cs_json *root, const struct cs_json *value)
{
    char word[32];
    size_t n = 0;
    for (const char *s = cs_json_string_value(value); *s != '\0' && n < sizeof word - 1; s++)
        word[n++] = (char)toupper((unsigned char)*s);
    word[n] = '\0';
    cs_body_set(root, "generationConfig.thinkingConfig.thinkingLevel", cs_json_string(word));
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

static void put_format(const struct cs_settings_of *of, struct cs_json *root)
{
    struct cs_json *schema = cs_body_schema(of, true);
    if (schema == NULL)
        return;
    cs_body_set(root, "generationConfig.responseMimeType", cs_json_string("application/json"));
    if (of->account->response_format == CS_FORM_JSON_SCHEMA)
        cs_body_set(root, "generationConfig.responseJsonSchema", cs_json_incref(schema));
    cs_json_decref(schema);
}

static enum cs_err put_settings(struct cs_settings_of *of, struct cs_buf *out, struct cs_error *err)
{
    struct cs_json *root = cs_json_object();
    enum cs_err rc = cs_body_parameters(of, rules, sizeof rules / sizeof rules[0], root, err);
    if (rc == CS_OK) {
        if (of->parameters->max_output_tokens > 0)
            cs_body_set(root, "generationConfig.maxOutputTokens", cs_json_integer(of->parameters->max_output_tokens));
        put_format(of, root);
        cs_members(root, out);
    }
    cs_json_decref(root);
    return rc;
}

/* ---- what comes back --------------------------------------------------------------------------- */

/* Gemini counts thoughts beside the answer's tokens. */
static void read_usage(const struct cs_json *usage, struct cs_reading *out)
{
    out->input_tokens = cs_usage_add(cs_read_count(cs_json_object_get(usage, "promptTokenCount")),
                                     cs_read_count(cs_json_object_get(usage, "toolUsePromptTokenCount")));
    out->cached_tokens = cs_read_count(cs_json_object_get(usage, "cachedContentTokenCount"));
    out->reasoning_tokens = cs_read_count(cs_json_object_get(usage, "thoughtsTokenCount"));
    out->output_tokens = cs_usage_add(cs_read_count(cs_json_object_get(usage, "candidatesTokenCount")),
                                      out->reasoning_tokens);
    cs_usage_total(cs_json_object_get(usage, "totalTokenCount"), out);
}

static void read_part(struct cs_json *part, struct cs_read_said *p)
{
    if (cs_json_is_true(cs_json_object_get(part, "thought")))
        cs_read_said_reason(p, cs_json_object_get(part, "text"));
    else
        cs_read_piece(&p->text, cs_json_object_get(part, "text"));
    if (cs_json_object_get(part, "functionCall") != NULL)
        cs_read_said_call(p, cs_json_object_get(part, "functionCall"));
}

static bool says_nothing(const struct cs_json *candidate)
{
    return cs_json_array_size(cs_json_object_get(cs_json_object_get(candidate, "content"), "parts")) == 0;
}

/* What ended it. A prompt that was blocked says so, and has no candidate, or one that says nothing. A whole reply without any candidate
 * is one that the model did not answer: asked again, it would not either. */
static void read_why(const struct cs_json *root, const struct cs_json *candidate, struct cs_arena *arena,
                     struct cs_reading *out)
{
    const struct cs_json *blocked = cs_json_object_get(cs_json_object_get(root, "promptFeedback"), "blockReason");
    cs_ends_read(cs_json_object_get(candidate, "finishReason"), arena, out);
    if (cs_json_string_length(blocked) > 0 && !cs_read_is(blocked, "BLOCK_REASON_UNSPECIFIED") &&
        (candidate == NULL || says_nothing(candidate))) {
        out->says = CS_SAYS_ANSWER;
        out->outcome = CS_OUTCOME_content_filtered;
        out->finish = cs_read_text(blocked, CS_OUTPUT_WORD_MAX, arena);
        out->cause = "";
    } else if (candidate == NULL && cs_json_is_object(cs_json_object_get(root, "usageMetadata"))) {
        out->says = CS_SAYS_ANSWER;
        out->outcome = CS_OUTCOME_unparsable;
        out->finish = "no candidates";
        out->cause = cs_answer_fault_name(CS_ANSWER_ENDED);
    }
}

/* There may be no content, or content without parts: thinking has then eaten the cap, or a filter the answer. */
static void read_answer(const struct cs_json *root, enum cs_form asked, struct cs_arena *arena, struct cs_reading *out)
{
    struct cs_read_said p = CS_READ_SAID_INIT;
    const struct cs_json *candidate = cs_json_array_get(cs_json_object_get(root, "candidates"), 0);
    const struct cs_json *parts = cs_json_object_get(cs_json_object_get(candidate, "content"), "parts");
    const struct cs_json *logprobs = cs_json_object_get(candidate, "logprobsResult");
    struct cs_json *part;
    size_t i;
    read_why(root, candidate, arena, out);
    if (candidate == NULL && out->says == CS_SAYS_NOTHING) {
        cs_read_nothing(root, "the reply has no candidates", arena, out);
        return;
    }
    cs_json_array_foreach((struct cs_json *)(uintptr_t)parts, i, part) read_part(part, &p);
    cs_read_take(&p, asked, arena, out);
    cs_dialect_logprobs_read(cs_json_object_get(logprobs, "chosenCandidates"), "logProbability",
                             cs_json_object_get(logprobs, "topCandidates"), arena, out);
    out->model = cs_read_text(cs_json_object_get(root, "modelVersion"), CS_OUTPUT_WORD_MAX, arena);
    cs_read_said_release(&p);
}

static void read_reply(const struct cs_http_reply *reply, enum cs_form asked, struct cs_arena *arena,
                       struct cs_reading *out)
{
    static const char *const id_headers[] = {"x-request-id", NULL}; /* Google sends none, a gateway may */
    struct cs_json *root = cs_read_begin(reply, id_headers, arena, out);
    const struct cs_json *error = cs_read_error_of(root);
    read_usage(cs_json_object_get(root, "usageMetadata"), out);
    if (error != NULL || !cs_read_is_good(reply))
        cs_complaint_read(reply, root, error != NULL ? error : root, "status", NULL, arena, out);
    else
        read_answer(root, asked, arena, out);
    cs_read_response_id(cs_json_object_get(root, "responseId"), arena, out);
    cs_json_decref(root);
}

/* ---- the dialect ------------------------------------------------------------------------------- */

const struct cs_dialect_charge cs_dialect_gemini_charge = {CS_CHARGE_BY_INPUT, CS_CHARGE_BY_CAP, false};

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
