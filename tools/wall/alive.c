#include "tools/wall/alive.h"

bool cs_wall_alive_redis_is_silent(const struct cs_wall_look *l)
{
    return l->trouble != NULL &&
           (l->fleet == NULL || cs_wall_past_redis_silent_ms(l->past, l->now_ms) >= CS_WALL_REDIS_SILENT_MS);
}

/* As Redis told it when it answered last; what was silent then is silent still, for all one knows. */
static int64_t by_redis(const struct cs_wall_look *l)
{
    const int64_t by_clock = l->now_wall_ms - l->past->coordinator_said;
    const uint64_t seen = cs_wall_past_coordinator_silent_ms(l->past), since = l->now_ms - l->past->redis_ms;
    if (seen >= CS_WALL_COORDINATOR_SILENT_MS)
        return by_clock > 0 ? by_clock : (int64_t)seen;
    return l->past->n < 3 && by_clock >= CS_WALL_CLOCKS_APART_MS + (int64_t)since ? by_clock : 0;
}

int64_t cs_wall_alive_silent_ms(const struct cs_wall_look *l)
{
    const struct cs_wall_past *p = l->past;
    if (l->fleet == NULL || l->fleet->n_studies == 0)
        return 0; /* nothing is known of it */
    const int64_t told = by_redis(l);
    if (!cs_wall_alive_redis_is_silent(l) || p->heard == CS_WALL_NOT_ASKED)
        return told;
    if (p->heard == CS_WALL_ANSWERS)
        return 0;
    const bool answered_since = p->answered_ms > p->redis_ms;
    const uint64_t sign = answered_since ? p->answered_ms : p->coordinator_ms;
    if (told > 0 && !answered_since)
        return told;
    return l->now_ms >= sign + CS_WALL_COORDINATOR_SILENT_MS ? (int64_t)(l->now_ms - sign) : 0;
}

struct cs_wall_look cs_wall_alive_as_left(const struct cs_wall_look *look)
{
    struct cs_wall_look then = *look;
    if (look->fleet != NULL && cs_wall_alive_redis_is_silent(look)) {
        then.now_ms = look->past->redis_ms;
        then.now_wall_ms -= (int64_t)(look->now_ms - look->past->redis_ms);
    }
    return then;
}
