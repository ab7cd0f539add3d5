/* act.h - what a step of the core brings about: actions, messages, its end; and what all its files look up.
 *
 * Part of the core: pure, called from within a step. Thread: the I/O loop.
 */
#ifndef CS_COORDINATOR_ACT_H
#define CS_COORDINATOR_ACT_H

#include "coordinator/lanes/state.h"

struct cs_action *cs_act_add(struct cs_core *core, enum cs_action_kind kind);
/* A message of a kind to a session: envelope filled in. */
struct cs_message *cs_act_send(struct cs_core *core, struct cs_session *s, enum cs_kind kind);
struct cs_message *cs_act_send_to(struct cs_core *core, const struct cs_peer *peer, enum cs_kind kind);
void cs_act_reply(struct cs_core *core, uint64_t token, enum cs_err code, const char *text);
void cs_act_end(struct cs_core *core, enum cs_err code, const char *text);

/* Something that the coordinator does of itself, for the diary: rides in the open group. */
void cs_act_own(struct cs_core *core, const char *act, const struct cs_core_study *study, const char *subject,
                const char *detail);

uint64_t cs_act_epoch(struct cs_core *core);
struct cs_session *cs_act_session(struct cs_core *core, uint64_t id);

#endif
