/* talked.h - the conversations of a lane of which something came lately: what stands of them, ahead of the disk by what is in groups.
 *
 * Asked of the disk once for each, and kept until its trial has an output. Part of the core: pure, called from within a step. Thread: the I/O
 * loop.
 */
#ifndef CS_TALKED_H
#define CS_TALKED_H

#include "coordinator/lanes/state.h"

struct cs_talk_at *cs_talked_find(const struct cs_lane *lane, uint64_t position); /* NULL: not here */
/* NULL: the store could not be asked, and the process ends. */
struct cs_talk_at *cs_talked_get(struct cs_core *core, struct cs_lane *lane, uint64_t position,
                                 const struct cs_digest *digest, const struct cs_owner *owner);
struct cs_talk_at *cs_talked_of(struct cs_core *core, struct cs_lane *lane,
                                uint64_t position); /* the same, where its digest is not at hand */
/* Its next turn, an output of this fingerprint, stands with the open group. */
void cs_talked_stands(struct cs_core *core, struct cs_lane *lane, struct cs_talk_at *t, uint64_t print);
void cs_talked_drop(struct cs_lane *lane, uint64_t position);
void cs_talked_close(struct cs_lane *lane);

#endif
