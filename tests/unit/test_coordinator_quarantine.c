/* Trials that end their workers, in a fleet of a few lines: workers that begin what they are leased, report by PING and answer later;
 * one that meets a poisonous trial's answer is gone without a word, and back under its name as another process. */
#include "tests/unit/coordinator_rig.h"

#include "coordinator/core/quarantine.h"
#include "protocol/base/log.h"

enum { FLEET_MAX = 4, HELD_MAX = 128, SLOTS = 8, CAPACITY = 16, TURN_MS = 100, POISON_MAX = 2 };

struct work { /* a trial that a worker holds */
    uint64_t epoch, position, answer_at;
    uint32_t lane;
    bool begun, watched;
};
struct member {
    char name[16];
    uint64_t nonce, session, sent, last_seq, number, ping_at, born_at;
    struct cs_peer peer;
    struct work held[HELD_MAX];
    unsigned n;
    bool alive;
};
struct fleet {
    struct rig r;
    struct cs_rng rng;
    struct member m[FLEET_MAX];
    unsigned n;
    uint64_t latency_ms, calls, deaths, nonces;
    struct {
        uint32_t lane;
        uint64_t position;
    } poison[POISON_MAX];
    unsigned n_poison;
    uint64_t killed_every_ms; /* a random worker, by an operator; 0: never */
    uint32_t begun[RIG_LANES][1024];
};

static bool is_poison(const struct fleet *f, uint32_t lane, uint64_t position)
{
    for (unsigned i = 0; i < f->n_poison; i++) {
        if (f->poison[i].lane == lane && f->poison[i].position == position)
            return true;
    }
    return false;
}

/* ---- a worker ------------------------------------------------------------------------------------------ */

static void add(struct member *m, const struct cs_lease_ref *ref)
{
    struct cs_bits todo = cs_bits_from_wire(ref->todo), busy = cs_bits_from_wire(ref->busy);

    for (unsigned i = 0; i < CS_PAGE_TRIALS; i++) {
        if (!cs_bits_has(&todo, i))
            continue;
        CS_ASSERT(m->n < HELD_MAX);
        m->held[m->n++] = (struct work){ref->epoch,          ref->page * CS_PAGE_TRIALS + i, 0, ref->lane, false,
                                        !cs_bits_none(&busy)};
    }
}

static void drop(struct member *m, unsigned i)
{
    m->n--;
    memmove(&m->held[i], &m->held[i + 1], (m->n - i) * sizeof m->held[0]);
}

static void say(struct fleet *f, struct member *m, struct cs_message *msg);

/* Unstarted trials of a lease go back. */
static void revoked(struct fleet *f, struct member *m, const struct cs_lease_ref *ref)
{
    struct cs_lease_ref back = *ref;
    struct cs_message msg = {.kind = CS_REVOKED, .leases = {1, &back}};
    struct cs_bits todo = {{0}};

    for (unsigned i = m->n; i-- > 0;) {
        if (m->held[i].epoch != ref->epoch || m->held[i].begun)
            continue;
        cs_bits_add(&todo, (unsigned)(m->held[i].position % CS_PAGE_TRIALS));
        drop(m, i);
    }
    cs_bits_to_wire(&todo, back.todo);
    say(f, m, &msg);
}

static void hear(struct fleet *f)
{
    struct {
        struct member *m;
        struct cs_lease_ref ref;
    } revoke[64];
    unsigned n_revoke = 0;

    for (const struct cs_action *a = f->r.acts; a != NULL; a = a->next) {
        for (unsigned i = 0; i < f->n; i++) {
            struct member *m = &f->m[i];

            if (a->kind != CS_ACT_SEND || !m->alive || memcmp(&a->peer, &m->peer, sizeof m->peer) != 0)
                continue;
            if (a->message.kind == CS_WELCOME) {
                m->session = a->message.welcome.session;
                m->number = 0;
            }
            if (a->message.session == m->session)
                m->last_seq = a->message.seq;
            for (uint32_t k = 0; a->message.kind == CS_ASSIGN && k < a->message.leases.n; k++)
                add(m, &a->message.leases.leases[k]);
            for (uint32_t k = 0; a->message.kind == CS_REVOKE && k < a->message.leases.n && n_revoke < 64; k++) {
                revoke[n_revoke].m = m;
                revoke[n_revoke++].ref = a->message.leases.leases[k];
            }
        }
    }
    for (unsigned i = 0; i < n_revoke; i++) /* answers are steps of their own: the messages above are gone by then */
        revoked(f, revoke[i].m, &revoke[i].ref);
}

