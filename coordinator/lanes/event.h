/* event.h - what goes into the core of the coordinator and what comes out of it: events, actions, views. The machine: core.h.
 *
 * Thread, ownership and units as said there.
 */
#ifndef CS_EVENT_H
#define CS_EVENT_H

#include "protocol/study/study.h"
#include "protocol/wire/messages.h"
#include "protocol/wire/minor.h"
#include "protocol/wire/output.h"
#include "protocol/wire/socket.h"
#include "store/store.h"

enum {
    CS_TICK_MS = 200,
    CS_LATE_MS = 1000, /* a longer gap between steps is the loop's fault: all deadlines move by it */
    CS_ANNOUNCE_MS = 5000,
    CS_FRONTIER_STEP = 1024, /* positions: a multiple of the page */
    CS_PENDING_GROUPS = 2,   /* batches with the commit thread */
    CS_SESSIONS_MAX = 4096,
    CS_FAULTS_MAX = 3,                      /* malformed or impossible messages until a session is closed */
    CS_WEIGHT_USUAL = CS_LANE_WEIGHT_USUAL, /* weight of a study (roster.h) */
    CS_RETRY_AFTER_MS = 10000,
    CS_NAME_RETRY_MS = 2000,
    CS_PROBE_RETRY_MS = 100, /* ... while it is looked whether the holder of the name is still there */
};

/* A trial as a conversation. */
struct cs_core_talk {
    uint32_t calls; /* that it makes; 1: it is none */
    uint32_t turns; /* that stand */
    uint32_t draw;  /* how often it was asked again, and begun anew (store/turn_rows.h) */
    uint32_t
        max_calls; /* of tools; `calls` are then at most so many, and the replies decide which is the last. 0: it has none */
};

/* What the core asks about trials. */
struct cs_core_plan {
    void *self;
    /* The digest of what the trial's request must be, and who buys its answer. An error is fatal: the store lacks a case, or cannot be
     * read. */
    enum cs_err (*identity)(void *self, uint32_t gen, uint32_t lane, uint64_t position, struct cs_digest *digest,
                            struct cs_owner *owner, struct cs_error *err);
    /* Upper bound of the input tokens of the trial's calls together, and how many there are: of a conversation, those after so many turns.
     * Asked under a budget, and of ambiguous calls. */
    enum cs_err (*input_bound)(void *self, uint32_t gen, uint32_t lane, uint64_t position, uint32_t turns,
                               uint64_t *out, uint32_t *calls, struct cs_error *err);
    /* Cases that are opened together, from the one at this rank on: the rank behind the last of them. Asked under a budget. */
    uint64_t (*group_end)(void *self, uint32_t gen, uint64_t rank);
    /* Whether exactly this output (same worker, same times) stands at its trial, or stood there until it was asked again. */
    bool (*is_stored)(void *self, const struct cs_output *o);
    /* Of a trial in a lane that has conversations (lane_load.talks): what stands of it on disk. */
    enum cs_err (*talk)(void *self, uint32_t gen, uint32_t lane, uint64_t position, const struct cs_digest *digest,
                        const struct cs_owner *owner, struct cs_core_talk *out, struct cs_error *err);
    /* `sent` of the request that follows the turns which stand on disk, and whether it is the trial's last. */
    enum cs_err (*sent)(void *self, uint32_t gen, uint32_t lane, uint64_t position, const struct cs_digest *digest,
                        const struct cs_owner *owner, const struct cs_core_talk *talk, uint8_t sent[16], bool *last,
                        struct cs_error *err);
    /* Whether exactly this output (as is_stored) stands as a turn. */
    bool (*is_turn)(void *self, const struct cs_output *o, const struct cs_owner *owner, uint32_t draw);
    /* Whether a level of the trial requires what its case has not. Asked only of lanes that leave trials out. */
    enum cs_err (*left_out)(void *self, uint32_t gen, uint32_t lane, uint64_t position, bool *out,
                            struct cs_error *err);
    /* How many answers of the trial, on disk, were drawn or asked again. Asked of lanes that draw again, about unreadable answers. */
    enum cs_err (*drawn)(void *self, uint32_t gen, uint32_t lane, uint64_t position, uint32_t *out,
                         struct cs_error *err);
};

/* ---- generations ----------------------------------------------------------------------------------- */

