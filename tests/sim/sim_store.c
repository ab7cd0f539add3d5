/* The store: what is on disk, and up to two groups on their way there. A kill loses what is not on disk; a group is all
 * or nothing. */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/lanes/ledger.h"
#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"

enum { ADOPTED = 1 }; /* fingerprint of what an earlier study has paid for */

uint64_t sim_print(const void *bytes, uint32_t n)
{
    uint64_t h = n, word;

    for (uint32_t i = 0; i < n; i += sizeof word) {
        word = 0;
        memcpy(&word, (const char *)bytes + i, n - i < sizeof word ? n - i : sizeof word);
        h = cs_rng_mix64(h ^ word);
    }
    return h | 2; /* neither none nor ADOPTED */
}

/* ---- fingerprints: open addressing, at most half full -------------------------------------------------- */

static uint64_t *slot_of(uint64_t *fingerprints, uint32_t cap, uint64_t print)
{
    uint64_t i = cs_rng_mix64(print) & (cap - 1);

    while (fingerprints[i] != 0 && fingerprints[i] != print)
        i = (i + 1) & (cap - 1);
    return &fingerprints[i];
}

bool sim_store_has(const struct sim *s, uint64_t print)
{
    return *slot_of(s->store.fingerprints, s->store.cap_prints, print) != 0;
}

static void remember(struct sim_store *st, uint64_t print)
{
    if (2 * ++st->n_fingerprints > st->cap_prints) {
        uint32_t cap = 2 * st->cap_prints;
        uint64_t *more = cs_xcalloc(cap, sizeof *more);

        for (uint32_t i = 0; i < st->cap_prints; i++) {
            if (st->fingerprints[i] != 0)
                *slot_of(more, cap, st->fingerprints[i]) = st->fingerprints[i];
        }
        free(st->fingerprints);
        st->fingerprints = more;
        st->cap_prints = cap;
    }
    *slot_of(st->fingerprints, st->cap_prints, print) = print;
}

/* ---- opening ----------------------------------------------------------------------------------------- */

/* Most of a long lane is there from an earlier study: the frontier moves within a few hundred calls. */
static void adopt(struct sim_ledger *g, uint64_t i, uint64_t print, uint8_t outcome)
{
    struct cs_bits one = {{0}};

    cs_bits_add(&one, (unsigned)(i % CS_PAGE_TRIALS));
    cs_ledger_set(g->pages + i / CS_PAGE_TRIALS * CS_PAGE_BYTES, &one, CS_TRIAL_DONE);
    g->kept[i].canonical = print;
    g->kept[i].outcome = outcome;
    g->kept[i].adopted = true;
    g->n_canonical++;
    g->counters.adopted++;
    g->counters.outcome[outcome]++;
    g->counters.carried += outcome == CS_OUTCOME_timeout;
}

static void adopt_most(struct sim *s, struct sim_lane *l)
{
    for (uint64_t i = 0; i < l->n_trials; i++) {
        if (sim_below(s, l->n_trials) < 200)
            continue;
        adopt(&l->gens[0], i, ADOPTED, CS_OUTCOME_ok);
        l->trials[i].paid = 1;
    }
}

static void open_ledger(struct sim_ledger *g, uint64_t n_trials)
{
    g->pages = cs_xcalloc((size_t)(n_trials / CS_PAGE_TRIALS) + 1, CS_PAGE_BYTES);
    g->kept = cs_xcalloc(n_trials, sizeof *g->kept);
}

void sim_store_init(struct sim *s)
{
    struct sim_store *st = &s->store;

    st->cap_prints = 2048;
    st->fingerprints = cs_xcalloc(st->cap_prints, sizeof *st->fingerprints);
    for (uint32_t i = 0; i < s->limits.n_lanes; i++) {
        struct sim_lane *l = &st->lanes[i];

        l->trials = cs_xcalloc(l->n_trials, sizeof *l->trials);
        open_ledger(&l->gens[0], l->n_trials);
        if (l->n_trials > CS_FRONTIER_STEP && s->profile == SIM_PROFILE_SWARM)
            adopt_most(s, l);
        s->result->trials += (uint32_t)(l->n_trials - l->gens[0].n_canonical);
    }
    for (uint32_t i = 0; i < s->limits.n_studies; i++) {
        struct sim_study *y = &st->studies[i];

        y->comes_after = y->after;
        s->result->budgets += y->budget_nano_usd >= 0;
        if (y->submit_ms > 0)
            continue;
        sim_studies_number(s, y);
        y->n_gens = y->after == NULL;
    }
}

