/* The pacer: fleets of them in virtual time on a model of the script, held against a provider's own bucket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/base/rng.h"
#include "tests/unit/quota_model.h"
#include "worker/calls/pacer.h"

enum { FLEET_MAX = 16, WINDOW_MS = 60000, RUN_MAX_MS = 200000 };

struct fleet {
    uint32_t n, latency_ms; /* latency: from asking to the grant */
    struct cs_pacer p[FLEET_MAX];
    bool stopped[FLEET_MAX], waits[FLEET_MAX];
    double cost[FLEET_MAX][CS_QUOTA_DIMS]; /* what the call that waits costs */
    uint32_t want[FLEET_MAX];
    struct {
        bool under_way;
        uint64_t at, serial;
        struct cs_quota_grant grant;
    } answer[FLEET_MAX];
    bool redis_up;
    struct quota_model redis;
    struct cs_rng rng;
    int dim;     /* that counts */
    bool uneven; /* costs */
    uint64_t now;
    double used[FLEET_MAX];
    /* the provider: a bucket of a second, empty at first */
    double rate, level, total, refused;
    double spent[RUN_MAX_MS + 1]; /* sum up to each millisecond */
};

static void pacer(struct cs_pacer *p, enum cs_protocol protocol, const struct cs_limits *limits)
{
    cs_pacer_init(p, protocol, 0);
    cs_pacer_declare(p, 0, limits);
}

static void fleet_open(struct fleet *f, uint32_t n, const struct cs_limits *limits, int dim)
{
    memset(f, 0, sizeof *f);
    f->n = n;
    f->dim = dim;
    f->latency_ms = 2;
    f->redis_up = true;
    f->rng.state = 7;
    for (uint32_t i = 0; i < n; i++) {
        pacer(&f->p[i], CS_PROTOCOL_OPENAI_CHAT, limits);
        f->want[i] = 1000;
    }
    f->rate = f->p[0].limit[dim] / 60e3;
}

static void try_start(struct fleet *f, uint32_t i)
{
    for (;;) {
        if (!f->waits[i]) {
            size_t bytes = f->uneven ? 500 + cs_rng_below(&f->rng, 6000) : 1000;
            cs_pacer_cost(&f->p[i], bytes, 300, f->cost[i]);
        }
        f->waits[i] = true;
        if (!cs_pacer_start(&f->p[i], f->cost[i], f->now))
            return;
        f->waits[i] = false;
        double units = f->cost[i][f->dim];
        f->used[i] += units;
        f->total += units;
        f->level -= units;
        if (f->level < -1e-3 - (f->rate * 1000 < units ? units : 0))
            f->refused++;
    }
}

static void fleet_run(struct fleet *f, uint64_t ms)
{
    for (uint64_t end = f->now + ms; f->now < end;) {
        f->now++;
        f->level += f->rate;
        f->level = f->level < f->rate * 1000 ? f->level : f->rate * 1000;
        for (uint32_t k = 0; k < f->n; k++) {
            uint32_t i = (uint32_t)((k + f->now) % f->n);
            struct cs_quota_ask ask;
            if (f->stopped[i])
                continue;
            if (f->answer[i].under_way && f->now >= f->answer[i].at) {
                f->answer[i].under_way = false;
                cs_pacer_granted(&f->p[i], f->answer[i].serial, f->redis_up ? &f->answer[i].grant : NULL, f->now);
            }
            if (f->want[i] > 0 && !cs_pacer_shut(&f->p[i], f->now))
                try_start(f, i);
            if (!f->answer[i].under_way && cs_pacer_ask(&f->p[i], f->want[i], f->now, &ask)) {
                f->answer[i].under_way = true;
                f->answer[i].at = f->now + f->latency_ms;
                f->answer[i].serial = f->p[i].serial;
                if (f->redis_up)
                    f->answer[i].grant = model_ask(&f->redis, i, &ask, (double)f->now);
            }
        }
        assert_true(f->now <= RUN_MAX_MS);
        f->spent[f->now] = f->total;
    }
}

static double over_window(const struct fleet *f, uint64_t end, uint64_t ms)
{
    return f->spent[end] - f->spent[end > ms ? end - ms : 0];
}

static void assert_within(const struct fleet *f, uint64_t window, double slack)
{
    for (uint64_t end = 1; end <= f->now; end++) {
        if (over_window(f, end, window) > f->rate * (double)window + slack)
            fail_msg("%.1f in the %u ms before %u", over_window(f, end, window), (unsigned)window, (unsigned)end);
    }
}

