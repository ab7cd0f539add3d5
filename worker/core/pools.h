/* pools.h - quotas: which lanes draw from which, all at once.
 *
 * Part of the core: pure, called from within a step. Thread: the loop.
 */
#ifndef CS_WORKER_POOLS_H
#define CS_WORKER_POOLS_H

#include "worker/core/state.h"

/* Its facts are known, or its limits by hand have changed. Calls that are under way stay charged where they were. */
void cs_pools_join(struct cs_worker *w, struct cs_worker_lane *l);
uint32_t cs_pools_less(uint32_t a, uint32_t b); /* of two limits, 0: none */
void cs_pools_wake(struct cs_worker *w, const struct cs_draw *d);
bool cs_pools_shut(const struct cs_worker *w, const struct cs_worker_lane *l); /* no call now, whatever its size */
/* Charges the lane's pools, or false: their alarm, or a call that ends, wakes the lane. */
bool cs_pools_admit(struct cs_worker *w, struct cs_worker_lane *l, size_t bytes, double cost[CS_QUOTA_DIMS]);
void cs_pools_ended(struct cs_worker *w, const struct cs_call *c, const struct cs_http_reply *reply,
                    const struct cs_reading *reading);
void cs_pools_answer(struct cs_worker *w, const struct cs_worker_quota *q);
void cs_pools_settle(struct cs_worker *w); /* askings, alarms */
void cs_pools_close(struct cs_worker *w);

#endif
