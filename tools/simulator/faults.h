/* faults.h - what can go wrong on demand, and how often.
 *
 * Drawn per attempt: U(seed, "fault", digest, attempt) runs through the kinds in the order of the table, each taking
 * its share. What befalls a request whenever it comes is drawn before that, with U(seed, "always", digest). Pure; any thread.
 */
#ifndef CS_SIM_FAULTS_H
#define CS_SIM_FAULTS_H

#include <stdint.h>

#include "protocol/base/buf.h"
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
    X(CS_FAULT_DRIP, "drip", 200)           /* a good answer, byte by byte over seconds */                             \
    X(CS_FAULT_INVALID, "invalid", 400)                                                                                \
    X(CS_FAULT_FILTERED, "filtered", 400) /* Azure's content filter; elsewhere a bad request */                        \
    X(CS_FAULT_UNAUTHORIZED, "unauthorized", 401)                                                                      \
    X(CS_FAULT_NO_MONEY, "no_money", 402)                                                                              \
    X(CS_FAULT_FORBIDDEN, "forbidden", 403)                                                                            \
    X(CS_FAULT_NO_MODEL, "no_model", 404)                                                                              \
    X(CS_FAULT_THEIR_TIMEOUT, "their_timeout", 408)                                                                    \
    X(CS_FAULT_CONFLICT, "conflict", 409)                                                                              \
    X(CS_FAULT_TOO_LARGE, "too_large", 413)                                                                            \
    X(CS_FAULT_UNPROCESSABLE, "unprocessable", 422)                                                                    \
    X(CS_FAULT_MODEL_FAILED, "model_failed", 424)                                                                      \
    X(CS_FAULT_NO_CAPACITY, "no_capacity", 498)                                                                        \
    X(CS_FAULT_CLIENT_LEFT, "client_left", 499)                                                                        \
    X(CS_FAULT_BAD_GATEWAY, "bad_gateway", 502)         /* a proxy's HTML */                                           \
    X(CS_FAULT_GATEWAY_TIMEOUT, "gateway_timeout", 504) /* likewise */                                                 \
    X(CS_FAULT_CLOUDFLARE, "cloudflare", 524)           /* likewise */                                                 \
    X(CS_FAULT_ERROR_IN_200, "error_in_200", 200)       /* an error in the place of the answer */                      \
    X(CS_FAULT_NO_END, "no_end", 200)                   /* JSON, but without the vendor's end marker */

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
/* attempt NULL: what befalls all attempts. */
enum cs_fault cs_faults_draw(const struct cs_faults *f, uint64_t seed, const char *digest, const char *attempt);
/* "rate_limited quota ..." */
void cs_faults_list(struct cs_buf *out);

#endif
