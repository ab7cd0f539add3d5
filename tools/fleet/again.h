/* again.h - the act that asks timeouts and unparsable answers again (decision 12): to a coordinator, and what came of it.
 *
 * Never `ok refused content_filtered truncated`: those are data. What stands: unanswered.h. Thread: main.
 */
#ifndef CS_TOOLS_AGAIN_H
#define CS_TOOLS_AGAIN_H

#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>

#include "tools/fleet/admin_client.h"

struct cs_again_options {
    bool timeouts, unparsable;
    bool repeat;       /* also those that were asked again before */
    const char *model; /* NULL: all */
};
bool cs_again_is_asked(const struct cs_again_options *o);

/* The coordinator's `status` as JSON; one that is busy is asked again. *out: json_decref. stop may be NULL. */
CS_WARN_UNUSED enum cs_err cs_again_look(struct cs_admin_client *a, const volatile sig_atomic_t *stop, json_t **out,
                                         struct cs_error *err);
/* Waits until a changed study that is being worked in runs. CS_EINTERRUPTED: *stop; CS_ETIMEDOUT: not within wait_ms. */
CS_WARN_UNUSED enum cs_err cs_again_wait_built(struct cs_admin_client *a, const volatile sig_atomic_t *stop,
                                               uint64_t wait_ms, struct cs_error *err);
/* Begins the act and waits until all of it is on disk; on a terminal (stderr) it shows how far it is. Then one line a model in out. */
CS_WARN_UNUSED enum cs_err cs_again_ask(struct cs_admin_client *a, const struct cs_again_options *o,
                                        const volatile sig_atomic_t *stop, FILE *out, struct cs_error *err);

#endif
