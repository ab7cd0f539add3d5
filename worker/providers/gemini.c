/* Google Gemini, generateContent (facts: providers.md section 8). */
#include <jansson.h>
#include <string.h>

#include "worker/providers/provider.h"

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

static bool is(const json_t *v, const char *word)
{
    return json_is_string(v) && strcmp(json_string_value(v), word) == 0;
}

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
    while (end < sizeof ends / sizeof *ends && !is(reason, ends[end].reason))
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
    cs_read_logprobs(json_object_get(logprobs, "chosenCandidates"), "logProbability",
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

/* Of the details of an error: how long to wait, and whether waiting helps (not for a quota of the day, a key that is none, a
 * region or a bill: the first come as 429, the others as 400). */
static void read_details(const json_t *error, struct cs_reading *out)
{
    const json_t *details = json_object_get(error, "details"), *detail, *violation;
    size_t i, k;
    if (is(json_object_get(error, "status"), "FAILED_PRECONDITION")) /* region, or no billing: not to be told apart */
        out->says = CS_SAYS_NO_KEY;
    json_array_foreach(details, i, detail)
    {
        const json_t *delay = json_object_get(detail, "retryDelay"), *list = json_object_get(detail, "violations");
        if (json_is_string(delay) && out->wait_ms == CS_NO_HINT)
            out->wait_ms = cs_duration_ms(json_string_value(delay));
        if (is(json_object_get(detail, "reason"), "API_KEY_INVALID"))
            out->says = CS_SAYS_NO_KEY;
        json_array_foreach(list, k, violation)
        {
            const char *id = json_string_value(json_object_get(violation, "quotaId"));
            if (id != NULL && strstr(id, "PerDay") != NULL)
                out->says = CS_SAYS_DAY_USED;
        }
    }
}

static void read_error(const json_t *error, struct cs_arena *arena, struct cs_reading *out)
{
    out->says = CS_SAYS_ERROR;
    out->text = cs_read_text(json_is_string(error) ? error : json_object_get(error, "message"), CS_ERROR_TEXT_MAX,
                             arena);
    out->finish = cs_read_text(json_object_get(error, "status"), CS_OUTPUT_WORD_MAX, arena);
    read_details(error, out);
    if (out->wait_ms == CS_NO_HINT)
        out->wait_ms = cs_wait_in_text(out->text);
}

static void read_reply(const struct cs_http_reply *reply, struct cs_arena *arena, struct cs_reading *out)
{
    static const char *const id_headers[] = {"x-request-id", NULL}; /* Google sends none, a gateway may */
    json_t *root = cs_read_begin(reply, id_headers, arena, out);
    const json_t *error = json_object_get(root, "error");
    if (json_is_object(error) || json_is_string(error))
        read_error(error, arena, out);
    else
        read_answer(root, arena, out);
    if (out->request_id[0] == '\0')
        out->request_id = cs_read_text(json_object_get(root, "responseId"), CS_OUTPUT_WORD_MAX, arena);
    json_decref(root);
}

const struct cs_provider cs_provider_gemini = {
    .protocol = CS_PROTOCOL_GEMINI,
    .path = "/models/{model}:generateContent",
    .root = "/v1beta",
    .auth_prefix = "x-goog-api-key: ",
    .read = read_reply,
};
