/* quarantine.h - trials that end their workers: found by bisection, then quarantined.
 *
 * Part of the core: pure, called from within a step. Thread: the I/O loop.
 */
#ifndef CS_COORDINATOR_QUARANTINE_H
#define CS_COORDINATOR_QUARANTINE_H

#include "coordinator/lanes/state.h"

void cs_quarantine_lost(struct cs_core *core, struct cs_session *s); /* before its leases are freed */
void cs_quarantine_judge(struct cs_core *core, const char *worker);  /* after that: quarantines who is due */
/* True: the session gets suspects, or nothing until it is empty. */
bool cs_quarantine_claims(struct cs_core *core, struct cs_session *s);
void cs_quarantine_grant(struct cs_core *core, struct cs_session *s); /* leases it the suspects that claim it */
void cs_quarantine_paused(struct cs_session *s);                      /* takes back what cannot begin now */
/* A session of the same process takes over what the earlier one ran apart; NULL: nothing. */
struct cs_apart *cs_quarantine_detach(struct cs_core *core, struct cs_session *s);
void cs_quarantine_attach(struct cs_session *s, struct cs_apart *g);
void cs_quarantine_answered(struct cs_core *core, struct cs_lane *lane, uint64_t position, bool answer);
void cs_quarantine_lift(struct cs_core *core, struct cs_lane *lane); /* its quarantined trials are planned again */
void cs_quarantine_lift_one(struct cs_core *core, struct cs_lane *lane,
                            uint64_t position);                              /* that trial, if it is one */
void cs_quarantine_forget(struct cs_core *core, const struct cs_lane *lane); /* NULL: all lanes */

#endif
