/* net.h - the worker's ZeroMQ sockets on a libuv loop: DEALER to the coordinator, SUB to its announcements.
 *
 * ZMQ_FD is edge-triggered and says nothing about what is already there, so both sockets are read until they are
 * dry in the loop's prepare phase, before every sleep; the descriptors only wake the loop up. Thread: the loop's.
 * `message` gets unpacked messages, valid during the call, in which the socket may be replaced.
 */
#ifndef CS_WORKER_NET_H
#define CS_WORKER_NET_H

#include "protocol/wire/whereabouts.h"
#include "protocol/wire/messages.h"
#include "protocol/wire/socket.h"

struct uv_loop_s;

struct cs_worker_net_opts {
    struct uv_loop_s *loop;
    const struct cs_whereabouts
        *at;                      /* where the coordinator is: copied; no endpoint yet is fine, no announcements too */
    const struct cs_keypair *own; /* CURVE, or NULL */
    void (*message)(void *self, const struct cs_message *m);
    void (*before_sleep)(void *self); /* once per turn of the loop, after the messages */
    void *self;
};

struct cs_worker_net;
CS_WARN_UNUSED enum cs_err cs_worker_net_open(struct cs_worker_net **out, const struct cs_worker_net_opts *o,
                                              struct cs_error *err);
void cs_worker_net_close(struct cs_worker_net *n); /* handles are closed on the loop's next turns; NULL is fine */
/* A new DEALER; the old one, if any, is closed with all that waits in it. */
CS_WARN_UNUSED enum cs_err cs_worker_net_connect(struct cs_worker_net *n, struct cs_error *err);
/* The coordinator is elsewhere: announcements come from there at once, messages with the next connect. */
CS_WARN_UNUSED enum cs_err cs_worker_net_move(struct cs_worker_net *n, const struct cs_whereabouts *at,
                                              struct cs_error *err);
/* CS_EAGAIN: there is no connection now. */
CS_WARN_UNUSED enum cs_err cs_worker_net_send(struct cs_worker_net *n, const struct cs_message *m);

#endif
