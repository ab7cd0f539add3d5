/* What must hold (DESIGN section 8), beyond what the cores assert themselves: acknowledged is durable, canonical
 * outputs stay (a timeout that an operator asks again is kept, and never canonical again), ledger and outputs agree, epochs never come back, nothing is shown that is not stored, the budget, and
 * nothing is paid again but what a lost worker had in its hands. */
#include "tests/sim/sim.h"

#include "coordinator/lanes/ledger.h"

/* Invariants 9, 12, 13 after every event: of each study by itself. */
static void check_study(struct sim *s, const struct sim_study *y)
{
    struct cs_core_view v;
    struct cs_lane_view l;

    cs_core_view(s->coordinator.core, y->key, &v);
    if (v.intake.received != v.intake.committed + v.intake.late + v.intake.duplicate + v.intake.refused)
        sim_fail(s, "received is not committed + late + duplicate + refused");
    if (v.gen == 0)
        return;
    if (v.budget_nano_usd >= 0 && v.committed_nano_usd + v.reserved_nano_usd + v.presumed_nano_usd > v.budget_nano_usd)
        sim_fail(s, "the budget of %s is exceeded: committed %lld, reserved %lld, presumed %lld of %lld", y->name,
                 (long long)v.committed_nano_usd, (long long)v.reserved_nano_usd, (long long)v.presumed_nano_usd,
                 (long long)v.budget_nano_usd);
    for (uint32_t i = 0; i < y->n_lanes; i++) {
        const struct sim_ledger *g = sim_studies_ledger(s, v.gen, i);

        cs_core_lane(s->coordinator.core, y->key, i, &l);
        /* what is asked again is on disk before it is shown */
        if (l.done + l.counters.superseded > g->n_canonical + g->n_superseded)
            sim_fail(s, "%s shows %llu done, and %llu are on disk", s->store.lanes[y->first + i].name,
                     (unsigned long long)l.done, (unsigned long long)g->n_canonical);
    }
}

void sim_check_core(struct sim *s)
{
    for (uint32_t i = 0; i < s->limits.n_studies; i++)
        check_study(s, &s->store.studies[i]);
}

/* Invariant 4 on disk: a trial is done exactly when it has its canonical output, and the counters agree. */
void sim_check_written(struct sim *s, const struct cs_batch *b)
{
    for (uint32_t i = 0; i < b->n_pages; i++) {
        const struct cs_batch_page *p = &b->pages[i];
        const struct sim_lane *l = &s->store.lanes[sim_studies_lane(s, p->gen, p->lane)];
        uint64_t first = p->page * CS_PAGE_TRIALS, n = l->n_trials;

        for (unsigned k = 0; k < CS_PAGE_TRIALS && first + k < n; k++) {
            const struct sim_kept *t = &sim_studies_ledger(s, p->gen, p->lane)->kept[first + k];
            enum cs_trial_state state = cs_ledger_get(p->bits, k);

            if ((state == CS_TRIAL_DONE) != (t->canonical != 0) || (state == CS_TRIAL_FAILED && t->failure == 0))
                sim_fail(s, "trial %s %llu is on disk in state %d, with%s an answer", l->name,
                         (unsigned long long)(first + k), (int)state, t->canonical != 0 ? "" : "out");
        }
    }
    for (uint32_t i = 0; i < b->n_counters; i++) {
        const struct cs_batch_counters *c = &b->counters[i];
        const struct sim_ledger *g = sim_studies_ledger(s, c->gen, c->lane);
        const char *name = s->store.lanes[sim_studies_lane(s, c->gen, c->lane)].name;
        uint64_t answers = 0;

        for (unsigned o = 0; o < CS_OUTCOMES; o++)
            answers += cs_outcome_is_answer((enum cs_outcome)o) ? c->counters.outcome[o] : 0;
        if (c->counters.superseded != g->n_superseded)
            sim_fail(s, "the counters of %s know %llu answers that were asked again, on disk are %llu", name,
                     (unsigned long long)c->counters.superseded, (unsigned long long)g->n_superseded);
        if (answers != g->n_canonical)
            sim_fail(s, "the counters of %s know %llu answers, on disk are %llu", name, (unsigned long long)answers,
                     (unsigned long long)g->n_canonical);
    }
}

