/* reread.h - the pass of a generation that was made to reread (store/reread.h): trial by trial what stands in the one before, with the
 * same plan, so that every state goes over as it is, and the answers' texts are read as this generation's study declares.
 *
 * Inside build.c. A shell around the core. Thread: the I/O loop.
 */
#ifndef CS_COORDINATOR_REREAD_H
#define CS_COORDINATOR_REREAD_H

#include "coordinator/server.h"
#include "protocol/wire/spec.h"

/* Whether the study's answers may be reread under this spec. CS_EINVAL: it says more than another `reading` than the newest generation
 * does, so that what is sent could change; CS_ENOENT: there is nothing to reread. */
CS_WARN_UNUSED enum cs_err cs_coordinator_reread_check(struct cs_server *sv, const struct cs_roster_study *s,
                                                       const struct cs_spec *spec, struct cs_error *err);
bool cs_coordinator_reread_is(const struct cs_build *b); /* the generation being built was made to reread */
/* Before the pass, with build.lanes loaded. */
CS_WARN_UNUSED enum cs_err cs_coordinator_reread_open(struct cs_server *sv, struct cs_error *err);
/* The page at the cursor. */
CS_WARN_UNUSED enum cs_err cs_coordinator_reread_page(struct cs_server *sv, struct cs_error *err);
void cs_coordinator_reread_close(struct cs_build *b); /* never opened is fine */

#endif
