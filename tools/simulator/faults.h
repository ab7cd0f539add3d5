/* faults.h - what can go wrong on demand, and how often.
 *
 * Drawn per attempt: U(seed, "fault", digest, attempt) runs through the kinds in the order of the table, each taking
 * its share. Pure; any thread.
 */
#ifndef CS_SIM_FAULTS_H
#define CS_SIM_FAULTS_H

#include <stdint.h>

#include "protocol/base/error.h"

/*     id            name            status (0: no answer at all) */
#define CS_FAULT_TABLE(X)                                                                                              \
    X(CS_FAULT_RATE_LIMITED, "rate_limited", 429) /* although no limit was passed */                                   \
    X(CS_FAULT_QUOTA, "quota", 429)               /* insufficient_quota: the money is used up */                       \
    X(CS_FAULT_SERVER_ERROR, "server_error", 500)                                                                      \
    X(CS_FAULT_UNAVAILABLE, "unavailable", 503)                                                                        \
    X(CS_FAULT_OVERLOADED, "overloaded", 529)                                                                          \
    X(CS_FAULT_RESET, "reset", 0)           /* RST after the whole request was read */                                 \
    X(CS_FAULT_HANG, "hang", 0)             /* silence until the client leaves */                                      \
    X(CS_FAULT_TRUNCATED, "truncated", 200) /* the right Content-Length, closed half way */                            \
    X(CS_FAULT_MALFORMED, "malformed", 200) /* complete, but not JSON */                                               \
    X(CS_FAULT_DRIP, "drip", 200)           /* a good answer, byte by byte over seconds */

enum cs_fault {
#define X(id, name, status) id,
    CS_FAULT_TABLE(X)
#undef X
        CS_FAULT_COUNT,
    CS_FAULT_NONE = CS_FAULT_COUNT,
};

struct cs_faults {
    double share[CS_FAULT_COUNT];
};

const char *cs_fault_name(enum cs_fault f);
unsigned cs_fault_status(enum cs_fault f);
/* Sets one share. CS_EINVAL: no such kind, not in 0..1. The sum is checked by cs_faults_check. */
CS_WARN_UNUSED enum cs_err cs_faults_set(struct cs_faults *f, const char *name, double share, struct cs_error *err);
CS_WARN_UNUSED enum cs_err cs_faults_check(const struct cs_faults *f, struct cs_error *err);
/* "rate_limited=0.05,reset=0.01"; what is not named is 0. */
CS_WARN_UNUSED enum cs_err cs_faults_parse(struct cs_faults *f, const char *spec, struct cs_error *err);
enum cs_fault cs_faults_draw(const struct cs_faults *f, uint64_t seed, const char *digest, const char *attempt);

#endif
