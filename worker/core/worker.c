/* The frame of the worker's state machine: events in, alarms, actions out, and what must hold after every step. */
#include "worker/core/worker.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "worker/calls/alarm.h"
#include "worker/core/do.h"
#include "worker/core/lane.h"
#include "worker/core/lanes.h"
#include "worker/core/leases.h"
#include "worker/core/leave.h"
#include "worker/core/link.h"
#include "worker/core/pools.h"
#include "worker/core/spread.h"
#include "worker/core/state.h"
#include "worker/core/talks.h"
#include "worker/calls/window.h"
#include "worker/core/trouble.h"
#include "worker/core/work.h"

void cs_worker_open(struct cs_worker **out, const struct cs_worker_opts *opts)
{
    CS_ASSERT(opts->slots > 0);
    CS_ASSERT(opts->slots <= CS_WORKER_SLOTS_MAX);
    CS_ASSERT(strlen(opts->name) <= CS_NAME_MAX);
    struct cs_worker *w = cs_xcalloc(1, sizeof *w);
    w->opts = *opts;
    w->name = cs_xstrdup(opts->name);
    w->version = cs_xstrdup(opts->version);
    w->source = opts->source;
    w->rng.state = opts->seed;
    w->replies.cap = opts->reply_memory;
    w->pack = CS_BUF_INIT(CS_OUTPUT_MAX);
    struct {
        struct cs_alarm *alarm;
        enum cs_worker_alarm kind;
    } own[] = {{&w->hello, CS_ALARM_HELLO},   {&w->ping, CS_ALARM_PING},  {&w->flush, CS_ALARM_FLUSH},
               {&w->resend, CS_ALARM_RESEND}, {&w->spec, CS_ALARM_SPEC},  {&w->go, CS_ALARM_GO},
               {&w->drain, CS_ALARM_DRAIN},   {&w->leave, CS_ALARM_EXIT}, {&w->look, CS_ALARM_LOOK},
               {&w->late, CS_ALARM_LEAVE},    {&w->idle, CS_ALARM_LEAVE}};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        own[i].alarm->kind = (int)own[i].kind;
    TAILQ_INIT(&w->ring);
    LIST_INIT(&w->leases);
    cs_window_init(&w->window, CS_WINDOW_OUTPUTS, CS_WINDOW_BYTES);
    w->window_peak = CS_WINDOW_OUTPUTS;
    const uint32_t slots = CS_WORKER_SLOTS_PARKED * opts->slots;
    w->slots = cs_xcalloc(slots, sizeof(struct cs_call *));
    w->free_slots = cs_xcalloc(slots, sizeof *w->free_slots);
    for (uint32_t i = 0; i < slots; i++) /* slot 0 is on top: few calls keep few connections warm */
        w->free_slots[w->n_free++] = slots - 1 - i;
    cs_alarm_set(&w->alarms, &w->hello, 0);
    *out = w;
}

void cs_worker_close(struct cs_worker *w)
{
    if (w == NULL)
        return;
    cs_worker_work_abort_all(w);
    cs_worker_talks_close(w);
    cs_window_release(&w->window);
    cs_leases_close(w);
    cs_lanes_close(w);
    cs_pools_close(w);
    cs_alarms_release(&w->alarms);
    cs_arena_release(&w->arena);
    cs_buf_release(&w->pack);
    free(w->actions);
    free(w->slots);
    free(w->free_slots);
    free(w->asked);
    free(w->giving);
    free(w->fleet);
    free(w->name);
    free(w->version);
    free(w);
}

static void bye(struct cs_worker *w, const char *reason)
{
    if (cs_do_is_live(w) && !w->said_bye)
        cs_do_send(w, CS_BYE)->bye.reason = reason;
    w->said_bye = true;
    cs_alarm_set(&w->alarms, &w->leave, cs_do_is_live(w) ? w->now + CS_BYE_MS : w->now);
}

/* The drain has lasted as long as it may: what is still in flight is cut off. */
static void drain_over(struct cs_worker *w)
{
    if (w->said_bye)
        return;
    cs_do_log(w, CS_WARN, "drain_cut", "in_flight=%u unacked=%u", w->in_flight, w->window.n);
    w->cut = true;
    cs_worker_work_abort_all(w);
    bye(w, "drain took too long");
}

static void leave(struct cs_worker *w)
{
    if (w->cut || w->window.n > 0)
        cs_do_exit(w, CS_EINCOMPLETE, "drained for as long as allowed: %u outputs were not acknowledged", w->window.n);
    else
        cs_do_exit(w, CS_OK, "drained");
}

