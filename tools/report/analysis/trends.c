#include "tools/report/analysis/trends.h"

#include <stdlib.h>

#include "protocol/base/alloc.h"
#include "tools/report/analysis/corrected.h"
#include "tools/report/analysis/sections.h"
#include "tools/report/stats/cluster.h"
#include "tools/report/words.h"

/* Weights that give the least-squares slope; their sum is 0, so that the first level may stand for 0 in all of them. */
static double *weights_of(const struct cs_spec_trend *t)
{
    double *c = cs_xcalloc((size_t)t->n + 1, sizeof *c), squares = 0;
    const double mean = cs_analysis_work_mean(t->scores, t->n);
    for (uint32_t i = 0; i < t->n; i++)
        squares += (t->scores[i] - mean) * (t->scores[i] - mean);
    for (uint32_t i = 0; i < t->n; i++)
        c[i] = squares > 0 ? (t->scores[i] - mean) / squares : 0;
    return c;
}

struct slope { /* being summed, by cluster */
    double *sum, low, high;
    uint32_t *levels;
    bool bounded;
};

static void add_level(struct slope *s, const struct cs_paired *p, double weight)
{
    const double mean = cs_analysis_work_mean(p->diff, p->n);
    for (uint32_t i = 0; i < p->n; i++) {
        s->sum[p->cluster[i]] += weight * p->diff[i];
        s->levels[p->cluster[i]]++;
    }
    s->bounded = s->bounded && p->bounded && p->n > 0;
    s->low += weight * ((weight > 0 ? p->low : p->high) - mean);
    s->high += weight * ((weight > 0 ? p->high : p->low) - mean);
}

/* Clusters with a shift from the first level to every other; their slopes as differences. */
static void take(const struct slope *s, uint32_t n_clusters, uint32_t wanted, struct cs_paired *out)
{
    *out = (struct cs_paired){.bounded = s->bounded};
    out->cluster = cs_xcalloc((size_t)n_clusters + 1, sizeof *out->cluster);
    out->diff = cs_xcalloc((size_t)n_clusters + 1, sizeof *out->diff);
    for (uint32_t i = 0; i < n_clusters; i++) {
        if (s->levels[i] < wanted)
            continue;
        out->cluster[out->n] = i;
        out->diff[out->n++] = s->sum[i];
    }
    const double mean = cs_analysis_work_mean(out->diff, out->n);
    out->low = mean + s->low;
    out->high = mean + s->high;
}

static void reduce(const struct cs_report_work *w, uint32_t model, uint32_t outcome, const struct cs_spec_trend *t,
                   struct cs_paired *out)
{
    const struct cs_measure *m = &w->declared->measures[outcome];
    const struct cs_side first = cs_analysis_declared_one_level(t->levels[0]);
    const struct cs_case_filter all = {.stratum = CS_NONE};
    const size_t n = (size_t)w->cases->n_clusters + 1;
    struct slope s = {cs_xcalloc(n, sizeof *s.sum), 0, 0, cs_xcalloc(n, sizeof *s.levels), true};
    struct cs_arrangement a;
    double *c = weights_of(t);
    cs_reduce_arrange(&a, &w->got->grids[model], m->question, t->factor);
    for (uint32_t i = 1; i < t->n; i++) {
        const struct cs_side level = cs_analysis_declared_one_level(t->levels[i]);
        struct cs_paired p;
        cs_reduce_pair(&p, m, &w->got->grids[model], &a, w->cases, &level, &first, &all);
        cs_analysis_corrected_pair(w, model, outcome, &a, &level, &first, &all, &p);
        add_level(&s, &p, c[i]);
        cs_reduce_paired_release(&p);
    }
    take(&s, w->cases->n_clusters, t->n - 1, out);
    cs_reduce_arrangement_release(&a);
    free(c);
    free(s.sum);
    free(s.levels);
}

static double length_of(const struct cs_spec_trend *t)
{
    double low = t->scores[0], high = t->scores[0];
    for (uint32_t i = 1; i < t->n; i++) {
        low = t->scores[i] < low ? t->scores[i] : low;
        high = t->scores[i] > high ? t->scores[i] : high;
    }
    return high - low;
}

static const char *anchor_of(struct cs_report_work *w, const struct cs_report_trend *row)
{
    char *id = cs_arena_printf(&w->r->arena, "t%zu-%s--%s--%s", (size_t)(row - w->r->trends) + 1,
                               w->r->models[row->model].name, w->r->outcomes[row->outcome].name,
                               w->r->factors[row->factor].name);
    for (char *p = id; *p != '\0'; p++) {
        const bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
                           *p == '_';
        *p = plain ? *p : '-';
    }
    return id;
}

