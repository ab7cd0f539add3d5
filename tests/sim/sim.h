/* sim.h - a whole fleet in one process: the real cores of coordinator and workers, and pretended everything else.
 *
 *   sim.c             the heap of events, the loop, the end
 *   sim_coordinator.c the shell around cs_core        sim_worker.c    the shells around cs_worker
 *   sim_net.c         connections                     sim_store.c     what is on disk, and what is on its way there
 *   sim_redis.c       quotas, and their judge
 *   sim_provider.c    calls, and who was paid         swarm.c         limits and faults of a seed
 *   check.c           what must hold                  trace.c         messages, readable
 *   studies.c         the studies of a fleet          profiles.c      weather of a kind: fair shares, two weeks, ...
 *   children.c        cases in groups                 main.c          many seeds, one trace, mutations
 *
 * A seed is a history: one generator decides everything, and time is a number. A broken rule fingerprints what and when, and
 * ends the process; main.c runs seeds in children. Units: milliseconds of virtual time; each process has a clock of its
 * own, ahead by `clock_ms`. Thread: one.
 */
#ifndef CS_SIM_H
#define CS_SIM_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "coordinator/core/core.h"
#include "coordinator/lanes/invariants.h"
#include "protocol/base/rng.h"
#include "worker/core/worker.h"

enum {
    SIM_WORKERS_MAX = 1000,
    SIM_WORKERS_MANY = 64,  /* in bad weather */
    SIM_WORKERS_MOSTLY = 5, /* at most, where they share limits through Redis */
    SIM_STUDIES_MAX = 6,
    SIM_STUDIES_MOSTLY = 3, /* at most, in bad weather */
    SIM_STUDY_LANES = 3,    /* at most */
    SIM_LANES_MAX = SIM_STUDIES_MAX * SIM_STUDY_LANES,
    SIM_GENS_MAX = 8,                             /* of a study */
    SIM_NUMBERS = SIM_STUDIES_MAX * SIM_GENS_MAX, /* of generations: 1 to this */
    SIM_SLOTS_MAX = 24,
    SIM_CALLS_MAX = CS_WORKER_SLOTS_PARKED * SIM_SLOTS_MAX, /* calls of one worker */
    SIM_SERVER_SLOTS = 8,                                   /* most slots of a server with a queue */
    SIM_CONNECT_MS = 10000,
    SIM_CONNECTIONS = 16, /* connections of one worker that may still have something under way */
    SIM_CHUNK_TRIALS = 64,
    SIM_CASES = SIM_NUMBERS + 1, /* the first chunk of cases: those before are specs, by the generation's number */
    SIM_CHUNKS = SIM_CASES + 9216 / SIM_CHUNK_TRIALS,
    SIM_EVENTS_MAX =
        1500000,         /* of a swarm's seed: more means that it runs in circles; a paced worker may look every ms */
    SIM_END_MS = 900000, /* a healed fleet ends every study within this, times the calls that a trial may need */
    SIM_SLOW_MS =
        600000, /* ... but for servers that became slow, and stay so: an answer each within this, to the last */
    SIM_EDITS_MOSTLY = 1, /* of a study, in bad weather */
    SIM_BLOCK = 12,       /* trials of a case */
    SIM_HEARD = 16,
    SIM_TERMS_MAX = 128,
    SIM_EPOCHS_MAX = 65536, /* epochs of a term */
    SIM_INPUT_TOKENS = 50,  /* with every answer: as much as can be, so that a budget has no slack */
    SIM_OUTPUT_TOKENS = 100,
    SIM_EARLIER = 4,
    SIM_CAP_TOKENS = 400, /* what a call is charged against the provider's limit */
    SIM_ASKS_MAX = 256,
    SIM_INPUT_PRICE = 100,
    SIM_OUTPUT_PRICE = 400,
    SIM_CALL_NANO_USD = SIM_INPUT_TOKENS * SIM_INPUT_PRICE + SIM_OUTPUT_TOKENS * SIM_OUTPUT_PRICE,
};
#define SIM_WALL_MS INT64_C(1700000000000)

