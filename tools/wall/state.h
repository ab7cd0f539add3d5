/* state.h - what the wall screen holds while it runs: shared by press.c and term.c alone. */
#ifndef CS_WALL_STATE_H
#define CS_WALL_STATE_H

#include "tools/base/text.h"
#include "tools/wall/page.h"
#include "tools/wall/term.h"

enum { CS_WALL_TYPED_MAX = 120 };
enum cs_wall_typing { TYPES_NOTHING, TYPES_BUDGET, TYPES_DRAIN, TYPES_TRIAL, TYPES_END };

struct cs_wall {
    struct cs_wall_opts o;
    struct cs_redis_sync *redis;
    uint64_t try_ms, looked_ms, events_ms, block_ms, pinged_ms;
    struct cs_arena arenas[2]; /* the look that holds, and the one under way */
    unsigned at;
    struct cs_fleet_progress fleet;
    char fleet_id
        [CS_TEXT_MAX_LEN]; /* where none was named: the one that was found first, whatever else Redis is told later */
    bool has_fleet, is_screen, has_colours;
    uint64_t block_key; /* of the block that was written last */
    struct cs_error trouble;
    struct cs_wall_past *past;
    struct cs_wall_acts acts;
    struct cs_buf events, said, shown;
    struct cs_buf told;       /* lines for when the screen is gone */
    enum cs_wall_view before; /* where a trial was opened from */
    uint32_t gen;             /* of the lane that a trial is asked of */
    char model[CS_TEXT_MAX_LEN * 4];
    uint64_t said_ms;
    struct cs_wall_choice choice;
    enum cs_wall_typing types;
    char typed[CS_WALL_TYPED_MAX], asks[400], subject[CS_TEXT_MAX_LEN * 4];
    struct cs_arena page_arena;
    struct cs_wall_page page;
};

#endif
