/* feed.h - events into the core, its actions carried out; answers to operators.
 *
 * A shell around the core. Thread: the I/O loop.
 */
#ifndef CS_COORDINATOR_FEED_H
#define CS_COORDINATOR_FEED_H

#include "coordinator/server.h"

void cs_feed_event(struct cs_server *sv, const struct cs_event *e); /* never from within the core's actions */
enum cs_err cs_feed_send(struct cs_server *sv, enum cs_door_kind kind, const struct cs_peer *peer,
                         const struct cs_message *m);
void cs_feed_end(struct cs_server *sv, enum cs_err code, const char *text);
/* To the request `seq` of an admin. */
void cs_feed_answer(struct cs_server *sv, const struct cs_peer *peer, uint64_t seq, enum cs_err code, const char *text,
                    const char *blob);
void cs_feed_reply(struct cs_server *sv, uint64_t token, enum cs_err code, const char *text);
void cs_feed_release(struct cs_server *sv);

#endif