/*    fault          what is printed */
#define SIM_FAULT_TABLE(X)                                                                                             \
    X(WORKER_KILL, "worker killed")                                                                                    \
    X(CORE_KILL, "coordinator killed")                                                                                 \
    X(TORN, "write in flight survived the kill")                                                                       \
    X(BREAK, "connection broken")                                                                                      \
    X(HALF_OPEN, "connection half open")                                                                               \
    X(PARTITION, "partition over 30 s")                                                                                \
    X(STALL, "connection stalled")                                                                                     \
    X(WORKER_PAUSE, "worker stopped for a while")                                                                      \
    X(CORE_PAUSE, "coordinator stopped for a while")                                                                   \
    X(STORE_SLOW, "slow disk")                                                                                         \
    X(STORE_ERROR, "write error")                                                                                      \
    X(LANE_PAUSE, "lane paused")                                                                                       \
    X(LANE_CANCEL, "lane cancelled")                                                                                   \
    X(LANE_RETRY, "failed trials retried")                                                                             \
    X(LANE_AGAIN, "timeouts asked again")                                                                              \
    X(WORKER_DRAIN, "worker drained")                                                                                  \
    X(FLEET_DRAIN, "fleet drained")                                                                                    \
    X(PUB_LOSS, "announcement lost")                                                                                   \
    X(SMALL_WINDOW, "small window")                                                                                    \
    X(FORGETFUL, "cases driven out of the cache")                                                                      \
    X(STALE, "message of a session long gone")                                                                         \
    X(STRANGER, "worker with other prompts")                                                                           \
    X(BUDGET, "hard budget")                                                                                           \
    X(FREE, "conversations that cost nothing, under a hard budget")                                                    \
    X(LONG_LANE, "lane longer than the frontier's step")                                                               \
    X(SESSION_LOST, "lease expired")                                                                                   \
    X(RATE_LIMIT, "429")                                                                                               \
    X(SERVER_ERROR, "5xx")                                                                                             \
    X(REPLY_LOST, "reply lost or cut")                                                                                 \
    X(TIMEOUT, "timeout")                                                                                              \
    X(REFUSAL, "refusal")                                                                                              \
    X(BAD_REQUEST, "400")                                                                                              \
    X(BAD_KEY, "401")                                                                                                  \
    X(DEAD_SYN, "connections not answered")                                                                            \
    X(QUEUE, "server with few slots and a queue")                                                                      \
    X(FURTHER, "timeout of our own making")                                                                            \
    X(SLOWER, "server slows down")                                                                                     \
    X(MANY_WORKERS, "many workers")                                                                                    \
    X(POISON, "trial that kills its worker")                                                                           \
    X(MALFORMED, "malformed message")                                                                                  \
    X(CLOCK_DRIFT, "worker's clock runs fast or slow")                                                                 \
    X(EDIT, "study edited in mid-run")                                                                                 \
    X(QUOTA, "provider's limits")                                                                                      \
    X(REDIS_AWAY, "Redis away")                                                                                        \
    X(REDIS_SLOW, "Redis slow")                                                                                        \
    X(REDIS_FLUSHED, "Redis flushed")                                                                                  \
    X(SUCCESSOR, "a dead worker's successor does not wait")                                                            \
    X(STUDIES, "several studies")                                                                                      \
    X(LATE_STUDY, "study submitted in mid-run")                                                                        \
    X(AFTER, "study that waited for another's end")                                                                    \
    X(WEIGHT, "study's weight changed")                                                                                \
    X(STUDY_PAUSE, "whole study paused")                                                                               \
    X(BAD_NODE, "node that the provider denies")                                                                       \
    X(NODE_GOES, "node taken back for hours")                                                                          \
    X(KEY_REVOKED, "worker's key revoked")                                                                             \
    X(NIGHT, "provider down for a night")                                                                              \
    X(RAISED, "budget raised")                                                                                         \
    X(TALK, "turn of a conversation")                                                                                  \
    X(UNREADABLE, "unreadable reply of a judge")                                                                       \
    X(DRAWN, "drawn again by the study's word")                                                                        \
    X(CHILD, "cases in groups")                                                                                        \
    X(WHOLE_GROUPS, "groups begun are whole at the end of the money")

enum sim_fault {
#define X(name, text) SIM_##name,
    SIM_FAULT_TABLE(X)
#undef X
        SIM_FAULTS
};

