/* alike.h - a lane all of whose trials end in the same useless way: it pauses before it has cost more than a few.
 *
 * Until its first readable answer (ok, refused, content_filtered; truncated where a question is answered freely) a lane may have had CS_ALIKE_MAX
 * trials begun, no more. When that many ended alike in a row (a failure of the same outcome, status and code; or, while nothing was
 * readable yet, unparsable, or cut at its cap before it was an answer) it pauses by itself and says in the provider's words why. `resume` goes
 * on and does not ask again. A study that accepts unparsable answers, or a coordinator that was told to (--accept-unparsable), does not
 * pause for these two. Both are on disk: "alike/GEN/LANE" holds the reason, or nothing once an operator has resumed.
 *
 * Part of the core: pure, called from within a step. Thread: the I/O loop.
 */
#ifndef CS_COORDINATOR_ALIKE_H
#define CS_COORDINATOR_ALIKE_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/wire/output.h"

struct cs_core;
struct cs_counters;
struct cs_lane;

enum { CS_ALIKE_MAX = 50, CS_ALIKE_WHY = 300 };

struct cs_alike {
    bool proven;             /* something was readable */
    bool allowed;            /* an operator resumed it all the same */
    bool accepts_unparsable; /* so the study says, or who runs it */
    bool has_free;           /* of an answer that is free a part is one */
    uint32_t n;              /* trials in a row that ended alike, */
    uint64_t fingerprint;    /* so; 0: as any did */
    char why[CS_ALIKE_WHY];  /* it paused for this; "": it did not */
};

/* As the counters of the lane and the mark on disk (NULL: none) have it. */
void cs_alike_open(struct cs_alike *a, const struct cs_counters *counters, bool accepts_unparsable, bool has_free,
                   const char *mark);
/* An output of a trial that had none before. True: with this one the lane is to pause; why says so. */
bool cs_alike_ended(struct cs_alike *a, const struct cs_output *o);
/* How many more trials may be leased, when `leased` are already. */
uint64_t cs_alike_room(const struct cs_alike *a, uint64_t leased);
/* An operator resumed. True: the mark is to be written. */
bool cs_alike_resume(struct cs_alike *a);

/* In the core: takes an output, and pauses the lane for it. */
void cs_alike_take(struct cs_core *core, struct cs_lane *lane, const struct cs_output *o);
/* Writes the mark into the open group. */
void cs_alike_mark(struct cs_core *core, const struct cs_lane *lane);

#endif
