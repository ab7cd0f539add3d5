/* What each worker gets of a lane's calls. The ramp says how many there are; sessions are moved by hand, and the parts are read where the
 * core keeps them. */
#include "tests/unit/coordinator_hand.h"

#include "coordinator/lanes/deal.h"
#include "coordinator/lanes/state.h"
#include "protocol/base/log.h"

enum { MOST_HANDS = 16, GENEROUS = 64 };

struct fleet {
    struct rig r;
    struct hand h[MOST_HANDS];
    uint32_t n;
};

static struct cs_lane *lane_of(struct fleet *f)
{
    return f->r.core->lanes[0];
}

static const struct cs_session *session_of(const struct hand *h)
{
    struct cs_session *s = NULL;

    HASH_FIND(hh, h->r->core->sessions, &h->session, sizeof h->session, s);
    assert_non_null(s);
    return s;
}

static uint32_t part_of(const struct hand *h)
{
    return session_of(h)->lanes[0].part;
}

/* It knows of parts, as every worker of today. */
static void wants(struct hand *h, uint32_t capacity)
{
    struct cs_want_lane w = {.gen = 1, .capacity = capacity, .trouble = "", .jams = 1};
    struct cs_message m = {.kind = CS_WANT, .want = {1, &w}};

    say(h, &m);
}

static struct hand *joins(struct fleet *f, uint32_t capacity)
{
    static char names[MOST_HANDS][8];
    struct hand *h = &f->h[f->n];

    snprintf(names[f->n], sizeof names[0], "w%u", f->n);
    hand_open(h, &f->r, names[f->n], (uint8_t)(f->n + 1));
    f->n++;
    wants(h, capacity);
    return h;
}

static void leaves(struct hand *h)
{
    struct cs_message m = {.kind = CS_BYE, .bye = {"drained"}};

    say(h, &m);
    settle(h);
}

/* The ramp has found this level; a tick sees it. */
static void level(struct fleet *f, uint32_t calls)
{
    lane_of(f)->ramp.level = calls;
    rig_tick(&f->r, CS_TICK_MS);
}

static uint32_t sum(const struct fleet *f)
{
    uint32_t n = 0;

    for (const struct cs_session *s = f->r.core->sessions; s != NULL; s = s->hh.next)
        n += s->lanes[0].part;
    return n;
}

static struct fleet *fleet_of(uint64_t trials, bool undeclared)
{
    struct fleet *f = cs_xcalloc(1, sizeof *f);

    rig_open(&f->r, 1, trials);
    f->r.disk->undeclared = undeclared;
    rig_begin(&f->r);
    return f;
}

static void release(struct fleet *f)
{
    rig_close(&f->r);
    free(f);
}

/* What a worker was told last, in one step: 0 if nothing. */
static uint32_t told(const struct hand *h, enum cs_kind kind)
{
    uint32_t calls = 0;

    for (const struct cs_action *a = h->r->acts; a != NULL; a = a->next) {
        if (a->kind == CS_ACT_SEND && a->message.kind == kind && memcmp(&a->peer, &h->peer, sizeof h->peer) == 0)
            calls = a->message.announce.lanes[0].calls;
    }
    return calls;
}

/* ---- tests -------------------------------------------------------------------------------------------- */

static void even_shares_of_the_level(void **state)
{
    struct fleet *f = fleet_of(4096, true);
    (void)state;

    joins(f, GENEROUS);
    assert_int_equal(part_of(&f->h[0]), CS_RAMP_START); /* alone: all of it */
    joins(f, GENEROUS);
    joins(f, GENEROUS);
    for (uint32_t most = 1; most <= 100; most += 9) {
        level(f, most);
        uint32_t third = most / 3, wish = GENEROUS / 2, even = third < wish ? third : wish;

        assert_int_equal(sum(f), most < 3 * wish ? most : 3 * wish);
        for (uint32_t i = 0; i < 3; i++)
            assert_in_range(part_of(&f->h[i]), even, even + 1);
    }
    release(f);
}

