/* Weather of a kind, where a swarm seed has some of everything: three studies of different weights (fair), a node behind a proxy of its own
 * (bad-node), two weeks of an operator's life (duty), a thousand workers (thousand). */
#include "tests/sim/sim.h"

#include <stdlib.h>
#include <string.h>

#include "coordinator/lanes/ledger.h"
#include "protocol/base/assert.h"

enum {
    MINUTE_MS = 60 * 1000,
    HOUR_MS = 60 * MINUTE_MS,
    DAY_MS = 24 * HOUR_MS,
    FAIR_FROM = 1500, /* calls: the fleet has found its pace */
    FAIR_TO = FAIR_FROM + 7000,
    FAIR_PERCENT = 5,
    BAD_MS = 12 * MINUTE_MS,
    DUTY_DAYS = 14,
    NIGHT_MS = 9 * HOUR_MS,
    BUDGETS = 6,
};

static bool often(struct sim *s, unsigned percent)
{
    return sim_below(s, 100) < percent;
}

static void usual(struct sim *s)
{
    struct sim_limits *l = &s->limits;

    l->slots = 4;
    l->window_outputs = CS_WINDOW_OUTPUTS;
    l->cache_chunks = SIM_CHUNKS;
    l->timeout_ms = 60000;
    l->drain_ms = 120000;
    l->net_ms = 4;
    l->store_ms = 4;
    l->while_ms = 70000;
    l->end_ms = SIM_END_MS;
}

/* ---- three studies of weights 1, 2, 4 ------------------------------------------------------------------ */

/* Some seeds share a quota, some only the fleet's slots. */
static void draw_fair(struct sim *s)
{
    struct sim_limits *l = &s->limits;

    l->calm_ms = DAY_MS;
    l->n_studies = 3;
    sim_studies_make(s);
    for (uint32_t i = 0; i < l->n_lanes; i++)
        s->store.lanes[i].n_trials = 6000;
    for (uint32_t i = 0; i < l->n_studies; i++)
        s->store.studies[i].weight = 1U << i;
    l->n_workers = 1 + (uint32_t)sim_below(s, SIM_WORKERS_MOSTLY);
    l->latency_ms = 1000 + (uint32_t)sim_below(s, 3000);
    l->declared = true;
    l->slots = 14;
    if (often(s, 60)) {
        sim_fired(s, SIM_QUOTA);
        l->calls_per_minute = 300 + (uint32_t)sim_below(s, 300);
        l->tokens_per_minute = l->calls_per_minute * SIM_CAP_TOKENS * 2;
        l->latency_ms = 1000;
        l->slots = 24;
        l->n_workers = 2 + l->calls_per_minute / 400;
    }
}

static void measure(struct sim *s)
{
    uint64_t calls = FAIR_TO - FAIR_FROM, weights = 0;

    for (uint32_t i = 0; i < s->limits.n_studies; i++)
        weights += s->store.studies[i].weight;
    for (uint32_t i = 0; i < s->limits.n_studies; i++) {
        const struct sim_study *y = &s->store.studies[i];
        uint64_t due = calls * y->weight / weights, off = y->calls > due ? y->calls - due : due - y->calls;

        sim_trace(s, "study %s of weight %u: %llu of %llu calls", y->name, y->weight, (unsigned long long)y->calls,
                  (unsigned long long)calls);
        if (off * 100 > due * FAIR_PERCENT)
            sim_fail(s, "study %s of weight %u has made %llu of %llu calls: its share is %llu", y->name, y->weight,
                     (unsigned long long)y->calls, (unsigned long long)calls, (unsigned long long)due);
    }
    s->stopped = true;
}

void sim_profile_call(struct sim *s)
{
    if (s->profile != SIM_PROFILE_FAIR)
        return;
    for (uint32_t i = 0; s->calls == FAIR_FROM && i < s->limits.n_studies; i++)
        s->store.studies[i].calls = 0;
    if (s->calls == FAIR_TO)
        measure(s);
}

/* ---- a node that nobody lets through ------------------------------------------------------------------- */

/* Behind its proxy from the start, or some minutes later, in the middle of its calls. */
static void draw_bad_node(struct sim *s)
{
    struct sim_limits *l = &s->limits;

    l->calm_ms = BAD_MS + 20 * MINUTE_MS;
    l->n_studies = 2;
    sim_studies_make(s);
    l->n_workers = 3 + (uint32_t)sim_below(s, 3);
    l->latency_ms = 6000;
    l->declared = true;
    for (uint32_t i = 0; i < l->n_lanes; i++)
        s->store.lanes[i].n_trials = l->calm_ms / l->latency_ms * l->slots * l->n_workers / l->n_lanes;
    sim_fired(s, SIM_BAD_NODE);
    sim_push(s, s->now + (often(s, 50) ? 0 : MINUTE_MS + sim_below(s, 5 * MINUTE_MS)), SIM_SHOT, SIM_BAD_NODE, 0, NULL);
}

