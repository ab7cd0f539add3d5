/* What a seed is made of: limits, and a random part of all faults, so that rare combinations meet. */
#include "tests/sim/sim.h"

enum { CHECK_LONG_EVERY = 32, A_WHILE_MS = 70000, HEALED_AFTER_MS = 10000 };

static bool often(struct sim *s, unsigned percent)
{
    return sim_below(s, 100) < percent;
}

static void draw_lanes(struct sim *s)
{
    sim_studies_draw(s);
    for (uint32_t i = 0; i < s->limits.n_lanes; i++)
        s->store.lanes[i].n_trials = 120 / s->limits.n_lanes + sim_below(s, 400 / s->limits.n_lanes);
    for (uint32_t i = 0; i < s->limits.n_lanes; i++) { /* every fourth lane has conversations */
        struct sim_lane *l = &s->store.lanes[i];

        l->calls = cs_rng_mix64(s->seed ^ (i + 1)) % 4 == 0 ? 2 + (uint32_t)(cs_rng_mix64(s->seed ^ (i + 9)) % 2) : 1;
        l->n_trials = l->n_trials / l->calls + 1;
    }
    if (often(s, 12)) {
        sim_fired(s, SIM_LONG_LANE);
        s->limits.check_every = CHECK_LONG_EVERY;
        s->store.lanes[0].n_trials = CS_FRONTIER_STEP + 200 + sim_below(s, CS_FRONTIER_STEP);
    }
    sim_children_draw(s);
}

/* Of a conversation; what follows takes for granted that a trial is a call. */
static uint32_t calls_of_a_trial(const struct sim *s)
{
    uint32_t most = 1;

    for (uint32_t i = 0; i < s->limits.n_lanes; i++)
        most = s->store.lanes[i].calls > most ? s->store.lanes[i].calls : most;
    return most;
}

/* Latency such that the work lasts for most of the bad weather. */
static uint32_t latency(struct sim *s)
{
    uint64_t trials = 0, ms;

    for (uint32_t i = 0; i < s->limits.n_lanes; i++)
        trials += s->store.lanes[i].n_trials > CS_FRONTIER_STEP ? 200 : s->store.lanes[i].n_trials;
    ms = s->limits.calm_ms * s->limits.n_workers * s->limits.slots / trials / 2;
    return ms < 100 ? 100 : ms > 12000 ? 12000 : (uint32_t)ms;
}

/* Servers that serve few at once: the work takes them most of the bad weather. */
static void draw_servers(struct sim *s)
{
    uint64_t most = 0;

    if (!often(s, 30))
        return;
    sim_fired(s, SIM_QUEUE);
    for (uint32_t i = 0; i < s->limits.n_lanes; i++) {
        const struct sim_lane *l = &s->store.lanes[i];
        uint32_t slots = 1 + (uint32_t)sim_below(s, SIM_SERVER_SLOTS);

        s->store.lanes[i].server.slots = slots;
        most = l->n_trials / slots > most ? l->n_trials / slots : most;
    }
    most = s->limits.calm_ms / (most + 1) / 2;
    s->limits.latency_ms = most < 40 ? 40 : most > 8000 ? 8000 : (uint32_t)most;
}

/* A limit of which the work takes about as long as the bad weather. */
static void draw_quota(struct sim *s)
{
    uint64_t trials = 0, calls;

    if (!often(s, 35) || s->limits.n_workers > SIM_WORKERS_MOSTLY)
        return;
    sim_fired(s, SIM_QUOTA);
    for (uint32_t i = 0; i < s->limits.n_lanes; i++)
        trials += s->store.lanes[i].n_trials > CS_FRONTIER_STEP ? 200 : s->store.lanes[i].n_trials;
    calls = trials * 60000 / s->limits.calm_ms * (80 + sim_below(s, 220)) / 100;
    s->limits.calls_per_minute = (uint32_t)calls + 1;
    s->limits.tokens_per_minute = (uint32_t)(calls * SIM_CAP_TOKENS * (60 + sim_below(s, 100)) / 100) + SIM_CAP_TOKENS;
}

