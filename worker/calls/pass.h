/* pass.h - what a declared system is shown when its key is not the same for ever: a token of OAuth 2 (client credentials, RFC 6749 section
 * 4.4), or a key in a file that others renew.
 *
 * A pass belongs to all endpoints that say the same of it. A token lives in this process's memory only, and is asked for anew a while before it
 * ends, at a moment that differs from worker to worker; a file is read again when it has changed. A system's 401 makes either anew, once a
 * call. Nothing here waits: the token's request is made by whoever holds the pass (worker/exchange.c).
 *
 * Thread: the loop's. Units: milliseconds of the caller's clock.
 */
#ifndef CS_PASS_H
#define CS_PASS_H

#include "protocol/base/rng.h"
#include "worker/calls/endpoint.h"

enum { CS_PASSES_MAX = 32 };

struct cs_pass;
struct cs_passes;
struct cs_passes *cs_passes_open(uint64_t seed);
void cs_passes_close(struct cs_passes *all);

/* The endpoint's pass; NULL: its header line is what it is. A token's has a number below CS_PASSES_MAX, for the call that fetches it. */
struct cs_pass *cs_passes_of(struct cs_passes *all, const struct cs_endpoint *e);
uint32_t cs_pass_number(const struct cs_pass *p);
/* The header line to send; NULL: a token has to be fetched first. Valid until the loop's next turn. *of: which issue of the pass it is. */
const char *cs_pass_line(struct cs_pass *p, uint64_t now_ms, uint64_t *of);
/* Said 401 of that issue: whether another attempt with a newer one makes sense. */
bool cs_pass_refused(struct cs_pass *p, uint64_t of);

struct cs_pass_ask { /* a POST of a form */
    const struct cs_endpoint *endpoint;
    const char *body;
    size_t body_len;
    const char *lines[1]; /* who asks */
};
/* How long to wait before that: workers that start together do not ask together. */
uint32_t cs_pass_delay_ms(struct cs_pass *p);
/* CS_OK: what to send. Else there is no secret: a sentence. */
CS_WARN_UNUSED enum cs_err cs_pass_ask(struct cs_pass *p, struct cs_pass_ask *out, struct cs_error *err);
/* The answer to that. False: no token came; what it was is the reply, in which no secret is left. */
bool cs_pass_told(struct cs_pass *p, const struct cs_http_reply *reply, uint64_t now_ms);

/* Its secret as it is now, or NULL. */
const char *cs_pass_secret(const struct cs_pass *p);

#endif
