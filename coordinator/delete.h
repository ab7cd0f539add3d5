/* delete.h - a study is taken out of the store by an operator: gone at once, its outputs and rows erased in the background.
 *
 * A shell around the core. Thread: the I/O loop.
 */
#ifndef CS_DELETE_H
#define CS_DELETE_H

#include "coordinator/ask.h"

/* Answers the request once the study is gone. CS_EINVAL: it has trials to do, and is not cancelled; CS_EAGAIN: calls of it are under way, or
 * it is being built. */
CS_WARN_UNUSED enum cs_err cs_delete_start(const struct cs_ask *ask, struct cs_roster_study *s, struct cs_error *err);
/* Whether a deleted study of this name is still being erased. */
bool cs_delete_is_under_way(struct cs_server *sv, const char *study);
/* Numbers of the generations of deleted studies: at the start, before any is given. */
CS_WARN_UNUSED enum cs_err cs_delete_open(struct cs_server *sv, struct cs_error *err);

enum { CS_DELETE_GROUP_BIT = 61 };         /* a bit of cs_batch.group */
bool cs_delete_turn(struct cs_server *sv); /* a slice of work; true: there is more to do at once */
void cs_delete_written(struct cs_server *sv, struct cs_batch *batch, enum cs_err rc);
void cs_delete_release(struct cs_server *sv);

#endif
