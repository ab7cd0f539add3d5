/* A declared system's reply: its places looked up, in one JSON text, in each event of a stream, or in the whole body. */
#include "protocol/dialects/system/deployed.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "protocol/base/utf8.h"
#include "protocol/dialects/replies/complaint.h"
#include "protocol/dialects/replies/header.h"
#include "protocol/dialects/system/pointer.h"
#include "protocol/dialects/replies/read.h"
#include "protocol/dialects/system/service.h"
#include "protocol/dialects/system/sse.h"

enum { PARTIAL_CONTENT = 206, SHAPE_MAX = 300 };

struct looking {
    const struct cs_service *service;
    const struct cs_http_reply *reply;
    struct cs_arena *arena;
    struct cs_reading *out;
    struct cs_read_said said;
    struct cs_json *error;      /* what stands at its place, and is one */
    struct cs_json *error_root; /* in which it stands */
    const char *refused, *end;  /* what stands there; NULL: nothing */
    bool has_text;              /* something stands at the text's place */
    unsigned pieces;
};

/* ---- one JSON text ------------------------------------------------------------------------------------------ */

static bool is_kept(const struct cs_service_reply *r, const struct cs_json *element, struct cs_arena *arena)
{
    const struct cs_spot at = {r->only_at, NULL};
    return r->only_at == NULL || cs_service_says(&r->only_is, cs_service_at(&at, element, "", arena));
}

static void take_text(void *self, const struct cs_json *element, const struct cs_json *found)
{
    struct looking *l = self;
    const struct cs_service_reply *r = &l->service->reply;
    if (!is_kept(r, element, l->arena) || cs_json_is_null(found))
        return;
    if (l->pieces++ > 0 && !l->service->stream.is_used)
        cs_buf_str(&l->said.text, r->join);
    char *other = cs_json_is_string(found)
                      ? NULL
                      : cs_json_dumps(found, CS_JSON_COMPACT | CS_JSON_ENCODE_ANY | CS_JSON_REAL_PRECISION(15));
    if (other != NULL)
        cs_buf_str(&l->said.text, other);
    else
        cs_read_piece(&l->said.text, found);
    free(other);
}

/* Of what stands at the place of an error, a refusal, an end, as cs_service_at gives it: is there one, or a word for none? One rule for all,
 * in JSON and in headers. */
static bool is_said(const char *word)
{
    static const char *const none[] = {"", "false", "0", "0.0", "no", "none", "null", "[]", "{}"};
    bool is_none = word == NULL;
    for (size_t i = 0; i < sizeof none / sizeof *none && !is_none; i++)
        is_none = strcasecmp(word, none[i]) == 0;
    return !is_none;
}

static void look_for_error(struct looking *l, struct cs_json *root)
{
    const struct cs_spot *at = &l->service->reply.error;
    const char *said = l->error == NULL ? cs_service_at(at, root, l->reply->headers, l->arena) : NULL;
    if (!is_said(said))
        return;
    l->error = at->pointer != NULL
                   ? cs_json_incref((struct cs_json *)(uintptr_t)cs_pointer_get(at->pointer, root)) /* only read */
                   : cs_json_string(cs_utf8_clean(l->arena, said, strlen(said), CS_ERROR_TEXT_MAX));
    l->error_root = cs_json_incref(root);
}

static const char *word_at(const struct looking *l, const struct cs_spot *place, const struct cs_json *root)
{
    const char *text = cs_service_at(place, root, l->reply->headers, l->arena);
    return text != NULL ? cs_utf8_clean(l->arena, text, strlen(text), CS_OUTPUT_WORD_MAX) : NULL;
}

static uint32_t count_at(const struct looking *l, const struct cs_spot *place, const struct cs_json *root,
                         uint32_t before)
{
    const char *text = word_at(l, place, root);
    struct cs_json *v = text != NULL ? cs_json_string(text) : NULL;
    const uint32_t n = v != NULL ? cs_read_count(v) : before;
    cs_json_decref(v);
    return n;
}

/* What is said beside the text; the last that is said holds. */
static void look_beside(struct looking *l, struct cs_json *root)
{
    const struct cs_service_reply *r = &l->service->reply;
    const char *word;
    look_for_error(l, root);
    l->refused = (word = word_at(l, &r->refused, root)) != NULL ? word : l->refused;
    l->end = (word = word_at(l, &r->end, root)) != NULL ? word : l->end;
    l->out->model = (word = word_at(l, &r->version, root)) != NULL ? word : l->out->model;
    l->out->input_tokens = count_at(l, &r->input, root, l->out->input_tokens);
    l->out->output_tokens = count_at(l, &r->output, root, l->out->output_tokens);
}

/* ---- the text ------------------------------------------------------------------------------------------------- */

