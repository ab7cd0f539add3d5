#include "worker/exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <uv.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/buf.h"
#include "protocol/base/clock.h"
#include "protocol/load/keys_env.h"
#include "worker/calls/alarm.h"
#include "worker/calls/credential.h"
#include "worker/calls/errand.h"
#include "worker/calls/pass.h"

enum { ID_BYTES = 128, TOKEN_MS = 30000, SECRET_MIN = 8, ALARM_RUN = 0, ALARM_FETCH };

struct run { /* a call to a declared system */
    struct cs_exchange *exchange;
    struct cs_pass *pass; /* NULL: the endpoint's line is what is shown */
    uint64_t issue;       /* which issue of it */
    bool renewed;         /* a 401 has made it anew once */
    bool waits;           /* in the list of the pass, for a token, */
    uint64_t waits_since_ms;
    bool is_too_large; /* its next request is: due to be told */
    TAILQ_ENTRY(run) in_fetch;
    uint32_t slot;
    const struct cs_endpoint *endpoint;
    struct cs_errand errand;
    struct cs_alarm alarm; /* set: it pauses */
    char id[ID_BYTES];
    char **shown; /* lines that it has shown, each once; the last says who asks now */
    uint32_t n_shown;
    const char *lines[CS_ERRAND_LINES_MAX + 1];
};

struct fetch { /* of a token */
    struct cs_exchange *exchange;
    struct cs_pass *pass;
    struct cs_pass_ask ask;
    TAILQ_HEAD(, run) waiting;
    uint32_t n_waiting;
    struct cs_alarm alarm;
    bool busy;
};

struct cs_exchange {
    struct cs_http *http;
    struct cs_passes *passes;
    struct fetch fetches[CS_PASSES_MAX]; /* by the number of the pass; its slot is n_slots + that */
    cs_http_done_fn done;
    void *self;
    uint32_t n_slots;
    struct run **runs; /* a slot: NULL where none is under way */
    struct cs_alarms alarms;
    struct cs_rng rng; /* seeded by the system: workers that start together differ */
    uv_timer_t timer;
};

static void set_timer(struct cs_exchange *x);
static void send_next(struct run *r);

/* ---- tokens -------------------------------------------------------------------------------------------- */

static void take_reply(struct run *r, struct cs_http_reply *reply);

static void send_fetch(struct fetch *f)
{
    const struct cs_http_request q = {.endpoint = f->ask.endpoint,
                                      .url = f->ask.endpoint->url,
                                      .type = "application/x-www-form-urlencoded",
                                      .lines = f->ask.lines,
                                      .n_lines = 1,
                                      .body = f->ask.body,
                                      .body_len = f->ask.body_len,
                                      .request_id = "token",
                                      .timeout_ms = TOKEN_MS};
    cs_http_start(f->exchange->http, f->exchange->n_slots + cs_pass_number(f->pass), &q);
}

/* Takes out one that waits; NULL: none. Whoever is told that it has ended may take others out. */
static struct run *take_waiting(struct fetch *f)
{
    struct run *r = TAILQ_FIRST(&f->waiting);
    if (r == NULL)
        return NULL;
    TAILQ_REMOVE(&f->waiting, r, in_fetch);
    f->n_waiting--;
    r->waits = false;
    cs_errand_waited(&r->errand, cs_clock_mono_ms() - r->waits_since_ms);
    return r;
}

/* To all that wait for it this is what came of their request, which has not been sent: a poll may be made later. */
static void fail_waiting(struct fetch *f, const struct cs_http_reply *like)
{
    struct run *r;
    for (uint32_t n = f->n_waiting; n > 0 && (r = take_waiting(f)) != NULL; n--) {
        struct cs_http_reply own = *like;
        take_reply(r, &own);
    }
}

static void on_fetch_due(struct fetch *f)
{
    struct cs_error why = {0};
    if (cs_pass_ask(f->pass, &f->ask, &why) == CS_OK) {
        send_fetch(f);
        return;
    }
    f->busy = false;
    fail_waiting(f, &(struct cs_http_reply){.transfer = CS_TRANSFER_UNSENT,
                                            .headers = "",
                                            .body = "",
                                            .why = why.msg,
                                            .wall_ms = cs_clock_wall_ms(),
                                            .below = CS_BELOW_OTHER});
}

