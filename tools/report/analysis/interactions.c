#include "tools/report/analysis/interactions.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "tools/report/analysis/corrected.h"
#include "tools/report/analysis/sections.h"
#include "tools/report/stats/interaction.h"
#include "tools/report/words.h"

/* ---- the shift in each level of the modifier --------------------------------------------------------------- */

struct column { /* one level of the modifier */
    const char *name;
    struct cs_paired pair;
    double low, high; /* how far unusable answers could move its mean, down and up */
};

struct columns {
    struct column *list; /* the first is the reference */
    uint32_t n;
    struct cs_arrangement arranged;
    bool between; /* each level has cases of its own */
};

static void add_column(struct columns *c, const char *name, const struct cs_paired *pair)
{
    const double mean = cs_analysis_work_mean(pair->diff, pair->n);
    c->list[c->n++] = (struct column){.name = name,
                                      .pair = *pair,
                                      .low = pair->bounded && pair->n > 0 ? pair->low - mean : 0,
                                      .high = pair->bounded && pair->n > 0 ? pair->high - mean : 0};
}

static void reduce_column(const struct cs_report_work *w, struct columns *c, uint32_t model, uint32_t outcome,
                          uint32_t contrast, const struct cs_case_filter *filter, const char *name)
{
    const struct cs_spec_contrast *spec = &w->declared->contrasts[contrast];
    const struct cs_side level = cs_analysis_declared_one_level(spec->level);
    struct cs_case_filter own = *filter;
    struct cs_paired pair;
    own.flagged = w->declared->flagged[(size_t)outcome * w->declared->n_contrasts + contrast];
    cs_reduce_pair(&pair, &w->declared->measures[outcome], &w->got->grids[model], &c->arranged, w->cases, &level,
                   &spec->comparator_side, &own);
    cs_analysis_corrected_pair(w, model, outcome, &c->arranged, &level, &spec->comparator_side, &own, &pair);
    if (pair.n > 0)
        add_column(c, name, &pair);
    else
        cs_reduce_paired_release(&pair); /* the plan has no such part */
}

static void factor_columns(const struct cs_report_work *w, struct columns *c, uint32_t model, uint32_t outcome,
                           const struct cs_spec_interaction *x)
{
    const struct cs_factor *f = &w->study->factors[x->modifier];
    const uint32_t control = cs_analysis_declared_level_of_role(f, CS_ROLE_CONTROL);
    const uint32_t first = control != CS_REPORT_NONE ? control : 0;
    for (uint32_t i = 0; i < f->n_levels; i++) {
        const uint32_t level = i == 0 ? first : i <= first ? i - 1 : i;
        const struct cs_case_filter filter = {.stratum = CS_NONE, .within = {true, x->modifier, level}};
        reduce_column(w, c, model, outcome, x->contrast, &filter, f->levels[level].id);
    }
}

static void stratum_columns(const struct cs_report_work *w, struct columns *c, uint32_t model, uint32_t outcome,
                            const struct cs_spec_interaction *x)
{
    const struct cs_case_column *s = &w->cases->strata[x->modifier];
    c->between = true;
    for (uint32_t value = 0; value < s->n_values; value++) {
        const struct cs_case_filter filter = {.stratum = x->modifier, .value = value};
        reduce_column(w, c, model, outcome, x->contrast, &filter, s->values[value]);
    }
}

static void copy_column(const struct cs_report_work *w, struct columns *c, uint32_t model, const struct cs_paired *from)
{
    struct cs_paired pair = *from;
    if (from->n == 0)
        return;
    pair.level = pair.comparator = pair.sampling = NULL;
    pair.cluster = cs_xcalloc(from->n, sizeof *pair.cluster);
    pair.diff = cs_xcalloc(from->n, sizeof *pair.diff);
    memcpy(pair.cluster, from->cluster, from->n * sizeof *pair.cluster);
    memcpy(pair.diff, from->diff, from->n * sizeof *pair.diff);
    add_column(c, w->r->models[model].name, &pair);
}