static void check_bad_node(struct sim *s)
{
    const struct sim_worker *w = &s->workers[0];
    uint32_t most = 0;

    for (uint32_t i = 0; i < s->limits.n_lanes; i++) {
        const struct sim_ledger *g = sim_studies_newest(s, i);

        for (uint64_t k = 0; k < s->store.lanes[i].n_trials; k++) {
            if (g->kept[k].canonical == 0)
                sim_fail(s, "%s %llu has failed, because one node is not let through", s->store.lanes[i].name,
                         (unsigned long long)k);
        }
        most += 3 * (16 + s->limits.slots); /* asked at once, after five minutes, after ten more */
    }
    if (w->denied == 0 || w->denied > most)
        sim_fail(s, "%s was denied %u calls, of %u at most", w->name, w->denied, most);
    if (!s->shown)
        sim_fail(s, "nobody was shown that %s is not let through", w->name);
    if (w->answered_since == 0)
        sim_fail(s, "%s, let through again, was not asked again", w->name);
    if (s->others == 0)
        sim_fail(s, "the others stood still");
}

/* What `status` says of lanes while one node is denied. */
static void look(struct sim *s)
{
    struct cs_lane_view l;

    for (uint32_t i = 0; i < s->limits.n_lanes && s->coordinator.core != NULL; i++) {
        const struct sim_study *y = s->store.lanes[i].study;

        cs_core_lane(s->coordinator.core, y->key, i - y->first, &l);
        s->shown |= l.reason != NULL && strstr(l.reason, "1 worker") != NULL;
    }
}

/* ---- two weeks ------------------------------------------------------------------------------------------- */

static const struct {
    enum sim_fault fault;
    uint32_t hours; /* mean time between two */
} calendar[] = {{SIM_WORKER_KILL, 24}, {SIM_CORE_KILL, 30},   {SIM_BREAK, 3},         {SIM_HALF_OPEN, 8},
                {SIM_PARTITION, 12},   {SIM_STALL, 8},        {SIM_WORKER_PAUSE, 9},  {SIM_CORE_PAUSE, 24},
                {SIM_STORE_SLOW, 12},  {SIM_STORE_ERROR, 48}, {SIM_LANE_PAUSE, 20},   {SIM_LANE_CANCEL, 90},
                {SIM_LANE_RETRY, 12},  {SIM_LANE_AGAIN, 12},  {SIM_WORKER_DRAIN, 12}, {SIM_FLEET_DRAIN, 60},
                {SIM_STALE, 6},        {SIM_MALFORMED, 12},   {SIM_EDIT, 30},         {SIM_DEAD_SYN, 15},
                {SIM_SLOWER, 60},      {SIM_WEIGHT, 24},      {SIM_STUDY_PAUSE, 20},  {SIM_NODE_GOES, 3},
                {SIM_KEY_REVOKED, 20}, {SIM_BAD_NODE, 24}};

static const struct {
    enum sim_fault fault;
    uint32_t permille;
} weather[] = {{SIM_RATE_LIMIT, 20}, {SIM_SERVER_ERROR, 20}, {SIM_REPLY_LOST, 10},
               {SIM_TIMEOUT, 5},     {SIM_REFUSAL, 20},      {SIM_BAD_REQUEST, 2},
               {SIM_PUB_LOSS, 100},  {SIM_CLOCK_DRIFT, 500}, {SIM_STRANGER, 30}};

static void draw_duty(struct sim *s)
{
    struct sim_limits *l = &s->limits;

    l->calm_ms = (uint64_t)DUTY_DAYS * DAY_MS;
    l->n_studies = SIM_STUDIES_MAX;
    sim_studies_make(s);
    for (uint32_t i = 0; i < l->n_lanes; i++)
        s->store.lanes[i].n_trials = 200 + sim_below(s, 400);
    for (uint32_t i = 0; i < l->n_studies; i++) {
        struct sim_study *y = &s->store.studies[i];

        if (i > 0)
            y->submit_ms = 1 + sim_below(s, (uint64_t)9 * DAY_MS);
        if (i > 0 && often(s, 50))
            y->after = &s->store.studies[sim_below(s, i)];
        if (y->after != NULL && y->submit_ms <= y->after->submit_ms)
            y->submit_ms = y->after->submit_ms + 1;
        if (often(s, 50)) {
            sim_fired(s, SIM_BUDGET);
            y->budget_nano_usd = SIM_CALL_NANO_USD * (int64_t)(50 + sim_below(s, 400));
        }
    }
    l->n_workers = 3;
    l->slots = 3;
    l->latency_ms = 90000;
    l->timeout_ms = 600000;
    l->tick_ms = CS_LATE_MS;
    l->while_ms = 5 * HOUR_MS;
    l->end_ms = 3 * DAY_MS;
    l->edits = BUDGETS;
    for (size_t i = 0; i < sizeof calendar / sizeof *calendar; i++)
        l->every_ms[calendar[i].fault] = calendar[i].hours * HOUR_MS;
    for (size_t i = 0; i < sizeof weather / sizeof *weather; i++)
        l->permille[weather[i].fault] = weather[i].permille;
    sim_push(s, s->now + (2 + sim_below(s, 10)) * DAY_MS + 22 * (uint64_t)HOUR_MS, SIM_SHOT, SIM_NIGHT, 0, NULL);
    sim_push(s, s->now + 18 * (uint64_t)HOUR_MS, SIM_EVENING, 0, 0, NULL);
}

