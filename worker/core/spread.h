/* spread.h - the calls of a lane that has several servers (calls/servers.h), from their choice to what their end tells of each.
 *
 * Part of the core: pure, called from within a step. Thread: the loop.
 */
#ifndef CS_WORKER_SPREAD_H
#define CS_WORKER_SPREAD_H

#include "protocol/dialects/replies/reply.h"
#include "worker/core/state.h"

/* The list is new, or has changed. */
void cs_worker_spread_look(struct cs_worker *w, struct cs_worker_lane *l);
void cs_worker_spread_drop(struct cs_worker_lane *l);
void cs_worker_spread_told(struct cs_worker *w, struct cs_worker_lane *l, const struct cs_lane_info *info);
/* Calls that this worker may have at all of them; UINT32_MAX: no bound. */
uint32_t cs_worker_spread_part(const struct cs_worker_lane *l);
void cs_worker_spread_want(const struct cs_worker_lane *l, struct cs_arena *arena, struct cs_want_lane *out);

/* Who gets the next call; c: the trial's earlier ones, or NULL. NULL: nobody for now, and the lane's alarm rings when that may change. */
struct cs_worker_server *cs_worker_spread_pick(struct cs_worker *w, struct cs_worker_lane *l, const struct cs_trial *t,
                                               const struct cs_call *c);
void cs_worker_spread_sent(struct cs_call *c, struct cs_worker_server *at, uint64_t block);
/* The server that the call has left; NULL: its lane has no several. */
struct cs_worker_server *cs_worker_spread_ended(struct cs_call *c);
/* Whether a fault there tells nothing of the trial: others failed there just before. */
bool cs_worker_spread_in_doubt(const struct cs_worker_lane *l, const struct cs_worker_server *at);
/* What the end of the call tells of its server. True: of no more than that, and v says what follows for the trial. */
bool cs_worker_spread_reply(struct cs_worker *w, struct cs_call *c, struct cs_worker_server *at,
                            const struct cs_http_reply *reply, const struct cs_reading *reading, struct cs_verdict *v);

#endif
