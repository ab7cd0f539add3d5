/* worker_bench.h - a worker's core on the bench: a source of trials in a few lines, a virtual clock, and a
 * record of what it does. Included by the tests of the worker's core only. */
#ifndef WORKER_BENCH_H
#define WORKER_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/base/assert.h"
#include "worker/core/state.h"
#include "worker/core/worker.h"

enum { BENCH_LANES = 4, BENCH_SLOTS = 2048, BENCH_PICTURES = 256 };

struct bench_source {
    bool distinct; /* bodies differ by position */
    char body[32];
    bool spec_here, cases_here;
    bool metered; /* under a hard budget */
    bool asked;   /* something is to be reported by `missing` */
    /* Each of the first positions wants a picture of its own of so many bytes, digest {3, position}; 0: none. */
    uint32_t picture_bytes;
    bool has[BENCH_PICTURES];
    uint8_t wanted[BENCH_PICTURES]; /* to be reported by `missing`, in that order */
    uint32_t n_wanted;
    const char *trouble[BENCH_LANES];
    uint32_t concurrent[BENCH_LANES];
    uint32_t timeout_ms;
    const char *own;         /* the name of the pool whose limits can be set by hand; NULL: none */
    struct cs_limits limits; /* one pool for all lanes; all 0: none */
    struct cs_limits shared; /* a second pool for all lanes; all 0: none */
    int studies;             /* handed out and not given back */
    bool bad_trial;
    uint32_t turns; /* calls of every trial; 0: 1 */
    uint32_t tools; /* calls of tools that every trial may make; 0: it has none */
    bool remembers; /* they go on in sessions of the system's */
    bool too_large; /* requests that hold a reply are */
    char said[32];  /* the last reply in the request that was asked for last */

    const struct cs_server_list *servers; /* of all lanes; NULL: each is at one address */
};

struct bench_call {
    bool live;
    uint32_t lane, attempt;
    uint64_t position;
    bool in_session; /* of a system that remembers: its id, "" where none is known yet */
    char session[16];
};

struct bench {
    bool fresh; /* what WELCOME says of the fleet */
    struct cs_worker *w;
    struct bench_source source;
    uint64_t now, session, seq;
    uint32_t term;
    /* what the last step did */
    uint32_t sent[CS_TURNS + 1];                    /* messages by kind */
    const struct cs_message *message[CS_TURNS + 1]; /* the last of each */
    uint32_t connects, started, acked;
    bool exited;
    enum cs_err exit_code;
    char exit_text[800];
    /* since the beginning */
    struct bench_call call[BENCH_SLOTS];
    uint32_t in_flight, total_started;
    void (*on_call)(struct bench *b, const struct bench_call *c);
    void (*on_send)(struct bench *b, const struct cs_message *m);
    void (*on_connect)(struct bench *b);
    void *self;
};

static void bench_pool(struct cs_lane_facts *out, const char *name, const struct cs_limits *limits)
{
    if (!cs_pacer_needed(limits))
        return;
    struct cs_lane_pool *p = &out->pools[out->n_pools++];
    snprintf(p->name, sizeof p->name, "%s", name);
    p->limits = *limits;
}

static enum cs_err bench_lane(void *self, const uint8_t spec[32], uint32_t lane, struct cs_lane_facts *out,
                              struct cs_error *err)
{
    static const struct cs_endpoint endpoint = {
        .serial = 1, .url = "http://127.0.0.1/v1/chat/completions", .key = "0badc0de"};
    struct bench_source *s = self;
    (void)spec;
    if (!s->spec_here) {
        s->asked = true;
        return cs_error_set(err, CS_EAGAIN, "no spec");
    }
    *out = (struct cs_lane_facts){.study = s, .provider = &cs_dialect_openai_chat, .endpoint = &endpoint};
    out->timeout_ms = s->timeout_ms;
    out->metered = s->metered;
    out->servers = s->servers;
    out->concurrent = s->concurrent[lane];
    out->talks = s->turns > 1;
    out->remembers = s->remembers;
    snprintf(out->group, sizeof out->group, "group");
    bench_pool(out, s->own != NULL ? s->own : "pool", &s->limits);
    if (s->own != NULL) {
        snprintf(out->own.name, sizeof out->own.name, "%s", s->own);
        out->own.limits = s->limits;
        out->has_own = out->n_pools > 0;
    }
    bench_pool(out, "shared", &s->shared);
    if (s->trouble[lane] != NULL)
        snprintf(out->trouble, sizeof out->trouble, "%s", s->trouble[lane]);
    s->studies++;
    return CS_OK;
}

