/* odd_server.h - a provider on loopback that treats each connection as the request's path, or its own mood, says: included by tests only.
 *
 * One thread, poll(2). Counts whole requests; `healthy` are those that it answered as a provider should.
 */
#ifndef CS_ODD_SERVER_H
#define CS_ODD_SERVER_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "protocol/base/alloc.h"

enum { ODD_CONNS = 2300, ODD_REQUEST = 4096, ODD_PIECE = 64 * 1024, ODD_TRICKLE_MS = 20 };

enum odd_end { ODD_OPEN, ODD_CLOSE, ODD_RESET, ODD_HALF };

struct odd_conn {
    int fd;
    size_t n, owed; /* bytes of the request read; of a long reply still to be sent */
    bool trickle;
    char request[ODD_REQUEST];
};

struct odd_server {
    int listener, stop[2];
    uint16_t port;
    pthread_t thread;
    struct odd_conn *conns;
    atomic_uint requests, healthy;
    atomic_int at_accept; /* enum odd_end: what becomes of a connection before it has said anything */
    unsigned mood;
};

static inline void odd_end(struct odd_conn *c, enum odd_end how)
{
    struct linger hard = {.l_onoff = 1};
    if (how == ODD_OPEN)
        return;
    if (how == ODD_HALF) {
        shutdown(c->fd, SHUT_WR);
        return;
    }
    if (how == ODD_RESET)
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(c->fd);
    c->fd = -1;
}

static inline void odd_say(struct odd_conn *c, const char *text, size_t n)
{
    (void)!send(c->fd, text, n, MSG_NOSIGNAL); /* short: fits the socket's buffer */
}

static inline void odd_serve(struct odd_server *s, struct odd_conn *c)
{
    static const char good[] = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood";
    char path[64] = "";
    size_t cut = 0, size = 0;
    unsigned how = 0;
    sscanf(c->request, "POST %63s", path);
    atomic_fetch_add(&s->requests, 1);
    c->n = 0;
    if (sscanf(path, "/end-%zu-%u", &cut, &how) == 2) { /* after so many bytes of the reply */
        odd_say(c, good, cut < sizeof good - 1 ? cut : sizeof good - 1);
        odd_end(c, (enum odd_end)how);
    } else if (strcmp(path, "/moody") == 0) { /* any of these, and mostly good */
        s->mood = s->mood * 1103515245u + 12345u;
        how = s->mood >> 16;
        odd_say(c, good, how % 4 == 0 ? how / 4 % sizeof good : sizeof good - 1);
        if (how % 4 < 2)
            odd_end(c, (enum odd_end)(1 + how / 256 % 3));
    } else if (sscanf(path, "/long-%zu", &size) == 1) {
        char head[128];
        int n = snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", size);
        odd_say(c, head, (size_t)n);
        c->owed = size;
    } else if (strcmp(path, "/trickle") == 0) {
        odd_say(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 47);
        c->trickle = true;
    } else if (strcmp(path, "/ok") == 0) {
        atomic_fetch_add(&s->healthy, 1);
        odd_say(c, good, sizeof good - 1);
    } /* everything else: silence */
}

static inline void odd_read(struct odd_server *s, struct odd_conn *c)
{
    ssize_t k = recv(c->fd, c->request + c->n, ODD_REQUEST - 1 - c->n, 0);
    if (k <= 0) {
        odd_end(c, ODD_CLOSE);
        return;
    }
    c->n += (size_t)k;
    c->request[c->n] = '\0';
    const char *end = strstr(c->request, "\r\n\r\n");
    if (end != NULL && c->n - (size_t)(end - c->request) >= 8) /* our bodies are 4 bytes long */
        odd_serve(s, c);
}

static inline void odd_write(struct odd_conn *c)
{
    static char blanks[ODD_PIECE];
    ssize_t k;
    if (blanks[0] == '\0')
        memset(blanks, ' ', sizeof blanks);
    k = send(c->fd, blanks, c->owed < sizeof blanks ? c->owed : sizeof blanks, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (k > 0)
        c->owed -= (size_t)k;
}

static inline void odd_accept(struct odd_server *s)
{
    int at = 0;
    while (at < ODD_CONNS && s->conns[at].fd >= 0)
        at++;
    int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0 || at == ODD_CONNS) {
        if (fd >= 0)
            close(fd);
        return;
    }
    s->conns[at] = (struct odd_conn){.fd = fd};
    odd_end(&s->conns[at], (enum odd_end)atomic_load(&s->at_accept));
}

