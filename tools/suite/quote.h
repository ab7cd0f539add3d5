/* quote.h - what a suite asks of a model, for how much and how long, before any of it is asked.
 *
 * `expected` takes the tokens of a call from the suite file, where they were measured when it was made; `most` is the worst case: every
 * reply as long as its cap allows, and every judge asked as often as its study allows. Thread: main.
 */
#ifndef CS_SUITE_QUOTE_H
#define CS_SUITE_QUOTE_H

#include "tools/suite/stage.h"

struct cs_quote {
    uint64_t trials, calls; /* of judges: the most that there can be, further draws included in calls */
    double expected, most;  /* USD */
    bool unpriced;          /* a price is not declared: what it would add is missing above */
    bool open_ended;        /* replies of a model that is paid have no cap: there is no `most` */
    double minutes;         /* at the declared limits, at best; 0: none is declared */
};

/* Of one part of a study that is staged. */
CS_WARN_UNUSED enum cs_err cs_quote_part(const struct cs_stage *t, uint32_t study, uint32_t part, struct cs_quote *out,
                                         struct cs_error *err);
void cs_quote_add(struct cs_quote *sum, const struct cs_quote *one);

#endif
