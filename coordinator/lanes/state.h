/* state.h - what the core remembers. Included by the files of the core only, through the header of each: README.md says which file
 * does what.
 */
#ifndef CS_STATE_H
#define CS_STATE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/lanes/alike.h"
#include "coordinator/lanes/event.h"
#include "coordinator/lanes/ledger.h"
#include "coordinator/lanes/by_hand.h"
#include "coordinator/lanes/over.h"
#include "coordinator/lanes/ramp.h"
#include "coordinator/lanes/served.h"
#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/log.h"
#include "protocol/base/rng.h"

static inline unsigned cs_hash_u64(const void *key)
{
    uint64_t k;

    memcpy(&k, key, sizeof k);
    return (unsigned)cs_rng_mix64(k);
}
/* All our keys are uint64_t. */
#define HASH_FUNCTION(keyptr, keylen, hashv) ((hashv) = cs_hash_u64(keyptr))
#include <uthash.h>
#include <utlist.h>

/* Appends a zeroed element to the array `items` of struct { n, cap, items } and gives its address. */
#define CS_APPEND(a)                                                                                                   \
    ((a).n == (a).cap                                                                                                  \
         ? ((a).cap = (a).cap ? 2 * (a).cap : 16, (a).items = cs_xrealloc((a).items, (a).cap, sizeof *(a).items),      \
            memset(&(a).items[(a).n], 0, sizeof *(a).items), &(a).items[(a).n++])                                      \
         : (memset(&(a).items[(a).n], 0, sizeof *(a).items), &(a).items[(a).n++]))

enum { CS_SLOTS = 2 * CS_MODELS_MAX }; /* lanes of all loaded generations together */

/* ---- lanes ------------------------------------------------------------------------------------------ */

/* The leases of one page, found by its number. */
struct cs_leased_page {
    uint64_t page;
    struct cs_lease *leases;
    UT_hash_handle hh;
};

struct cs_opened_block {
    uint64_t first; /* position */
    int64_t worst_nano_usd;
};
struct cs_again {
    uint64_t position;
    uint32_t times;   /* that it was planned again after a call of unknown cost, under a budget */
    uint32_t further; /* timeouts by our own overload */
    uint32_t drawn;   /* its answers that were drawn or asked again; known once `counted` (draws.c) */
    bool counted;
    UT_hash_handle hh;
};

/* What a conversation is, whatever its generation. */
struct cs_talk_key {
    struct cs_digest digest;
    struct cs_owner owner;
};
_Static_assert(sizeof(struct cs_talk_key) == sizeof(struct cs_digest) + sizeof(struct cs_owner), "no gaps");

/* A conversation under way; ahead of the disk by what is in groups. */
struct cs_talk_at {
    uint64_t position;
    struct cs_talk_key key;
    struct cs_core_talk talk;
    uint64_t group; /* that has its last turn, or the act that asked it again; 0: on disk */
    uint64_t print; /* fingerprint of that turn; 0: it was read from the disk */
    uint32_t misfits;
    UT_hash_handle hh, hh_key;
};

struct cs_lane {
    uint32_t gen, lane, slot; /* slot: index into cs_core.lanes and cs_session.lanes */
    struct cs_core_generation *of;
    struct cs_core_study *study;
    char *name;
    uint64_t n_trials, n_pages;
    uint64_t left_out; /* cancelled from the beginning (event.h) */
    uint8_t *ledger;   /* ahead of the disk by what is in groups */
    uint64_t count[4]; /* trials by state */
    uint64_t leased;
    struct cs_counters counters;
    uint64_t shown_count[4]; /* count and counters as of the last commit: all that Redis is shown */
    struct cs_counters shown;

    uint64_t next_page;                /* pages from here on have never been leased */
    uint64_t frontier, frontier_asked; /* durable; on its way */
    uint64_t *loose;                   /* a bit per page below next_page that may have free trials */
    uint64_t loose_hint;               /* no loose page below */
    uint64_t *waiting;                 /* possibly leased in an earlier term: not free before the grace is over */
    bool has_waiting;
    struct cs_leased_page *pages;

    uint64_t *dirty; /* pages to write with the open group */
    struct {
        uint32_t n, cap;
        uint64_t *items;
    } dirty_pages;
    bool counters_dirty;

    struct cs_suspect *apart; /* trials that are leased by quarantine.c only */
    struct {
        uint32_t n, cap;
        struct cs_quarantined *items;
    } quarantined;