static inline void *odd_main(void *self)
{
    struct odd_server *s = self;
    struct pollfd *p = cs_xcalloc(ODD_CONNS + 2, sizeof *p);
    for (;;) {
        bool trickles = false;
        p[0] = (struct pollfd){.fd = s->stop[0], .events = POLLIN};
        p[1] = (struct pollfd){.fd = s->listener, .events = POLLIN};
        for (int i = 0; i < ODD_CONNS; i++) {
            p[i + 2] = (struct pollfd){.fd = s->conns[i].fd, .events = POLLIN | (s->conns[i].owed > 0 ? POLLOUT : 0)};
            trickles |= s->conns[i].fd >= 0 && s->conns[i].trickle;
        }
        poll(p, ODD_CONNS + 2, trickles ? ODD_TRICKLE_MS : -1);
        if (p[0].revents != 0)
            break;
        for (int i = 0; i < ODD_CONNS; i++) {
            struct odd_conn *c = &s->conns[i];
            if (c->fd >= 0 && (p[i + 2].revents & (POLLIN | POLLERR | POLLHUP)) != 0)
                odd_read(s, c);
            if (c->fd >= 0 && (p[i + 2].revents & POLLOUT) != 0)
                odd_write(c);
            if (c->fd >= 0 && c->trickle)
                odd_say(c, "1\r\nx\r\n", 6);
        }
        if (p[1].revents != 0)
            odd_accept(s);
    }
    free(p);
    return NULL;
}

static inline int odd_listen(int family, uint16_t *port, int backlog)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT, .sin6_port = htons(*port)};
    struct sockaddr_in four = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(*port)};
    struct sockaddr *a = family == AF_INET ? (struct sockaddr *)&four : (struct sockaddr *)&six;
    socklen_t n = family == AF_INET ? sizeof four : sizeof six;
    int on = 1, fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd < 0 || bind(fd, a, n) != 0 || listen(fd, backlog) != 0 || getsockname(fd, a, &n) != 0) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    *port = ntohs(family == AF_INET ? four.sin_port : six.sin6_port);
    return fd;
}

static inline void odd_open(struct odd_server *s)
{
    memset(s, 0, sizeof *s);
    s->mood = 1;
    s->conns = cs_xcalloc(ODD_CONNS, sizeof *s->conns);
    for (int i = 0; i < ODD_CONNS; i++)
        s->conns[i].fd = -1;
    s->listener = odd_listen(AF_INET, &s->port, 2048);
    if (s->listener < 0 || pipe2(s->stop, O_CLOEXEC) != 0 || pthread_create(&s->thread, NULL, odd_main, s) != 0)
        abort();
}

static inline void odd_close(struct odd_server *s)
{
    if (write(s->stop[1], "x", 1) != 1)
        abort();
    pthread_join(s->thread, NULL);
    for (int i = 0; i < ODD_CONNS; i++) {
        if (s->conns[i].fd >= 0)
            close(s->conns[i].fd);
    }
    close(s->listener);
    close(s->stop[0]);
    close(s->stop[1]);
    free(s->conns);
}

/* A port whose queue of connections is full: SYNs get no answer. */
struct black_hole {
    int listener, fill[8], n_fill;
    uint16_t port;
};
enum { ODD_FULL_MS = 200 };

static inline bool hole_open(struct black_hole *h, int family, uint16_t port)
{
    h->port = port;
    h->listener = odd_listen(family, &h->port, 0);
    if (h->listener < 0)
        return false;
    struct sockaddr_in6 a;
    socklen_t n = sizeof a;
    getsockname(h->listener, (struct sockaddr *)&a, &n);
    /* One after the other, until one gets no answer: a call that came in before that would wait for ever. */
    for (h->n_fill = 0; h->n_fill < 8;) {
        int fd = h->fill[h->n_fill++] = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        struct pollfd p = {.fd = fd, .events = POLLOUT};
        if (connect(fd, (struct sockaddr *)&a, n) != 0 && poll(&p, 1, ODD_FULL_MS) == 0)
            return true;
    }
    abort(); /* no hole */
}

static inline void hole_close(struct black_hole *h)
{
    for (int i = 0; i < h->n_fill; i++)
        close(h->fill[i]);
    close(h->listener);
}

#endif
