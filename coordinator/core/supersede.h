/* supersede.h - done trials are asked again by a declared act (decision 12).
 *
 * Part of the core: pure, called from within a step. Thread: the I/O loop.
 */
#ifndef CS_COORDINATOR_SUPERSEDE_H
#define CS_COORDINATOR_SUPERSEDE_H

#include "coordinator/lanes/state.h"

void cs_supersede(struct cs_core *core, const struct cs_event *e); /* CS_EV_AGAIN */
void cs_supersede_durable(struct cs_core *core);                   /* after a group came back */

#endif