    struct cs_alike alike;
    struct cs_over over;
    struct cs_by_hand by_hand;
    struct cs_served served;
    uint64_t further_group;        /* that keeps the last timeout of our own making */
    uint64_t asking;               /* group that asks trials again: until it is on disk nothing is granted; 0: none */
    uint32_t draws;                /* of an unparsable answer again, at most (event.h) */
    bool open;                     /* it belongs to the newest generation, and that is not closed */
    bool paused, cancelled, broke; /* broke: stopped for lack of money */
    int64_t needs_nano_usd;        /* the money that it stopped for want of */
    uint64_t block_size;           /* trials of a case */
    uint64_t opened, priced;       /* under a budget: blocks that may be leased from; those whose price is known, */
    struct {
        uint32_t n, cap;
        struct cs_opened_block *items;
    } blocks;               /* those of them that are not finished, */
    struct cs_again *again; /* and trials that were planned again after a call of unknown cost */
    bool remembers;         /* its conversations go on in sessions of the system's: one that was left is begun anew */
    bool talks;             /* there are conversations among its trials: */
    struct cs_talk_at *talked; /* those of which something came lately, by position */
    struct cs_talk_at *by_key; /* likewise, by key */
    char *trouble;             /* the last reason a worker gave for not working here, or NULL */
    uint32_t n_trouble;        /* sessions that cannot work here */
    char *away;                /* likewise why nothing got through to the provider, or NULL */
    uint32_t n_away;           /* sessions that find it so */
    uint64_t away_ms;          /* since when there has been no sign of life while some find it so; 0: none has */
    uint64_t answered_ms;      /* its last answer; 0: there was none */
    uint64_t poor_ms;          /* since when nothing could be leased for want of money; 0: there is money */
    char note[320];            /* what status shows of these */
    uint32_t n_want;           /* sessions with capacity > 0 here */
    uint64_t wanted;           /* their capacity */
    struct cs_price price;
    struct cs_limits limits; /* set by hand, announced; 0: as the study says */
    uint32_t max_output_tokens, timeout_ms;
    struct cs_ramp ramp;
    struct cs_serving *servers; /* those that workers have told of (serving.h); 0: it is at one address */
    uint32_t n_servers;
    uint32_t most, n_parts; /* what the ramp allowed when it was looked at last; sessions with a part of it */
    bool deal_dirty;
    uint64_t worked_ms, works_since_ms; /* the last work of any session; the first of it after a pause (caps.h) */
    char slow[240];                     /* what status shows of calls that end at the time limit */
};

enum { CS_SERVINGS_MAX = 2 * CS_SERVERS_MAX }; /* those that left make room for others when there are so many */

/* One of its servers. */
struct cs_serving {
    char *url;
    struct cs_ramp ramp;
    uint32_t n_listed, n_up; /* sessions that have it in their list; that find it up */
};

/* ---- leases and sessions ------------------------------------------------------------------------------ */

struct cs_lease {
    uint64_t epoch;
    struct cs_lane *lane;
    struct cs_session *session;
    struct cs_leased_page *on;
    struct cs_bits open; /* leased, and the output not received */
    struct cs_bits busy; /* in flight by the last PING or HELLO, */
    bool reported;       /* which knew of this lease */
    uint64_t assign_seq; /* seq of the message that gave it; CS_UNTOLD: its row is not on disk yet */
    uint64_t ping;       /* number of the last PING that listed it */
    uint64_t asked_seq;  /* seq of the last TURNS_GET that asked about it */
    bool revoking;
    struct cs_risk *risk; /* under a budget */
    UT_hash_handle hh;
    struct cs_lease *prev, *next;           /* neighbours in the session's list */
    struct cs_lease *page_prev, *page_next; /* neighbours in the page's list */
};

#define CS_UNTOLD UINT64_MAX

/* The most that a trial may cost: all its calls that are left, and the next one. Nobody begins a further one before the coordinator has
 * acknowledged that. */
struct cs_worst {
    int64_t all, one; /* USD / 1e9 */
};
enum { CS_WORST_LEAST = 1 /* of what costs nothing: it keeps account all the same */ };

/* What calls may cost, or may have cost, that a process was or is allowed by a lease. */
struct cs_risk {
    uint64_t epoch; /* names the row */
    struct cs_core_study *study;
    uint32_t gen, lane;
    uint64_t page, process;
    struct cs_bits open;
    struct cs_worst worst; /* of each */
    bool held;             /* by a lease: all of it is reserved; else what one call may have cost is presumed */
    bool dirty;
    struct cs_session *teller; /* whose words settle it, if its process is here; then it is in that session's list */
    struct cs_risk *prev, *next;
    UT_hash_handle hh;
};

