/* A question on its way to the script. EVAL sends the text each time: Redis keeps it compiled, and a flushed one needs no repair. */
#include "store/quota.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/log.h"
#include "store/quota_lua.h"

enum { ARGS = 3 + 2 + 4 + 3 * CS_QUOTA_DIMS, NUMBER_MAX = 48, FIRST_NUMBER = 6 };

struct asking {
    cs_quota_fn fn;
    void *self;
};

static bool read_grant(const struct cs_reply *reply, struct cs_quota_grant *out)
{
    if (reply->kind != CS_REPLY_ARRAY || reply->n_items != 3)
        return false;
    for (size_t i = 0; i < 3; i++) {
        if (reply->items[i].kind != CS_REPLY_INT || reply->items[i].integer < (i == 1 ? -1 : 0))
            return false;
    }
    *out = (struct cs_quota_grant){.calls = (uint32_t)reply->items[0].integer,
                                   .share = reply->items[1].integer < 0 ? -1 : (double)reply->items[1].integer / 1e6,
                                   .quiet_ms = (uint64_t)reply->items[2].integer};
    return reply->items[0].integer <= UINT32_MAX;
}

static void on_reply(void *self, const struct cs_reply *reply)
{
    struct asking *a = self;
    struct cs_quota_grant grant;
    bool good = reply != NULL && read_grant(reply, &grant);
    if (!good && reply != NULL)
        cs_log(CS_WARN, "quota_refused", "why=\"%s\"", reply->kind == CS_REPLY_ERROR ? reply->str : "no grant");
    if (a->fn != NULL)
        a->fn(a->self, good ? &grant : NULL);
    free(a);
}

void cs_quota_ask(struct cs_redis *r, const struct cs_quota_ask *ask, cs_quota_fn fn, void *self)
{
    char *pool = cs_xasprintf("clinsafe:quota:{%s}", ask->pool);
    char *table = cs_xasprintf("clinsafe:quota:{%s}:workers", ask->pool);
    char number[ARGS][NUMBER_MAX];
    const char *argv[ARGS] = {"EVAL", quota_lua, "2", pool, table, ask->worker};
    int n = FIRST_NUMBER;
    snprintf(number[n++], NUMBER_MAX, "%u", ask->want);
    snprintf(number[n++], NUMBER_MAX, "%.6f", ask->share);
    snprintf(number[n++], NUMBER_MAX, "%llu", (unsigned long long)ask->quiet_ms);
    for (int d = 0; d < CS_QUOTA_DIMS; d++) {
        snprintf(number[n++], NUMBER_MAX, "%.3f", ask->limit[d]);
        snprintf(number[n++], NUMBER_MAX, "%.6f", ask->cost[d]);
        snprintf(number[n++], NUMBER_MAX, "%.6f", ask->back[d]);
    }
    CS_ASSERT(n == ARGS);
    for (int i = FIRST_NUMBER; i < ARGS; i++)
        argv[i] = number[i];
    struct asking *a = cs_xcalloc(1, sizeof *a);
    *a = (struct asking){fn, self};
    cs_redis_command(r, ARGS, argv, NULL, on_reply, a);
    free(pool);
    free(table);
}