static void say(struct fleet *f, struct member *m, struct cs_message *msg)
{
    struct cs_event e = {.kind = CS_EV_MESSAGE, .message = {&m->peer, "", msg}};

    msg->version = CS_WIRE_MAJOR * 256;
    msg->session = msg->kind == CS_HELLO ? 0 : m->session;
    msg->seq = ++m->sent;
    msg->ack = m->last_seq;
    rig_step(&f->r, &e);
    hear(f);
}

static void settle(struct fleet *f)
{
    while (f->r.n_batches > 0) {
        rig_commit(&f->r, CS_OK);
        hear(f);
    }
}

static void hello(struct fleet *f, struct member *m)
{
    struct cs_message msg = {.kind = CS_HELLO, .hello = {.worker = m->name, .version = "t", .nonce = m->nonce}};

    m->session = 0;
    say(f, m, &msg);
    settle(f);
}

static void ping(struct fleet *f, struct member *m)
{
    struct cs_lease_ref refs[HELD_MAX];
    struct cs_want_lane want[RIG_LANES];
    struct cs_message msg = {.kind = CS_PING, .ping = {.leases = refs, .want = want, .n_want = f->r.disk->n_lanes}};

    for (uint32_t i = 0; i < msg.ping.n_want; i++)
        want[i] = (struct cs_want_lane){.gen = 1, .lane = i, .capacity = CAPACITY, .trouble = ""};
    for (unsigned i = 0; i < m->n; i++) {
        const struct work *w = &m->held[i];
        uint32_t k = 0;
        unsigned bit = (unsigned)(w->position % CS_PAGE_TRIALS);

        while (k < msg.ping.n_leases && refs[k].epoch != w->epoch)
            k++;
        if (k == msg.ping.n_leases)
            refs[msg.ping.n_leases++] = (struct cs_lease_ref){
                .epoch = w->epoch, .gen = 1, .lane = w->lane, .page = w->position / CS_PAGE_TRIALS};
        (w->begun ? refs[k].busy : refs[k].todo)[bit / 8] |= (uint8_t)(1U << bit % 8);
    }
    m->ping_at = f->r.now + CS_PING_MS;
    say(f, m, &msg);
}

static void answer(struct fleet *f, struct member *m, const struct work *w)
{
    struct cs_output o = {.gen = 1,
                          .lane = w->lane,
                          .position = w->position,
                          .epoch = w->epoch,
                          .outcome = CS_OUTCOME_ok,
                          .attempts = 1,
                          .text = "yes",
                          .finish = "stop",
                          .started_wall_ms = (int64_t)++f->calls,
                          .worker = m->name};
    struct cs_buf packed = CS_BUF_INIT(CS_OUTPUT_MAX);
    struct cs_output_bytes bytes;
    struct cs_message msg = {.kind = CS_OUTPUTS, .outputs = {++m->number, 1, &bytes}};

    rig_digest(1, w->lane, w->position, &o.digest);
    cs_output_pack(&o, &packed);
    bytes.bytes = (const uint8_t *)packed.data;
    bytes.len = (uint32_t)packed.len;
    say(f, m, &msg);
    cs_buf_release(&packed);
}

static void die(struct fleet *f, struct member *m)
{
    m->alive = false;
    m->n = 0;
    m->born_at = f->r.now + CS_SUSPECT_MS + TURN_MS; /* its name is free then */
    f->deaths++;
}

static void be_born(struct fleet *f, struct member *m)
{
    m->alive = true;
    m->nonce = ++f->nonces;
    m->peer = (struct cs_peer){2, {(uint8_t)m->nonce, (uint8_t)(m->nonce >> 8)}};
    m->n = 0;
    hello(f, m);
    m->ping_at = f->r.now;
}

