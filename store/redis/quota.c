/* A question on its way to the script. EVAL sends the text each time: Redis keeps it compiled, and a flushed one needs no repair. */
#include "store/redis/quota.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/log.h"
#include "store/redis/quota_lua.h"

enum {
    OF_POOL = 3 + CS_QUOTA_DIMS + 1 + CS_QUOTA_PER_MINUTE, /* arguments */
    NUMBERS = 5 + 2 * CS_QUOTA_DIMS + CS_QUOTA_POOLS_MAX * OF_POOL,
    ARGS_MAX = 3 + 2 * CS_QUOTA_POOLS_MAX + 1 + NUMBERS,
    TOLD_OF_POOL = 3 + CS_QUOTA_PER_MINUTE, /* items of the answer */
    NUMBER_MAX = 48
};

struct asking {
    cs_quota_fn fn;
    void *self;
    uint32_t n_pools;
};

static bool read_grant(const struct cs_reply *reply, uint32_t n_pools, struct cs_quota_grant *out)
{
    const struct cs_reply *v = reply->items;
    *out = (struct cs_quota_grant){0};
    if (reply->kind != CS_REPLY_ARRAY || reply->n_items != 2 + (size_t)n_pools * TOLD_OF_POOL)
        return false;
    for (size_t i = 0; i < reply->n_items; i++) {
        if (v[i].kind != CS_REPLY_INT || v[i].integer < -1)
            return false;
    }
    if (v[0].integer < 0 || v[0].integer > UINT32_MAX || v[1].integer < 0)
        return false;
    out->calls = (uint32_t)v[0].integer;
    out->quiet_ms = (uint64_t)v[1].integer;
    v += 2;
    for (uint32_t i = 0; i < n_pools; i++, v += TOLD_OF_POOL) {
        struct cs_quota_part *p = &out->pool[i];
        p->share = v[0].integer < 0 ? -1 : (double)v[0].integer / 1e6;
        p->allotted = v[1].integer > 0 && v[1].integer < UINT32_MAX ? (uint32_t)v[1].integer : 0;
        p->told.age_ms = v[2].integer;
        for (int d = 0; d < CS_QUOTA_PER_MINUTE; d++)
            p->told.limit[d] = (double)v[3 + d].integer;
    }
    return true;
}

static void on_reply(void *self, const struct cs_reply *reply)
{
    struct asking *a = self;
    struct cs_quota_grant grant;
    bool good = reply != NULL && read_grant(reply, a->n_pools, &grant);
    if (!good && reply != NULL)
        cs_log(CS_WARN, "quota_refused", "why=\"%s\"", reply->kind == CS_REPLY_ERROR ? reply->str : "no grant");
    if (a->fn != NULL)
        a->fn(a->self, good ? &grant : NULL);
    free(a);
}

/* Arguments, and the numbers among them as text. */
struct args {
    const char *v[ARGS_MAX];
    char number[NUMBERS][NUMBER_MAX];
    int n, n_numbers;
};

static void add(struct args *a, const char *text)
{
    CS_ASSERT(a->n < ARGS_MAX);
    a->v[a->n++] = text;
}

static void add_number(struct args *a, int decimals, double value)
{
    CS_ASSERT(a->n_numbers < NUMBERS);
    char *text = a->number[a->n_numbers++];
    snprintf(text, NUMBER_MAX, "%.*f", decimals, value);
    add(a, text);
}

static void add_pool(struct args *a, const struct cs_quota_pool *p)
{
    add_number(a, 6, p->share);
    add_number(a, 0, p->allotted);
    add_number(a, 0, p->concurrent);
    for (int d = 0; d < CS_QUOTA_DIMS; d++)
        add_number(a, 3, p->limit[d]);
    add_number(a, 0, (double)p->told.age_ms);
    for (int d = 0; d < CS_QUOTA_PER_MINUTE; d++)
        add_number(a, 3, p->told.limit[d]);
}

void cs_quota_ask(struct cs_redis *r, const struct cs_quota_ask *ask, cs_quota_fn fn, void *self)
{
    struct args *args = cs_xcalloc(1, sizeof *args);
    char *key[2 * CS_QUOTA_POOLS_MAX], keys[16];
    CS_ASSERT(ask->n_pools > 0);
    CS_ASSERT(ask->n_pools <= CS_QUOTA_POOLS_MAX);
    snprintf(keys, sizeof keys, "%u", 2 * ask->n_pools);
    add(args, "EVAL");
    add(args, quota_lua);
    add(args, keys);
    for (uint32_t i = 0; i < ask->n_pools; i++) {
        key[2 * i] = cs_xasprintf("clinsafe:quota:{%s}:%s", ask->group, ask->pool[i].name);
        key[2 * i + 1] = cs_xasprintf("clinsafe:quota:{%s}:%s:workers", ask->group, ask->pool[i].name);
        add(args, key[2 * i]);
        add(args, key[2 * i + 1]);
    }
    add(args, ask->claimant);
    add_number(args, 0, ask->want);
    add_number(args, 0, ask->held);
    add_number(args, 0, (double)ask->quiet_ms);
    add_number(args, 0, (double)ask->fresh);
    add_number(args, 0, (double)ask->mend);
    for (int d = 0; d < CS_QUOTA_DIMS; d++) {
        add_number(args, 6, ask->cost[d]);
        add_number(args, 6, ask->back[d]);
    }
    for (uint32_t i = 0; i < ask->n_pools; i++)
        add_pool(args, &ask->pool[i]);
    struct asking *a = cs_xcalloc(1, sizeof *a);
    *a = (struct asking){fn, self, ask->n_pools};
    cs_redis_command(r, args->n, args->v, NULL, on_reply, a);
    for (uint32_t i = 0; i < 2 * ask->n_pools; i++)
        free(key[i]);
    free(args);
}
