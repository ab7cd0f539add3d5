/* The script that leases a pool's slices, in a real Redis: held against its model in C, and against the limit itself. */
#include "tests/unit/fixture_redis.h"

#include "protocol/base/clock.h"
#include "protocol/base/rng.h"
#include "store/redis/quota_days.h"
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

static void on_seeded(void *self, const struct cs_day_told *told)
{
    (void)told;
    *(bool *)self = true;
}

/* As the coordinator does: limits of a day, and nothing granted yet, unless the bucket knows better. */
static void seed(uv_loop_t *loop, struct cs_redis *r, const struct cs_quota_ask *q, const struct cs_quota_pool *p)
{
    struct cs_day_ask day = {.group = q->group, .pool = p->name, .day = cs_clock_wall_ms() / 86400000};
    bool done = false;
    for (int d = 0; d < CS_DAY_DIMS; d++)
        day.ceiling[d] = (uint64_t)p->limit[CS_QUOTA_PER_MINUTE + d];
    if (day.ceiling[0] + day.ceiling[1] == 0)
        return;
    cs_quota_days_tell(r, &day, on_seeded, &done);
    assert_true(done || run_until(loop, &done, 3000));
}

static struct answer ask(uv_loop_t *loop, struct cs_redis *r, const struct cs_quota_ask *q)
{
    struct answer a = {0};
    for (uint32_t i = 0; i < q->n_pools; i++)
        seed(loop, r, q, &q->pool[i]);
    cs_quota_ask(r, q, on_grant, &a);
    assert_true(a.done || run_until(loop, &a.done, 3000));
    return a;
}

