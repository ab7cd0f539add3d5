/* state.h - what the core remembers, and which of its files does what. Included by coordinator/ and its tests only.
 *
 *   core.c        step: events in, actions out; time
 *   session.c     HELLO WANT PING RELEASE REVOKED BYE, silence
 *   lease.c       who may work on what; grants
 *   suspicion.c   trials that end their workers
 *   lane.c        the order of work in a lane: ledger, pages, frontier
 *   intake.c      outputs: canonical, duplicate, late, refused
 *   group.c       one group commit after the other, and who waits for it
 *   generation.c  loading, closing, pause, cancel, retry
 *   budget.c      money: what may be leased for it, case by case
 *   risk.c        money: reserved and presumed, on disk
 *   announce.c    what the whole fleet is told
 *   check.c       the invariants
 */
#ifndef CS_STATE_H
#define CS_STATE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/core.h"
#include "coordinator/ledger.h"
#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/log.h"
#include "protocol/base/rng.h"

static inline unsigned cs_hash_u64(const void *key)
{
    uint64_t k;

    memcpy(&k, key, sizeof k);
    return (unsigned)cs_mix64(k);
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

enum { CS_SLOTS = CS_GENERATIONS_LOADED * CS_MODELS_MAX };

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
    uint32_t times;
    UT_hash_handle hh;
};

struct cs_lane {
    uint32_t gen, lane, slot; /* slot: index into cs_core.lanes and cs_session.lanes */
    char *name;
    uint64_t n_trials, n_pages;
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

    struct cs_suspect *apart; /* trials that are leased by suspicion.c only */
    struct {
        uint32_t n, cap;
        struct cs_quarantined *items;
    } quarantined;

    bool open;                     /* of the newest generation, not closed */
    bool paused, cancelled, broke; /* broke: stopped for lack of money */
    int64_t needs_nano_usd;        /* of what it stopped for */
    uint64_t block_size;           /* trials of a case */
    uint64_t opened;               /* under a budget: blocks that may be leased from, */
    struct {
        uint32_t n, cap;
        struct cs_opened_block *items;
    } blocks;               /* those of them that are not finished, */
    struct cs_again *again; /* and trials that were planned again after a call of unknown cost */
    char *trouble;          /* the last reason a worker gave for not working here, or NULL */
    uint32_t n_trouble;     /* sessions that cannot work here */
    char *away;             /* likewise why nothing got through to the provider, or NULL */
    uint32_t n_away;        /* sessions that find it so */
    char *barred;           /* fingerprints of keys that the provider refused, or NULL */
    char note[320];         /* what status shows of these */
    uint32_t n_want;        /* sessions with capacity > 0 here */
    uint64_t wanted;        /* their capacity */
    struct cs_price price;
    uint32_t max_output_tokens, timeout_ms;
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
    bool revoking;
    struct cs_risk *risk; /* under a budget */
    UT_hash_handle hh;
    struct cs_lease *prev, *next;           /* of the session */
    struct cs_lease *page_prev, *page_next; /* of the page */
};

#define CS_UNTOLD UINT64_MAX

/* What calls may cost, or may have cost, that a process was or is allowed by a lease. */
struct cs_risk {
    uint64_t epoch; /* names the row */
    uint32_t gen, lane;
    uint64_t page, process;
    struct cs_bits open;
    int64_t worst_nano_usd; /* of each */
    bool held;              /* by a lease: reserved; else presumed */
    bool dirty;
    struct cs_session *teller; /* whose words settle it, if its process is here; then it is in that session's list */
    struct cs_risk *prev, *next;
    UT_hash_handle hh;
};

