#include "worker/calls/binding.h"

#include <string.h>

#include "protocol/base/assert.h"

const char *cs_binding_name(enum cs_bind b)
{
    static const char *const names[CS_BINDS] = {
        [CS_QUOTA_REQUESTS] = "requests_per_minute",
        [CS_QUOTA_TOKENS] = "tokens_per_minute",
        [CS_QUOTA_INPUT] = "input_tokens_per_minute",
        [CS_QUOTA_OUTPUT] = "output_tokens_per_minute",
        [CS_QUOTA_REQUESTS_DAY] = "requests_per_day",
        [CS_QUOTA_TOKENS_DAY] = "tokens_per_day",
        [CS_BIND_CONCURRENT] = "concurrent",
        [CS_BIND_SLOTS] = "slots",
        [CS_BIND_NOTHING] = "no_trials",
        [CS_BIND_QUIET] = "told_to_wait",
        [CS_BIND_AWAY] = "provider_away",
        [CS_BIND_SERVERS] = "no_server",
        [CS_BIND_CASES] = "cases",
        [CS_BIND_WINDOW] = "unacknowledged",
        [CS_BIND_MEMORY] = "reply_memory",
    };
    CS_ASSERT(b < CS_BINDS);
    return names[b];
}

void cs_binding_note(struct cs_binding *b, enum cs_bind why, uint64_t now_ms)
{
    CS_ASSERT(why < CS_BINDS);
    if (b->since != 0 && now_ms > b->since)
        b->ms[b->now] += now_ms - b->since;
    b->now = why;
    b->since = now_ms;
}

enum cs_bind cs_binding_most(struct cs_binding *b, uint64_t now_ms)
{
    enum cs_bind most;
    if (b->since == 0)
        return CS_BIND_NOTHING;
    cs_binding_note(b, b->now, now_ms);
    most = b->now;
    for (int i = 0; i < CS_BINDS; i++) {
        if (b->ms[i] > b->ms[most])
            most = (enum cs_bind)i;
    }
    memset(b->ms, 0, sizeof b->ms);
    return most;
}
