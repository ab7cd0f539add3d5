/* A provider that is away: the lane finds out, asks with care, loses no trial, and goes on by itself. */
#include "worker/core/lane.h"
#include "tests/unit/worker_bench.h"

/* ---- the rule by itself ----------------------------------------------------------------------------- */

static void a_row_of_faults(void **state)
{
    struct cs_rng rng = {1};
    struct cs_outage o;
    (void)state;
    cs_outage_init(&o);
    for (uint32_t i = 0; i < CS_OUTAGE_ROW; i++) {
        assert_int_equal(cs_outage_in_doubt(&o), i >= CS_OUTAGE_DOUBT);
        assert_true(cs_outage_may_call(&o, 9, 100));
        assert_int_equal(cs_outage_fault(&o, true, 50, 100, &rng), i == CS_OUTAGE_ROW - 1);
    }
    assert_true(o.away);
    assert_in_range(o.probe_ms, 100 + CS_OUTAGE_PROBE_MS / 2, 100 + CS_OUTAGE_PROBE_MS);
    assert_false(cs_outage_may_call(&o, 0, o.probe_ms - 1));
    assert_false(cs_outage_may_call(&o, 1, o.probe_ms)); /* one at a time */
    assert_true(cs_outage_may_call(&o, 0, o.probe_ms));
    assert_false(cs_outage_fault(&o, true, 50, 200, &rng)); /* it was on its way before: no probe */
    assert_int_equal(o.probes, 0);
    uint64_t now = 200;
    for (uint32_t i = 0; i < 12; i++) {
        uint64_t most = i < 5 ? 2000ULL << i : CS_OUTAGE_PROBE_MAX_MS;
        now = o.probe_ms;
        cs_outage_fault(&o, true, now, now, &rng);
        assert_in_range(o.probe_ms - now, most / 2, most);
    }
    assert_true(cs_outage_answer(&o, 50));
    assert_false(o.away || cs_outage_in_doubt(&o));
    assert_false(cs_outage_answer(&o, 50));
}

/* A lane with few slots has no more fresh trials to fail: a few that fail again and again are enough, but not fewer than a doubt takes. */
static void a_few_trials_again_and_again(void **state)
{
    (void)state;
    for (uint32_t trials = 1; trials <= CS_OUTAGE_DOUBT; trials++) {
        struct cs_rng rng = {1};
        struct cs_outage o;
        cs_outage_init(&o);
        for (uint32_t i = 1; i < CS_OUTAGE_FAULTS; i++)
            assert_false(cs_outage_fault(&o, i <= trials, 50, 100, &rng));
        assert_int_equal(cs_outage_fault(&o, false, 50, 100, &rng), trials == CS_OUTAGE_DOUBT);
        assert_int_equal(o.away, trials == CS_OUTAGE_DOUBT);
        cs_outage_answer(&o, 50);
        assert_false(cs_outage_fault(&o, true, 50, 100, &rng));
    }
}

/* One that makes a call now and then finds out in time, too: not by a slip or two, and not when it was answered meanwhile. */
static void a_few_faults_over_some_time(void **state)
{
    struct cs_rng rng = {1};
    struct cs_outage o;
    (void)state;
    for (uint32_t faults = CS_OUTAGE_DOUBT - 1; faults <= CS_OUTAGE_DOUBT; faults++) {
        cs_outage_init(&o);
        for (uint32_t i = 1; i < faults; i++)
            assert_false(cs_outage_fault(&o, true, 50, 100, &rng));
        assert_int_equal(cs_outage_fault(&o, true, 50, 100 + CS_OUTAGE_LONG_MS, &rng), faults == CS_OUTAGE_DOUBT);
    }
    cs_outage_ask_now(&o, 100 + CS_OUTAGE_LONG_MS); /* another server is there */
    assert_true(cs_outage_may_call(&o, 0, 100 + CS_OUTAGE_LONG_MS));
    cs_outage_init(&o);
    for (uint32_t i = 1; i < CS_OUTAGE_DOUBT; i++)
        cs_outage_fault(&o, true, 50, 100, &rng);
    cs_outage_answer(&o, 200);
    for (uint32_t i = 0; i < CS_OUTAGE_DOUBT; i++)
        assert_false(cs_outage_fault(&o, true, 50, 100 + CS_OUTAGE_LONG_MS, &rng));
}

