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
    struct cs_net *net;
    struct cs_socket *socket;
    struct cs_arena arena;
    uint64_t seq;
    bool (*lives)(const void *self);
    const void *self;
    uint64_t opened_ms;
    char *reason;
};

enum { LOOK_MS = 100 };

enum cs_err cs_admin_client_open(struct cs_admin_client **out, const struct cs_admin_opts *o, struct cs_error *err)
{
    struct cs_admin_client *a = cs_xcalloc(1, sizeof *a);
    a->opened_ms = cs_clock_mono_ms();
    a->lives = o->lives;
    a->self = o->self;
    a->reason = o->reason != NULL ? cs_xstrdup(o->reason) : NULL;
    struct cs_keypair own;
    char server_key[41];
    struct cs_whereabouts at = {0};
    const char *endpoint = o->endpoint, *expected = o->server_key, *file = cs_whereabouts_path(o->endpoint);
    struct cs_socket_opts so = {.type = CS_SOCKET_DEALER};
    enum cs_err rc = cs_socket_net_open(&a->net, err);
    if (rc == CS_OK && file != NULL) {
        rc = cs_whereabouts_read(file, &at, err);
        endpoint = at.admin;
        if (o->key != NULL && expected == NULL && at.key[0] != '\0')
            expected = at.key;
    }
    if (rc == CS_OK && strncmp(endpoint, "ipc://", 6) == 0 && access(endpoint + 6, F_OK) != 0)
        rc = cs_error_set(err, CS_ENOENT, "%s: no coordinator listens there", endpoint);
    if (rc == CS_OK && (o->key != NULL) != (expected != NULL))
        rc = cs_error_set(err, CS_EUSAGE, "--key and --server-key belong together");
    if (rc == CS_OK && o->key != NULL) {
        rc = cs_keys_pair_load(o->key, &own, err);
        if (rc == CS_OK)
            rc = cs_keys_public_load(expected, server_key, err);
        so.own = &own;
        so.server_key = server_key;
    }
    if (rc == CS_OK)
        rc = cs_socket_open(a->net, &so, &a->socket, err);
    if (rc == CS_OK)
        rc = cs_socket_connect(a->socket, endpoint, err);
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
    free(a->reason);
    free(a);
}

bool cs_admin_client_lives(const struct cs_admin_client *a)
{
    return a->lives == NULL || a->lives(a->self);
}

/* A DEALER with IMMEDIATE has no route until the connection stands: keep trying until then. That it does not come about has a reason,
 * which is known at once (a refused key) or soon. */
static enum cs_err send_by(struct cs_admin_client *a, const struct cs_buf *b, uint64_t deadline, struct cs_error *err)
{
    enum cs_err rc;
    while ((rc = cs_socket_send(a->socket, NULL, b->data, b->len)) == CS_EAGAIN && cs_clock_mono_ms() < deadline) {
        if (cs_socket_reach(a->socket)->denied || cs_clock_mono_ms() >= a->opened_ms + CS_REACH_SAY_MS)
            return cs_socket_reach_say(a->socket, err) == CS_OK ? CS_ETIMEDOUT : err->code;
        if (!cs_admin_client_lives(a))
            return CS_ETIMEDOUT;
        (void)cs_socket_wait(a->socket, 20);
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
    struct cs_error why = {0};
    enum cs_err rc = send_by(a, &b, deadline, &why);
    cs_buf_release(&b);
    if (why.msg[0] != '\0')
        return cs_error_set(err, rc, "%s", why.msg);
    if (rc == CS_OK)
        rc = receive_by(a, m.seq, deadline, &m);
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
