/* Limits per day: the coordinator's rules against a Redis that forgets, in a model and in a real one. Never above the limit, and a
 * step of it at most is left unused each time that something is forgotten. */
#include "tests/unit/fixture_redis.h"

#include "coordinator/day.h"
#include "protocol/base/clock.h"
#include "protocol/base/rng.h"

enum { TODAY = 20000, LIMIT = 1000 };

/* ---- the rules, with a Redis of three numbers ------------------------------------------------------------- */

struct world {
    struct cs_day_pool pool; /* the coordinator's */
    struct cs_day_row disk;  /* what survives it */
    int64_t today;
    bool seeded; /* Redis' */
    uint64_t level, ceiling;
    uint64_t granted; /* today, by the provider's count */
};

static struct cs_day_pool fresh_pool(const struct cs_day_row *disk)
{
    struct cs_day_pool p = {.group = "a", .name = "b", .limit = {LIMIT}, .row = *disk};
    memcpy(p.granted, disk->ceiling, sizeof p.granted);
    return p;
}

static void tick(struct world *w, bool lost_reply)
{
    struct cs_day_ask ask;
    cs_day_ask(&w->pool, &ask);
    if (ask.day == w->today) {
        if (!w->seeded)
            w->level = ask.granted[0], w->ceiling = 0;
        w->seeded = true;
        w->ceiling = w->ceiling > ask.ceiling[0] ? w->ceiling : ask.ceiling[0];
    }
    const struct cs_day_told told = {
        .day = w->today, .seeded = w->seeded, .level = {w->level}, .ceiling = {w->ceiling}, .need = {1}};
    if (!lost_reply)
        (void)cs_day_told(&w->pool, &told);
}

static void write_disk(struct world *w)
{
    if (w->pool.next.day == 0)
        return;
    w->disk = w->pool.next;
    cs_day_written(&w->pool);
}

static void work(struct world *w, uint32_t calls)
{
    for (uint32_t i = 0; i < calls && w->seeded && w->level < w->ceiling && w->level < LIMIT; i++) {
        w->level++;
        w->granted++;
    }
}

static void forget(struct world *w)
{
    w->seeded = false;
    w->level = w->ceiling = 0;
}

static void nothing_is_granted_before_the_row_is_on_disk(void **state)
{
    struct world w = {.today = TODAY};
    (void)state;
    w.pool = fresh_pool(&w.disk);
    tick(&w, false);
    work(&w, 10);
    tick(&w, false); /* the row is not written yet */
    work(&w, 10);
    assert_int_equal(w.granted, 0);
    write_disk(&w);
    tick(&w, false);
    work(&w, 10);
    assert_int_equal(w.granted, 10);
    assert_int_equal(w.disk.day, TODAY);
}

static void the_whole_day_is_granted_and_no_more(void **state)
{
    struct world w = {.today = TODAY};
    (void)state;
    w.pool = fresh_pool(&w.disk);
    for (int i = 0; i < 400; i++) {
        tick(&w, false);
        write_disk(&w);
        work(&w, 7);
    }
    assert_int_equal(w.granted, LIMIT);
    w.today++;
    forget(&w); /* the script takes no counter of another day */
    w.granted = 0;
    for (int i = 0; i < 10; i++) {
        tick(&w, false);
        write_disk(&w);
        work(&w, 7);
    }
    assert_true(w.granted > 50 && w.granted <= 70);
    assert_int_equal(w.disk.day, TODAY + 1);
}

static void a_clock_that_went_back_grants_nothing(void **state)
{
    struct world w = {.today = TODAY};
    (void)state;
    w.pool = fresh_pool(&w.disk);
    tick(&w, false), write_disk(&w), tick(&w, false);
    work(&w, 5);
    w.today--;
    forget(&w);
    for (int i = 0; i < 10; i++)
        tick(&w, false), write_disk(&w), work(&w, 100);
    assert_int_equal(w.granted, 5);
}

