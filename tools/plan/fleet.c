#include "tools/plan/fleet.h"

#include <math.h>
#include <string.h>

#include "protocol/dialects/dialect.h"
#include "tools/base/text.h"

enum { ASKS_PER_S = 4, ASK = 8, DAY_S = 86400 };
#define TOLD_WORKER 2.0 /* commands a second of a worker and of the coordinator, besides slices */
#define TOLD_COORDINATOR 10.0

/* ---- quotas ----------------------------------------------------------------------------------------- */

static double charge(enum cs_charge_by by, double input, double output, double cap)
{
    switch (by) {
    case CS_CHARGE_BY_INPUT:
        return input;
    case CS_CHARGE_BY_LARGER_OF_CAP:
        return input > cap ? input : cap;
    case CS_CHARGE_BY_INPUT_AND_CAP:
        return input + cap;
    case CS_CHARGE_BY_INPUT_AND_OUTPUT:
        return input + output;
    case CS_CHARGE_BY_OUTPUT:
        return output;
    case CS_CHARGE_BY_CAP:
        return cap;
    }
    return input + output;
}

/* Keeps the lower one. */
static void bind(struct cs_plan_fleet_lane *l, double per_s, const char *by)
{
    if (per_s <= 0 || (l->quota > 0 && l->quota <= per_s))
        return;
    l->quota = per_s;
    l->by = by;
}

static void bind_limits(struct cs_plan_fleet_lane *l, const struct cs_limits *m, const struct cs_dialect_charge *by,
                        const struct cs_estimate_lane *e, double cap, double share)
{
    const double calls = e->calls > 0 ? (double)e->calls : 1, input = (double)e->input_high / calls,
                 output = (double)e->output_low / calls,
                 tokens = charge(by->tokens, input, output, cap > 0 ? cap : output),
                 out = charge(by->output, input, output, cap > 0 ? cap : output);
    bind(l, share * (double)m->requests_per_minute / 60, "requests_per_minute");
    bind(l, tokens > 0 ? share * (double)m->tokens_per_minute / 60 / tokens : 0, "tokens_per_minute");
    bind(l, input > 0 ? share * (double)m->input_tokens_per_minute / 60 / input : 0, "input_tokens_per_minute");
    bind(l, out > 0 ? share * (double)m->output_tokens_per_minute / 60 / out : 0, "output_tokens_per_minute");
    bind(l, share * (double)m->requests_per_day / DAY_S, "requests_per_day");
    bind(l, tokens > 0 ? share * (double)m->tokens_per_day / DAY_S / tokens : 0, "tokens_per_day");
}

static uint32_t sharers(const struct cs_study *s, uint32_t account, uint32_t pool)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n_models; i++) {
        for (uint32_t k = 0; s->models[i].account == account && k < s->models[i].n_pools; k++)
            n += s->models[i].pools[k] == pool;
    }
    return n > 0 ? n : 1;
}

static void find_quota(const struct cs_study *s, const struct cs_model *m, const struct cs_estimate_lane *e,
                       double latency, struct cs_plan_fleet_lane *l)
{
    const struct cs_account *a = &s->accounts[m->account];
    const struct cs_dialect_charge *by = cs_dialect_charge_of(a->protocol);
    double concurrent = m->limits.concurrent;
    l->by = "";
    bind_limits(l, &m->limits, by, e, m->max_output_tokens, 1);
    for (uint32_t i = 0; i < m->n_pools; i++) {
        const struct cs_limits *p = &a->pools[m->pools[i]].limits;
        const double share = 1.0 / sharers(s, m->account, m->pools[i]);
        bind_limits(l, p, by, e, m->max_output_tokens, share);
        if (p->concurrent > 0 && (concurrent <= 0 || p->concurrent * share < concurrent))
            concurrent = p->concurrent * share;
    }
    bind(l, concurrent / latency, "concurrent");
    l->in_flight = l->quota * latency;
}

/* ---- the fleet -------------------------------------------------------------------------------------- */

/* Of one process with so many outputs a second, in CPUs: each costs something by itself, and waking up for it, as long as it comes alone. */
static double busy(double rate, double each_us, double wake_us, double wakes_max)
{
    return CS_PLAN_FLEET_IDLE + (rate * each_us + fmin(rate, wakes_max) * wake_us) / 1e6;
}

static double worker_cpus(double rate)
{
    return busy(rate, CS_PLAN_FLEET_US_WORKER, CS_PLAN_FLEET_US_WORKER_WAKE, CS_PLAN_FLEET_WAKES_WORKER);
}