static struct columns columns_of(const struct cs_report_work *w, uint32_t model, uint32_t outcome,
                                 const struct cs_spec_interaction *x)
{
    const struct cs_spec_contrast *spec = &w->declared->contrasts[x->contrast];
    const uint32_t most = x->by == CS_BY_FACTOR    ? w->study->factors[x->modifier].n_levels
                          : x->by == CS_BY_STRATUM ? w->cases->strata[x->modifier].n_values
                                                   : w->r->n_models;
    struct columns c = {.list = cs_xcalloc((size_t)most + 1, sizeof *c.list)};
    if (x->by == CS_BY_MODEL) {
        for (uint32_t m = 0; m < w->r->n_models; m++)
            copy_column(w, &c, m, &w->paired[cs_analysis_work_contrast_at(w, m, outcome, x->contrast)]);
        return c;
    }
    cs_reduce_arrange(&c.arranged, &w->got->grids[model], w->declared->measures[outcome].question, spec->factor);
    if (x->by == CS_BY_FACTOR)
        factor_columns(w, &c, model, outcome, x);
    else
        stratum_columns(w, &c, model, outcome, x);
    cs_reduce_arrangement_release(&c.arranged);
    return c;
}

static void release_columns(struct columns *c)
{
    for (uint32_t i = 0; i < c->n; i++)
        cs_reduce_paired_release(&c->list[i].pair);
    free(c->list);
}

/* Within cases only clusters with a shift in every level count: the others leave all columns. */
static void keep_common(struct columns *c, uint32_t n_clusters)
{
    uint32_t *seen = cs_xcalloc((size_t)n_clusters + 1, sizeof *seen);
    for (uint32_t j = 0; j < c->n; j++) {
        for (uint32_t i = 0; i < c->list[j].pair.n; i++)
            seen[c->list[j].pair.cluster[i]]++;
    }
    for (uint32_t j = 0; j < c->n; j++) {
        struct cs_paired *p = &c->list[j].pair;
        uint32_t kept = 0;
        for (uint32_t i = 0; i < p->n; i++) {
            if (seen[p->cluster[i]] < c->n)
                continue;
            p->cluster[kept] = p->cluster[i];
            p->diff[kept++] = p->diff[i];
        }
        p->n = kept;
    }
    free(seen);
}

/* ---- tests ------------------------------------------------------------------------------------------------- */

static struct cs_cluster_test compare_columns(const struct cs_report_work *w, const struct columns *c, uint32_t high,
                                              uint32_t low, double range)
{
    const struct cs_paired *x = &c->list[high].pair, *y = &c->list[low].pair;
    if (c->between)
        return cs_interaction_welch(x->diff, x->n, y->diff, y->n, w->declared->alpha, 2 * range);
    double *d = cs_xcalloc((size_t)x->n + 1, sizeof *d);
    for (uint32_t i = 0; i < x->n; i++)
        d[i] = x->diff[i] - y->diff[i];
    const struct cs_cluster_test t = cs_cluster_t(d, x->n, w->declared->alpha, 2 * range);
    free(d);
    return t;
}

/* Every pair of levels; those against the reference first, in the order of the levels. */
static void compare_pairs(const struct cs_report_work *w, const struct columns *c, double range,
                          struct cs_family_joint *j)
{
    const size_t most = (size_t)c->n * c->n / 2 + 1;
    struct cs_cluster_test *test = cs_xcalloc(most, sizeof *test);
    double *worst = cs_xcalloc(most, sizeof *worst), *best = cs_xcalloc(most, sizeof *best);
    for (uint32_t low = 0; low < c->n; low++) {
        for (uint32_t high = low + 1; high < c->n; high++) {
            const struct column *x = &c->list[high], *y = &c->list[low];
            test[j->n] = compare_columns(w, c, high, low, range);
            worst[j->n] = test[j->n].mean + x->low - y->high;
            best[j->n] = test[j->n].mean + x->high - y->low;
            j->n++;
        }
    }
    j->test = test;
    j->worst = worst;
    j->best = best;
    j->ci = cs_xcalloc(most, sizeof *j->ci);
}

static struct cs_interaction test_within(const struct cs_report_work *w, const struct columns *c)
{
    const struct cs_boot boot = {.seed = w->seed, .draws = w->draws, .threads = w->threads};
    const uint32_t n = c->list[0].pair.n, p = c->n - 1;
    double *x = cs_xcalloc((size_t)n * p + 1, sizeof *x);
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t k = 0; k < p; k++)
            x[(size_t)i * p + k] = c->list[k + 1].pair.diff[i] - c->list[0].pair.diff[i];
    }
    const struct cs_interaction t = cs_interaction_within(&boot, x, n, p);
    free(x);
    return t;
}

