/* Redis as far as quotas go (the script in C: tests/unit/quota_model.h), and the provider's own limiter as the judge: a token bucket
 * that knows nothing of ours. Redis is away, slow, or has forgotten all. */
#include "tests/sim/sim.h"

#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "tests/unit/quota_model.h"

enum { LEAST_BURST = 16, ANSWER_MS = 3, AWAY_MS = 400, SLOW_MS = 3000, PROCESSES = 12 };
_Static_assert((int)SIM_WORKERS_MOSTLY *(int)PROCESSES <= (int)MODEL_WORKERS, "a row for each process of late");

struct sim_redis {
    struct quota_model model;
    uint64_t away_until, slow_until;
    struct under_way {
        bool used, away;
        uint32_t incarnation, draw;
        uint64_t serial;
        struct cs_quota_ask ask;
        struct cs_quota_grant grant;
    } asks[SIM_ASKS_MAX];
    struct judge {
        double level, at;
    } judge[CS_QUOTA_PER_MINUTE];
};

void sim_redis_init(struct sim *s)
{
    s->redis = cs_xcalloc(1, sizeof *s->redis);
}

void sim_redis_release(struct sim *s)
{
    free(s->redis);
}

void sim_redis_facts(const struct sim *s, struct cs_lane_facts *facts)
{
    if (s->limits.calls_per_minute == 0)
        return;
    facts->n_pools = 1;
    memcpy(facts->group, "g", 2);
    memcpy(facts->pools[0].name, "p", 2);
    facts->pools[0].limits.requests_per_minute = s->limits.calls_per_minute;
    facts->pools[0].limits.tokens_per_minute = s->limits.tokens_per_minute;
    facts->cap = SIM_CAP_TOKENS;
}

/* ---- asking ---------------------------------------------------------------------------------------------- */

void sim_redis_ask(struct sim *s, struct sim_worker *w, const struct cs_worker_ask *a)
{
    struct sim_redis *r = s->redis;
    uint32_t i = 0;

    while (i < SIM_ASKS_MAX && r->asks[i].used)
        i++;
    CS_ASSERT(i < SIM_ASKS_MAX);
    r->asks[i] = (struct under_way){
        .used = true, .incarnation = w->incarnation, .draw = a->draw, .serial = a->serial, .ask = a->ask};
    sim_push(s, s->now + sim_below(s, ANSWER_MS), SIM_ASKED, w->index, i, NULL);
}

void sim_redis_asked(struct sim *s, struct sim_worker *w, uint64_t i)
{
    struct under_way *a = &s->redis->asks[i];
    uint64_t takes = sim_below(s, ANSWER_MS);

    if (s->redis->slow_until > s->now)
        takes += sim_below(s, SLOW_MS);
    a->away = s->redis->away_until > s->now;
    if (a->away)
        takes = sim_below(s, AWAY_MS);
    else
        a->grant = model_ask(&s->redis->model, w->index * PROCESSES + a->incarnation % PROCESSES, &a->ask,
                             (double)s->now);
    sim_push(s, s->now + takes, SIM_GRANTED, w->index, i, NULL);
}

void sim_redis_granted(struct sim *s, struct sim_worker *w, uint64_t i)
{
    struct under_way a = s->redis->asks[i];
    struct cs_worker_quota q = {.draw = a.draw, .serial = a.serial, .grant = a.away ? NULL : &a.grant};

    s->redis->asks[i].used = false;
    if (w->core != NULL && w->incarnation == a.incarnation)
        sim_worker_quota(s, w, &q);
}

/* ---- faults ---------------------------------------------------------------------------------------------- */

bool sim_redis_fault(struct sim *s, enum sim_fault fault, uint64_t for_ms)
{
    if (s->limits.calls_per_minute == 0)
        return false;
    if (fault == SIM_REDIS_AWAY)
        s->redis->away_until = s->now + for_ms;
    else if (fault == SIM_REDIS_SLOW)
        s->redis->slow_until = s->now + for_ms;
    else
        s->redis->model = (struct quota_model){0};
    return true;
}

void sim_redis_heal(struct sim *s)
{
    s->redis->away_until = s->redis->slow_until = 0;
}

/* ---- the judge ------------------------------------------------------------------------------------------- */

/* Invariant 15, by the provider's own count. What store/redis/quota.h allows: the reserve at once, and slices that are used up to LIFE
 * after they were granted. */
static void charge(struct sim *s, int dim, const char *what, double per_minute, double cost)
{
    struct judge *j = &s->redis->judge[dim];
    double rate = per_minute / 60e3, burst = fmax(LEAST_BURST * cost, rate * (CS_QUOTA_RESERVE_MS + CS_QUOTA_LIFE_MS));

    j->level = j->at == 0 ? burst : fmin(burst, j->level + rate * ((double)s->now - j->at));
    j->at = (double)s->now;
    j->level -= cost;
    if (j->level < -1e-6)
        sim_fail(s, "more than %.0f %s a minute are asked of the provider: %.1f too many", per_minute, what, -j->level);
}

/* A call begins. The provider takes the cap for its tokens, and gives nothing back. */
void sim_redis_judge(struct sim *s)
{
    if (s->limits.calls_per_minute == 0)
        return;
    charge(s, CS_QUOTA_REQUESTS, "calls", s->limits.calls_per_minute, 1);
    charge(s, CS_QUOTA_TOKENS, "tokens", s->limits.tokens_per_minute, SIM_CAP_TOKENS);
}
