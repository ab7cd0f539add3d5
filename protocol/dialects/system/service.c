#include "protocol/dialects/system/service.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/dialects/system/fill.h"
#include "protocol/dialects/replies/header.h"
#include "protocol/dialects/system/pointer.h"
#include "protocol/dialects/replies/read.h"

/* ---- from JSON ------------------------------------------------------------------------------------------- */

static const char *text_of(const struct cs_json *o, const char *key)
{
    return cs_json_string_value(cs_json_object_get(o, key));
}

static bool is_pointer(const char *text)
{
    return cs_pointer_check(text, NULL) == CS_OK;
}

static bool place(const struct cs_json *o, const char *key, struct cs_spot *out)
{
    const struct cs_json *v = cs_json_object_get(o, key);
    out->pointer = cs_json_string_value(v);
    out->header = text_of(v, "header");
    return v == NULL || (out->pointer != NULL ? is_pointer(out->pointer) : out->header != NULL);
}

static bool words(const struct cs_json *o, const char *key, struct cs_words *out)
{
    const struct cs_json *list = cs_json_object_get(o, key), *word;
    size_t i;
    out->list = list;
    out->n = (uint32_t)cs_json_array_size(list);
    cs_json_array_foreach(list, i, word)
    {
        if (!cs_json_is_string(word))
            return false;
    }
    return list == NULL || out->n > 0;
}

static bool read_request(struct cs_service *s)
{
    static const char *const types[] = {"json", "form", "text"};
    const char *type = text_of(s->request, "type");
    bool known = false;
    for (int i = 0; i < CS_SERVICE_TYPES; i++) {
        if (type != NULL && strcmp(type, types[i]) == 0) {
            s->type = (enum cs_service_type)i;
            known = true;
        }
    }
    const char *path = text_of(s->request, "path");
    return known && text_of(s->request, "method") != NULL && path != NULL && path[0] == '/';
}

static bool read_reply(const struct cs_json *o, struct cs_service_reply *r)
{
    const struct cs_json *only = cs_json_object_get(o, "only"), *usage = cs_json_object_get(o, "usage");
    const char *join = text_of(o, "join");
    r->join = join != NULL ? join : "\n\n";
    r->only_at = text_of(only, "at");
    return place(o, "text", &r->text) && (r->text.pointer != NULL || r->text.header != NULL) &&
           place(o, "error", &r->error) && place(o, "refused", &r->refused) && place(o, "end", &r->end) &&
           place(o, "version", &r->version) && place(usage, "input", &r->input) && place(usage, "output", &r->output) &&
           words(only, "is", &r->only_is) &&
           (only == NULL || (r->only_at != NULL && is_pointer(r->only_at) && r->only_is.n > 0));
}

static bool read_stream(const struct cs_json *o, struct cs_service_stream *t)
{
    t->is_used = o != NULL;
    t->text = text_of(o, "text");
    t->event = text_of(o, "event");
    t->done = text_of(o, "done");
    return o == NULL || (t->text != NULL && is_pointer(t->text) && t->done != NULL);
}

static uint32_t milliseconds(const struct cs_json *o, const char *key)
{
    const double s = cs_json_number_value(cs_json_object_get(o, key));
    return s > 0 && s < 1e6 ? (uint32_t)(s * 1000 + 0.5) : 0;
}

static bool read_poll(const struct cs_json *o, struct cs_service_poll *p)
{
    const struct cs_json *until = cs_json_object_get(o, "until");
    p->is_used = o != NULL;
    p->path = text_of(o, "path");
    p->until_at = text_of(until, "at");
    p->every_ms = milliseconds(o, "every_s");
    p->at_most_ms = milliseconds(o, "at_most_s");
    return place(o, "id", &p->id) && place(o, "mark", &p->mark) && words(until, "is", &p->until_is) &&
           words(o, "failed", &p->failed) &&
           (o == NULL || (p->path != NULL && p->path[0] == '/' && p->every_ms > 0 && p->at_most_ms > 0)) &&
           (until == NULL || (p->until_at != NULL && is_pointer(p->until_at) && p->until_is.n > 0));
}

static bool read_session(const struct cs_json *o, struct cs_service_session *t)
{
    t->is_used = o != NULL;
    t->is_new = cs_json_is_true(cs_json_object_get(o, "new"));
    t->start = cs_json_object_get(o, "start");
    t->cookie = text_of(o, "cookie");
    const char *path = text_of(t->start, "path");
    return place(o, "id", &t->id) &&
           (t->start == NULL || (text_of(t->start, "method") != NULL && path != NULL && path[0] == '/'));
}

static bool read_auth(struct cs_service *s, const struct cs_json *o)
{
    static const char *const kinds[] = {"bearer", "basic", "header", "oauth2", "none"};
    const char *kind = text_of(o, "kind");
    bool known = kind == NULL;
    for (size_t i = 0; kind != NULL && i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kind, kinds[i]) == 0) {
            s->auth = (enum cs_service_auth)i;
            known = true;
        }
    }
    s->auth_header = text_of(o, "header");
    s->token_url = text_of(o, "token_url");
    s->scope = text_of(o, "scope");
    s->id_env = text_of(o, "id_env");
    s->id_file = text_of(o, "id_file");
    s->certificate = text_of(o, "certificate");
    return known && (s->auth != CS_SERVICE_HEADER || s->auth_header != NULL) &&
           (s->auth != CS_SERVICE_OAUTH2 || s->token_url != NULL);
}