static void draw_rates(struct sim *s)
{
    static const struct {
        enum sim_fault fault;
        uint32_t percent, permille; /* percent of seeds that have it; permille of calls, at most */
    } rates[] = {{SIM_RATE_LIMIT, 30, 150}, {SIM_SERVER_ERROR, 40, 150}, {SIM_REPLY_LOST, 40, 60},
                 {SIM_TIMEOUT, 35, 60},     {SIM_REFUSAL, 30, 100},      {SIM_BAD_REQUEST, 30, 20},
                 {SIM_BAD_KEY, 15, 8},      {SIM_PUB_LOSS, 50, 500},     {SIM_CLOCK_DRIFT, 20, 1000}};
    static const struct {
        enum sim_fault fault;
        uint32_t percent, shots; /* percent of seeds that have it; shots in a seed, at most */
    } shots[] = {
        {SIM_WORKER_KILL, 40, 6}, {SIM_CORE_KILL, 45, 5},   {SIM_BREAK, 45, 10},       {SIM_HALF_OPEN, 35, 5},
        {SIM_PARTITION, 30, 3},   {SIM_STALL, 35, 6},       {SIM_WORKER_PAUSE, 35, 4}, {SIM_CORE_PAUSE, 30, 3},
        {SIM_STORE_SLOW, 30, 4},  {SIM_STORE_ERROR, 20, 2}, {SIM_LANE_PAUSE, 30, 3},   {SIM_LANE_CANCEL, 20, 1},
        {SIM_LANE_RETRY, 30, 3},  {SIM_LANE_AGAIN, 50, 12}, {SIM_WORKER_DRAIN, 25, 3}, {SIM_FLEET_DRAIN, 15, 1},
        {SIM_STALE, 40, 8},       {SIM_MALFORMED, 25, 4},   {SIM_EDIT, 20, 2},         {SIM_DEAD_SYN, 25, 3},
        {SIM_SLOWER, 20, 2},      {SIM_REDIS_AWAY, 30, 3},  {SIM_REDIS_SLOW, 30, 3},   {SIM_REDIS_FLUSHED, 30, 3},
        {SIM_WEIGHT, 40, 3},      {SIM_STUDY_PAUSE, 30, 2}};

    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        if (often(s, rates[i].percent))
            s->limits.permille[rates[i].fault] = 1 + (uint32_t)sim_below(s, rates[i].permille);
    }
    for (size_t i = 0; i < sizeof shots / sizeof *shots; i++) {
        if (often(s, shots[i].percent))
            s->limits.every_ms[shots[i].fault] = (uint32_t)(s->limits.calm_ms / (1 + sim_below(s, shots[i].shots)));
    }
}

static void draw_budgets(struct sim *s)
{
    if (!often(s, 12))
        return;
    sim_fired(s, SIM_BUDGET);
    for (uint32_t i = 0; i < s->limits.n_studies; i++) {
        if (i == 0 || often(s, 75))
            s->store.studies[i].budget_nano_usd = SIM_CALL_NANO_USD *
                                                  (int64_t)(5 + sim_below(s, 400 / s->limits.n_studies));
    }
}

/* Every other lane of conversations, where a lease is reserved for: what it is worth never shrinks. */
static void free_lanes(struct sim *s)
{
    for (uint32_t i = 0; i < s->limits.n_lanes; i++) {
        struct sim_lane *l = &s->store.lanes[i];

        l->is_free = l->calls > 1 && l->study->budget_nano_usd >= 0 && cs_rng_mix64(s->seed ^ (i + 17)) % 2 == 0;
        if (l->is_free)
            sim_fired(s, SIM_FREE);
    }
}

