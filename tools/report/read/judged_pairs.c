#include <string.h>

#include "protocol/study/pair.h"
#include "tools/report/read/judged_work.h"

/* Which levels are compared with. Each level stands on one side: a shift of cells knows no other pairs than those of the same two levels. */
enum cs_err cs_judged_pairs_find(struct cs_judged *j, const struct cs_study *child, struct cs_error *err)
{
    const struct cs_parent_study *p = child->parent;
    enum cs_err rc = cs_take_parse(p->take, &j->arena, &j->take, err);
    j->pair_factor = CS_NONE;
    for (uint32_t f = 0; rc == CS_OK && f < p->n_factors && j->take.pair[0] != '\0'; f++) {
        if (strcmp(p->factors[f].name, j->take.pair) == 0)
            j->pair_factor = f;
    }
    if (rc != CS_OK || j->pair_factor == CS_NONE)
        return rc;
    const struct cs_parent_factor *f = &p->factors[j->pair_factor];
    j->is_comparator = cs_arena_array(&j->arena, f->n_levels, sizeof *j->is_comparator);
    for (uint32_t i = 0; i < f->n_levels; i++) {
        const char *id = f->levels[i].id;
        j->is_comparator[i] = j->take.seconds.n > 0 ? cs_take_has(&j->take.seconds, id)
                                                    : f->levels[i].role == CS_ROLE_CONTROL;
        if (j->is_comparator[i] && cs_take_has(&j->take.firsts, id))
            return cs_error_set(err, CS_EINVAL,
                                "pair: level \"%s\" stands first in one pair and second in another; a report compares "
                                "such pairs only in studies of their own",
                                id);
    }
    return CS_OK;
}

/* Points of the one that is not the comparator, and 0 of the other. */
static void enter(struct cs_grid *g, const struct cs_judged_spot *level, uint32_t comparator_cell,
                  const struct cs_panel *p, bool level_is_first)
{
    const struct cs_answer none = {.text = "", .category = CS_NONE};
    struct cs_answer points = none;
    if (p->state == CS_PANEL_NOT_JUDGED)
        return;
    if (p->word != CS_PAIR_TIE)
        points.number = (p->word == CS_PAIR_FIRST) == level_is_first ? 100 : -100;
    if (p->state == CS_PANEL_JUDGED)
        cs_grid_add(g, level->case_index, level->cell, CS_OUTCOME_ok, &points, NULL, level->when);
    else
        cs_grid_add(g, level->case_index, level->cell, CS_GRID_NO_VERDICT, NULL, NULL, level->when);
    cs_grid_add(g, level->case_index, comparator_cell, CS_OUTCOME_ok, &none, NULL, level->when);
}

static void take_duel(struct cs_judged *j, struct cs_judged_source *out, uint32_t child_case,
                      const struct cs_parent *level, const struct cs_parent *comparator, struct cs_judged_spot *at)
{
    const bool is_first = level->side == CS_PARENT_FIRST;
    const struct cs_ballot *b = &j->votes.ballots[at->ballot];
    const struct cs_panel p = cs_votes_panel(&j->votes, at->ballot, child_case, level);
    uint32_t levels[CS_FACTORS_MAX] = {0};
    cs_judged_study_levels(&j->made, comparator->levels, comparator->question, b, levels);
    const uint32_t other = cs_judged_study_cell(&j->made, levels, j->made.question[at->ballot]);
    cs_judged_study_levels(&j->made, level->levels, level->question, b, levels);
    at->cell = cs_judged_study_cell(&j->made, levels, j->made.question[at->ballot]);
    cs_judged_take_planned(out, at->model, at->case_index, at->cell);
    cs_judged_take_planned(out, at->model, at->case_index, other);
    enter(&out->got.grids[at->model], at, other, &p, is_first);
    if (out->got.halves != NULL && at->half)
        enter(&out->got.halves[at->model], at, other, &p, is_first);
    for (uint32_t judge = 0; judge < j->votes.view->plan.n_lanes; judge++) {
        const struct cs_panel own = cs_votes_judge(&j->votes, at->ballot, child_case, judge);
        if (cs_judged_take_is_asked(&j->votes, at->ballot, judge))
            enter(&out->judges[judge][at->model], at, other, &own, is_first);
    }
    for (int k = 0; k < 2 && p.state != CS_PANEL_NOT_JUDGED; k++)
        cs_judged_take_ended(out, at->model, at->when);
    const bool judged = p.state == CS_PANEL_JUDGED;
    const struct cs_judged_count more = {.judged = judged,
                                         .no_verdict = p.state == CS_PANEL_NO_VERDICT,
                                         .not_judged = p.state == CS_PANEL_NOT_JUDGED,
                                         .won = judged && p.word == (is_first ? CS_PAIR_FIRST : CS_PAIR_SECOND),
                                         .tied = judged && p.word == CS_PAIR_TIE,
                                         .order_led = p.order_led,
                                         .asked = p.asked,
                                         .missing = p.missing,
                                         .dropped = p.dropped};
    cs_judged_counts_add(j, at->model, at->ballot, levels, &more);
}

/* Whether the k-th pair of a case is a duel of its own, and not one that was counted where it stands the other way round. Two equal texts
 * are in one case both ways, one after the other: its own twin. */
static bool is_duel(const struct cs_judged *j, uint32_t child_case, uint32_t k)
{
    const uint32_t twin = j->votes.twin != NULL ? j->votes.twin[child_case] : CS_NONE;
    return twin == child_case ? k % 2 == 0 : twin == CS_NONE || child_case < twin;
}

/* Outputs stand by side, and the k-th of each side are a pair. */
void cs_judged_pairs_take(struct cs_judged *j, struct cs_judged_source *out, uint32_t child_case,
                          const struct cs_parent *parents, uint32_t n)
{
    for (uint32_t k = 0; k < n / 2; k++) {
        const struct cs_parent *one = &parents[k], *other = &parents[n / 2 + k];
        const bool turned = j->is_comparator[one->levels[j->pair_factor]];
        const struct cs_parent *level = turned ? other : one, *comparator = turned ? one : other;
        struct cs_judged_spot at = {.model = level->model,
                                    .case_index = cs_judged_study_case(&j->made, level),
                                    .half = level->repeat % 2 == 1,
                                    .when = j->votes.when[child_case]};
        for (at.ballot = 0; at.ballot < j->votes.n_ballots; at.ballot++) {
            if (!j->votes.ballots[at.ballot].pair) { /* said of both: counted with the level */
                uint32_t levels[CS_FACTORS_MAX] = {0};
                cs_judged_study_levels(&j->made, level->levels, level->question, &j->votes.ballots[at.ballot], levels);
                at.cell = cs_judged_study_cell(&j->made, levels, j->made.question[at.ballot]);
                cs_judged_take_verdict(j, out, child_case, level, &at, levels);
            } else if (is_duel(j, child_case, k)) {
                take_duel(j, out, child_case, level, comparator, &at);
            }
        }
    }
}
