/* commit.h - the commit thread: owns every write of a store, one batch after the other, synced.
 *
 * The I/O loop submits batches (ownership moves), the thread writes them in order and hands them back; an eventfd becomes readable.
 * One batch is one group. The submitter keeps at most two batches here and gathers the next meanwhile (at most CS_GROUP_OUTPUTS,
 * CS_GROUP_BYTES): under load the groups grow by themselves; an output that comes alone waits for nothing.
 * After the first failed write nothing more is written and every batch comes back with the error.
 * Thread: one caller (the I/O loop) for all functions; while it is open nobody else writes the store.
 */
#ifndef CS_COMMIT_H
#define CS_COMMIT_H

#include "store/store.h"

enum { CS_GROUP_OUTPUTS = 512, CS_GROUP_BYTES = 1024 * 1024 };
enum { CS_COMMIT_MAX = 64 }; /* batches submitted and not taken back; asserted */

struct cs_commit;
CS_WARN_UNUSED enum cs_err cs_commit_open(struct cs_commit **out, struct cs_store *store, struct cs_error *err);
/* Writes what was submitted, then joins the thread. Batches not taken back are freed. */
void cs_commit_close(struct cs_commit *c);
/* Batches not yet written, and how long the oldest of them has been here. */
void cs_commit_waiting(struct cs_commit *c, uint64_t *n, uint64_t *oldest_ms);
int cs_commit_fd(const struct cs_commit *c);                        /* eventfd, readable when something is done */
void cs_commit_submit(struct cs_commit *c, struct cs_batch *batch); /* heap-allocated with cs_batch_init */
/* The next finished batch (the caller releases and frees it) or NULL. *rc, *err: how it went. */
struct cs_batch *cs_commit_take(struct cs_commit *c, enum cs_err *rc, struct cs_error *err);

#endif
