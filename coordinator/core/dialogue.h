/* dialogue.h - what a worker says, and what is answered: HELLO WANT PING RELEASE REVOKED OUTPUTS BYE.
 *
 * Part of the core: pure, called from within a step. Thread: the I/O loop.
 */
#ifndef CS_COORDINATOR_DIALOGUE_H
#define CS_COORDINATOR_DIALOGUE_H

#include "coordinator/lanes/state.h"

void cs_dialogue_message(struct cs_core *core, const struct cs_event *e);
void cs_dialogue_gone(struct cs_core *core, uint64_t session); /* there is no route to it */

#endif
