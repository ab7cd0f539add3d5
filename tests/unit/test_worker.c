/* The worker's state machine: session, leases, shares, window, drain. */
#include "tests/unit/worker_bench.h"
#include "worker/core/lane.h"

static void begins_a_session(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, 8);
    assert_int_equal(b.connects, 1);
    assert_int_equal(b.sent[CS_HELLO], 1);
    assert_int_equal(b.message[CS_HELLO]->session, 0);
    assert_string_equal(b.message[CS_HELLO]->hello.worker, "w1");
    bench_welcome(&b, 1, 100);
    assert_int_equal(b.sent[CS_WANT], 1);
    assert_int_equal(b.message[CS_WANT]->session, b.session);
    assert_int_equal(b.message[CS_WANT]->seq, 1);
    assert_int_equal(b.message[CS_WANT]->want.n, 1);
    assert_int_equal(b.message[CS_WANT]->want.lanes[0].capacity, 16); /* share and prefetch */
    bench_assign(&b, 0, 3, 50, 10);
    assert_int_equal(b.started, 8); /* slots */
    bench_wait(&b, CS_PING_MS);
    assert_int_equal(b.sent[CS_PING], 1);
    const struct cs_ping *p = &b.message[CS_PING]->ping;
    assert_int_equal(p->in_flight, 8);
    assert_int_equal(p->unstarted, 2);
    assert_int_equal(p->now_ms, b.now);
    assert_int_equal(p->rss_mb, 5);
    assert_int_equal(p->n_leases, 1);
    assert_int_equal(bench_bits(p->leases[0].busy), 8);
    assert_int_equal(bench_bits(p->leases[0].todo), 2);
    assert_int_equal(b.message[CS_PING]->ack, b.seq);
    bench_done(&b);
}

static void output_tells_all(void **state)
{
    (void)state;
    struct bench b;
    struct cs_arena arena = {0};
    bench_ready(&b, 4);
    bench_assign(&b, 0, 3, 50, 1);
    b.now += 700;
    bench_reply(&b, bench_slot(&b), bench_http(200, "X-Request-ID:  req_1 \r\ndate: x\r\n", BENCH_GOOD));
    assert_int_equal(b.sent[CS_OUTPUTS], 0); /* waits for company */
    bench_wait(&b, CS_FLUSH_MS);
    assert_int_equal(b.sent[CS_OUTPUTS], 1);
    assert_int_equal(b.message[CS_OUTPUTS]->outputs.first, 1);
    struct cs_output o = bench_output(&b, 0, &arena);
    assert_int_equal(o.gen, 1);
    assert_int_equal(o.position, 3 * 256);
    assert_int_equal(o.epoch, 50);
    assert_int_equal(o.outcome, CS_OUTCOME_ok);
    assert_int_equal(o.attempts, 1);
    assert_int_equal(o.http_status, 200);
    assert_string_equal(o.text, "good");
    assert_string_equal(o.finish, "stop");
    assert_string_equal(o.model_resolved, "m-1");
    assert_string_equal(o.request_id, "req_1");
    assert_string_equal(o.fingerprint, "fp");
    assert_int_equal(o.input_tokens, 14);
    assert_int_equal(o.cached_tokens, 3);
    assert_int_equal(o.output_tokens, 9);
    assert_int_equal(o.reasoning_tokens, 2);
    assert_int_equal(o.latency_ms, 12);
    assert_int_equal(o.total_ms, 700);
    assert_int_equal(o.started_wall_ms, 1700000000000 + 1000);
    assert_string_equal(o.worker, "w1");
    bench_ack(&b, 1);
    assert_int_equal(b.acked, 1);
    bench_wait(&b, CS_PING_MS);
    assert_int_equal(b.message[CS_PING] != NULL ? b.message[CS_PING]->ping.n_leases : 0, 0); /* nothing left of it */
    cs_arena_release(&arena);
    bench_done(&b);
}

