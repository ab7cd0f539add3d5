/* bill.h - what an output cost: the one function by which budgets, progress, exports and reports charge for it.
 *
 * An output's calls are charged by what their replies told (study/price.h). What a reply tells beyond all that a call can use is
 * absurd, and no part of the cost: no model reads more than CS_BILL_INPUT_MAX tokens, or writes more than CS_BILL_OUTPUT_MAX or its
 * cap, whichever is more; whoever knows a tighter bound says so. Pure; any thread.
 */
#ifndef CS_BILL_H
#define CS_BILL_H

#include "protocol/study/price.h"
#include "protocol/wire/output.h"

enum { CS_BILL_INPUT_MAX = 2000 * 1000, CS_BILL_OUTPUT_MAX = 128 * 1024 };

struct cs_bill_most { /* the most that one call can use, in tokens */
    uint64_t input, output;
};

struct cs_bill {
    int64_t cost;   /* nano-USD of all its calls, */
    int64_t wasted; /* part of the cost: replies that gave nothing to use; a failure's own too */
    int64_t absurd; /* beside it */
    bool priced;    /* every token that it used has a price */
    bool told;      /* every reply that may have been charged told its usage, and told it whole */
};

/* What any call of a lane with this cap (0: none) can use. */
struct cs_bill_most cs_bill_most(uint32_t cap);
void cs_bill_of(const struct cs_price *p, const struct cs_output *o, const struct cs_bill_most *most,
                struct cs_bill *out);

#endif
