/* The worker's HTTP against servers that do not behave, with real sockets: what is asserted is that every call ends, once, as what it was,
 * and that the neighbours of a dead server's calls do not notice. That the process lives is asserted by all of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/resource.h>
#include <uv.h>

#include "tests/unit/odd_server.h"
#include "worker/http.h"

enum { MIB = 1024 * 1024, SLOTS_MAX = 2048 };

struct bench {
    struct odd_server server, fine; /* fine: of the healthy calls, which so share no connection with the others */
    uv_loop_t loop;
    struct cs_http *http;
    struct cs_endpoint healthy, odd;
    char healthy_url[64], odd_url[64];
    uint32_t slots, healthy_slots; /* the first ones call the healthy endpoint */
    uint32_t done, wanted, started;
    uint32_t ended[CS_TRANSFERS], good, bad; /* ended: odd calls, by how; good, bad: healthy ones */
    uint32_t below[CS_BELOW_OTHER + 1];
    uint32_t timeout_ms;
    size_t most_held;
    uint8_t flying[SLOTS_MAX];
};

static uint64_t serial;

static void start(struct bench *b, uint32_t slot)
{
    bool healthy = slot < b->healthy_slots;
    struct cs_http_request r = {.endpoint = healthy ? &b->healthy : &b->odd,
                                .body = "{12}",
                                .body_len = 4,
                                .request_id = "abc-1",
                                .timeout_ms = healthy ? 60000 : b->timeout_ms};
    b->started++;
    assert_int_equal(b->flying[slot]++, 0);
    cs_http_start(b->http, slot, &r);
}

static void on_done(void *self, uint32_t slot, const struct cs_http_reply *reply)
{
    struct bench *b = self;
    assert_int_equal(b->flying[slot]--, 1); /* one end for each start */
    if (slot < b->healthy_slots) {
        bool good = reply->transfer == CS_TRANSFER_WHOLE && strcmp(reply->body, "good") == 0;
        b->good += good;
        b->bad += !good;
    } else {
        b->ended[reply->transfer]++;
        b->below[reply->below]++;
    }
    size_t held = cs_http_held(b->http);
    b->most_held = held > b->most_held ? held : b->most_held;
    b->done++;
    if (b->started < b->wanted)
        start(b, slot);
    if (b->done >= b->wanted)
        uv_stop(&b->loop);
}

static void point(struct bench *b, const char *host, uint16_t port, const char *path)
{
    snprintf(b->odd_url, sizeof b->odd_url, "http://%s:%u%s", host, port, path);
    b->odd = (struct cs_endpoint){.serial = ++serial, .url = b->odd_url, .plain_http = true};
}

static void bench_open(struct bench *b, uint32_t slots, uint32_t healthy_slots)
{
    struct cs_error err;
    memset(b, 0, sizeof *b);
    odd_open(&b->server);
    odd_open(&b->fine);
    assert_int_equal(uv_loop_init(&b->loop), 0);
    assert_int_equal(cs_http_open(&b->http, &b->loop, slots, 16 * MIB, on_done, b, &err), CS_OK);
    b->slots = slots;
    b->healthy_slots = healthy_slots;
    b->timeout_ms = 20000;
    snprintf(b->healthy_url, sizeof b->healthy_url, "http://127.0.0.1:%u/ok", b->fine.port);
    b->healthy = (struct cs_endpoint){.serial = ++serial, .url = b->healthy_url, .plain_http = true};
    point(b, "127.0.0.1", b->server.port, "/ok");
}

static void bench_close(struct bench *b)
{
    cs_http_close(b->http);
    uv_run(&b->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&b->loop), 0);
    odd_close(&b->server);
    odd_close(&b->fine);
}

/* All slots make calls until so many have been made and have ended. */
static void run(struct bench *b, uint32_t calls)
{
    b->wanted = b->done + calls;
    b->started = b->done;
    for (uint32_t slot = 0; slot < b->slots && b->started < b->wanted; slot++)
        start(b, slot);
    uv_run(&b->loop, UV_RUN_DEFAULT);
    assert_int_equal(b->done, b->wanted);
}