/* The first generation of a study that waited has nothing to take over. */
static void build_first(struct sim *s, const struct sim_study *y)
{
    if (y->comes_after != NULL)
        sim_fired(s, SIM_AFTER);
    if (s->calm && s->due_ms < s->now + s->limits.end_ms)
        s->due_ms = s->now + s->limits.end_ms;
}

/* What an operator said of a lane holds in the next generation too (coordinator/build.c). */
static void carry(const struct sim_lane *l, const struct sim_ledger *from, struct sim_ledger *to)
{
    open_ledger(to, l->n_trials);
    to->paused = from->paused;
    to->cancelled = from->cancelled;
    for (uint64_t k = 0; k < l->n_trials; k++) {
        const struct sim_kept *t = &from->kept[k];

        to->kept[k].superseded = t->superseded;
        memcpy(to->kept[k].earlier, t->earlier, sizeof t->earlier);
        to->kept[k].drawn = t->drawn;
        if (t->canonical != 0)
            adopt(to, k, t->canonical, t->outcome);
    }
}

/* The pass that looks for what is paid for (coordinator/adopt.c), in one moment. A budget is raised. */
void sim_store_build(struct sim *s, struct sim_study *y)
{
    CS_ASSERT(y->n_gens + 1 == y->asked_gens && y->asked_gens <= SIM_GENS_MAX);
    if (y->n_gens++ == 0) {
        build_first(s, y);
        return;
    }
    if (y->budget_nano_usd >= 0)
        y->budget_nano_usd *= 2;
    for (uint32_t i = y->first; i < y->first + y->n_lanes; i++)
        carry(&s->store.lanes[i], &s->store.lanes[i].gens[y->n_gens - 2], &s->store.lanes[i].gens[y->n_gens - 1]);
}

static void drop(struct sim_writing *w)
{
    if (w->rows != w->batch) {
        cs_batch_release(w->rows);
        free(w->rows);
    }
    if (!w->told) {
        cs_batch_release(w->batch);
        free(w->batch);
    }
}

void sim_store_release(struct sim *s)
{
    for (uint32_t i = 0; i < s->store.n_writing; i++)
        drop(&s->store.writing[i]);
    for (uint32_t i = 0; i < s->limits.n_lanes; i++) {
        for (uint32_t g = 0; g < SIM_GENS_MAX; g++) {
            free(s->store.lanes[i].gens[g].pages);
            free(s->store.lanes[i].gens[g].kept);
        }
        free(s->store.lanes[i].trials);
    }
    for (uint32_t i = 0; i < s->store.n_names; i++)
        free(s->store.names[i]);
    free(s->store.fingerprints);
}

/* By generations that the core has not any more. */
static int64_t spent_before(struct sim *s, const struct sim_study *y, uint32_t gen)
{
    int64_t spent = 0;

    for (uint32_t g = 0; g + 1 < s->store.numbers[gen].ordinal; g++)
        for (uint32_t i = y->first; i < y->first + y->n_lanes; i++)
            spent += s->store.lanes[i].gens[g].counters.cost_nano_usd;
    return spent;
}

void sim_store_load(struct sim *s, uint32_t gen, struct cs_generation_load *load,
                    struct cs_lane_load lanes[SIM_LANES_MAX])
{
    static const struct cs_price price = {SIM_INPUT_PRICE, SIM_INPUT_PRICE, SIM_OUTPUT_PRICE, 0, -1}, no_price = {0};
    const struct sim_study *y = sim_studies_of(s, gen);

