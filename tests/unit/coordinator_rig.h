/* coordinator_rig.h - the coordinator's core in a test bench: a plan without prompts, a store in memory, a clock that we turn. */
#ifndef CS_COORDINATOR_RIG_H
#define CS_COORDINATOR_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "coordinator/core/core.h"
#include "coordinator/lanes/invariants.h"
#include "coordinator/lanes/ledger.h"
#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/rng.h"
#include "store/turn_rows.h"

enum { RIG_TALKS = 64, RIG_TURNS = 8 };
enum { RIG_LANES = 3, RIG_TRIALS_MAX = 16384, RIG_BATCHES = 4 };

/* What is on the disk. */
struct rig_disk {
    uint32_t n_lanes, gen;
    uint64_t n_trials[RIG_LANES];
    uint8_t ledger[RIG_LANES][RIG_TRIALS_MAX / 4];
    uint8_t canonical[RIG_LANES][RIG_TRIALS_MAX];       /* outputs committed as canonical */
    int64_t canonical_start[RIG_LANES][RIG_TRIALS_MAX]; /* and which one it was */
    uint8_t outcome[RIG_LANES][RIG_TRIALS_MAX];
    uint8_t superseded[RIG_LANES][RIG_TRIALS_MAX]; /* canonical ones that were asked again */
    int64_t superseded_start[RIG_LANES][RIG_TRIALS_MAX];
    uint64_t frontier[RIG_LANES];
    struct cs_counters counters[RIG_LANES];
    bool paused[RIG_LANES], cancelled[RIG_LANES];
    uint64_t outputs, duplicates;
    uint64_t left_out; /* the first so many trials of each lane, cancelled before a test begins */
    int64_t budget;
    bool undeclared;      /* nobody has said how many calls the provider bears */
    uint32_t needs_minor; /* that a worker must have stated */
    struct {
        char key[40], name[32];
    } workers[16]; /* rows of those who may hold leases */
    struct {
        bool present;
        uint32_t lane;
        struct cs_quarantined row;
    } quarantined[8];
    struct cs_risk_row risks[64]; /* rows of what may have been spent */
    uint32_t n_risks;
    int64_t presumed;
    uint32_t calls; /* of every trial; 0: 1. Turns of the first RIG_TALKS trials of each lane that are on disk: */
    uint32_t n_turns[RIG_LANES][RIG_TALKS];
    bool remembers; /* they go on in sessions of the system's; how often they were begun anew: */
    uint32_t begun_anew[RIG_LANES][RIG_TALKS];
    int64_t turn_start[RIG_LANES][RIG_TALKS][RIG_TURNS];
    uint64_t block_size;
    uint32_t group_cases; /* cases that are opened together; 0: 1 */
    uint32_t draws;       /* of an answer that cannot be parsed */
    bool watched;         /* lanes whose trials all end alike pause */
    const char *alike;    /* ... with this mark */
    uint64_t fingerprints[RIG_TRIALS_MAX];
    uint32_t n_fingerprints;
    struct cs_price price;
    int64_t durable_starts[RIG_TRIALS_MAX *
                           4]; /* started_wall_ms of all committed outputs: tests number their calls with it */
    uint64_t n_durable;
};

struct rig {
    struct cs_core *core;
    uint64_t now;
    uint32_t term;
    const struct cs_action *acts;
    struct cs_batch *batches[RIG_BATCHES];
    uint32_t n_batches;
    struct rig_disk *disk;
    bool fail_digest, fail_drawn;
    bool exited;
    enum cs_err exit_code;
};

static inline void rig_digest(uint32_t gen, uint32_t lane, uint64_t position, struct cs_digest *out)
{
    uint64_t a = cs_rng_mix64((uint64_t)gen << 48 ^ (uint64_t)lane << 40 ^ position), b = cs_rng_mix64(a + 1);

    memcpy(out->b, &a, 8);
    memcpy(out->b + 8, &b, 8);
}

