/* exchange.h - calls as the core knows them, over the HTTP requests (http.h) that they take: one each for the vendors' dialects, and for a
 * declared system what its errand (calls/errand.h) says.
 *
 * Same shape as http.h: a slot is one call at a time. Thread: the loop's. `done` is called from the loop, never from cs_exchange_start.
 */
#ifndef CS_EXCHANGE_H
#define CS_EXCHANGE_H

#include "worker/http.h"

struct cs_exchange;
CS_WARN_UNUSED enum cs_err cs_exchange_open(struct cs_exchange **out, struct uv_loop_s *loop, uint32_t slots,
                                            size_t reply_memory, cs_http_done_fn done, void *self,
                                            struct cs_error *err);
/* Ends all calls silently. Handles are closed on the loop's next turns: run it once more. NULL is fine. */
void cs_exchange_close(struct cs_exchange *x);

/* r: as the core asks for it; body is the canonical one. The slot is free. */
void cs_exchange_start(struct cs_exchange *x, uint32_t slot, const struct cs_http_request *r);
void cs_exchange_abort(struct cs_exchange *x, uint32_t slot); /* no `done` for it */
size_t cs_exchange_held(const struct cs_exchange *x);

#endif
