/* call.h - inside the server (server.c, call.c) only: one HTTP request, from its headers to its last byte or its
 * breaking off. Include microhttpd.h before it. Thread: the loop's own.
 */
#ifndef CS_SIM_CALL_H
#define CS_SIM_CALL_H

#include <pthread.h>
#include <stdbool.h>

#include "tools/simulator/server.h"
#include "tools/simulator/timers.h"

enum { CS_LOOP_TICK_MS = 4 /* timers are looked at no more often */ };

struct cs_simulator_call;

/* One thread, one daemon. The daemon is run from our own loop, so that all the waits that end together are resumed
 * before it looks at its connections: it walks over every suspended one each time it is told of a resumed one. */
struct cs_loop {
    struct cs_simulator_server *server;
    struct MHD_Daemon *daemon;
    struct cs_timers timers; /* the timers in struct cs_simulator_call */
    int stop_fd;             /* readable: end */
    bool stopping, started;
    pthread_t thread;
};

struct cs_simulator_server {
    struct cs_simulator *simulator;
    struct cs_loop loops[CS_SERVER_THREADS_MAX];
    unsigned n_loops;
    uint16_t port;
};

/* libmicrohttpd's callbacks; arg is the struct cs_loop. */
enum MHD_Result cs_sim_call_on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                       const char *method, const char *version, const char *data, size_t *n,
                                       void **state);
void cs_sim_call_on_completed(void *arg, struct MHD_Connection *connection, void **state,
                              enum MHD_RequestTerminationCode why);
/* A wait has ended, or the loop is stopping. */
void cs_sim_call_wake(struct cs_simulator_call *c);

#endif
