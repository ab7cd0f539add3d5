/* noise.c - what moves without anything that should matter, and the three components of every contrast (stats/components.h has the
 * formulas; here a cluster may hold several cases and combinations, whose sampling variances add up as those of a mean do). */
#include <math.h>
#include <stdlib.h>

#include "protocol/base/alloc.h"
#include "tools/report/stats/components.h"
#include "tools/report/stats/dist.h"
#include "tools/report/analysis/sections.h"
#include "tools/report/words.h"

/* ---- within cells and between rephrasings -------------------------------------------------------------------------- */

struct cluster_cases { /* one cell, one cluster: the cases in it */
    double sum, squares, sampling;
    uint32_t n;
    bool repeated;
};

struct inner { /* sums over cells */
    double disagreement, level_distance;
    uint64_t cells; /* with two answers or more */
    double between; /* unbiased variance between cases of a cluster, sampling taken off */
    double apart;   /* how far two answers to two rephrasings are */
    uint64_t clusters;
};

/* Mean |x - y| of two different answers of a cell. */
static double level_distance(const struct cs_spot_counts *c, uint32_t n_categories)
{
    double sum = 0;
    const double n = (double)c->usable;
    for (uint32_t i = 0; i < n_categories; i++) {
        for (uint32_t j = 0; j < i; j++)
            sum += 2.0 * c->category[i] * c->category[j] * (i - j);
    }
    return sum / (n * (n - 1));
}

/* Only cells with every factor at its control (or first level) tell noise from effect. */
static bool is_baseline(const struct cs_study *s, const struct cs_coords *at)
{
    for (uint32_t f = 0; f < s->n_factors; f++) {
        const uint32_t control = cs_analysis_declared_level_of_role(&s->factors[f], CS_ROLE_CONTROL);
        if (at->arms[f].level != (control != CS_REPORT_NONE ? control : 0))
            return false;
    }
    return true;
}

static void look_inside(const struct cs_report_work *w, const struct cs_measure *m, const struct cs_grid *g,
                        uint32_t cell, struct cluster_cases *clusters, struct inner *sum)
{
    struct cs_spot_counts counts;
    struct cs_spot_value v;
    for (uint32_t i = 0; i < w->cases->n_clusters; i++)
        clusters[i] = (struct cluster_cases){.repeated = true};
    for (uint32_t c = 0; c < g->n_cases; c++) {
        cs_reduce_spot_count(m, g, c, &cell, 1, &counts);
        cs_reduce_spot_value(m, &counts, c, &v);
        if (!v.known)
            continue;
        struct cluster_cases *k = &clusters[w->cases->cluster[c]];
        k->n++;
        k->sum += v.mean;
        k->squares += v.mean * v.mean;
        k->sampling += v.variance / (double)v.n;
        k->repeated = k->repeated && v.n >= 2;
        if (v.n < 2)
            continue;
        sum->cells++;
        sum->disagreement += 2 * v.variance;
        if (m->kind == CS_OUTCOME_ORDINAL)
            sum->level_distance += level_distance(&counts, m->n_categories);
    }
    for (uint32_t i = 0; i < w->cases->n_clusters; i++) {
        const struct cluster_cases *k = &clusters[i];
        if (k->n < 2)
            continue;
        const double mean = k->sum / k->n, variance = (k->squares - k->n * mean * mean) / (k->n - 1);
        sum->clusters++;
        sum->between += variance - (k->repeated ? k->sampling / k->n : 0);
        /* over pairs of different cases, P(yes of one, no of the other) both ways */
        const double pairs = k->n * (k->n - 1.0), cross = (k->sum * k->sum - k->squares) / pairs;
        sum->apart += 2 * (mean - cross);
    }
}

static struct inner inside(const struct cs_report_work *w, uint32_t model, const struct cs_measure *m, bool *repeated)
{
    const struct cs_grid *g = &w->got->grids[model];
    struct cluster_cases *clusters = cs_xcalloc(w->cases->n_clusters + 1, sizeof *clusters);
    struct inner sum = {0};
    *repeated = false;
    for (uint32_t i = 0; i < g->n_cells; i++) {
        if (g->cells[i].at.question == m->question && is_baseline(w->study, &g->cells[i].at))
            look_inside(w, m, g, i, clusters, &sum);
    }
    *repeated = sum.cells > 0;
    free(clusters);
    return sum;
}

/* ---- floors ----------------------------------------------------------------------------------------------------------- */

struct growing { /* rows without a known number */
    struct cs_report_floor *floors;
    struct cs_report_component *components;
    uint32_t n_floors, cap_floors, n_components, cap_components;
};

