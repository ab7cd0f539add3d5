/* adopt.h - which paid answers a new generation takes over: the work of build.c's pass, a page or a few trials at a time.
 *
 * Every trial is looked at once, in the order of positions; those whose answer another case bought, another lane or another
 * study's store, wait until all are through (store/claims.h), and are then served in plan order. A shell; thread: the I/O loop.
 */
#ifndef CS_ADOPT_H
#define CS_ADOPT_H

#include "coordinator/server.h"

/* The plan, ledgers and cursor of sv->build are set. */
CS_WARN_UNUSED enum cs_err cs_adopt_open(struct cs_server *sv, struct cs_error *err);
void cs_adopt_close(struct cs_server *sv);
/* A piece of the work before a round's first page, while *ready is false. */
CS_WARN_UNUSED enum cs_err cs_adopt_prepare(struct cs_server *sv, bool *ready, struct cs_error *err);
/* The page at the cursor. */
CS_WARN_UNUSED enum cs_err cs_adopt_page(struct cs_server *sv, struct cs_error *err);
/* After the last page: a few of those that wait. */
CS_WARN_UNUSED enum cs_err cs_adopt_rest(struct cs_server *sv, bool *done, struct cs_error *err);

#endif
