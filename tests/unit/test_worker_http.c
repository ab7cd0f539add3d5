/* The worker's HTTP against a real server on loopback that misbehaves on demand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "protocol/base/alloc.h"
#include "worker/http.h"

/* ---- the server: one thread, poll(2) --------------------------------------------------------------- */

enum { CONNS_MAX = 1200, REQUEST_MAX = 8192, REPLY_MEMORY = 64 * 1024 * 1024 };

struct conn {
    int fd, served;
    size_t n;
    char request[REQUEST_MAX];
};

struct server {
    int listener, stop[2];
    uint16_t port;
    pthread_t thread;
    struct conn *conns;
    atomic_uint accepted, requests;
    char last[REQUEST_MAX]; /* read it when nothing is in flight */
};

static void say(int fd, const char *text)
{
    for (size_t n = strlen(text); n > 0;) {
        ssize_t k = send(fd, text, n, MSG_NOSIGNAL);
        if (k <= 0)
            return;
        text += k;
        n -= (size_t)k;
    }
}

static void reset_connection(struct conn *c)
{
    struct linger hard = {.l_onoff = 1};
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(c->fd);
    c->fd = -1;
}

static void serve_big(int fd)
{
    enum { SIZE = 9 * 1024 * 1024 };
    char *all = cs_xmalloc(SIZE + 1);
    memset(all, 'x', SIZE);
    all[SIZE] = '\0';
    say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 9437184\r\n\r\n");
    say(fd, all);
    free(all);
}

