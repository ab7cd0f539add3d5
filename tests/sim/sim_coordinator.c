/* The shell around the coordinator's core. */
#include "tests/sim/sim.h"

#include "coordinator/lanes/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/lanes/act.h"
#include "coordinator/lanes/lane.h"
#include "coordinator/lanes/ledger.h"

enum { BESIDE_MS = 10000, AGAIN_TOKEN = 2, AGAIN_AT_ONCE = 32 };

/* ---- what the core asks -------------------------------------------------------------------------------- */

static enum cs_err plan_identity(void *self, uint32_t gen, uint32_t lane, uint64_t position, struct cs_digest *digest,
                                 struct cs_owner *owner, struct cs_error *err)
{
    const uint32_t of_fleet = sim_studies_lane(self, gen, lane);

    (void)err;
    sim_digest(of_fleet, position, false, digest);
    *owner = (struct cs_owner){1 + of_fleet, 1 + position};
    return CS_OK;
}

static enum cs_err plan_bound(void *self, uint32_t gen, uint32_t lane, uint64_t position, uint32_t turns, uint64_t *out,
                              uint32_t *calls, struct cs_error *err)
{
    struct sim *s = self;

    (void)position, (void)err;
    *calls = s->store.lanes[sim_studies_lane(s, gen, lane)].calls - turns;
    *out = (uint64_t)*calls * SIM_INPUT_TOKENS;
    return CS_OK;
}

static uint64_t plan_group_end(void *self, uint32_t gen, uint64_t rank)
{
    return sim_children_group_end(self, sim_studies_of(self, gen), rank);
}

static bool plan_is_stored(void *self, const struct cs_output *o)
{
    struct sim *s = self;
    const struct sim_lane *l = &s->store.lanes[sim_studies_lane(s, o->gen, o->lane)];
    struct cs_buf buf = CS_BUF_INIT(CS_OUTPUT_MAX);
    bool stored = false;

    if (s->mutation == SIM_MUTATE_FORGET_STORED)
        return false;
    cs_output_pack(o, &buf);
    for (uint32_t g = 0; g < l->study->n_gens; g++) {
        const struct sim_kept *t = &l->gens[g].kept[o->position];
        uint64_t print = sim_print(buf.data, (uint32_t)buf.len);

        stored |= t->canonical == print || t->superseded == print;
        for (unsigned i = 0; i < SIM_EARLIER; i++)
            stored |= t->earlier[i] == print;
    }
    cs_buf_release(&buf);
    return stored;
}

static const struct sim_trial *trial_at(struct sim *s, uint32_t gen, uint32_t lane, uint64_t position)
{
    return &s->store.lanes[sim_studies_lane(s, gen, lane)].trials[position];
}

static enum cs_err plan_talk(void *self, uint32_t gen, uint32_t lane, uint64_t position, const struct cs_digest *digest,
                             const struct cs_owner *owner, struct cs_core_talk *out, struct cs_error *err)
{
    struct sim *s = self;
    const struct sim_trial *t = trial_at(s, gen, lane, position);

    (void)digest, (void)owner, (void)err;
    *out = (struct cs_core_talk){
        .calls = s->store.lanes[sim_studies_lane(s, gen, lane)].calls, .turns = t->n_turns, .draw = t->draw};
    return CS_OK;
}

static void said_by(const struct sim_trial *t, const char *said[SIM_TURNS])
{
    for (uint32_t i = 0; i < t->n_turns; i++)
        said[i] = t->said[i];
}

static enum cs_err plan_sent(void *self, uint32_t gen, uint32_t lane, uint64_t position, const struct cs_digest *digest,
                             const struct cs_owner *owner, const struct cs_core_talk *talk, uint8_t sent[16],
                             bool *last, struct cs_error *err)
{
    struct sim *s = self;
    const struct sim_trial *t = trial_at(s, gen, lane, position);
    const char *said[SIM_TURNS];
    char body[32 + SIM_TURNS * SIM_SAID];
    uint8_t full[32];

    (void)digest, (void)owner, (void)err;
    *last = talk->turns + 1 == talk->calls;
    if (talk->turns != t->n_turns || talk->draw != t->draw)
        sim_fail(s, "the coordinator counts %u turns of draw %u, on disk are %u of %u", talk->turns, talk->draw,
                 t->n_turns, t->draw);
    said_by(t, said);
    cs_digest_blake2b_256(
        body, sim_talk_body(sim_studies_lane(s, gen, lane), position, said, t->n_turns, body, sizeof body), full);
    memcpy(sent, full, 16);
    return CS_OK;
}

