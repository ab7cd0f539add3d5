/* again.h - the act that asks timeouts and unparsable answers again (decision 12): to a coordinator, and what came of it.
 *
 * Never `ok refused content_filtered truncated`: those are data. What stands: unanswered.h. Thread: main.
 */
#ifndef CS_TOOLS_AGAIN_H
#define CS_TOOLS_AGAIN_H

#include <stdbool.h>
#include <stdio.h>

#include "tools/fleet/fleet_status.h"

struct cs_again_options {
    bool timeouts, unparsable;
    bool repeat;       /* also those that were asked again before */
    const char *model; /* NULL: all */
    const char *study; /* NULL: the only one */
};
bool cs_fleet_again_is_asked(const struct cs_again_options *o);

/* Begins the act and waits until all of it is on disk; `watch` hears how far it is. Then one line a model in out (or NULL). *said (or
 * NULL): the same as a JSON array with a row a model: model, timeouts, unparsable, and each with _kept: asked again before; cs_json_decref. */
CS_WARN_UNUSED enum cs_err cs_fleet_again_ask(struct cs_admin_client *a, const struct cs_again_options *o,
                                              const struct cs_fleet_status_watch *watch, FILE *out,
                                              struct cs_json **said, struct cs_error *err);

#endif
