/* by_hand.h - that an operator paused a lane: since when, and in which words. On disk: "hand/GEN/LANE" holds "UNIX-MS REASON" while it is paused so;
 * that it is paused stands in "lane/GEN/LANE", so a coordinator that does not know this row loses nothing but the words.
 *
 * A lane that paused by itself (alike.h, over.h) is not paused by hand by saying so once more. Part of the core: pure, called from within a step.
 * Thread: the I/O loop.
 */
#ifndef CS_COORDINATOR_BY_HAND_H
#define CS_COORDINATOR_BY_HAND_H

#include <stdint.h>

#include "store/events.h"

struct cs_core;
struct cs_lane;

struct cs_by_hand {
    int64_t wall_ms; /* 0: it is not paused by hand, or nobody knows since when */
    char reason[CS_EVENTS_REASON_MAX + 1];
};

/* As the row has it; NULL: none. */
void cs_by_hand_open(struct cs_by_hand *h, const char *row);
/* An operator pauses it: before the lane is paused. wall_ms 0: nothing is kept. */
void cs_by_hand_pause(struct cs_core *core, struct cs_lane *lane, const char *reason, int64_t wall_ms);
/* It is resumed, or cancelled. */
void cs_by_hand_forget(struct cs_core *core, struct cs_lane *lane);

#endif