static void measure(struct cs_report_work *w, struct cs_report_trend *row, const struct cs_spec_trend *t,
                    const struct cs_paired *p)
{
    const struct cs_report_outcome *o = &w->r->outcomes[row->outcome];
    const double scale = cs_analysis_work_scale(o), length = length_of(t);
    const struct cs_cluster_test test = cs_cluster_t(p->diff, p->n, w->declared->alpha, 0);
    row->steps = cs_analysis_work_copy(w, t->text);
    row->in_family = o->role != CS_OUTCOME_UNDECLARED;
    row->primary = o->role == CS_OUTCOME_PRIMARY && !t->exploratory;
    row->anchor = anchor_of(w, row);
    row->clusters = p->n;
    row->why = "";
    if (o->margin.known && length > 0)
        row->margin = cs_analysis_work_known(o->margin.value / length);
    if (p->n > 0)
        row->slope = cs_analysis_work_known(test.mean * scale);
    if (p->n > 0 && p->bounded)
        row->bounds = (struct cs_report_span){true, p->low * scale, p->high * scale};
    if (!cs_stats_usable(test.status))
        return;
    row->se = cs_analysis_work_known(test.se * scale);
    row->ci = (struct cs_report_span){true, test.ci.lo * scale, test.ci.hi * scale};
    row->p = cs_analysis_work_known(test.p);
}

void cs_analysis_trends(struct cs_report_work *w)
{
    struct cs_report *r = w->r;
    const size_t most = (size_t)r->n_models * r->n_outcomes * w->declared->n_trends + 1;
    r->n_trends = 0;
    r->trends = cs_arena_array(&r->arena, most, sizeof *r->trends);
    w->trend_pairs = cs_xcalloc(most, sizeof *w->trend_pairs);
    for (uint32_t m = 0; m < r->n_models; m++) {
        for (uint32_t o = 0; o < r->n_outcomes; o++) {
            for (uint32_t i = 0; i < w->declared->n_trends; i++) {
                const struct cs_spec_trend *t = &w->declared->trends[i];
                struct cs_report_trend *row = &r->trends[r->n_trends];
                *row = (struct cs_report_trend){.model = m, .outcome = o, .factor = t->factor};
                reduce(w, m, o, t, &w->trend_pairs[r->n_trends]);
                measure(w, row, t, &w->trend_pairs[r->n_trends++]);
            }
        }
    }
}

void cs_analysis_trends_release(struct cs_report_work *w)
{
    for (uint32_t i = 0; w->trend_pairs != NULL && i < w->r->n_trends; i++)
        cs_reduce_paired_release(&w->trend_pairs[i]);
    free(w->trend_pairs);
    w->trend_pairs = NULL;
}

/* ---- columns ----------------------------------------------------------------------------------------------- */

static const char *family_word(const struct cs_report *r, const void *row)
{
    const struct cs_report_trend *t = row;
    (void)r;
    return t->primary ? "primary" : t->in_family ? "exploratory" : "";
}

static const char *verdict_word(const struct cs_report *r, const void *row)
{
    (void)r;
    return cs_words_verdict_key(((const struct cs_report_trend *)row)->verdict);
}

static const struct cs_report_column columns[] = {
    CS_COLUMN(trend, anchor, "trend", "trend"),
    CS_COLUMN_MODEL_OUTCOME(trend),
    CS_COLUMN_OF(CS_COLUMN_FACTOR, trend, factor, "factor", "factor"),
    CS_COLUMN_SAME(trend, steps),
    CS_COLUMN_SAID(family_word, "family", "family"),
    CS_COLUMN_SAME(trend, clusters),
    CS_COLUMN_SAME(trend, slope),
    CS_COLUMN_SAME(trend, se),
    CS_COLUMN(trend, ci, "ci", "ci_low,ci_high"),
    CS_COLUMN(trend, ci_simultaneous, "ci_simultaneous", "simultaneous_low,simultaneous_high"),
    CS_COLUMN_SAME(trend, p),
    CS_COLUMN_SAME(trend, p_adjusted),
    CS_COLUMN_SAME(trend, margin),
    CS_COLUMN_SAME(trend, p_equivalence),
    CS_COLUMN_SAME(trend, p_equivalence_adjusted),
    CS_COLUMN(trend, bounds, "bounds", "worst,best"),
    CS_COLUMN_SAID(verdict_word, "verdict", "verdict"),
    CS_COLUMN_SAME(trend, why),
    CS_COLUMN(trend, decided_by, "decided_by", "decided_low,decided_high,decided_why"),
    CS_COLUMN_END_MODEL(trend),
};

static bool is_asked(const struct cs_report *r)
{
    return r->n_trends > 0;
}

const struct cs_report_table cs_analysis_trends_tables[] = {
    {"trends", "trends", CS_TABLE_ROWS(trends, n_trends), .columns = columns, .is_shown = is_asked, .is_rare = true},
    {0},
};
