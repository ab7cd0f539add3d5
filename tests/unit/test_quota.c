/* The script that leases a pool's slices, in a real Redis: held against its model in C, and against the limit itself. */
#include "tests/unit/fixture_redis.h"

#include "protocol/base/clock.h"
#include "protocol/base/rng.h"
#include "store/quota.h"
#include "tests/unit/quota_model.h"

struct answer {
    bool done, good;
    struct cs_quota_grant grant;
};

static void on_grant(void *self, const struct cs_quota_grant *grant)
{
    struct answer *a = self;
    a->done = true;
    a->good = grant != NULL;
    if (grant != NULL)
        a->grant = *grant;
}

static struct answer ask(uv_loop_t *loop, struct cs_redis *r, const struct cs_quota_ask *q)
{
    struct answer a = {0};
    cs_quota_ask(r, q, on_grant, &a);
    assert_true(a.done || run_until(loop, &a.done, 3000));
    return a;
}

static struct cs_quota_ask wanting(const char *worker, uint32_t want, double rpm)
{
    struct cs_quota_ask q = {.pool = "p", .worker = worker, .want = want, .share = -1};
    q.limit[CS_QUOTA_REQUESTS] = rpm;
    for (int d = 0; d < CS_QUOTA_DIMS; d++)
        q.cost[d] = 1;
    return q;
}

struct bench {
    uv_loop_t loop;
    struct cs_redis *r;
};

static void open_bench(struct bench *b, struct server *s)
{
    struct cs_error err = {0};
    assert_int_equal(uv_loop_init(&b->loop), 0);
    assert_int_equal(cs_redis_open(&b->r, &b->loop, s->address, &err), CS_OK);
    assert_true(run_until_connected(&b->loop, b->r, true, 3000));
    cs_redis_command(b->r, 1, (const char *[]){"FLUSHALL"}, NULL, NULL, NULL);
}

static void sleep_ms(struct bench *b, uint64_t ms)
{
    const bool never = false;
    run_until(&b->loop, &never, ms);
}

/* Makes a bucket old (and its table's rows with it), so that shares are what wants make them. */
static void age(struct bench *b)
{
    const char *script = "redis.call('HSET', KEYS[1], 'born', '0') return 1";
    cs_redis_command(b->r, 4, (const char *[]){"EVAL", script, "1", "clinsafe:quota:{p}"}, NULL, NULL, NULL);
}

static void test_a_new_bucket_is_in_debt(void **state)
{
    struct bench b;
    open_bench(&b, *state);
    struct cs_quota_ask q = wanting("w", 1000, 60000);
    assert_int_equal(ask(&b.loop, b.r, &q).grant.calls, 0);
    uint64_t began = cs_mono_ms();
    uint32_t got = 0;
    while (cs_mono_ms() < began + 700) {
        sleep_ms(&b, 50);
        got += ask(&b.loop, b.r, &q).grant.calls;
    }
    if (cs_mono_ms() < began + CS_QUOTA_LIFE_MS)
        assert_int_equal(got, 0);
    while (got == 0 && cs_mono_ms() < began + 10000) {
        sleep_ms(&b, 50);
        got += ask(&b.loop, b.r, &q).grant.calls;
    }
    assert_true(got > 0);
    assert_true(cs_mono_ms() >= began + CS_QUOTA_LIFE_MS);
    close_and_finish(&b.loop, b.r);
}

/* Many clients with wants, returns and forgetting: what was granted and not returned never passes rate x time. */
static void test_granted_never_passes_the_limit(void **state)
{
    struct bench b;
    struct cs_rng rng = {.state = 3};
    double granted[2] = {0}, limit[2] = {60000, 600000}, has[8] = {0};
    open_bench(&b, *state);
    uint64_t began = cs_mono_ms();
    for (int i = 0; cs_mono_ms() < began + 3000; i++) {
        char name[8];
        uint32_t me = (uint32_t)cs_rng_below(&rng, 8);
        snprintf(name, sizeof name, "w%u", me);
        struct cs_quota_ask q = wanting(name, (uint32_t)cs_rng_below(&rng, 400), limit[0]);
        q.limit[CS_QUOTA_TOKENS] = limit[1];
        q.cost[CS_QUOTA_TOKENS] = 10;
        double back = floor(has[me] / 3);
        q.back[CS_QUOTA_REQUESTS] = back;
        q.back[CS_QUOTA_TOKENS] = 10 * back;
        struct answer a = ask(&b.loop, b.r, &q);
        assert_true(a.good);
        assert_true(a.grant.calls <= q.want);
        has[me] = a.grant.calls;
        granted[0] += a.grant.calls - back;
        granted[1] += 10 * (a.grant.calls - back);
        double ms = (double)(cs_mono_ms() - began) + 2;
        for (int d = 0; d < 2; d++)
            assert_true(granted[d] <= fmax(0, limit[d] / 60e3 * (ms - CS_QUOTA_LIFE_MS)) + 1);
        if (i == 20)
            age(&b);
    }
    assert_true(granted[0] > 1000); /* of 2000, by asking without a plan */
    close_and_finish(&b.loop, b.r);
}

