/* outage.h - whether a lane's provider works at all: what keeps a long outage from turning trials into failures, and how many
 * repetitions a lane may make.
 *
 *   heard      of a moment: a call that was sent then or later was answered, so the provider worked. An answer to an older call, which
 *              comes in when the outage has begun, shows nothing
 *   a row      calls without an answer between them that found no connection, or failed for trials that nothing shows to be at
 *              fault: however few the lane holds, they tell. What failed while the provider was heard says little: a trial that always
 *              fails is repeated too, and in the end nothing else is left
 *   in doubt   a row of CS_OUTAGE_DOUBT: from then on a fault costs no trial a try, since it tells nothing about the trial. Nor does
 *              it cost the last try while a row has begun and the provider was not heard since the trial failed before
 *   away       a row of CS_OUTAGE_ROW, or in doubt and CS_OUTAGE_FAULTS faults of whichever trials without an answer between them (a
 *              lane with few slots has no more fresh trials), or in doubt CS_OUTAGE_LONG_MS after the first fault of the row (one that
 *              makes a call now and then would find out in minutes), or no repetition left: each answer pays for one, and at most
 *              CS_OUTAGE_RETRIES_MAX are saved. The lane then makes one call at a time until one is answered, with pauses that grow
 *
 * So a provider that fails more than half of its calls is away too, and asked again and again with care. An answer is anything but a
 * fault: a refused request shows that the provider works. Pure. Thread: the core's. Units: milliseconds of the core's clock.
 */
#ifndef CS_OUTAGE_H
#define CS_OUTAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/base/rng.h"

enum {
    CS_OUTAGE_DOUBT = 5, /* below CS_RETRY_TRIES_MAX, so that no trial fails of an outage alone */
    CS_OUTAGE_ROW = 16,  /* where a third of the calls fail by chance, once in 40 million of them */
    CS_OUTAGE_FAULTS = 32,
    CS_OUTAGE_LONG_MS = 10 * 1000,
    CS_OUTAGE_RETRIES = 256, /* at first */
    CS_OUTAGE_RETRIES_MAX = 1024,
    CS_OUTAGE_RETRIES_BACK = 8, /* left at the least when the provider answers again */
    CS_OUTAGE_PROBE_MS = 1000,  /* the first pause; the limit doubles */
    CS_OUTAGE_PROBE_MAX_MS = 60 * 1000,
};

struct cs_outage {
    uint32_t row;
    uint64_t row_ms;  /* when its first fault ended */
    uint32_t faults;  /* since the last answer, of a row or not */
    uint32_t retries; /* repetitions left */
    bool away;
    uint32_t probes;             /* calls that failed while it was away */
    uint64_t heard_ms;           /* when the latest of the calls was sent that were answered */
    uint64_t since_ms, probe_ms; /* when it went away; when it is asked again */
};

void cs_outage_init(struct cs_outage *o);
bool cs_outage_in_doubt(const struct cs_outage *o);
/* Whether the provider was heard of at this moment. */
bool cs_outage_heard(const struct cs_outage *o, uint64_t sent_ms);
/* A call ended in a fault. tells: it belongs to a row. sent_ms: when it began. True: with this one the lane has gone away. */
bool cs_outage_fault(struct cs_outage *o, bool tells, uint64_t sent_ms, uint64_t now_ms, struct cs_rng *rng);
/* A call was answered. True: the provider is back. */
bool cs_outage_answer(struct cs_outage *o, uint64_t sent_ms);
/* Whoever is to be called has changed: no pause holds. */
void cs_outage_ask_now(struct cs_outage *o, uint64_t now_ms);
/* Whether the lane may make a call, having `in_flight`. */
bool cs_outage_may_call(const struct cs_outage *o, uint32_t in_flight, uint64_t now_ms);

#endif
