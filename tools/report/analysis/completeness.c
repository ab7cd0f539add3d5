/* completeness.c - planned and terminal trials by arm and outcome class; usable answers by arm. */
#include <stdlib.h>

#include "protocol/base/alloc.h"
#include "tools/report/analysis/sections.h"

_Static_assert((int)CS_REPORT_CLASSES == (int)CS_GRID_CLASSES, "the classes of the finding are those that are counted");

/* Rows of one model: one over all arms, then one a level. */
static struct cs_report_completeness *rows_of(const struct cs_report_work *w, struct cs_report_completeness *all,
                                              uint32_t model, uint32_t factor)
{
    uint32_t per_model = 1, before = 1;
    for (uint32_t f = 0; f < w->study->n_factors; f++) {
        per_model += w->study->factors[f].n_levels;
        before += f < factor ? w->study->factors[f].n_levels : 0;
    }
    return all + (size_t)model * per_model + (factor == CS_REPORT_NONE ? 0 : before);
}

static void name_rows(const struct cs_report_work *w, struct cs_report_completeness *all, uint32_t model)
{
    *rows_of(w, all, model, CS_REPORT_NONE) = (struct cs_report_completeness){
        .model = model, .factor = CS_REPORT_NONE, .level = CS_REPORT_NONE};
    for (uint32_t f = 0; f < w->study->n_factors; f++) {
        for (uint32_t l = 0; l < w->study->factors[f].n_levels; l++)
            rows_of(w, all, model, f)[l] = (struct cs_report_completeness){.model = model, .factor = f, .level = l};
    }
}

static void add_cell(struct cs_report_completeness *row, uint64_t planned, const uint64_t *outcome)
{
    row->planned += planned;
    for (int o = 0; o < CS_REPORT_CLASSES; o++) {
        row->outcome[o] += outcome[o];
        row->terminal += outcome[o];
    }
}

static void count_model(const struct cs_report_work *w, struct cs_report_completeness *all, uint32_t model)
{
    const struct cs_grid *g = &w->got->grids[model];
    for (uint32_t i = 0; i < g->n_cells; i++) {
        const struct cs_grid_cell *cell = &g->cells[i];
        uint64_t outcome[CS_REPORT_CLASSES] = {0};
        for (uint32_t c = 0; c < g->n_cases; c++) {
            const uint32_t *record = cs_grid_record(g, c, i);
            for (int o = 0; o < CS_REPORT_CLASSES; o++)
                outcome[o] += record[o];
        }
        add_cell(rows_of(w, all, model, CS_REPORT_NONE), cell->planned, outcome);
        for (uint32_t f = 0; f < w->study->n_factors; f++)
            add_cell(&rows_of(w, all, model, f)[cell->at.arms[f].level], cell->planned, outcome);
    }
}

/* ---- usable answers ------------------------------------------------------------------------------------------- */

static void add_usable(struct cs_report_usable *u, const struct cs_spot_counts *c)
{
    u->asked += c->asked;
    u->usable += c->usable;
    u->insufficient += c->insufficient;
    u->refused += c->refused;
    u->unreadable += c->unreadable;
    u->technical += c->technical;
}

static void count_usable(const struct cs_report_work *w, uint32_t model, uint32_t outcome, uint32_t factor,
                         struct cs_report_usable *rows)
{
    const struct cs_grid *g = &w->got->grids[model];
    const struct cs_measure *m = &w->declared->measures[outcome];
    const uint32_t control = cs_analysis_work_control(w->study, factor),
                   n_levels = cs_analysis_work_levels(w->r, factor);
    struct cs_spot_counts counts;
    for (uint32_t l = 0; l < n_levels; l++)
        rows[l] = (struct cs_report_usable){
            .model = model, .outcome = outcome, .factor = factor, .level = cs_analysis_work_level(factor, l)};
    for (uint32_t i = 0; i < g->n_cells; i++) {
        if (g->cells[i].at.question != m->question)
            continue;
        for (uint32_t c = 0; c < g->n_cases; c++) {
            cs_reduce_spot_count(m, g, c, &i, 1, &counts);
            add_usable(&rows[factor == CS_REPORT_NONE ? 0 : g->cells[i].at.arms[factor].level], &counts);
        }
    }
    for (uint32_t l = 0; control != CS_REPORT_NONE && l < n_levels; l++) {
        const struct cs_report_usable *own = &rows[l], *base = &rows[control];
        if (l == control || own->asked == 0 || base->asked == 0)
            continue;
        const double n = (double)own->asked, n_base = (double)base->asked;
        rows[l].gap = cs_analysis_work_known(100 * ((double)own->usable / n - (double)base->usable / n_base));
        rows[l].insufficient_gap = cs_analysis_work_known(
            100 * ((double)own->insufficient / n - (double)base->insufficient / n_base));
    }
}