    *load = (struct cs_generation_load){.gen = gen,
                                        .study = y->key,
                                        .weight = sim_studies_weight(y),
                                        .open = gen == y->numbers[y->n_gens - 1],
                                        .spec_digest = {1},
                                        .lanes = lanes,
                                        .n_lanes = y->n_lanes,
                                        .budget_nano_usd = y->budget_nano_usd,
                                        .spent_nano_usd = spent_before(s, y, gen)};
    memcpy(load->spec_digest + 4, &gen, sizeof gen);
    for (uint32_t i = 0; i < y->n_lanes; i++) {
        struct sim_lane *l = &s->store.lanes[y->first + i];
        struct sim_ledger *g = sim_studies_ledger(s, gen, i);
        size_t bytes = (size_t)(l->n_trials + CS_PAGE_TRIALS - 1) / CS_PAGE_TRIALS * CS_PAGE_BYTES;

        lanes[i] = (struct cs_lane_load){.name = l->model,
                                         .n_trials = l->n_trials,
                                         .block_size = SIM_BLOCK,
                                         .draws = s->limits.draws,
                                         .alike = "", /* as if an operator had looked at it */
                                         .counters = g->counters,
                                         .frontier = s->mutation == SIM_MUTATE_NO_FRONTIER ? 0 : g->frontier,
                                         .paused = g->paused,
                                         .cancelled = g->cancelled,
                                         .talks = l->calls > 1,
                                         .price = l->is_free ? no_price : price,
                                         .max_output_tokens = SIM_OUTPUT_TOKENS,
                                         .timeout_ms = s->limits.timeout_ms,
                                         .declared = s->limits.declared || s->limits.calls_per_minute > 0};
        lanes[i].quarantined = &g->quarantined;
        lanes[i].n_quarantined = g->quarantined.losses > 0;
        lanes[i].ledger = cs_xmalloc(bytes);
        memcpy(lanes[i].ledger, g->pages, bytes);
    }
}

/* ---- a group reaches the disk -------------------------------------------------------------------------- */

/* Its outcome, too, and what it says. */
static uint8_t note_print(struct sim_store *st, const struct cs_batch_output *o, char said[SIM_SAID])
{
    struct cs_arena arena = {0};
    struct cs_output out;
    uint8_t outcome;

    CS_ASSERT(cs_output_unpack(o->bytes, o->len, &arena, &out, NULL) == CS_OK);
    st->newest[st->n_newest++ % SIM_NEWEST] = cs_intake_fingerprint(&out);
    outcome = out.outcome;
    snprintf(said, SIM_SAID, "%s", out.text);
    cs_arena_release(&arena);
    return outcome;
}

static void set_aside(struct sim_lane *l, struct sim_ledger *g, uint64_t position, uint64_t print)
{
    struct sim_kept *t = &g->kept[position];

    t->earlier[t->drawn++ % SIM_EARLIER] = t->superseded;
    t->superseded = print;
    g->n_superseded++;
    l->trials[position].excused++;
    l->trials[position].n_turns = 0; /* those of this draw stay what they are */
    l->trials[position].draw++;
}

/* Invariant 2: a declared act takes a timeout or an unparsable answer away, and no other; it is kept, and may be paid again. */
static void apply_again(struct sim *s, const struct cs_batch_again *a)
{
    struct sim_lane *l = &s->store.lanes[sim_studies_lane(s, a->gen, a->lane)];
    struct sim_ledger *g = sim_studies_ledger(s, a->gen, a->lane);
    struct sim_kept *t = &g->kept[a->position];

    if (t->canonical == 0)
        sim_fail(s, "%s %llu has no answer, and is asked again", l->name, (unsigned long long)a->position);
    if (t->outcome != CS_OUTCOME_timeout && t->outcome != CS_OUTCOME_unparsable)
        sim_fail(s, "the canonical output of %s %llu is %s, and is asked again", l->name,
                 (unsigned long long)a->position, cs_outcome_name((enum cs_outcome)t->outcome));
    set_aside(l, g, a->position, t->canonical);
    t->canonical = 0;
    t->adopted = false;
    g->n_canonical--;
}

/* A judge's reply that cannot be read, and no other: it is kept, and the trial is paid again, as often as the study says, over all crashes. */
static void draw_again(struct sim *s, struct sim_lane *l, struct sim_ledger *g, uint64_t position, uint64_t print,
                       uint8_t outcome)
{
    const struct sim_kept *t = &g->kept[position];

    sim_fired(s, SIM_DRAWN);
    if (outcome != CS_OUTCOME_unparsable)
        sim_fail(s, "%s %llu is %s, and is drawn again", l->name, (unsigned long long)position,
                 cs_outcome_name((enum cs_outcome)outcome));
    if (t->canonical != 0)
        sim_fail(s, "%s %llu has its answer, and is drawn again", l->name, (unsigned long long)position);
    if (t->drawn >= s->limits.draws)
        sim_fail(s, "%s %llu is drawn again for the %u. time, %u are declared", l->name, (unsigned long long)position,
                 t->drawn + 1, s->limits.draws);
    set_aside(l, g, position, print);
}