static void bench_release(void *self, void *study)
{
    struct bench_source *s = self;
    assert_ptr_equal(study, s);
    s->studies--;
}

static enum cs_err bench_trial(void *self, void *study, uint32_t lane, uint64_t position, const char *const *said,
                               uint32_t n_said, struct cs_trial *out, struct cs_error *err)
{
    struct bench_source *s = self;
    (void)study;
    assert_true(n_said == 0 || (n_said < s->turns && said != NULL));
    if (!s->cases_here) {
        s->asked = true;
        return cs_error_set(err, CS_EAGAIN, "no cases");
    }
    if (s->picture_bytes > 0 && position < BENCH_PICTURES && !s->has[position]) {
        if (memchr(s->wanted, (int)position, s->n_wanted) == NULL)
            s->wanted[s->n_wanted++] = (uint8_t)position;
        return cs_error_set(err, CS_EAGAIN, "no picture");
    }
    if (s->bad_trial)
        return cs_error_set(err, CS_EINVAL, "cannot be rendered");
    *out = (struct cs_trial){.body = "{}", .body_len = 2, .question = 7, .calls = s->turns > 1 ? s->turns : 1};
    if (s->turns > 1) {
        snprintf(s->said, sizeof s->said, "%s", n_said > 0 ? said[n_said - 1] : "");
        out->free = n_said + 1 < s->turns;
        out->tools = s->tools;
        out->last = n_said + 1 == s->turns;
        out->sent[0] = (uint8_t)(n_said + 1);
        memcpy(out->digest.b, &position, 8);
        memcpy(out->digest.b + 8, &lane, 4);
        if (n_said > 0 && s->too_large)
            return cs_error_set(err, CS_ETOOBIG, "too large");
    }
    if (s->distinct) {
        out->body_len = (uint32_t)snprintf(s->body, sizeof s->body, "{%llu}", (unsigned long long)position);
        out->body = s->body;
        out->prompt = 1 + position;
    }
    out->block = s->servers != NULL ? position : 0;
    memcpy(out->digest.b, &position, 8);
    memcpy(out->digest.b + 8, &lane, 4);
    return CS_OK;
}

static struct cs_answer_check bench_parses(void *self, void *study, uint32_t lane, uint32_t question, uint32_t elements,
                                           const char *text, size_t n)
{
    (void)lane;
    (void)elements;
    (void)self;
    (void)study;
    assert_int_equal(question, 7);
    const bool good = n == 4 && memcmp(text, "good", 4) == 0;
    return (struct cs_answer_check){good ? CS_ANSWER_NONE : CS_ANSWER_NO_OBJECT, false};
}

static bool bench_missing(void *self, uint8_t digest[32], uint32_t *bytes)
{
    struct bench_source *s = self;
    bool asked = s->asked;
    s->asked = false;
    *bytes = 1000;
    memset(digest, s->spec_here ? 2 : 1, 32);
    if (!asked && s->n_wanted > 0) {
        asked = true;
        *bytes = s->picture_bytes;
        digest[0] = 3;
        digest[1] = s->wanted[0];
        memmove(s->wanted, s->wanted + 1, --s->n_wanted);
    }
    return asked;
}

static void bench_picture(struct bench_source *s, uint8_t position)
{
    uint8_t *at = memchr(s->wanted, position, s->n_wanted);
    s->has[position] = true;
    if (at != NULL)
        memmove(at, at + 1, (size_t)(s->wanted + s->n_wanted-- - (at + 1)));
}

static enum cs_err bench_put(void *self, const uint8_t digest[32], const void *bytes, uint32_t n, struct cs_error *err)
{
    struct bench_source *s = self;
    (void)bytes;
    if (n == 3)
        return cs_error_set(err, CS_ECORRUPT, "bad");
    if (digest[0] == 1)
        s->spec_here = true;
    else if (digest[0] == 2)
        s->cases_here = true;
    else
        bench_picture(s, digest[1]);
    return CS_OK;
}

