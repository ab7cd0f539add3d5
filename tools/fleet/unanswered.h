/* unanswered.h - how many timeouts and unparsable answers stand in a study, by model, and how to ask them again. Thread: main. */
#ifndef CS_UNANSWERED_H
#define CS_UNANSWERED_H

#include <stdint.h>
#include <stdio.h>

#include "protocol/base/arena.h"
#include "tools/fleet/fleet_status.h"

struct cs_unanswered_lane { /* one model's */
    const char *model;
    uint64_t answers, timeouts, unparsable;
};
struct cs_unanswered { /* zeroed: nothing */
    struct cs_arena arena;
    struct cs_unanswered_lane *lanes;
    uint32_t n;
};
void cs_unanswered_release(struct cs_unanswered *s);

/* From the newest generation in a study directory; empty when there is no store, or nothing of this study in it. `study`, `dir` and
 * `name` as in cs_reader_open. */
CS_WARN_UNUSED enum cs_err cs_unanswered_of_store(struct cs_unanswered *out, const char *study, const char *dir,
                                                  const char *name, struct cs_error *err);
/* From a running study. CS_EAGAIN: a changed study is being worked in. */
CS_WARN_UNUSED enum cs_err cs_unanswered_of_fleet(struct cs_unanswered *out, struct cs_admin_client *a,
                                                  const struct cs_fleet_status_watch *watch, struct cs_error *err);
/* A line a model, then `command OPTION asks ... again`, where an option is `prefix` and `timeouts` or `unparsable`: nothing when nothing
 * stands. */
void cs_unanswered_print(const struct cs_unanswered *s, FILE *out, const char *command, const char *prefix);

/* "12 timeouts and 1 unparsable answer"; "" when there is neither. */
const char *cs_unanswered_text(char *out, size_t size, uint64_t timeouts, uint64_t unparsable);

#endif
