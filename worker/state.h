/* state.h - the inside of the core, shared by core.c (events), link.c (the dialogue), lanes.c (announced lanes,
 * shares, specs), leases.c (what is held), pools.c (quotas) and work.c (calls and outputs). Nobody else includes it, but tests of the
 * invariants.
 */
#ifndef CS_WORKER_STATE_H
#define CS_WORKER_STATE_H

#include <sys/queue.h>

#include "protocol/base/hash.h"
#include "protocol/base/rng.h"
#include "worker/binding.h"
#include "worker/brake.h"
#include "worker/call.h"
#include "worker/core.h"
#include "worker/outage.h"
#include "worker/pacer.h"
#include "worker/window.h"

enum {
    CS_ISOLATED_MS = CS_SUSPECT_MS,
    CS_FLUSH_MS = 5, /* an output waits at most this long to be sent */
    CS_FLUSH_OUTPUTS = 64,
    CS_FLUSH_BYTES = 64 * 1024,
    CS_RESEND_MS = 5000, /* no acknowledgement for so long: send again */
    CS_SPEC_AGAIN_MS = 5000,
    CS_HELLO_AGAIN_MS = 20,    /* the socket has no connection yet */
    CS_SOCKET_AGAIN_MS = 1000, /* ... for so long: make a new one */
    CS_BYE_MS = 100,           /* BYE has this long to leave */
    CS_STARTS_PER_STEP = 64,   /* bounds the bodies that one step copies */
    CS_START_BYTES_PER_STEP = 4 * 1024 * 1024,
};

enum cs_worker_alarm {
    CS_ALARM_HELLO, /* say HELLO (perhaps on a new socket) */
    CS_ALARM_PING,
    CS_ALARM_FLUSH,
    CS_ALARM_RESEND,
    CS_ALARM_SPEC,
    CS_ALARM_GO,    /* start more calls */
    CS_ALARM_LANE,  /* a lane's quiet period is over */
    CS_ALARM_CALL,  /* a call's pause is over */
    CS_ALARM_DRAIN, /* the drain has lasted long enough */
    CS_ALARM_EXIT,
    CS_ALARM_POOL, /* a pool may have something to give, or is to be asked */
};

/* A lease. Every position of it is in at most one of todo and busy; `waiting` is the part of todo that has been
 * tried. */
struct cs_worker_lease {
    uint64_t epoch;
    struct cs_worker_lane *lane;
    uint64_t page;
    uint8_t todo[CS_BITMAP_BYTES];
    uint8_t busy[CS_BITMAP_BYTES]; /* in flight, or finished and not acknowledged */
    uint8_t waiting[CS_BITMAP_BYTES];
    uint16_t n_todo, n_busy, n_waiting;
    bool dead;                  /* not ours any more: what is busy ends, and is delivered */
    bool watched;               /* the coordinator wants to hear at once what of it begins */
    bool open;                  /* in the lane's list: n_todo > n_waiting */
    LIST_HEAD(, cs_call) calls; /* the waiting ones */
    TAILQ_ENTRY(cs_worker_lease) in_lane;
    UT_hash_handle hh; /* by epoch, unless dead */
    LIST_ENTRY(cs_worker_lease) all;
};

/* The pools that some lanes draw from, all at once. */
struct cs_draw {
    char *key, *group, *claimant, *name[CS_QUOTA_POOLS_MAX]; /* name: of its pools */
    uint32_t number;
    struct cs_pacer pacer;
    double reported[CS_QUOTA_DIMS]; /* what was charged at the last report, and when that was */
    uint64_t reported_at;
    uint32_t started; /* since the last asking */
    bool to_ask;
    struct cs_quota_ask ask;
    struct cs_alarm alarm;
    UT_hash_handle hh; /* by key */
};

struct cs_worker_lane {
    uint64_t key; /* gen << 32 | lane */
    uint32_t gen, lane;
    uint8_t spec[32];
    enum cs_lane_state state;
    bool available;
    bool known;   /* facts are there */
    bool blocked; /* its next trial waits for cases */
    bool ready;   /* in the ring of lanes that may be able to start a call */
    char trouble[CS_TROUBLE_MAX];
    bool key_refused; /* the trouble is that the provider refused the key to this worker */
    char *barred;     /* keys of the lane that were refused, as announced; NULL: none */
    struct cs_outage outage;
    char away[CS_TROUBLE_MAX]; /* why nothing gets through, while it does not */
    struct cs_lane_facts facts;
    struct cs_draw *draw; /* NULL: no limit is declared */
    struct cs_binding binding;
    uint32_t seen; /* the announcement that named it last */
    uint32_t n_leases, n_todo, in_flight;
    uint32_t share;        /* calls it may have in flight */
    struct cs_brake brake; /* the same, as the provider has shown what it bears */
    uint32_t quiets;       /* quiet periods in a row without an answer */
    uint64_t quiet_since, quiet_until, progress;
    uint32_t told_capacity; /* in this session */
    uint8_t told_trouble;   /* 0: none; 1: of the key or the like; 2: its provider is away */
    struct cs_alarm alarm;
    TAILQ_HEAD(, cs_worker_lease) open;
    TAILQ_HEAD(, cs_call) due;
    TAILQ_ENTRY(cs_worker_lane) in_ring;
    UT_hash_handle hh;
};

