#include "worker/pacer.h"

#include <math.h>
#include <string.h>

#include "protocol/base/assert.h"

#define AWAY_PART 0.9    /* of the last share, while Redis is away */
#define SPREAD_PART 0.85 /* of a slice over which its calls are spread: the rest is for the way to Redis */
#define AVERAGE_WEIGHT 0.05
#define TOKENS_PER_BYTE 0.3 /* before the first reply */
#define OUTPUT_TOKENS 500
#define TINY 1e-6

/* What a call is charged at its start: of its estimated input, its expected output, and its cap. */
enum charge {
    CHARGE_INPUT,
    CHARGE_LARGER_OF_CAP,
    CHARGE_INPUT_AND_CAP,
    CHARGE_INPUT_AND_OUTPUT,
    CHARGE_OUTPUT,
    CHARGE_CAP
};

/* clang-format off */
static const struct row {
    enum charge tokens, output;
    bool settles; /* the provider corrects by the usage, so do we */
} rows[CS_PROTOCOLS] = {
    /*                                 tokens                   output         settles */
    [CS_PROTOCOL_OPENAI_CHAT]        = {CHARGE_LARGER_OF_CAP,    CHARGE_CAP,    false},
    [CS_PROTOCOL_OPENAI_RESPONSES]   = {CHARGE_LARGER_OF_CAP,    CHARGE_CAP,    false},
    [CS_PROTOCOL_ANTHROPIC_MESSAGES] = {CHARGE_INPUT_AND_OUTPUT, CHARGE_OUTPUT, true},
    [CS_PROTOCOL_GEMINI]             = {CHARGE_INPUT,            CHARGE_CAP,    false},
    [CS_PROTOCOL_BEDROCK_CONVERSE]   = {CHARGE_INPUT_AND_CAP,    CHARGE_CAP,    true},
};
/* clang-format on */

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

static double charge(enum charge how, double input, double output, double cap)
{
    switch (how) {
    case CHARGE_INPUT:
        return input;
    case CHARGE_LARGER_OF_CAP:
        return cap > input ? cap : input;
    case CHARGE_INPUT_AND_CAP:
        return input + cap;
    case CHARGE_INPUT_AND_OUTPUT:
        return input + output;
    case CHARGE_OUTPUT:
        return output;
    case CHARGE_CAP:
        return cap;
    }
    return input;
}

void cs_pacer_cost(const struct cs_pacer *p, size_t bytes, uint32_t cap, double cost[CS_QUOTA_DIMS])
{
    const struct row *r = &rows[p->protocol];
    double input = (double)bytes * average_high(&p->ratio, TOKENS_PER_BYTE);
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
    if (input == 0 || bytes == 0)
        return; /* a failure is charged as it began */
    average_add(&p->ratio, (double)input / (double)bytes);
    average_add(&p->output, output);
    if (!rows[p->protocol].settles)
        return;
    p->back[CS_QUOTA_TOKENS] += cost[CS_QUOTA_TOKENS] - input - output;
    p->back[CS_QUOTA_TOKENS_DAY] += cost[CS_QUOTA_TOKENS_DAY] - input - output;
    p->back[CS_QUOTA_INPUT] += cost[CS_QUOTA_INPUT] - input;
    p->back[CS_QUOTA_OUTPUT] += cost[CS_QUOTA_OUTPUT] - output;
}

/* ---- limits ------------------------------------------------------------------------------------------ */

bool cs_pacer_needed(const struct cs_limits *l)
{
    return l->requests_per_minute != 0 || l->tokens_per_minute != 0 || l->input_tokens_per_minute != 0 ||
           l->output_tokens_per_minute != 0 || l->requests_per_day != 0 || l->tokens_per_day != 0;
}