static bool plan_is_turn(void *self, const struct cs_output *o, const struct cs_owner *owner, uint32_t draw)
{
    struct sim *s = self;
    const struct sim_trial *t = trial_at(s, o->gen, o->lane, o->position);
    struct cs_buf buf = CS_BUF_INIT(CS_OUTPUT_MAX);
    bool same;

    (void)owner;
    cs_output_pack(o, &buf);
    same = draw == t->draw && o->turn <= t->n_turns && t->turn[o->turn - 1] == sim_print(buf.data, (uint32_t)buf.len);
    cs_buf_release(&buf);
    return same;
}

static void send(struct sim *s, const struct cs_action *a);

/* What stands of those asked about; not always of all at once. */
static void tell_turns(struct sim *s, const struct cs_action *a)
{
    static const char *texts[CS_SHARD_SIZE][SIM_TURNS];
    static struct cs_turns_of trials[CS_SHARD_SIZE];
    struct cs_action filled = *a;
    struct cs_turns_reply *m = &filled.message.turns;

    m->trials = trials;
    for (uint32_t i = 0; i < CS_SHARD_SIZE; i++) {
        const struct sim_trial *t;

        if ((m->positions[i / 8] >> i % 8 & 1) == 0)
            continue;
        t = trial_at(s, a->at.gen, a->at.lane, a->at.page * CS_PAGE_TRIALS + i);
        if (m->n == 3) { /* the message is full */
            m->positions[i / 8] &= (uint8_t) ~(1u << i % 8);
            continue;
        }
        said_by(t, texts[i]);
        if (t->n_turns > 0 && s->mutation != SIM_MUTATE_NO_TURNS)
            trials[m->n++] = (struct cs_turns_of){(uint8_t)i, t->n_turns, texts[i]};
    }
    send(s, &filled);
}

static enum cs_err plan_drawn(void *self, uint32_t gen, uint32_t lane, uint64_t position, uint32_t *out,
                              struct cs_error *err)
{
    struct sim *s = self;

    (void)err;
    *out = s->mutation == SIM_MUTATE_DRAW_ON ? 0 : sim_studies_ledger(s, gen, lane)->kept[position].drawn;
    return CS_OK;
}

/* ---- actions ------------------------------------------------------------------------------------------- */

/* A mutation: in each message that announces lanes. */
static void forget_weights(struct cs_message *m)
{
    struct cs_announce *a = m->kind == CS_WELCOME                          ? &m->welcome.announce
                            : m->kind == CS_PONG                           ? &m->pong.announce
                            : m->kind == CS_STOP || m->kind == CS_ANNOUNCE ? &m->announce
                                                                           : NULL;

    for (uint32_t i = 0; a != NULL && i < a->n_lanes; i++)
        a->lanes[i].weight = 0;
}

static void send(struct sim *s, const struct cs_action *a)
{
    struct cs_message m = a->message;
    uint8_t chunk[8] = {0};

    if (m.kind == CS_WELCOME) {
        for (uint32_t i = 0; i < m.welcome.n_adopted; i++)
            sim_check_epoch(s, m.welcome.adopted[i].new_epoch);
        m.welcome.window_outputs = s->limits.window_outputs;
    } else if (m.kind == CS_ASSIGN) {
        for (uint32_t i = 0; i < m.leases.n; i++)
            sim_check_epoch(s, m.leases.leases[i].epoch);
    } else if (m.kind == CS_SPEC) {
        m.spec.bytes = chunk;
        m.spec.len = sizeof chunk;
    } else if (m.kind == CS_WHO) {
        s->coordinator.whos++;
    }
    if (s->mutation == SIM_MUTATE_ONE_WEIGHT)
        forget_weights(&m);
    sim_net_down(s, &a->peer, &m);
}

static void gone(struct sim *s)
{
    sim_store_crash(s);
    cs_core_close(s->coordinator.core);
    s->coordinator.core = NULL;
    sim_studies_forget(s);
    s->coordinator.building = NULL;
    s->coordinator.paused_until = 0;
    s->coordinator.asking = false;
    s->coordinator.life++;
    sim_net_core_gone(s);
}

