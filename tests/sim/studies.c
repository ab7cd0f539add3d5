/* The studies of a fleet: one to three of them, each with lanes, a weight, a budget and generations of its own. What the coordinator's
 * roster (coordinator/roster.c, the real one) knows of them. */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/feed.h"
#include "coordinator/lanes/ledger.h"
#include "coordinator/roster.h"
#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"

/* ---- what a seed has of them ------------------------------------------------------------------------- */

static bool often(struct sim *s, unsigned percent)
{
    return sim_below(s, 100) < percent;
}

static void draw_lane(struct sim *s, struct sim_study *y, uint32_t i)
{
    struct sim_lane *l = &s->store.lanes[y->first + i];

    l->study = y;
    l->calls = 1;
    memcpy(l->model, (char[]){'m', (char)('0' + i), '\0'}, 3);
    memcpy(l->name, (char[]){y->name[0], '.', 'm', (char)('0' + i), '\0'}, 5);
}

static void draw_place(struct sim *s, struct sim_study *y, uint32_t i)
{
    y->weight = 1 + (uint32_t)sim_below(s, 4);
    y->priority = often(s, 80) ? CS_PRIORITY_NORMAL : (uint32_t)sim_below(s, 3);
    if (i > 0 && often(s, 40))
        y->submit_ms = 1 + sim_below(s, s->limits.calm_ms * 3 / 4);
    if (i > 0 && often(s, 25))
        y->after = &s->store.studies[sim_below(s, i)];
    if (y->after != NULL && y->after->submit_ms > 0 && y->submit_ms <= y->after->submit_ms)
        y->submit_ms = y->after->submit_ms + 1; /* nobody comes after a study that is not known */
}

static void make(struct sim *s, uint32_t i, uint32_t n_lanes)
{
    struct sim_study *y = &s->store.studies[i];

    y->name[0] = (char)('a' + i);
    y->key = cs_digest_study_key(y->name);
    y->budget_nano_usd = -1;
    y->weight = 1;
    y->priority = CS_PRIORITY_NORMAL;
    y->first = s->limits.n_lanes;
    y->n_lanes = n_lanes;
    for (uint32_t k = 0; k < n_lanes; k++)
        draw_lane(s, y, k);
    s->limits.n_lanes += n_lanes;
}

void sim_studies_make(struct sim *s)
{
    if (s->limits.n_studies > 1)
        sim_fired(s, SIM_STUDIES);
    for (uint32_t i = 0; i < s->limits.n_studies; i++)
        make(s, i, 1 + (uint32_t)sim_below(s, SIM_STUDY_LANES - 1));
}

void sim_studies_draw(struct sim *s)
{
    s->limits.n_studies = often(s, 55) ? 1 : often(s, 70) ? 2 : SIM_STUDIES_MOSTLY;
    if (s->limits.n_studies > 1) {
        sim_studies_make(s);
        for (uint32_t i = 0; i < s->limits.n_studies; i++)
            draw_place(s, &s->store.studies[i], i);
    } else {
        make(s, 0, 2 + (uint32_t)sim_below(s, SIM_STUDY_LANES - 1));
    }
}

/* ---- generations --------------------------------------------------------------------------------------- */

uint32_t sim_studies_number(struct sim *s, struct sim_study *y)
{
    uint32_t gen = ++s->store.n_numbers;

    CS_ASSERT(gen <= SIM_NUMBERS && y->asked_gens < SIM_GENS_MAX);
    s->store.numbers[gen] = (struct sim_number){y, y->asked_gens};
    y->numbers[y->asked_gens++] = gen;
    return gen;
}

struct sim_study *sim_studies_of(struct sim *s, uint32_t gen)
{
    if (gen < 1 || gen > s->store.n_numbers)
        sim_fail(s, "generation %u is nobody's", gen);
    return s->store.numbers[gen].study;
}

uint64_t sim_studies_key(const struct sim *s, uint32_t gen)
{
    return gen >= 1 && gen <= s->store.n_numbers ? s->store.numbers[gen].study->key : 0;
}

uint32_t sim_studies_lane(struct sim *s, uint32_t gen, uint32_t lane)
{
    const struct sim_study *y = sim_studies_of(s, gen);

    if (lane >= y->n_lanes)
        sim_fail(s, "study %s has no lane %u", y->name, lane);
    return y->first + lane;
}

