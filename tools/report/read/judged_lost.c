#include "tools/report/read/judged_work.h"

enum { STILL_PLANNED = CS_GRID_CLASSES };

static uint64_t sum_of(const struct cs_parent_arm *a)
{
    uint64_t n = 0;
    for (int o = 0; o < CS_OUTCOMES; o++)
        n += a->by_outcome[o];
    return n;
}

/* What became of the outputs of an arm that were not taken: one class, STILL_PLANNED, or NO_VERDICT of several. */
static unsigned class_of(const struct cs_parent_arm *a, const struct cs_take *take, bool *mixed)
{
    unsigned found = CS_GRID_NO_VERDICT, kinds = a->unfit > 0;
    for (unsigned o = 0; o < CS_OUTCOMES; o++) {
        const bool taken = take->outcomes.n == 0 ? o == CS_OUTCOME_ok
                                                 : cs_take_has(&take->outcomes, cs_outcome_name((enum cs_outcome)o));
        if (a->by_outcome[o] > 0 && !taken) {
            found = o;
            kinds++;
        }
    }
    if (a->planned > sum_of(a))
        return STILL_PLANNED;
    *mixed |= kinds > 1;
    return kinds == 1 ? found : CS_GRID_NO_VERDICT;
}

/* One output of a case that was not taken, on all ballots. */
static void miss(struct cs_judged *j, struct cs_judged_source *out, const struct cs_parent_arm *a, uint32_t case_index,
                 unsigned outcome)
{
    for (uint32_t b = 0; b < j->votes.n_ballots; b++) {
        uint32_t levels[CS_FACTORS_MAX] = {0};
        cs_judged_study_levels(&j->made, a->levels, a->question, &j->votes.ballots[b], levels);
        const uint32_t cell = cs_judged_study_cell(&j->made, levels, j->made.question[b]);
        cs_judged_take_planned(out, a->model, case_index, cell);
        if (outcome == STILL_PLANNED)
            continue;
        cs_grid_add(&out->got.grids[a->model], case_index, cell, outcome, NULL, NULL, 0);
        for (uint32_t judge = 0; judge < j->votes.view->plan.n_lanes; judge++) {
            if (cs_judged_take_is_asked(&j->votes, b, judge))
                cs_grid_add(&out->judges[judge][a->model], case_index, cell, outcome, NULL, NULL, 0);
        }
        cs_judged_take_ended(out, a->model, 0);
    }
}

/* The parent asks every case of an arm equally often: a case that has fewer outputs here than that lost the rest. Those of cases that
 * lost all of theirs are nowhere. */
static void miss_arm(struct cs_judged *j, struct cs_judged_source *out, const struct cs_parent_arm *a)
{
    const uint32_t n = j->made.study.n_cases, bases = j->made.n_bases;
    uint32_t levels[CS_FACTORS_MAX] = {0}, most = 0;
    uint64_t missing = 0;
    cs_judged_study_levels(&j->made, a->levels, a->question, &j->votes.ballots[0], levels);
    const uint16_t *taken = j->taken[a->model] + cs_judged_take_arm(j, levels);
    for (uint32_t c = 0; c < n; c++)
        most = taken[(size_t)c * j->n_arms] > most ? taken[(size_t)c * j->n_arms] : most;
    const uint32_t each = bases > 0 && a->planned % bases == 0 && a->planned / bases >= most
                              ? (uint32_t)(a->planned / bases)
                              : most;
    for (uint32_t c = 0; c < n; c++)
        missing += j->made.is_base[c] ? each - taken[(size_t)c * j->n_arms] : 0;
    const uint64_t lost = a->planned - a->taken;
    if (lost == 0)
        return;
    if (missing > lost) { /* cases are not asked equally often */
        out->elsewhere += lost;
        return;
    }
    const unsigned class = class_of(a, &j->take, &out->mixed);
    for (uint32_t c = 0; c < n; c++) {
        for (uint32_t k = taken[(size_t)c * j->n_arms]; k < each; k++)
            miss(j, out, a, c, class);
    }
    out->elsewhere += lost - missing;
}

void cs_judged_lost_take(struct cs_judged *j, struct cs_judged_source *out)
{
    const struct cs_parent_study *p = out->child->parent;
    for (uint32_t i = 0; i < p->n_arms; i++) {
        const struct cs_parent_arm *a = &p->arms[i];
        for (uint32_t b = 0; b < j->votes.n_ballots; b++) {
            uint32_t levels[CS_FACTORS_MAX] = {0};
            cs_judged_study_levels(&j->made, a->levels, a->question, &j->votes.ballots[b], levels);
            const struct cs_judged_count more = {.planned = a->planned,
                                                 .answered = sum_of(a),
                                                 .taken = a->taken,
                                                 .leaks = a->leaks.raw_any,
                                                 .leaks_shown = a->leaks.shown_any};
            cs_judged_counts_add(j, a->model, b, levels, &more);
        }
        if (j->take.sample == 0 && j->pair_factor == CS_NONE) /* what was not drawn or paired was never to be judged */
            miss_arm(j, out, a);
    }
}