enum { CS_RIVALS = 4, CS_PROBES = 2 };

/* What a session says of a lane's servers, by their place in the lane. */
struct cs_said_servers {
    struct cs_said_server {
        bool listed, up, told;
        uint32_t jams;
    } * all;
    uint32_t n;
};

struct cs_session {
    uint64_t id;
    struct cs_peer peer;
    char user_id[41];
    char *worker, *version;
    uint32_t minor; /* protocol minor that its HELLO states; 0: none */
    uint64_t nonce;
    uint64_t hello;   /* number of the HELLO that made it */
    uint64_t process; /* fingerprint of name and nonce */
    uint64_t heard_ms;
    uint64_t worked_ms;                                /* an output, or a call in flight, or its first lease (caps.h) */
    uint64_t recalled_ms, recalled_ping, recalled_seq; /* its leases were asked back, because it does nothing; 0: no */
    uint64_t seen_ms;                                  /* when `seen` grew last, or there was nothing to see */
    bool unread;                                       /* at its last PING it had more to read than it may */
    struct {                                           /* processes that wanted its name while it was heard */
        uint64_t nonce;
        uint8_t probes; /* made for it */
    } rivals[CS_RIVALS];
    uint64_t probed_for,
        gone_for; /* nonce of the rival that the last probe was made for, that found no route to this one */
    uint64_t seq_out;
    uint64_t seen; /* how many of our messages it has had, by the ack of its last one */
    uint64_t pings;
    uint32_t faults;
    bool registered;            /* its name is on disk: only then it gets leases */
    uint64_t registering;       /* the group that has its name */
    bool refused;               /* renders other prompts than we do: no more work */
    bool drain_sent, suspect;   /* suspect: silent for 6 s when time was looked at last */
    uint64_t received, durable; /* numbers of outputs */
    uint64_t unacked_bytes;
    uint64_t group;   /* the group that holds its last receipt, */
    uint32_t receipt; /* and where */
    struct cs_lease *leases;
    struct cs_risk *presumed; /* calls presumed for this process */
    struct cs_apart *apart;   /* the suspects that it runs, or is being emptied for; NULL: none */
    struct {
        uint32_t capacity, held;
        bool trouble, away;
        uint32_t part;       /* calls that it may have in flight (deal.h) */
        uint32_t told, jams; /* as announced to it, and as it says: 0 for nothing */
        struct cs_said_servers servers;
        uint64_t told_seq, dealt; /* our message that told it; the deal that it got it in */
    } lanes[CS_SLOTS];
    bool untold_part;
    uint64_t resume_seq; /* our message that told it of the last `resume`: trouble said before is forgotten */
    UT_hash_handle hh;
};

/* ---- suspects ------------------------------------------------------------------------------------------ */

enum { CS_ALONE_WORKERS = 3 };

/* A trial that may have been in flight when its worker was lost. */
struct cs_suspect {
    uint64_t key; /* lane and position */
    struct cs_lane *lane;
    uint64_t position;
    uint64_t epoch; /* the lease that was lost last */
    struct cs_digest digest;
    uint32_t losses, alone; /* workers lost; of these, with nothing else to do */
    uint64_t workers[CS_ALONE_WORKERS];
    uint32_t n_workers;     /* different ones, while alone */
    uint64_t losses_before; /* what the fleet had lost before this one's first */
    struct cs_apart *apart; /* NULL: runs among the others */
    struct cs_suspect *apart_prev, *apart_next, *lane_prev, *lane_next;
    UT_hash_handle hh;
};

/* Suspects that are leased together, to a worker that has nothing else. */
struct cs_apart {
    struct cs_suspect *suspects;
    uint32_t n;
    uint32_t silent;            /* losses in a row of workers that had not reported any as begun */
    struct cs_session *session; /* NULL: waits for one */
    struct cs_apart *prev, *next;
};

/* ---- groups -------------------------------------------------------------------------------------------- */

struct cs_receipt {
    uint64_t session, upto, bytes;
};
struct cs_refused_row {
    uint64_t session, number;
    uint8_t why;
};
struct cs_tally {
    uint32_t gen, lane;
    uint64_t count[4];
    struct cs_counters counters;
};

