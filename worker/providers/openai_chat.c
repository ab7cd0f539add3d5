/* OpenAI Chat Completions, as many servers speak it (facts: providers.md sections 2, 5, 9, 11). */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "worker/providers/provider.h"

enum { ERROR_TEXT_MAX = 1000 };

static const char *clean(struct cs_arena *arena, const json_t *v, size_t max)
{
    return json_is_string(v) ? cs_clean_text(arena, json_string_value(v), json_string_length(v), max) : "";
}

static uint32_t count(const json_t *v)
{
    json_int_t n = json_integer_value(v);
    return n > 0 && n < UINT32_MAX ? (uint32_t)n : 0;
}

static void read_usage(const json_t *usage, struct cs_reading *out)
{
    out->input_tokens = count(json_object_get(usage, "prompt_tokens"));
    out->cached_tokens = count(json_object_get(json_object_get(usage, "prompt_tokens_details"), "cached_tokens"));
    out->output_tokens = count(json_object_get(usage, "completion_tokens"));
    out->reasoning_tokens = count(json_object_get(json_object_get(usage, "completion_tokens_details"), "reasoning_tokens"));
}

/* choices[0] with a finish_reason: the end marker without which a body is not whole. */
static void read_answer(const json_t *root, struct cs_arena *arena, struct cs_reading *out)
{
    const json_t *choice = json_array_get(json_object_get(root, "choices"), 0);
    const json_t *message = json_object_get(choice, "message");
    const json_t *refusal = json_object_get(message, "refusal");
    out->finish = clean(arena, json_object_get(choice, "finish_reason"), CS_OUTPUT_WORD_MAX);
    if (!json_is_object(message) || out->finish[0] == '\0')
        return;
    const json_t *content = json_object_get(message, "content");
    out->says = CS_SAYS_ANSWER;
    out->outcome = CS_OUTCOME_ok;
    out->text = clean(arena, content, CS_OUTPUT_TEXT_MAX);
    if (json_is_string(refusal)) {
        out->outcome = CS_OUTCOME_refused;
        out->text = clean(arena, refusal, CS_OUTPUT_TEXT_MAX);
    } else if (strcmp(out->finish, "content_filter") == 0) {
        out->outcome = CS_OUTCOME_content_filtered;
    } else if (strcmp(out->finish, "length") == 0) {
        out->outcome = CS_OUTCOME_truncated;
    } else if (json_string_length(content) > CS_OUTPUT_TEXT_MAX) {
        out->outcome = CS_OUTCOME_unparsable; /* longer than an output can hold: what is kept is not whole */
    }
    out->model = clean(arena, json_object_get(root, "model"), CS_OUTPUT_WORD_MAX);
    out->fingerprint = clean(arena, json_object_get(root, "system_fingerprint"), CS_OUTPUT_WORD_MAX);
    read_usage(json_object_get(root, "usage"), out);
}

/* Codes (or types) after which waiting does not help. */
static bool no_money(const json_t *error)
{
    static const char *const codes[] = {
        "insufficient_quota",          "credit_balance_exhausted",          "billing_hard_limit_reached",
        "project_spend_limit_exceeded", "organization_spend_limit_exceeded", "organization_usage_limit_exceeded",
    };
    const char *code = json_string_value(json_object_get(error, "code"));
    const char *type = json_string_value(json_object_get(error, "type"));
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if ((code != NULL && strcmp(code, codes[i]) == 0) || (type != NULL && strcmp(type, codes[i]) == 0))
            return true;
    }
    return false;
}

/* "Please try again in 1.78s.", "Please retry after 37 seconds." */
static uint64_t wait_in_text(const char *text)
{
    static const char *const leads[] = {"try again in ", "retry after "};
    for (size_t i = 0; i < sizeof leads / sizeof *leads; i++) {
        const char *at = strstr(text, leads[i]);
        if (at == NULL)
            continue;
        at += strlen(leads[i]);
        uint64_t ms = cs_duration_ms(at);
        char *end;
        double v = strtod(at, &end);
        if (ms == CS_NO_HINT && end != at && strncmp(end, " second", 7) == 0 && v >= 0 && v < CS_RETRY_QUIET_MAX_MS / 1000.0)
            ms = (uint64_t)(v * 1000);
        if (ms != CS_NO_HINT)
            return ms;
    }
    return CS_NO_HINT;
}

static void read_error(const json_t *error, struct cs_arena *arena, struct cs_reading *out)
{
    const char *code = json_string_value(json_object_get(error, "code"));
    out->says = CS_SAYS_ERROR;
    if (no_money(error))
        out->says = CS_SAYS_NO_MONEY;
    else if (code != NULL && strcmp(code, "content_filter") == 0)
        out->says = CS_SAYS_FILTERED;
    out->text = clean(arena, json_is_string(error) ? error : json_object_get(error, "message"), ERROR_TEXT_MAX);
    if (code != NULL)
        out->finish = clean(arena, json_object_get(error, "code"), CS_OUTPUT_WORD_MAX);
    if (out->wait_ms == CS_NO_HINT)
        out->wait_ms = wait_in_text(out->text);
}

static void read_reply(const struct cs_http_reply *reply, struct cs_arena *arena, struct cs_reading *out)
{
    *out = (struct cs_reading){.says = CS_SAYS_NOTHING, .outcome = CS_OUTCOME_ok, .wait_ms = CS_NO_HINT};
    out->text = out->finish = out->model = out->request_id = out->fingerprint = "";
    static const char *const id_headers[] = {"x-request-id", "apim-request-id", "request-id"};
    for (size_t i = 0; i < sizeof id_headers / sizeof *id_headers && out->request_id[0] == '\0'; i++) {
        const char *id = cs_header(reply->headers, id_headers[i], arena);
        if (id != NULL)
            out->request_id = cs_clean_text(arena, id, strlen(id), CS_OUTPUT_WORD_MAX);
    }
    if (reply->status < 200 || reply->status > 299)
        out->wait_ms = cs_header_wait_ms(reply->headers, arena);
    if (reply->transfer != CS_TRANSFER_WHOLE)
        return;
    /* NUL is a character that a model may say; cs_clean_text takes it out of the text. */
    json_t *root = json_loadb(reply->body, reply->body_len, JSON_ALLOW_NUL, NULL);
    const json_t *error = json_object_get(root, "error");
    if (json_is_object(error) || json_is_string(error))
        read_error(error, arena, out);
    else
        read_answer(root, arena, out);
    if (root == NULL && (reply->status < 200 || reply->status > 299)) /* a proxy's HTML */
        out->text = cs_clean_text(arena, reply->body, reply->body_len, ERROR_TEXT_MAX);
    json_decref(root);
}

const struct cs_provider cs_provider_openai_chat = {
    .protocol = CS_PROTOCOL_OPENAI_CHAT,
    .path = "/chat/completions",
    .auth_prefix = "Authorization: Bearer ",
    .read = read_reply,
};
