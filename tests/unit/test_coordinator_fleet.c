/* A fleet in one process: the coordinator's core, simulated workers, a network that loses messages, a disk that lags, crashes.
 * Everything follows from a seed. After every step the core recounts its invariants (cs_invariants_check). */
#include "tests/unit/coordinator_rig.h"

#include "protocol/base/log.h"

enum { WORKERS = 3, LEASES = 512, FLYING = 24, UNACKED = 256, QUEUE = 512, STEP_MS = 50 };

struct faults {
    unsigned drop_percent;                           /* messages that are lost, either way */
    unsigned worker_crash, worker_stall, core_crash; /* one in so many steps; 0: never */
    bool failures, operator;
};

struct blob {
    uint64_t due;
    size_t n;
    char *bytes;
};
struct pipe {
    struct blob q[QUEUE];
    unsigned head, n;
    uint64_t last_due;
};

struct sim_lease {
    uint64_t epoch;
    uint32_t lane;
    uint64_t page;
    struct cs_bits todo;
};
struct call {
    uint32_t lane;
    uint64_t position, epoch, done, start;
    enum cs_outcome outcome;
};
struct sim_worker {
    char name[16];
    uint32_t term;
    uint64_t nonce, session, seq, seen, hellos, ping_at, hello_at, stalled_until, resend_at;
    bool greeted;
    uint32_t capacity;
    struct sim_lease leases[LEASES];
    unsigned n_leases;
    struct call flying[FLYING];
    unsigned n_flying;
    struct call unacked[UNACKED]; /* number of the k-th: first + k */
    unsigned n_unacked, n_sent;
    uint64_t first;
    struct pipe in, out;
    bool gone;
};

struct sim {
    struct rig r;
    struct cs_rng rng;
    struct faults faults;
    struct sim_worker w[WORKERS];
    uint64_t calls, nonces, crashes;
    uint8_t paid[RIG_LANES][RIG_TRIALS_MAX]; /* answers bought */
    uint64_t paid_twice;
    bool acked[RIG_TRIALS_MAX * 8]; /* by number of the call */
};

static bool chance(struct sim *s, unsigned one_in)
{
    return one_in > 0 && cs_rng_below(&s->rng, one_in) == 0;
}

/* ---- the network --------------------------------------------------------------------------------------- */

static void pipe_clear(struct pipe *p)
{
    for (; p->n > 0; p->n--, p->head = (p->head + 1) % QUEUE)
        free(p->q[p->head].bytes);
}

static void pipe_put(struct sim *s, struct pipe *p, struct cs_message *m)
{
    struct cs_buf b = CS_BUF_INIT(CS_MESSAGE_MAX);
    struct blob *blob = &p->q[(p->head + p->n) % QUEUE];

    if (cs_rng_below(&s->rng, 100) < s->faults.drop_percent || p->n == QUEUE)
        return;
    m->version = CS_WIRE_MAJOR * 256;
    cs_message_pack(m, &b);
    blob->due = s->r.now + cs_rng_below(&s->rng, 200);
    if (blob->due < p->last_due)
        blob->due = p->last_due;
    p->last_due = blob->due;
    blob->n = b.len;
    blob->bytes = cs_buf_take(&b);
    p->n++;
}

static char *pipe_get(struct sim *s, struct pipe *p, size_t *n)
{
    struct blob *b = &p->q[p->head];

    if (p->n == 0 || b->due > s->r.now)
        return NULL;
    p->head = (p->head + 1) % QUEUE;
    p->n--;
    *n = b->n;
    return b->bytes;
}

/* ---- the worker ------------------------------------------------------------------------------------------ */

static void worker_say(struct sim *s, struct sim_worker *w, struct cs_message *m)
{
    m->session = m->kind == CS_HELLO ? 0 : w->session;
    m->seq = m->kind == CS_HELLO ? ++w->hellos : ++w->seq;
    m->ack = w->seen;
    pipe_put(s, &w->out, m);
}