static void add_floor(struct growing *g, const struct cs_report_floor *f)
{
    if (g->n_floors == g->cap_floors) {
        g->cap_floors = g->cap_floors * 2 + 64;
        g->floors = cs_xrealloc(g->floors, g->cap_floors, sizeof *g->floors);
    }
    g->floors[g->n_floors++] = *f;
}

static void add_component(struct growing *g, const struct cs_report_component *c)
{
    if (g->n_components == g->cap_components) {
        g->cap_components = g->cap_components * 2 + 64;
        g->components = cs_xrealloc(g->components, g->cap_components, sizeof *g->components);
    }
    g->components[g->n_components++] = *c;
}

static enum cs_arm_kind kind_of(enum cs_role role)
{
    return role == CS_ROLE_PLACEBO ? CS_ARM_PLACEBO : role == CS_ROLE_AA ? CS_ARM_AA : CS_ARM_LEVELS;
}

/* Range of the shifts of placebo or A/A levels, of all factors, against their controls. */
static void range_floor(const struct cs_report_work *w, struct growing *g, uint32_t model, uint32_t outcome,
                        enum cs_arm_kind kind)
{
    struct cs_report_floor f = {.model = model, .outcome = outcome, .kind = kind, .why = ""};
    for (uint32_t k = 0; k < w->declared->n_contrasts; k++) {
        const struct cs_spec_contrast *spec = &w->declared->contrasts[k];
        const struct cs_report_contrast *c = &w->r->contrasts[cs_analysis_work_contrast_at(w, model, outcome, k)];
        if (!spec->floor || spec->against != CS_AGAINST_CONTROL || !cs_analysis_declared_is_whole(spec) ||
            !c->shift.known || kind_of(w->study->factors[spec->factor].levels[spec->level].role) != kind)
            continue;
        f.range.low = f.n_arms == 0 || c->shift.value < f.range.low ? c->shift.value : f.range.low;
        f.range.high = f.n_arms == 0 || c->shift.value > f.range.high ? c->shift.value : f.range.high;
        f.range.known = true;
        f.n_arms++;
    }
    if (f.n_arms == 0)
        f.why = kind == CS_ARM_AA ? "the study has no A/A level" : "the study has no placebo level";
    add_floor(g, &f);
}

static void inner_floors(const struct cs_report_work *w, struct growing *g, uint32_t model, uint32_t outcome)
{
    const struct cs_measure *m = &w->declared->measures[outcome];
    const double scale = cs_analysis_work_scale(&w->r->outcomes[outcome]);
    bool repeated;
    const struct inner sum = inside(w, model, m, &repeated);
    struct cs_report_floor reask = {.model = model, .outcome = outcome, .kind = CS_ARM_REASK, .n_arms = 1, .why = ""};
    struct cs_report_floor rephrase = reask;
    rephrase.kind = CS_ARM_REPHRASE;
    if (!repeated)
        reask.why = "each prompt was asked once, so that nothing shows the noise of asking again";
    else if (m->kind == CS_OUTCOME_NUMBER)
        reask.why = "for numbers see the components: variance within prompts";
    else
        reask.disagreement = cs_analysis_work_known(
            (m->kind == CS_OUTCOME_ORDINAL ? sum.level_distance : sum.disagreement) / (double)sum.cells * scale);
    if (sum.clusters == 0)
        rephrase.why = "every cluster is one case: the study has no rephrasings";
    else if (scale > 1)
        rephrase.disagreement = cs_analysis_work_known(sum.apart / (double)sum.clusters * scale);
    else
        rephrase.why = "for scales and numbers see the components: SD between rephrasings";
    add_floor(g, &rephrase);
    add_floor(g, &reask);
    if (sum.clusters == 0)
        return;
    struct cs_report_component c = {.model = model,
                                    .outcome = outcome,
                                    .factor = CS_REPORT_NONE,
                                    .kind = CS_ARM_REPHRASE,
                                    .level = CS_REPORT_NONE,
                                    .why = ""};
    const double variance = sum.between / (double)sum.clusters;
    c.clusters = (uint32_t)sum.clusters;
    if (repeated) {
        c.case_variance = cs_analysis_work_known(variance * scale * scale);
        c.case_sd = cs_analysis_work_known(variance > 0 ? sqrt(variance) * scale : 0);
        c.noise = cs_analysis_work_known(sum.disagreement / (double)sum.cells);
    } else {
        c.why = "each prompt was asked once: noise and rephrasing cannot be told apart";
    }
    add_component(g, &c);
}