/* A reply that stands in histories never changes, and comes after those before it; it permits the next call. */
static void apply_turn(struct sim *s, const struct sim_lane *l, const struct cs_batch_output *o, uint64_t print,
                       const char *said)
{
    struct sim_trial *t = &l->trials[o->position];

    sim_fired(s, SIM_TALK);
    if (o->turn.draw != t->draw || o->turn.number != t->n_turns + 1 || o->turn.number >= l->calls)
        sim_fail(s, "turn %u of draw %u of %s %llu is written, and %u stand of draw %u", o->turn.number, o->turn.draw,
                 l->name, (unsigned long long)o->position, t->n_turns, t->draw);
    t->turn[t->n_turns] = print;
    snprintf(t->said[t->n_turns++], SIM_SAID, "%s", said);
    t->excused++;
}

/* By decision 12, and not before the attempt is on disk: a coordinator that is killed sooner has forgotten that it was one. */
static void ask_further(struct sim *s, struct sim_trial *t)
{
    t->excused++;
    t->further++;
    sim_fired(s, SIM_FURTHER);
    if (t->further > 2 * s->coordinator.term)
        sim_fail(s, "a trial is asked again for the %u. time in term %u", t->further, s->coordinator.term);
}

static void apply_output(struct sim *s, const struct cs_batch_output *o)
{
    struct sim_lane *l = &s->store.lanes[sim_studies_lane(s, o->gen, o->lane)];
    struct sim_ledger *g = sim_studies_ledger(s, o->gen, o->lane);
    struct sim_kept *t = &g->kept[o->position];
    uint64_t print = sim_print(o->bytes, o->len);
    char said[SIM_SAID];
    uint8_t outcome;

    CS_ASSERT(o->position < l->n_trials);
    if (sim_store_has(s, print))
        sim_fail(s, "an output of %s %llu is stored twice", l->name, (unsigned long long)o->position);
    remember(&s->store, print);
    outcome = note_print(&s->store, o, said);
    if (o->flags == CS_OUTPUT_TURN) {
        apply_turn(s, l, o, print, said);
        return;
    }
    if (o->turn.number > 0 && o->turn.number != l->trials[o->position].n_turns)
        sim_fail(s, "an output of %s %llu comes after %u turns, and %u stand", l->name, (unsigned long long)o->position,
                 o->turn.number, l->trials[o->position].n_turns);
    if (o->flags & CS_OUTPUT_SUPERSEDED) {
        draw_again(s, l, g, o->position, print, outcome);
    } else if (o->flags & CS_OUTPUT_CANONICAL) {
        if (t->canonical != 0)
            sim_fail(s, "the canonical output of %s %llu changes", l->name, (unsigned long long)o->position);
        t->canonical = print;
        t->outcome = outcome;
        t->adopted = false;
        g->n_canonical++;
    } else if (o->flags & CS_OUTPUT_FAILURE) {
        t->failure = print;
    } else if (o->flags & CS_OUTPUT_ATTEMPT) {
        t->attempts++;
        ask_further(s, &l->trials[o->position]);
    } else if (t->canonical == 0 && t->failure == 0 && t->superseded == 0 && !g->cancelled &&
               l->trials[o->position].n_turns == 0) {
        sim_fail(s, "a duplicate of nothing: %s %llu", l->name, (unsigned long long)o->position);
    }
}

/* The row of a worker that may hold leases: its value is the name, its key is made of it. */
static void apply_name(struct sim *s, const struct cs_batch_meta *m)
{
    struct sim_store *st = &s->store;
    size_t n = strlen(m->key);
    uint32_t i = 0;

    while (i < st->n_names && (strncmp(st->names[i], m->key, n) != 0 || st->names[i][n] != '='))
        i++;
    if (i < st->n_names) {
        free(st->names[i]);
        st->names[i] = st->names[--st->n_names];
    }
    if (m->value == NULL)
        return;
    CS_ASSERT(st->n_names < SIM_NAMES_MAX);
    st->names[st->n_names++] = cs_xasprintf("%s=%.*s", m->key, (int)m->len, (const char *)m->value);
}