static struct sim_lease *worker_lease(struct sim_worker *w, uint64_t epoch)
{
    for (unsigned i = 0; i < w->n_leases; i++) {
        if (w->leases[i].epoch == epoch)
            return &w->leases[i];
    }
    return NULL;
}

static void busy_of(const struct sim_worker *w, const struct sim_lease *l, struct cs_bits *busy)
{
    memset(busy, 0, sizeof *busy);
    for (unsigned i = 0; i < w->n_flying; i++) {
        if (w->flying[i].epoch == l->epoch)
            cs_bits_add(busy, (unsigned)(w->flying[i].position % 256));
    }
    for (unsigned i = 0; i < w->n_unacked; i++) {
        if (w->unacked[i].epoch == l->epoch)
            cs_bits_add(busy, (unsigned)(w->unacked[i].position % 256));
    }
}

static struct cs_lease_ref *worker_held(struct sim_worker *w, struct cs_lease_ref *refs, uint32_t *n)
{
    *n = 0;
    for (unsigned i = 0; i < w->n_leases; i++) {
        struct sim_lease *l = &w->leases[i];
        struct cs_lease_ref ref = {.epoch = l->epoch, .gen = 1, .lane = l->lane, .page = l->page};
        struct cs_bits busy;

        busy_of(w, l, &busy);
        if (cs_bits_none(&l->todo) && cs_bits_none(&busy)) { /* over */
            *l = w->leases[--w->n_leases];
            i--;
            continue;
        }
        cs_bits_to_wire(&l->todo, ref.todo);
        cs_bits_to_wire(&busy, ref.busy);
        refs[(*n)++] = ref;
    }
    return refs;
}

static void worker_hello(struct sim *s, struct sim_worker *w)
{
    struct cs_lease_ref refs[LEASES];
    struct cs_message m = {.kind = CS_HELLO,
                           .hello = {.worker = w->name, .version = "sim", .nonce = w->nonce, .last_term = w->term}};

    w->greeted = false;
    w->hello_at = s->r.now;
    w->seq = w->seen = 0;
    m.hello.leases = worker_held(w, refs, &m.hello.n_leases);
    worker_say(s, w, &m);
}

static void worker_ping(struct sim *s, struct sim_worker *w)
{
    struct cs_lease_ref refs[LEASES];
    struct cs_want_lane want[RIG_LANES] = {{0}};
    struct cs_message m = {.kind = CS_PING, .ping = {.now_ms = s->r.now, .unacked = w->n_unacked, .want = want}};

    w->ping_at = s->r.now + CS_PING_MS;
    m.ping.leases = worker_held(w, refs, &m.ping.n_leases);
    m.ping.n_want = s->r.disk->n_lanes;
    for (uint32_t i = 0; i < m.ping.n_want; i++)
        want[i] = (struct cs_want_lane){.gen = 1, .lane = i, .capacity = w->capacity, .trouble = ""};
    worker_say(s, w, &m);
}

static void worker_send(struct sim *s, struct sim_worker *w)
{
    struct cs_output_bytes bytes[8];
    struct cs_buf packed[8];
    struct cs_message m = {.kind = CS_OUTPUTS, .outputs = {.first = w->first + w->n_sent, .outputs = bytes}};

    for (; m.outputs.n < 8 && w->n_sent < w->n_unacked; m.outputs.n++, w->n_sent++) {
        const struct call *c = &w->unacked[w->n_sent];
        struct cs_output o = {.gen = 1,
                              .lane = c->lane,
                              .position = c->position,
                              .epoch = c->epoch,
                              .outcome = (uint8_t)c->outcome,
                              .attempts = 1,
                              .text = "t",
                              .finish = "stop",
                              .model_resolved = "m",
                              .request_id = "",
                              .fingerprint = "",
                              .started_wall_ms = (int64_t)c->start,
                              .worker = w->name};

        rig_digest(1, c->lane, c->position, &o.digest);
        packed[m.outputs.n] = CS_BUF_INIT(CS_OUTPUT_MAX);
        cs_output_pack(&o, &packed[m.outputs.n]);
        bytes[m.outputs.n].bytes = (const uint8_t *)packed[m.outputs.n].data;
        bytes[m.outputs.n].len = (uint32_t)packed[m.outputs.n].len;
    }
    if (m.outputs.n > 0)
        worker_say(s, w, &m);
    for (uint32_t i = 0; i < m.outputs.n; i++)
        cs_buf_release(&packed[i]);
}

