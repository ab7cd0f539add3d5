/* The worker's core against a coordinator in a few lines and a bad world: delays, silent losses, broken links,
 * restarts, providers that fail in all ways. Virtual time, seeded. What must hold: no call on a lease that its
 * coordinator took back for silence, every trial answered in the end, every trial answered once when nothing was
 * lost, and a drain that ends. */
#include "tests/unit/worker_bench.h"

#include "protocol/base/rng.h"

enum { LANES = 2, PAGES = 2, TRIALS = PAGES * CS_SHARD_SIZE, LEASES = 4096, PACKETS = 4096 };

enum owner { FREE, LEASED, LOST_BY_SILENCE, DONE };

struct packet {
    uint64_t at;
    bool to_worker;
    uint32_t link;
    struct cs_buf bytes;
};

struct lease {
    bool live;
    uint64_t epoch, page, seq;
    uint32_t lane;
};

struct trial {
    enum owner owner;
    uint32_t lease;
    uint32_t outputs, calls;
};

struct world {
    struct bench b;
    struct cs_rng rng;
    bool calm;         /* nothing is lost any more */
    bool faulty, slow; /* providers that fail; that take long */
    uint32_t link;
    uint64_t link_down_until;
    bool silent; /* until then messages vanish without a word */
    struct packet packets[PACKETS];
    uint32_t n_packets;
    uint64_t reply_at[BENCH_SLOTS];
    /* the coordinator */
    uint32_t term;
    uint64_t session, sessions, seq, ack, received, last_heard, epochs;
    uint64_t ack_at;
    uint32_t capacity[LANES];
    struct lease leases[LEASES];
    uint32_t n_leases;
    struct trial trials[LANES][TRIALS];
    uint32_t done, broken_sessions;
    bool bye;
};

static uint64_t below(struct world *w, uint64_t n)
{
    return cs_rng_below(&w->rng, n);
}

static bool bit(const uint8_t *map, uint32_t i)
{
    return (map[i / 8] >> (i % 8) & 1) != 0;
}

/* ---- the wire -------------------------------------------------------------------------------------- */

static void post(struct world *w, const struct cs_message *m, bool to_worker)
{
    if (w->silent && w->b.now < w->link_down_until)
        return;
    assert_true(w->n_packets < PACKETS);
    struct packet *p = &w->packets[w->n_packets++];
    *p = (struct packet){.to_worker = to_worker, .link = w->link, .bytes = CS_BUF_INIT(CS_MESSAGE_MAX)};
    cs_message_pack(m, &p->bytes);
    p->at = w->b.now + below(w, 5);
    for (uint32_t i = 0; i + 1 < w->n_packets; i++) { /* order within a direction is kept */
        if (w->packets[i].to_worker == to_worker && w->packets[i].at > p->at)
            p->at = w->packets[i].at;
    }
}

static struct cs_message reply_of(struct world *w, enum cs_kind kind)
{
    return (struct cs_message){.version = CS_WIRE_MAJOR * 256, .kind = kind, .session = w->session, .seq = ++w->seq};
}

static struct cs_announce announce(struct world *w, struct cs_lane_info lanes[LANES])
{
    for (uint32_t i = 0; i < LANES; i++)
        lanes[i] = (struct cs_lane_info){
            .gen = 1, .lane = i, .state = CS_LANE_OPEN, .available = 1, .spec_digest = {1}};
    return (struct cs_announce){.term = w->term, .n_lanes = LANES, .lanes = lanes};
}

/* ---- the coordinator ------------------------------------------------------------------------------- */

static void end_lease(struct world *w, uint32_t lease, enum owner to)
{
    struct lease *l = &w->leases[lease];
    if (!l->live)
        return;
    l->live = false;
    for (uint32_t i = 0; i < CS_SHARD_SIZE; i++) {
        struct trial *t = &w->trials[l->lane][l->page * CS_SHARD_SIZE + i];
        if (t->owner == LEASED && t->lease == lease)
            t->owner = to;
    }
}

static int find_lease(const struct world *w, uint64_t epoch)
{
    for (uint32_t i = 0; i < w->n_leases; i++) {
        if (w->leases[i].live && w->leases[i].epoch == epoch)
            return (int)i;
    }
    return -1;
}

/* Positions of a lease that the worker does not name are free. */
static void keep_only(struct world *w, uint32_t lease, const uint8_t *todo, const uint8_t *busy)
{
    struct lease *l = &w->leases[lease];
    for (uint32_t i = 0; i < CS_SHARD_SIZE; i++) {
        struct trial *t = &w->trials[l->lane][l->page * CS_SHARD_SIZE + i];
        if (t->owner == LEASED && t->lease == lease && !bit(todo, i) && !bit(busy, i))
            t->owner = FREE;
    }
}

