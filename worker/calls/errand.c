#include "worker/calls/errand.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "protocol/base/assert.h"
#include "protocol/base/utf8.h"
#include "protocol/dialects/replies/charset.h"
#include "protocol/dialects/system/deployed.h"
#include "protocol/dialects/system/fill.h"
#include "protocol/dialects/system/sse.h"

/* ---- fillings of the last step ---------------------------------------------------------------------------- */

static void find(void *self, enum cs_filling which, const char *name, struct cs_filled *out)
{
    const struct cs_errand *e = self;
    (void)name;
    out->is_ours = which == CS_FILL_TRIAL || which == CS_FILL_SESSION || which == CS_FILL_JOB || which == CS_FILL_MARK;
    out->text = which == CS_FILL_TRIAL     ? e->trial
                : which == CS_FILL_SESSION ? e->session
                : which == CS_FILL_JOB     ? e->job
                                           : e->mark;
    if (out->is_ours && out->text == NULL)
        out->text = ""; /* the first request of a session that a reply names */
}

static const char *text_at(const struct cs_json *o, const char *key)
{
    const char *text = cs_json_string_value(cs_json_object_get(o, key));
    return text != NULL ? text : "";
}

/* ---- requests ---------------------------------------------------------------------------------------------------- */

/* "key=value&...", percent-encoded; values that are no texts as JSON. */
static void put_pairs(const struct cs_json *o, struct cs_buf *out)
{
    struct cs_json *pairs = (struct cs_json *)(uintptr_t)o, *v; /* only read */
    const char *key, *between = "";
    cs_json_object_foreach(pairs, key, v)
    {
        char *other = cs_json_is_string(v)
                          ? NULL
                          : cs_json_dumps(v, CS_JSON_COMPACT | CS_JSON_ENCODE_ANY | CS_JSON_REAL_PRECISION(15));
        cs_buf_str(out, between);
        cs_fill_encode(key, out);
        cs_buf_char(out, '=');
        cs_fill_encode(other != NULL ? other : cs_json_string_value(v), out);
        between = "&";
        free(other);
    }
}

static void put_json(const struct cs_json *v, struct cs_buf *out)
{
    char *text = cs_json_dumps(v, CS_JSON_COMPACT | CS_JSON_ENCODE_ANY | CS_JSON_REAL_PRECISION(15));
    cs_buf_str(out, text != NULL ? text : "");
    free(text);
}

/* A header's value is one line. */
static const char *line_of(struct cs_errand *e, const char *name, const struct cs_json *v)
{
    struct cs_buf value = CS_BUF_INIT(4096);
    if (cs_json_is_string(v))
        cs_buf_str(&value, cs_json_string_value(v));
    else
        put_json(v, &value);
    e->is_cut |= value.overflow;
    char *line = cs_arena_printf(&e->read, "%s: %s", name, cs_buf_cstr(&value));
    for (char *s = line; *s != '\0'; s++)
        *s = (unsigned char)*s < ' ' || *s == 0x7f ? ' ' : *s;
    cs_buf_release(&value);
    return line;
}

static uint32_t put_lines(struct cs_errand *e, const struct cs_json *headers)
{
    struct cs_json *all = (struct cs_json *)(uintptr_t)headers, *v; /* only read */
    const char *key;
    uint32_t n = 0;
    cs_json_object_foreach(all, key, v)
    {
        if (n < CS_HEADERS_MAX)
            e->lines[n++] = line_of(e, key, v);
    }
    if (e->cookie != NULL)
        e->lines[n++] = cs_arena_printf(&e->read, "Cookie: %s=%s", e->service->session.cookie, e->cookie);
    return n;
}

