/* timers.h - thousands of waits on one thread: a binary heap, served every few milliseconds.
 *
 * Dues are rounded up to CS_TIMERS_TICK_MS, so that a thousand waits that end together wake the HTTP library once and not a
 * thousand times. Thread: any may add; `fire` runs on the timers' own thread, without a lock held, and may add again.
 */
#ifndef CS_SIM_TIMERS_H
#define CS_SIM_TIMERS_H

#include <stdbool.h>
#include <stdint.h>

enum { CS_TIMERS_TICK_MS = 2 };

struct cs_timers;
struct cs_timers *cs_timers_open(void (*fire)(void *));
/* Fires all that is left, at once, and ends the thread; from now on nothing can be added. */
void cs_timers_stop(struct cs_timers *t);
void cs_timers_close(struct cs_timers *t); /* after stop; NULL is fine */
/* fire(arg) after delay_ms; false when stopped or stopping: nothing was added. */
bool cs_timers_add(struct cs_timers *t, uint64_t delay_ms, void *arg);

#endif
