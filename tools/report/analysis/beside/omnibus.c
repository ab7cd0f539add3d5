/* omnibus.c - does any level of a factor move the answer: one test of all its shifts against the control at once. */
#include <stdlib.h>

#include "tools/report/analysis/beside/level_shifts.h"
#include "tools/report/analysis/sections.h"
#include "tools/report/stats/interaction.h"

static const char *test_word(const struct cs_interaction *t)
{
    return t->kind == CS_INTERACTION_HOTELLING ? "Hotelling's T2" : "largest |t|, wild cluster bootstrap";
}

static void test_all(struct cs_report_work *w, struct cs_level_shifts *g, struct cs_report_omnibus *row)
{
    const struct cs_boot boot = {.seed = w->seed, .draws = w->draws, .threads = w->threads};
    cs_level_shifts_fill(w, g);
    row->levels = g->n;
    row->clusters = g->rows;
    row->test = "";
    row->why = "";
    if (g->rows < CS_CLUSTERS_MIN) {
        row->why = "fewer than 5 clusters have answers under every level";
    } else {
        const struct cs_interaction t = cs_interaction_within(&boot, g->d, g->rows, g->n);
        if (t.status == CS_STAT_OK) {
            row->test = test_word(&t);
            row->statistic = cs_analysis_work_known(t.statistic);
            row->p = cs_analysis_work_known(t.p);
        } else {
            row->why = cs_stats_text(t.status);
        }
        if (t.status == CS_STAT_OK && t.kind == CS_INTERACTION_HOTELLING) {
            row->f = cs_analysis_work_known(t.f);
            row->df1 = cs_analysis_work_known(t.df1);
            row->df2 = cs_analysis_work_known(t.df2);
        }
    }
    free(g->d);
    g->d = NULL;
}

/* Categories of an answer are one difference in several words: they have a test of their own (contrasts.c). */
void cs_analysis_omnibus(struct cs_report_work *w)
{
    struct cs_report *r = w->r;
    struct cs_report_omnibus *rows = cs_arena_array(&r->arena, (size_t)r->n_models * r->n_outcomes * r->n_factors + 1,
                                                    sizeof *rows);
    struct cs_level_shifts g;
    cs_level_shifts_open(&g, w);
    for (uint32_t m = 0; m < r->n_models; m++) {
        for (uint32_t o = 0; o < r->n_outcomes; o++) {
            const bool left_out = r->outcomes[o].role == CS_OUTCOME_UNDECLARED && w->declared->declared;
            if (left_out || r->outcomes[o].kind == CS_OUTCOME_CATEGORY)
                continue;
            for (uint32_t f = 0; f < r->n_factors; f++) {
                cs_level_shifts_gather(w, m, o, f, &g);
                if (g.n < 2)
                    continue;
                rows[r->n_omnibus] = (struct cs_report_omnibus){.model = m, .outcome = o, .factor = f};
                test_all(w, &g, &rows[r->n_omnibus++]);
            }
        }
    }
    r->omnibus = rows;
    cs_level_shifts_close(&g);
}

static const struct cs_report_column columns[] = {
    CS_COLUMN_MODEL_OUTCOME(omnibus), CS_COLUMN_OF(CS_COLUMN_FACTOR, omnibus, factor, "factor", "factor"),
    CS_COLUMN_SAME(omnibus, levels),  CS_COLUMN_SAME(omnibus, clusters),
    CS_COLUMN_SAME(omnibus, test),    CS_COLUMN_SAME(omnibus, statistic),
    CS_COLUMN_SAME(omnibus, f),       CS_COLUMN_SAME(omnibus, df1),
    CS_COLUMN_SAME(omnibus, df2),     CS_COLUMN_SAME(omnibus, p),
    CS_COLUMN_SAME(omnibus, why),     CS_COLUMN_END_MODEL(omnibus),
};

static bool is_any(const struct cs_report *r)
{
    return r->n_omnibus > 0;
}

const struct cs_report_table cs_analysis_omnibus_tables[] = {
    {"omnibus", "omnibus", CS_TABLE_ROWS(omnibus, n_omnibus), .columns = columns, .is_shown = is_any, .is_rare = true},
    {0},
};
