#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"

void sim_fail(const struct sim *s, const char *fmt, ...)
{
    va_list ap;

    fflush(stdout);
    fprintf(stderr, "seed %llu at %.3f s: ", (unsigned long long)s->seed, (double)s->now / 1000);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    _exit(1);
}

void sim_trace(const struct sim *s, const char *fmt, ...)
{
    va_list ap;

    if (!s->trace)
        return;
    printf("%9.3f  ", (double)s->now / 1000);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
}

void sim_fired(struct sim *s, enum sim_fault fault)
{
    s->result->fired |= UINT64_C(1) << fault;
}

uint64_t sim_spread(struct sim *s, uint64_t mean)
{
    uint64_t x = mean / 4 + sim_below(s, mean + 1);

    for (int i = 0; i < 3 && sim_below(s, 4) == 0; i++)
        x += sim_below(s, 2 * mean + 1);
    return x;
}

/* ---- the heap ---------------------------------------------------------------------------------------- */

static bool before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void insert(struct sim *s, const struct sim_event *e)
{
    uint32_t i = s->n_heap++;

    if (i == s->cap_heap) {
        s->cap_heap = s->cap_heap ? 2 * s->cap_heap : 1024;
        s->heap = cs_xrealloc(s->heap, s->cap_heap, sizeof *s->heap);
    }
    for (; i > 0 && before(e, &s->heap[(i - 1) / 2]); i = (i - 1) / 2)
        s->heap[i] = s->heap[(i - 1) / 2];
    s->heap[i] = *e;
}

static struct sim_event take(struct sim *s)
{
    struct sim_event first = s->heap[0], last = s->heap[--s->n_heap];
    uint32_t i = 0;

    for (uint32_t child = 1; child < s->n_heap; child = 2 * i + 1) {
        if (child + 1 < s->n_heap && before(&s->heap[child + 1], &s->heap[child]))
            child++;
        if (!before(&s->heap[child], &last))
            break;
        s->heap[i] = s->heap[child];
        i = child;
    }
    s->heap[i] = last;
    return first;
}

void sim_push(struct sim *s, uint64_t at, enum sim_event_kind kind, uint32_t who, uint64_t tag,
              struct sim_packet *packet)
{
    struct sim_event e = {
        .at = at > s->now ? at : s->now, .order = ++s->order, .kind = kind, .who = who, .tag = tag, .packet = packet};

    insert(s, &e);
}

/* After everything else of its moment: all readable messages go before a tick. */
void sim_push_last(struct sim *s, uint64_t at, enum sim_event_kind kind, uint32_t who, uint64_t tag)
{
    struct sim_event e = {.at = at, .order = UINT64_C(1) << 63 | ++s->order, .kind = kind, .who = who, .tag = tag};

    insert(s, &e);
}

/* What happens to a process that is stopped waits for it, in order. */
static void put_off(struct sim *s, struct sim_event *e, uint64_t until)
{
    e->at = until;
    insert(s, e);
}

/* ---- the loop ---------------------------------------------------------------------------------------- */

static void deliver(struct sim *s, struct sim_event *e)
{
    struct sim_worker *w = &s->workers[e->who];
    struct sim_packet *p = e->packet;
    uint64_t reader = p->up ? s->coordinator.paused_until : w->paused_until;
    uint64_t stalled = 0;

    for (uint32_t i = 0; i < SIM_CONNECTIONS; i++) {
        if (w->link.connections[i].serial == p->connection && p->connection != 0)
            stalled = w->link.connections[i].stalled_ms[p->up];
    }
    if (stalled > s->now && !p->unread) {
        put_off(s, e, stalled);
        return;
    }
    if (reader > s->now) {
        p->unread = true;
        put_off(s, e, reader);
        return;
    }
    if (p->up)
        sim_core_message(s, w, p);
    else
        sim_worker_message(s, w, p);
    free(p);
}

static bool core_runs(struct sim *s, struct sim_event *e)
{
    if (s->coordinator.core == NULL || e->tag != s->coordinator.life)
        return false;
    if (s->now >= s->coordinator.paused_until)
        return true;
    if (s->mutation == SIM_MUTATE_EXPIRE_UNREAD)
        return e->kind == SIM_CORE_TICK;
    put_off(s, e, s->coordinator.paused_until);
    return false;
}

static void worker_event(struct sim *s, struct sim_event *e)
{
    struct sim_worker *w = &s->workers[e->who];

    if (e->kind == SIM_WORKER_START) {
        if (w->core == NULL && w->incarnation + 1 == e->tag && !s->coordinator.draining && w->away_until > s->now)
            sim_push(s, w->away_until, SIM_WORKER_START, e->who, e->tag, NULL);
        else if (w->core == NULL && w->incarnation + 1 == e->tag && !s->coordinator.draining)
            sim_worker_start(s, w);
    } else if (w->paused_until > s->now) {
        put_off(s, e, w->paused_until);
    } else if (e->kind == SIM_REPLY) {
        sim_provider_reply(s, w, e->tag);
    } else if (e->kind == SIM_GRANTED) {
        sim_redis_granted(s, w, e->tag);
    } else if (w->core != NULL && w->wake_at == e->at) {
        sim_worker_wake(s, w);
    } else if (w->core != NULL && w->wake_at < s->now) { /* it was put off */
        sim_worker_wake(s, w);
    }
}

