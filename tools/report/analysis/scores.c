/* scores.c - the declared scores of judged outputs: mean over outputs by cluster, clipped after it, by model, level and tag. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/table/names.h"
#include "tools/judged/scored.h"
#include "tools/report/analysis/sections.h"
#include "tools/report/analysis/work.h"
#include "tools/report/stats/cluster.h"
#include "tools/report/stats/scoring.h"

struct making {
    struct cs_report_work *w;
    struct cs_scores s;
    uint32_t *cluster, n_clusters; /* of each output */
    uint32_t each;                 /* places of one model: all, then every level of the parent's factors */
    struct cs_report_score *list;
    uint32_t n, cap;
};

struct place {                     /* of which outputs */
    uint32_t model, factor, level; /* factor NONE: all */
};

static bool is_in(const struct place *p, const struct cs_score_output *o)
{
    return o->model == p->model && (p->factor == CS_REPORT_NONE || o->levels[p->factor] == p->level);
}

static struct cs_report_score *add_row(struct making *m, const struct cs_score *x, const char *tag,
                                       const struct place *at)
{
    if (m->n == m->cap) {
        m->cap = m->cap * 2 + 64;
        m->list = cs_xrealloc(m->list, m->cap, sizeof *m->list);
    }
    struct cs_report_score *row = &m->list[m->n++];
    *row = (struct cs_report_score){.score = cs_analysis_work_copy(m->w, x->name),
                                    .tag = cs_analysis_work_copy(m->w, tag),
                                    .model = at->model,
                                    .factor = at->factor,
                                    .level = at->level,
                                    .why = ""};
    return row;
}

static double clip(const struct cs_score *x, double v)
{
    return x->clipped ? cs_stats_max(x->lo, cs_stats_min(v, x->hi)) : v;
}

/* ---- means ---------------------------------------------------------------------------------------------------------------- */

struct sums {
    double *value, *low, *high; /* by cluster */
    uint32_t *n, *n_bounds;
    double least, most; /* that an output can have here; least > most: none has any */
};

static void add_output(const struct making *m, struct sums *s, uint32_t row, uint32_t output,
                       struct cs_report_score *out)
{
    const uint32_t c = m->cluster[output];
    double value, low, high;
    const bool known = cs_scored_value(&m->s, row, output, &value, &low, &high);
    if (isnan(low))
        return; /* nothing of this tag, or nothing to gain */
    double least, most;
    if (cs_scored_ends(&m->s, row, output, &least, &most)) {
        s->least = fmin(s->least, least);
        s->most = fmax(s->most, most);
    }
    out->outputs++;
    out->without += !known;
    s->low[c] += known ? value : low;
    s->high[c] += known ? value : high;
    s->n_bounds[c]++;
    if (known) {
        s->value[c] += value;
        s->n[c]++;
    }
}

/* Cluster means in place of sums, without gaps. */
static uint32_t to_means(double *sum, const uint32_t *n, uint32_t n_clusters, double *out)
{
    uint32_t k = 0;
    for (uint32_t c = 0; c < n_clusters; c++) {
        if (n[c] > 0)
            out[k++] = sum[c] / n[c];
    }
    return k;
}

static void finish_mean(const struct making *m, const struct cs_score *x, struct sums *s, struct cs_report_score *row)
{
    double *means = cs_xcalloc((size_t)m->n_clusters + 1, sizeof *means);
    const uint32_t n = to_means(s->value, s->n, m->n_clusters, means);
    const struct cs_cluster_level t = cs_cluster_level(means, n, m->w->declared->alpha, s->least, s->most);
    row->clusters = n;
    if (n > 0) {
        row->mean = cs_analysis_work_known(clip(x, cs_analysis_work_mean(means, n)));
        row->unclipped = cs_analysis_work_known(cs_analysis_work_mean(means, n));
    } else {
        row->why = row->outputs > 0 ? "every output lacks a verdict" : "no output has such elements";
    }
    if (cs_stats_usable(t.status))
        row->ci = (struct cs_report_span){true, clip(x, t.ci.lo), clip(x, t.ci.hi)};
    if (row->without > 0) {
        const uint32_t k = to_means(s->low, s->n_bounds, m->n_clusters, means);
        const double low = cs_analysis_work_mean(means, k);
        to_means(s->high, s->n_bounds, m->n_clusters, means);
        row->bounds = (struct cs_report_span){k > 0, clip(x, low), clip(x, cs_analysis_work_mean(means, k))};
    }
    free(means);
}

static void make_mean(struct making *m, uint32_t at, const struct place *p)
{
    const struct cs_score_row *r = &m->s.rows[at];
    const struct cs_score *x = &m->s.scores[r->score];
    struct cs_report_score *row = add_row(m, x, r->tag, p);
    const size_t n = (size_t)m->n_clusters + 1;
    struct sums s = {cs_xcalloc(n, sizeof(double)),
                     cs_xcalloc(n, sizeof(double)),
                     cs_xcalloc(n, sizeof(double)),
                     cs_xcalloc(n, sizeof(uint32_t)),
                     cs_xcalloc(n, sizeof(uint32_t)),
                     INFINITY,
                     -INFINITY};
    for (uint32_t i = 0; i < m->s.n_outputs; i++) {
        if (is_in(p, &m->s.outputs[i]))
            add_output(m, &s, at, i, row);
    }
    finish_mean(m, x, &s, row);
    free(s.value);
    free(s.low);
    free(s.high);
    free(s.n);
    free(s.n_bounds);
}

/* ---- of earlier means -------------------------------------------------------------------------------------------------------- */