static struct cs_quota_ask wanting(const char *worker, uint32_t want, double rpm)
{
    struct cs_quota_ask q = {.group = "g", .claimant = worker, .n_pools = 1, .want = want};
    q.pool[0] = (struct cs_quota_pool){.name = "p", .share = -1, .told.age_ms = -1};
    q.pool[0].limit[CS_QUOTA_REQUESTS] = rpm;
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

/* A pause of this machine's, not of the asker's: what a bucket gives meanwhile and cannot hold is nobody's. */
struct pauses {
    uint64_t last_ms, wasted_ms;
};

static void note_pause(struct pauses *p)
{
    uint64_t now = cs_clock_mono_ms(), gap = p->last_ms == 0 ? 0 : now - p->last_ms, held = CS_QUOTA_RESERVE_MS / 2;
    p->wasted_ms += gap > held ? gap - held : 0;
    p->last_ms = now;
}

/* Makes a bucket old (and its table's rows with it), so that shares are what wants make them. */
static void age(struct bench *b)
{
    const char *script = "redis.call('HSET', KEYS[1], 'born', '0') return 1";
    cs_redis_command(b->r, 4, (const char *[]){"EVAL", script, "1", "clinsafe:quota:{g}:p"}, NULL, NULL, NULL);
}

static void test_a_new_bucket_is_in_debt(void **state)
{
    struct bench b;
    open_bench(&b, *state);
    struct cs_quota_ask q = wanting("w", 1000, 60000);
    uint64_t began = cs_clock_mono_ms(); /* before the bucket is, which may be long before its answer comes */
    assert_int_equal(ask(&b.loop, b.r, &q).grant.calls, 0);
    uint32_t got = 0;
    while (cs_clock_mono_ms() < began + 700) {
        sleep_ms(&b, 50);
        got += ask(&b.loop, b.r, &q).grant.calls;
    }
    if (cs_clock_mono_ms() < began + CS_QUOTA_LIFE_MS)
        assert_int_equal(got, 0);
    while (got == 0 && cs_clock_mono_ms() < began + 10000) {
        sleep_ms(&b, 50);
        got += ask(&b.loop, b.r, &q).grant.calls;
    }
    assert_true(got > 0);
    assert_true(cs_clock_mono_ms() >= began + CS_QUOTA_LIFE_MS);
    close_and_finish(&b.loop, b.r);
}

/* A whole reserve at once, for all workers together and once only; what is lost afterwards is in debt like any other. */
static void test_a_fresh_fleet_begins_at_once(void **state)
{
    struct bench b;
    open_bench(&b, *state);
    const double rpm = 600; /* a slow one: what it gives while this test asks is less than a call or two */
    const uint32_t reserve = (uint32_t)(rpm / 60e3 * CS_QUOTA_RESERVE_MS);
    uint64_t began = cs_clock_mono_ms();
    uint32_t got = 0;
    for (int i = 0; i < 4; i++) {
        struct cs_quota_ask q = wanting(i % 2 == 0 ? "w" : "v", 1000, rpm);
        q.fresh = true;
        got += ask(&b.loop, b.r, &q).grant.calls;
        if (i == 0)
            assert_in_range(got, 1, reserve);
    }
    assert_true(got <= reserve + rpm / 60e3 * (double)(cs_clock_mono_ms() - began) + 1e-6);
    cs_redis_command(b.r, 1, (const char *[]){"FLUSHALL"}, NULL, NULL, NULL);
    struct cs_quota_ask q = wanting("w", 1000, rpm);
    assert_int_equal(ask(&b.loop, b.r, &q).grant.calls, 0);
    q.fresh = true;
    assert_int_equal(ask(&b.loop, b.r, &q).grant.calls, 0); /* who knows better came first */
    close_and_finish(&b.loop, b.r);
}

/* Many clients with wants, returns and forgetting: what was granted and not returned never passes rate x time. */
static void test_granted_never_passes_the_limit(void **state)
{
    struct bench b;
    struct cs_rng rng = {.state = 3};
    double granted[2] = {0}, limit[2] = {60000, 600000}, has[8] = {0};
    struct pauses pauses = {0};
    open_bench(&b, *state);
    uint64_t began = cs_clock_mono_ms();
    for (int i = 0; cs_clock_mono_ms() < began + 3000; i++) {
        char name[8];
        uint32_t me = (uint32_t)cs_rng_below(&rng, 8);
        snprintf(name, sizeof name, "w%u", me);
        struct cs_quota_ask q = wanting(name, (uint32_t)cs_rng_below(&rng, 400), limit[0]);
        q.pool[0].limit[CS_QUOTA_TOKENS] = limit[1];
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
        double ms = (double)(cs_clock_mono_ms() - began) + 2;
        for (int d = 0; d < 2; d++)
            assert_true(granted[d] <= fmax(0, limit[d] / 60e3 * (ms - CS_QUOTA_LIFE_MS)) + 1);
        if (i == 20)
            age(&b);
        note_pause(&pauses);
    }
    assert_true(granted[0] > 1000 - (double)pauses.wasted_ms); /* and below 2000, by asking without a plan */
    close_and_finish(&b.loop, b.r);
}

/* A fleet of askers in real time: what is there is handed out, evenly. */
static void test_fair_and_whole(void **state)
{
    enum { N = 6 };
    struct bench b;
    double got[N] = {0}, sum = 0;
    char name[N][16];
    open_bench(&b, *state);
    uint64_t began = 0;
    struct pauses pauses = {0};
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
            began = cs_clock_mono_ms();
        if (round >= 35)
            note_pause(&pauses);
        sleep_ms(&b, 50);
    }
    double ms = (double)(cs_clock_mono_ms() - began);
    for (int i = 0; i < N; i++)
        sum += got[i];
    double used = ms - (double)pauses.wasted_ms;
    assert_true(sum >= 0.9 * used); /* a call a millisecond; the last round's sleep is not asked for */
    assert_true(sum <= ms * 1.05 + CS_QUOTA_RESERVE_MS);
    for (int i = 2; i < N; i++) {
        assert_true(got[i] <= got[1] * 1.2);
        assert_true(got[i] >= got[1] * 0.8);
    }
    assert_true(got[0] < got[1] / 2);
    close_and_finish(&b.loop, b.r);
}

struct moment {
    bool done;
    double ms;
};

static void on_moment(void *self, const struct cs_reply *reply)
{
    struct moment *at = self;
    at->done = true;
    if (reply != NULL && reply->kind == CS_REPLY_STR)
        at->ms = strtod(reply->str, NULL);
}

