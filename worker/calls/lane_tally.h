/* lane_tally.h - how the calls of a lane end on this worker, and how long they take: for `status` and for /metrics.
 *
 * Counts since the lane was first announced to this process; each call is counted once, when it ends, also one that is repeated. Pure.
 */
#ifndef CS_LANE_TALLY_H
#define CS_LANE_TALLY_H

#include "store/redis/tally.h"
#include "worker/calls/retry.h"

enum { CS_TALLY_MINUTE_MS = 60 * 1000 };

struct cs_lane_tally {
    struct cs_call_tally all;             /* `recent` of it is made by cs_lane_tally_sum */
    uint64_t minute[2][CS_TALLY_BUCKETS]; /* this minute, and the one before */
    uint64_t minute_ms;                   /* when this minute began */
};

/* rule: what the table of retries says of its end. Returns as what it was counted. */
enum cs_tally_end cs_lane_tally_note(struct cs_lane_tally *t, const struct cs_retry_rule *rule,
                                     enum cs_transfer transfer, uint64_t took_ms, uint64_t now_ms);
void cs_lane_tally_sum(struct cs_lane_tally *t, uint64_t now_ms, struct cs_call_tally *out);

#endif