static void sends_outputs_in_company(void **state)
{
    (void)state;
    struct bench b;
    bench_ready(&b, 256);
    bench_assign(&b, 0, 0, 50, 256);
    bench_wait(&b, 0); /* the rest of the 256 starts in further steps */
    assert_int_equal(b.in_flight, 256);
    for (int i = 0; i < 63; i++) {
        bench_reply(&b, bench_slot(&b), bench_http(200, "", BENCH_GOOD));
        assert_int_equal(b.sent[CS_OUTPUTS], 0);
    }
    bench_reply(&b, bench_slot(&b), bench_http(200, "", BENCH_GOOD));
    assert_int_equal(b.sent[CS_OUTPUTS], 1);
    assert_int_equal(b.message[CS_OUTPUTS]->outputs.n, 64);
    bench_done(&b);
}

/* An ASSIGN with `busy`: the coordinator hears at once, in a PING, what of it has begun. */
static void watched_leases_are_reported_as_they_begin(void **state)
{
    (void)state;
    for (int watched = 0; watched < 2; watched++) {
        struct bench b;
        struct cs_lease_ref r = {.epoch = 50, .gen = 1, .page = 3, .todo = {0x07}, .busy = {watched ? 0x07 : 0}};
        struct cs_message m = {.kind = CS_ASSIGN, .leases = {.n = 1, .leases = &r}};
        bench_ready(&b, 2);
        bench_wait(&b, 100); /* PINGs come every two seconds */
        bench_say(&b, &m);
        assert_int_equal(b.in_flight, 2);
        uint32_t pings = b.sent[CS_PING];
        if (pings == 0) {
            bench_wait(&b, 0);
            pings = b.sent[CS_PING];
        }
        assert_int_equal(pings, watched);
        if (watched) {
            assert_int_equal(b.message[CS_PING]->ping.leases[0].busy[0], 0x03);
            assert_int_equal(b.message[CS_PING]->ping.leases[0].todo[0], 0x04);
        }
        bench_done(&b);
    }
}

static void asks_for_spec_and_cases(void **state)
{
    (void)state;
    struct bench b;
    uint8_t bytes[8] = {0};
    struct cs_message m = {.kind = CS_SPEC, .spec = {.bytes = bytes, .len = 8}};
    bench_init(&b, 8);
    b.source.spec_here = b.source.cases_here = false;
    bench_welcome(&b, 1, 100);
    assert_int_equal(b.sent[CS_SPEC_GET], 1);
    assert_int_equal(b.message[CS_SPEC_GET]->spec_get.digest[0], 1);
    assert_int_equal(b.sent[CS_WANT], 0);
    bench_wait(&b, CS_SPEC_AGAIN_MS - 1);
    bench_pong(&b, b.now);
    bench_wait(&b, 1);
    assert_int_equal(b.sent[CS_SPEC_GET], 1); /* it was lost: once more */
    memset(m.spec.digest, 1, 32);
    m.spec.len = 3; /* damaged */
    bench_say(&b, &m);
    assert_int_equal(b.sent[CS_WANT], 0);
    m.spec.len = 8;
    bench_say(&b, &m);
    assert_int_equal(b.sent[CS_WANT], 1);
    bench_assign(&b, 0, 0, 50, 4);
    assert_int_equal(b.started, 0);
    assert_int_equal(b.sent[CS_SPEC_GET], 1);
    assert_int_equal(b.message[CS_SPEC_GET]->spec_get.digest[0], 2);
    memset(m.spec.digest, 2, 32);
    bench_say(&b, &m);
    assert_int_equal(b.started, 4);
    bench_done(&b);
}

static void full_window_stops_starting(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, 4);
    bench_welcome(&b, 1, 3);
    bench_assign(&b, 0, 0, 50, 32);
    assert_int_equal(b.in_flight, 4);
    for (int i = 0; i < 3; i++)
        bench_reply(&b, bench_slot(&b), bench_http(200, "", BENCH_GOOD));
    assert_int_equal(b.in_flight, 3); /* two were replaced; then the window was full */
    while (b.in_flight > 0)
        bench_reply(&b, bench_slot(&b), bench_http(200, "", BENCH_GOOD));
    struct cs_worker_figures f;
    cs_worker_figures(b.w, &f);
    assert_int_equal(f.unacked, 6);
    bench_wait(&b, CS_FLUSH_MS);
    assert_int_equal(b.message[CS_OUTPUTS]->outputs.n, 3); /* never more than the coordinator's credit is on its way */
    bench_ack(&b, 3);
    bench_ack(&b, 4); /* not sent yet: does not count */
    assert_int_equal(b.started, 0);
    bench_wait(&b, CS_FLUSH_MS);
    assert_int_equal(b.message[CS_OUTPUTS]->outputs.first, 4);
    bench_ack(&b, 5);
    assert_int_equal(b.started, 4);
    bench_done(&b);
}

