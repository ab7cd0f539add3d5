/* Anthropic Messages (facts: providers.md section 6). */
#include <jansson.h>
#include <string.h>

#include "worker/providers/provider.h"

static const struct {
    const char *reason;
    enum cs_outcome outcome;
} ends[] = {
    {"end_turn", CS_OUTCOME_ok},     {"stop_sequence", CS_OUTCOME_ok},
    {"tool_use", CS_OUTCOME_ok},     {"max_tokens", CS_OUTCOME_truncated},
    {"refusal", CS_OUTCOME_refused}, {"model_context_window_exceeded", CS_OUTCOME_truncated},
};

static bool is(const json_t *v, const char *word)
{
    return json_is_string(v) && strcmp(json_string_value(v), word) == 0;
}

static void read_content(const json_t *content, struct cs_buf *text)
{
    size_t i;
    const json_t *block;
    json_array_foreach(content, i, block)
    {
        if (is(json_object_get(block, "type"), "text"))
            cs_read_piece(text, json_object_get(block, "text"));
        else if (is(json_object_get(block, "type"), "tool_use"))
            cs_read_piece(text, json_object_get(block, "input"));
    }
}

/* Anthropic's input_tokens leave out what went through the cache. */
static void read_usage(const json_t *usage, struct cs_reading *out)
{
    out->cached_tokens = cs_read_count(json_object_get(usage, "cache_read_input_tokens"));
    out->input_tokens = cs_read_count(json_object_get(usage, "input_tokens")) + out->cached_tokens +
                        cs_read_count(json_object_get(usage, "cache_creation_input_tokens"));
    out->output_tokens = cs_read_count(json_object_get(usage, "output_tokens"));
    out->reasoning_tokens = cs_read_count(
        json_object_get(json_object_get(usage, "output_tokens_details"), "thinking_tokens"));
}

/* The end marker is stop_reason. pause_turn asks to be resumed, which an experiment does not: like an unknown reason it is a fault. */
static void read_answer(const json_t *root, struct cs_arena *arena, struct cs_reading *out)
{
    struct cs_buf text = CS_BUF_INIT(SIZE_MAX);
    const json_t *reason = json_object_get(root, "stop_reason");
    size_t i = 0;
    if (!json_is_string(reason) || !json_is_array(json_object_get(root, "content")))
        return;
    while (i < sizeof ends / sizeof *ends && !is(reason, ends[i].reason))
        i++;
    const bool known = i < sizeof ends / sizeof *ends;
    out->says = known ? CS_SAYS_ANSWER : CS_SAYS_ERROR;
    out->outcome = known ? ends[i].outcome : CS_OUTCOME_ok;
    out->finish = cs_read_text(reason, CS_OUTPUT_WORD_MAX, arena);
    if (out->outcome == CS_OUTCOME_refused) /* what was said before it is to be dropped */
        cs_read_piece(&text, json_object_get(json_object_get(root, "stop_details"), "explanation"));
    else
        read_content(json_object_get(root, "content"), &text);
    cs_read_answer(&text, arena, out);
    out->model = cs_read_text(json_object_get(root, "model"), CS_OUTPUT_WORD_MAX, arena);
    read_usage(json_object_get(root, "usage"), out);
    cs_buf_release(&text);
}

/* Spend limits come as 400 and 429 too. */
static bool no_money(const json_t *error)
{
    static const char *const codes[] = {"enforced_spend_limit_reached", "contract_spend_limit_reached"};
    static const char *const texts[] = {"Your credit balance is too low",
                                        "You have reached your specified API usage limits"};
    const json_t *code = json_object_get(json_object_get(error, "details"), "error_code");
    const char *message = json_string_value(json_object_get(error, "message"));
    bool found = is(json_object_get(error, "type"), "billing_error");
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        found |= is(code, codes[i]) || (message != NULL && strncmp(message, texts[i], strlen(texts[i])) == 0);
    return found;
}

static void read_error(const json_t *error, struct cs_arena *arena, struct cs_reading *out)
{
    out->says = no_money(error) ? CS_SAYS_NO_MONEY : CS_SAYS_ERROR;
    out->text = cs_read_text(json_is_string(error) ? error : json_object_get(error, "message"), CS_ERROR_TEXT_MAX,
                             arena);
    out->finish = cs_read_text(json_object_get(error, "type"), CS_OUTPUT_WORD_MAX, arena);
}

static void read_reply(const struct cs_http_reply *reply, struct cs_arena *arena, struct cs_reading *out)
{
    static const char *const id_headers[] = {"request-id", "x-request-id", NULL};
    json_t *root = cs_read_begin(reply, id_headers, arena, out);
    const json_t *error = json_object_get(root, "error");
    if (out->request_id[0] == '\0')
        out->request_id = cs_read_text(json_object_get(root, "request_id"), CS_OUTPUT_WORD_MAX, arena);
    if (json_is_object(error) || json_is_string(error))
        read_error(error, arena, out);
    else
        read_answer(root, arena, out);
    json_decref(root);
}

const struct cs_provider cs_provider_anthropic = {
    .protocol = CS_PROTOCOL_ANTHROPIC_MESSAGES,
    .path = "/messages",
    .root = "/v1",
    .auth_prefix = "x-api-key: ",
    .header = "anthropic-version: 2023-06-01", /* later ones take no temperature */
    .read = read_reply,
};
