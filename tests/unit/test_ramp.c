/* How many calls a lane may have in flight, against servers in virtual time: with a queue behind a few slots, without bounds, of
 * unequal answers, that share their speed, that change. What is found is compared with what the server is known to bear. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "coordinator/lanes/ramp.h"

enum { CALLS = 4096, REPORT_MS = 6 };

/* ---- a server, and a fleet that makes as many calls as it may ----------------------------------------- */

struct call {
    double sent, left, size; /* left: of its work, ms alone; -1: none */
    bool serving;
    double ended;
};

struct bench {
    struct cs_ramp ramp;
    struct cs_rng rng;
    double now, service_ms, spread,
        share;      /* spread: largest to smallest; share: slower by this part for each other call served */
    uint32_t slots; /* 0: without bounds */
    bool by_tokens; /* the time is proportional to the tokens */
    uint32_t timeout_ms, could, jam_above; /* jam_above: 429 for more in flight */
    struct call calls[CALLS];
    uint32_t n, most_seen, answers, timeouts;
    double area, jammed_at; /* area: of the level over time */
};

static double size_of_next(struct bench *b)
{
    double u = (double)cs_rng_below(&b->rng, 1000001) / 1e6;
    return b->spread > 1 ? exp(log(b->spread) * (u - 0.5)) : 1;
}

static uint32_t serving(const struct bench *b)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < b->n; i++)
        n += b->calls[i].serving;
    return n;
}

static void fill(struct bench *b)
{
    uint32_t most = cs_ramp_most(&b->ramp, (uint64_t)b->now), served = serving(b);
    cs_ramp_could(&b->ramp, b->could);
    if (most > b->could)
        most = b->could;
    while (b->n < most && b->n < CALLS) {
        double size = size_of_next(b);
        b->calls[b->n++] = (struct call){.sent = b->now, .size = size, .left = size * b->service_ms};
    }
    for (uint32_t i = 0; i < b->n; i++) { /* in the order in which they came */
        if (!b->calls[i].serving && (b->slots == 0 || served < b->slots)) {
            b->calls[i].serving = true;
            served++;
        }
    }
    if (b->n > b->most_seen)
        b->most_seen = b->n;
}

static double pace(const struct bench *b)
{
    uint32_t n = serving(b);
    return n > 0 ? 1 / (1 + b->share * (n - 1)) : 1;
}

/* One call ends: the one that is done first, or whose time is up. */
static void next(struct bench *b)
{
    double at = INFINITY, speed = pace(b);
    uint32_t which = 0;
    uint64_t wake = cs_ramp_next(&b->ramp, (uint64_t)b->now);
    for (uint32_t i = 0; i < b->n; i++) {
        const struct call *c = &b->calls[i];
        double end = c->serving ? b->now + c->left / speed : INFINITY;
        if (end > c->sent + b->timeout_ms)
            end = c->sent + b->timeout_ms;
        if (end < at) {
            at = end;
            which = i;
        }
    }
    if (wake < at) {
        b->now = (double)wake;
        fill(b);
        return;
    }
    assert_true(at < INFINITY);
    for (uint32_t i = 0; i < b->n; i++)
        b->calls[i].left -= b->calls[i].serving ? (at - b->now) * speed : 0;
    b->area += (at - b->now) * cs_ramp_most(&b->ramp, (uint64_t)b->now);
    b->now = at;
    struct call c = b->calls[which];
    memmove(&b->calls[which], &b->calls[which + 1], (--b->n - which) * sizeof c);
    struct cs_ramp_answer a = {.latency_ms = (uint32_t)(b->now - c.sent),
                               .tokens = b->by_tokens ? (uint32_t)(100 * c.size) + 1 : 100,
                               .timeout = b->now - c.sent >= b->timeout_ms - 0.001};
    if (a.timeout)
        a.tokens = 0;
    b->answers++;
    b->timeouts += a.timeout;
    if (b->jam_above != 0 && b->n + 1 > b->jam_above) {
        if (c.sent > b->jammed_at) /* workers tell once of what they had under way together */
            cs_ramp_jam(&b->ramp, (uint64_t)b->now);
        b->jammed_at = c.sent > b->jammed_at ? b->now : b->jammed_at;
    } else
        cs_ramp_ended(&b->ramp, &a, (uint64_t)b->now, &b->rng);
    fill(b);
}

static struct bench *start(uint32_t slots, double service_ms, double spread)
{
    struct bench *b = calloc(1, sizeof *b);
    b->rng.state = 7;
    b->slots = slots;
    b->service_ms = service_ms;
    b->spread = spread;
    b->timeout_ms = 120000;
    b->could = CALLS;
    b->now = 5000;
    cs_ramp_init(&b->ramp, false, false, b->timeout_ms);
    fill(b);
    return b;
}

static void run_for(struct bench *b, double ms)
{
    double end = b->now + ms;
    while (b->now < end)
        next(b);
}