/* ---- components of contrasts ------------------------------------------------------------------------------------------------ */

/* Its standard error leaves out one cluster at a time. */
static struct cs_report_span case_variance_ci(const struct cs_paired *p, double alpha, double scale)
{
    struct cs_component_cluster *cluster = cs_xcalloc((size_t)p->n + 1, sizeof *cluster);
    for (uint32_t i = 0; i < p->n; i++)
        cluster[i] = (struct cs_component_cluster){.d = p->diff[i], .v = p->sampling[i]};
    const struct cs_component c = cs_stats_components_reduced(cluster, p->n, alpha, 0).case_sq;
    const double reach = cs_dist_t_critical(alpha / 2, p->n - 1) * c.se;
    free(cluster);
    return (struct cs_report_span){true, (c.value - reach) * scale, (c.value + reach) * scale};
}

static void one_component(const struct cs_report_work *w, uint32_t model, uint32_t outcome, uint32_t contrast,
                          struct cs_report_component *out)
{
    const struct cs_spec_contrast *spec = &w->declared->contrasts[contrast];
    const size_t at = cs_analysis_work_contrast_at(w, model, outcome, contrast);
    const struct cs_report_contrast *c = &w->r->contrasts[at];
    const struct cs_paired *p = &w->paired[at];
    const double scale = cs_analysis_work_scale(&w->r->outcomes[outcome]);
    struct cs_moments d, v;
    *out = (struct cs_report_component){.model = model,
                                        .outcome = outcome,
                                        .factor = spec->factor,
                                        .kind = kind_of(w->study->factors[spec->factor].levels[spec->level].role),
                                        .level = spec->level,
                                        .n_levels = 1,
                                        .clusters = p->n,
                                        .systematic = c->shift,
                                        .systematic_ci = c->ci,
                                        .why = ""};
    out->wording_sd = c->wording_sd;
    if (p->n < 3) {
        out->why = "fewer than 3 clusters";
        return;
    }
    if (cs_stats_moments(p->diff, p->n, &d) != CS_STAT_OK || cs_stats_moments(p->sampling, p->n, &v) != CS_STAT_OK)
        return;
    out->systematic_sq = cs_analysis_work_known((d.mean * d.mean - d.var / p->n) * scale * scale);
    if (!p->repeated) {
        out->why = "a prompt has fewer than two answers: noise cannot be told from sensitivity to the case";
        return;
    }
    const double variance = d.var - v.mean;
    out->case_variance = cs_analysis_work_known(variance * scale * scale);
    out->case_variance_ci = case_variance_ci(p, w->declared->alpha, scale * scale);
    out->case_sd = cs_analysis_work_known(variance > 0 ? sqrt(variance) * scale : 0);
    out->noise = cs_analysis_work_known(p->noise);
}

/* The mean of all levels of a kind; squares are averaged as they are, negative ones too. */
static void mean_component(struct growing *g, uint32_t from, enum cs_arm_kind kind, struct cs_report_component *out)
{
    double systematic = 0, variance = 0, noise = 0;
    uint32_t squares = 0, parts = 0;
    for (uint32_t i = from; i < g->n_components; i++) {
        const struct cs_report_component *c = &g->components[i];
        if (c->kind != kind)
            continue;
        if (out->n_levels++ == 0 || c->clusters < out->clusters)
            out->clusters = c->clusters;
        if (c->systematic_sq.known) {
            systematic += c->systematic_sq.value;
            squares++;
        }
        if (c->case_variance.known) {
            variance += c->case_variance.value;
            noise += c->noise.value;
            parts++;
        }
    }
    if (squares > 0) {
        out->systematic_sq = cs_analysis_work_known(systematic / squares);
        if (out->systematic_sq.value >= 0)
            out->systematic = cs_analysis_work_known(sqrt(out->systematic_sq.value));
        else
            out->why = "the unbiased estimate of the squared shift is below 0: no systematic shift to be seen";
    }
    if (parts > 0) {
        out->case_variance = cs_analysis_work_known(variance / parts);
        out->case_sd = cs_analysis_work_known(variance > 0 ? sqrt(variance / parts) : 0);
        out->noise = cs_analysis_work_known(noise / parts);
    } else {
        out->why = "a prompt has fewer than two answers: noise cannot be told from sensitivity to the case";
    }
}

