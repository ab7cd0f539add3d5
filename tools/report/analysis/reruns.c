/* reruns.c - the same contrasts in another run of the study: what shifted then, now, and by how much it changed. */
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/clock.h"
#include "protocol/table/names.h"
#include "tools/report/read/source.h"
#include "tools/report/stats/cluster.h"
#include "tools/report/analysis/sections.h"

struct other_run {
    const struct cs_report_work *w;
    const struct cs_report_source *source;
    struct cs_case_facts cases;
    struct cs_names clusters, ids; /* name -> index in the other run */
};

static uint32_t model_of(const struct cs_study *s, const char *name)
{
    uint32_t i = 0;
    while (i < s->n_models && strcmp(s->models[i].name, name) != 0)
        i++;
    return i < s->n_models ? i : CS_NONE;
}

static uint32_t level_of(const struct cs_factor *f, const char *id)
{
    uint32_t i = 0;
    while (i < f->n_levels && strcmp(f->levels[i].id, id) != 0)
        i++;
    return i < f->n_levels ? i : CS_NONE;
}

static bool same_words(const struct cs_field *a, const struct cs_field *b)
{
    bool same = a->kind == b->kind && a->n_categories == b->n_categories;
    for (uint32_t i = 0; same && i < a->n_categories; i++)
        same = strcmp(a->categories[i], b->categories[i]) == 0;
    return same;
}

/* The measure with the indexes of the other study. */
static bool translate_measure(const struct cs_study *now, const struct cs_study *then, const struct cs_measure *m,
                              struct cs_measure *out)
{
    const struct cs_question *q = &now->questions[m->question];
    *out = *m;
    out->label = NULL;
    for (out->question = 0; out->question < then->n_questions; out->question++) {
        const struct cs_question *other = &then->questions[out->question];
        if (strcmp(other->name, q->name) != 0)
            continue;
        const uint32_t n = m->derived ? other->n_derived : other->n_fields;
        for (out->field = 0; out->field < n; out->field++) {
            if (m->derived && strcmp(other->derived[out->field].name, q->derived[m->field].name) == 0)
                return true;
            if (!m->derived && strcmp(other->fields[out->field].name, q->fields[m->field].name) == 0)
                return same_words(&other->fields[out->field], &q->fields[m->field]);
        }
        return false;
    }
    return false;
}

struct translated {
    uint32_t model, factor;
    struct cs_measure measure;
    struct cs_side level, comparator;
};

static bool translate(const struct other_run *o, const struct cs_report_contrast *c,
                      const struct cs_spec_contrast *spec, struct translated *out)
{
    const struct cs_study *now = o->w->study, *then = o->source->study;
    const struct cs_factor *f = &now->factors[spec->factor];
    *out = (struct translated){.comparator = {.n = spec->comparator_side.n}};
    out->model = model_of(then, now->models[c->model].name);
    out->factor = cs_study_factor(then, f->name);
    if (out->model == CS_NONE || out->factor == CS_NONE ||
        !translate_measure(now, then, &o->w->declared->measures[c->outcome], &out->measure))
        return false;
    const struct cs_factor *other = &then->factors[out->factor];
    out->level = cs_analysis_declared_one_level(level_of(other, f->levels[spec->level].id));
    bool found = out->level.level[0] != CS_NONE;
    for (uint32_t i = 0; i < spec->comparator_side.n; i++) {
        out->comparator.level[i] = level_of(other, f->levels[spec->comparator_side.level[i]].id);
        found = found && out->comparator.level[i] != CS_NONE;
    }
    return found;
}

/* What is left out now is left out of the other run too. */
static bool *translate_flags(const struct other_run *o, const bool *flagged)
{
    if (flagged == NULL)
        return NULL;
    bool *out = cs_xcalloc((size_t)o->cases.n_cases + 1, sizeof *out);
    for (uint32_t i = 0; i < o->w->study->n_cases; i++) {
        const uint32_t at = flagged[i] ? cs_names_get(&o->ids, o->w->cases->ids[i]) : UINT32_MAX;
        if (at != UINT32_MAX)
            out[at] = true;
    }
    return out;
}

