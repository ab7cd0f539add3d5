/* holders.h - names of workers that may hold leases, in the store's metas: worker/HASH. Whoever opens the store waits for them.
 *
 * Thread: any; the batch is the caller's.
 */
#ifndef CS_HOLDERS_H
#define CS_HOLDERS_H

#include "store/store.h"

/* Of a name and a process's nonce; the row's HASH is that of nonce 0. */
uint64_t cs_holders_fingerprint(const char *worker, uint64_t nonce);
void cs_holders_note(struct cs_batch *b, const char *worker, bool holds); /* false: its row goes */

#endif