static void act(struct sim *s, const struct cs_action *a)
{
    struct cs_message m;

    switch (a->kind) {
    case CS_ACT_SEND:
    case CS_ACT_SPEC:
        send(s, a);
        break;
    case CS_ACT_TURNS:
        tell_turns(s, a);
        break;
    case CS_ACT_PROBE:
        send(s, a);
        if (!sim_net_is_routed(s, &a->peer))
            s->coordinator.gone = a->token;
        break;
    case CS_ACT_ANNOUNCE:
        m = a->message;
        if (s->mutation == SIM_MUTATE_ONE_WEIGHT)
            forget_weights(&m);
        sim_net_publish(s, &m);
        break;
    case CS_ACT_COMMIT:
        sim_store_push(s, a->batch);
        break;
    case CS_ACT_REPLY:
        s->coordinator.asking &= a->token != AGAIN_TOKEN;
        break;
    case CS_ACT_EXIT:
        break;
    }
}

static const struct cs_action *exit_of(const struct cs_action *a)
{
    while (a != NULL && a->kind != CS_ACT_EXIT)
        a = a->next;
    return a;
}

void sim_core_event(struct sim *s, const struct cs_event *e)
{
    struct sim_coordinator *c = &s->coordinator;
    const struct cs_action *first = cs_core_step(c->core, e, s->now + c->clock_ms), *end = exit_of(first);
    bool fails = end != NULL && end->code != CS_OK, expected = s->store.fails;

    for (const struct cs_action *a = first; a != NULL; a = a->next)
        act(s, a);
    if (!fails) {
        if (++c->steps % s->limits.check_every == 0)
            cs_invariants_check(c->core);
        sim_check_core(s);
    }
    if (c->gone != 0 && end == NULL) {
        struct cs_event none = {.kind = CS_EV_GONE, .gone = {c->gone}};

        c->gone = 0;
        sim_fired(s, SIM_SUCCESSOR);
        sim_core_event(s, &none);
        return;
    }
    if (end == NULL)
        return;
    sim_trace(s, "C     exits: %s", end->text);
    if (fails && !expected)
        sim_fail(s, "the coordinator ends by itself: %s", end->text);
    gone(s);
    if (!s->finished)
        sim_push(s, s->now + 200 + sim_spread(s, 2000), SIM_CORE_START, 0, c->life, NULL);
}

/* ---- events -------------------------------------------------------------------------------------------- */

bool sim_core_knows(const struct sim *s, uint64_t nonce)
{
    struct cs_session *session, *next;

    HASH_ITER (hh, s->coordinator.core->sessions, session, next) {
        if (session->nonce == nonce)
            return true;
    }
    return false;
}

static void remember(struct sim *s, const struct sim_packet *p, enum cs_kind kind)
{
    struct sim_packet **at = &s->coordinator.heard[sim_below(s, SIM_HEARD)];

    if (kind == CS_HELLO || s->limits.every_ms[SIM_STALE] == 0 || sim_below(s, 8) > 0)
        return;
    free(*at);
    *at = memcpy(cs_xmalloc(sizeof *p + p->len), p, sizeof *p + p->len);
}

static void take_for_this_session(struct sim *s, const struct sim_worker *w, struct cs_message *m)
{
    struct cs_session *session, *next;

    HASH_ITER (hh, s->coordinator.core->sessions, session, next) {
        if (m->kind != CS_HELLO && session->nonce == w->nonce)
            m->session = session->id;
    }
}

void sim_core_message(struct sim *s, struct sim_worker *w, struct sim_packet *p)
{
    struct cs_peer peer = sim_net_peer(w->index, p->connection);
    struct cs_event e = {.kind = CS_EV_MESSAGE, .message = {.peer = &peer, .user_id = w->user_id}};
    struct cs_message m;
    const uint64_t life = s->coordinator.life;
    bool known;

    if (s->coordinator.core == NULL || !sim_net_arrives(s, w, p, &m))
        return;
    if (w->key < w->key_least && m.kind == CS_HELLO)
        return; /* the door knows the allow-list (coordinator/rights.c) */
    sim_trace_message(s, "C", "<-", w->name, &m);
    remember(s, p, m.kind);
    if (s->mutation == SIM_MUTATE_NO_FENCE)
        take_for_this_session(s, w, &m);
    e.message.m = &m;
    known = m.kind == CS_HELLO && w->core != NULL && sim_core_knows(s, w->nonce);
    sim_core_event(s, &e);
    if (known && s->coordinator.life == life && !sim_core_knows(s, w->nonce))
        sim_worker_excuse(s, w, "a late word of the process before it has its name");
}

