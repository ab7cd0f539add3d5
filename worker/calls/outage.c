#include "worker/calls/outage.h"

#include "worker/calls/retry.h"

_Static_assert((int)CS_OUTAGE_DOUBT < (int)CS_RETRY_TRIES_MAX, "an outage alone must not use up a trial's tries");

void cs_outage_init(struct cs_outage *o)
{
    *o = (struct cs_outage){.retries = CS_OUTAGE_RETRIES};
}

bool cs_outage_in_doubt(const struct cs_outage *o)
{
    return o->row >= CS_OUTAGE_DOUBT;
}

bool cs_outage_heard(const struct cs_outage *o, uint64_t sent_ms)
{
    return o->heard_ms >= sent_ms;
}

static bool is_outage(const struct cs_outage *o, uint64_t now_ms)
{
    return o->row >= CS_OUTAGE_ROW ||
           (cs_outage_in_doubt(o) && (o->faults >= CS_OUTAGE_FAULTS || now_ms >= o->row_ms + CS_OUTAGE_LONG_MS));
}

/* Between half and all of a limit: workers do not ask all at once, and none asks in haste. It doubles, unless only the repetitions were
 * used up: then calls go on, one by one. */
static void plan_probe(struct cs_outage *o, uint64_t now_ms, struct cs_rng *rng)
{
    uint32_t n = is_outage(o, now_ms) ? o->probes : 0;
    uint64_t most = n < 10 ? (uint64_t)CS_OUTAGE_PROBE_MS << n : CS_OUTAGE_PROBE_MAX_MS;
    if (most > CS_OUTAGE_PROBE_MAX_MS)
        most = CS_OUTAGE_PROBE_MAX_MS;
    o->probe_ms = now_ms + most / 2 + cs_rng_below(rng, most / 2 + 1);
}

bool cs_outage_fault(struct cs_outage *o, bool tells, uint64_t sent_ms, uint64_t now_ms, struct cs_rng *rng)
{
    bool left = o->retries > 0;
    if (o->row == 0)
        o->row_ms = now_ms;
    o->row += tells && o->row < UINT32_MAX;
    o->faults += o->faults < UINT32_MAX;
    o->retries -= left;
    if (o->away) {
        if (sent_ms > o->since_ms) { /* else it was on its way before: it is not a probe */
            o->probes++;
            plan_probe(o, now_ms, rng);
        }
        return false;
    }
    if (left && !is_outage(o, now_ms))
        return false;
    o->away = true;
    o->probes = 0;
    o->since_ms = now_ms;
    plan_probe(o, now_ms, rng);
    return true;
}

bool cs_outage_answer(struct cs_outage *o, uint64_t sent_ms)
{
    bool was_away = o->away;
    o->heard_ms = sent_ms > o->heard_ms ? sent_ms : o->heard_ms;
    o->row = o->faults = 0;
    o->retries += o->retries < CS_OUTAGE_RETRIES_MAX;
    if (was_away && o->retries < CS_OUTAGE_RETRIES_BACK)
        o->retries = CS_OUTAGE_RETRIES_BACK;
    o->away = false;
    return was_away;
}

void cs_outage_ask_now(struct cs_outage *o, uint64_t now_ms)
{
    o->probes = 0;
    o->probe_ms = now_ms;
}

bool cs_outage_may_call(const struct cs_outage *o, uint32_t in_flight, uint64_t now_ms)
{
    return !o->away || (in_flight == 0 && now_ms >= o->probe_ms);
}
