/* build.h - a changed study becomes a new generation; the table is in build.c.
 *
 * A shell around the core. Thread: the I/O loop.
 */
#ifndef CS_COORDINATOR_BUILD_H
#define CS_COORDINATOR_BUILD_H

#include "coordinator/server.h"

void cs_build_start(struct cs_server *sv, const struct cs_generation *g); /* its row is on its way to the store */
CS_WARN_UNUSED enum cs_err cs_build_resume(struct cs_server *sv, const struct cs_generation *g, struct cs_error *err);
/* Whether --reuse names stores, in a state that the newest generation was not built from, or answers of other lanes are now to be
 * taken over (others), and it still plans trials. */
bool cs_build_has_news(struct cs_server *sv, const struct cs_generation *newest, bool others);
bool cs_build_turn(struct cs_server *sv); /* a slice of work; true: there is more to do at once */
void cs_build_committed(struct cs_server *sv, struct cs_batch *batch, enum cs_err rc);
void cs_build_release(struct cs_server *sv);
enum { CS_BUILD_GROUP_BIT = 63 }; /* of cs_batch.group: the builder's, not the core's */

#endif