void cs_pacer_init(struct cs_pacer *p, enum cs_protocol protocol, const struct cs_limits *l, uint64_t now)
{
    *p = (struct cs_pacer){.protocol = protocol, .ask_at = now, .share = -1};
    p->declared[CS_QUOTA_REQUESTS] = (double)l->requests_per_minute;
    p->declared[CS_QUOTA_TOKENS] = (double)l->tokens_per_minute;
    p->declared[CS_QUOTA_INPUT] = (double)l->input_tokens_per_minute;
    p->declared[CS_QUOTA_OUTPUT] = (double)l->output_tokens_per_minute;
    p->declared[CS_QUOTA_REQUESTS_DAY] = (double)l->requests_per_day;
    p->declared[CS_QUOTA_TOKENS_DAY] = (double)l->tokens_per_day;
    memcpy(p->limit, p->declared, sizeof p->limit);
}

void cs_pacer_told(struct cs_pacer *p, enum cs_quota_dim d, double limit)
{
    p->limit[d] = limit >= 1 && limit < p->declared[d] ? limit : p->declared[d];
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

/* The pace while Redis is away. */
static double away_rate(const struct cs_pacer *p, int d)
{
    return p->share > 0 ? AWAY_PART * p->share * rate_of(p, d) : 0;
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
    if (!fits || now < p->quiet_until || p->next_start > (double)now) {
        p->shut_until = cs_pacer_next(p, now);
        return false;
    }
    for (int d = 0; d < CS_QUOTA_DIMS; d++)
        p->budget[d] -= p->limit[d] == 0 ? 0 : cost[d];
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

/* When the call that waits could start with what there is; UINT64_MAX: not without more. */
static uint64_t startable_at(const struct cs_pacer *p, uint64_t now)
{
    double at = p->next_start > (double)p->quiet_until ? p->next_start : (double)p->quiet_until;
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
    at = sooner(at, startable_at(p, now));
    return at > now ? at : now + 1;
}

/* ---- asking ---------------------------------------------------------------------------------------------- */

static void go_away(struct cs_pacer *p, uint64_t now)
{
    p->asking = false;
    p->ask_at = now + CS_QUOTA_SLICE_MS;
    p->shut_until = 0;
    if (p->away)
        return;
    p->away = true;
    p->filled_at = now;
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

bool cs_pacer_ask(struct cs_pacer *p, uint32_t want, uint64_t now, struct cs_quota_ask *ask)
{
    if (p->asking && now >= p->asked_at + CS_PACER_LATE_MS)
        go_away(p, now);
    if (p->asking || p->alone || now < p->ask_at || (want == 0 && !p->listed && p->quiet_tell <= now))
        return false;
    *ask = (struct cs_quota_ask){.want = want, .share = p->share};
    typical_cost(p);
    if (p->quiet_tell > now)
        ask->quiet_ms = p->quiet_tell - now;
    for (int d = 0; d < CS_QUOTA_DIMS; d++) {
        ask->limit[d] = p->limit[d];
        ask->cost[d] = p->granted[d];
        ask->back[d] = p->limit[d] != 0 ? p->back[d] : 0;
        p->back[d] = 0;
        if (p->away || p->limit[d] == 0)
            continue;
        ask->back[d] += now < p->expires ? p->budget[d] : 0;
        p->budget[d] = 0;
    }
    p->quiet_tell = 0;
    p->listed = want > 0;
    p->asking = true;
    p->asked_at = now;
    p->ask_at = now + CS_QUOTA_SLICE_MS;
    p->serial++;
    return true;
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
    if (g->share >= 0)
        p->share = g->share;
    if (g->quiet_ms > 0 && now + g->quiet_ms > p->quiet_until)
        p->quiet_until = now + g->quiet_ms;
    for (int d = 0; d < CS_QUOTA_DIMS; d++)
        p->budget[d] = p->slice[d] = p->granted[d] * g->calls;
    if (p->next_start < (double)now)
        p->next_start = (double)now;
}

void cs_pacer_alone(struct cs_pacer *p, uint64_t now)
{
    p->alone = true;
    p->share = 1;
    go_away(p, now);
}
