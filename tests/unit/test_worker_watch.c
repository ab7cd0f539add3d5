/* Watched descriptors: numbers that libcurl closes without a word, or gives to another socket. What it does in which order is played
 * here with real sockets; test_worker_servers.c lets libcurl itself do it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "protocol/base/rng.h"
#include "worker/watch.h"

struct ready {
    int n, fd, events;
    void *owner;
};
static struct ready ready;
static int lost;
static int multi_a, multi_b, call_a, call_b; /* owners and users: only their addresses count */

static void on_ready(void *owner, int fd, int events)
{
    ready = (struct ready){ready.n + 1, fd, events, owner};
}

static void on_lost(void *user)
{
    assert_non_null(user);
    lost++;
}

static void on_other(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    uv_poll_stop(poll);
}

struct bench {
    uv_loop_t loop;
    struct cs_watches *ws;
};

static void bench_open(struct bench *b)
{
    ready = (struct ready){0};
    lost = 0;
    assert_int_equal(uv_loop_init(&b->loop), 0);
    b->ws = cs_watches_open(&b->loop, on_ready, on_lost);
}

static void bench_close(struct bench *b)
{
    cs_watches_close(b->ws);
    uv_run(&b->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&b->loop), 0);
}

static void turn(struct bench *b)
{
    uv_run(&b->loop, UV_RUN_NOWAIT);
}

/* A pair of connected sockets of which the first has exactly this number. */
static int peer_at(int fd)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    if (pair[0] != fd) {
        assert_int_equal(dup2(pair[0], fd), fd);
        close(pair[0]);
    }
    return pair[1];
}

static int made(struct bench *b, void *owner, void *user)
{
    int fd = cs_watches_socket(b->ws, owner, user, AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    return fd;
}

/* The order on a connect timeout: close(2), then CURL_POLL_REMOVE. */
static void closed_then_told(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    int fd = made(&b, &multi_a, &call_a);
    cs_watches_want(b.ws, &multi_a, &call_a, fd, CS_WATCH_WRITE);
    turn(&b); /* armed */
    close(fd);
    cs_watches_want(b.ws, &multi_a, &call_a, fd, 0);
    for (int i = 0; i < 3; i++)
        turn(&b); /* the loop ended the process here */
    bench_close(&b);
}

/* Made and closed before the loop has slept, and nothing is said of it. */
static void closed_and_not_told(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    int fd = made(&b, &multi_a, &call_a);
    close(fd);
    turn(&b);
    fd = made(&b, &multi_a, &call_a);
    cs_watches_want(b.ws, &multi_a, &call_a, fd, CS_WATCH_READ | CS_WATCH_WRITE);
    close(fd);
    turn(&b);
    assert_int_equal(lost, 0);
    bench_close(&b);
}

/* Another multi handle has opened the number in between: what the first says of it late must not touch it. */
static void number_is_anothers(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    int fd = made(&b, &multi_a, &call_a);
    turn(&b);
    close(fd);
    assert_int_equal(made(&b, &multi_b, &call_b), fd); /* the kernel gives the lowest free one */
    cs_watches_want(b.ws, &multi_a, &call_a, fd, 0);   /* hearsay */
    ready.n = 0;
    turn(&b);
    assert_true(ready.n > 0); /* an unconnected socket is "writable": it is still watched */
    assert_ptr_equal(ready.owner, &multi_b);
    assert_int_equal(ready.fd, fd);
    assert_int_equal(cs_watches_shut(b.ws, fd), 0);
    bench_close(&b);
}

/* The second address of a name gets the number of the first: libcurl says nothing, for it wants the same of it. */
static void same_number_not_told(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    int fd = made(&b, &multi_a, &call_a);
    cs_watches_want(b.ws, &multi_a, &call_a, fd, CS_WATCH_WRITE);
    turn(&b);
    close(fd);
    assert_int_equal(made(&b, &multi_a, &call_a), fd);
    ready.n = 0;
    turn(&b);
    assert_true(ready.n > 0);
    assert_int_equal(cs_watches_shut(b.ws, fd), 0);
    bench_close(&b);
}

/* A socket that libcurl makes itself (its resolver's) under the number of one that it closed silently, for the same handle. */
static void resolver_takes_the_number(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    int fd = made(&b, &multi_a, &call_a);
    close(fd);
    int peer = peer_at(fd);
    cs_watches_want(b.ws, &multi_a, &call_b, fd, CS_WATCH_READ);
    turn(&b);
    assert_int_equal(ready.n, 0);
    assert_int_equal(write(peer, "x", 1), 1);
    turn(&b);
    assert_int_equal(ready.n, 1);
    assert_int_equal(ready.events, CS_WATCH_READ);
    cs_watches_want(b.ws, &multi_a, &call_b, fd, 0); /* forgotten at once: it closes it without us */
    close(fd);
    turn(&b);
    assert_int_equal(ready.n, 1);
    close(peer);
    bench_close(&b);
}

/* A connected socket of ours; *peer is the other end. */
static int connected(struct bench *b, int *peer)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &n), 0);
    int fd = made(b, &multi_a, &call_a);
    int rc = connect(fd, (struct sockaddr *)&a, n);
    assert_true(rc == 0 || errno == EINPROGRESS);
    *peer = accept(listener, NULL, NULL);
    assert_true(*peer >= 0);
    close(listener);
    return fd;
}

