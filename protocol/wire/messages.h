/* messages.h - every message of the fleet: kinds, fields, limits. The contract in prose is protocol/README.md.
 *
 * A message is one ZeroMQ frame, one MessagePack array: [version, kind, session, seq, ack, body]. The version is
 * 256 x major; another major is answered with REJECT; appended fields of a newer minor are skipped. The minor version of
 * a program is a field of its HELLO or WELCOME. session
 * is 0 until WELCOME. seq counts the messages of one direction within a session from 1; ack is the highest seq seen
 * from the other side: it tells whether a PING was sent before an ASSIGN arrived. It repeats nothing: that is done
 * by the rules of each message. Bodies are arrays in the order of the structs below; a count and its pointer are
 * one array.
 *
 * Strings are UTF-8 without NUL: cs_utf8_clean (output.h) makes foreign text so. A NULL string packs as "".
 * Unpacked strings and arrays live in the arena given to cs_message_unpack and are never NULL. Thread: any.
 */
#ifndef CS_MESSAGES_H
#define CS_MESSAGES_H

#include "protocol/base/arena.h"
#include "protocol/base/buf.h"
#include "protocol/base/error.h"
#include "protocol/base/digest.h"
#include "protocol/study/address.h"
#include "protocol/study/study.h"

enum {
    CS_WIRE_MAJOR = 1,
    CS_WIRE_MINOR = 5,                     /* what HELLO and WELCOME state; 1.0 states none */
    CS_WIRE_VERSION = CS_WIRE_MAJOR * 256, /* stands in every envelope */
    CS_MESSAGE_MAX = 16 * 1024 * 1024,
    CS_NAME_MAX = 256,
    CS_SENTENCE_MAX = 1024, /* bytes of a text for people */
    CS_SHARD_SIZE = 256,    /* positions of a shard: one ledger page */
    CS_BITMAP_BYTES = CS_SHARD_SIZE / 8,
    CS_LANES_MAX = 4096,
    CS_LEASES_PER_WORKER_MAX = 65536,
    CS_TURNS_LEASES_MAX = 64, /* looked at of one TURNS_GET */
    CS_OUTPUTS_PER_MESSAGE_MAX = 1024,
    CS_OUTPUT_MAX = 1024 * 1024,           /* bytes of one packed output */
    CS_PING_MS = 2000,                     /* worker -> coordinator, always, also while draining */
    CS_SUSPECT_MS = 6000,                  /* no new work for a worker silent this long; a worker is ISOLATED */
    CS_STOP_START_MS = 18000,              /* a worker starts no call after this long without a PONG */
    CS_LEASE_LOST_WORKER_MS = 27000,       /* a worker holds its leases for lost */
    CS_LEASE_LOST_MS = 30000,              /* the coordinator takes leases back */
    CS_GRACE_MS = CS_LEASE_LOST_MS + 5000, /* after a restart, for positions below the frontier */
    CS_RECONNECT_MS = 15000,               /* no PONG: the worker closes its socket, makes a new one, says HELLO */
    CS_WINDOW_BYTES = 4 * 1024 * 1024,     /* a worker's unacknowledged output bytes */
    CS_WINDOW_OUTPUTS = 4096,
};

