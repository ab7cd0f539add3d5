/* witness.h - what Redis remembers of a fleet's store: a store that has less than that has lost something.
 *
 * Redis shows nothing that is not on disk first, so its word is never ahead of a store that is whole. It may be gone (flushed, restarted), and
 * then says nothing. Thread: any.
 */
#ifndef CS_WITNESS_H
#define CS_WITNESS_H

#include "store/redis/redis.h"

struct cs_witness {
    uint32_t term;   /* of the coordinator that spoke last; 0: nothing is known */
    uint64_t commit; /* its last commit then; 0: it did not say */
    int64_t updated_wall_ms;
};
/* *out is zeroed where Redis knows nothing of the fleet. */
CS_WARN_UNUSED enum cs_err cs_witness_read(struct cs_redis_sync *r, const char *fleet, struct cs_witness *out,
                                           struct cs_error *err);

#endif
