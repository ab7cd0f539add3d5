/* Studies that judge another one's outputs: their cases stand in groups, one a cluster of the parent, in the order of the real plan
 * (protocol/study/plan.c), the same in every lane. What is drawn for them is drawn apart, so that all else of a seed stays what it was. */
#include "tests/sim/sim.h"

#include <stdlib.h>

#include "coordinator/lanes/ledger.h"
#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/study/parent.h"
#include "protocol/study/plan.h"

enum { GROUPS_MAX = 64, GROUP_MAX = 6, ONE_IN = 3 };

struct sim_child {
    struct cs_plan plans[SIM_STUDY_LANES]; /* of each lane: all the same, but for a mutation */
    struct cs_study study, others[SIM_STUDY_LANES];
    struct cs_parent_study parent;
    uint32_t group_cases[GROUPS_MAX], models[SIM_STUDY_LANES], question;
    struct cs_model names[SIM_STUDY_LANES];
    struct cs_rect rect;
};

static uint64_t draw(const struct sim *s, uint64_t what)
{
    return cs_rng_mix64(s->seed ^ cs_rng_mix64(what + 4711));
}

/* ---- what a seed has of them ----------------------------------------------------------------------------- */

static void make_plan(struct sim *s, struct sim_child *c, const struct sim_study *y, uint32_t n_cases)
{
    for (uint32_t i = 0; i < y->n_lanes; i++) {
        c->models[i] = i;
        c->names[i].name = s->store.lanes[y->first + i].model;
    }
    c->rect = (struct cs_rect){
        .questions = &c->question, .n_questions = 1, .models = c->models, .n_models = y->n_lanes, .repeats = SIM_BLOCK};
    c->study = (struct cs_study){.seed = s->seed,
                                 .n_cases = n_cases,
                                 .models = c->names,
                                 .n_models = y->n_lanes,
                                 .rects = &c->rect,
                                 .n_rects = 1,
                                 .parent = &c->parent};
    for (uint32_t i = 0; i < y->n_lanes; i++) {
        c->others[i] = c->study;
        c->others[i].seed += s->mutation == SIM_MUTATE_OWN_ORDER ? i : 0;
        cs_plan_init(&c->plans[i], &c->others[i]);
    }
}

static void make(struct sim *s, struct sim_study *y)
{
    struct sim_child *c = y->child = cs_xcalloc(1, sizeof *c);
    uint64_t most = 0;
    uint32_t n_cases = 0, left;

    for (uint32_t i = y->first; i < y->first + y->n_lanes; i++)
        most = s->store.lanes[i].n_trials > most ? s->store.lanes[i].n_trials : most;
    left = (uint32_t)(most / SIM_BLOCK) + 1;
    c->parent.group_cases = c->group_cases;
    for (uint32_t n; left > 0 && c->parent.n_groups < GROUPS_MAX; left -= n, n_cases += n) {
        n = 1 + (uint32_t)(draw(s, 16 + c->parent.n_groups) % GROUP_MAX);
        n = n < left ? n : left;
        c->group_cases[c->parent.n_groups++] = n;
    }
    for (uint32_t i = y->first; i < y->first + y->n_lanes; i++)
        s->store.lanes[i].n_trials = (uint64_t)n_cases * SIM_BLOCK;
    make_plan(s, c, y, n_cases);
    sim_fired(s, SIM_CHILD);
}

/* The last study of a seed, where no lane is long. */
void sim_children_draw(struct sim *s)
{
    struct sim_study *y = &s->store.studies[s->limits.n_studies - 1];

    if (draw(s, 0) % ONE_IN != 0)
        return;
    for (uint32_t i = y->first; i < y->first + y->n_lanes; i++) {
        if (s->store.lanes[i].n_trials > CS_FRONTIER_STEP)
            return;
    }
    make(s, y);
}

