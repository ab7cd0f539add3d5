/* generation.h - loading, closing and unloading of generations, by the key of their study.
 *
 * Part of the core: pure, called from within a step (is_idle and fits: between steps). Thread: the I/O loop.
 */
#ifndef CS_COORDINATOR_GENERATION_H
#define CS_COORDINATOR_GENERATION_H

#include "coordinator/lanes/state.h"

void cs_coordinator_generation_load(struct cs_core *core, const struct cs_generation_load *load);
void cs_coordinator_generation_close(struct cs_core *core, uint64_t study);
void cs_coordinator_generation_unload(struct cs_core *core, uint64_t study);
/* Whether slots for so many lanes are free, once the study has left its generation before the newest. */
bool cs_coordinator_generation_fits(struct cs_core *core, uint64_t study, uint32_t n_lanes);
/* A closed study: nothing is leased, and all that came of it is on disk. */
bool cs_coordinator_generation_is_idle(struct cs_core *core, uint64_t study);
/* After a restart: some trials wait for the workers that may hold them. */
bool cs_coordinator_generation_is_waiting(struct cs_core *core, uint64_t study);
void cs_coordinator_generation_release(struct cs_core *core); /* at the very end */

#endif
