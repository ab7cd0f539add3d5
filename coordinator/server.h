/* server.h - the shells around the core: sockets, store, Redis, signals on one libuv loop. Included by coordinator/ only.
 *
 *   main.c     options, start, exit codes
 *   net.c      the loop: messages in, actions out, ticks
 *   feed.c     events into the core, its actions carried out
 *   persist.c  the commit thread; what is read at the start
 *   restore.c  a generation from the store, for the core
 *   build.c    a new generation; adopt.c: what it takes over of what is paid for; catchup.c: also of what came meanwhile;
 *              reread.c: one that reads all of it anew
 *   again.c    timeouts and unparsable answers are found and asked again
 *   present.c  which chunks and images the store has
 *   admin.c    studies given to it; verbs.c: what an operator says of them; ask.c: one request, diary.c: what is written down of it
 *   delete.c   a study is taken out of the store
 *   hand_over.c  a study's outputs, for a study of them
 *   handed.c     who fetches that
 *   checkpoint.c the store as it is, for a backup
 *   pick.c    failed trials picked out, and planned again
 *   roster.c   the studies of the store, whose turn it is
 *   publish.c  progress, to Redis and to `status`
 *   room.c     how long the store's disk lasts
 *   days.c       limits per day (days.h)
 *   signals.c  pages, metrics and health over HTTP; page/: what stands there
 *
 * Thread: the I/O loop owns all of it; only the commit thread writes the store.
 */
#ifndef CS_SERVER_H
#define CS_SERVER_H

#include <uv.h>

#include "coordinator/borrow.h"
#include "coordinator/handed.h"
#include "coordinator/lanes/event.h"
#include "coordinator/plans.h"
#include "coordinator/rate.h"
#include "coordinator/room.h"
#include "coordinator/settings.h"
#include "protocol/base/options.h"
#include "protocol/wire/socket.h"
#include "store/commit.h"
#include "store/erase.h"
#include "store/events.h"
#include "store/redis/progress.h"

enum {
    CS_DOORS_MAX = CS_OPT_LIST_MAX + 2,
    CS_TOKENS_MAX = 1024, /* admin requests that wait for a commit */
    CS_SLICE_MS = 10,     /* how long the adoption pass works between two looks at the sockets */
};

struct cs_server_opts {
    const char *dir, *pub, *admin, *redis, *key, *allow, *ready_file, *address_file, *advertise;
    struct cs_option_list bind, reuse;
    bool fresh_fleet, accept_rollback, accept_unparsable;
    const char *http, *http_token_file; /* where it shows itself (signals.h), or NULL */
    struct cs_option_list http_hosts;
};

/* ---- doors: one socket each; CURVE and plain ones do not mix on one ------------------------------------ */

enum cs_door_kind { CS_DOOR_WORK, CS_DOOR_ADMIN, CS_DOOR_PUB };
struct cs_door {
    enum cs_door_kind kind;
    struct cs_socket *socket;
    uv_poll_t poll;
};

/* ---- the studies (roster.h) ------------------------------------------------------------------------------ */

enum { CS_ROSTER_WEIGHT_MAX = 1000, CS_ROSTER_LOOK_MS = 200 };
enum cs_priority { CS_PRIORITY_LOW, CS_PRIORITY_NORMAL, CS_PRIORITY_HIGH };

struct cs_roster_totals { /* trials */
    uint64_t planned, done, failed, cancelled;
};

struct cs_roster_study {
    uint64_t key; /* cs_digest_study_key of the name */
    char *name, *title;
    struct cs_generation newest; /* built; number 0: none */
    struct cs_generation next;   /* to be built; number 0: none */
    uint32_t before;             /* loaded too, for its late outputs; 0: none */
    uint32_t n_lanes;            /* lanes of `next`, or of `newest` */
    bool loaded;
    struct cs_roster_totals totals; /* when it was parked */
    uint32_t weight;                /* as said: 1 to CS_ROSTER_WEIGHT_MAX */
    enum cs_priority priority;
    char *after;                          /* NULL: nobody */
    struct cs_settings set;               /* by hand */
    struct cs_rate rate;                  /* publish.c's */
    uint64_t shown_fingerprint, shown_ms; /* what it has shown last */
};

struct cs_roster {
    uint32_t n, n_generations; /* numbers 1 .. n_generations are given away */
    struct cs_roster_study **items;
    uint64_t *study_of; /* by generation */
    uint32_t awaited;   /* what the core was told of it; 0: nobody waits */
    uint64_t look_ms;   /* when to look for the next one to be built or loaded */
};