/*    mutation             name on the command line */
#define SIM_MUTATION_TABLE(X)                                                                                          \
    X(ACK_BEFORE_SYNC, "ack-before-sync", "a batch is reported committed when its write begins")                       \
    X(SAME_TERM, "reuse-epoch", "a restarted coordinator has the term of the one before")                              \
    X(EXPIRE_UNREAD, "expire-unread", "a busy loop lets leases expire while messages wait to be read")                 \
    X(NO_FRONTIER, "no-frontier", "a restart loads frontier 0 and knows of no earlier fleet")                          \
    X(NO_GRACE, "grant-below-frontier", "a restart grants below the frontier at once")                                 \
    X(TORN_GROUP, "torn-group", "a group reaches the disk without its ledger pages when it is killed")                 \
    X(FORGET_STORED, "forget-stored", "outputs that are on disk are not recognised when sent again")                   \
    X(SLOW_CLOCK, "slow-clock", "a worker's clock runs at a third of the speed")                                       \
    X(LOSE_OUTPUTS, "lose-outputs", "the commit thread drops every 50th output of a batch")                            \
    X(NO_FENCE, "adopt-any-term", "messages of an earlier session or term are taken as of this one")                   \
    X(SETTLE_ALL, "settle-not-given-back", "workers settle tokens that the provider does not give back")               \
    X(FORGET_RISKS, "forget-reservations", "what leases may cost is not written")                                      \
    X(AGAIN_ANY, "ask-any-again", "the act takes whatever a trial was answered")                                       \
    X(DRAW_ON, "draw-on", "a restart has forgotten how often a trial was drawn")                                       \
    X(OTHER_STUDY, "word-to-another", "what an operator says of a study is done to another")                           \
    X(ONE_PURSE, "one-purse", "a restart holds all that is at risk for the first study's")                             \
    X(NO_AFTER, "forget-after", "a restart has forgotten which study comes after which")                               \
    X(ONE_WEIGHT, "one-weight", "workers are told that all studies weigh the same")                                    \
    X(NO_TURNS, "no-turns", "workers are told that no turn of a conversation stands")                                  \
    X(CASE_BY_CASE, "case-by-case", "under a budget the cases of a group are opened one by one")                       \
    X(OWN_ORDER, "own-order", "each lane has an order of groups of its own")

enum sim_mutation {
    SIM_UNCHANGED,
#define X(name, word, text) SIM_MUTATE_##name,
    SIM_MUTATION_TABLE(X)
#undef X
        SIM_MUTATIONS
};

/*    profile            name on the command line, seeds of it in `make sim` */
#define SIM_PROFILE_TABLE(X)                                                                                           \
    X(SWARM, "swarm", 0)                                                                                               \
    X(FAIR, "fair", 6)                                                                                                 \
    X(BAD_NODE, "bad-node", 20)                                                                                        \
    X(THOUSAND, "thousand", 0)                                                                                         \
    X(DUTY, "duty", 0)

enum sim_profile {
#define X(name, word, seeds) SIM_PROFILE_##name,
    SIM_PROFILE_TABLE(X)
#undef X
};

/* ---- events ------------------------------------------------------------------------------------------ */

enum sim_event_kind {
    SIM_DELIVER,   /* a packet arrives */
    SIM_ANNOUNCED, /* the same, from PUB */
    SIM_LINK_UP,   /* tag: the connection */
    SIM_LINK_DOWN, /* a half-open one ends */
    SIM_WORKER_WAKE,
    SIM_WORKER_START, /* tag: the incarnation that is to follow */
    SIM_WORKER_REKEY, /* tag: the incarnation whose key is revoked */
    SIM_REPLY,        /* tag: number of the call */
    SIM_ASKED,        /* Redis hears an asking for quota; tag: which */
    SIM_GRANTED,      /* and the worker its answer */
    SIM_CORE_TICK,    /* tag: life of the coordinator; so do the next */
    SIM_CORE_START,
    SIM_WRITTEN,   /* the first batch is on disk */
    SIM_COMMITTED, /* and its maker is told */
    SIM_SHOT,      /* a fault: who is its kind */
    SIM_RESUME,    /* lane `who` goes on; with a tag: the study `who` */
    SIM_SUBMIT,    /* study `who` */
    SIM_CALM,      /* no more faults */
    SIM_EVENING,   /* budgets are looked at */
};

