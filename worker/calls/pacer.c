#include "worker/calls/pacer.h"

#include <math.h>
#include <string.h>

#include "protocol/base/assert.h"
#include "protocol/dialects/dialect.h"

#define AWAY_PART 0.9    /* part of the last share that is used while Redis is away */
#define SPREAD_PART 0.85 /* part of a slice over which its calls are spread: the rest is for the way to Redis */
#define AVERAGE_WEIGHT 0.05
#define TOKENS_PER_BYTE 0.3 /* before the first reply */
#define OUTPUT_TOKENS 500
#define TINY 1e-6

/* ---- what calls cost ------------------------------------------------------------------------------- */

static void average_add(struct cs_average *a, double value)
{
    double off = value - a->mean;
    if (!a->known) {
        *a = (struct cs_average){.mean = value, .known = true};
        return;
    }
    a->mean += AVERAGE_WEIGHT * off;
    a->variance = (1 - AVERAGE_WEIGHT) * (a->variance + AVERAGE_WEIGHT * off * off);
}

static double average_high(const struct cs_average *a, double unknown)
{
    return a->known ? a->mean + 2 * sqrt(a->variance) : unknown;
}

static double line_at(const struct cs_line *l, double x)
{
    if (!l->known)
        return TOKENS_PER_BYTE * x;
    double slope = l->sxx > 1e-4 * l->mx * l->mx ? l->sxy / l->sxx : l->my / l->mx; /* else all are of one length */
    double y = l->my + slope * (x - l->mx);
    return y > 1 ? y : 1;
}

static void line_add(struct cs_line *l, double x, double y)
{
    if (!l->known) {
        *l = (struct cs_line){.mx = x, .my = y, .known = true};
        return;
    }
    double off = (y - line_at(l, x)) / x, dx = x - l->mx, dy = y - l->my;
    l->variance = (1 - AVERAGE_WEIGHT) * (l->variance + AVERAGE_WEIGHT * off * off);
    l->mx += AVERAGE_WEIGHT * dx;
    l->my += AVERAGE_WEIGHT * dy;
    l->sxx = (1 - AVERAGE_WEIGHT) * (l->sxx + AVERAGE_WEIGHT * dx * dx);
    l->sxy = (1 - AVERAGE_WEIGHT) * (l->sxy + AVERAGE_WEIGHT * dx * dy);
}

static double charge(enum cs_charge_by how, double input, double output, double cap)
{
    switch (how) {
    case CS_CHARGE_BY_INPUT:
        return input;
    case CS_CHARGE_BY_LARGER_OF_CAP:
        return cap > input ? cap : input;
    case CS_CHARGE_BY_INPUT_AND_CAP:
        return input + cap;
    case CS_CHARGE_BY_INPUT_AND_OUTPUT:
        return input + output;
    case CS_CHARGE_BY_OUTPUT:
        return output;
    case CS_CHARGE_BY_CAP:
        return cap;
    }
    return input;
}

void cs_pacer_cost(const struct cs_pacer *p, size_t bytes, uint32_t cap, double cost[CS_QUOTA_DIMS])
{
    const struct cs_dialect_charge *r = cs_dialect_charge_of(p->protocol);
    double input = line_at(&p->input, (double)bytes) + 2 * sqrt(p->input.variance) * (double)bytes;
    double output = average_high(&p->output, cap != 0 ? cap : OUTPUT_TOKENS);
    double most = cap != 0 ? cap : output;
    if (output > most)
        output = most;
    double tokens = charge(r->tokens, input, output, most);
    cost[CS_QUOTA_REQUESTS] = cost[CS_QUOTA_REQUESTS_DAY] = 1;
    cost[CS_QUOTA_TOKENS] = cost[CS_QUOTA_TOKENS_DAY] = tokens;
    cost[CS_QUOTA_INPUT] = input;
    cost[CS_QUOTA_OUTPUT] = charge(r->output, input, output, most);
}

