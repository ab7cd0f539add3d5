#include "worker/core/lane.h"

#include "worker/calls/brake.h"

uint64_t cs_worker_lane_key(uint32_t gen, uint32_t lane)
{
    return (uint64_t)gen << 32 | lane;
}

struct cs_worker_lane *cs_worker_lane_find(struct cs_worker *w, uint32_t gen, uint32_t lane)
{
    uint64_t key = cs_worker_lane_key(gen, lane);
    struct cs_worker_lane *l;
    HASH_FIND(hh, w->lanes, &key, sizeof key, l);
    return l;
}

void cs_worker_lane_wake(struct cs_worker *w, struct cs_worker_lane *l)
{
    if (l->ready)
        return;
    l->ready = true;
    TAILQ_INSERT_TAIL(&w->ring, l, in_ring);
}

uint32_t cs_worker_lane_most(const struct cs_worker_lane *l)
{
    uint32_t most = cs_worker_lane_brakes(l) ? cs_brake_most(&l->brake) : CS_SHARES_FREE;
    most = l->dealt < most ? l->dealt : most;
    return l->share < most ? l->share : most;
}

bool cs_worker_lane_brakes(const struct cs_worker_lane *l)
{
    return l->draw != NULL || l->dealt == CS_SHARES_FREE;
}

void cs_worker_lane_warm(struct cs_call *c, bool warm)
{
    if (c->warm == warm)
        return;
    c->warm = warm;
    c->lane->n_warm = warm ? c->lane->n_warm + 1 : c->lane->n_warm - 1;
}

void cs_worker_lane_silent(struct cs_worker *w, struct cs_worker_lane *l, bool silent)
{
    if (l->silent == silent)
        return;
    l->silent = silent;
    w->parked = silent ? w->parked + l->in_flight : w->parked - l->in_flight;
    w->shares_stale = true;
}

void cs_worker_lane_flies(struct cs_worker *w, struct cs_worker_lane *l, int calls)
{
    if (l->in_flight == 0)
        l->started_at = w->now;
    w->in_flight += (uint32_t)calls;
    l->in_flight += (uint32_t)calls;
    if (l->silent)
        w->parked += (uint32_t)calls;
}

bool cs_worker_lane_is_borne(const struct cs_worker *w, const struct cs_worker_lane *l)
{
    uint32_t lanes = 0;
    if (cs_replies_fit(&l->replies, l->in_flight, &w->replies, UINT32_MAX))
        return true; /* as ever: short replies need no part */
    for (const struct cs_worker_lane *o = w->lanes; o != NULL; o = o->hh.next)
        lanes += o->in_flight > 0;
    return cs_replies_fit(&l->replies, l->in_flight, &w->replies, lanes);
}

bool cs_worker_lane_fits(const struct cs_worker *w, const struct cs_worker_lane *l, uint64_t pause_ms)
{
    return w->opts.deadline_ms == 0 ||
           w->now + pause_ms + l->facts.timeout_ms + CS_LEAVE_MARGIN_MS <= w->opts.deadline_ms;
}

void cs_worker_lane_wake_all(struct cs_worker *w)
{
    for (struct cs_worker_lane *l = w->lanes; l != NULL; l = l->hh.next)
        cs_worker_lane_wake(w, l);
}

bool cs_worker_lane_may_repeat(const struct cs_worker *w, const struct cs_call *c, uint64_t pause_ms)
{
    enum cs_lane_state s = c->lane->state;
    return !w->draining && !w->fleet_draining && !c->lease->dead && c->lane->trouble[0] == '\0' &&
           (s == CS_LANE_OPEN || s == CS_LANE_PAUSED) && cs_worker_lane_fits(w, c->lane, pause_ms);
}
