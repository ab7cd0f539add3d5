/* OpenAI Responses (facts: providers.md sections 3 and 5). */
#include <jansson.h>
#include <string.h>

#include "worker/providers/provider.h"

static bool is(const json_t *v, const char *word)
{
    return json_is_string(v) && strcmp(json_string_value(v), word) == 0;
}

/* output[].content[]: texts joined; a part of type refusal makes it a refusal. Reasoning items have no content of these types. */
static void read_output(const json_t *output, struct cs_buf *text, struct cs_buf *refusal)
{
    size_t i, k;
    const json_t *item, *part;
    json_array_foreach(output, i, item)
    {
        const json_t *content = json_object_get(item, "content");
        json_array_foreach(content, k, part)
        {
            if (is(json_object_get(part, "type"), "output_text"))
                cs_read_piece(text, json_object_get(part, "text"));
            else if (is(json_object_get(part, "type"), "refusal"))
                cs_read_piece(refusal, json_object_get(part, "refusal"));
        }
    }
}

/* Of the first part of text that has them. */
static void read_logprobs(const json_t *output, struct cs_arena *arena, struct cs_reading *out)
{
    size_t i, k;
    const json_t *item, *part;
    json_array_foreach(output, i, item)
    {
        const json_t *content = json_object_get(item, "content");
        json_array_foreach(content, k, part)
        {
            if (out->logprob_tokens == 0)
                cs_read_logprobs(json_object_get(part, "logprobs"), "logprob", NULL, arena, out);
        }
    }
}

static void read_usage(const json_t *usage, struct cs_reading *out)
{
    out->input_tokens = cs_read_count(json_object_get(usage, "input_tokens"));
    out->cached_tokens = cs_read_count(
        json_object_get(json_object_get(usage, "input_tokens_details"), "cached_tokens"));
    out->output_tokens = cs_read_count(json_object_get(usage, "output_tokens"));
    out->reasoning_tokens = cs_read_count(
        json_object_get(json_object_get(usage, "output_tokens_details"), "reasoning_tokens"));
}

/* The end marker is the status: completed or incomplete. */
static void read_answer(const json_t *root, struct cs_arena *arena, struct cs_reading *out)
{
    const json_t *status = json_object_get(root, "status");
    const json_t *reason = json_object_get(json_object_get(root, "incomplete_details"), "reason");
    const bool incomplete = is(status, "incomplete");
    if ((!is(status, "completed") && !incomplete) || !json_is_array(json_object_get(root, "output")))
        return;
    struct cs_buf text = CS_BUF_INIT(SIZE_MAX), refusal = CS_BUF_INIT(SIZE_MAX);
    read_output(json_object_get(root, "output"), &text, &refusal);
    out->says = CS_SAYS_ANSWER;
    out->finish = cs_read_text(incomplete && json_is_string(reason) ? reason : status, CS_OUTPUT_WORD_MAX, arena);
    if (refusal.len > 0)
        out->outcome = CS_OUTCOME_refused;
    else if (incomplete)
        out->outcome = is(reason, "content_filter") ? CS_OUTCOME_content_filtered : CS_OUTCOME_truncated;
    cs_read_answer(refusal.len > 0 ? &refusal : &text, arena, out);
    out->model = cs_read_text(json_object_get(root, "model"), CS_OUTPUT_WORD_MAX, arena);
    read_usage(json_object_get(root, "usage"), out);
    read_logprobs(json_object_get(root, "output"), arena, out);
    cs_buf_release(&text);
    cs_buf_release(&refusal);
}

/* A 200 whose status is failed: a policy that the prompt ran into is a filter, all else a fault of the provider. */
static void read_failure(const json_t *error, struct cs_arena *arena, struct cs_reading *out)
{
    const json_t *code = json_object_get(error, "code");
    cs_read_openai_error(error, arena, out);
    if (is(code, "invalid_prompt") || is(code, "bio_policy"))
        out->says = CS_SAYS_FILTERED;
}

static void read_reply(const struct cs_http_reply *reply, struct cs_arena *arena, struct cs_reading *out)
{
    static const char *const id_headers[] = {"x-request-id", "apim-request-id", NULL};
    json_t *root = cs_read_begin(reply, id_headers, arena, out);
    const json_t *error = json_object_get(root, "error");
    if (is(json_object_get(root, "status"), "failed"))
        read_failure(error, arena, out);
    else if (json_is_object(error) || json_is_string(error))
        cs_read_openai_error(error, arena, out);
    else
        read_answer(root, arena, out);
    json_decref(root);
}

const struct cs_provider cs_provider_openai_responses = {
    .protocol = CS_PROTOCOL_OPENAI_RESPONSES,
    .path = "/responses",
    .root = "/v1",
    .auth_prefix = "Authorization: Bearer ",
    .read = read_reply,
};