static void top_up(struct world *w, uint32_t lane)
{
    uint32_t held = 0;
    for (uint32_t i = 0; i < TRIALS; i++)
        held += w->trials[lane][i].owner == LEASED;
    for (uint64_t page = 0; page < PAGES && held < w->capacity[lane] && w->n_leases < LEASES; page++) {
        struct cs_lease_ref r = {
            .epoch = ++w->epochs + ((uint64_t)w->term << 32), .gen = 1, .lane = lane, .page = page};
        uint32_t n = 0;
        for (uint32_t i = 0; i < CS_SHARD_SIZE && held < w->capacity[lane]; i++) {
            struct trial *t = &w->trials[lane][page * CS_SHARD_SIZE + i];
            if (t->owner != FREE && t->owner != LOST_BY_SILENCE)
                continue;
            t->owner = LEASED;
            t->lease = w->n_leases;
            r.todo[i / 8] |= (uint8_t)(1U << i % 8);
            held++;
            n++;
        }
        if (n == 0)
            continue;
        struct cs_message m = reply_of(w, CS_ASSIGN);
        w->leases[w->n_leases++] = (struct lease){
            .live = true, .epoch = r.epoch, .page = page, .seq = w->seq, .lane = lane};
        m.leases = (struct cs_leases){.n = 1, .leases = &r};
        post(w, &m, true);
    }
}

static void on_hello(struct world *w, const struct cs_hello *h)
{
    struct cs_lane_info lanes[LANES];
    struct cs_arena arena = {0};
    w->session = ++w->sessions;
    w->seq = w->received = 0;
    w->ack_at = CS_NEVER;
    struct cs_message m = reply_of(w, CS_WELCOME);
    m.welcome = (struct cs_welcome){.session = w->session, .term = w->term, .fleet = "f", .window_bytes = 1 << 20};
    m.welcome.window_outputs = w->slow ? 4000 : 50;
    m.welcome.adopted = cs_arena_array(&arena, h->n_leases, sizeof *m.welcome.adopted);
    m.welcome.announce = announce(w, lanes);
    for (uint32_t i = 0; i < w->n_leases; i++) {
        bool named = false;
        for (uint32_t k = 0; k < h->n_leases; k++)
            named |= h->leases[k].epoch == w->leases[i].epoch;
        if (!named)
            end_lease(w, i, FREE);
    }
    for (uint32_t k = 0; k < h->n_leases; k++) {
        int i = find_lease(w, h->leases[k].epoch);
        if (i < 0)
            continue;
        if (!w->calm && below(w, 10) == 0) {
            end_lease(w, (uint32_t)i, FREE);
            continue;
        }
        keep_only(w, (uint32_t)i, h->leases[k].todo, h->leases[k].busy);
        w->leases[i].epoch = ++w->epochs + ((uint64_t)w->term << 32);
        w->leases[i].seq = w->seq;
        m.welcome.adopted[m.welcome.n_adopted].old_epoch = h->leases[k].epoch;
        m.welcome.adopted[m.welcome.n_adopted++].new_epoch = w->leases[i].epoch;
    }
    post(w, &m, true);
    cs_arena_release(&arena);
}

static void on_ping(struct world *w, const struct cs_message *m)
{
    struct cs_lane_info lanes[LANES];
    uint64_t lost[CS_SHARD_SIZE];
    struct cs_message p = reply_of(w, CS_PONG);
    p.pong = (struct cs_pong){.echo_ms = m->ping.now_ms, .lost = lost, .announce = announce(w, lanes)};
    for (uint32_t i = 0; i < w->n_leases; i++) {
        const struct cs_lease_ref *named = NULL;
        if (!w->leases[i].live || w->leases[i].seq > m->ack)
            continue;
        for (uint32_t k = 0; k < m->ping.n_leases; k++) {
            if (m->ping.leases[k].epoch == w->leases[i].epoch)
                named = &m->ping.leases[k];
        }
        if (named == NULL)
            end_lease(w, i, FREE);
        else
            keep_only(w, i, named->todo, named->busy);
    }
    for (uint32_t k = 0; k < m->ping.n_leases && p.pong.n_lost < CS_SHARD_SIZE; k++) {
        if (find_lease(w, m->ping.leases[k].epoch) < 0)
            lost[p.pong.n_lost++] = m->ping.leases[k].epoch;
    }
    post(w, &p, true);
    for (uint32_t k = 0; k < m->ping.n_want; k++)
        w->capacity[m->ping.want[k].lane] = m->ping.want[k].capacity;
}

