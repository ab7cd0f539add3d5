#include "worker/net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/log.h"

enum { MESSAGES_PER_TURN = 256 };

struct cs_worker_net {
    struct cs_worker_net_opts o;
    struct cs_whereabouts at;
    struct cs_net *context;
    struct cs_socket *dealer, *sub;
    uv_poll_t *dealer_poll, *sub_poll;
    uv_prepare_t prepare;
    uv_idle_t idle; /* running: there is more to read, do not sleep */
    struct cs_arena arena;
    struct cs_buf out;
    uv_timer_t look;
    char said[sizeof((struct cs_error *)0)->msg]; /* why it is not reached, as last logged; "": it is */
    uint64_t malformed;
    uint32_t n_closing;
};

/* Only wakes the loop up: the prepare phase reads. */
static void on_poll(uv_poll_t *poll, int status, int events)
{
    (void)poll;
    (void)status;
    (void)events;
}

static void on_idle(uv_idle_t *idle)
{
    (void)idle;
}

static void free_handle(uv_handle_t *handle)
{
    free(handle);
}

static void unwatch(uv_poll_t **poll)
{
    if (*poll != NULL)
        uv_close((uv_handle_t *)*poll, free_handle);
    *poll = NULL;
}

static uv_poll_t *watch(struct cs_worker_net *n, struct cs_socket *s)
{
    uv_poll_t *poll = cs_xcalloc(1, sizeof *poll);
    CS_ASSERT(uv_poll_init(n->o.loop, poll, cs_socket_fd(s)) == 0);
    CS_ASSERT(uv_poll_start(poll, UV_READABLE, on_poll) == 0);
    return poll;
}

static void handle(struct cs_worker_net *n, const void *bytes, size_t len)
{
    struct cs_message m;
    struct cs_error err = {0};
    cs_arena_reset(&n->arena);
    if (cs_message_unpack(bytes, len, &n->arena, &m, &err) == CS_OK) {
        n->o.message(n->o.self, &m);
        return;
    }
    n->malformed++;
    if ((n->malformed & (n->malformed - 1)) == 0) /* 1st, 2nd, 4th, ... */
        cs_log(CS_WARN, "malformed_message", "count=%llu why=\"%s\"", (unsigned long long)n->malformed, err.msg);
}

/* Why the coordinator is not reached, once for each reason; again when it was reached in between. */
static void on_look(uv_timer_t *timer)
{
    struct cs_worker_net *n = timer->data;
    struct cs_error err = {0};
    enum cs_err rc = n->dealer != NULL ? cs_socket_reach_say(n->dealer, &err) : CS_OK;
    if (rc != CS_OK && strcmp(n->said, err.msg) != 0)
        cs_log(CS_ERROR, rc == CS_EDENIED ? "key_refused" : "unreached", "why=\"%s\"", err.msg);
    snprintf(n->said, sizeof n->said, "%s", err.msg);
}

/* Reads at most `most` messages; false when the sockets are dry. */
static bool drain(struct cs_worker_net *n, int most)
{
    for (int i = 0; i < most; i++) {
        const void *bytes;
        size_t len;
        if (n->dealer != NULL && cs_socket_recv(n->dealer, NULL, &bytes, &len, NULL) == CS_OK)
            handle(n, bytes, len);
        else if (n->sub != NULL && cs_socket_recv(n->sub, NULL, &bytes, &len, NULL) == CS_OK)
            handle(n, bytes, len);
        else
            return false;
    }
    return true;
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct cs_worker_net *n = prepare->data;
    bool more = drain(n, MESSAGES_PER_TURN);
    n->o.before_sleep(n->o.self);
    more = more || drain(n, MESSAGES_PER_TURN); /* what was sent may have eaten the edge */
    if (more)
        uv_idle_start(&n->idle, on_idle);
    else
        uv_idle_stop(&n->idle);
}