/* What was healthy got its answer, and was asked once. */
static void assert_healthy(struct bench *b)
{
    assert_int_equal(b->bad, 0);
    assert_int_equal(atomic_load(&b->fine.healthy), b->good);
}

static void one_more_is_fine(struct bench *b)
{
    uint32_t was = b->healthy_slots, good = b->good;
    b->healthy_slots = b->slots;
    run(b, 1);
    assert_int_equal(b->good, good + 1);
    b->healthy_slots = was;
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

static bool is_file_limit_at_least(rlim_t n)
{
    struct rlimit l;
    getrlimit(RLIMIT_NOFILE, &l);
    if (l.rlim_cur >= n)
        return true;
    l.rlim_cur = n;
    l.rlim_max = l.rlim_max < n ? n : l.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &l) == 0;
}

static void black_hole(uint32_t slots, uint32_t calls)
{
    struct bench b;
    struct black_hole hole;
    assert_true(is_file_limit_at_least(6000));
    assert_true(hole_open(&hole, AF_INET, 0));
    bench_open(&b, slots, slots / 4);
    point(&b, "127.0.0.1", hole.port, "/v1");
    b.timeout_ms = 300;
    run(&b, calls);
    assert_true(b.ended[CS_TRANSFER_UNSENT] > 0);
    assert_int_equal(b.ended[CS_TRANSFER_UNSENT] + b.good, b.done);
    assert_healthy(&b);
    one_more_is_fine(&b);
    bench_close(&b);
    hole_close(&hole);
}

static void black_hole_256(void **state)
{
    (void)state;
    black_hole(256, 20000);
}

static void black_hole_2000(void **state)
{
    (void)state;
    black_hole(2000, 30000);
}

/* Calls to the dead server only: each of its slots goes through several sockets, of low and ever the same numbers. */
static void black_hole_alone(void **state)
{
    (void)state;
    struct bench b;
    struct black_hole hole;
    assert_true(hole_open(&hole, AF_INET, 0));
    bench_open(&b, 256, 0);
    point(&b, "127.0.0.1", hole.port, "/v1");
    b.timeout_ms = 100;
    run(&b, 256 * 4);
    assert_int_equal(b.ended[CS_TRANSFER_UNSENT], 256 * 4);
    one_more_is_fine(&b);
    bench_close(&b);
    hole_close(&hole);
}

/* A drain: calls that wait for their SYN are aborted; the numbers of their sockets go to others in the same turn. */
static void aborted_in_the_hole(void **state)
{
    (void)state;
    struct bench b;
    struct black_hole hole;
    assert_true(hole_open(&hole, AF_INET, 0));
    bench_open(&b, 300, 0);
    for (int round = 0; round < 3; round++) {
        point(&b, "127.0.0.1", hole.port, "/v1");
        b.timeout_ms = 150; /* the first opens the gate */
        b.wanted = UINT32_MAX;
        b.started = 0;
        b.done = 0;
        for (uint32_t slot = 0; slot < 300; slot++)
            start(&b, slot);
        run_for(&b, 250);
        for (uint32_t slot = 0; slot < 300; slot++) {
            cs_http_abort(b.http, slot);
            b.flying[slot] = 0;
        }
        b.done = b.started = 0;
        b.healthy_slots = 300;
        run(&b, 600);
        assert_healthy(&b);
        b.healthy_slots = 0;
    }
    bench_close(&b);
    hole_close(&hole);
}