enum cs_err cs_service_open(struct cs_service **out, const char *json, struct cs_error *err)
{
    struct cs_service *s = cs_xcalloc(1, sizeof *s);
    *out = NULL;
    s->root = cs_json_loads(json, CS_JSON_REJECT_DUPLICATES, NULL);
    s->request = cs_json_object_get(s->root, "request");
    s->roles = cs_json_object_get(s->root, "roles");
    if (read_request(s) && read_reply(cs_json_object_get(s->root, "reply"), &s->reply) &&
        read_stream(cs_json_object_get(s->root, "stream"), &s->stream) &&
        read_poll(cs_json_object_get(s->root, "poll"), &s->poll) &&
        read_session(cs_json_object_get(s->root, "session"), &s->session) &&
        read_auth(s, cs_json_object_get(s->root, "auth"))) {
        s->session.remembers = s->session.is_used && !cs_fill_has(s->request, CS_FILL_MESSAGES);
        *out = s;
        return CS_OK;
    }
    cs_service_close(s);
    return cs_error_set(err, CS_EINVAL, "the account does not say how its system is spoken to");
}

void cs_service_close(struct cs_service *s)
{
    if (s == NULL)
        return;
    cs_json_decref(s->root);
    cs_arena_release(&s->arena);
    free(s);
}

bool cs_service_remembers(const char *json)
{
    struct cs_service *s = NULL;
    const bool does = json != NULL && cs_service_open(&s, json, NULL) == CS_OK && s->session.remembers;
    cs_service_close(s);
    return does;
}

/* ---- what stands in a reply ------------------------------------------------------------------------------ */

const char *cs_service_at(const struct cs_spot *place, const struct cs_json *root, const char *headers,
                          struct cs_arena *arena)
{
    if (place->header != NULL)
        return cs_header(headers, place->header, arena);
    const struct cs_json *v = place->pointer != NULL ? cs_pointer_get(place->pointer, root) : NULL;
    if (v == NULL || cs_json_is_null(v))
        return NULL;
    if (cs_json_is_string(v))
        return cs_arena_strndup(arena, cs_json_string_value(v), cs_json_string_length(v));
    char *text = cs_json_dumps(v, CS_JSON_COMPACT | CS_JSON_ENCODE_ANY | CS_JSON_REAL_PRECISION(15));
    const char *kept = cs_arena_strdup(arena, text != NULL ? text : "");
    free(text);
    return kept;
}

bool cs_service_says(const struct cs_words *w, const char *word)
{
    const struct cs_json *v;
    size_t i;
    cs_json_array_foreach(w->list, i, v)
    {
        if (word != NULL && cs_read_is(v, word))
            return true;
    }
    return false;
}

/* ---- its shape ---------------------------------------------------------------------------------------------- */

static void put_shape(const struct cs_json *v, int depth, struct cs_buf *out);

static void put_members(struct cs_json *v, int depth, struct cs_buf *out)
{
    const char *key, *comma = "";
    struct cs_json *child;
    cs_buf_char(out, '{');
    cs_json_object_foreach(v, key, child)
    {
        cs_buf_str(out, comma);
        cs_json_str(out, key, strlen(key) < 64 ? strlen(key) : 64);
        cs_buf_str(out, ": ");
        put_shape(child, depth + 1, out);
        comma = ", ";
    }
    cs_buf_char(out, '}');
}

/* Depth is bounded. */
static void put_shape(const struct cs_json *v, int depth, struct cs_buf *out)
{
    enum { DEPTH_MAX = 6 };
    if (v == NULL)
        return;
    if (cs_json_is_string(v)) {
        cs_buf_printf(out, "text of %zu", cs_json_string_length(v));
    } else if (cs_json_is_number(v)) {
        cs_buf_str(out, "number");
    } else if (cs_json_is_object(v) && depth < DEPTH_MAX) {
        put_members((struct cs_json *)(uintptr_t)v, depth, out); /* only read */
    } else if (cs_json_array_size(v) > 0 && depth < DEPTH_MAX) {
        cs_buf_printf(out, "[%zu of ", cs_json_array_size(v));
        put_shape(cs_json_array_get(v, 0), depth + 1, out);
        cs_buf_char(out, ']');
    } else {
        cs_buf_str(out, cs_json_is_null(v)                   ? "null"
                        : cs_json_is_boolean(v)              ? "true or false"
                        : cs_json_typeof(v) == CS_JSON_ARRAY ? "[]"
                                                             : "{...}");
    }
}

const char *cs_service_shape(const struct cs_json *root, size_t max, struct cs_arena *arena)
{
    struct cs_buf b = CS_BUF_INIT(256 * 1024);
    put_shape(root, 0, &b);
    const char *text = b.len <= max ? cs_arena_strdup(arena, cs_buf_cstr(&b))
                                    : cs_arena_printf(arena, "%.*s...", (int)max, cs_buf_cstr(&b));
    cs_buf_release(&b);
    return text;
}
