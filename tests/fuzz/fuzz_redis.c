/* What Redis answers: the figures of a fleet as JSON, and grants of the quota script. Redis is shared, so these are foreign bytes: a
 * grant is whole or none, and a status that is accepted can be written and read again. */
#include <string.h>

#include "store/redis/progress.h"
#include "store/redis/quota.c" /* to reach the reader of grants */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_progress(const uint8_t *data, size_t n)
{
    struct cs_arena arena = {0};
    struct cs_progress p, again;
    struct cs_error err = {0};
    if (cs_progress_parse((const char *)data, n, &arena, &p, &err) == CS_OK) {
        struct cs_buf once = CS_BUF_INIT(64 * 1024 * 1024), twice = CS_BUF_INIT(64 * 1024 * 1024);
        cs_progress_json(&p, &once);
        CS_ASSERT(cs_progress_parse(cs_buf_cstr(&once), once.len, &arena, &again, &err) == CS_OK);
        cs_progress_json(&again, &twice);
        CS_ASSERT(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
        cs_buf_release(&once);
        cs_buf_release(&twice);
    } else {
        CS_ASSERT(err.msg[0] != '\0');
    }
    cs_arena_release(&arena);
}

/* Each item: a byte for its kind, eight for its number. The first byte: how many pools were asked for. */
static void check_grant(const uint8_t *data, size_t n)
{
    enum { ITEMS_MAX = 64 };
    struct cs_reply items[ITEMS_MAX] = {0}, reply = {.kind = CS_REPLY_ARRAY, .items = items};
    struct cs_quota_grant g;
    if (n < 1)
        return;
    uint32_t pools = data[0] % (CS_QUOTA_POOLS_MAX + 1);
    for (size_t at = 1; at + 9 <= n && reply.n_items < ITEMS_MAX; at += 9, reply.n_items++) {
        items[reply.n_items].kind = data[at] % 16 == 0 ? CS_REPLY_NIL : CS_REPLY_INT;
        memcpy(&items[reply.n_items].integer, data + at + 1, 8);
    }
    if (!read_grant(&reply, pools, &g))
        return;
    for (uint32_t i = 0; i < pools; i++) {
        CS_ASSERT(g.pool[i].share == -1 || g.pool[i].share >= 0);
        for (int d = 0; d < CS_QUOTA_PER_MINUTE; d++)
            CS_ASSERT(g.pool[i].told.limit[d] >= -1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    check_progress(data, n);
    check_grant(data, n);
    return 0;
}