static void silence_isolates(void **state)
{
    (void)state;
    struct bench b;
    struct cs_worker_figures f;
    bench_ready(&b, 2);
    uint64_t heard = b.now;
    bench_assign(&b, 0, 0, 50, 100);
    assert_int_equal(b.in_flight, 2);
    bench_wait(&b, heard + CS_SUSPECT_MS - b.now);
    cs_worker_figures(b.w, &f);
    assert_int_equal(f.state, CS_WORKER_ISOLATED);
    bench_reply(&b, bench_slot(&b), bench_http(200, "", BENCH_GOOD));
    assert_int_equal(b.started, 1); /* still on a good lease */
    bench_wait(&b, 100);
    assert_int_equal(b.sent[CS_OUTPUTS], 0); /* held back */
    uint32_t connects = 0;
    while (b.now < heard + CS_RECONNECT_MS + 200) {
        bench_wait(&b, 1);
        connects += b.connects;
    }
    assert_int_equal(connects, 1);
    cs_worker_figures(b.w, &f);
    assert_int_equal(f.state, CS_WORKER_HELLO_SENT);
    bench_wait(&b, heard + CS_STOP_START_MS - 1 - b.now);
    bench_reply(&b, bench_slot(&b), bench_http(200, "", BENCH_GOOD));
    assert_int_equal(b.started, 1);
    bench_wait(&b, 1);
    bench_reply(&b, bench_slot(&b), bench_http(200, "", BENCH_GOOD));
    assert_int_equal(b.started, 0); /* 18 s: no call starts */
    cs_worker_figures(b.w, &f);
    assert_true(f.unstarted > 0);
    bench_wait(&b, CS_LEASE_LOST_WORKER_MS - CS_STOP_START_MS);
    cs_worker_figures(b.w, &f);
    assert_int_equal(f.unstarted, 0); /* 27 s: the leases are lost */
    assert_int_equal(f.unacked, 3);   /* the results are kept */
    assert_int_equal(f.in_flight, 1);
    bench_done(&b);
}

/* A PONG that was long under way must not lengthen a lease. */
static void lease_clock_runs_from_the_ping(void **state)
{
    (void)state;
    struct bench b;
    bench_ready(&b, 2);
    uint64_t heard = b.now;
    bench_wait(&b, 5000);
    bench_pong(&b, heard + 10);
    bench_wait(&b, heard + 10 + CS_SUSPECT_MS - b.now);
    struct cs_worker_figures f;
    cs_worker_figures(b.w, &f);
    assert_int_equal(f.state, CS_WORKER_ISOLATED);
    bench_pong(&b, b.now + 999999); /* from the future: not believed */
    cs_worker_figures(b.w, &f);
    assert_int_equal(f.state, CS_WORKER_ISOLATED);
    bench_pong(&b, b.now);
    cs_worker_figures(b.w, &f);
    assert_int_equal(f.state, CS_WORKER_READY);
    bench_done(&b);
}

