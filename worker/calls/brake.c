#include "worker/calls/brake.h"

#include <math.h>

#define KNEE 0.9 /* part of the ceiling up to which the window doubles */

void cs_brake_init(struct cs_brake *b, bool rated)
{
    *b = (struct cs_brake){.most = rated ? HUGE_VAL : CS_BRAKE_START, .ceiling = HUGE_VAL, .rated = rated};
}

uint32_t cs_brake_most(const struct cs_brake *b)
{
    return b->most < UINT32_MAX ? (uint32_t)b->most : UINT32_MAX;
}

void cs_brake_weak(struct cs_brake *b)
{
    b->most = 1;
}

static bool before_the_cut(const struct cs_brake *b, uint64_t sent)
{
    return b->was_cut && sent <= b->cut_at;
}

void cs_brake_answered(struct cs_brake *b, uint64_t sent, uint32_t in_flight)
{
    if (in_flight < cs_brake_most(b) || before_the_cut(b, sent))
        return; /* it is something else that bounds */
    b->most += b->rated || b->most < KNEE * b->ceiling ? 1 : 1 / b->most;
}

bool cs_brake_overloaded(struct cs_brake *b, uint64_t sent, uint32_t in_flight, uint64_t now)
{
    if (before_the_cut(b, sent))
        return false;
    b->was_cut = true;
    b->cut_at = now;
    b->ceiling = in_flight;
    b->most = in_flight >= 2 ? floor(in_flight / 2.0) : 1;
    return true;
}
