#include "worker/calls/turns.h"

double cs_turns_stand(struct cs_turn *t, double now)
{
    const double least = now - CS_TURNS_CREDIT * t->stride;
    if (!t->known || t->pass < least)
        t->pass = t->known ? least : now;
    t->known = true;
    return t->pass;
}

double cs_turns_take(struct cs_turn *t, double now, double part, uint32_t weight)
{
    const double began = cs_turns_stand(t, now);
    t->stride = part / (weight > 0 ? weight : 1);
    t->pass = began + t->stride;
    return began > now ? began : now;
}

double cs_turns_part(const double *cost, const double *limit, int n)
{
    double most = 0;
    for (int i = 0; i < n; i++) {
        if (limit[i] > 0 && cost[i] / limit[i] > most)
            most = cost[i] / limit[i];
    }
    return most > 0 ? most : 1;
}
