/* rights.h - what a key may do: workers work, operators administer, viewers look (the allow-list says who is what).
 *
 * Whoever comes over a local socket, without a key, is an operator there, and may work. Thread: the I/O loop.
 */
#ifndef CS_RIGHTS_H
#define CS_RIGHTS_H

#include "coordinator/server.h"

/* An admin request; CS_EDENIED: the sentence says who may. */
CS_WARN_UNUSED enum cs_err cs_rights_admin(struct cs_server *sv, const char *user_id, const char *verb,
                                           struct cs_error *err);
/* A HELLO; false: *why says so to the worker. *sessions: how many its key may have (0: no such limit). */
bool cs_rights_work(struct cs_server *sv, const char *user_id, uint32_t *sessions, const char **why);
/* Reads the list again; sessions whose keys are no longer workers' keys end. A faulty list changes nothing. */
CS_WARN_UNUSED enum cs_err cs_rights_reload(struct cs_server *sv, struct cs_error *err);
/* The line of a key becomes a comment, and the list is read again. who: the key or its name; *said: what was done. */
CS_WARN_UNUSED enum cs_err cs_rights_revoke(struct cs_server *sv, const char *who, char said[256],
                                            struct cs_error *err);

#endif