/* For half of them too little, or just enough. */
void sim_children_budget(struct sim *s)
{
    struct sim_study *y = &s->store.studies[s->limits.n_studies - 1];
    uint64_t calls = 0;

    if (y->child == NULL || y->budget_nano_usd >= 0 || draw(s, 1) % 2 != 0)
        return;
    for (uint32_t i = y->first; i < y->first + y->n_lanes; i++)
        calls += s->store.lanes[i].n_trials * s->store.lanes[i].calls;
    y->budget_nano_usd = SIM_CALL_NANO_USD * (int64_t)(calls * (20 + draw(s, 2) % 90) / 100);
    sim_fired(s, SIM_BUDGET);
}

void sim_children_release(struct sim *s)
{
    for (uint32_t i = 0; i < s->limits.n_studies; i++) {
        struct sim_study *y = &s->store.studies[i];

        for (uint32_t k = 0; y->child != NULL && k < y->n_lanes; k++)
            cs_plan_release(&y->child->plans[k]);
        CS_FREE(y->child);
    }
}

uint64_t sim_children_group_end(const struct sim *s, const struct sim_study *y, uint64_t rank)
{
    if (y->child == NULL || s->mutation == SIM_MUTATE_CASE_BY_CASE)
        return rank + 1;
    return cs_plan_group_end(&y->child->plans[0], (uint32_t)rank);
}

/* ---- the end --------------------------------------------------------------------------------------------- */

struct tally {
    uint64_t begun, planned;
};

/* By the cases themselves, not by their ranks. */
static uint32_t group_of(const struct sim_child *c, uint32_t lane, uint64_t position)
{
    uint64_t index = cs_plan_at(&c->plans[lane], lane, position) / SIM_BLOCK;
    uint32_t g = 0;

    while (index >= c->group_cases[g])
        index -= c->group_cases[g++];
    CS_ASSERT(g < c->parent.n_groups);
    return g;
}

/* Of a study: all that was billed is an answer that stands, nothing is presumed, and no operator held a lane back. What else takes money
 * takes it from groups that are begun. */
static bool is_undisturbed(struct sim *s, const struct sim_study *y)
{
    struct cs_core_view v;
    int64_t answers = 0;

    cs_core_view(s->coordinator.core, y->key, &v);
    for (uint32_t i = 0; i < y->n_lanes; i++) {
        const struct sim_lane *l = &s->store.lanes[y->first + i];

        if ((l->said & ~(1U << CS_CONTROL_RESUME)) != 0)
            return false;
        answers += (int64_t)sim_studies_newest(s, y->first + i)->n_canonical * l->calls;
    }
    return v.presumed_nano_usd == 0 && y->bill_nano_usd == answers * SIM_CALL_NANO_USD;
}

static void check_groups(struct sim *s, const struct sim_study *y)
{
    struct tally groups[GROUPS_MAX] = {0};
    bool short_of_money = false;

    for (uint32_t i = 0; i < y->n_lanes; i++) {
        const struct sim_lane *l = &s->store.lanes[y->first + i];
        const struct sim_ledger *g = sim_studies_newest(s, y->first + i);

        for (uint64_t k = 0; k < l->n_trials; k++) {
            struct tally *t = &groups[group_of(y->child, i, k)];
            bool planned = cs_ledger_get(g->pages + k / CS_PAGE_TRIALS * CS_PAGE_BYTES,
                                         (unsigned)(k % CS_PAGE_TRIALS)) == CS_TRIAL_PLANNED;

            t->planned += planned;
            t->begun += !planned;
            short_of_money |= planned;
        }
    }
    for (uint32_t g = 0; g < y->child->parent.n_groups; g++) {
        if (groups[g].begun > 0 && groups[g].planned > 0)
            sim_fail(s, "at the end group %u of study %s is begun, and %llu of its trials are planned", g, y->name,
                     (unsigned long long)groups[g].planned);
    }
    if (short_of_money)
        sim_fired(s, SIM_WHOLE_GROUPS);
}

/* Decisions 7 and 8b: at the end of the money the groups that were begun are whole, in all lanes. */
void sim_children_end(struct sim *s)
{
    for (uint32_t i = 0; i < s->limits.n_studies; i++) {
        const struct sim_study *y = &s->store.studies[i];

        if (y->child != NULL && y->n_gens > 0 && y->budget_nano_usd >= 0 && is_undisturbed(s, y))
            check_groups(s, y);
    }
}