/*        kind       number  from */
#define CS_KIND_TABLE(X)                                                                                               \
    X(HELLO, 1)        /* W  who I am, which leases I hold */                                                          \
    X(WELCOME, 2)      /* C  session, term, which leases live on, the announcement */                                  \
    X(REJECT, 3)       /* C  go away, and why */                                                                       \
    X(WHO, 4)          /* C  I do not know this session: say HELLO */                                                  \
    X(WANT, 5)         /* W  per lane: how many trials I want to hold in all (absolute) */                             \
    X(ASSIGN, 6)       /* C  leases */                                                                                 \
    X(RELEASE, 7)      /* W  positions given back unstarted */                                                         \
    X(REVOKE, 8)       /* C  give back what has not started */                                                         \
    X(REVOKED, 9)      /* W  what has not started and is given back */                                                 \
    X(PING, 10)        /* W  alive; held leases, figures */                                                            \
    X(PONG, 11)        /* C  alive; leases not known any more; the announcement */                                     \
    X(OUTPUTS, 12)     /* W  results, with a running number */                                                         \
    X(ACK, 13)         /* C  durable up to that number; refused ones by number */                                      \
    X(SPEC_GET, 14)    /* W  spec or chunk by digest */                                                                \
    X(SPEC, 15)        /* C  its bytes */                                                                              \
    X(STOP, 16)        /* C  stop a lane or all: same as the announcement, pushed */                                   \
    X(DRAIN, 17)       /* C  finish the calls in flight, give back the rest, say BYE */                                \
    X(BYE, 18)         /* W  I am gone; all leases are free */                                                         \
    X(ANNOUNCE, 19)    /* C  on PUB only: the announcement */                                                          \
    X(ADMIN, 20)       /* A  a request of the command line */                                                          \
    X(ADMIN_REPLY, 21) /* C */                                                                                         \
    X(TURNS_GET, 22)   /* W  which turns of these conversations stand already */                                       \
    X(TURNS, 23)       /* C  their texts */

enum cs_kind {
    CS_KIND_NONE = 0,
#define X(name, number) CS_##name = number,
    CS_KIND_TABLE(X)
#undef X
};
const char *cs_message_kind_name(enum cs_kind k); /* "HELLO" */

/* Where a lane stands, as announced. */
enum cs_lane_state { CS_LANE_OPEN, CS_LANE_PAUSED, CS_LANE_STOPPED, CS_LANE_DONE, CS_LANE_CANCELLED };
enum {
    CS_LANE_WEIGHT_USUAL = 100,
    CS_LANE_AWAITED = 256, /* which no model has, announced as paused: the generation waits for its turn */
};

enum { CS_SERVERS_MAX = CS_ADDRESS_SERVERS_MAX, CS_SERVER_URL_MAX = CS_ADDRESS_URL_MAX };
enum cs_server_state {
    CS_SERVER_UP,
    CS_SERVER_AWAY,
    CS_SERVER_OUT
}; /* AWAY: does not answer; OUT: is another model, or says no */

/* One of the servers of a lane that has a list of them. */
struct cs_lane_server {
    const char *url; /* as its list has it */
    uint32_t calls;  /* announced: that the whole fleet may have in flight there */
    uint8_t state;   /* wanted: enum cs_server_state */
    uint32_t jams;   /* wanted: how often in this session it has said that it is too much */
};

/* A lane of a generation as the fleet knows it. Everything else about it is in the spec. */
struct cs_lane_info {
    uint32_t gen;      /* generation number, from 1, never reused in a store */
    uint32_t lane;     /* index of the model in the study */
    uint8_t state;     /* enum cs_lane_state */
    uint8_t available; /* 1: has trials to lease */
    uint8_t spec_digest[32];
    const char *barred; /* what coordinators of earlier versions say; not heeded: "" or NULL from this one */
    uint32_t
        calls; /* n > 0: at most n - 1 calls of this worker at once. 0: nothing is said of it (on PUB; by older coordinators;
                         * where limits are declared and the lane has been answered) */
    uint32_t weight; /* its study's, against others, for slots and quotas; 0: CS_LANE_WEIGHT_USUAL */
    /* The model's own limits as an operator has set them by hand: each of the minute's and
     * `concurrent` that is not 0 stands for the study's (older workers keep to that). The day's do not travel. */
    struct cs_limits limits;
    uint32_t n_servers; /* those that workers have told of; left out, with `serves`, where there are none */
    struct cs_lane_server *servers;
    const char *
        serves; /* the newest model that the lane's answers name: a server that names another is left out. "" or NULL: none yet */
};

