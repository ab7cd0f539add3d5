/* retry.h - what follows from how a call ended: the one table of the one retry layer (decision 14).
 *
 * Three things are known of a call that has ended: how its transfer ended, the status, and what the body says according
 * to the provider's dialect (dialects/replies/reply.h). The first row of the table in retry.c that matches them says what follows:
 *
 *   an attempt     every call that is made for a trial, whatever became of it
 *   a try          a fault of the call's own while the provider otherwise works: CS_RETRY_TRIES_MAX of them end the trial. Faults
 *                  cost no try while no call of the lane is answered (outage.h), nor does a call that found no connection
 *   429            costs no try; CS_RETRY_LIMITED_MAX in a row over CS_RETRY_LIMITED_MS end the trial, if the lane gets nothing
 *                  through meanwhile; a quota of the day never does
 *   the deadline   CS_RETRY_DEADLINE_MS after its first call, not counting waits that the provider asked for, a trial that has failed
 *                  often enough is not tried again
 *
 * Pure. Units: milliseconds.
 */
#ifndef CS_RETRY_H
#define CS_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/base/rng.h"
#include "protocol/dialects/replies/reply.h"

enum {
    CS_RETRY_TRIES_MAX = 6,
    CS_RETRY_LIMITED_MAX = 20,             /* 429s in a row while the lane got nothing through, */
    CS_RETRY_LIMITED_MS = 60 * 1000,       /* over at least so long, */
    CS_RETRY_ALONE_MAX = 3,                /* or while it did: then the trial waits, and the lane does not */
    CS_RETRY_WAIT_MAX_MS = 3600 * 1000,    /* the longest wait that a provider can impose */
    CS_RETRY_SHOWN_MS = 5 * 60 * 1000,     /* people are told of a longer one */
    CS_RETRY_DEADLINE_MS = 10 * 60 * 1000, /* no retry is planned this long after the first call */
    CS_RETRY_BASE_MS = 500,
    CS_RETRY_CAP_MS = 30 * 1000,
};

/* How long until the next call. */
enum cs_pause {
    CS_PAUSE_NONE,   /* there is none */
    CS_PAUSE_JITTER, /* full jitter over a doubling limit, or longer if the provider asks for it */
    CS_PAUSE_EASE,   /* the same, and the lane makes half as many calls at once: the provider is overloaded */
    CS_PAUSE_LANE,   /* the whole lane waits: as long as the provider asks for, or full jitter */
};

enum cs_next {
    CS_NEXT_ANSWER, /* an answer: deliver */
    CS_NEXT_FAIL,   /* a failure that a repetition would not mend: deliver */
    CS_NEXT_RETRY,  /* again after a pause; after too many tries the failure */
    CS_NEXT_WAIT,   /* the provider is full: quiet the lane, again afterwards; costs no try */
    CS_NEXT_STOP,   /* no outcome: the lane stops here, the trial is given back */
    CS_NEXT_DENIED, /* the key or the model is refused, or only this prompt is: denials.h tells; in the end the failure, or STOP */
    CS_NEXT_DAY, /* the quota of the day is used up: WAIT if the provider says for how long, and it is not too long; else STOP */
};

struct cs_retry_rule {
    enum cs_next next;
    enum cs_outcome outcome; /* ANSWER: which; FAIL, RETRY, WAIT: the failure in the end */
    enum cs_pause pause;
    bool ambiguous;     /* sent, and no status line came back: it may have been billed */
    const char *reason; /* STOP: what is wrong, for the operator; or NULL */
    const char *remedy; /* STOP: what he does about it before he resumes */
};

/* status: of the reply, or what an error in a good one says of itself. For CS_SAYS_ANSWER the outcome is CS_OUTCOME_ok: the dialect knows better. */
struct cs_retry_rule cs_retry_rule(enum cs_transfer transfer, uint16_t status, enum cs_saying says);
/* Full jitter: uniform in [0, min(cap, base * 2^n)]. n counts from 0. */
uint64_t cs_retry_pause(uint32_t n, struct cs_rng *rng);

#endif
