/* Pools: the quotas that lanes draw from. Lanes of one account and model share one; a lane without declared rates has none.
 * Pools live as long as the worker: what they have learned holds for the next study too. */
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "worker/state.h"

void cs_pools_join(struct cs_worker *w, struct cs_worker_lane *l)
{
    struct cs_pool *p;
    if (!cs_pacer_needed(&l->facts.limits))
        return;
    HASH_FIND_STR(w->pools, l->facts.pool, p);
    if (p == NULL) {
        p = cs_xcalloc(1, sizeof *p);
        p->name = cs_xstrdup(l->facts.pool);
        p->number = HASH_COUNT(w->pools);
        p->alarm.kind = CS_ALARM_POOL;
        p->alarm.owner = p;
        cs_pacer_init(&p->pacer, l->facts.provider->protocol, &l->facts.limits, w->now);
        HASH_ADD_KEYPTR(hh, w->pools, p->name, strlen(p->name), p);
    }
    l->pool = p;
}

void cs_pools_close(struct cs_worker *w)
{
    for (struct cs_pool *p = w->pools, *next; p != NULL; p = next) {
        next = p->hh.next;
        cs_alarm_clear(&w->alarms, &p->alarm);
        HASH_DEL(w->pools, p);
        free(p->name);
        free(p);
    }
}

void cs_pools_wake(struct cs_worker *w, const struct cs_pool *p)
{
    for (struct cs_worker_lane *l = w->lanes; l != NULL; l = l->hh.next) {
        if (l->pool == p)
            cs_lanes_wake(w, l);
    }
}

bool cs_pools_shut(const struct cs_worker *w, const struct cs_worker_lane *l)
{
    return l->pool != NULL && cs_pacer_shut(&l->pool->pacer, w->now);
}

bool cs_pools_admit(struct cs_worker *w, struct cs_worker_lane *l, size_t bytes, double cost[CS_QUOTA_DIMS])
{
    if (l->pool == NULL)
        return true;
    cs_pacer_cost(&l->pool->pacer, bytes, l->facts.cap, cost);
    if (!cs_pacer_start(&l->pool->pacer, cost, w->now))
        return false;
    l->pool->started++;
    return true;
}

/* What a provider says of its limits, in the words of each. */
static void read_limits(struct cs_worker *w, struct cs_pacer *p, const char *headers)
{
    static const struct {
        const char *name;
        enum cs_quota_dim dim;
    } known[] = {
        {"x-ratelimit-limit-requests", CS_QUOTA_REQUESTS},
        {"x-ratelimit-limit-tokens", CS_QUOTA_TOKENS},
        {"anthropic-ratelimit-requests-limit", CS_QUOTA_REQUESTS},
        {"anthropic-ratelimit-tokens-limit", CS_QUOTA_TOKENS},
        {"anthropic-ratelimit-input-tokens-limit", CS_QUOTA_INPUT},
        {"anthropic-ratelimit-output-tokens-limit", CS_QUOTA_OUTPUT},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const char *value = cs_header(headers, known[i].name, &w->arena);
        if (value != NULL)
            cs_pacer_told(p, known[i].dim, strtod(value, NULL));
    }
}

void cs_pools_ended(struct cs_worker *w, const struct cs_call *c, const struct cs_http_reply *reply,
                    const struct cs_reading *reading)
{
    struct cs_pool *p = c->lane->pool;
    if (p == NULL)
        return;
    cs_pacer_ended(&p->pacer, c->cost, c->bytes, reading->input_tokens, reading->output_tokens);
    read_limits(w, &p->pacer, reply->headers);
    if (reply->status == 429 && reading->wait_ms != CS_NO_HINT && reading->says != CS_SAYS_NO_MONEY)
        cs_pacer_limited(&p->pacer, reading->wait_ms < CS_RETRY_QUIET_MAX_MS ? reading->wait_ms : CS_RETRY_QUIET_MAX_MS,
                         w->now);
}

/* Calls that could start within a slice, were there quota: as many as there is room for, and as many again as
 * came and went in the last one. */
static uint32_t wanted(const struct cs_worker *w, const struct cs_pool *p)
{
    uint32_t n = 0;
    if (!cs_link_may_start(w) || w->draining)
        return 0;
    for (struct cs_worker_lane *l = w->lanes; l != NULL; l = l->hh.next) {
        uint32_t most = l->share < l->brake ? l->share : l->brake;
        if (l->pool != p || l->state != CS_LANE_OPEN || l->trouble[0] != '\0' || w->now < l->quiet_until)
            continue;
        uint32_t room = (most > l->in_flight ? most - l->in_flight : 0) + p->started;
        n += room < l->n_todo ? room : l->n_todo;
    }
    return n;
}

static void look(struct cs_worker *w, struct cs_pool *p)
{
    uint32_t want = wanted(w, p);
    if (cs_pacer_ask(&p->pacer, want, w->now, &p->ask)) {
        p->ask.pool = p->name;
        p->ask.worker = w->name;
        p->to_ask = true;
        p->started = 0;
    }
    if (want > 0 || p->pacer.asking || p->pacer.listed)
        cs_alarm_set(&w->alarms, &p->alarm, cs_pacer_next(&p->pacer, w->now));
    else
        cs_alarm_clear(&w->alarms, &p->alarm);
}

void cs_pools_settle(struct cs_worker *w)
{
    for (struct cs_pool *p = w->pools; p != NULL; p = p->hh.next)
        look(w, p);
}

bool cs_worker_take_ask(struct cs_worker *w, struct cs_worker_ask *out)
{
    for (struct cs_pool *p = w->pools; p != NULL; p = p->hh.next) {
        if (!p->to_ask)
            continue;
        p->to_ask = false;
        *out = (struct cs_worker_ask){.pool = p->number, .serial = p->pacer.serial, .ask = p->ask};
        return true;
    }
    return false;
}

void cs_pools_answer(struct cs_worker *w, const struct cs_worker_quota *q)
{
    for (struct cs_pool *p = w->pools; p != NULL; p = p->hh.next) {
        if (p->number != q->pool)
            continue;
        bool was_away = p->pacer.away;
        if (q->alone)
            cs_pacer_alone(&p->pacer, w->now);
        else
            cs_pacer_granted(&p->pacer, q->serial, q->grant, w->now);
        if (p->pacer.away != was_away)
            cs_worker_say(w, p->pacer.away ? CS_WARN : CS_INFO, p->pacer.away ? "quota_away" : "quota_back",
                          "pool=%s share=%.3f%s", p->name, p->pacer.share,
                          q->alone ? " why=\"no --redis: this worker takes 0.9 of the limits for itself alone\"" : "");
        cs_pools_wake(w, p);
    }
}