static double jain(const struct fleet *f)
{
    double sum = 0, squares = 0;
    for (uint32_t i = 0; i < f->n; i++) {
        sum += f->used[i];
        squares += f->used[i] * f->used[i];
    }
    return sum * sum / (f->n * squares);
}

/* The whole limit and not more: any 60 s hold the limit plus what a second's burst allows, and the provider, whose own bucket
 * holds a second, says no to none. */
static void whole_limit(uint32_t workers, struct cs_limits limits, int dim, bool uneven)
{
    static struct fleet f;
    fleet_open(&f, workers, &limits, dim);
    f.uneven = uneven;
    fleet_run(&f, 30000);
    memset(f.used, 0, sizeof f.used);
    fleet_run(&f, 120000);
    double part = over_window(&f, f.now, 120000) / (f.rate * 120000);
    if (getenv("BENCH_LOG") != NULL)
        print_message("workers=%u dim=%d part=%.4f jain=%.4f refused=%.0f\n", workers, dim, part, jain(&f), f.refused);
    assert_true(part >= 0.99);
    assert_true(part <= 1.001 + f.cost[0][dim] / (f.rate * 120000));
    assert_true(jain(&f) >= 0.95);
    assert_true(f.refused == 0);
    assert_within(&f, WINDOW_MS, f.rate * 1000 + 2 * f.cost[0][dim]);
    assert_true(f.spent[WINDOW_MS] <= f.rate * WINDOW_MS); /* from the start on there is no burst at all */
}

static void test_requests(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= FLEET_MAX; n *= 4)
        whole_limit(n, (struct cs_limits){.requests_per_minute = 6000}, CS_QUOTA_REQUESTS, false);
}

static void test_slow_requests(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= FLEET_MAX; n *= 4)
        whole_limit(n, (struct cs_limits){.requests_per_minute = 240}, CS_QUOTA_REQUESTS, false);
}

static void test_tokens(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= FLEET_MAX; n *= 4)
        whole_limit(n, (struct cs_limits){.requests_per_minute = 60000, .tokens_per_minute = 3000000}, CS_QUOTA_TOKENS,
                    true);
}

static void test_a_worker_that_wants_little_leaves_the_rest(void **state)
{
    static struct fleet f;
    (void)state;
    fleet_open(&f, 4, &(struct cs_limits){.requests_per_minute = 6000}, CS_QUOTA_REQUESTS);
    f.want[0] = 1; /* in a slice, where an even share would be six */
    fleet_run(&f, 40000);
    assert_true(over_window(&f, f.now, 30000) >= 0.99 * f.rate * 30000);
    assert_true(f.used[1] > 1.5 * f.used[0]);
    assert_true(f.refused == 0);
}

static void test_a_killed_workers_share_is_taken_over(void **state)
{
    static struct fleet f;
    (void)state;
    fleet_open(&f, 4, &(struct cs_limits){.requests_per_minute = 6000}, CS_QUOTA_REQUESTS);
    fleet_run(&f, 30000);
    f.stopped[2] = true;
    fleet_run(&f, 120000);
    assert_true(over_window(&f, f.now, 120000) >= 0.98 * f.rate * 120000);
    assert_true(over_window(&f, f.now, 60000) >= 0.99 * f.rate * 60000);
    assert_true(f.refused == 0);
}

static void test_redis_away_and_back_empty(void **state)
{
    static struct fleet f;
    (void)state;
    fleet_open(&f, 4, &(struct cs_limits){.requests_per_minute = 6000}, CS_QUOTA_REQUESTS);
    fleet_run(&f, 30000);
    f.redis_up = false;
    fleet_run(&f, 5000);
    assert_true(over_window(&f, f.now, 4000) >= 0.8 * f.rate * 4000);
    assert_true(over_window(&f, f.now, 4000) <= 0.92 * f.rate * 4000);
    memset(&f.redis, 0, sizeof f.redis); /* it lost all */
    f.redis_up = true;
    fleet_run(&f, 115000);
    assert_true(over_window(&f, f.now, 120000) >= 0.98 * f.rate * 120000);
    assert_true(f.refused == 0);
}

static void test_redis_flushed_grants_no_second_quota(void **state)
{
    static struct fleet f;
    (void)state;
    fleet_open(&f, 4, &(struct cs_limits){.requests_per_minute = 6000}, CS_QUOTA_REQUESTS);
    for (int i = 0; i < 30; i++) { /* again and again, at odd moments */
        fleet_run(&f, 3777);
        memset(&f.redis, 0, sizeof f.redis);
    }
    assert_true(f.refused == 0);
    assert_within(&f, 10000, f.rate * 500);
}

