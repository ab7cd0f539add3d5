/* reach.h - why a peer is not reached: nobody listens there, it wants keys, it has another key, or it does not admit ours. libzmq tries again
 * for ever and says nothing; what its monitor tells is gathered here. Pure; thread: any.
 */
#ifndef CS_REACH_H
#define CS_REACH_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/base/error.h"

enum cs_reach_event {
    CS_REACH_FAILED,    /* no connection: refused, or a name that means nothing */
    CS_REACH_CONNECTED, /* somebody listens */
    CS_REACH_BROKEN,    /* the other side ended it before the handshake was over */
    CS_REACH_DENIED,    /* our key is not on its list */
    CS_REACH_READY,     /* the handshake is over */
};
struct cs_reach {
    bool connected, ready, denied; /* ever; now; ever since it was ready last */
    uint32_t failed, broken;
};

enum { CS_REACH_SAY_MS = 1500 }; /* a peer that is not ready by then is not reached */

void cs_reach_note(struct cs_reach *r, enum cs_reach_event e);
/* CS_OK: ready. CS_EDENIED: keys; CS_ETIMEDOUT: nobody. The sentence says which, and what would be right. */
CS_WARN_UNUSED enum cs_err cs_reach_say(const struct cs_reach *r, const char *endpoint, bool with_keys,
                                        struct cs_error *err);

#endif