/* What is due of a worker in this turn. */
static void turn_of(struct fleet *f, struct member *m)
{
    unsigned flying = 0;
    bool tell = false;

    for (unsigned i = 0; i < m->n && m->alive; i++) {
        struct work w = m->held[i];

        if (!w.begun || w.answer_at > f->r.now)
            continue;
        if (is_poison(f, w.lane, w.position)) {
            die(f, m);
            return;
        }
        drop(m, i--);
        answer(f, m, &w);
        i = m->n < i + 1 ? m->n : i; /* the answer may have brought leases, never taken begun ones */
    }
    for (unsigned i = 0; i < m->n; i++)
        flying += m->held[i].begun;
    for (unsigned i = 0; i < m->n && flying < SLOTS; i++) {
        struct work *w = &m->held[i];

        if (w->begun)
            continue;
        w->begun = true;
        w->answer_at = f->r.now + f->latency_ms;
        f->begun[w->lane][w->position]++;
        flying++;
        tell |= w->watched;
    }
    if (tell || f->r.now >= m->ping_at)
        ping(f, m);
}

/* ---- the fleet ----------------------------------------------------------------------------------------- */

static void fleet_open(struct fleet *f, unsigned workers, uint32_t lanes, uint64_t trials, uint64_t latency_ms,
                       uint64_t seed)
{
    *f = (struct fleet){.n = workers, .latency_ms = latency_ms, .rng = {seed}};
    rig_open(&f->r, lanes, trials);
    rig_begin(&f->r);
    for (unsigned i = 0; i < workers; i++) {
        snprintf(f->m[i].name, sizeof f->m[i].name, "w%u", i);
        be_born(f, &f->m[i]);
    }
}

static struct cs_lane_view lane_of(struct fleet *f, uint32_t lane)
{
    struct cs_lane_view v;

    cs_core_lane(f->r.core, 0, lane, &v);
    return v;
}

static uint64_t sum(struct fleet *f, enum cs_trial_state state)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < f->r.disk->n_lanes; i++) {
        struct cs_lane_view v = lane_of(f, i);

        n += state == CS_TRIAL_PLANNED ? v.planned : state == CS_TRIAL_DONE ? v.done : v.failed;
    }
    return n;
}

static void turn(struct fleet *f)
{
    struct cs_event tick = {.kind = CS_EV_TICK};

    f->r.now += TURN_MS;
    for (unsigned i = 0; i < f->n; i++) {
        struct member *m = &f->m[i];

        if (!m->alive && f->r.now >= m->born_at)
            be_born(f, m);
        if (m->alive && f->killed_every_ms > 0 && cs_rng_below(&f->rng, f->killed_every_ms) < TURN_MS)
            die(f, m);
        if (m->alive)
            turn_of(f, m);
    }
    rig_step(&f->r, &tick);
    hear(f);
    settle(f);
}

/* False: it takes for ever. */
static bool finish(struct fleet *f, uint64_t ms)
{
    for (uint64_t end = f->r.now + ms; f->r.now < end && sum(f, CS_TRIAL_PLANNED) > 0;)
        turn(f);
    return sum(f, CS_TRIAL_PLANNED) == 0;
}

static uint64_t begun_again(const struct fleet *f)
{
    uint64_t n = 0;

    for (unsigned lane = 0; lane < RIG_LANES; lane++) {
        for (unsigned i = 0; i < 1024; i++)
            n += f->begun[lane][i] > 1 ? f->begun[lane][i] - 1 : 0;
    }
    return n;
}

static void fleet_close(struct fleet *f)
{
    rig_close(&f->r);
}

/* ---- tests --------------------------------------------------------------------------------------------- */