/* A connection stays watched between its calls, and one that the server closes does not keep the loop awake. */
static void kept_between_calls(void **state)
{
    (void)state;
    struct bench b;
    int peer;
    bench_open(&b);
    int fd = connected(&b, &peer);
    for (int call = 0; call < 3; call++) {
        cs_watches_want(b.ws, &multi_a, &call_a, fd, CS_WATCH_READ);
        turn(&b);
        ready.n = 0;
        assert_int_equal(write(peer, "x", 1), 1);
        turn(&b);
        assert_int_equal(ready.n, 1);
        assert_int_equal(read(fd, (char[1]){0}, 1), 1);
        cs_watches_want(b.ws, &multi_a, &call_a, fd, 0);
        turn(&b);
    }
    ready.n = 0;
    close(peer);
    for (int i = 0; i < 5; i++)
        turn(&b);
    assert_int_equal(ready.n, 0);
    cs_watches_want(b.ws, &multi_a, &call_b, fd, CS_WATCH_READ); /* the next call hears of it */
    turn(&b);
    assert_int_equal(ready.n, 1);
    assert_int_equal(cs_watches_shut(b.ws, fd), 0);
    bench_close(&b);
}

/* The peer resets: libuv stops watching by itself, and is asked again as long as a call wants to hear. */
static void reset_by_the_peer(void **state)
{
    (void)state;
    struct bench b;
    struct linger hard = {.l_onoff = 1};
    int peer;
    bench_open(&b);
    int fd = connected(&b, &peer);
    cs_watches_want(b.ws, &multi_a, &call_a, fd, CS_WATCH_READ);
    turn(&b);
    setsockopt(peer, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(peer);
    ready.n = 0;
    turn(&b);
    turn(&b);
    assert_int_equal(ready.n, 2);
    assert_true((ready.events & (CS_WATCH_ERROR | CS_WATCH_READ)) != 0);
    cs_watches_want(b.ws, &multi_a, &call_a, fd, 0);
    for (int i = 0; i < 5; i++)
        turn(&b);
    assert_int_equal(ready.n, 2);
    assert_int_equal(cs_watches_shut(b.ws, fd), 0);
    bench_close(&b);
}

/* What cannot be watched ends its call, and nothing else: a file (EPERM), nothing (EBADF), one that libuv knows (EEXIST). */
static void cannot_be_watched(void **state)
{
    (void)state;
    struct bench b;
    int pair[2];
    uv_poll_t other;
    bench_open(&b);
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    assert_true(file >= 0);
    cs_watches_want(b.ws, &multi_a, &call_a, file, CS_WATCH_READ);
    assert_int_equal(lost, 1);
    close(file);
    cs_watches_want(b.ws, &multi_a, &call_a, file, CS_WATCH_READ);
    assert_int_equal(lost, 2);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(uv_poll_init(&b.loop, &other, pair[0]), 0);
    assert_int_equal(uv_poll_start(&other, UV_READABLE, on_other), 0);
    cs_watches_want(b.ws, &multi_a, &call_a, pair[0], CS_WATCH_READ);
    assert_int_equal(lost, 3);
    turn(&b);
    uv_close((uv_handle_t *)&other, NULL);
    turn(&b);
    close(pair[0]);
    close(pair[1]);
    bench_close(&b);
}

/* libuv takes the number for itself between the wish and the arming. */
static void taken_before_it_is_armed(void **state)
{
    (void)state;
    struct bench b;
    uv_poll_t other;
    bench_open(&b);
    int fd = made(&b, &multi_a, &call_a);
    int same = dup(fd);
    assert_int_equal(uv_poll_init(&b.loop, &other, fd), 0);
    assert_int_equal(uv_poll_start(&other, UV_READABLE, on_other), 0);
    turn(&b);
    assert_int_equal(lost, 1);
    uv_close((uv_handle_t *)&other, NULL);
    turn(&b);
    assert_int_equal(cs_watches_shut(b.ws, fd), 0);
    close(same);
    bench_close(&b);
}

static void no_descriptor_left(void **state)
{
    (void)state;
    struct rlimit was, few;
    struct bench b;
    int fds[200], n = 0;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
    few = was;
    few.rlim_cur = 100;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    bench_open(&b);
    while (n < 200 && (fds[n] = cs_watches_socket(b.ws, &multi_a, &call_a, AF_INET, SOCK_STREAM, 0)) >= 0)
        n++;
    assert_int_equal(errno, EMFILE);
    assert_in_range(n, 1, 100 - CS_WATCH_SPARE);
    int spare = open("/proc/self/exe", O_RDONLY | O_CLOEXEC); /* others still get some */
    assert_true(spare >= 0);
    close(spare);
    while (n > 0)
        assert_int_equal(cs_watches_shut(b.ws, fds[--n]), 0);
    bench_close(&b);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
}

/* Opened, armed, closed in all three ways and said late or never, by three owners, a hundred thousand times: the loop lives, and nobody
 * hears of a descriptor that is another's. */
static void numbers_at_random(void **state)
{
    enum { N = 24, STEPS = 100000 };
    (void)state;
    struct bench b;
    struct {
        int fd;
        void *owner;
        bool open, told;
    } t[N] = {{0}};
    int owners[3];
    struct cs_rng rng = {7};
    bench_open(&b);
    for (int step = 0; step < STEPS; step++) {
        int i = (int)cs_rng_below(&rng, N), what = (int)cs_rng_below(&rng, 8);
        void *owner = &owners[cs_rng_below(&rng, 3)];
        if (what <= 2 && !t[i].open && !t[i].told) {
            t[i].fd = made(&b, owner, &call_a);
            t[i].owner = owner;
            t[i].open = t[i].told = true;
        } else if (what == 3 && t[i].open) {
            cs_watches_want(b.ws, t[i].owner, &call_a, t[i].fd, 1 + (int)cs_rng_below(&rng, 3));
        } else if (what == 4 && t[i].open) { /* silently */
            close(t[i].fd);
            t[i].open = false;
        } else if (what == 5 && t[i].open) {
            cs_watches_shut(b.ws, t[i].fd);
            t[i].open = t[i].told = false;
        } else if (what == 6 && !t[i].open && t[i].told) { /* told late; or never, when it is drawn as 7 */
            cs_watches_want(b.ws, t[i].owner, &call_a, t[i].fd, 0);
            t[i].told = false;
        } else if (what == 7) {
            if (!t[i].open)
                t[i].told = false;
            turn(&b);
        }
    }
    assert_int_equal(lost, 0);
    for (int i = 0; i < N; i++) {
        if (t[i].open)
            cs_watches_shut(b.ws, t[i].fd);
    }
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closed_then_told),          cmocka_unit_test(closed_and_not_told),
        cmocka_unit_test(number_is_anothers),        cmocka_unit_test(same_number_not_told),
        cmocka_unit_test(resolver_takes_the_number), cmocka_unit_test(kept_between_calls),
        cmocka_unit_test(reset_by_the_peer),         cmocka_unit_test(cannot_be_watched),
        cmocka_unit_test(taken_before_it_is_armed),  cmocka_unit_test(no_descriptor_left),
        cmocka_unit_test(numbers_at_random),
    };
    return cmocka_run_group_tests_name("worker watch", tests, NULL, NULL);
}
