/* trouble.h - what keeps workers from a lane: refused keys, providers that are away.
 *
 * Part of the core: pure, called from within a step. Thread: the I/O loop.
 */
#ifndef CS_COORDINATOR_TROUBLE_H
#define CS_COORDINATOR_TROUBLE_H

#include "coordinator/lanes/state.h"

void cs_coordinator_trouble_set(struct cs_session *s, struct cs_lane *lane,
                                const char *why); /* cannot work here; NULL: none */
void cs_coordinator_trouble_older(struct cs_session *s, struct cs_lane *lane,
                                  const char *why); /* cannot, being older than the study (skew.c) */
/* The session ends: it has neither any more. */
void cs_coordinator_trouble_left(struct cs_session *s, struct cs_lane *lane);
void cs_coordinator_trouble_said(struct cs_core *core, struct cs_session *s, struct cs_lane *lane,
                                 const struct cs_want_lane *w);
/* Somebody was answered. */
void cs_coordinator_trouble_alive(struct cs_lane *lane, uint64_t now_ms);
/* How long nobody has been answered, where that is an outage: for CS_COORDINATOR_OUTAGE_MS there was no answer, some workers say that nothing
 * gets through, and no other has calls to make. Else 0. */
enum { CS_COORDINATOR_OUTAGE_MS = 15000 };
uint64_t cs_coordinator_trouble_outage_ms(const struct cs_core *core, const struct cs_lane *lane);
void cs_coordinator_trouble_forget(struct cs_core *core,
                                   struct cs_lane *lane); /* the session's next announcement tells it so */

#endif
