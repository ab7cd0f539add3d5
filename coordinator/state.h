/* state.h - what the core remembers, and which of its files does what. Included by coordinator/ and its tests only.
 *
 *   core.c        step: events in, actions out; time
 *   session.c     HELLO WANT PING RELEASE REVOKED BYE, silence
 *   lease.c       who may work on what; grants
 *   lane.c        the order of work in a lane: ledger, pages, frontier
 *   intake.c      outputs: canonical, duplicate, late, refused
 *   group.c       one group commit after the other, and who waits for it
 *   generation.c  loading, closing, pause, cancel, retry
 *   budget.c      money: committed + presumed + reserved
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

enum { CS_SLOTS = CS_GENERATIONS_LOADED * CS_MODELS_MAX, CS_SEEN = 65536 };

/* ---- lanes ------------------------------------------------------------------------------------------ */

/* The leases of one page, found by its number. */
struct cs_leased_page {
    uint64_t page;
    struct cs_lease *leases;
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

    bool open;                     /* of the newest generation, not closed */
    bool paused, cancelled, broke; /* broke: stopped for lack of money */
    char *trouble;                 /* the last reason a worker gave for not working here, or NULL */
    uint32_t n_trouble;            /* sessions that cannot work here */
    uint32_t n_want;               /* sessions with capacity > 0 here */
    uint64_t wanted;               /* their capacity */
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
    uint64_t assign_seq; /* seq of the message that gave it */
    uint64_t ping;       /* number of the last PING that listed it */
    bool revoking;
    int64_t worst_nano_usd; /* reserved for each open trial */
    UT_hash_handle hh;
    struct cs_lease *prev, *next;           /* of the session */
    struct cs_lease *page_prev, *page_next; /* of the page */
};

/* A lost lease under a budget: what may have been spent on it. */
struct cs_ghost {
    uint64_t epoch;
    struct cs_bits open;
    int64_t worst_nano_usd;
    UT_hash_handle hh;
};

struct cs_session {
    uint64_t id;
    struct cs_peer peer;
    char user_id[41];
    char *worker, *version;
    uint64_t nonce;
    uint64_t heard_ms;
    uint64_t seq_out;
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
    struct {
        uint32_t capacity, held;
        bool trouble;
    } lanes[CS_SLOTS];
    uint64_t resume_seq; /* of the message that told it of the last `resume`: trouble said before is forgotten */
    UT_hash_handle hh;
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
    } tokens;          /* admin requests to answer */
    int64_t unsettled; /* money that its outputs gave back, not to be granted anew before they are on disk */
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
    struct cs_ghost *ghosts;
    int64_t reserved, presumed, unsettled; /* unsettled: sum over the groups that are not durable */
    uint64_t *seen;                        /* CS_SEEN fingerprints of outputs taken lately, by their low bits */
    struct {
        uint32_t n, cap;
        uint64_t *items;
    } banned; /* workers that render other prompts: fingerprints */

    struct cs_group *open;
    struct cs_group *pending[CS_PENDING_GROUPS]; /* with the commit thread, oldest first */
    uint32_t n_pending;
    struct cs_group *spare;
    uint64_t groups;

    bool draining; /* grant nothing */
    bool stopping; /* end as soon as all is committed; else wait for the sessions */
    uint64_t drain_end_ms;
    bool ended;

    bool regrant; /* something became free: look at all sessions at the end of the step */
    bool announce_dirty;
    uint64_t announced, announced_states; /* fingerprints of what was last announced */
    uint64_t announce_ms;
    struct cs_intake intake;

    struct cs_arena arena;   /* of this step's actions */
    struct cs_arena scratch; /* of one output */
    struct cs_action *actions, *last_action;
};

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
enum cs_end_of { CS_ENDED_BYE, CS_ENDED_RECONNECT, CS_ENDED_LOST };
void cs_session_end(struct cs_core *core, struct cs_session *s, enum cs_end_of how);