struct sim_packet {
    uint32_t len;
    uint64_t connection, number;
    bool up;     /* to the coordinator */
    bool unread; /* arrived, and its reader does not run */
    uint8_t bytes[];
};

struct sim_event {
    uint64_t at, order; /* order: among those of one moment */
    enum sim_event_kind kind;
    uint32_t who;
    uint64_t tag;
    struct sim_packet *packet;
};

/* ---- network ----------------------------------------------------------------------------------------- */

enum sim_link_state { SIM_LINK_NONE, SIM_LINK_CONNECTING, SIM_LINK_OPEN, SIM_LINK_HALF };

/* Both directions of a TCP connection: [0] down, [1] up. */
struct sim_connection {
    uint64_t serial, socket;
    uint64_t sent[2], arrived[2], cut[2]; /* numbers of packets; from cut on they are lost */
    uint64_t last_ms[2], stalled_ms[2];
};

struct sim_link {
    enum sim_link_state state;
    uint64_t serial, socket; /* numbers of the connection and of the worker's socket */
    uint64_t down_until;
    struct sim_connection connections[SIM_CONNECTIONS];
};

/* ---- processes --------------------------------------------------------------------------------------- */

struct sim_call {
    uint64_t number; /* 0: none */
    uint64_t sent;
    uint32_t lane;
    uint64_t position;
    bool denied; /* by the node's own proxy */
};

/* Of a conversation: turns before the last, and bytes of what one says. */
enum { SIM_TURNS = 4, SIM_SAID = 24 };

struct sim_source {
    struct sim *sim;
    struct sim_worker *worker;
    struct sim_spec {   /* of a generation, by its number: what the core has of it is a pointer to here */
        uint32_t first; /* its first lane */
    } specs[SIM_CASES];
    uint8_t here[SIM_CHUNKS]; /* enum in sim_worker.c */
    uint32_t n_needed, n_here;
    char body[32 + SIM_TURNS * SIM_SAID];
};

struct sim_worker {
    struct cs_worker *core; /* NULL: does not run */
    uint32_t index, incarnation;
    char name[32];
    uint64_t nonce, clock_ms, born_ms;
    int32_t drift; /* how far its clock is off, in thousandths */
    uint64_t paused_until, wake_at;
    uint64_t away_until;             /* its node is taken back */
    uint64_t denied_until;           /* its proxy denies everything: 401, 403, 404 */
    uint32_t denied, answered_since; /* calls: so; answered after that */
    uint32_t key, key_least;         /* numbers of its key; of the least that is not revoked */
    char user_id[32];                /* what the coordinator knows that key as */
    bool stranger, announced;
    struct sim_source source;
    struct sim_call calls[SIM_CALLS_MAX];
    struct sim_link link;
};

struct sim_coordinator {
    struct cs_core *core;     /* NULL: does not run */
    struct cs_server *server; /* around it: the roster, so far as that knows */
    uint64_t life, clock_ms, paused_until;
    uint32_t term;
    uint64_t steps;
    uint8_t epochs[SIM_TERMS_MAX][SIM_EPOCHS_MAX / 8]; /* that were seen on the wire */
    uint64_t gone;                                     /* session to which a probe found no route */
    uint64_t whos;                                     /* answers "who are you" */
    struct sim_packet *heard[SIM_HEARD];               /* some of the messages that came, to be said again */
    bool draining;
    bool asking;                /* trials again, and no reply yet */
    struct sim_study *building; /* its next generation is; NULL: none */
    bool closed;                /* its old one takes no more leases: the last round of the build */
    uint64_t close_ms;          /* ... which begins then */
};

/* ---- what is on disk, and what was paid ---------------------------------------------------------------- */

struct sim_trial {
    uint32_t paid, in_flight,
        excused;      /* answers made; calls; times that it may be asked again: a lost worker had it, or an overload */
    uint32_t further; /* those of `excused` that an overload caused */
    /* As a conversation: the replies that stand on disk, in this draw (each permits one more call), and which outputs they are. */
    uint32_t n_turns, draw;
    char said[SIM_TURNS][SIM_SAID];
    uint64_t turn[SIM_TURNS];
};