static void found_at(unsigned workers, uint32_t lane, uint64_t position, uint64_t latency_ms)
{
    struct fleet f;
    struct cs_lane_view v;

    fleet_open(&f, workers, 2, 300, latency_ms, 1);
    f.n_poison = 1;
    f.poison[0].lane = lane;
    f.poison[0].position = position;
    assert_true(finish(&f, 3600 * 1000));
    v = lane_of(&f, lane);
    assert_int_equal(sum(&f, CS_TRIAL_DONE), 599);
    assert_int_equal(v.failed, 1);
    assert_int_equal(v.n_quarantined, 1);
    assert_int_equal(v.quarantined[0].position, position);
    assert_int_equal(v.quarantined[0].workers, workers < 3 ? workers : 3);
    assert_true(v.quarantined[0].losses >= 3 && v.quarantined[0].losses <= f.deaths);
    assert_int_equal(v.counters.outcome[CS_OUTCOME_internal], 1);
    assert_true(f.r.disk->quarantined[0].present);
    assert_null(f.r.core->suspects); /* everybody else is cleared */
    assert_null(f.r.core->aparts);
    /* two in company, log2 of what was held then, the last ones alone; some more where a PING came between lease and call */
    assert_in_range(f.deaths, 5, 16);
    assert_in_range(begun_again(&f), f.deaths - 1, 4 * CAPACITY + f.deaths);
    fleet_close(&f);
}

static void a_trial_that_ends_its_workers_is_quarantined(void **state)
{
    static const uint64_t latencies[] = {100, 1000, 5000, 20000};

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        found_at(3, 0, 0, latencies[i]);
        found_at(3, 1, 137, latencies[i]);
        found_at(4, 0, 299, latencies[i]);
        found_at(2, 1, 30, latencies[i]);
    }
}

static void with_a_single_worker_it_takes_more_losses(void **state)
{
    (void)state;
    found_at(1, 0, 77, 1000);
}

static void two_of_them(void **state)
{
    struct fleet f;

    (void)state;
    for (uint64_t other = 11; other < 300; other += 90) {
        fleet_open(&f, 3, 1, 300, 1000, other);
        f.n_poison = 2;
        f.poison[0].position = 10;
        f.poison[1].position = other;
        assert_true(finish(&f, 3600 * 1000));
        assert_int_equal(sum(&f, CS_TRIAL_DONE), 298);
        assert_int_equal(lane_of(&f, 0).n_quarantined, 2);
        fleet_close(&f);
    }
}

static void operators_who_kill_workers_condemn_nobody(void **state)
{
    struct fleet f;
    uint64_t deaths = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        fleet_open(&f, 3, 2, 200, 1500, seed);
        f.killed_every_ms = 12000; /* each worker, on average: one call in eight is lost */
        assert_true(finish(&f, 3600 * 1000));
        assert_int_equal(sum(&f, CS_TRIAL_DONE), 400);
        deaths += f.deaths;
        fleet_close(&f);
    }
    assert_true(deaths > 300);
}

/* Loses the first worker with something in flight; how many trials are suspected then. */
static unsigned suspected_after(void (*end)(struct fleet *f, struct member *m))
{
    struct fleet f;
    unsigned n;

    fleet_open(&f, 2, 1, 300, 60000, 1);
    for (unsigned i = 0; i < 50; i++)
        turn(&f);
    assert_int_equal(f.m[0].n, CAPACITY);
    end(&f, &f.m[0]);
    n = HASH_COUNT(f.r.core->suspects);
    fleet_close(&f);
    return n;
}

static void by_bye(struct fleet *f, struct member *m)
{
    struct cs_message msg = {.kind = CS_BYE, .bye = {"drained"}};

    say(f, m, &msg);
}

static void by_reconnect(struct fleet *f, struct member *m)
{
    hello(f, m);
}

static void by_silence(struct fleet *f, struct member *m)
{
    m->alive = false;
    m->born_at = UINT64_MAX;
    for (unsigned i = 0; i < CS_LEASE_LOST_MS / TURN_MS + 2; i++)
        turn(f);
}

static void by_another_process(struct fleet *f, struct member *m)
{
    die(f, m);
    while (!m->alive)
        turn(f);
}

static void only_what_was_in_flight_is_suspected_and_only_without_a_word(void **state)
{
    (void)state;
    assert_int_equal(suspected_after(by_bye), 0);
    assert_int_equal(suspected_after(by_reconnect), 0);
    assert_int_equal(suspected_after(by_silence), SLOTS); /* not the other half, which it held unstarted */
    assert_int_equal(suspected_after(by_another_process), SLOTS);
}