static void new_session_renumbers_and_adopts(void **state)
{
    (void)state;
    struct bench b;
    struct cs_lane_info lanes[BENCH_LANES];
    bench_ready(&b, 2);
    bench_assign(&b, 0, 0, 50, 3);
    bench_assign(&b, 0, 1, 51, 3);
    for (int i = 0; i < 3; i++)
        bench_reply(&b, bench_slot(&b), bench_http(200, "", BENCH_GOOD));
    bench_wait(&b, CS_FLUSH_MS);
    bench_ack(&b, 1);
    struct cs_message who = {.kind = CS_WHO};
    bench_say(&b, &who);
    assert_int_equal(b.sent[CS_HELLO], 1);
    assert_int_equal(b.connects, 0);
    const struct cs_hello *h = &b.message[CS_HELLO]->hello;
    assert_int_equal(h->last_term, 5);
    assert_int_equal(h->n_leases, 2);
    assert_int_equal(bench_bits(h->leases[0].todo) + bench_bits(h->leases[1].todo), 1);
    assert_int_equal(bench_bits(h->leases[0].busy) + bench_bits(h->leases[1].busy), 4);
    bench_say(&b, &who); /* answers something older */
    assert_int_equal(b.sent[CS_HELLO], 0);
    b.session++;
    b.seq = 0;
    b.term = 6;
    struct cs_message m = {.kind = CS_WELCOME};
    m.welcome = (struct cs_welcome){
        .session = b.session, .term = 6, .fleet = "f", .window_bytes = 1 << 22, .window_outputs = 100};
    m.welcome.announce = bench_announce(&b, lanes, 1, CS_LANE_OPEN);
    m.welcome.n_adopted = 1;
    m.welcome.adopted = calloc(1, sizeof *m.welcome.adopted);
    m.welcome.adopted[0].old_epoch = 50;
    m.welcome.adopted[0].new_epoch = 90;
    bench_say(&b, &m);
    free(m.welcome.adopted);
    assert_int_equal(b.sent[CS_OUTPUTS], 1);
    assert_int_equal(b.message[CS_OUTPUTS]->outputs.first, 1);
    assert_int_equal(b.message[CS_OUTPUTS]->outputs.n, 2);
    assert_int_equal(b.message[CS_OUTPUTS]->session, b.session);
    while (b.in_flight > 0)
        bench_reply(&b, bench_slot(&b), bench_http(200, "", BENCH_GOOD));
    assert_int_equal(b.total_started, 5); /* lease 51 was dropped with one position unstarted */
    bench_wait(&b, CS_FLUSH_MS);
    struct cs_arena arena = {0};
    assert_int_equal(b.message[CS_OUTPUTS]->outputs.n, 2); /* both are delivered, dropped or not */
    assert_int_equal(bench_output(&b, 0, &arena).epoch,
                     51); /* under its old name: the coordinator may presume its cost */
    bench_ack(&b, 4);
    bench_wait(&b, CS_PING_MS);
    struct cs_worker_figures f;
    cs_worker_figures(b.w, &f);
    assert_int_equal(f.unacked, 0);
    cs_arena_release(&arena);
    bench_done(&b);
}

static void lost_lease_ends_what_flies(void **state)
{
    (void)state;
    struct bench b;
    struct cs_lane_info lanes[BENCH_LANES];
    uint64_t lost = 50;
    bench_ready(&b, 2);
    bench_assign(&b, 0, 0, 50, 10);
    struct cs_message m = {.kind = CS_PONG, .pong = {.echo_ms = b.now, .n_lost = 1, .lost = &lost}};
    m.pong.announce = bench_announce(&b, lanes, 1, CS_LANE_OPEN);
    bench_say(&b, &m);
    bench_reply(&b, bench_slot(&b), bench_http(200, "", BENCH_GOOD));
    assert_int_equal(b.started, 0);
    bench_reply(&b, bench_slot(&b), bench_http(500, "", "{}")); /* not ours to repeat any more */
    assert_int_equal(b.sent[CS_RELEASE], 0);
    bench_wait(&b, CS_FLUSH_MS);
    assert_int_equal(b.message[CS_OUTPUTS]->outputs.n, 1);
    bench_wait(&b, 60000);
    assert_int_equal(b.total_started, 2);
    bench_done(&b);
}

static void revoke_gives_back_the_unstarted(void **state)
{
    (void)state;
    struct bench b;
    struct cs_lease_ref r = {.epoch = 50, .gen = 1};
    struct cs_message m = {.kind = CS_REVOKE, .leases = {.n = 1, .leases = &r}};
    bench_ready(&b, 2);
    bench_assign(&b, 0, 0, 50, 10);
    bench_reply(&b, bench_slot(&b), bench_http(500, "", "{}")); /* waits for a repetition: unstarted too */
    bench_say(&b, &m);
    assert_int_equal(b.sent[CS_REVOKED], 1);
    assert_int_equal(bench_bits(b.message[CS_REVOKED]->leases.leases[0].todo), 8);
    r.epoch = 77;
    bench_say(&b, &m);
    assert_int_equal(bench_bits(b.message[CS_REVOKED]->leases.leases[0].todo), 0);
    bench_wait(&b, 5000);
    assert_int_equal(b.total_started, 3);
    bench_done(&b);
}

