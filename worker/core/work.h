/* work.h - calls started and ended, outputs on their way to the coordinator.
 *
 * Part of the core: pure, called from within a step. Thread: the loop.
 */
#ifndef CS_WORKER_WORK_H
#define CS_WORKER_WORK_H

#include "worker/core/state.h"

void cs_worker_work_start(struct cs_worker *w); /* as many calls as may be */
void cs_worker_work_reply(struct cs_worker *w, uint32_t slot, const struct cs_http_reply *reply);
void cs_worker_work_due(struct cs_worker *w, struct cs_call *c);
void cs_worker_work_flush(struct cs_worker *w, bool all); /* all: also what is not yet worth a message */
void cs_worker_work_resend(struct cs_worker *w);
void cs_worker_work_acked(struct cs_worker *w, const struct cs_ack *a);
void cs_worker_work_abort_all(struct cs_worker *w);

#endif