static void retry_returns_it_and_a_restart_remembers_it(void **state)
{
    struct fleet f;
    struct cs_event retry = {.kind = CS_EV_CONTROL, .control = {CS_CONTROL_RETRY, NULL, 7}};

    (void)state;
    fleet_open(&f, 3, 1, 100, 1000, 1);
    f.n_poison = 1;
    f.poison[0].position = 40;
    assert_true(finish(&f, 3600 * 1000));
    rig_restart(&f.r, true);
    rig_commit_all(&f.r);
    assert_int_equal(lane_of(&f, 0).n_quarantined, 1);
    assert_int_equal(lane_of(&f, 0).quarantined[0].position, 40);
    for (unsigned i = 0; i < f.n; i++)
        be_born(&f, &f.m[i]);
    rig_step(&f.r, &retry);
    hear(&f);
    settle(&f);
    assert_int_equal(lane_of(&f, 0).n_quarantined, 0);
    assert_false(f.r.disk->quarantined[0].present);
    f.n_poison = 0; /* somebody has repaired the worker */
    assert_true(finish(&f, 600 * 1000));
    assert_int_equal(sum(&f, CS_TRIAL_DONE), 100);
    fleet_close(&f);
}

static void a_late_answer_acquits(void **state)
{
    struct fleet f;
    struct work w = {.epoch = 1, .position = 40};

    (void)state;
    fleet_open(&f, 3, 1, 100, 1000, 1);
    f.n_poison = 1;
    f.poison[0].position = 40;
    assert_true(finish(&f, 3600 * 1000));
    while (!f.m[2].alive)
        turn(&f);
    answer(&f, &f.m[2], &w);
    settle(&f);
    assert_int_equal(sum(&f, CS_TRIAL_DONE), 100);
    assert_int_equal(lane_of(&f, 0).n_quarantined, 0);
    assert_false(f.r.disk->quarantined[0].present);
    fleet_close(&f);
}

static void a_pause_or_a_cancel_in_the_middle_holds_nobody_up(void **state)
{
    struct cs_event pause = {.kind = CS_EV_CONTROL, .control = {CS_CONTROL_PAUSE, "alpha", 1}};
    struct cs_event resume = {.kind = CS_EV_CONTROL, .control = {CS_CONTROL_RESUME, "alpha", 2}};
    struct cs_event cancel = {.kind = CS_EV_CONTROL, .control = {CS_CONTROL_CANCEL, "alpha", 3}};

    (void)state;
    for (unsigned how = 0; how < 2; how++) {
        struct fleet f;

        fleet_open(&f, 1, 2, 200, 1000, 1);
        f.n_poison = 1;
        f.poison[0].position = 5;
        while (f.r.core->aparts == NULL || f.r.core->aparts->session == NULL)
            turn(&f);
        rig_step(&f.r, how == 0 ? &pause : &cancel);
        hear(&f);
        settle(&f);
        for (unsigned i = 0; i < 6000 && lane_of(&f, 1).planned > 0; i++)
            turn(&f);
        assert_int_equal(lane_of(&f, 1).done, 200); /* the other lane */
        if (how == 0) {
            rig_step(&f.r, &resume);
            hear(&f);
            assert_true(finish(&f, 3600 * 1000));
            assert_int_equal(lane_of(&f, 0).n_quarantined, 1);
        } else {
            assert_null(f.r.core->suspects);
            assert_int_equal(lane_of(&f, 0).n_quarantined, 0);
        }
        fleet_close(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_was_in_flight_is_suspected_and_only_without_a_word),
        cmocka_unit_test(a_trial_that_ends_its_workers_is_quarantined),
        cmocka_unit_test(with_a_single_worker_it_takes_more_losses),
        cmocka_unit_test(two_of_them),
        cmocka_unit_test(operators_who_kill_workers_condemn_nobody),
        cmocka_unit_test(retry_returns_it_and_a_restart_remembers_it),
        cmocka_unit_test(a_late_answer_acquits),
        cmocka_unit_test(a_pause_or_a_cancel_in_the_middle_holds_nobody_up),
    };

    setenv("CS_LOG", "error", 0);
    cs_log_init("test");
    return cmocka_run_group_tests_name("coordinator_suspicion", tests, NULL, NULL);
}