static struct cs_interaction test_between(const struct columns *c)
{
    const double **x = cs_xcalloc((size_t)c->n + 1, sizeof *x);
    size_t *n = cs_xcalloc((size_t)c->n + 1, sizeof *n);
    for (uint32_t j = 0; j < c->n; j++) {
        x[j] = c->list[j].pair.diff;
        n[j] = c->list[j].pair.n;
    }
    const struct cs_interaction t = cs_interaction_between(x, n, c->n);
    free(x);
    free(n);
    return t;
}

static const char *test_name(enum cs_interaction_kind kind)
{
    switch (kind) {
    case CS_INTERACTION_HOTELLING:
        return "Hotelling's T2";
    case CS_INTERACTION_MAX_T:
        return "largest |t|, wild cluster bootstrap";
    case CS_INTERACTION_WELCH:
        return "Welch's F";
    case CS_INTERACTION_PAIRS:
        return "smallest p of all pairs, Bonferroni";
    }
    return "";
}

static void set_test(struct cs_report_interaction *row, const struct cs_interaction *t, struct cs_family_joint *j)
{
    const bool one = j->n == 1 && cs_stats_usable(j->test[0].status);
    j->p = one ? j->test[0].p : t->status == CS_STAT_OK ? t->p : 1;
    row->test = test_name(t->kind);
    if (t->status != CS_STAT_OK && !one) {
        row->why = cs_stats_text(t->status);
        return;
    }
    row->p = cs_analysis_work_known(j->p);
    if (t->status != CS_STAT_OK)
        return;
    if (t->kind != CS_INTERACTION_PAIRS)
        row->statistic = cs_analysis_work_known(t->statistic);
    if (t->df1 > 0) {
        row->f = cs_analysis_work_known(t->f);
        row->df1 = cs_analysis_work_known(t->df1);
        row->df2 = cs_analysis_work_known(t->df2);
    }
}

/* ---- rows -------------------------------------------------------------------------------------------------- */

static struct cs_report_span span(const struct cs_cluster_test *t, double scale)
{
    return cs_stats_usable(t->status) ? (struct cs_report_span){true, t->ci.lo * scale, t->ci.hi * scale}
                                      : (struct cs_report_span){0};
}

static void set_level(struct cs_report_work *w, const struct columns *c, uint32_t k, double range, double scale,
                      const struct cs_family_joint *j, struct cs_report_interaction_level *out)
{
    const struct cs_paired *p = &c->list[k].pair;
    const struct cs_cluster_test t = cs_cluster_t(p->diff, p->n, w->declared->alpha, range);
    out->level = cs_analysis_work_copy(w, c->list[k].name);
    out->clusters = p->n;
    if (p->n > 0)
        out->shift = cs_analysis_work_known(cs_analysis_work_mean(p->diff, p->n) * scale);
    out->ci = span(&t, scale);
    if (k == 0)
        return;
    const struct cs_cluster_test *d = &j->test[k - 1];
    out->difference = cs_analysis_work_known(d->mean * scale);
    out->difference_ci = span(d, scale);
    if (cs_stats_usable(d->status))
        out->p = cs_analysis_work_known(d->p);
}

static void find_ends(struct cs_report_interaction *row, const struct cs_report_interaction_level *levels)
{
    row->lowest = row->highest = row->first;
    for (uint32_t i = row->first; i < row->first + row->n_levels; i++) {
        if (levels[i].shift.value < levels[row->lowest].shift.value)
            row->lowest = i;
        if (levels[i].shift.value > levels[row->highest].shift.value)
            row->highest = i;
    }
    row->reversed = row->n_levels > 0 && levels[row->lowest].shift.value < 0 && levels[row->highest].shift.value > 0;
}

static const char *modifier_name(const struct cs_report_work *w, const struct cs_spec_interaction *x)
{
    return x->by == CS_BY_FACTOR    ? w->study->factors[x->modifier].name
           : x->by == CS_BY_STRATUM ? w->study->columns[w->study->strata[x->modifier]]
                                    : "model";
}

