/* ended.c - how replies ended, turn by turn, where trials have several: a refusal in mid-conversation is no outcome of its trial, and would be
 * counted nowhere. No verdict. */
#include <inttypes.h>
#include <stdio.h>

#include "tools/report/analysis/sections.h"

/* Calls that a conversation of the question came to, at most. */
static uint32_t turns_of(const struct cs_replied *p, uint32_t question)
{
    uint32_t most = 0;
    for (uint32_t turn = 1; turn <= CS_TURNS_MAX; turn++) {
        const uint64_t *n = cs_replied_of(p, question, CS_NONE, 0, turn);
        for (int o = 0; o < CS_OUTCOMES; o++)
            most = n[o] > 0 ? turn : most;
    }
    return most;
}

struct filling {
    struct cs_report_work *w;
    struct cs_report_replies *rows;
    uint32_t n;
};

static void fill_arm(struct filling *f, uint32_t model, uint32_t question, uint32_t factor, uint32_t level)
{
    const struct cs_replied *p = &f->w->got->replied[model];
    for (uint32_t turn = 1; turn <= turns_of(p, question); turn++) {
        struct cs_report_replies row = {.model = model,
                                        .factor = factor,
                                        .level = level,
                                        .question = cs_analysis_work_copy(f->w, f->w->study->questions[question].name),
                                        .turn = turn};
        const uint64_t *n = cs_replied_of(p, question, factor == CS_REPORT_NONE ? CS_NONE : factor, level, turn);
        for (int o = 0; o < CS_OUTCOMES; o++) {
            row.outcome[o] = n[o];
            row.replies += n[o];
        }
        if (row.replies > 0)
            f->rows[f->n++] = row;
    }
}

/* ---- in words ------------------------------------------------------------------------------------------------------ */

static const struct { /* as people say it */
    const char *words;
    int first, last;
} kinds[] = {
    {"refused", CS_OUTCOME_refused, CS_OUTCOME_refused},
    {"filtered", CS_OUTCOME_content_filtered, CS_OUTCOME_content_filtered},
    {"cut off", CS_OUTCOME_truncated, CS_OUTCOME_truncated},
    {"not readable", CS_OUTCOME_unparsable, CS_OUTCOME_unparsable},
    {"timed out", CS_OUTCOME_timeout, CS_OUTCOME_timeout},
    {"failed", CS_OUTCOME_invalid_request, CS_OUTCOME_internal},
};

/* Of a model: all replies, and by kind those that did not end well. */
static void note_model(struct cs_report_work *w, uint32_t model, uint64_t *all, uint64_t *bad)
{
    uint64_t n = 0, of[sizeof kinds / sizeof *kinds] = {0}, not_well = 0;
    char text[256] = "";
    size_t len = 0;
    for (uint32_t i = 0; i < w->r->n_replies; i++) {
        const struct cs_report_replies *row = &w->r->replies[i];
        if (row->model != model || row->factor != CS_REPORT_NONE)
            continue;
        n += row->replies;
        not_well += row->replies - row->outcome[CS_OUTCOME_ok];
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
            for (int o = kinds[k].first; o <= kinds[k].last; o++)
                of[k] += row->outcome[o];
        }
    }
    *all += n;
    *bad += not_well;
    if (not_well == 0)
        return;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        if (of[k] > 0)
            len += (size_t)snprintf(text + len, sizeof text - len, "%s%" PRIu64 " %s", len > 0 ? ", " : "", of[k],
                                    kinds[k].words);
    }
    cs_analysis_work_note(w,
                          "%s: of %" PRIu64 " replies at all turns %" PRIu64
                          " did not end well: %s (table \"replies\", by turn and arm).",
                          w->r->models[model].name, n, not_well, text);
}

static void note_reasoning(struct cs_report_work *w)
{
    uint64_t talks = 0, reasoning = 0;
    char seen[128] = "as <think> would be, which no reply has";
    for (uint32_t m = 0; w->got->replied != NULL && m < w->r->n_models; m++) {
        talks += w->got->replied[m].talks;
        reasoning += w->got->replied[m].reasoning;
    }
    if (reasoning > 0)
        snprintf(seen, sizeof seen, "as <think> in %" PRIu64 " of %" PRIu64 " conversations", reasoning, talks);
    cs_analysis_work_note(w,
                          "Conversations: each call sends the texts of all turns before it. Reasoning that a vendor "
                          "returned apart from a reply was not shown to the model again; what a model wrote into the "
                          "reply itself was, %s.",
                          seen);
}

void cs_analysis_ended(struct cs_report_work *w)
{
    struct cs_report *r = w->r;
    const bool some = w->got->replied != NULL;
    const size_t most = some ? (size_t)r->n_models * w->study->n_questions * w->got->replied->arms * CS_TURNS_MAX : 0;
    struct filling f = {.w = w, .rows = cs_arena_array(&r->arena, most + 1, sizeof *f.rows)};
    uint64_t all = 0, bad = 0;
    for (uint32_t m = 0; some && m < r->n_models; m++) {
        for (uint32_t q = 0; q < w->study->n_questions; q++) {
            if (turns_of(&w->got->replied[m], q) < 2)
                continue; /* its outcomes are those of its trials */
            fill_arm(&f, m, q, CS_REPORT_NONE, CS_REPORT_NONE);
            for (uint32_t i = 0; i < r->n_factors; i++) {
                for (uint32_t l = 0; l < r->factors[i].n_levels; l++)
                    fill_arm(&f, m, q, i, l);
            }
        }
    }
    r->replies = f.rows;
    r->n_replies = f.n;
    if (r->conversations)
        note_reasoning(w);
    for (uint32_t m = 0; m < r->n_models; m++)
        note_model(w, m, &all, &bad);
    if (all > 0 && bad == 0)
        cs_analysis_work_note(w, "All %" PRIu64 " replies at all turns ended well.", all);
}

/* ---- columns ------------------------------------------------------------------------------------------------------- */

static const struct cs_report_column columns[] = {
    CS_COLUMN_OF(CS_COLUMN_MODEL, replies, model, "model", "model"),
    CS_COLUMN_SAME(replies, question),
    CS_COLUMN_FACTOR_LEVEL(replies),
    CS_COLUMN_SAME(replies, turn),
    CS_COLUMN_SAME(replies, replies),
    CS_COLUMN_OF(CS_COLUMN_OUTCOMES, replies, outcome, "", ""),
    CS_COLUMN_END_MODEL(replies),
};

static bool is_any(const struct cs_report *r)
{
    return r->n_replies > 0;
}

const struct cs_report_table cs_analysis_ended_tables[] = {
    {"replies", "replies", CS_TABLE_ROWS(replies, n_replies), .columns = columns, .is_shown = is_any, .is_rare = true},
    {0},
};