static void load(struct sim *s, uint32_t gen)
{
    struct cs_lane_load lanes[SIM_LANES_MAX];
    struct cs_generation_load l;
    struct cs_event e = {.kind = CS_EV_LOAD, .load = &l};

    sim_store_load(s, gen, &l, lanes);
    sim_core_event(s, &e);
}

/* The row is on disk at once; the roster decides whose turn it is (coordinator/build.c). */
bool sim_core_submit(struct sim *s, struct sim_study *y)
{
    if (s->coordinator.core == NULL || s->coordinator.paused_until > s->now || y->asked_gens > y->n_gens ||
        y->asked_gens == SIM_GENS_MAX || (y->comes_after != NULL && y->comes_after->asked_gens == 0))
        return false;
    sim_trace(s, "C     hears of generation %u, of study %s", sim_studies_number(s, y), y->name);
    sim_studies_note(s, y);
    return true;
}

bool sim_core_weigh(struct sim *s, struct sim_study *y)
{
    struct cs_event e = {.kind = CS_EV_WEIGHT, .study = {.key = y->key}};

    if (s->coordinator.core == NULL || s->coordinator.paused_until > s->now || y->asked_gens == 0)
        return false;
    sim_studies_note(s, y);
    e.study.weight = sim_studies_weight(y);
    sim_core_event(s, &e);
    return true;
}

/* One generation at a time, beside the one that runs; that is closed for the last round only (coordinator/build.c). */
static void build(struct sim *s)
{
    struct sim_coordinator *c = &s->coordinator;
    struct sim_study *y = c->building;
    struct cs_event e = {.kind = CS_EV_CLOSE};

    if (y == NULL) {
        if ((y = c->building = sim_studies_turn(s)) == NULL)
            return;
        if (y->n_gens == 0 && y->comes_after != NULL && !sim_studies_is_over(s, y->comes_after))
            sim_fail(s, "study %s begins, and study %s is not over", y->name, y->comes_after->name);
        c->closed = false;
        c->close_ms = s->now + (sim_below(s, 4) == 0 ? 0 : sim_below(s, BESIDE_MS));
    }
    if (!c->closed) {
        if (s->now < c->close_ms)
            return;
        c->closed = true;
        e.study.key = y->key;
        sim_core_event(s, &e);
        return;
    }
    if (!cs_core_is_idle(c->core, y->key))
        return;
    sim_trace(s, "C     builds generation %u, of study %s", y->numbers[y->n_gens], y->name);
    sim_store_build(s, y);
    c->building = NULL;
    sim_studies_note(s, y);
    load(s, y->numbers[y->n_gens - 1]);
}

/* It may begin what is leased to it, and on its way to it, before it knows that it was expelled. */
static void excuse_leased(struct sim *s, struct sim_worker *w, const struct cs_session *session)
{
    const struct cs_lease *l;

    DL_FOREACH (session->leases, l) {
        for (unsigned i = 0; i < CS_PAGE_TRIALS; i++) {
            if (cs_bits_has(&l->open, i))
                s->store.lanes[sim_studies_lane(s, l->lane->gen, l->lane->lane)]
                    .trials[l->on->page * CS_PAGE_TRIALS + i]
                    .excused++;
        }
    }
    sim_worker_excuse(s, w, "it is expelled");
}

static bool may_work(void *self, const char *user_id)
{
    const struct sim *s = self;
    unsigned worker, key;

    return sscanf(user_id, "key %u.%u", &worker, &key) != 2 || key >= s->workers[worker].key_least;
}

