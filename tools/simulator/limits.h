/* limits.h - one token bucket per (key, model), and the words in which OpenAI tells its state.
 *
 * A bucket holds `burst` units at most and gains limit/60 a second. With burst = limit, OpenAI's own, the headers are
 * the formulas verified on recorded traffic: reset = (limit - remaining) / limit x 60 s, the time until the bucket is
 * full; the wait in a 429 = (used + requested - limit) / limit x 60 s, the time until this request fits. Requests
 * larger than the burst are admitted from a full bucket and leave a debt, so that what is admitted never exceeds
 * limit x time + burst.
 *
 * Times are microseconds of a monotonic clock, an argument. Pure; thread: the owner of the bucket.
 */
#ifndef CS_SIM_LIMITS_H
#define CS_SIM_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cs_limit {
    uint64_t per_minute; /* 0: no limit */
    uint64_t burst;      /* 0: the same as per_minute */
};

struct cs_quota {                                    /* what a key may ask of a model */
    struct cs_limit requests, tokens, input, output; /* tokens: as the vendor counts them together */
    bool starts_empty;
};

struct cs_bucket {
    double available; /* negative: in debt */
    int64_t at_us;
};

struct cs_buckets {
    struct cs_bucket requests, tokens, input, output;
};

struct cs_charge { /* what one request takes, beside the request itself */
    uint64_t tokens, input, output;
};

enum cs_dimension {
    CS_DIM_NONE,
    CS_DIM_REQUESTS,
    CS_DIM_TOKENS,
    CS_DIM_INPUT,
    CS_DIM_OUTPUT,
    CS_DIM_CALLS /* at once */
};

struct cs_limit_refusal {
    enum cs_dimension dimension;
    uint64_t limit, used, requested;
    uint64_t wait_ms;
    bool never; /* asks for more than the limit: no waiting helps */
};

void cs_sim_limits_buckets_init(struct cs_buckets *b, const struct cs_quota *q, int64_t now_us);
/* Takes one request and its charge, or nothing and fills *why. Where nothing is charged yet, no debt is enough. */
bool cs_sim_limits_buckets_take(struct cs_buckets *b, const struct cs_quota *q, const struct cs_charge *charge,
                                int64_t now_us, struct cs_limit_refusal *why);
/* The request was charged `begun` and has cost `ended`: the difference is given back, or leaves a debt. */
void cs_sim_limits_buckets_settle(struct cs_buckets *b, const struct cs_charge *begun, const struct cs_charge *ended);

/* What the x-ratelimit headers say of one dimension now. */
struct cs_limit_state {
    uint64_t limit, remaining, reset_ms;
};
struct cs_limit_state cs_sim_limits_state(const struct cs_limit *l, const struct cs_bucket *b);

/* Milliseconds as Go prints a duration: "0s", "12ms", "1.78s", "6m0s", "1h2m3s". */
void cs_sim_limits_go_duration(uint64_t ms, char out[32]);

#endif
