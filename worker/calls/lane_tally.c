#include "worker/calls/lane_tally.h"

#include <string.h>

static enum cs_tally_end end_of(const struct cs_retry_rule *rule, enum cs_transfer transfer)
{
    switch (rule->next) {
    case CS_NEXT_ANSWER:
        return rule->outcome == CS_OUTCOME_timeout ? CS_TALLY_timeouts : CS_TALLY_answered;
    case CS_NEXT_WAIT:
        return CS_TALLY_limited;
    case CS_NEXT_STOP:
    case CS_NEXT_DENIED:
    case CS_NEXT_DAY:
        return CS_TALLY_refused;
    case CS_NEXT_FAIL:
    case CS_NEXT_RETRY:
        break;
    }
    if (transfer == CS_TRANSFER_TIMEOUT)
        return CS_TALLY_timeouts;
    return transfer == CS_TRANSFER_UNSENT || transfer == CS_TRANSFER_LOST || transfer == CS_TRANSFER_CUT
               ? CS_TALLY_lost
               : CS_TALLY_errors;
}

static void turn(struct cs_lane_tally *t, uint64_t now_ms)
{
    if (t->minute_ms != 0 && now_ms < t->minute_ms + CS_TALLY_MINUTE_MS)
        return;
    if (now_ms < t->minute_ms + 2 * CS_TALLY_MINUTE_MS)
        memcpy(t->minute[1], t->minute[0], sizeof t->minute[1]);
    else
        memset(t->minute[1], 0, sizeof t->minute[1]);
    memset(t->minute[0], 0, sizeof t->minute[0]);
    t->minute_ms = now_ms;
}

enum cs_tally_end cs_lane_tally_note(struct cs_lane_tally *t, const struct cs_retry_rule *rule,
                                     enum cs_transfer transfer, uint64_t took_ms, uint64_t now_ms)
{
    const enum cs_tally_end end = end_of(rule, transfer);
    const uint32_t bucket = cs_tally_bucket(took_ms);

    turn(t, now_ms);
    t->all.ended[end]++;
    if (end != CS_TALLY_answered)
        return end;
    t->all.latency[bucket]++;
    t->all.seconds += (double)took_ms / 1e3;
    t->minute[0][bucket]++;
    return end;
}

void cs_lane_tally_sum(struct cs_lane_tally *t, uint64_t now_ms, struct cs_call_tally *out)
{
    turn(t, now_ms);
    *out = t->all;
    for (int i = 0; i < CS_TALLY_BUCKETS; i++)
        out->recent[i] = t->minute[0][i] + t->minute[1][i];
}
