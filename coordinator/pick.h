/* pick.h - failed trials picked out by what they came to: finds them, in slices, and hands them to the core, which plans them again.
 *
 * A shell around the core. Thread: the I/O loop.
 */
#ifndef CS_PICK_H
#define CS_PICK_H

#include "coordinator/ask.h"

struct cs_pick_ask {
    const char *model;   /* NULL: all */
    const char *outcome; /* the class of the failure, or "quarantined"; NULL: any */
    const char *case_id; /* NULL: any */
    const char *like;    /* part of the provider's words, in any case of letters; NULL: any */
};
/* Begins; the request is answered when all of it is on disk, with the number of trials. CS_EBUSY: another is under way; CS_EINVAL: no
 * such class; CS_ENOENT: no such model. */
CS_WARN_UNUSED enum cs_err cs_pick_start(const struct cs_ask *ask, const struct cs_roster_study *s,
                                         const struct cs_pick_ask *what, struct cs_error *err);
bool cs_pick_turn(struct cs_server *sv); /* a slice of work; true: there is more to do at once */
void cs_pick_release(struct cs_pick_pass *p);

#endif
