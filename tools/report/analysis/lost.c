/* lost.c - trials that ended without an answer, arm by arm against the control: missing, declined, unreadable. What an arm loses more often
 * than the control may be what differs, and is a finding of its own. Per cluster the share of the level minus that of the control (lost_rate.h);
 * Holm over all arms of all models and kinds, those that lost nothing included. */
#include "tools/report/analysis/lost.h"

#include <inttypes.h>
#include <stdlib.h>

#include "protocol/base/alloc.h"
#include "tools/report/analysis/sections.h"
#include "tools/report/stats/lost_rate.h"
#include "tools/report/words.h"

enum { NOTES_MAX = 3 };

static const enum cs_what kinds[CS_LOST_KINDS] = {
    [CS_LOST_MISSING] = CS_WHAT_LOST,
    [CS_LOST_DECLINED] = CS_WHAT_DECLINED,
    [CS_LOST_UNREADABLE] = CS_WHAT_UNREADABLE,
};

/* A measure of trials, not of answers. */
static struct cs_measure measure_of(uint32_t question, enum cs_what what)
{
    return (struct cs_measure){.question = question, .kind = CS_OUTCOME_BINARY, .what = what};
}

/* Trials of a model that were lost in this way, over all arms. */
static uint64_t lost_of(const struct cs_report_work *w, uint32_t model, enum cs_lost_kind kind)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < w->r->n_completeness; i++) {
        const struct cs_report_completeness *c = &w->r->completeness[i];
        if (c->model != model || c->factor != CS_REPORT_NONE)
            continue;
        for (unsigned o = 0; o < CS_GRID_CLASSES; o++)
            n += c->outcome[o] > 0 && cs_reduce_lost_kind(o) == kind ? c->outcome[o] : 0;
    }
    return n;
}

struct cs_lost_pair cs_analysis_lost_pair(const struct cs_report_work *w, uint32_t model,
                                          const struct cs_arrangement *a, const struct cs_spec_contrast *spec,
                                          const struct cs_case_filter *filter, uint32_t question, bool silent_known)
{
    const struct cs_side level = cs_analysis_declared_one_level(spec->level);
    struct cs_measure m = measure_of(question, CS_WHAT_LOST);
    struct cs_lost_pair out = {0};
    struct cs_paired p;
    if (lost_of(w, model, CS_LOST_MISSING) == 0)
        return out;
    m.silent_known = silent_known;
    cs_reduce_pair(&p, &m, &w->got->grids[model], a, w->cases, &level, &spec->comparator_side, filter);
    if (p.n > 0) {
        out.level = cs_analysis_work_known(cs_analysis_work_mean(p.level, p.n));
        out.comparator = cs_analysis_work_known(cs_analysis_work_mean(p.comparator, p.n));
    }
    cs_reduce_paired_release(&p);
    return out;
}

/* ---- rows ------------------------------------------------------------------------------------------------------ */

struct rows { /* every test of the family; p as it enters the adjustment */
    struct cs_report_lost *row;
    double *p, *adjusted;
    uint32_t n;
};

/* All trials of an arm, and how many of them were lost in this way. */
static struct cs_lost_count count_arm(const struct cs_grid *g, uint32_t question, uint32_t factor, uint32_t level,
                                      enum cs_lost_kind kind)
{
    struct cs_lost_count n = {0, 0};
    for (uint32_t i = 0; i < g->n_cells; i++) {
        if (g->cells[i].at.question != question || g->cells[i].at.arms[factor].level != level)
            continue;
        for (uint32_t c = 0; c < g->n_cases; c++) {
            const uint32_t *record = cs_grid_record(g, c, i);
            for (unsigned o = 0; o < CS_GRID_CLASSES; o++) {
                const enum cs_lost_kind is = cs_reduce_lost_kind(o);
                n.lost += is == kind ? record[o] : 0;
                n.of += kind == CS_LOST_MISSING || is != CS_LOST_MISSING ? record[o] : 0;
            }
        }
    }
    return n;
}

