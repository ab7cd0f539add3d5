/* checkpoint.h - the store as it is at one moment, for `clinsafe backup` to copy while the fleet works.
 *
 * A thread makes it beside the store, in STORE.checkpoint: hard links, and a copy of the log; nothing waits for it. Whoever asked copies it, as a
 * process of his own on this machine, and asks again meanwhile, so that it stays; it goes when he is done, or has not been heard of for
 * CS_CHECKPOINT_MS, for it keeps the disk from giving back what has been compacted.
 *
 * A shell around the core. Thread: the I/O loop.
 */
#ifndef CS_CHECKPOINT_H
#define CS_CHECKPOINT_H

#include "coordinator/ask.h"

enum { CS_CHECKPOINT_MS = 60000 };

/* Argument: a token of the asker's, 1 to 64 letters and digits. CS_EAGAIN while it is made, CS_EBUSY while another's is there. Reply:
 * {"path":..., "store":..., "host":..., "fleet":..., "term":N, "commit":N}; the file `clinsafe-checkpoint` in it holds the token. */
void cs_checkpoint_ask(const struct cs_ask *ask);
/* Argument: the token. It is removed. */
void cs_checkpoint_done(const struct cs_ask *ask);
/* Now and then: what is left of an earlier coordinator, or was given up, is removed. */
void cs_checkpoint_tick(struct cs_server *sv);
void cs_checkpoint_close(struct cs_server *sv);

#endif
