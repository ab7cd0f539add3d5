/* moved.c - for each finding the cases that moved most: chosen by one half of the repeats, shown with the estimate of the other half, which
 * had no part in the choice (the best of many look better than they are), and with prompts and replies as they were sent and came. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/study/render.h"
#include "store/conversation.h"
#include "store/reread.h"
#include "tools/report/analysis/sections.h"
#include "tools/report/words.h"
#include "protocol/base/base64.h"
#include "store/image_rows.h"

enum { CASES_EACH = 5, FINDINGS_MAX = 12 };

struct candidate {
    uint32_t case_index;
    double chosen, shift;
};

/* Both halves of one lane, cases told apart. */
struct halves {
    struct cs_report_work *w;
    uint32_t lane;
    struct cs_grid rest;         /* the half that chooses */
    const struct cs_grid *other; /* the half that is shown */
    struct cs_case_facts cases;  /* every case its own cluster */
    uint32_t *identity;
};

static void halves_open(struct halves *h, struct cs_report_work *w, uint32_t lane)
{
    *h = (struct halves){.w = w, .lane = lane, .other = &w->got->halves[lane], .cases = *w->cases};
    cs_grid_rest(&h->rest, &w->got->grids[lane], h->other);
    h->identity = cs_xcalloc(w->cases->n_cases + 1, sizeof *h->identity);
    for (uint32_t i = 0; i < w->cases->n_cases; i++)
        h->identity[i] = i;
    h->cases.cluster = h->identity;
    h->cases.n_clusters = w->cases->n_cases;
}

static void halves_close(struct halves *h)
{
    cs_grid_release(&h->rest);
    free(h->identity);
}

/* ---- choosing -------------------------------------------------------------------------------------------------- */

static const struct cs_spec_contrast *spec_of(const struct cs_report_work *w, uint32_t contrast)
{
    return &w->declared->contrasts[contrast % w->declared->n_contrasts];
}

static bool is_finding(const struct cs_report_work *w, uint32_t contrast)
{
    const struct cs_report_contrast *c = &w->r->contrasts[contrast];
    return c->primary && c->against != CS_AGAINST_PLACEBO && c->stratum[0] == '\0' &&
           w->r->outcomes[c->outcome].kind != CS_OUTCOME_NUMBER && cs_words_verdict_is_different(c->verdict);
}

static void pair_half(const struct halves *h, const struct cs_grid *g, uint32_t contrast, struct cs_paired *out)
{
    const struct cs_report_contrast *c = &h->w->r->contrasts[contrast];
    const struct cs_spec_contrast *spec = spec_of(h->w, contrast);
    const struct cs_measure *m = &h->w->declared->measures[c->outcome];
    const struct cs_side level = cs_analysis_declared_one_level(spec->level);
    const struct cs_case_filter filter = {
        .stratum = CS_NONE,
        .flagged = h->w->declared->flagged[(size_t)c->outcome * h->w->declared->n_contrasts +
                                           contrast % h->w->declared->n_contrasts]};
    struct cs_arrangement a;
    cs_reduce_arrange(&a, g, m->question, spec->factor);
    cs_reduce_pair(out, m, g, &a, &h->cases, &level, &spec->comparator_side, &filter);
    cs_reduce_arrangement_release(&a);
}

/* The largest first, whichever way; a tie by the order of the cases. */
static int by_size(const void *x, const void *y)
{
    const struct candidate *a = x, *b = y;
    const double p = fabs(a->chosen), q = fabs(b->chosen);
    return p > q ? -1 : p < q ? 1 : a->case_index < b->case_index ? -1 : a->case_index > b->case_index;
}

/* Those that moved down first. */
static int by_direction(const void *x, const void *y)
{
    const struct candidate *a = x, *b = y;
    if ((a->chosen < 0) != (b->chosen < 0))
        return a->chosen < 0 ? -1 : 1;
    return by_size(x, y);
}