struct cs_group {
    uint64_t number;
    struct cs_batch *batch;
    struct {
        uint32_t n, cap;
        struct cs_receipt *items;
    } receipts;
    struct {
        uint32_t n, cap;
        struct cs_refused_row *items;
    } refused;
    struct {
        uint32_t n, cap;
        struct cs_tally *items;
    } tallies;
    struct {
        uint32_t n, cap;
        uint64_t *items;
    } tokens; /* admin requests to answer */
    struct {
        uint32_t n, cap;
        uint64_t *items;
    } untold; /* epochs of leases whose rows are in it */
};

/* A set of at most CS_SEEN fingerprints. */
enum { CS_SEEN = 32768 };
struct cs_seen {
    uint32_t n;
    uint64_t *slots; /* 2 CS_SEEN, open addressing; 0: empty */
};

/* ---- the whole ------------------------------------------------------------------------------------------ */

/* Generations of one name: a budget, and what an operator says, are of a study. */
struct cs_core_study {
    uint64_t key;
    struct cs_core_generation *newest, *before; /* NULL: not loaded */
    uint32_t weight;
    bool closing;
    uint64_t closed_group;      /* what its leases brought is on disk once this group is; 0: not known yet */
    int64_t reserved, presumed; /* sums over the risks */
    int64_t written_off;        /* presumed for good */
    bool written_off_dirty;
    UT_hash_handle hh;
};

struct cs_core_generation {
    uint64_t key; /* gen */
    uint32_t gen;
    struct cs_core_study *study;
    uint32_t first; /* slot of its first lane; the others follow */
    uint8_t spec_digest[32];
    uint32_t n_lanes;
    int64_t budget_nano_usd, spent_nano_usd;
    uint32_t needs_minor; /* protocol minor; workers that stated less get no lease of it */
    char needs_key[64];   /* the study key that needs it, or "" */
    UT_hash_handle hh;
};

struct cs_core {
    struct cs_core_plan plan;
    struct cs_core_diary diary;
    const struct cs_note *note; /* of the event at hand, until it is written */
    uint32_t term;
    char *fleet;
    struct cs_rng rng;
    bool fresh_fleet;
    bool fresh; /* no worker of an earlier term may hold anything, and none of this one was lost */
    uint64_t grace_end_ms;
    struct {
        uint32_t n, cap;
        char **items;
    } expected; /* workers of earlier terms not heard of yet */
    uint32_t n_registering;
    uint64_t now_ms;
    uint64_t counter; /* numbers the epochs */

    struct cs_core_generation *gens; /* each study's newest, and the one before it for its late outputs */
    struct cs_lane *lanes[CS_SLOTS]; /* NULL: none */
    uint32_t n_slots;                /* none from here on */
    struct cs_core_study *studies;   /* never forgotten: their money is not */
    uint64_t first_study;
    uint32_t n_broke; /* lanes */

    struct cs_session *sessions;
    struct cs_lease *leases;
    struct cs_suspect *suspects;
    struct cs_apart *aparts;
    uint64_t losses; /* workers lost without a word */
    struct cs_risk *risks;
    struct {
        uint32_t n, cap;
        uint64_t *items;
    } risks_dirty;          /* epochs of rows for the open group */
    bool written_off_dirty; /* some study's flag is set */
    struct cs_seen
        seen[2]; /* fingerprints of outputs taken lately: [0] fills; full, it becomes [1], which is forgotten */
    struct {
        uint32_t n, cap;
        uint64_t *items;
    } banned; /* workers that render other prompts: fingerprints */
    struct {
        uint32_t n, cap;
        struct {
            uint64_t process;
            uint32_t times;
        } * items;
    } hoarders; /* processes that held leases and did nothing (caps.h) */

    struct cs_group *open;
    struct cs_group *pending[CS_PENDING_GROUPS]; /* with the commit thread, oldest first */
    uint32_t n_pending;
    struct cs_group *spare;
    uint64_t groups, durable_group; /* made so far; the newest on disk */

    uint32_t awaited; /* a generation that waits for its turn; 0: none */

    bool draining; /* grant nothing */
    bool stopping; /* end as soon as all is committed; else wait for the sessions */
    uint64_t drain_end_ms;
    bool ended;

    bool rejoining; /* leases that end are adopted in this step: what is cancelled waits for that */
    bool regrant;   /* something became free: look at all sessions at the end of the step */
    bool announce_dirty, deal_dirty;
    uint64_t deals;
    uint64_t announced, announced_states; /* fingerprints of what was last announced */
    uint64_t announce_ms;
    struct cs_intake intake;

    struct cs_arena arena;   /* holds this step's actions */
    struct cs_arena scratch; /* holds one output */
    struct cs_action *actions, *last_action;
};

#endif