/* However the faults lie, repetitions stay below answers + a constant, and a third of faults never takes a lane away. */
static void retries_have_a_budget(void **state)
{
    (void)state;
    for (uint64_t share = 1; share < 10; share++) { /* tenths of the calls fail */
        struct cs_rng rng = {share}, probes = {1};
        struct cs_outage o;
        uint64_t answers = 0, retries = 0, aways = 0, now = 0, came_back = 0;
        cs_outage_init(&o);
        for (int i = 0; i < 100000; i++, now += 10) {
            if (!cs_outage_may_call(&o, 0, now))
                continue;
            bool away = o.away;
            if (cs_rng_below(&rng, 10) >= share) {
                answers++;
                came_back += cs_outage_answer(&o, 50);
            } else {
                retries += !away;
                aways += cs_outage_fault(&o, cs_rng_below(&rng, 2) == 0, now, now, &probes);
            }
        }
        assert_true(retries <= answers + CS_OUTAGE_RETRIES + CS_OUTAGE_RETRIES_BACK * came_back + aways);
        if (share <= 3)
            assert_int_equal(aways, 0);
        if (share >= 7)
            assert_true(aways > 0);
    }
}

/* ---- in the core ------------------------------------------------------------------------------------ */

struct world {
    bool up;
    struct cs_http_reply fault;
    uint32_t calls_down, answers, failures, away_said, released;
    uint64_t durable;
    struct cs_arena arena;
};

static void note(struct bench *b, const struct cs_message *m)
{
    struct world *x = b->self;
    if (m->kind == CS_WANT && m->want.lanes[0].trouble[0] != '\0') {
        assert_non_null(strstr(m->want.lanes[0].trouble, "asked again"));
        assert_int_equal(m->want.lanes[0].capacity, 2);
        x->away_said++;
    }
    for (uint32_t i = 0; m->kind == CS_RELEASE && i < m->leases.n; i++)
        x->released += bench_bits(m->leases.leases[i].todo);
    for (uint32_t i = 0; m->kind == CS_OUTPUTS && i < m->outputs.n; i++) {
        struct cs_output o;
        struct cs_error err;
        assert_int_equal(cs_output_unpack(m->outputs.outputs[i].bytes, m->outputs.outputs[i].len, &x->arena, &o, &err),
                         CS_OK);
        *(cs_outcome_is_answer((enum cs_outcome)o.outcome) ? &x->answers : &x->failures) += 1;
        x->durable = m->outputs.first + i;
    }
}

/* Time passes in steps of 10 ms; every call ends within one. */
static void live(struct bench *b, struct world *x, uint64_t ms)
{
    for (uint64_t end = b->now + ms; b->now < end;) {
        bench_wait(b, 10);
        if (b->now % 500 < 10)
            bench_pong(b, b->now);
        for (uint32_t n = b->in_flight; n > 0 && b->in_flight > 0; n--) {
            x->calls_down += !x->up;
            bench_reply(b, bench_slot(b), x->up ? bench_http(200, "", BENCH_GOOD) : x->fault);
        }
        if (x->durable > 0)
            bench_ack(b, x->durable);
    }
}

