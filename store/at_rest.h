/* at_rest.h - a store that nobody writes, held so that nobody begins to: what copies its files needs that.
 *
 * Thread: any. The lock is RocksDB's own (the file LOCK), so that a coordinator finds the store in use meanwhile.
 */
#ifndef CS_AT_REST_H
#define CS_AT_REST_H

#include "protocol/base/error.h"

/* CS_EBUSY: somebody has it open; CS_ENOENT: there is no store. *fd is for release; -1: the disk is read-only, so nobody can write. */
CS_WARN_UNUSED enum cs_err cs_at_rest_hold(const char *dir, int *fd, struct cs_error *err);
void cs_at_rest_release(int fd);

#endif