static void worker_welcome(struct sim *s, struct sim_worker *w, const struct cs_message *m)
{
    w->session = m->welcome.session;
    w->term = m->welcome.term;
    w->greeted = true;
    w->seq = 0;
    w->first = 1;
    w->n_sent = 0;
    w->resend_at = s->r.now + 5000;
    for (unsigned i = 0; i < w->n_leases; i++) {
        struct sim_lease *l = &w->leases[i];
        uint64_t now = 0;

        for (uint32_t k = 0; k < m->welcome.n_adopted; k++) {
            if (m->welcome.adopted[k].old_epoch == l->epoch)
                now = m->welcome.adopted[k].new_epoch;
        }
        if (now == 0)
            memset(&l->todo, 0, sizeof l->todo);
        for (unsigned k = 0; now != 0 && k < w->n_flying; k++) {
            if (w->flying[k].epoch == l->epoch)
                w->flying[k].epoch = now;
        }
        for (unsigned k = 0; now != 0 && k < w->n_unacked; k++) {
            if (w->unacked[k].epoch == l->epoch)
                w->unacked[k].epoch = now;
        }
        if (now != 0)
            l->epoch = now;
    }
    w->ping_at = s->r.now;
}

static void worker_acked(struct sim *s, struct sim_worker *w, const struct cs_ack *ack)
{
    unsigned k = ack->durable >= w->first ? (unsigned)(ack->durable - w->first + 1) : 0;

    CS_ASSERT(k <= w->n_unacked);
    assert_int_equal(ack->n_refused, 0);
    for (unsigned i = 0; i < k; i++)
        s->acked[w->unacked[i].start] = true;
    memmove(w->unacked, w->unacked + k, (w->n_unacked - k) * sizeof w->unacked[0]);
    w->n_unacked -= k;
    w->n_sent = w->n_sent > k ? w->n_sent - k : 0;
    w->first += k;
    if (k > 0)
        w->resend_at = s->r.now + 5000;
}

static void worker_revoked(struct sim *s, struct sim_worker *w, const struct cs_leases *r)
{
    struct cs_lease_ref refs[64];
    struct cs_message m = {.kind = CS_REVOKED, .leases = {0, refs}};

    for (uint32_t i = 0; i < r->n && m.leases.n < 64; i++) {
        struct sim_lease *l = worker_lease(w, r->leases[i].epoch);

        refs[m.leases.n] = r->leases[i];
        memset(refs[m.leases.n].todo, 0, CS_BITMAP_BYTES);
        if (l != NULL) {
            cs_bits_to_wire(&l->todo, refs[m.leases.n].todo);
            memset(&l->todo, 0, sizeof l->todo);
        }
        m.leases.n++;
    }
    worker_say(s, w, &m);
}

