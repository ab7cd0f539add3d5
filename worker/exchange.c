#include "worker/exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/clock.h"
#include "worker/calls/alarm.h"
#include "worker/calls/errand.h"

enum { ID_BYTES = 128 };

struct run { /* a call to a declared system */
    struct cs_exchange *exchange;
    uint32_t slot;
    const struct cs_endpoint *endpoint;
    struct cs_errand errand;
    struct cs_alarm alarm; /* set: it pauses */
    char id[ID_BYTES];
    const char *lines[CS_ERRAND_LINES_MAX + 1];
};

struct cs_exchange {
    struct cs_http *http;
    cs_http_done_fn done;
    void *self;
    uint32_t n_slots;
    struct run **runs; /* a slot: NULL where none is under way */
    struct cs_alarms alarms;
    uv_timer_t timer;
};

static void set_timer(struct cs_exchange *x);

/* The errand's next request. */
static void send_next(struct run *r)
{
    struct cs_errand_request q;
    cs_errand_request(&r->errand, &q);
    uint32_t n = 0;
    if (r->endpoint->auth != NULL)
        r->lines[n++] = r->endpoint->auth;
    for (uint32_t i = 0; i < q.n_lines; i++)
        r->lines[n++] = q.lines[i];
    const struct cs_http_request to = {.endpoint = r->endpoint,
                                       .method = q.method,
                                       .url = q.url,
                                       .type = q.type,
                                       .lines = r->lines,
                                       .n_lines = n,
                                       .body = q.body,
                                       .body_len = q.body_len,
                                       .request_id = r->id,
                                       .timeout_ms = cs_errand_left_ms(&r->errand, cs_clock_mono_ms())};
    cs_http_start(r->exchange->http, r->slot, &to);
}

static void run_free(struct run *r)
{
    cs_alarm_clear(&r->exchange->alarms, &r->alarm);
    r->exchange->runs[r->slot] = NULL;
    cs_errand_end(&r->errand);
    free(r);
}

static void on_done(void *self, uint32_t slot, const struct cs_http_reply *reply)
{
    struct cs_exchange *x = self;
    struct run *r = x->runs[slot];
    uint32_t wait_ms = 0;
    if (r == NULL) {
        x->done(x->self, slot, reply);
        return;
    }
    struct cs_http_reply own = *reply;
    const uint64_t now = cs_clock_mono_ms();
    switch (cs_errand_reply(&r->errand, &own, now, &wait_ms)) {
    case CS_ERRAND_SEND:
        send_next(r);
        return;
    case CS_ERRAND_PAUSE:
        cs_alarm_set(&x->alarms, &r->alarm, now + wait_ms);
        set_timer(x);
        return;
    case CS_ERRAND_END:
        break;
    }
    x->runs[slot] = NULL; /* the slot may be used again by whom we tell */
    x->done(x->self, slot, &own);
    cs_errand_end(&r->errand);
    free(r);
}

static void on_timer(uv_timer_t *timer)
{
    struct cs_exchange *x = timer->data;
    struct cs_alarm *a;
    while ((a = cs_alarm_due(&x->alarms, cs_clock_mono_ms())) != NULL)
        send_next(a->owner);
    set_timer(x);
}

static void set_timer(struct cs_exchange *x)
{
    const uint64_t next = cs_alarm_next(&x->alarms), now = cs_clock_mono_ms();
    if (next == CS_NEVER) {
        uv_timer_stop(&x->timer);
        return;
    }
    uv_update_time(x->timer.loop);
    uv_timer_start(&x->timer, on_timer, next > now ? next - now : 0, 0);
}

void cs_exchange_start(struct cs_exchange *x, uint32_t slot, const struct cs_http_request *q)
{
    CS_ASSERT(slot < x->n_slots && x->runs[slot] == NULL);
    if (q->endpoint->service == NULL) {
        cs_http_start(x->http, slot, q);
        return;
    }
    struct run *r = cs_xcalloc(1, sizeof *r);
    r->exchange = x;
    r->slot = slot;
    r->endpoint = q->endpoint;
    r->alarm.owner = r;
    snprintf(r->id, sizeof r->id, "%s", q->request_id);
    cs_errand_begin(&r->errand, q->endpoint->service, q->endpoint->url, q->body, q->body_len, q->request_id,
                    cs_clock_mono_ms(), q->timeout_ms);
    x->runs[slot] = r;
    send_next(r);
}

void cs_exchange_abort(struct cs_exchange *x, uint32_t slot)
{
    struct run *r = x->runs[slot];
    cs_http_abort(x->http, slot);
    if (r != NULL)
        run_free(r);
}

size_t cs_exchange_held(const struct cs_exchange *x)
{
    return cs_http_held(x->http);
}

enum cs_err cs_exchange_open(struct cs_exchange **out, struct uv_loop_s *loop, uint32_t slots, size_t reply_memory,
                             cs_http_done_fn done, void *self, struct cs_error *err)
{
    struct cs_exchange *x = cs_xcalloc(1, sizeof *x);
    *out = NULL;
    x->done = done;
    x->self = self;
    x->n_slots = slots;
    enum cs_err rc = cs_http_open(&x->http, loop, slots, reply_memory, on_done, x, err);
    if (rc != CS_OK) {
        free(x);
        return rc;
    }
    x->runs = cs_xcalloc(slots, sizeof *x->runs);
    uv_timer_init(loop, &x->timer);
    x->timer.data = x;
    *out = x;
    return CS_OK;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void cs_exchange_close(struct cs_exchange *x)
{
    if (x == NULL)
        return;
    for (uint32_t i = 0; i < x->n_slots; i++) {
        if (x->runs[i] != NULL)
            run_free(x->runs[i]);
    }
    cs_http_close(x->http);
    cs_alarms_release(&x->alarms);
    free(x->runs);
    uv_close((uv_handle_t *)&x->timer, on_closed);
}
