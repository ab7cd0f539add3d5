/* The memory for replies, as the core sees it: which lane starts a call. http.c's part is in test_worker_servers.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/worker_bench.h"

enum { MIB = 1024 * 1024 };

static void lengths(void **state)
{
    struct cs_replies r = {0};
    (void)state;
    cs_replies_note(&r, 4000);
    assert_true(r.mean == 4000);
    for (int i = 0; i < 100; i++)
        cs_replies_note(&r, 8000);
    assert_in_range(r.mean, 7900, 8000);
}

static void how_many_fit(void **state)
{
    struct cs_replies small = {0}, large = {0}, none = {0};
    struct cs_reply_memory m = {.cap = 256 * MIB};
    (void)state;
    cs_replies_note(&small, 4000);
    cs_replies_note(&large, 8 * MIB);
    assert_true(cs_replies_fit(&none, 255, &m, 1)); /* nothing is known */
    assert_true(cs_replies_fit(&large, 23, &m, 1));
    assert_false(cs_replies_fit(&large, 24, &m, 1));
    assert_true(cs_replies_fit(&large, 11, &m, 2)); /* its part */
    assert_false(cs_replies_fit(&large, 12, &m, 2));
    m.held = 200 * MIB; /* nearly full */
    assert_false(cs_replies_fit(&large, 2, &m, 1));
    assert_false(cs_replies_fit(&none, 1, &m, 1));
    assert_true(cs_replies_fit(&small, 1000, &m, 2)); /* does not notice */
    assert_false(cs_replies_fit(&small, 5000, &m, 2));
    assert_true(cs_replies_fit(&large, 0, &m, 9)); /* something always goes on */
    m = (struct cs_reply_memory){0};
    assert_true(cs_replies_fit(&large, 60000, &m, 1)); /* no cap */
}

static struct cs_http_reply of_length(size_t n)
{
    struct cs_http_reply r = bench_http(200, "", BENCH_GOOD);
    r.received = n;
    return r;
}

/* Answers n calls, and has the outputs acknowledged. */
static void answer(struct bench *b, int n, size_t length)
{
    for (int i = 0; i < n; i++) {
        bench_reply(b, bench_slot(b), of_length(length));
        bench_wait(b, CS_FLUSH_MS);
        bench_ack(b, b->w->window.first + b->w->window.n - 1);
        bench_pong(b, b->now);
    }
}

static uint32_t in_flight_of(const struct bench *b)
{
    struct cs_worker_figures f;
    cs_worker_figures(b->w, &f);
    return f.in_flight;
}

static void open_with_cap(struct bench *b, uint32_t slots)
{
    bench_init(b, slots);
    b->w->replies.cap = 256 * MIB;
    bench_tick(b);
    bench_welcome(b, 1, CS_WINDOW_OUTPUTS);
}

/* Each answer of 8 MiB lets as many calls go on as fit, and never less than one; status says what binds. */
static void a_lane_of_long_replies(void **state)
{
    struct bench b;
    (void)state;
    open_with_cap(&b, 64);
    for (uint64_t page = 0; page < 8; page++)
        bench_assign(&b, 0, page, 50 + page, 256);
    assert_int_equal(in_flight_of(&b), 64);
    answer(&b, 400, 8 * MIB);
    assert_int_equal(in_flight_of(&b), 24);
    struct cs_arena arena = {0};
    struct cs_worker_info info = {0};
    bench_wait(&b, 5000);
    cs_worker_report(b.w, b.now, &arena, &info);
    assert_string_equal(info.lanes[0].binds, "reply_memory");
    answer(&b, 200, 2000); /* short again: all slots again */
    assert_int_equal(in_flight_of(&b), 64);
    cs_arena_release(&arena);
    bench_done(&b);
}

/* A reply that was ended for want of memory is asked for again, and says nothing about the provider. */
static void ended_for_want_of_memory(void **state)
{
    struct bench b;
    (void)state;
    open_with_cap(&b, 16);
    bench_assign(&b, 0, 0, 50, 256);
    for (int i = 0; i < 60; i++) {
        struct cs_http_reply r = bench_fault(CS_TRANSFER_CROWDED, 200);
        r.received = 4 * MIB;
        bench_reply(&b, bench_slot(&b), r);
        bench_wait(&b, 10);
    }
    assert_false(b.w->lanes->outage.away);
    assert_int_equal(b.w->window.n, 0); /* nothing has failed */
    bench_wait(&b, 60000);
    assert_true(in_flight_of(&b) > 0);
    bench_done(&b);
}

/* A good answer with a member of so many empty lists. */
static struct cs_http_reply with_values(struct cs_buf *body, uint32_t n)
{
    static const char good[] = BENCH_GOOD;
    cs_buf_append(body, good, sizeof good - 2);
    cs_buf_str(body, ",\"x\":[[]");
    for (uint32_t i = 1; i < n; i++)
        cs_buf_str(body, ",[]");
    cs_buf_str(body, "]}");
    struct cs_http_reply r = bench_http(200, "", cs_buf_cstr(body));
    r.received = r.body_len;
    return r;
}

/* 8 MiB of small values would be 400 MiB as JSON. */
static void values_without_end(void **state)
{
    struct bench b;
    (void)state;
    for (uint32_t n = 100 * 1000; n <= 2600 * 1000; n *= 26) {
        struct cs_buf body = CS_BUF_INIT(9 * MIB);
        open_with_cap(&b, 1);
        bench_assign(&b, 0, 0, 50, 2);
        bench_reply(&b, bench_slot(&b), with_values(&body, n));
        assert_int_equal(b.w->window.n, n == 100 * 1000 ? 1 : 0); /* an answer; else it is asked again */
        bench_done(&b);
        cs_buf_release(&body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths),
        cmocka_unit_test(how_many_fit),
        cmocka_unit_test(a_lane_of_long_replies),
        cmocka_unit_test(ended_for_want_of_memory),
        cmocka_unit_test(values_without_end),
    };
    return cmocka_run_group_tests_name("worker memory", tests, NULL, NULL);
}