/* ---- the pass that builds a generation ----------------------------------------------------------------- */

enum cs_build_state {
    CS_BUILD_NONE,
    CS_BUILD_OPENING, /* its plan is not loaded yet */
    CS_BUILD_PASS,    /* a round of looking up */
    CS_BUILD_BETWEEN, /* a round is over; the next one, or the closing, comes when it is on disk */
    CS_BUILD_CLOSING, /* the old generation of its study is still leased */
    CS_BUILD_LAST,    /* the last batch is on its way */
};
struct cs_build_lane {
    uint8_t *ledger;
    struct cs_counters counters;
};
struct cs_catchup_case {
    uint64_t key; /* cs_digest_case_key of its id */
    uint32_t index;
    bool is_old; /* the old generation has it too */
};
struct cs_catchup_text { /* a case by what it says */
    uint64_t hash;
    uint32_t index;
};
struct cs_catchup {                /* catchup.h */
    struct cs_catchup_case *cases; /* of the new study; when all are listed, by key */
    struct cs_catchup_text *texts; /* the same, by hash */
    struct cs_catchup_text *gone;  /* cases of the old one alone, by key (in `hash`); index: into texts, or CS_NONE */
    uint32_t n_cases, n_old, n_gone;
    bool listed, all_new; /* all_new: every case that only the new study has is marked */
    uint8_t *marked;
    uint64_t next_output, found; /* found: answers of this round */
};
struct cs_build {
    enum cs_build_state state;
    struct cs_roster_study *study;
    struct cs_generation generation;
    struct cs_loaded_plan plan;
    struct cs_build_lane *lanes;
    uint32_t lane; /* the cursor: next trial to look at */
    uint64_t position;
    uint64_t scanned, total;    /* trials, over all lanes, of the first round */
    uint64_t scanned_since;     /* the last batch */
    uint64_t borrowed;          /* by this process */
    uint64_t resumed, began_ms; /* where this process went on, and when */
    struct cs_batch *batch;     /* gathers; NULL while one is on its way */
    bool skip;                  /* there is nothing to adopt in the first round */
    bool leaves_out;            /* some trials are born cancelled (applies.h): in the first round */
    struct cs_build_lane
        *before; /* reread.c's: the ledgers of the generation before; NULL: it is not one that rereads */
    /* Rounds: the first one looks at all trials, the others (catchup.h) at what came meanwhile. */
    unsigned round;
    bool has_cursor, closed;    /* closed: nothing comes from the old generation any more */
    uint64_t through;           /* outputs up to this number have been looked up for all trials before the cursor */
    uint64_t round_ms, took_ms; /* when the round began; how long the one before took */
    uint64_t longest_ms;        /* the loop's longest absence from its sockets for this */
    bool near;                  /* another round would find little less than that one */
    struct cs_catchup late;
    /* adopt.c's: */
    struct cs_claims *claims;
    bool noted; /* what an earlier process has taken over is; otherwise up to note_* */
    uint32_t note_lane;
    uint64_t note_position;
    bool ready;   /* what comes before a round's first page is done */
    bool waiting; /* some trials are put off; were it broken off, the pass would begin at from_* again */
    uint32_t from_lane;
    uint64_t from_position;
    struct cs_put_off *waits; /* the claims': once all pages are through */
    uint64_t n_waits, next_wait;
    unsigned stage;
};

/* ---- the pass that asks answers again -------------------------------------------------------------------- */

/* A token of the core's REPLY that is the pass's own, not an admin request's. */
#define CS_AGAIN_TOKEN UINT64_MAX

enum cs_again_state {
    CS_AGAIN_OVER,
    CS_AGAIN_SCANS,
    CS_AGAIN_WAITS, /* found trials are with the core */
    CS_AGAIN_TOLD,  /* it has replied */
};
struct cs_again_lane {
    char *model;
    uint64_t again[2], kept[2]; /* timeouts, unparsable: asked again; left, because they were before */
};
struct cs_again_pass {
    uint32_t number; /* counts the acts since the start; 0: none yet */
    enum cs_again_state state;
    bool wanted[2]; /* timeouts, unparsable */
    bool repeat;    /* also what was asked again before */
    char *model;    /* NULL: all */
    uint64_t study;
    uint32_t gen, n_lanes, lane; /* the cursor: next page to look at */
    uint64_t page;
    uint64_t scanned, total;    /* trials */
    struct cs_again_lane *sums; /* by lane */
    struct cs_again_trial *found;
    uint32_t n_found;
    enum cs_err code; /* the core's reply; at the end the result of the act */
    char text[256];
};