/* Answers a second over so long, and the mean level meanwhile. */
static double rate_over(struct bench *b, double ms, double *level)
{
    uint32_t answers = b->answers;
    double from = b->now;
    b->area = 0;
    run_for(b, ms);
    *level = b->area / (b->now - from);
    return (b->answers - answers) / (b->now - from) * 1000;
}

/* ---- tests -------------------------------------------------------------------------------------------- */

static void a_queue_is_found_and_held(void **state)
{
    static const uint32_t slots[] = {1, 2, 4, 8, 16};
    (void)state;
    for (size_t i = 0; i < sizeof slots / sizeof *slots; i++) {
        for (int kind = 0; kind < 4; kind++) {
            struct bench *b = start(slots[i], kind == 3 ? 4000 : 500, kind == 1 || kind == 2 ? 10 : 1);
            double level, best = slots[i] * 1000 / b->service_ms / (b->spread > 1 ? 1.236 : 1), rate;
            b->by_tokens = kind == 2;
            run_for(b, 60 * b->service_ms);
            rate = rate_over(b, 400 * b->service_ms, &level);
            print_message("slots %u kind %d: level %.1f, peak %u, %.3f of the best\n", slots[i], kind, level,
                          b->most_seen, rate / best);
            assert_true(rate > 0.85 * best);
            assert_true(level < 2.5 * slots[i] + 2);
            assert_true(b->most_seen <= 8 * slots[i] + 8);
            free(b);
        }
    }
}

