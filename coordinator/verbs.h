/* verbs.h - what an operator says of studies and of the fleet: one function a verb of the admin socket, table in admin.c. Each that changes
 * something is answered, and written down (diary.h), once it is on disk.
 *
 * A shell around the core. Thread: the I/O loop.
 */
#ifndef CS_VERBS_H
#define CS_VERBS_H

#include "coordinator/ask.h"

void cs_verbs_pause(const struct cs_ask *ask);
void cs_verbs_resume(const struct cs_ask *ask);
void cs_verbs_cancel(const struct cs_ask *ask);
void cs_verbs_retry(const struct cs_ask *ask);
void cs_verbs_retry_some(const struct cs_ask *ask);
void cs_verbs_again(const struct cs_ask *ask);
void cs_verbs_void(const struct cs_ask *ask);
void cs_verbs_set(const struct cs_ask *ask);
void cs_verbs_delete(const struct cs_ask *ask);
void cs_verbs_drain(const struct cs_ask *ask);
void cs_verbs_drain_worker(const struct cs_ask *ask);
void cs_verbs_revoke(const struct cs_ask *ask);
void cs_verbs_events(const struct cs_ask *ask);

#endif