/* A name with two addresses, of which the first is a hole: libcurl tries the second after a while, and closes the first silently. */
static void two_addresses_one_dead(void **state)
{
    (void)state;
    struct bench b;
    struct black_hole hole;
    bench_open(&b, 300, 0);
    if (!hole_open(&hole, AF_INET6, b.server.port)) {
        bench_close(&b);
        skip(); /* no IPv6 here */
    }
    point(&b, "localhost", b.server.port, "/end-1000-1"); /* closes: each call needs a connection of its own */
    run(&b, 1500);
    assert_int_equal(b.ended[CS_TRANSFER_WHOLE], 1500);
    assert_int_equal(atomic_load(&b.server.requests), 1500);
    bench_close(&b);
    hole_close(&hole);
}

static void proxies_that_are_dead(void **state)
{
    (void)state;
    struct bench b;
    struct black_hole hole;
    char proxy[64];
    assert_true(hole_open(&hole, AF_INET, 0));
    bench_open(&b, 256, 64);
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%u", hole.port);
    snprintf(b.odd_url, sizeof b.odd_url, "https://provider.invalid/v1");
    b.odd = (struct cs_endpoint){.serial = ++serial, .url = b.odd_url, .proxy = proxy};
    b.timeout_ms = 150;
    run(&b, 5000);
    assert_healthy(&b);
    for (enum odd_end how = ODD_CLOSE; how <= ODD_HALF; how++) { /* one that hangs up on CONNECT */
        b.healthy_slots = 0;
        atomic_store(&b.server.at_accept, how);
        snprintf(proxy, sizeof proxy, "http://127.0.0.1:%u", b.server.port);
        b.odd.serial = ++serial;
        memset(b.ended, 0, sizeof b.ended);
        run(&b, 512);
        assert_int_equal(b.ended[CS_TRANSFER_UNSENT], 512);
    }
    atomic_store(&b.server.at_accept, ODD_OPEN);
    one_more_is_fine(&b);
    bench_close(&b);
    hole_close(&hole);
}

static void names_that_do_not_exist(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 128, 64);
    point(&b, "no-such-name.invalid", 9, "/v1");
    run(&b, 5000);
    assert_true(b.ended[CS_TRANSFER_UNSENT] > 0);
    assert_int_equal(b.ended[CS_TRANSFER_UNSENT] + b.good, b.done);
    assert_healthy(&b);
    bench_close(&b);
}

/* The connection ends after every byte of a reply, in three ways, and on acceptance. */
static void ends_at_every_byte(void **state)
{
    (void)state;
    struct bench b;
    const uint32_t all = sizeof "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood" - 1;
    bench_open(&b, 16, 4);
    for (uint32_t cut = 0; cut <= all; cut++) {
        for (enum odd_end how = ODD_CLOSE; how <= ODD_HALF; how++) {
            char path[32];
            memset(b.ended, 0, sizeof b.ended);
            snprintf(path, sizeof path, "/end-%u-%u", cut, (unsigned)how);
            point(&b, "127.0.0.1", b.server.port, path);
            run(&b, 32);
            if (cut == all && how != ODD_RESET) /* the next call may still begin on the connection that ends */
                assert_true(b.ended[CS_TRANSFER_WHOLE] > 0);
            else if (cut < all)
                assert_int_equal(b.ended[CS_TRANSFER_WHOLE], 0);
            assert_int_equal(b.ended[CS_TRANSFER_TIMEOUT], 0);
        }
    }
    for (enum odd_end how = ODD_CLOSE; how <= ODD_HALF; how++) {
        b.healthy_slots = 0;
        atomic_store(&b.server.at_accept, how);
        point(&b, "127.0.0.1", b.server.port, "/accept");
        memset(b.ended, 0, sizeof b.ended);
        b.timeout_ms = 2000;
        run(&b, 64);
        assert_int_equal(b.ended[CS_TRANSFER_LOST] + b.ended[CS_TRANSFER_UNSENT], 64);
        atomic_store(&b.server.at_accept, ODD_OPEN);
        b.healthy_slots = 4;
    }
    assert_healthy(&b);
    one_more_is_fine(&b);
    bench_close(&b);
}

