/* shares.h - a worker's slots, shared among its lanes.
 *
 * By weight among those that have work (evenly, where all weigh the same); what a lane may not use (its part of what the coordinator
 * deals out, its account's limit) goes to the others. A lane that has not been answered, or is no longer answered, is not trusted with
 * it: together such lanes get a twentieth of the slots, and at least one call each, as long as there are others (four, before any is
 * answered). What a silent lane has under way then does not count: its slots are lent again, so that the others have all of them.
 *
 * A wish does not depend on the lane's own limit: the coordinator makes that limit from the wish, and each would follow the other for ever.
 *
 * Pure. Thread: any. Units: calls in flight.
 */
#ifndef CS_SHARES_H
#define CS_SHARES_H

#include <stdbool.h>
#include <stdint.h>

#define CS_SHARES_FREE UINT32_MAX

struct cs_share {
    bool works;      /* has work, and may do it */
    bool trusted;    /* is answered */
    uint64_t weight; /* against the others; 0: 1 */
    uint32_t limit;  /* calls that it may have at once; CS_SHARES_FREE: any number */
    uint32_t share;  /* out: what it gets */
    uint32_t wish;   /* out: what it could use if it had no `limit`; at least share */
};

void cs_shares(struct cs_share *lanes, uint32_t n, uint32_t slots);

#endif
