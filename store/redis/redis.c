/* The asynchronous client. One timer drives it: while disconnected it waits for the next attempt, while connected for the deadline
 * of the oldest command. hiredis frees its context by itself after every loss; the `cleanup` hook, which it calls first in all these
 * cases, is the one place that forgets the context. We free one only from the timer or from close, never from a callback
 * of a connection being made (hiredis#835).
 */
#include <hiredis/async.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/log.h"
#include "store/redis/redis_internal.h"

enum { WAITING_MAX = 1024, DEADLINE_MS = 2000, RETRY_MIN_MS = 200, RETRY_MAX_MS = 5000, READS_MAX = 64 };

/* A command on its way. hiredis answers in order, so the list is in order of deadline. */
struct waiting {
    struct waiting *next;
    struct cs_redis *r;
    cs_redis_fn fn;
    void *self;
    uint64_t deadline_ms;
};

struct cs_redis {
    uv_loop_t *loop;
    struct cs_redis_target target;
    uv_timer_t timer;
    redisAsyncContext *c; /* NULL: not connected, the timer runs to the next attempt */
    uv_poll_t *poll;      /* watches c's socket; closed with it, freed by its close callback */
    int events;
    bool ready;   /* the server answered the greeting */
    bool refused; /* it said no: drop the connection on the next turn */
    bool complained, closing;
    uint32_t retry_ms, n_waiting;
    struct waiting *first, *last;
    struct cs_arena arena; /* holds the reply being handed over */
};

static void on_timer(uv_timer_t *timer);

static uint64_t now_ms(void)
{
    return uv_hrtime() / 1000000;
}

static void wake_in(struct cs_redis *r, uint64_t ms)
{
    if (!r->closing)
        CS_ASSERT(uv_timer_start(&r->timer, on_timer, ms, 0) == 0);
}

static void retry_later(struct cs_redis *r)
{
    wake_in(r, r->retry_ms);
    r->retry_ms = r->retry_ms * 2 < RETRY_MAX_MS ? r->retry_ms * 2 : RETRY_MAX_MS;
}

/* Once per outage. */
static void complain(struct cs_redis *r, const char *why)
{
    if (!r->complained)
        cs_log(CS_WARN, "redis_away", "address=\"%s\" why=\"%s\"", r->target.address, why);
    r->complained = true;
}

/* ---- hiredis's hooks, on libuv --------------------------------------------------------------------- */

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct cs_redis *r = poll->data;
    if (status < 0)
        events = UV_READABLE; /* reading tells hiredis what is wrong */
    if (r->c != NULL && r->poll == poll && events & UV_READABLE)
        redisAsyncHandleRead(r->c);
    if (r->c != NULL && r->poll == poll && events & UV_WRITABLE)
        redisAsyncHandleWrite(r->c);
}

static void watch(struct cs_redis *r, int events)
{
    if (events == r->events)
        return;
    r->events = events;
    if (events == 0)
        uv_poll_stop(r->poll);
    else
        CS_ASSERT(uv_poll_start(r->poll, events, on_poll) == 0);
}

static void add_read(void *self)
{
    struct cs_redis *r = self;
    watch(r, r->events | UV_READABLE);
}

static void del_read(void *self)
{
    struct cs_redis *r = self;
    watch(r, r->events & ~UV_READABLE);
}

static void add_write(void *self)
{
    struct cs_redis *r = self;
    watch(r, r->events | UV_WRITABLE);
}

static void del_write(void *self)
{
    struct cs_redis *r = self;
    watch(r, r->events & ~UV_WRITABLE);
}

static void free_handle(uv_handle_t *handle)
{
    free(handle);
}

/* hiredis frees the context as soon as this returns. */
static void cleanup(void *self)
{
    struct cs_redis *r = self;
    complain(r, r->c->c.err != 0 ? r->c->c.errstr : "closed");
    r->c = NULL;
    r->ready = r->refused = false;
    uv_close((uv_handle_t *)r->poll, free_handle);
    r->poll = NULL;
    retry_later(r);
}

/* ---- commands ------------------------------------------------------------------------------------ */

/* Takes w, which hiredis hands back in order, from the list. */
static void answer(struct waiting *w, const struct cs_reply *reply)
{
    struct cs_redis *r = w->r;
    cs_redis_fn fn = w->fn;
    void *self = w->self;
    CS_ASSERT(r->first == w);
    r->first = w->next;
    if (r->first == NULL)
        r->last = NULL;
    r->n_waiting--;
    free(w);
    if (fn != NULL)
        fn(self, reply);
}

static void on_reply(redisAsyncContext *c, void *reply, void *self)
{
    struct waiting *w = self;
    struct cs_redis *r = w->r;
    (void)c;
    if (reply == NULL) {
        answer(w, NULL);
        return;
    }
    cs_arena_reset(&r->arena);
    answer(w, cs_redis_sync_convert(&r->arena, reply));
}