static void put_body(struct cs_errand *e, enum cs_service_type type, const struct cs_json *body,
                     struct cs_errand_request *out)
{
    static const char *const types[] = {"application/json", "application/x-www-form-urlencoded",
                                        "text/plain; charset=utf-8"};
    if (body == NULL)
        return;
    if (type == CS_SERVICE_FORM)
        put_pairs(body, &e->body);
    else if (type == CS_SERVICE_TEXT)
        cs_buf_str(&e->body, cs_json_string_value(body));
    else
        put_json(body, &e->body);
    out->type = types[type];
    out->body = cs_buf_cstr(&e->body);
    out->body_len = e->body.len;
}

/* Those of all its requests: a tenant, a version of the interface. */
static struct cs_json *headers_of(const struct cs_errand *e, const struct cs_fill *fill)
{
    const struct cs_json *declared = cs_json_object_get(e->call, "headers");
    return declared != NULL ? cs_fill_value(fill, declared) : cs_json_object();
}

bool cs_errand_request(struct cs_errand *e, struct cs_errand_request *out)
{
    const struct cs_fill fill = {find, e, true};
    const struct cs_json *of = e->step == CS_ERRAND_START ? cs_json_object_get(e->call, "start") : e->call;
    const char *path = e->step == CS_ERRAND_POLL ? e->service->poll.path : text_at(of, "path");
    struct cs_json *filled = e->step == CS_ERRAND_POLL ? cs_json_object() : cs_fill_value(&fill, of), *query,
                   *headers = headers_of(e, &fill);
    *out = (struct cs_errand_request){.lines = e->lines};
    cs_arena_reset(&e->read);
    cs_buf_clear(&e->url);
    cs_buf_clear(&e->body);
    e->is_cut = false;
    cs_buf_str(&e->url, e->base);
    cs_fill_text(&fill, path, true, &e->url);
    query = cs_json_object_get(filled, "query");
    if (cs_json_object_size(query) > 0) {
        cs_buf_char(&e->url, '?');
        put_pairs(query, &e->url);
    }
    out->url = cs_buf_cstr(&e->url);
    out->method = e->step == CS_ERRAND_POLL ? "GET" : cs_arena_strdup(&e->read, text_at(filled, "method"));
    out->n_lines = put_lines(e, headers);
    put_body(e, e->step == CS_ERRAND_ASK ? e->service->type : CS_SERVICE_JSON, cs_json_object_get(filled, "body"), out);
    if (out->body == NULL && strcmp(out->method, "GET") != 0)
        out->body = ""; /* a POST of nothing */
    cs_json_decref(headers);
    cs_json_decref(filled);
    return !e->is_cut && !e->url.overflow && !e->body.overflow;
}

/* What was said in the session before is known there. */
static void go_on(struct cs_errand *e, const struct cs_session_told *in)
{
    (void)cs_json_object_del(e->call, "said");
    e->goes_on = in->trial != NULL;
    if (!e->goes_on)
        return;
    snprintf(e->trial, sizeof e->trial, "%s", in->trial);
    e->session = in->id != NULL ? cs_arena_strdup(&e->arena, in->id) : NULL;
    e->cookie = in->cookie != NULL ? cs_arena_strdup(&e->arena, in->cookie) : NULL;
    e->mark = in->mark != NULL ? cs_arena_strdup(&e->arena, in->mark) : NULL;
    e->step = CS_ERRAND_ASK;
}

void cs_errand_begin(struct cs_errand *e, const struct cs_service *service, const char *base, const char *body,
                     size_t n, const char *id, uint64_t nonce, const struct cs_session_told *session, uint64_t now_ms,
                     uint32_t timeout_ms)
{
    *e = (struct cs_errand){.service = service, .base = base, .began_ms = now_ms, .deadline_ms = now_ms + timeout_ms};
    e->url = CS_BUF_INIT(4 * (size_t)CS_BODY_MAX);
    e->body = CS_BUF_INIT(3 * (size_t)CS_BODY_MAX);
    e->call = cs_json_loadb(body, n, 0, NULL);
    CS_ASSERT(cs_json_is_object(e->call)); /* made by the dialect */
    /* The digest and the attempt are the same for another turn, and after a lost lease for another worker. */
    snprintf(e->trial, sizeof e->trial, "%.*s-%016llx", (int)strcspn(id, "-"), id, (unsigned long long)nonce);
    e->session = service->session.is_new ? e->trial : NULL;
    e->step = service->session.start != NULL ? CS_ERRAND_START : CS_ERRAND_ASK;
    e->talks = session != NULL;
    if (e->talks)
        go_on(e, session);
}