static void dispatch(struct sim *s, struct sim_event *e)
{
    switch (e->kind) {
    case SIM_DELIVER:
    case SIM_ANNOUNCED:
        deliver(s, e);
        break;
    case SIM_LINK_UP:
    case SIM_LINK_DOWN:
        sim_net_event(s, e);
        break;
    case SIM_ASKED:
        sim_redis_asked(s, &s->workers[e->who], e->tag);
        break;
    case SIM_WORKER_REKEY:
        if (s->workers[e->who].core != NULL && s->workers[e->who].incarnation == e->tag)
            sim_worker_end(s, &s->workers[e->who]);
        break;
    case SIM_WORKER_WAKE:
    case SIM_WORKER_START:
    case SIM_REPLY:
    case SIM_GRANTED:
        worker_event(s, e);
        break;
    case SIM_CORE_TICK:
        if (core_runs(s, e))
            sim_core_tick(s);
        break;
    case SIM_CORE_START:
        if (s->coordinator.core == NULL && e->tag == s->coordinator.life)
            sim_core_start(s);
        break;
    case SIM_WRITTEN: /* the disk does not stop with the process */
        if (s->coordinator.core != NULL && e->tag == s->coordinator.life)
            sim_store_written(s);
        break;
    case SIM_COMMITTED:
        if (core_runs(s, e))
            sim_store_committed(s);
        break;
    case SIM_SHOT:
        sim_swarm_shot(s, (enum sim_fault)e->who);
        break;
    case SIM_RESUME:
        sim_swarm_resume(s, e->who, e->tag != 0);
        break;
    case SIM_SUBMIT:
        sim_swarm_submit(s, e->who);
        break;
    case SIM_CALM:
        sim_swarm_calm(s);
        break;
    case SIM_EVENING:
        sim_profile_evening(s);
        break;
    }
}

/* The studies are over: the fleet drains, and that ends too. */
static void finish(struct sim *s)
{
    if (s->finished || !s->calm || !sim_check_is_over(s))
        return;
    sim_trace(s, "---- the studies are over: the fleet drains");
    sim_check_end(s);
    s->finished = s->coordinator.draining = true;
    sim_core_control(s, CS_CONTROL_DRAIN, NULL, NULL);
}

static bool all_gone(const struct sim *s)
{
    for (uint32_t i = 0; i < s->limits.n_workers; i++) {
        if (s->workers[i].core != NULL)
            return false;
    }
    return s->coordinator.core == NULL;
}

static void release(struct sim *s)
{
    while (s->n_heap > 0)
        free(s->heap[--s->n_heap].packet);
    free(s->heap);
    for (uint32_t i = 0; i < SIM_HEARD; i++)
        free(s->coordinator.heard[i]);
    cs_arena_release(&s->arena);
    sim_studies_forget(s);
    sim_children_release(s);
    sim_store_release(s);
    sim_redis_release(s);
    free(s);
}

void sim_run(uint64_t seed, enum sim_profile profile, enum sim_mutation mutation, bool trace, struct sim_result *result)
{
    struct sim *s = cs_xcalloc(1, sizeof *s);

    s->seed = seed;
    s->rng.state = cs_rng_mix64(seed);
    s->mutation = mutation;
    s->profile = profile;
    s->trace = trace;
    s->result = result;
    s->now = 1000;
    sim_swarm_draw(s);
    sim_store_init(s);
    sim_redis_init(s);
    sim_swarm_begin(s);
    while (!s->stopped && !(s->finished && all_gone(s))) {
        struct sim_event e;

        CS_ASSERT(s->n_heap > 0);
        e = take(s);
        CS_ASSERT(e.at >= s->now);
        s->now = e.at;
        dispatch(s, &e);
        if (++result->events > s->limits.events_max)
            sim_fail(s, "more than %u events: it runs in circles", s->limits.events_max);
        if (s->calm && s->now > s->due_ms) /* invariant 14, for the drain */
            sim_fail(s, "the %s has not ended %llu s after the last fault", s->finished ? "drain" : "study",
                     (unsigned long long)(s->due_ms - s->healed_ms) / 1000);
        finish(s);
    }
    for (uint32_t i = 0; i < s->limits.n_workers; i++) {
        if (s->workers[i].core != NULL)
            cs_worker_close(s->workers[i].core);
    }
    if (s->coordinator.core != NULL)
        cs_core_close(s->coordinator.core);
    result->virtual_ms = s->now;
    release(s);
}