static inline enum cs_err rig_plan_identity(void *self, uint32_t gen, uint32_t lane, uint64_t position,
                                            struct cs_digest *digest, struct cs_owner *owner, struct cs_error *err)
{
    struct rig *r = self;

    if (r->fail_digest)
        return cs_error_set(err, CS_ECORRUPT, "a chunk is damaged");
    rig_digest(gen, lane, position, digest);
    *owner = (struct cs_owner){1 + lane, 1 + position};
    return CS_OK;
}

/* Every call of a conversation has 100 tokens more than the one before it. */
static inline enum cs_err rig_plan_bound(void *self, uint32_t gen, uint32_t lane, uint64_t position, uint32_t turns,
                                         uint64_t *out, uint32_t *calls, struct cs_error *err)
{
    const struct rig *r = self;
    const uint32_t all = r->disk->calls > 1 ? r->disk->calls : 1;

    (void)gen, (void)lane, (void)position, (void)err;
    *out = 0;
    *calls = all - turns;
    for (uint32_t k = turns; k < all; k++)
        *out += 100 * ((uint64_t)k + 1);
    return CS_OK;
}

static inline uint32_t rig_draw(const struct rig_disk *d, uint32_t lane, uint64_t position)
{
    return d->superseded[lane][position] + d->begun_anew[lane][position] * CS_TURN_ROWS_ANEW;
}

static inline enum cs_err rig_plan_talk(void *self, uint32_t gen, uint32_t lane, uint64_t position,
                                        const struct cs_digest *digest, const struct cs_owner *owner,
                                        struct cs_core_talk *out, struct cs_error *err)
{
    const struct rig_disk *d = ((struct rig *)self)->disk;

    (void)gen, (void)digest, (void)owner, (void)err;
    CS_ASSERT(position < RIG_TALKS);
    *out = (struct cs_core_talk){
        .calls = d->calls, .turns = d->n_turns[lane][position], .draw = rig_draw(d, lane, position)};
    return CS_OK;
}

/* What is sent after these turns, by when their calls began. */
static inline void rig_sent_after(const int64_t *starts, uint32_t turns, uint8_t sent[16])
{
    uint64_t h = turns;

    for (uint32_t i = 0; i < turns; i++)
        h = cs_rng_mix64(h ^ (uint64_t)starts[i]);
    memset(sent, 0, 16);
    memcpy(sent, &h, sizeof h);
}

static inline enum cs_err rig_plan_sent(void *self, uint32_t gen, uint32_t lane, uint64_t position,
                                        const struct cs_digest *digest, const struct cs_owner *owner,
                                        const struct cs_core_talk *talk, uint8_t sent[16], bool *last,
                                        struct cs_error *err)
{
    const struct rig_disk *d = ((struct rig *)self)->disk;

    (void)gen, (void)digest, (void)owner, (void)err;
    CS_ASSERT(talk->turns == d->n_turns[lane][position] ||
              (talk->turns == 0 && talk->draw == rig_draw(d, lane, position) + CS_TURN_ROWS_ANEW));
    rig_sent_after(d->turn_start[lane][position], talk->turns, sent);
    *last = talk->turns + 1 == talk->calls;
    return CS_OK;
}

static inline bool rig_plan_is_turn(void *self, const struct cs_output *o, const struct cs_owner *owner, uint32_t draw)
{
    const struct rig_disk *d = ((struct rig *)self)->disk;

    (void)owner, (void)draw;
    return o->turn <= d->n_turns[o->lane][o->position] &&
           d->turn_start[o->lane][o->position][o->turn - 1] == o->started_wall_ms;
}

static inline bool rig_plan_is_stored(void *self, const struct cs_output *o)
{
    struct rig *r = self;

    const struct rig_disk *d = r->disk;

    return (d->canonical[o->lane][o->position] > 0 && d->canonical_start[o->lane][o->position] == o->started_wall_ms) ||
           (d->superseded[o->lane][o->position] > 0 && d->superseded_start[o->lane][o->position] == o->started_wall_ms);
}