void cs_errand_end(struct cs_errand *e)
{
    cs_json_decref(e->call);
    cs_arena_release(&e->arena);
    cs_arena_release(&e->read);
    cs_buf_release(&e->url);
    cs_buf_release(&e->body);
    *e = (struct cs_errand){0};
}

uint32_t cs_errand_left_ms(const struct cs_errand *e, uint64_t now_ms)
{
    return now_ms < e->deadline_ms ? (uint32_t)(e->deadline_ms - now_ms) : 1;
}

void cs_errand_waited(struct cs_errand *e, uint64_t ms)
{
    if (e->step == CS_ERRAND_POLL)
        return;
    e->began_ms += ms;
    e->deadline_ms += ms;
}

/* ---- replies ----------------------------------------------------------------------------------------------------- */

/* The value of a cookie that a reply sets. */
static const char *cookie_in(const char *headers, const char *name, struct cs_arena *arena)
{
    static const char set[] = "set-cookie:";
    const size_t n = strlen(name);
    for (const char *line = headers; *line != '\0';) {
        const size_t len = strcspn(line, "\r\n");
        if (strncasecmp(line, set, sizeof set - 1) == 0) {
            const char *s = line + sizeof set - 1;
            s += strspn(s, " \t");
            if (strncmp(s, name, n) == 0 && s[n] == '=')
                return cs_arena_strndup(arena, s + n + 1, strcspn(s + n + 1, ";\r\n"));
        }
        line += len;
        line += strspn(line, "\r\n");
    }
    return NULL;
}

/* In the first event of a stream that has it. */
static const char *in_events(struct cs_errand *e, const struct cs_spot *place, const struct cs_http_reply *reply)
{
    struct cs_sse events = cs_sse_begin(reply->body, reply->body_len);
    struct cs_sse_event one;
    const char *text = NULL;
    while (text == NULL && cs_sse_next(&events, &e->read, &one)) {
        struct cs_json *root = cs_json_loadb(one.data, strlen(one.data), 0, NULL);
        text = cs_service_at(place, root, "", &e->arena);
        cs_json_decref(root);
    }
    return text;
}

/* What the next request is to hold: UTF-8, for it may stand in JSON, and of a size that an id has; NULL: there is none such. */
static const char *found(struct cs_errand *e, const struct cs_spot *place, const struct cs_http_reply *reply)
{
    struct cs_json *root = place->pointer != NULL
                               ? cs_json_loadb(reply->body, reply->body_len, CS_JSON_DISABLE_EOF_CHECK, NULL)
                               : NULL;
    const char *text = root == NULL && place->pointer != NULL && e->service->stream.is_used
                           ? in_events(e, place, reply)
                           : cs_service_at(place, root, reply->headers, &e->arena);
    cs_json_decref(root);
    const size_t n = text != NULL ? strlen(text) : 0;
    return n > 0 && n <= CS_ERRAND_FOUND_MAX && cs_utf8_valid(text, n) ? text : NULL;
}

static enum cs_errand_next broken(struct cs_errand *e, struct cs_http_reply *reply, enum cs_saying says,
                                  const char *why)
{
    reply->broken = cs_arena_strdup(&e->arena, why);
    reply->broken_says = says;
    reply->was_taken = e->step != CS_ERRAND_START;
    return CS_ERRAND_END;
}

