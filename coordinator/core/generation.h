/* generation.h - loading and closing of generations.
 *
 * Part of the core: pure, called from within a step. Thread: the I/O loop.
 */
#ifndef CS_COORDINATOR_GENERATION_H
#define CS_COORDINATOR_GENERATION_H

#include "coordinator/lanes/state.h"

void cs_coordinator_generation_load(struct cs_core *core, const struct cs_generation_load *load);
void cs_coordinator_generation_close(struct cs_core *core);

#endif
