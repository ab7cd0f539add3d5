/* quota.h - a provider's limits, shared by all workers through Redis: one Lua script leases slices of one pool.
 *
 * A pool has a token bucket per dimension (requests and kinds of tokens per minute) and a counter per day. A worker asks
 * every SLICE for so many calls of a typical cost, hands back what it did not use, and gets whole calls, all dimensions
 * at once, by Redis' own clock. It may start them within LIFE of its asking; what is left then is lost.
 *
 *   level(t) = min(level(t0) + rate (t - t0) + returned, cap)    rate = limit / 60 s; a new bucket: -rate LIFE
 *   grant    = calls x cost, only while level >= grant            cap = max(rate RESERVE, one call)
 *
 * Never above the limit: a grant lowers the level by what it hands out and the level stays >= 0 afterwards, so over any
 * window w, granted - returned <= level at its start + rate w <= rate w + cap. From a new bucket on it is
 * <= rate (w - LIFE): the bucket starts without a burst, and what an earlier bucket (of a Redis that was flushed or restarted)
 * had handed out within LIFE of its end is paid for by the debt. A call that cost more than was said (`back` < 0) leaves
 * a debt in the same way.
 * Never below it: what lies unused is level + what workers hold. RESERVE and SLICE keep the sum under a second of the rate,
 * the smallest burst that providers are known to keep, so that the provider's bucket, which fills at the same rate, does
 * not overflow. (With calls that cost more than RESERVE holds, the reserve is one call instead.)
 *
 * Fairness: workers that asked within HOLD stand in a table with what they want. The largest level s at which the sum of
 * min(want, s) is what the pool gives is a worker's fair share; shares pile up as credit, so that at a call in two seconds
 * sixteen workers take turns. While a bucket is young (Redis was away, workers return one by one), shares are those that
 * workers had before. Redis' answer names the share, which a worker lives on when Redis is away.
 *
 * A provider's "not before" (429) is kept with the pool and told to all that ask.
 *
 * Day counters live in Redis alone: a flush starts the day anew. Days are UTC.
 * Units: calls, and requests or tokens; milliseconds. Thread: the loop's. Errors: no grant.
 */
#ifndef CS_STORE_QUOTA_H
#define CS_STORE_QUOTA_H

#include "store/redis.h"

enum {
    CS_QUOTA_SLICE_MS = 250,   /* how often a worker asks */
    CS_QUOTA_LIFE_MS = 1000,   /* how long after asking it may use what it got: the longest slice */
    CS_QUOTA_RESERVE_MS = 500, /* of the rate, kept in Redis at most */
    CS_QUOTA_HOLD_MS = 5000,   /* a silent worker's share is kept for it */
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

struct cs_quota_ask {
    const char *pool, *worker; /* worker: unique in the fleet */
    uint32_t want;             /* calls that could start within a slice; 0: leaves the table */
    double share;              /* as last told, of the whole pool; < 0: never told */
    uint64_t quiet_ms;         /* the provider wants no call for so long; 0: nothing new */
    double limit[CS_QUOTA_DIMS], cost[CS_QUOTA_DIMS], back[CS_QUOTA_DIMS]; /* limit 0: none; cost of one call */
};

struct cs_quota_grant {
    uint32_t calls;
    double share;      /* 0..1; < 0: the one known stays */
    uint64_t quiet_ms; /* how long the pool is still to be left alone */
};

/* grant NULL: Redis is away, or its answer made no sense. */
typedef void (*cs_quota_fn)(void *self, const struct cs_quota_grant *grant);
void cs_quota_ask(struct cs_redis *r, const struct cs_quota_ask *ask, cs_quota_fn fn, void *self);

#endif