/* The job was taken, and may be paid: whatever a poll says of itself is no word on what was asked, the key or the model. Where it sends us elsewhere it
 * would do so with the next job too. */
static enum cs_errand_next lost_job(struct cs_errand *e, struct cs_http_reply *reply)
{
    enum { SAID_MAX = 300 };
    static const char lost[] = "the job was taken, and its result is not to be had: ";
    const bool moved = reply->transfer == CS_TRANSFER_WHOLE && reply->status >= 300 && reply->status <= 399;
    struct cs_reading r;
    cs_deployed_read(reply, CS_FORM_NONE, &e->read, &r);
    const char *said = cs_utf8_clean(&e->read, r.text, strlen(r.text), SAID_MAX);
    const char *why = moved ? cs_arena_printf(&e->read,
                                              "%s%s; write in poll: path where the result itself is, or have the "
                                              "system give it there",
                                              lost, said)
                            : cs_arena_printf(&e->read, "%sHTTP %u%s%s", lost, reply->status,
                                              said[0] != '\0' ? ": " : "", said);
    reply->status = 200; /* the reply that took it */
    return broken(e, reply, moved ? CS_SAYS_IN_VAIN : CS_SAYS_ERROR, why);
}

static enum cs_errand_next started(struct cs_errand *e, struct cs_http_reply *reply)
{
    const struct cs_service_session *s = &e->service->session;
    if (s->id.pointer != NULL || s->id.header != NULL) {
        e->session = found(e, &s->id, reply);
        if (e->session == NULL)
            return broken(e, reply, CS_SAYS_NO_TEXT,
                          "the reply to the session's start does not name the session where its account says");
    }
    if (s->cookie != NULL) {
        e->cookie = cookie_in(reply->headers, s->cookie, &e->arena);
        if (e->cookie == NULL)
            return broken(e, reply, CS_SAYS_NO_TEXT,
                          "the reply to the session's start does not set the cookie that its account names");
    }
    e->step = CS_ERRAND_ASK;
    return CS_ERRAND_SEND;
}

/* Its time is up: an answer of that kind, of a call that went out and was heard. */
static enum cs_errand_next timed_out(struct cs_http_reply *reply)
{
    reply->transfer = CS_TRANSFER_TIMEOUT;
    reply->status = reply->status >= 200 && reply->status <= 299 ? reply->status : 200;
    return CS_ERRAND_END;
}

static enum cs_errand_next pause_before_poll(struct cs_errand *e, struct cs_http_reply *reply, uint64_t now_ms,
                                             uint32_t *wait_ms)
{
    const uint64_t last = e->polls_end_ms < e->deadline_ms ? e->polls_end_ms : e->deadline_ms;
    if (now_ms >= last)
        return timed_out(reply);
    *wait_ms = e->service->poll.every_ms < last - now_ms ? e->service->poll.every_ms : (uint32_t)(last - now_ms);
    e->step = CS_ERRAND_POLL;
    return CS_ERRAND_PAUSE;
}

static bool is_good(const struct cs_http_reply *r)
{
    return r->transfer == CS_TRANSFER_WHOLE && r->status >= 200 && r->status <= 299;
}

/* It says an error, or has the answer at once; or nothing of what it should. */
static enum cs_errand_next no_job(struct cs_errand *e, struct cs_http_reply *reply)
{
    struct cs_reading r;
    cs_deployed_read(reply, CS_FORM_NONE, &e->read, &r);
    return r.says == CS_SAYS_NO_TEXT
               ? broken(e, reply, CS_SAYS_NO_TEXT, "the reply does not name the job where its account says")
               : CS_ERRAND_END;
}

/* Then there need be no session in it. */
static bool says_error(struct cs_errand *e, const struct cs_http_reply *reply)
{
    struct cs_reading r;
    cs_deployed_read(reply, CS_FORM_NONE, &e->read, &r);
    return r.says != CS_SAYS_ANSWER && r.says != CS_SAYS_NO_TEXT;
}