static void test_without_a_share_nobody_starts(void **state)
{
    static struct fleet f;
    (void)state;
    fleet_open(&f, 2, &(struct cs_limits){.requests_per_minute = 6000}, CS_QUOTA_REQUESTS);
    f.redis_up = false;
    fleet_run(&f, 20000);
    assert_true(f.total == 0);
}

/* What may be damage is thrown away only after a while: a Redis that only restarts is waited for. */
static void test_without_answers_it_asks_for_a_mend(void **state)
{
    const struct cs_limits limits = {.requests_per_minute = 6000};
    const struct cs_quota_grant good = {.calls = 1};
    struct cs_pacer p;
    struct cs_quota_ask ask;
    uint64_t now = 1000;
    (void)state;
    pacer(&p, CS_PROTOCOL_OPENAI_CHAT, &limits);
    for (const uint64_t refused = now; now < refused + CS_QUOTA_MEND_MS; now += CS_QUOTA_SLICE_MS) {
        assert_true(cs_pacer_ask(&p, 1, now, &ask));
        assert_false(ask.mend);
        cs_pacer_granted(&p, p.serial, NULL, now);
    }
    for (int answered = 0; answered < 2; answered++, now += CS_QUOTA_SLICE_MS) {
        assert_true(cs_pacer_ask(&p, 1, now, &ask));
        assert_int_equal(ask.mend, answered == 0);
        cs_pacer_granted(&p, p.serial, &good, now);
    }
}

static void test_alone_without_redis(void **state)
{
    static struct fleet f;
    (void)state;
    fleet_open(&f, 1, &(struct cs_limits){.requests_per_minute = 6000}, CS_QUOTA_REQUESTS);
    cs_pacer_alone(&f.p[0], 0);
    fleet_run(&f, 60000);
    assert_true(f.total >= 0.89 * f.rate * 60000);
    assert_true(f.total <= 0.9 * f.rate * 60000 + 1);
    assert_true(f.p[0].serial == 0);
}

static void test_a_429_quiets_all(void **state)
{
    static struct fleet f;
    (void)state;
    fleet_open(&f, 4, &(struct cs_limits){.requests_per_minute = 6000}, CS_QUOTA_REQUESTS);
    fleet_run(&f, 20000);
    cs_pacer_limited(&f.p[1], 3000, f.now);
    fleet_run(&f, 2 * CS_QUOTA_SLICE_MS);
    double before = f.total;
    fleet_run(&f, 2400);
    assert_true(f.total == before);
    fleet_run(&f, 2000);
    assert_true(f.total > before);
}

static void test_a_lower_limit_is_followed_and_left(void **state)
{
    static struct fleet f;
    (void)state;
    fleet_open(&f, 2, &(struct cs_limits){.requests_per_minute = 6000}, CS_QUOTA_REQUESTS);
    fleet_run(&f, 20000);
    for (uint32_t i = 0; i < 2; i++)
        cs_pacer_told(&f.p[i], (const double[CS_QUOTA_PER_MINUTE]){3000}, f.now);
    fleet_run(&f, 2000);
    fleet_run(&f, 20000);
    assert_true(over_window(&f, f.now, 20000) <= 0.5 * f.rate * 20000 + 50);
    assert_true(over_window(&f, f.now, 20000) >= 0.49 * f.rate * 20000);
    cs_pacer_told(&f.p[0], (const double[CS_QUOTA_PER_MINUTE]){9000}, f.now); /* more than is declared is not taken */
    assert_true(f.p[0].limit[CS_QUOTA_REQUESTS] == 6000);
}

static void test_no_burst_inside_a_slice(void **state)
{
    static struct fleet f;
    (void)state;
    fleet_open(&f, 1, &(struct cs_limits){.requests_per_minute = 60000}, CS_QUOTA_REQUESTS);
    fleet_run(&f, 30000);
    for (uint64_t end = 10000; end <= f.now; end++)
        assert_true(over_window(&f, end, 10) <= f.rate * (10 + CS_PACER_LAG_MS) * 1.3);
}

static struct cs_pacer_pool *only(struct fleet *f, uint32_t i)
{
    return &f->p[i].pool[0];
}