/* A lane in a generation. */
struct sim_ledger {
    uint64_t n_canonical, n_superseded;
    uint8_t *pages;
    uint64_t frontier;
    struct cs_counters counters;
    bool paused, cancelled;
    struct cs_quarantined quarantined; /* the poison: losses > 0 */
    struct sim_kept {
        uint64_t canonical; /* fingerprint of the output; 0: none */
        uint64_t failure;
        uint64_t superseded;           /* fingerprint of the last answer that was asked again; 0: none */
        uint64_t earlier[SIM_EARLIER]; /* of those before it, some */
        uint32_t drawn;                /* how many were asked again: by the study's word, or an operator's */
        uint8_t outcome;               /* the canonical one's */
        bool adopted;
        uint32_t attempts; /* further calls kept */
    } * kept;
};

struct sim_lane {
    char name[8];  /* of the lane in the fleet, */
    char model[8]; /* and in its study */
    struct sim_study *study;
    uint32_t said; /* by an operator: a bit for each verb that was meant for it */
    struct sim_server {
        uint32_t slots; /* 0: without bounds */
        uint64_t free_at[SIM_SERVER_SLOTS];
        uint64_t dead_until;
        uint32_t slower; /* answers take so many times as long */
    } server;
    uint32_t calls; /* of each trial; 1: no conversations */
    bool is_free;   /* its provider bills nothing */
    uint64_t n_trials;
    struct sim_trial *trials;
    struct sim_ledger gens[SIM_GENS_MAX];
};

/* What is on disk of a study, and what is known of it from outside. */
struct sim_study {
    char name[8];
    uint64_t key;
    uint32_t first, n_lanes;        /* lanes of the fleet */
    uint32_t numbers[SIM_GENS_MAX]; /* of its generations */
    uint32_t n_gens, asked_gens;    /* built; given a number: one more, if it was submitted anew */
    uint32_t weight;
    uint32_t priority;             /* enum cs_priority */
    struct sim_study *after;       /* NULL: nobody */
    struct sim_study *comes_after; /* the same, whatever the coordinator has forgotten */
    int64_t budget_nano_usd;       /* -1: none */
    int64_t presumed;              /* its row */
    int64_t bill_nano_usd;         /* the provider's */
    uint64_t calls, submit_ms;     /* submit_ms: later than the others; 0: at once */
    struct sim_child *child;       /* NULL: it judges nobody's outputs */
};

enum { SIM_BATCHES = 4, SIM_NAMES_MAX = 4096, SIM_RISKS_MAX = 2048, SIM_NEWEST = 512 };
struct sim_past {
    struct cs_risk_row risks[SIM_RISKS_MAX];
    struct cs_presumed_row presumed[SIM_STUDIES_MAX];
    uint64_t fingerprints[SIM_NEWEST];
    int64_t presumed_first; /* of the study of generation 1 */
    uint32_t n_risks, n_presumed, n_fingerprints;
};
struct sim_store {
    struct sim_lane lanes[SIM_LANES_MAX];
    struct sim_study studies[SIM_STUDIES_MAX];
    uint32_t n_numbers;
    struct sim_number { /* of a generation */
        struct sim_study *study;
        uint32_t ordinal; /* in its study, from 0 */
    } numbers[SIM_NUMBERS + 1];
    struct sim_writing {
        struct cs_batch *batch, *rows; /* rows: another only under a mutation */
        bool durable, told;
    } writing[SIM_BATCHES];
    uint32_t n_writing;
    char *names[SIM_NAMES_MAX]; /* workers that may hold leases */
    uint32_t n_names;
    uint64_t *fingerprints; /* set of fingerprints of all outputs */
    uint32_t n_fingerprints, cap_prints;
    struct sim_risk { /* rows of what may have been spent */
        char key[24];
        uint8_t value[72];
        uint32_t len;
    } risks[SIM_RISKS_MAX];
    uint32_t n_risks;
    uint64_t newest[SIM_NEWEST]; /* fingerprints of the newest outputs, a ring */
    uint64_t n_newest;
    uint64_t slow_until;
    bool fails; /* the next write */
};

/* ---- the whole --------------------------------------------------------------------------------------- */

