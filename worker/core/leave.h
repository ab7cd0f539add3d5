/* leave.h - leaving by itself: before the site takes the machine back, or when there is nothing left to do.
 *
 * A deadline is a moment at which the process must have ended. No call starts, and none is repeated, that could still be under way
 * CS_LEAVE_MARGIN_MS before it: a lane whose time limit is too long for what is left gives back what it has not begun, and asks for no
 * more; when that is true of all lanes the worker drains. `idle_ms` without a call, a lease or an output ends it too, and so, with
 * `until_done`, an announcement in which no lane has anything left to do (and no generation waits for its turn: that is announced as a lane).
 *
 * Part of the core: pure, called from within a step. Thread: the loop. Units: milliseconds of the core's clock.
 */
#ifndef CS_WORKER_LEAVE_H
#define CS_WORKER_LEAVE_H

#include "worker/core/state.h"

/* After every event: gives back what no longer fits, and drains when it is time. */
void cs_leave_look(struct cs_worker *w);

#endif
