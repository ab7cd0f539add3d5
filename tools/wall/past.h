/* past.h - what changed since the looks before: how often per minute, and since when something is silent. Pure; times of one clock, in ms. */
#ifndef CS_WALL_PAST_H
#define CS_WALL_PAST_H

#include <stdbool.h>
#include <stdint.h>

#include "store/redis/progress.h"

enum { CS_WALL_PACE_MS = 15000 };                 /* workers tell every 5 s: a shorter span says little */
enum { CS_WALL_LOOKS = 60, CS_WALL_LANES = 512 }; /* looks that are remembered; lanes of all studies */

enum { CS_WALL_CREW = 512, CS_WALL_LOST = 16 }; /* workers that are remembered; lost ones that are shown */
enum {
    CS_WALL_LOST_AFTER_MS = 8000
}; /* who goes takes leave: one that is gone, and was silent for so long before, did not */
enum { CS_WALL_LOST_SHOWN_MS = 15 * 60 * 1000 };

enum cs_wall_heard { CS_WALL_NOT_ASKED, CS_WALL_ANSWERS, CS_WALL_SILENT }; /* of the coordinator, on its admin socket */

struct cs_wall_figures {             /* of one lane */
    uint64_t ended[CS_TALLY_ENDS_N]; /* HTTP calls */
    uint64_t outcome[CS_OUTCOMES];
    uint64_t lost; /* failed, timed out, unparsable, truncated */
    uint64_t done; /* answers and failures */
};
struct cs_wall_worker {
    char name[80], host[80];
    int64_t told_wall_ms; /* its newest time stamp, */
    uint64_t told_ms;     /* and when that was seen first */
};
struct cs_wall_past { /* a zeroed struct is empty */
    uint64_t n, at_ms[CS_WALL_LOOKS];
    uint32_t n_lanes[CS_WALL_LOOKS];
    uint64_t crew[CS_WALL_LOOKS]; /* stands for the processes that were there */
    struct {
        uint64_t key; /* cs_wall_past_key */
        struct cs_wall_figures f;
    } looks[CS_WALL_LOOKS][CS_WALL_LANES];
    int64_t coordinator_said;                       /* its newest time stamp, */
    uint64_t coordinator_ms;                        /* and when that was seen first */
    uint64_t redis_ms;                              /* when Redis answered last */
    enum cs_wall_heard heard;                       /* since then, at the last question, */
    uint64_t answered_ms;                           /* and when the coordinator answered one last */
    struct cs_wall_worker workers[2][CS_WALL_CREW]; /* at the last look, of number n - 1, and the one before, in turn */
    uint32_t n_workers[2];
    struct cs_wall_worker lost[CS_WALL_LOST]; /* gone without taking leave, the latest first */
    uint32_t n_lost;
};

uint64_t cs_wall_past_key(const char *study, const struct cs_progress_lane *l);
struct cs_wall_figures cs_wall_past_figures(const struct cs_progress_lane *l);
/* Redis has answered with this. */
void cs_wall_past_note(struct cs_wall_past *p, const struct cs_fleet_progress *f, uint64_t now_ms);
/* Redis does not answer, and the coordinator was asked. */
void cs_wall_past_note_heard(struct cs_wall_past *p, enum cs_wall_heard heard, uint64_t now_ms);
/* Of a lane per minute, over the last CS_WALL_LOOKS looks; false: it is too early. A worker that comes or goes brings or takes its count of calls:
 * between two looks with other workers nothing is counted, neither calls nor time. */
struct cs_wall_pace {
    double ended[CS_TALLY_ENDS_N], outcome[CS_OUTCOMES];
};
bool cs_wall_past_pace(const struct cs_wall_past *p, uint64_t key, const struct cs_wall_figures *now, uint64_t now_ms,
                       struct cs_wall_pace *out);
/* How long the coordinator had said nothing new when Redis answered last; how long Redis has not answered. */
uint64_t cs_wall_past_coordinator_silent_ms(const struct cs_wall_past *p);
uint64_t cs_wall_past_redis_silent_ms(const struct cs_wall_past *p, uint64_t now_ms);

#endif
