#include <arpa/inet.h>
#include <errno.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/file.h"
#include "store/redis/redis_internal.h"

enum { PASSWORD_MAX = 4096, REPLY_DEPTH_MAX = 8 };

/* ---- address and credentials --------------------------------------------------------------------- */

static enum cs_err parse_tcp(struct cs_redis_target *t, const char *rest, struct cs_error *err)
{
    unsigned char ip[sizeof(struct in6_addr)];
    const char *colon = strrchr(rest, ':');
    char *end = NULL;
    long port = colon == NULL ? 0 : strtol(colon + 1, &end, 10);
    if (port < 1 || port > 65535 || *end != '\0')
        return cs_error_set(err, CS_EINVAL, "Redis address \"%s\": wants a port, as in tcp://127.0.0.1:6379",
                            t->address);
    size_t n = (size_t)(colon - rest);
    if (n >= 2 && rest[0] == '[' && rest[n - 1] == ']')
        t->host = cs_xasprintf("%.*s", (int)(n - 2), rest + 1);
    else
        t->host = cs_xasprintf("%.*s", (int)n, rest);
    if (strcmp(t->host, "localhost") == 0) {
        free(t->host);
        t->host = cs_xstrdup("127.0.0.1");
    }
    /* hiredis would look a name up in the middle of the event loop. */
    if (inet_pton(AF_INET, t->host, ip) != 1 && inet_pton(AF_INET6, t->host, ip) != 1)
        return cs_error_set(err, CS_EINVAL, "Redis address \"%s\": the host must be a numeric address or localhost",
                            t->address);
    t->port = (int)port;
    return CS_OK;
}

static enum cs_err parse_address(struct cs_redis_target *t, struct cs_error *err)
{
    if (strncmp(t->address, "unix:", 5) == 0 && t->address[5] != '\0') {
        t->path = cs_xstrdup(t->address + 5);
        return CS_OK;
    }
    if (strncmp(t->address, "tcp://", 6) == 0)
        return parse_tcp(t, t->address + 6, err);
    return cs_error_set(err, CS_EINVAL, "Redis address \"%s\": wants unix:PATH or tcp://HOST:PORT", t->address);
}

static enum cs_err read_credentials(struct cs_redis_target *t, struct cs_error *err)
{
    const char *user = getenv("CLINSAFE_REDIS_USER"), *password = getenv("CLINSAFE_REDIS_PASSWORD");
    const char *file = getenv("CLINSAFE_REDIS_PASSWORD_FILE");
    if (password != NULL && password[0] != '\0') {
        t->password = cs_xstrdup(password);
    } else if (file != NULL && file[0] != '\0') {
        enum cs_err rc = cs_file_read(file, PASSWORD_MAX, &t->password, NULL, err);
        if (rc != CS_OK)
            return cs_error_wrap(err, rc, "CLINSAFE_REDIS_PASSWORD_FILE");
        if (t->password != NULL)
            t->password[strcspn(t->password, "\r\n")] = '\0';
    }
    if (user != NULL && user[0] != '\0' && t->password == NULL)
        return cs_error_set(err, CS_EINVAL,
                            "CLINSAFE_REDIS_USER is set, but no CLINSAFE_REDIS_PASSWORD or _PASSWORD_FILE");
    if (user != NULL && user[0] != '\0')
        t->user = cs_xstrdup(user);
    return CS_OK;
}

enum cs_err cs_redis_sync_target_init(struct cs_redis_target *t, const char *address, struct cs_error *err)
{
    *t = (struct cs_redis_target){.address = cs_xstrdup(address)};
    enum cs_err rc = parse_address(t, err);
    if (rc == CS_OK)
        rc = read_credentials(t, err);
    if (rc != CS_OK)
        cs_redis_sync_target_release(t);
    return rc;
}

void cs_redis_sync_target_release(struct cs_redis_target *t)
{
    if (t->password != NULL)
        explicit_bzero(t->password, strlen(t->password));
    free(t->address);
    free(t->path);
    free(t->host);
    free(t->user);
    free(t->password);
    *t = (struct cs_redis_target){0};
}

int cs_redis_sync_greeting(const struct cs_redis_target *t, const char *argv[CS_REDIS_GREETING_MAX])
{
    int argc = 0;
    argv[argc++] = t->password != NULL ? "AUTH" : "PING";
    if (t->user != NULL)
        argv[argc++] = t->user;
    if (t->password != NULL)
        argv[argc++] = t->password;
    return argc;
}

const char **cs_redis_sync_argv(const char *const *argv)
{
    return (const char **)(uintptr_t)argv;
}

void cs_redis_sync_ignore_sigpipe(void)
{
    struct sigaction now;
    if (sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler == SIG_DFL)
        signal(SIGPIPE, SIG_IGN);
}

/* ---- replies --------------------------------------------------------------------------------------- */