static inline enum cs_err rig_plan_left_out(void *self, uint32_t gen, uint32_t lane, uint64_t position, bool *out,
                                            struct cs_error *err)
{
    struct rig *r = self;

    (void)gen, (void)lane;
    if (r->fail_digest)
        return cs_error_set(err, CS_ECORRUPT, "a chunk is damaged");
    *out = position < r->disk->left_out;
    return CS_OK;
}

static inline enum cs_err rig_plan_drawn(void *self, uint32_t gen, uint32_t lane, uint64_t position, uint32_t *out,
                                         struct cs_error *err)
{
    const struct rig *r = self;

    (void)gen;
    if (r->fail_drawn)
        return cs_error_set(err, CS_ECORRUPT, "a place is damaged");
    *out = r->disk->superseded[lane][position];
    return CS_OK;
}

static inline uint64_t rig_plan_group_end(void *self, uint32_t gen, uint64_t rank)
{
    const struct rig *r = self;
    const uint32_t n = r->disk->group_cases > 0 ? r->disk->group_cases : 1;

    (void)gen;
    return (rank / n + 1) * n;
}

static inline struct cs_core_plan rig_plan(struct rig *r)
{
    return (struct cs_core_plan){.self = r,
                                 .identity = rig_plan_identity,
                                 .input_bound = rig_plan_bound,
                                 .group_end = rig_plan_group_end,
                                 .is_stored = rig_plan_is_stored,
                                 .talk = rig_plan_talk,
                                 .sent = rig_plan_sent,
                                 .is_turn = rig_plan_is_turn,
                                 .left_out = rig_plan_left_out,
                                 .drawn = rig_plan_drawn};
}

static inline void rig_worker_row(struct rig_disk *d, const struct cs_batch_meta *m)
{
    int at = -1;

    if (strncmp(m->key, "worker/", 7) != 0)
        return;
    for (int i = 15; i >= 0; i--) {
        if (strcmp(d->workers[i].key, m->key) == 0 || (at < 0 && d->workers[i].key[0] == '\0'))
            at = i;
        if (strcmp(d->workers[i].key, m->key) == 0)
            break;
    }
    CS_ASSERT(at >= 0);
    memset(&d->workers[at], 0, sizeof d->workers[at]);
    if (m->value == NULL)
        return;
    snprintf(d->workers[at].key, sizeof d->workers[at].key, "%s", m->key);
    snprintf(d->workers[at].name, sizeof d->workers[at].name, "%s", (const char *)m->value);
}

static inline void rig_quarantine_row(struct rig_disk *d, const struct cs_batch_meta *m)
{
    unsigned gen, lane, i = 0;
    unsigned long long position;
    struct cs_quarantined q = {0};
    char value[32];

    if (sscanf(m->key, "quarantine/%8u/%5u/%12llu", &gen, &lane, &position) != 3)
        return;
    while (i < 8 && d->quarantined[i].present &&
           (d->quarantined[i].lane != lane || d->quarantined[i].row.position != position))
        i++;
    CS_ASSERT(i < 8);
    d->quarantined[i].present = m->value != NULL;
    if (m->value == NULL)
        return;
    snprintf(value, sizeof value, "%.*s", (int)m->len, (const char *)m->value);
    assert_int_equal(sscanf(value, "%u %u", &q.losses, &q.workers), 2);
    q.position = position;
    d->quarantined[i].lane = lane;
    d->quarantined[i].row = q;
}

static inline void rig_risk_row(struct rig_disk *d, const struct cs_batch_meta *m)
{
    struct cs_risk_row row;
    unsigned long long epoch;
    uint32_t i = 0;

    if (strcmp(m->key, "presumed") == 0)
        d->presumed = strtoll((const char *)m->value, NULL, 10);
    if (sscanf(m->key, "risk/%16llx", &epoch) != 1)
        return;
    while (i < d->n_risks && d->risks[i].epoch != epoch)
        i++;
    if (m->value == NULL && i < d->n_risks)
        d->risks[i] = d->risks[--d->n_risks];
    if (m->value == NULL)
        return;
    CS_ASSERT(cs_risk_unpack(m->key, m->value, m->len, &row) && i < 64);
    d->risks[i] = row;
    d->n_risks += i == d->n_risks;
}

