/* pacer.h - one worker's part in the pools that its calls draw from together: asks for slices of the quota, spreads its calls over
 * them, keeps to the calls in flight that it was allotted, knows what a call costs.
 *
 * A slice is what the script of store/redis/quota.h granted: it may be used until LIFE after the asking, and its calls are spread
 * over SLICE by what they cost, with a lag of at most CS_PACER_LAG_MS made up for. Each asking hands the unused rest back. When an answer
 * is late or Redis is away, the worker lives on 0.9 of the share that it was last told, from an empty bucket, and has no more calls
 * in flight than it named when it asked; without a share it waits. A worker without any Redis takes 0.9 of the whole. Where a limit per day is
 * declared it waits in both cases: only Redis knows what is left of a day.
 *
 * What a provider says of its limits holds for the pool that declares the least of that dimension, if it is less still; what it says
 * counts from the moment when its call was sent, so that slow answers do not bring back what has changed since.
 *
 * What a call is charged at its start follows the provider (`rows` in pacer.c): OpenAI takes the larger of cap and estimate and
 * gives nothing back; Anthropic counts what is really written; Bedrock takes input + cap and settles with the usage.
 * Input tokens are a straight line through the bytes of the body, fitted to the usage that came back (what surrounds the prompts
 * has bytes too), plus twice the deviation from it; output tokens an average, plus twice its deviation.
 *
 * Pure; thread: the core's. Units: milliseconds of the core's clock; requests and tokens as doubles.
 */
#ifndef CS_PACER_H
#define CS_PACER_H

#include "protocol/study/study.h"
#include "store/redis/quota.h"

enum { CS_PACER_LATE_MS = 500, CS_PACER_LAG_MS = 100 };

struct cs_average { /* exponential, of a value and of its squared deviation */
    double mean, variance;
    bool known;
};

struct cs_line { /* y = my + sxy / sxx (x - mx), exponentially weighted; variance: of (y - its guess) / x */
    double mx, my, sxx, sxy, variance;
    bool known;
};

struct cs_pacer_pool {
    double declared[CS_QUOTA_DIMS]; /* 0: none */
    uint32_t concurrent, allotted;  /* calls in flight: declared, and what is mine of them */
    double share;                   /* < 0: never told */
    bool was_told;
    uint64_t told_at; /* when the call was sent whose answer said `told` */
    double told[CS_QUOTA_PER_MINUTE];
};

struct cs_pacer {
    enum cs_protocol protocol;
    struct cs_pacer_pool pool[CS_QUOTA_POOLS_MAX];
    uint32_t n_pools;
    double limit[CS_QUOTA_DIMS];   /* the least of its pools', as declared or told; 0: none */
    double budget[CS_QUOTA_DIMS];  /* may be spent until `expires` */
    double slice[CS_QUOTA_DIMS];   /* what the budget was when it was granted */
    double back[CS_QUOTA_DIMS];    /* to be told when asking next */
    double charged[CS_QUOTA_DIMS]; /* in all, corrected where the provider does */
    double typical[CS_QUOTA_DIMS]; /* cost of a call; of the one that waits, if one does */
    double granted[CS_QUOTA_DIMS]; /* cost of one call in the asking under way */
    uint64_t expires, ask_at, asked_at, serial, quiet_until, quiet_tell, filled_at, away_at, shut_until;
    double next_start;
    uint32_t in_flight, named;        /* named: in flight when it asked last */
    bool asking, away, alone, listed; /* listed: stands in the table of those who want */
    bool seen_cost;
    struct cs_line input;     /* tokens by bytes */
    struct cs_average output; /* tokens */
};

bool cs_pacer_needed(const struct cs_limits *limits); /* whether any limit is declared */
void cs_pacer_init(struct cs_pacer *p, enum cs_protocol protocol, uint64_t now);
void cs_pacer_declare(struct cs_pacer *p, uint32_t pool,
                      const struct cs_limits *limits); /* the next one, or one anew */

bool cs_pacer_counts_days(const struct cs_pacer *p); /* whether one of its pools has a limit per day */

/* What a call with a body of so many bytes and this cap (0: none) is charged at its start. */
void cs_pacer_cost(const struct cs_pacer *p, size_t bytes, uint32_t cap, double cost[CS_QUOTA_DIMS]);
/* Charges the call and lets it start, or false: look again at cs_pacer_next, or when a call has ended. */
bool cs_pacer_start(struct cs_pacer *p, const double cost[CS_QUOTA_DIMS], uint64_t now);
/* Whether a start would fail as the last one did; spares the rendering of a prompt. */
bool cs_pacer_shut(const struct cs_pacer *p, uint64_t now);
uint64_t cs_pacer_next(const struct cs_pacer *p, uint64_t now); /* > now; UINT64_MAX: nothing is awaited */
/* Calls that may be in flight at once; UINT32_MAX: no limit is declared. */
uint32_t cs_pacer_most(const struct cs_pacer *p);

/* Fills all but group, claimant and the pools' names if it is time to ask; `want` calls could start. */
bool cs_pacer_ask(struct cs_pacer *p, uint32_t want, uint64_t now, struct cs_quota_ask *ask);
/* The answer to the asking `serial` (p->serial when it was made). NULL: Redis is away. */
void cs_pacer_granted(struct cs_pacer *p, uint64_t serial, const struct cs_quota_grant *grant, uint64_t now);
void cs_pacer_alone(struct cs_pacer *p, uint64_t now); /* there is no Redis */

/* A call has ended with this usage (0: unknown). */
void cs_pacer_ended(struct cs_pacer *p, const double cost[CS_QUOTA_DIMS], size_t bytes, uint32_t input,
                    uint32_t output);
void cs_pacer_limited(struct cs_pacer *p, uint64_t wait_ms, uint64_t now); /* 429: not before */
/* What the answer to a call sent at `sent` says; 0: nothing of this dimension. */
void cs_pacer_told(struct cs_pacer *p, const double limit[CS_QUOTA_PER_MINUTE], uint64_t sent);

#endif
