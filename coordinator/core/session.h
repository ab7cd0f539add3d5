/* session.h - the life of a worker as the coordinator sees it; the table is in session.c.
 *
 * Part of the core: pure, called from within a step. Thread: the I/O loop.
 */
#ifndef CS_COORDINATOR_SESSION_H
#define CS_COORDINATOR_SESSION_H

#include "coordinator/lanes/state.h"

void cs_session_fault(struct cs_core *core, const struct cs_peer *peer);
void cs_session_refuse(struct cs_core *core, struct cs_session *s); /* it renders other prompts than we do */
/* It gets no more work, nor does its process when it comes again. */
void cs_session_exclude(struct cs_core *core, struct cs_session *s, const char *why);
void cs_session_silence(struct cs_core *core);
void cs_session_keys(struct cs_core *core, const struct cs_event *e); /* those of revoked keys end */
uint32_t cs_session_count(const struct cs_core *core, const char *user_id);
void cs_session_registered(struct cs_core *core, uint64_t group); /* names in groups up to this one are on disk */
/* Names that still have a row though nobody of that name came: forgets them. */
void cs_session_unexpect(struct cs_core *core);
void cs_session_drain(struct cs_core *core, struct cs_session *s);
/* LOST: without a word, so that a trial may be to blame; EXPELLED: by us. */
enum cs_end_of { CS_ENDED_BYE, CS_ENDED_RECONNECT, CS_ENDED_LOST, CS_ENDED_EXPELLED };
void cs_session_end(struct cs_core *core, struct cs_session *s, enum cs_end_of how);

/* For the dialogue. */
extern const char cs_session_mismatch[]; /* what a worker is told whose requests are others than the coordinator's */
struct cs_session *cs_session_by_name(struct cs_core *core, const char *worker);    /* NULL: none */
struct cs_session *cs_session_make(struct cs_core *core, const struct cs_event *e); /* from its HELLO */
bool cs_session_is_name(const char *text);                                          /* it can be a value in the log */
void cs_session_enrol(struct cs_core *core, struct cs_session *s);
void cs_session_expected_came(struct cs_core *core, const char *worker);
void cs_session_reject(struct cs_core *core, const struct cs_peer *peer, const char *code, uint32_t retry_after_ms,
                       const char *text);
void cs_session_blame(struct cs_core *core, struct cs_session *s,
                      const char *what); /* a message that it should not send */

#endif