/* Nobody but the poisonous trial is ever condemned, however often workers are killed, cut off or stopped. */
static void apply_quarantine(struct sim *s, const struct cs_batch_meta *m)
{
    unsigned gen, lane, of_fleet;
    unsigned long long position;
    char value[32];
    struct cs_quarantined *q;

    if (sscanf(m->key, "quarantine/%8u/%5u/%12llu", &gen, &lane, &position) != 3)
        sim_fail(s, "an unknown meta: %s", m->key);
    of_fleet = sim_studies_lane(s, gen, lane);
    if (!s->limits.poison || of_fleet != s->limits.poison_lane || position != s->limits.poison_position)
        sim_fail(s, "%s %llu is quarantined, and has done nothing", s->store.lanes[of_fleet].name, position);
    q = &sim_studies_ledger(s, gen, lane)->quarantined;
    *q = (struct cs_quarantined){.position = position};
    if (m->value == NULL)
        return;
    snprintf(value, sizeof value, "%.*s", (int)m->len, (const char *)m->value);
    if (sscanf(value, "%u %u", &q->losses, &q->workers) != 2)
        sim_fail(s, "a side row that cannot be read: %s", value);
}

static void apply_risk(struct sim *s, const struct cs_batch_meta *m)
{
    struct sim_store *st = &s->store;
    uint32_t i = 0;

    while (i < st->n_risks && strcmp(st->risks[i].key, m->key) != 0)
        i++;
    if (m->value == NULL) {
        if (i < st->n_risks)
            st->risks[i] = st->risks[--st->n_risks];
        return;
    }
    CS_ASSERT(i < SIM_RISKS_MAX && m->len <= sizeof st->risks[i].value);
    snprintf(st->risks[i].key, sizeof st->risks[i].key, "%s", m->key);
    memcpy(st->risks[i].value, m->value, m->len);
    st->risks[i].len = m->len;
    st->n_risks += i == st->n_risks;
}

void sim_store_past(struct sim *s, struct sim_past *out)
{
    struct sim_store *st = &s->store;

    out->n_risks = st->n_risks;
    out->n_presumed = 0;
    out->presumed_first = 0;
    for (uint32_t i = 0; i < st->n_risks; i++) {
        if (!cs_risk_unpack(st->risks[i].key, st->risks[i].value, st->risks[i].len, &out->risks[i]))
            sim_fail(s, "row %s is damaged", st->risks[i].key);
        out->risks[i].study = sim_studies_key(s, s->mutation == SIM_MUTATE_ONE_PURSE ? 1 : out->risks[i].gen);
    }
    for (uint32_t i = 0; i < s->limits.n_studies; i++) {
        const struct sim_study *y = &st->studies[i];

        if (y->key != sim_studies_key(s, 1))
            out->presumed[out->n_presumed++] = (struct cs_presumed_row){y->key, y->presumed};
        else
            out->presumed_first = y->presumed;
    }
    for (uint32_t i = 0; i < out->n_presumed && s->mutation == SIM_MUTATE_ONE_PURSE; i++) {
        out->presumed_first += out->presumed[i].nano_usd;
        out->presumed[i].nano_usd = 0;
    }
    out->n_fingerprints = s->mutation == SIM_MUTATE_FORGET_STORED ? 0
                          : st->n_newest < SIM_NEWEST             ? (uint32_t)st->n_newest
                                                                  : SIM_NEWEST;
    memcpy(out->fingerprints, st->newest, sizeof out->fingerprints);
}

int64_t sim_store_money(const struct sim *s, const struct sim_study *y, int64_t *at_risk)
{
    const struct sim_store *st = &s->store;
    int64_t spent = 0;
    struct cs_risk_row row;

    *at_risk = y->presumed;
    for (uint32_t i = 0; i < st->n_risks; i++) {
        struct cs_bits open;

        CS_ASSERT(cs_risk_unpack(st->risks[i].key, st->risks[i].value, st->risks[i].len, &row));
        if (sim_studies_key(s, row.gen) != y->key)
            continue;
        open = cs_bits_from_wire(row.open);
        *at_risk += row.one_nano_usd * cs_bits_count(&open); /* each is one call at a time */
    }
    for (uint32_t i = y->first; i < y->first + y->n_lanes; i++)
        for (uint32_t g = 0; g < y->n_gens; g++)
            spent += st->lanes[i].gens[g].counters.cost_nano_usd;
    return spent;
}

