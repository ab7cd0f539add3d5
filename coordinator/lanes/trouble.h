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
void cs_coordinator_trouble_away(struct cs_session *s, struct cs_lane *lane,
                                 const char *why); /* nothing gets through; NULL: none */
void cs_coordinator_trouble_said(struct cs_session *s, struct cs_lane *lane, const struct cs_want_lane *w);
void cs_coordinator_trouble_forget(struct cs_core *core,
                                   struct cs_lane *lane); /* the session's next announcement tells it so */

#endif