static void bench_exec(struct bench *b)
{
    uint32_t n;
    const struct cs_worker_action *all = cs_worker_actions(b->w, &n);
    memset(b->sent, 0, sizeof b->sent);
    memset((void *)b->message, 0, sizeof b->message);
    b->connects = b->started = b->acked = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct cs_worker_action *a = &all[i];
        switch (a->kind) {
        case CS_DO_CONNECT:
            b->connects++;
            if (b->on_connect != NULL)
                b->on_connect(b);
            break;
        case CS_DO_SEND:
            b->sent[a->message->kind]++;
            b->message[a->message->kind] = a->message;
            if (b->on_send != NULL)
                b->on_send(b, a->message);
            break;
        case CS_DO_CALL: {
            struct bench_call *c = &b->call[a->slot];
            assert_false(c->live);
            *c = (struct bench_call){.live = true, .attempt = a->attempt};
            c->in_session = a->session != NULL;
            snprintf(c->session, sizeof c->session, "%s",
                     a->session != NULL && a->session->id != NULL ? a->session->id : "");
            memcpy(&c->position, a->digest->b, 8);
            memcpy(&c->lane, a->digest->b + 8, 4);
            b->started++;
            b->total_started++;
            b->in_flight++;
            if (b->on_call != NULL)
                b->on_call(b, c);
            break;
        }
        case CS_DO_ABORT:
            assert_true(b->call[a->slot].live);
            b->call[a->slot].live = false;
            b->in_flight--;
            break;
        case CS_DO_ACKED:
            b->acked++;
            break;
        case CS_DO_LOG:
            if (getenv("BENCH_LOG") != NULL)
                print_message("%8llu %s %s\n", (unsigned long long)b->now, a->ev, a->text);
            break;
        case CS_DO_EXIT:
            b->exited = true;
            b->exit_code = a->code;
            snprintf(b->exit_text, sizeof b->exit_text, "%s", a->text);
            break;
        }
    }
}

static void bench_step(struct bench *b, struct cs_worker_event ev)
{
    ev.wall_ms = 1700000000000 + (int64_t)b->now;
    cs_worker_step(b->w, &ev, b->now);
    bench_exec(b);
}

static void bench_tick(struct bench *b)
{
    bench_step(b, (struct cs_worker_event){.kind = CS_WORKER_TICK, .rss_mb = 5});
}

/* Lets time pass, with a TICK whenever one is due and one at the end; the record is of the last step. */
static inline void bench_wait(struct bench *b, uint64_t ms)
{
    uint64_t end = b->now + ms;
    bool at_end = false;
    for (uint64_t next; (next = cs_worker_next_ms(b->w)) <= end;) {
        if (next > b->now)
            b->now = next;
        bench_tick(b);
        at_end = b->now == end;
    }
    b->now = end;
    if (!at_end)
        bench_tick(b);
}

static void bench_say(struct bench *b, struct cs_message *m)
{
    m->version = CS_WIRE_MAJOR * 256;
    m->session = b->session;
    m->seq = ++b->seq;
    bench_step(b, (struct cs_worker_event){.kind = CS_WORKER_MESSAGE, .message = m});
}

static struct cs_announce bench_announce(struct bench *b, struct cs_lane_info lanes[BENCH_LANES], uint32_t n,
                                         enum cs_lane_state state)
{
    for (uint32_t i = 0; i < n; i++)
        lanes[i] = (struct cs_lane_info){
            .gen = 1, .lane = i, .state = (uint8_t)state, .available = 1, .spec_digest = {1}};
    return (struct cs_announce){.term = b->term, .n_lanes = n, .lanes = lanes};
}

static void bench_welcome(struct bench *b, uint32_t n_lanes, uint32_t window_outputs)
{
    struct cs_lane_info lanes[BENCH_LANES];
    struct cs_message m = {.kind = CS_WELCOME};
    b->session++;
    b->seq = 0;
    m.welcome = (struct cs_welcome){
        .session = b->session, .term = b->term, .fleet = "f", .window_bytes = CS_WINDOW_BYTES};
    m.welcome.window_outputs = window_outputs;
    m.welcome.fresh = b->fresh;
    m.welcome.announce = bench_announce(b, lanes, n_lanes, CS_LANE_OPEN);
    bench_say(b, &m);
}

static inline void bench_stop(struct bench *b, uint32_t n_lanes, enum cs_lane_state state)
{
    struct cs_lane_info lanes[BENCH_LANES];
    struct cs_message m = {.kind = CS_STOP, .announce = bench_announce(b, lanes, n_lanes, state)};
    bench_say(b, &m);
}

static inline void bench_pong(struct bench *b, uint64_t echo)
{
    struct cs_lane_info lanes[BENCH_LANES];
    struct cs_message m = {.kind = CS_PONG, .pong = {.echo_ms = echo}};
    m.pong.announce = bench_announce(b, lanes, 1, CS_LANE_OPEN);
    bench_say(b, &m);
}

