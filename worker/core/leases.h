/* leases.h - what is held, as bitmaps over a page; giving back, adoption.
 *
 * Part of the core: pure, called from within a step. Thread: the loop.
 */
#ifndef CS_WORKER_LEASES_H
#define CS_WORKER_LEASES_H

#include "worker/core/state.h"

void cs_leases_assign(struct cs_worker *w, const struct cs_leases *a);
void cs_leases_adopt(struct cs_worker *w, const struct cs_welcome *m);
void cs_leases_lost(struct cs_worker *w, uint64_t epoch);
void cs_leases_revoke(struct cs_worker *w, const struct cs_leases *r);
/* Gives back what has not started: tells the coordinator (`tell`), or forgets it. NULL: of all lanes. */
void cs_leases_give_back(struct cs_worker *w, const struct cs_worker_lane *only, bool tell);
/* All of the lane but `keep`; what waits to be repeated stays in any case: its attempts are counted here. */
void cs_leases_give_back_beyond(struct cs_worker *w, const struct cs_worker_lane *lane, uint32_t keep);
void cs_leases_give_back_untried(struct cs_worker *w, const struct cs_worker_lane *lane);
void cs_leases_give_back_one(struct cs_worker *w, struct cs_worker_lease *l, uint8_t bit); /* a busy position */
uint32_t cs_leases_list(struct cs_worker *w, bool with_dead,
                        struct cs_lease_ref **out); /* for HELLO and PING, in the arena */
void cs_leases_settle(struct cs_worker *w);         /* RELEASE */
/* Positions move: todo -> busy (start), busy -> todo and waiting (pause), busy -> nothing (done). */
int cs_lease_next(const struct cs_worker_lease *l);           /* a bit to start, -1: none */
int cs_lease_after(const struct cs_worker_lease *l, int bit); /* the one that comes after that */
void cs_lease_start(struct cs_worker *w, struct cs_worker_lease *l, uint8_t bit);
void cs_lease_pause(struct cs_worker *w, struct cs_call *c);
void cs_lease_done(struct cs_worker *w, struct cs_worker_lease *l, uint8_t bit);
void cs_lease_forget_waiting(struct cs_worker *w, struct cs_call *c); /* its position is to be started afresh, or not */
void cs_leases_close(struct cs_worker *w);

/* Conversations: what of the lane is to be started is not, before it is told which turns of it stand. */
void cs_leases_untold(struct cs_worker *w, const struct cs_worker_lane *lane);
bool cs_lease_is_untold(const struct cs_worker_lease *l, uint8_t bit);
void cs_lease_told(struct cs_worker *w, struct cs_worker_lease *l, uint8_t bit);
void cs_lease_wait(struct cs_worker *w, struct cs_call *c); /* an untold one: it waits to go on with this call */
void cs_lease_renew(struct cs_worker *w, struct cs_worker_lease *l, uint8_t bit); /* a busy one is to be told anew */

void cs_leases_drop_call(struct cs_worker *w, struct cs_call *c); /* a waiting one */

#endif
