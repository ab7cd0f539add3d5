#include "store/redis/quota_days.h"

#include <stdio.h>
#include <stdlib.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/log.h"

enum { ARGS = 4 + 1 + 2 * CS_DAY_DIMS, NUMBER_MAX = 24, TOLD = 2 + 3 * CS_DAY_DIMS };

/* KEYS: bucket. ARGV: day, granted and ceiling of each dimension. Bucket fields (quota_lua.h): seeded, 5 6 levels, c5 c6 ceilings,
 * n5 n6 needs. Returns day, seeded, then level, ceiling, need of each dimension. */
static const char day_lua[] =
    "local t = redis.call('TIME')\n"
    "local today = math.floor(tonumber(t[1]) / 86400)\n"
    "local day = tonumber(ARGV[1])\n"
    "local b = redis.call('HMGET', KEYS[1], 'seeded', '5', '6', 'c5', 'c6', 'n5', 'n6')\n"
    "local seeded = tonumber(b[1]) == today\n"
    "local level, ceiling = {}, {}\n"
    "for i = 1, 2 do\n"
    "  level[i] = seeded and tonumber(b[1 + i]) or 0\n"
    "  ceiling[i] = seeded and tonumber(b[3 + i]) or 0\n"
    "end\n"
    "if day == today then\n"
    "  for i = 1, 2 do\n"
    "    if not seeded then level[i] = tonumber(ARGV[2 * i]) end\n"
    "    ceiling[i] = math.max(ceiling[i], tonumber(ARGV[2 * i + 1]))\n"
    "    redis.call('HSET', KEYS[1], 4 + i, string.format('%.3f', level[i]), 'c' .. (4 + i), string.format('%.0f', ceiling[i]))\n"
    "  end\n"
    "  redis.call('HSET', KEYS[1], 'seeded', today)\n"
    "  redis.call('PEXPIRE', KEYS[1], 172800000)\n"
    "  seeded = true\n"
    "end\n"
    "local out = {today, seeded and 1 or 0}\n"
    "for i = 1, 2 do\n"
    "  out[#out + 1] = math.max(0, math.ceil(level[i]))\n"
    "  out[#out + 1] = ceiling[i]\n"
    "  out[#out + 1] = math.ceil(tonumber(b[5 + i]) or 0)\n"
    "end\n"
    "return out\n";

struct asking {
    cs_day_fn fn;
    void *self;
};

static bool read_told(const struct cs_reply *reply, struct cs_day_told *out)
{
    if (reply->kind != CS_REPLY_ARRAY || reply->n_items != TOLD)
        return false;
    for (size_t i = 0; i < TOLD; i++) {
        if (reply->items[i].kind != CS_REPLY_INT || reply->items[i].integer < 0)
            return false;
    }
    *out = (struct cs_day_told){.day = reply->items[0].integer, .seeded = reply->items[1].integer == 1};
    for (int d = 0; d < CS_DAY_DIMS; d++) {
        out->level[d] = (uint64_t)reply->items[2 + 3 * d].integer;
        out->ceiling[d] = (uint64_t)reply->items[3 + 3 * d].integer;
        out->need[d] = (uint64_t)reply->items[4 + 3 * d].integer;
    }
    return true;
}

static void on_reply(void *self, const struct cs_reply *reply)
{
    struct asking *a = self;
    struct cs_day_told told;
    const bool good = reply != NULL && read_told(reply, &told);
    if (!good && reply != NULL)
        cs_log(CS_WARN, "day_refused", "why=\"%s\"", reply->kind == CS_REPLY_ERROR ? reply->str : "no counters");
    a->fn(a->self, good ? &told : NULL);
    free(a);
}

void cs_quota_days_tell(struct cs_redis *r, const struct cs_day_ask *ask, cs_day_fn fn, void *self)
{
    char *key = cs_xasprintf("clinsafe:quota:{%s}:%s", ask->group, ask->pool);
    char number[1 + 2 * CS_DAY_DIMS][NUMBER_MAX];
    const char *argv[ARGS] = {"EVAL", day_lua, "1", key};
    int n = 0;
    snprintf(number[n++], NUMBER_MAX, "%lld", (long long)ask->day);
    for (int d = 0; d < CS_DAY_DIMS; d++) {
        snprintf(number[n++], NUMBER_MAX, "%llu", (unsigned long long)ask->granted[d]);
        snprintf(number[n++], NUMBER_MAX, "%llu", (unsigned long long)ask->ceiling[d]);
    }
    for (int i = 0; i < n; i++)
        argv[4 + i] = number[i];
    struct asking *a = cs_xcalloc(1, sizeof *a);
    *a = (struct asking){fn, self};
    CS_ASSERT(4 + n == ARGS);
    cs_redis_command(r, ARGS, argv, NULL, on_reply, a);
    free(key);
}

/* ---- which pools ------------------------------------------------------------------------------------- */

void cs_quota_days_publish(struct cs_redis *r, const char *fleet, const char *group, const char *pool,
                           const uint64_t limit[CS_DAY_DIMS])
{
    char *key = cs_xasprintf("clinsafe:%s:day_pools", fleet), *name = cs_xasprintf("%s %s", group, pool), limits[64];
    snprintf(limits, sizeof limits, "%llu %llu", (unsigned long long)limit[0], (unsigned long long)limit[1]);
    const char *set[] = {"HSET", key, name, limits}, *expire[] = {"EXPIRE", key, "172800"};
    cs_redis_command(r, 4, set, NULL, NULL, NULL);
    cs_redis_command(r, 3, expire, NULL, NULL, NULL);
    free(key);
    free(name);
}

struct reading {
    cs_day_pool_fn fn;
    void *self;
};

static void read_pool(const struct reading *a, const char *name, const char *limits)
{
    char group[33], pool[33];
    unsigned long long limit[CS_DAY_DIMS];
    if (sscanf(name, "%32[0-9a-f] %32[0-9a-f]", group, pool) != 2 ||
        sscanf(limits, "%llu %llu", &limit[0], &limit[1]) != 2)
        return;
    a->fn(a->self, group, pool, (const uint64_t[CS_DAY_DIMS]){limit[0], limit[1]});
}

static void on_pools(void *self, const struct cs_reply *reply)
{
    struct reading *a = self;
    const size_t n = reply != NULL && reply->kind == CS_REPLY_ARRAY ? reply->n_items : 0;
    for (size_t i = 0; i + 1 < n; i += 2) {
        if (reply->items[i].kind == CS_REPLY_STR && reply->items[i + 1].kind == CS_REPLY_STR)
            read_pool(a, reply->items[i].str, reply->items[i + 1].str);
    }
    a->fn(a->self, NULL, NULL, NULL);
    free(a);
}

void cs_quota_days_read(struct cs_redis *r, const char *fleet, cs_day_pool_fn fn, void *self)
{
    char *key = cs_xasprintf("clinsafe:%s:day_pools", fleet);
    const char *argv[] = {"HGETALL", key};
    struct reading *a = cs_xcalloc(1, sizeof *a);
    *a = (struct reading){fn, self};
    cs_redis_command(r, 2, argv, NULL, on_pools, a);
    free(key);
}
