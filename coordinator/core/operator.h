/* operator.h - the operator's verbs: pause, resume, cancel, retry, drain.
 *
 * Part of the core: pure, called from within a step. Thread: the I/O loop.
 */
#ifndef CS_COORDINATOR_OPERATOR_H
#define CS_COORDINATOR_OPERATOR_H

#include "coordinator/lanes/state.h"

void cs_operator_verb(struct cs_core *core, const struct cs_event *e);

#endif