static void an_hour_without_a_provider(void **state)
{
    static const struct {
        enum cs_transfer transfer;
        uint16_t status;
    } ways[] = {{CS_TRANSFER_UNSENT, 0}, {CS_TRANSFER_LOST, 0}, {CS_TRANSFER_WHOLE, 502}, {CS_TRANSFER_WHOLE, 503}};
    (void)state;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct bench b;
        struct world x = {.fault = bench_fault(ways[i].transfer, ways[i].status)};
        bench_init(&b, 64);
        b.self = &x;
        b.on_send = note;
        bench_welcome(&b, 1, 1000);
        bench_assign(&b, 0, 0, 50, 200);
        x.up = false;
        live(&b, &x, 60 * 60 * 1000);
        struct cs_worker_lane *l = cs_worker_lane_find(b.w, 1, 0);
        assert_true(l->outage.away);
        assert_int_equal(x.failures, 0);
        assert_int_equal(x.answers, 0);
        assert_true(x.away_said >= 1);
        assert_in_range(x.calls_down, 64 + 60, 64 + 200); /* the first ones, then a call every 30 to 60 s */
        assert_in_range(x.released, 100, 136);            /* others may have them: perhaps it is only us */
        x.up = true;
        live(&b, &x, 90 * 1000);
        assert_false(l->outage.away);
        assert_int_equal(x.answers, 200 - x.released);
        assert_int_equal(x.failures, 0);
        assert_string_equal(l->away, "");
        cs_arena_release(&x.arena);
        bench_done(&b);
    }
}

/* The coordinator deals out few calls at once, and gives few trials: enough to tell, and none of them fails. */
static void a_small_lane_loses_no_trial(void **state)
{
    static const struct {
        uint16_t status;
        uint32_t most;
        bool late; /* an older call is answered when the newer ones have failed */
    } ways[] = {{503, 1, false}, {500, 1, false}, {503, 4, false}, {500, 4, false}, {503, 4, true}, {500, 4, true}};
    (void)state;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct bench b;
        struct world x = {.fault = bench_fault(CS_TRANSFER_WHOLE, ways[i].status), .up = true};
        bench_init(&b, 64);
        b.source.concurrent[0] = ways[i].most;
        b.self = &x;
        bench_welcome(&b, 1, 1000);
        bench_assign(&b, 0, 0, 50, 20);
        live(&b, &x, 30);
        assert_int_equal(b.in_flight, ways[i].most);
        const uint32_t older = bench_slot(&b);
        bench_wait(&b, 1000 - b.now % 1000);
        for (uint32_t s = 0; ways[i].late && s < 64; s++) {
            if (b.call[s].live && s != older)
                bench_reply(&b, s, bench_http(200, "", BENCH_GOOD)); /* their slots ask newer trials */
        }
        b.on_send = note;
        x.up = false;
        for (uint32_t s = 0; ways[i].late && s < 64; s++) {
            if (b.call[s].live && s != older)
                bench_reply(&b, s, x.fault);
        }
        if (ways[i].late)
            bench_reply(&b, older, bench_http(200, "", BENCH_GOOD));
        live(&b, &x, 9 * 60 * 1000);
        struct cs_worker_lane *l = cs_worker_lane_find(b.w, 1, 0);
        assert_true(l->outage.away);
        assert_int_equal(x.failures, 0);
        x.up = true;
        live(&b, &x, 3 * 60 * 1000);
        assert_false(l->outage.away);
        assert_int_equal(x.failures, 0);
        assert_int_equal(l->n_todo + l->in_flight, 0);
        cs_arena_release(&x.arena);
        bench_done(&b);
    }
}

/* Two trials are held, more are to come, and every call fails: they have more than their tries and are kept. Of the lane's last two
 * nothing can be said: they end. */
