/* again.h - the act that asks trials again: finds the trials, in slices, and hands them to the core.
 *
 * A shell around the core. Thread: the I/O loop.
 */
#ifndef CS_COORDINATOR_AGAIN_H
#define CS_COORDINATOR_AGAIN_H

#include "coordinator/server.h"

struct cs_again_ask {
    const char *outcomes; /* "timeout", "unparsable" or both with a comma */
    bool repeat;
    const char *model; /* NULL: all */
    uint64_t study;
};
/* Begins the act; how far it is stands in cs_coordinator_again_status. CS_EBUSY: another is under way; CS_EINVAL: not those outcomes;
 * CS_ENOENT: no such model, or no study. */
CS_WARN_UNUSED enum cs_err cs_coordinator_again_start(struct cs_server *sv, const struct cs_again_ask *ask,
                                                      struct cs_error *err);
bool cs_coordinator_again_turn(struct cs_server *sv); /* a slice of work; true: there is more to do at once */
/* `"again":{...},` - or nothing, when the last act was of another study, or there was none yet. */
void cs_coordinator_again_status(const struct cs_server *sv, uint64_t study, struct cs_buf *out);
void cs_coordinator_again_release(struct cs_again_pass *p);

#endif