struct cs_asked {
    uint8_t digest[32];
};

struct cs_worker {
    struct cs_worker_opts opts;
    char *name, *version;
    struct cs_source source;
    struct cs_rng rng;
    uint64_t now; /* of the step under way */
    int64_t wall;
    uint32_t rss_mb;

    enum cs_worker_state state;
    bool draining;       /* for good */
    bool fleet_draining; /* the announcement says so */
    bool said_bye;
    bool cut;        /* the drain took too long: calls were cut off */
    char *fleet;     /* NULL before the first WELCOME */
    uint64_t hellos; /* said by this process */
    uint32_t last_term;
    uint64_t session, seq, ack;
    uint64_t heard; /* the lease clock */
    uint64_t hello_at, connected_at;
    bool socket, new_socket; /* there is one; the next HELLO wants another */
    uint32_t silences;       /* sockets in a row that brought no WELCOME */

    struct cs_alarms alarms;
    struct cs_alarm hello, ping, flush, resend, spec, go, drain, leave;

    struct cs_worker_lane *lanes; /* hash */
    TAILQ_HEAD(, cs_worker_lane) ring;
    struct cs_draw *draws; /* hash */
    uint32_t announcements;
    bool shares_stale; /* shares, facts and wants are to be looked at */
    struct cs_asked *asked;
    uint32_t n_asked, cap_asked;

    struct cs_worker_lease *by_epoch; /* hash */
    LIST_HEAD(, cs_worker_lease) leases;
    uint32_t n_leases, unstarted, waiting;
    struct cs_lease_ref *giving; /* to be released at the end of the step */
    uint32_t n_giving, cap_giving;

    struct cs_call **slots; /* by slot; NULL: free */
    uint32_t *free_slots, n_free, in_flight;
    struct cs_window window;
    uint32_t window_peak; /* the largest limit that held */
    struct cs_buf pack;

    struct cs_arena arena; /* reset by each step */
    struct cs_worker_action *actions;
    uint32_t n_actions, cap_actions;
    uint32_t starts; /* calls started by this step */
    size_t start_bytes;
    uint64_t calls_started, calls_ended, outputs_acked, outputs_refused;
};

/* core.c */
struct cs_worker_action *cs_worker_do(struct cs_worker *w, enum cs_worker_action_kind kind);
void cs_worker_say(struct cs_worker *w, enum cs_log_level level, const char *ev, const char *fmt, ...) CS_PRINTF(4, 5);
void cs_worker_exit(struct cs_worker *w, enum cs_err code, const char *fmt, ...) CS_PRINTF(3, 4);
void cs_worker_begin_drain(struct cs_worker *w, const char *why);

/* link.c */
bool cs_link_live(const struct cs_worker *w);      /* READY or ISOLATED */
bool cs_link_may_start(const struct cs_worker *w); /* by the lease clock and the drain */
void cs_link_tick(struct cs_worker *w);            /* silence: isolation, new socket, leases lost */
void cs_link_hello(struct cs_worker *w);
void cs_link_ping(struct cs_worker *w);
void cs_link_unsent(struct cs_worker *w, enum cs_kind kind);
void cs_link_message(struct cs_worker *w, const struct cs_message *m);
struct cs_message *cs_link_send(struct cs_worker *w, enum cs_kind kind);