void cs_pacer_ended(struct cs_pacer *p, const double cost[CS_QUOTA_DIMS], size_t bytes, uint32_t input, uint32_t output)
{
    CS_ASSERT(p->in_flight > 0);
    if (p->in_flight-- >= cs_pacer_most(p))
        p->shut_until = 0;
    if (input == 0 || bytes == 0)
        return; /* a failure is charged as it began */
    line_add(&p->input, (double)bytes, input);
    average_add(&p->output, output);
    if (!cs_dialect_charge_of(p->protocol)->settles)
        return;
    p->charged[CS_QUOTA_TOKENS] += input + output - cost[CS_QUOTA_TOKENS];
    p->charged[CS_QUOTA_INPUT] += input - cost[CS_QUOTA_INPUT];
    p->charged[CS_QUOTA_OUTPUT] += output - cost[CS_QUOTA_OUTPUT];
    p->back[CS_QUOTA_TOKENS] += cost[CS_QUOTA_TOKENS] - input - output;
    p->back[CS_QUOTA_TOKENS_DAY] += cost[CS_QUOTA_TOKENS_DAY] - input - output;
    p->back[CS_QUOTA_INPUT] += cost[CS_QUOTA_INPUT] - input;
    p->back[CS_QUOTA_OUTPUT] += cost[CS_QUOTA_OUTPUT] - output;
}

/* ---- limits ------------------------------------------------------------------------------------------ */

bool cs_pacer_needed(const struct cs_limits *l)
{
    return l->requests_per_minute != 0 || l->tokens_per_minute != 0 || l->input_tokens_per_minute != 0 ||
           l->output_tokens_per_minute != 0 || l->requests_per_day != 0 || l->tokens_per_day != 0 || l->concurrent != 0;
}

bool cs_pacer_counts_days(const struct cs_pacer *p)
{
    for (uint32_t i = 0; i < p->n_pools; i++) {
        if (p->pool[i].declared[CS_QUOTA_REQUESTS_DAY] > 0 || p->pool[i].declared[CS_QUOTA_TOKENS_DAY] > 0)
            return true;
    }
    return false;
}

static double limit_of(const struct cs_pacer_pool *pool, int d)
{
    double told = d < CS_QUOTA_PER_MINUTE && pool->was_told ? pool->told[d] : 0;
    return told > 0 && told < pool->declared[d] ? told : pool->declared[d];
}

/* The pool that declares the least; NULL: none does. */
static struct cs_pacer_pool *tightest(struct cs_pacer *p, int d)
{
    struct cs_pacer_pool *least = NULL;
    for (uint32_t i = 0; i < p->n_pools; i++) {
        if (p->pool[i].declared[d] > 0 && (least == NULL || p->pool[i].declared[d] < least->declared[d]))
            least = &p->pool[i];
    }
    return least;
}

static void find_limits(struct cs_pacer *p)
{
    for (int d = 0; d < CS_QUOTA_DIMS; d++) {
        p->limit[d] = 0;
        for (uint32_t i = 0; i < p->n_pools; i++) {
            double limit = limit_of(&p->pool[i], d);
            if (limit > 0 && (p->limit[d] <= 0 || limit < p->limit[d]))
                p->limit[d] = limit;
        }
    }
}

void cs_pacer_init(struct cs_pacer *p, enum cs_protocol protocol, uint64_t now)
{
    *p = (struct cs_pacer){.protocol = protocol, .ask_at = now};
}

void cs_pacer_declare(struct cs_pacer *p, uint32_t pool, const struct cs_limits *l)
{
    CS_ASSERT(pool < CS_QUOTA_POOLS_MAX);
    CS_ASSERT(pool <= p->n_pools);
    if (pool == p->n_pools)
        p->pool[p->n_pools++].share = -1;
    struct cs_pacer_pool *is = &p->pool[pool];
    is->declared[CS_QUOTA_REQUESTS] = (double)l->requests_per_minute;
    is->declared[CS_QUOTA_TOKENS] = (double)l->tokens_per_minute;
    is->declared[CS_QUOTA_INPUT] = (double)l->input_tokens_per_minute;
    is->declared[CS_QUOTA_OUTPUT] = (double)l->output_tokens_per_minute;
    is->declared[CS_QUOTA_REQUESTS_DAY] = (double)l->requests_per_day;
    is->declared[CS_QUOTA_TOKENS_DAY] = (double)l->tokens_per_day;
    is->concurrent = l->concurrent;
    find_limits(p);
}

