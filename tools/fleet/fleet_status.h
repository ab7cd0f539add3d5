/* fleet_status.h - a coordinator's `status`, looked at until something has come about. Thread: main. */
#ifndef CS_FLEET_STATUS_H
#define CS_FLEET_STATUS_H

#include <signal.h>

#include "protocol/base/json.h"
#include "tools/fleet/admin_client.h"

struct cs_fleet_status_watch {         /* a zeroed struct is fine */
    const volatile sig_atomic_t *stop; /* ends the waiting with CS_EINTERRUPTED once it is not 0; NULL: nothing does */
    void (*on_progress)(void *self, const char *what, uint64_t done, uint64_t total); /* or NULL */
    void *self;
    const char *study;    /* NULL: the one that was submitted last */
    uint64_t patience_ms; /* for so long one that does not answer is asked again; 0: CS_FLEET_STATUS_PATIENCE_MS */
};
enum { CS_FLEET_STATUS_PATIENCE_MS = 60000 };

/* The status as JSON; a coordinator that is busy or away is asked again, a child of ours that has ended is not. *out: json_decref. */
CS_WARN_UNUSED enum cs_err cs_fleet_status_look(struct cs_admin_client *a, const struct cs_fleet_status_watch *watch,
                                                struct cs_json **out, struct cs_error *err);
/* Waits until a changed study that is being worked in runs. CS_ETIMEDOUT: not within wait_ms. */
CS_WARN_UNUSED enum cs_err cs_fleet_status_wait_built(struct cs_admin_client *a,
                                                      const struct cs_fleet_status_watch *watch, uint64_t wait_ms,
                                                      struct cs_error *err);

/* For waits of this kind: whether they are to end, the next look, members of the answer (0 and "" for what is none). */
bool cs_fleet_status_is_early(const struct cs_json *status); /* the study is being built, or waits for its turn */
bool cs_fleet_status_is_stopped(const struct cs_fleet_status_watch *watch);
void cs_fleet_status_pause(void);
void cs_fleet_status_tell(const struct cs_fleet_status_watch *watch, const char *what, uint64_t done, uint64_t total);
uint64_t cs_fleet_status_number(const struct cs_json *o, const char *name);
const char *cs_fleet_status_text(const struct cs_json *o, const char *name);

#endif
