/* over.h - a reply beyond what was asked for: the provider does not keep the cap, or tells more than the request can have.
 *
 * The first one is said at once, in the lane's reason; under a budget, where every call's worst case was reserved (budget.h), the lane
 * pauses with it, until an operator resumes. On disk: "over/GEN/LANE" holds the sentence, or nothing once an operator has resumed.
 *
 * Part of the core: pure, called from within a step. Thread: the I/O loop.
 */
#ifndef CS_COORDINATOR_OVER_H
#define CS_COORDINATOR_OVER_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/wire/output.h"

struct cs_core;
struct cs_lane;

enum { CS_OVER_WHY = 300 };

struct cs_over {
    char why[CS_OVER_WHY]; /* ""; else of the first such reply since it was opened or resumed */
};

/* Whether more output came than the cap allows; a server that ends a few tokens later keeps it. */
bool cs_over_is(const struct cs_output *o, uint32_t cap);
/* Takes an output; beyond: it cost more than its worst case. Pauses the lane under a budget. */
void cs_over_take(struct cs_core *core, struct cs_lane *lane, const struct cs_output *o, bool beyond);
/* An operator resumed. */
void cs_over_resume(struct cs_core *core, struct cs_lane *lane);

#endif