static void one_that_scales_has_a_thousand_within_ten_latencies(void **state)
{
    static const double service[] = {100, 1000, 20000};
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        for (size_t i = 0; i < sizeof service / sizeof *service; i++) {
            struct bench *b = start(0, service[i], kind == 0 ? 1 : kind == 1 ? 1.5 : 3);
            double from = b->now;
            while (b->n < 1000 && b->now < from + 40 * service[i])
                next(b);
            print_message("service %.0f kind %d: %u after %.1f latencies\n", service[i], kind, b->n,
                          (b->now - from) / service[i]);
            assert_true(b->n >= 1000);
            assert_true(b->now - from <= (kind == 2 ? 14 : 10) * service[i] + 100);
            free(b);
        }
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void unequal_answers_do_not_stop_it(void **state)
{
    (void)state;
    double took[40];
    for (int seed = 1; seed <= 40; seed++) {
        struct bench *b = start(0, 1000, 10);
        double from = b->now;
        b->rng.state = (uint64_t)seed;
        b->by_tokens = seed % 2;
        while (b->n < 1000 && b->now < from + 200000)
            next(b);
        took[seed - 1] = (b->now - from) / 1236; /* the mean latency */
        assert_true(b->n >= 1000);
        free(b);
    }
    qsort(took, 40, sizeof *took, by_value);
    print_message("answers unequal by 10: a thousand after %.1f latencies, half of the time; %.1f at worst\n", took[20],
                  took[39]);
    assert_true(took[20] < 10);
}

static void it_follows_a_server_that_changes(void **state)
{
    static const struct {
        uint32_t from, to;
    } rows[] = {{8, 2}, {2, 8}, {1, 16}, {16, 1}, {4, 0}, {0, 4}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bench *b = start(rows[i].from, 500, 1);
        double level, rate, best;
        b->could = 256;
        b->timeout_ms = 60000;
        run_for(b, 60000);
        b->slots = rows[i].to;
        for (uint32_t k = 0; k < b->n; k++)
            b->calls[k].serving = false;
        fill(b);
        run_for(b, 120000);
        rate = rate_over(b, 60000, &level);
        best = (rows[i].to > 0 ? rows[i].to : 256) * 2;
        print_message("%u -> %u: level %.1f, %.3f of the best, %u timeouts\n", rows[i].from, rows[i].to, level,
                      rate / best, b->timeouts);
        assert_true(rate > 0.85 * best);
        if (rows[i].to > 0)
            assert_true(level < 2.5 * rows[i].to + 2);
        free(b);
    }
}

/* As engines that batch do: each further call slows the others, and more gets done all the same. */
static void one_that_shares_its_speed_is_used_well(void **state)
{
    (void)state;
    for (uint32_t slots = 4; slots <= 32; slots *= 2) {
        struct bench *b = start(slots, 1000, 1);
        double level, rate, best;
        b->share = 1.0 / 3;
        best = slots / (1 + b->share * (slots - 1));
        run_for(b, 60000);
        rate = rate_over(b, 300000, &level);
        print_message("batch %u: level %.1f, %.3f of the best\n", slots, level, rate / best);
        assert_true(rate > best / 1.3);
        free(b);
    }
}

static void jams_are_followed(void **state)
{
    struct bench *b = start(0, 1000, 1);
    double level, rate;
    (void)state;
    b->jam_above = 100;
    run_for(b, 30000);
    rate = rate_over(b, 120000, &level);
    print_message("429 above 100: level %.1f, %.1f a second\n", level, rate);
    assert_true(level > 70 && level < 120);
    free(b);
}

static void a_short_study_on_one_slot_has_no_timeouts(void **state)
{
    struct bench *b = start(1, 250, 1);
    (void)state;
    b->timeout_ms = 10000;
    while (b->answers < 300)
        next(b);
    print_message("300 answers in %.1f s, peak %u, level %u\n", (b->now - 5000) / 1000, b->most_seen, b->ramp.level);
    assert_int_equal(b->timeouts, 0);
    free(b);
}

static void where_nothing_is_answered_in_time_it_asks_with_care(void **state)
{
    struct bench *b = start(1, 15000, 1);
    char note[200];
    (void)state;
    b->timeout_ms = b->ramp.limit_ms = 10000;
    run_for(b, 600000);
    assert_int_equal(b->timeouts, b->answers);
    assert_true(b->answers < 40);
    assert_int_equal(b->ramp.state, CS_RAMP_SHY);
    cs_ramp_note(&b->ramp, (uint64_t)b->now, note, sizeof note);
    print_message("%u calls in 10 minutes: %s\n", b->answers, note);
    assert_non_null(strstr(note, "raise timeout_s"));
    b->service_ms = 100; /* it is mended */
    run_for(b, 400000);
    assert_int_not_equal(b->ramp.state, CS_RAMP_SHY);
    cs_ramp_note(&b->ramp, (uint64_t)b->now, note, sizeof note);
    assert_string_equal(note, "");
    assert_true(b->answers > 1000);
    free(b);
}

static void a_declared_limit_is_used_at_once(void **state)
{
    struct cs_ramp r;
    struct cs_rng rng = {.state = 1};
    (void)state;
    cs_ramp_init(&r, true, false, 60000);
    assert_int_equal(cs_ramp_most(&r, 1000), CS_RAMP_UNTRIED);
    cs_ramp_ended(&r, &(struct cs_ramp_answer){.latency_ms = 60000, .timeout = true}, 90000, &rng);
    assert_int_equal(cs_ramp_most(&r, 90000), CS_RAMP_UNTRIED);
    cs_ramp_ended(&r, &(struct cs_ramp_answer){.latency_ms = 10, .tokens = 5}, 90001, &rng);
    assert_int_equal(cs_ramp_most(&r, 90001), CS_RAMP_UNBOUND);
    for (int i = 0; i < 40; i++)
        cs_ramp_ended(&r, &(struct cs_ramp_answer){.latency_ms = 60000, .timeout = true}, 200000, &rng);
    assert_int_equal(cs_ramp_most(&r, 200000), 0);
    assert_int_equal(cs_ramp_most(&r, cs_ramp_next(&r, 200000)), 1);
}

/* 4 calls take 1 s each; with 32 under way each takes 8 s, and the time is up. */
static void overload_is_ours_only_if_more_is_in_flight(void **state)
{
    struct bench *b = start(0, 1000, 1);
    (void)state;
    assert_false(cs_ramp_overloaded(&b->ramp, (uint64_t)b->now)); /* nothing is known */
    while (b->n < 64)
        next(b);
    assert_false(cs_ramp_overloaded(&b->ramp, (uint64_t)b->now));
    b->slots = 4; /* it bears less from now on */
    for (uint32_t i = 0; i < b->n; i++)
        b->calls[i].serving = false;
    fill(b);
    b->timeout_ms = b->ramp.limit_ms = 8000;
    while (b->timeouts < 8)
        next(b);
    assert_true(cs_ramp_overloaded(&b->ramp, (uint64_t)b->now));
    run_for(b, 60000);
    print_message("%u of %u timeouts, level %u\n", b->timeouts, b->answers, b->ramp.level);
    assert_false(cs_ramp_overloaded(&b->ramp, (uint64_t)b->now));
    free(b);

    b = start(1, 6000, 1); /* slow from the start, and never better: a timeout is the answer */
    b->timeout_ms = b->ramp.limit_ms = 10000;
    while (b->timeouts < 2) {
        next(b);
        assert_false(cs_ramp_overloaded(&b->ramp, (uint64_t)b->now));
    }
    free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_queue_is_found_and_held),
        cmocka_unit_test(one_that_scales_has_a_thousand_within_ten_latencies),
        cmocka_unit_test(unequal_answers_do_not_stop_it),
        cmocka_unit_test(it_follows_a_server_that_changes),
        cmocka_unit_test(one_that_shares_its_speed_is_used_well),
        cmocka_unit_test(jams_are_followed),
        cmocka_unit_test(a_short_study_on_one_slot_has_no_timeouts),
        cmocka_unit_test(where_nothing_is_answered_in_time_it_asks_with_care),
        cmocka_unit_test(a_declared_limit_is_used_at_once),
        cmocka_unit_test(overload_is_ours_only_if_more_is_in_flight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
