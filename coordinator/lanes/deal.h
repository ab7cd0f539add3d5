/* deal.h - how many calls each worker may have in flight in a lane: what the lane's ramp allows, dealt out evenly among those who want
 * work, and told to each of them at once.
 *
 *   a session gets a part    it wants work here, was heard of lately, and there is something to lease, or it holds something
 *   how much                 an even share; what one cannot use goes to the others; of a remainder, and where there are more workers
 *                            than calls, those go first that hold something (what is begun must end), then those that have a part
 *   a worker without a part  gives back what it has not begun
 *
 * When parts move, calls that are under way end where they are: for one latency there may be more in flight than the ramp allows.
 * A worker of an older version does not know of parts: it holds no more trials than its part, and so has no more calls.
 *
 * Part of the core: pure, called from within a step. Thread: the I/O loop.
 */
#ifndef CS_COORDINATOR_DEAL_H
#define CS_COORDINATOR_DEAL_H

#include "coordinator/lanes/state.h"

void cs_deal_new(const struct cs_core *core, struct cs_session *s); /* it has said nothing yet */
void cs_deal_dirty(struct cs_core *core,
                   struct cs_lane *lane); /* NULL: all lanes. Something changed that parts depend on */
void cs_deal_tick(struct cs_core *core);  /* time has passed */
void cs_deal(struct cs_core *core);       /* at the end of a step: parts, and STOP to those whose part changed */
void cs_deal_output(struct cs_core *core, struct cs_lane *lane, const struct cs_output *o); /* a call ended */
/* What a session says of the lane's provider in WANT; ack: the last of our messages that it had seen. */
void cs_deal_said(struct cs_core *core, struct cs_session *s, struct cs_lane *lane, uint32_t jams, uint64_t ack);
/* Trials that the session may hold in the lane, of the capacity that it wants; and among how many the rest is shared. */
uint32_t cs_deal_capacity(const struct cs_session *s, const struct cs_lane *lane);
uint32_t cs_deal_sharers(const struct cs_lane *lane);

#endif
