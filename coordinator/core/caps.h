/* caps.h - what one session may take of the coordinator: messages that it does not read, leases that it does not work on,
 * or more of them than it has shown that it can work on (grant.c).
 *
 * Per session, that is key, worker name and nonce (decision 19). Bytes on their way in are bounded by the sockets (net.c).
 * Part of the core: pure, called from within a step. Thread: the I/O loop.
 */
#ifndef CS_CAPS_H
#define CS_CAPS_H

#include "coordinator/lanes/state.h"

enum {
    CS_CAPS_UNREAD = 900,    /* messages sent to a session whose end it has not seen: then libzmq would drop them */
    CS_CAPS_DEAF_MS = 60000, /* holds leases and has seen nothing for so long of what it is told: let go */
    CS_CAPS_IDLE_MS =
        12000,         /* leases on which nothing is begun, while others get answers in the same lane, are asked back */
    CS_CAPS_PINGS = 5, /* ... and who keeps them for so many PINGs more loses its session, */
    CS_CAPS_TIMES = 3, /* the third time for good */
    CS_CAPS_UNPROVED = 256,  /* trials, or a part of the lane: what a session without answers may hold beside others */
    CS_CAPS_AHEAD_MS = 6000, /* how much later than its last work the answer of another counts as that */
    CS_CAPS_PING_SPARE = 64 * 1024,
    CS_CAPS_PING_LEASE = 100, /* bytes of a lease in a PING */
};

/* It works: an output of it came, or calls of it are in flight. */
void cs_caps_worked(struct cs_core *core, struct cs_session *s, struct cs_lane *lane);
void cs_caps_tick(struct cs_core *core);
/* At a PING: false, and the session has ended: it does not read what it is sent. */
bool cs_caps_reads(struct cs_core *core, struct cs_session *s);

#endif