static void measure(struct cs_report_work *w, struct cs_report_interaction *row, struct cs_family_joint *j,
                    const struct cs_spec_interaction *x)
{
    struct cs_report *r = w->r;
    const struct cs_report_outcome *o = &r->outcomes[row->outcome];
    const double scale = cs_analysis_work_scale(o),
                 range = cs_analysis_work_range(&w->declared->measures[row->outcome]);
    struct columns c = columns_of(w, row->model, row->outcome, x);
    if (!c.between)
        keep_common(&c, w->cases->n_clusters);
    row->first = r->n_interaction_levels;
    row->n_levels = c.n;
    for (uint32_t k = 0; k < c.n; k++)
        row->clusters = c.between ? row->clusters + c.list[k].pair.n : c.list[k].pair.n;
    compare_pairs(w, &c, range, j);
    if (c.n < 2) {
        row->why = "answers in fewer than two of its levels";
    } else {
        const struct cs_interaction t = c.between ? test_between(&c) : test_within(w, &c);
        set_test(row, &t, j);
    }
    for (uint32_t k = 0; k < c.n; k++) {
        struct cs_report_interaction_level *level = &r->interaction_levels[r->n_interaction_levels++];
        level->interaction = (uint32_t)(row - r->interactions);
        set_level(w, &c, k, range, scale, j, level);
    }
    find_ends(row, r->interaction_levels);
    release_columns(&c);
}

static uint32_t levels_of(const struct cs_report_work *w, const struct cs_spec_interaction *x)
{
    return x->by == CS_BY_FACTOR    ? w->study->factors[x->modifier].n_levels
           : x->by == CS_BY_STRATUM ? w->cases->strata[x->modifier].n_values
                                    : w->r->n_models;
}

static void describe(struct cs_report_work *w, struct cs_report_interaction *row, const struct cs_spec_interaction *x)
{
    const struct cs_report_contrast *c = &w->r->contrasts[row->contrast];
    const enum cs_outcome_role role = w->r->outcomes[row->outcome].role;
    row->by = x->by;
    row->modifier = cs_analysis_work_copy(w, modifier_name(w, x));
    row->in_family = role != CS_OUTCOME_UNDECLARED;
    row->primary = role == CS_OUTCOME_PRIMARY && !x->exploratory;
    row->margin = w->r->outcomes[row->outcome].interaction_margin;
    row->anchor = cs_arena_printf(&w->r->arena, "i%zu-%s", (size_t)(row - w->r->interactions) + 1, c->anchor);
    row->why = row->test = "";
}

void cs_analysis_interactions_measure(struct cs_report_work *w)
{
    struct cs_report *r = w->r;
    const struct cs_declared_analysis *d = w->declared;
    size_t rows = 0, levels = 0;
    for (uint32_t i = 0; i < d->n_interactions; i++) {
        const size_t models = d->interactions[i].by == CS_BY_MODEL ? 1 : r->n_models;
        rows += models * d->n_outcomes;
        levels += models * d->n_outcomes * levels_of(w, &d->interactions[i]);
    }
    r->n_interactions = r->n_interaction_levels = 0;
    r->interactions = cs_arena_array(&r->arena, rows + 1, sizeof *r->interactions);
    r->interaction_levels = cs_arena_array(&r->arena, levels + 1, sizeof *r->interaction_levels);
    w->joints = cs_xcalloc(rows + 1, sizeof *w->joints);
    for (uint32_t o = 0; o < d->n_outcomes; o++) {
        for (uint32_t i = 0; i < d->n_interactions; i++) {
            const struct cs_spec_interaction *x = &d->interactions[i];
            for (uint32_t m = 0; m < (x->by == CS_BY_MODEL ? 1 : r->n_models); m++) {
                struct cs_report_interaction *row = &r->interactions[r->n_interactions];
                row->model = x->by == CS_BY_MODEL ? CS_REPORT_NONE : m;
                row->outcome = o;
                row->contrast = (uint32_t)cs_analysis_work_contrast_at(w, m, o, x->contrast);
                describe(w, row, x);
                measure(w, row, &w->joints[r->n_interactions++], x);
            }
        }
    }
}

