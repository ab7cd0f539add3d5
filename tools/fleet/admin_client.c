#include "tools/fleet/admin_client.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/clock.h"
#include "protocol/wire/keys.h"
#include "protocol/wire/messages.h"
#include "protocol/wire/socket.h"
#include "protocol/wire/whereabouts.h"

struct cs_admin_client {
    char *endpoint, *key, *server_key; /* as in opts */
    struct cs_net *net;
    struct cs_socket *socket;
    struct cs_arena arena;
    uint64_t seq;
    bool (*lives)(const void *self);
    const void *self;
    char *reason;
    bool of_run;
    bool answered; /* ever: the keys were right */
    bool silent;   /* the last question had no answer */
};

enum { LOOK_MS = 100, TURN_MS = 20 };

/* Looks where the coordinator is, and goes there. */
static enum cs_err go_there(struct cs_admin_client *a, struct cs_error *err)
{
    struct cs_keypair own;
    char server_key[41];
    struct cs_whereabouts at = {0};
    const char *endpoint = a->endpoint, *expected = a->server_key, *file = cs_whereabouts_path(a->endpoint);
    struct cs_socket_opts so = {.type = CS_SOCKET_DEALER};
    enum cs_err rc = CS_OK;
    if (file != NULL && file[0] == '\0')
        return cs_error_set(err, CS_EUSAGE, "--coordinator file: names no file");
    if (file != NULL) {
        rc = cs_whereabouts_read(file, &at, err);
        endpoint = at.admin;
        if (a->key != NULL && expected == NULL && at.key[0] != '\0')
            expected = at.key;
    }
    if (rc == CS_OK && strncmp(endpoint, "ipc://", 6) == 0 && access(endpoint + 6, F_OK) != 0)
        rc = cs_error_set(err, CS_ENOENT, "%s: no coordinator listens there", endpoint);
    if (rc == CS_OK && (a->key != NULL) != (expected != NULL))
        rc = cs_error_set(err, CS_EUSAGE, "--key and --server-key belong together");
    if (rc == CS_OK && a->key != NULL) {
        rc = cs_keys_pair_load(a->key, &own, err);
        if (rc == CS_OK)
            rc = cs_keys_public_load(expected, server_key, err);
        so.own = &own;
        so.server_key = server_key;
    }
    if (rc == CS_OK)
        rc = cs_socket_open(a->net, &so, &a->socket, err);
    if (rc == CS_OK)
        rc = cs_socket_connect(a->socket, endpoint, err);
    return rc;
}

static char *copy(const char *s)
{
    return s != NULL ? cs_xstrdup(s) : NULL;
}

enum cs_err cs_admin_client_open(struct cs_admin_client **out, const struct cs_admin_opts *o, struct cs_error *err)
{
    struct cs_admin_client *a = cs_xcalloc(1, sizeof *a);
    a->endpoint = copy(o->endpoint);
    a->key = copy(o->key);
    a->server_key = copy(o->server_key);
    a->lives = o->lives;
    a->self = o->self;
    a->of_run = o->of_run;
    a->reason = copy(o->reason);
    enum cs_err rc = cs_socket_net_open(&a->net, err);
    if (rc == CS_OK)
        rc = go_there(a, err);
    if (rc != CS_OK) {
        cs_admin_client_close(a);
        a = NULL;
    }
    *out = a;
    return rc;
}

void cs_admin_client_close(struct cs_admin_client *a)
{
    if (a == NULL)
        return;
    cs_socket_close(a->socket);
    cs_socket_net_close(a->net);
    cs_arena_release(&a->arena);
    free(a->endpoint);
    free(a->key);
    free(a->server_key);
    free(a->reason);
    free(a);
}

bool cs_admin_client_lives(const struct cs_admin_client *a)
{
    return a->lives == NULL || a->lives(a->self);
}

/* A coordinator that has started anew may be elsewhere, and libzmq waits for up to 10 s between two attempts: a connection that does not stand
 * is made anew. That there is no coordinator just now is no answer. */
static enum cs_err stand_there(struct cs_admin_client *a, struct cs_error *err)
{
    if (!cs_admin_client_lives(a))
        return a->socket != NULL ? CS_OK : CS_ETIMEDOUT;
    if (a->seq == 0 || (a->socket != NULL && !a->silent && cs_socket_reach(a->socket)->state == CS_REACH_IS_READY))
        return CS_OK;
    cs_socket_close(a->socket);
    a->socket = NULL;
    const enum cs_err rc = go_there(a, err);
    if (rc != CS_OK) {
        cs_socket_close(a->socket);
        a->socket = NULL;
    }
    return rc == CS_ENOENT && !a->of_run ? CS_ETIMEDOUT : rc;
}