bool sim_core_revoke(struct sim *s, struct sim_worker *w)
{
    struct sim_coordinator *c = &s->coordinator;
    struct cs_event e = {.kind = CS_EV_KEYS, .keys = {may_work, s}};
    struct cs_session *session, *next;

    if (c->core == NULL || c->paused_until > s->now || w->core == NULL || w->key < w->key_least)
        return false;
    HASH_ITER (hh, c->core->sessions, session, next) {
        if (session->nonce == w->nonce)
            excuse_leased(s, w, session);
    }
    w->key_least++;
    sim_core_event(s, &e);
    /* Whoever it does not reach finds a closed door, until its person comes. */
    sim_push(s, s->now + sim_below(s, s->limits.while_ms), SIM_WORKER_REKEY, w->index, w->incarnation, NULL);
    return true;
}

bool sim_core_malformed(struct sim *s, struct sim_worker *w)
{
    struct sim_coordinator *c = &s->coordinator;
    struct cs_peer peer = sim_net_peer(w->index, w->link.serial);
    struct cs_event e = {.kind = CS_EV_MALFORMED, .malformed = {.peer = &peer}};
    uint32_t n = 1 + (uint32_t)sim_below(s, CS_FAULTS_MAX);
    struct cs_session *session, *next;

    if (c->core == NULL || c->paused_until > s->now || w->core == NULL || w->link.serial == 0)
        return false;
    HASH_ITER (hh, c->core->sessions, session, next) {
        if (session->nonce == w->nonce && session->faults + n >= CS_FAULTS_MAX)
            excuse_leased(s, w, session);
    }
    for (; n > 0 && c->core != NULL; n--)
        sim_core_event(s, &e);
    return true;
}

static uint64_t leased(const struct sim *s)
{
    const struct cs_core *core = s->coordinator.core;
    uint64_t n = 0;

    for (uint32_t i = 0; i < core->n_slots; i++)
        n += core->lanes[i] != NULL ? core->lanes[i]->leased : 0;
    return n;
}

/* Invariant 5: stale control changes nothing, and is told so. */
static bool hear_again(struct sim *s, const struct sim_packet *p)
{
    struct sim_coordinator *c = &s->coordinator;
    struct cs_peer peer = sim_net_peer(0, p->connection);
    struct cs_message m;
    struct cs_event e = {.kind = CS_EV_MESSAGE, .message = {.peer = &peer, .user_id = "", .m = &m}};
    uint64_t whos = c->whos, before = leased(s);
    struct cs_error err = {0};

    cs_arena_reset(&s->arena);
    if (cs_message_unpack(p->bytes, p->len, &s->arena, &m, &err) != CS_OK || cs_act_session(c->core, m.session) != NULL)
        return false;
    sim_trace_message(s, "C", "<-", "an old connection", &m);
    sim_core_event(s, &e);
    if (c->core == NULL)
        return true;
    if (leased(s) != before)
        sim_fail(s, "a stale %s changes leases", cs_message_kind_name(m.kind));
    if (c->whos != whos + (m.kind != CS_BYE))
        sim_fail(s, "a stale %s is not told so", cs_message_kind_name(m.kind));
    return true;
}

bool sim_core_stale(struct sim *s)
{
    bool any = false;

    for (uint32_t i = 0; i < SIM_HEARD; i++) {
        if (s->coordinator.core != NULL && s->coordinator.paused_until <= s->now && s->coordinator.heard[i] != NULL)
            any |= hear_again(s, s->coordinator.heard[i]);
    }
    return any;
}

static bool any_waiting(const struct cs_core *core)
{
    for (uint32_t i = 0; i < CS_SLOTS; i++) {
        if (core->lanes[i] != NULL && core->lanes[i]->has_waiting)
            return true;
    }
    return false;
}

/* A lease must not expire while its holder's words wait to be read. */
static void lost(struct sim *s, uint64_t nonce)
{
    struct sim_worker *w = NULL;

    for (uint32_t i = 0; i < s->limits.n_workers; i++) {
        if (s->workers[i].nonce == nonce && s->workers[i].core != NULL)
            w = &s->workers[i];
    }
    sim_fired(s, SIM_SESSION_LOST);
    if (w == NULL)
        return;
    for (uint32_t i = 0; i < s->n_heap; i++) {
        const struct sim_packet *p = s->heap[i].packet;

        if (p != NULL && s->heap[i].who == w->index && p->up && p->unread && sim_net_is_whole(w, p))
            sim_fail(s, "%s was held for lost while its message waited to be read", w->name);
    }
    sim_worker_excuse(s, w, "its leases have expired");
}

