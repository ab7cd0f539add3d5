/* skew.h - workers older than the study: a generation that needs a newer minor version of the protocol than a worker states is not
 * leased to it, and status says so.
 *
 * Part of the core: pure, called from within a step. Thread: the I/O loop.
 */
#ifndef CS_COORDINATOR_SKEW_H
#define CS_COORDINATOR_SKEW_H

#include "coordinator/lanes/state.h"

/* Whether this worker would skip something that the lane's study says. */
bool cs_skew_lacks(const struct cs_session *s, const struct cs_lane *lane);
/* Notes it in all lanes where it is so: a worker that cannot read their study says nothing of them itself. */
void cs_skew_say(struct cs_core *core, struct cs_session *s);

#endif