void cs_analysis_interactions_release(struct cs_report_work *w)
{
    for (uint32_t i = 0; w->joints != NULL && i < w->r->n_interactions; i++) {
        free((void *)(uintptr_t)w->joints[i].test);
        free((void *)(uintptr_t)w->joints[i].worst);
        free((void *)(uintptr_t)w->joints[i].best);
        free(w->joints[i].ci);
    }
    free(w->joints);
    w->joints = NULL;
}

/* ---- what they say of the contrast itself -------------------------------------------------------------------- */

static const char *ends_text(struct cs_report_work *w, const struct cs_report_interaction *x)
{
    const struct cs_report *r = w->r;
    const struct cs_report_interaction_level *low = &r->interaction_levels[x->lowest],
                                             *high = &r->interaction_levels[x->highest];
    const int digits = cs_analysis_work_scale(&r->outcomes[x->outcome]) > 1 ? 1 : 2;
    return cs_arena_printf(&w->r->arena, "the shift differs by %s: %+.*f in \"%s\", %+.*f in \"%s\"", x->modifier,
                           digits, low->shift.value, low->level, digits, high->shift.value, high->level);
}

/* A mean of opposite shifts is not a finding without them: its verdict says so, and so does the head of the report. */
static void say_of_contrast(struct cs_report_work *w, const struct cs_report_interaction *x,
                            struct cs_report_contrast *c)
{
    const struct cs_report *r = w->r;
    if (c->verdict == CS_VERDICT_NONE)
        return;
    const char *text = ends_text(w, x);
    const double mean = fabs(c->shift.value) < 0.05 ? 0 : c->shift.value;
    if (c->verdict == CS_VERDICT_EQUIVALENT)
        c->verdict = CS_VERDICT_EQUIVALENT_MEAN;
    c->why = c->why[0] == '\0' ? text : cs_arena_printf(&w->r->arena, "%s; %s", c->why, text);
    if (x->primary && x->reversed && !cs_analysis_work_is_blind(w))
        cs_analysis_work_note(w, "%s, %s, \"%s\" against \"%s\": the mean shift of %+.1f %s hides opposite ones: %s.",
                              x->model == CS_REPORT_NONE ? "Between models" : r->models[x->model].name,
                              r->outcomes[c->outcome].label, r->factors[c->factor].levels[c->level].id,
                              c->comparator_text, mean, r->outcomes[c->outcome].unit, text);
}

/* A model's contrast has its own interactions; what differs between models is not a property of one of them. */
void cs_analysis_interactions(struct cs_report_work *w)
{
    for (uint32_t i = 0; i < w->r->n_interactions; i++) {
        const struct cs_report_interaction *x = &w->r->interactions[i];
        if (x->model != CS_REPORT_NONE && cs_words_verdict_is_different(x->verdict))
            say_of_contrast(w, x, &w->r->contrasts[x->contrast]);
    }
}

/* ---- columns ----------------------------------------------------------------------------------------------- */

static const struct cs_report_contrast *contrast_of(const struct cs_report *r, const void *row)
{
    return &r->contrasts[((const struct cs_report_interaction *)row)->contrast];
}

static const char *factor_word(const struct cs_report *r, const void *row)
{
    return r->factors[contrast_of(r, row)->factor].name;
}

static const char *level_word(const struct cs_report *r, const void *row)
{
    const struct cs_report_contrast *c = contrast_of(r, row);
    return r->factors[c->factor].levels[c->level].id;
}

static const char *comparator_word(const struct cs_report *r, const void *row)
{
    return contrast_of(r, row)->comparator_text;
}

static const char *family_word(const struct cs_report *r, const void *row)
{
    const struct cs_report_interaction *x = row;
    (void)r;
    return x->primary ? "primary" : x->in_family ? "exploratory" : "";
}

static const char *verdict_word(const struct cs_report *r, const void *row)
{
    (void)r;
    return cs_words_verdict_key(((const struct cs_report_interaction *)row)->verdict);
}

static const char *lowest_word(const struct cs_report *r, const void *row)
{
    const struct cs_report_interaction *x = row;
    return x->n_levels > 0 ? r->interaction_levels[x->lowest].level : "";
}

static const char *highest_word(const struct cs_report *r, const void *row)
{
    const struct cs_report_interaction *x = row;
    return x->n_levels > 0 ? r->interaction_levels[x->highest].level : "";
}

