/* asked_again.c - answers that were asked again by a declared act (decision 12): how many in which arm, and every tested contrast with the
 * first answers beside the one with the later ones. Where the two verdicts differ there is none.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "protocol/base/alloc.h"
#include "tools/report/analysis/interactions.h"
#include "tools/report/analysis/sections.h"
#include "tools/report/analysis/trends.h"
#include "tools/report/words.h"

/* ---- by arm ----------------------------------------------------------------------------------------------------- */

static void add_cell(struct cs_report_again *row, const struct cs_grid_cell *cell, const struct cs_collected_again *a)
{
    row->planned += cell->planned;
    row->timeouts += a->timeouts;
    row->unparsable += a->unparsable;
    row->asked += a->timeouts + a->unparsable;
    row->ok += a->ok;
    row->others += a->others;
    row->waiting += a->timeouts + a->unparsable - a->ok - a->others;
    row->overload += a->overload;
}

/* Rows of one model from `rows` on: all, then a level each. Returns how many. */
static uint32_t count_model(const struct cs_report_work *w, uint32_t model, struct cs_report_again *rows)
{
    const struct cs_grid *g = &w->got->grids[model];
    const struct cs_collected_again *again = w->got->again[model];
    uint32_t n = 0;
    rows[n++] = (struct cs_report_again){.model = model, .factor = CS_REPORT_NONE, .level = CS_REPORT_NONE};
    for (uint32_t i = 0; i < g->n_cells; i++)
        add_cell(&rows[0], &g->cells[i], &again[i]);
    for (uint32_t f = 0; f < w->study->n_factors; f++) {
        for (uint32_t l = 0; l < w->study->factors[f].n_levels; l++)
            rows[n + l] = (struct cs_report_again){.model = model, .factor = f, .level = l};
        for (uint32_t i = 0; i < g->n_cells; i++)
            add_cell(&rows[n + g->cells[i].at.arms[f].level], &g->cells[i], &again[i]);
        n += w->study->factors[f].n_levels;
    }
    return n;
}

static void count_arms(struct cs_report_work *w)
{
    struct cs_report *r = w->r;
    uint32_t per_model = 1;
    for (uint32_t f = 0; f < w->study->n_factors; f++)
        per_model += w->study->factors[f].n_levels;
    struct cs_report_again *rows = cs_arena_array(&r->arena, (size_t)per_model * r->n_models + 1, sizeof *rows);
    for (uint32_t m = 0; w->got->again != NULL && m < r->n_models; m++) {
        if (w->got->again[m] != NULL)
            r->n_again += count_model(w, m, rows + r->n_again);
    }
    r->again = rows;
}

/* ---- with the first answers ------------------------------------------------------------------------------------- */

static bool has_first(const struct cs_report_work *w)
{
    for (uint32_t m = 0; w->got->first != NULL && m < w->got->n_lanes; m++) {
        if (w->got->first[m] != NULL)
            return true;
    }
    return false;
}

/* The same analysis as if nobody had been asked again: a report of its own, of which only the contrasts are wanted. */
static struct cs_report *analyse_first(struct cs_report_work *w)
{
    struct cs_report *first = cs_xcalloc(1, sizeof *first);
    struct cs_collected got = *w->got;
    struct cs_report_work own = *w;
    *first = *w->r;
    first->arena = (struct cs_arena){0};
    first->n_contrasts = first->n_category_tests = first->n_usable = 0;
    first->complete = true;
    got.grids = cs_xcalloc(got.n_lanes, sizeof *got.grids);
    for (uint32_t m = 0; m < got.n_lanes; m++) {
        got.grids[m] = got.first[m] != NULL ? *got.first[m] : w->got->grids[m];
        first->complete = first->complete && got.facts[m].terminal + got.facts[m].waiting == first->models[m].planned;
    }
    own.r = first;
    own.got = &got;
    own.paired = NULL;
    own.joints = NULL;
    own.trend_pairs = NULL;
    cs_analysis_completeness(&own);
    cs_analysis_trends(&own);
    cs_analysis_contrasts(&own);
    for (uint32_t i = 0; i < first->n_contrasts; i++)
        cs_reduce_paired_release(&own.paired[i]);
    free(own.paired);
    cs_analysis_interactions_release(&own);
    cs_analysis_trends_release(&own);
    free(got.grids);
    return first;
}

static void compare(struct cs_report_work *w, const struct cs_report *first)
{
    struct cs_report *r = w->r;
    struct cs_report_twice *rows = cs_arena_array(&r->arena, (size_t)r->n_contrasts + 1, sizeof *rows);
    for (uint32_t i = 0; i < r->n_contrasts; i++) {
        struct cs_report_contrast *now = &r->contrasts[i];
        const struct cs_report_contrast *then = &first->contrasts[i];
        if (!now->in_family || w->got->first[now->model] == NULL)
            continue;
        struct cs_report_twice *t = &rows[r->n_twice++];
        *t = (struct cs_report_twice){
            .contrast = i,
            .shift_first = then->shift,
            .shift_later = now->shift,
            .ci_first = then->ci_simultaneous,
            .ci_later = now->ci_simultaneous,
            .first = then->verdict,
            .later = now->verdict,
            .decided_first = {then->decided_by.span, cs_analysis_work_copy(w, then->decided_by.why)},
            .decided_later = now->decided_by,
            .differ = then->verdict != now->verdict};
        if (!t->differ)
            continue;
        now->verdict = CS_VERDICT_NONE;
        now->decided_by = (struct cs_report_decided){.why = ""};
        now->why = cs_arena_printf(&r->arena, "with the first answers: %s; with those after asking again: %s",
                                   cs_words_verdict(t->first), cs_words_verdict(t->later));
    }
    r->twice = rows;
}