/* Each question looks through all who ask. */
static double redis_cpus(double workers, double redis_per_s)
{
    return redis_per_s * CS_PLAN_FLEET_US_REDIS / 1e6 * (1 + workers / CS_PLAN_FLEET_ASKERS);
}

static double cpus_of(double rate, double workers, double redis_per_s)
{
    return workers * worker_cpus(rate / workers) +
           busy(rate, CS_PLAN_FLEET_US_COORDINATOR, CS_PLAN_FLEET_US_COORDINATOR_WAKE,
                CS_PLAN_FLEET_WAKES_COORDINATOR) +
           redis_cpus(workers, redis_per_s);
}

static double memory_of(double workers, double slots)
{
    return workers * CS_PLAN_FLEET_MB_WORKER + slots * CS_PLAN_FLEET_KB_CALL / 1024 + CS_PLAN_FLEET_MB_COORDINATOR +
           CS_PLAN_FLEET_MB_REDIS;
}

/* A worker asks as often of a lane that has little to give. */
static double redis_of(const struct cs_plan_fleet *f, double workers)
{
    double lanes = 0;
    for (uint32_t i = 0; i < f->n; i++)
        lanes += f->lanes[i].by[0] != '\0';
    return workers * (lanes * ASKS_PER_S * ASK + TOLD_WORKER) + TOLD_COORDINATOR;
}

static void find_need(struct cs_plan_fleet *f)
{
    for (uint32_t i = 0; i < f->n; i++) {
        f->rate += f->lanes[i].quota;
        f->in_flight += f->lanes[i].in_flight;
    }
    const double slots = ceil(f->in_flight * CS_PLAN_FLEET_SPARE - 1e-6);
    f->workers = (uint32_t)fmax(1, ceil(slots / CS_PLAN_FLEET_SLOTS));
    while (worker_cpus(f->rate / f->workers) > CS_PLAN_FLEET_BUSY)
        f->workers++;
    f->slots = (uint32_t)fmax(f->n, ceil(slots / f->workers));
    f->memory_mb = memory_of(f->workers, slots);
    f->redis_per_s = redis_of(f, f->workers);
    f->cpus = cpus_of(f->rate, f->workers, f->redis_per_s);
}

/* Even parts of the slots; what a lane cannot use goes to the others. */
static void share_out(struct cs_plan_fleet *f)
{
    double left = (double)f->opts.workers * f->opts.slots, even = 0;
    bool *done = cs_arena_array(&f->arena, f->n + 1, sizeof *done);
    uint32_t open = f->n;
    for (bool again = open > 0; again;) {
        again = false;
        even = open > 0 ? left / open : 0;
        for (uint32_t i = 0; i < f->n; i++) {
            struct cs_plan_fleet_lane *l = &f->lanes[i];
            if (done[i] || l->quota <= 0 || l->in_flight > even)
                continue;
            done[i] = again = true;
            l->rate = l->quota;
            left -= l->in_flight;
            open--;
        }
    }
    for (uint32_t i = 0; i < f->n; i++) {
        if (!done[i])
            f->lanes[i].rate = even / f->opts.latency_s;
        f->lanes[i].raise = !done[i] ? "--slots or --workers" : f->lanes[i].by;
        f->given_rate += f->lanes[i].rate;
    }
    f->given_memory_mb = memory_of(f->opts.workers, (double)f->opts.workers * f->opts.slots);
    f->given_redis_per_s = redis_of(f, f->opts.workers);
    f->given_cpus = cpus_of(f->given_rate, f->opts.workers, f->given_redis_per_s);
}

void cs_plan_fleet_make(const struct cs_plan *plan, const struct cs_estimate *survey,
                        const struct cs_plan_fleet_opts *o, struct cs_plan_fleet *out)
{
    *out = (struct cs_plan_fleet){.opts = *o, .n = plan->n_lanes};
    out->lanes = cs_arena_array(&out->arena, out->n + 1, sizeof *out->lanes);
    for (uint32_t i = 0; i < out->n; i++) {
        out->lanes[i].raise = "";
        find_quota(plan->study, &plan->study->models[i], &survey->lanes[i], o->latency_s, &out->lanes[i]);
    }
    find_need(out);
    if (o->workers > 0)
        share_out(out);
}

void cs_plan_fleet_release(struct cs_plan_fleet *f)
{
    cs_arena_release(&f->arena);
}

/* ---- shown ------------------------------------------------------------------------------------------ */

/* Three digits of small ones, all of large ones: 0.0167, 36.6, 1,667. */
static const char *amount(char out[CS_TEXT_MAX_LEN], double n)
{
    if (n >= 999.5)
        return cs_text_count(out, (uint64_t)(n + 0.5));
    snprintf(out, CS_TEXT_MAX_LEN, "%.3g", n);
    return out;
}

