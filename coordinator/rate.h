/* rate.h - how fast answers come, and when the slowest lane will have all of its answers.
 *
 * Each lane by itself: its answers over the last CS_RATE_SECONDS samples (one a second), or, where none came in that time, since the
 * first sample. Taken together they would call a study nearly done whose slowest model has hours to go. Pure; thread: one owner.
 */
#ifndef CS_RATE_H
#define CS_RATE_H

#include <stdbool.h>
#include <stdint.h>

enum { CS_RATE_SECONDS = 10, CS_RATE_LANES = 1024 };

struct cs_rate_lane {
    uint64_t answers; /* so far, those taken over not counted */
    uint64_t left;    /* trials that have no end yet */
    bool open;        /* works; a paused or stopped one does not hold up the others' end */
    bool held;        /* open, and nothing can come just now: nobody can say when it ends, nor when its study does */
};

struct cs_rate { /* a zeroed struct is one without samples */
    uint32_t gen, n_lanes;
    uint64_t n, at[CS_RATE_SECONDS + 1];
    uint64_t seen; /* samples that the last look compared with, without its own: of_lane takes the same */
    uint64_t first_at, first[CS_RATE_LANES];
    uint64_t answers[CS_RATE_SECONDS + 1][CS_RATE_LANES];
};

/* Answers a second of all lanes, and seconds until the last open lane has ended: 0 when nothing is left, -1 when it cannot be said
 * (a lane that has not answered yet). `sample`: a second has passed, remember these. Lanes beyond CS_RATE_LANES are not looked at. */
void cs_rate_look(struct cs_rate *r, uint32_t gen, const struct cs_rate_lane *lanes, uint32_t n_lanes, uint64_t now_ms,
                  bool sample, double *outputs_per_s, double *eta_s);
/* The same of one lane, after cs_rate_look of the same figures: answers a second over the last samples; seconds until it has ended, 0 when
 * nothing is left, -1 when it cannot be said, or when it is not open. */
void cs_rate_of_lane(const struct cs_rate *r, uint32_t lane, const struct cs_rate_lane *l, uint64_t now_ms,
                     double *outputs_per_s, double *eta_s);

#endif
