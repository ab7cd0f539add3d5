/* talks.h - conversations: trials of several calls, whose replies are on disk before the next request holds them.
 *
 *   a reply comes that is                                             it is kept as
 *   the turn after those that stand, to a request that holds them     a turn: it stands from now on
 *   the last, or one that a conversation does not go on from, so too  the trial's output, like any other
 *   one of those that stand, once more                                nothing: it is here
 *   any other                                                         a duplicate: paid for, and its sender is told (refusal TURN) to go on from what stands
 *
 * In a lane that remembers (lanes/state.h) a session is its worker's alone: the first call's reply from the holder of a trial of which turns stand
 * begins it anew. What stood is kept, and stands no more.
 *
 * A turn that stands, from one who does not hold its trial (any more): its sender is told so too; it asks, and hears nothing. What it still
 * believes to hold is asked back.
 * Nobody starts a call before the replies in it were acknowledged, so a reply answers what stands unless its sender lost its lease, or did
 * not hear of a refusal. Who renders something else from the same turns again and again is refused as one that renders other prompts.
 * Part of the core: pure, called from within a step. Thread: the I/O loop.
 */
#ifndef CS_CORE_TALKS_H
#define CS_CORE_TALKS_H

#include "coordinator/lanes/state.h"

enum cs_coordinator_talks_kind {
    CS_TALKS_OUTPUT, /* the trial's output */
    CS_TALKS_TURN,   /* a turn that stands from now on */
    CS_TALKS_STANDS, /* one that stands already */
    CS_TALKS_OTHER,  /* another reply stands */
    CS_TALKS_WRONG,  /* it renders other prompts */
    CS_TALKS_MALFORMED,
    CS_TALKS_ENDED, /* the store could not be read: the process ends */
};
struct cs_coordinator_talks_verdict {
    enum cs_coordinator_talks_kind kind;
    struct cs_batch_turn turn; /* for its row */
};

/* Changes nothing that is kept of the trial. print: the output's fingerprint; resent: it came before; held: its sender holds the trial. */
struct cs_coordinator_talks_verdict cs_coordinator_talks_judge(struct cs_core *core, struct cs_lane *lane,
                                                               const struct cs_output *o, const struct cs_owner *owner,
                                                               uint64_t print, bool resent, bool held);
void cs_coordinator_talks_stands(struct cs_core *core, struct cs_lane *lane, const struct cs_output *o,
                                 uint64_t print); /* in the open group */
void cs_coordinator_talks_again(struct cs_core *core, struct cs_lane *lane,
                                uint64_t position); /* ... which is asked again in the open group */
/* TURNS_GET: of what the session holds by these leases, once by each, and by no more than CS_TURNS_LEASES_MAX. seq: of that message. */
void cs_coordinator_talks_get(struct cs_core *core, struct cs_session *s, const struct cs_leases *asked, uint64_t seq);

#endif
