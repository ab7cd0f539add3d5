/* labels.c - answers against the labels of the cases, level by level, always beside the control's own. */
#include <stdlib.h>

#include "protocol/base/alloc.h"
#include "tools/report/stats/cluster.h"
#include "tools/report/stats/ratio.h"
#include "tools/report/work.h"

static double mean_of(const double *x, uint32_t n)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += x[i];
    return n > 0 ? sum / n : 0;
}

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
    cs_pair_up(out, &m, &l->w->got->grids[l->model], &l->arranged, l->w->cases, a, b, &filter);
}

/* Share of one kind of answer under a level, and its shift against the control. */
static void share_of(const struct labelled *l, enum cs_what what, uint32_t level, struct cs_report_figure *share,
                     struct cs_report_figure *shift, struct cs_report_span *ci)
{
    const struct cs_side side = cs_one_level(level);
    const bool compared = l->control.n > 0 && l->control.level[0] != level;
    struct cs_paired p;
    pair_up(l, what, &side, compared ? &l->control : &side, &p);
    if (p.n > 0)
        *share = cs_report_known(mean_of(p.level, p.n));
    if (p.n > 0 && compared && shift != NULL) {
        const struct cs_cluster_test t = cs_cluster_t(p.diff, p.n, l->w->declared->alpha, 1);
        *shift = cs_report_known(mean_of(p.diff, p.n) * 100);
        if (cs_stat_usable(t.status))
            *ci = (struct cs_report_span){true, t.ci.lo * 100, t.ci.hi * 100};
    }
    cs_paired_release(&p);
}

static void set_ratios(const struct labelled *l, uint32_t level, struct cs_report_label *row)
{
    const struct cs_boot boot = {.seed = l->w->seed, .draws = l->w->draws, .threads = l->w->threads};
    const struct cs_side side = cs_one_level(level);
    const bool compared = l->control.n > 0 && l->control.level[0] != level;
    struct cs_paired rate, label;
    pair_up(l, CS_WHAT_ANSWER, &side, compared ? &l->control : &side, &rate);
    pair_up(l, CS_WHAT_LABEL, &side, compared ? &l->control : &side, &label);
    if (rate.n > 0 && label.n == rate.n) {
        row->rate = cs_report_known(mean_of(rate.level, rate.n));
        row->labelled = cs_report_known(mean_of(label.level, label.n));
        const struct cs_label_ratio r = cs_label_ratio(&boot, rate.level, rate.comparator, label.level, rate.n,
                                                       l->w->declared->alpha);
        if (cs_stat_usable(r.level.status))
            row->ratio = cs_report_known(r.level.ratio);
        if (compared && cs_stat_usable(r.comparator.status))
            row->control_ratio = cs_report_known(r.comparator.ratio);
        if (compared && cs_stat_usable(r.of_ratios.status))
            row->ratio_of_ratios = cs_report_known(r.of_ratios.ratio);
        if (compared && row->ratio_of_ratios.known && cs_stat_usable(r.of_ratios.interval_status))
            row->ratio_of_ratios_ci = (struct cs_report_span){true, r.of_ratios.ci.lo, r.of_ratios.ci.hi};
    }
    cs_paired_release(&rate);
    cs_paired_release(&label);
}

static void fill_row(const struct labelled *l, uint32_t level, struct cs_report_label *row)
{
    const struct cs_side side = cs_one_level(level);
    struct cs_paired p;
    *row = (struct cs_report_label){.model = l->model, .outcome = l->outcome, .factor = l->factor, .level = level};
    pair_up(l, CS_WHAT_AGREE, &side, &side, &p);
    row->clusters = p.n;
    cs_paired_release(&p);
    if (row->clusters == 0)
        return;
    share_of(l, CS_WHAT_AGREE, level, &row->agreement, NULL, NULL);
    share_of(l, CS_WHAT_UNDER, level, &row->under, &row->under_shift, &row->under_ci);
    share_of(l, CS_WHAT_OVER, level, &row->over, &row->over_shift, &row->over_ci);
    if (l->w->r->outcomes[l->outcome].kind != CS_OUTCOME_ORDINAL)
        set_ratios(l, level, row);
}

void cs_work_labels(struct cs_report_work *w)
{
    struct cs_report *r = w->r;
    uint32_t levels = 0;
    for (uint32_t f = 0; f < r->n_factors; f++)
        levels += r->factors[f].n_levels;
    struct cs_report_label *rows = cs_arena_array(&r->arena, (size_t)r->n_models * r->n_outcomes * levels + 1,
                                                  sizeof *rows);
    for (uint32_t m = 0; m < r->n_models; m++) {
        for (uint32_t o = 0; o < r->n_outcomes; o++) {
            if (!r->outcomes[o].has_label || r->outcomes[o].kind == CS_OUTCOME_NUMBER)
                continue;
            for (uint32_t f = 0; f < r->n_factors; f++) {
                struct labelled l = {.w = w, .model = m, .outcome = o, .factor = f};
                const uint32_t control = cs_level_of_role(&w->study->factors[f], CS_ROLE_CONTROL);
                if (control != CS_REPORT_NONE)
                    l.control = cs_one_level(control);
                cs_arrange(&l.arranged, &w->got->grids[m], w->declared->measures[o].question, f);
                for (uint32_t k = 0; k < r->factors[f].n_levels; k++)
                    fill_row(&l, k, &rows[r->n_labels++]);
                cs_arrangement_release(&l.arranged);
            }
        }
    }
    r->labels = rows;
}
