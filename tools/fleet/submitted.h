/* submitted.h - what stands of a study that a coordinator has just taken, in words and as an element of `submit/1`. Thread: main. */
#ifndef CS_SUBMITTED_H
#define CS_SUBMITTED_H

#include <stdio.h>

#include "tools/fleet/unanswered.h"

struct cs_submitted {
    struct cs_json *now;             /* its status; NULL: it could not be had */
    struct cs_unanswered unanswered; /* empty where now says that it does not run yet */
};

/* Waits a little while an edit is being prepared. Nothing to say is not a failure: the study was taken. Release in any case. */
void cs_submitted_look(struct cs_submitted *out, struct cs_admin_client *client,
                       const struct cs_fleet_status_watch *watch);
/* endpoint: of the coordinator, for the command that asks again what has no answer. */
void cs_submitted_print(const struct cs_submitted *s, const char *study, const char *endpoint, FILE *out);
struct cs_json *cs_submitted_json(const struct cs_submitted *s, const char *study, uint32_t gen, bool is_new);
void cs_submitted_release(struct cs_submitted *s);

#endif