/* The mean of a score in a place; NaN: there is none. */
static double mean_at(const struct making *m, uint32_t score, const struct place *p)
{
    for (uint32_t i = 0; i < m->n; i++) {
        const struct cs_report_score *r = &m->list[i];
        if (strcmp(r->score, m->s.scores[score].name) == 0 && r->tag[0] == '\0' && r->model == p->model &&
            r->factor == p->factor && r->level == p->level)
            return r->mean.known ? r->mean.value : NAN;
    }
    return NAN;
}

static void make_harmonic(struct making *m, const struct cs_score *x, const struct place *p)
{
    double parts[CS_SCORE_PARTS_MAX];
    bool all = true;
    for (uint32_t i = 0; i < x->n_parts; i++) {
        parts[i] = mean_at(m, x->parts[i], p);
        all = all && !isnan(parts[i]);
    }
    struct cs_report_score *row = add_row(m, x, "", p);
    if (all)
        row->mean = cs_analysis_work_known(cs_scoring_harmonic_mean(parts, x->n_parts));
    else
        row->why = "one of its parts has no mean";
    row->unclipped = row->mean;
}

static void make_win_rates(struct making *m, const struct cs_score *x, struct place p)
{
    const uint32_t models = m->w->r->n_models;
    double *values = cs_xcalloc((size_t)models * x->n_parts + 1, sizeof *values),
           *out = cs_xcalloc(models + 1u, sizeof *out);
    for (p.model = 0; p.model < models; p.model++) {
        for (uint32_t i = 0; i < x->n_parts; i++)
            values[(size_t)p.model * x->n_parts + i] = mean_at(m, x->parts[i], &p);
    }
    cs_scoring_win_rate(values, models, x->n_parts, out);
    for (p.model = 0; p.model < models; p.model++) {
        struct cs_report_score *row = add_row(m, x, "", &p);
        row->mean = row->unclipped = cs_analysis_work_known(out[p.model]);
        if (!row->mean.known)
            row->why = "there is no other model to compare with";
    }
    free(values);
    free(out);
}

/* ---- all ------------------------------------------------------------------------------------------------------------------------ */

typedef void place_fn(struct making *m, uint32_t score, struct place p);

static void each_place(struct making *m, uint32_t score, uint32_t models, place_fn *fn)
{
    const struct cs_parent_study *parent = m->s.study->parent;
    for (uint32_t model = 0; model < models; model++) {
        fn(m, score, (struct place){model, CS_REPORT_NONE, CS_REPORT_NONE});
        for (uint32_t f = 0; f < parent->n_factors; f++) {
            for (uint32_t l = 0; l < parent->factors[f].n_levels; l++)
                fn(m, score, (struct place){model, f, l});
        }
    }
}

static void at_place(struct making *m, uint32_t score, struct place p)
{
    const struct cs_score *x = &m->s.scores[score];
    switch (x->way) {
    case CS_SCORE_SUM:
    case CS_SCORE_JURY:
        for (uint32_t i = 0; i < x->n; i++)
            make_mean(m, x->first + i, &p);
        return;
    case CS_SCORE_HARMONIC:
        make_harmonic(m, x, &p);
        return;
    case CS_SCORE_WIN_RATE:
        make_win_rates(m, x, p);
        return;
    }
}

static void number_clusters(struct making *m)
{
    struct cs_names names = {0};
    m->cluster = cs_xcalloc((size_t)m->s.n_outputs + 1, sizeof *m->cluster);
    for (uint32_t i = 0; i < m->s.n_outputs; i++) {
        const uint32_t known = cs_names_put(&names, m->s.outputs[i].cluster, m->n_clusters);
        m->cluster[i] = known != UINT32_MAX ? known : m->n_clusters++;
    }
    cs_names_release(&names);
}

void cs_analysis_scores(struct cs_report_work *w)
{
    struct making m = {.w = w};
    if (w->source->judged.own == NULL)
        return;
    w->rc = cs_scored_read(&m.s, w->source->judged.votes, w->err);
    if (w->rc == CS_OK) {
        number_clusters(&m);
        for (uint32_t i = 0; i < m.s.n_scores; i++) /* win rates are of all models at once */
            each_place(&m, i, m.s.scores[i].way == CS_SCORE_WIN_RATE ? 1 : w->r->n_models, at_place);
        struct cs_report_score *rows = cs_arena_array(&w->r->arena, (size_t)m.n + 1, sizeof *rows);
        for (uint32_t i = 0; i < m.n; i++)
            rows[i] = m.list[i];
        w->r->scores = rows;
        w->r->n_scores = m.n;
    }
    free(m.list);
    free(m.cluster);
    cs_scored_close(&m.s);
}

/* ---- columns ------------------------------------------------------------------------------------------------------------------- */

static const struct cs_report_column columns[] = {
    CS_COLUMN_OF(CS_COLUMN_MODEL, score, model, "model", "model"),
    CS_COLUMN_SAME(score, score),
    CS_COLUMN_SAME(score, tag),
    CS_COLUMN_FACTOR_LEVEL(score),
    CS_COLUMN_SAME(score, outputs),
    CS_COLUMN_SAME(score, without),
    CS_COLUMN_SAME(score, clusters),
    CS_COLUMN_SAME(score, mean),
    CS_COLUMN(score, ci, "ci", "ci_low,ci_high"),
    CS_COLUMN_SAME(score, unclipped),
    CS_COLUMN(score, bounds, "bounds", "worst,best"),
    CS_COLUMN_SAME(score, why),
    CS_COLUMN_END_MODEL(score),
};
static bool has_scores(const struct cs_report *r)
{
    return r->n_scores > 0;
}
const struct cs_report_table cs_analysis_scores_tables[] = {
    {"scores", "scores", CS_TABLE_ROWS(scores, n_scores), .columns = columns, .is_shown = has_scores, .is_rare = true},
    {0},
};