static void compare(const struct other_run *o, const struct cs_paired *now, const struct cs_paired *then, double range,
                    double scale, struct cs_report_rerun *row)
{
    uint32_t *at = cs_xcalloc((size_t)o->cases.n_clusters + 1, sizeof *at); /* place + 1 in `then`, by cluster */
    double *d = cs_xcalloc((size_t)now->n + 1, sizeof *d), first = 0, second = 0;
    for (uint32_t i = 0; i < then->n; i++)
        at[then->cluster[i]] = i + 1;
    for (uint32_t i = 0; i < now->n; i++) {
        const uint32_t k = cs_names_get(&o->clusters, o->w->cases->cluster_names[now->cluster[i]]);
        if (k == UINT32_MAX || at[k] == 0)
            continue;
        first += now->diff[i];
        second += then->diff[at[k] - 1];
        d[row->clusters++] = now->diff[i] - then->diff[at[k] - 1];
    }
    const struct cs_cluster_test t = cs_cluster_t(d, row->clusters, o->w->declared->alpha, 2 * range);
    if (row->clusters > 0) {
        row->now = cs_analysis_work_known(first / row->clusters * scale);
        row->then = cs_analysis_work_known(second / row->clusters * scale);
        row->difference = cs_analysis_work_known((first - second) / row->clusters * scale);
    }
    if (cs_stats_usable(t.status)) {
        row->ci = (struct cs_report_span){true, t.ci.lo * scale, t.ci.hi * scale};
        row->p = cs_analysis_work_known(t.p);
    } else {
        row->why = row->clusters == 0 ? "no cluster has answers in both runs" : cs_stats_text(t.status);
    }
    free(d);
    free(at);
}

static bool rerun_one(const struct other_run *o, uint32_t contrast, struct cs_report_rerun *row)
{
    const struct cs_report_work *w = o->w;
    const struct cs_report_contrast *c = &w->r->contrasts[contrast];
    const uint32_t k = contrast % w->declared->n_contrasts;
    const struct cs_measure *m = &w->declared->measures[c->outcome];
    struct translated t;
    struct cs_arrangement a;
    struct cs_paired then;
    if (!translate(o, c, &w->declared->contrasts[k], &t))
        return false;
    bool *flagged = translate_flags(o, w->declared->flagged[(size_t)c->outcome * w->declared->n_contrasts + k]);
    const struct cs_case_filter filter = {.stratum = CS_NONE, .flagged = flagged};
    const struct cs_grid *g = &o->source->got.grids[t.model];
    *row = (struct cs_report_rerun){.contrast = contrast, .why = ""};
    cs_reduce_arrange(&a, g, t.measure.question, t.factor);
    cs_reduce_pair(&then, &t.measure, g, &a, &o->cases, &t.level, &t.comparator, &filter);
    compare(o, &w->paired[contrast], &then, cs_analysis_work_range(m),
            cs_analysis_work_scale(&w->r->outcomes[c->outcome]), row);
    cs_reduce_paired_release(&then);
    cs_reduce_arrangement_release(&a);
    free(flagged);
    return true;
}