void sim_swarm_draw(struct sim *s)
{
    struct sim_limits *l = &s->limits;

    l->tick_ms = CS_TICK_MS;
    l->check_every = 1;
    l->events_max = SIM_EVENTS_MAX;
    l->edits = SIM_EDITS_MOSTLY;
    l->while_ms = A_WHILE_MS;
    l->end_ms = SIM_END_MS;
    if (s->profile != SIM_PROFILE_SWARM) {
        l->events_max *= 50;
        l->check_every = 64;
        sim_profile_draw(s);
        return;
    }
    l->draws = (uint32_t)(cs_rng_mix64(s->seed) % 8); /* apart from what is drawn below, which stays what it was */
    l->draws = l->draws < 3 ? l->draws : 0;
    l->end_ms *= 1 + l->draws; /* so many times as many calls */
    l->calm_ms = 40000 + sim_below(s, 100000);
    draw_lanes(s);
    l->end_ms *= calls_of_a_trial(s);
    l->n_workers = 1 + (uint32_t)sim_below(s, SIM_WORKERS_MOSTLY);
    if (often(s, 6)) {
        sim_fired(s, SIM_MANY_WORKERS);
        l->n_workers = SIM_WORKERS_MANY;
    }
    l->slots = 1 + (uint32_t)sim_below(s, often(s, 50) ? 8 : SIM_SLOTS_MAX);
    l->window_outputs = CS_WINDOW_OUTPUTS;
    if (often(s, 25)) {
        sim_fired(s, SIM_SMALL_WINDOW);
        l->window_outputs = 1 + (uint32_t)sim_below(s, 12);
    }
    l->cache_chunks = often(s, 20) ? 3 : SIM_CHUNKS;
    l->latency_ms = latency(s);
    l->timeout_ms = often(s, 60) ? 60000 : 15000;
    l->drain_ms = 3000 + (uint32_t)sim_below(s, 120000);
    l->net_ms = 2 + (uint32_t)sim_below(s, often(s, 70) ? 20 : 400);
    l->store_ms = 1 + (uint32_t)sim_below(s, often(s, 60) ? 6 : 400);
    draw_budgets(s);
    sim_children_budget(s);
    free_lanes(s);
    l->poison = often(s, 12);
    l->poison_lane = (uint32_t)sim_below(s, l->n_lanes);
    l->poison_position = sim_below(s, s->store.lanes[l->poison_lane].n_trials);
    draw_quota(s);
    draw_servers(s);
    draw_rates(s);
}

static void next_shot(struct sim *s, enum sim_fault fault)
{
    if (s->limits.every_ms[fault] > 0)
        sim_push(s, s->now + sim_spread(s, s->limits.every_ms[fault]), SIM_SHOT, fault, 0, NULL);
}

void sim_swarm_begin(struct sim *s)
{
    for (uint32_t i = 0; i < s->limits.n_workers; i++) {
        s->workers[i].index = i;
        sim_push(s, s->now + sim_below(s, often(s, 70) ? 500 : 30000), SIM_WORKER_START, i, 1, NULL);
    }
    for (uint32_t i = 0; i < s->limits.n_studies; i++) {
        if (s->store.studies[i].submit_ms > 0)
            sim_push(s, s->now + s->store.studies[i].submit_ms, SIM_SUBMIT, i, 0, NULL);
    }
    s->workers[0].stranger = s->profile == SIM_PROFILE_SWARM && often(s, 12);
    sim_push(s, s->now + sim_below(s, 500), SIM_CORE_START, 0, 0, NULL);
    for (int f = 0; f < SIM_FAULTS; f++)
        next_shot(s, (enum sim_fault)f);
    sim_push(s, s->now + s->limits.calm_ms, SIM_CALM, 0, 0, NULL);
}

/* ---- shots --------------------------------------------------------------------------------------------- */

/* Mostly short, at times longer than any lease. */
static uint64_t a_while(struct sim *s)
{
    return often(s, 60) ? 1 + sim_below(s, 5000) : sim_below(s, s->limits.while_ms);
}

/* A stopped process stays stopped for as long as anybody wants it to. */
static void stop(struct sim *s, uint64_t *until)
{
    uint64_t at = s->now + a_while(s);

    *until = *until > at ? *until : at;
}

