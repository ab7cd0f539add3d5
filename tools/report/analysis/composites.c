/* composites.c - `analysis: {composites: {NAME: {harmonic: [OUTCOME, ...]}}}`: the harmonic mean of means, under each level.
 *
 * Each part is first averaged within its clusters and over them, as its rate is; then the parts are put together (stats/scoring.h). The
 * interval: delete one cluster at a time, pseudo-values, Student's t on clusters - 1 (Tukey's jackknife; Miller, Biometrika 61 (1974) 1-15).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/json.h"
#include "tools/report/analysis/sections.h"
#include "tools/report/stats/dist.h"
#include "tools/report/stats/scoring.h"

enum { PARTS_MAX = 64 };

struct composite {
    const char *name, *parts_text;
    uint32_t part[PARTS_MAX], n; /* outcomes */
};

/* The outcome of that name ("OUTCOME" or "QUESTION.OUTCOME"), one number each; CS_REPORT_NONE: none such. */
static uint32_t outcome_of(const struct cs_report *r, const char *name)
{
    const char *dot = strchr(name, '.');
    for (uint32_t i = 0; i < r->n_outcomes; i++) {
        const struct cs_report_outcome *o = &r->outcomes[i];
        const bool question = dot == NULL || (strncmp(o->question, name, (size_t)(dot - name)) == 0 &&
                                              o->question[dot - name] == '\0');
        if (question && o->category[0] == '\0' && strcmp(o->field, dot != NULL ? dot + 1 : name) == 0)
            return i;
    }
    return CS_REPORT_NONE;
}

static bool read_composite(struct cs_report *r, const char *name, const struct cs_json *parts, struct composite *out)
{
    const char *text = "";
    *out = (struct composite){.name = cs_arena_strdup(&r->arena, name)};
    for (size_t i = 0; i < cs_json_array_size(parts) && i < PARTS_MAX; i++) {
        const char *part = cs_json_string_value(cs_json_array_get(parts, i));
        const uint32_t outcome = part != NULL ? outcome_of(r, part) : CS_REPORT_NONE;
        if (outcome == CS_REPORT_NONE)
            return false;
        text = cs_arena_printf(&r->arena, "%s%s%s", text, i > 0 ? ", " : "", part);
        out->part[out->n++] = outcome;
    }
    out->parts_text = text;
    return out->n > 0;
}

/* The mean of a part without one cluster (CS_REPORT_NONE: with all). False: nothing is left. */
static bool mean_without(const struct cs_paired *p, uint32_t cluster, double *out)
{
    double sum = 0;
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->n; i++) {
        if (p->cluster[i] == cluster)
            continue;
        sum += p->level[i];
        n++;
    }
    *out = n > 0 ? sum / n : 0;
    return n > 0;
}

static bool value_without(const struct cs_paired *p, uint32_t n, uint32_t cluster, double *out)
{
    double mean[PARTS_MAX];
    for (uint32_t i = 0; i < n; i++) {
        if (!mean_without(&p[i], cluster, &mean[i]) || !(mean[i] >= 0))
            return false;
    }
    *out = cs_scoring_harmonic_mean(mean, n);
    return true;
}

/* Within the harmonic means of the least and the most that the parts can be. */
static struct cs_report_span clamped(const struct cs_report_work *w, const struct composite *c, double low, double high)
{
    double least[PARTS_MAX], most[PARTS_MAX];
    bool known = true;
    for (uint32_t i = 0; i < c->n; i++) {
        known = cs_analysis_work_ends(&w->declared->measures[c->part[i]], &least[i], &most[i]) && known;
        least[i] = fmax(0, least[i]);
    }
    const double floor = known ? cs_scoring_harmonic_mean(least, c->n) : 0;
    const double ceiling = known ? cs_scoring_harmonic_mean(most, c->n) : INFINITY;
    return (struct cs_report_span){true, fmax(floor, low), fmin(ceiling, high)};
}

static bool is_constant(const struct cs_paired *p)
{
    for (uint32_t i = 1; i < p->n; i++) {
        if (fabs(p->level[i] - p->level[0]) > CS_STAT_ZERO)
            return false;
    }
    return true;
}

