/* event.h - what goes into the core of a worker and what comes out of it: events, actions, figures. The machine: worker.h.
 *
 * Thread, ownership and units as said there.
 */
#ifndef CS_WORKER_EVENT_H
#define CS_WORKER_EVENT_H

#include "protocol/base/log.h"
#include "protocol/wire/messages.h"
#include "store/redis/progress.h"
#include "store/redis/quota.h"
#include "worker/calls/alarm.h"
#include "worker/core/source.h"

struct cs_worker;

enum cs_worker_state {
    CS_WORKER_BOOT,
    CS_WORKER_HELLO_SENT, /* no session (yet, or again) */
    CS_WORKER_READY,
    CS_WORKER_ISOLATED, /* a session, and no PONG for 6 s */
    CS_WORKER_GONE,     /* nothing happens any more */
};

enum {
    CS_WORKER_SLOTS_MAX = 65536,
    CS_WORKER_SLOTS_PARKED =
        2, /* times as many are numbered: what silent lanes have under way does not keep others from theirs */
};

struct cs_worker_opts {
    const char *name; /* at most CS_NAME_MAX bytes, unique; copied */
    const char *version;
    uint64_t nonce;       /* this process's */
    uint64_t seed;        /* seeds the jitter */
    uint32_t slots;       /* calls in flight but for those of silent lanes, 1..CS_WORKER_SLOTS_MAX */
    uint32_t drain_ms;    /* longest wait for calls in flight when draining */
    uint64_t deadline_ms; /* by the core's clock, when the process must have ended; 0: none (leave.h) */
    uint32_t idle_ms;     /* ends after so long with nothing to do; 0: stays */
    bool until_done;      /* ends when no announced lane has anything left to do */
    size_t reply_memory;  /* bytes that all replies in flight may hold; 0: no cap */
    bool report_acks;     /* CS_DO_ACKED is wanted */
    struct cs_source source;
};

enum cs_worker_event_kind {
    CS_WORKER_TICK,    /* time has passed (see cs_worker_next_ms) */
    CS_WORKER_MESSAGE, /* from the coordinator, or an ANNOUNCE from PUB */
    CS_WORKER_UNSENT,  /* a SEND found no way: the link is down */
    CS_WORKER_REPLY,   /* a call ended */
    CS_WORKER_QUOTA,   /* the answer to an asking */
    CS_WORKER_DRAIN,   /* the operator wants it to end */
    CS_WORKER_SERVERS, /* a list of servers has changed */
    CS_WORKER_MOVED,   /* the coordinator is elsewhere: the next CONNECT leads there */
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
    size_t held;                      /* bytes of all replies in flight */
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
    uint32_t attempt;                      /* CALL: from 1, of each turn */
    uint32_t turn;                         /* likewise: from 1, of a conversation's calls */
    const struct cs_session_told *session; /* CALL: of a conversation that goes on in one (calls/errand.h); else NULL */
    const char *body;
    uint32_t body_len, timeout_ms;
    struct cs_held
        *held; /* CALL: the body's images, or NULL; whoever takes the action lets go of them (calls/pictures.h) */
    enum cs_log_level level;
    const char *ev, *text;
    enum cs_err code;
};

/* A pool with a limit per day; such a one grants nothing until the coordinator knows of it. */
struct cs_worker_day_pool {
    const char *group, *name; /* live as long as the worker */
    double limit[CS_QUOTA_DIMS - CS_QUOTA_PER_MINUTE];
};

struct cs_worker_figures {
    enum cs_worker_state state;
    const char *fleet; /* "" before the first WELCOME */
    uint32_t draws;    /* sets of pools that lanes draw from; only grows */
    bool draining;
    uint32_t in_flight, unstarted, waiting, unacked; /* waiting: for a repetition; counted in unstarted too */
    uint64_t calls_started, calls_ended, outputs_acked, outputs_refused;
};

/* ---- answered by the files that know: pools.c, report.c, do.c ------------------------------------------------ */

/* Takes out one asking that the last steps made: to be answered with a QUOTA event. False: none is left. */
bool cs_pools_take_ask(struct cs_worker *w, struct cs_worker_ask *out);
/* The i-th, from 0; false: there is none. */
bool cs_pools_day(const struct cs_worker *w, uint32_t i, struct cs_worker_day_pool *out);
/* Fills lanes and pools of *out: what binds, and what was charged, since this was asked last. */
void cs_worker_report(struct cs_worker *w, uint64_t now_ms, struct cs_arena *arena, struct cs_worker_info *out);
/* What went wrong since this was asked last; texts are valid until the next step. */
void cs_worker_report_errors(struct cs_worker *w, struct cs_arena *arena, struct cs_complaint **out, uint32_t *n);
/* Fills lanes alone; asking leaves no trace. */
void cs_worker_report_lanes(struct cs_worker *w, uint64_t now_ms, struct cs_arena *arena, struct cs_worker_info *out);
const char *cs_do_state_name(enum cs_worker_state s);

#endif
