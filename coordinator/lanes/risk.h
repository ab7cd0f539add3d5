/* risk.h - money: reserved and presumed, on disk.
 *
 * Part of the core: pure, called from within a step. Thread: the I/O loop.
 */
#ifndef CS_COORDINATOR_RISK_H
#define CS_COORDINATOR_RISK_H

#include "coordinator/lanes/state.h"

void cs_risk_load(struct cs_core *core, const struct cs_risk_row *row); /* a row left by an earlier term: presumed */
void cs_risk_reserve(struct cs_core *core, struct cs_lease *l, const struct cs_worst *worst);
void cs_risk_lower(struct cs_core *core, struct cs_lease *l, const struct cs_worst *worst); /* a turn is here */
void cs_risk_take(struct cs_core *core, struct cs_lease *l, const struct cs_bits *which);   /* settled */
void cs_risk_end(struct cs_lease *l);                                                       /* nothing is left of it */
void cs_risk_presume(struct cs_lease *l);                                                   /* the lease is lost */
/* Another has answered a trial of the lease: its holder may have called too. */
void cs_risk_presume_one(struct cs_core *core, struct cs_lease *l, const struct cs_bits *one);
void cs_risk_write_off(struct cs_core *core, struct cs_core_study *y, int64_t worst); /* presumed for good */
/* Forgets what is presumed, for good and of processes that are gone; how much that was. Not while one may still come to tell. */
int64_t cs_risk_void(struct cs_core *core, struct cs_core_study *y);
/* What the session's process does not list was never begun, or is here. */
void cs_risk_hello(struct cs_core *core, struct cs_session *s, const struct cs_hello *h);
void cs_risk_gone(struct cs_session *s);
/* What is presumed of these, for a new lease to reserve: money changes hands. Of conversations what is left of them is reserved again, if it is
 * there. */
struct cs_bits cs_risk_adopt(struct cs_core *core, struct cs_session *s, const struct cs_lease_ref *held,
                             const struct cs_bits *which, struct cs_worst *worst);
/* Outputs of these are here, or they are given back unbegun. What each was presumed to cost; 0: nothing was. */
int64_t cs_risk_told(struct cs_core *core, struct cs_session *s, uint32_t gen, uint32_t lane, uint64_t page,
                     const struct cs_bits *which);
bool cs_risk_is_written(const struct cs_core *core);
void cs_risk_write(struct cs_core *core, struct cs_batch *batch);
void cs_risk_close(struct cs_core *core);

#endif