static void pause_keeps_cancel_returns(void **state)
{
    (void)state;
    struct bench b;
    bench_ready(&b, 2);
    bench_assign(&b, 0, 0, 50, 10);
    bench_stop(&b, 1, CS_LANE_PAUSED);
    assert_int_equal(b.sent[CS_RELEASE], 0);
    assert_int_equal(b.sent[CS_WANT], 1);
    bench_reply(&b, bench_slot(&b), bench_http(200, "", BENCH_GOOD));
    assert_int_equal(b.started, 0);
    bench_stop(&b, 1, CS_LANE_OPEN);
    assert_int_equal(b.started, 1);
    bench_stop(&b, 1, CS_LANE_CANCELLED);
    assert_int_equal(b.sent[CS_RELEASE], 1);
    assert_int_equal(bench_bits(b.message[CS_RELEASE]->leases.leases[0].todo), 7);
    bench_assign(&b, 0, 1, 51, 10); /* crossed with the announcement */
    assert_int_equal(b.started, 0);
    assert_int_equal(bench_bits(b.message[CS_RELEASE]->leases.leases[0].todo), 10);
    bench_stop(&b, 0, CS_LANE_OPEN); /* the lane is gone from the announcement */
    while (b.in_flight > 0)
        bench_reply(&b, bench_slot(&b), bench_http(200, "", BENCH_GOOD));
    bench_wait(&b, CS_FLUSH_MS);
    bench_ack(&b, 3);
    assert_int_equal(b.source.studies, 0); /* and forgotten here */
    bench_done(&b);
}

static void missing_key_is_told(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, 8);
    b.source.trouble[1] = "no key: set X_API_KEY";
    bench_welcome(&b, 2, 100);
    const struct cs_want *want = &b.message[CS_WANT]->want;
    assert_int_equal(want->n, 2);
    assert_int_equal(want->lanes[0].capacity, 16);
    assert_int_equal(want->lanes[1].capacity, 0);
    assert_string_equal(want->lanes[1].trouble, "no key: set X_API_KEY");
    bench_assign(&b, 1, 0, 60, 3);
    assert_int_equal(b.sent[CS_RELEASE], 1);
    bench_stop(&b, 2, CS_LANE_STOPPED);
    b.source.trouble[1] = NULL;
    bench_stop(&b, 2, CS_LANE_OPEN);                                 /* resumed after the key was put there */
    assert_int_equal(b.message[CS_WANT]->want.lanes[1].capacity, 8); /* little, until it is answered */
    bench_done(&b);
}

/* One trial of the lane, and its answer. */
static void answer_first(struct bench *b, uint32_t lane)
{
    bench_assign(b, lane, 0, 60 + lane, 1);
    bench_reply(b, bench_slot(b), bench_http(200, "", BENCH_GOOD));
}

static void lanes_share_the_slots(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, 90);
    b.source.concurrent[2] = 10;
    bench_welcome(&b, 3, 1000);
    const struct cs_want *want = &b.message[CS_WANT]->want;
    for (uint32_t lane = 0; lane < 3; lane++)
        assert_int_equal(want->lanes[lane].capacity, 8); /* nobody is answered yet */
    for (uint32_t lane = 0; lane < 3; lane++)
        answer_first(&b, lane);
    want = &b.message[CS_WANT]->want;
    assert_int_equal(want->lanes[0].capacity, 80);
    assert_int_equal(want->lanes[1].capacity, 80);
    assert_int_equal(want->lanes[2].capacity, 20);
    for (uint32_t lane = 0; lane < 3; lane++)
        bench_assign(&b, lane, 1, 70 + lane, 100);
    bench_wait(&b, 0);
    uint32_t n[3] = {0};
    for (uint32_t i = 0; i < BENCH_SLOTS; i++)
        n[b.call[i].lane] += b.call[i].live;
    assert_int_equal(n[0], 40);
    assert_int_equal(n[1], 40);
    assert_int_equal(n[2], 10);
    bench_done(&b);
}

