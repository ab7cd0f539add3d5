/* A deployed application, for `protocol: http`: no vendor's words, but what such systems have. The model stands in the path.
 *
 *   POST /app/M/ask     {"question", "rules", "schema", "session"} -> {"answer", "build", "usage"}; an error of the server is told in a 200
 *   POST /app/M/text    the question as plain text -> the answer as it is
 *   POST /app/M/stream  as ask -> server-sent events: three pieces, then `event: end`
 *   POST /app/M/jobs    as ask -> {"job", "state": "queued"}; GET /app/jobs/JOB -> {"state": "running"}, 200 ms later {"state": "done", "answer"}
 *   POST /app/sessions  -> {"id"}; a `session` that is no such id is refused
 *
 * Nothing is kept: a job's name holds its answer, a session's name says that it is one. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/clock.h"
#include "protocol/base/json.h"
#include "tools/simulator/app.h"
#include "tools/simulator/dialect.h"

enum { JOB_MS = 200 };

static bool refuse(struct cs_chat_error *e, const char *what)
{
    return cs_chat_error_set(e, 400, "bad_request", NULL, NULL, "%s", what);
}

/* ---- reading ------------------------------------------------------------------------------------ */

static bool parse(const struct cs_sim_call *call, struct cs_chat_request *r, struct cs_chat_error *e)
{
    static const char *const known[] = {"question", "rules", "schema", "session", "user"};
    if (!cs_sim_dialect_read(call, r))
        return refuse(e, "the body is not a JSON object");
    const char *unknown = cs_sim_dialect_unknown(r->root, known, sizeof known / sizeof *known);
    const struct cs_j *question = cs_json_read_get(r->root, "question"), *rules = cs_json_read_get(r->root, "rules");
    const char *session = cs_json_read_text(cs_json_read_get(r->root, "session"));
    r->model = call->path_model != NULL ? call->path_model : "";
    if (unknown != NULL || !cs_json_read_is(question, CS_J_TEXT))
        return refuse(e, unknown != NULL ? "the body has a member that is not known" : "there is no question");
    if (session != NULL && strncmp(session, CS_APP_SESSION, strlen(CS_APP_SESSION)) != 0)
        return refuse(e, "there is no such session");
    if (cs_json_read_is(rules, CS_J_TEXT) && rules->n > 0)
        cs_sim_openai_chat_add_text(r, rules);
    cs_sim_openai_chat_add_text(r, question);
    r->schema = cs_json_read_get(r->root, "schema");
    if (r->schema != NULL)
        r->format = CS_CHAT_JSON_SCHEMA;
    return r->schema == NULL || cs_json_read_is(r->schema, CS_J_MAP) || refuse(e, "schema is not a JSON Schema");
}

static bool parse_text(const struct cs_sim_call *call, struct cs_chat_request *r, struct cs_chat_error *e)
{
    const struct cs_j question = {.kind = CS_J_TEXT, .n = (uint32_t)call->len, .text = call->body};
    *r = (struct cs_chat_request){.prompt = CS_BUF_INIT(CS_CHAT_BODY_MAX + 1)};
    r->model = call->path_model != NULL ? call->path_model : "";
    if (call->len == 0)
        return refuse(e, "there is no question");
    cs_sim_openai_chat_add_text(r, &question);
    return true;
}

/* ---- writing ------------------------------------------------------------------------------------ */

static void write_answer(struct cs_chat_answer *a, struct cs_buf *out)
{
    const size_t len = cs_sim_openai_chat_cut(a);
    cs_buf_str(out, "{\"answer\":");
    cs_json_str(out, a->text, len);
    cs_buf_printf(out, ",\"refused\":%s,\"error\":null,\"build\":", a->refused ? "true" : "false");
    cs_json_str(out, a->model, strlen(a->model));
    a->cached_tokens = a->cache_write_tokens = 0;
    cs_buf_printf(out, ",\"usage\":{\"in\":%llu,\"out\":%llu}}\n", (unsigned long long)a->input_tokens,
                  (unsigned long long)a->output_tokens);
}

static void write_text(struct cs_chat_answer *a, struct cs_buf *out)
{
    cs_buf_append(out, a->text, cs_sim_openai_chat_cut(a));
}