/* A failed trial that ended its workers: the side row of its state. */
struct cs_quarantined {
    uint64_t position;
    uint32_t losses, workers; /* workers lost with it in flight; different ones of those that had nothing else */
    uint64_t group;           /* it is shown once this one is on disk; 0: loaded */
};

struct cs_lane_load {
    const char *name; /* the model's name in the study */
    uint64_t n_trials;
    uint64_t left_out;   /* of these, cancelled from the beginning: no operator takes that back */
    uint64_t block_size; /* trials of a case; 0: 1 */
    uint8_t *ledger;     /* ceil(n_trials / 256) pages, malloc'ed: the core takes it over; NULL: all planned */
    struct cs_counters counters;
    uint64_t frontier;
    bool paused, cancelled;
    bool talks;                      /* there are conversations among its trials, */
    bool remembers;                  /* which go on in sessions of the system's (dialects/system/service.h) */
    bool accepts_unparsable;         /* as the study says, or --accept-unparsable */
    bool has_free;                   /* one of its questions is answered freely */
    uint32_t draws;                  /* of an answer that cannot be parsed, again, at most: a judge's, by its study */
    const char *alike;               /* the mark of alike.h; NULL: none */
    const char *over;                /* that of over.h */
    const char *by_hand;             /* that of by_hand.h */
    const char *served_key, *served; /* the row's key and what it holds (served.h); NULL: none */
    struct cs_price price;
    struct cs_limits limits; /* set by hand */
    uint32_t max_output_tokens, timeout_ms;
    bool declared;                      /* limits: a rate, or how many calls at once */
    bool answered;                      /* readably, at least once, in this generation */
    struct cs_quarantined *quarantined; /* copied */
    uint32_t n_quarantined;
};
struct cs_generation_load {
    uint32_t gen;
    uint64_t study;  /* key of its name: generations of one study share budget and operator's words */
    uint32_t weight; /* the study's, against others; 0: CS_WEIGHT_USUAL */
    bool open;       /* false: an older one, for late outputs only */
    uint8_t spec_digest[32];
    struct cs_lane_load *lanes; /* copied, but for the ledgers */
    uint32_t n_lanes;           /* at most CS_MODELS_MAX */
    int64_t budget_nano_usd;    /* -1: none */
    int64_t spent_nano_usd;     /* by generations that are not loaded any more */
    struct cs_minor_need needs; /* what a worker must understand; key is copied */
};

/* ---- events ---------------------------------------------------------------------------------------- */

/* What the shell writes down of an event, in the group that the event's answer waits for; an event that is refused leaves no note. */
struct cs_note {
    void (*write)(void *self, struct cs_batch *batch);
    void *self;
};
/* Where the core writes down what it did of itself. study: its key, 0: of none; subject: a model or a worker. */
struct cs_core_diary {
    void *self;
    void (*own)(void *self, struct cs_batch *batch, const char *act, uint64_t study, const char *subject,
                const char *detail); /* NULL: nobody keeps one */
};

enum cs_event_kind {
    CS_EV_TICK,
    CS_EV_MESSAGE,
    CS_EV_MALFORMED, /* did not unpack */
    CS_EV_GONE,      /* a PROBE found no route */
    CS_EV_COMMITTED, /* a batch came back */
    CS_EV_CONTROL,   /* an operator's verb */
    CS_EV_RETRY,     /* failed trials of a lane, picked out by the shell, are planned again */
    CS_EV_AGAIN,     /* done trials of a lane are asked again */
    CS_EV_VOID,      /* an operator takes spend out of the account */
    CS_EV_META,      /* rows to ride in the next batch, with an answer after the commit */
    CS_EV_CLOSE,     /* no more leases in any loaded generation of a study */
    CS_EV_LOAD,      /* a generation; of its study the newest two stay loaded (cs_core_has_room) */
    CS_EV_UNLOAD,    /* a study makes room: what comes of it from now on is unknown */
    CS_EV_FORGET,    /* a study is deleted: the same, and what is presumed of it is presumed no more */
    CS_EV_WEIGHT,    /* a study gets another weight */
    CS_EV_BUDGET,    /* a study that has a budget gets another one */
    CS_EV_LIMITS,    /* a model of a study gets limits set by hand, or loses them */
    CS_EV_NOTE,      /* an act of the shell's own: only its note is written, with an answer after the commit */
    CS_EV_AWAITED,   /* which generation waits for its turn, if any: announced, for whoever leaves when all is done */
    CS_EV_KEYS,      /* the allow-list has changed: sessions whose key may not work any more end */
};
enum cs_control {
    CS_CONTROL_PAUSE,
    CS_CONTROL_RESUME,
    CS_CONTROL_CANCEL,
    CS_CONTROL_RETRY,
    CS_CONTROL_DRAIN,
    CS_CONTROL_STOP
};