/* Invariant 13, on disk, where crashes cannot reach it: the bill is covered by what is known and what is at risk, and both fit. */
void sim_check_money(struct sim *s, const struct sim_study *y)
{
    int64_t at_risk, spent, budget = y->budget_nano_usd, bill = y->bill_nano_usd;

    if (budget < 0)
        return;
    spent = sim_store_money(s, y, &at_risk);
    if (spent + at_risk > budget)
        sim_fail(s, "on disk %s has spent %lld, with %lld at risk, of %lld", y->name, (long long)spent,
                 (long long)at_risk, (long long)budget);
    if (bill > spent + at_risk)
        sim_fail(s, "the provider's bill for %s is %lld, on disk %lld are spent and %lld at risk", y->name,
                 (long long)bill, (long long)spent, (long long)at_risk);
}

/* A coordinator that has just started holds for spent what is at risk on disk, of each study by itself. */
void sim_check_restart(struct sim *s)
{
    for (uint32_t i = 0; i < s->limits.n_studies; i++) {
        const struct sim_study *y = &s->store.studies[i];
        struct cs_core_view v;
        int64_t at_risk;

        if (y->n_gens == 0)
            continue;
        cs_core_view(s->coordinator.core, y->key, &v);
        sim_store_money(s, y, &at_risk);
        if (v.presumed_nano_usd + v.reserved_nano_usd != at_risk)
            sim_fail(s, "of %s %lld are at risk on disk, and a restart finds %lld", y->name, (long long)at_risk,
                     (long long)(v.presumed_nano_usd + v.reserved_nano_usd));
    }
}

/* Those of an earlier term are below all of this one; within a term they may come in any order. */
void sim_check_epoch(struct sim *s, uint64_t epoch)
{
    uint32_t term = (uint32_t)(epoch >> 32), n = (uint32_t)epoch;
    uint8_t *byte;

    if (term >= SIM_TERMS_MAX || n >= SIM_EPOCHS_MAX)
        sim_fail(s, "epoch %llx does not fit into the check", (unsigned long long)epoch);
    byte = &s->coordinator.epochs[term][n / 8];
    if (term != s->coordinator.term || (*byte >> (n % 8) & 1) != 0)
        sim_fail(s, "epoch %llx was used before", (unsigned long long)epoch);
    *byte |= (uint8_t)(1 << (n % 8));
}

/* A call may begin if nobody else asks the same, and nobody has been answered: but for what lost workers had. */
void sim_check_start(struct sim *s, const struct sim_worker *w, const struct sim_trial *t)
{
    if (t->paid + t->in_flight > t->excused)
        sim_fail(s, "%s asks again: %u answers made, %u calls under way, %u excused", w->name, t->paid, t->in_flight,
                 t->excused);
}

void sim_check_paid(struct sim *s, const struct sim_lane *l, const struct sim_trial *t)
{
    if (t->paid > 1 + t->excused)
        sim_fail(s, "%s is paid %u times, excused %u", l->name, t->paid, t->excused);
    sim_check_money(s, l->study);
}

/* ---- the end ------------------------------------------------------------------------------------------- */

/* No trial of it is planned, or none can be leased for want of money. */
bool sim_check_is_at_rest(struct sim *s, const struct sim_study *y)
{
    struct cs_core_view v;
    struct cs_lane_view l;

    if (s->coordinator.core == NULL)
        return false;
    cs_core_view(s->coordinator.core, y->key, &v);
    if (v.gen == 0 || y->asked_gens > y->n_gens)
        return false;
    for (uint32_t i = 0; i < y->n_lanes; i++) {
        cs_core_lane(s->coordinator.core, y->key, i, &l);
        if (l.leased > 0 || l.state == CS_LANE_OPEN || l.state == CS_LANE_PAUSED ||
            (l.state == CS_LANE_STOPPED && y->budget_nano_usd < 0))
            return false;
    }
    return true;
}

