#include "tools/report/read/judged.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "tools/report/read/judged_work.h"

/* ---- judges ------------------------------------------------------------------------------------------------------- */

static void on_vote(void *self, uint32_t judge, const struct cs_stored *stored)
{
    struct cs_judged *j = self;
    cs_collect_facts(&j->judges[judge], &j->reader->view.spec.study->models[judge], stored);
}

/* ---- every case ----------------------------------------------------------------------------------------------------- */

static enum cs_err take_all(struct cs_judged *j, struct cs_judged_source *out, struct cs_error *err)
{
    const struct cs_generation_view *view = j->votes.view;
    const struct cs_study *child = view->spec.study;
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; i < child->n_cases && rc == CS_OK; i++) {
        const struct cs_parent *parents;
        struct cs_case c;
        uint32_t n = 0;
        cs_arena_reset(&j->row);
        rc = view->cases.get(view->cases.self, i, &c, err);
        if (rc == CS_OK)
            rc = cs_parents_read(child, &c, &j->row, &parents, &n, err);
        if (rc == CS_OK && j->pair_factor != CS_NONE)
            cs_judged_pairs_take(j, out, i, parents, n);
        for (uint32_t k = 0; k < n && rc == CS_OK && j->pair_factor == CS_NONE; k++)
            cs_judged_take_output(j, out, i, &parents[k]);
    }
    return rc;
}

/* ---- all ------------------------------------------------------------------------------------------------------------------- */

static void make_grids(struct cs_judged *j, struct cs_grid *grids)
{
    for (uint32_t m = 0; m < j->plan.n_lanes; m++) {
        struct cs_grid *g = &grids[m];
        cs_grid_init(g, &j->plan, m);
        memset(g->planned, 0, g->n_cases * sizeof *g->planned);
        for (uint32_t i = 0; i < g->n_cells; i++)
            g->cells[i].planned = 0;
    }
}

static void make_room(struct cs_judged *j, struct cs_judged_source *out)
{
    const uint32_t models = j->plan.n_lanes, judges = j->votes.view->plan.n_lanes;
    struct cs_collected *got = &out->got;
    got->n_lanes = models;
    got->grids = cs_xcalloc(models, sizeof *got->grids);
    got->facts = cs_xcalloc(models, sizeof *got->facts);
    make_grids(j, got->grids);
    if (j->made.repeats) {
        got->halves = cs_xcalloc(models, sizeof *got->halves);
        make_grids(j, got->halves);
    }
    out->judges = cs_xcalloc(judges + 1u, sizeof(struct cs_grid *));
    for (uint32_t i = 0; i < judges; i++) {
        out->judges[i] = cs_xcalloc(models, sizeof **out->judges);
        make_grids(j, out->judges[i]);
    }
    j->n_arms = 1;
    for (uint32_t f = 0; f < j->made.n_parent_factors + (j->made.asked != CS_NONE); f++)
        j->n_arms *= j->made.study.factors[f].n_levels;
    j->taken = cs_xcalloc(models, sizeof(uint16_t *));
    for (uint32_t m = 0; m < models; m++)
        j->taken[m] = cs_xcalloc((size_t)j->made.study.n_cases * j->n_arms + 1, sizeof **j->taken);
}

enum cs_err cs_judged_source_open(struct cs_judged_source *s, struct cs_reader *reader, struct cs_error *err)
{
    struct cs_judged *j = cs_xcalloc(1, sizeof *j);
    *s = (struct cs_judged_source){.own = j, .child = reader->view.spec.study};
    j->reader = reader;
    j->judges = cs_xcalloc(reader->view.plan.n_lanes + 1u, sizeof *j->judges);
    enum cs_err rc = cs_votes_open(&j->votes, &reader->view, err);
    if (rc == CS_OK)
        rc = cs_votes_read(&j->votes, reader->store, on_vote, j, err);
    if (rc == CS_OK)
        rc = cs_judged_pairs_find(j, s->child, err);
    if (rc == CS_OK)
        rc = cs_judged_study_make(&j->made, &j->votes, err);
    if (rc != CS_OK)
        return rc;
    cs_plan_init(&j->plan, &j->made.study);
    s->study = &j->made.study;
    s->plan = &j->plan;
    s->cases = cs_judged_study_cases(&j->made);
    s->votes = &j->votes;
    s->judge_facts = j->judges;
    make_room(j, s);
    cs_judged_counts_make(j, s);
    rc = take_all(j, s, err);
    if (rc == CS_OK)
        cs_judged_lost_take(j, s);
    return rc;
}

void cs_judged_source_close(struct cs_judged_source *s)
{
    struct cs_judged *j = s->own;
    if (j == NULL)
        return;
    const uint32_t judges = j->reader->view.plan.n_lanes;
    for (uint32_t i = 0; s->judges != NULL && i < judges; i++) {
        for (uint32_t m = 0; m < j->plan.n_lanes; m++)
            cs_grid_release(&s->judges[i][m]);
        free(s->judges[i]);
    }
    free(s->judges);
    for (uint32_t m = 0; j->taken != NULL && m < j->plan.n_lanes; m++)
        free(j->taken[m]);
    free(j->taken);
    cs_collect_release(&s->got);
    if (s->plan != NULL)
        cs_plan_release(&j->plan);
    for (uint32_t i = 0; i < judges; i++)
        cs_collect_forget(&j->judges[i]);
    free(j->judges);
    free(j->counts);
    cs_judged_study_release(&j->made);
    cs_votes_close(&j->votes);
    cs_arena_release(&j->arena);
    cs_arena_release(&j->row);
    free(j);
    *s = (struct cs_judged_source){0};
}

/* ---- for others ------------------------------------------------------------------------------------------------------------ */

uint32_t cs_judged_source_question(const struct cs_judged_source *s, uint32_t ballot)
{
    return s->own->made.question[ballot];
}

static void see_output(const struct cs_judged *j, const struct cs_parent *of, struct cs_judged_seen *seen,
                       cs_judged_see fn, void *self)
{
    uint32_t levels[CS_FACTORS_MAX] = {0};
    seen->of = of;
    seen->model = of->model;
    seen->case_index = cs_judged_study_case(&j->made, of);
    for (seen->ballot = 0; seen->ballot < j->votes.n_ballots; seen->ballot++) {
        const struct cs_ballot *b = &j->votes.ballots[seen->ballot];
        cs_judged_study_levels(&j->made, of->levels, of->question, b, levels);
        seen->cell = cs_judged_study_cell(&j->made, levels, j->made.question[seen->ballot]);
        seen->panel = cs_votes_panel(&j->votes, seen->ballot, seen->child_case, of);
        fn(self, seen);
    }
}

enum cs_err cs_judged_source_each(const struct cs_judged_source *s, cs_judged_see fn, void *self, struct cs_error *err)
{
    const struct cs_judged *j = s->own;
    const struct cs_generation_view *view = j->votes.view;
    struct cs_arena arena = {0};
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; i < s->child->n_cases && rc == CS_OK && j->pair_factor == CS_NONE; i++) {
        struct cs_judged_seen seen = {.child_case = i};
        const struct cs_parent *parents = NULL;
        struct cs_case c;
        uint32_t n = 0;
        cs_arena_reset(&arena);
        rc = view->cases.get(view->cases.self, i, &c, err);
        if (rc == CS_OK)
            rc = cs_parents_read(s->child, &c, &arena, &parents, &n, err);
        for (uint32_t k = 0; k < n && rc == CS_OK; k++)
            see_output(j, &parents[k], &seen, fn, self);
    }
    cs_arena_release(&arena);
    return rc;
}