static void factor_components(const struct cs_report_work *w, struct growing *g, uint32_t model, uint32_t outcome,
                              uint32_t factor)
{
    static const enum cs_arm_kind kinds[] = {CS_ARM_LEVELS, CS_ARM_PLACEBO, CS_ARM_AA};
    struct growing levels = {0};
    struct cs_report_component c;
    for (uint32_t k = 0; k < w->declared->n_contrasts; k++) {
        const struct cs_spec_contrast *spec = &w->declared->contrasts[k];
        if (spec->factor != factor || spec->against != CS_AGAINST_CONTROL || !cs_analysis_declared_is_whole(spec))
            continue;
        one_component(w, model, outcome, k, &c);
        add_component(&levels, &c);
    }
    for (uint32_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct cs_report_component mean = {
            .model = model, .outcome = outcome, .factor = factor, .kind = kinds[i], .level = CS_REPORT_NONE, .why = ""};
        mean_component(&levels, 0, kinds[i], &mean);
        if (mean.n_levels == 0)
            continue;
        add_component(g, &mean);
        for (uint32_t k = 0; k < levels.n_components; k++) {
            if (levels.components[k].kind == kinds[i])
                add_component(g, &levels.components[k]);
        }
    }
    free(levels.components);
}

void cs_analysis_noise(struct cs_report_work *w)
{
    struct cs_report *r = w->r;
    struct growing g = {0};
    for (uint32_t m = 0; m < r->n_models; m++) {
        for (uint32_t o = 0; o < r->n_outcomes; o++) {
            range_floor(w, &g, m, o, CS_ARM_PLACEBO);
            range_floor(w, &g, m, o, CS_ARM_AA);
            inner_floors(w, &g, m, o);
            for (uint32_t f = 0; f < r->n_factors; f++)
                factor_components(w, &g, m, o, f);
        }
    }
    struct cs_report_floor *floors = cs_arena_array(&r->arena, g.n_floors + 1, sizeof *floors);
    struct cs_report_component *components = cs_arena_array(&r->arena, g.n_components + 1, sizeof *components);
    for (uint32_t i = 0; i < g.n_floors; i++)
        floors[i] = g.floors[i];
    for (uint32_t i = 0; i < g.n_components; i++)
        components[i] = g.components[i];
    r->floors = floors;
    r->n_floors = g.n_floors;
    r->components = components;
    r->n_components = g.n_components;
    free(g.floors);
    free(g.components);
}

/* ---- columns ------------------------------------------------------------------------------------------------------------------ */

static const char *floor_kind(const struct cs_report *r, const void *row)
{
    const struct cs_report_floor *f = row;
    (void)r;
    return cs_words_arm(f->kind);
}

static const char *component_kind(const struct cs_report *r, const void *row)
{
    const struct cs_report_component *c = row;
    (void)r;
    return cs_words_arm(c->kind);
}

static const struct cs_report_column floor_columns[] = {
    CS_COLUMN_MODEL_OUTCOME(floor),
    CS_COLUMN_SAID(floor_kind, "kind", "kind"),
    CS_COLUMN(floor, n_arms, "arms", "arms"),
    CS_COLUMN(floor, range, "range", "range_low,range_high"),
    CS_COLUMN_SAME(floor, disagreement),
    CS_COLUMN_SAME(floor, why),
    CS_COLUMN_END_MODEL(floor),
};
static const struct cs_report_column component_columns[] = {
    CS_COLUMN_MODEL_OUTCOME(component),
    CS_COLUMN_FACTOR_LEVEL(component),
    CS_COLUMN_SAID(component_kind, "kind", "kind"),
    CS_COLUMN(component, n_levels, NULL, "levels"),
    CS_COLUMN_SAME(component, clusters),
    CS_COLUMN_SAME(component, systematic),
    CS_COLUMN(component, systematic_ci, "systematic_ci", "systematic_low,systematic_high"),
    CS_COLUMN_SAME(component, systematic_sq),
    CS_COLUMN_SAME(component, case_sd),
    CS_COLUMN_SAME(component, case_variance),
    CS_COLUMN_SAME(component, noise),
    CS_COLUMN_SAME(component, why),
    CS_COLUMN_SAME(component, wording_sd),
    CS_COLUMN(component, case_variance_ci, "case_variance_ci", "case_variance_low,case_variance_high"),
    CS_COLUMN_END_MODEL(component),
};
const struct cs_report_table cs_analysis_noise_tables[] = {
    {"floors", "floors", CS_TABLE_ROWS(floors, n_floors), .columns = floor_columns},
    {"components", "components", CS_TABLE_ROWS(components, n_components), .columns = component_columns},
    {0},
};
