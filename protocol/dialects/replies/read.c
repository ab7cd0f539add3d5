#include "protocol/dialects/replies/read.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "protocol/base/json.h"
#include "protocol/base/repair.h"
#include "protocol/base/utf8.h"
#include "protocol/dialects/replies/header.h"
#include "protocol/dialects/replies/retry_after.h"
#include "protocol/study/answer.h"

enum { PARTIAL_CONTENT = 206, REPAIR_SLACK = 4096 };

bool cs_read_is(const struct cs_json *v, const char *word)
{
    return cs_json_is_string(v) && strcmp(cs_json_string_value(v), word) == 0;
}

const char *cs_read_text(const struct cs_json *v, size_t max, struct cs_arena *arena)
{
    return cs_json_is_string(v) ? cs_utf8_clean(arena, cs_json_string_value(v), cs_json_string_length(v), max) : "";
}

uint32_t cs_read_count(const struct cs_json *v)
{
    const char *word = cs_json_string_value(v);
    double n = cs_json_number_value(v);
    if (word != NULL && word[0] >= '0' && word[0] <= '9') {
        char *end;
        n = strtod(word, &end);
        n = *end == '\0' ? n : 0;
    }
    return !(n > 0) ? 0 : n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

void cs_read_piece(struct cs_buf *text, const struct cs_json *piece)
{
    if (cs_json_is_string(piece)) {
        cs_buf_append(text, cs_json_string_value(piece), cs_json_string_length(piece));
    } else if (cs_json_is_object(piece)) {
        char *arguments = cs_json_dumps(piece, CS_JSON_COMPACT | CS_JSON_REAL_PRECISION(15));
        cs_buf_str(text, arguments != NULL ? arguments : "");
        free(arguments);
    }
}

/* ---- the body ---------------------------------------------------------------------------------------- */

/* NUL is a character that a model may say; cs_utf8_clean takes it out of the text. *behind: what stands behind the value; where it is of no
 * concern, and the value good, this is not looked for. */
static struct cs_json *load(const char *bytes, size_t n, bool alone, const char **behind)
{
    struct cs_json *root = cs_json_loadb(bytes, n, CS_JSON_ALLOW_NUL | (alone ? 0 : CS_JSON_DISABLE_EOF_CHECK), NULL);
    *behind = bytes + n;
    if (root != NULL)
        return root;
    struct cs_buf repaired = CS_BUF_INIT(CS_REPAIR_GROWTH * n + REPAIR_SLACK);
    *behind = bytes + cs_repair_json(bytes, n, &repaired);
    if (!repaired.overflow && repaired.len > 0)
        root = cs_json_loadb(repaired.data, repaired.len, CS_JSON_ALLOW_NUL | CS_JSON_DISABLE_EOF_CHECK, NULL);
    cs_buf_release(&repaired);
    return root;
}

/* Google's gateways put an error into an array of one. */
static struct cs_json *without_array(struct cs_json *root)
{
    struct cs_json *only = cs_json_array_size(root) == 1 ? cs_json_array_get(root, 0) : NULL;
    if (!cs_json_is_object(only))
        return root;
    cs_json_incref(only);
    cs_json_decref(root);
    return only;
}

static const char *behind_blanks(const char *s, const char *end)
{
    while (s < end && strchr(" \t\r\n", *s) != NULL) /* or NUL */
        s++;
    return s;
}

const char *cs_read_start(const struct cs_http_reply *reply)
{
    const bool marked = reply->body_len >= 3 && memcmp(reply->body, "\xef\xbb\xbf", 3) == 0;
    return behind_blanks(reply->body + (marked ? 3 : 0), reply->body + reply->body_len);
}

/* What came in place of JSON, in our words: texts that a good reply has may be a patient's. */
static const char *not_json(const struct cs_http_reply *reply, struct cs_arena *arena)
{
    const char *type = cs_header(reply->headers, "content-type", arena);
    const char *s = cs_read_start(reply), *end = reply->body + reply->body_len;
    if (s >= end)
        return "the reply is empty";
    if (strncmp(s, "data:", 5) == 0 || strncmp(s, "event:", 6) == 0 || *s == ':' ||
        (type != NULL && strncasecmp(type, "text/event-stream", 17) == 0))
        return "the reply is an event stream (SSE), which was not asked for";
    if (*s == '<')
        return "the reply is HTML or XML, not JSON: a proxy or another server may answer at this address";
    if (*s == '{' || *s == '[')
        return "the reply's JSON is cut short or damaged";
    return "the reply is not JSON";
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

static struct cs_json *begin(const struct cs_http_reply *reply, const char *const *id_headers, bool alone,
                             struct cs_arena *arena, struct cs_reading *out)
{
    const char *behind, *end = reply->body + reply->body_len;
    const bool good = reply->status >= 200 && reply->status <= 299;
    *out = (struct cs_reading){.says = CS_SAYS_NOTHING, .outcome = CS_OUTCOME_ok, .wait_ms = CS_NO_HINT};
    out->text = out->finish = out->model = out->request_id = out->fingerprint = out->alternatives = "";
    out->cause = out->reasoning = out->tool_calls = out->response_id = "";
    out->cache_hit = good && cs_header_cache_hit(reply->headers);
    for (; *id_headers != NULL && out->request_id[0] == '\0'; id_headers++) {
        const char *id = cs_header(reply->headers, *id_headers, arena);
        if (id != NULL)
            out->request_id = cs_utf8_clean(arena, id, strlen(id), CS_OUTPUT_WORD_MAX);
    }
    out->wait_source = out->limit = "";
    if (!good) {
        out->wait_ms = cs_retry_after_ms(reply->headers, reply->wall_ms, arena);
        out->wait_source = "retry-after";
        out->at_once = out->wait_ms == CS_NO_HINT && cs_header(reply->headers, "retry-after", arena) != NULL;
    }
    if (reply->transfer != CS_TRANSFER_WHOLE)
        return NULL;
    if (is_bloated(reply->body, reply->body_len)) {
        out->text = "the reply is of more single values than any answer has";
        return NULL;
    }
    if (reply->status == PARTIAL_CONTENT) {
        out->text = "the reply is Partial Content, a part of one that nobody asked for";
        return NULL;
    }
    struct cs_json *root = load(reply->body, reply->body_len, alone && good, &behind);
    if (root == NULL) { /* a proxy's HTML */
        out->text = good ? not_json(reply, arena)
                         : cs_utf8_clean(arena, reply->body, reply->body_len, CS_ERROR_TEXT_MAX);
    } else if (alone && good && behind_blanks(behind, end) < end) {
        out->says = CS_SAYS_PIECES;
        out->text = "the reply goes on behind its first JSON value, as one that comes in lines of JSON does: have it "
                    "sent in one piece";
    }
    return root;
}

struct cs_json *cs_read_begin(const struct cs_http_reply *reply, const char *const *id_headers, struct cs_arena *arena,
                              struct cs_reading *out)
{
    return without_array(begin(reply, id_headers, false, arena, out));
}

struct cs_json *cs_read_begin_as_is(const struct cs_http_reply *reply, const char *const *id_headers,
                                    struct cs_arena *arena, struct cs_reading *out)
{
    return begin(reply, id_headers, true, arena, out);
}

/* ---- answers ----------------------------------------------------------------------------------------- */

void cs_read_said_release(struct cs_read_said *p)
{
    cs_buf_release(&p->text);
    cs_buf_release(&p->refusal);
    cs_buf_release(&p->reasoning);
    cs_json_decref(p->tool_calls);
}

void cs_read_said_reason(struct cs_read_said *p, const struct cs_json *said)
{
    const struct cs_json *part;
    size_t i;
    if (cs_json_is_string(said))
        cs_read_piece(&p->reasoning, said);
    else if (cs_json_is_object(said) && cs_json_object_get(said, "text") != NULL)
        cs_read_said_reason(p, cs_json_object_get(said, "text"));
    else if (cs_json_is_object(said))
        cs_read_said_reason(p, cs_json_object_get(said, "summary"));
    cs_json_array_foreach(said, i, part)
    {
        if (p->reasoning.len > 0 && !cs_json_is_array(part))
            cs_buf_char(&p->reasoning, '\n');
        if (!cs_json_is_array(part))
            cs_read_said_reason(p, part);
    }
}

void cs_read_said_call(struct cs_read_said *p, struct cs_json *call)
{
    if (p->tool_calls == NULL)
        p->tool_calls = cs_json_array();
    cs_json_array_append(p->tool_calls, call);
}

void cs_read_said_tool(struct cs_read_said *p, enum cs_form asked, struct cs_json *call, const struct cs_json *input)
{
    if (asked != CS_FORM_TOOL) {
        cs_read_said_call(p, call);
        return;
    }
    if (!p->has_answer_tool) {
        cs_buf_append(&p->reasoning, cs_buf_cstr(&p->text), p->text.len);
        cs_buf_clear(&p->text);
    }
    p->has_answer_tool = true;
    cs_read_piece(&p->text, input);
}

static const char *take(const struct cs_buf *said, size_t most, size_t *room, struct cs_arena *arena, bool *cut)
{
    const size_t max = most < *room ? most : *room;
    const char *kept = said->len > 0 && max > 0 ? cs_utf8_clean(arena, said->data, said->len, max) : "";
    *cut = said->len > strlen(kept) && said->len > max;
    *room -= strlen(kept);
    return kept;
}

/* What was said beside the answer takes what room the text leaves. */
static void take_beside(const struct cs_read_said *p, struct cs_arena *arena, struct cs_reading *out)
{
    size_t room = CS_OUTPUT_TEXT_MAX - strlen(out->text);
    char *calls = p->tool_calls != NULL ? cs_json_dumps(p->tool_calls, CS_JSON_COMPACT | CS_JSON_REAL_PRECISION(15))
                                        : NULL;
    struct cs_buf text = {.data = calls, .len = calls != NULL ? strlen(calls) : 0};
    out->tool_calls = take(&text, CS_OUTPUT_TOOL_CALLS_MAX, &room, arena, &out->tool_calls_cut);
    out->reasoning = take(&p->reasoning, CS_OUTPUT_REASONING_MAX, &room, arena, &out->reasoning_cut);
    free(calls);
}

static bool is_blank(const struct cs_buf *text)
{
    return text->len == 0 || strspn(cs_buf_cstr(text), " \t\r\n") == text->len;
}

void cs_read_take(struct cs_read_said *p, enum cs_form asked, struct cs_arena *arena, struct cs_reading *out)
{
    const bool refuses = !is_blank(&p->refusal) && out->says == CS_SAYS_ANSWER;
    const struct cs_buf *text = refuses ? &p->refusal : &p->text;
    if (refuses)
        out->outcome = CS_OUTCOME_refused;
    if (out->says == CS_SAYS_ANSWER) {
        out->text = cs_utf8_clean(arena, cs_buf_cstr(text), text->len, CS_OUTPUT_TEXT_MAX);
        if (out->outcome == CS_OUTCOME_ok && text->len > CS_OUTPUT_TEXT_MAX) {
            out->outcome = CS_OUTCOME_unparsable;
            out->cause = cs_answer_fault_name(CS_ANSWER_TOO_LONG);
        } else if (out->outcome == CS_OUTCOME_ok && asked == CS_FORM_TOOL && !p->has_answer_tool) {
            out->outcome = CS_OUTCOME_unparsable;
            out->cause = cs_answer_fault_name(CS_ANSWER_NO_TOOL);
        }
    } else if (out->says == CS_SAYS_ERROR) {
        out->text = cs_arena_printf(arena, "the provider broke the answer off: it ended with \"%s\"", out->finish);
    } else {
        out->text = "the reply does not say that the answer has ended: without its end marker it is not whole";
    }
    take_beside(p, arena, out);
}

static const struct cs_json *own_words(const struct cs_json *root)
{
    static const char *const members[] = {"message",           "Message", "detail",    "msg",
                                          "error_description", "title",   "status_msg"};
    const struct cs_json *found = NULL;
    for (size_t i = 0; i < sizeof members / sizeof *members && !cs_json_is_string(found); i++)
        found = cs_json_object_get(root, members[i]);
    return found;
}

void cs_read_nothing(const struct cs_json *root, const char *missing, struct cs_arena *arena, struct cs_reading *out)
{
    const char *said = cs_read_text(own_words(root), CS_ERROR_TEXT_MAX / 2, arena);
    if (root == NULL || out->says != CS_SAYS_NOTHING)
        return;
    out->text = said[0] != '\0' ? cs_arena_printf(arena, "%s; the provider says: %s", missing, said) : missing;
}

/* ---- errors ------------------------------------------------------------------------------------------ */

bool cs_read_is_error(const struct cs_json *error)
{
    const char *key;
    struct cs_json *v;
    if (cs_json_is_string(error))
        return cs_json_string_length(error) > 0;
    if (cs_json_is_number(error))
        return cs_json_number_value(error) >= 400;
    cs_json_object_foreach((struct cs_json *)(uintptr_t)error, key, v) /* only read */
    {
        (void)key;
        if (cs_json_is_number(v)   ? cs_json_number_value(v) != 0
            : cs_json_is_string(v) ? cs_json_string_length(v) > 0
                                   : cs_json_is_object(v) || cs_json_is_array(v))
            return true;
    }
    return false;
}

/* Some wrap it: into a list, or an error into an error. */
static const struct cs_json *unwrapped(const struct cs_json *error)
{
    if (cs_json_array_size(error) > 0)
        error = cs_json_array_get(error, 0);
    const struct cs_json *inner = cs_json_object_get(error, "error");
    return cs_json_is_object(inner) && cs_read_is_error(inner) ? inner : error;
}

const struct cs_json *cs_read_error_of(const struct cs_json *root)
{
    const struct cs_json *error = cs_json_object_get(root, "error");
    if (cs_json_is_true(error) || cs_read_is(cs_json_object_get(root, "object"), "error"))
        return root;
    if (error == NULL)
        error = cs_json_object_get(root, "errors"); /* Cloudflare, JSON:API */
    error = unwrapped(error);
    if (cs_read_is_error(error))
        return error;
    error = cs_json_object_get(root, "base_resp"); /* MiniMax, with every answer */
    return cs_json_number_value(cs_json_object_get(error, "status_code")) != 0 ? error : NULL;
}

void cs_read_error(const struct cs_json *error, const char *word, const struct cs_http_reply *reply,
                   struct cs_arena *arena, struct cs_reading *out)
{
    const bool good = reply->status >= 200 && reply->status <= 299;
    out->says = CS_SAYS_ERROR;
    out->text = cs_read_text(cs_json_is_string(error) ? error : own_words(error), CS_ERROR_TEXT_MAX, arena);
    if (word != NULL)
        out->finish = cs_read_text(cs_json_object_get(error, word), CS_OUTPUT_WORD_MAX, arena);
    if (!good)
        return;
    out->status = cs_statuses_read(error);
    if (out->wait_ms == CS_NO_HINT && out->status != 0)
        out->wait_ms = cs_retry_after_ms(reply->headers, reply->wall_ms, arena);
}

void cs_read_response_id(const struct cs_json *id, struct cs_arena *arena, struct cs_reading *out)
{
    const char *said = cs_read_text(id, CS_OUTPUT_WORD_MAX, arena);
    if (out->request_id[0] == '\0')
        out->request_id = said;
    else if (strcmp(out->request_id, said) != 0)
        out->response_id = said;
}

bool cs_read_is_good(const struct cs_http_reply *reply)
{
    return reply->status >= 200 && reply->status <= 299;
}
