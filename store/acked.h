/* acked.h - the tripwire against silent rollback: a side file DIR.acked with the number of the last acknowledged commit.
 *
 * RocksDB's recovery stops at the first hole of its log and cannot tell a torn tail from synced data that rotted. Whoever opens the
 * store for writing compares what was recovered with this file. 16 bytes: commit_seq u64 big-endian, then 8 bytes of its
 * BLAKE2b-256. Overwritten in place, not synced: it may lag, never lead.
 * Thread: cs_acked_note from one thread at a time.
 */
#ifndef CS_ACKED_H
#define CS_ACKED_H

#include <stdint.h>

#include "protocol/base/error.h"

struct cs_acked {
    int fd;       /* -1: closed */
    uint64_t seq; /* as last read or noted; 0: none */
};

/* Creates the file if it is missing. A damaged one is reported in the log and counts as none. */
CS_WARN_UNUSED enum cs_err cs_acked_open(struct cs_acked *a, const char *store_dir, struct cs_error *err);
/* For a reader: the number in the file; 0 when there is none or it is damaged. */
uint64_t cs_acked_peek(const char *store_dir);
void cs_acked_close(struct cs_acked *a);
void cs_acked_note(struct cs_acked *a, uint64_t seq);

#endif