/* When the script answered last, by its own clock: however long this machine paused before and after. */
static double answered_at(struct bench *b)
{
    struct moment at = {0};
    cs_redis_command(b->r, 3, (const char *[]){"HGET", "clinsafe:quota:{g}:p", "at"}, NULL, on_moment, &at);
    assert_true(run_until(&b->loop, &at.done, 10000));
    assert_true(at.ms > 0);
    return at.ms;
}

/* Random questions at random moments, to the script and to the model that is told the moment: the same answers. */
static void test_the_model_is_the_script(void **state)
{
    static struct quota_model m;
    struct bench b;
    struct cs_rng rng = {.state = 11};
    double share[4] = {-1, -1, -1, -1};
    uint64_t calls = 0;
    open_bench(&b, *state);
    memset(&m, 0, sizeof m);
    for (int i = 0; i < 250; i++) {
        uint32_t me = (uint32_t)cs_rng_below(&rng, 4);
        char name[8];
        snprintf(name, sizeof name, "w%u", me);
        struct cs_quota_ask q = wanting(name, (uint32_t)cs_rng_below(&rng, 30), 12000);
        q.pool[0].limit[CS_QUOTA_INPUT] = 60000;
        q.cost[CS_QUOTA_INPUT] = 6;
        q.pool[0].share = share[me];
        struct answer a = ask(&b.loop, b.r, &q);
        assert_true(a.good);
        struct cs_quota_grant is = a.grant, want = model_ask(&m, me, &q, answered_at(&b));
        if (is.pool[0].share >= 0)
            share[me] = is.pool[0].share;
        assert_int_equal(is.pool[0].share < 0, want.pool[0].share < 0);
        if (is.pool[0].share >= 0)
            assert_true(fabs(is.pool[0].share - want.pool[0].share) < 1e-5);
        calls += want.calls;
        assert_int_equal(is.calls, want.calls);
        if (i == 5) {
            age(&b);
            m.born = -1e9;
        }
        sleep_ms(&b, 1 + cs_rng_below(&rng, 20));
    }
    assert_true(calls > 50);
    close_and_finish(&b.loop, b.r);
}

static void test_quiet_is_told_to_all(void **state)
{
    struct bench b;
    open_bench(&b, *state);
    struct cs_quota_ask q = wanting("w", 5, 0);
    assert_int_equal(ask(&b.loop, b.r, &q).grant.calls, 5);
    q.quiet_ms = 1500;
    struct answer a = ask(&b.loop, b.r, &q);
    assert_int_equal(a.grant.calls, 0);
    q.quiet_ms = 0;
    q.claimant = "other";
    a = ask(&b.loop, b.r, &q);
    assert_int_equal(a.grant.calls, 0);
    assert_true(a.grant.quiet_ms > 0 && a.grant.quiet_ms <= 1500);
    sleep_ms(&b, 1550);
    assert_int_equal(ask(&b.loop, b.r, &q).grant.calls, 5);
    close_and_finish(&b.loop, b.r);
}

static void test_a_day_has_an_end(void **state)
{
    struct bench b;
    uint32_t got = 0;
    open_bench(&b, *state);
    struct cs_quota_ask q = wanting("w", 30, 0);
    q.pool[0].limit[CS_QUOTA_REQUESTS_DAY] = 100;
    q.pool[0].limit[CS_QUOTA_TOKENS_DAY] = 700;
    q.cost[CS_QUOTA_TOKENS_DAY] = 10;
    for (int i = 0; i < 6; i++)
        got += ask(&b.loop, b.r, &q).grant.calls;
    assert_int_equal(got, 70);
    q.back[CS_QUOTA_TOKENS_DAY] = 55;
    assert_int_equal(ask(&b.loop, b.r, &q).grant.calls, 5);
    close_and_finish(&b.loop, b.r);
}

/* ---- several pools ------------------------------------------------------------------------------------ */

