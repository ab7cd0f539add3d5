#include "coordinator/core/caps.h"

#include "coordinator/core/lease.h"
#include "coordinator/core/session.h"
#include "coordinator/lanes/act.h"
#include "coordinator/lanes/bits.h"

enum { HOARDERS_MAX = 1024 };

void cs_caps_worked(struct cs_core *core, struct cs_session *s, struct cs_lane *lane)
{
    s->worked_ms = core->now_ms;
    s->recalled_ms = 0;
    if (lane == NULL)
        return;
    if (core->now_ms > lane->worked_ms + CS_CAPS_AHEAD_MS)
        lane->works_since_ms = core->now_ms;
    lane->worked_ms = core->now_ms;
}

/* Another has nothing to do in the lane, because all that is left of it is leased. */
static bool starves(const struct cs_core *core, const struct cs_session *s, const struct cs_lane *lane)
{
    if (lane->leased < lane->count[CS_TRIAL_PLANNED])
        return false;
    for (const struct cs_session *o = core->sessions; o != NULL; o = o->hh.next) {
        if (o != s && !o->suspect && !o->refused && o->lanes[lane->slot].held == 0 && !o->lanes[lane->slot].trouble &&
            !o->lanes[lane->slot].away) /* it does not say that it wants: it was announced that nothing is left */
            return true;
    }
    return false;
}

/* Others get answers where it holds leases and does nothing, or wait for what it holds. A provider that is away, or a limit that is used up,
 * stops all alike. */
static bool is_idle(const struct cs_core *core, const struct cs_session *s)
{
    const struct cs_lease *l;

    if (s->leases == NULL || s->apart != NULL || s->refused || s->suspect ||
        core->now_ms < s->worked_ms + CS_CAPS_IDLE_MS)
        return false;
    DL_FOREACH (s->leases, l) {
        /* After an outage one worker is back first: the others get as long as ever before they count as idle beside it. */
        const bool passed = l->lane->worked_ms > s->worked_ms + CS_CAPS_AHEAD_MS &&
                            core->now_ms >= l->lane->works_since_ms + CS_CAPS_IDLE_MS;
        if (passed || starves(core, s, l->lane))
            return true;
    }
    return false;
}

static void recall(struct cs_core *core, struct cs_session *s)
{
    struct cs_lease *l;

    s->recalled_ms = core->now_ms;
    s->recalled_ping = s->pings;
    DL_FOREACH (s->leases, l)
        l->revoking = true;
    cs_lease_revoke(core, s);
    s->recalled_seq = s->seq_out;
}

static bool keeps(const struct cs_session *s)
{
    const struct cs_lease *l;

    DL_FOREACH (s->leases, l) {
        if (l->revoking && cs_bits_none(&l->busy))
            return true;
    }
    return false;
}

/* How often this process was let go for it, this time included. */
static uint32_t times(struct cs_core *core, uint64_t process)
{
    uint32_t i = 0;

    while (i < core->hoarders.n && core->hoarders.items[i].process != process)
        i++;
    if (i == core->hoarders.n && i == HOARDERS_MAX)
        i = core->hoarders.n = 0;
    if (i == core->hoarders.n)
        CS_APPEND(core->hoarders)->process = process;
    return ++core->hoarders.items[i].times;
}

/* It is told again in the answer to each of its PINGs, and what an honest worker has not begun it has given back by then, and may want
 * again. Once may be the network's fault. */
static void judge(struct cs_core *core, struct cs_session *s)
{
    if (!keeps(s)) {
        s->recalled_ms = 0;
        s->worked_ms = core->now_ms;
        return;
    }
    if (s->seen < s->recalled_seq) /* it may not have heard of it */
        s->recalled_ping = s->pings;
    if (s->pings < s->recalled_ping + CS_CAPS_PINGS)
        return;
    cs_log(CS_WARN, "leases_hoarded", "worker=%s idle_ms=%llu", s->worker,
           (unsigned long long)(core->now_ms - s->worked_ms));
    if (times(core, s->process) >= CS_CAPS_TIMES) {
        cs_session_exclude(core, s, "this worker holds leases, works on none and gives none back");
        return;
    }
    cs_act_send_to(core, &s->peer, CS_WHO);
    cs_session_end(core, s, CS_ENDED_EXPELLED);
}

static void let_go(struct cs_core *core, struct cs_session *s)
{
    cs_log(CS_WARN, "session_closed", "worker=%s unread=%llu", s->worker, (unsigned long long)(s->seq_out - s->seen));
    cs_session_end(core, s, CS_ENDED_EXPELLED);
}

void cs_caps_tick(struct cs_core *core)
{
    struct cs_session *s, *next;

    HASH_ITER (hh, core->sessions, s, next) {
        if (s->leases != NULL && core->now_ms >= s->seen_ms + CS_CAPS_DEAF_MS)
            let_go(core, s);
        else if (s->recalled_ms != 0)
            judge(core, s);
        else if (is_idle(core, s))
            recall(core, s);
    }
}

bool cs_caps_reads(struct cs_core *core, struct cs_session *s)
{
    const bool unread = s->seq_out > s->seen + CS_CAPS_UNREAD;

    if (!unread || !s->unread) {
        s->unread = unread;
        return true;
    }
    let_go(core, s);
    return false;
}
