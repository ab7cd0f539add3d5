/* redis.h - Redis as a projection: losing it costs a dashboard for a moment, never an output. The only includer of hiredis.
 *
 * Address: "unix:/path" or "tcp://host:port" with a numeric address ([IPv6] in brackets) or localhost for host. ACL user and
 * password from CLINSAFE_REDIS_USER and CLINSAFE_REDIS_PASSWORD or CLINSAFE_REDIS_PASSWORD_FILE, never from argv. The asynchronous
 * client lives on a libuv loop, reconnects by itself (200 ms .. 5 s) and answers every command within 2 s or with NULL.
 * Arguments are binary-safe argv, never format strings. Thread: the loop's. Opening a client ignores SIGPIPE in the process
 * unless the program handles it.
 */
#ifndef CS_REDIS_H
#define CS_REDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/base/error.h"

struct uv_loop_s;

/* A reply, detached from hiredis. */
enum cs_reply_kind { CS_REPLY_NIL, CS_REPLY_STATUS, CS_REPLY_ERROR, CS_REPLY_INT, CS_REPLY_STR, CS_REPLY_ARRAY };
struct cs_reply {
    enum cs_reply_kind kind;
    int64_t integer;
    const char *str; /* NUL-terminated */
    size_t len;
    const struct cs_reply *items;
    size_t n_items;
};
/* reply NULL: not connected, lost, or too late. Valid during the call. */
typedef void (*cs_redis_fn)(void *self, const struct cs_reply *reply);

struct cs_redis;
CS_WARN_UNUSED enum cs_err cs_redis_open(struct cs_redis **out, struct uv_loop_s *loop, const char *address,
                                         struct cs_error *err);
/* What waits is answered with NULL. Handles are closed on the loop's next turns: run it once more. May be called from a reply. */
void cs_redis_close(struct cs_redis *r);
bool cs_redis_connected(const struct cs_redis *r);
/* fn may be NULL. At most 1024 commands wait; beyond that, or when not connected, fn is called with NULL at once. */
void cs_redis_command(struct cs_redis *r, int argc, const char *const *argv, const size_t *lens, cs_redis_fn fn,
                      void *self);

/* The same, blocking, for the command line. */
struct cs_redis_sync;
CS_WARN_UNUSED enum cs_err cs_redis_sync_open(struct cs_redis_sync **out, const char *address, uint32_t timeout_ms,
                                              struct cs_error *err);
/* Whether a Redis answers there, and lets us in. */
CS_WARN_UNUSED enum cs_err cs_redis_sync_check(const char *address, uint32_t timeout_ms, struct cs_error *err);
void cs_redis_sync_close(struct cs_redis_sync *r);
/* *reply is valid until the next call; it may be of kind CS_REPLY_ERROR. CS_EAGAIN: no connection, CS_ETIMEDOUT, CS_EDENIED: refused
 * at the door. After a lost connection the next command connects again. */
CS_WARN_UNUSED enum cs_err cs_redis_sync_command(struct cs_redis_sync *r, int argc, const char *const *argv,
                                                 const size_t *lens, const struct cs_reply **reply,
                                                 struct cs_error *err);

#endif