/* Cases with answers in both halves, the chosen ones first; how many they are. */
static uint32_t choose(const struct halves *h, uint32_t contrast, struct candidate *list)
{
    struct cs_paired chosen, shown;
    uint32_t n = 0, k = 0;
    pair_half(h, &h->rest, contrast, &chosen);
    pair_half(h, h->other, contrast, &shown);
    for (uint32_t i = 0; i < chosen.n; i++) {
        while (k < shown.n && shown.cluster[k] < chosen.cluster[i])
            k++;
        if (k < shown.n && shown.cluster[k] == chosen.cluster[i])
            list[n++] = (struct candidate){chosen.cluster[i], chosen.diff[i], shown.diff[k]};
    }
    cs_reduce_paired_release(&chosen);
    cs_reduce_paired_release(&shown);
    qsort(list, n, sizeof *list, by_size);
    n = n < CASES_EACH ? n : CASES_EACH;
    qsort(list, n, sizeof *list, by_direction);
    return n;
}

/* ---- texts --------------------------------------------------------------------------------------------------------- */

/* The first prompt of a case under a level, with every other factor at its control (or first level); false: it has none. */
static bool find_cell(const struct cs_report_work *w, uint32_t lane, const struct cs_spec_contrast *spec,
                      uint32_t level, uint32_t question, uint32_t *cell)
{
    const struct cs_grid *g = &w->got->grids[lane];
    for (uint32_t i = 0; i < g->n_cells; i++) {
        bool fits = g->cells[i].at.question == question && g->cells[i].at.arms[spec->factor].level == level;
        for (uint32_t f = 0; f < w->study->n_factors && fits; f++) {
            const uint32_t control = cs_analysis_work_control(w->study, f);
            if (f != spec->factor)
                fits = g->cells[i].at.arms[f].level == (control != CS_REPORT_NONE ? control : 0);
        }
        if (fits) {
            *cell = i;
            return true;
        }
    }
    return false;
}

/* Those of a prompt's images that a page can hold, and that are in the store. */
static const char *pictures_of(struct cs_report_work *w, const struct cs_prompt *p)
{
    enum { SMALL_BYTES = 8 * 1024, MOST = 2 };
    struct cs_buf out = CS_BUF_INIT((size_t)MOST * 2 * SMALL_BYTES);
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->n_images && n < MOST; i++) {
        uint8_t *bytes = NULL;
        if (p->images[i].bytes > SMALL_BYTES ||
            cs_image_rows_read(w->source->reader->store, &p->images[i], &bytes, NULL) != CS_OK)
            continue;
        char *text = cs_xcalloc(1, cs_base64_length((size_t)p->images[i].bytes) + 1);
        cs_base64_encode(bytes, p->images[i].bytes, text);
        cs_buf_printf(&out, "%s%u data:%s;base64,", n++ > 0 ? "\n" : "", i + 1, cs_picture_media(p->images[i].is.type));
        cs_buf_str(&out, text);
        free(text);
        free(bytes);
    }
    const char *kept = cs_analysis_work_copy(w, cs_buf_cstr(&out));
    cs_buf_release(&out);
    return kept;
}

static enum cs_err render(struct cs_report_work *w, const struct cs_coords *at, const char **out, const char **images)
{
    struct cs_prompt p = CS_PROMPT_INIT;
    struct cs_case c;
    enum cs_err rc = w->source->cases.get(w->source->cases.self, at->case_index, &c, w->err);
    if (rc == CS_OK)
        rc = cs_render(w->study, at, &c, &p, w->err);
    if (rc == CS_OK)
        *out = cs_analysis_work_copy(w, cs_render_shown(&p));
    if (rc == CS_OK)
        *images = pictures_of(w, &p);
    cs_render_release(&p);
    return rc;
}