/* ---- the pass that picks out failed trials ----------------------------------------------------------------- */

#define CS_PICK_TOKEN (UINT64_MAX - 1) /* likewise */

enum cs_pick_state {
    CS_PICK_OVER,
    CS_PICK_SCANS,
    CS_PICK_WAITS, /* found trials are with the core */
    CS_PICK_TOLD,  /* it has replied */
};
struct cs_diary_entry;
struct cs_pick_pass {
    enum cs_pick_state state;
    char *model, *outcome, *case_id, *like; /* as asked; NULL: any */
    uint64_t study;
    uint32_t gen, n_lanes, lane; /* the cursor: next page to look at */
    uint64_t page;
    uint64_t *found; /* positions */
    uint32_t n_found;
    int64_t trials;               /* planned again, on disk */
    struct cs_peer peer;          /* who is answered, */
    uint64_t seq;                 /* which request of his, */
    struct cs_diary_entry *entry; /* and what is written down */
    enum cs_err code;             /* the core's reply */
    char text[256];
};

/* ---- deletion ------------------------------------------------------------------------------------------------ */

enum cs_delete_state { CS_DELETE_NONE, CS_DELETE_WAIT, CS_DELETE_PASS, CS_DELETE_LAST };
struct cs_delete_pass {
    enum cs_delete_state state;
    bool look; /* there may be a tomb whose study is not erased yet */
    struct cs_tomb tomb;
    struct cs_erase *erase;
    struct cs_batch *batch; /* gathers; NULL: none, or on its way */
    bool on_way;
    bool redis_there;    /* when last looked at */
    bool acting;         /* the batch of an act is on its way: */
    struct cs_peer peer; /* who is answered then, */
    uint64_t seq;        /* which request of his */
};

/* ---- admin ------------------------------------------------------------------------------------------------ */

struct cs_waiting { /* an admin request that is answered after a commit */
    uint64_t token; /* 0: free */
    struct cs_peer peer;
    uint64_t seq;
    char *blob; /* the answer, or NULL */
};

struct cs_server {
    struct cs_server_opts opts;
    uv_loop_t loop;
    uv_prepare_t prepare;
    uv_idle_t busy;
    uv_timer_t timer, publish_timer;
    uv_signal_t signals[3];
    uv_poll_t commit_poll;
    struct cs_net *net;
    struct cs_keypair key;
    struct cs_door doors[CS_DOORS_MAX];
    unsigned n_doors;
    struct cs_buf out;           /* one packed message */
    struct cs_arena arena;       /* one unpacked message */
    struct cs_arena turns_arena; /* what one TURNS says */
    uint64_t ticked_ms;
    uint64_t answered_ms; /* when somebody at the admin door was answered last; 0: nobody was */
    bool stop_asked, stop_told;

    struct cs_store *store;
    struct cs_commit *commit;
    struct cs_core *core;
    struct cs_borrow *borrow; /* NULL: from nobody */
    struct cs_plans plans;
    struct cs_roster roster;
    struct cs_build build;
    struct cs_again_pass again;
    struct cs_pick_pass pick;
    struct cs_delete_pass del;
    uint64_t events[CS_EVENTS_RINGS]; /* newest number of each ring (diary.h) */

    struct cs_waiting waiting[CS_TOKENS_MAX];
    uint64_t tokens;

    struct cs_redis *redis;
    struct cs_days *days;
    uv_timer_t days_timer;
    struct cs_arena progress_arena;
    bool published;                 /* Redis has what was shown last */
    struct cs_room room;            /* of the store's disk */
    struct cs_signals *signals_out; /* NULL: it shows itself to nobody */

    bool feeding; /* a step and its actions are under way: no other event now */
    bool over;
    enum cs_err exit_code;
    char exit_text[256];
    struct cs_present *present;    /* what is known of the store's chunks and images; NULL: nobody has asked */
    struct cs_hand_over *snapshot; /* being made, or handed over; NULL */
    struct cs_handed handed;
    struct cs_checkpoint *checkpoint; /* being made, copied by others, or removed; NULL */
    bool checkpoint_looked;           /* for one that an earlier coordinator left */
};

#endif
