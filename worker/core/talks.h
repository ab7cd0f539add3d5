/* talks.h - conversations: trials of several calls, each of which holds the replies to those before it.
 *
 *   a position of a lease          event                                next
 *   untold                         TURNS: none stands                   to be started from its first turn
 *   untold                         TURNS: some stand                    goes on from the last of them
 *   in flight                      a reply that it goes on from         the turn is on its way; its slot stays kept
 *   the turn is on its way         ACK                                  goes on; or it is given back, where nothing may start any more
 *   the turn is on its way         ACK, another reply stands            untold: what stands is asked for, and it goes on from there
 *   goes on                        a slot, and a quota                  in flight: before anything new of its lane
 *   in flight                      any other end                        as every trial
 *
 * Where the system itself remembers (dialects/system/service.h), a session is this worker's, in memory: a conversation of which turns stand, and which it
 * has not told itself, is started from its first turn.
 * So a reply is on the coordinator's disk before another request holds it, and whoever comes after this worker goes on from the same one.
 * Part of the core: pure, called from within a step. Thread: the loop.
 */
#ifndef CS_WORKER_TALKS_H
#define CS_WORKER_TALKS_H

#include "worker/core/state.h"

void cs_worker_talks_ask(struct cs_worker *w);       /* at the end of a step: which turns of what is held stand */
void cs_worker_talks_ask_again(struct cs_worker *w); /* in a new session */
void cs_worker_talks_told(struct cs_worker *w, const struct cs_turns_reply *t);
/* A call that waited begins: it waits no more. */
void cs_worker_talks_start(struct cs_worker *w, struct cs_call *c);
/* The session that the next call of a conversation goes into; NULL: it goes into none. */
const struct cs_session_told *cs_worker_talks_session(const struct cs_call *c);
/* Whether a call into the session of those before it ended so that nothing more can be said in it: the system may have heard the turn, or knows of the
 * session no more. Nothing is sent into it again; the coordinator has the conversation begun anew. */
bool cs_worker_talks_lost(const struct cs_call *c, const struct cs_http_reply *reply, const struct cs_verdict *v);
/* A reply to a call that offers tools (study/tools.h): its round, in the arena of the step; NULL: it is of another call, or nothing can be gone on from,
 * as from a refusal: what the model would not say it is not made to say by the loop.
 * *outcome, *fault: set where that is the reply's own fault. */
const char *cs_worker_talks_round(struct cs_worker *w, const struct cs_call *c, const struct cs_http_reply *reply,
                                  const struct cs_reading *reading, enum cs_outcome *outcome,
                                  enum cs_answer_fault *fault);
/* Says in the output which turn it is, with the round of a call that offers tools, or NULL. True: it is not the last, and goes on from this reply, */
bool cs_worker_talks_reply(const struct cs_call *c, const char *round, struct cs_output *o);
void cs_worker_talks_keep(struct cs_call *c, const char *text);                  /* ... which it then keeps */
void cs_worker_talks_acked(struct cs_worker *w, struct cs_call *c, uint8_t why); /* why: 0, or as refused */
void cs_worker_talks_close(struct cs_worker *w);                                 /* those whose turn is on its way */

#endif