/* Ticks, lost replies, late writes, flushes, restarts in any order. */
static void whatever_is_forgotten_the_limit_holds(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct world w = {.today = TODAY};
        struct cs_rng rng = {seed};
        uint32_t forgotten = 0;
        w.pool = fresh_pool(&w.disk);
        for (int i = 0; i < 3000; i++) {
            const uint64_t what = cs_rng_below(&rng, 100);
            if (what < 40)
                tick(&w, cs_rng_below(&rng, 4) == 0);
            else if (what < 70)
                write_disk(&w);
            else if (what < 98)
                work(&w, (uint32_t)cs_rng_below(&rng, 20));
            else if (forgotten < 10) {
                forgotten++;
                if (what == 98 || cs_rng_below(&rng, 2) == 0)
                    forget(&w);
                if (what == 99) /* what was on its way may be on disk or not */
                    w.disk = w.pool.next.day != 0 && cs_rng_below(&rng, 2) == 0 ? w.pool.next : w.disk,
                    w.pool = fresh_pool(&w.disk);
            }
            assert_true(w.granted <= LIMIT);
        }
        assert_true(w.granted + (forgotten + 1) * 2 * (LIMIT / CS_DAY_STEPS) >= LIMIT);
    }
}

static void rows_are_read_as_written(void **state)
{
    struct cs_day_row row = {.day = 20780, .ceiling = {123, 9000000000000}}, back;
    char text[CS_DAY_ROW_MAX];
    (void)state;
    cs_day_row_text(&row, text);
    assert_true(cs_day_row_read(text, strlen(text), &back));
    assert_memory_equal(&row, &back, sizeof row);
    assert_false(cs_day_row_read("", 0, &back));
    assert_false(cs_day_row_read("1 2", 3, &back));
    assert_false(cs_day_row_read("-1 2 3", 6, &back));
}

/* ---- a real Redis ------------------------------------------------------------------------------------------- */

struct bench {
    uv_loop_t loop;
    struct cs_redis *r;
};

struct answer {
    bool done, good;
    struct cs_quota_grant grant;
    struct cs_day_told told;
};

static void on_grant(void *self, const struct cs_quota_grant *grant)
{
    struct answer *a = self;
    a->done = true;
    a->good = grant != NULL;
    if (grant != NULL)
        a->grant = *grant;
}

static void on_told(void *self, const struct cs_day_told *told)
{
    struct answer *a = self;
    a->done = true;
    a->good = told != NULL;
    if (told != NULL)
        a->told = *told;
}

static void open_bench(struct bench *b, struct server *s)
{
    struct cs_error err = {0};
    assert_int_equal(uv_loop_init(&b->loop), 0);
    assert_int_equal(cs_redis_open(&b->r, &b->loop, s->address, &err), CS_OK);
    assert_true(run_until_connected(&b->loop, b->r, true, 3000));
    cs_redis_command(b->r, 1, (const char *[]){"FLUSHALL"}, NULL, NULL, NULL);
}

static uint32_t ask(struct bench *b, uint32_t want)
{
    struct cs_quota_ask q = {.group = "g", .claimant = "w", .n_pools = 1, .want = want};
    struct answer a = {0};
    q.pool[0] = (struct cs_quota_pool){.name = "p", .share = -1, .told.age_ms = -1};
    q.pool[0].limit[CS_QUOTA_REQUESTS_DAY] = LIMIT;
    q.pool[0].limit[CS_QUOTA_TOKENS_DAY] = 100 * LIMIT;
    for (int d = 0; d < CS_QUOTA_DIMS; d++)
        q.cost[d] = 1;
    q.cost[CS_QUOTA_TOKENS_DAY] = 70;
    cs_quota_ask(b->r, &q, on_grant, &a);
    assert_true(a.done || run_until(&b->loop, &a.done, 3000));
    assert_true(a.good);
    return a.grant.calls;
}

