#include "store/redis/tally.h"

#include <math.h>
#include <string.h>

#include "protocol/base/assert.h"
#include "protocol/base/json.h"

static const double FIRST_S = 0.010;

const char *cs_tally_end_name(enum cs_tally_end e)
{
    static const char *const names[] = {
#define X(name) #name,
        CS_TALLY_ENDS(X)
#undef X
    };
    CS_ASSERT(e < CS_TALLY_ENDS_N);
    return names[e];
}

double cs_tally_bound(uint32_t bucket)
{
    return bucket + 1 < CS_TALLY_BUCKETS ? FIRST_S * pow(2, bucket / 4.0) : INFINITY;
}

/* The inverse of cs_tally_bound; the small number keeps a latency on a bound below it. */
uint32_t cs_tally_bucket(uint64_t took_ms)
{
    const double i = took_ms > 0 ? ceil(4 * log2((double)took_ms / 1e3 / FIRST_S) - 1e-9) : 0;
    return i <= 0 ? 0 : i < CS_TALLY_BUCKETS ? (uint32_t)i : CS_TALLY_BUCKETS - 1;
}

void cs_tally_add(struct cs_call_tally *sum, const struct cs_call_tally *one)
{
    for (int i = 0; i < CS_TALLY_ENDS_N; i++)
        sum->ended[i] += one->ended[i];
    for (int i = 0; i < CS_TALLY_BUCKETS; i++) {
        sum->latency[i] += one->latency[i];
        sum->recent[i] += one->recent[i];
    }
    sum->seconds += one->seconds;
}

double cs_tally_quantile(const uint64_t buckets[CS_TALLY_BUCKETS], double q)
{
    uint64_t all = 0, below = 0;
    for (int i = 0; i < CS_TALLY_BUCKETS; i++)
        all += buckets[i];
    for (uint32_t i = 0; i < CS_TALLY_BUCKETS; i++) {
        const double inside = q * (double)all - (double)below;
        if (buckets[i] > 0 && inside <= (double)buckets[i])
            return i + 1 < CS_TALLY_BUCKETS ? cs_tally_bound(i) * pow(2, (inside / (double)buckets[i] - 1) / 4)
                                            : INFINITY;
        below += buckets[i];
    }
    return -1;
}

/* ---- JSON -------------------------------------------------------------------------------------------- */

static void put(struct cs_json *to, const char *key, struct cs_json *v)
{
    CS_ASSERT(cs_json_object_set_new(to, key, v) == 0);
}

static struct cs_json *number(uint64_t v)
{
    return cs_json_integer(v <= INT64_MAX ? (int64_t)v : INT64_MAX);
}

/* Without the empty buckets at the end. */
static struct cs_json *buckets_to_json(const uint64_t buckets[CS_TALLY_BUCKETS])
{
    struct cs_json *list = cs_json_array();
    int n = CS_TALLY_BUCKETS;
    while (n > 0 && buckets[n - 1] == 0)
        n--;
    for (int i = 0; i < n; i++)
        CS_ASSERT(cs_json_array_append_new(list, number(buckets[i])) == 0);
    return list;
}

struct cs_json *cs_tally_to_json(const struct cs_call_tally *t)
{
    struct cs_json *json = cs_json_object();
    for (int i = 0; i < CS_TALLY_ENDS_N; i++)
        put(json, cs_tally_end_name((enum cs_tally_end)i), number(t->ended[i]));
    put(json, "latency", buckets_to_json(t->latency));
    put(json, "recent", buckets_to_json(t->recent));
    put(json, "seconds", cs_json_real(t->seconds));
    return json;
}

static uint64_t unsigned_of(const struct cs_json *json)
{
    const int64_t v = cs_json_integer_value(json); /* 0 for anything else */
    return v > 0 ? (uint64_t)v : 0;
}

static void buckets_from_json(const struct cs_json *list, uint64_t out[CS_TALLY_BUCKETS])
{
    for (size_t i = 0; i < CS_TALLY_BUCKETS; i++)
        out[i] = unsigned_of(cs_json_array_get(list, i));
}

void cs_tally_from_json(const struct cs_json *json, struct cs_call_tally *out)
{
    for (int i = 0; i < CS_TALLY_ENDS_N; i++)
        out->ended[i] = unsigned_of(cs_json_object_get(json, cs_tally_end_name((enum cs_tally_end)i)));
    buckets_from_json(cs_json_object_get(json, "latency"), out->latency);
    buckets_from_json(cs_json_object_get(json, "recent"), out->recent);
    out->seconds = cs_json_number_value(cs_json_object_get(json, "seconds"));
}