static void on_outputs(struct world *w, const struct cs_outputs *o)
{
    struct cs_arena arena = {0};
    struct cs_error err;
    if (o->first > w->received + 1) {
        struct cs_message who = {.version = CS_WIRE_MAJOR * 256, .kind = CS_WHO};
        post(w, &who, true);
        w->session = 0;
        return;
    }
    for (uint32_t i = 0; i < o->n; i++) {
        struct cs_output out;
        if (o->first + i <= w->received)
            continue;
        w->received++;
        assert_int_equal(cs_output_unpack(o->outputs[i].bytes, o->outputs[i].len, &arena, &out, &err), CS_OK);
        uint64_t position;
        memcpy(&position, out.digest.b, 8);
        assert_int_equal(position, out.position);
        struct trial *t = &w->trials[out.lane][out.position];
        t->outputs++;
        w->done += t->owner != DONE;
        t->owner = DONE;
    }
    if (w->ack_at == CS_NEVER)
        w->ack_at = w->b.now + below(w, 20);
    cs_arena_release(&arena);
}

static void give_back(struct world *w, const struct cs_leases *all)
{
    for (uint32_t k = 0; k < all->n; k++) {
        const struct cs_lease_ref *r = &all->leases[k];
        int l = find_lease(w, r->epoch);
        for (uint32_t i = 0; l >= 0 && i < CS_SHARD_SIZE; i++) {
            struct trial *t = &w->trials[r->lane][r->page * CS_SHARD_SIZE + i];
            if (bit(r->todo, i) && t->owner == LEASED && t->lease == (uint32_t)l)
                t->owner = FREE;
        }
    }
}

static void at_coordinator(struct world *w, const struct cs_message *m)
{
    w->last_heard = w->b.now;
    if (m->kind == CS_HELLO) {
        on_hello(w, &m->hello);
        return;
    }
    if (m->session != w->session || w->session == 0) {
        struct cs_message who = {.version = CS_WIRE_MAJOR * 256, .kind = CS_WHO};
        post(w, &who, true);
        return;
    }
    if (m->kind == CS_PING)
        on_ping(w, m);
    else if (m->kind == CS_OUTPUTS)
        on_outputs(w, &m->outputs);
    else if (m->kind == CS_RELEASE)
        give_back(w, &m->leases);
    else if (m->kind == CS_BYE)
        w->bye = true;
    for (uint32_t k = 0; m->kind == CS_WANT && k < m->want.n; k++)
        w->capacity[m->want.lanes[k].lane] = m->want.lanes[k].capacity;
    for (uint32_t lane = 0; lane < LANES && w->session != 0 && !w->bye; lane++)
        top_up(w, lane);
}

static void coordinator_tick(struct world *w)
{
    if (w->b.now - w->last_heard >= CS_LEASE_LOST_MS && w->session != 0) {
        for (uint32_t i = 0; i < w->n_leases; i++)
            end_lease(w, i, LOST_BY_SILENCE);
        w->session = 0;
        w->broken_sessions++;
    }
    if (w->ack_at <= w->b.now && w->session != 0) {
        struct cs_message m = reply_of(w, CS_ACK);
        m.ack_body.durable = w->received;
        post(w, &m, true);
        w->ack_at = CS_NEVER;
    }
}

/* ---- the world ------------------------------------------------------------------------------------- */

static void on_call(struct bench *b, const struct bench_call *c)
{
    struct world *w = b->self;
    struct trial *t = &w->trials[c->lane][c->position];
    t->calls++;
    assert_int_not_equal(t->owner, LOST_BY_SILENCE); /* no call without a live lease by the worker's own clock */
    w->reply_at[c - b->call] = b->now + 1 + below(w, below(w, 100) == 0 ? 60000 : w->slow ? 20000 : 300);
}

static bool send_failed;
static enum cs_kind failed_kind;

static void on_send(struct bench *b, const struct cs_message *m)
{
    struct world *w = b->self;
    if (!w->silent && b->now < w->link_down_until) {
        if (!send_failed)
            failed_kind = m->kind;
        send_failed = true;
    } else {
        post(w, m, false);
    }
}

static void on_connect(struct bench *b)
{
    struct world *w = b->self;
    w->link++; /* what was under way to or from the old socket is gone */
}

static void after_step(struct world *w)
{
    if (!send_failed)
        return;
    send_failed = false;
    bench_step(&w->b, (struct cs_worker_event){.kind = CS_WORKER_UNSENT, .unsent = failed_kind});
}

