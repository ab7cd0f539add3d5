#include "tools/report/read/judged_work.h"

bool cs_judged_take_is_asked(const struct cs_votes *v, uint32_t ballot, uint32_t judge)
{
    const struct cs_ballot *b = &v->ballots[ballot];
    for (uint32_t i = b->first; i < b->first + b->n; i++) {
        if (v->slots[i].judge == judge)
            return true;
    }
    return false;
}

void cs_judged_take_ended(struct cs_judged_source *out, uint32_t model, int64_t when)
{
    struct cs_collected_lane *f = &out->got.facts[model];
    f->terminal++;
    if (when == 0)
        return;
    f->first_ms = f->first_ms == 0 || when < f->first_ms ? when : f->first_ms;
    f->last_ms = when > f->last_ms ? when : f->last_ms;
}

void cs_judged_take_planned(struct cs_judged_source *out, uint32_t model, uint32_t case_index, uint32_t cell)
{
    out->got.grids[model].planned[case_index]++;
    out->got.grids[model].cells[cell].planned++;
}

uint32_t cs_judged_take_arm(const struct cs_judged *j, const uint32_t *levels)
{
    const uint32_t n = j->made.n_parent_factors + (j->made.asked != CS_NONE);
    uint32_t arm = 0;
    for (uint32_t f = 0; f < n; f++)
        arm = arm * j->made.study.factors[f].n_levels + levels[f];
    return arm;
}

/* ---- one output ------------------------------------------------------------------------------------------------------- */

static struct cs_answer answer_of(const struct cs_ballot *b, const struct cs_field *f, const struct cs_panel *p)
{
    struct cs_answer a = {.category = CS_NONE, .text = ""};
    if (b->rule == CS_PANEL_MEAN) {
        a.number = p->number;
    } else {
        a.text = b->words[p->word];
        a.insufficient = p->word == f->n_categories;
        a.category = a.insufficient ? CS_NONE : p->word;
    }
    return a;
}

static void enter(const struct cs_judged *j, struct cs_grid *g, const struct cs_judged_spot *at,
                  const struct cs_panel *p)
{
    const uint32_t question = j->made.question[at->ballot];
    if (p->state == CS_PANEL_NOT_JUDGED)
        return;
    if (p->state == CS_PANEL_NO_VERDICT) {
        cs_grid_add(g, at->case_index, at->cell, CS_GRID_NO_VERDICT, NULL, NULL, at->when);
        return;
    }
    const struct cs_answer a = answer_of(&j->votes.ballots[at->ballot], &j->made.study.questions[question].fields[0],
                                         p);
    cs_grid_add(g, at->case_index, at->cell, CS_OUTCOME_ok, &a, NULL, at->when);
}

void cs_judged_take_verdict(struct cs_judged *j, struct cs_judged_source *out, uint32_t child_case,
                            const struct cs_parent *of, const struct cs_judged_spot *at, const uint32_t *levels)
{
    const struct cs_panel p = cs_votes_panel(&j->votes, at->ballot, child_case, of);
    cs_judged_take_planned(out, at->model, at->case_index, at->cell);
    enter(j, &out->got.grids[at->model], at, &p);
    if (p.state != CS_PANEL_NOT_JUDGED)
        cs_judged_take_ended(out, at->model, at->when);
    if (out->got.halves != NULL && at->half)
        enter(j, &out->got.halves[at->model], at, &p);
    for (uint32_t judge = 0; judge < j->votes.view->plan.n_lanes; judge++) {
        if (!cs_judged_take_is_asked(&j->votes, at->ballot, judge))
            continue;
        const struct cs_panel own = cs_votes_judge(&j->votes, at->ballot, child_case, judge);
        enter(j, &out->judges[judge][at->model], at, &own);
    }
    const struct cs_judged_count more = {.judged = p.state == CS_PANEL_JUDGED,
                                         .no_verdict = p.state == CS_PANEL_NO_VERDICT,
                                         .not_judged = p.state == CS_PANEL_NOT_JUDGED,
                                         .order_led = p.order_led,
                                         .asked = p.asked,
                                         .missing = p.missing,
                                         .dropped = p.dropped};
    cs_judged_counts_add(j, at->model, at->ballot, levels, &more);
}

void cs_judged_take_output(struct cs_judged *j, struct cs_judged_source *out, uint32_t child_case,
                           const struct cs_parent *of)
{
    uint32_t levels[CS_FACTORS_MAX] = {0};
    struct cs_judged_spot at = {.model = of->model,
                                .case_index = cs_judged_study_case(&j->made, of),
                                .half = of->repeat % 2 == 1,
                                .when = j->votes.when[child_case]};
    for (at.ballot = 0; at.ballot < j->votes.n_ballots; at.ballot++) {
        cs_judged_study_levels(&j->made, of->levels, of->question, &j->votes.ballots[at.ballot], levels);
        at.cell = cs_judged_study_cell(&j->made, levels, j->made.question[at.ballot]);
        cs_judged_take_verdict(j, out, child_case, of, &at, levels);
    }
    uint16_t *taken = &j->taken[of->model][(size_t)at.case_index * j->n_arms + cs_judged_take_arm(j, levels)];
    if (*taken < UINT16_MAX)
        (*taken)++;
}
