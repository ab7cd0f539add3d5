/* Pools: the quotas that lanes draw from. Lanes that draw from the same pools do so together, as one draw; a lane for which no limit
 * is declared has none. Draws live as long as the worker: what they have learned holds for the next study too. */
#include "worker/core/pools.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/dialects/replies/limit_headers.h"
#include "protocol/dialects/replies/retry_after.h"
#include "worker/calls/alarm.h"
#include "worker/core/do.h"
#include "worker/core/lane.h"
#include "worker/calls/outage.h"
#include "worker/calls/pacer.h"
#include "worker/core/state.h"
#include "worker/core/trouble.h"
#include "worker/calls/window.h"

static struct cs_draw *make_draw(struct cs_worker *w, const struct cs_lane_facts *f, const char *key)
{
    struct cs_draw *d = cs_xcalloc(1, sizeof *d);
    d->key = cs_xstrdup(key);
    d->group = cs_xstrdup(f->group);
    d->number = HASH_COUNT(w->draws);
    d->claimant = cs_xasprintf("%s/%s/%u", w->fleet != NULL ? w->fleet : "", w->name, d->number);
    for (uint32_t i = 0; i < f->n_pools; i++)
        d->name[i] = cs_xstrdup(f->pools[i].name);
    d->alarm.kind = CS_ALARM_POOL;
    d->alarm.owner = d;
    cs_pacer_init(&d->pacer, f->provider->protocol, w->now);
    HASH_ADD_KEYPTR(hh, w->draws, d->key, strlen(d->key), d);
    return d;
}

