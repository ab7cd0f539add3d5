#include "protocol/dialects/read.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/utf8.h"
#include "protocol/dialects/header.h"
#include "protocol/dialects/retry_after.h"

bool cs_read_is(const json_t *v, const char *word)
{
    return json_is_string(v) && strcmp(json_string_value(v), word) == 0;
}

const char *cs_read_text(const json_t *v, size_t max, struct cs_arena *arena)
{
    return json_is_string(v) ? cs_clean_text(arena, json_string_value(v), json_string_length(v), max) : "";
}

uint32_t cs_read_count(const json_t *v)
{
    json_int_t n = json_integer_value(v);
    return n > 0 && n < UINT32_MAX ? (uint32_t)n : 0;
}

void cs_read_piece(struct cs_buf *text, const json_t *piece)
{
    if (json_is_string(piece)) {
        cs_buf_append(text, json_string_value(piece), json_string_length(piece));
    } else if (json_is_object(piece)) {
        char *arguments = json_dumps(piece, JSON_COMPACT | JSON_REAL_PRECISION(15));
        cs_buf_str(text, arguments != NULL ? arguments : "");
        free(arguments);
    }
}

void cs_read_answer(const struct cs_buf *text, struct cs_arena *arena, struct cs_reading *out)
{
    out->text = cs_clean_text(arena, cs_buf_cstr(text), text->len, CS_OUTPUT_TEXT_MAX);
    if (text->len > CS_OUTPUT_TEXT_MAX && out->outcome == CS_OUTCOME_ok)
        out->outcome = CS_OUTCOME_unparsable;
}

/* Small values take a hundred times their length in memory: eight MiB of them would fill a host. No answer is made so. */
static bool is_bloated(const char *body, size_t n)
{
    enum { USUAL = 256 * 1024, VALUES_MAX = 500 * 1000 };
    size_t values = 0;
    for (size_t i = 0; n > USUAL && i < n; i++)
        values += body[i] == ',' || body[i] == '[' || body[i] == '{';
    return values > VALUES_MAX;
}

json_t *cs_read_begin(const struct cs_http_reply *reply, const char *const *id_headers, struct cs_arena *arena,
                      struct cs_reading *out)
{
    const bool good = reply->status >= 200 && reply->status <= 299;
    *out = (struct cs_reading){.says = CS_SAYS_NOTHING, .outcome = CS_OUTCOME_ok, .wait_ms = CS_NO_HINT};
    out->text = out->finish = out->model = out->request_id = out->fingerprint = out->alternatives = "";
    for (; *id_headers != NULL && out->request_id[0] == '\0'; id_headers++) {
        const char *id = cs_header(reply->headers, *id_headers, arena);
        if (id != NULL)
            out->request_id = cs_clean_text(arena, id, strlen(id), CS_OUTPUT_WORD_MAX);
    }
    if (!good)
        out->wait_ms = cs_retry_after_ms(reply->headers, arena);
    if (reply->transfer != CS_TRANSFER_WHOLE || is_bloated(reply->body, reply->body_len))
        return NULL;
    /* NUL is a character that a model may say; cs_clean_text takes it out of the text. */
    json_t *root = json_loadb(reply->body, reply->body_len, JSON_ALLOW_NUL, NULL);
    if (root == NULL && !good) /* a proxy's HTML */
        out->text = cs_clean_text(arena, reply->body, reply->body_len, CS_ERROR_TEXT_MAX);
    return root;
}

/* Codes (or types) after which waiting does not help. */
static bool no_money(const json_t *error)
{
    static const char *const codes[] = {
        "insufficient_quota",           "credit_balance_exhausted",          "billing_hard_limit_reached",
        "project_spend_limit_exceeded", "organization_spend_limit_exceeded", "organization_usage_limit_exceeded",
    };
    const char *code = json_string_value(json_object_get(error, "code"));
    const char *type = json_string_value(json_object_get(error, "type"));
    if (json_integer_value(json_object_get(error, "code")) == 402) /* OpenRouter's, maybe in a 200 */
        return true;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if ((code != NULL && strcmp(code, codes[i]) == 0) || (type != NULL && strcmp(type, codes[i]) == 0))
            return true;
    }
    return false;
}

/* A status in the place of the error's code (OpenRouter, vLLM), or a code that stands for one. */
static uint16_t status_of(const json_t *code)
{
    const json_int_t n = json_integer_value(code);
    const char *word = json_string_value(code);
    if (n >= 400 && n <= 599)
        return (uint16_t)n;
    return word != NULL && strcmp(word, "rate_limit_exceeded") == 0 ? 429 : 0;
}

void cs_read_openai_error(const json_t *error, struct cs_arena *arena, struct cs_reading *out)
{
    const char *code = json_string_value(json_object_get(error, "code"));
    out->says = CS_SAYS_ERROR;
    out->status = status_of(json_object_get(error, "code"));
    if (no_money(error))
        out->says = CS_SAYS_NO_MONEY;
    else if (code != NULL && strcmp(code, "content_filter") == 0)
        out->says = CS_SAYS_FILTERED;
    else if (code != NULL && strcmp(code, "model_not_found") == 0) /* OpenAI Responses: a 400 */
        out->says = CS_SAYS_NO_MODEL;
    out->text = cs_read_text(json_is_string(error) ? error : json_object_get(error, "message"), CS_ERROR_TEXT_MAX,
                             arena);
    if (code != NULL)
        out->finish = cs_read_text(json_object_get(error, "code"), CS_OUTPUT_WORD_MAX, arena);
    if (out->wait_ms == CS_NO_HINT)
        out->wait_ms = cs_retry_after_in_text_ms(out->text);
}