/* What the store refuses, and then for ever. */
static inline void rig_again(struct rig_disk *d, const struct cs_batch_again *a)
{
    CS_ASSERT(d->canonical[a->lane][a->position] == 1);
    CS_ASSERT(d->outcome[a->lane][a->position] == CS_OUTCOME_timeout ||
              d->outcome[a->lane][a->position] == CS_OUTCOME_unparsable);
    d->canonical[a->lane][a->position] = 0;
    if (a->position < RIG_TALKS)
        d->n_turns[a->lane][a->position] = 0; /* its turns are another draw's */
    d->superseded[a->lane][a->position]++;
    d->superseded_start[a->lane][a->position] = d->canonical_start[a->lane][a->position];
}

static inline void rig_write(struct rig *r, const struct cs_batch *b)
{
    struct rig_disk *d = r->disk;

    CS_ASSERT(b->n_agains <= CS_AGAIN_MAX);
    for (uint32_t i = 0; i < b->n_agains; i++)
        rig_again(d, &b->agains[i]);
    for (uint32_t i = 0; i < b->n_outputs; i++) {
        const struct cs_batch_output *o = &b->outputs[i];
        struct cs_arena arena = {0};
        struct cs_output out;

        assert_int_equal(cs_output_unpack(o->bytes, o->len, &arena, &out, NULL), CS_OK);
        d->outputs++;
        CS_ASSERT(d->n_durable < RIG_TRIALS_MAX * 4);
        d->durable_starts[d->n_durable++] = out.started_wall_ms;
        d->fingerprints[d->n_fingerprints++ % RIG_TRIALS_MAX] = cs_intake_fingerprint(&out);
        if (o->flags & CS_OUTPUT_SUPERSEDED) {
            CS_ASSERT(out.outcome == CS_OUTCOME_unparsable && d->canonical[o->lane][o->position] == 0);
            d->superseded[o->lane][o->position]++;
            d->superseded_start[o->lane][o->position] = out.started_wall_ms;
        } else if (o->flags & CS_OUTPUT_CANONICAL) {
            d->canonical[o->lane][o->position]++;
            d->canonical_start[o->lane][o->position] = out.started_wall_ms;
            d->outcome[o->lane][o->position] = out.outcome;
            CS_ASSERT(d->canonical[o->lane][o->position] == 1); /* invariants 2 and 3 */
        }
        d->duplicates += (o->flags & CS_OUTPUT_DUPLICATE) != 0;
        if (o->flags == CS_OUTPUT_TURN) {
            uint32_t *n = &d->n_turns[o->lane][o->position];

            if (o->turn.number == 1 && *n > 0) {
                CS_ASSERT(d->remembers);
                d->begun_anew[o->lane][o->position]++;
                *n = 0;
            }
            CS_ASSERT(o->turn.number == *n + 1 && o->turn.number <= RIG_TURNS); /* a turn that stands never changes */
            CS_ASSERT(o->turn.draw == rig_draw(d, o->lane, o->position));
            d->turn_start[o->lane][o->position][(*n)++] = out.started_wall_ms;
        } else if (o->turn.number > 0) {
            CS_ASSERT(o->turn.number <= d->n_turns[o->lane][o->position]);
        }
        if ((o->flags & CS_OUTPUT_SUPERSEDED) != 0 && o->position < RIG_TALKS)
            d->n_turns[o->lane][o->position] = 0; /* the next turns are another draw's */
        cs_arena_release(&arena);
    }
    for (uint32_t i = 0; i < b->n_pages; i++)
        memcpy(d->ledger[b->pages[i].lane] + b->pages[i].page * CS_PAGE_BYTES, b->pages[i].bits, CS_PAGE_BYTES);
    for (uint32_t i = 0; i < b->n_counters; i++)
        d->counters[b->counters[i].lane] = b->counters[i].counters;
    for (uint32_t i = 0; i < b->n_frontiers; i++)
        d->frontier[b->frontiers[i].lane] = b->frontiers[i].frontier;
    for (uint32_t i = 0; i < b->n_metas; i++) {
        unsigned gen, lane;

        rig_worker_row(d, &b->metas[i]);
        rig_risk_row(d, &b->metas[i]);
        rig_quarantine_row(d, &b->metas[i]);
        if (sscanf(b->metas[i].key, "lane/%8u/%5u", &gen, &lane) == 2) {
            d->paused[lane] = b->metas[i].value != NULL && memcmp(b->metas[i].value, "paused", 6) == 0;
            d->cancelled[lane] = b->metas[i].value != NULL && memcmp(b->metas[i].value, "cancel", 6) == 0;
        }
    }
}

