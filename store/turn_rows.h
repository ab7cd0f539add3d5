/* turn_rows.h - the turns of conversations: replies after which a trial went on, each on disk before the next call.
 *
 * A turn is an output like any other (flag TURN), so that all that was paid for stands in commit order; its row 't' says of which
 * conversation and which turn. The conversation is known before any answer is: digest, lane and case, and how often the trial was asked again
 * (the draw). What stands in such a row never changes. The output that ends a conversation, an answer or a failure, has a row 'h' that
 * names the turns before it: it holds wherever an edit takes that output, and after it was asked again.
 * Where a system remembers its conversations itself (dialects/system/service.h), one whose session was lost is begun anew: its turns stand under another
 * number of the draw, behind those that were said in vain, and only the newest beginning's stand.
 * Thread: any, as store.h says of reading.
 */
#ifndef CS_TURN_ROWS_H
#define CS_TURN_ROWS_H

#include "store/store.h"

/* Of the conversation that a trial is in: turns 1 to *n, without a gap. *n = 0: none yet. What is found lives in the arena.
 * CS_ECORRUPT: a row is damaged, or its output is. */
CS_WARN_UNUSED enum cs_err cs_turn_rows_standing(struct cs_store *s, const struct cs_digest *d,
                                                 const struct cs_owner *owner, uint32_t draw, struct cs_arena *arena,
                                                 struct cs_stored **out, uint32_t *n, struct cs_error *err);
/* How many, without reading them. */
CS_WARN_UNUSED enum cs_err cs_turn_rows_count(struct cs_store *s, const struct cs_digest *d,
                                              const struct cs_owner *owner, uint32_t draw, uint32_t *n,
                                              struct cs_error *err);
/* The turns before an output, 1 to *n. *n = 0: it is of no conversation, or of its first turn. */
CS_WARN_UNUSED enum cs_err cs_turn_rows_before(struct cs_store *s, uint64_t output_id, struct cs_arena *arena,
                                               struct cs_stored **out, uint32_t *n, struct cs_error *err);
/* Beginnings of one draw: the low bits say which draw it is. */
enum { CS_TURN_ROWS_ANEW = 1 << 16 };
/* *draw becomes that of its newest beginning. */
CS_WARN_UNUSED enum cs_err cs_turn_rows_newest(struct cs_store *s, const struct cs_digest *d,
                                               const struct cs_owner *owner, uint32_t *draw, struct cs_error *err);
/* How often the trial was asked again, by what stands at its place. */
CS_WARN_UNUSED enum cs_err cs_turn_rows_draw(struct cs_store *s, uint32_t gen, uint32_t lane, uint64_t position,
                                             uint32_t *draw, struct cs_error *err);
/* Calls fn for each row of a turn. For checks. */
CS_WARN_UNUSED enum cs_err cs_turn_rows_scan(struct cs_store *s,
                                             enum cs_err (*fn)(void *self, uint32_t turn, uint64_t output_id,
                                                               struct cs_error *err),
                                             void *self, struct cs_error *err);

#endif
