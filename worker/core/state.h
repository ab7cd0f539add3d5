/* state.h - the inside of the core, shared by worker.c (events), link.c (the dialogue), lanes.c (announced lanes,
 * shares, specs), leases.c (what is held), pools.c (quotas) and work.c (calls and outputs). Nothing else includes it, except tests of the
 * invariants.
 */
#ifndef CS_WORKER_STATE_H
#define CS_WORKER_STATE_H

#include <sys/queue.h>

#include "protocol/base/hash.h"
#include "protocol/base/rng.h"
#include "worker/calls/binding.h"
#include "worker/calls/brake.h"
#include "worker/calls/call.h"
#include "worker/calls/denials.h"
#include "worker/core/event.h"
#include "worker/calls/outage.h"
#include "worker/calls/pacer.h"
#include "worker/calls/replies.h"
#include "worker/calls/servers.h"
#include "worker/calls/shares.h"
#include "worker/calls/lane_tally.h"
#include "worker/calls/mishaps.h"
#include "worker/calls/turns.h"
#include "worker/calls/window.h"

enum {
    CS_ISOLATED_MS = CS_SUSPECT_MS,
    CS_FLUSH_MS = 5, /* an output waits at most this long to be sent */
    CS_FLUSH_OUTPUTS = 64,
    CS_FLUSH_BYTES = 64 * 1024,
    CS_RESEND_MS = 5000, /* no acknowledgement for so long: send again */
    CS_SPEC_AGAIN_MS = 5000,
    CS_SPEC_BYTES = 4 * 1024 * 1024, /* of specs, cases and images are asked for at once: a PONG waits behind them */
    CS_TURNS_AGAIN_MS = 1000,
    CS_HELLO_AGAIN_MS = 20,    /* the socket has no connection yet */
    CS_SOCKET_AGAIN_MS = 1000, /* ... for so long: make a new one */
    CS_BYE_MS = 100,           /* BYE has this long to leave */
    CS_STARTS_PER_STEP = 64,   /* bounds the bodies that one step copies */
    CS_START_BYTES_PER_STEP = 4 * 1024 * 1024,
    CS_FRESH_MS =
        3000, /* so long after WELCOME, and until Redis has answered, it is believed that nobody has made a call before */
    CS_LEAVE_MARGIN_MS =
        5000, /* from the end of the last call that fits to the deadline: its output is to be acknowledged */
    CS_LEAVE_LAST_MS = 1000,
    CS_LOOK_MS = 500,
    CS_SILENT_MS = 1000,     /* a lane with calls and no answer for so long, */
    CS_SILENT_LATENCIES = 4, /* and for so many times what its slowest answers took, is silent */
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
    CS_ALARM_LEAVE, /* a deadline comes near, or there was nothing to do for long */
    CS_ALARM_LOOK,  /* for lanes that have gone silent */
    CS_ALARM_POOL,  /* a pool may have something to give, or is to be asked */
};

/* A lease. Every position of it is in at most one of todo and busy; `waiting` is the part of todo that has been
 * tried, or is a conversation under way. */