uint32_t cs_pools_less(uint32_t a, uint32_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

static void set(uint64_t *limit, uint64_t by_hand)
{
    *limit = by_hand != 0 ? by_hand : *limit;
}

/* The lane's own pool as the study has it, with what was set by hand. */
static void set_by_hand(struct cs_worker_lane *l)
{
    struct cs_lane_facts *f = &l->facts;
    struct cs_lane_pool own = f->own;
    if (own.name[0] == '\0')
        return;
    set(&own.limits.requests_per_minute, l->by_hand.requests_per_minute);
    set(&own.limits.tokens_per_minute, l->by_hand.tokens_per_minute);
    set(&own.limits.input_tokens_per_minute, l->by_hand.input_tokens_per_minute);
    set(&own.limits.output_tokens_per_minute, l->by_hand.output_tokens_per_minute);
    own.limits.concurrent = l->by_hand.concurrent != 0 ? l->by_hand.concurrent : own.limits.concurrent;
    const struct cs_lane_pool *others = f->pools + f->has_own;
    const uint32_t n = f->n_pools - f->has_own;
    f->has_own = cs_pacer_needed(&own.limits) && n < CS_QUOTA_POOLS_MAX;
    memmove(f->pools + f->has_own, others, n * sizeof *others);
    f->n_pools = n + f->has_own;
    if (f->has_own)
        f->pools[0] = own;
    f->concurrent = 0;
    for (uint32_t i = 0; i < f->n_pools; i++)
        f->concurrent = cs_pools_less(f->concurrent, f->pools[i].limits.concurrent);
}

/* Of studies that say different things of the same pool, the least holds. */
static struct cs_limits least_of(const struct cs_worker *w, const struct cs_worker_lane *l, const struct cs_draw *d,
                                 uint32_t pool)
{
    struct cs_limits least = l->facts.pools[pool].limits;
    for (const struct cs_worker_lane *o = w->lanes; o != NULL; o = o->hh.next) {
        const struct cs_limits *said = &o->facts.pools[pool].limits;
        if (o == l || o->draw != d || !o->known || o->state != CS_LANE_OPEN)
            continue;
        least.requests_per_minute = lesser(least.requests_per_minute, said->requests_per_minute);
        least.tokens_per_minute = lesser(least.tokens_per_minute, said->tokens_per_minute);
        least.input_tokens_per_minute = lesser(least.input_tokens_per_minute, said->input_tokens_per_minute);
        least.output_tokens_per_minute = lesser(least.output_tokens_per_minute, said->output_tokens_per_minute);
        least.requests_per_day = lesser(least.requests_per_day, said->requests_per_day);
        least.tokens_per_day = lesser(least.tokens_per_day, said->tokens_per_day);
        least.concurrent = cs_pools_less(least.concurrent, said->concurrent);
    }
    return least;
}

void cs_pools_join(struct cs_worker *w, struct cs_worker_lane *l)
{
    const struct cs_lane_facts *f = &l->facts;
    struct cs_draw *d;
    const char *key = f->group;
    set_by_hand(l);
    CS_ASSERT(f->n_pools <= CS_QUOTA_POOLS_MAX);
    l->draw = NULL;
    if (f->n_pools == 0)
        return;
    for (uint32_t i = 0; i < f->n_pools; i++)
        key = cs_arena_printf(&w->arena, "%s %s", key, f->pools[i].name);
    HASH_FIND_STR(w->draws, key, d);
    if (d == NULL)
        d = make_draw(w, f, key);
    for (uint32_t i = 0; i < f->n_pools; i++) {
        const struct cs_limits limits = least_of(w, l, d, i);
        cs_pacer_declare(&d->pacer, i, &limits); /* perhaps anew */
    }
    l->draw = d;
}

static void draw_free(struct cs_draw *d)
{
    for (uint32_t i = 0; i < CS_QUOTA_POOLS_MAX; i++)
        free(d->name[i]);
    free(d->key);
    free(d->group);
    free(d->claimant);
    free(d);
}

void cs_pools_close(struct cs_worker *w)
{
    for (struct cs_draw *d = w->draws, *next; d != NULL; d = next) {
        next = d->hh.next;
        cs_alarm_clear(&w->alarms, &d->alarm);
        HASH_DEL(w->draws, d);
        draw_free(d);
    }
}

void cs_pools_wake(struct cs_worker *w, const struct cs_draw *d)
{
    for (struct cs_worker_lane *l = w->lanes; l != NULL; l = l->hh.next) {
        if (l->draw == d)
            cs_worker_lane_wake(w, l);
    }
}

bool cs_pools_shut(const struct cs_worker *w, const struct cs_worker_lane *l)
{
    return l->draw != NULL && cs_pacer_shut(&l->draw->pacer, w->now);
}

bool cs_pools_admit(struct cs_worker *w, struct cs_worker_lane *l, size_t bytes, double cost[CS_QUOTA_DIMS])
{
    if (l->draw == NULL)
        return true;
    cs_pacer_cost(&l->draw->pacer, bytes, l->facts.cap, cost);
    if (!cs_pacer_start(&l->draw->pacer, cost, w->now))
        return false;
    l->draw->started++;
    return true;
}

/* It says that it takes less in a minute than one call is charged: none may ever start, and nobody would know why. */
static void say_too_small(struct cs_worker *w, struct cs_worker_lane *l, double limit, double cost)
{
    if (l->waits || l->away[0] != '\0')
        return;
    snprintf(l->away, sizeof l->away,
             "the provider's headers tell a limit of %.0f a minute, and one call is charged %.0f: lower "
             "max_output_tokens, or raise the limit there",
             limit, cost);
    cs_do_log(w, CS_WARN, "limit_below_call", "gen=%u lane=%u limit=%.0f call=%.0f", l->gen, l->lane, limit, cost);
    w->shares_stale = true;
}

/* What a provider says of its limits. */
static void read_limits(struct cs_worker *w, const struct cs_call *c, const char *headers)
{
    const struct cs_endpoint *e = c->lane->facts.endpoint;
    struct cs_limits told;
    cs_limit_headers_read(headers, e->limit_rules, e->n_limit_rules, &w->arena, &told);
    const double limit[CS_QUOTA_PER_MINUTE] = {
        [CS_QUOTA_REQUESTS] = (double)told.requests_per_minute,
        [CS_QUOTA_TOKENS] = (double)told.tokens_per_minute,
        [CS_QUOTA_INPUT] = (double)told.input_tokens_per_minute,
        [CS_QUOTA_OUTPUT] = (double)told.output_tokens_per_minute,
    };
    cs_pacer_told(&c->draw->pacer, limit, c->sent_ms);
    for (int i = 0; i < CS_QUOTA_PER_MINUTE; i++) {
        if (limit[i] > 0 && limit[i] < c->cost[i])
            say_too_small(w, c->lane, limit[i], c->cost[i]);
    }
}

void cs_pools_ended(struct cs_worker *w, const struct cs_call *c, const struct cs_http_reply *reply,
                    const struct cs_reading *reading)
{
    struct cs_draw *d = c->draw;
    if (d == NULL)
        return;
    bool full = d->pacer.in_flight >= cs_pacer_most(&d->pacer);
    cs_pacer_ended(&d->pacer, c->cost, c->bytes, reading->input_tokens, reading->output_tokens);
    read_limits(w, c, reply->headers);
    if (reply->status == 429 && reading->wait_ms != CS_NO_HINT && reading->says == CS_SAYS_ERROR &&
        c->alone < CS_RETRY_ALONE_MAX)
        cs_pacer_limited(&d->pacer, reading->wait_ms < CS_RETRY_WAIT_MAX_MS ? reading->wait_ms : CS_RETRY_WAIT_MAX_MS,
                         w->now);
    if (full)
        cs_pools_wake(w, d);
}

/* Slots and outputs that are free, whatever the lanes may do. */
static uint32_t room_for_calls(const struct cs_worker *w)
{
    uint32_t busy = w->in_flight - w->parked, outputs = w->opts.slots + w->window.outputs_max;
    uint32_t kept = w->in_flight + w->window.n, room;
    if (busy >= w->opts.slots || kept >= outputs || !cs_window_open(&w->window))
        return 0;
    room = w->opts.slots - busy < outputs - kept ? w->opts.slots - busy : outputs - kept;
    return room < w->n_free ? room : w->n_free;
}

/* But for quota and room, the lane would start a call. */
static bool could_start(const struct cs_worker *w, const struct cs_worker_lane *l)
{
    return l->state == CS_LANE_OPEN && l->trouble[0] == '\0' && !l->blocked && w->now >= l->quiet_until &&
           !(TAILQ_EMPTY(&l->open) && TAILQ_EMPTY(&l->due) && TAILQ_EMPTY(&l->going)) &&
           cs_worker_lane_is_borne(w, l) && cs_outage_may_call(&l->outage, l->in_flight, w->now);
}

/* Calls that could start within a slice, were there quota: as many as there is room for, in the lanes and in the worker, and as many
 * again as came and went in the last one. No more: of a slow pool, whoever takes a call that he cannot start and hands it back in
 * time to take it once more keeps it from all others for ever. */
static uint32_t wanted(const struct cs_worker *w, const struct cs_draw *d)
{
    uint32_t n = 0, all = room_for_calls(w) + d->started;
    if (!cs_do_may_start(w) || w->draining)
        return 0;
    for (struct cs_worker_lane *l = w->lanes; l != NULL; l = l->hh.next) {
        uint32_t most = cs_worker_lane_most(l);
        if (l->draw != d || !could_start(w, l))
            continue;
        uint32_t room = (most > l->in_flight ? most - l->in_flight : 0) + d->started;
        n += room < l->n_todo ? room : l->n_todo;
    }
    return n < all ? n : all;
}

static void look(struct cs_worker *w, struct cs_draw *d)
{
    uint32_t want = wanted(w, d);
    if (cs_pacer_ask(&d->pacer, want, w->now, &d->ask)) {
        d->ask.group = d->group;
        d->ask.claimant = d->claimant;
        d->ask.fresh = !d->was_answered && w->now < w->fresh_until;
        for (uint32_t i = 0; i < d->ask.n_pools; i++)
            d->ask.pool[i].name = d->name[i];
        d->to_ask = true;
        d->started = 0;
    }
    if (want > 0 || d->pacer.asking || d->pacer.listed)
        cs_alarm_set(&w->alarms, &d->alarm, cs_pacer_next(&d->pacer, w->now));
    else
        cs_alarm_clear(&w->alarms, &d->alarm);
}

void cs_pools_settle(struct cs_worker *w)
{
    for (struct cs_draw *d = w->draws; d != NULL; d = d->hh.next)
        look(w, d);
}

bool cs_pools_take_ask(struct cs_worker *w, struct cs_worker_ask *out)
{
    for (struct cs_draw *d = w->draws; d != NULL; d = d->hh.next) {
        if (!d->to_ask)
            continue;
        d->to_ask = false;
        *out = (struct cs_worker_ask){.draw = d->number, .serial = d->pacer.serial, .ask = d->ask};
        return true;
    }
    return false;
}

static void stop_lanes(struct cs_worker *w, const struct cs_draw *d, const char *why)
{
    for (struct cs_worker_lane *l = w->lanes; l != NULL; l = l->hh.next) {
        if (l->draw == d)
            cs_worker_trouble_stop(w, l, why);
    }
}

void cs_pools_answer(struct cs_worker *w, const struct cs_worker_quota *q)
{
    for (struct cs_draw *d = w->draws; d != NULL; d = d->hh.next) {
        if (d->number != q->draw)
            continue;
        bool was_away = d->pacer.away;
        d->was_answered |= q->grant != NULL; /* the pools have buckets, even if this answer is too late for us */
        if (q->alone)
            cs_pacer_alone(&d->pacer, w->now);
        else
            cs_pacer_granted(&d->pacer, q->serial, q->grant, w->now);
        if (q->alone && cs_pacer_counts_days(&d->pacer))
            stop_lanes(w, d, "a limit per day is counted in Redis: start the worker with --redis");
        else if (d->pacer.away != was_away)
            cs_do_log(w, d->pacer.away ? CS_WARN : CS_INFO, d->pacer.away ? "quota_away" : "quota_back",
                      "pool=%s share=%.3f%s", d->name[0], d->pacer.pool[0].share,
                      q->alone ? " why=\"no --redis: this worker takes 0.9 of the limits for itself alone\"" : "");
        cs_pools_wake(w, d);
    }
}

bool cs_pools_day(const struct cs_worker *w, uint32_t i, struct cs_worker_day_pool *out)
{
    for (const struct cs_draw *d = w->draws; d != NULL; d = d->hh.next) {
        for (uint32_t k = 0; k < d->pacer.n_pools; k++) {
            const double *limit = &d->pacer.pool[k].declared[CS_QUOTA_PER_MINUTE];
            if ((limit[0] <= 0 && limit[1] <= 0) || i-- > 0)
                continue;
            *out = (struct cs_worker_day_pool){.group = d->group, .name = d->name[k], .limit = {limit[0], limit[1]}};
            return true;
        }
    }
    return false;
}