static void test_row(struct cs_report_work *w, const struct cs_arrangement *a, uint32_t question, uint32_t control,
                     struct cs_report_lost *row, double *p_family)
{
    const struct cs_side level = cs_analysis_declared_one_level(row->level),
                         base = cs_analysis_declared_one_level(control);
    const struct cs_measure m = measure_of(question, kinds[row->kind]);
    const struct cs_case_filter all = {.stratum = CS_NONE};
    struct cs_paired p;
    cs_reduce_pair(&p, &m, &w->got->grids[row->model], a, w->cases, &level, &base, &all);
    const struct cs_grid *g = &w->got->grids[row->model];
    const struct cs_lost_rate lost = cs_lost_rate_test(
        p.diff, p.n, count_arm(g, question, row->factor, row->level, row->kind),
        count_arm(g, question, row->factor, control, row->kind), w->declared->alpha);
    const struct cs_cluster_test t = lost.test;
    row->clusters = p.n;
    if (p.n > 0) {
        row->share = cs_analysis_work_known(cs_analysis_work_mean(p.level, p.n));
        row->share_control = cs_analysis_work_known(cs_analysis_work_mean(p.comparator, p.n));
        row->gap = cs_analysis_work_known(t.mean * 100);
    }
    if (cs_stats_usable(t.status)) {
        row->ci = (struct cs_report_span){true, t.ci.lo * 100, t.ci.hi * 100};
        row->p = cs_analysis_work_known(lost.p);
        *p_family = lost.p;
    }
    cs_reduce_paired_release(&p);
}

static void test_levels(struct cs_report_work *w, uint32_t model, uint32_t question, uint32_t factor, struct rows *out)
{
    const uint32_t control = cs_analysis_work_control(w->study, factor);
    struct cs_arrangement a;
    if (control == CS_REPORT_NONE)
        return;
    cs_reduce_arrange(&a, &w->got->grids[model], question, factor);
    for (uint32_t l = 0; l < w->r->factors[factor].n_levels; l++) {
        for (int kind = 0; kind < CS_LOST_KINDS && l != control; kind++) {
            struct cs_report_lost *row = &out->row[out->n];
            *row = (struct cs_report_lost){.model = model,
                                           .question = cs_analysis_work_copy(w, w->study->questions[question].name),
                                           .factor = factor,
                                           .level = l,
                                           .kind = (enum cs_lost_kind)kind};
            out->p[out->n] = 1;
            if (lost_of(w, model, row->kind) > 0)
                test_row(w, &a, question, control, row, &out->p[out->n]);
            out->n++;
        }
    }
    cs_reduce_arrangement_release(&a);
}

static bool lost_any(const struct cs_report_lost *row)
{
    return row->share.value > 0 || row->share_control.value > 0;
}

/* Rows of arms that lost nothing, and whose control did not either, say nothing; they count in the family. */
static void keep_rows(struct cs_report_work *w, const struct rows *all)
{
    struct cs_report_lost *kept = cs_arena_array(&w->r->arena, (size_t)all->n + 1, sizeof *kept);
    uint32_t n = 0;
    for (uint32_t i = 0; i < all->n; i++) {
        if (!lost_any(&all->row[i]))
            continue;
        kept[n] = all->row[i];
        if (kept[n].p.known)
            kept[n].p_adjusted = cs_analysis_work_known(all->adjusted[i]);
        kept[n].differs = kept[n].p_adjusted.known && kept[n].clusters >= CS_CLUSTERS_MIN &&
                          kept[n].p_adjusted.value <= w->declared->alpha;
        n++;
    }
    w->r->lost = kept;
    w->r->n_lost = n;
}

/* ---- said first --------------------------------------------------------------------------------------------------- */