static struct cs_quota_ask from_both(const char *claimant, const char *narrow, double rpm, uint32_t want)
{
    struct cs_quota_ask q = wanting(claimant, want, rpm);
    q.pool[0].name = narrow;
    q.n_pools = 2;
    q.pool[1] = (struct cs_quota_pool){.name = "wide", .share = -1, .told.age_ms = -1};
    q.pool[1].limit[CS_QUOTA_REQUESTS] = 60000;
    return q;
}

static void age_pool(struct bench *b, const char *name)
{
    const char *script = "redis.call('HSET', KEYS[1], 'born', '0') return 1";
    cs_redis_command(b->r, 4, (const char *[]){"EVAL", script, "1", name}, NULL, NULL, NULL);
}

/* Two draws share the wide pool. One may take little of it, by its narrow one: the other gets the rest. No pool gives more
 * than its limit. */
static void test_a_call_draws_from_all_its_pools(void **state)
{
    struct bench b;
    double got[2] = {0};
    uint64_t began = 0;
    struct pauses pauses = {0};
    open_bench(&b, *state);
    for (int round = 0; round < 90; round++) {
        struct cs_quota_ask slow = from_both("w/0", "slow", 6000, 1000), fast = from_both("w/1", "fast", 600000, 1000);
        if (round == 45) {
            began = cs_clock_mono_ms();
            got[0] = got[1] = 0;
        }
        got[0] += ask(&b.loop, b.r, &slow).grant.calls;
        got[1] += ask(&b.loop, b.r, &fast).grant.calls;
        if (round == 0) {
            age_pool(&b, "clinsafe:quota:{g}:slow");
            age_pool(&b, "clinsafe:quota:{g}:fast");
            age_pool(&b, "clinsafe:quota:{g}:wide");
        }
        if (round >= 45)
            note_pause(&pauses);
        sleep_ms(&b, 50);
    }
    double ms = (double)(cs_clock_mono_ms() - began), reserve = CS_QUOTA_RESERVE_MS;
    double used = ms - (double)pauses.wasted_ms;
    assert_true(got[0] <= 0.1 * (ms + reserve) + 1); /* its own limit: a call in ten milliseconds */
    assert_true(got[0] >= 0.08 * used);
    assert_true(got[0] + got[1] <= ms + reserve + 1); /* the wide one's: a call in a millisecond */
    assert_true(got[1] >= 0.75 * used);
    close_and_finish(&b.loop, b.r);
}

static void test_the_empty_pool_of_two_decides(void **state)
{
    struct bench b;
    open_bench(&b, *state);
    struct cs_quota_ask q = from_both("w", "narrow", 60000, 50);
    q.pool[1].limit[CS_QUOTA_REQUESTS] = 0; /* gives what is wanted */
    assert_int_equal(ask(&b.loop, b.r, &q).grant.calls, 0);
    q.pool[0].limit[CS_QUOTA_REQUESTS] = 0;
    assert_int_equal(ask(&b.loop, b.r, &q).grant.calls, 50);
    q.pool[1].limit[CS_QUOTA_REQUESTS] = 60000;
    assert_int_equal(ask(&b.loop, b.r, &q).grant.calls, 0);
    close_and_finish(&b.loop, b.r);
}

static void test_quiet_holds_for_the_narrow_pool(void **state)
{
    struct bench b;
    open_bench(&b, *state);
    struct cs_quota_ask a = from_both("w/0", "one", 0, 5), other = from_both("w/1", "two", 0, 5);
    a.pool[1].limit[CS_QUOTA_REQUESTS] = other.pool[1].limit[CS_QUOTA_REQUESTS] = 0; /* gives what is wanted */
    a.quiet_ms = 2000;
    assert_int_equal(ask(&b.loop, b.r, &a).grant.calls, 0);
    assert_int_equal(ask(&b.loop, b.r, &other).grant.calls, 5);
    close_and_finish(&b.loop, b.r);
}

/* ---- what the provider tells ---------------------------------------------------------------------------- */

