/* opening.h - what decides, at the top of `plan`: how much is asked, what it costs and how long it takes, what the study will be able to
 * see, and what would let it see more.
 *
 * Each primary outcome is shown by its comparison with the least power; where tau is not declared, half the margin is assumed. The
 * advice holds one thing (cases or repeats) and raises the other until a shift of the margin is found with 80 %. Thread: main.
 */
#ifndef CS_PLAN_OPENING_H
#define CS_PLAN_OPENING_H

#include <stdio.h>

#include "protocol/base/json.h"
#include "protocol/load/load.h"
#include "protocol/study/plan.h"
#include "tools/plan/estimate.h"
#include "tools/plan/power.h"

struct cs_opening_sight { /* one primary outcome */
    const struct cs_power_row *row;
    uint32_t repeats; /* with as many cases as there are; 0: no number of repeats is enough */
    uint32_t cases;   /* with as many repeats as there are; 0: over a million */
};

struct cs_opening {
    uint64_t trials, calls;
    uint32_t cases, repeats;  /* repeats: the fewest that a prompt gets */
    double usd_low, usd_high; /* for the lanes whose price is known */
    uint32_t unpriced;        /* lanes whose price is not */
    bool writes;              /* in some lane it costs more to write input to the provider's cache */
    uint32_t slowest;         /* lane, or CS_NONE: no lane has a declared limit */
    double minutes;           /* how long that lane takes, at best */
    uint32_t unlimited;       /* lanes without a declared limit */
    struct cs_opening_sight *sights;
    uint32_t n_sights;
};

void cs_opening_make(const struct cs_plan *plan, const struct cs_estimate *survey, const struct cs_plan_power *power,
                     struct cs_opening *out);
void cs_opening_release(struct cs_opening *o);
void cs_opening_text(const struct cs_opening *o, const struct cs_plan *plan, const struct cs_plan_power *power,
                     uint32_t clusters, FILE *out);
/* What stands in the way, or should be thought about, one line each; how many lines. */
unsigned cs_opening_warnings(const struct cs_opening *o, const struct cs_plan *plan, const struct cs_estimate *survey,
                             FILE *out);
struct cs_json *cs_opening_json(const struct cs_opening *o, const struct cs_plan *plan); /* the caller's */

#endif