/* ---- in a sentence ------------------------------------------------------------------------------------------------ */

static void note(struct cs_report_work *w)
{
    const struct cs_report *r = w->r;
    struct cs_report_again sum = {0};
    uint32_t differ = 0;
    for (uint32_t i = 0; i < r->n_again; i++) {
        const struct cs_report_again *a = &r->again[i];
        if (a->factor != CS_REPORT_NONE)
            continue;
        sum.timeouts += a->timeouts;
        sum.unparsable += a->unparsable;
        sum.ok += a->ok;
        sum.waiting += a->waiting;
        sum.overload += a->overload;
    }
    for (uint32_t i = 0; i < r->n_twice; i++)
        differ += r->twice[i].differ;
    if (sum.timeouts + sum.unparsable > 0) {
        const char *verdicts = differ == 0
                                   ? "the verdicts are the same in all of them"
                                   : cs_arena_printf(&w->r->arena,
                                                     "in %u of them the verdicts differ, and there is none", differ);
        cs_analysis_work_note(w,
                              "%" PRIu64 " trials were asked again by declaration (%" PRIu64 " timeouts, %" PRIu64
                              " unparsable): %" PRIu64 " of them are ok now, %" PRIu64
                              " still wait. Findings are given with the first and with the later answers (%u tested "
                              "comparisons): %s.",
                              sum.timeouts + sum.unparsable, sum.timeouts, sum.unparsable, sum.ok, sum.waiting,
                              r->n_twice, verdicts);
    }
    if (sum.overload > 0)
        cs_analysis_work_note(
            w, "%" PRIu64 " further calls were made after our own overload; none of them is an answer here.",
            sum.overload);
}

void cs_analysis_asked_again(struct cs_report_work *w)
{
    count_arms(w);
    if (has_first(w)) {
        struct cs_report *first = analyse_first(w);
        compare(w, first);
        cs_arena_release(&first->arena);
        free(first);
    }
    note(w);
}

/* ---- columns ------------------------------------------------------------------------------------------------------ */

static bool is_any(const struct cs_report *r)
{
    return r->n_again > 0;
}

static bool is_twice(const struct cs_report *r)
{
    return r->n_twice > 0;
}

static const char *first_word(const struct cs_report *r, const void *row)
{
    (void)r;
    return cs_words_verdict_key(((const struct cs_report_twice *)row)->first);
}

static const char *later_word(const struct cs_report *r, const void *row)
{
    (void)r;
    return cs_words_verdict_key(((const struct cs_report_twice *)row)->later);
}

static const struct cs_report_column again_columns[] = {
    CS_COLUMN_OF(CS_COLUMN_MODEL, again, model, "model", "model"),
    CS_COLUMN_FACTOR_LEVEL(again),
    CS_COLUMN_SAME(again, planned),
    CS_COLUMN(again, asked, "asked_again", "asked_again"),
    CS_COLUMN(again, timeouts, "first_timeout", "first_timeout"),
    CS_COLUMN(again, unparsable, "first_unparsable", "first_unparsable"),
    CS_COLUMN(again, ok, "now_ok", "now_ok"),
    CS_COLUMN(again, others, "now_others", "now_others"),
    CS_COLUMN_SAME(again, waiting),
    CS_COLUMN(again, overload, "overload_calls", "overload_calls"),
    CS_COLUMN_END_MODEL(again),
};
static const struct cs_report_column twice_columns[] = {
    CS_COLUMN_OF(CS_COLUMN_CONTRAST, twice, contrast, "", ""),
    CS_COLUMN_SAME(twice, shift_first),
    CS_COLUMN(twice, ci_first, "ci_first", "first_low,first_high"),
    CS_COLUMN_SAID(first_word, "verdict_first", "verdict_first"),
    CS_COLUMN(twice, decided_first, "decided_first", "decided_first_low,decided_first_high,decided_first_why"),
    CS_COLUMN_SAME(twice, shift_later),
    CS_COLUMN(twice, ci_later, "ci_later", "later_low,later_high"),
    CS_COLUMN_SAID(later_word, "verdict_later", "verdict_later"),
    CS_COLUMN(twice, decided_later, "decided_later", "decided_later_low,decided_later_high,decided_later_why"),
    CS_COLUMN_SAME(twice, differ),
    CS_COLUMN_OF(CS_COLUMN_NOTE_CONTRAST, twice, contrast, "note", "note"),
    {0},
};
const struct cs_report_table cs_analysis_asked_again_tables[] = {
    {"asked_again", "asked_again", CS_TABLE_ROWS(again, n_again), .columns = again_columns, .is_shown = is_any,
     .is_rare = true},
    {"first_answers", "first_answers", CS_TABLE_ROWS(twice, n_twice), .columns = twice_columns, .is_shown = is_twice,
     .is_rare = true},
    {0},
};