/* Over the clusters that have the first part; one that lacks another part changes that one's mean not at all. */
static void jackknife(struct cs_report_work *w, const struct composite *c, const struct cs_paired *p,
                      struct cs_report_composite *row)
{
    const uint32_t n = c->n;
    const double alpha = w->declared->alpha;
    const uint32_t clusters = p[0].n;
    double sum = 0, squares = 0, all = 0, one = 0;
    if (!value_without(p, n, CS_REPORT_NONE, &all))
        return;
    row->value = (struct cs_report_figure){true, all};
    for (uint32_t i = 0; i < clusters; i++) {
        if (!value_without(p, n, p[0].cluster[i], &one))
            return;
        const double pseudo = clusters * all - (clusters - 1) * one;
        sum += pseudo;
        squares += pseudo * pseudo;
    }
    if (clusters < 2)
        return;
    for (uint32_t i = 0; i < n; i++) {
        if (is_constant(&p[i])) { /* it would have an interval of no width, which is no more sure for being so */
            row->why = cs_arena_printf(&w->r->arena, "%s is the same in every cluster, and so there is no interval",
                                       w->r->outcomes[c->part[i]].label);
            return;
        }
    }
    const double variance = fmax(0, (squares - sum * sum / clusters) / (clusters - 1));
    const double half = cs_dist_t_critical(alpha / 2, clusters - 1) * sqrt(variance / clusters);
    row->ci = clamped(w, c, all - half, all + half);
}

static void fill_row(struct cs_report_work *w, const struct composite *c, struct cs_report_composite *row)
{
    const struct cs_side side = cs_analysis_declared_one_level(row->level == CS_REPORT_NONE ? 0 : row->level);
    const struct cs_case_filter all = {.stratum = CS_NONE};
    struct cs_paired p[PARTS_MAX];
    for (uint32_t i = 0; i < c->n; i++) {
        const struct cs_measure *m = &w->declared->measures[c->part[i]];
        struct cs_arrangement a;
        cs_reduce_arrange(&a, &w->got->grids[row->model], m->question, row->factor);
        cs_reduce_pair(&p[i], m, &w->got->grids[row->model], &a, w->cases, &side, &side, &all);
        cs_reduce_arrangement_release(&a);
    }
    row->clusters = p[0].n;
    jackknife(w, c, p, row);
    for (uint32_t i = 0; i < c->n; i++)
        cs_reduce_paired_release(&p[i]);
}

static void add_rows(struct cs_report_work *w, const struct composite *c, struct cs_report_composite *rows)
{
    struct cs_report *r = w->r;
    for (uint32_t m = 0; m < r->n_models; m++) {
        for (uint32_t i = 0; i < cs_analysis_work_factors(r); i++) {
            const uint32_t f = cs_analysis_work_factor(r, i);
            for (uint32_t l = 0; l < cs_analysis_work_levels(r, f); l++) {
                struct cs_report_composite *row = &rows[r->n_composites++];
                *row = (struct cs_report_composite){.name = c->name,
                                                    .parts = c->parts_text,
                                                    .model = m,
                                                    .factor = f,
                                                    .level = cs_analysis_work_level(f, l),
                                                    .why = ""};
                fill_row(w, c, row);
            }
        }
    }
}

void cs_analysis_composites(struct cs_report_work *w)
{
    struct cs_report *r = w->r;
    struct cs_json *analysis = w->study->analysis != NULL ? cs_json_loads(w->study->analysis, 0, NULL) : NULL, *v;
    struct cs_json *all = cs_json_object_get(analysis, "composites");
    const size_t n = cs_json_object_size(all);
    struct cs_report_composite *rows = cs_arena_array(&r->arena, n * r->n_models * cs_analysis_work_arms(r) + 1,
                                                      sizeof *rows);
    const char *name;
    r->composites = rows;
    cs_json_object_foreach(all, name, v)
    {
        struct composite c;
        if (read_composite(r, name, cs_json_object_get(v, "harmonic"), &c))
            add_rows(w, &c, rows);
    }
    cs_json_decref(analysis);
}

static bool is_any(const struct cs_report *r)
{
    return r->n_composites > 0;
}

static const struct cs_report_column columns[] = {
    CS_COLUMN_OF(CS_COLUMN_MODEL, composite, model, "model", "model"),
    CS_COLUMN_SAME(composite, name),
    CS_COLUMN_SAME(composite, parts),
    CS_COLUMN_FACTOR_LEVEL(composite),
    CS_COLUMN_SAME(composite, clusters),
    CS_COLUMN_SAME(composite, value),
    CS_COLUMN(composite, ci, "ci", "low,high"),
    CS_COLUMN_SAME(composite, why),
    CS_COLUMN_END_MODEL(composite),
};
const struct cs_report_table cs_analysis_composites_tables[] = {
    {"composites", "composites", CS_TABLE_ROWS(composites, n_composites), .columns = columns, .is_shown = is_any,
     .is_rare = true},
    {0},
};
