/* acks.h - one group commit after the other, and who waits for it.
 *
 * Part of the core: pure, called from within a step. Thread: the I/O loop.
 */
#ifndef CS_COORDINATOR_ACKS_H
#define CS_COORDINATOR_ACKS_H

#include "coordinator/lanes/state.h"

struct cs_group *cs_acks_make(struct cs_core *core);
void cs_acks_free(struct cs_group *g, bool with_batch);
void cs_acks_receipt(struct cs_core *core, struct cs_session *s, uint64_t upto, uint64_t bytes);
void cs_acks_refuse(struct cs_core *core, struct cs_session *s, uint64_t number, enum cs_refusal why);
/* An operator's request is accepted: it is answered, and the event's note is written, with the open group. The last thing that is done of it.
 */
void cs_acks_token(struct cs_core *core, uint64_t token);
void cs_acks_submit(struct cs_core *core);
void cs_acks_committed(struct cs_core *core, struct cs_batch *batch, enum cs_err rc);
bool cs_acks_is_quiet(const struct cs_core *core); /* nothing open, nothing pending */
void cs_acks_send(struct cs_core *core, struct cs_session *s);

#endif