static struct cs_day_told day(struct bench *b, const struct cs_day_ask *d)
{
    struct answer a = {0};
    cs_quota_days_tell(b->r, d, on_told, &a);
    assert_true(a.done || run_until(&b->loop, &a.done, 3000));
    assert_true(a.good);
    return a.told;
}

static void the_script_grants_what_is_seeded(void **state)
{
    struct bench b;
    open_bench(&b, *state);
    const int64_t today = cs_clock_wall_ms() / 86400000;
    struct cs_day_ask d = {.group = "g", .pool = "p", .day = today - 1, .granted = {5, 50}, .ceiling = {20, 1400}};
    assert_int_equal(ask(&b, 10), 0); /* a bucket that nobody has seeded */
    struct cs_day_told t = day(&b, &d);
    assert_false(t.seeded); /* yesterday's row sets nothing, but tells the day and what a call costs */
    assert_int_equal(t.day, today);
    assert_int_equal(t.need[0], 1);
    assert_int_equal(t.need[1], 70);
    assert_int_equal(ask(&b, 10), 0);
    d.day = today;
    t = day(&b, &d);
    assert_true(t.seeded);
    assert_int_equal(t.level[0], 5);
    assert_int_equal(t.ceiling[0], 20);
    assert_int_equal(ask(&b, 10), 10);
    assert_int_equal(ask(&b, 10), 5); /* up to the ceiling */
    assert_int_equal(ask(&b, 10), 0);
    t = day(&b, &d); /* it knows, and is told nothing */
    assert_int_equal(t.level[0], 20);
    assert_int_equal(t.level[1], 50 + 15 * 70);
    d.ceiling[0] = 10;
    assert_int_equal(day(&b, &d).ceiling[0], 20); /* never lowered */
    d.ceiling[0] = 40;                            /* tokens bind now: 1100 of 1400 are granted */
    (void)day(&b, &d);
    assert_int_equal(ask(&b, 100), 4);
    cs_redis_command(b.r, 1, (const char *[]){"FLUSHALL"}, NULL, NULL, NULL);
    assert_int_equal(ask(&b, 10), 0);
    close_and_finish(&b.loop, b.r);
}

struct pools {
    bool done;
    uint32_t n;
    uint64_t limit[CS_DAY_DIMS];
};

static void on_pool(void *self, const char *group, const char *pool, const uint64_t limit[CS_DAY_DIMS])
{
    struct pools *p = self;
    p->done = group == NULL;
    if (group == NULL)
        return;
    assert_string_equal(group, "0af");
    assert_string_equal(pool, "b1");
    p->n++;
    memcpy(p->limit, limit, sizeof p->limit);
}

static void workers_name_the_pools(void **state)
{
    struct bench b;
    struct pools p = {0};
    open_bench(&b, *state);
    cs_quota_days_publish(b.r, "f", "0af", "b1", (const uint64_t[]){5, 6});
    cs_quota_days_publish(b.r, "f", "0af", "b1", (const uint64_t[]){7, 8}); /* as it is declared now */
    cs_quota_days_read(b.r, "f", on_pool, &p);
    assert_true(run_until(&b.loop, &p.done, 3000));
    assert_int_equal(p.n, 1);
    assert_int_equal(p.limit[0], 7);
    assert_int_equal(p.limit[1], 8);
    p = (struct pools){0};
    cs_quota_days_read(b.r, "nobody", on_pool, &p);
    assert_true(run_until(&b.loop, &p.done, 3000));
    assert_int_equal(p.n, 0);
    close_and_finish(&b.loop, b.r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_granted_before_the_row_is_on_disk),
        cmocka_unit_test(the_whole_day_is_granted_and_no_more),
        cmocka_unit_test(a_clock_that_went_back_grants_nothing),
        cmocka_unit_test(whatever_is_forgotten_the_limit_holds),
        cmocka_unit_test(rows_are_read_as_written),
        cmocka_unit_test(the_script_grants_what_is_seeded),
        cmocka_unit_test(workers_name_the_pools),
    };
    return cmocka_run_group_tests(tests, server_up, server_down);
}
