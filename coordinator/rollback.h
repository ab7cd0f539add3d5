/* rollback.h - a store that has less than Redis has seen of it is not gone on with, unless somebody says so.
 *
 * The meta `accepted` holds a term: what Redis says of this term and earlier ones is of a state that was given up, by a restore or by
 * --accept-rollback. Terms after it are above all that Redis knows of, so that workers who remember a later one take ours. Beside it stands the
 * file of acknowledged commits (store/acked.h), which needs no Redis.
 *
 * Thread: the main one, before the commit thread runs.
 */
#ifndef CS_ROLLBACK_H
#define CS_ROLLBACK_H

#include "coordinator/server.h"

/* For cs_store_opts.on_recovered, self: the server. CS_ECORRUPT: commits are missing. A Redis that is away says nothing. */
enum cs_err cs_rollback_check(void *self, struct cs_store *s, uint32_t *term_above, struct cs_error *err);
CS_WARN_UNUSED enum cs_err cs_rollback_accept(struct cs_store *s, struct cs_error *err);

#endif
