/* budget.h - money: what may be leased for it, group of cases by group.
 *
 * Part of the core: pure, called from within a step. Thread: the I/O loop.
 */
#ifndef CS_COORDINATOR_BUDGET_H
#define CS_COORDINATOR_BUDGET_H

#include "coordinator/lanes/state.h"
#include "protocol/wire/bill.h"

bool cs_budget_is_set(const struct cs_core_study *y);
/* What an output costs. worst: what was reserved for it; 0: nothing was. -1, or how much more than its worst case that is; of what it claims
 * then, no more counts than a call can use (wire/bill.h), by the bytes that were sent and the time that it took. */
int64_t cs_budget_bill(struct cs_core *core, const struct cs_lane *lane, const struct cs_output *o, int64_t worst,
                       struct cs_bill *bill);
/* It costs by the call, and all its calls were answered: the bill has them, whatever their replies tell. */
bool cs_budget_is_by_call(const struct cs_lane *lane, const struct cs_output *o);
bool cs_budget_is_unknown(const struct cs_output *o); /* its call may have been billed, and nobody said how much */
/* Committed or queued, in all generations of the study. */
int64_t cs_budget_spent(const struct cs_core *core, const struct cs_core_study *y);
int64_t cs_budget_presumed(const struct cs_core_study *y);
/* What of `which` lies in opened blocks; opens the next group of cases if nothing does. */
struct cs_bits cs_budget_opened(struct cs_core *core, struct cs_lane *lane, uint64_t page, const struct cs_bits *which);
/* What is neither committed nor presumed nor reserved. */
int64_t cs_budget_left(const struct cs_core *core, const struct cs_core_study *y);
/* The most that what is left of a trial can cost. all < 0: the plan could not be asked, and the process ends. */
struct cs_worst cs_budget_worst(struct cs_core *core, struct cs_lane *lane, uint64_t position);
/* Cuts `which` down to what can be reserved, of conversations to one; *worst is the most that one trial of it can cost. */
struct cs_bits cs_budget_afford(struct cs_core *core, struct cs_lane *lane, uint64_t page, const struct cs_bits *which,
                                struct cs_worst *worst);
void cs_budget_review(struct cs_core *core); /* lanes that stopped go on when there is money again */

/* The most that the ambiguous calls of an output can have cost; -1: price or cap is not known. */
int64_t cs_budget_ambiguous(struct cs_core *core, const struct cs_lane *lane, const struct cs_output *o);

#endif
