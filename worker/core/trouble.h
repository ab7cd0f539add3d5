/* trouble.h - what keeps calls from a lane: stopped, refused, away, waiting.
 *
 * Part of the core: pure, called from within a step. Thread: the loop.
 */
#ifndef CS_WORKER_TROUBLE_H
#define CS_WORKER_TROUBLE_H

#include "worker/core/state.h"

void cs_worker_trouble_stop(struct cs_worker *w, struct cs_worker_lane *l, const char *trouble);
/* The provider refused the lane's key, or its model, to this worker: others find out by their own calls. */
void cs_worker_trouble_refused(struct cs_worker *w, struct cs_worker_lane *l, const char *trouble);
/* The lane's alarm: some minutes after the refusal, and ever later, it is asked again where the fleet goes on without this worker: a proxy
 * is mended, a model is switched on. */
void cs_worker_trouble_again(struct cs_worker *w, struct cs_worker_lane *l);
/* No call of the lane is answered, the last one, of the server `at` (NULL: it has one endpoint), ended with `reply`: people are told so. begins: with
 * this one; the lane keeps what it has begun, gives the rest back and asks for little. */
void cs_worker_trouble_away(struct cs_worker *w, struct cs_worker_lane *l, const struct cs_worker_server *at,
                            const struct cs_http_reply *reply, bool begins);
/* The list of its servers has changed: what was found of those before says nothing of these, which are asked at once. */
void cs_worker_trouble_relisted(struct cs_worker_lane *l, uint64_t now_ms);
void cs_worker_trouble_back(struct cs_worker *w, struct cs_worker_lane *l);
/* The provider asks for a wait: people are told of a long one, until an answer comes. */
void cs_worker_trouble_waits(struct cs_worker *w, struct cs_worker_lane *l, const struct cs_reading *reading);
void cs_worker_trouble_waited(struct cs_worker *w, struct cs_worker_lane *l);
/* ", which is in 5 min 20 s, at 21:40 UTC": 64 bytes at least. */
void cs_worker_trouble_until(const struct cs_worker *w, uint64_t wait_ms, char *out, size_t size);
/* Rings when a quiet period or the pause before a probe is over. */
void cs_worker_trouble_wait(struct cs_worker *w, struct cs_worker_lane *l);

#endif