static void describe(struct cs_report_work *w, const struct cs_report_source *source)
{
    struct cs_report_earlier *e = &w->r->earlier;
    int64_t first = 0, last = 0;
    uint64_t planned = 0, terminal = 0;
    for (uint32_t m = 0; m < source->study->n_models; m++) {
        const struct cs_collected_lane *f = &source->got.facts[m];
        first = f->first_ms != 0 && (first == 0 || f->first_ms < first) ? f->first_ms : first;
        last = f->last_ms > last ? f->last_ms : last;
        terminal += f->terminal;
        for (uint32_t c = 0; c < source->study->n_cases; c++)
            planned += source->got.grids[m].planned[c];
    }
    e->source = strcmp(source->study->name, w->study->name) == 0
                    ? cs_arena_strdup(&w->r->arena, source->name)
                    : cs_arena_printf(&w->r->arena, "%s of a study with another name, %s", source->name,
                                      source->study->name);
    e->generation = source->reader != NULL ? source->reader->view.generation.number : 0;
    e->first_call = cs_analysis_work_time(w, first);
    e->last_call = cs_analysis_work_time(w, last);
    e->complete = planned == terminal;
    for (uint32_t m = 0; m < w->study->n_models; m++)
        e->shared += w->got->facts[m].adopted;
}

/* The contrasts in another run of the study, over the clusters that both have. */
void cs_analysis_reruns(struct cs_report_work *w)
{
    const struct cs_report_source *other = w->against;
    struct cs_report *r = w->r;
    struct other_run o = {.w = w, .source = other};
    if (other == NULL)
        return;
    w->rc = cs_case_facts_read(&o.cases, other->study, &other->cases, w->err);
    if (w->rc != CS_OK)
        goto out;
    for (uint32_t i = 0; i < o.cases.n_clusters; i++)
        cs_names_put(&o.clusters, o.cases.cluster_names[i], i);
    for (uint32_t i = 0; i < o.cases.n_cases; i++)
        cs_names_put(&o.ids, o.cases.ids[i], i);
    describe(w, other);
    struct cs_report_rerun *rows = cs_arena_array(&r->arena, (size_t)r->n_contrasts + 1, sizeof *rows);
    for (uint32_t i = 0; i < r->n_contrasts; i++) {
        if (r->contrasts[i].stratum[0] != '\0' || w->declared->measures[r->contrasts[i].outcome].sampled)
            continue;
        if (rerun_one(&o, i, &rows[r->n_reruns]))
            r->n_reruns++;
        else
            r->earlier.unmatched++;
    }
    r->reruns = rows;

out:
    cs_names_release(&o.clusters);
    cs_names_release(&o.ids);
    cs_case_facts_release(&o.cases);
}

/* ---- columns ---------------------------------------------------------------------------------------------------- */

static bool is_compared(const struct cs_report *r)
{
    return r->earlier.source[0] != '\0';
}

static const struct cs_report_column earlier_columns[] = {
    CS_COLUMN(earlier, source, "source", NULL),         CS_COLUMN(earlier, generation, "generation", NULL),
    CS_COLUMN(earlier, first_call, "first_call", NULL), CS_COLUMN(earlier, last_call, "last_call", NULL),
    CS_COLUMN(earlier, complete, "complete", NULL),     CS_COLUMN(earlier, shared, "shared", NULL),
    CS_COLUMN(earlier, unmatched, "unmatched", NULL),   {0},
};
static const struct cs_report_column columns[] = {
    CS_COLUMN_OF(CS_COLUMN_CONTRAST, rerun, contrast, "", ""),
    CS_COLUMN_SAME(rerun, clusters),
    CS_COLUMN(rerun, now, "now", "shift_now"),
    CS_COLUMN(rerun, then, "then", "shift_then"),
    CS_COLUMN_SAME(rerun, difference),
    CS_COLUMN(rerun, ci, "ci", "ci_low,ci_high"),
    CS_COLUMN_SAME(rerun, p),
    CS_COLUMN_SAME(rerun, why),
    CS_COLUMN_OF(CS_COLUMN_NOTE_CONTRAST, rerun, contrast, "note", "note"),
    {0},
};
const struct cs_report_table cs_analysis_reruns_tables[] = {
    {"earlier", NULL, CS_TABLE_ROW(earlier), .columns = earlier_columns, .is_shown = is_compared},
    {"reruns", "reruns", CS_TABLE_ROWS(reruns, n_reruns), .columns = columns, .is_shown = is_compared},
    {0},
};