/* Calls that last for a while: all workers together never have more in flight than is declared, through restarts of Redis. */
static void test_calls_at_once(void **state)
{
    enum { AT_ONCE = 30, LASTS = 40, WORKERS = 4 };
    static struct fleet f;
    static uint64_t ends[WORKERS][AT_ONCE * 2];
    const double free_of_charge[CS_QUOTA_DIMS] = {0};
    uint64_t done = 0, turns[WORKERS] = {0};
    bool idle[WORKERS] = {0};
    (void)state;
    memset(ends, 0, sizeof ends);
    fleet_open(&f, WORKERS, &(struct cs_limits){.concurrent = AT_ONCE}, CS_QUOTA_REQUESTS);
    for (f.now = 1; f.now < 60000; f.now++) {
        uint32_t sum = 0;
        f.redis_up = f.now < 20000 || f.now > 25000;
        if (f.now == 25000 || f.now == 40000)
            memset(&f.redis, 0, sizeof f.redis);
        for (uint32_t i = 0; i < WORKERS; i++) {
            struct cs_quota_ask ask;
            if (f.now >= turns[i]) { /* out of work now and then, so that the others get its part */
                idle[i] = f.now > 10000 && !idle[i] && cs_rng_below(&f.rng, 2) == 0;
                turns[i] = f.now + cs_rng_below(&f.rng, 400);
            }
            for (size_t k = 0; k < AT_ONCE * 2; k++) {
                if (ends[i][k] != 0 && ends[i][k] <= f.now) {
                    ends[i][k] = 0;
                    done++;
                    cs_pacer_ended(&f.p[i], free_of_charge, 10, 0, 0);
                }
                if (ends[i][k] == 0 && !idle[i] && cs_pacer_start(&f.p[i], free_of_charge, f.now))
                    ends[i][k] = f.now + 1 + cs_rng_below(&f.rng, 2 * LASTS);
            }
            sum += f.p[i].in_flight;
            if (f.answer[i].under_way && f.now >= f.answer[i].at) {
                f.answer[i].under_way = false;
                cs_pacer_granted(&f.p[i], f.answer[i].serial, f.redis_up ? &f.answer[i].grant : NULL, f.now);
            }
            if (!f.answer[i].under_way && cs_pacer_ask(&f.p[i], idle[i] ? 0 : 50, f.now, &ask)) {
                f.answer[i].under_way = true;
                f.answer[i].at = f.now + 1 + cs_rng_below(&f.rng, 80); /* slow, so that much happens meanwhile */
                f.answer[i].serial = f.p[i].serial;
                if (f.redis_up)
                    f.answer[i].grant = model_ask(&f.redis, i, &ask, (double)f.now);
            }
        }
        if (sum > AT_ONCE)
            fail_msg("%u calls at %u ms", sum, (unsigned)f.now);
    }
    assert_true(done > (60000 - 3 * 6000) * AT_ONCE / LASTS / 2);
}

static void test_slow_answers_do_not_bring_back_an_old_limit(void **state)
{
    static struct fleet f;
    (void)state;
    fleet_open(&f, 1, &(struct cs_limits){.requests_per_minute = 6000}, CS_QUOTA_REQUESTS);
    cs_pacer_told(&f.p[0], (const double[CS_QUOTA_PER_MINUTE]){3000}, 5000);
    cs_pacer_told(&f.p[0], (const double[CS_QUOTA_PER_MINUTE]){6000}, 4000); /* sent before, answered after */
    assert_true(f.p[0].limit[CS_QUOTA_REQUESTS] == 3000);
    cs_pacer_told(&f.p[0], (const double[CS_QUOTA_PER_MINUTE]){6000}, 6000);
    assert_true(f.p[0].limit[CS_QUOTA_REQUESTS] == 6000);
}

/* What is told is of the pool that declares the least; and a pool can be declared anew. */
static void test_of_two_pools_the_narrow_one_is_told(void **state)
{
    static struct fleet f;
    (void)state;
    fleet_open(&f, 1, &(struct cs_limits){.requests_per_minute = 6000}, CS_QUOTA_REQUESTS);
    cs_pacer_declare(&f.p[0], 1, &(struct cs_limits){.requests_per_minute = 9000, .tokens_per_minute = 50});
    cs_pacer_told(&f.p[0], (const double[CS_QUOTA_PER_MINUTE]){4000, 40}, 1);
    assert_true(f.p[0].limit[CS_QUOTA_REQUESTS] == 4000 && f.p[0].limit[CS_QUOTA_TOKENS] == 40);
    assert_true(only(&f, 0)->told[CS_QUOTA_REQUESTS] == 4000);
    assert_true(f.p[0].pool[1].told[CS_QUOTA_REQUESTS] == 0 && f.p[0].pool[1].told[CS_QUOTA_TOKENS] == 40);
    cs_pacer_declare(&f.p[0], 0, &(struct cs_limits){.requests_per_minute = 2000});
    assert_true(f.p[0].limit[CS_QUOTA_REQUESTS] == 2000);
    assert_int_equal(f.p[0].n_pools, 2);
}

