/* replay.h - whether every conversation is what its records say: each request made anew from the replies before it is the one that was sent.
 *
 * Of each trial that ended after turns: they are there, 1 to the last one before its output, without a gap, of its own request; the digest of each
 * request, rendered from the stored replies, is the one that its output carries; and the conversation went on where it might, and ended where it had to.
 * Of all turns: each stands in one conversation, and no row of a turn points at anything else. Thread: one.
 */
#ifndef CS_REPLAY_H
#define CS_REPLAY_H

#include "store/generation.h"
#include "tools/export/row.h"

/* lane CS_NONE: of no trial. */
typedef void (*cs_replay_fault)(void *self, uint32_t lane, uint64_t position, const char *what);

struct cs_replay;
/* row: for digests and requests; it outlives the replay. */
struct cs_replay *cs_replay_open(struct cs_store *s, const struct cs_generation_view *view, struct cs_export_row *row,
                                 cs_replay_fault fault, void *self);
void cs_replay_close(struct cs_replay *r); /* NULL is fine */
/* For every trial of the generation that has an output. */
CS_WARN_UNUSED enum cs_err cs_replay_trial(struct cs_replay *r, uint32_t lane, uint64_t position,
                                           const struct cs_stored *stored, struct cs_error *err);
/* For every output of the store, in any order; then at the end. */
void cs_replay_output(struct cs_replay *r, const struct cs_stored *stored);
CS_WARN_UNUSED enum cs_err cs_replay_end(struct cs_replay *r, struct cs_error *err);
uint64_t cs_replay_turns(const struct cs_replay *r);    /* turns that stand, in the whole store */
uint64_t cs_replay_requests(const struct cs_replay *r); /* made anew */

#endif