/* The announcement (decision 20): in WELCOME, PONG, STOP and on PUB. */
struct cs_announce {
    uint32_t term;
    bool draining;
    uint32_t n_lanes;
    struct cs_lane_info *lanes;
};

/* A lease: permission to work on some positions of one shard. epoch names it. */
struct cs_lease_ref {
    uint64_t epoch; /* term << 32 | counter: grows for ever */
    uint32_t gen, lane;
    uint64_t page; /* shard number: positions page * 256 ... */
    /* Bit i % 8 of byte i / 8: position page * 256 + i. ASSIGN: to work on. HELLO, PING: held and neither delivered nor
     * in flight or waiting for ack. RELEASE, REVOKED: given back. */
    uint8_t todo[CS_BITMAP_BYTES];
    /* HELLO, PING: in flight, or finished and not acknowledged. ASSIGN: zero, or not zero: the worker says PING as soon as any of the
     * lease begins (its trials are suspected of ending workers). */
    uint8_t busy[CS_BITMAP_BYTES];
};

struct cs_hello {
    const char *worker;  /* name, unique by host:pid:nonce */
    const char *version; /* cs_version */
    uint64_t nonce;      /* this process's: a restarted worker is another one */
    uint32_t last_term;  /* highest term seen; 0 at first */
    uint32_t n_leases;
    struct cs_lease_ref *leases;
    uint32_t minor; /* CS_WIRE_MINOR of the worker; 0: it states none */
};

struct cs_welcome {
    uint64_t session;
    uint32_t term;
    const char *fleet; /* id of the store: a worker refuses to change fleets or to go back in term */
    uint32_t window_bytes, window_outputs; /* at most CS_WINDOW_BYTES, CS_WINDOW_OUTPUTS */
    uint32_t n_adopted;                    /* held leases that live on, with their new epochs */
    struct cs_adopted {
        uint64_t old_epoch, new_epoch;
    } * adopted; /* not named here = dropped: start nothing more of it */
    struct cs_announce announce;
    uint32_t minor; /* CS_WIRE_MINOR of the coordinator; 0: it states none */
    uint32_t fresh; /* 1: nobody of the fleet has, or may have, made a call yet (only with a minor) */
};

struct cs_reject {
    const char *code; /* "version", "auth", "name", "draining", "mismatch" */
    const char *text;
    uint32_t retry_after_ms; /* 0: do not come back */
};

struct cs_want {
    uint32_t n;
    struct cs_want_lane {
        uint32_t gen, lane;
        uint32_t capacity; /* trials this worker wants to hold in this lane, started or not; 0: none */
        const char
            *trouble;    /* why capacity is 0: "no key: set EXAMPLE_API_KEY"; else why nothing gets through; or "" */
        const char *key; /* the provider refused it for this lane: its fingerprint; "" or NULL otherwise */
        uint32_t
            jams; /* 1 + how often in this session the provider has said that it is too much; 0: an older worker, which says
                        * nothing of it, and does not know `calls` of the announcement */
        uint32_t n_servers; /* of a lane with a list of them; left out where there is none */
        struct cs_lane_server *servers;
    } * lanes;
};

struct cs_leases { /* ASSIGN, RELEASE, REVOKE (epoch only), REVOKED, TURNS_GET (todo: positions that are asked about) */
    uint32_t n;
    struct cs_lease_ref *leases;
};

struct cs_ping {
    uint64_t now_ms; /* the worker's clock, echoed */
    uint32_t in_flight, unstarted, unacked, rss_mb;
    uint32_t n_leases;
    struct cs_lease_ref *leases;
    uint32_t n_want; /* as WANT: repeated here so that a lost one heals */
    struct cs_want_lane *want;
};

struct cs_pong {
    uint64_t echo_ms;
    uint32_t n_lost;
    uint64_t *lost; /* epochs of the PING that are not (any longer) this session's */
    struct cs_announce announce;
};