/* lanes.c */
struct cs_worker_lane *cs_lanes_find(struct cs_worker *w, uint32_t gen, uint32_t lane);
void cs_lanes_announce(struct cs_worker *w, const struct cs_announce *a, bool in_order); /* false: from PUB */
void cs_lanes_stop(struct cs_worker *w, struct cs_worker_lane *l, const char *trouble);
/* The provider refused the lane's key: all workers with that key stop. */
void cs_lanes_refused(struct cs_worker *w, struct cs_worker_lane *l, const char *trouble);
/* Nobody of the lane is answered: it keeps what it has begun, gives the rest back and asks for little. */
void cs_lanes_away(struct cs_worker *w, struct cs_worker_lane *l, const char *why);
void cs_lanes_back(struct cs_worker *w, struct cs_worker_lane *l);
/* Rings when a quiet period or the pause before a probe is over. */
void cs_lanes_wait(struct cs_worker *w, struct cs_worker_lane *l);
void cs_lanes_wake(struct cs_worker *w, struct cs_worker_lane *l); /* it may be able to start a call */
void cs_lanes_wake_all(struct cs_worker *w);
uint32_t cs_lanes_most(const struct cs_worker_lane *l); /* calls that it may have in flight now */
void cs_lanes_forget_wants(struct cs_worker *w);
uint32_t cs_lanes_wants(struct cs_worker *w, struct cs_want_lane **out); /* in the arena */
void cs_lanes_settle(struct cs_worker *w);                               /* facts, shares, WANT */
void cs_lanes_ask(struct cs_worker *w); /* SPEC_GET for what turned out to be missing */
void cs_lanes_spec(struct cs_worker *w, const struct cs_spec_reply *s);
void cs_lanes_ask_again(struct cs_worker *w);
void cs_lanes_close(struct cs_worker *w);

/* report.c */
enum cs_bind cs_lanes_binding(const struct cs_worker *w,
                              const struct cs_worker_lane *l); /* of one that starts no call */

/* leases.c */
void cs_leases_assign(struct cs_worker *w, const struct cs_leases *a);
void cs_leases_adopt(struct cs_worker *w, const struct cs_welcome *m);
void cs_leases_lost(struct cs_worker *w, uint64_t epoch);
void cs_leases_revoke(struct cs_worker *w, const struct cs_leases *r);
/* Gives back what has not started: tells the coordinator (`tell`), or forgets it. NULL: of all lanes. */
void cs_leases_give_back(struct cs_worker *w, const struct cs_worker_lane *only, bool tell);
void cs_leases_give_back_untried(struct cs_worker *w, const struct cs_worker_lane *lane);
void cs_leases_give_back_one(struct cs_worker *w, struct cs_worker_lease *l, uint8_t bit); /* a busy position */
uint32_t cs_leases_list(struct cs_worker *w, bool with_dead,
                        struct cs_lease_ref **out); /* of HELLO and PING, in the arena */
void cs_leases_settle(struct cs_worker *w);         /* RELEASE */
/* Positions move: todo -> busy (start), busy -> todo and waiting (pause), busy -> nothing (done). */
int cs_lease_next(const struct cs_worker_lease *l); /* a bit to start, -1: none */
void cs_lease_start(struct cs_worker *w, struct cs_worker_lease *l, uint8_t bit);
void cs_lease_pause(struct cs_worker *w, struct cs_call *c);
void cs_lease_done(struct cs_worker *w, struct cs_worker_lease *l, uint8_t bit);
void cs_lease_forget_waiting(struct cs_worker *w, struct cs_call *c); /* its position is to be started afresh, or not */
void cs_leases_close(struct cs_worker *w);

/* pools.c */
void cs_pools_join(struct cs_worker *w, struct cs_worker_lane *l); /* its facts are known */
void cs_pools_wake(struct cs_worker *w, const struct cs_draw *d);
bool cs_pools_shut(const struct cs_worker *w, const struct cs_worker_lane *l); /* no call now, whatever its size */
/* Charges the lane's pools, or false: their alarm, or a call that ends, wakes the lane. */
bool cs_pools_admit(struct cs_worker *w, struct cs_worker_lane *l, size_t bytes, double cost[CS_QUOTA_DIMS]);
void cs_pools_ended(struct cs_worker *w, const struct cs_call *c, const struct cs_http_reply *reply,
                    const struct cs_reading *reading);
void cs_pools_answer(struct cs_worker *w, const struct cs_worker_quota *q);
void cs_pools_settle(struct cs_worker *w); /* askings, alarms */
void cs_pools_close(struct cs_worker *w);

/* work.c */
void cs_work_start(struct cs_worker *w); /* as many calls as may be */
void cs_work_reply(struct cs_worker *w, uint32_t slot, const struct cs_http_reply *reply);
void cs_work_due(struct cs_worker *w, struct cs_call *c);
void cs_work_drop(struct cs_worker *w, struct cs_call *c); /* a waiting one */
void cs_work_flush(struct cs_worker *w, bool all);         /* all: also what is not yet worth a message */
void cs_work_resend(struct cs_worker *w);
void cs_work_acked(struct cs_worker *w, const struct cs_ack *a);
void cs_work_abort_all(struct cs_worker *w);

#endif
