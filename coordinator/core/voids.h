/* voids.h - an operator takes spend out of the account that was never spent, or that nobody believes, and says why.
 *
 *   presumed        calls whose cost nobody knows: those that ended so, and those of processes that are gone
 *   of a model      what its replies claim beyond what was reserved for them, within the cost and beside it (over.h, wire/bill.h)
 *
 * The sum leaves the account in the same group that holds the row "event/void/TIME": {"at", "what", "model", "usd", "reason"}.
 *
 * Part of the core: pure, called from within a step. Thread: the I/O loop.
 */
#ifndef CS_COORDINATOR_VOIDS_H
#define CS_COORDINATOR_VOIDS_H

#include "coordinator/lanes/state.h"

void cs_voids(struct cs_core *core, const struct cs_event *e);

#endif
