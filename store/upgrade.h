/* upgrade.h - a store of format 1 becomes one of format 2, at its first opening for writing (cs_store_open calls it).
 *
 * One pass over all outputs in commit order gives each canonical one its index row (digest, lane, ordinal); lanes and cases come from the
 * stored specs of the generations. Its cursor rides in the batches, so it goes on where it was after kill -9. The row `format` becomes
 * 2 in the last batch of the pass: until then older programs and readers find a whole store of format 1, afterwards they
 * refuse it. Then the old index is removed, in pieces, which the next opening finishes if this one does not.
 *
 * No place row is changed: where the old index let two trials share one answer they do so still, and `verify` names them. The next
 * generation gives each trial its own answer back. An output that cannot be read gets no index row; `verify` names it too.
 */
#ifndef CS_UPGRADE_H
#define CS_UPGRADE_H

#include "store/store.h"

/* CS_ECORRUPT: a generation that has outputs cannot be read. */
CS_WARN_UNUSED enum cs_err cs_store_upgrade(struct cs_store *s, const struct cs_store_opts *opts, struct cs_error *err);

#endif
