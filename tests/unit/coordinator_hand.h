/* coordinator_hand.h - a worker moved by hand against the coordinator's core in its rig: it says what a test wants it to say. */
#ifndef CS_COORDINATOR_HAND_H
#define CS_COORDINATOR_HAND_H

#include "tests/unit/coordinator_rig.h"

struct hand {
    struct rig *r;
    const char *name;
    uint64_t nonce, session, sent, number, calls;
    uint32_t term;  /* as its last WELCOME said */
    uint32_t minor; /* that it states */
    struct cs_peer peer;
    uint64_t last_seq;
    struct cs_lease_ref leases[64];
    uint32_t n_leases;
    uint32_t input_tokens, output_tokens; /* in the next results; 0: 50 and 5 */
    uint32_t cache_write_tokens;          /* likewise, where these are not 0 */
    uint32_t turn, turns_done;            /* likewise, of a conversation */
    uint8_t said_before[16];              /* `sent` of them */
};

static inline void note(struct hand *h)
{
    for (const struct cs_action *a = h->r->acts; a != NULL; a = a->next) {
        if (a->kind != CS_ACT_SEND || memcmp(&a->peer, &h->peer, sizeof h->peer) != 0)
            continue;
        if (a->message.kind == CS_WELCOME) {
            h->session = a->message.welcome.session;
            h->term = a->message.welcome.term;
            h->last_seq = 0;
            h->number = 0;
        }
        if (a->message.session == h->session && a->message.seq > h->last_seq)
            h->last_seq = a->message.seq;
        if (a->message.kind == CS_ASSIGN) {
            for (uint32_t i = 0; i < a->message.leases.n; i++) {
                CS_ASSERT(h->n_leases < 64);
                h->leases[h->n_leases++] = a->message.leases.leases[i];
            }
        }
    }
}

static inline void say(struct hand *h, struct cs_message *m)
{
    struct cs_event e = {.kind = CS_EV_MESSAGE, .message = {&h->peer, "", m}};

    m->version = CS_WIRE_MAJOR * 256;
    m->session = m->kind == CS_HELLO ? 0 : h->session;
    m->seq = ++h->sent;
    if (m->ack == 0)
        m->ack = h->last_seq;
    rig_step(h->r, &e);
    note(h);
}

static inline void hello(struct hand *h, struct cs_lease_ref *held, uint32_t n)
{
    struct cs_message m = {.kind = CS_HELLO,
                           .hello = {.worker = h->name,
                                     .version = "t",
                                     .nonce = h->nonce,
                                     .last_term = h->term,
                                     .n_leases = n,
                                     .leases = held,
                                     .minor = h->minor}};

    h->n_leases = 0;
    say(h, &m);
}

static inline void settle(struct hand *h)
{
    while (h->r->n_batches > 0) {
        rig_commit(h->r, CS_OK);
        note(h);
    }
}

static inline void hand_open(struct hand *h, struct rig *r, const char *name, uint8_t id)
{
    *h = (struct hand){.r = r, .name = name, .nonce = id, .peer = {1, {id}}};
    hello(h, NULL, 0);
    settle(h); /* its name is on disk before it gets leases */
}

static inline void want(struct hand *h, uint32_t gen, uint32_t lane, uint32_t capacity)
{
    struct cs_want_lane w = {.gen = gen, .lane = lane, .capacity = capacity, .trouble = ""};
    struct cs_message m = {.kind = CS_WANT, .want = {1, &w}};

    say(h, &m);
}

static inline void ping(struct hand *h, struct cs_lease_ref *leases, uint32_t n, uint64_t ack, uint32_t unacked)
{
    struct cs_message m = {
        .kind = CS_PING, .ack = ack, .ping = {.now_ms = 77, .n_leases = n, .leases = leases, .unacked = unacked}};

    say(h, &m);
}

enum { GOOD, WRONG_DIGEST, GARBAGE, LOST /* no reply came */ };

/* One OUTPUTS message with the result of one trial. */
static inline void result_as(struct hand *h, uint64_t first, uint64_t call, uint32_t gen, uint32_t lane,
                             uint64_t position, enum cs_outcome outcome, int how)
{
    struct cs_output o = {.gen = gen,
                          .lane = lane,
                          .position = position,
                          .outcome = (uint8_t)outcome,
                          .attempts = 1,
                          .text = "yes",
                          .finish = "stop",
                          .model_resolved = "m",
                          .request_id = "",
                          .fingerprint = "",
                          .input_tokens = 50,
                          .output_tokens = 5,
                          .started_wall_ms = (int64_t)call,
                          .worker = h->name};
    struct cs_buf packed = CS_BUF_INIT(CS_OUTPUT_MAX);
    struct cs_output_bytes bytes;
    struct cs_message m = {.kind = CS_OUTPUTS, .outputs = {first, 1, &bytes}};

    if (h->output_tokens > 0) {
        o.input_tokens = h->input_tokens;
        o.output_tokens = h->output_tokens;
        o.cache_write_tokens = h->cache_write_tokens;
    }
    o.turn = h->turn;
    o.turns_done = h->turns_done;
    memcpy(o.sent, h->said_before, sizeof o.sent);
    if (how == LOST) {
        o.input_tokens = o.output_tokens = 0;
        o.ambiguous = 1;
    }
    rig_digest(gen, lane, position + (how == WRONG_DIGEST), &o.digest);
    cs_output_pack(&o, &packed);
    bytes.bytes = (const uint8_t *)packed.data;
    bytes.len = how == GARBAGE ? 3 : (uint32_t)packed.len;
    say(h, &m);
    cs_buf_release(&packed);
}

static inline void result(struct hand *h, uint32_t lane, uint64_t position)
{
    result_as(h, ++h->number, 1000 * h->nonce + ++h->calls, 1, lane, position, CS_OUTCOME_ok, GOOD);
}

static inline unsigned held(const struct hand *h)
{
    unsigned n = 0;

    for (uint32_t i = 0; i < h->n_leases; i++) {
        struct cs_bits b = cs_bits_from_wire(h->leases[i].todo);

        n += cs_bits_count(&b);
    }
    return n;
}

#endif