/* What a lane has under way when it falls silent keeps nobody from his slots, and comes back as it answers. */
static void a_silent_lane_lends_its_slots(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, 40);
    bench_welcome(&b, 2, 1000);
    for (uint32_t lane = 0; lane < 2; lane++)
        answer_first(&b, lane);
    for (uint32_t lane = 0; lane < 2; lane++)
        bench_assign(&b, lane, 1, 70 + lane, 250);
    bench_wait(&b, 0);
    struct cs_worker_lane *dead = cs_worker_lane_find(b.w, 1, 0), *alive = cs_worker_lane_find(b.w, 1, 1);
    assert_int_equal(dead->in_flight, 20);
    assert_int_equal(alive->in_flight, 20);
    for (int ms = 0; ms < 3000; ms += 100) {
        for (uint32_t i = 0; i < BENCH_SLOTS; i++) {
            if (b.call[i].live && b.call[i].lane == 1) {
                bench_reply(&b, i, bench_http(200, "", BENCH_GOOD));
                break;
            }
        }
        bench_wait(&b, 100);
    }
    assert_true(dead->silent);
    assert_int_equal(dead->in_flight, 20);  /* they end when they end */
    assert_int_equal(alive->in_flight, 38); /* but for two, with which the other is tried */
    for (uint32_t i = 0; i < BENCH_SLOTS; i++) {
        if (b.call[i].live && b.call[i].lane == 0) {
            bench_reply(&b, i, bench_http(200, "", BENCH_GOOD));
            break;
        }
    }
    assert_false(dead->silent);
    assert_int_equal(b.w->parked, 0);
    for (uint32_t i = 0; i < BENCH_SLOTS; i++) { /* what is too much now ends, and nothing begins meanwhile */
        if (b.call[i].live && b.call[i].lane == 1 && alive->in_flight > 20)
            bench_reply(&b, i, bench_http(200, "", BENCH_GOOD));
    }
    bench_wait(&b, 0);
    assert_int_equal(dead->in_flight + alive->in_flight, 40);
    bench_done(&b);
}

/* Calls that the coordinator deals out: no more at once, and what is held beyond twice as many goes back. */
static void no_more_calls_than_are_dealt_out(void **state)
{
    (void)state;
    struct bench b;
    struct cs_lane_info lanes[BENCH_LANES];
    struct cs_message m = {.kind = CS_STOP};
    bench_init(&b, 64);
    bench_welcome(&b, 1, 1000);
    assert_int_equal(b.message[CS_WANT]->want.lanes[0].capacity, 128);
    assert_int_equal(b.message[CS_WANT]->want.lanes[0].jams, 1);
    m.announce = bench_announce(&b, lanes, 1, CS_LANE_OPEN);
    lanes[0].calls = 1 + 4;
    bench_say(&b, &m);
    bench_assign(&b, 0, 0, 50, 8);
    assert_int_equal(b.in_flight, 4);
    lanes[0].calls = 1 + 6; /* pushed: used at once */
    bench_say(&b, &m);
    assert_int_equal(b.in_flight, 6);
    lanes[0].calls = 1 + 0;
    bench_say(&b, &m);
    assert_int_equal(b.sent[CS_RELEASE], 1);
    assert_int_equal(bench_bits(b.message[CS_RELEASE]->leases.leases[0].todo), 2);
    bench_wait(&b, 2);
    for (int i = 0; i < 2; i++) /* one jam: they were sent together, and before the part was cut */
        bench_reply(&b, bench_slot(&b), bench_http(429, "retry-after: 1\r\n", "{}"));
    assert_int_equal(b.sent[CS_WANT], 0); /* nothing new to tell */
    lanes[0].calls = 1 + 6;
    bench_say(&b, &m);
    bench_wait(&b, 3000);
    bench_assign(&b, 0, 1, 51, 8);
    assert_int_equal(b.in_flight, 6);
    bench_reply(&b, bench_slot(&b), bench_http(529, "", "{}"));
    assert_int_equal(b.message[CS_WANT]->want.lanes[0].jams, 2); /* told at once, and once */
    bench_reply(&b, bench_slot(&b), bench_http(529, "", "{}"));
    assert_int_equal(b.sent[CS_WANT], 0);
    bench_done(&b);
}