struct sim_limits {
    uint32_t n_workers, n_studies, n_lanes, slots;
    uint32_t window_outputs, cache_chunks;
    uint32_t latency_ms, timeout_ms, net_ms, store_ms, drain_ms;
    uint64_t calm_ms;
    uint64_t while_ms, end_ms; /* the longest that something lasts; how long a healed fleet may take */
    uint32_t tick_ms, edits, events_max;
    uint32_t draws;       /* of a reply that cannot be read, again, at most: all lanes are judges; 0: none is */
    uint32_t check_every; /* steps: the long check of the coordinator's core */
    bool declared;        /* limits, though perhaps far away */
    uint32_t calls_per_minute, tokens_per_minute; /* 0: no limit */
    bool poison;                                  /* whichever worker gets an answer of this trial dies of it */
    uint32_t poison_lane;
    uint64_t poison_position;
    uint32_t permille[SIM_FAULTS]; /* how often it strikes calls, announcements and the like */
    uint32_t every_ms[SIM_FAULTS]; /* mean time between shots; 0: none */
};

struct sim_result {
    uint8_t state; /* enum in main.c */
    uint32_t events, calls, trials, paid_again, excused, worker_losses, core_losses;
    uint64_t virtual_ms, fired;    /* fired: a bit for each fault */
    uint32_t budgets, over_budget; /* studies with one; whose bill is above it */
};

struct sim {
    uint64_t seed, now;
    bool trace, calm, finished;
    bool stopped;    /* in the middle: what was to be seen was seen */
    bool shown;      /* status says that a worker is in trouble */
    uint32_t others; /* answers that the others had meanwhile */
    enum sim_profile profile;
    enum sim_mutation mutation;
    struct cs_rng rng;
    struct sim_limits limits;
    struct sim_event *heap;
    uint32_t n_heap, cap_heap;
    uint64_t order, calls, connections, healed_ms;
    uint64_t due_ms;       /* healed, the study has to end by then */
    struct cs_arena arena; /* holds a message */
    struct sim_store store;
    struct sim_redis *redis;
    struct sim_coordinator coordinator;
    struct sim_worker workers[SIM_WORKERS_MAX];
    struct sim_result *result;
};

/* sim.c */
void sim_run(uint64_t seed, enum sim_profile profile, enum sim_mutation mutation, bool trace,
             struct sim_result *result);
void sim_push(struct sim *s, uint64_t at, enum sim_event_kind kind, uint32_t who, uint64_t tag,
              struct sim_packet *packet);
void sim_push_last(struct sim *s, uint64_t at, enum sim_event_kind kind, uint32_t who, uint64_t tag);
void sim_trace(const struct sim *s, const char *fmt, ...) CS_PRINTF(2, 3);
void sim_trace_message(const struct sim *s, const char *from, const char *verb, const char *to,
                       const struct cs_message *m); /* trace.c */
_Noreturn void sim_fail(const struct sim *s, const char *fmt, ...) CS_PRINTF(2, 3);
void sim_fired(struct sim *s, enum sim_fault fault);
static inline uint64_t sim_below(struct sim *s, uint64_t n)
{
    return cs_rng_below(&s->rng, n);
}
static inline bool sim_chance(struct sim *s, uint32_t permille)
{
    return permille > 0 && sim_below(s, 1000) < permille;
}
uint64_t sim_spread(struct sim *s, uint64_t mean); /* mostly about the mean, at times a multiple of it */

/* sim_net.c */
void sim_net_connect(struct sim *s, struct sim_worker *w);
void sim_net_close(struct sim *s, struct sim_worker *w); /* the worker's end; what it sent may still arrive */
bool sim_net_up(struct sim *s, struct sim_worker *w, const struct cs_message *m); /* false: no way */
bool sim_net_is_routed(const struct sim *s, const struct cs_peer *peer);
void sim_net_down(struct sim *s, const struct cs_peer *peer, const struct cs_message *m);
void sim_net_publish(struct sim *s, const struct cs_message *m);
void sim_net_break(struct sim *s, struct sim_worker *w, uint64_t for_ms, uint64_t half_open_ms);
void sim_net_stall(struct sim *s, struct sim_worker *w, bool up, uint64_t for_ms);
void sim_net_core_gone(struct sim *s);
void sim_net_core_back(struct sim *s);
void sim_net_event(struct sim *s, const struct sim_event *e);            /* LINK_UP, LINK_DOWN */
bool sim_net_is_whole(struct sim_worker *w, const struct sim_packet *p); /* not cut off by the end of its connection */
/* Whether the packet arrives at all; then it is unpacked into s->arena. */
bool sim_net_arrives(struct sim *s, struct sim_worker *w, struct sim_packet *p, struct cs_message *out);
struct cs_peer sim_net_peer(uint32_t worker, uint64_t serial);

