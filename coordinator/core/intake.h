/* intake.h - outputs: canonical, duplicate, late, refused.
 *
 * Part of the core: pure, called from within a step. Thread: the I/O loop.
 */
#ifndef CS_COORDINATOR_INTAKE_H
#define CS_COORDINATOR_INTAKE_H

#include "coordinator/lanes/state.h"

void cs_intake_outputs(struct cs_core *core, struct cs_session *s, const struct cs_message *m);
void cs_intake_remember(struct cs_core *core, uint64_t fingerprint);
void cs_intake_close(struct cs_core *core);

#endif