/* What was said before a reply that ends a conversation takes the place of the prompt as it was planned. */
static enum cs_err take_talk(struct cs_report_work *w, const struct cs_coords *at, const struct cs_stored *stored,
                             struct cs_arena *arena, const char **prompt)
{
    struct cs_prompt p = CS_PROMPT_INIT;
    struct cs_conversation talk;
    struct cs_case c;
    enum cs_err rc = w->source->cases.get(w->source->cases.self, at->case_index, &c, w->err);
    if (rc == CS_OK)
        rc = cs_conversation_read(w->source->reader->store, w->study, at, &c, &p, stored, arena, &talk, w->err);
    if (rc == CS_OK) {
        cs_render_images_shown(&p, &p.shown);
        cs_conversation_show(&talk, false, &p.shown);
        *prompt = cs_analysis_work_copy(w, cs_buf_cstr(&p.shown));
    }
    cs_render_release(&p);
    return rc;
}

/* What was answered in the half that is shown: the first usable reply of it. */
static enum cs_err reply(struct cs_report_work *w, struct cs_coords *at, uint32_t repeats, const char **prompt,
                         const char **out)
{
    struct cs_store *store = w->source->reader->store;
    enum cs_err rc = CS_OK;
    for (at->repeat = 1; at->repeat < repeats && rc == CS_OK && (*out)[0] == '\0'; at->repeat += 2) {
        struct cs_arena arena = {0};
        struct cs_place place;
        struct cs_stored stored;
        rc = cs_store_rows_place(store, w->source->reader->view.generation.number, at->lane,
                                 cs_plan_position(w->plan, at->lane, cs_plan_index(w->plan, at)), &place, w->err);
        if (rc == CS_OK)
            rc = cs_store_scan_output(store, place.output_id, &arena, &stored, w->err);
        if (rc == CS_OK)
            cs_store_reread_apply(&place.reading, &stored);
        if (rc == CS_OK && stored.output.outcome == CS_OUTCOME_ok && stored.output.turns_done > 1)
            rc = take_talk(w, at, &stored, &arena, prompt);
        if (rc == CS_OK && stored.output.outcome == CS_OUTCOME_ok)
            *out = cs_analysis_work_copy(w, stored.output.text);
        rc = rc == CS_ENOENT ? CS_OK : rc;
        cs_arena_release(&arena);
    }
    at->repeat = 0;
    return rc;
}

static enum cs_err take_side(struct cs_report_work *w, const struct halves *h, uint32_t contrast, uint32_t case_index,
                             uint32_t level, const char **prompt, const char **images, const char **answer)
{
    const struct cs_report_contrast *c = &w->r->contrasts[contrast];
    uint32_t cell;
    if (!find_cell(w, h->lane, spec_of(w, contrast), level, w->declared->measures[c->outcome].question, &cell))
        return CS_OK;
    struct cs_coords at;
    cs_plan_cell(w->plan, h->lane, case_index, cell, &at);
    enum cs_err rc = render(w, &at, prompt, images);
    return rc == CS_OK ? reply(w, &at, w->study->rects[at.rect].repeats, prompt, answer) : rc;
}

static bool may_show(const struct cs_report_work *w)
{
    return w->source->reader != NULL && w->source->rated == NULL && w->source->judged.own == NULL &&
           !w->study->confidential;
}

static const char *label_of(const struct cs_report_work *w, const struct cs_report_contrast *c, uint32_t case_index)
{
    const struct cs_measure *m = &w->declared->measures[c->outcome];
    if (m->label == NULL || m->label[case_index] == CS_NONE)
        return "";
    const struct cs_report_outcome *o = &w->r->outcomes[c->outcome];
    const uint32_t k = o->kind == CS_OUTCOME_BINARY ? 1 - m->label[case_index] : m->label[case_index];
    return k < o->n_categories ? o->categories[k] : "";
}