/* sim_coordinator.c */
void sim_core_start(struct sim *s);
void sim_core_kill(struct sim *s);
void sim_core_event(struct sim *s, const struct cs_event *e);
void sim_core_message(struct sim *s, struct sim_worker *w, struct sim_packet *p);
void sim_core_tick(struct sim *s);
bool sim_core_submit(struct sim *s, struct sim_study *y); /* new or edited; false: not now */
/* The key of this worker is revoked; it comes back with another. False: not now. */
bool sim_core_revoke(struct sim *s, struct sim_worker *w);
bool sim_core_weigh(struct sim *s, struct sim_study *y);      /* it has another weight; false: not now */
bool sim_core_malformed(struct sim *s, struct sim_worker *w); /* hears what does not unpack; false: no connection */
bool sim_core_stale(struct sim *s); /* hears messages of sessions that it does not know; false: there are none */
bool sim_core_knows(const struct sim *s, uint64_t nonce); /* has a session of this process */
/* lane: NULL: all of the study, or of the fleet's (DRAIN). False: does not run. */
bool sim_core_control(struct sim *s, enum cs_control verb, struct sim_study *y, struct sim_lane *lane);
bool sim_core_again(struct sim *s, uint32_t lane); /* false: not now, or nothing to ask */

/* sim_worker.c */
void sim_worker_start(struct sim *s, struct sim_worker *w);
void sim_worker_kill(struct sim *s, struct sim_worker *w);
void sim_worker_end(struct sim *s, struct sim_worker *w); /* the same, and somebody starts it again */
void sim_worker_wake(struct sim *s, struct sim_worker *w);
void sim_worker_message(struct sim *s, struct sim_worker *w, struct sim_packet *p);
void sim_worker_reply(struct sim *s, struct sim_worker *w, uint32_t slot, const struct cs_http_reply *reply);
void sim_worker_drain(struct sim *s, struct sim_worker *w);
void sim_worker_quota(struct sim *s, struct sim_worker *w, const struct cs_worker_quota *q);
void sim_worker_excuse(struct sim *s, struct sim_worker *w,
                       const char *why); /* it is lost: what it has may be paid again */
bool sim_worker_is_idle(const struct sim_worker *w);
uint64_t sim_worker_global(const struct sim *s, const struct sim_worker *w, uint64_t local);

/* sim_redis.c */
void sim_redis_init(struct sim *s);
void sim_redis_release(struct sim *s);
void sim_redis_facts(const struct sim *s, struct cs_lane_facts *facts);
void sim_redis_ask(struct sim *s, struct sim_worker *w, const struct cs_worker_ask *a);
void sim_redis_asked(struct sim *s, struct sim_worker *w, uint64_t ask);
void sim_redis_granted(struct sim *s, struct sim_worker *w, uint64_t ask);
bool sim_redis_fault(struct sim *s, enum sim_fault fault, uint64_t for_ms);
void sim_redis_heal(struct sim *s);
void sim_redis_judge(struct sim *s);

/* sim_store.c */
void sim_store_init(struct sim *s);
void sim_store_release(struct sim *s);
void sim_store_push(struct sim *s, struct cs_batch *batch);
void sim_store_written(struct sim *s);
void sim_store_committed(struct sim *s);
void sim_store_crash(struct sim *s);
bool sim_store_has(const struct sim *s, uint64_t print);
uint64_t sim_print(const void *bytes, uint32_t n);
void sim_store_load(struct sim *s, uint32_t gen, struct cs_generation_load *load,
                    struct cs_lane_load lanes[SIM_LANES_MAX]);