static void worker_hear(struct sim *s, struct sim_worker *w, const struct cs_message *m)
{
    if (m->kind == CS_WHO) {
        if (w->greeted)
            worker_hello(s, w);
        return;
    }
    if (m->kind == CS_WELCOME && !w->greeted) {
        w->seen = m->seq;
        worker_welcome(s, w, m);
        return;
    }
    if (m->kind == CS_REJECT) { /* the process before it was heard of a moment ago: HELLO comes again in 3 s */
        CS_ASSERT(strcmp(m->reject.code, "name") == 0);
        CS_ASSERT(m->reject.retry_after_ms > 0);
        return;
    }
    if (!w->greeted || m->session != w->session)
        return;
    if (m->seq > w->seen)
        w->seen = m->seq;
    if (m->kind == CS_ASSIGN) {
        for (uint32_t i = 0; i < m->leases.n; i++) {
            const struct cs_lease_ref *ref = &m->leases.leases[i];

            CS_ASSERT(w->n_leases < LEASES);
            w->leases[w->n_leases++] = (struct sim_lease){ref->epoch, ref->lane, ref->page,
                                                          cs_bits_from_wire(ref->todo)};
        }
    } else if (m->kind == CS_ACK) {
        worker_acked(s, w, &m->ack_body);
    } else if (m->kind == CS_REVOKE) {
        worker_revoked(s, w, &m->leases);
    } else if (m->kind == CS_PONG) {
        for (uint32_t i = 0; i < m->pong.n_lost; i++) {
            struct sim_lease *l = worker_lease(w, m->pong.lost[i]);

            if (l != NULL)
                memset(&l->todo, 0, sizeof l->todo);
        }
    }
}

static void worker_start(struct sim *s, struct sim_worker *w)
{
    for (unsigned i = 0; i < w->n_leases && w->n_flying < FLYING && w->n_unacked + w->n_flying < UNACKED; i++) {
        struct sim_lease *l = &w->leases[i];

        for (unsigned k = 0; k < 256 && w->n_flying < FLYING; k++) {
            struct call *c = &w->flying[w->n_flying];

            if (!cs_bits_has(&l->todo, k))
                continue;
            l->todo.w[k / 64] &= ~(UINT64_C(1) << k % 64);
            *c = (struct call){.lane = l->lane,
                               .position = l->page * 256 + k,
                               .epoch = l->epoch,
                               .start = ++s->calls,
                               .done = s->r.now + 50 + cs_rng_below(&s->rng, 3000)};
            c->outcome = s->faults.failures && chance(s, 20) ? CS_OUTCOME_transport : CS_OUTCOME_ok;
            CS_ASSERT(s->calls < RIG_TRIALS_MAX * 8);
            w->n_flying++;
        }
    }
}

static void worker_step(struct sim *s, struct sim_worker *w)
{
    size_t n;
    char *bytes;

    if (w->stalled_until > s->r.now)
        return;
    while ((bytes = pipe_get(s, &w->in, &n)) != NULL) {
        struct cs_arena arena = {0};
        struct cs_message m;

        assert_int_equal(cs_message_unpack(bytes, n, &arena, &m, NULL), CS_OK);
        worker_hear(s, w, &m);
        cs_arena_release(&arena);
        free(bytes);
    }
    for (unsigned i = 0; i < w->n_flying; i++) {
        struct call *c = &w->flying[i];

        if (c->done > s->r.now)
            continue;
        if (c->outcome == CS_OUTCOME_ok && s->paid[c->lane][c->position]++ > 0)
            s->paid_twice++;
        w->unacked[w->n_unacked++] = *c;
        *c = w->flying[--w->n_flying];
        i--;
    }
    if (!w->greeted) {
        if (s->r.now > w->hello_at + 3000)
            worker_hello(s, w);
        return;
    }
    worker_start(s, w);
    if (w->n_unacked > 0 && w->n_sent == w->n_unacked && s->r.now > w->resend_at) {
        w->n_sent = 0;
        w->resend_at = s->r.now + 5000;
    }
    while (w->n_sent < w->n_unacked)
        worker_send(s, w);
    if (s->r.now >= w->ping_at)
        worker_ping(s, w);
}

static void worker_boot(struct sim *s, struct sim_worker *w, unsigned i)
{
    pipe_clear(&w->in);
    pipe_clear(&w->out);
    *w = (struct sim_worker){.nonce = ++s->nonces, .capacity = FLYING + 8, .first = 1};
    snprintf(w->name, sizeof w->name, "w%u", i);
    worker_hello(s, w);
}

/* ---- the coordinator's side ------------------------------------------------------------------------------ */