struct sim_ledger *sim_studies_ledger(struct sim *s, uint32_t gen, uint32_t lane)
{
    struct sim_lane *l = &s->store.lanes[sim_studies_lane(s, gen, lane)];
    uint32_t ordinal = s->store.numbers[gen].ordinal;

    if (ordinal >= l->study->n_gens)
        sim_fail(s, "generation %u is not built", gen);
    return &l->gens[ordinal];
}

struct sim_ledger *sim_studies_newest(struct sim *s, uint32_t lane)
{
    struct sim_lane *l = &s->store.lanes[lane];

    return l->study->n_gens > 0 ? &l->gens[l->study->n_gens - 1] : NULL;
}

/* By what is on disk. */
bool sim_studies_is_over(struct sim *s, const struct sim_study *y)
{
    if (y->n_gens == 0 || y->asked_gens > y->n_gens)
        return false;
    for (uint32_t i = y->first; i < y->first + y->n_lanes; i++) {
        const struct sim_ledger *g = sim_studies_newest(s, i);

        for (uint64_t k = 0; k < s->store.lanes[i].n_trials; k++) {
            if (cs_ledger_get(g->pages + k / CS_PAGE_TRIALS * CS_PAGE_BYTES, (unsigned)(k % CS_PAGE_TRIALS)) ==
                CS_TRIAL_PLANNED)
                return false;
        }
    }
    return true;
}

/* ---- the roster ---------------------------------------------------------------------------------------- */

/* Of coordinator/feed.c and plans.c the roster needs these two: here they are the simulator's. */
void cs_feed_event(struct cs_server *sv, const struct cs_event *e)
{
    sim_core_event(sv->loop.data, e);
}

void cs_plans_drop(struct cs_plans *p, uint32_t gen)
{
    (void)p, (void)gen;
}

uint32_t sim_studies_weight(const struct sim_study *y)
{
    const struct cs_roster_study r = {.weight = y->weight, .priority = (enum cs_priority)y->priority};

    return cs_roster_weight(&r);
}

struct sim_study *sim_studies_turn(struct sim *s)
{
    struct cs_roster_study *r = cs_roster_next(s->coordinator.server);

    for (uint32_t i = 0; r != NULL && i < s->limits.n_studies; i++) {
        if (s->store.studies[i].key == r->key)
            return &s->store.studies[i];
    }
    return NULL;
}

void sim_studies_note(struct sim *s, struct sim_study *y)
{
    struct cs_roster *r = &s->coordinator.server->roster;
    struct cs_roster_study *at = cs_roster_find(r, y->key);

    if (at == NULL)
        at = cs_roster_add(r, y->name);
    for (uint32_t i = 0; i < y->asked_gens; i++)
        cs_roster_note(r, y->numbers[i], y->key);
    at->before = y->n_gens > 1 ? y->numbers[y->n_gens - 2] : 0;
    at->newest.number = y->n_gens > 0 ? y->numbers[y->n_gens - 1] : 0;
    at->next.number = y->asked_gens > y->n_gens ? y->numbers[y->n_gens] : 0;
    at->loaded = y->n_gens > 0;
    at->n_lanes = y->n_lanes;
    at->weight = y->weight;
    at->priority = (enum cs_priority)y->priority;
    free(at->after);
    at->after = y->after != NULL ? cs_xstrdup(y->after->name) : NULL;
}

void sim_studies_restore(struct sim *s)
{
    struct cs_server *sv = cs_xcalloc(1, sizeof *sv);

    sv->loop.data = s;
    sv->core = s->coordinator.core;
    s->coordinator.server = sv;
    for (uint32_t i = 0; i < s->limits.n_studies; i++) {
        struct sim_study *y = &s->store.studies[i];

        if (y->asked_gens == 0)
            continue;
        if (s->mutation == SIM_MUTATE_NO_AFTER && s->coordinator.term > 1)
            y->after = NULL;
        sim_studies_note(s, y);
    }
}

void sim_studies_forget(struct sim *s)
{
    if (s->coordinator.server == NULL)
        return;
    cs_roster_release(&s->coordinator.server->roster);
    free(s->coordinator.server);
    s->coordinator.server = NULL;
}