/* The generation that was asked for takes over what is paid for. */
void sim_store_build(struct sim *s, struct sim_study *y);
void sim_store_past(struct sim *s, struct sim_past *out);
int64_t sim_store_money(const struct sim *s, const struct sim_study *y,
                        int64_t *at_risk); /* spent, by the rows on disk */

/* studies.c */
void sim_studies_draw(struct sim *s);
void sim_studies_make(struct sim *s);                            /* limits.n_studies of them, with their lanes */
uint32_t sim_studies_number(struct sim *s, struct sim_study *y); /* of its next generation */
/* A lane as a generation counts them is a lane of the fleet; both must exist. */
uint32_t sim_studies_lane(struct sim *s, uint32_t gen, uint32_t lane);
struct sim_ledger *sim_studies_ledger(struct sim *s, uint32_t gen, uint32_t lane);
struct sim_ledger *sim_studies_newest(struct sim *s, uint32_t lane); /* of a lane of the fleet; NULL: none */
struct sim_study *sim_studies_of(struct sim *s, uint32_t gen);
uint64_t sim_studies_key(const struct sim *s, uint32_t gen);
/* The roster of a coordinator that starts, by what is on disk; what it learns later it is told. */
void sim_studies_restore(struct sim *s);
void sim_studies_forget(struct sim *s);
struct sim_study *sim_studies_turn(struct sim *s);                  /* to be built; NULL: nobody's */
uint32_t sim_studies_weight(const struct sim_study *y);             /* priority included */
void sim_studies_note(struct sim *s, struct sim_study *y);          /* submitted, built, or weighed */
bool sim_studies_is_over(struct sim *s, const struct sim_study *y); /* by what is on disk, nothing of it is planned */

/* children.c */
void sim_children_draw(struct sim *s);
void sim_children_budget(struct sim *s);
void sim_children_release(struct sim *s);
uint64_t sim_children_group_end(const struct sim *s, const struct sim_study *y,
                                uint64_t rank); /* as cs_core_plan.group_end */
void sim_children_end(struct sim *s);

/* sim_provider.c */
void sim_digest(uint32_t lane, uint64_t position, bool stranger, struct cs_digest *out);
/* The body of the call after these replies; its length. */
uint32_t sim_talk_body(uint32_t lane, uint64_t position, const char *const *said, uint32_t n, char *out, size_t size);
bool sim_trial_of(struct sim *s, const struct cs_digest *d, struct sim_trial **out); /* false: nobody planned it */
extern const struct cs_dialect sim_provider, sim_settling;
void sim_provider_call(struct sim *s, struct sim_worker *w, const struct cs_worker_action *a);
void sim_provider_cut(struct sim *s, struct sim_worker *w,
                      uint32_t slot); /* nobody waits for this call any more; it is paid */
void sim_provider_reply(struct sim *s, struct sim_worker *w, uint64_t number);

/* profiles.c */
void sim_profile_draw(struct sim *s);
bool sim_profile_shot(struct sim *s, enum sim_fault fault);
void sim_profile_call(struct sim *s); /* a call begins */
void sim_profile_evening(struct sim *s);
void sim_profile_tick(struct sim *s);
void sim_profile_end(struct sim *s);

/* swarm.c */
void sim_swarm_draw(struct sim *s);
void sim_swarm_begin(struct sim *s);
void sim_swarm_shot(struct sim *s, enum sim_fault fault);
void sim_swarm_calm(struct sim *s);
void sim_swarm_resume(struct sim *s, uint32_t lane, bool all); /* all: of a study */
void sim_swarm_submit(struct sim *s, uint32_t study);

/* check.c */
void sim_check_core(struct sim *s);
void sim_check_written(struct sim *s, const struct cs_batch *b);
void sim_check_start(struct sim *s, const struct sim_worker *w, const struct sim_trial *t);
void sim_check_paid(struct sim *s, const struct sim_lane *l, const struct sim_trial *t);
void sim_check_money(struct sim *s, const struct sim_study *y);
void sim_check_restart(struct sim *s);
void sim_check_epoch(struct sim *s, uint64_t epoch);
bool sim_check_is_at_rest(struct sim *s, const struct sim_study *y); /* done, or short of money */
bool sim_check_is_over(struct sim *s);
void sim_check_end(struct sim *s);

#endif
