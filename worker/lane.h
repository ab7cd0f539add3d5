/* lane.h - a lane, looked up and woken.
 *
 * Part of the core: pure, called from within a step. Thread: the loop.
 */
#ifndef CS_WORKER_LANE_H
#define CS_WORKER_LANE_H

#include "worker/state.h"

struct cs_worker_lane *cs_worker_lane_find(struct cs_worker *w, uint32_t gen, uint32_t lane);
void cs_worker_lane_wake(struct cs_worker *w, struct cs_worker_lane *l); /* it may be able to start a call */
void cs_worker_lane_wake_all(struct cs_worker *w);
uint32_t cs_worker_lane_most(const struct cs_worker_lane *l); /* calls that it may have in flight now */
bool cs_worker_lane_is_borne(const struct cs_worker *w, const struct cs_worker_lane *l); /* memory for one more reply */
uint64_t cs_worker_lane_key(uint32_t gen, uint32_t lane);

#endif