static const char *anchor_word(const struct cs_report *r, const void *row)
{
    return r->interactions[((const struct cs_report_interaction_level *)row)->interaction].anchor;
}

static const char *model_word(const struct cs_report *r, const void *row)
{
    const uint32_t m = r->interactions[((const struct cs_report_interaction_level *)row)->interaction].model;
    return m == CS_REPORT_NONE ? "" : r->models[m].name;
}

static const char *outcome_word(const struct cs_report *r, const void *row)
{
    return r->outcomes[r->interactions[((const struct cs_report_interaction_level *)row)->interaction].outcome].name;
}

static const char *modifier_word(const struct cs_report *r, const void *row)
{
    return r->interactions[((const struct cs_report_interaction_level *)row)->interaction].modifier;
}

static const struct cs_report_column columns[] = {
    CS_COLUMN(interaction, anchor, "interaction", "interaction"),
    CS_COLUMN_MODEL_OUTCOME(interaction),
    CS_COLUMN_SAID(factor_word, "factor", "factor"),
    CS_COLUMN_SAID(level_word, "level", "level"),
    CS_COLUMN_SAID(comparator_word, "comparator", "comparator"),
    CS_COLUMN(interaction, modifier, "differs_by", "differs_by"),
    CS_COLUMN_SAID(family_word, "family", "family"),
    CS_COLUMN_SAME(interaction, clusters),
    CS_COLUMN(interaction, n_levels, "levels", "levels"),
    CS_COLUMN_SAME(interaction, test),
    CS_COLUMN_SAME(interaction, statistic),
    CS_COLUMN_SAME(interaction, f),
    CS_COLUMN_SAME(interaction, df1),
    CS_COLUMN_SAME(interaction, df2),
    CS_COLUMN_SAME(interaction, p),
    CS_COLUMN_SAME(interaction, p_adjusted),
    CS_COLUMN_SAME(interaction, margin),
    CS_COLUMN_SAME(interaction, p_equivalence),
    CS_COLUMN_SAME(interaction, p_equivalence_adjusted),
    CS_COLUMN_SAID(lowest_word, "lowest", "lowest"),
    CS_COLUMN_SAID(highest_word, "highest", "highest"),
    CS_COLUMN_SAME(interaction, reversed),
    CS_COLUMN_SAID(verdict_word, "verdict", "verdict"),
    CS_COLUMN_SAME(interaction, why),
    CS_COLUMN(interaction, decided_by, "decided_by", "decided_low,decided_high,decided_why"),
    CS_COLUMN_END_MODEL(interaction),
};
static const struct cs_report_column level_columns[] = {
    CS_COLUMN_SAID(anchor_word, "interaction", "interaction"),
    CS_COLUMN_SAID(model_word, "model", "model"),
    CS_COLUMN_SAID(outcome_word, "outcome", "outcome"),
    CS_COLUMN_SAID(modifier_word, "differs_by", "differs_by"),
    CS_COLUMN(interaction_level, level, "value", "value"),
    CS_COLUMN_SAME(interaction_level, clusters),
    CS_COLUMN_SAME(interaction_level, shift),
    CS_COLUMN(interaction_level, ci, "ci", "ci_low,ci_high"),
    CS_COLUMN_SAME(interaction_level, difference),
    CS_COLUMN(interaction_level, difference_ci, "difference_ci", "difference_low,difference_high"),
    CS_COLUMN(interaction_level, difference_simultaneous, "difference_simultaneous",
              "simultaneous_low,simultaneous_high"),
    CS_COLUMN_SAME(interaction_level, p),
    {"note", "note", .kind = CS_COLUMN_NOTE_ANY},
    {0},
};

static bool is_asked(const struct cs_report *r)
{
    return r->n_interactions > 0;
}

const struct cs_report_table cs_analysis_interactions_tables[] = {
    {"interactions", "interactions", CS_TABLE_ROWS(interactions, n_interactions), .columns = columns,
     .is_shown = is_asked, .is_rare = true},
    {"interaction_levels", "interaction_levels", CS_TABLE_ROWS(interaction_levels, n_interaction_levels),
     .columns = level_columns, .is_shown = is_asked, .is_rare = true},
    {0},
};