static bool on_worker(struct sim *s, enum sim_fault fault, struct sim_worker *w)
{
    if (w->core == NULL)
        return false;
    if (fault == SIM_WORKER_KILL) {
        sim_worker_kill(s, w);
        w->stranger = false;
        sim_push(s, s->now + a_while(s), SIM_WORKER_START, w->index, w->incarnation + 1, NULL);
    } else if (fault == SIM_WORKER_PAUSE) {
        stop(s, &w->paused_until);
    } else if (fault == SIM_WORKER_DRAIN) {
        if (w->paused_until > s->now)
            return false;
        sim_worker_drain(s, w);
    } else if (fault == SIM_BREAK) {
        sim_net_break(s, w, sim_below(s, 3000), 0);
    } else if (fault == SIM_HALF_OPEN) {
        sim_net_break(s, w, sim_below(s, 5000), 1 + sim_below(s, 40000));
    } else if (fault == SIM_PARTITION) {
        sim_net_break(s, w, 30000 + sim_below(s, 60000), often(s, 50) ? 0 : 1 + sim_below(s, 40000));
    } else if (fault == SIM_STALL) {
        bool up = often(s, 60);
        uint64_t ms = a_while(s);

        sim_net_stall(s, w, up, ms);
        if (often(s, 50))
            sim_net_stall(s, w, !up, ms + sim_below(s, 10000));
    }
    return true;
}

static bool on_lane(struct sim *s, enum sim_fault fault)
{
    uint32_t lane = (uint32_t)sim_below(s, s->limits.n_lanes);
    struct sim_lane *l = &s->store.lanes[lane];

    for (uint32_t i = 0; fault == SIM_LANE_AGAIN && i < s->limits.n_lanes; i++) {
        if (sim_core_again(s, (lane + i) % s->limits.n_lanes))
            return true;
    }
    if (fault == SIM_LANE_AGAIN)
        return false;
    if (fault == SIM_LANE_RETRY)
        return sim_core_control(s, CS_CONTROL_RETRY, l->study, NULL);
    if (fault == SIM_LANE_CANCEL)
        return sim_core_control(s, CS_CONTROL_CANCEL, l->study, l);
    if (!sim_core_control(s, CS_CONTROL_PAUSE, l->study, l))
        return false;
    sim_push(s, s->now + a_while(s), SIM_RESUME, lane, 0, NULL);
    return true;
}

static bool on_study(struct sim *s, enum sim_fault fault)
{
    uint32_t i = (uint32_t)sim_below(s, s->limits.n_studies);
    struct sim_study *y = &s->store.studies[i];

    if (fault == SIM_EDIT)
        return y->n_gens > 0 && y->n_gens <= s->limits.edits && sim_core_submit(s, y);
    if (fault == SIM_WEIGHT) {
        y->weight = 1 + (uint32_t)sim_below(s, 4);
        return s->limits.n_studies > 1 && sim_core_weigh(s, y);
    }
    if (!sim_core_control(s, CS_CONTROL_PAUSE, y, NULL))
        return false;
    sim_push(s, s->now + a_while(s), SIM_RESUME, i, 1, NULL);
    return true;
}

static bool on_core(struct sim *s, enum sim_fault fault)
{
    struct sim_coordinator *c = &s->coordinator;

    if (c->core == NULL)
        return false;
    if (fault == SIM_CORE_KILL) {
        sim_core_kill(s);
        sim_push(s, s->now + (often(s, 80) ? 200 + sim_below(s, 6000) : a_while(s)), SIM_CORE_START, 0, c->life, NULL);
    } else if (fault == SIM_CORE_PAUSE) {
        stop(s, &c->paused_until);
    } else if (fault == SIM_FLEET_DRAIN) {
        return sim_core_control(s, CS_CONTROL_DRAIN, NULL, NULL);
    } else if (fault == SIM_STORE_SLOW) {
        s->store.slow_until = s->now + sim_below(s, 20000);
    } else if (fault == SIM_STORE_ERROR) {
        s->store.fails = true;
    }
    return true;
}

static bool on_server(struct sim *s, enum sim_fault fault)
{
    struct sim_server *v = &s->store.lanes[sim_below(s, s->limits.n_lanes)].server;

    if (fault == SIM_DEAD_SYN)
        v->dead_until = s->now + a_while(s);
    else
        v->slower = often(s, 50) ? 1 : 2 + (uint32_t)sim_below(s, 3);
    return true;
}