/* A client that is not known there is a key that is refused; all else may pass. */
static void on_token(struct fetch *f, const struct cs_http_reply *reply)
{
    struct run *r;
    f->busy = false;
    if (cs_pass_told(f->pass, reply, cs_clock_mono_ms())) {
        /* Each once: a token that has ended before its turn comes is waited for anew. */
        for (uint32_t n = f->n_waiting; n > 0 && (r = take_waiting(f)) != NULL; n--)
            send_next(r);
        return;
    }
    const bool refused = reply->transfer == CS_TRANSFER_WHOLE && reply->status >= 400 && reply->status <= 403;
    fail_waiting(f, &(struct cs_http_reply){
                        .transfer = refused ? CS_TRANSFER_WHOLE : CS_TRANSFER_UNSENT,
                        .status = refused ? 401 : 0,
                        .headers = "",
                        .body = "",
                        .why = reply->transfer == CS_TRANSFER_WHOLE ? "the token_url gives no token" : reply->why,
                        .wall_ms = reply->wall_ms,
                        .below = reply->transfer == CS_TRANSFER_WHOLE ? CS_BELOW_OTHER : reply->below});
}

static void wait_for_token(struct run *r)
{
    struct cs_exchange *x = r->exchange;
    struct fetch *f = &x->fetches[cs_pass_number(r->pass)];
    r->waits = true;
    r->waits_since_ms = cs_clock_mono_ms();
    TAILQ_INSERT_TAIL(&f->waiting, r, in_fetch);
    f->n_waiting++;
    if (f->busy)
        return;
    f->busy = true;
    f->exchange = x;
    f->pass = r->pass;
    f->alarm.owner = f;
    f->alarm.kind = ALARM_FETCH;
    cs_alarm_set(&x->alarms, &f->alarm, cs_clock_mono_ms() + cs_pass_delay_ms(r->pass));
    set_timer(x);
}

/* ---- calls --------------------------------------------------------------------------------------------- */

/* A copy, for the pass may be renewed while the call is under way. */
static const char *show(struct run *r, const char *line)
{
    if (r->n_shown == 0 || strcmp(r->shown[r->n_shown - 1], line) != 0) {
        r->shown = cs_xrealloc(r->shown, r->n_shown + 1, sizeof *r->shown);
        r->shown[r->n_shown++] = cs_xstrdup(line);
    }
    return r->shown[r->n_shown - 1];
}

/* The errand's next request. */
static void send_next(struct run *r)
{
    struct cs_errand_request q;
    const uint64_t now = cs_clock_mono_ms();
    const char *line = r->pass != NULL ? cs_pass_line(r->pass, now, &r->issue) : r->endpoint->auth;
    uint32_t n = 0;
    if (r->pass != NULL && line == NULL) {
        wait_for_token(r);
        return;
    }
    if (!cs_errand_request(&r->errand, &q)) {
        r->is_too_large = true; /* told from the loop */
        cs_alarm_set(&r->exchange->alarms, &r->alarm, now);
        set_timer(r->exchange);
        return;
    }
    if (line != NULL)
        r->lines[n++] = show(r, line);
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
                                       .timeout_ms = cs_errand_left_ms(&r->errand, now)};
    cs_http_start(r->exchange->http, r->slot, &to);
}

static void run_free(struct run *r)
{
    struct fetch *f = r->waits ? &r->exchange->fetches[cs_pass_number(r->pass)] : NULL;
    if (f != NULL) {
        TAILQ_REMOVE(&f->waiting, r, in_fetch);
        f->n_waiting--;
    }
    cs_alarm_clear(&r->exchange->alarms, &r->alarm);
    cs_errand_end(&r->errand);
    for (uint32_t i = 0; i < r->n_shown; i++)
        cs_keys_env_free(r->shown[i]);
    free(r->shown);
    free(r);
}

/* Overwrites a secret where it stands in the n bytes, of which *copy is made then. */
static void hide(const char *secret, const char *bytes, size_t n, char **copy)
{
    const size_t len = secret != NULL ? strlen(secret) : 0;
    const char *in = *copy != NULL ? *copy : bytes;
    for (const char *at = in; len >= SECRET_MIN && (at = memmem(at, n - (size_t)(at - in), secret, len)) != NULL;) {
        const size_t place = (size_t)(at - in);
        if (*copy == NULL) {
            in = *copy = cs_xmalloc(n + 1);
            memcpy(*copy, bytes, n + 1);
        }
        memset(*copy + place, '*', len);
        at = in + place + len;
    }
}

/* A copy without what this call has shown, or its pass has by now; NULL: none of it stands there. */
static char *hidden(const struct run *r, const char *bytes, size_t n)
{
    char *copy = NULL;
    for (uint32_t i = 0; i < r->n_shown; i++)
        hide(cs_credential_in(r->shown[i]), bytes, n, &copy);
    if (r->pass != NULL)
        hide(cs_pass_secret(r->pass), bytes, n, &copy);
    return copy;
}

/* What came of it; its slot may be used again by whom we tell. */
static void end_run(struct run *r, struct cs_http_reply *reply)
{
    struct cs_exchange *x = r->exchange;
    char *body = hidden(r, reply->body, reply->body_len), *headers = hidden(r, reply->headers, strlen(reply->headers));
    reply->body = body != NULL ? body : reply->body;
    reply->headers = headers != NULL ? headers : reply->headers;
    x->runs[r->slot] = NULL;
    x->done(x->self, r->slot, reply);
    free(body);
    free(headers);
    run_free(r);
}