static void two_trials_are_enough_while_there_are_more(void **state)
{
    (void)state;
    for (int last = 0; last < 2; last++) {
        struct bench b;
        struct world x = {.up = false, .fault = bench_fault(CS_TRANSFER_WHOLE, 500)};
        bench_init(&b, 64);
        b.source.concurrent[0] = 1;
        b.self = &x;
        bench_welcome(&b, 1, 1000);
        bench_assign(&b, 0, 0, 50, 2);
        struct cs_worker_lane *l = cs_worker_lane_find(b.w, 1, 0);
        b.on_send = note;
        for (int s = 0; s < 5 * 60 * 100; s++) {
            bench_wait(&b, 10);
            if (s % 50 == 0)
                bench_pong(&b, b.now);
            l->available = last == 0;
            if (b.in_flight > 0) {
                bench_reply(&b, bench_slot(&b), x.fault);
                x.calls_down++;
            }
            if (x.durable > 0)
                bench_ack(&b, x.durable);
        }
        assert_int_equal(l->outage.away, last == 0);
        assert_int_equal(x.failures, last == 0 ? 0 : 2);
        if (last == 0)
            assert_true(x.calls_down >= CS_OUTAGE_ROW);
        else
            assert_int_equal(x.calls_down, 2 * CS_RETRY_TRIES_MAX);
        cs_arena_release(&x.arena);
        bench_done(&b);
    }
}

/* Trials that always fail, and nothing else is left: they have their tries and end; no outage is seen in them. */
static void what_is_left_at_the_end(void **state)
{
    struct bench b;
    struct world x = {.up = true, .fault = bench_fault(CS_TRANSFER_WHOLE, 500)};
    (void)state;
    bench_init(&b, 64);
    b.self = &x;
    b.on_send = note;
    bench_welcome(&b, 1, 1000);
    bench_assign(&b, 0, 0, 50, 60);
    for (int i = 0; i < 50; i++) { /* every other one fails from the beginning on */
        x.up = i % 2 == 0;
        x.calls_down += !x.up;
        bench_reply(&b, bench_slot(&b), x.up ? bench_http(200, "", BENCH_GOOD) : x.fault);
    }
    while (b.in_flight > 0)
        bench_reply(&b, bench_slot(&b), bench_http(200, "", BENCH_GOOD));
    x.up = false;
    live(&b, &x, 60 * 1000);
    assert_int_equal(x.answers, 35);
    assert_int_equal(x.failures, 25);
    assert_int_equal(x.calls_down, 25 * CS_RETRY_TRIES_MAX);
    assert_int_equal(x.away_said, 0);
    cs_arena_release(&x.arena);
    bench_done(&b);
}

/* An outage of one lane's provider leaves its slots to the others. */
static void other_lanes_go_on(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, 64);
    bench_welcome(&b, 2, 1000);
    bench_assign(&b, 0, 0, 50, 256);
    bench_assign(&b, 1, 0, 51, 256);
    assert_int_equal(b.in_flight, 8); /* before they are answered, each is worth four calls of the sixty-four */
    for (uint32_t i = 0; i < 8; i++)
        bench_reply(&b, i, bench_http(200, "", BENCH_GOOD));
    bench_wait(&b, 1);
    for (int i = 0; i < 2000 && !cs_worker_lane_find(b.w, 1, 0)->outage.away; i++) {
        for (uint32_t s = 0; s < 64; s++) {
            if (b.call[s].live && b.call[s].lane == 0) {
                bench_reply(&b, s, bench_fault(CS_TRANSFER_UNSENT, 0));
                break;
            }
        }
        for (uint32_t s = 0; i % 50 == 0 && s < 64; s++) { /* the other one is answered now and then */
            if (b.call[s].live && b.call[s].lane == 1) {
                bench_reply(&b, s, bench_http(200, "", BENCH_GOOD));
                break;
            }
        }
        bench_wait(&b, 5);
    }
    assert_true(cs_worker_lane_find(b.w, 1, 0)->outage.away);
    for (uint32_t s = 0; s < 64; s++) {
        if (b.call[s].live && b.call[s].lane == 0)
            bench_reply(&b, s, bench_fault(CS_TRANSFER_UNSENT, 0));
    }
    bench_wait(&b, 100);
    assert_int_equal(cs_worker_lane_find(b.w, 1, 1)->in_flight, 63);
    assert_int_equal(cs_worker_lane_find(b.w, 1, 0)->in_flight, 0);
    bench_done(&b);
}