static void route(struct sim *s)
{
    for (const struct cs_action *a = s->r.acts; a != NULL; a = a->next) {
        if (a->kind == CS_ACT_SEND) {
            struct cs_message m = a->message;

            CS_ASSERT(a->peer.id[0] < WORKERS);
            pipe_put(s, &s->w[a->peer.id[0]].in, &m);
        }
    }
}

static void core_hears(struct sim *s)
{
    for (unsigned i = 0; i < WORKERS; i++) {
        size_t n;
        char *bytes;

        while ((bytes = pipe_get(s, &s->w[i].out, &n)) != NULL) {
            struct cs_arena arena = {0};
            struct cs_message m;
            struct cs_peer peer = {1, {(uint8_t)i}};
            struct cs_event e = {.kind = CS_EV_MESSAGE, .message = {&peer, "", &m}};

            assert_int_equal(cs_message_unpack(bytes, n, &arena, &m, NULL), CS_OK);
            rig_step(&s->r, &e);
            route(s);
            cs_arena_release(&arena);
            free(bytes);
        }
    }
}

static void operator_acts(struct sim *s)
{
    static const char *const models[] = {"alpha", "beta", NULL};
    static const enum cs_control verbs[] = {CS_CONTROL_PAUSE, CS_CONTROL_RESUME, CS_CONTROL_RETRY};
    struct cs_event e = {.kind = CS_EV_CONTROL,
                         .control = {verbs[cs_rng_below(&s->rng, 3)], models[cs_rng_below(&s->rng, 3)], 0}};

    rig_step(&s->r, &e);
    route(s);
}

static void crash_core(struct sim *s)
{
    s->crashes++;
    for (unsigned i = 0; i < WORKERS; i++) {
        pipe_clear(&s->w[i].in);
        pipe_clear(&s->w[i].out);
    }
    rig_restart(&s->r, false);
}

static void sim_step(struct sim *s)
{
    s->r.now += STEP_MS;
    core_hears(s);
    while (s->r.n_batches > 0 && chance(s, 2)) {
        rig_commit(&s->r, CS_OK);
        route(s);
    }
    if (s->r.now % CS_TICK_MS == 0) {
        struct cs_event e = {.kind = CS_EV_TICK};

        rig_step(&s->r, &e);
        route(s);
    }
    if (s->faults.operator&& chance(s, 300))
        operator_acts(s);
    if (chance(s, s->faults.core_crash))
        crash_core(s);
    for (unsigned i = 0; i < WORKERS; i++) {
        if (chance(s, s->faults.worker_crash))
            worker_boot(s, &s->w[i], i);
        if (chance(s, s->faults.worker_stall))
            s->w[i].stalled_until = s->r.now + cs_rng_below(&s->rng, 50000);
        worker_step(s, &s->w[i]);
    }
}

static bool all_done(struct sim *s)
{
    for (uint32_t i = 0; i < s->r.disk->n_lanes; i++) {
        struct cs_lane_view v;

        cs_core_lane(s->r.core, 0, i, &v);
        if (v.done + v.cancelled < v.n_trials)
            return false;
    }
    return true;
}

/* Acknowledged implies durable; durable in each state what the disk says. */
static void check_disk(struct sim *s)
{
    struct rig_disk *d = s->r.disk;
    bool *durable = cs_xcalloc(RIG_TRIALS_MAX * 8, sizeof *durable);
    bool *canonical = cs_xcalloc(RIG_TRIALS_MAX * 8, sizeof *canonical);

    for (uint32_t lane = 0; lane < d->n_lanes; lane++) {
        for (uint64_t p = 0; p < d->n_trials[lane]; p++)
            canonical[d->canonical_start[lane][p]] = d->canonical[lane][p] > 0;
    }
    for (uint64_t i = 0; i < d->n_durable; i++) {
        if (durable[d->durable_starts
                        [i]]) /* twice: only a failure or duplicate whose ACK the coordinator took to its grave */
            assert_true(s->crashes > 0 && !canonical[d->durable_starts[i]]);
        durable[d->durable_starts[i]] = true;
    }
    for (uint64_t i = 0; i <= s->calls; i++)
        assert_true(!s->acked[i] || durable[i]);
    for (uint32_t lane = 0; lane < d->n_lanes; lane++) {
        for (uint64_t p = 0; p < d->n_trials[lane]; p++) {
            enum cs_trial_state state = cs_ledger_get(d->ledger[lane] + p / 256 * CS_PAGE_BYTES, (unsigned)(p % 256));

            assert_int_equal(state == CS_TRIAL_DONE, d->canonical[lane][p] == 1);
        }
    }
    free(durable);
    free(canonical);
}