void cs_pacer_told(struct cs_pacer *p, const double limit[CS_QUOTA_PER_MINUTE], uint64_t sent)
{
    for (int d = 0; d < CS_QUOTA_PER_MINUTE; d++) {
        struct cs_pacer_pool *pool = limit[d] > 0 ? tightest(p, d) : NULL;
        if (pool == NULL || (pool->was_told && sent < pool->told_at))
            continue;
        pool->told[d] = limit[d];
        pool->told_at = sent;
        pool->was_told = true;
    }
    find_limits(p);
}

void cs_pacer_limited(struct cs_pacer *p, uint64_t wait_ms, uint64_t now)
{
    if (now + wait_ms <= p->quiet_until)
        return;
    p->quiet_until = p->quiet_tell = now + wait_ms;
    p->ask_at = now; /* the fleet must know */
}

/* ---- starting ------------------------------------------------------------------------------------------ */

static double rate_of(const struct cs_pacer *p, int d)
{
    return p->limit[d] / (d < CS_QUOTA_PER_MINUTE ? 60e3 : 86400e3);
}

/* The pace while Redis is away; of several pools the one that gives least. What is left of a day only Redis knows. */
static double away_rate(const struct cs_pacer *p, int d)
{
    double least = HUGE_VAL;
    if (d >= CS_QUOTA_PER_MINUTE)
        return 0;
    for (uint32_t i = 0; i < p->n_pools; i++) {
        const struct cs_pacer_pool *pool = &p->pool[i];
        double rate = limit_of(pool, d) / 60e3;
        if (rate > 0)
            least = fmin(least, pool->share > 0 ? AWAY_PART * pool->share * rate : 0);
    }
    return least < HUGE_VAL ? least : 0;
}

uint32_t cs_pacer_most(const struct cs_pacer *p)
{
    uint32_t most = UINT32_MAX;
    for (uint32_t i = 0; i < p->n_pools; i++) {
        const struct cs_pacer_pool *pool = &p->pool[i];
        uint32_t may = pool->allotted;
        if (pool->concurrent == 0)
            continue;
        if (p->asking && may > p->named)
            may = p->named; /* the answer may take the rest away */
        most = may < most ? may : most;
    }
    return most;
}

static void refill(struct cs_pacer *p, const double cost[CS_QUOTA_DIMS], uint64_t now)
{
    if (!p->away) {
        if (now >= p->expires)
            memset(p->budget, 0, sizeof p->budget);
        return;
    }
    for (int d = 0; d < CS_QUOTA_DIMS; d++) {
        double most = away_rate(p, d) * CS_QUOTA_SLICE_MS;
        most = most > cost[d] ? most : cost[d];
        p->budget[d] += away_rate(p, d) * (double)(now - p->filled_at);
        p->budget[d] = p->budget[d] < most ? p->budget[d] : most;
    }
    p->filled_at = now;
}

/* Smooth over calls of unequal cost; a call that waits is asked for by its own. */
static void note_cost(struct cs_pacer *p, const double cost[CS_QUOTA_DIMS], bool waits)
{
    for (int d = 0; d < CS_QUOTA_DIMS; d++)
        p->typical[d] = p->seen_cost && !waits ? p->typical[d] + 0.1 * (cost[d] - p->typical[d]) : cost[d];
    p->seen_cost = true;
}

/* A call that takes a tenth of the slice has a tenth of its time. While Redis is away the bucket's rate is the pace. */
static double spacing(const struct cs_pacer *p, const double cost[CS_QUOTA_DIMS])
{
    double part = 0;
    for (int d = 0; d < CS_QUOTA_DIMS && !p->away; d++) {
        if (p->limit[d] > 0 && p->slice[d] > 0 && cost[d] / p->slice[d] > part)
            part = cost[d] / p->slice[d];
    }
    return part * SPREAD_PART * CS_QUOTA_SLICE_MS;
}

