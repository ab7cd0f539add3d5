/* pacer.h - one worker's part in a pool: asks for slices of the quota, spreads its calls over them, knows what a call costs.
 *
 * A slice is what the script of store/quota.h granted: it may be used until LIFE after the asking, and its calls are spread
 * over SLICE by what they cost, with a lag of at most CS_PACER_LAG_MS made up for. Each asking hands the unused rest back. When an answer
 * is late or Redis is away, the worker lives on 0.9 of the share that it was last told, from an empty bucket; without a share it
 * waits. A worker without any Redis takes 0.9 of the whole.
 *
 * What a call is charged at its start follows the provider (`rows` in pacer.c): OpenAI takes the larger of cap and estimate and
 * gives nothing back; Anthropic counts what is really written; Bedrock takes input + cap and settles with the usage.
 * Tokens are estimated as bytes x ratio, the ratio an average of the pool's own replies plus twice its deviation.
 *
 * Pure; thread: the core's. Units: milliseconds of the core's clock; requests and tokens as doubles.
 */
#ifndef CS_PACER_H
#define CS_PACER_H

#include "protocol/study/study.h"
#include "store/quota.h"

enum { CS_PACER_LATE_MS = 500, CS_PACER_LAG_MS = 20 };

struct cs_average { /* exponential, of a value and of its squared deviation */
    double mean, variance;
    bool known;
};

struct cs_pacer {
    enum cs_protocol protocol;
    double declared[CS_QUOTA_DIMS], limit[CS_QUOTA_DIMS]; /* limit: or what the provider says, if less */
    double budget[CS_QUOTA_DIMS];                         /* may be spent until `expires` */
    double slice[CS_QUOTA_DIMS];                          /* what the budget was when it was granted */
    double back[CS_QUOTA_DIMS];                           /* to be told when asking next */
    double typical[CS_QUOTA_DIMS];                        /* cost of a call; of the one that waits, if one does */
    double granted[CS_QUOTA_DIMS];                        /* cost of one call in the asking under way */
    uint64_t expires, ask_at, asked_at, serial, quiet_until, quiet_tell, filled_at, shut_until;
    double next_start, share;
    bool asking, away, alone, listed; /* listed: stands in the table of those who want */
    bool seen_cost;
    struct cs_average ratio, output; /* input tokens per byte; output tokens */
};

void cs_pacer_init(struct cs_pacer *p, enum cs_protocol protocol, const struct cs_limits *limits, uint64_t now);
bool cs_pacer_needed(const struct cs_limits *limits); /* whether any rate is declared */

/* What a call with a body of so many bytes and this cap (0: none) is charged at its start. */
void cs_pacer_cost(const struct cs_pacer *p, size_t bytes, uint32_t cap, double cost[CS_QUOTA_DIMS]);
/* Charges the call and lets it start, or false: look again at cs_pacer_next. */
bool cs_pacer_start(struct cs_pacer *p, const double cost[CS_QUOTA_DIMS], uint64_t now);
/* Whether a start would fail as the last one did; spares the rendering of a prompt. */
bool cs_pacer_shut(const struct cs_pacer *p, uint64_t now);
uint64_t cs_pacer_next(const struct cs_pacer *p, uint64_t now); /* > now; UINT64_MAX: nothing is awaited */

/* Fills all but pool and worker if it is time to ask; `want` calls could start. */
bool cs_pacer_ask(struct cs_pacer *p, uint32_t want, uint64_t now, struct cs_quota_ask *ask);
/* The answer to the asking `serial` (p->serial when it was made). NULL: Redis is away. */
void cs_pacer_granted(struct cs_pacer *p, uint64_t serial, const struct cs_quota_grant *grant, uint64_t now);
void cs_pacer_alone(struct cs_pacer *p, uint64_t now); /* there is no Redis */

/* A call has ended with this usage (0: unknown). */
void cs_pacer_ended(struct cs_pacer *p, const double cost[CS_QUOTA_DIMS], size_t bytes, uint32_t input,
                    uint32_t output);
void cs_pacer_limited(struct cs_pacer *p, uint64_t wait_ms, uint64_t now); /* 429: not before */
void cs_pacer_told(struct cs_pacer *p, enum cs_quota_dim d, double limit); /* by the provider; 0: nothing */

#endif