static bool shoot(struct sim *s, enum sim_fault fault)
{
    if (fault == SIM_LANE_PAUSE || fault == SIM_LANE_CANCEL || fault == SIM_LANE_RETRY || fault == SIM_LANE_AGAIN)
        return on_lane(s, fault);
    if (fault == SIM_CORE_KILL || fault == SIM_CORE_PAUSE || fault == SIM_FLEET_DRAIN || fault == SIM_STORE_SLOW ||
        fault == SIM_STORE_ERROR)
        return on_core(s, fault);
    if (fault == SIM_REDIS_AWAY || fault == SIM_REDIS_SLOW || fault == SIM_REDIS_FLUSHED)
        return sim_redis_fault(s, fault, a_while(s) / 2);
    if (fault == SIM_EDIT || fault == SIM_WEIGHT || fault == SIM_STUDY_PAUSE)
        return on_study(s, fault);
    if (fault == SIM_BAD_NODE || fault == SIM_NODE_GOES || fault == SIM_KEY_REVOKED || fault == SIM_NIGHT)
        return sim_profile_shot(s, fault);
    if (fault == SIM_DEAD_SYN || fault == SIM_SLOWER)
        return on_server(s, fault);
    if (fault == SIM_MALFORMED)
        return sim_core_malformed(s, &s->workers[sim_below(s, s->limits.n_workers)]);
    if (fault == SIM_STALE)
        return sim_core_stale(s);
    return on_worker(s, fault, &s->workers[sim_below(s, s->limits.n_workers)]);
}

void sim_swarm_shot(struct sim *s, enum sim_fault fault)
{
    static const char *const texts[] = {
#define X(name, text) text,
        SIM_FAULT_TABLE(X)
#undef X
    };

    if (s->calm)
        return;
    sim_trace(s, "---- %s", texts[fault]);
    if (shoot(s, fault))
        sim_fired(s, fault);
    next_shot(s, fault);
}

void sim_swarm_resume(struct sim *s, uint32_t i, bool all)
{
    if (s->finished)
        return;
    if (all)
        sim_core_control(s, CS_CONTROL_RESUME, &s->store.studies[i], NULL);
    else
        sim_core_control(s, CS_CONTROL_RESUME, s->store.lanes[i].study, &s->store.lanes[i]);
}

/* Until somebody hears it. */
void sim_swarm_submit(struct sim *s, uint32_t study)
{
    struct sim_study *y = &s->store.studies[study];

    if (sim_core_submit(s, y))
        sim_fired(s, SIM_LATE_STUDY);
    else if (y->asked_gens == 0 && !s->finished)
        sim_push(s, s->now + 1000, SIM_SUBMIT, study, 0, NULL);
}

/* Nothing more breaks. What is broken heals by itself: the stopped go on and the dead come back, within what a_while()
 * and the network give. Then operators open their lanes. */
void sim_swarm_calm(struct sim *s)
{
    s->calm = true;
    s->healed_ms = s->now + s->limits.while_ms + HEALED_AFTER_MS;
    s->due_ms = s->healed_ms + s->limits.end_ms;
    s->store.slow_until = 0;
    sim_redis_heal(s);
    s->store.fails &= s->store.n_writing > 0; /* a write under way fails as it was to */
    for (int f = 0; f < SIM_FAULTS; f++)
        s->limits.permille[f] = 0;
    for (uint32_t i = 0; i < s->limits.n_workers; i++) {
        struct sim_worker *w = &s->workers[i];

        w->link.down_until = s->now;
        w->denied_until = w->away_until = 0;
        if (w->core == NULL && s->limits.while_ms > A_WHILE_MS) /* nodes that were to come hours later */
            sim_push(s, s->now + sim_below(s, 60000), SIM_WORKER_START, i, w->incarnation + 1, NULL);
    }
    for (uint32_t i = 0; i < s->limits.n_lanes; i++)
        s->store.lanes[i].server.dead_until = 0;
    sim_trace(s, "---- no more faults");
    for (uint32_t i = 0; i < s->limits.n_lanes; i++)
        sim_push(s, s->healed_ms, SIM_RESUME, i, 0, NULL);
}
