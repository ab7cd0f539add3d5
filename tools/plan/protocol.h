/* protocol.h - the protocol of a study in words, before its first output: an attachment for an ethics board or a registry, in Markdown.
 *
 * All of it is what the study file says and what the programs do with it; what only the author can say is left open, by name. The same bytes for
 * the same file. Thread: main.
 */
#ifndef CS_PLAN_PROTOCOL_H
#define CS_PLAN_PROTOCOL_H

#include <stdio.h>

#include "tools/plan/power.h"

CS_WARN_UNUSED enum cs_err cs_plan_protocol_write(const struct cs_plan *plan, const struct cs_loaded *l,
                                                  const struct cs_plan_power *power, FILE *out, struct cs_error *err);

/* A registration as its author gives it back: `{doi: 10.1/x, date: 2026-03-01}`, or url, or tag. */
struct cs_plan_protocol_registered {
    const char *what, *date; /* "DOI 10.1/x" */
};
CS_WARN_UNUSED enum cs_err cs_plan_protocol_registered(const char *path, struct cs_arena *arena,
                                                       struct cs_plan_protocol_registered *out, struct cs_error *err);

#endif
