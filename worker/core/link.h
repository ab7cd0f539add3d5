/* link.h - the dialogue with the coordinator: HELLO, WELCOME, PING, silence and the lease clock, drain.
 *
 * Part of the core: pure, called from within a step. Thread: the loop.
 */
#ifndef CS_WORKER_LINK_H
#define CS_WORKER_LINK_H

#include "worker/core/state.h"

void cs_link_tick(struct cs_worker *w); /* silence: isolation, new socket, leases lost */
void cs_link_hello(struct cs_worker *w);
void cs_link_ping(struct cs_worker *w);
void cs_link_unsent(struct cs_worker *w, enum cs_kind kind);
void cs_link_message(struct cs_worker *w, const struct cs_message *m);

void cs_link_moved(struct cs_worker *w); /* a session that is well is left alone */
void cs_link_drain(struct cs_worker *w, const char *why);
/* The same, since no other call would end before the deadline: what flies began in time, and has until then, however short a drain is else. */
void cs_link_drain_late(struct cs_worker *w, const char *why);

#endif
