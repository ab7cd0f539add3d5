/* turns.h - whose turn it is: lanes of several studies that draw from the same quotas, each by its weight.
 *
 * Stride scheduling. A lane's pass grows with each call by the part of the quota that the call takes, over its weight; the lane with the
 * least pass goes first. So over any time in which all of them have something to start, what they take is in proportion to their weights,
 * to within a call each. A lane that had nothing to start for a while (no trial, no lease yet) may make up for CS_TURNS_CREDIT of its own
 * calls, but no more: an idle lane saves nothing up, and a new one begins where the others are.
 *
 * Pure. Thread: any. A pass has no unit; weights: relative, at least 1.
 */
#ifndef CS_TURNS_H
#define CS_TURNS_H

#include <stdbool.h>
#include <stdint.h>

enum { CS_TURNS_CREDIT = 16 };

struct cs_turn {         /* a lane's; zeroed: new */
    double pass, stride; /* stride: of its last call */
    bool known;
};

/* Where the lane stands among others whose last call began at pass `now`. */
double cs_turns_stand(struct cs_turn *t, double now);
/* The lane starts a call that takes `part` of the quota (0 to 1). Returns the pass at which it began, for *now. */
double cs_turns_take(struct cs_turn *t, double now, double part, uint32_t weight);
/* The part of a minute's quota that a call takes: the largest over the n dimensions that have a limit; without any, 1. */
double cs_turns_part(const double *cost, const double *limit, int n);

#endif