static size_t piece(const char *text, size_t len, size_t from)
{
    size_t to = from + len / 3 + 1;
    while (to < len && ((unsigned char)text[to] & 0xc0) == 0x80)
        to++;
    return to < len ? to : len;
}

static void write_stream(struct cs_chat_answer *a, struct cs_buf *out)
{
    const size_t len = cs_sim_openai_chat_cut(a);
    for (size_t from = 0, to; from < len; from = to) {
        to = piece(a->text, len, from);
        cs_buf_str(out, "event: piece\ndata: {\"delta\":");
        cs_json_str(out, a->text + from, to - from);
        cs_buf_str(out, "}\n\n");
    }
    cs_buf_printf(out, "event: end\ndata: {\"refused\":%s}\n\n", a->refused ? "true" : "false");
}

static void write_job(struct cs_chat_answer *a, struct cs_buf *out)
{
    const size_t len = cs_sim_openai_chat_cut(a);
    cs_buf_printf(out, "{\"state\":\"queued\",\"job\":\"%llu%c", (unsigned long long)cs_clock_mono_ms() + JOB_MS,
                  a->refused ? 'r' : 'a');
    for (size_t i = 0; i < len; i++)
        cs_buf_printf(out, "%02x", (unsigned char)a->text[i]);
    cs_buf_str(out, "\"}\n");
}

/* What goes wrong in the server itself is told in a good reply; limits and keys are the gateway's before it. */
static void write_error(struct cs_exchange *x)
{
    const enum cs_trouble t = cs_sim_dialect_trouble(&x->error);
    x->reply->status = t == CS_TROUBLE_SERVER || t == CS_TROUBLE_UNAVAILABLE || t == CS_TROUBLE_OVERLOADED
                           ? 200
                           : x->error.status;
    cs_buf_str(&x->reply->body, "{\"error\":{\"message\":");
    cs_json_str(&x->reply->body, cs_buf_cstr(&x->error.message), x->error.message.len);
    cs_buf_str(&x->reply->body, "}}\n");
}

static void add_headers(struct cs_exchange *x)
{
    cs_sim_dialect_header(x->reply, "x-request-id", "app-%llu", (unsigned long long)x->number);
}

#define APP(name, reads, writes)                                                                                       \
    const struct cs_sim_dialect name = {.charging = CS_CHARGE_INPUT,                                                   \
                                        .id_prefix = "",                                                               \
                                        .bearer = true,                                                                \
                                        .parse = reads,                                                                \
                                        .write = writes,                                                               \
                                        .write_error = write_error,                                                    \
                                        .add_headers = add_headers}
APP(cs_sim_app_ask, parse, write_answer);
APP(cs_sim_app_text, parse_text, write_text);
APP(cs_sim_app_stream, parse, write_stream);
APP(cs_sim_app_jobs, parse, write_job);

/* ---- what needs no model ------------------------------------------------------------------------ */

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool cs_app_job(const char *job, struct cs_buf *out)
{
    struct cs_buf text = CS_BUF_INIT(CS_SIM_REPLY_MAX);
    char *end;
    const unsigned long long when = strtoull(job, &end, 10);
    bool good = end != job && (*end == 'a' || *end == 'r');
    for (const char *s = end + 1; good && *s != '\0'; s += 2) {
        good = digit(s[0]) >= 0 && digit(s[1]) >= 0;
        if (good)
            cs_buf_char(&text, (char)(digit(s[0]) << 4 | digit(s[1])));
    }
    if (good && cs_clock_mono_ms() < when) {
        cs_buf_str(out, "{\"state\":\"running\"}\n");
    } else if (good) {
        cs_buf_str(out, "{\"state\":\"done\",\"answer\":");
        cs_json_str(out, cs_buf_cstr(&text), text.len);
        cs_buf_printf(out, ",\"refused\":%s}\n", *end == 'r' ? "true" : "false");
    }
    cs_buf_release(&text);
    return good;
}

void cs_app_session(uint64_t number, struct cs_buf *out)
{
    cs_buf_printf(out, "{\"id\":\"%s%llu\"}\n", CS_APP_SESSION, (unsigned long long)number);
}