static inline const struct cs_action *rig_step(struct rig *r, const struct cs_event *e)
{
    r->acts = cs_core_step(r->core, e, r->now);
    for (const struct cs_action *a = r->acts; a != NULL; a = a->next) {
        if (a->kind == CS_ACT_COMMIT) {
            CS_ASSERT(r->n_batches < RIG_BATCHES);
            r->batches[r->n_batches++] = a->batch;
        }
        if (a->kind == CS_ACT_EXIT) {
            r->exited = true;
            r->exit_code = a->code;
        }
    }
    if (!r->exited)
        cs_invariants_check(r->core);
    return r->acts;
}

/* The oldest batch reaches the disk, or fails to. */
static inline const struct cs_action *rig_commit(struct rig *r, enum cs_err rc)
{
    struct cs_event e = {.kind = CS_EV_COMMITTED, .committed = {r->batches[0], rc}};

    CS_ASSERT(r->n_batches > 0);
    if (rc == CS_OK)
        rig_write(r, r->batches[0]);
    r->n_batches--;
    memmove(r->batches, r->batches + 1, r->n_batches * sizeof r->batches[0]);
    return rig_step(r, &e);
}

static inline void rig_commit_all(struct rig *r)
{
    while (r->n_batches > 0)
        rig_commit(r, CS_OK);
}

static inline void rig_tick(struct rig *r, uint64_t ms)
{
    struct cs_event e = {.kind = CS_EV_TICK};

    while (ms > 0 && !r->exited) {
        uint64_t step = ms < CS_TICK_MS ? ms : CS_TICK_MS;

        r->now += step;
        ms -= step;
        rig_step(r, &e);
    }
}

static inline void rig_load(struct rig *r, uint32_t gen, bool open, bool from_disk)
{
    struct rig_disk *d = r->disk;
    struct cs_lane_load lanes[RIG_LANES] = {{0}};
    struct cs_generation_load load = {.gen = gen,
                                      .open = open,
                                      .lanes = lanes,
                                      .n_lanes = d->n_lanes,
                                      .budget_nano_usd = d->budget,
                                      .needs = {d->needs_minor, "a.key"}};
    struct cs_event e = {.kind = CS_EV_LOAD, .load = &load};
    static const char *const names[RIG_LANES] = {"alpha", "beta", "gamma"};
    struct cs_quarantined rows[RIG_LANES][8];

    for (uint32_t i = 0; i < d->n_lanes; i++) {
        lanes[i] = (struct cs_lane_load){.name = names[i],
                                         .n_trials = d->n_trials[i],
                                         .left_out = d->left_out,
                                         .block_size = d->block_size,
                                         .draws = d->draws,
                                         .alike = d->watched ? d->alike : "",
                                         .price = d->price,
                                         .max_output_tokens = 10,
                                         .timeout_ms = 60000,
                                         .talks = d->calls > 1,
                                         .remembers = d->remembers,
                                         .declared = !d->undeclared,
                                         .answered = !d->undeclared};
        if (!from_disk)
            continue;
        lanes[i].ledger = cs_xcalloc(1, RIG_TRIALS_MAX / 4);
        memcpy(lanes[i].ledger, d->ledger[i], RIG_TRIALS_MAX / 4);
        lanes[i].frontier = d->frontier[i];
        lanes[i].counters = d->counters[i];
        lanes[i].paused = d->paused[i];
        lanes[i].cancelled = d->cancelled[i];
        lanes[i].quarantined = rows[i];
        for (unsigned k = 0; k < 8; k++) {
            if (d->quarantined[k].present && d->quarantined[k].lane == i)
                rows[i][lanes[i].n_quarantined++] = d->quarantined[k].row;
        }
    }
    rig_step(r, &e);
}