struct cs_outputs {
    uint64_t first; /* running number of the first; the k-th is first + k. Counts from 1 in a session */
    uint32_t n;
    struct cs_output_bytes {
        const uint8_t *bytes; /* a packed struct cs_output */
        uint32_t len;
    } * outputs;
};

/* TURN: another reply stands for this turn of the conversation: ask for it (TURNS_GET) and go on from there. */
enum cs_refusal { CS_REFUSED_DIGEST = 1, CS_REFUSED_UNKNOWN = 2, CS_REFUSED_MALFORMED = 3, CS_REFUSED_TURN = 4 };
struct cs_ack {
    uint64_t durable; /* all numbers up to here are on disk, or refused */
    uint32_t n_refused;
    struct cs_refused {
        uint64_t number;
        uint8_t why; /* enum cs_refusal */
    } * refused;
};

struct cs_spec_get {
    uint8_t digest[32];
};
struct cs_spec_reply {
    uint8_t digest[32];
    const uint8_t *bytes; /* empty: unknown digest */
    uint32_t len;
};

/* Of the asked positions of a lease, those whose turns are told; the others may be asked for again. */
struct cs_turns_reply {
    uint64_t epoch;
    uint8_t positions[CS_BITMAP_BYTES]; /* told, as in a lease */
    uint32_t n;                         /* those of them that have a turn on disk */
    struct cs_turns_of {
        uint8_t bit;
        uint32_t n;         /* at least 1 */
        const char **texts; /* replies of turn 1, 2, ... */
    } * trials;
};

struct cs_bye {
    const char *reason;
};

/* Admin requests and replies are a verb, string arguments, one blob; replies a code, a sentence, one blob (often
 * JSON). */
enum {
    CS_ADMIN_ARGS_MAX = 16,
    CS_ADMIN_ARG_MAX = 4096,
    CS_ADMIN_BLOB_MAX = CS_MESSAGE_MAX - 1024 * 1024,
};
struct cs_admin {
    const char *verb; /* see coordinator/README.md */
    uint32_t n_args;
    const char **args;
    const uint8_t *blob;
    uint32_t blob_len;
    const char *reason; /* why, in the operator's words; "": not said. Older coordinators skip it */
};
struct cs_admin_reply {
    uint32_t code; /* enum cs_err of the other side, as a number; 0 is success */
    const char *text;
    const uint8_t *blob;
    uint32_t blob_len;
};

struct cs_message {
    uint16_t version;
    enum cs_kind kind;
    uint64_t session, seq, ack;
    union {
        struct cs_hello hello;
        struct cs_welcome welcome;
        struct cs_reject reject;
        struct cs_want want;
        struct cs_leases leases; /* ASSIGN RELEASE REVOKE REVOKED TURNS_GET */
        struct cs_ping ping;
        struct cs_pong pong;
        struct cs_outputs outputs;
        struct cs_ack ack_body;
        struct cs_spec_get spec_get;
        struct cs_spec_reply spec;
        struct cs_turns_reply turns;
        struct cs_announce announce; /* STOP ANNOUNCE */
        struct cs_bye bye;
        struct cs_admin admin;
        struct cs_admin_reply admin_reply;
    }; /* WHO, DRAIN: nothing */
};

/* Appends the packed message; the version is CS_WIRE_VERSION whatever m->version says. Aborts on a message of ours
 * that breaks its own limits, or for which `out` has no room. */
void cs_message_pack(const struct cs_message *m, struct cs_buf *out);
/* CS_EPROTO: malformed, unknown kind or over a limit. CS_ESTALE: another major version (of *out, version, kind and
 * session are then set). Otherwise *out is all zero. */
CS_WARN_UNUSED enum cs_err cs_message_unpack(const void *bytes, size_t n, struct cs_arena *arena,
                                             struct cs_message *out, struct cs_error *err);

#endif
