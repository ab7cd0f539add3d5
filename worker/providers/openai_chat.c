/* OpenAI Chat Completions, as many servers speak it (facts: providers.md sections 2, 5, 9, 11). */
#include <jansson.h>
#include <string.h>

#include "worker/providers/provider.h"

static void read_usage(const json_t *usage, struct cs_reading *out)
{
    out->input_tokens = cs_read_count(json_object_get(usage, "prompt_tokens"));
    out->cached_tokens = cs_read_count(json_object_get(json_object_get(usage, "prompt_tokens_details"), "cached_tokens"));
    out->output_tokens = cs_read_count(json_object_get(usage, "completion_tokens"));
    out->reasoning_tokens = cs_read_count(
        json_object_get(json_object_get(usage, "completion_tokens_details"), "reasoning_tokens"));
}

/* choices[0] with a finish_reason: the end marker without which a body is not whole. */
static void read_answer(const json_t *root, struct cs_arena *arena, struct cs_reading *out)
{
    const json_t *choice = json_array_get(json_object_get(root, "choices"), 0);
    const json_t *message = json_object_get(choice, "message");
    const json_t *refusal = json_object_get(message, "refusal");
    out->finish = cs_read_text(json_object_get(choice, "finish_reason"), CS_OUTPUT_WORD_MAX, arena);
    if (!json_is_object(message) || out->finish[0] == '\0')
        return;
    const json_t *content = json_object_get(message, "content");
    out->says = CS_SAYS_ANSWER;
    out->outcome = CS_OUTCOME_ok;
    out->text = cs_read_text(content, CS_OUTPUT_TEXT_MAX, arena);
    if (json_is_string(refusal)) {
        out->outcome = CS_OUTCOME_refused;
        out->text = cs_read_text(refusal, CS_OUTPUT_TEXT_MAX, arena);
    } else if (strcmp(out->finish, "content_filter") == 0) {
        out->outcome = CS_OUTCOME_content_filtered;
    } else if (strcmp(out->finish, "length") == 0) {
        out->outcome = CS_OUTCOME_truncated;
    } else if (json_string_length(content) > CS_OUTPUT_TEXT_MAX) {
        out->outcome = CS_OUTCOME_unparsable; /* longer than an output can hold: what is kept is not whole */
    }
    out->model = cs_read_text(json_object_get(root, "model"), CS_OUTPUT_WORD_MAX, arena);
    out->fingerprint = cs_read_text(json_object_get(root, "system_fingerprint"), CS_OUTPUT_WORD_MAX, arena);
    read_usage(json_object_get(root, "usage"), out);
}

static void read_reply(const struct cs_http_reply *reply, struct cs_arena *arena, struct cs_reading *out)
{
    static const char *const id_headers[] = {"x-request-id", "apim-request-id", "request-id", NULL};
    json_t *root = cs_read_begin(reply, id_headers, arena, out);
    const json_t *error = json_object_get(root, "error");
    if (json_is_object(error) || json_is_string(error))
        cs_read_openai_error(error, arena, out);
    else
        read_answer(root, arena, out);
    json_decref(root);
}

const struct cs_provider cs_provider_openai_chat = {
    .protocol = CS_PROTOCOL_OPENAI_CHAT,
    .path = "/chat/completions",
    .root = "/v1",
    .auth_prefix = "Authorization: Bearer ",
    .read = read_reply,
};
