/* worker.h - the rules of a worker as a pure state machine: step(event, now) -> actions.
 *
 * No socket, HTTP, clock or disk: messages and replies come in as events, what is to be done goes out as actions,
 * randomness comes from the seed. The shell (shell.c) carries it out; a test can run a fleet of them in one
 * process.
 *
 *   BOOT -> HELLO_SENT -> READY <-> ISOLATED -> HELLO_SENT (new socket) ...      any of them, drained -> GONE
 *
 * Lease clock: the moment when the last PING left that was answered (or the HELLO that was welcomed). 6 s after it
 * a worker is isolated and holds its outputs back, after 15 s it makes a new socket and says HELLO, after 18 s it
 * starts no call, after 27 s it drops what it has not started. Calls in flight always end, and their outputs are
 * delivered.
 *
 * Thread: one. Ownership: what actions point to is valid until the next step. Units: milliseconds of a monotonic clock.
 * Limits: in flight + unsent + unacknowledged <= slots + window; in flight, without what silent lanes have (shares.h), <= slots when a
 * call starts; slots are numbered below CS_WORKER_SLOTS_PARKED times as many.
 */
#ifndef CS_WORKER_H
#define CS_WORKER_H

#include "worker/core/event.h"

struct cs_worker;

void cs_worker_open(struct cs_worker **out, const struct cs_worker_opts *opts);
void cs_worker_close(struct cs_worker *w); /* NULL is fine */

void cs_worker_step(struct cs_worker *w, const struct cs_worker_event *ev, uint64_t now_ms);
/* What the last step wants done, in this order. */
const struct cs_worker_action *cs_worker_actions(const struct cs_worker *w, uint32_t *n);
/* When a TICK is needed at the latest; CS_NEVER when GONE. */
uint64_t cs_worker_next_ms(const struct cs_worker *w);

void cs_worker_figures(const struct cs_worker *w, struct cs_worker_figures *out);

#endif