/* A done trial whose answer, on disk, is a timeout or unparsable. */
struct cs_again_trial {
    uint64_t position;
    uint8_t outcome; /* that answer's */
    bool adopted;    /* it was taken over from an earlier generation */
};

struct cs_event {
    enum cs_event_kind kind;
    const struct cs_note *note; /* NULL: nothing is written down */
    union {
        struct {
            const struct cs_peer *peer;
            const char *user_id; /* CURVE public key or "" */
            const struct cs_message *m;
            uint32_t sessions; /* with a HELLO: how many its key may have; 0: as many as there is room for */
        } message;
        struct {
            const struct cs_peer *peer;
            bool other_version; /* not malformed, only of another major */
        } malformed;
        struct {
            uint64_t session;
        } gone;
        struct {
            struct cs_batch *batch;
            enum cs_err rc;
        } committed;
        struct {
            enum cs_control verb;
            const char *model; /* NULL: all lanes */
            uint64_t token;    /* comes back in the REPLY; 0: none wanted */
            uint64_t study;
            const char *worker; /* DRAIN: this one alone; NULL: the fleet */
            int64_t *trials;    /* RETRY: set, before the REPLY, to how many are planned again; NULL: nobody asks */
            const char *reason; /* PAUSE: in the operator's words, or NULL, */
            int64_t wall_ms;    /* and when; 0: nobody keeps it */
        } control;
        struct { /* CLOSE, UNLOAD, FORGET, WEIGHT, BUDGET */
            uint64_t key;
            uint32_t weight;
            int64_t budget_nano_usd;
        } study;
        struct { /* LIMITS: in all loaded generations */
            uint64_t study;
            const char *model;
            struct cs_limits limits; /* all 0: none are set by hand */
        } limits;
        struct { /* trials of one lane of the newest generation; those that are not failed any more are passed over */
            uint32_t gen, lane;
            const uint64_t *positions;
            uint32_t n;
            uint64_t token;  /* CS_EAGAIN: nothing was changed, the lane takes no more work */
            int64_t *trials; /* set, before the REPLY, to how many are planned again */
        } retry;
        struct { /* trials of one lane of the newest generation; the next act only after the REPLY */
            uint32_t gen, lane;
            const struct cs_again_trial *trials;
            uint32_t n;     /* at most CS_AGAIN_MAX: the room in one batch */
            uint64_t token; /* CS_EAGAIN: nothing was changed, the lane takes no more work */
        } again;
        struct {               /* core/voids.h */
            bool presumed;     /* calls whose cost nobody knows */
            const char *model; /* what its replies claim beyond what was reserved; NULL: of none */
            const char *reason;
            int64_t wall_ms;
            uint64_t token;
            int64_t *nano_usd; /* set to what it came to, before the REPLY */
            uint64_t study;
        } voids;
        struct { /* NOTE */
            uint64_t token;
        } noted;
        struct {
            const char *key;
            const void *value; /* NULL: delete */
            uint32_t len;
            uint64_t token;
        } meta;
        struct cs_generation_load *load;
        struct {
            uint32_t gen; /* one of them; 0: none does */
        } awaited;
        struct {
            bool (*may_work)(void *self, const char *user_id);
            void *self;
        } keys;
    };
};

/* ---- actions --------------------------------------------------------------------------------------- */

