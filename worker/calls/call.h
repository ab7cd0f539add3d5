/* call.h - one trial from its first HTTP call to its outcome: counts, deadline, and the output that comes of it.
 *
 * Pure; no timers of its own: it says how long to wait. Thread: the core's.
 */
#ifndef CS_CALL_H
#define CS_CALL_H

#include <sys/queue.h>

#include "protocol/dialects/replies/reply.h"
#include "protocol/wire/output.h"
#include "store/redis/quota.h"
#include "worker/calls/alarm.h"
#include "worker/calls/retry.h"

enum { CS_NO_SLOT = UINT32_MAX };

struct cs_draw;
struct cs_call {
    struct cs_worker_lane *lane;
    struct cs_worker_lease *lease;
    uint8_t bit;   /* position = lease->page * 256 + bit */
    bool due;      /* waiting, and its pause is over */
    uint32_t slot; /* CS_NO_SLOT while it waits to be repeated */
    struct cs_digest digest;
    uint32_t question, elements;              /* elements: of the list that it grades */
    uint32_t calls;                           /* HTTP calls made */
    uint32_t faults;                          /* those that ended in a fault */
    uint32_t tries;                           /* those made while the provider otherwise worked */
    uint64_t failed_first_ms, failed_last_ms; /* when the first call that ended in a fault was sent, and the last */
    uint32_t limited;                         /* 429s in a row while `progress` of the lane stood still, */
    uint64_t limited_ms;                      /* from this on */
    uint32_t alone;                           /* 429s between which others were answered */
    uint64_t asked_ms;                        /* waits that the provider asked for: not a part of the trial's time */
    uint32_t denied;                          /* 401, 403, 404 */
    uint64_t prompt;                          /* stands for its body (source.h) */
    char **said;                              /* a conversation's replies so far, */
    uint32_t n_said, turns;                   /* how many, and the calls that it makes; turns 1: no conversation */
    struct cs_session_told *session;          /* that they were said in, if the system remembers them; else NULL */
    bool free, last;                          /* as in struct cs_trial */
    uint32_t tools;                           /* likewise */
    bool going;                               /* between two turns: due before anything new (talks.h) */
    uint64_t block;                           /* likewise */
    struct cs_worker_server *server;          /* where the call is under way, of several; else NULL */
    uint32_t failed_at;                       /* the number of the server where the last one failed; 0: none did */
    bool warm;                                /* ... and its slot is kept for it */
    uint8_t sent[16];
    uint64_t progress;
    uint32_t ambiguous; /* sent, and no status line came back */
    uint32_t wasted, wasted_untold, wasted_input, wasted_cached, wasted_cache_write,
        wasted_output; /* as in struct cs_output */
    bool usage_short;
    uint64_t first_ms, sent_ms;
    struct cs_draw *draw;       /* where it was charged; NULL: its lane had no limit then */
    double cost[CS_QUOTA_DIMS]; /* what that was charged */
    uint32_t bytes;
    int64_t first_wall_ms;
    struct cs_alarm alarm;
    TAILQ_ENTRY(cs_call) in_lane; /* due calls of the lane, or those going on */
    LIST_ENTRY(cs_call) in_lease; /* waiting calls of the lease */
};

struct cs_verdict {
    struct cs_retry_rule rule; /* as the table says */
    enum cs_next next;         /* what follows for this trial: FAIL when it has been tried often or long enough */
    enum cs_outcome outcome;
    uint64_t wait_ms; /* RETRY: this call's pause; WAIT: the lane's, CS_NO_HINT if the provider did not say */
    bool soon;        /* WAIT: it would have us back at once, which is not done */
};

/* What the lane knows when a call of it ends. */
struct cs_call_world {
    uint64_t progress; /* answers that it has had: tells 429s in a row from a busy lane's */
    bool in_doubt;     /* nobody of it is answered: a fault tells nothing about the trial */
    uint64_t now_ms;
    struct cs_rng *rng;
};

void cs_worker_call_free(struct cs_call *c);
/* The reply stands: all that was counted of its call is forgotten, the next one is another. */
void cs_worker_call_next(struct cs_call *c, const char *text);
/* The session that the reply was given in, copied: the next call goes on in it. */
void cs_worker_call_in(struct cs_call *c, const struct cs_session_told *session);
/* A call begins. */
void cs_worker_call_sent(struct cs_call *c, uint32_t slot, uint64_t now_ms, int64_t wall_ms);
/* A call ended. */
struct cs_verdict cs_worker_call_ended(struct cs_call *c, const struct cs_http_reply *reply,
                                       const struct cs_reading *reading, const struct cs_call_world *world);
/* A reply without a text, from a system whose texts were found before: an answer that says nothing; or an error, where a call of several
 * requests did not come so far as to be answered. */
void cs_worker_call_no_text(const struct cs_http_reply *reply, struct cs_reading *reading);
/* Whether it may have been charged: it told a usage, or it is a good reply that says no error. */
bool cs_worker_call_is_billed(const struct cs_http_reply *reply, const struct cs_reading *reading);
/* Another call follows this reply, of which nothing can be used: what it cost is kept. */
void cs_worker_call_waste(struct cs_call *c, const struct cs_http_reply *reply, const struct cs_reading *reading);
/* The output; gen, lane, position, epoch, worker are the caller's to fill. */
void cs_worker_call_output(const struct cs_call *c, const struct cs_http_reply *reply, const struct cs_reading *reading,
                           enum cs_outcome outcome, uint64_t now_ms, struct cs_output *out);

#endif
