/* past.h - what changed since the looks before: how often per minute, and since when something is silent. Pure; times of one clock, in ms. */
#ifndef CS_WALL_PAST_H
#define CS_WALL_PAST_H

#include <stdbool.h>
#include <stdint.h>

#include "store/redis/progress.h"

enum { CS_WALL_PACE_MS = 15000 };                 /* workers tell every 5 s: a shorter span says little */
enum { CS_WALL_LOOKS = 60, CS_WALL_LANES = 512 }; /* looks that are remembered; lanes of all studies */

struct cs_wall_figures {             /* of one lane */
    uint64_t ended[CS_TALLY_ENDS_N]; /* HTTP calls */
    uint64_t lost;                   /* failed, timed out, unparsable, truncated */
    uint64_t done;                   /* answers and failures */
};
struct cs_wall_past { /* a zeroed struct is empty */
    uint64_t n, at_ms[CS_WALL_LOOKS];
    uint32_t n_lanes[CS_WALL_LOOKS];
    struct {
        uint64_t key; /* cs_wall_past_key */
        struct cs_wall_figures f;
    } looks[CS_WALL_LOOKS][CS_WALL_LANES];
    int64_t coordinator_said; /* its newest time stamp, */
    uint64_t coordinator_ms;  /* and when that was seen first */
    uint64_t redis_ms;        /* when Redis answered last */
};

uint64_t cs_wall_past_key(const char *study, const struct cs_progress_lane *l);
struct cs_wall_figures cs_wall_past_figures(const struct cs_progress_lane *l);
/* Redis has answered with this. */
void cs_wall_past_note(struct cs_wall_past *p, const struct cs_fleet_progress *f, uint64_t now_ms);
/* Of a lane per minute, since the oldest look that knows it, at most the last CS_WALL_LOOKS; false: it is too early. Of calls: a worker that is gone
 * has taken its count with it, which is no change below 0. */
struct cs_wall_pace {
    double ended[CS_TALLY_ENDS_N], lost, done;
};
bool cs_wall_past_pace(const struct cs_wall_past *p, uint64_t key, const struct cs_wall_figures *now, uint64_t now_ms,
                       struct cs_wall_pace *out);
/* How long the coordinator had said nothing new when Redis answered last; how long Redis has not answered. */
uint64_t cs_wall_past_coordinator_silent_ms(const struct cs_wall_past *p);
uint64_t cs_wall_past_redis_silent_ms(const struct cs_wall_past *p, uint64_t now_ms);

#endif
