/* lane.h - a lane, looked up and woken.
 *
 * Part of the core: pure, called from within a step. Thread: the loop.
 */
#ifndef CS_WORKER_LANE_H
#define CS_WORKER_LANE_H

#include "worker/core/state.h"

struct cs_worker_lane *cs_worker_lane_find(struct cs_worker *w, uint32_t gen, uint32_t lane);
void cs_worker_lane_wake(struct cs_worker *w, struct cs_worker_lane *l); /* it may be able to start a call */
void cs_worker_lane_wake_all(struct cs_worker *w);
uint32_t cs_worker_lane_most(const struct cs_worker_lane *l); /* calls that it may have in flight now */
/* Whether this worker finds out by itself how many calls the provider bears: where limits are declared, and under a coordinator that
 * says nothing of it. Otherwise the coordinator does (coordinator/lanes/ramp.h). */
bool cs_worker_lane_brakes(const struct cs_worker_lane *l);
/* A conversation between two turns keeps the slot of its last call in its lane. */
void cs_worker_lane_warm(struct cs_call *c, bool warm);
void cs_worker_lane_silent(struct cs_worker *w, struct cs_worker_lane *l, bool silent);
void cs_worker_lane_flies(struct cs_worker *w, struct cs_worker_lane *l,
                          int calls); /* 1 or -1: one begins, or has ended */
bool cs_worker_lane_is_borne(const struct cs_worker *w, const struct cs_worker_lane *l); /* memory for one more reply */
uint64_t cs_worker_lane_key(uint32_t gen, uint32_t lane);

/* Whether a call that begins in `pause_ms` ends before the deadline, if there is one. */
bool cs_worker_lane_fits(const struct cs_worker *w, const struct cs_worker_lane *l, uint64_t pause_ms);

/* Whether a call may be made for its trial once more: the lease is ours, and nothing stops the lane. */
bool cs_worker_lane_may_repeat(const struct cs_worker *w, const struct cs_call *c, uint64_t pause_ms);

#endif
