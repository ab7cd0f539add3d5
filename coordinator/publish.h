/* publish.h - progress, to Redis and to `status`.
 *
 * A shell around the core. Thread: the I/O loop.
 */
#ifndef CS_COORDINATOR_PUBLISH_H
#define CS_COORDINATOR_PUBLISH_H

#include "coordinator/server.h"

CS_WARN_UNUSED enum cs_err cs_publish_open(struct cs_server *sv, struct cs_error *err);
void cs_publish_now(struct cs_server *sv);
/* The last of it: waits until Redis has it, half a second at most. Nothing else may be active on the loop that would take events. */
void cs_publish_last(struct cs_server *sv);
/* One study, as JSON; NULL: there is none yet. */
void cs_publish_status(struct cs_server *sv, struct cs_roster_study *s, struct cs_buf *out);
/* One study as it stands; what it points to lives in sv->progress_arena. */
void cs_publish_look(struct cs_server *sv, struct cs_roster_study *s, struct cs_progress *out);
/* All studies, as a JSON array of objects. */
void cs_publish_list(struct cs_server *sv, struct cs_buf *out);
void cs_publish_close(struct cs_server *sv);

#endif
