/* reach.h - why a peer is not reached: nobody listens there, it does not answer, it wants keys, it has another key, or it does not admit ours.
 * libzmq tries again for ever and says nothing; what its monitor tells is gathered here. Pure; thread: any.
 *
 * What libzmq 4.3.4 tells of a handshake, by experiment: a server key that is not the listener's, keys where it has none, none where it wants
 * them, and a listener that is no coordinator and hangs up look alike, the other side ends the connection within milliseconds; one that is
 * stopped or hangs is connected, and never answers.
 */
#ifndef CS_REACH_H
#define CS_REACH_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/base/error.h"

enum cs_reach_event {
    CS_REACH_FAILED,     /* no connection: refused, or a name that means nothing */
    CS_REACH_CONNECTED,  /* somebody listens */
    CS_REACH_UNANSWERED, /* no handshake came in time */
    CS_REACH_ENDED,      /* the other side ended it before the handshake was over */
    CS_REACH_DENIED,     /* our key is not on its list */
    CS_REACH_READY,      /* the handshake is over */
    CS_REACH_LOST,       /* the connection is gone: after READY, or after one of the others has said why */
};
enum cs_reach_state {
    CS_REACH_IS_UNKNOWN, /* nothing has happened yet, or a connection that stood was lost */
    CS_REACH_IS_NOBODY,
    CS_REACH_IS_MUTE, /* connected; no handshake */
    CS_REACH_IS_REFUSED,
    CS_REACH_IS_DENIED,
    CS_REACH_IS_READY,
};
struct cs_reach { /* a zeroed struct is the beginning */
    enum cs_reach_state state;
};

enum { CS_REACH_SAY_MS = 1500 }; /* a peer that is not ready by then is not reached */

void cs_reach_note(struct cs_reach *r, enum cs_reach_event e);
/* CS_OK: ready. CS_EDENIED: keys; CS_ETIMEDOUT: nobody, or nobody who answers. The sentence says which, and what would be right. */
CS_WARN_UNUSED enum cs_err cs_reach_say(const struct cs_reach *r, const char *endpoint, bool with_keys,
                                        struct cs_error *err);

#endif