/* Answers a whole request by its path. */
static void serve(struct server *s, struct conn *c)
{
    char *line = c->request;
    atomic_fetch_add(&s->requests, 1);
    memcpy(s->last, c->request, sizeof s->last);
    c->served++;
    if (strncmp(line, "POST /ok", 8) == 0)
        say(c->fd, "HTTP/1.1 100 Continue\r\nX-Early: 1\r\n\r\n"
                   "HTTP/1.1 200 OK\r\nX-Request-Id: req_7\r\nContent-Length: 4\r\n\r\ngood");
    else if (strncmp(line, "POST /chunked", 13) == 0)
        say(c->fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\ngo\r\n2\r\nod\r\n0\r\n\r\n");
    else if (strncmp(line, "POST /redirect", 14) == 0)
        say(c->fd, "HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n");
    else if (strncmp(line, "POST /cut", 9) == 0) {
        say(c->fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"half\":");
        close(c->fd);
        c->fd = -1;
    } else if (strncmp(line, "POST /reset", 11) == 0)
        reset_connection(c);
    else if (strncmp(line, "POST /second", 12) == 0 && c->served == 1)
        say(c->fd, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood");
    else if (strncmp(line, "POST /second", 12) == 0) { /* took the request, then went away without a word */
        close(c->fd);
        c->fd = -1;
    } else if (strncmp(line, "POST /once", 10) == 0) {
        say(c->fd, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood");
        shutdown(c->fd, SHUT_WR);
    } else if (strncmp(line, "POST /big", 9) == 0)
        serve_big(c->fd);
    c->n = 0; /* everything else: silence */
}

/* Whether the request is complete: our bodies are 4 bytes long. */
static bool complete(const struct conn *c)
{
    const char *end = memmem(c->request, c->n, "\r\n\r\n", 4);
    return end != NULL && c->n - (size_t)(end - c->request) >= 8;
}

static void read_some(struct server *s, struct conn *c)
{
    ssize_t k = recv(c->fd, c->request + c->n, REQUEST_MAX - 1 - c->n, 0);
    if (k <= 0) {
        close(c->fd);
        c->fd = -1;
        return;
    }
    c->n += (size_t)k;
    c->request[c->n] = '\0';
    if (complete(c))
        serve(s, c);
}

static void *server_main(void *self)
{
    struct server *s = self;
    struct pollfd *p = cs_xcalloc(CONNS_MAX + 2, sizeof *p);
    for (;;) {
        p[0] = (struct pollfd){.fd = s->stop[0], .events = POLLIN};
        p[1] = (struct pollfd){.fd = s->listener, .events = POLLIN};
        for (int i = 0; i < CONNS_MAX; i++)
            p[i + 2] = (struct pollfd){.fd = s->conns[i].fd, .events = POLLIN};
        poll(p, CONNS_MAX + 2, -1);
        if (p[0].revents != 0)
            break;
        for (int i = 0; i < CONNS_MAX; i++) {
            if (s->conns[i].fd >= 0 && p[i + 2].revents != 0)
                read_some(s, &s->conns[i]);
        }
        int at = 0;
        while (p[1].revents != 0 && at < CONNS_MAX && s->conns[at].fd >= 0)
            at++;
        if (p[1].revents != 0 && at < CONNS_MAX) {
            s->conns[at] = (struct conn){.fd = accept(s->listener, NULL, NULL)};
            atomic_fetch_add(&s->accepted, 1);
        }
    }
    free(p);
    return NULL;
}

static void server_open(struct server *s)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    memset(s, 0, sizeof *s);
    s->conns = cs_xcalloc(CONNS_MAX, sizeof *s->conns);
    for (int i = 0; i < CONNS_MAX; i++)
        s->conns[i].fd = -1;
    s->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(s->listener, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(s->listener, 1024), 0);
    assert_int_equal(getsockname(s->listener, (struct sockaddr *)&a, &n), 0);
    s->port = ntohs(a.sin_port);
    assert_int_equal(pipe(s->stop), 0);
    assert_int_equal(pthread_create(&s->thread, NULL, server_main, s), 0);
}

static void server_close(struct server *s)
{
    assert_int_equal(write(s->stop[1], "x", 1), 1);
    pthread_join(s->thread, NULL);
    for (int i = 0; i < CONNS_MAX; i++) {
        if (s->conns[i].fd >= 0)
            close(s->conns[i].fd);
    }
    close(s->listener);
    close(s->stop[0]);
    close(s->stop[1]);
    free(s->conns);
}

/* ---- the bench ------------------------------------------------------------------------------------- */

struct bench {
    struct server server;
    uv_loop_t loop;
    struct cs_http *http;
    char url[64];
    struct cs_endpoint endpoint;
    uint32_t done, wanted, started, timeout_ms;
    bool again;                /* each call that ends starts the next one in its slot */
    struct cs_http_reply last; /* strings replaced by copies */
    char headers[512], body[64], why[256];
};

static void start(struct bench *b, uint32_t slot)
{
    struct cs_http_request r = {.endpoint = &b->endpoint, .body = "{12}", .body_len = 4, .request_id = "abc-1"};
    r.timeout_ms = b->timeout_ms;
    b->started++;
    cs_http_start(b->http, slot, &r);
}

static void on_done(void *self, uint32_t slot, const struct cs_http_reply *reply)
{
    struct bench *b = self;
    b->last = *reply;
    snprintf(b->headers, sizeof b->headers, "%s", reply->headers);
    snprintf(b->body, sizeof b->body, "%s", reply->body);
    snprintf(b->why, sizeof b->why, "%s", reply->why);
    b->done++;
    if (b->again && b->started < b->wanted)
        start(b, slot);
    if (b->done == b->wanted)
        uv_stop(&b->loop);
}

static void point(struct bench *b, const char *path)
{
    static uint64_t serial;
    snprintf(b->url, sizeof b->url, "http://127.0.0.1:%u%s", b->server.port, path);
    b->endpoint = (struct cs_endpoint){.serial = ++serial, .url = b->url, .plain_http = true};
}

static void bench_open(struct bench *b, uint32_t slots)
{
    struct cs_error err;
    memset(b, 0, sizeof *b);
    server_open(&b->server);
    assert_int_equal(uv_loop_init(&b->loop), 0);
    assert_int_equal(cs_http_open(&b->http, &b->loop, slots, REPLY_MEMORY, on_done, b, &err), CS_OK);
    b->timeout_ms = 20000;
    point(b, "/ok");
}

static void bench_close(struct bench *b)
{
    cs_http_close(b->http);
    uv_run(&b->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&b->loop), 0);
    server_close(&b->server);
}

static void call(struct bench *b, const char *path)
{
    point(b, path);
    b->wanted = b->done + 1;
    start(b, 0);
    uv_run(&b->loop, UV_RUN_DEFAULT);
    assert_int_equal(b->done, b->wanted);
}

static void on_timer(uv_timer_t *t)
{
    uv_stop(t->loop);
}

static void run_for(struct bench *b, uint64_t ms)
{
    uv_timer_t t;
    uv_timer_init(&b->loop, &t);
    uv_timer_start(&t, on_timer, ms, 0);
    uv_run(&b->loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&t, NULL);
    uv_run(&b->loop, UV_RUN_NOWAIT);
}

/* ---- tests ----------------------------------------------------------------------------------------- */

static void a_call(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 4);
    b.endpoint.auth = "Authorization: Bearer sk-1";
    b.wanted = 1;
    start(&b, 0);
    uv_run(&b.loop, UV_RUN_DEFAULT);
    assert_int_equal(b.last.transfer, CS_TRANSFER_WHOLE);
    assert_int_equal(b.last.status, 200);
    assert_string_equal(b.body, "good");
    assert_non_null(strstr(b.headers, "X-Request-Id: req_7\r\n"));
    assert_null(strstr(b.headers, "X-Early")); /* headers come from the final response only */
    assert_non_null(strstr(b.server.last, "POST /ok HTTP/1.1\r\n"));
    assert_non_null(strstr(b.server.last, "Content-Type: application/json\r\n"));
    assert_non_null(strstr(b.server.last, "X-Client-Request-Id: abc-1\r\n"));
    assert_non_null(strstr(b.server.last, "Authorization: Bearer sk-1\r\n"));
    assert_null(strstr(b.server.last, "Expect"));
    assert_non_null(strstr(b.server.last, "\r\n\r\n{12}"));
    for (int i = 0; i < 5; i++)
        call(&b, i % 2 == 0 ? "/chunked" : "/ok");
    assert_null(strstr(b.server.last, "Bearer")); /* another endpoint's key does not stick to the slot */
    assert_string_equal(b.body, "good");
    assert_int_equal(atomic_load(&b.server.accepted), 1); /* one connection for all */
    bench_close(&b);
}

