/* catchup.h - what the running generation was answered while the next one was built beside it: rounds after the pass of build.h.
 *
 * A round reads the outputs that have come since the round before, by their numbers, and marks the cases that they were bought for.
 * The trials of those cases that have no answer yet are looked at again, in every lane. When an answer's case is not in the new study,
 * those are marked that say the same under another name, or, without such, all that are new in it. Rounds become shorter and shorter; the
 * last one is made when the old generation is closed. A shell; thread: the I/O loop.
 */
#ifndef CS_CATCHUP_H
#define CS_CATCHUP_H

#include "coordinator/server.h"

/* A round begins: the claims of sv->build know the store as it is now. */
CS_WARN_UNUSED enum cs_err cs_catchup_begin(struct cs_server *sv, struct cs_error *err);
/* A piece of the work before the first page, while *ready is false: cases are listed once, then the outputs are read. */
CS_WARN_UNUSED enum cs_err cs_catchup_scan(struct cs_server *sv, bool *ready, struct cs_error *err);
/* Moves the cursor, by a few pages, to the next one with a marked case. True: there is one, or none are left in any lane. */
bool cs_catchup_seek(struct cs_build *b);
bool cs_catchup_is_marked(const struct cs_build *b, uint32_t lane, uint64_t position);
void cs_catchup_release(struct cs_catchup *c);

#endif
