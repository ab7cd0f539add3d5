/* drill_count.h - the two records of a drill that are not our ledger: what the workers were told is on disk, and what the provider
 * answered; and their comparison with the store. Digests are the 32 hexadecimal digits of protocol/base/digest.h.
 *
 * Thread: main. Ownership: nothing is kept.
 */
#ifndef CS_DRILL_COUNT_H
#define CS_DRILL_COUNT_H

#include <stdint.h>

#include "protocol/base/error.h"

struct cs_drill_count {
    uint64_t acknowledged; /* outputs, by digest */
    uint64_t lost;         /* acknowledged, but no sound output of that digest is in the store */
    uint64_t answered;     /* good answers that the provider gave */
    uint64_t paid_twice;   /* answered, to a digest that it had answered before */
};

/* ack_log: CLINSAFE_ACK_LOG of the workers; arrivals: the simulator's --log; store: the database folder, which nobody writes any more.
 * Every output in the store is read and its checksum compared, and each lane's ledger with its outputs: CS_ECORRUPT names what is wrong.
 */
CS_WARN_UNUSED enum cs_err cs_drill_count(const char *ack_log, const char *arrivals, const char *store,
                                          struct cs_drill_count *out, struct cs_error *err);

#endif
