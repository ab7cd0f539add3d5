/* fields.h - what stands in the wall screen's tables: figures and words of a study and of a lane. Pure; texts live in the arena. */
#ifndef CS_WALL_FIELDS_H
#define CS_WALL_FIELDS_H

#include "tools/base/text.h"
#include "tools/wall/past.h"

enum { CS_WALL_STUDY_CELLS = 9, CS_WALL_LANE_CELLS = 15 };

/* When it will be so many seconds from now: "17:40 today", "Mon 09:00", "3 Dec"; "-" below 0. */
const char *cs_wall_fields_when(char out[CS_TEXT_MAX_LEN], int64_t now_wall_ms, double seconds);
const char *cs_wall_fields_seconds(char out[CS_TEXT_MAX_LEN], double s); /* "0.84 s"; "-" below 0 */
const char *cs_wall_fields_rate(char out[CS_TEXT_MAX_LEN], double rate); /* "0.8", "1,912" */
/* Lanes that stand still, and why, and those that nobody answers, with since when; "" when there is none. */
const char *cs_wall_fields_needs(const struct cs_progress *p, int64_t now_wall_ms, struct cs_arena *arena);
/* is_stale: the coordinator is silent; states, rates and ends are not known. */
void cs_wall_fields_study(const struct cs_progress *p, int64_t now_wall_ms, bool is_stale, struct cs_arena *arena,
                          const char *cells[CS_WALL_STUDY_CELLS]);
/* What a lane has cost: "$0.12", ">=$0.12" where the provider did not tell of all, "unknown" without prices. */
const char *cs_wall_fields_cost(const struct cs_progress_lane *l, struct cs_arena *arena);
/* pace NULL: not known yet. several: the fleet has more than one study. */
void cs_wall_fields_lane(const struct cs_progress *p, const struct cs_progress_lane *l, const struct cs_wall_pace *pace,
                         bool several, bool is_stale, struct cs_arena *arena, const char *cells[CS_WALL_LANE_CELLS]);

#endif
