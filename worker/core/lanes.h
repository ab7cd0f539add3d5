/* lanes.h - lanes as announced: facts, shares of the slots, what is wanted of them, specs and cases to ask for.
 *
 * Part of the core: pure, called from within a step. Thread: the loop.
 */
#ifndef CS_WORKER_LANES_H
#define CS_WORKER_LANES_H

#include "worker/core/state.h"

void cs_lanes_announce(struct cs_worker *w, const struct cs_announce *a, bool in_order); /* false: from PUB */
void cs_lanes_forget_wants(struct cs_worker *w);
uint32_t cs_lanes_wants(struct cs_worker *w, struct cs_want_lane **out); /* in the arena */
void cs_lanes_settle(struct cs_worker *w);                               /* facts, shares, WANT */
void cs_lanes_ask(
    struct cs_worker *w); /* SPEC_GET for what turned out to be missing, as much as may be on its way at once */
bool cs_lanes_may_ask(const struct cs_worker *w); /* much less than that is */
void cs_lanes_spec(struct cs_worker *w, const struct cs_spec_reply *s);
void cs_lanes_look(struct cs_worker *w); /* which of them have gone silent */
void cs_lanes_ask_again(struct cs_worker *w);
void cs_lanes_close(struct cs_worker *w);

#endif
