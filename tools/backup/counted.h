/* counted.h - whether a copy of a store opens and is whole: its outputs without a hole, each with its own checksum, and as many trials with an
 * output as its ledger says.
 *
 * Thread: main. Errors: CS_ECORRUPT (what is wrong), CS_EINTERRUPTED, those of the store.
 */
#ifndef CS_COUNTED_H
#define CS_COUNTED_H

#include "tools/backup/manifest.h"

struct cs_counted_opts {
    uint64_t from_output; /* those before were read in an earlier copy of the same store; 0: all are read */
    uint32_t from_term;   /* its term: where the store was set back since, all are read too */
    bool (*on_output)(void *self, uint64_t done, uint64_t total); /* NULL, or told now and then; false ends it */
    void *self;
};
/* Fills fleet, format, term, commit, outputs and studies. */
CS_WARN_UNUSED enum cs_err cs_backup_counted_store(const char *store, const struct cs_counted_opts *o,
                                                   struct cs_arena *arena, struct cs_manifest *out,
                                                   struct cs_error *err);

#endif