/* A log-in, or what a proxy shows: by its type, or by its beginning where it is not said to be text. */
static bool is_page(const struct cs_http_reply *reply, const char *type)
{
    static const char *const types[] = {"text/html", "application/xhtml+xml"}, *const starts[] = {"<!doctype html",
                                                                                                  "<html"};
    const char *start = cs_read_start(reply);
    bool found = false;
    for (size_t i = 0; i < sizeof types / sizeof *types && type != NULL; i++)
        found |= strncasecmp(type, types[i], strlen(types[i])) == 0;
    for (size_t i = 0; i < sizeof starts / sizeof *starts && (type == NULL || strncasecmp(type, "text/plain", 10) != 0);
         i++)
        found |= strncasecmp(start, starts[i], strlen(starts[i])) == 0;
    return found;
}

/* The body as it came; of a JSON document that is one text, the text. */
static void take_body(struct looking *l)
{
    const char *type = cs_header(l->reply->headers, "content-type", l->arena);
    struct cs_json *v = type != NULL && strstr(type, "json") != NULL
                            ? cs_json_loadb(l->reply->body, l->reply->body_len, CS_JSON_DECODE_ANY | CS_JSON_ALLOW_NUL,
                                            NULL)
                            : NULL;
    l->has_text = l->reply->status != PARTIAL_CONTENT && !is_page(l->reply, type);
    if (!l->has_text) {
        l->out->text = l->reply->status == PARTIAL_CONTENT ? "the reply is Partial Content, a part of one"
                                                           : "the reply is a page (HTML), not an answer";
    } else if (cs_json_is_string(v)) {
        cs_read_piece(&l->said.text, v);
    } else {
        cs_buf_append(&l->said.text, l->reply->body, l->reply->body_len);
    }
    cs_json_decref(v);
}

static void take_header(struct looking *l)
{
    const char *text = cs_header(l->reply->headers, l->service->reply.text.header, l->arena);
    l->has_text = text != NULL;
    cs_buf_str(&l->said.text, text != NULL ? text : "");
}