/* A session that the first reply names. NULL: all is well with it; else what is not. */
static const char *take_session(struct cs_errand *e, const struct cs_http_reply *reply, enum cs_saying *says)
{
    const struct cs_service_session *s = &e->service->session;
    if (s->start != NULL || (s->id.pointer == NULL && s->id.header == NULL))
        return NULL;
    const char *name = found(e, &s->id, reply);
    *says = CS_SAYS_ERROR;
    if (e->goes_on && name != NULL && strcmp(name, e->session) != 0)
        return "the system has lost the session: it answered in another one";
    if (e->goes_on)
        return NULL;
    e->session = name;
    *says = CS_SAYS_NO_TEXT;
    return e->talks && name == NULL ? "the reply does not name the session where its account says" : NULL;
}

static enum cs_errand_next asked(struct cs_errand *e, struct cs_http_reply *reply, uint64_t now_ms, uint32_t *wait_ms)
{
    const struct cs_service_poll *p = &e->service->poll;
    enum cs_saying says = CS_SAYS_ERROR;
    const char *lost = e->step == CS_ERRAND_ASK ? take_session(e, reply, &says) : NULL;
    if (lost != NULL && !says_error(e, reply))
        return broken(e, reply, says, lost);
    if (!p->is_used)
        return CS_ERRAND_END;
    const char *mark = found(e, &p->mark, reply);
    e->mark = mark != NULL ? mark : e->mark;
    if (e->step == CS_ERRAND_ASK)
        e->polls_end_ms = now_ms + p->at_most_ms;
    switch (cs_deployed_read_polled(e->service, reply, &e->read)) {
    case CS_POLL_DONE:
        return CS_ERRAND_END;
    case CS_POLL_FAILED:
        return broken(e, reply, CS_SAYS_ERROR, "the system says that the job has failed");
    case CS_POLL_GOES_ON:
        break;
    }
    if (e->step == CS_ERRAND_ASK && (p->id.pointer != NULL || p->id.header != NULL)) {
        e->job = found(e, &p->id, reply);
        if (e->job == NULL)
            return no_job(e, reply);
    }
    return pause_before_poll(e, reply, now_ms, wait_ms);
}

static bool may_pass(const struct cs_http_reply *r)
{
    return r->transfer != CS_TRANSFER_WHOLE
               ? r->transfer != CS_TRANSFER_TOO_LONG
               : r->status == 408 || r->status == 425 || r->status == 429 || r->status >= 500;
}

enum cs_errand_next cs_errand_reply(struct cs_errand *e, struct cs_http_reply *reply, uint64_t now_ms,
                                    uint32_t *wait_ms)
{
    enum cs_errand_next next = CS_ERRAND_END;
    cs_arena_reset(&e->read);
    reply->service = e->service;
    reply->at_start = e->step == CS_ERRAND_START;
    const char *charset = cs_charset_to_utf8(reply, &e->read);
    if (is_good(reply) && charset != NULL)
        next = broken(e, reply, CS_SAYS_ERROR,
                      cs_arena_printf(&e->read, "the reply is in the charset %s, which is not known", charset));
    else if (is_good(reply))
        next = e->step == CS_ERRAND_START ? started(e, reply) : asked(e, reply, now_ms, wait_ms);
    else if (e->step == CS_ERRAND_POLL && may_pass(reply))
        next = pause_before_poll(e, reply, now_ms, wait_ms);
    else if (e->step == CS_ERRAND_POLL)
        next = lost_job(e, reply);
    e->told = (struct cs_session_told){e->trial, e->session, e->cookie, e->mark};
    reply->session = e->talks ? &e->told : NULL;
    if (next == CS_ERRAND_END)
        reply->latency_ms = now_ms > e->began_ms ? (uint32_t)(now_ms - e->began_ms) : 0;
    return next;
}