/* ---- keys ------------------------------------------------------------------------------------------- */

static struct cs_worker_lane *first_lane(struct bench *b)
{
    return cs_worker_lane_find(b->w, 1, 0);
}

/* What earlier coordinators tell of a key that another worker was refused is hearsay: this one may be accepted. */
static void a_key_refused_to_another(void **state)
{
    struct bench b;
    struct cs_lane_info lanes[BENCH_LANES];
    (void)state;
    bench_init(&b, 8);
    bench_welcome(&b, 2, 1000);
    bench_assign(&b, 0, 0, 50, 100);
    struct cs_message m = {.kind = CS_STOP, .announce = bench_announce(&b, lanes, 2, CS_LANE_OPEN)};
    lanes[0].barred = "0badc0de";
    bench_say(&b, &m);
    assert_int_equal(b.sent[CS_RELEASE], 0);
    assert_string_equal(first_lane(&b)->trouble, "");
    bench_done(&b);
}

/* The next call that lives, answered so; -1: none does. */
static int answer_one(struct bench *b, uint16_t status, const char *body)
{
    for (uint32_t s = 0; s < b->w->opts.slots; s++) {
        if (b->call[s].live) {
            bench_reply(b, s, bench_http(status, "", body));
            return (int)s;
        }
    }
    return -1;
}

static void three_prompts_denied_stop_the_lane(void **state)
{
    (void)state;
    static const uint16_t statuses[] = {401, 403, 404};
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        struct bench b;
        bench_init(&b, 1);
        b.source.distinct = true;
        bench_welcome(&b, 1, 1000);
        bench_assign(&b, 0, 0, 50, 100);
        answer_one(&b, statuses[i], "<html>");
        answer_one(&b, statuses[i], "<html>");
        assert_string_equal(first_lane(&b)->trouble, "");
        answer_one(&b, statuses[i], "<html>");
        assert_string_not_equal(first_lane(&b)->trouble, "");
        assert_int_equal(b.message[CS_WANT]->want.lanes[0].capacity, 0);
        bench_done(&b);
    }
}

/* One node behind a proxy that blocks: it is alone with that, and asks again after five minutes, then after ten. */
static void a_refused_node_asks_again_later(void **state)
{
    struct bench b;
    uint64_t pauses[2] = {0};
    (void)state;
    bench_init(&b, 1);
    b.source.distinct = true;
    bench_welcome(&b, 1, 1000);
    for (int i = 0; i < 2; i++) {
        bench_assign(&b, 0, (uint64_t)i, 50, 100);
        while (answer_one(&b, 403, "<html>") >= 0)
            ;
        assert_string_not_equal(first_lane(&b)->trouble, "");
        assert_int_equal(first_lane(&b)->n_todo, 0);
        while (first_lane(&b)->trouble[0] != '\0' && pauses[i] < 3600) {
            bench_wait(&b, 1000);
            struct cs_message pong = {.kind = CS_PONG};
            struct cs_lane_info lanes[BENCH_LANES];
            pong.pong.echo_ms = b.w->now;
            pong.pong.announce = bench_announce(&b, lanes, 1, CS_LANE_OPEN);
            bench_say(&b, &pong);
            pauses[i]++;
        }
    }
    assert_in_range(pauses[0], 295, 305);
    assert_in_range(pauses[1], 595, 605);
    bench_done(&b);
}

/* Among answers a denied trial is asked three times more and fails alone; the lane goes on. */
static void a_denial_among_answers_fails_alone(void **state)
{
    struct bench b;
    uint32_t denied = 0;
    (void)state;
    bench_init(&b, 1);
    b.source.distinct = true;
    bench_welcome(&b, 1, 1000);
    bench_assign(&b, 0, 0, 50, 40);
    answer_one(&b, 200, BENCH_GOOD);
    const uint64_t bad = b.w->slots[0]->prompt;
    for (int i = 0; i < 400; i++) {
        if (b.call[0].live && b.w->slots[0]->prompt == bad) {
            answer_one(&b, 404, "{}");
            denied++;
        } else {
            answer_one(&b, 200, BENCH_GOOD);
        }
        bench_wait(&b, 50);
    }
    assert_int_equal(denied, 4);
    assert_string_equal(first_lane(&b)->trouble, "");
    assert_int_equal(first_lane(&b)->in_flight + first_lane(&b)->n_todo, 0);
    bench_done(&b);
}