bool cs_pacer_start(struct cs_pacer *p, const double cost[CS_QUOTA_DIMS], uint64_t now)
{
    bool fits = true;
    refill(p, cost, now);
    for (int d = 0; d < CS_QUOTA_DIMS; d++)
        fits &= p->limit[d] == 0 || p->budget[d] + TINY >= cost[d];
    if (!fits)
        note_cost(p, cost, true);
    bool full = p->in_flight >= cs_pacer_most(p);
    if (!fits || full || now < p->quiet_until || p->next_start > (double)now) {
        p->shut_until = cs_pacer_next(p, now);
        return false;
    }
    p->in_flight++;
    for (int d = 0; d < CS_QUOTA_DIMS; d++)
        p->budget[d] -= p->limit[d] == 0 ? 0 : cost[d];
    for (int d = 0; d < CS_QUOTA_DIMS; d++)
        p->charged[d] += cost[d];
    note_cost(p, cost, false);
    if (p->next_start < (double)now - CS_PACER_LAG_MS)
        p->next_start = (double)now - CS_PACER_LAG_MS;
    p->next_start += spacing(p, cost);
    return true;
}

bool cs_pacer_shut(const struct cs_pacer *p, uint64_t now)
{
    return now < p->shut_until;
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* When the call that waits could start with what there is; UINT64_MAX: not without more, or not before another one ends. */
static uint64_t startable_at(const struct cs_pacer *p, uint64_t now)
{
    double at = p->next_start > (double)p->quiet_until ? p->next_start : (double)p->quiet_until;
    if (p->in_flight >= cs_pacer_most(p))
        return UINT64_MAX;
    for (int d = 0; d < CS_QUOTA_DIMS; d++) {
        double lacks = p->limit[d] == 0 ? 0 : p->typical[d] - p->budget[d] - TINY;
        if (lacks <= 0)
            continue;
        if (!p->away || away_rate(p, d) <= 0)
            return UINT64_MAX;
        double full = (double)now + lacks / away_rate(p, d);
        at = at > full ? at : full;
    }
    return at < 1e18 ? (uint64_t)ceil(at) : UINT64_MAX;
}

uint64_t cs_pacer_next(const struct cs_pacer *p, uint64_t now)
{
    uint64_t at = p->asking ? p->asked_at + CS_PACER_LATE_MS : p->alone ? UINT64_MAX : p->ask_at;
    uint64_t start = startable_at(p, now);
    /* A call might start, and none did: slots, leases or the window forbid it. What frees them is an event; this is but a net. */
    at = sooner(at, start > now ? start : now + CS_PACER_LAG_MS);
    return at > now ? at : now + 1;
}

/* ---- asking ---------------------------------------------------------------------------------------------- */

static void go_away(struct cs_pacer *p, uint64_t now)
{
    for (uint32_t i = 0; p->asking && i < p->n_pools; i++) {
        if (p->pool[i].allotted > p->named)
            p->pool[i].allotted = p->named; /* an answer that did not come may have given the rest to others */
    }
    p->asking = false;
    p->ask_at = now + CS_QUOTA_SLICE_MS;
    p->shut_until = 0;
    if (p->away)
        return;
    p->away = true;
    p->away_at = p->filled_at = now;
    memset(p->budget, 0, sizeof p->budget);
}

/* What to ask for a call. Dimensions that do not bind get up to twice the typical cost, so that calls that are smaller in the one
 * that binds do not run out of the others; what is not used goes back. */
static void typical_cost(struct cs_pacer *p)
{
    double least = HUGE_VAL;
    for (int d = 0; d < CS_QUOTA_DIMS; d++) {
        p->granted[d] = p->seen_cost ? p->typical[d] : 1;
        if (p->limit[d] > 0 && rate_of(p, d) < least * p->granted[d])
            least = rate_of(p, d) / p->granted[d];
    }
    for (int d = 0; d < CS_QUOTA_DIMS; d++) {
        if (p->limit[d] > 0 && p->granted[d] > 0)
            p->granted[d] *= fmin(2, rate_of(p, d) / p->granted[d] / least);
    }
}

static void tell_pool(const struct cs_pacer_pool *pool, uint64_t now, struct cs_quota_pool *out)
{
    *out = (struct cs_quota_pool){.concurrent = pool->concurrent, .share = pool->share, .allotted = pool->allotted};
    memcpy(out->limit, pool->declared, sizeof out->limit);
    out->told.age_ms = pool->was_told ? (int64_t)(now - pool->told_at) : -1;
    memcpy(out->told.limit, pool->told, sizeof out->told.limit);
}

static bool holds(const struct cs_pacer *p)
{
    return p->in_flight > 0 && cs_pacer_most(p) != UINT32_MAX;
}

bool cs_pacer_ask(struct cs_pacer *p, uint32_t want, uint64_t now, struct cs_quota_ask *ask)
{
    if (p->asking && now >= p->asked_at + CS_PACER_LATE_MS)
        go_away(p, now);
    if (p->asking || p->alone || now < p->ask_at || (want == 0 && !p->listed && p->quiet_tell <= now))
        return false;
    *ask = (struct cs_quota_ask){.n_pools = p->n_pools, .want = want, .held = p->in_flight};
    typical_cost(p);
    ask->mend = p->away && now - p->away_at >= CS_QUOTA_MEND_MS;
    if (p->quiet_tell > now)
        ask->quiet_ms = p->quiet_tell - now;
    for (uint32_t i = 0; i < p->n_pools; i++)
        tell_pool(&p->pool[i], now, &ask->pool[i]);
    for (int d = 0; d < CS_QUOTA_DIMS; d++) {
        ask->cost[d] = p->granted[d];
        ask->back[d] = p->limit[d] != 0 ? p->back[d] : 0;
        p->back[d] = 0;
        if (p->away || p->limit[d] == 0)
            continue;
        ask->back[d] += now < p->expires ? p->budget[d] : 0;
        p->budget[d] = 0;
    }
    p->quiet_tell = 0;
    p->listed = want > 0 || holds(p);
    p->named = p->in_flight;
    p->asking = true;
    p->asked_at = now;
    p->ask_at = now + CS_QUOTA_SLICE_MS;
    p->serial++;
    return true;
}

/* What the fleet knows of a pool. */
static void learn(struct cs_pacer_pool *pool, const struct cs_quota_part *part, uint64_t now)
{
    const struct cs_quota_told *told = &part->told;
    if (part->share >= 0)
        pool->share = part->share;
    pool->allotted = part->allotted;
    if (told->age_ms < 0 || (uint64_t)told->age_ms > now)
        return;
    if (pool->was_told && now - (uint64_t)told->age_ms <= pool->told_at)
        return;
    memcpy(pool->told, told->limit, sizeof pool->told);
    pool->told_at = now - (uint64_t)told->age_ms;
    pool->was_told = true;
}

void cs_pacer_granted(struct cs_pacer *p, uint64_t serial, const struct cs_quota_grant *g, uint64_t now)
{
    if (!p->asking || serial != p->serial)
        return; /* too late: what it grants is not used */
    if (g == NULL) {
        go_away(p, now);
        return;
    }
    p->asking = p->away = false;
    p->shut_until = 0;
    p->expires = p->asked_at + CS_QUOTA_LIFE_MS;
    for (uint32_t i = 0; i < p->n_pools; i++)
        learn(&p->pool[i], &g->pool[i], now);
    find_limits(p);
    if (g->quiet_ms > 0 && now + g->quiet_ms > p->quiet_until)
        p->quiet_until = now + g->quiet_ms;
    for (int d = 0; d < CS_QUOTA_DIMS; d++)
        p->budget[d] = p->slice[d] = p->granted[d] * g->calls;
    if (p->next_start < (double)now)
        p->next_start = (double)now;
}

void cs_pacer_alone(struct cs_pacer *p, uint64_t now)
{
    for (uint32_t i = 0; i < p->n_pools; i++) {
        struct cs_pacer_pool *pool = &p->pool[i];
        uint32_t part = (uint32_t)(AWAY_PART * pool->concurrent);
        pool->share = 1;
        pool->allotted = part > 0 || pool->concurrent == 0 ? part : 1;
    }
    p->alone = true;
    p->asking = false;
    go_away(p, now);
}