static void drains(void **state)
{
    (void)state;
    struct bench b;
    bench_ready(&b, 2);
    bench_assign(&b, 0, 0, 50, 10);
    bench_reply(&b, bench_slot(&b), bench_http(500, "", "{}"));
    bench_step(&b, (struct cs_worker_event){.kind = CS_WORKER_DRAIN});
    assert_int_equal(b.sent[CS_RELEASE], 1);
    assert_int_equal(bench_bits(b.message[CS_RELEASE]->leases.leases[0].todo), 8);
    assert_int_equal(b.message[CS_WANT]->want.lanes[0].capacity, 0);
    bench_assign(&b, 0, 1, 51, 4); /* crossed */
    assert_int_equal(b.sent[CS_RELEASE], 1);
    bench_wait(&b, CS_PING_MS);
    bench_pong(&b, b.now);
    bench_reply(&b, bench_slot(&b), bench_http(500, "", "{}")); /* no repetition: given back */
    assert_int_equal(bench_bits(b.message[CS_RELEASE]->leases.leases[0].todo), 1);
    bench_reply(&b, bench_slot(&b), bench_http(200, "", BENCH_GOOD));
    bench_wait(&b, CS_FLUSH_MS);
    assert_int_equal(b.sent[CS_OUTPUTS], 1);
    assert_int_equal(b.sent[CS_BYE], 0); /* not before the acknowledgement */
    bench_ack(&b, 1);
    assert_int_equal(b.sent[CS_BYE], 1);
    bench_wait(&b, 1000);
    assert_true(b.exited);
    assert_int_equal(b.exit_code, CS_OK);
    bench_done(&b);
}

static void drain_ends(void **state)
{
    (void)state;
    struct bench b;
    bench_ready(&b, 2);
    bench_assign(&b, 0, 0, 50, 10);
    bench_reply(&b, bench_slot(&b), bench_http(200, "", BENCH_GOOD));
    bench_step(&b, (struct cs_worker_event){.kind = CS_WORKER_DRAIN});
    bench_wait(&b, 120000); /* nobody answers */
    assert_true(b.exited);
    assert_int_equal(b.exit_code, CS_EINCOMPLETE);
    assert_int_equal(b.in_flight, 0);
    bench_done(&b);

    bench_init(&b, 2); /* nothing to lose: at once */
    bench_step(&b, (struct cs_worker_event){.kind = CS_WORKER_DRAIN});
    bench_wait(&b, 0);
    assert_true(b.exited);
    assert_int_equal(b.exit_code, CS_OK);
    bench_done(&b);
}

static void refuses_the_wrong_coordinator(void **state)
{
    (void)state;
    struct bench b;
    struct cs_message who = {.kind = CS_WHO};
    bench_ready(&b, 2);
    bench_say(&b, &who);
    b.term = 4;
    bench_welcome(&b, 1, 100);
    assert_true(b.exited);
    assert_int_equal(b.exit_code, CS_ESTALE);
    bench_done(&b);

    bench_ready(&b, 2);
    bench_say(&b, &who);
    b.session++;
    struct cs_message m = {.kind = CS_WELCOME, .welcome = {.term = 9, .fleet = "other"}};
    bench_say(&b, &m);
    assert_true(b.exited);
    assert_non_null(strstr(b.exit_text, "other"));
    bench_done(&b);

    bench_ready(&b, 2);
    struct cs_message r = {.kind = CS_REJECT, .reject = {.code = "mismatch", .text = "digest differs"}};
    bench_say(&b, &r);
    assert_true(b.exited);
    assert_int_not_equal(cs_error_exit_code(b.exit_code), 0);
    assert_non_null(strstr(b.exit_text, "digest differs"));
    bench_done(&b);

    bench_init(&b, 2);
    r.reject = (struct cs_reject){.code = "draining", .text = "later", .retry_after_ms = 3000};
    bench_say(&b, &r);
    assert_false(b.exited);
    bench_wait(&b, 2999);
    assert_int_equal(b.sent[CS_HELLO], 0);
    bench_wait(&b, 1);
    assert_int_equal(b.sent[CS_HELLO], 1);
    bench_done(&b);
}