static void how_calls_end(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 4);
    call(&b, "/cut");
    assert_int_equal(b.last.transfer, CS_TRANSFER_CUT);
    assert_int_equal(b.last.status, 200);
    call(&b, "/reset");
    assert_int_equal(b.last.transfer, CS_TRANSFER_LOST);
    assert_int_equal(b.last.status, 0);
    assert_true(b.why[0] != '\0');
    call(&b, "/redirect");
    assert_int_equal(b.last.transfer, CS_TRANSFER_WHOLE);
    assert_int_equal(b.last.status, 302);
    call(&b, "/big");
    assert_int_equal(b.last.transfer, CS_TRANSFER_TOO_LONG);
    b.timeout_ms = 200;
    call(&b, "/silence");
    assert_int_equal(b.last.transfer, CS_TRANSFER_TIMEOUT);
    assert_in_range(b.last.latency_ms, 190, 5000);
    bench_close(&b);
}

static void nothing_is_sent(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 4);
    point(&b, "/ok");
    snprintf(b.url, sizeof b.url, "http://127.0.0.1:1/");
    b.wanted = 1;
    start(&b, 0);
    uv_run(&b.loop, UV_RUN_DEFAULT);
    assert_int_equal(b.last.transfer, CS_TRANSFER_UNSENT);
    point(&b, "/ok");
    b.endpoint.plain_http = false; /* http is not for other hosts */
    b.wanted = 2;
    start(&b, 0);
    uv_run(&b.loop, UV_RUN_DEFAULT);
    assert_int_equal(b.last.transfer, CS_TRANSFER_UNSENT);
    assert_int_equal(atomic_load(&b.server.requests), 0);
    bench_close(&b);
}

/* libcurl would send the request once more on a fresh connection, and nobody would know of the call that was
 * paid for. */
static void no_silent_repetition(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 4);
    call(&b, "/second");
    assert_int_equal(b.last.status, 200);
    b.wanted = b.done + 1;
    start(&b, 0);
    uv_run(&b.loop, UV_RUN_DEFAULT);
    assert_int_equal(b.last.transfer, CS_TRANSFER_LOST);
    run_for(&b, 50);
    assert_int_equal(atomic_load(&b.server.requests), 2);
    call(&b, "/ok");
    assert_int_equal(b.last.status, 200);
    bench_close(&b);
}

static unsigned turns;
static void count_turn(uv_prepare_t *p)
{
    (void)p;
    turns++;
}

/* The server closes a kept connection while no call uses it: the loop must sleep on, and the next call must get
 * through. */
static void idle_connection_closes(void **state)
{
    (void)state;
    struct bench b;
    uv_prepare_t p;
    bench_open(&b, 4);
    uv_prepare_init(&b.loop, &p);
    call(&b, "/once");
    turns = 0;
    uv_prepare_start(&p, count_turn);
    run_for(&b, 100);
    assert_true(turns < 20);
    uv_close((uv_handle_t *)&p, NULL);
    call(&b, "/ok");
    assert_int_equal(b.last.status, 200);
    assert_int_equal(atomic_load(&b.server.accepted), 2);
    bench_close(&b);
}

static void aborted_call_is_silent(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 4);
    point(&b, "/silence");
    for (uint32_t slot = 0; slot < 3; slot++) /* the first on its way, the others behind the gate */
        start(&b, slot);
    cs_http_abort(b.http, 2);
    run_for(&b, 50);
    cs_http_abort(b.http, 0);
    cs_http_abort(b.http, 1);
    run_for(&b, 50);
    assert_int_equal(b.done, 0);
    call(&b, "/ok");
    assert_int_equal(b.last.status, 200);
    bench_close(&b);
}

static void many_at_once(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 600); /* three multi handles */
    b.again = true;
    b.wanted = 6000;
    for (uint32_t slot = 0; slot < 600; slot++)
        start(&b, slot);
    uv_run(&b.loop, UV_RUN_DEFAULT);
    assert_int_equal(b.done, 6000);
    assert_int_equal(b.last.status, 200);
    assert_int_equal(atomic_load(&b.server.requests), 6000);
    assert_in_range(atomic_load(&b.server.accepted), 1, 600);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call),
        cmocka_unit_test(how_calls_end),
        cmocka_unit_test(nothing_is_sent),
        cmocka_unit_test(no_silent_repetition),
        cmocka_unit_test(idle_connection_closes),
        cmocka_unit_test(aborted_call_is_silent),
        cmocka_unit_test(many_at_once),
    };
    return cmocka_run_group_tests_name("worker http", tests, NULL, NULL);
}
