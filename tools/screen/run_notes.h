/* run_notes.h - what `clinsafe run` says about lanes beside the figures: what holds one up, that it goes on again, how it ended.
 *
 * A state is said when it begins, on a line of its own, not at every look; the same again only after AGAIN_MS. Thread: the caller's.
 */
#ifndef CS_RUN_NOTES_H
#define CS_RUN_NOTES_H

#include <stdbool.h>
#include <stdio.h>

#include "protocol/study/study.h"
#include "store/redis/progress.h"

struct cs_lane_said;
struct cs_run_notes {
    const struct cs_study *study; /* the caller's, as are the next two */
    const char *ending;           /* what ends the run: "Ctrl-C" */
    const char *resuming; /* the command that, with a model behind it, lets that go on where it paused by itself */
    bool of_several;      /* studies: each line of one begins with its name */
    struct cs_lane_said *lanes;
    uint32_t n;
    uint64_t since_ms, told_ms; /* when it was looked at first; when it was said last how to end */
};

void cs_run_notes_init(struct cs_run_notes *n, const struct cs_study *study, const char *ending, const char *resuming,
                       bool of_several);
void cs_run_notes_release(struct cs_run_notes *n);
/* Whether there is something new to say; then cs_run_notes_say writes it, whole lines. */
bool cs_run_notes_look(struct cs_run_notes *n, const struct cs_progress *p, uint64_t now_ms);
void cs_run_notes_say(struct cs_run_notes *n, const struct cs_progress *p, uint64_t now_ms, FILE *out);

/* A line for each model whose end its provider has announced. */
void cs_run_notes_sunsets(const struct cs_study *s, FILE *out);

/* A sentence for each lane of which more than 2 % ended without an answer that can be used (timeout, truncated, unparsable, failed), then
 * what to do about each kind; true if there is such a lane. again: this command as it is typed. */
bool cs_run_notes_shortfalls(const struct cs_study *s, const struct cs_progress *p, const char *again, FILE *out);
/* What the states of the lanes say at the end, after that; returns the exit status: 0, or 2 when trials have no answer that can be used. */
int cs_run_notes_end(const struct cs_study *s, const struct cs_progress *p, const char *again, FILE *out);

#endif
