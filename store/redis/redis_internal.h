/* redis_internal.h - what the asynchronous and the blocking client share: addresses, credentials, replies. Pure but for the
 * environment and the password file; implemented in redis_sync.c.
 */
#ifndef CS_REDIS_INTERNAL_H
#define CS_REDIS_INTERNAL_H

#include "protocol/base/arena.h"
#include "store/redis/redis.h"

struct redisReply;

struct cs_redis_target {
    char *address; /* as given, for messages */
    char *path;    /* unix socket, or NULL */
    char *host;    /* numeric */
    int port;
    char *user, *password; /* NULL: none */
};

/* CS_EINVAL names what is wrong with the address, CS_ENOENT a password file that is missing. */
CS_WARN_UNUSED enum cs_err cs_redis_sync_target_init(struct cs_redis_target *t, const char *address,
                                                     struct cs_error *err);
void cs_redis_sync_target_release(struct cs_redis_target *t);

/* The first command of a connection, which shows that the server answers and lets us in: AUTH, or PING. Points into t. */
enum { CS_REDIS_GREETING_MAX = 3 };
int cs_redis_sync_greeting(const struct cs_redis_target *t, const char *argv[CS_REDIS_GREETING_MAX]);

/* hiredis takes no const where it only reads. */
const char **cs_redis_sync_argv(const char *const *argv);

/* hiredis writes without MSG_NOSIGNAL: a server that dies would take us along. A handler of the program's own stays. */
void cs_redis_sync_ignore_sigpipe(void);

const struct cs_reply *cs_redis_sync_convert(struct cs_arena *arena, const struct redisReply *reply);

#endif
