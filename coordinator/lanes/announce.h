/* announce.h - what the whole fleet is told.
 *
 * Part of the core: pure, called from within a step. Thread: the I/O loop.
 */
#ifndef CS_COORDINATOR_ANNOUNCE_H
#define CS_COORDINATOR_ANNOUNCE_H

#include "coordinator/lanes/state.h"

/* to: whom it is told, with its part of the calls; NULL: all, on PUB. */
void cs_announce_make(struct cs_core *core, struct cs_session *to, struct cs_announce *out);
/* How a part of the calls is written in the announcement. */
uint32_t cs_announce_calls(uint32_t part);
void cs_announce_changed(struct cs_core *core);

#endif
