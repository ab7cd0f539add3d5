#include "tools/report/analysis/analysis.h"

#include <inttypes.h>
#include <stdlib.h>

#include "protocol/base/alloc.h"
#include "tools/report/analysis/blinding.h"
#include "tools/report/analysis/calibration.h"
#include "tools/report/analysis/interactions.h"
#include "tools/report/analysis/sections.h"
#include "tools/report/analysis/trends.h"

#define ANALYSIS(file) cs_analysis_##file,
#define NO_PAGE(file, id, title)
static void (*const sections[])(struct cs_report_work *w) = {CS_REPORT_SECTIONS(ANALYSIS, NO_PAGE, NO_PAGE)};
#undef ANALYSIS
#undef NO_PAGE

/* Sentences that a reader must see first. */
/* How replies were read: what only a lenient reader took, and why the others are unparsable. */
static void note_reading(struct cs_report_work *w, const char *model, const struct cs_collected_lane *f)
{
    struct cs_buf causes = CS_BUF_INIT(CS_TEXT_MAX);
    bool noted = false;
    for (int c = 1; c <= CS_ANSWER_FAULTS; c++) {
        const int fault = c % CS_ANSWER_FAULTS; /* what was not noted comes last */
        if (f->unparsable[fault] == 0)
            continue;
        noted |= fault != CS_ANSWER_NONE;
        cs_buf_printf(&causes, "%s%" PRIu64 " %s", causes.len > 0 ? ", " : "", f->unparsable[fault],
                      fault == CS_ANSWER_NONE ? "for a cause not noted"
                                              : cs_answer_fault_name((enum cs_answer_fault)fault));
    }
    if (f->salvaged > 0)
        cs_analysis_work_note(w, "%s: %" PRIu64 " answers are salvaged: only `reading: lenient` took them.", model,
                              f->salvaged);
    if (noted)
        cs_analysis_work_note(w, "%s: unparsable replies by cause: %s.", model, cs_buf_cstr(&causes));
    cs_buf_release(&causes);
}

/* Does no question have an answer that could be counted? */
static bool free_only(const struct cs_study *s)
{
    for (uint32_t i = 0; i < s->n_questions; i++) {
        if (s->questions[i].n_fields > 0)
            return false;
    }
    return true;
}

/* A mean over log probabilities needs them. */
static void note_expected(struct cs_report_work *w, uint32_t model)
{
    const struct cs_report *r = w->r;
    for (uint32_t o = 0; o < r->n_outcomes; o++) {
        const struct cs_measure *m = &w->declared->measures[o];
        const struct cs_derive_rule *rule = m->derived ? w->study->questions[m->question].derived[m->field].rule : NULL;
        uint64_t asked = 0, known = 0;
        for (uint32_t i = 0; i < r->n_usable; i++) {
            const bool mine = r->usable[i].model == model && r->usable[i].outcome == o;
            asked += mine ? r->usable[i].asked : 0;
            known += mine ? r->usable[i].usable : 0;
        }
        if (rule != NULL && rule->op == CS_DERIVE_EXPECTED && asked > 0 && known == 0)
            cs_analysis_work_note(
                w,
                "%s: %s is known of no answer, for it told no log probabilities; a provider that has them is asked by "
                "parameters: {logprobs: true, top_logprobs: 5}.",
                r->models[model].name, r->outcomes[o].name);
    }
}

/* Cases in which some model is asked under the level. */
static uint32_t cases_of(const struct cs_report_work *w, uint32_t factor, uint32_t level)
{
    uint32_t n = 0;
    for (uint32_t c = 0; c < w->study->n_cases; c++) {
        bool any = false;
        for (uint32_t m = 0; m < w->got->n_lanes && !any; m++) {
            const struct cs_grid *g = &w->got->grids[m];
            for (uint32_t i = 0; i < g->n_cells && !any; i++)
                any = g->cells[i].at.arms[factor].level == level && !cs_grid_is_left_out(g, c, i);
        }
        n += any;
    }
    return n;
}

static void note_requires(struct cs_report_work *w)
{
    for (uint32_t f = 0; f < w->study->n_factors; f++) {
        for (uint32_t i = 0; i < w->study->factors[f].n_levels; i++) {
            const struct cs_level *l = &w->study->factors[f].levels[i];
            if (l->n_requires > 0)
                cs_analysis_work_note(w,
                                      "%s \"%s\" applies to %u of %u cases (requires: %s); its comparisons are made in "
                                      "those alone.",
                                      w->study->factors[f].name, l->id, cases_of(w, f, i), w->study->n_cases,
                                      w->study->columns[l->requires[0].column]);
        }
    }
}

