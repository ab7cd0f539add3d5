/* admin_client.h - asks a coordinator something over its admin socket and waits for the answer. Thread: the one that opened it.
 *
 * A client outlives its coordinator: a question that finds no connection, or follows one that had no answer, connects anew, to where "file:" says
 * by then.
 */
#ifndef CS_ADMIN_CLIENT_H
#define CS_ADMIN_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/base/arena.h"
#include "protocol/base/error.h"

struct cs_admin_client;

struct cs_admin_opts {
    const char *endpoint;            /* "ipc:///...", "tcp://host:port" or "file:PATH" (whereabouts.h) */
    const char *key;                 /* CURVE: own key file, or NULL */
    const char *server_key;          /* CURVE: the coordinator's .pub file or Z85 text, or NULL */
    const char *reason;              /* of what is asked, for `clinsafe events`; NULL: none is said */
    bool (*lives)(const void *self); /* NULL, or asked while an answer is waited for: false ends the waiting */
    const void *self;
    bool
        of_run; /* ipc of a `run` on this machine: where its socket is gone it has ended, and a question ends with CS_ENOENT */
};

CS_WARN_UNUSED enum cs_err cs_admin_client_open(struct cs_admin_client **out, const struct cs_admin_opts *o,
                                                struct cs_error *err);
void cs_admin_client_close(struct cs_admin_client *a);

/* False once opts.lives says so: asking again is of no use. */
bool cs_admin_client_lives(const struct cs_admin_client *a);

/* One request, one answer. args ends with NULL. *reply (may be NULL) is the blob's text, NUL-terminated, in the client until the next call.
 * What the coordinator refuses comes back as its code and sentence; CS_ETIMEDOUT: no answer within timeout_ms, or
 * none to come (cs_admin_client_lives), or no coordinator reached within CS_REACH_SAY_MS (reach.h). CS_EDENIED is also said of keys: a key that is
 * not on the list, at once; a handshake that is refused, unless a coordinator has answered this client before. */
CS_WARN_UNUSED enum cs_err cs_admin_client_ask(struct cs_admin_client *a, const char *verb, const char *const *args,
                                               const void *blob, uint32_t blob_len, int timeout_ms, const char **reply,
                                               struct cs_error *err);

#endif
