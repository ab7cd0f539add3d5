/* draws.h - answers that cannot be parsed, drawn again because their study says so (`judge: {again: n}`).
 *
 * Part of the core: pure, called from within a step. Thread: the I/O loop.
 */
#ifndef CS_COORDINATOR_DRAWS_H
#define CS_COORDINATOR_DRAWS_H

#include "coordinator/lanes/state.h"

/* Whether the trial of this answer is drawn again: the answer is then kept as superseded, and the trial stays planned. Counts it. */
bool cs_draws_again(struct cs_core *core, struct cs_lane *lane, const struct cs_output *o, enum cs_trial_state state);
/* A declared act asks the trial again: that counts too. */
void cs_draws_asked(struct cs_core *core, struct cs_lane *lane, uint64_t position);

#endif
