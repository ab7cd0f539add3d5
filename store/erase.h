/* erase.h - takes a deleted study out of a store, in slices: outputs that were bought for its generations and that no other study points to,
 * their index rows, its ledger.
 *
 *   PLACES    which outputs the places of other generations point to
 *   OUTPUTS   each of ours, in the order of ids, is written over with an empty record (cs_output_is_erased): ids have no holes
 *   INDEX     index rows of what was erased are removed
 *   LEDGER    rows a, c, f, l, p of the generations are removed
 *
 * Nothing of it is kept: what is erased already is passed over, so a pass that was broken off is simply begun again. A batch is written
 * before the next slice is asked for. Meanwhile nobody adds anything to these generations, nor points to an output of theirs.
 * Thread: one at a time; a store open for writing. Costs two bits of memory for each output.
 */
#ifndef CS_ERASE_H
#define CS_ERASE_H

#include "store/tomb.h"

struct cs_erase;
struct cs_erase *cs_erase_open(struct cs_store *s, const struct cs_tomb *t); /* t outlives it */
void cs_erase_close(struct cs_erase *e);                                     /* NULL is fine */
/* Looks at `rows` rows at most; what is to be written joins the batch. *done: that was all. */
CS_WARN_UNUSED enum cs_err cs_erase_step(struct cs_erase *e, uint32_t rows, struct cs_batch *b, bool *done,
                                         struct cs_error *err);
uint64_t cs_erase_erased(const struct cs_erase *e); /* outputs; by earlier passes too */
uint64_t cs_erase_kept(const struct cs_erase *e);

#endif
