/* core.h - the rules of a worker as a pure state machine: step(event, now) -> actions.
 *
 * No socket, HTTP, clock or disk: messages and replies come in as events, what is to be done goes out as actions,
 * randomness comes from the seed. The shell (shell.c) carries it out; a test can run a fleet of them in one
 * process.
 *
 *   BOOT -> HELLO_SENT -> READY <-> ISOLATED -> HELLO_SENT (new socket) ...      any of them, drained -> GONE
 *
 * Lease clock: the moment when the last PING left that was answered (or the HELLO that was welcomed). 6 s after it
 * a worker is isolated and holds its outputs back, after 15 s it makes a new socket and says HELLO, after 18 s it
 * starts no call, after 27 s it drops what it has not started. Calls in flight always end, and their outputs are
 * delivered.
 *
 * Thread: one. Ownership: what actions point to is valid until the next step. Units: milliseconds of a monotonic clock.
 * Limits: in flight <= slots; in flight + unsent + unacknowledged <= slots + window (asserted after every step).
 */
#ifndef CS_WORKER_CORE_H
#define CS_WORKER_CORE_H

#include "protocol/base/log.h"
#include "protocol/wire/messages.h"
#include "store/progress.h"
#include "store/quota.h"
#include "worker/alarm.h"
#include "worker/source.h"

enum cs_worker_state {
    CS_WORKER_BOOT,
    CS_WORKER_HELLO_SENT, /* no session (yet, or again) */
    CS_WORKER_READY,
    CS_WORKER_ISOLATED, /* a session, and no PONG for 6 s */
    CS_WORKER_GONE,     /* nothing happens any more */
};

enum { CS_WORKER_SLOTS_MAX = 65536 };

struct cs_worker_opts {
    const char *name; /* at most CS_NAME_MAX bytes, unique; copied */
    const char *version;
    uint64_t nonce;    /* of this process */
    uint64_t seed;     /* of jitter */
    uint32_t slots;    /* calls in flight, 1..CS_WORKER_SLOTS_MAX */
    uint32_t drain_ms; /* longest wait for calls in flight when draining */
    bool report_acks;  /* CS_DO_ACKED is wanted */
    struct cs_source source;
};

enum cs_worker_event_kind {
    CS_WORKER_TICK,    /* time has passed (see cs_worker_next_ms) */
    CS_WORKER_MESSAGE, /* from the coordinator, or an ANNOUNCE from PUB */
    CS_WORKER_UNSENT,  /* a SEND found no way: the link is down */
    CS_WORKER_REPLY,   /* a call ended */
    CS_WORKER_QUOTA,   /* the answer to an asking */
    CS_WORKER_DRAIN,   /* the operator wants it to end */
};

/* An asking for a slice of the pools of a draw, and the answer to it. */
struct cs_worker_ask {
    uint32_t draw;
    uint64_t serial;
    struct cs_quota_ask ask; /* its strings live as long as the worker */
};
struct cs_worker_quota {
    uint32_t draw;
    uint64_t serial;
    const struct cs_quota_grant *grant; /* NULL: Redis is away */
    bool alone;                         /* there is no Redis: all askings are answered so */
};

struct cs_worker_event {
    enum cs_worker_event_kind kind;
    int64_t wall_ms;                  /* Unix time, for what outputs record */
    uint32_t rss_mb;                  /* TICK */
    const struct cs_message *message; /* MESSAGE */
    enum cs_kind unsent;              /* UNSENT: which */
    uint32_t slot;                    /* REPLY */
    const struct cs_http_reply *reply;
    struct cs_worker_quota quota;
};

enum cs_worker_action_kind {
    CS_DO_CONNECT, /* close the socket if there is one, make a new one */
    CS_DO_SEND,    /* `message`, to the coordinator */
    CS_DO_CALL,    /* start an HTTP call in `slot`; ends with a REPLY event, always */
    CS_DO_ABORT,   /* end the call in `slot` at once, without a REPLY */
    CS_DO_ACKED,   /* the output of `digest` is on the coordinator's disk */
    CS_DO_LOG,     /* level, ev, text */
    CS_DO_EXIT,    /* code and text; the last action */
};

struct cs_worker_action {
    enum cs_worker_action_kind kind;
    const struct cs_message *message;
    uint32_t slot;
    const struct cs_endpoint *endpoint;
    const struct cs_digest *digest;
    uint32_t attempt; /* CALL: from 1 */
    const char *body;
    uint32_t body_len, timeout_ms;
    enum cs_log_level level;
    const char *ev, *text;
    enum cs_err code;
};

struct cs_worker;

void cs_worker_open(struct cs_worker **out, const struct cs_worker_opts *opts);
void cs_worker_close(struct cs_worker *w); /* NULL is fine */

void cs_worker_step(struct cs_worker *w, const struct cs_worker_event *ev, uint64_t now_ms);
/* What the last step wants done, in this order. */
const struct cs_worker_action *cs_worker_actions(const struct cs_worker *w, uint32_t *n);
/* Takes out one asking that the last steps made: to be answered with a QUOTA event. False: none is left. */
bool cs_worker_take_ask(struct cs_worker *w, struct cs_worker_ask *out);
/* When a TICK is needed at the latest; CS_NEVER when GONE. */
uint64_t cs_worker_next_ms(const struct cs_worker *w);

/* A pool with a limit per day; such a one grants nothing until the coordinator knows of it. */
struct cs_worker_day_pool {
    const char *group, *name; /* live as long as the worker */
    double limit[CS_QUOTA_DIMS - CS_QUOTA_PER_MINUTE];
};
/* The i-th, from 0; false: there is none. */
bool cs_worker_day_pool(const struct cs_worker *w, uint32_t i, struct cs_worker_day_pool *out);

/* Fills lanes and pools of *out: what binds, and what was charged, since this was asked last. */
void cs_worker_report(struct cs_worker *w, uint64_t now_ms, struct cs_arena *arena, struct cs_worker_info *out);

struct cs_worker_figures {
    enum cs_worker_state state;
    const char *fleet; /* "" before the first WELCOME */
    uint32_t draws;    /* sets of pools that lanes draw from; only grows */
    bool draining;
    uint32_t in_flight, unstarted, waiting, unacked; /* waiting: for a repetition; counted in unstarted too */
    uint64_t calls_started, calls_ended, outputs_acked, outputs_refused;
};
void cs_worker_figures(const struct cs_worker *w, struct cs_worker_figures *out);
const char *cs_worker_state_name(enum cs_worker_state s);

#endif
