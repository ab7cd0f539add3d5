/* The shells around the workers' cores, and a source of trials that needs its spec and its cases first. */
#include "worker/core/do.h"
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/assert.h"
#include "worker/core/state.h"

/* ---- the source ---------------------------------------------------------------------------------------- */

enum { ABSENT, NEEDED, HERE };

static void need(struct sim_source *src, uint32_t chunk)
{
    src->n_needed += src->here[chunk] == ABSENT;
    src->here[chunk] = NEEDED;
}

static enum cs_err source_lane(void *self, const uint8_t spec[32], uint32_t lane, struct cs_lane_facts *out,
                               struct cs_error *err)
{
    static const struct cs_endpoint endpoint = {.serial = 1, .url = "http://sim", .plain_http = true, .key = "no-key"};
    struct sim_source *src = self;
    const struct sim_study *y;
    uint32_t gen;

    (void)err;
    CS_ASSERT(spec[0] == 1);
    memcpy(&gen, spec + 4, sizeof gen);
    y = sim_studies_of(src->sim, gen);
    CS_ASSERT(gen < SIM_CASES && lane < y->n_lanes);
    if (src->here[gen] != HERE) {
        need(src, gen);
        return CS_EAGAIN;
    }
    src->specs[gen].first = y->first;
    *out = (struct cs_lane_facts){.study = &src->specs[gen],
                                  .provider = src->sim->mutation == SIM_MUTATE_SETTLE_ALL ? &sim_settling
                                                                                          : &sim_provider,
                                  .endpoint = &endpoint,
                                  .timeout_ms = src->sim->limits.timeout_ms,
                                  .talks = src->sim->store.lanes[y->first + lane].calls > 1,
                                  .metered = y->budget_nano_usd >= 0};
    sim_redis_facts(src->sim, out);
    return CS_OK;
}

static void source_release(void *self, void *study)
{
    CS_ASSERT(study != NULL);
    (void)self;
}

static enum cs_err source_trial(void *self, void *study, uint32_t lane, uint64_t position, const char *const *said,
                                uint32_t n_said, struct cs_trial *out, struct cs_error *err)
{
    struct sim_source *src = self;
    const struct sim_spec *spec = study;
    uint32_t chunk = SIM_CASES + (uint32_t)(position / SIM_CHUNK_TRIALS);

    const struct sim_lane *l;

    (void)err;
    lane += spec->first;
    CS_ASSERT(chunk < SIM_CHUNKS);
    if (src->here[chunk] != HERE) {
        need(src, chunk);
        return CS_EAGAIN;
    }
    l = &src->sim->store.lanes[lane];
    *out = (struct cs_trial){.prompt = (uint64_t)lane << 40 | position,
                             .calls = l->calls,
                             .free = n_said + 1 < l->calls,
                             .body = src->body,
                             .body_len = sim_talk_body(lane, position, said, n_said, src->body, sizeof src->body)};
    if (l->calls > 1) {
        uint8_t full[32];

        cs_digest_blake2b_256(src->body, out->body_len, full);
        memcpy(out->sent, full, sizeof out->sent);
    }
    sim_digest(lane, position, src->worker->stranger, &out->digest);
    return CS_OK;
}

static struct cs_answer_check source_parses(void *self, void *study, uint32_t lane, uint32_t question,
                                            uint32_t elements, const char *text, size_t n)
{
    (void)self, (void)study, (void)lane, (void)question, (void)elements;
    return (struct cs_answer_check){n > 0 && text[0] == 'A' ? CS_ANSWER_NONE : CS_ANSWER_NO_OBJECT, false};
}

static bool source_missing(void *self, uint8_t digest[32], uint32_t *bytes)
{
    struct sim_source *src = self;

    for (uint32_t i = 0; src->n_needed > 0 && i < SIM_CHUNKS; i++) {
        if (src->here[i] != NEEDED)
            continue;
        src->here[i] = ABSENT;
        src->n_needed--;
        memset(digest, 0, 32);
        digest[0] = i < SIM_CASES ? 1 : 2;
        memcpy(digest + 4, &i, sizeof i);
        *bytes = 256 * 1024;
        return true;
    }
    return false;
}