/* Of a stream: what each event adds. True: it has its end mark. plain: the reply as JSON, should it be that. */
static bool take_events(struct looking *l, const struct cs_json *plain)
{
    const struct cs_service_stream *t = &l->service->stream;
    struct cs_sse events = cs_sse_begin(l->reply->body, l->reply->body_len);
    struct cs_sse_event e;
    bool ended = false, any = l->reply->body_len == 0;
    while (!ended && cs_sse_next(&events, l->arena, &e)) {
        any = true;
        struct cs_json *root = cs_json_loadb(e.data, strlen(e.data), CS_JSON_DECODE_ANY, NULL);
        const char *name = e.name[0] != '\0' ? e.name : cs_sse_named(root, l->arena);
        ended = strcmp(e.data, t->done) == 0 || strcmp(name, t->done) == 0;
        if (t->event == NULL || strcmp(name, t->event) == 0) {
            if (t->text[0] != '\0') {
                l->has_text |= cs_pointer_each(t->text, root, take_text, l);
            } else if (strcmp(e.data, t->done) != 0) {
                l->has_text = true;
                if (cs_json_is_string(root))
                    cs_read_piece(&l->said.text, root);
                else
                    cs_buf_str(&l->said.text, e.data);
            }
        }
        if (root != NULL)
            look_beside(l, root);
        cs_json_decref(root);
    }
    if (!ended)
        l->out->text = plain != NULL
                           ? cs_arena_printf(l->arena, "the reply is JSON and no event stream (SSE); it is %s",
                                             cs_service_shape(plain, SHAPE_MAX, l->arena))
                       : any ? "the event stream broke off: without its end mark it is not whole"
                             : "the reply is no event stream (SSE)";
    return ended;
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

static void read_end(struct looking *l)
{
    struct cs_json *word = is_said(l->end) ? cs_json_string(l->end) : NULL;
    cs_ends_read(word, l->arena, l->out);
    cs_json_decref(word);
}

static void read_answer(struct looking *l, enum cs_form asked, const struct cs_json *root)
{
    const struct cs_service_reply *r = &l->service->reply;
    struct cs_reading *out = l->out;
    if (!l->has_text) {
        out->says = CS_SAYS_NO_TEXT;
        out->text = cs_arena_printf(l->arena, "the reply has no text at %s%s; it is %s",
                                    r->text.header != NULL ? "the header " : "",
                                    r->text.header != NULL ? r->text.header : r->text.pointer,
                                    root != NULL ? cs_service_shape(root, SHAPE_MAX, l->arena) : "not JSON");
        return;
    }
    if (r->end.pointer != NULL || r->end.header != NULL)
        read_end(l);
    else
        out->says = CS_SAYS_ANSWER;
    if (out->says == CS_SAYS_ANSWER && is_said(l->refused)) {
        out->outcome = CS_OUTCOME_refused;
        if (l->said.text.len == 0 && strcmp(l->refused, "true") != 0)
            cs_buf_str(&l->said.text, l->refused);
    }
    cs_read_take(&l->said, asked, l->arena, out);
    if (out->says == CS_SAYS_NOTHING)
        out->text = cs_arena_printf(
            l->arena,
            "the reply does not say at %s%s that the answer has ended, as its account declares: "
            "it is not whole",
            r->end.header != NULL ? "the header " : "", r->end.header != NULL ? r->end.header : r->end.pointer);
}

static void read_good(struct looking *l, enum cs_form asked, struct cs_json *root)
{
    const struct cs_service *s = l->service;
    bool whole = true;
    look_beside(l, root); /* of a stream: headers, and an error that came as plain JSON in its place */
    if (s->stream.is_used)
        whole = take_events(l, root);
    else if (s->reply.text.header != NULL)
        take_header(l);
    else if (s->reply.text.pointer[0] == '\0')
        take_body(l);
    else if (root != NULL)
        l->has_text = cs_pointer_each(s->reply.text.pointer, root, take_text, l);
    if (l->error != NULL) {
        cs_complaint_read(l->reply, l->error_root, l->error, "code", NULL, l->arena, l->out);
        if (l->out->says == CS_SAYS_ERROR && l->out->text[0] == '\0')
            l->out->text = "the reply says that there was an error";
    } else if (whole && (root != NULL || l->has_text || s->stream.is_used)) {
        read_answer(l, asked, root);
    } /* else what came in its place is said already */
}

/* Of one that is not good: where it sends us instead (not what it asked there: a prompt may be in it), and at which step. */
static void tell_step(const struct cs_http_reply *reply, struct cs_arena *arena, struct cs_reading *out)
{
    const char *to = cs_header(reply->headers, "location", arena);
    if (reply->status >= 300 && reply->status <= 399)
        out->text = cs_arena_printf(arena, "HTTP %u, a redirect%s%s, which is not followed", reply->status,
                                    to != NULL ? " to " : "",
                                    to != NULL ? cs_utf8_clean(arena, to, strcspn(to, "?#"), SHAPE_MAX) : "");
    if (reply->at_start && out->text[0] == '\0')
        out->text = cs_arena_printf(arena, "HTTP %u", reply->status);
    if (reply->at_start)
        out->text = cs_arena_printf(arena, "at the session's start: %s", out->text);
}

void cs_deployed_read(const struct cs_http_reply *reply, enum cs_form asked, struct cs_arena *arena,
                      struct cs_reading *out)
{
    static const char *const id_headers[] = {"x-request-id", "request-id", "x-correlation-id", NULL};
    struct cs_json *root = cs_read_begin_as_is(reply, id_headers, arena, out);
    struct looking l = {
        .service = reply->service, .reply = reply, .arena = arena, .out = out, .said = CS_READ_SAID_INIT};
    if (reply->transfer == CS_TRANSFER_WHOLE && reply->broken != NULL) {
        out->says = reply->broken_says;
        out->text = reply->broken;
    } else if (reply->transfer == CS_TRANSFER_WHOLE && !cs_read_is_good(reply)) {
        cs_complaint_read(reply, root, cs_read_error_of(root) != NULL ? cs_read_error_of(root) : root, "code", NULL,
                          arena, out);
        tell_step(reply, arena, out);
    } else if (reply->transfer == CS_TRANSFER_WHOLE && l.service != NULL) {
        if (l.service->stream.is_used || l.service->reply.text.pointer == NULL ||
            l.service->reply.text.pointer[0] == '\0') {
            out->text = ""; /* it need not be JSON */
            out->says = CS_SAYS_NOTHING;
        } else if (out->text[0] != '\0') {
            cs_json_decref(root); /* not the whole */
            root = NULL;
        }
        read_good(&l, asked, root);
    }
    cs_json_decref(l.error);
    cs_json_decref(l.error_root);
    cs_read_said_release(&l.said);
    cs_json_decref(root);
}

enum cs_poll_says cs_deployed_read_polled(const struct cs_service *s, const struct cs_http_reply *reply,
                                          struct cs_arena *arena)
{
    const struct cs_spot at = {s->poll.until_at, NULL};
    struct cs_reading r;
    if (s->poll.until_at == NULL) {
        cs_deployed_read(reply, CS_FORM_NONE, arena, &r);
        /* What is not there yet may come; of an error no more will. */
        return r.says == CS_SAYS_NO_TEXT || r.says == CS_SAYS_NOTHING || r.says == CS_SAYS_PIECES ||
                       (r.says == CS_SAYS_ANSWER && r.text[0] == '\0')
                   ? CS_POLL_GOES_ON
                   : CS_POLL_DONE;
    }
    struct cs_json *root = cs_json_loadb(reply->body, reply->body_len, CS_JSON_DISABLE_EOF_CHECK, NULL);
    const char *word = cs_service_at(&at, root, reply->headers, arena);
    cs_json_decref(root);
    return cs_service_says(&s->poll.until_is, word) ? CS_POLL_DONE
           : cs_service_says(&s->poll.failed, word) ? CS_POLL_FAILED
                                                    : CS_POLL_GOES_ON;
}
