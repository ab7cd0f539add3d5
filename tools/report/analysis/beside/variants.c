/* variants.c - the specification curve: every primary comparison again under each other way to count that the outputs allow.
 *
 * Which answers count (those that stand; the first, before any was asked again; as a strict reader takes them; every second repeat alone),
 * what a refusal is (no, or missing), what a unit is (cluster, or case), what stands on the other side (control, or placebo). All of them in all
 * combinations: a finding that hangs on one of these choices shows it. No verdict depends on it.
 */
#include <stdlib.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "tools/report/analysis/corrected.h"
#include "tools/report/analysis/sections.h"
#include "tools/report/stats/cluster.h"

enum answers { ANSWERS_STANDING, ANSWERS_FIRST, ANSWERS_STRICT, ANSWERS_HALF, ANSWERS };

/* Differences taken: a report of 1,000 cases spends a second on it. */
enum { CASES_TIMES_VARIANTS_MAX = 1000000, VARIANTS_MIN = 64 };

struct choices { /* of one contrast: which are open; the first of each is as reported */
    const struct cs_grid *grid[ANSWERS];
    bool missing, cases, placebo;
};

static bool has_placebo(const struct cs_report_work *w, const struct cs_spec_contrast *c)
{
    const struct cs_side side = cs_analysis_declared_placebo_side(&w->study->factors[c->factor]);
    return c->against == CS_AGAINST_CONTROL && side.n > 0;
}

/* Whether the two sides have anything that is neither an answer nor a technical failure. */
static bool has_unusable(const struct cs_report_contrast *c, const struct cs_paired *p, const struct cs_measure *m)
{
    return c->shift.known && p->unusable > 0 && (m->kind == CS_OUTCOME_BINARY || m->kind == CS_OUTCOME_CATEGORY);
}

static struct choices choices_of(const struct cs_report_work *w, size_t at, const struct cs_spec_contrast *spec)
{
    const struct cs_report_contrast *c = &w->r->contrasts[at];
    const struct cs_collected *got = w->got;
    struct choices o = {.grid = {[ANSWERS_STANDING] = &got->grids[c->model]}};
    if (got->first != NULL && got->first[c->model] != NULL)
        o.grid[ANSWERS_FIRST] = got->first[c->model];
    if (got->strict != NULL && got->strict[c->model] != NULL)
        o.grid[ANSWERS_STRICT] = got->strict[c->model];
    if (got->halves != NULL)
        o.grid[ANSWERS_HALF] = &got->halves[c->model];
    o.missing = has_unusable(c, &w->paired[at], &w->declared->measures[c->outcome]);
    o.cases = w->cases->n_clusters < w->cases->n_cases;
    o.placebo = has_placebo(w, spec);
    return o;
}

static uint32_t count(const struct choices *o)
{
    uint32_t n = 0;
    for (int i = 0; i < ANSWERS; i++)
        n += o->grid[i] != NULL;
    return n * (o->missing ? 2 : 1) * (o->cases ? 2 : 1) * (o->placebo ? 2 : 1);
}

struct variant {
    enum answers answers;
    bool missing, cases, placebo;
};

static void measure(struct cs_report_work *w, size_t at, const struct cs_spec_contrast *spec, const struct choices *o,
                    const struct variant *v, const struct cs_case_facts *single)
{
    static const char *const words[ANSWERS] = {"as they stand", "the first", "read strictly", "every second repeat"};
    const struct cs_report_contrast *c = &w->r->contrasts[at];
    struct cs_measure m = w->declared->measures[c->outcome];
    const struct cs_side level = cs_analysis_declared_one_level(spec->level),
                         placebo = cs_analysis_declared_placebo_side(&w->study->factors[spec->factor]);
    const struct cs_case_filter filter = {
        .stratum = spec->stratum,
        .value = spec->value,
        .flagged = w->declared->flagged[at % w->declared->n_contrasts + (size_t)c->outcome * w->declared->n_contrasts],
        .within = spec->within};
    const double scale = cs_analysis_work_scale(&w->r->outcomes[c->outcome]);
    struct cs_report_variant *row = &w->r->variants[w->r->n_variants++];
    struct cs_arrangement a;
    struct cs_paired p;
    m.only_usable = v->missing;
    cs_reduce_arrange(&a, o->grid[v->answers], m.question, spec->factor);
    cs_reduce_pair(&p, &m, o->grid[v->answers], &a, v->cases ? single : w->cases, &level,
                   v->placebo ? &placebo : &spec->comparator_side, &filter);
    *row = (struct cs_report_variant){.contrast = (uint32_t)at,
                                      .answers = words[v->answers],
                                      .refusals = v->missing   ? "missing"
                                                  : o->missing ? "no"
                                                               : "",
                                      .unit = v->cases ? "case" : "cluster",
                                      .comparator = v->placebo ? "placebo" : c->comparator_text,
                                      .reported = v->answers == ANSWERS_STANDING && !v->missing && !v->cases &&
                                                  !v->placebo,
                                      .clusters = p.n};
    const struct cs_cluster_test t = cs_cluster_t(p.diff, p.n, w->declared->alpha, cs_analysis_work_range(&m));
    if (p.n > 0)
        row->shift = cs_analysis_work_known(cs_analysis_work_mean(p.diff, p.n) * scale);
    if (row->reported) { /* the report's own, which may be by another test */
        row->ci = c->ci;
        row->p = c->p;
    } else if (cs_stats_usable(t.status)) {
        row->ci = (struct cs_report_span){true, t.ci.lo * scale, t.ci.hi * scale};
        row->p = cs_analysis_work_known(t.p);
    }
    cs_reduce_paired_release(&p);
    cs_reduce_arrangement_release(&a);
}