/* What is there drives something else out, at random. */
static void drive_out(struct sim_source *src)
{
    uint32_t victim = (uint32_t)sim_below(src->sim, src->n_here);

    for (uint32_t i = SIM_CASES; i < SIM_CHUNKS; i++) {
        if (src->here[i] == HERE && victim-- == 0) {
            src->here[i] = ABSENT;
            src->n_here--;
            sim_fired(src->sim, SIM_FORGETFUL);
            return;
        }
    }
}

static enum cs_err source_put(void *self, const uint8_t digest[32], const void *bytes, uint32_t n, struct cs_error *err)
{
    struct sim_source *src = self;
    uint32_t chunk;

    (void)bytes, (void)err;
    CS_ASSERT(n == 8);
    memcpy(&chunk, digest + 4, sizeof chunk);
    CS_ASSERT(chunk < SIM_CHUNKS);
    if (src->here[chunk] == NEEDED)
        src->n_needed--;
    if (chunk >= SIM_CASES && src->here[chunk] != HERE) {
        if (src->n_here >= src->sim->limits.cache_chunks)
            drive_out(src);
        src->n_here++;
    }
    src->here[chunk] = HERE;
    return CS_OK;
}

/* ---- clocks -------------------------------------------------------------------------------------------- */

static uint64_t local(const struct sim *s, const struct sim_worker *w)
{
    uint64_t age = (s->now - w->born_ms) * (uint64_t)(1000 + w->drift) / 1000;

    return w->clock_ms + (s->mutation == SIM_MUTATE_SLOW_CLOCK ? age / 3 : age);
}

uint64_t sim_worker_global(const struct sim *s, const struct sim_worker *w, uint64_t at)
{
    uint64_t age = at > w->clock_ms ? at - w->clock_ms : 0;

    if (s->mutation == SIM_MUTATE_SLOW_CLOCK)
        age *= 3;
    return w->born_ms + (age * 1000 + 999 + (uint64_t)w->drift) / (uint64_t)(1000 + w->drift);
}

/* ---- steps --------------------------------------------------------------------------------------------- */

void sim_worker_excuse(struct sim *s, struct sim_worker *w, const char *why)
{
    const struct cs_window *win = &w->core->window;
    struct sim_trial *t;

    sim_trace(s, "%s    is lost with %u calls and %u outputs: %s", w->name, w->core->in_flight, win->n, why);
    s->result->worker_losses++;
    for (uint32_t i = 0; i < SIM_CALLS_MAX; i++) {
        if (w->calls[i].number != 0 && !w->stranger)
            s->store.lanes[w->calls[i].lane].trials[w->calls[i].position].excused++;
    }
    for (uint32_t i = 0; i < win->n; i++) {
        if (sim_trial_of(s, &cs_window_at(win, i)->digest, &t))
            t->excused++;
    }
}

/* The process ends. Calls that nobody waits for are excused with it; unacknowledged outputs too. */
static void bury(struct sim *s, struct sim_worker *w)
{
    const struct cs_window *win = &w->core->window;
    struct sim_trial *t;

    for (uint32_t i = 0; i < SIM_CALLS_MAX; i++)
        sim_provider_cut(s, w, i);
    for (uint32_t i = 0; i < win->n; i++) {
        if (sim_trial_of(s, &cs_window_at(win, i)->digest, &t))
            t->excused++;
    }
    cs_worker_close(w->core);
    w->core = NULL;
    w->paused_until = 0;
    sim_net_close(s, w);
}

static void on_exit_of(struct sim *s, struct sim_worker *w, enum cs_err code, const char *text)
{
    bool expected = code == CS_OK || (code == CS_EINCOMPLETE && !s->finished) || (code == CS_EPROTO && w->stranger) ||
                    (code == CS_EDENIED && w->key < w->key_least);

    sim_trace(s, "%s    exits: %s", w->name, text);
    if (!expected)
        sim_fail(s, "%s ends with %s: %s", w->name, cs_error_name(code), text);
    bury(s, w);
    w->stranger = false;
    if (!s->finished)
        sim_push(s, s->now + 300 + sim_spread(s, 3000), SIM_WORKER_START, w->index, w->incarnation + 1, NULL);
}

