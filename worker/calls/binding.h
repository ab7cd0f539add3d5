/* binding.h - what keeps a lane from starting more calls: the reason that held for most of the time, for `status`.
 *
 * Each time that a lane cannot start a call the reason is noted, and holds until another one is. Pure; thread: the core's. Units:
 * milliseconds of the core's clock.
 */
#ifndef CS_BINDING_H
#define CS_BINDING_H

#include <stdint.h>

#include "store/redis/quota.h"

enum cs_bind { /* the first are the dimensions of quota.h */
               CS_BIND_CONCURRENT = CS_QUOTA_DIMS,
               CS_BIND_SLOTS,   /* the worker's own calls in flight */
               CS_BIND_NOTHING, /* no trial to start */
               CS_BIND_QUIET,   /* the provider has asked to wait */
               CS_BIND_AWAY,    /* the provider does not answer */
               CS_BIND_SERVERS, /* none of its servers can be used, or none is listed */
               CS_BIND_CASES,   /* cases are being fetched */
               CS_BIND_WINDOW,  /* too much is not acknowledged yet */
               CS_BIND_MEMORY,  /* replies in flight fill the memory for them */
               CS_BINDS
};
const char *cs_binding_name(enum cs_bind b); /* "requests_per_minute", "slots", ... */

struct cs_binding { /* a zeroed struct that was noted once is valid */
    enum cs_bind now;
    uint64_t since, ms[CS_BINDS];
};
void cs_binding_note(struct cs_binding *b, enum cs_bind why, uint64_t now_ms);
/* What held longest since this was asked last. */
enum cs_bind cs_binding_most(struct cs_binding *b, uint64_t now_ms);

#endif