/* lease.c */
struct cs_lease *cs_lease_find(struct cs_core *core, uint64_t epoch);
struct cs_bits cs_lease_on_page(struct cs_lane *lane, uint64_t page); /* union of open */
struct cs_lease *cs_lease_make(struct cs_core *core, struct cs_session *s, struct cs_lane *lane, uint64_t page,
                               const struct cs_bits *which, int64_t worst);
/* Takes trials out of a lease; free: they may be leased again, else their output is here. Frees an empty lease. */
void cs_lease_take(struct cs_core *core, struct cs_lease *l, const struct cs_bits *which, bool free_again);
struct cs_lease *cs_lease_of_trial(struct cs_lane *lane, uint64_t position);
/* Tops the session up: to capacity, or only when a worthwhile part is missing. */
void cs_lease_grant(struct cs_core *core, struct cs_session *s, bool all);
void cs_lease_revoke(struct cs_core *core, struct cs_session *s); /* sends REVOKE for what is being revoked */
void cs_lease_revoke_lane(struct cs_core *core, struct cs_lane *lane);
void cs_lease_want(struct cs_core *core, struct cs_session *s, struct cs_lane *lane, uint32_t capacity);
void cs_lease_trouble(struct cs_session *s, struct cs_lane *lane, const char *why); /* NULL: none */
/* No session can work here, each for a reason of its own. */
bool cs_lane_is_stuck(const struct cs_core *core, const struct cs_lane *lane);

/* lane.c */
struct cs_lane *cs_lane_open(uint32_t gen, uint32_t lane, uint32_t slot, const struct cs_lane_load *load);
void cs_lane_close(struct cs_lane *lane);
struct cs_lane *cs_lane_find(struct cs_core *core, uint32_t gen, uint32_t lane);
unsigned cs_lane_page_size(const struct cs_lane *lane, uint64_t page);
struct cs_bits cs_lane_free(struct cs_lane *lane, uint64_t page);
enum cs_trial_state cs_lane_state_of(const struct cs_lane *lane, uint64_t position);
void cs_lane_set(struct cs_lane *lane, uint64_t page, const struct cs_bits *which, enum cs_trial_state state);
/* The lowest page that has something to lease now; an untouched one only if asked. False: none (more may come with the frontier). */
bool cs_lane_pick(struct cs_lane *lane, bool untouched_too, uint64_t *page);
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
int64_t cs_budget_cost(const struct cs_price *p, const struct cs_output *o);
int64_t cs_budget_spent(const struct cs_core *core); /* committed or queued */
/* Cuts `which` down to what can be reserved; *worst is the most that one trial of it can cost. */
struct cs_bits cs_budget_afford(struct cs_core *core, struct cs_lane *lane, uint64_t page, const struct cs_bits *which,
                                int64_t *worst);
/* The most that one of these trials can cost. */
int64_t cs_budget_worst(struct cs_core *core, struct cs_lane *lane, uint64_t page, const struct cs_bits *which);
void cs_budget_reserve(struct cs_core *core, const struct cs_lease *l, unsigned n);
void cs_budget_release(struct cs_core *core, const struct cs_lease *l, unsigned n);
void cs_budget_presume(struct cs_core *core, const struct cs_lease *l);
/* What a dead epoch may have spent on these trials is known now. */
void cs_budget_settle(struct cs_core *core, uint64_t epoch, const struct cs_bits *which);
/* An output came in: keeps what it gave back (`before`: reserved + presumed until now) over its cost until its group is durable. */
void cs_budget_unsettle(struct cs_core *core, int64_t before, int64_t cost);
void cs_budget_durable(struct cs_core *core, struct cs_group *g);
bool cs_budget_is_ahead(const struct cs_core *core, const struct cs_lane *lane); /* of the slowest lane */

/* announce.c */
void cs_announce_make(struct cs_core *core, struct cs_announce *out);
void cs_announce_changed(struct cs_core *core);

#endif