static void fill_notes(struct cs_report_work *w)
{
    const struct cs_report_source *source = w->source;
    const struct cs_report *r = w->r;
    if (source->inferred && source->analysis != NULL)
        cs_analysis_work_note(
            w,
            "Read without a study file: factors are what the columns of %s show, what is planned is what has "
            "a row; the analysis is that of %s, and nothing proves that it was declared before the first "
            "answer was seen.",
            source->name, source->analysis);
    else if (source->inferred)
        cs_analysis_work_note(
            w,
            "Read without a study file: factors and answers are what the columns of %s show, what is planned is what has "
            "a row, and nothing was declared beforehand.",
            source->name);
    if (r->pilot)
        cs_analysis_work_say_first(
            w, r->blind ? "This is a pilot: it shows that the study works, not what it finds. Its contrasts are blind; "
                          "--unblind shows them, and every later report says so."
                        : "This is a pilot: it shows that the study works, not what it finds.");
    if (!r->complete)
        cs_analysis_work_say_first(
            w,
            "Not complete (%.1f %%): %" PRIu64 " of %" PRIu64 " trials have ended. Counts and intervals, no verdicts.",
            r->planned > 0 ? 100.0 * (double)r->terminal / (double)r->planned : 0, r->terminal, r->planned);
    if (r->n_clusters < CS_CLUSTERS_MIN)
        cs_analysis_work_say_first(w, "%u clusters are too few for verdicts: 5 are needed, 30 are better.",
                                   r->n_clusters);
    if (free_only(w->study))
        cs_analysis_work_say_first(w,
                                   "The replies are free text: how many came is counted here; what they are worth is "
                                   "for raters (clinsafe labels) or a judge to say.");
    else if (r->n_contrasts == 0 && !r->blind)
        cs_analysis_work_say_first(
            w, r->n_factors == 0 ? "The study varies nothing: its answers are described, and compared with labels "
                                   "where the cases have any."
                                 : "Nothing is compared: the study names no contrast and has no control.");
    for (uint32_t m = 0; m < r->n_models; m++) {
        uint64_t usable = 0;
        for (uint32_t i = 0; i < r->n_usable; i++)
            usable += r->usable[i].model == m ? r->usable[i].usable : 0;
        if (r->models[m].terminal > 0 && usable == 0 && !free_only(w->study))
            cs_analysis_work_note(w, "%s gave no usable answer at all.", r->models[m].name);
        note_expected(w, m);
        note_reading(w, r->models[m].name, &w->got->facts[m]);
        if (w->got->facts[m].mismatched > 0)
            cs_analysis_work_note(w, "%s: %" PRIu64 " answers marked ok cannot be read, and count as unparsable.",
                                  r->models[m].name, w->got->facts[m].mismatched);
    }
    note_requires(w);
    cs_analysis_blinding_note(w);
    for (uint32_t i = 0; i < r->n_completeness; i++) {
        const struct cs_report_completeness *c = &r->completeness[i];
        if (c->factor != CS_REPORT_NONE && c->planned > 0 && c->terminal == 0)
            cs_analysis_work_note(w, "%s has no output for level \"%s\" of \"%s\".", r->models[c->model].name,
                                  r->factors[c->factor].levels[c->level].id, r->factors[c->factor].name);
    }
    if (r->earlier.source[0] != '\0' && !r->earlier.complete)
        cs_analysis_work_note(w, "The run compared with is not complete.");
    if (r->earlier.source[0] != '\0' && r->earlier.shared > 0)
        cs_analysis_work_note(
            w,
            "%" PRIu64
            " answers of this run were taken over from earlier and not asked again: where the other run has the "
            "same ones, the two differ less than two dates would.",
            r->earlier.shared);
    if (r->earlier.source[0] != '\0' && r->earlier.unmatched > 0)
        cs_analysis_work_note(w, "%u comparisons have no counterpart in the run compared with.", r->earlier.unmatched);
    for (uint32_t i = 0; i < w->declared->n_notes; i++)
        cs_analysis_work_note(w, "%s", w->declared->notes[i]);
}

static void analyse(struct cs_report_work *w, struct cs_collect_watch watch)
{
    const size_t n = sizeof sections / sizeof *sections;
    for (size_t i = 0; i < n && w->rc == CS_OK; i++) {
        if (watch.at != NULL)
            watch.at(watch.self, "analysing", i * 256, n * 256); /* in the steps that a ticker looks at */
        sections[i](w);
    }
    if (watch.at != NULL)
        watch.at(watch.self, "analysing", n * 256, n * 256);
    if (w->rc == CS_OK)
        fill_notes(w);
}

enum cs_err cs_analysis_run(struct cs_report **out, const struct cs_report_source *source,
                            const struct cs_report_opts *opts, struct cs_error *err)
{
    struct cs_case_facts cases = {0};
    struct cs_declared_analysis declared = {0};
    struct cs_report *r = cs_xcalloc(1, sizeof *r);
    struct cs_report_work w = {.source = source,
                               .against = opts->against,
                               .ratings = opts->ratings,
                               .acts = opts->acts,
                               .unblind = opts->unblind,
                               .study = source->study,
                               .plan = source->plan,
                               .got = &source->got,
                               .cases = &cases,
                               .declared = &declared,
                               .seed = opts->seed,
                               .draws = CS_REPORT_DRAWS,
                               .threads = opts->threads,
                               .r = r,
                               .err = err};
    w.rc = cs_case_facts_read(&cases, source->study, &source->cases, err);
    if (w.rc == CS_OK)
        w.rc = cs_analysis_declared_read(&declared, source->study, &cases, err);
    if (w.rc == CS_OK)
        w.rc = cs_calibration_open(&w.calibration, source, opts->ratings, opts->sampled, err);
    if (w.rc == CS_OK)
        analyse(&w, opts->watch);
    for (uint32_t i = 0; i < w.n_paired; i++)
        cs_reduce_paired_release(&w.paired[i]);
    free(w.paired);
    cs_analysis_interactions_release(&w);
    cs_analysis_trends_release(&w);
    cs_calibration_close(w.calibration);
    cs_analysis_declared_release(&declared);
    cs_case_facts_release(&cases);
    if (w.rc == CS_OK)
        *out = r;
    else
        cs_analysis_free(r);
    return w.rc;
}

void cs_analysis_free(struct cs_report *r)
{
    if (r == NULL)
        return;
    cs_arena_release(&r->arena);
    free(r);
}