/* Invariants 7 and 8. */
static void check(struct sim *s, const struct sim_worker *w)
{
    const struct cs_window *win = &w->core->window;

    if (win->sent > win->outputs_max || win->sent_bytes > win->bytes_max)
        sim_fail(s, "%s has %u outputs and %zu bytes unacknowledged", w->name, win->sent, win->sent_bytes);
    if (w->core->in_flight + win->n > s->limits.slots + w->core->window_peak)
        sim_fail(s, "%s holds more than slots and window", w->name);
}

static void check_call(struct sim *s, const struct sim_worker *w)
{
    if (w->core->now - w->core->heard >= CS_STOP_START_MS)
        sim_fail(s, "%s starts a call %llu ms after it was sure of its leases", w->name,
                 (unsigned long long)(w->core->now - w->core->heard));
}

static enum cs_kind act(struct sim *s, struct sim_worker *w, const struct cs_worker_action **end)
{
    enum cs_kind unsent = CS_KIND_NONE;
    uint32_t n;
    const struct cs_worker_action *a = cs_worker_actions(w->core, &n);

    for (; n > 0; n--, a++) {
        switch (a->kind) {
        case CS_DO_CONNECT:
            sim_net_connect(s, w);
            break;
        case CS_DO_SEND:
            if (a->message->kind == CS_BYE && w->core->window.n > 0)
                sim_worker_excuse(s, w, "its drain took too long");
            if (unsent == CS_KIND_NONE && !sim_net_up(s, w, a->message))
                unsent = a->message->kind;
            break;
        case CS_DO_CALL:
            check_call(s, w);
            sim_provider_call(s, w, a);
            break;
        case CS_DO_ABORT:
            sim_provider_cut(s, w, a->slot);
            break;
        case CS_DO_ACKED:
            break;
        case CS_DO_LOG:
            sim_trace(s, "%s    %s %s", w->name, a->ev, a->text);
            break;
        case CS_DO_EXIT:
            *end = a;
            break;
        }
    }
    return unsent;
}

static void step(struct sim *s, struct sim_worker *w, struct cs_worker_event ev)
{
    const struct cs_worker_action *end = NULL;
    struct cs_worker_ask ask;
    enum cs_kind unsent;
    uint64_t next;

    ev.wall_ms = SIM_WALL_MS + (int64_t)s->now;
    cs_worker_step(w->core, &ev, local(s, w));
    check(s, w);
    unsent = act(s, w, &end);
    if (end != NULL) {
        on_exit_of(s, w, end->code, end->text);
        return;
    }
    if (unsent != CS_KIND_NONE) {
        step(s, w, (struct cs_worker_event){.kind = CS_WORKER_UNSENT, .unsent = unsent});
        return;
    }
    while (cs_pools_take_ask(w->core, &ask))
        sim_redis_ask(s, w, &ask);
    next = cs_worker_next_ms(w->core);
    CS_ASSERT(next != CS_NEVER);
    next = sim_worker_global(s, w, next);
    if (next < s->now)
        next = s->now;
    if (next == w->wake_at && next > s->now)
        return;
    w->wake_at = next;
    sim_push(s, next, SIM_WORKER_WAKE, w->index, w->incarnation, NULL);
}

void sim_worker_wake(struct sim *s, struct sim_worker *w)
{
    w->wake_at = 0;
    step(s, w, (struct cs_worker_event){.kind = CS_WORKER_TICK});
}

void sim_worker_reply(struct sim *s, struct sim_worker *w, uint32_t slot, const struct cs_http_reply *reply)
{
    step(s, w, (struct cs_worker_event){.kind = CS_WORKER_REPLY, .slot = slot, .reply = reply});
}

void sim_worker_quota(struct sim *s, struct sim_worker *w, const struct cs_worker_quota *q)
{
    step(s, w, (struct cs_worker_event){.kind = CS_WORKER_QUOTA, .quota = *q});
}

void sim_worker_drain(struct sim *s, struct sim_worker *w)
{
    step(s, w, (struct cs_worker_event){.kind = CS_WORKER_DRAIN});
}