static void apply_presumed(struct sim *s, const struct cs_batch_meta *m)
{
    uint64_t key = sim_studies_key(s, 1);
    unsigned long long other;

    if (sscanf(m->key, "presumed/%16llx", &other) == 1)
        key = other;
    for (uint32_t i = 0; i < s->limits.n_studies; i++) {
        if (s->store.studies[i].key == key) {
            s->store.studies[i].presumed = strtoll((const char *)m->value, NULL, 10);
            return;
        }
    }
    sim_fail(s, "%s is nobody's", m->key);
}

/* What is written of a lane, an operator has said of it. */
static void apply_word(struct sim *s, const struct cs_batch_meta *m)
{
    unsigned gen, lane;
    struct sim_ledger *g;
    enum cs_control verb;

    if (sscanf(m->key, "lane/%8u/%5u", &gen, &lane) != 2)
        sim_fail(s, "an unknown meta: %s", m->key);
    g = sim_studies_ledger(s, gen, lane);
    g->paused = m->value != NULL && m->len == 6 && memcmp(m->value, "paused", 6) == 0;
    g->cancelled = m->value != NULL && m->len == 9 && memcmp(m->value, "cancelled", 9) == 0;
    verb = g->paused ? CS_CONTROL_PAUSE : g->cancelled ? CS_CONTROL_CANCEL : CS_CONTROL_RESUME;
    if ((s->store.lanes[sim_studies_lane(s, gen, lane)].said >> verb & 1) == 0)
        sim_fail(s, "%s is %s, and nobody has said so", s->store.lanes[sim_studies_lane(s, gen, lane)].name,
                 g->paused      ? "paused"
                 : g->cancelled ? "cancelled"
                                : "resumed");
}

static void apply_meta(struct sim *s, const struct cs_batch_meta *m)
{
    if (strncmp(m->key, "quarantine/", 11) == 0)
        apply_quarantine(s, m);
    else if (strncmp(m->key, "worker/", 7) == 0)
        apply_name(s, m);
    else if (strncmp(m->key, "risk/", 5) == 0) {
        if (s->mutation != SIM_MUTATE_FORGET_RISKS)
            apply_risk(s, m);
    } else if (strncmp(m->key, "presumed", 8) == 0)
        apply_presumed(s, m);
    else if (strncmp(m->key, "quarantine", 10) != 0)
        apply_word(s, m);
}

static void apply(struct sim *s, const struct cs_batch *b, bool torn)
{
    for (uint32_t i = 0; i < b->n_agains; i++)
        apply_again(s, &b->agains[i]);
    for (uint32_t i = 0; i < b->n_outputs; i++) {
        if (s->mutation != SIM_MUTATE_LOSE_OUTPUTS || (i + 1) % 50 != 0)
            apply_output(s, &b->outputs[i]);
    }
    for (uint32_t i = 0; i < b->n_counters; i++)
        sim_studies_ledger(s, b->counters[i].gen, b->counters[i].lane)->counters = b->counters[i].counters;
    for (uint32_t i = 0; i < b->n_frontiers; i++)
        sim_studies_ledger(s, b->frontiers[i].gen, b->frontiers[i].lane)->frontier = b->frontiers[i].frontier;
    for (uint32_t i = 0; i < b->n_metas; i++)
        apply_meta(s, &b->metas[i]);
    for (uint32_t i = 0; i < b->n_pages && !torn; i++) {
        const struct cs_batch_page *p = &b->pages[i];

        memcpy(sim_studies_ledger(s, p->gen, p->lane)->pages + p->page * CS_PAGE_BYTES, p->bits, CS_PAGE_BYTES);
    }
    if (!torn)
        sim_check_written(s, b);
    for (uint32_t i = 0; i < s->limits.n_studies; i++)
        sim_check_money(s, &s->store.studies[i]);
}