static void test_a_told_limit_holds_for_all_until_told_anew(void **state)
{
    struct bench b;
    open_bench(&b, *state);
    struct cs_quota_ask q = wanting("w", 5, 6000), other = wanting("other", 5, 6000);
    q.pool[0].told = (struct cs_quota_told){.age_ms = 1000, .limit = {3000}};
    ask(&b.loop, b.r, &q);
    struct cs_quota_told told = ask(&b.loop, b.r, &other).grant.pool[0].told;
    assert_true(told.limit[CS_QUOTA_REQUESTS] == 3000);
    assert_in_range(told.age_ms, 1000, 4000);
    other.pool[0].told = (struct cs_quota_told){.age_ms = 60000, .limit = {6000}}; /* by a call that was sent earlier */
    assert_true(ask(&b.loop, b.r, &other).grant.pool[0].told.limit[CS_QUOTA_REQUESTS] == 3000);
    other.pool[0].told = (struct cs_quota_told){.age_ms = 1, .limit = {4000}};
    ask(&b.loop, b.r, &other);
    assert_true(ask(&b.loop, b.r, &q).grant.pool[0].told.limit[CS_QUOTA_REQUESTS] == 4000);
    close_and_finish(&b.loop, b.r);
}

/* ---- calls at once ---------------------------------------------------------------------------------------- */

enum { FLEET = 5, AT_ONCE = 23 };

/* Workers that start and end calls at random within what they were allotted, and one that goes silent; the table is lost in
 * between. All calls in flight together never pass the limit. */
static void test_calls_at_once_never_pass_the_limit(void **state)
{
    struct bench b;
    struct cs_rng rng = {.state = 5};
    uint32_t held[FLEET] = {0}, may[FLEET] = {0}, most = 0;
    open_bench(&b, *state);
    for (int i = 0; i < 900; i++) {
        uint32_t me = (uint32_t)cs_rng_below(&rng, FLEET), sum = 0;
        char name[8];
        snprintf(name, sizeof name, "w%u", me);
        if (me == 4 && i > 500 && i < 700)
            continue;
        if (i == 300)
            cs_redis_command(b.r, 1, (const char *[]){"FLUSHALL"}, NULL, NULL, NULL);
        struct cs_quota_ask q = wanting(name, (uint32_t)cs_rng_below(&rng, 12), 0);
        q.pool[0].concurrent = AT_ONCE;
        q.pool[0].allotted = may[me];
        q.held = held[me];
        may[me] = ask(&b.loop, b.r, &q).grant.pool[0].allotted;
        if (i == 0 || i == 450)
            age(&b);
        held[me] -= (uint32_t)cs_rng_below(&rng, held[me] + 1);
        while (held[me] < may[me] && cs_rng_below(&rng, 8) > 0)
            held[me]++;
        for (int k = 0; k < FLEET; k++)
            sum += held[k];
        assert_true(sum <= AT_ONCE);
        most = sum > most ? sum : most;
    }
    assert_true(most >= AT_ONCE - 2); /* and they get there */
    close_and_finish(&b.loop, b.r);
}

