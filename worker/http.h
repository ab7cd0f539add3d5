/* http.h - HTTP calls through libcurl's multi interface on a libuv loop: the only includer of curl/curl.h.
 *
 * A slot is one call at a time, with an easy handle that is kept. 256 slots share a multi handle, since libcurl's cost of finding an idle
 * connection grows with the pool (measured). HTTP/1.1, TLS verified, no redirects, bodies up to 8 MiB, all that are in flight up to
 * reply_memory (replies.h), and never a repeat of its own accord: libcurl would send a request again when a kept connection breaks, which
 * is caught here and reported as lost.
 *
 * Thread: the loop's. `done` is called from the loop, never from cs_http_start.
 */
#ifndef CS_HTTP_H
#define CS_HTTP_H

#include "worker/calls/endpoint.h"
#include "worker/calls/pictures.h"

struct uv_loop_s;

enum { CS_HTTP_BODY_MAX = 8 * 1024 * 1024, CS_HTTP_CONNECT_MS = 10000 };

typedef void (*cs_http_done_fn)(void *self, uint32_t slot, const struct cs_http_reply *reply);

struct cs_http;
CS_WARN_UNUSED enum cs_err cs_http_open(struct cs_http **out, struct uv_loop_s *loop, uint32_t slots,
                                        size_t reply_memory, cs_http_done_fn done, void *self, struct cs_error *err);
/* Ends all calls silently. Handles are closed on the loop's next turns: run it once more. NULL is fine. */
void cs_http_close(struct cs_http *h);

struct cs_http_request {
    const struct cs_endpoint *endpoint; /* lives until the call has ended */
    const char *method;                 /* NULL: POST, or GET where there is no body */
    const char *url;          /* copied; NULL: the endpoint's. With one, `lines` say who asks, not the endpoint */
    const char *type;         /* of the body; copied; NULL: JSON */
    const char *const *lines; /* further header lines, at most CS_HEADERS_MAX + 2; live until the call has ended */
    uint32_t n_lines;
    const char *body; /* copied; NULL: none */
    size_t body_len;
    struct cs_held *held;   /* the images that stand in it (calls/sent.h), kept until the call has ended; NULL: none */
    const char *request_id; /* value of X-Client-Request-Id; copied */
    const struct cs_session_told *session; /* for exchange.h: as cs_errand_begin says; copied */
    uint32_t timeout_ms;
};
void cs_http_start(struct cs_http *h, uint32_t slot, const struct cs_http_request *r); /* the slot is free */
void cs_http_abort(struct cs_http *h, uint32_t slot);                                  /* no `done` for it */

/* Bytes of all replies in flight. */
size_t cs_http_held(const struct cs_http *h);

#endif