/* A node that turns bad: its trials do not fail one by one meanwhile, and after a minute it stops. */
static void a_node_that_turns_bad_stops_and_fails_few(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, 4);
    b.source.distinct = true;
    bench_welcome(&b, 1, 1000);
    bench_assign(&b, 0, 0, 50, 200);
    answer_one(&b, 200, BENCH_GOOD);
    for (int i = 0; i < 4000 && first_lane(&b)->trouble[0] == '\0'; i++) {
        answer_one(&b, 403, "<html>blocked by the proxy of the house</html>");
        bench_wait(&b, 50);
        bench_pong(&b, b.now);
    }
    assert_string_not_equal(first_lane(&b)->trouble, "");
    assert_true(b.w->calls_ended < 150); /* it did not hammer either */
    bench_done(&b);
}

/* While all are denied, none fails, however often it was tried; once others are answered, it does. */
static void denied_with_others_is_not_alone(void **state)
{
    struct cs_denials d = {0};
    (void)state;
    cs_denials_answered(&d, 1000, 1000);
    assert_int_equal(cs_denials_add(&d, 11, false, 4, 2000), CS_DENIED_ALONE);
    cs_denials_answered(&d, 3000, 3000);
    for (uint32_t times = 1; times < 10; times++)
        for (uint64_t prompt = 1; prompt <= 3; prompt++)
            assert_int_equal(cs_denials_add(&d, prompt, false, times < 4 && prompt < 3 ? times : 3, 4000),
                             CS_DENIED_AGAIN);
    assert_int_equal(cs_denials_add(&d, 1, false, 10, 4000), CS_DENIED_AGAIN);
    cs_denials_answered(&d, 3900, 4500); /* it was asked before the row began */
    assert_int_equal(cs_denials_add(&d, 1, false, 10, 4600), CS_DENIED_AGAIN);
    cs_denials_answered(&d, 5000, 5000);
    assert_int_equal(cs_denials_add(&d, 1, false, 11, 6000), CS_DENIED_ALONE);
    cs_denials_answered(&d, 7000, 7000);
    for (uint64_t prompt = 1; prompt <= 2; prompt++)
        cs_denials_add(&d, prompt, false, 1, 8000);
    assert_int_equal(cs_denials_add(&d, 3, false, 1, 7000 + CS_DENIALS_FRESH_MS), CS_DENIED_STOP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(denied_with_others_is_not_alone),
        cmocka_unit_test(a_row_of_faults),
        cmocka_unit_test(a_few_trials_again_and_again),
        cmocka_unit_test(a_few_faults_over_some_time),
        cmocka_unit_test(retries_have_a_budget),
        cmocka_unit_test(an_hour_without_a_provider),
        cmocka_unit_test(a_small_lane_loses_no_trial),
        cmocka_unit_test(two_trials_are_enough_while_there_are_more),
        cmocka_unit_test(what_is_left_at_the_end),
        cmocka_unit_test(other_lanes_go_on),
        cmocka_unit_test(a_key_refused_to_another),
        cmocka_unit_test(a_refused_node_asks_again_later),
        cmocka_unit_test(three_prompts_denied_stop_the_lane),
        cmocka_unit_test(a_denial_among_answers_fails_alone),
        cmocka_unit_test(a_node_that_turns_bad_stops_and_fails_few),
    };
    return cmocka_run_group_tests_name("worker outage", tests, NULL, NULL);
}