static void take_readable(struct run *r, struct cs_http_reply *reply)
{
    struct cs_exchange *x = r->exchange;
    const uint64_t now = cs_clock_mono_ms();
    uint32_t wait_ms = 0;
    switch (cs_errand_reply(&r->errand, reply, now, &wait_ms)) {
    case CS_ERRAND_SEND:
        send_next(r);
        return;
    case CS_ERRAND_PAUSE:
        cs_alarm_set(&x->alarms, &r->alarm, now + wait_ms);
        set_timer(x);
        return;
    case CS_ERRAND_END:
        end_run(r, reply);
        return;
    }
}

/* So its request ended. Of an error its errand may keep what was said, and may cut that: nothing that we have shown stands in it by then. */
static void take_reply(struct run *r, struct cs_http_reply *reply)
{
    const bool good = reply->status >= 200 && reply->status <= 299;
    char *body = good ? NULL : hidden(r, reply->body, reply->body_len),
         *headers = good ? NULL : hidden(r, reply->headers, strlen(reply->headers));
    reply->body = body != NULL ? body : reply->body;
    reply->headers = headers != NULL ? headers : reply->headers;
    take_readable(r, reply);
    free(body);
    free(headers);
}

/* As if the system had said that it is. */
static void tell_too_large(struct run *r)
{
    struct cs_http_reply reply = {
        .status = 413,
        .headers = "",
        .body = "",
        .why = "with what an earlier reply told for it, the request is larger than any may be",
        .wall_ms = cs_clock_wall_ms()};
    r->is_too_large = false;
    take_reply(r, &reply);
}

static void on_done(void *self, uint32_t slot, const struct cs_http_reply *reply)
{
    struct cs_exchange *x = self;
    struct run *r = slot < x->n_slots ? x->runs[slot] : NULL;
    if (slot >= x->n_slots) {
        on_token(&x->fetches[slot - x->n_slots], reply);
        return;
    }
    if (r == NULL) {
        x->done(x->self, slot, reply);
        return;
    }
    if (reply->transfer == CS_TRANSFER_WHOLE && reply->status == 401 && r->pass != NULL && !r->renewed &&
        cs_pass_refused(r->pass, r->issue)) {
        r->renewed = true; /* what was refused so was not taken: it is no second call */
        send_next(r);
        return;
    }
    struct cs_http_reply own = *reply;
    take_reply(r, &own);
}

static void on_run_due(struct run *r)
{
    if (r->is_too_large)
        tell_too_large(r);
    else
        send_next(r);
}

static void on_timer(uv_timer_t *timer)
{
    struct cs_exchange *x = timer->data;
    struct cs_alarm *a;
    while ((a = cs_alarm_due(&x->alarms, cs_clock_mono_ms())) != NULL) {
        if (a->kind == ALARM_FETCH)
            on_fetch_due(a->owner);
        else
            on_run_due(a->owner);
    }
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
    r->pass = cs_passes_of(x->passes, q->endpoint);
    snprintf(r->id, sizeof r->id, "%s", q->request_id);
    cs_errand_begin(&r->errand, q->endpoint->service, q->endpoint->url, q->body, q->body_len, q->request_id,
                    cs_rng_next(&x->rng), q->session, cs_clock_mono_ms(), q->timeout_ms);
    x->runs[slot] = r;
    send_next(r);
}

void cs_exchange_abort(struct cs_exchange *x, uint32_t slot)
{
    struct run *r = x->runs[slot];
    cs_http_abort(x->http, slot);
    x->runs[slot] = NULL;
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
    if (uv_random(NULL, NULL, &x->rng.state, sizeof x->rng.state, 0, NULL) != 0) {
        free(x);
        return cs_error_set(err, CS_EIO, "the system gives no random numbers");
    }
    enum cs_err rc = cs_http_open(&x->http, loop, slots + CS_PASSES_MAX, reply_memory, on_done, x, err);
    if (rc != CS_OK) {
        free(x);
        return rc;
    }
    x->runs = cs_xcalloc(slots, sizeof *x->runs);
    for (uint32_t i = 0; i < CS_PASSES_MAX; i++)
        TAILQ_INIT(&x->fetches[i].waiting);
    x->passes = cs_passes_open(cs_rng_next(&x->rng));
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
    for (uint32_t i = 0; i < CS_PASSES_MAX; i++)
        cs_alarm_clear(&x->alarms, &x->fetches[i].alarm);
    cs_alarms_release(&x->alarms);
    cs_passes_close(x->passes);
    free(x->runs);
    uv_close((uv_handle_t *)&x->timer, on_closed);
}