/* A person looks which studies are short of money, and raises their budgets. */
void sim_profile_evening(struct sim *s)
{
    if (s->finished)
        return;
    for (uint32_t i = 0; i < s->limits.n_studies; i++) {
        struct sim_study *y = &s->store.studies[i];

        if (y->budget_nano_usd >= 0 && sim_check_is_at_rest(s, y) && !sim_studies_is_over(s, y) &&
            sim_core_submit(s, y))
            sim_fired(s, SIM_RAISED);
    }
    sim_push(s, s->now + (s->calm ? HOUR_MS : DAY_MS), SIM_EVENING, 0, 0, NULL);
}

static void check_duty(struct sim *s)
{
    for (uint32_t i = 0; i < s->limits.n_studies; i++) {
        if (!sim_studies_is_over(s, &s->store.studies[i]))
            sim_fail(s, "at the end study %s is not over", s->store.studies[i].name);
    }
}

/* Nodes come and go by the hour: taken back by their site, switched off at night. */
static bool node_goes(struct sim *s, struct sim_worker *w)
{
    if (w->core == NULL || w->paused_until > s->now)
        return false;
    w->away_until = s->now + HOUR_MS + sim_below(s, 12 * (uint64_t)HOUR_MS);
    if (often(s, 70))
        sim_worker_drain(s, w);
    else
        sim_worker_end(s, w);
    return true;
}

bool sim_profile_shot(struct sim *s, enum sim_fault fault)
{
    struct sim_worker *w = &s->workers[sim_below(s, s->limits.n_workers)];

    if (fault == SIM_NODE_GOES)
        return node_goes(s, w);
    if (fault == SIM_KEY_REVOKED)
        return sim_core_revoke(s, w);
    if (fault == SIM_BAD_NODE) {
        if (s->profile == SIM_PROFILE_BAD_NODE)
            w = &s->workers[0];
        w->denied_until = s->now + (s->profile == SIM_PROFILE_BAD_NODE ? BAD_MS : sim_below(s, s->limits.while_ms));
        return true;
    }
    for (uint32_t i = 0; i < s->limits.n_lanes; i++) /* NIGHT */
        s->store.lanes[i].server.dead_until = s->now + NIGHT_MS;
    return true;
}

/* ---- a thousand workers ------------------------------------------------------------------------------------ */

static void draw_thousand(struct sim *s)
{
    struct sim_limits *l = &s->limits;

    l->calm_ms = 90000;
    l->n_studies = 2;
    sim_studies_make(s);
    for (uint32_t i = 0; i < l->n_lanes; i++)
        s->store.lanes[i].n_trials = 9000 / l->n_lanes;
    l->n_workers = SIM_WORKERS_MAX;
    l->latency_ms = 8000;
    l->slots = 2;
    l->declared = true;
    sim_fired(s, SIM_MANY_WORKERS);
    l->every_ms[SIM_WORKER_KILL] = 1500;
    l->every_ms[SIM_CORE_KILL] = 40000;
    l->every_ms[SIM_BREAK] = 1000;
    l->every_ms[SIM_PARTITION] = 5000;
}

/* ---- all of them ------------------------------------------------------------------------------------------- */

void sim_profile_draw(struct sim *s)
{
    usual(s);
    if (s->profile == SIM_PROFILE_FAIR)
        draw_fair(s);
    else if (s->profile == SIM_PROFILE_BAD_NODE)
        draw_bad_node(s);
    else if (s->profile == SIM_PROFILE_DUTY)
        draw_duty(s);
    else
        draw_thousand(s);
}

void sim_profile_tick(struct sim *s)
{
    if (s->profile == SIM_PROFILE_BAD_NODE && !s->shown && s->workers[0].denied_until > s->now)
        look(s);
}

void sim_profile_end(struct sim *s)
{
    if (s->profile == SIM_PROFILE_BAD_NODE)
        check_bad_node(s);
    else if (s->profile == SIM_PROFILE_DUTY)
        check_duty(s);
}