/* Bodies have a part that is no prompt: the estimate finds it, so that long and short prompts are charged alike. */
static void test_estimate_is_a_line(void **state)
{
    struct cs_pacer p;
    struct cs_rng rng = {.state = 4};
    double cost[CS_QUOTA_DIMS];
    (void)state;
    pacer(&p, CS_PROTOCOL_GEMINI, &(struct cs_limits){.tokens_per_minute = 1000});
    for (int i = 0; i < 400; i++) {
        size_t bytes = 1500 + cs_rng_below(&rng, 8000);
        p.in_flight++;
        cs_pacer_ended(&p, cost, bytes, (uint32_t)(bytes - 1200) / 4, 1);
    }
    for (size_t bytes = 1500; bytes < 10000; bytes += 500) {
        cs_pacer_cost(&p, bytes, 400, cost);
        assert_true(fabs(cost[CS_QUOTA_INPUT] - (double)(bytes - 1200) / 4) < 8);
    }
}

static void test_costs(void **state)
{
    struct cs_pacer p;
    double cost[CS_QUOTA_DIMS];
    const struct cs_limits limits = {.tokens_per_minute = 1000};
    (void)state;
    pacer(&p, CS_PROTOCOL_OPENAI_CHAT, &limits);
    cs_pacer_cost(&p, 1000, 400, cost);
    assert_true(cost[CS_QUOTA_TOKENS] == 400);
    cs_pacer_cost(&p, 10000, 400, cost);
    assert_true(cost[CS_QUOTA_TOKENS] == 3000);
    p.in_flight = 200;
    for (int i = 0; i < 200; i++)
        cs_pacer_ended(&p, cost, 1000, i % 2 == 0 ? 190 : 210, 50);
    cs_pacer_cost(&p, 10000, 400, cost);
    assert_true(cost[CS_QUOTA_INPUT] > 2100 && cost[CS_QUOTA_INPUT] < 2300); /* two deviations over 2000 */
    assert_true(p.back[CS_QUOTA_TOKENS] == 0);

    pacer(&p, CS_PROTOCOL_ANTHROPIC_MESSAGES, &limits);
    cs_pacer_cost(&p, 1000, 400, cost);
    assert_true(cost[CS_QUOTA_INPUT] == 300 && cost[CS_QUOTA_OUTPUT] == 400);
    p.in_flight++;
    cs_pacer_ended(&p, cost, 1000, 250, 100);
    assert_true(p.back[CS_QUOTA_INPUT] == 50 && p.back[CS_QUOTA_OUTPUT] == 300);
    p.in_flight++;
    cs_pacer_ended(&p, cost, 1000, 0, 0); /* a failure */
    assert_true(p.back[CS_QUOTA_INPUT] == 50);

    pacer(&p, CS_PROTOCOL_BEDROCK_CONVERSE, &limits);
    cs_pacer_cost(&p, 1000, 400, cost);
    assert_true(cost[CS_QUOTA_TOKENS] == 700);
    pacer(&p, CS_PROTOCOL_GEMINI, &limits);
    cs_pacer_cost(&p, 1000, 400, cost);
    assert_true(cost[CS_QUOTA_TOKENS] == 300);
    assert_false(cs_pacer_needed(&(struct cs_limits){0}));
    assert_true(cs_pacer_needed(&(struct cs_limits){.concurrent = 5}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_slow_requests),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_a_worker_that_wants_little_leaves_the_rest),
        cmocka_unit_test(test_a_killed_workers_share_is_taken_over),
        cmocka_unit_test(test_redis_away_and_back_empty),
        cmocka_unit_test(test_redis_flushed_grants_no_second_quota),
        cmocka_unit_test(test_without_a_share_nobody_starts),
        cmocka_unit_test(test_without_answers_it_asks_for_a_mend),
        cmocka_unit_test(test_alone_without_redis),
        cmocka_unit_test(test_a_429_quiets_all),
        cmocka_unit_test(test_a_lower_limit_is_followed_and_left),
        cmocka_unit_test(test_no_burst_inside_a_slice),
        cmocka_unit_test(test_calls_at_once),
        cmocka_unit_test(test_slow_answers_do_not_bring_back_an_old_limit),
        cmocka_unit_test(test_of_two_pools_the_narrow_one_is_told),
        cmocka_unit_test(test_estimate_is_a_line),
        cmocka_unit_test(test_costs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