static void ring(struct cs_worker *w, const struct cs_alarm *a)
{
    switch ((enum cs_worker_alarm)a->kind) {
    case CS_ALARM_HELLO:
        cs_link_hello(w);
        break;
    case CS_ALARM_PING:
        cs_link_ping(w);
        break;
    case CS_ALARM_FLUSH:
        cs_worker_work_flush(w, true);
        break;
    case CS_ALARM_RESEND:
        cs_worker_work_resend(w);
        break;
    case CS_ALARM_SPEC:
        cs_lanes_ask_again(w);
        break;
    case CS_ALARM_POOL:
        cs_pools_wake(w, a->owner);
        break;
    case CS_ALARM_GO:
    case CS_ALARM_LEAVE:
        break; /* every step starts what it can */
    case CS_ALARM_LANE:
        cs_worker_trouble_again(w, a->owner);
        if (((struct cs_worker_lane *)a->owner)->servers != NULL)
            cs_worker_trouble_wait(w, a->owner);
        cs_worker_lane_wake(w, a->owner);
        break;
    case CS_ALARM_CALL:
        cs_worker_work_due(w, a->owner);
        break;
    case CS_ALARM_LOOK:
        cs_lanes_look(w);
        break;
    case CS_ALARM_DRAIN:
        drain_over(w);
        break;
    case CS_ALARM_EXIT:
        leave(w);
        break;
    }
}

static void check(const struct cs_worker *w)
{
    CS_ASSERT(w->in_flight + w->n_free == CS_WORKER_SLOTS_PARKED * w->opts.slots);
    CS_ASSERT(w->parked <= w->in_flight);
    CS_ASSERT(w->in_flight + w->window.n <= w->opts.slots + w->window_peak); /* invariant 7 */
    CS_ASSERT(w->waiting <= w->unstarted);
    CS_ASSERT(!w->draining || w->unstarted == 0);
}

static void dispatch(struct cs_worker *w, const struct cs_worker_event *ev)
{
    switch (ev->kind) {
    case CS_WORKER_TICK:
        w->rss_mb = ev->rss_mb;
        break;
    case CS_WORKER_MESSAGE:
        cs_link_message(w, ev->message);
        break;
    case CS_WORKER_UNSENT:
        cs_link_unsent(w, ev->unsent);
        break;
    case CS_WORKER_REPLY:
        cs_worker_work_reply(w, ev->slot, ev->reply);
        break;
    case CS_WORKER_QUOTA:
        cs_pools_answer(w, &ev->quota);
        break;
    case CS_WORKER_DRAIN:
        cs_link_drain(w, "asked to");
        break;
    case CS_WORKER_SERVERS:
        for (struct cs_worker_lane *l = w->lanes; l != NULL; l = l->hh.next)
            cs_worker_spread_look(w, l);
        break;
    case CS_WORKER_MOVED:
        cs_link_moved(w);
        break;
    }
}

void cs_worker_step(struct cs_worker *w, const struct cs_worker_event *ev, uint64_t now_ms)
{
    w->n_actions = 0;
    w->starts = 0;
    w->start_bytes = 0;
    cs_arena_reset(&w->arena);
    if (w->state == CS_WORKER_GONE)
        return;
    CS_ASSERT(now_ms >= w->now);
    w->now = now_ms;
    w->wall = ev->wall_ms;
    w->replies.held = ev->held;
    cs_link_tick(w); /* before the event: what it would start must not run on a lease that has ended */
    dispatch(w, ev);
    for (struct cs_alarm *a; w->state != CS_WORKER_GONE && (a = cs_alarm_due(&w->alarms, now_ms)) != NULL;)
        ring(w, a);
    if (w->state == CS_WORKER_GONE)
        return;
    cs_leave_look(w);
    do { /* a lane that cannot go on leaves its share to the others */
        cs_lanes_settle(w);
        cs_worker_work_start(w);
    } while (w->shares_stale);
    cs_pools_settle(w);
    cs_lanes_ask(w);
    cs_worker_talks_ask(w);
    cs_leases_settle(w);
    cs_worker_work_flush(w, false);
    if (w->draining && !w->said_bye && w->in_flight == 0 && w->window.n == 0)
        bye(w, "drained");
    check(w);
}

const struct cs_worker_action *cs_worker_actions(const struct cs_worker *w, uint32_t *n)
{
    *n = w->n_actions;
    return w->actions;
}

uint64_t cs_worker_next_ms(const struct cs_worker *w)
{
    return w->state != CS_WORKER_GONE ? cs_alarm_next(&w->alarms) : CS_NEVER;
}

void cs_worker_figures(const struct cs_worker *w, struct cs_worker_figures *out)
{
    *out = (struct cs_worker_figures){
        .draws = HASH_COUNT(w->draws),
        .state = w->state,
        .fleet = w->fleet != NULL ? w->fleet : "",
        .draining = w->draining,
        .in_flight = w->in_flight,
        .unstarted = w->unstarted,
        .waiting = w->waiting,
        .unacked = w->window.n,
        .calls_started = w->calls_started,
        .calls_ended = w->calls_ended,
        .outputs_acked = w->outputs_acked,
        .outputs_refused = w->outputs_refused,
    };
}
