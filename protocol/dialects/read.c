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
    const bool good = cs_read_is_good(reply);
    *out = (struct cs_reading){.says = CS_SAYS_NOTHING, .outcome = CS_OUTCOME_ok, .wait_ms = CS_NO_HINT};
    out->text = out->finish = out->model = out->request_id = out->fingerprint = out->alternatives = "";
    for (; *id_headers != NULL && out->request_id[0] == '\0'; id_headers++) {
        const char *id = cs_header(reply->headers, *id_headers, arena);
        if (id != NULL)
            out->request_id = cs_clean_text(arena, id, strlen(id), CS_OUTPUT_WORD_MAX);
    }
    out->wait_source = out->limit = "";
    if (!good) {
        out->wait_ms = cs_retry_after_ms(reply->headers, reply->wall_ms, arena);
        out->wait_source = "retry-after";
        out->at_once = out->wait_ms == CS_NO_HINT && cs_header(reply->headers, "retry-after", arena) != NULL;
    }
    if (reply->transfer != CS_TRANSFER_WHOLE || is_bloated(reply->body, reply->body_len))
        return NULL;
    /* NUL is a character that a model may say; cs_clean_text takes it out of the text. */
    json_t *root = json_loadb(reply->body, reply->body_len, JSON_ALLOW_NUL, NULL);
    if (root == NULL && !good) /* a proxy's HTML */
        out->text = cs_clean_text(arena, reply->body, reply->body_len, CS_ERROR_TEXT_MAX);
    return root;
}

bool cs_read_is_good(const struct cs_http_reply *reply)
{
    return reply->status >= 200 && reply->status <= 299;
}