static struct sim *sim_run(uint64_t seed, struct faults faults, uint64_t trials)
{
    struct sim *s = cs_xcalloc(1, sizeof *s);
    struct faults none = {0};
    unsigned steps = 0;

    s->rng.state = seed;
    s->faults = faults;
    rig_open(&s->r, 2, trials);
    rig_begin(&s->r);
    for (unsigned i = 0; i < WORKERS; i++)
        worker_boot(s, &s->w[i], i);
    for (; steps < 3000 && !all_done(s); steps++)
        sim_step(s);
    s->faults = none; /* and with the faults over, it ends */
    for (; !all_done(s); steps++) {
        if (steps % 500 == 0) {
            struct cs_event resume = {.kind = CS_EV_CONTROL, .control = {CS_CONTROL_RESUME, NULL, 0}};
            struct cs_event retry = {.kind = CS_EV_CONTROL, .control = {CS_CONTROL_RETRY, NULL, 0}};

            rig_step(&s->r, &resume);
            route(s);
            rig_step(&s->r, &retry);
            route(s);
        }
        sim_step(s);
        CS_ASSERT(steps < 20000);
    }
    for (unsigned i = 0; i < 600; i++) /* until the last ACK is here */
        sim_step(s);
    rig_commit_all(&s->r);
    check_disk(s);
    for (unsigned i = 0; i < WORKERS; i++)
        assert_int_equal(s->w[i].n_unacked, 0);
    return s;
}

static void sim_close(struct sim *s)
{
    for (unsigned i = 0; i < WORKERS; i++) {
        pipe_clear(&s->w[i].in);
        pipe_clear(&s->w[i].out);
    }
    rig_close(&s->r);
    free(s);
}

static void without_faults_nothing_is_paid_twice(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct sim *s = sim_run(seed, (struct faults){0}, 2100);

        assert_int_equal(s->calls, 2 * 2100);
        assert_int_equal(s->r.disk->outputs, 2 * 2100);
        sim_close(s);
    }
}

static void losing_messages_and_the_coordinator_costs_nothing(void **state)
{
    uint64_t crashes = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct sim *s = sim_run(seed, (struct faults){.drop_percent = (unsigned)(seed % 4), .core_crash = 400}, 2100);

        assert_int_equal(s->paid_twice, 0);
        assert_int_equal(s->r.disk->duplicates, 0);
        crashes += s->crashes;
        sim_close(s);
    }
    assert_true(crashes > 15);
}

static void everything_at_once(void **state)
{
    (void)state;
    for (uint64_t seed = 100; seed < 115; seed++) {
        struct faults f = {.drop_percent = (unsigned)(seed % 10),
                           .worker_crash = 800,
                           .worker_stall = 900,
                           .core_crash = 700,
                           .failures = true,
                           .operator= true };
        struct sim *s = sim_run(seed, f, 1000 + seed);

        sim_close(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_faults_nothing_is_paid_twice),
        cmocka_unit_test(losing_messages_and_the_coordinator_costs_nothing),
        cmocka_unit_test(everything_at_once),
    };

    setenv("CS_LOG", "error", 0);
    cs_log_init("test");
    return cmocka_run_group_tests_name("coordinator_fleet", tests, NULL, NULL);
}
