/* labels.c - answers against the labels of the cases, level by level, always beside the control's own. */
#include <stdlib.h>

#include "protocol/base/alloc.h"
#include "tools/report/analysis/rate_ratios.h"
#include "tools/report/stats/cluster.h"
#include "tools/report/analysis/sections.h"

struct labelled { /* one model, one outcome, one factor */
    struct cs_report_work *w;
    uint32_t model, outcome, factor;
    struct cs_arrangement arranged;
    struct cs_side control; /* empty: the factor has none */
};

static void pair_up(const struct labelled *l, enum cs_what what, const struct cs_side *a, const struct cs_side *b,
                    struct cs_paired *out)
{
    const struct cs_case_filter filter = {.stratum = CS_NONE, .labelled = true};
    struct cs_measure m = l->w->declared->measures[l->outcome];
    m.what = what;
    cs_reduce_pair(out, &m, &l->w->got->grids[l->model], &l->arranged, l->w->cases, a, b, &filter);
}

/* Share of one kind of answer under a level, and its shift against the control. */
static void share_of(const struct labelled *l, enum cs_what what, uint32_t level, struct cs_report_figure *share,
                     struct cs_report_figure *shift, struct cs_report_span *ci)
{
    const struct cs_side side = cs_analysis_declared_one_level(level);
    const bool compared = l->control.n > 0 && l->control.level[0] != level;
    struct cs_paired p;
    pair_up(l, what, &side, compared ? &l->control : &side, &p);
    if (p.n > 0)
        *share = cs_analysis_work_known(cs_analysis_work_mean(p.level, p.n));
    if (p.n > 0 && compared && shift != NULL) {
        const struct cs_cluster_test t = cs_cluster_t(p.diff, p.n, l->w->declared->alpha, 1);
        *shift = cs_analysis_work_known(cs_analysis_work_mean(p.diff, p.n) * 100);
        if (cs_stats_usable(t.status))
            *ci = (struct cs_report_span){true, t.ci.lo * 100, t.ci.hi * 100};
    }
    cs_reduce_paired_release(&p);
}

/* The comparison that the ratio of ratios needs is kept for the bootstrap of the whole factor. */
static void set_ratios(const struct labelled *l, uint32_t level, struct cs_report_label *row, struct cs_paired *keep)
{
    const struct cs_side side = cs_analysis_declared_one_level(level);
    const bool compared = l->control.n > 0 && l->control.level[0] != level;
    struct cs_paired label;
    pair_up(l, CS_WHAT_ANSWER, &side, compared ? &l->control : &side, keep);
    pair_up(l, CS_WHAT_LABEL, &side, compared ? &l->control : &side, &label);
    if (keep->n > 0 && label.n == keep->n) {
        row->rate = cs_analysis_work_known(cs_analysis_work_mean(keep->level, keep->n));
        row->labelled = cs_analysis_work_known(cs_analysis_work_mean(label.level, label.n));
        row->ratio = cs_rate_ratios_plain(keep->level, label.level, keep->n);
        if (compared)
            row->control_ratio = cs_rate_ratios_plain(keep->comparator, label.level, keep->n);
    }
    if (!compared || label.n != keep->n)
        cs_reduce_paired_release(keep);
    cs_reduce_paired_release(&label);
}

static void fill_row(const struct labelled *l, uint32_t level, struct cs_report_label *row, struct cs_paired *keep)
{
    const struct cs_side side = cs_analysis_declared_one_level(level);
    struct cs_paired p;
    *row = (struct cs_report_label){.model = l->model,
                                    .outcome = l->outcome,
                                    .factor = l->factor,
                                    .level = cs_analysis_work_level(l->factor, level)};
    pair_up(l, CS_WHAT_AGREE, &side, &side, &p);
    row->clusters = p.n;
    cs_reduce_paired_release(&p);
    if (row->clusters == 0)
        return;
    share_of(l, CS_WHAT_AGREE, level, &row->agreement, NULL, NULL);
    share_of(l, CS_WHAT_UNDER, level, &row->under, &row->under_shift, &row->under_ci);
    share_of(l, CS_WHAT_OVER, level, &row->over, &row->over_shift, &row->over_ci);
    if (l->w->r->outcomes[l->outcome].kind != CS_OUTCOME_ORDINAL)
        set_ratios(l, level, row, keep);
}