static void vary(struct cs_report_work *w, size_t at, const struct cs_case_facts *single)
{
    const struct cs_spec_contrast *spec = &w->declared->contrasts[at % w->declared->n_contrasts];
    const struct choices o = choices_of(w, at, spec);
    for (int answers = 0; answers < ANSWERS; answers++) {
        for (int i = 0; i < 8 && o.grid[answers] != NULL; i++) {
            const struct variant v = {(enum answers)answers, (i & 1) != 0, (i & 2) != 0, (i & 4) != 0};
            if ((!v.missing || o.missing) && (!v.cases || o.cases) && (!v.placebo || o.placebo))
                measure(w, at, spec, &o, &v, single);
        }
    }
}

/* ---- which ------------------------------------------------------------------------------------------------- */

struct candidate {
    size_t at;
    double p;
};

static int by_p(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->p < y->p || x->p > y->p)
        return x->p < y->p ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

static int by_place(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

/* The primary comparisons, and of very many those with the smallest p. */
static uint32_t choose(struct cs_report_work *w, struct candidate *list, uint32_t *rows)
{
    const uint32_t most = CASES_TIMES_VARIANTS_MAX / (w->cases->n_cases > 0 ? w->cases->n_cases : 1);
    const uint32_t limit = most < VARIANTS_MIN ? VARIANTS_MIN : most;
    uint32_t n = 0, kept = 0;
    for (uint32_t i = 0; i < w->r->n_contrasts; i++) {
        const struct cs_report_contrast *c = &w->r->contrasts[i];
        if (c->in_family && c->primary && c->shift.known && !cs_analysis_corrected_is(w, c->outcome))
            list[n++] = (struct candidate){i, c->p.known ? c->p.value : 1};
    }
    qsort(list, n, sizeof *list, by_p);
    for (*rows = 0; kept < n; kept++) {
        const struct choices o = choices_of(w, list[kept].at,
                                            &w->declared->contrasts[list[kept].at % w->declared->n_contrasts]);
        if (*rows + count(&o) > limit)
            break;
        *rows += count(&o);
    }
    w->r->variants_left = n - kept;
    qsort(list, kept, sizeof *list, by_place);
    return kept;
}

void cs_analysis_variants(struct cs_report_work *w)
{
    struct cs_case_facts single = *w->cases; /* every case a cluster of its own */
    struct candidate *list = cs_xcalloc((size_t)w->r->n_contrasts + 1, sizeof *list);
    uint32_t rows = 0;
    const uint32_t n = choose(w, list, &rows);
    single.cluster = cs_xcalloc((size_t)w->cases->n_cases + 1, sizeof *single.cluster);
    single.n_clusters = w->cases->n_cases;
    for (uint32_t i = 0; i < w->cases->n_cases; i++)
        single.cluster[i] = i;
    w->r->variants = cs_arena_array(&w->r->arena, (size_t)rows + 1, sizeof *w->r->variants);
    for (uint32_t i = 0; i < n; i++)
        vary(w, list[i].at, &single);
    CS_ASSERT(w->r->n_variants == rows);
    free(single.cluster);
    free(list);
}

static const struct cs_report_column columns[] = {
    CS_COLUMN_OF(CS_COLUMN_CONTRAST, variant, contrast, NULL, NULL),
    CS_COLUMN_SAME(variant, answers),
    CS_COLUMN_SAME(variant, refusals),
    CS_COLUMN(variant, unit, "counted_by", "counted_by"),
    CS_COLUMN(variant, comparator, "other_side", "other_side"),
    CS_COLUMN_SAME(variant, reported),
    CS_COLUMN_SAME(variant, clusters),
    CS_COLUMN_SAME(variant, shift),
    CS_COLUMN(variant, ci, "ci", "ci_low,ci_high"),
    CS_COLUMN_SAME(variant, p),
    CS_COLUMN_OF(CS_COLUMN_NOTE_CONTRAST, variant, contrast, "note", "note"),
    {0},
};

static bool is_any(const struct cs_report *r)
{
    return r->n_variants > 0;
}

const struct cs_report_table cs_analysis_variants_tables[] = {
    {"variants", "variants", CS_TABLE_ROWS(variants, n_variants), .columns = columns, .is_shown = is_any,
     .is_rare = true},
    {0},
};
