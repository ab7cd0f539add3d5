#include "worker/core/leave.h"

#include "worker/calls/alarm.h"
#include "worker/core/leases.h"
#include "worker/core/link.h"

static uint64_t before_deadline(const struct cs_worker *w, uint64_t ms)
{
    return w->opts.deadline_ms > ms ? w->opts.deadline_ms - ms : 1;
}

static bool has_a_future(const struct cs_worker_lane *l)
{
    return l->state == CS_LANE_OPEN || l->state == CS_LANE_PAUSED;
}

static void give_back(struct cs_worker *w, struct cs_worker_lane *l)
{
    w->shares_stale |= !l->late;
    l->late = true;
    cs_leases_give_back(w, l, true);
}

/* Gives back what no longer fits; the moment at which the next lane is too late, or 0: all are. */
static uint64_t next_too_late(struct cs_worker *w)
{
    const uint64_t idle = before_deadline(
        w, CS_LEAVE_MARGIN_MS); /* for a lane of which no time limit is known, or none at all */
    uint64_t next = CS_NEVER, at;
    bool any = false;

    for (struct cs_worker_lane *l = w->lanes; l != NULL; l = l->hh.next) {
        if (!has_a_future(l))
            continue;
        any = true;
        at = l->known ? before_deadline(w, CS_LEAVE_MARGIN_MS + (uint64_t)l->facts.timeout_ms) + 1 : idle;
        if (at <= w->now)
            give_back(w, l);
        else if (at < next)
            next = at;
    }
    if (!any)
        next = idle;
    return next != CS_NEVER && next > w->now ? next : 0;
}

static void look_at_deadline(struct cs_worker *w)
{
    const uint64_t next = next_too_late(w);

    if (next == 0)
        cs_link_drain_late(w, "the deadline leaves no time for another call");
    else
        cs_alarm_set(&w->alarms, &w->late, next);
}

static bool is_busy(const struct cs_worker *w)
{
    return w->in_flight > 0 || w->unstarted > 0 || w->window.n > 0;
}

static void look_at_idleness(struct cs_worker *w)
{
    if (is_busy(w) || w->idle_since == 0)
        w->idle_since = w->now > 0 ? w->now : 1;
    if (is_busy(w))
        cs_alarm_clear(&w->alarms, &w->idle);
    else if (w->now - w->idle_since >= w->opts.idle_ms)
        cs_link_drain(w, "nothing to do for as long as --idle-exit allows");
    else
        cs_alarm_set(&w->alarms, &w->idle, w->idle_since + w->opts.idle_ms);
}

/* The fleet has studies, and none of them has anything left to do. */
static bool is_done(const struct cs_worker *w)
{
    for (const struct cs_worker_lane *l = w->lanes; l != NULL; l = l->hh.next)
        if (has_a_future(l))
            return false;
    return w->lanes != NULL && w->state == CS_WORKER_READY && !is_busy(w);
}

void cs_leave_look(struct cs_worker *w)
{
    if (w->draining)
        return;
    if (w->opts.deadline_ms != 0)
        look_at_deadline(w);
    if (w->opts.idle_ms != 0 && !w->draining)
        look_at_idleness(w);
    if (w->opts.until_done && !w->draining && is_done(w))
        cs_link_drain(w, "the studies are done");
}
