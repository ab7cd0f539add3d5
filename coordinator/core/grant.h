/* grant.h - how much a session gets, and of which lanes.
 *
 * Part of the core: pure, called from within a step. Thread: the I/O loop.
 */
#ifndef CS_COORDINATOR_GRANT_H
#define CS_COORDINATOR_GRANT_H

#include "coordinator/lanes/state.h"

/* Tops the session up: to capacity, or only when a worthwhile part is missing. */
void cs_grant_session(struct cs_core *core, struct cs_session *s, bool all);

#endif
