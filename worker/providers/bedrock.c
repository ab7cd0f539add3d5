/* AWS Bedrock Converse with an API key (facts: providers.md section 10). */
#include <jansson.h>
#include <string.h>

#include "worker/providers/provider.h"

static const struct {
    const char *reason;
    enum cs_outcome outcome;
} ends[] = {
    {"end_turn", CS_OUTCOME_ok},
    {"stop_sequence", CS_OUTCOME_ok},
    {"tool_use", CS_OUTCOME_ok},
    {"max_tokens", CS_OUTCOME_truncated},
    {"model_context_window_exceeded", CS_OUTCOME_truncated},
    {"content_filtered", CS_OUTCOME_content_filtered},
    {"guardrail_intervened", CS_OUTCOME_content_filtered},
    {"refusal", CS_OUTCOME_refused}, /* not in AWS' list, but what Claude says elsewhere */
};

/* Bedrock's inputTokens leave out what went through the cache. The model that served is not told. */
static void read_usage(const json_t *usage, struct cs_reading *out)
{
    out->cached_tokens = cs_read_count(json_object_get(usage, "cacheReadInputTokens"));
    out->input_tokens = cs_read_count(json_object_get(usage, "inputTokens")) + out->cached_tokens +
                        cs_read_count(json_object_get(usage, "cacheWriteInputTokens"));
    out->output_tokens = cs_read_count(json_object_get(usage, "outputTokens"));
}

/* The end marker is stopReason. */
static void read_answer(const json_t *root, struct cs_arena *arena, struct cs_reading *out)
{
    struct cs_buf text = CS_BUF_INIT(SIZE_MAX);
    const char *reason = json_string_value(json_object_get(root, "stopReason"));
    const json_t *message = json_object_get(json_object_get(root, "output"), "message"), *block;
    const json_t *content = json_object_get(message, "content");
    size_t i, end = 0;
    if (reason == NULL || !json_is_object(message))
        return;
    while (end < sizeof ends / sizeof *ends && strcmp(reason, ends[end].reason) != 0)
        end++;
    const bool known = end < sizeof ends / sizeof *ends;
    out->says = known ? CS_SAYS_ANSWER : CS_SAYS_ERROR; /* malformed_model_output, ... */
    out->outcome = known ? ends[end].outcome : CS_OUTCOME_ok;
    out->finish = cs_read_text(json_object_get(root, "stopReason"), CS_OUTPUT_WORD_MAX, arena);
    json_array_foreach(content, i, block)
    {
        cs_read_piece(&text, json_object_get(block, "text"));
        cs_read_piece(&text, json_object_get(json_object_get(block, "toolUse"), "input"));
    }
    cs_read_answer(&text, arena, out);
    read_usage(json_object_get(root, "usage"), out);
    cs_buf_release(&text);
}

/* {"message":"..."}, its name in a header: "ThrottlingException:http://..." */
static void read_error(const json_t *root, const struct cs_http_reply *reply, struct cs_arena *arena,
                       struct cs_reading *out)
{
    const char *name = cs_header(reply->headers, "x-amzn-errortype", arena);
    const json_t *message = json_object_get(root, "message");
    if (message == NULL)
        message = json_object_get(root, "Message"); /* the front door writes it so */
    if (name != NULL)
        out->finish = cs_clean_text(arena, name, strcspn(name, ":"), CS_OUTPUT_WORD_MAX);
    if (root != NULL)
        out->text = cs_read_text(message, CS_ERROR_TEXT_MAX, arena);
    out->says = CS_SAYS_ERROR;
    if (strcmp(out->finish, "ServiceQuotaExceededException") == 0) /* AWS raises it when asked to */
        out->says = CS_SAYS_NO_MONEY;
    else if (strstr(out->text, "model identifier is invalid") != NULL)
        out->says = CS_SAYS_NO_MODEL;
    else if (strcmp(out->finish, "ThrottlingException") == 0 && strstr(out->text, "per day") != NULL)
        out->says = CS_SAYS_DAY_USED;
}

static void read_reply(const struct cs_http_reply *reply, struct cs_arena *arena, struct cs_reading *out)
{
    static const char *const id_headers[] = {"x-amzn-requestid", NULL};
    json_t *root = cs_read_begin(reply, id_headers, arena, out);
    if (reply->transfer == CS_TRANSFER_WHOLE && (reply->status < 200 || reply->status > 299))
        read_error(root, reply, arena, out);
    else
        read_answer(root, arena, out);
    json_decref(root);
}

const struct cs_provider cs_provider_bedrock = {
    .protocol = CS_PROTOCOL_BEDROCK_CONVERSE,
    .path = "/model/{model}/converse",
    .root = "",
    .auth_prefix = "Authorization: Bearer ",
    .read = read_reply,
};