enum cs_action_kind {
    CS_ACT_SEND,  /* message to peer */
    CS_ACT_PROBE, /* the same; if there is no route to the peer, CS_EV_GONE of session `token` follows at once */
    CS_ACT_SPEC,  /* the same, once the shell has filled in spec.bytes for spec.digest */
    CS_ACT_TURNS, /* the same, once it has filled in the turns that stand of the positions of `turns`, or of as many as fit */
    CS_ACT_ANNOUNCE, /* message on PUB */
    CS_ACT_COMMIT,   /* batch to the commit thread, in this order */
    CS_ACT_REPLY,    /* to the admin request `token`: code and text */
    CS_ACT_EXIT,     /* end the process with exit code of `code` (CS_OK: drained) */
};
struct cs_action {
    struct cs_action *next; /* in order */
    enum cs_action_kind kind;
    struct cs_peer peer;
    struct cs_message message;
    struct cs_batch *batch;
    uint64_t token;
    enum cs_err code;
    const char *text;
    struct { /* TURNS: where those positions are */
        uint32_t gen, lane;
        uint64_t page;
    } at;
};

/* What an earlier term may have spent without an output on disk (risk.c). */
struct cs_risk_row {
    uint64_t epoch;
    uint64_t study; /* not in the row: the shell knows whose generation it is */
    uint32_t gen, lane;
    uint64_t page, process;
    int64_t worst_nano_usd, one_nano_usd; /* of all calls of a trial that were left, and of the next one */
    uint8_t open[CS_BITMAP_BYTES];
};
struct cs_presumed_row { /* presumed for good, by a study */
    uint64_t study;
    int64_t nano_usd;
};

struct cs_core_opts {
    uint32_t term;
    const char *fleet;
    uint64_t seed;    /* session ids are drawn from it */
    bool fresh_fleet; /* no worker of an earlier term lives: no grace */
    const char *const
        *expected; /* workers that an earlier term may have leased to: once all are heard of, the grace is over */
    uint32_t n_expected;
    const struct cs_risk_row *risks;
    uint32_t n_risks;
    uint64_t first_study;      /* generation 1's: the row `presumed` is its own; others have `presumed/KEY` */
    int64_t presumed_nano_usd; /* for good: the row `presumed` */
    const struct cs_presumed_row *presumed; /* rows of the other studies */
    uint32_t n_presumed;
    const uint64_t *fingerprints; /* the newest outputs on disk: they may be sent again */
    uint32_t n_fingerprints;
    uint64_t now_ms;
    struct cs_core_plan plan;
    struct cs_core_diary diary;
};

/* ---- looking in ------------------------------------------------------------------------------------- */

struct cs_intake { /* outputs since the start: received = committed + late + duplicate + refused */
    uint64_t received;
    uint64_t committed; /* changed their trial, under a live lease */
    uint64_t late;      /* changed their trial, lease dead or of another */
    uint64_t duplicate; /* paid facts about a trial that had its answer */
    uint64_t refused;
    uint64_t resent;    /* known already; not in `received` */
    uint64_t gaps;      /* messages dropped because an earlier one is missing */
    uint64_t malformed; /* messages */
};
struct cs_lane_view { /* durable figures, but `leased` */
    uint32_t gen, lane;
    const char *name;
    enum cs_lane_state state;
    const char *reason;
    int64_t by_hand_wall_ms; /* since when it is paused by hand, reason being the operator's; 0: it is not */
    uint64_t outage_ms,
        poor_ms; /* for how long nobody has been answered (trouble.h), or nothing could be leased for want of money; else 0 */
    uint64_t n_trials;                         /* positions: those left out too */
    uint64_t planned, done, failed, cancelled; /* by state, what is left out apart */
    uint64_t left_out, leased;
    struct cs_counters counters;
    const char *served;                       /* who answers has changed; or "" */
    const struct cs_quarantined *quarantined; /* those in `failed`; valid until the next step */
    uint32_t n_quarantined;
};
struct cs_core_view { /* one study */
    uint32_t gen;     /* newest loaded; 0: none */
    uint32_t weight;
    bool draining, closing;
    uint32_t sessions; /* workers heard of lately; this and the counts of outputs are of the whole fleet */
    uint32_t n_lanes;  /* lanes of the newest generation */
    int64_t budget_nano_usd, committed_nano_usd, reserved_nano_usd, presumed_nano_usd;
    struct cs_intake intake;
};

/* ---- what the shells read for the core ------------------------------------------------------------------- */

/* From the store's row `risk/EPOCH`; false: damaged. */
bool cs_risk_unpack(const char *key, const void *value, uint32_t len, struct cs_risk_row *out);
/* Tells a resent output from a second one that was paid for: nobody starts the same trial twice in a millisecond. */
uint64_t cs_intake_fingerprint(const struct cs_output *o);

#endif