static void what_one_cannot_use_goes_to_the_others(void **state)
{
    struct fleet *f = fleet_of(4096, true);
    (void)state;

    joins(f, 4); /* two calls, and as much again in hand */
    joins(f, GENEROUS);
    joins(f, GENEROUS);
    level(f, 30);
    assert_int_equal(part_of(&f->h[0]), 2);
    assert_int_equal(part_of(&f->h[1]), 14);
    assert_int_equal(part_of(&f->h[2]), 14);
    wants(&f->h[0], GENEROUS); /* it has slots again */
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(part_of(&f->h[i]), 10);
    wants(&f->h[1], 0);
    assert_int_equal(part_of(&f->h[2]), 15);
    assert_int_equal(sum(f) - part_of(&f->h[1]), 30);
    release(f);
}

static void sessions_come_and_go(void **state)
{
    struct fleet *f = fleet_of(4096, true);
    (void)state;

    joins(f, GENEROUS);
    level(f, 12);
    assert_int_equal(part_of(&f->h[0]), 12);
    joins(f, GENEROUS);
    assert_int_equal(part_of(&f->h[0]), 6);
    assert_int_equal(part_of(&f->h[1]), 6);
    joins(f, GENEROUS);
    assert_int_equal(sum(f), 12);
    assert_int_equal(part_of(&f->h[2]), 4);
    leaves(&f->h[1]);
    assert_int_equal(part_of(&f->h[0]), 6);
    assert_int_equal(part_of(&f->h[2]), 6);
    rig_tick(&f->r, CS_SUSPECT_MS / 2); /* one of them is not heard any more */
    ping(&f->h[2], f->h[2].leases, f->h[2].n_leases, 0, 0);
    rig_tick(&f->r, CS_SUSPECT_MS / 2 + CS_TICK_MS);
    assert_int_equal(part_of(&f->h[2]), 12);
    release(f);
}

/* What is begun must end: of too few calls, those go first who hold something; who holds nothing waits for its turn with none. */
static void more_workers_than_calls(void **state)
{
    struct fleet *f = fleet_of(4096, true);
    uint32_t n = 0, with = 0;
    (void)state;

    while (n < 14)
        n += joins(f, GENEROUS) != NULL;
    level(f, 3);
    assert_int_equal(sum(f), 3);
    for (uint32_t i = 0; i < f->n; i++) {
        const struct cs_session *s = session_of(&f->h[i]);

        assert_in_range(s->lanes[0].part, 0, 1);
        with += s->lanes[0].part;
        assert_int_equal(cs_deal_capacity(s, lane_of(f)), 2 * s->lanes[0].part);
    }
    assert_int_equal(with, 3);
    assert_int_equal(cs_deal_sharers(lane_of(f)), 3);
    release(f);
}

static void holders_first_with_the_remainder(void **state)
{
    struct fleet *f = fleet_of(4096, true);
    (void)state;

    joins(f, GENEROUS);
    joins(f, GENEROUS);
    level(f, 2); /* both hold some */
    assert_true(held(&f->h[0]) > 0 && held(&f->h[1]) > 0);
    joins(f, GENEROUS);
    assert_int_equal(part_of(&f->h[2]), 0);
    assert_int_equal(session_of(&f->h[2])->lanes[0].held, 0);
    level(f, 4); /* one each, and one more for a holder */
    assert_int_equal(sum(f), 4);
    assert_int_equal(part_of(&f->h[2]), 1);
    level(f, 1);
    assert_int_equal(sum(f), 1);
    assert_int_equal(part_of(&f->h[2]), 0);
    release(f);
}

static void a_part_that_changes_is_told_at_once(void **state)
{
    struct fleet *f = fleet_of(4096, true);
    (void)state;

    joins(f, GENEROUS);
    level(f, 10);
    assert_int_equal(told(&f->h[0], CS_STOP), 11); /* one more than calls: 0 says nothing */
    level(f, 10);
    assert_int_equal(told(&f->h[0], CS_STOP), 0);
    joins(f, GENEROUS);
    assert_int_equal(told(&f->h[0], CS_STOP), 6);
    assert_int_equal(told(&f->h[1], CS_STOP), 6);
    release(f);
}