static void refused_output_is_dropped(void **state)
{
    (void)state;
    struct bench b;
    bench_ready(&b, 2);
    bench_assign(&b, 0, 0, 50, 2);
    bench_reply(&b, bench_slot(&b), bench_http(200, "", BENCH_GOOD));
    bench_reply(&b, bench_slot(&b), bench_http(200, "", BENCH_GOOD));
    bench_wait(&b, CS_FLUSH_MS);
    struct cs_message m = {.kind = CS_ACK, .ack_body = {.durable = 2, .n_refused = 1}};
    m.ack_body.refused = calloc(1, sizeof *m.ack_body.refused);
    m.ack_body.refused[0].number = 1;
    m.ack_body.refused[0].why = CS_REFUSED_UNKNOWN;
    bench_say(&b, &m);
    free(m.ack_body.refused);
    struct cs_worker_figures f;
    cs_worker_figures(b.w, &f);
    assert_int_equal(f.outputs_acked, 1);
    assert_int_equal(f.outputs_refused, 1);
    assert_int_equal(f.unacked, 0);
    assert_int_equal(b.acked, 1);
    bench_done(&b);
}

static void resends_without_progress(void **state)
{
    (void)state;
    struct bench b;
    bench_ready(&b, 2);
    bench_assign(&b, 0, 0, 50, 2);
    bench_reply(&b, bench_slot(&b), bench_http(200, "", BENCH_GOOD));
    bench_wait(&b, CS_FLUSH_MS);
    bench_wait(&b, CS_RESEND_MS - 1);
    assert_int_equal(b.sent[CS_OUTPUTS], 0);
    bench_pong(&b, b.now);
    bench_wait(&b, 1);
    assert_int_equal(b.sent[CS_OUTPUTS], 1);
    assert_int_equal(b.message[CS_OUTPUTS]->outputs.first, 1); /* the same number in the same session */
    bench_done(&b);
}

static void link_down_is_noticed(void **state)
{
    (void)state;
    struct bench b;
    struct cs_worker_event unsent = {.kind = CS_WORKER_UNSENT, .unsent = CS_PING};
    bench_ready(&b, 2);
    bench_step(&b, unsent);
    unsent.unsent = CS_HELLO;
    uint32_t hellos = 0, connects = 0;
    for (int i = 0; i < 300; i++) { /* three seconds without a coordinator */
        bench_wait(&b, 10);
        hellos += b.sent[CS_HELLO];
        connects += b.connects;
        if (b.sent[CS_HELLO] > 0)
            bench_step(&b, unsent);
    }
    assert_in_range(hellos, 2000 / CS_HELLO_AGAIN_MS, 3000 / CS_HELLO_AGAIN_MS + 1);
    assert_in_range(connects, 1, 3);
    bench_wait(&b, CS_HELLO_AGAIN_MS);
    bench_welcome(&b, 1, 100);
    struct cs_worker_figures f;
    cs_worker_figures(b.w, &f);
    assert_int_equal(f.state, CS_WORKER_READY);
    bench_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begins_a_session),
        cmocka_unit_test(output_tells_all),
        cmocka_unit_test(sends_outputs_in_company),
        cmocka_unit_test(asks_for_spec_and_cases),
        cmocka_unit_test(full_window_stops_starting),
        cmocka_unit_test(silence_isolates),
        cmocka_unit_test(lease_clock_runs_from_the_ping),
        cmocka_unit_test(new_session_renumbers_and_adopts),
        cmocka_unit_test(lost_lease_ends_what_flies),
        cmocka_unit_test(revoke_gives_back_the_unstarted),
        cmocka_unit_test(pause_keeps_cancel_returns),
        cmocka_unit_test(missing_key_is_told),
        cmocka_unit_test(lanes_share_the_slots),
        cmocka_unit_test(a_silent_lane_lends_its_slots),
        cmocka_unit_test(no_more_calls_than_are_dealt_out),
        cmocka_unit_test(drains),
        cmocka_unit_test(drain_ends),
        cmocka_unit_test(refuses_the_wrong_coordinator),
        cmocka_unit_test(refused_output_is_dropped),
        cmocka_unit_test(watched_leases_are_reported_as_they_begin),
        cmocka_unit_test(resends_without_progress),
        cmocka_unit_test(link_down_is_noticed),
    };
    return cmocka_run_group_tests_name("worker core", tests, NULL, NULL);
}