static int by_gap(const void *a, const void *b)
{
    const struct cs_report_lost *const *x = a, *const *y = b;
    const double p = (*x)->gap.value < 0 ? -(*x)->gap.value : (*x)->gap.value;
    const double q = (*y)->gap.value < 0 ? -(*y)->gap.value : (*y)->gap.value;
    return p != q ? (p > q ? -1 : 1) : *x < *y ? -1 : 1;
}

static void note_row(struct cs_report_work *w, const struct cs_report_lost *row)
{
    const struct cs_report *r = w->r;
    const bool judged = w->source->judged.own != NULL && row->kind == CS_LOST_MISSING;
    cs_analysis_work_say_first(
        w,
        "%s: under \"%s\" %.1f %% of the trials %s, under the control %.1f %%: a gap of %+.1f points (%.1f to %.1f).",
        r->models[row->model].name, r->factors[row->factor].levels[row->level].id, 100 * row->share.value,
        judged ? "have no verdict of their judges, or failed" : cs_words_lost(row->kind),
        100 * row->share_control.value, row->gap.value, row->ci.low, row->ci.high);
}

static void note_gaps(struct cs_report_work *w)
{
    const struct cs_report *r = w->r;
    const struct cs_report_lost **found = cs_xcalloc((size_t)r->n_lost + 1, sizeof *found);
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->n_lost; i++) {
        if (r->lost[i].differs)
            found[n++] = &r->lost[i];
    }
    qsort(found, n, sizeof *found, by_gap);
    for (uint32_t i = 0; i < n && i < NOTES_MAX; i++)
        note_row(w, found[i]);
    if (n > NOTES_MAX)
        cs_analysis_work_say_first(
            w, "%u further arms lose answers more or less often than the control (table \"lost\").", n - NOTES_MAX);
    free(found);
}

void cs_analysis_lost(struct cs_report_work *w)
{
    struct cs_report *r = w->r;
    const size_t most = (size_t)r->n_models * w->study->n_questions * cs_analysis_work_arms(r) * CS_LOST_KINDS + 1;
    struct rows all = {.row = cs_xcalloc(most, sizeof *all.row),
                       .p = cs_xcalloc(most, sizeof(double)),
                       .adjusted = cs_xcalloc(most, sizeof(double))};
    for (uint32_t m = 0; m < r->n_models; m++) {
        for (uint32_t q = 0; q < w->study->n_questions; q++) {
            for (uint32_t f = 0; f < r->n_factors; f++)
                test_levels(w, m, q, f, &all);
        }
    }
    cs_adjust_p(CS_ADJUST_HOLM, all.p, all.n, all.adjusted);
    keep_rows(w, &all);
    note_gaps(w);
    free(all.row);
    free(all.p);
    free(all.adjusted);
}

/* ---- columns ------------------------------------------------------------------------------------------------------- */

static const char *kind_word(const struct cs_report *r, const void *row)
{
    static const char *const words[CS_LOST_KINDS] = {"missing", "declined", "unreadable"};
    (void)r;
    return words[((const struct cs_report_lost *)row)->kind];
}

static const struct cs_report_column columns[] = {
    CS_COLUMN_OF(CS_COLUMN_MODEL, lost, model, "model", "model"),
    CS_COLUMN_SAME(lost, question),
    CS_COLUMN_FACTOR_LEVEL(lost),
    CS_COLUMN_SAID(kind_word, "kind", "kind"),
    CS_COLUMN_SAME(lost, clusters),
    CS_COLUMN_SAME(lost, share),
    CS_COLUMN_SAME(lost, share_control),
    CS_COLUMN(lost, gap, "gap", "gap_points"),
    CS_COLUMN(lost, ci, "ci", "ci_low,ci_high"),
    CS_COLUMN_SAME(lost, p),
    CS_COLUMN_SAME(lost, p_adjusted),
    CS_COLUMN_SAME(lost, differs),
    CS_COLUMN_END_MODEL(lost),
};
const struct cs_report_table cs_analysis_lost_tables[] = {
    {"lost", "lost", CS_TABLE_ROWS(lost, n_lost), .columns = columns},
    {0},
};