/* Invariant 1: what the worker is about to believe. */
static void check_ack(struct sim *s, const struct sim_worker *w, const struct cs_message *m)
{
    const struct cs_window *win = &w->core->window;

    if (!cs_do_is_live(w->core) || m->session != w->core->session)
        return;
    for (uint32_t i = 0; i < win->sent && win->first + i <= m->ack_body.durable; i++) {
        const struct cs_window_entry *e = cs_window_at(win, i);
        bool refused = false;

        for (uint32_t k = 0; k < m->ack_body.n_refused; k++)
            refused |= m->ack_body.refused[k].number == win->first + i &&
                       m->ack_body.refused[k].why != CS_REFUSED_TURN; /* that one is kept, as a duplicate */
        if (refused ? !w->stranger : !sim_store_has(s, sim_print(e->bytes, e->len)))
            sim_fail(s, "output %llu of %s is %s", (unsigned long long)win->first + i, w->name,
                     refused ? "refused" : "acknowledged and not on disk");
    }
}

void sim_worker_message(struct sim *s, struct sim_worker *w, struct sim_packet *p)
{
    struct cs_message m;

    if (w->core == NULL || !sim_net_arrives(s, w, p, &m))
        return;
    sim_trace_message(s, w->name, "<-", "C", &m);
    if (m.kind == CS_ACK)
        check_ack(s, w, &m);
    step(s, w, (struct cs_worker_event){.kind = CS_WORKER_MESSAGE, .message = &m});
}

bool sim_worker_is_idle(const struct sim_worker *w)
{
    return w->core->state == CS_WORKER_READY && w->core->in_flight == 0 && w->core->window.n == 0;
}

/* ---- life and death ------------------------------------------------------------------------------------ */

void sim_worker_start(struct sim *s, struct sim_worker *w)
{
    struct cs_worker_opts opts = {
        .name = w->name, .version = "sim", .slots = s->limits.slots, .drain_ms = s->limits.drain_ms};

    w->incarnation++;
    w->key = w->key_least;
    snprintf(w->user_id, sizeof w->user_id, "key %u.%u", w->index, w->key);
    w->stranger |= s->profile == SIM_PROFILE_DUTY && sim_chance(s, s->limits.permille[SIM_STRANGER]);
    if (w->incarnation == 1 || sim_below(s, 2) == 0) /* else another process of the same name */
        snprintf(w->name, sizeof w->name, "w%u.%u", w->index, w->incarnation);
    w->nonce = opts.nonce = cs_rng_next(&s->rng);
    w->clock_ms = 50000 + sim_below(s, 1000000);
    w->born_ms = s->now;
    w->drift = 0;
    if (sim_chance(s, s->limits.permille[SIM_CLOCK_DRIFT])) {
        w->drift = (int32_t)sim_below(s, 41) - 20;
        sim_fired(s, SIM_CLOCK_DRIFT);
    }
    w->wake_at = 0;
    w->source = (struct sim_source){.sim = s, .worker = w};
    opts.seed = cs_rng_next(&s->rng);
    opts.source = (struct cs_source){&w->source,    source_lane,    source_release, source_trial,
                                     source_parses, source_missing, source_put};
    sim_trace(s, "%s    starts%s", w->name, w->stranger ? ", with other prompts" : "");
    if (w->stranger)
        sim_fired(s, SIM_STRANGER);
    cs_worker_open(&w->core, &opts);
    step(s, w, (struct cs_worker_event){.kind = CS_WORKER_TICK});
}

void sim_worker_kill(struct sim *s, struct sim_worker *w)
{
    sim_trace(s, "%s    is killed with %u calls and %u outputs", w->name, w->core->in_flight, w->core->window.n);
    s->result->worker_losses++;
    bury(s, w);
}

void sim_worker_end(struct sim *s, struct sim_worker *w)
{
    sim_worker_kill(s, w);
    w->stranger = false;
    sim_push(s, s->now + 200 + sim_below(s, 3000), SIM_WORKER_START, w->index, w->incarnation + 1, NULL);
}