static void take_case(const struct halves *h, uint32_t contrast, const struct candidate *from,
                      struct cs_report_moved *out)
{
    struct cs_report_work *w = h->w;
    const struct cs_report_contrast *c = &w->r->contrasts[contrast];
    const double scale = cs_analysis_work_scale(&w->r->outcomes[c->outcome]);
    *out = (struct cs_report_moved){.contrast = contrast,
                                    .case_id = cs_analysis_work_copy(w, w->cases->ids[from->case_index]),
                                    .down = from->chosen < 0,
                                    .chosen = cs_analysis_work_known(from->chosen * scale),
                                    .shift = cs_analysis_work_known(from->shift * scale),
                                    .label = label_of(w, c, from->case_index),
                                    .prompt_comparator = "",
                                    .prompt_level = "",
                                    .reply_comparator = "",
                                    .reply_level = "",
                                    .images_comparator = "",
                                    .images_level = ""};
    if (!may_show(w))
        return;
    w->rc = take_side(w, h, contrast, from->case_index, c->level, &out->prompt_level, &out->images_level,
                      &out->reply_level);
    if (w->rc == CS_OK)
        w->rc = take_side(w, h, contrast, from->case_index, c->comparator, &out->prompt_comparator,
                          &out->images_comparator, &out->reply_comparator);
}

/* ---- all ------------------------------------------------------------------------------------------------------------- */

static const char *note_of(const struct cs_report_work *w, uint32_t findings)
{
    if (findings == 0)
        return "No primary comparison was called different: there is no finding that cases could be shown for.";
    if (w->got->halves == NULL)
        return "Each prompt was asked once: nothing is left that could check a choice of cases.";
    if (w->study->confidential)
        return "The cases are confidential: prompts and replies are not in this report; clinsafe show has them.";
    if (w->source->judged.own != NULL)
        return "Prompts and replies are in the study that was judged: clinsafe show has them.";
    return w->source->reader == NULL ? "A table has no prompts: only the figures are here." : "";
}

void cs_analysis_moved(struct cs_report_work *w)
{
    struct cs_report *r = w->r;
    uint32_t findings = 0, taken = 0;
    for (uint32_t i = 0; i < r->n_contrasts; i++)
        findings += is_finding(w, i);
    struct cs_report_moved *rows = cs_arena_array(&r->arena, FINDINGS_MAX * CASES_EACH + 1, sizeof *rows);
    struct candidate *list = cs_xcalloc(w->cases->n_cases + 1, sizeof *list);
    struct halves h = {.lane = CS_NONE};
    r->moved = rows;
    r->moved_note = note_of(w, findings);
    for (uint32_t i = 0; i < r->n_contrasts && w->got->halves != NULL && taken < FINDINGS_MAX && w->rc == CS_OK; i++) {
        if (!is_finding(w, i))
            continue;
        if (h.lane != r->contrasts[i].model) {
            halves_close(&h);
            halves_open(&h, w, r->contrasts[i].model);
        }
        const uint32_t n = choose(&h, i, list);
        for (uint32_t k = 0; k < n && w->rc == CS_OK; k++)
            take_case(&h, i, &list[k], &rows[r->n_moved++]);
        taken++;
    }
    halves_close(&h);
    free(list);
}

/* ---- columns ----------------------------------------------------------------------------------------------------------- */

static const struct cs_report_column columns[] = {
    CS_COLUMN_OF(CS_COLUMN_CONTRAST, moved, contrast, "", ""),
    CS_COLUMN_SAME(moved, case_id),
    CS_COLUMN_SAME(moved, down),
    CS_COLUMN(moved, chosen, "shift_that_chose", "shift_that_chose"),
    CS_COLUMN(moved, shift, "shift_of_the_other_half", "shift_of_the_other_half"),
    CS_COLUMN_SAME(moved, label),
    CS_COLUMN_SAME(moved, prompt_comparator),
    CS_COLUMN_SAME(moved, prompt_level),
    CS_COLUMN_SAME(moved, reply_comparator),
    CS_COLUMN_SAME(moved, reply_level),
    CS_COLUMN_OF(CS_COLUMN_NOTE_CONTRAST, moved, contrast, "note", "note"),
    {0},
};
const struct cs_report_table cs_analysis_moved_tables[] = {
    {"moved", "moved", CS_TABLE_ROWS(moved, n_moved), .columns = columns},
    {0},
};
