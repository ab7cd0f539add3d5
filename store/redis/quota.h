/* quota.h - a provider's limits, shared by all workers through Redis: one Lua script leases slices of all pools of a call.
 *
 * A pool has a token bucket per dimension (requests and kinds of tokens per minute), a counter per day, and may bound the calls
 * in flight. A worker asks every SLICE for so many calls of a typical cost, hands back what it did not use, and gets whole calls,
 * all dimensions of all their pools at once, by Redis' own clock. It may start them within LIFE of its asking; what is left then
 * is lost. In each pool:
 *
 *   level(t) = min(level(t0) + rate (t - t0) + returned, cap)    rate = PART limit / 60 s; a new one: -rate LIFE
 *   grant    = calls x cost, only while level >= grant            cap = max(rate RESERVE, one call)
 *
 * Never above the limit: a grant lowers the level by what it hands out and the level stays >= 0 afterwards, so over any
 * window w, granted - returned <= level at its start + rate w <= rate w + cap. From a new bucket on it is
 * <= rate (w - LIFE): the bucket starts without a burst, and what an earlier bucket (of a Redis that was flushed or restarted)
 * had handed out within LIFE of its end is paid for by the debt. A call that cost more than was said (`back` < 0) leaves
 * a debt in the same way.
 * Only where the fleet is known to have made no call yet (`fresh`: from the coordinator, until the asker was answered once) a new bucket
 * is full, as the provider's is, and has no debt: else the first call would wait for a second and more.
 * Never below it: what lies unused is level + what workers hold. RESERVE and SLICE keep the sum under a second of the rate,
 * the smallest burst that providers are known to keep, so that the provider's bucket, which fills at the same rate, does
 * not overflow. (With calls that cost more than RESERVE holds, the reserve is one call instead.)
 *
 * Fairness: workers that asked within HOLD stand in a table with what they want. The largest level s at which the sum of
 * min(want, s) is what the pool gives is a worker's fair share; shares pile up as credit, so that at a call in two seconds
 * sixteen workers take turns. While a bucket is young (Redis was away, workers return one by one), shares are those that
 * workers had before. Redis' answer names the share, which a worker lives on when Redis is away. Of a pool that is
 * drawn from together with others a worker wants no more than those let it use: the rest is for who can use it.
 *
 * Concurrency: each row of the table holds how many calls its claimant may have in flight (`allotted`) or still has, and the sum
 * of the rows stays <= the limit: a share grows only by what others have given up. While a question is under way nobody starts a
 * call beyond those that it named as `held`, so that a smaller allotment holds from its answer on. A silent row counts for HELD. In
 * a young bucket nobody gets more than he had.
 *
 * A provider's "not before" (429) is kept with the first pool, the narrowest, and told to all that draw from it. So is
 * what a provider says of its limits: the saying of the call that was sent last holds (`age_ms`), where it is less than what the
 * user declared, until another one raises it again.
 *
 * Keys of another type, and numbers that are none, are no answer: every asker lives on its last share, and after MEND of that the first one
 * to ask throws them away (`mend`): the bucket is a new one then, in debt.
 *
 * A pool with a limit per day grants nothing until the coordinator has seeded its counters, and no more than the ceiling that it has
 * on disk (quota_days.h): a flush does not start the day anew. Days are UTC, by Redis' clock. Without Redis such a pool grants nothing.
 * Units: calls, and requests or tokens; milliseconds. Thread: the loop's. Errors: no grant.
 */
#ifndef CS_STORE_QUOTA_H
#define CS_STORE_QUOTA_H

#include "store/redis/redis.h"

/* The part of a rate that is handed out. Redis' clock and the provider's differ by up to some 500 millionths, and estimates err. */
#define CS_QUOTA_PART 0.9975

enum {
    CS_QUOTA_SLICE_MS = 250,   /* how often a worker asks */
    CS_QUOTA_LIFE_MS = 1000,   /* how long after asking it may use what it got: the longest slice */
    CS_QUOTA_RESERVE_MS = 500, /* the most of the rate that is kept in Redis */
    CS_QUOTA_HOLD_MS = 5000,   /* a silent worker's share is kept for it */
    CS_QUOTA_HELD_MS = 30000,  /* ... and its calls are taken to be in flight: as long as its leases are (decision 9) */
    CS_QUOTA_MEND_MS = 10000,  /* without an answer for so long: damaged keys are thrown away */
    CS_QUOTA_POOLS_MAX = 4,    /* pools that a call draws from */
};

enum cs_quota_dim {
    CS_QUOTA_REQUESTS,
    CS_QUOTA_TOKENS, /* as the provider counts them against its one token limit */
    CS_QUOTA_INPUT,
    CS_QUOTA_OUTPUT,
    CS_QUOTA_PER_MINUTE,
    CS_QUOTA_REQUESTS_DAY = CS_QUOTA_PER_MINUTE,
    CS_QUOTA_TOKENS_DAY,
    CS_QUOTA_DIMS
};

/* What a provider says of its limits; 0: nothing of this one. age_ms: since the call was sent; < 0: never said. */
struct cs_quota_told {
    int64_t age_ms;
    double limit[CS_QUOTA_PER_MINUTE];
};

struct cs_quota_pool {
    const char *name;
    double limit[CS_QUOTA_DIMS]; /* as declared; 0: none */
    uint32_t concurrent;         /* the same for calls in flight */
    double share;                /* as last told, of the whole pool; < 0: never told */
    uint32_t allotted;           /* calls in flight, as last granted */
    struct cs_quota_told told;
};

struct cs_quota_ask {
    const char *group;    /* names the pools that may be drawn from together: one Redis cluster slot */
    const char *claimant; /* unique among all that use this Redis */
    struct cs_quota_pool pool[CS_QUOTA_POOLS_MAX];
    uint32_t n_pools;
    uint32_t want;     /* calls that could start within a slice; 0: leaves the table */
    uint32_t held;     /* in flight */
    uint64_t quiet_ms; /* the provider wants no call for so long; 0: nothing new */
    bool fresh; /* nobody of the fleet has made a call yet: a missing bucket is a first one, not one that was lost */
    bool mend;  /* what others wrote over these keys is thrown away */
    double cost[CS_QUOTA_DIMS], back[CS_QUOTA_DIMS]; /* cost: of one call; back: what it hands back unused */
};

struct cs_quota_grant {
    uint32_t calls;
    uint64_t quiet_ms; /* how long the pools are still to be left alone */
    struct cs_quota_part {
        double share;      /* 0..1; < 0: the one known stays */
        uint32_t allotted; /* if the pool bounds the calls in flight */
        struct cs_quota_told told;
    } pool[CS_QUOTA_POOLS_MAX];
};

/* grant NULL: Redis is away, or its answer made no sense. */
typedef void (*cs_quota_fn)(void *self, const struct cs_quota_grant *grant);
void cs_quota_ask(struct cs_redis *r, const struct cs_quota_ask *ask, cs_quota_fn fn, void *self);

#endif
