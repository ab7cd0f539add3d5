/* zap.h - the ZeroMQ Authentication Protocol handler (RFC 27): admits CURVE clients whose key is listed, nobody
 * else.
 *
 * A CURVE server without a handler admits every key, so the handler is bound before any server is. It runs on a
 * thread of its own with all signals blocked; the list is shared with it under a mutex. Only socket.c includes
 * this.
 */
#ifndef CS_ZAP_H
#define CS_ZAP_H

#include <stdbool.h>

#include "protocol/base/error.h"
#include "protocol/wire/allowed.h"

struct cs_zap;

/* context: of libzmq. CS_EEXIST: it has a handler already. */
CS_WARN_UNUSED enum cs_err cs_zap_open(void *context, const char *allowed_file, struct cs_zap **out,
                                       struct cs_error *err);
/* After zmq_ctx_shutdown, which ends the thread, and before zmq_ctx_term. */
void cs_zap_close(struct cs_zap *z);
/* Any thread. */
CS_WARN_UNUSED enum cs_err cs_zap_reload(struct cs_zap *z, struct cs_error *err);
bool cs_zap_admits(struct cs_zap *z, const char *key);
bool cs_zap_find(struct cs_zap *z, const char *key, struct cs_allowed_key *out); /* its line of the list, copied */

#endif