/* Half of the connections end after a reply or in it, while the next call begins on them. */
static void closes_while_calls_begin(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 256, 64);
    point(&b, "127.0.0.1", b.server.port, "/moody");
    run(&b, 20000);
    assert_true(b.ended[CS_TRANSFER_WHOLE] > 0);
    assert_true(b.ended[CS_TRANSFER_LOST] + b.ended[CS_TRANSFER_CUT] > 0);
    assert_healthy(&b);
    bench_close(&b);
}

static void descriptors_run_out(void **state)
{
    (void)state;
    struct bench b;
    struct rlimit was, few;
    bench_open(&b, 256, 0); /* the server has accepted nothing yet, and shares the limit */
    cs_http_close(b.http);
    uv_run(&b.loop, UV_RUN_NOWAIT);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
    few = was;
    few.rlim_cur = 120;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    struct cs_error err;
    assert_int_equal(cs_http_open(&b.http, &b.loop, 256, 16 * MIB, on_done, &b, &err), CS_OK);
    b.timeout_ms = 2000;
    run(&b, 1024);
    assert_true(b.below[CS_BELOW_FILES] > 0);
    assert_int_equal(b.ended[CS_TRANSFER_CROWDED] + b.ended[CS_TRANSFER_TOO_LONG], 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
    b.slots = 20; /* what fits goes on as ever */
    memset(b.ended, 0, sizeof b.ended);
    run(&b, 100);
    assert_int_equal(b.ended[CS_TRANSFER_WHOLE], 100);
    bench_close(&b);
}

/* Headers, then a byte from time to time, for ever. */
static void endless_trickle(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 64, 16);
    point(&b, "127.0.0.1", b.server.port, "/trickle");
    b.timeout_ms = 400;
    run(&b, 3000);
    assert_true(b.ended[CS_TRANSFER_TIMEOUT] > 0);
    assert_int_equal(b.ended[CS_TRANSFER_TIMEOUT] + b.good, b.done);
    assert_healthy(&b);
    bench_close(&b);
}

/* 48 replies of 6 MiB at once, 16 MiB of memory: the largest go, some come to their end, short ones beside them all do. */
static void replies_over_the_memory(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 64, 16);
    point(&b, "127.0.0.1", b.server.port, "/long-6291456");
    run(&b, 400);
    assert_true(b.ended[CS_TRANSFER_CROWDED] > 0);
    assert_true(b.ended[CS_TRANSFER_WHOLE] > 0);
    assert_in_range(b.most_held, 4 * MIB, 16 * MIB);
    assert_healthy(&b);
    bench_close(&b);
}

/* One alone over its own limit is too long, whatever memory there is. */
static void one_reply_too_long(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, 1, 0);
    point(&b, "127.0.0.1", b.server.port, "/long-9000000");
    run(&b, 2);
    assert_int_equal(b.ended[CS_TRANSFER_TOO_LONG], 2);
    point(&b, "127.0.0.1", b.server.port, "/long-8388000");
    run(&b, 2);
    assert_int_equal(b.ended[CS_TRANSFER_WHOLE], 2);
    assert_int_equal(b.ended[CS_TRANSFER_CROWDED], 0);
    assert_int_equal(cs_http_held(b.http), 0);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(black_hole_256),           cmocka_unit_test(black_hole_2000),
        cmocka_unit_test(black_hole_alone),         cmocka_unit_test(aborted_in_the_hole),
        cmocka_unit_test(two_addresses_one_dead),   cmocka_unit_test(proxies_that_are_dead),
        cmocka_unit_test(names_that_do_not_exist),  cmocka_unit_test(ends_at_every_byte),
        cmocka_unit_test(closes_while_calls_begin), cmocka_unit_test(descriptors_run_out),
        cmocka_unit_test(endless_trickle),          cmocka_unit_test(replies_over_the_memory),
        cmocka_unit_test(one_reply_too_long),
    };
    return cmocka_run_group_tests_name("worker servers", tests, NULL, NULL);
}