struct cs_worker_lease {
    uint64_t epoch;
    struct cs_worker_lane *lane;
    uint64_t page;
    uint8_t todo[CS_BITMAP_BYTES];
    uint8_t busy[CS_BITMAP_BYTES]; /* in flight, or finished and not acknowledged */
    uint8_t waiting[CS_BITMAP_BYTES];
    uint8_t untold[CS_BITMAP_BYTES]; /* part of todo, none of it waiting: which turns stand is not known here */
    uint16_t n_todo, n_busy, n_waiting, n_untold;
    uint64_t asked_ms;          /* when that was asked last; 0: not in this session */
    bool dead;                  /* not ours any more: what is busy ends, and is delivered */
    bool watched;               /* the coordinator wants to hear at once what of it begins */
    bool open;                  /* in the lane's list: n_todo > n_waiting + n_untold */
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
    uint32_t n_lanes; /* lanes that work and draw from it */
    double pass;      /* that of the call that began last (turns.h) */
    bool to_ask;
    bool was_answered; /* by Redis: a bucket that is missing from now on was lost */
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
    bool key_refused;  /* the trouble is that the provider refused the key to this worker */
    uint64_t again_ms; /* ... when it is asked again all the same, because others go on */
    uint32_t refusals; /* since it was answered last */
    struct cs_outage outage;
    struct cs_denials denials;
    char away[CS_TROUBLE_MAX]; /* why nothing gets through, while it does not */
    bool waits;                /* ... which is that the provider asked for a long wait */
    struct cs_lane_facts facts;
    struct cs_servers *servers; /* NULL: it has one endpoint */
    bool stranded;              /* none of them can be called */
    struct cs_limits by_hand;   /* the model's own, as the coordinator announces them; 0: as the study says */
    struct cs_draw *draw;       /* NULL: no limit is declared */
    struct cs_binding binding;
    struct cs_replies replies;
    struct cs_lane_tally tally;
    uint32_t seen; /* the announcement that named it last */
    uint32_t n_leases, n_todo, in_flight;
    uint32_t weight, turns; /* its study's, as announced; its part of that among the study's lanes here */
    struct cs_turn turn;
    uint32_t share, wish; /* calls it may have in flight; could, if the coordinator dealt out more (shares.h) */
    uint32_t
        dealt; /* calls that the coordinator has dealt out to this worker; CS_SHARES_FREE: it says nothing of that */
    uint32_t jams;        /* how often the provider said that it is too much: the coordinator is told */
    uint64_t jammed_at;   /* what was sent until then belongs to the jam that is known */
    uint64_t answered_at; /* 0: never */
    uint64_t slowest_ms;  /* its slowest answer, fading */
    uint64_t started_at;  /* the last time that it began a call with none in flight */
    bool parted;          /* `dealt` is of this session, after what was wanted in it */
    bool late;            /* none of its calls would end before the deadline */
    bool silent;          /* nothing comes any more: what it has under way counts as parked */
    struct cs_brake
        brake; /* calls in flight, as the provider has shown what it bears, where the coordinator does not look after that */
    uint32_t quiets; /* quiet periods in a row without an answer */
    uint64_t quiet_since, quiet_until, progress;
    uint32_t told_capacity, told_jams; /* in this session */
    uint8_t told_trouble;              /* 0: none; 1: of the key or the like; 2: its provider is away */
    struct cs_alarm alarm;
    TAILQ_HEAD(, cs_worker_lease) open;
    TAILQ_HEAD(, cs_call) due;
    TAILQ_HEAD(, cs_call) going; /* conversations whose next turn can start */
    uint32_t n_warm;             /* those between two turns that keep a slot */
    TAILQ_ENTRY(cs_worker_lane) in_ring;
    UT_hash_handle hh;
};

struct cs_asked {
    uint8_t digest[32];
    uint32_t bytes;
};

struct cs_worker {
    struct cs_worker_opts opts;
    struct cs_mishaps mishaps;
    char *name, *version;
    struct cs_source source;
    struct cs_rng rng;
    uint64_t now; /* when the step under way began */
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
    uint64_t hello_at, connected_at, fresh_until;
    bool socket, new_socket; /* there is one; the next HELLO wants another */
    uint32_t silences;       /* sockets in a row that brought no WELCOME */

    struct cs_alarms alarms;
    struct cs_alarm hello, ping, flush, resend, spec, go, drain, leave, look, late, idle;
    uint64_t idle_since; /* 0: not yet looked at */

    struct cs_worker_lane *lanes; /* hash */
    TAILQ_HEAD(, cs_worker_lane) ring;
    struct cs_draw *draws; /* hash */
    uint32_t announcements;
    bool several;      /* studies have work */
    bool shares_stale; /* shares, facts and wants are to be looked at */
    struct cs_asked *asked;
    uint32_t n_asked, cap_asked;
    uint64_t asked_bytes; /* that are on their way, as far as that is known before they are there */

    struct cs_worker_lease *by_epoch; /* hash */
    LIST_HEAD(, cs_worker_lease) leases;
    uint32_t n_leases, unstarted, waiting, untold;
    bool ask_turns;              /* for untold positions */
    uint32_t asking;             /* leases in the last TURNS_GET without TURNS yet, more or less */
    struct cs_lease_ref *giving; /* to be released at the end of the step */
    uint32_t n_giving, cap_giving;

    struct cs_call **slots; /* by slot, twice as many as may be in use without silent lanes; NULL: free */
    uint32_t *free_slots, n_free, in_flight;
    uint32_t parked; /* those of silent lanes */
    struct cs_reply_memory replies;
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

#endif
