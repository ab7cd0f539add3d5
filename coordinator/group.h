/* group.h - one group commit after the other, and who waits for it.
 *
 * Part of the core: pure, called from within a step. Thread: the I/O loop.
 */
#ifndef CS_COORDINATOR_GROUP_H
#define CS_COORDINATOR_GROUP_H

#include "coordinator/state.h"

struct cs_group *cs_group_make(struct cs_core *core);
void cs_group_free(struct cs_group *g, bool with_batch);
void cs_group_receipt(struct cs_core *core, struct cs_session *s, uint64_t upto, uint64_t bytes);
void cs_group_refuse(struct cs_core *core, struct cs_session *s, uint64_t number, enum cs_refusal why);
void cs_group_token(struct cs_core *core, uint64_t token);
void cs_group_submit(struct cs_core *core);
void cs_group_committed(struct cs_core *core, struct cs_batch *batch, enum cs_err rc);
bool cs_group_is_quiet(const struct cs_core *core); /* nothing open, nothing pending */
void cs_group_ack(struct cs_core *core, struct cs_session *s);

#endif