void sim_core_tick(struct sim *s)
{
    struct cs_core *core = s->coordinator.core;
    struct cs_event e = {.kind = CS_EV_TICK};
    uint64_t nonces[2 * SIM_WORKERS_MAX + 64], life = s->coordinator.life;
    bool waiting = any_waiting(core);
    uint32_t n = 0;
    struct cs_session *session, *next;

    HASH_ITER (hh, core->sessions, session, next) {
        if (n < sizeof nonces / sizeof *nonces)
            nonces[n++] = session->nonce;
    }
    sim_core_event(s, &e);
    if (s->coordinator.core == NULL || s->coordinator.life != life)
        return;
    for (uint32_t i = 0; i < n; i++) {
        if (!sim_core_knows(s, nonces[i]))
            lost(s, nonces[i]);
    }
    for (uint32_t i = 0; waiting && !any_waiting(core) && i < s->limits.n_workers; i++) {
        struct sim_worker *w = &s->workers[i];

        if (w->core != NULL && !sim_core_knows(s, w->nonce))
            sim_worker_excuse(s, w, "the grace is over without it");
    }
    sim_push_last(s, s->now + s->limits.tick_ms, SIM_CORE_TICK, 0, life);
    sim_profile_tick(s);
    build(s);
}

/* What a cancelled lane had under way when its coordinator ended, is given up with it: no lease holds it, and a resume plans it again. */
static void excuse_given_up(struct sim *s, struct cs_lane *core_lane)
{
    struct sim_lane *lane = &s->store.lanes[sim_studies_lane(s, core_lane->gen, core_lane->lane)];
    const struct sim_ledger *g = sim_studies_ledger(s, core_lane->gen, core_lane->lane);

    for (uint64_t i = 0; g->cancelled && i < lane->n_trials; i++) {
        const uint8_t *page = g->pages + i / CS_PAGE_TRIALS * CS_PAGE_BYTES;
        struct sim_trial *t = &lane->trials[i];

        if (cs_ledger_get(page, (unsigned)(i % CS_PAGE_TRIALS)) == CS_TRIAL_CANCELLED &&
            cs_coordinator_lane_lease_of(core_lane, i) == NULL && t->excused < t->paid + t->in_flight)
            t->excused = t->paid + t->in_flight;
    }
}

static void excuse_resumed(struct sim *s, const struct sim_lane *lane)
{
    const struct cs_core *core = s->coordinator.core;
    const struct sim_study *y = lane->study;

    for (uint32_t i = 0; y->n_gens > 0 && i < core->n_slots; i++) {
        struct cs_lane *l = core->lanes[i];

        if (l != NULL && l->gen == y->numbers[y->n_gens - 1] && strcmp(lane->model, l->name) == 0)
            excuse_given_up(s, l);
    }
}

bool sim_core_control(struct sim *s, enum cs_control verb, struct sim_study *y, struct sim_lane *lane)
{
    struct cs_event e = {.kind = CS_EV_CONTROL, .control = {.verb = verb, .token = 1}};
    const struct sim_study *to = y;

    if (s->coordinator.core == NULL || s->coordinator.paused_until > s->now || (y != NULL && y->n_gens == 0))
        return false;
    if (verb == CS_CONTROL_RESUME && lane != NULL)
        excuse_resumed(s, lane);
    for (uint32_t i = 0; y != NULL && i < y->n_lanes; i++) {
        if (lane == NULL || lane == &s->store.lanes[y->first + i])
            s->store.lanes[y->first + i].said |= 1U << verb;
    }
    if (s->mutation == SIM_MUTATE_OTHER_STUDY && y != NULL)
        to = &s->store.studies[(y - s->store.studies + 1) % s->limits.n_studies];
    e.control.study = to != NULL ? to->key : 0;
    e.control.model = lane != NULL ? lane->model : NULL;
    sim_core_event(s, &e);
    return true;
}

