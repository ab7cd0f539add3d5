/* outage.h - whether a lane's provider works at all: what keeps a long outage from turning trials into failures, and how many
 * repetitions a lane may make.
 *
 *   in doubt   CS_OUTAGE_DOUBT faults in a row, of whatever trials, and no answer between them: from then on a fault costs no
 *              trial a try, since it tells nothing about the trial
 *   away       CS_OUTAGE_ROW faults in a row, or no repetition left: a lane may repeat CS_OUTAGE_RETRIES calls, and one more for
 *              each answer. The lane then makes one call at a time, with growing pauses between them, until one is answered
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
    CS_OUTAGE_RETRIES = 64,
    CS_OUTAGE_RETRIES_BACK = 8, /* left at the least when the provider answers again */
    CS_OUTAGE_PROBE_MS = 1000,  /* the first pause; the limit doubles */
    CS_OUTAGE_PROBE_MAX_MS = 60 * 1000,
};

struct cs_outage {
    uint32_t row;     /* faults since the last answer */
    uint32_t retries; /* repetitions left */
    bool away;
    uint32_t probes;             /* calls that failed while it was away */
    uint64_t since_ms, probe_ms; /* when it went away; when it is asked again */
};

void cs_outage_init(struct cs_outage *o);
bool cs_outage_in_doubt(const struct cs_outage *o);
/* A call ended in a fault; `sent_ms`: when it began. True: with this one the lane has gone away. */
bool cs_outage_fault(struct cs_outage *o, uint64_t sent_ms, uint64_t now_ms, struct cs_rng *rng);
/* A call was answered. True: the provider is back. */
bool cs_outage_answer(struct cs_outage *o);
/* Whether the lane may make a call, having `in_flight`. */
bool cs_outage_may_call(const struct cs_outage *o, uint32_t in_flight, uint64_t now_ms);

#endif