static struct cs_http_reply some_reply(struct world *w)
{
    static const char *const limited = "{\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":\"\"}}";
    if (!w->faulty)
        return bench_http(200, "", BENCH_GOOD);
    switch (below(w, 20)) {
    case 0:
        return bench_http(429, "retry-after-ms: 300\r\n", limited);
    case 1:
        return bench_http(503, "", "busy");
    case 2:
        return bench_fault(CS_TRANSFER_LOST, 0);
    case 3:
        return bench_fault(CS_TRANSFER_CUT, 200);
    case 4:
        return bench_fault(CS_TRANSFER_TIMEOUT, 0);
    case 5:
        return bench_http(200, "", "{\"choices\":[");
    case 6:
        return bench_http(400, "", "{}");
    default:
        return bench_http(200, "", BENCH_GOOD);
    }
}

static void deliver(struct world *w, struct packet *p)
{
    struct cs_arena arena = {0};
    struct cs_message m;
    struct cs_error err;
    struct packet is = *p;
    memmove(p, p + 1, (size_t)(w->packets + --w->n_packets - p) * sizeof *p);
    if (is.link == w->link) {
        assert_int_equal(cs_message_unpack(is.bytes.data, is.bytes.len, &arena, &m, &err), CS_OK);
        if (is.to_worker) {
            bench_step(&w->b, (struct cs_worker_event){.kind = CS_WORKER_MESSAGE, .message = &m});
            after_step(w);
        } else {
            at_coordinator(w, &m);
        }
    }
    cs_buf_release(&is.bytes);
    cs_arena_release(&arena);
}

static void break_something(struct world *w)
{
    w->link++;
    w->silent = below(w, 2) == 0;
    w->link_down_until = w->b.now + below(w, below(w, 3) == 0 ? 60000 : 5000);
    if (below(w, 3) == 0) { /* the coordinator starts again, and remembers its leases as possibly held */
        w->term++;
        w->session = 0;
        w->last_heard = w->b.now;
    }
}

/* One millisecond. */
static void turn(struct world *w)
{
    struct bench *b = &w->b;
    b->now++;
    for (uint32_t i = 0; i < w->n_packets;) {
        if (w->packets[i].at <= b->now)
            deliver(w, &w->packets[i]);
        else
            i++;
    }
    for (uint32_t slot = 0; slot < CS_WORKER_SLOTS_PARKED * w->b.w->opts.slots; slot++) {
        if (b->call[slot].live && w->reply_at[slot] <= b->now) {
            bench_reply(b, slot, some_reply(w));
            after_step(w);
        }
    }
    while (cs_worker_next_ms(b->w) <= b->now) {
        bench_tick(b);
        after_step(w);
    }
    coordinator_tick(w);
    if (!w->calm && below(w, 20000) == 0)
        break_something(w);
}

static void run(uint64_t seed, bool faulty, bool calm)
{
    struct world *w = calloc(1, sizeof *w);
    struct bench *b = &w->b;
    bench_init(b, (uint32_t)(16 + seed * 7 % 40));
    *w = (struct world){
        .b = *b, .rng = {seed}, .faulty = faulty, .slow = seed % 3 == 0, .calm = calm, .term = 1, .ack_at = CS_NEVER};
    b->self = w;
    b->on_call = on_call;
    b->on_send = on_send;
    b->on_connect = on_connect;
    w->last_heard = b->now;
    bench_step(b,
               (struct cs_worker_event){.kind = CS_WORKER_UNSENT, .unsent = CS_HELLO}); /* the first was not posted */
    after_step(w);
    for (int ms = 0; ms < 4000000 && w->done < LANES * TRIALS; ms++) {
        turn(w);
        if (ms == 100000)
            w->calm = true; /* from now on nothing breaks: all must be done within the rest */
    }
    if (w->done != LANES * TRIALS)
        fail_msg("seed %llu: %u of %u trials are done", (unsigned long long)seed, w->done, LANES * TRIALS);
    for (uint32_t i = 0; i < TRIALS; i++) {
        assert_true(w->trials[0][i].outputs >= 1);
        if (calm)
            assert_int_equal(w->trials[0][i].outputs, 1);
        if (calm && !faulty)
            assert_int_equal(w->trials[0][i].calls, 1);
    }
    w->calm = true;
    bench_step(b, (struct cs_worker_event){.kind = CS_WORKER_DRAIN});
    after_step(w);
    for (int ms = 0; ms < 130000 && !b->exited; ms++)
        turn(w);
    assert_true(b->exited);
    assert_int_equal(b->exit_code, CS_OK);
    while (w->n_packets > 0)
        cs_buf_release(&w->packets[--w->n_packets].bytes);
    bench_done(b);
    free(w);
}

static void calm_world(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++)
        run(seed, false, true);
}

static void failing_providers(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++)
        run(seed, true, true);
}

static void breaking_links(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 25; seed++)
        run(seed, true, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calm_world),
        cmocka_unit_test(failing_providers),
        cmocka_unit_test(breaking_links),
    };
    return cmocka_run_group_tests_name("worker random", tests, NULL, NULL);
}
