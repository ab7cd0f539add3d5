/* quota_days.h - counters of a day in Redis, held to what the store knows (decision 13): the coordinator's side of quota.h.
 *
 * A pool with a limit per day has two numbers of each dimension in its bucket: the level (granted today) and a ceiling, up to
 * which it may be granted. The ceiling is on disk before it is in Redis, so a Redis that forgot the level can be told the ceiling as
 * the level: no more than that was granted. A bucket that was not seeded for this day grants nothing.
 *
 * Days are UTC, by Redis' clock, counted from 1970. Units: requests; tokens. Thread: the loop's.
 */
#ifndef CS_STORE_QUOTA_DAYS_H
#define CS_STORE_QUOTA_DAYS_H

#include "store/redis/quota.h"

enum { CS_DAY_DIMS = CS_QUOTA_DIMS - CS_QUOTA_PER_MINUTE };

struct cs_day_ask {
    const char *group, *pool;      /* as in struct cs_quota_ask */
    int64_t day;                   /* that the rest is about; of another day nothing is set */
    uint64_t granted[CS_DAY_DIMS]; /* at most so much was, if the bucket does not know */
    uint64_t ceiling[CS_DAY_DIMS]; /* on disk; the one in Redis is never lowered by it */
};

struct cs_day_told {
    int64_t day;                                       /* by Redis' clock */
    bool seeded;                                       /* for this day, perhaps just now; the rest is then known */
    uint64_t level[CS_DAY_DIMS], ceiling[CS_DAY_DIMS]; /* level: rounded up */
    uint64_t need[CS_DAY_DIMS];                        /* cost of one call, as last asked for */
};

/* A worker names a pool with a limit per day to the coordinator of its fleet; kept for two days.
 *   clinsafe:FLEET:day_pools    hash: "GROUP POOL" -> "REQUESTS TOKENS", a day's limits */
void cs_quota_days_publish(struct cs_redis *r, const char *fleet, const char *group, const char *pool,
                           const uint64_t limit[CS_DAY_DIMS]);
/* Calls fn for each, then with group NULL. */
typedef void (*cs_day_pool_fn)(void *self, const char *group, const char *pool, const uint64_t limit[CS_DAY_DIMS]);
void cs_quota_days_read(struct cs_redis *r, const char *fleet, cs_day_pool_fn fn, void *self);

/* told NULL: Redis is away, or its answer made no sense; what was asked may have been set all the same. */
typedef void (*cs_day_fn)(void *self, const struct cs_day_told *told);
void cs_quota_days_tell(struct cs_redis *r, const struct cs_day_ask *ask, cs_day_fn fn, void *self);

#endif