/* A worker from before parts is held to its part by what it may hold. */
static void an_older_worker_holds_no_more_than_its_part(void **state)
{
    struct fleet *f = fleet_of(4096, true);
    struct hand *old = &f->h[0];
    (void)state;

    hand_open(old, &f->r, "old", 1);
    f->n = 1;
    want(old, 1, 0, GENEROUS);
    level(f, 6);
    assert_int_equal(cs_deal_capacity(session_of(old), lane_of(f)), 6);
    wants(old, GENEROUS);
    assert_int_equal(cs_deal_capacity(session_of(old), lane_of(f)), 12);
    release(f);
}

static void no_bound_where_limits_are_declared(void **state)
{
    struct fleet *f = fleet_of(4096, false);
    (void)state;

    joins(f, GENEROUS);
    joins(f, 4);
    for (uint32_t i = 0; i < 2; i++)
        assert_int_equal(part_of(&f->h[i]), CS_RAMP_UNBOUND);
    assert_int_equal(cs_deal_capacity(session_of(&f->h[0]), lane_of(f)), GENEROUS);
    release(f);
}

/* All at once, by chance: never more than the level, all of it as long as somebody can use it, and even among equals. */
static void by_chance(void **state)
{
    struct cs_rng rng = {7};
    uint32_t capacity[MOST_HANDS] = {0};
    bool gone[MOST_HANDS] = {false};
    struct fleet *f = fleet_of(16384, true);
    (void)state;

    for (int step = 0; step < 600; step++) {
        uint64_t what = cs_rng_below(&rng, 4), i = f->n > 0 ? cs_rng_below(&rng, f->n) : 0;
        uint32_t wish = 0, n = 0, least = UINT32_MAX, most = 0, now;

        if (what == 0 && f->n < MOST_HANDS) {
            capacity[f->n] = 2;
            joins(f, 2);
        } else if (what == 1 && f->n > 4 && !gone[i] && cs_rng_below(&rng, 4) == 0) {
            leaves(&f->h[i]);
            gone[i] = true;
        } else if (what == 2 && f->n > 0 && !gone[i]) {
            capacity[i] = 2 * (uint32_t)cs_rng_below(&rng, 12);
            wants(&f->h[i], capacity[i]);
        } else
            level(f, 1 + (uint32_t)cs_rng_below(&rng, 80));
        for (uint32_t k = 0; k < f->n; k++) {
            if (!gone[k])
                ping(&f->h[k], f->h[k].leases, f->h[k].n_leases, 0, 0);
        }
        now = lane_of(f)->ramp.level;
        for (uint32_t k = 0; k < f->n; k++) {
            if (gone[k] || capacity[k] == 0)
                continue;
            uint32_t part = part_of(&f->h[k]);

            wish += capacity[k] / 2;
            n++;
            assert_true(part <= capacity[k] / 2);
            most = part > most ? part : most;
            if (part < capacity[k] / 2)
                least = part < least ? part : least; /* among those that could use more */
        }
        assert_int_equal(sum(f), wish < now ? wish : now);
        assert_true(n == 0 || least == UINT32_MAX || most <= least + 1);
    }
    release(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(even_shares_of_the_level),
        cmocka_unit_test(what_one_cannot_use_goes_to_the_others),
        cmocka_unit_test(sessions_come_and_go),
        cmocka_unit_test(more_workers_than_calls),
        cmocka_unit_test(holders_first_with_the_remainder),
        cmocka_unit_test(a_part_that_changes_is_told_at_once),
        cmocka_unit_test(an_older_worker_holds_no_more_than_its_part),
        cmocka_unit_test(no_bound_where_limits_are_declared),
        cmocka_unit_test(by_chance),
    };

    setenv("CS_LOG", "error", 0);
    cs_log_init("test");
    return cmocka_run_group_tests_name("deal", tests, NULL, NULL);
}
