/* serving.h - a lane on several servers: how many calls each of them bears, found by trying, and so how many the lane may have.
 *
 * Workers know the list (worker/calls/servers.h) and tell of it in WANT. Each server has a ramp of its own, which learns from the outputs
 * that name it and from the jams that workers report of it. The lane may have what its servers bear together: that is dealt out to the
 * workers as ever (deal.h). All are told what each server bears, and each worker shares its part of the lane out in that proportion. So the
 * whole fleet climbs at once on each server, no worker needs to know of another, and a server that is away takes nothing: nobody is
 * given calls for it. By rounding up, a server may get a call more per worker than it bears; the lane never does.
 *
 * Where limits are declared there is nothing to be found, and nothing of this but the names.
 *
 * Part of the core: pure, called from within a step. Thread: the I/O loop.
 */
#ifndef CS_COORDINATOR_SERVING_H
#define CS_COORDINATOR_SERVING_H

#include "coordinator/lanes/state.h"

/* What a session says of the lane's servers in WANT; fresh: it had seen what it was told last. True: the lane's calls are to be dealt anew. */
bool cs_serving_said(struct cs_core *core, struct cs_session *s, struct cs_lane *lane, const struct cs_want_lane *w,
                     bool fresh);
void cs_serving_left(struct cs_session *s, struct cs_lane *lane); /* the session ends, or the lane is closed */
void cs_serving_close(struct cs_lane *lane);

/* As the functions of ramp.h, of the lane as a whole. */
uint32_t cs_serving_most(const struct cs_lane *lane, uint64_t now);
void cs_serving_could(struct cs_lane *lane, uint32_t calls);
void cs_serving_ended(struct cs_core *core, struct cs_lane *lane, const char *server, const struct cs_ramp_answer *a);
bool cs_serving_overloaded(const struct cs_lane *lane, const char *server, uint64_t now);
void cs_serving_note(struct cs_lane *lane, uint64_t now);

/* Into the announcement. */
void cs_serving_tell(struct cs_core *core, const struct cs_lane *lane, struct cs_lane_info *info);

#endif
