/* server.h - the simulator's sockets: HTTP/1.1 on libmicrohttpd and epoll (its door: server.c, call.c).
 *
 * A few threads, each with a loop, a daemon and a heap of timers of its own. A reply that has to wait leaves its
 * connection suspended, so thousands wait without a thread each. Faults that a status cannot tell are made here:
 * reset, hang, truncation, drip. Thread: open and close from one.
 */
#ifndef CS_SIM_SERVER_H
#define CS_SIM_SERVER_H

#include <stdint.h>

#include "protocol/base/error.h"
#include "tools/simulator/simulator.h"

enum { CS_SERVER_CONNECTIONS_MAX = 20000, CS_SERVER_THREADS_MAX = 16 };

struct cs_simulator_server_opts {
    const char *host; /* IPv4 or IPv6 address, or "localhost" */
    uint16_t port;    /* 0: any free one */
    unsigned threads; /* at most CS_SERVER_THREADS_MAX; 0 is 1 */
};

struct cs_simulator_server;
/* Serves until closed. Raises the limit of open files as far as it may. CS_EINVAL: host; CS_EIO: cannot listen. */
CS_WARN_UNUSED enum cs_err cs_simulator_server_open(struct cs_simulator_server **out, struct cs_simulator *simulator,
                                                    const struct cs_simulator_server_opts *opts, struct cs_error *err);
void cs_simulator_server_close(struct cs_simulator_server *s); /* NULL is fine; breaks off what is in flight */
uint16_t cs_simulator_server_port(const struct cs_simulator_server *s);

#endif
