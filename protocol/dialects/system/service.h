/* service.h - a deployed system behind HTTP, as its account declares it (`protocol: http`): what it is sent, and where in its reply the
 * answer stands. Nothing is known of it but this.
 *
 * A declaration is made from providers.yaml (load/system.h) and travels as JSON (cs_account.service), its texts with their fillings (fill.h):
 *   {"request":{"method","path","query":{},"type","headers":{},"body"},"roles":{},"reply":{"text","join","only":{"at","is":[]},"error",
 *    "refused","end","usage":{"input","output"},"version"},"stream":{"text","event","done"},"poll":{"path","id","mark","until":{"at","is":[]},
 *    "failed":[],"every_s","at_most_s"},"session":{"id","start":{"method","path","body"},"new","cookie"},"auth":{...}}
 * A place in a reply is a pointer (pointer.h), or {"header":NAME}.
 *
 * The canonical body of a call is {"method","path","query","type","headers","body"} and, where a session is started, "start": all filled but
 * for {{trial}} {{session}} {{job}} {{mark}}, which differ from call to call. Of a later turn in a session that remembers, it ends on "said": what
 * was said in it before ({"role","content"}), which is not sent, so that what a turn answers is known as it is of any other. Base URL, key and how the reply is read are no part of it.
 *
 * Ownership: a service owns all that it points to. Pure; any thread.
 */
#ifndef CS_SERVICE_H
#define CS_SERVICE_H

#include "protocol/base/arena.h"
#include "protocol/base/error.h"
#include "protocol/base/json.h"
#include "protocol/dialects/replies/reply.h"

enum cs_service_type { CS_SERVICE_JSON, CS_SERVICE_FORM, CS_SERVICE_TEXT, CS_SERVICE_TYPES };

struct cs_spot { /* in a reply; both NULL: not declared */
    const char *pointer, *header;
};

struct cs_words { /* any of these; n 0: none declared */
    const struct cs_json *list;
    uint32_t n;
};

struct cs_service_reply {
    struct cs_spot text, error, refused, end, version, input, output;
    const char *join;    /* between the elements of a `*` */
    const char *only_at; /* of an element: its place, as a pointer; NULL: all elements */
    struct cs_words only_is;
};

struct cs_service_stream {
    bool is_used;
    const char *text;  /* a pointer into each event's data; "": the data itself */
    const char *event; /* the only event that is read, or NULL */
    const char *done;  /* the data, or the event's name, that ends it */
};

struct cs_service_poll {
    bool is_used;
    const char *path;
    struct cs_spot id, mark;
    const char *until_at; /* NULL: until there is a text */
    struct cs_words until_is, failed;
    uint32_t every_ms, at_most_ms;
};

struct cs_service_session {
    bool is_used, is_new;
    bool remembers; /* a conversation goes on in one: the request has no place for what was said before */
    struct cs_spot id;
    const struct cs_json *start; /* {"method","path","body"}, or NULL */
    const char *cookie;
};

enum cs_service_auth { CS_SERVICE_BEARER, CS_SERVICE_BASIC, CS_SERVICE_HEADER, CS_SERVICE_OAUTH2, CS_SERVICE_NO_AUTH };

struct cs_service {
    struct cs_json *root;
    const struct cs_json *request, *roles;
    enum cs_service_type type;
    struct cs_service_reply reply;
    struct cs_service_stream stream;
    struct cs_service_poll poll;
    struct cs_service_session session;
    enum cs_service_auth auth;
    const char *auth_header;       /* HEADER: its name */
    const char *token_url, *scope; /* OAUTH2; scope may be "" */
    const char *id_env, *id_file;  /* OAUTH2: where the client's id is found; its secret is the account's key */
    const char *certificate;       /* file with the client's certificate and its key, or NULL */
    struct cs_arena arena;
};

/* CS_EINVAL: the text is no declaration; err says what is wrong. Free with cs_service_close. */
CS_WARN_UNUSED enum cs_err cs_service_open(struct cs_service **out, const char *json, struct cs_error *err);
void cs_service_close(struct cs_service *s); /* NULL is fine */
/* Whether conversations go on in sessions of the system's, by its declaration; NULL: it is none. */
bool cs_service_remembers(const char *json);

/* What stands at a place, in the arena: texts as they are, other values as JSON; NULL: nothing does, or null. root may be NULL. */
const char *cs_service_at(const struct cs_spot *place, const struct cs_json *root, const char *headers,
                          struct cs_arena *arena);
bool cs_service_says(const struct cs_words *w, const char *word);
/* The shape of a JSON text, values masked: {"answer": text of 42, "n": number}; at most about `max` bytes. For people. */
const char *cs_service_shape(const struct cs_json *root, size_t max, struct cs_arena *arena);

#endif
