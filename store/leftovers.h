/* leftovers.h - rows that a deleted study leaves beside its outputs and its ledger: the last part of its erasure (erase.h).
 *
 * Specs and chunks of cases that no other generation needs; what operators and the coordinator noted of its generations and lanes.
 * Thread: one at a time; a store open for writing.
 */
#ifndef CS_LEFTOVERS_H
#define CS_LEFTOVERS_H

#include "store/tomb.h"

/* Their removal joins the batch. */
CS_WARN_UNUSED enum cs_err cs_leftovers_remove(struct cs_store *s, const struct cs_tomb *t, struct cs_batch *b,
                                               struct cs_error *err);

#endif
