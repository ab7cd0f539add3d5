#include "tools/simulator/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "tools/simulator/call.h"

enum {
    POOL_BYTES = 16 * 1024, /* per connection, headers and one piece of a body */
    POOL_STEP_BYTES = 8 * 1024,
    BACKLOG = 4096,
    SPARE_FILES = 128,
};

/* How many connections the limit of open files leaves room for, raised as far as it may be. */
static unsigned connections_possible(void)
{
    struct rlimit r;
    const rlim_t want = CS_SERVER_CONNECTIONS_MAX + SPARE_FILES;
    if (getrlimit(RLIMIT_NOFILE, &r) != 0)
        return 512;
    if (r.rlim_cur < want) {
        r.rlim_cur = r.rlim_max < want ? r.rlim_max : want;
        (void)setrlimit(RLIMIT_NOFILE, &r);
    }
    return r.rlim_cur < want ? (unsigned)r.rlim_cur - SPARE_FILES : CS_SERVER_CONNECTIONS_MAX;
}

static enum cs_err read_address(const struct cs_simulator_server_opts *opts, struct sockaddr_storage *out,
                                struct cs_error *err)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(opts->port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(opts->port)};
    const char *host = strcmp(opts->host, "localhost") == 0 ? "127.0.0.1" : opts->host;
    *out = (struct sockaddr_storage){0};
    if (inet_pton(AF_INET, host, &v4.sin_addr) == 1)
        memcpy(out, &v4, sizeof v4);
    else if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1)
        memcpy(out, &v6, sizeof v6);
    else
        return cs_error_set(err, CS_EINVAL, "--host %s: want an IPv4 or IPv6 address", opts->host);
    return CS_OK;
}

static enum cs_err listen_on(const struct cs_simulator_server_opts *opts, int *out, uint16_t *port,
                             struct cs_error *err)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    const int on = 1;
    enum cs_err rc = read_address(opts, &address, err);
    if (rc != CS_OK)
        return rc;
    *out = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (*out < 0 || setsockopt(*out, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(*out, (struct sockaddr *)&address, len) != 0 || listen(*out, BACKLOG) != 0 ||
        getsockname(*out, (struct sockaddr *)&address, &len) != 0)
        return cs_error_set(err, CS_EIO, "cannot listen on %s port %u: %s", opts->host, opts->port, strerror(errno));
    *port = ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                                : ((struct sockaddr_in *)&address)->sin_port);
    return CS_OK;
}

/* ---- the loop --------------------------------------------------------------------------------- */

static void fire_timers(struct cs_loop *l)
{
    struct cs_simulator_call *c;
    const uint64_t now = cs_timers_now_ms();
    while ((c = cs_timers_due(&l->timers, l->stopping ? UINT64_MAX : now)) != NULL)
        cs_sim_call_wake(c);
}

static int milliseconds_to_wait(struct cs_loop *l, uint64_t looked_ms)
{
    MHD_UNSIGNED_LONG_LONG daemon_ms;
    const uint64_t now = cs_timers_now_ms(), longest = 60 * 1000;
    uint64_t next = cs_timers_next_ms(&l->timers);
    if (next < looked_ms + CS_LOOP_TICK_MS)
        next = looked_ms + CS_LOOP_TICK_MS;
    uint64_t ms = next <= now ? 0 : next - now < longest ? next - now : longest;
    if (MHD_get_timeout(l->daemon, &daemon_ms) == MHD_YES && daemon_ms < ms)
        ms = daemon_ms;
    return (int)ms;
}

static void *run_loop(void *arg)
{
    struct cs_loop *l = arg;
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    struct pollfd fds[2] = {{.fd = info->listen_fd, .events = POLLIN}, {.fd = l->stop_fd, .events = POLLIN}};
    uint64_t looked_ms = 0;
    while (!l->stopping) {
        (void)poll(fds, 2, milliseconds_to_wait(l, looked_ms));
        if (cs_timers_now_ms() >= looked_ms + CS_LOOP_TICK_MS) {
            fire_timers(l);
            looked_ms = cs_timers_now_ms();
        }
        l->stopping = fds[1].revents != 0;
        if (!l->stopping)
            MHD_run(l->daemon);
    }
    fire_timers(l); /* all: a daemon must not be stopped while a connection is suspended */
    return NULL;
}

static bool start_loop(struct cs_loop *l, struct cs_simulator_server *s, int listener, unsigned connections)
{
    const int own = fcntl(listener, F_DUPFD_CLOEXEC, 0); /* each daemon closes its own */
    l->server = s;
    l->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (own >= 0)
        l->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, cs_sim_call_on_request, l,
                                     MHD_OPTION_LISTEN_SOCKET, own, MHD_OPTION_NOTIFY_COMPLETED,
                                     cs_sim_call_on_completed, l, MHD_OPTION_CONNECTION_LIMIT, connections,
                                     MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL_BYTES,
                                     MHD_OPTION_CONNECTION_MEMORY_INCREMENT, (size_t)POOL_STEP_BYTES, MHD_OPTION_END);
    if (l->daemon == NULL && own >= 0)
        close(own);
    l->started = l->stop_fd >= 0 && l->daemon != NULL && pthread_create(&l->thread, NULL, run_loop, l) == 0;
    return l->started;
}

static void end_loop(struct cs_loop *l)
{
    const uint64_t one = 1;
    if (l->started) {
        CS_ASSERT(write(l->stop_fd, &one, sizeof one) == sizeof one);
        pthread_join(l->thread, NULL);
    }
    if (l->daemon != NULL)
        MHD_stop_daemon(l->daemon);
    if (l->stop_fd >= 0)
        close(l->stop_fd);
    cs_timers_release(&l->timers);
}

enum cs_err cs_simulator_server_open(struct cs_simulator_server **out, struct cs_simulator *simulator,
                                     const struct cs_simulator_server_opts *opts, struct cs_error *err)
{
    const unsigned threads = opts->threads > 0 ? opts->threads : 1;
    struct cs_simulator_server *s = cs_xcalloc(1, sizeof *s);
    int listener = -1;

    CS_ASSERT(out != NULL);
    CS_ASSERT(threads <= CS_SERVER_THREADS_MAX);
    s->simulator = simulator;
    const unsigned connections = connections_possible() / threads;
    enum cs_err rc = listen_on(opts, &listener, &s->port, err);
    while (rc == CS_OK && s->n_loops < threads) {
        if (!start_loop(&s->loops[s->n_loops++], s, listener, connections))
            rc = cs_error_set(err, CS_EIO, "cannot serve: %s", strerror(errno));
    }
    if (listener >= 0)
        close(listener);
    if (rc != CS_OK) {
        cs_simulator_server_close(s);
        s = NULL;
    }
    *out = s;
    return rc;
}

void cs_simulator_server_close(struct cs_simulator_server *s)
{
    if (s == NULL)
        return;
    for (unsigned i = 0; i < s->n_loops; i++)
        end_loop(&s->loops[i]);
    free(s);
}

uint16_t cs_simulator_server_port(const struct cs_simulator_server *s)
{
    return s->port;
}
