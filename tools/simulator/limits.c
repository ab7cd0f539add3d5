#include "tools/simulator/limits.h"

#include <stdio.h>

static uint64_t burst_of(const struct cs_limit *l)
{
    return l->burst != 0 ? l->burst : l->per_minute;
}

void cs_sim_limits_buckets_init(struct cs_buckets *b, const struct cs_quota *q, int64_t now_us)
{
    b->requests = (struct cs_bucket){q->starts_empty ? 0 : (double)burst_of(&q->requests), now_us};
    b->tokens = (struct cs_bucket){q->starts_empty ? 0 : (double)burst_of(&q->tokens), now_us};
    b->input = (struct cs_bucket){q->starts_empty ? 0 : (double)burst_of(&q->input), now_us};
    b->output = (struct cs_bucket){q->starts_empty ? 0 : (double)burst_of(&q->output), now_us};
}

static void refill(struct cs_bucket *b, const struct cs_limit *l, int64_t now_us)
{
    if (now_us > b->at_us)
        b->available += (double)(now_us - b->at_us) * (double)l->per_minute / 60e6;
    if (b->available > (double)burst_of(l))
        b->available = (double)burst_of(l);
    b->at_us = now_us;
}

static uint64_t whole_units(const struct cs_bucket *b)
{
    return b->available > 0 ? (uint64_t)b->available : 0;
}

static bool fits(const struct cs_bucket *b, const struct cs_limit *l, uint64_t want, enum cs_dimension dimension,
                 struct cs_limit_refusal *why)
{
    const uint64_t enough = want < burst_of(l) ? want : burst_of(l);
    if (l->per_minute == 0 || (want <= l->per_minute && b->available + 1e-6 >= (double)enough))
        return true;
    /* In whole units, so that the numbers in the text give the wait in the text. A debt adds to what is used. */
    const uint64_t debt = b->available < 0 ? (uint64_t)-b->available + 1 : 0;
    *why = (struct cs_limit_refusal){.dimension = dimension, .limit = l->per_minute, .requested = want};
    why->never = want > l->per_minute;
    why->used = l->per_minute + debt - whole_units(b);
    if (!why->never && why->used + enough > why->limit)
        why->wait_ms = ((why->used + enough - why->limit) * 60000 + why->limit - 1) / why->limit;
    return false;
}

bool cs_sim_limits_buckets_take(struct cs_buckets *b, const struct cs_quota *q, const struct cs_charge *charge,
                                int64_t now_us, struct cs_limit_refusal *why)
{
    const struct {
        struct cs_bucket *bucket;
        const struct cs_limit *limit;
        uint64_t want;
        enum cs_dimension dimension;
    } all[] = {{&b->requests, &q->requests, 1, CS_DIM_REQUESTS},
               {&b->tokens, &q->tokens, charge->tokens, CS_DIM_TOKENS},
               {&b->input, &q->input, charge->input, CS_DIM_INPUT},
               {&b->output, &q->output, charge->output, CS_DIM_OUTPUT}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        refill(all[i].bucket, all[i].limit, now_us);
        if (!fits(all[i].bucket, all[i].limit, all[i].want, all[i].dimension, why))
            return false;
    }
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (all[i].limit->per_minute != 0)
            all[i].bucket->available -= (double)all[i].want;
    }
    return true;
}

void cs_sim_limits_buckets_settle(struct cs_buckets *b, const struct cs_charge *begun, const struct cs_charge *ended)
{
    b->tokens.available += (double)begun->tokens - (double)ended->tokens;
    b->input.available += (double)begun->input - (double)ended->input;
    b->output.available += (double)begun->output - (double)ended->output;
}

struct cs_limit_state cs_sim_limits_state(const struct cs_limit *l, const struct cs_bucket *b)
{
    const uint64_t remaining = whole_units(b);
    struct cs_limit_state s = {.limit = l->per_minute, .remaining = remaining};
    if (l->per_minute != 0 && burst_of(l) > remaining)
        s.reset_ms = (burst_of(l) - remaining) * 60000 / l->per_minute;
    return s;
}

void cs_sim_limits_go_duration(uint64_t ms, char out[32])
{
    const uint64_t hours = ms / 3600000, minutes = ms / 60000 % 60;
    char seconds[16];
    if (ms < 1000) {
        snprintf(out, 32, ms == 0 ? "0s" : "%ums", (unsigned)ms);
        return;
    }
    int n = snprintf(seconds, sizeof seconds, "%u.%03u", (unsigned)(ms / 1000 % 60), (unsigned)(ms % 1000));
    while (seconds[n - 1] == '0')
        seconds[--n] = '\0';
    if (seconds[n - 1] == '.')
        seconds[--n] = '\0';
    if (hours != 0)
        snprintf(out, 32, "%uh%um%ss", (unsigned)hours, (unsigned)minutes, seconds);
    else if (minutes != 0)
        snprintf(out, 32, "%um%ss", (unsigned)minutes, seconds);
    else
        snprintf(out, 32, "%ss", seconds);
}