static const char *whole(char out[CS_TEXT_MAX_LEN], double n)
{
    return cs_text_count(out, (uint64_t)(n + 0.5));
}

static void print_cost(double cpus, double memory_mb, double redis_per_s, FILE *out)
{
    char cpu[CS_TEXT_MAX_LEN], memory[CS_TEXT_MAX_LEN], redis[CS_TEXT_MAX_LEN];
    if (cpus < 9.95)
        snprintf(cpu, sizeof cpu, "%.2g", cpus);
    else
        whole(cpu, cpus);
    fprintf(out, "%s CPUs, %s MB of memory, %s questions to Redis a second\n", cpu, whole(memory, memory_mb),
            whole(redis, redis_per_s));
}

void cs_plan_fleet_text(const struct cs_plan_fleet *f, const struct cs_plan *plan, FILE *out)
{
    char rate[CS_TEXT_MAX_LEN], n[CS_TEXT_MAX_LEN];
    uint32_t unknown = 0;
    fprintf(out, "\nA fleet that uses these limits, if a call takes %g s (--latency):\n", f->opts.latency_s);
    for (uint32_t i = 0; i < f->n; i++) {
        const struct cs_plan_fleet_lane *l = &f->lanes[i];
        const char *name = plan->study->models[i].name;
        unknown += l->quota <= 0;
        if (l->quota <= 0)
            fprintf(out, "  %-24s no limit declared: found by trying\n", name);
        else
            fprintf(out, "  %-24s %s calls a second by %s, %s in flight\n", name, amount(rate, l->quota), l->by,
                    whole(n, ceil(l->in_flight)));
    }
    if (unknown < f->n) {
        fprintf(out, "  %s %s calls a second: %s worker%s with --slots %u, ",
                unknown == 0 ? "together" : "together, without what is found by trying,", amount(rate, f->rate),
                cs_text_count(n, f->workers), f->workers == 1 ? "" : "s", f->slots);
        print_cost(f->cpus, f->memory_mb, f->redis_per_s, out);
    }
    if (f->opts.workers == 0)
        return;
    fprintf(out, "With --workers %u --slots %u:\n", f->opts.workers, f->opts.slots);
    for (uint32_t i = 0; i < f->n; i++)
        fprintf(out, "  %-24s %s calls a second; to be faster raise %s\n", plan->study->models[i].name,
                amount(rate, f->lanes[i].rate), f->lanes[i].raise);
    fprintf(out, "  together %s calls a second, ", amount(rate, f->given_rate));
    print_cost(f->given_cpus, f->given_memory_mb, f->given_redis_per_s, out);
    if (redis_cpus(f->opts.workers, f->given_redis_per_s) > CS_PLAN_FLEET_BUSY)
        fprintf(out,
                "  so many workers ask more of Redis than one core answers in time; take fewer, with more --slots\n");
}

struct cs_json *cs_plan_fleet_json(const struct cs_plan_fleet *f, const struct cs_plan *plan)
{
    struct cs_json *lanes = cs_json_array();
    for (uint32_t i = 0; i < f->n; i++) {
        const struct cs_plan_fleet_lane *l = &f->lanes[i];
        struct cs_json *o = cs_json_pack("{s:s, s:f, s:s, s:f}", "model", plan->study->models[i].name, "quota_per_s",
                                         l->quota, "bound_by", l->by, "in_flight", l->in_flight);
        if (f->opts.workers > 0) {
            cs_json_object_set_new(o, "rate_per_s", cs_json_real(l->rate));
            cs_json_object_set_new(o, "raise", cs_json_string(l->raise));
        }
        cs_json_array_append_new(lanes, o);
    }
    struct cs_json *all = cs_json_pack("{s:f, s:o, s:f, s:f, s:i, s:i, s:f, s:f, s:f}", "latency_s", f->opts.latency_s,
                                       "lanes", lanes, "rate_per_s", f->rate, "in_flight", f->in_flight, "workers",
                                       (int)f->workers, "slots", (int)f->slots, "cpus", f->cpus, "memory_mb",
                                       f->memory_mb, "redis_per_s", f->redis_per_s);
    if (f->opts.workers > 0)
        cs_json_object_set_new(all, "given",
                               cs_json_pack("{s:i, s:i, s:f, s:f, s:f, s:f}", "workers", (int)f->opts.workers, "slots",
                                            (int)f->opts.slots, "rate_per_s", f->given_rate, "cpus", f->given_cpus,
                                            "memory_mb", f->given_memory_mb, "redis_per_s", f->given_redis_per_s));
    return all;
}