static void test_calls_at_once_are_shared_evenly(void **state)
{
    struct bench b;
    uint32_t may[3] = {0};
    open_bench(&b, *state);
    for (int round = 0; round < 6; round++) {
        for (uint32_t i = 0; i < 3; i++) {
            struct cs_quota_ask q = wanting((const char *[]){"a", "b", "c"}[i], 50, 0);
            q.pool[0].concurrent = 30;
            q.pool[0].allotted = may[i];
            q.held = 0;
            may[i] = ask(&b.loop, b.r, &q).grant.pool[0].allotted;
            if (round == 0 && i == 0) {
                assert_int_equal(may[i], 0); /* young: others may have calls in flight that nobody knows of */
                age(&b);
            }
        }
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(may[i], 10);
    close_and_finish(&b.loop, b.r);
}

/* Redis that takes no writes (a replica, or out of memory) grants nothing. */
static void test_a_redis_that_cannot_write_grants_nothing(void **state)
{
    struct bench b;
    open_bench(&b, *state);
    struct cs_quota_ask q = wanting("w", 5, 0);
    assert_int_equal(ask(&b.loop, b.r, &q).grant.calls, 5);
    cs_redis_command(b.r, 4, (const char *[]){"CONFIG", "SET", "maxmemory", "1"}, NULL, NULL, NULL);
    assert_false(ask(&b.loop, b.r, &q).good);
    cs_redis_command(b.r, 4, (const char *[]){"CONFIG", "SET", "maxmemory", "0"}, NULL, NULL, NULL);
    assert_int_equal(ask(&b.loop, b.r, &q).grant.calls, 5);
    cs_redis_command(b.r, 3, (const char *[]){"REPLICAOF", "127.0.0.1", "1"}, NULL, NULL, NULL);
    assert_false(ask(&b.loop, b.r, &q).good);
    cs_redis_command(b.r, 3, (const char *[]){"REPLICAOF", "NO", "ONE"}, NULL, NULL, NULL);
    assert_int_equal(ask(&b.loop, b.r, &q).grant.calls, 5);
    close_and_finish(&b.loop, b.r);
}

/* Whatever stands where a pool's keys were: no grant, and with `mend` a bucket in debt, as after a flush. */
static void test_damaged_keys_are_mended(void **state)
{
    static const struct {
        const char *script;
        bool of_bucket;
    } damage[] = {
        {"redis.call('HSET', KEYS[1], 'quiet', '1e18')", true},
        {"redis.call('HSET', KEYS[1], '1', 'nan')", true},
        {"redis.call('HSET', KEYS[1], 'born', 'garbage')", true},
        {"redis.call('SET', KEYS[1], 'x')", true},
        {"redis.call('DEL', KEYS[1]) redis.call('RPUSH', KEYS[1], 'x')", true},
        {"redis.call('HSET', KEYS[2], 'w', 'garbage')", false},
        {"redis.call('HSET', KEYS[2], 'other', '1e400 1 1 1 1 1')", false},
        {"redis.call('SET', KEYS[2], 'x')", false},
    };
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
        struct bench b;
        open_bench(&b, *state);
        struct cs_quota_ask q = wanting("w", 5, 60000);
        assert_true(ask(&b.loop, b.r, &q).good);
        const char *argv[] = {"EVAL", damage[i].script, "2", "clinsafe:quota:{g}:p", "clinsafe:quota:{g}:p:workers"};
        cs_redis_command(b.r, 5, argv, NULL, NULL, NULL);
        assert_false(ask(&b.loop, b.r, &q).good);
        q.mend = true;
        const uint64_t began = cs_clock_mono_ms();
        struct answer a = ask(&b.loop, b.r, &q);
        assert_true(a.good);
        q.mend = false;
        while (a.grant.calls == 0) {
            sleep_ms(&b, 50);
            a = ask(&b.loop, b.r, &q);
            assert_true(a.good);
        }
        if (damage[i].of_bucket)
            assert_true(cs_clock_mono_ms() >= began + CS_QUOTA_LIFE_MS);
        close_and_finish(&b.loop, b.r);
    }
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
        cmocka_unit_test(test_a_new_bucket_is_in_debt),
        cmocka_unit_test(test_a_fresh_fleet_begins_at_once),
        cmocka_unit_test(test_granted_never_passes_the_limit),
        cmocka_unit_test(test_fair_and_whole),
        cmocka_unit_test(test_the_model_is_the_script),
        cmocka_unit_test(test_quiet_is_told_to_all),
        cmocka_unit_test(test_a_day_has_an_end),
        cmocka_unit_test(test_a_call_draws_from_all_its_pools),
        cmocka_unit_test(test_the_empty_pool_of_two_decides),
        cmocka_unit_test(test_quiet_holds_for_the_narrow_pool),
        cmocka_unit_test(test_a_told_limit_holds_for_all_until_told_anew),
        cmocka_unit_test(test_calls_at_once_never_pass_the_limit),
        cmocka_unit_test(test_calls_at_once_are_shared_evenly),
        cmocka_unit_test(test_a_redis_that_cannot_write_grants_nothing),
        cmocka_unit_test(test_damaged_keys_are_mended),
        cmocka_unit_test(test_no_redis_no_grant),
    };
    return cmocka_run_group_tests(tests, server_up, server_down);
}