static void all_usable(struct cs_report_work *w)
{
    struct cs_report *r = w->r;
    const uint32_t levels = cs_analysis_work_arms(r);
    uint32_t n = 0;
    struct cs_report_usable *rows = cs_arena_array(&r->arena, (size_t)r->n_models * r->n_outcomes * levels + 1,
                                                   sizeof *rows);
    for (uint32_t m = 0; m < r->n_models; m++) {
        for (uint32_t o = 0; o < r->n_outcomes; o++) {
            /* one row set a field: its categories are equally usable */
            if (r->outcomes[o].kind == CS_OUTCOME_CATEGORY && w->declared->measures[o].category != 0)
                continue;
            for (uint32_t i = 0; i < cs_analysis_work_factors(r); i++) {
                const uint32_t f = cs_analysis_work_factor(r, i);
                count_usable(w, m, o, f, rows + n);
                n += cs_analysis_work_levels(r, f);
            }
        }
    }
    r->usable = rows;
    r->n_usable = n;
}

void cs_analysis_completeness(struct cs_report_work *w)
{
    struct cs_report *r = w->r;
    uint32_t per_model = 1;
    for (uint32_t f = 0; f < r->n_factors; f++)
        per_model += r->factors[f].n_levels;
    r->n_completeness = per_model * r->n_models;
    struct cs_report_completeness *all = cs_arena_array(&r->arena, r->n_completeness + 1, sizeof *all);
    for (uint32_t m = 0; m < r->n_models; m++) {
        name_rows(w, all, m);
        count_model(w, all, m);
    }
    r->completeness = all;
    all_usable(w);
}

/* ---- columns ---------------------------------------------------------------------------------------------------- */

static const struct cs_report_column completeness_columns[] = {
    CS_COLUMN_OF(CS_COLUMN_MODEL, completeness, model, "model", "model"),
    CS_COLUMN_FACTOR_LEVEL(completeness),
    CS_COLUMN_SAME(completeness, planned),
    CS_COLUMN_SAME(completeness, terminal),
    CS_COLUMN_OF(CS_COLUMN_CLASSES, completeness, outcome, "", ""),
    CS_COLUMN_END_MODEL(completeness),
};
static const struct cs_report_column usable_columns[] = {
    CS_COLUMN_MODEL_OUTCOME(usable),
    CS_COLUMN_FACTOR_LEVEL(usable),
    CS_COLUMN_SAME(usable, asked),
    CS_COLUMN_SAME(usable, usable),
    CS_COLUMN_SAME(usable, insufficient),
    CS_COLUMN_SAME(usable, refused),
    CS_COLUMN_SAME(usable, unreadable),
    CS_COLUMN_SAME(usable, technical),
    CS_COLUMN(usable, gap, "usable_gap", "usable_gap_points"),
    CS_COLUMN(usable, insufficient_gap, "insufficient_gap", "insufficient_gap_points"),
    CS_COLUMN_END_MODEL(usable),
};
const struct cs_report_table cs_analysis_completeness_tables[] = {
    {"completeness", "completeness", CS_TABLE_ROWS(completeness, n_completeness), .columns = completeness_columns},
    {"usable", "usable", CS_TABLE_ROWS(usable, n_usable), .columns = usable_columns},
    {0},
};
