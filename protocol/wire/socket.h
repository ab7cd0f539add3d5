/* socket.h - ZeroMQ sockets, each option set for a measured reason. With zap.c the only includer of zmq.h.
 *
 * One context per process (libzmq#4242). All sockets: LINGER 0, HEARTBEAT_IVL 0 (libzmq#3937), MAXMSGSIZE 16 MiB,
 * keepalive. ROUTER: MANDATORY, no HANDOVER, HWMs that byte credit keeps from being reached. DEALER: IMMEDIATE.
 * Sends never block. TCP needs CURVE with ZAP, or loopback; ipc needs neither: cs_socket_bind/connect refuse
 * everything else (decision 19). SUB hears everything.
 *
 * ZMQ_FD is edge-triggered: poll cs_socket_fd for readability, and before every sleep and after every batch call
 * cs_socket_recv until it returns CS_EAGAIN. Thread: the one that made it.
 */
#ifndef CS_SOCKET_H
#define CS_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/base/error.h"
#include "protocol/wire/allowed.h"
#include "protocol/wire/curve.h"
#include "protocol/wire/reach.h"

struct cs_net; /* the context with, on the coordinator, its ZAP handler thread */
struct cs_socket;

enum cs_socket_type { CS_SOCKET_ROUTER, CS_SOCKET_DEALER, CS_SOCKET_PUB, CS_SOCKET_SUB };

enum { CS_PEER_MAX = 64 };
struct cs_peer { /* routing id of a ROUTER's peer */
    uint8_t n, id[CS_PEER_MAX];
};

/* After the process has forked what it wants to fork. */
CS_WARN_UNUSED enum cs_err cs_socket_net_open(struct cs_net **out, struct cs_error *err);
void cs_socket_net_close(struct cs_net *n); /* after all its sockets */

/* CURVE server side: binds inproc://zeromq.zap.01 and admits the listed public keys only. `allowed_file`: allowed.h
 * says how it is written. Reload after the file changed: from then on what a removed key
 * sends on an old connection is skipped too. A faulty file changes nothing. Without this call a CURVE server
 * cannot be bound. Reload: any thread. */
CS_WARN_UNUSED enum cs_err cs_socket_net_allow(struct cs_net *n, const char *allowed_file, struct cs_error *err);
CS_WARN_UNUSED enum cs_err cs_socket_net_reload(struct cs_net *n, struct cs_error *err);
/* What the list says of a key (cs_socket_recv's user_id), copied; false: it is not on it. Any thread. */
bool cs_socket_net_key(struct cs_net *n, const char *user_id, struct cs_allowed_key *out);

struct cs_socket_opts {
    enum cs_socket_type type;
    const struct cs_keypair *own; /* CURVE: own key pair, or NULL */
    const char *server_key;       /* CURVE client: the server's public key, or NULL */
    bool server;                  /* CURVE server */
    size_t message_max; /* bytes of a message received: its connection ends at a longer one; 0: CS_MESSAGE_MAX */
    int queue_max; /* messages of a peer that wait to be received, before its connection is no longer read; 0: many */
};
CS_WARN_UNUSED enum cs_err cs_socket_open(struct cs_net *n, const struct cs_socket_opts *o, struct cs_socket **out,
                                          struct cs_error *err);
void cs_socket_close(struct cs_socket *s);
/* The same, but what was sent has this long to leave; cs_socket_net_close waits for it. */
void cs_socket_close_after(struct cs_socket *s, int linger_ms);
/* endpoint "ipc:///path" (at most 107 bytes of path; a stale file is replaced, a live one is CS_EBUSY) or
 * "tcp://host:port". bind with port "*" picks one. CS_EDENIED: TCP beyond this machine without CURVE, or a CURVE
 * server without cs_socket_net_allow. */
CS_WARN_UNUSED enum cs_err cs_socket_bind(struct cs_socket *s, const char *endpoint, struct cs_error *err);
CS_WARN_UNUSED enum cs_err cs_socket_connect(struct cs_socket *s, const char *endpoint, struct cs_error *err);
/* The endpoint really bound ("tcp://127.0.0.1:40123"). */
const char *cs_socket_endpoint(struct cs_socket *s);
int cs_socket_fd(struct cs_socket *s);

/* ROUTER: to `peer`; else NULL. CS_EAGAIN: high-water mark now. CS_ENOENT: no route to the peer: its connection is gone. CS_OK does not
 * promise delivery. */
CS_WARN_UNUSED enum cs_err cs_socket_send(struct cs_socket *s, const struct cs_peer *peer, const void *bytes, size_t n);
/* Copies nothing: *bytes is valid until the next recv on this socket. CS_EAGAIN: nothing there. user_id: the CURVE
 * public key of the peer ("" without CURVE), 41 bytes; NULL if not wanted. Malformed frame counts are skipped and
 * counted. */
CS_WARN_UNUSED enum cs_err cs_socket_recv(struct cs_socket *s, struct cs_peer *peer, const void **bytes, size_t *n,
                                          char *user_id);
/* Messages that recv skipped: wrong frames, or a key that is no longer allowed. */
uint64_t cs_socket_skipped(const struct cs_socket *s);
/* DEALER: how far it has come to its peer, by all that happened until now. */
const struct cs_reach *cs_socket_reach(struct cs_socket *s);
/* The same as a sentence (reach.h). */
CS_WARN_UNUSED enum cs_err cs_socket_reach_say(struct cs_socket *s, struct cs_error *err);
/* Waits at most timeout_ms for something to read (CLI; no loop). */
bool cs_socket_wait(struct cs_socket *s, int timeout_ms);

#endif