static void convert(struct cs_arena *arena, const struct redisReply *r, struct cs_reply *out, int depth)
{
    out->str = "";
    switch (r->type) {
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
    case REDIS_REPLY_ERROR:
        out->kind = r->type == REDIS_REPLY_STRING   ? CS_REPLY_STR
                    : r->type == REDIS_REPLY_STATUS ? CS_REPLY_STATUS
                                                    : CS_REPLY_ERROR;
        out->len = r->len;
        out->str = cs_arena_strndup(arena, r->str, r->len);
        break;
    case REDIS_REPLY_INTEGER:
        out->kind = CS_REPLY_INT;
        out->integer = r->integer;
        break;
    case REDIS_REPLY_ARRAY: {
        out->kind = CS_REPLY_ARRAY;
        out->n_items = depth < REPLY_DEPTH_MAX ? r->elements : 0;
        struct cs_reply *items = cs_arena_array(arena, out->n_items, sizeof *items);
        for (size_t i = 0; i < out->n_items; i++)
            convert(arena, r->element[i], &items[i], depth + 1);
        out->items = items;
        break;
    }
    default:
        out->kind = CS_REPLY_NIL;
    }
}

const struct cs_reply *cs_redis_sync_convert(struct cs_arena *arena, const struct redisReply *reply)
{
    struct cs_reply *out = cs_arena_alloc(arena, sizeof *out);
    convert(arena, reply, out, 0);
    return out;
}

/* ---- the blocking client ------------------------------------------------------------------------- */

struct cs_redis_sync {
    struct cs_redis_target target;
    struct timeval timeout;
    redisContext *c; /* NULL: not connected; the next command tries */
    struct cs_arena arena;
};

static void disconnect(struct cs_redis_sync *r)
{
    if (r->c != NULL)
        redisFree(r->c);
    r->c = NULL;
}

static enum cs_err lost(struct cs_redis_sync *r, struct cs_error *err)
{
    /* A receive timeout of a blocking socket is EAGAIN. */
    bool late = r->c != NULL && r->c->err == REDIS_ERR_IO && (errno == EAGAIN || errno == ETIMEDOUT);
    enum cs_err rc = cs_error_set(err, late ? CS_ETIMEDOUT : CS_EAGAIN, "Redis at %s: %s", r->target.address,
                                  late           ? "no answer in time"
                                  : r->c != NULL ? r->c->errstr
                                                 : "out of memory");
    disconnect(r);
    return rc;
}

static enum cs_err command(struct cs_redis_sync *r, int argc, const char *const *argv, const size_t *lens,
                           const struct cs_reply **reply, struct cs_error *err)
{
    struct redisReply *raw = redisCommandArgv(r->c, argc, cs_redis_sync_argv(argv), lens);
    if (raw == NULL)
        return lost(r, err);
    cs_arena_reset(&r->arena);
    *reply = cs_redis_sync_convert(&r->arena, raw);
    freeReplyObject(raw);
    return CS_OK;
}

static enum cs_err connect_sync(struct cs_redis_sync *r, struct cs_error *err)
{
    const char *greeting[CS_REDIS_GREETING_MAX];
    const struct cs_reply *reply = NULL;
    if (r->target.path != NULL)
        r->c = redisConnectUnixWithTimeout(r->target.path, r->timeout);
    else
        r->c = redisConnectWithTimeout(r->target.host, r->target.port, r->timeout);
    if (r->c == NULL || r->c->err != 0)
        return lost(r, err);
    redisSetTimeout(r->c, r->timeout);
    int argc = cs_redis_sync_greeting(&r->target, greeting);
    enum cs_err rc = command(r, argc, greeting, NULL, &reply, err);
    if (reply != NULL && reply->kind == CS_REPLY_ERROR) {
        rc = cs_error_set(err, CS_EDENIED, "Redis at %s: %s", r->target.address, reply->str);
        disconnect(r);
    }
    return rc;
}

enum cs_err cs_redis_sync_open(struct cs_redis_sync **out, const char *address, uint32_t timeout_ms,
                               struct cs_error *err)
{
    struct cs_redis_sync *r = cs_xcalloc(1, sizeof *r);
    r->timeout = (struct timeval){timeout_ms / 1000, timeout_ms % 1000 * 1000};
    enum cs_err rc = cs_redis_sync_target_init(&r->target, address, err);
    cs_redis_sync_ignore_sigpipe();
    if (rc == CS_OK)
        rc = connect_sync(r, err);
    if (rc != CS_OK) {
        cs_redis_sync_close(r);
        r = NULL;
    }
    *out = r;
    return rc;
}

void cs_redis_sync_close(struct cs_redis_sync *r)
{
    if (r == NULL)
        return;
    disconnect(r);
    cs_redis_sync_target_release(&r->target);
    cs_arena_release(&r->arena);
    free(r);
}

enum cs_err cs_redis_sync_command(struct cs_redis_sync *r, int argc, const char *const *argv, const size_t *lens,
                                  const struct cs_reply **reply, struct cs_error *err)
{
    enum cs_err rc = r->c != NULL ? CS_OK : connect_sync(r, err);
    *reply = NULL;
    return rc == CS_OK ? command(r, argc, argv, lens, reply, err) : rc;
}

enum cs_err cs_redis_sync_check(const char *address, uint32_t timeout_ms, struct cs_error *err)
{
    const char *argv[] = {"PING"};
    const struct cs_reply *reply = NULL;
    struct cs_redis_sync *redis = NULL;
    enum cs_err rc = cs_redis_sync_open(&redis, address, timeout_ms, err);
    if (rc == CS_OK)
        rc = cs_redis_sync_command(redis, 1, argv, NULL, &reply, err);
    if (rc == CS_OK && reply->kind == CS_REPLY_ERROR)
        rc = cs_error_set(err, CS_EDENIED, "Redis at %s refuses: %s", address, reply->str);
    cs_redis_sync_close(redis);
    return rc;
}
