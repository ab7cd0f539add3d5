/* show.h - one prompt of a study and all that ever came back for it: the exact request, every output of its trials, what it cost.
 *
 * Texts of models and cases reach a terminal with control characters escaped; as JSON they are what the export has. Whoever may read the
 * store may read them: like the export, this is made on request and goes to stdout alone. Thread: main.
 */
#ifndef CS_SHOW_H
#define CS_SHOW_H

#include <stdio.h>

#include "tools/base/reader.h"

struct cs_show_opts {
    const char *case_id;
    const char *levels;           /* "LEVEL" or "FACTOR=LEVEL", several with commas; "-": every one */
    uint32_t repeat;              /* from 1, within its block; 0: all */
    const char *model, *question; /* NULL: all */
    bool json;
    /* From here on for screens. */
    bool at_position; /* not by case and levels: the one trial of `model` at `position`, in working order */
    uint64_t position;
    bool
        placed_only; /* outputs that stand at their places, found at once; not duplicates and retried failures, for which all are read */
    bool no_texts; /* requests, replies and answers are left out: they are confidential */
};

struct cs_show_done {
    uint32_t prompts, trials, outputs;
};

/* CS_EINVAL: no such case, level, model or question, or nothing is asked so. */
CS_WARN_UNUSED enum cs_err cs_show(struct cs_reader *r, const struct cs_show_opts *o, FILE *out,
                                   struct cs_show_done *done, struct cs_error *err);

#endif