static enum cs_err connect_one(struct cs_worker_net *n, enum cs_socket_type type, const char *endpoint,
                               struct cs_socket **out, struct cs_error *err)
{
    struct cs_socket_opts so = {.type = type, .own = n->o.own, .server_key = n->o.own != NULL ? n->at.key : NULL};
    struct cs_socket *s = NULL;
    enum cs_err rc = cs_socket_open(n->context, &so, &s, err);
    if (rc == CS_OK)
        rc = cs_socket_connect(s, endpoint, err);
    if (rc != CS_OK) {
        cs_socket_close(s);
        s = NULL;
    }
    *out = s;
    return rc;
}

static enum cs_err subscribe(struct cs_worker_net *n, struct cs_error *err)
{
    unwatch(&n->sub_poll);
    cs_socket_close(n->sub);
    n->sub = NULL;
    if (n->at.announce[0] == '\0')
        return CS_OK;
    enum cs_err rc = connect_one(n, CS_SOCKET_SUB, n->at.announce, &n->sub, err);
    if (rc == CS_OK)
        n->sub_poll = watch(n, n->sub);
    return rc;
}

enum cs_err cs_worker_net_move(struct cs_worker_net *n, const struct cs_whereabouts *at, struct cs_error *err)
{
    n->at = *at;
    return subscribe(n, err);
}

enum cs_err cs_worker_net_open(struct cs_worker_net **out, const struct cs_worker_net_opts *o, struct cs_error *err)
{
    struct cs_worker_net *n = cs_xcalloc(1, sizeof *n);
    n->o = *o;
    n->at = *o->at;
    n->o.at = NULL;
    n->out = CS_BUF_INIT(CS_MESSAGE_MAX);
    uv_prepare_init(o->loop, &n->prepare);
    uv_idle_init(o->loop, &n->idle);
    uv_timer_init(o->loop, &n->look);
    n->prepare.data = n->idle.data = n->look.data = n;
    enum cs_err rc = cs_socket_net_open(&n->context, err);
    if (rc == CS_OK)
        rc = subscribe(n, err);
    if (rc != CS_OK) {
        cs_worker_net_close(n);
        n = NULL;
        goto out;
    }
    uv_prepare_start(&n->prepare, on_prepare);
    uv_timer_start(&n->look, on_look, CS_REACH_SAY_MS, CS_REACH_SAY_MS);
out:
    *out = n;
    return rc;
}

static void on_closed(uv_handle_t *handle)
{
    struct cs_worker_net *n = handle->data;
    if (--n->n_closing == 0)
        free(n);
}

void cs_worker_net_close(struct cs_worker_net *n)
{
    if (n == NULL)
        return;
    unwatch(&n->dealer_poll);
    unwatch(&n->sub_poll);
    cs_socket_close(n->dealer);
    cs_socket_close(n->sub);
    cs_socket_net_close(n->context);
    cs_arena_release(&n->arena);
    cs_buf_release(&n->out);
    n->n_closing = 3;
    uv_close((uv_handle_t *)&n->look, on_closed);
    uv_close((uv_handle_t *)&n->prepare, on_closed);
    uv_close((uv_handle_t *)&n->idle, on_closed);
}

enum cs_err cs_worker_net_connect(struct cs_worker_net *n, struct cs_error *err)
{
    unwatch(&n->dealer_poll);
    cs_socket_close(n->dealer);
    n->dealer = NULL;
    if (n->at.coordinator[0] == '\0')
        return CS_OK; /* nobody knows yet where it is */
    enum cs_err rc = connect_one(n, CS_SOCKET_DEALER, n->at.coordinator, &n->dealer, err);
    if (rc == CS_OK)
        n->dealer_poll = watch(n, n->dealer);
    return rc;
}

enum cs_err cs_worker_net_send(struct cs_worker_net *n, const struct cs_message *m)
{
    if (n->dealer == NULL)
        return CS_EAGAIN;
    cs_buf_clear(&n->out);
    cs_message_pack(m, &n->out);
    CS_ASSERT(!n->out.overflow);
    enum cs_err rc = cs_socket_send(n->dealer, NULL, n->out.data, n->out.len);
    if (n->out.cap > 1024 * 1024)
        cs_buf_release(&n->out);
    return rc;
}
