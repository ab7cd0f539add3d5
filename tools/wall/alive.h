/* alive.h - which parts of the fleet are silent, as a look finds them, and what holds meanwhile. Pure. */
#ifndef CS_WALL_ALIVE_H
#define CS_WALL_ALIVE_H

#include "tools/wall/page.h"

bool cs_wall_alive_redis_is_silent(const struct cs_wall_look *look);
/* For how long the coordinator has said nothing; 0: it is there, or nothing is known of it. While Redis is silent: as its admin socket tells, where
 * that is asked; else as it was left. What a silent coordinator said of states, rates and ends holds no more: of what stands on the page that is
 * asked of the look as it was left. */
int64_t cs_wall_alive_silent_ms(const struct cs_wall_look *look);
/* While Redis is silent all is from when it answered last: ages, rates and ends too, or all would look dead. */
struct cs_wall_look cs_wall_alive_as_left(const struct cs_wall_look *look);

#endif