struct cs_session {
    uint64_t id;
    struct cs_peer peer;
    char user_id[41];
    char *worker, *version;
    uint64_t nonce;
    uint64_t hello;   /* number of the HELLO that made it */
    uint64_t process; /* fingerprint of name and nonce */
    uint64_t heard_ms;
    uint64_t seq_out;
    uint64_t seen; /* of our messages, by its last one's ack */
    uint64_t pings;
    uint32_t faults;
    bool registered;      /* its name is on disk: only then it gets leases */
    uint64_t registering; /* the group that has its name */
    bool refused;         /* renders other prompts than we do: no more work */
    bool drain_sent;
    uint64_t received, durable; /* numbers of outputs */
    uint64_t unacked_bytes;
    uint64_t group;   /* the group that holds its last receipt, */
    uint32_t receipt; /* and where */
    struct cs_lease *leases;
    struct cs_risk *presumed; /* of this process */
    struct cs_apart *apart;   /* the suspects that it runs, or is being emptied for; NULL: none */
    struct {
        uint32_t capacity, held;
        bool trouble, away;
    } lanes[CS_SLOTS];
    uint64_t resume_seq; /* of the message that told it of the last `resume`: trouble said before is forgotten */
    UT_hash_handle hh;
};

/* ---- suspects ------------------------------------------------------------------------------------------ */

enum { CS_ALONE_WORKERS = 3 };

/* A trial that may have been in flight when its worker was lost. */
struct cs_suspect {
    uint64_t key; /* lane and position */
    struct cs_lane *lane;
    uint64_t position;
    uint64_t epoch; /* of the lease lost last */
    struct cs_digest digest;
    uint32_t losses, alone; /* workers lost; of these, with nothing else to do */
    uint64_t workers[CS_ALONE_WORKERS];
    uint32_t n_workers;     /* different ones, while alone */
    uint64_t losses_before; /* of the fleet, without it, until its first */
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

struct cs_core_generation {
    uint32_t gen;
    uint8_t spec_digest[32];
    uint32_t n_lanes;
    int64_t budget_nano_usd, spent_nano_usd;
};

struct cs_core {
    struct cs_core_plan plan;
    uint32_t term;
    char *fleet;
    struct cs_rng rng;
    bool fresh_fleet;
    uint64_t grace_end_ms;
    struct {
        uint32_t n, cap;
        char **items;
    } expected; /* workers of earlier terms not heard of yet */
    uint32_t n_registering;
    uint64_t now_ms;
    uint64_t counter; /* of epochs */

    struct cs_core_generation gens[CS_GENERATIONS_LOADED];
    struct cs_lane *lanes[CS_SLOTS]; /* NULL: none; gens[g] has the slots from g * CS_MODELS_MAX on */
    uint32_t newest;                 /* index into gens */
    bool closing;

    struct cs_session *sessions;
    struct cs_lease *leases;
    struct cs_suspect *suspects;
    struct cs_apart *aparts;
    uint64_t losses; /* workers lost without a word */
    struct cs_risk *risks;
    struct {
        uint32_t n, cap;
        uint64_t *items;
    } risks_dirty;              /* epochs of rows for the open group */
    int64_t reserved, presumed; /* sums over the risks */
    int64_t written_off;        /* presumed for good */
    bool written_off_dirty;
    struct cs_seen
        seen[2]; /* fingerprints of outputs taken lately: [0] fills; full, it becomes [1], which is forgotten */
    struct {
        uint32_t n, cap;
        uint64_t *items;
    } banned; /* workers that render other prompts: fingerprints */

    struct cs_group *open;
    struct cs_group *pending[CS_PENDING_GROUPS]; /* with the commit thread, oldest first */
    uint32_t n_pending;
    struct cs_group *spare;
    uint64_t groups, durable_group; /* made so far; the newest on disk */

    bool draining; /* grant nothing */
    bool stopping; /* end as soon as all is committed; else wait for the sessions */
    uint64_t drain_end_ms;
    bool ended;

    bool rejoining; /* leases that end are adopted in this step: what is cancelled waits for that */
    bool regrant;   /* something became free: look at all sessions at the end of the step */
    bool announce_dirty;
    uint64_t announced, announced_states; /* fingerprints of what was last announced */
    uint64_t announce_ms;
    struct cs_intake intake;

