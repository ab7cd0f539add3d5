/* operator.h - the operator's verbs: pause, resume, cancel, retry, drain; what he sets by hand.
 *
 * Part of the core: pure, called from within a step. Thread: the I/O loop.
 */
#ifndef CS_COORDINATOR_OPERATOR_H
#define CS_COORDINATOR_OPERATOR_H

#include "coordinator/lanes/state.h"

void cs_operator_verb(struct cs_core *core, const struct cs_event *e);
void cs_operator_retry(struct cs_core *core, const struct cs_event *e); /* trials picked out by the shell */
/* Of a study that has a budget by its file; what is less than it has spent stops its lanes, as the end of the money does. */
void cs_operator_budget(struct cs_core *core, uint64_t study, int64_t nano_usd);
void cs_operator_limits(struct cs_core *core, const struct cs_event *e);

#endif