static bool send_command(struct cs_redis *r, int argc, const char *const *argv, const size_t *lens, cs_redis_fn fn,
                         void *self)
{
    struct waiting *w = cs_xmalloc(sizeof *w);
    *w = (struct waiting){.r = r, .fn = fn, .self = self, .deadline_ms = now_ms() + DEADLINE_MS};
    if (redisAsyncCommandArgv(r->c, on_reply, w, argc, cs_redis_sync_argv(argv), lens) != REDIS_OK) {
        free(w);
        return false;
    }
    if (r->last == NULL)
        r->first = w;
    else
        r->last->next = w;
    r->last = w;
    r->n_waiting++;
    if (!uv_is_active((uv_handle_t *)&r->timer))
        wake_in(r, DEADLINE_MS);
    return true;
}

void cs_redis_command(struct cs_redis *r, int argc, const char *const *argv, const size_t *lens, cs_redis_fn fn,
                      void *self)
{
    bool sent = r->ready && r->n_waiting < WAITING_MAX && send_command(r, argc, argv, lens, fn, self);
    if (!sent && fn != NULL)
        fn(self, NULL);
}

bool cs_redis_connected(const struct cs_redis *r)
{
    return r->ready;
}

/* ---- connecting ---------------------------------------------------------------------------------- */

static void on_greeting(void *self, const struct cs_reply *reply)
{
    struct cs_redis *r = self;
    if (r->closing || reply == NULL)
        return;
    if (reply->kind == CS_REPLY_ERROR) { /* wrong password, still loading, too many clients */
        complain(r, reply->str);
        r->refused = true;
        wake_in(r, 0);
        return;
    }
    r->ready = true;
    r->complained = false;
    r->retry_ms = RETRY_MIN_MS;
    cs_log(CS_INFO, "redis_connected", "address=\"%s\"", r->target.address);
}

static void connect_now(struct cs_redis *r)
{
    const char *greeting[CS_REDIS_GREETING_MAX];
    redisAsyncContext *c = r->target.path != NULL ? redisAsyncConnectUnix(r->target.path)
                                                  : redisAsyncConnect(r->target.host, r->target.port);
    if (c == NULL || c->err != 0) { /* known at once, typically: no such socket */
        complain(r, c != NULL ? c->errstr : "out of memory");
        if (c != NULL)
            redisAsyncFree(c); /* without hooks yet */
        retry_later(r);
        return;
    }
    r->poll = cs_xcalloc(1, sizeof *r->poll);
    CS_ASSERT(uv_poll_init(r->loop, r->poll, c->c.fd) == 0);
    r->poll->data = r;
    r->events = 0;
    c->ev.data = r;
    c->ev.addRead = add_read;
    c->ev.delRead = del_read;
    c->ev.addWrite = add_write;
    c->ev.delWrite = del_write;
    c->ev.cleanup = cleanup;
    r->c = c;
    add_write(r); /* hiredis learns from it that the connection stands or failed */
    int argc = cs_redis_sync_greeting(&r->target, greeting);
    CS_ASSERT(send_command(r, argc, greeting, NULL, on_greeting, r));
}

/* After a stalled loop timers run before sockets: what has arrived meanwhile is not late. */
static void read_what_is_there(struct cs_redis *r)
{
    for (int i = 0; i < READS_MAX && r->c != NULL && r->first != NULL && r->first->deadline_ms <= now_ms(); i++) {
        struct pollfd p = {.fd = r->c->c.fd, .events = POLLIN};
        if (poll(&p, 1, 0) != 1)
            return;
        redisAsyncHandleRead(r->c);
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct cs_redis *r = timer->data;
    if (r->c == NULL) {
        connect_now(r);
        return;
    }
    read_what_is_there(r);
    if (r->c == NULL || r->closing)
        return;
    if (r->refused || (r->first != NULL && r->first->deadline_ms <= now_ms())) {
        complain(r, "no answer in time");
        redisAsyncFree(r->c); /* all that wait are answered with NULL; cleanup starts the timer again */
        return;
    }
    if (r->first != NULL)
        wake_in(r, r->first->deadline_ms - now_ms());
}

enum cs_err cs_redis_open(struct cs_redis **out, struct uv_loop_s *loop, const char *address, struct cs_error *err)
{
    struct cs_redis *r = cs_xcalloc(1, sizeof *r);
    enum cs_err rc = cs_redis_sync_target_init(&r->target, address, err);
    if (rc != CS_OK) {
        free(r);
        *out = NULL;
        return rc;
    }
    cs_redis_sync_ignore_sigpipe();
    r->loop = loop;
    r->retry_ms = RETRY_MIN_MS;
    CS_ASSERT(uv_timer_init(loop, &r->timer) == 0);
    r->timer.data = r;
    connect_now(r);
    *out = r;
    return CS_OK;
}

static void on_closed(uv_handle_t *handle)
{
    struct cs_redis *r = handle->data;
    CS_ASSERT(r->c == NULL);
    CS_ASSERT(r->first == NULL);
    cs_redis_sync_target_release(&r->target);
    cs_arena_release(&r->arena);
    free(r);
}

void cs_redis_close(struct cs_redis *r)
{
    if (r == NULL)
        return;
    CS_ASSERT(!r->closing);
    r->closing = r->complained = true;
    r->ready = false;
    if (r->c != NULL)
        redisAsyncFree(r->c); /* inside a reply's callback hiredis does it when that returns: before on_closed */
    uv_close((uv_handle_t *)&r->timer, on_closed);
}