/* It comes after one that is short of money: so it never begins, until a person raises that budget. */
static bool waits_for_money(struct sim *s, const struct sim_study *y)
{
    const struct sim_study *first = y->comes_after;

    if (first == NULL || y->n_gens > 0 || y->asked_gens == 0 || sim_studies_is_over(s, first))
        return false;
    return waits_for_money(s, first) || (first->budget_nano_usd >= 0 && sim_check_is_at_rest(s, first));
}

bool sim_check_is_over(struct sim *s)
{
    if (s->now <= s->healed_ms || s->coordinator.core == NULL || s->store.n_writing > 0)
        return false;
    for (uint32_t i = 0; i < s->limits.n_studies; i++) {
        if (!sim_check_is_at_rest(s, &s->store.studies[i]) && !waits_for_money(s, &s->store.studies[i]))
            return false;
    }
    for (uint32_t i = 0; i < s->limits.n_workers; i++) {
        if (s->workers[i].core == NULL || s->workers[i].link.state != SIM_LINK_OPEN ||
            !sim_worker_is_idle(&s->workers[i]))
            return false;
    }
    return true;
}

static void check_lane(struct sim *s, uint32_t lane)
{
    const struct sim_lane *d = &s->store.lanes[lane];
    const struct sim_ledger *g = sim_studies_newest(s, lane);
    struct cs_lane_view l;
    uint64_t count[4] = {0};

    if (g == NULL)
        return; /* it waits_for_money() */
    cs_core_lane(s->coordinator.core, d->study->key, lane - d->study->first, &l);
    for (uint64_t i = 0; i < d->n_trials; i++) {
        enum cs_trial_state state = cs_ledger_get(g->pages + i / CS_PAGE_TRIALS * CS_PAGE_BYTES,
                                                  (unsigned)(i % CS_PAGE_TRIALS));

        count[state]++;
        if ((state == CS_TRIAL_DONE) != (g->kept[i].canonical != 0))
            sim_fail(s, "at the end %s %llu is in state %d", d->name, (unsigned long long)i, (int)state);
        if (d->trials[i].in_flight > 0)
            sim_fail(s, "at the end a call for %s %llu is under way", d->name, (unsigned long long)i);
        s->result->paid_again += d->trials[i].paid > 1 ? d->trials[i].paid - 1 : 0;
        s->result->excused += d->trials[i].excused;
    }
    if (count[CS_TRIAL_PLANNED] != l.planned || count[CS_TRIAL_DONE] != l.done || count[CS_TRIAL_FAILED] != l.failed ||
        count[CS_TRIAL_CANCELLED] != l.cancelled)
        sim_fail(s, "at the end the coordinator shows another %s than is on disk", d->name);
    if (count[CS_TRIAL_PLANNED] > 0 && d->study->budget_nano_usd < 0)
        sim_fail(s, "at the end %llu trials of %s are planned", (unsigned long long)count[CS_TRIAL_PLANNED], d->name);
    if (count[CS_TRIAL_CANCELLED] > 0 && !g->cancelled)
        sim_fail(s, "at the end trials of %s are cancelled", d->name);
}

void sim_check_end(struct sim *s)
{
    for (uint32_t i = 0; i < s->limits.n_lanes; i++)
        check_lane(s, i);
    for (uint32_t i = 0; i < s->limits.n_studies; i++) {
        const struct sim_study *y = &s->store.studies[i];

        s->result->over_budget += y->budget_nano_usd >= 0 && y->bill_nano_usd > y->budget_nano_usd;
    }
    sim_children_end(s);
    sim_profile_end(s);
}