static inline void rig_start(struct rig *r, bool fresh_fleet)
{
    const char *names[16];
    uint32_t n = 0;

    for (unsigned i = 0; i < 16; i++) {
        if (r->disk->workers[i].key[0] != '\0')
            names[n++] = r->disk->workers[i].name;
    }
    struct cs_core_opts opts = {
        .term = ++r->term,
        .fleet = "rig",
        .seed = r->term,
        .fresh_fleet = fresh_fleet,
        .now_ms = r->now,
        .plan = rig_plan(r),
        .expected = names,
        .n_expected = n,
        .risks = r->disk->risks,
        .n_risks = r->disk->n_risks,
        .presumed_nano_usd = r->disk->presumed,
        .fingerprints = r->disk->fingerprints,
        .n_fingerprints = r->disk->n_fingerprints < RIG_TRIALS_MAX ? r->disk->n_fingerprints : RIG_TRIALS_MAX,
    };

    r->core = cs_core_open(&opts);
    r->exited = false;
}

/* Lanes of n trials each, generation 1 open, frontier on disk. */
static inline void rig_open(struct rig *r, uint32_t n_lanes, uint64_t n_trials)
{
    *r = (struct rig){.now = 1000000};
    r->disk = cs_xcalloc(1, sizeof *r->disk);
    r->disk->n_lanes = n_lanes;
    r->disk->budget = -1;
    r->disk->price = (struct cs_price){-1, -1, -1, 0, -1};
    for (uint32_t i = 0; i < n_lanes; i++)
        r->disk->n_trials[i] = n_trials;
    rig_start(r, true);
}

static inline void rig_begin(struct rig *r)
{
    rig_load(r, 1, true, false);
    rig_commit_all(r);
}

static inline void rig_crash(struct rig *r)
{
    for (uint32_t i = 0; i < r->n_batches; i++) {
        cs_batch_release(r->batches[i]);
        free(r->batches[i]);
    }
    r->n_batches = 0;
    cs_core_close(r->core);
    r->core = NULL;
}

static inline void rig_restart(struct rig *r, bool fresh_fleet)
{
    rig_crash(r);
    rig_start(r, fresh_fleet);
    rig_load(r, 1, true, true);
}

static inline void rig_close(struct rig *r)
{
    rig_crash(r);
    free(r->disk);
}

/* The k-th (from 0) message of a kind in the last step, or NULL. */
static inline const struct cs_message *rig_sent(const struct rig *r, enum cs_kind kind, unsigned k)
{
    for (const struct cs_action *a = r->acts; a != NULL; a = a->next) {
        if ((a->kind == CS_ACT_SEND || a->kind == CS_ACT_ANNOUNCE || a->kind == CS_ACT_TURNS) &&
            a->message.kind == kind && k-- == 0)
            return &a->message;
    }
    return NULL;
}

static inline const struct cs_action *rig_probe(const struct rig *r)
{
    const struct cs_action *a = r->acts;
    while (a != NULL && a->kind != CS_ACT_PROBE)
        a = a->next;
    return a;
}

static inline const struct cs_action *rig_reply(const struct rig *r, uint64_t token)
{
    for (const struct cs_action *a = r->acts; a != NULL; a = a->next) {
        if (a->kind == CS_ACT_REPLY && a->token == token)
            return a;
    }
    return NULL;
}

#endif