struct labelled_rows { /* growing */
    struct cs_report_label *rows;
    struct cs_paired *kept; /* one a row; empty where there is no ratio of ratios */
    uint32_t n;
};

static void fill_factor(struct cs_report_work *w, uint32_t model, uint32_t outcome, uint32_t factor,
                        struct labelled_rows *out)
{
    struct labelled l = {.w = w, .model = model, .outcome = outcome, .factor = factor};
    const uint32_t control = cs_analysis_work_control(w->study, factor);
    if (control != CS_REPORT_NONE)
        l.control = cs_analysis_declared_one_level(control);
    cs_reduce_arrange(&l.arranged, &w->got->grids[model], w->declared->measures[outcome].question, factor);
    for (uint32_t k = 0; k < cs_analysis_work_levels(w->r, factor); k++, out->n++)
        fill_row(&l, k, &out->rows[out->n], &out->kept[out->n]);
    cs_reduce_arrangement_release(&l.arranged);
}

static void all_label_ratios(const struct cs_report_work *w, const struct labelled_rows *l)
{
    for (uint32_t i = 0; i < l->n; i++) {
        if (l->kept[i].n > 0)
            cs_rate_ratios_of(&l->kept[i], w->declared->alpha, &l->rows[i].ratio_of_ratios,
                              &l->rows[i].ratio_of_ratios_ci);
        cs_reduce_paired_release(&l->kept[i]);
    }
}

void cs_analysis_labels(struct cs_report_work *w)
{
    struct cs_report *r = w->r;
    struct labelled_rows l = {0};
    const uint32_t levels = cs_analysis_work_arms(r);
    uint32_t labelled = 0;
    for (uint32_t o = 0; o < r->n_outcomes; o++)
        labelled += r->outcomes[o].has_label && r->outcomes[o].kind != CS_OUTCOME_NUMBER;
    const size_t most = (size_t)r->n_models * labelled * levels + 1;
    l.rows = cs_arena_array(&r->arena, most, sizeof *l.rows);
    l.kept = cs_xcalloc(most, sizeof *l.kept);
    for (uint32_t m = 0; m < r->n_models; m++) {
        for (uint32_t o = 0; o < r->n_outcomes; o++) {
            if (!r->outcomes[o].has_label || r->outcomes[o].kind == CS_OUTCOME_NUMBER)
                continue;
            for (uint32_t f = 0; f < cs_analysis_work_factors(r); f++)
                fill_factor(w, m, o, cs_analysis_work_factor(r, f), &l);
        }
    }
    all_label_ratios(w, &l);
    free(l.kept);
    r->labels = l.rows;
    r->n_labels = l.n;
}

/* ---- columns ---------------------------------------------------------------------------------------------------- */

static const char *source_of_labels(const struct cs_report *r, const void *row)
{
    (void)row;
    return r->label_note;
}

static const struct cs_report_column columns[] = {
    CS_COLUMN_MODEL_OUTCOME(label),
    CS_COLUMN_FACTOR_LEVEL(label),
    CS_COLUMN_SAME(label, clusters),
    CS_COLUMN_SAME(label, rate),
    CS_COLUMN_SAME(label, labelled),
    CS_COLUMN_SAME(label, ratio),
    CS_COLUMN_SAME(label, control_ratio),
    CS_COLUMN_SAME(label, ratio_of_ratios),
    CS_COLUMN(label, ratio_of_ratios_ci, "ratio_of_ratios_ci", "ratio_of_ratios_low,ratio_of_ratios_high"),
    CS_COLUMN_SAME(label, agreement),
    CS_COLUMN_SAME(label, under),
    CS_COLUMN(label, over, NULL, "over"),
    CS_COLUMN(label, under_shift, "under_shift", "under_shift_points"),
    CS_COLUMN(label, under_ci, "under_ci", "under_shift_low,under_shift_high"),
    CS_COLUMN(label, over, "over", NULL),
    CS_COLUMN(label, over_shift, "over_shift", "over_shift_points"),
    CS_COLUMN(label, over_ci, "over_ci", "over_shift_low,over_shift_high"),
    CS_COLUMN_SAID(source_of_labels, NULL, "label_source"),
    CS_COLUMN_END_MODEL(label),
};
const struct cs_report_table cs_analysis_labels_tables[] = {
    {"labels", "labels", CS_TABLE_ROWS(labels, n_labels), .columns = columns},
    {0},
};