/* What the pass of the shell (coordinator/again.c) does for a lane: trials by what stands on disk. */
bool sim_core_again(struct sim *s, uint32_t lane)
{
    struct cs_again_trial trials[AGAIN_AT_ONCE];
    struct cs_core_view v;
    const struct sim_lane *l = &s->store.lanes[lane];
    uint32_t of_study = lane - l->study->first;
    struct cs_event e = {.kind = CS_EV_AGAIN};
    bool repeat = sim_below(s, 4) == 0;
    uint8_t bits[CS_PAGE_BYTES];
    uint32_t n = 0;

    if (s->coordinator.core == NULL || s->coordinator.paused_until > s->now || s->coordinator.asking)
        return false;
    cs_core_view(s->coordinator.core, l->study->key, &v);
    for (uint64_t i = 0; v.gen > 0 && i < l->n_trials && n < AGAIN_AT_ONCE; i++) {
        const struct sim_kept *t = &sim_studies_ledger(s, v.gen, of_study)->kept[i];
        bool wanted = t->outcome == CS_OUTCOME_timeout || s->mutation == SIM_MUTATE_AGAIN_ANY;

        cs_core_page(s->coordinator.core, l->study->key, of_study, i / CS_PAGE_TRIALS, bits);
        if (cs_ledger_get(bits, (unsigned)(i % CS_PAGE_TRIALS)) != CS_TRIAL_DONE || t->canonical == 0 || !wanted ||
            (t->superseded != 0 && !repeat))
            continue;
        trials[n++] = (struct cs_again_trial){i, s->mutation == SIM_MUTATE_AGAIN_ANY ? CS_OUTCOME_timeout : t->outcome,
                                              t->adopted};
    }
    if (n == 0)
        return false;
    e.again.gen = v.gen;
    e.again.lane = of_study;
    e.again.trials = trials;
    e.again.n = n;
    e.again.token = AGAIN_TOKEN;
    s->coordinator.asking = true;
    sim_core_event(s, &e);
    return true;
}

/* ---- life and death ------------------------------------------------------------------------------------ */

void sim_core_start(struct sim *s)
{
    struct sim_coordinator *c = &s->coordinator;
    struct cs_core_opts opts = {.fleet = "sim",
                                .plan = {.self = s,
                                         .identity = plan_identity,
                                         .input_bound = plan_bound,
                                         .group_end = plan_group_end,
                                         .is_stored = plan_is_stored,
                                         .talk = plan_talk,
                                         .sent = plan_sent,
                                         .is_turn = plan_is_turn,
                                         .drawn = plan_drawn}};
    const char *expected[SIM_NAMES_MAX];
    struct sim_past past;
    bool fresh = c->term == 0;

    if (fresh || s->mutation != SIM_MUTATE_SAME_TERM)
        c->term++;
    c->clock_ms = 100000 + sim_below(s, 100000);
    opts.term = c->term;
    opts.seed = cs_rng_next(&s->rng);
    opts.fresh_fleet = fresh || s->mutation == SIM_MUTATE_NO_GRACE || s->mutation == SIM_MUTATE_NO_FRONTIER;
    opts.now_ms = s->now + c->clock_ms;
    opts.expected = expected;
    for (uint32_t i = 0; i < s->store.n_names; i++)
        expected[opts.n_expected++] = strchr(s->store.names[i], '=') + 1;
    sim_store_past(s, &past);
    opts.risks = past.risks;
    opts.n_risks = past.n_risks;
    opts.first_study = sim_studies_key(s, 1);
    opts.presumed_nano_usd = past.presumed_first;
    opts.presumed = past.presumed;
    opts.n_presumed = past.n_presumed;
    opts.fingerprints = past.fingerprints;
    opts.n_fingerprints = past.n_fingerprints;
    sim_trace(s, "C     starts, term %u", c->term);
    c->core = cs_core_open(&opts);
    sim_studies_restore(s);
    for (uint32_t gen = 1; gen <= s->store.n_numbers && c->core != NULL; gen++) {
        const struct sim_number *g = &s->store.numbers[gen];

        if (g->ordinal < g->study->n_gens && g->ordinal + 2 >= g->study->n_gens)
            load(s, gen);
    }
    if (c->core != NULL)
        sim_check_restart(s);
    sim_push_last(s, s->now + s->limits.tick_ms, SIM_CORE_TICK, 0, c->life);
    sim_net_core_back(s);
}

void sim_core_kill(struct sim *s)
{
    sim_trace(s, "C     is killed");
    s->result->core_losses++;
    gone(s);
}