/* Why it is not reached. Keys that a coordinator has taken are the right ones: whoever hangs up now is not it, or not yet. */
static enum cs_err not_reached(struct cs_admin_client *a, struct cs_error *err)
{
    const enum cs_err rc = cs_socket_reach_say(a->socket, err);
    const bool is_refused = cs_socket_reach(a->socket)->state == CS_REACH_IS_REFUSED;
    return rc == CS_OK || (is_refused && a->answered) ? CS_ETIMEDOUT : rc;
}

/* A DEALER with IMMEDIATE has no route until the connection stands: keep trying until then. That it does not come about has a reason,
 * which is known at once (a key that is not on the list) or soon: what a restart looks like is no reason yet. */
static enum cs_err send_by(struct cs_admin_client *a, const struct cs_buf *b, uint64_t deadline, struct cs_error *err)
{
    const uint64_t say_ms = cs_clock_mono_ms() + CS_REACH_SAY_MS, until = say_ms < deadline ? say_ms : deadline;
    enum cs_err rc;
    while ((rc = cs_socket_send(a->socket, NULL, b->data, b->len)) == CS_EAGAIN) {
        /* A child of ours asks for no keys: its socket breaks off when it ends. */
        if (!cs_admin_client_lives(a))
            return CS_ETIMEDOUT;
        if ((cs_socket_reach(a->socket)->state == CS_REACH_IS_DENIED && a->lives == NULL) ||
            cs_clock_mono_ms() >= until)
            return not_reached(a, err);
        (void)cs_socket_wait(a->socket, TURN_MS);
    }
    return rc;
}

static enum cs_err receive_by(struct cs_admin_client *a, uint64_t seq, uint64_t deadline, struct cs_message *m)
{
    for (;;) {
        const void *bytes;
        size_t n;
        enum cs_err rc = cs_socket_recv(a->socket, NULL, &bytes, &n, NULL);
        if (rc == CS_OK) {
            cs_arena_reset(&a->arena);
            rc = cs_message_unpack(bytes, n, &a->arena, m, NULL);
            if (rc == CS_OK && m->kind == CS_ADMIN_REPLY && m->ack == seq)
                return CS_OK;
            if (rc == CS_OK && m->kind == CS_WHO) /* what a worker without a session is told */
                return CS_EPROTO;
            continue; /* an answer to an earlier question that we gave up on */
        }
        uint64_t now = cs_clock_mono_ms();
        if (rc != CS_EAGAIN || now >= deadline || !cs_admin_client_lives(a))
            return rc == CS_EAGAIN ? CS_ETIMEDOUT : rc;
        const uint64_t left = deadline - now;
        (void)cs_socket_wait(a->socket, a->lives != NULL && left > LOOK_MS ? LOOK_MS : (int)left);
    }
}

enum cs_err cs_admin_client_ask(struct cs_admin_client *a, const char *verb, const char *const *args, const void *blob,
                                uint32_t blob_len, int timeout_ms, const char **reply, struct cs_error *err)
{
    struct cs_buf b = CS_BUF_INIT(CS_MESSAGE_MAX);
    struct cs_error why = {0};
    enum cs_err rc = stand_there(a, err);
    if (rc != CS_OK)
        return rc;
    struct cs_message m = {.kind = CS_ADMIN, .seq = ++a->seq};
    const char *list[CS_ADMIN_ARGS_MAX];
    m.admin.verb = verb;
    m.admin.args = list;
    for (; args != NULL && args[m.admin.n_args] != NULL; m.admin.n_args++)
        list[m.admin.n_args] = args[m.admin.n_args];
    m.admin.blob = blob;
    m.admin.blob_len = blob_len;
    m.admin.reason = a->reason;
    cs_message_pack(&m, &b);
    const uint64_t deadline = cs_clock_mono_ms() + (uint64_t)timeout_ms;
    rc = send_by(a, &b, deadline, &why);
    cs_buf_release(&b);
    if (why.msg[0] != '\0')
        return cs_error_set(err, rc, "%s", why.msg);
    if (rc == CS_OK)
        rc = receive_by(a, m.seq, deadline, &m);
    a->silent = rc != CS_OK;
    a->answered = a->answered || rc == CS_OK;
    if (rc == CS_EPROTO)
        return cs_error_set(
            err, rc, "that is the coordinator's address for workers; use the one that it was given with --admin");
    if (rc != CS_OK)
        return cs_error_set(err, CS_ETIMEDOUT, "the coordinator did not answer `%s` within %d s; is it running there?",
                            verb, (timeout_ms + 999) / 1000);
    if (m.admin_reply.code != CS_OK)
        return cs_error_set(err, m.admin_reply.code < CS_ERR_COUNT ? (enum cs_err)m.admin_reply.code : CS_EPROTO, "%s",
                            m.admin_reply.text);
    if (reply != NULL)
        *reply = cs_arena_strndup(&a->arena, m.admin_reply.blob_len != 0 ? (const char *)m.admin_reply.blob : "",
                                  m.admin_reply.blob_len);
    return CS_OK;
}