    struct cs_arena arena;   /* of this step's actions */
    struct cs_arena scratch; /* of one output */
    struct cs_action *actions, *last_action;
};

/* trouble.c */
void cs_lease_trouble(struct cs_session *s, struct cs_lane *lane, const char *why); /* cannot work here; NULL: none */
void cs_lease_away(struct cs_session *s, struct cs_lane *lane, const char *why); /* nothing gets through; NULL: none */
void cs_trouble_said(struct cs_core *core, struct cs_session *s, struct cs_lane *lane, const struct cs_want_lane *w);
void cs_trouble_forget(struct cs_core *core, struct cs_lane *lane); /* the session's next announcement tells it so */

/* The most that the ambiguous calls of an output can have cost; -1: price or cap is not known. */
int64_t cs_budget_ambiguous(struct cs_core *core, const struct cs_lane *lane, const struct cs_output *o);

/* core.c */
struct cs_action *cs_act(struct cs_core *core, enum cs_action_kind kind);
/* A message of a kind to a session: envelope filled in. */
struct cs_message *cs_send(struct cs_core *core, struct cs_session *s, enum cs_kind kind);
struct cs_message *cs_send_to(struct cs_core *core, const struct cs_peer *peer, enum cs_kind kind);
void cs_reply(struct cs_core *core, uint64_t token, enum cs_err code, const char *text);
void cs_end(struct cs_core *core, enum cs_err code, const char *text);

/* session.c */
void cs_session_message(struct cs_core *core, const struct cs_event *e);
void cs_session_fault(struct cs_core *core, const struct cs_peer *peer);
void cs_session_refuse(struct cs_core *core, struct cs_session *s);
struct cs_session *cs_session_find(struct cs_core *core, uint64_t id);
void cs_session_silence(struct cs_core *core);
void cs_session_registered(struct cs_core *core, uint64_t group); /* names in groups up to this one are on disk */
/* Names that still have a row though nobody of that name came: forgets them. */
void cs_session_unexpect(struct cs_core *core);
void cs_session_drain(struct cs_core *core, struct cs_session *s);
/* LOST: without a word, so that a trial may be to blame; EXPELLED: by us. */
enum cs_end_of { CS_ENDED_BYE, CS_ENDED_RECONNECT, CS_ENDED_LOST, CS_ENDED_EXPELLED };
void cs_session_end(struct cs_core *core, struct cs_session *s, enum cs_end_of how);

/* lease.c */
uint64_t cs_lease_epoch(struct cs_core *core);
struct cs_lease *cs_lease_find(struct cs_core *core, uint64_t epoch);
struct cs_bits cs_lease_on_page(struct cs_lane *lane, uint64_t page); /* union of open */
struct cs_lease *cs_lease_make(struct cs_core *core, struct cs_session *s, struct cs_lane *lane, uint64_t page,
                               const struct cs_bits *which, int64_t worst);
/* Takes trials out of a lease; free: they may be leased again, else their output is here. Frees an empty lease. */
void cs_lease_take(struct cs_core *core, struct cs_lease *l, const struct cs_bits *which, bool free_again);
struct cs_lease *cs_lease_of_trial(struct cs_lane *lane, uint64_t position);
/* Tops the session up: to capacity, or only when a worthwhile part is missing. */
void cs_lease_grant(struct cs_core *core, struct cs_session *s, bool all);
void cs_lease_tell(struct cs_core *core, const struct cs_group *g); /* the rows of its leases are on disk */
void cs_lease_revoke(struct cs_core *core, struct cs_session *s);   /* sends REVOKE for what is being revoked */
void cs_lease_recall(struct cs_core *core,
                     const struct cs_lease *l); /* what its holder has not begun is not to be begun */
void cs_lease_revoke_lane(struct cs_core *core, struct cs_lane *lane);
void cs_lease_want(struct cs_core *core, struct cs_session *s, struct cs_lane *lane, uint32_t capacity);
/* Leases these free trials, as far as there is money for them; how many. Makes the ASSIGN that *assign is to be, or adds to it. */
uint32_t cs_lease_assign(struct cs_core *core, struct cs_session *s, struct cs_lane *lane, uint64_t page,
                         const struct cs_bits *which, struct cs_message **assign);
/* No session can work here, each for a reason of its own. */
bool cs_lane_is_stuck(const struct cs_core *core, const struct cs_lane *lane);

/* suspicion.c */
void cs_suspicion_lost(struct cs_core *core, struct cs_session *s);             /* before its leases are freed */
void cs_suspicion_judge(struct cs_core *core, const char *worker);              /* after that: quarantines who is due */
struct cs_bits cs_suspicion_on_page(const struct cs_lane *lane, uint64_t page); /* to be leased apart only */
/* True: the session gets suspects, or nothing until it is empty. */
bool cs_suspicion_claims(struct cs_core *core, struct cs_session *s);
void cs_suspicion_grant(struct cs_core *core, struct cs_session *s); /* of what claims it */
void cs_suspicion_paused(struct cs_session *s);                      /* takes back what cannot begin now */
/* A session of the same process takes over what the earlier one ran apart; NULL: nothing. */
struct cs_apart *cs_suspicion_detach(struct cs_core *core, struct cs_session *s);
void cs_suspicion_attach(struct cs_session *s, struct cs_apart *g);
void cs_suspicion_answered(struct cs_core *core, struct cs_lane *lane, uint64_t position, bool answer);
void cs_suspicion_lift(struct cs_core *core, struct cs_lane *lane); /* its quarantined trials are planned again */
void cs_suspicion_forget(struct cs_core *core, const struct cs_lane *lane); /* NULL: all lanes */

/* lane.c */
struct cs_lane *cs_lane_open(uint32_t gen, uint32_t lane, uint32_t slot, const struct cs_lane_load *load);
void cs_lane_close(struct cs_lane *lane);
struct cs_lane *cs_lane_find(struct cs_core *core, uint32_t gen, uint32_t lane);
unsigned cs_lane_page_size(const struct cs_lane *lane, uint64_t page);
struct cs_bits cs_lane_free(struct cs_lane *lane, uint64_t page);
struct cs_bits cs_lane_grantable(struct cs_lane *lane,
                                 uint64_t page); /* of these, all but the suspects that run apart */
enum cs_trial_state cs_lane_state_of(const struct cs_lane *lane, uint64_t position);
void cs_lane_set(struct cs_lane *lane, uint64_t page, const struct cs_bits *which, enum cs_trial_state state);
/* The lowest page that has something to lease now. False: none (more may come with the frontier). */
bool cs_lane_pick(struct cs_lane *lane, uint64_t *page);
/* Of n positions from `first` on: how many are planned, and how many of these nobody has or may have. */
uint64_t cs_lane_count(struct cs_lane *lane, uint64_t first, uint64_t n, uint64_t *n_free);
void cs_lane_loosen(struct cs_lane *lane, uint64_t page);
void cs_lane_restart(struct cs_lane *lane, bool wait);     /* after loading: what lies below the frontier */
void cs_lane_adopted(struct cs_lane *lane, uint64_t page); /* a lease of an earlier term lives on there */
void cs_lane_grace_over(struct cs_lane *lane);
void cs_lane_frontier(struct cs_core *core, struct cs_lane *lane); /* asks for more of it ahead of use */
bool cs_lane_is_open(const struct cs_lane *lane);
enum cs_lane_state cs_lane_announced(const struct cs_lane *lane);
void cs_lane_cancel(struct cs_lane *lane);
uint64_t cs_lane_retry(struct cs_lane *lane);

/* intake.c */
void cs_intake_outputs(struct cs_core *core, struct cs_session *s, const struct cs_message *m);
void cs_intake_remember(struct cs_core *core, uint64_t print);
void cs_intake_close(struct cs_core *core);

/* group.c */
struct cs_group *cs_group_make(struct cs_core *core);
void cs_group_free(struct cs_group *g, bool with_batch);
void cs_group_receipt(struct cs_core *core, struct cs_session *s, uint64_t upto, uint64_t bytes);
void cs_group_refuse(struct cs_core *core, struct cs_session *s, uint64_t number, enum cs_refusal why);
void cs_group_token(struct cs_core *core, uint64_t token);
void cs_group_submit(struct cs_core *core);
void cs_group_committed(struct cs_core *core, struct cs_batch *batch, enum cs_err rc);
bool cs_group_is_quiet(const struct cs_core *core); /* nothing open, nothing pending */
void cs_group_ack(struct cs_core *core, struct cs_session *s);

/* generation.c */
void cs_generation_load(struct cs_core *core, const struct cs_generation_load *load);
void cs_generation_close(struct cs_core *core);
void cs_generation_control(struct cs_core *core, enum cs_control verb, const char *model, uint64_t token);

/* budget.c */
bool cs_budget_is_set(const struct cs_core *core);
bool cs_budget_is_unknown(const struct cs_output *o); /* its call may have been billed, and nobody said how much */
int64_t cs_budget_spent(const struct cs_core *core);  /* committed or queued, in all generations */
int64_t cs_budget_presumed(const struct cs_core *core);
/* What of `which` lies in opened blocks; opens the next case if nothing does. */
struct cs_bits cs_budget_opened(struct cs_core *core, struct cs_lane *lane, uint64_t page, const struct cs_bits *which);
/* Cuts `which` down to what can be reserved; *worst is the most that one trial of it can cost. */
struct cs_bits cs_budget_afford(struct cs_core *core, struct cs_lane *lane, uint64_t page, const struct cs_bits *which,
                                int64_t *worst);
void cs_budget_review(struct cs_core *core); /* lanes that stopped go on when there is money again */

/* risk.c */
void cs_risk_load(struct cs_core *core, const struct cs_risk_row *row); /* of an earlier term: presumed */
void cs_risk_reserve(struct cs_core *core, struct cs_lease *l, int64_t worst);
void cs_risk_take(struct cs_core *core, struct cs_lease *l, const struct cs_bits *which); /* settled */
void cs_risk_end(struct cs_lease *l);                                                     /* nothing is left of it */
void cs_risk_presume(struct cs_core *core, struct cs_lease *l);                           /* the lease is lost */
/* Another has answered a trial of the lease: its holder may have called too. */
void cs_risk_presume_one(struct cs_core *core, struct cs_lease *l, const struct cs_bits *one);
void cs_risk_write_off(struct cs_core *core, int64_t worst); /* presumed for good */
/* What the session's process does not list was never begun, or is here. */
void cs_risk_hello(struct cs_core *core, struct cs_session *s, const struct cs_hello *h);
void cs_risk_gone(struct cs_session *s);
/* What is presumed of these, for a new lease to reserve: money changes hands, never its sum. */
struct cs_bits cs_risk_adopt(struct cs_core *core, struct cs_session *s, const struct cs_lease_ref *held,
                             const struct cs_bits *which, int64_t *worst);
/* Outputs of these are here, or they are given back unbegun. What each was presumed to cost; 0: nothing was. */
int64_t cs_risk_told(struct cs_core *core, struct cs_session *s, uint32_t gen, uint32_t lane, uint64_t page,
                     const struct cs_bits *which);
bool cs_risk_is_written(const struct cs_core *core);
void cs_risk_write(struct cs_core *core, struct cs_batch *batch);
void cs_risk_close(struct cs_core *core);

/* announce.c */
void cs_announce_make(struct cs_core *core, struct cs_announce *out);
void cs_announce_changed(struct cs_core *core);

#endif