/* A lease of `n` positions from the first of a page on. */
static inline void bench_assign(struct bench *b, uint32_t lane, uint64_t page, uint64_t epoch, uint32_t n)
{
    struct cs_lease_ref r = {.epoch = epoch, .gen = 1, .lane = lane, .page = page};
    struct cs_message m = {.kind = CS_ASSIGN, .leases = {.n = 1, .leases = &r}};
    for (uint32_t i = 0; i < n; i++)
        r.todo[i / 8] |= (uint8_t)(1U << i % 8);
    bench_say(b, &m);
}

static inline void bench_ack(struct bench *b, uint64_t durable)
{
    struct cs_message m = {.kind = CS_ACK, .ack_body = {.durable = durable}};
    bench_say(b, &m);
}

#define BENCH_GOOD                                                                                                        \
    "{\"model\":\"m-1\",\"system_fingerprint\":\"fp\",\"choices\":[{\"message\":{\"content\":\"good\",\"refusal\":null}," \
    "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":14,\"completion_tokens\":9,"                               \
    "\"prompt_tokens_details\":{\"cached_tokens\":3},\"completion_tokens_details\":{\"reasoning_tokens\":2}}}"

static inline struct cs_http_reply bench_http(uint16_t status, const char *headers, const char *body)
{
    return (struct cs_http_reply){.transfer = CS_TRANSFER_WHOLE,
                                  .status = status,
                                  .headers = headers,
                                  .body = body,
                                  .body_len = strlen(body),
                                  .latency_ms = 12,
                                  .why = ""};
}

static inline struct cs_http_reply bench_fault(enum cs_transfer t, uint16_t status)
{
    return (struct cs_http_reply){.transfer = t, .status = status, .headers = "", .body = "", .why = "broken"};
}

static inline void bench_reply(struct bench *b, uint32_t slot, struct cs_http_reply r)
{
    assert_true(b->call[slot].live);
    b->call[slot].live = false;
    b->in_flight--;
    bench_step(b, (struct cs_worker_event){.kind = CS_WORKER_REPLY, .slot = slot, .reply = &r});
}

/* The slot of some call in flight. */
static inline uint32_t bench_slot(const struct bench *b)
{
    for (uint32_t i = 0; i < BENCH_SLOTS; i++) {
        if (b->call[i].live)
            return i;
    }
    fail_msg("no call is in flight");
    return 0;
}

static inline uint32_t bench_bits(const uint8_t *map)
{
    uint32_t n = 0;
    for (int i = 0; i < CS_BITMAP_BYTES; i++)
        n += (uint32_t)__builtin_popcount(map[i]);
    return n;
}

/* The k-th output of the OUTPUTS message that the last step sent; strings live in `arena`. */
static inline struct cs_output bench_output(struct bench *b, uint32_t k, struct cs_arena *arena)
{
    struct cs_output o;
    struct cs_error err;
    assert_non_null(b->message[CS_OUTPUTS]);
    const struct cs_outputs *all = &b->message[CS_OUTPUTS]->outputs;
    assert_true(k < all->n);
    assert_int_equal(cs_output_unpack(all->outputs[k].bytes, all->outputs[k].len, arena, &o, &err), CS_OK);
    return o;
}

static void bench_init(struct bench *b, uint32_t slots)
{
    *b = (struct bench){.now = 1000, .session = 100, .term = 5};
    b->source = (struct bench_source){.spec_here = true, .cases_here = true, .timeout_ms = 60000};
    struct cs_worker_opts o = {
        .name = "w1", .version = "test", .nonce = 9, .seed = 42, .slots = slots, .drain_ms = 120000};
    o.report_acks = true;
    o.source = (struct cs_source){&b->source,   bench_lane,    bench_release, bench_trial,
                                  bench_parses, bench_missing, bench_put};
    cs_worker_open(&b->w, &o);
    bench_tick(b);
}

/* Up to a session with one open lane. */
static inline void bench_ready(struct bench *b, uint32_t slots)
{
    bench_init(b, slots);
    assert_int_equal(b->sent[CS_HELLO], 1);
    bench_welcome(b, 1, CS_WINDOW_OUTPUTS);
}

static void bench_done(struct bench *b)
{
    cs_worker_close(b->w);
    assert_int_equal(b->source.studies, 0);
}

#endif