/* Only a mutation needs the rows after their maker has the batch back. */
static struct cs_batch *copy(const struct cs_batch *b)
{
    struct cs_batch *c = cs_xcalloc(1, sizeof *c);

    cs_batch_init(c);
    for (uint32_t i = 0; i < b->n_outputs; i++)
        cs_batch_add_output(c, &b->outputs[i]);
    for (uint32_t i = 0; i < b->n_agains; i++)
        cs_batch_add_again(c, &b->agains[i]);
    for (uint32_t i = 0; i < b->n_pages; i++)
        cs_batch_add_page(c, &b->pages[i]);
    for (uint32_t i = 0; i < b->n_counters; i++)
        cs_batch_add_counters(c, &b->counters[i]);
    for (uint32_t i = 0; i < b->n_frontiers; i++)
        cs_batch_add_frontier(c, &b->frontiers[i]);
    for (uint32_t i = 0; i < b->n_metas; i++)
        cs_batch_add_meta(c, b->metas[i].key, b->metas[i].value, b->metas[i].len);
    return c;
}

static void begin(struct sim *s)
{
    uint64_t takes = 1 + sim_below(s, s->limits.store_ms);

    if (s->store.slow_until > s->now)
        takes += s->store.slow_until - s->now;
    sim_push(s, s->now + takes, SIM_WRITTEN, 0, s->coordinator.life, NULL);
    if (s->mutation == SIM_MUTATE_ACK_BEFORE_SYNC)
        sim_push(s, s->now, SIM_COMMITTED, 0, s->coordinator.life, NULL);
}

static struct sim_writing *first_not_durable(struct sim_store *st)
{
    for (uint32_t i = 0; i < st->n_writing; i++) {
        if (!st->writing[i].durable)
            return &st->writing[i];
    }
    return NULL;
}

void sim_store_push(struct sim *s, struct cs_batch *batch)
{
    struct sim_store *st = &s->store;
    bool idle = first_not_durable(st) == NULL;

    CS_ASSERT(st->n_writing < SIM_BATCHES);
    st->writing[st->n_writing++] = (struct sim_writing){
        .batch = batch, .rows = s->mutation == SIM_MUTATE_ACK_BEFORE_SYNC ? copy(batch) : batch};
    if (idle)
        begin(s);
}

static void forget_finished(struct sim_store *st)
{
    while (st->n_writing > 0 && st->writing[0].durable && st->writing[0].told) {
        drop(&st->writing[0]);
        st->n_writing--;
        memmove(st->writing, st->writing + 1, st->n_writing * sizeof st->writing[0]);
    }
}

void sim_store_written(struct sim *s)
{
    struct sim_store *st = &s->store;
    struct sim_writing *w = first_not_durable(st);

    CS_ASSERT(w != NULL);
    if (!st->fails)
        apply(s, w->rows, false);
    w->durable = true;
    if (!w->told)
        sim_push(s, s->now + sim_below(s, 3), SIM_COMMITTED, 0, s->coordinator.life, NULL);
    forget_finished(st);
    if (first_not_durable(st) != NULL)
        begin(s);
}

void sim_store_committed(struct sim *s)
{
    struct sim_store *st = &s->store;
    struct cs_event e = {.kind = CS_EV_COMMITTED, .committed = {.rc = st->fails ? CS_EIO : CS_OK}};
    uint32_t i = 0;

    while (st->writing[i].told)
        i++;
    CS_ASSERT(i < st->n_writing);
    e.committed.batch = st->writing[i].batch;
    st->writing[i].told = true;
    if (st->writing[i].durable)
        forget_finished(st);
    sim_core_event(s, &e);
}

/* What the kernel has been given may reach the disk, and as a whole. */
void sim_store_crash(struct sim *s)
{
    struct sim_store *st = &s->store;
    struct sim_writing *w = first_not_durable(st);

    if (w != NULL && !st->fails && sim_below(s, 2) == 0) {
        sim_fired(s, SIM_TORN);
        apply(s, w->rows, s->mutation == SIM_MUTATE_TORN_GROUP);
    }
    for (uint32_t i = 0; i < st->n_writing; i++)
        drop(&st->writing[i]);
    st->n_writing = 0;
    st->fails = false;
}