/* A fleet of askers in real time: what is there is handed out, evenly. */
static void test_fair_and_whole(void **state)
{
    enum { N = 6 };
    struct bench b;
    double got[N] = {0}, sum = 0;
    char name[N][8];
    open_bench(&b, *state);
    uint64_t began = 0;
    for (int round = 0; round < 80; round++) {
        for (int i = 0; i < N; i++) {
            snprintf(name[i], sizeof name[i], "w%d", i);
            struct cs_quota_ask q = wanting(name[i], i == 0 ? 1 : 1000, 60000);
            uint32_t calls = ask(&b.loop, b.r, &q).grant.calls;
            if (round > 35)
                got[i] += calls;
        }
        if (round == 0)
            age(&b);
        if (round == 35)
            began = cs_mono_ms();
        sleep_ms(&b, 50);
    }
    double ms = (double)(cs_mono_ms() - began);
    for (int i = 0; i < N; i++)
        sum += got[i];
    assert_true(sum >= 0.9 * ms); /* a call a millisecond; the last round's sleep is not asked for */
    assert_true(sum <= ms * 1.05 + CS_QUOTA_RESERVE_MS);
    for (int i = 2; i < N; i++) {
        assert_true(got[i] <= got[1] * 1.2);
        assert_true(got[i] >= got[1] * 0.8);
    }
    assert_true(got[0] < got[1] / 2);
    close_and_finish(&b.loop, b.r);
}

/* Random questions at random moments, to the script and to the model that knows the moment: the same answers. */
static void test_the_model_is_the_script(void **state)
{
    static struct quota_model m;
    struct bench b;
    struct cs_rng rng = {.state = 11};
    double share[4] = {-1, -1, -1, -1};
    uint64_t differ = 0, calls = 0;
    open_bench(&b, *state);
    memset(&m, 0, sizeof m);
    for (int i = 0; i < 250; i++) {
        uint32_t me = (uint32_t)cs_rng_below(&rng, 4);
        char name[8];
        snprintf(name, sizeof name, "w%u", me);
        struct cs_quota_ask q = wanting(name, (uint32_t)cs_rng_below(&rng, 30), 12000);
        q.limit[CS_QUOTA_INPUT] = 60000;
        q.cost[CS_QUOTA_INPUT] = 6;
        q.share = share[me];
        struct cs_quota_grant want = model_ask(&m, me, &q, (double)cs_mono_ms());
        struct cs_quota_grant is = ask(&b.loop, b.r, &q).grant;
        if (is.share >= 0)
            share[me] = is.share;
        assert_int_equal(is.share < 0, want.share < 0);
        if (is.share >= 0)
            assert_true(fabs(is.share - want.share) < 0.02);
        calls += want.calls;
        differ += is.calls > want.calls ? is.calls - want.calls : want.calls - is.calls;
        if (i == 5) {
            age(&b);
            m.born = -1e9;
        }
        sleep_ms(&b, 1 + cs_rng_below(&rng, 20));
    }
    assert_true(calls > 50);
    assert_true(differ <= calls / 10 + 3); /* both clocks are cut to milliseconds */
    close_and_finish(&b.loop, b.r);
}

static void test_quiet_is_told_to_all(void **state)
{
    struct bench b;
    open_bench(&b, *state);
    struct cs_quota_ask q = wanting("w", 5, 0);
    q.limit[CS_QUOTA_REQUESTS_DAY] = 1000;
    assert_int_equal(ask(&b.loop, b.r, &q).grant.calls, 5);
    q.quiet_ms = 400;
    struct answer a = ask(&b.loop, b.r, &q);
    assert_int_equal(a.grant.calls, 0);
    q.quiet_ms = 0;
    q.worker = "other";
    a = ask(&b.loop, b.r, &q);
    assert_int_equal(a.grant.calls, 0);
    assert_true(a.grant.quiet_ms > 0 && a.grant.quiet_ms <= 400);
    sleep_ms(&b, 450);
    assert_int_equal(ask(&b.loop, b.r, &q).grant.calls, 5);
    close_and_finish(&b.loop, b.r);
}

static void test_a_day_has_an_end(void **state)
{
    struct bench b;
    uint32_t got = 0;
    open_bench(&b, *state);
    struct cs_quota_ask q = wanting("w", 30, 0);
    q.limit[CS_QUOTA_REQUESTS_DAY] = 100;
    q.limit[CS_QUOTA_TOKENS_DAY] = 700;
    q.cost[CS_QUOTA_TOKENS_DAY] = 10;
    for (int i = 0; i < 6; i++)
        got += ask(&b.loop, b.r, &q).grant.calls;
    assert_int_equal(got, 70);
    q.back[CS_QUOTA_TOKENS_DAY] = 55;
    assert_int_equal(ask(&b.loop, b.r, &q).grant.calls, 5);
    close_and_finish(&b.loop, b.r);
}

static void test_no_redis_no_grant(void **state)
{
    struct bench b;
    open_bench(&b, *state);
    struct cs_quota_ask q = wanting("w", 5, 100);
    server_kill(*state);
    run_until_connected(&b.loop, b.r, false, 3000);
    assert_false(ask(&b.loop, b.r, &q).good);
    close_and_finish(&b.loop, b.r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_new_bucket_is_in_debt), cmocka_unit_test(test_granted_never_passes_the_limit),
        cmocka_unit_test(test_fair_and_whole),          cmocka_unit_test(test_the_model_is_the_script),
        cmocka_unit_test(test_quiet_is_told_to_all),    cmocka_unit_test(test_a_day_has_an_end),
        cmocka_unit_test(test_no_redis_no_grant),
    };
    return cmocka_run_group_tests(tests, server_up, server_down);
}
