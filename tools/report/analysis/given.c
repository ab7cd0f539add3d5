/* given.c - how often each answer was given under each level: plain counts of all outputs, what the bars of the page show. */
#include "tools/report/analysis/sections.h"

enum { BESIDE = 2 }; /* behind the answers: insufficient information; no usable answer */

static bool is_counted(const struct cs_measure *m, const struct cs_report_outcome *o)
{
    return o->kind != CS_OUTCOME_NUMBER && (o->kind != CS_OUTCOME_CATEGORY || m->category == 0);
}

/* The words of an answer in the order of its counters: a yes/no answer counts no before yes and is named yes before no. */
static const char *word_of(const struct cs_report_outcome *o, uint32_t n, uint32_t k)
{
    static const char *const yes_no[] = {"No", "Yes"};
    if (o->kind == CS_OUTCOME_BINARY)
        return o->n_categories == 2 ? o->categories[1 - k] : yes_no[k];
    return k < o->n_categories && n == o->n_categories ? o->categories[k] : "";
}

static void count_level(struct cs_report_work *w, struct cs_report_given *row)
{
    const struct cs_measure *m = &w->declared->measures[row->outcome];
    const struct cs_grid *g = &w->got->grids[row->model];
    struct cs_report_count *answers = cs_arena_array(&w->r->arena, m->n_categories + BESIDE, sizeof *answers);
    struct cs_spot_counts counts;
    for (uint32_t k = 0; k < m->n_categories; k++)
        answers[k] = (struct cs_report_count){word_of(&w->r->outcomes[row->outcome], m->n_categories, k), 0};
    answers[m->n_categories] = (struct cs_report_count){"insufficient information", 0};
    answers[m->n_categories + 1] = (struct cs_report_count){"no usable answer", 0};
    for (uint32_t i = 0; i < g->n_cells; i++) {
        if (g->cells[i].at.question != m->question || g->cells[i].at.arms[row->factor].level != row->level)
            continue;
        for (uint32_t c = 0; c < g->n_cases; c++) {
            cs_reduce_spot_count(m, g, c, &i, 1, &counts);
            for (uint32_t k = 0; k < m->n_categories; k++)
                answers[k].n += counts.category[k];
            answers[m->n_categories].n += counts.insufficient;
            answers[m->n_categories + 1].n += counts.refused + counts.unreadable;
            row->asked += counts.asked;
        }
    }
    row->answers = answers;
    row->n_answers = m->n_categories + BESIDE;
}

void cs_analysis_given(struct cs_report_work *w)
{
    struct cs_report *r = w->r;
    uint32_t levels = 0;
    for (uint32_t f = 0; f < r->n_factors; f++)
        levels += r->factors[f].n_levels;
    struct cs_report_given *rows = cs_arena_array(&r->arena, (size_t)r->n_models * r->n_outcomes * levels + 1,
                                                  sizeof *rows);
    for (uint32_t m = 0; m < r->n_models; m++) {
        for (uint32_t o = 0; o < r->n_outcomes; o++) {
            if (!is_counted(&w->declared->measures[o], &r->outcomes[o]))
                continue;
            for (uint32_t f = 0; f < r->n_factors; f++) {
                for (uint32_t l = 0; l < r->factors[f].n_levels; l++) {
                    struct cs_report_given *row = &rows[r->n_given++];
                    *row = (struct cs_report_given){.model = m, .outcome = o, .factor = f, .level = l};
                    count_level(w, row);
                }
            }
        }
    }
    r->given = rows;
}

static const struct cs_report_column columns[] = {
    CS_COLUMN_MODEL_OUTCOME(given),
    CS_COLUMN_FACTOR_LEVEL(given),
    CS_COLUMN_SAME(given, asked),
    CS_COLUMN_BESIDE(CS_COLUMN_COUNTS, given, answers, n_answers, "answers", "answer,answer_n"),
    CS_COLUMN_END_MODEL(given),
};
const struct cs_report_table cs_analysis_given_tables[] = {
    {"given", "given", CS_TABLE_ROWS(given, n_given), .columns = columns},
    {0},
};
