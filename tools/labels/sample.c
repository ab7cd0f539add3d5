#include "tools/labels/sample.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/rng.h"
#include "protocol/base/digest.h"
#include "protocol/study/render.h"
#include "protocol/study/template.h"
#include "store/reread.h"
#include "store/conversation.h"
#include "tools/base/csv_write.h"
#include "tools/base/ratings.h"
#include "tools/export/row.h"
#include "tools/labels/disputes.h"
#include "tools/labels/sample_files.h"

struct candidate {
    uint64_t order; /* random, by the seed */
    uint64_t position, output_id;
    uint32_t lane, cell;
    struct cs_rereading reading;
};

struct item { /* a row for raters */
    const struct candidate *of;
    uint64_t order;
    uint32_t pass, turn; /* turn: number of the output among those chosen, which says whose it is */
    char id[17];
};

struct sampling {
    struct cs_reader *r;
    const struct cs_sample_opts *o;
    struct candidate *list;
    size_t n, cap;
    struct item *items;
    uint32_t n_items;
    struct cs_export_row row;
    struct cs_sample_files files;
};

/* ---- choosing ------------------------------------------------------------------------------------------------------ */

static uint64_t mixed(uint64_t seed, const char *use, uint64_t a, uint64_t b)
{
    uint64_t h = cs_rng_mix64(seed);
    for (const char *c = use; *c != '\0'; c++)
        h = cs_rng_mix64(h + (unsigned char)*c);
    return cs_rng_mix64(cs_rng_mix64(h + a) + b);
}

/* The item under which raters differed about this output, or NULL. */
static const char *item_of(const struct sampling *s, const struct cs_output *output)
{
    char hex[33];
    cs_digest_hex(output->digest.b, sizeof output->digest.b, hex);
    return cs_disputes_item(s->o->disputed, hex);
}

static enum cs_err on_output(void *self, uint32_t lane, uint64_t position, const struct cs_stored *stored,
                             struct cs_error *err)
{
    struct sampling *s = self;
    const struct cs_plan *plan = &s->r->view.plan;
    struct cs_coords at;
    (void)err;
    if (stored->output.text[0] == '\0' || !cs_outcome_is_answer((enum cs_outcome)stored->output.outcome))
        return CS_OK;
    if (s->o->disputed != NULL && item_of(s, &stored->output) == NULL)
        return CS_OK;
    if (s->n == s->cap) {
        s->cap = s->cap * 2 + 1024;
        s->list = cs_xrealloc(s->list, s->cap, sizeof *s->list);
    }
    cs_plan_coords(plan, lane, cs_plan_at(plan, lane, position), &at);
    s->list[s->n++] = (struct candidate){.order = mixed(s->o->seed, "order", lane, position),
                                         .position = position,
                                         .output_id = stored->output_id,
                                         .lane = lane,
                                         .cell = at.cell,
                                         .reading = stored->reading};
    return CS_OK;
}

static int by_stratum(const void *x, const void *y)
{
    const struct candidate *a = x, *b = y;
    if (a->lane != b->lane)
        return a->lane < b->lane ? -1 : 1;
    if (a->cell != b->cell)
        return a->cell < b->cell ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

static int by_order(const void *x, const void *y)
{
    const struct item *a = x, *b = y;
    return a->order < b->order ? -1 : a->order > b->order;
}

static void add_item(struct sampling *s, const struct candidate *c, uint32_t pass, uint32_t turn)
{
    struct item *i = &s->items[s->n_items++];
    uint8_t id[8];
    const uint64_t number = mixed(s->o->seed, pass == 2 ? "again" : "item", c->lane, c->position);
    for (int k = 0; k < 8; k++)
        id[k] = (uint8_t)(number >> (8 * k));
    *i = (struct item){.of = c, .order = cs_rng_mix64(number), .pass = pass, .turn = turn};
    cs_digest_hex(id, 8, i->id);
}

/* Every (n / wanted)-th of the sorted list, from a random start: each stratum gets its share, rounded either way. */
static void choose(struct sampling *s)
{
    const uint64_t wanted = s->n < s->o->n ? s->n : s->o->n;
    const uint64_t twice = wanted < s->o->twice ? wanted : s->o->twice;
    s->items = cs_xcalloc(wanted + twice + 1, sizeof *s->items);
    if (wanted == 0)
        return;
    qsort(s->list, s->n, sizeof *s->list, by_stratum);
    const uint64_t start = mixed(s->o->seed, "start", s->n, wanted) % s->n;
    for (uint64_t i = 0; i < wanted; i++)
        add_item(s, &s->list[(start + i * s->n) / wanted], 1, (uint32_t)i);
    qsort(s->items, s->n_items, sizeof *s->items, by_order);
    for (uint64_t i = 0; i < twice; i++)
        add_item(s, s->items[i].of, 2, s->items[i].turn);
    qsort(s->items, s->n_items, sizeof *s->items, by_order); /* nothing in the order tells what a row is */
}

/* ---- writing -------------------------------------------------------------------------------------------------------- */

static const char *text_of(const struct cs_export_row *row, const char *column)
{
    for (uint32_t i = 0; i < row->n; i++) {
        if (strcmp(row->names[i], column) == 0)
            return row->cell[i].kind == CS_CELL_TEXT ? row->cell[i].text : "";
    }
    return "";
}

/* The case as the study's table has it, before any level changed it; "" when each level shows another text. */
static const char *case_text(const struct cs_study *s, const struct cs_case *c)
{
    uint32_t column = cs_study_column(s, "text");
    for (uint32_t f = 0; f < s->n_factors && column == CS_NONE; f++)
        column = s->factors[f].into_column;
    return column != CS_NONE ? c->values[column] : "";
}

/* What raters see of the prompt: blind, the case without its level; else, or where there is no such text, what the model saw: of a
 * conversation all that was said before the last reply. */
static enum cs_err shown_text(const struct sampling *s, const struct cs_coords *at, const struct cs_case *c,
                              const struct cs_conversation *talk, struct cs_prompt *prompt, const char **out,
                              struct cs_error *err)
{
    const struct cs_study *study = s->r->view.spec.study;
    *out = case_text(study, c);
    if (s->o->blind && (*out)[0] != '\0')
        return CS_OK;
    enum cs_err rc = talk->n > 1 ? CS_OK : cs_render(study, at, c, prompt, err);
    if (rc != CS_OK)
        return rc;
    if (s->o->blind) /* the name of a level's file tells the level */
        prompt->n_images = 0;
    const char *said = NULL;
    if (talk->n > 1) {
        cs_render_images_shown(prompt, &prompt->shown);
        cs_conversation_show(talk, false, &prompt->shown);
    }
    said = talk->n > 1 ? cs_buf_cstr(&prompt->shown) : cs_render_shown(prompt);
    *out = said;
    if (prompt->system.len > 0 && !s->o->blind) {
        cs_buf_str(&prompt->system, "\n\n");
        cs_buf_str(&prompt->system, said);
        *out = cs_buf_cstr(&prompt->system);
    }
    return CS_OK;
}

/* What a page draws of the prompt's images: blind those of the case, which are the same under every level. */
static enum cs_err shown_images(const struct sampling *s, const struct cs_coords *at, const struct cs_case *c,
                                struct cs_prompt *prompt, struct cs_image out[CS_IMAGES_MAX], uint32_t *n,
                                struct cs_error *err)
{
    if (!cs_sample_files_draw(&s->files))
        return CS_OK;
    const enum cs_err rc = cs_render(s->r->view.spec.study, at, c, prompt, err);
    for (uint32_t i = 0; i < prompt->n_images && rc == CS_OK; i++) {
        if (!s->o->blind || s->o->level_images || (prompt->images_of_levels >> i & 1) == 0)
            out[(*n)++] = prompt->images[i];
    }
    return rc;
}

/* Whether what a tool returns may differ between levels. */
static bool tells_level(const struct cs_study *s, const struct cs_tool *tool)
{
    const char *rest = tool->returns;
    struct cs_piece piece = {.slot = CS_SLOT_END};
    if (rest == NULL) /* a table by the case and what was asked */
        return false;
    do {
        if (cs_template_next(s, &rest, &piece, NULL) != CS_OK || piece.slot == CS_SLOT_FACTOR ||
            piece.slot == CS_SLOT_FACTOR_TEXT)
            return true;
        for (uint32_t f = 0; f < s->n_factors && piece.slot == CS_SLOT_CASE; f++) {
            if (s->factors[f].into_column == piece.column)
                return true;
        }
    } while (piece.slot != CS_SLOT_END);
    return false;
}

/* What the model looked up, and what it was told. */
static void put_look_ups(const struct cs_study *s, const struct cs_tool_step *step, struct cs_buf *out)
{
    for (uint32_t i = 0; i < step->round.n_calls; i++) {
        const struct cs_called *c = &step->calls[i];
        const bool hidden = c->tool != NULL && tells_level(s, c->tool);
        cs_buf_printf(out, "[looks up %s] %s\n[is told] %s\n", c->call.name, c->call.arguments,
                      hidden ? "(not shown: it tells the group)" : c->result);
    }
}

/* What raters see of the reply: the last one; blind, where they do not see what was said before, those of all turns, and what was looked up. */
static const char *shown_reply(const struct sampling *s, const struct cs_conversation *talk, const char *last,
                               struct cs_buf *out)
{
    if (!s->o->blind || talk->n < 2)
        return last;
    for (uint32_t k = 0; k < talk->n; k++) {
        const struct cs_conversation_turn *t = &talk->turn[k];
        cs_buf_str(out, k > 0 ? "\n\n" : "");
        if (talk->loop == NULL)
            cs_buf_printf(out, "[turn %u] ", t->number);
        if (t->step != NULL && t->reply->text[0] != '\0')
            cs_buf_printf(out, "%s\n", t->reply->text);
        else if (t->step == NULL)
            cs_buf_str(out, t->reply->text);
        if (t->step != NULL)
            put_look_ups(s->r->view.spec.study, t->step, out);
    }
    return cs_buf_cstr(out);
}

/* The columns of texts that raters get, in their order. */
static const char *const *sheet_columns(struct sampling *s, uint32_t *n_out)
{
    const struct cs_study *study = s->r->view.spec.study;
    const char **columns = cs_arena_array(&s->files.arena, study->n_factors + 6, sizeof *columns);
    uint32_t n = 0;
    columns[n++] = "item";
    if (!s->o->blind) {
        columns[n++] = "model";
        for (uint32_t f = 0; f < study->n_factors; f++)
            columns[n++] = cs_arena_printf(&s->files.arena, "factor.%s", study->factors[f].name);
    }
    columns[n++] = s->o->blind ? "case" : "prompt";
    columns[n++] = "ask";
    if (!s->o->no_answer)
        columns[n++] = "reply";
    if (s->o->disputed != NULL)
        columns[n++] = "said";
    *n_out = n;
    return columns;
}

static enum cs_err write_rater_row(struct sampling *s, const struct item *it, const struct cs_coords *at,
                                   const struct cs_case *c, const struct cs_stored *stored, struct cs_error *err)
{
    const struct cs_study *study = s->r->view.spec.study;
    const struct cs_question *q = &study->questions[at->question];
    const struct cs_output *output = &stored->output;
    struct cs_prompt prompt = CS_PROMPT_INIT, drawn = CS_PROMPT_INIT;
    struct cs_image images[CS_IMAGES_MAX];
    uint32_t n_images = 0;
    struct cs_conversation talk = {0};
    struct cs_arena arena = {0};
    struct cs_buf replies = CS_BUF_INIT(SIZE_MAX);
    const char **values = cs_arena_array(&arena, s->files.n_columns, sizeof *values),
               **words = cs_arena_array(&arena, s->files.n_fields, sizeof *words);
    uint32_t n = 0;
    values[n++] = s->o->disputed != NULL ? item_of(s, output) : it->id;
    if (!s->o->blind) {
        values[n++] = study->models[it->of->lane].name;
        for (uint32_t f = 0; f < study->n_factors; f++)
            values[n++] = study->factors[f].levels[at->arms[f].level].id;
    }
    enum cs_err rc = output->turns_done > 0
                         ? cs_conversation_read(s->r->store, study, at, c, &prompt, stored, &arena, &talk, err)
                         : CS_OK;
    if (rc == CS_OK)
        rc = shown_text(s, at, c, &talk, &prompt, &values[n], err);
    n++;
    values[n++] = q->ask;
    if (!s->o->no_answer)
        values[n++] = rc == CS_OK ? shown_reply(s, &talk, output->text, &replies) : "";
    for (uint32_t i = 0; i < s->files.n_fields; i++)
        words[i] = cs_sample_files_words(&s->files, q->name, i, &arena);
    if (s->o->disputed != NULL)
        values[n++] = cs_sample_files_disputed(&s->files, &output->digest, words, &arena);
    if (rc == CS_OK)
        rc = shown_images(s, at, c, &drawn, images, &n_images, err);
    if (rc == CS_OK)
        cs_sample_files_row(&s->files, it->turn, values, words, images, n_images);
    cs_render_release(&prompt);
    cs_render_release(&drawn);
    cs_buf_release(&replies);
    cs_arena_release(&arena);
    return rc;
}

static void write_key_row(const struct sampling *s, const struct item *it, const struct cs_case *c, FILE *out)
{
    struct cs_arena names = {0};
    const struct cs_study *study = s->r->view.spec.study;
    const struct cs_model *m = &study->models[it->of->lane];
    cs_csv_write_field(out, it->id, true);
    cs_csv_write_field(out, it->pass == 2 ? "2" : "1", false);
    cs_csv_write_field(out, text_of(&s->row, "digest"), false);
    cs_csv_write_field(out, m->name, false);
    cs_csv_write_field(out, study->accounts[m->account].simulated ? "true" : "false", false);
    cs_csv_write_field(out, text_of(&s->row, "question"), false);
    cs_csv_write_field(out, c->id, false);
    cs_csv_write_field(out, c->cluster, false);
    for (uint32_t i = 0; i < s->files.n_fields; i++)
        cs_csv_write_field(
            out, i < s->files.n_own ? text_of(&s->row, cs_arena_printf(&names, "answer.%s", s->files.fields[i])) : "",
            false);
    cs_csv_write_end(out);
    cs_arena_release(&names);
}

static enum cs_err write_items(struct sampling *s, struct cs_error *err)
{
    const struct cs_generation_view *v = &s->r->view;
    uint32_t n = 0;
    const char *const *columns = sheet_columns(s, &n);
    enum cs_err rc = cs_sample_files_open(&s->files, columns, n,
                                          "item,pass,digest,model,simulated,question,case_id,cluster", err);
    for (uint32_t i = 0; i < s->n_items && rc == CS_OK; i++) {
        const struct candidate *c = s->items[i].of;
        struct cs_arena arena = {0};
        struct cs_stored stored;
        struct cs_coords at;
        struct cs_case own;
        rc = cs_store_scan_output(s->r->store, c->output_id, &arena, &stored, err);
        if (rc == CS_OK)
            cs_store_reread_apply(&c->reading, &stored);
        if (rc == CS_OK)
            rc = cs_export_row_fill(&s->row, c->lane, c->position, &stored, NULL, err);
        cs_plan_coords(&v->plan, c->lane, cs_plan_at(&v->plan, c->lane, c->position), &at);
        if (rc == CS_OK)
            rc = v->cases.get(v->cases.self, at.case_index, &own, err);
        if (rc == CS_OK) {
            rc = write_rater_row(s, &s->items[i], &at, &own, &stored, err);
            write_key_row(s, &s->items[i], &own, s->files.key);
        }
        cs_arena_release(&arena);
    }
    /* items in dispute have their keys already */
    return rc == CS_OK ? cs_sample_files_put(&s->files, s->o->disputed == NULL, err) : rc;
}

enum cs_err cs_sample_write(struct cs_reader *r, const struct cs_sample_opts *o, struct cs_sample_done *done,
                            struct cs_error *err)
{
    struct sampling s = {.r = r, .o = o};
    enum cs_err rc = cs_sample_files_init(&s.files, r->view.spec.study, o, err);
    s.files.store = r->store;
    for (uint32_t lane = 0; lane < r->view.plan.n_lanes && rc == CS_OK; lane++)
        rc = cs_store_scan(r->store, r->view.generation.number, lane, on_output, &s, err);
    if (rc == CS_OK && s.n == 0)
        rc = cs_error_set(err, CS_ENOENT, "%s",
                          o->disputed != NULL ? "raters differ about no output; there is nothing to decide"
                                              : "there is no output with a text to rate yet");
    if (rc == CS_OK) {
        choose(&s);
        rc = cs_export_row_open(&s.row, &r->view, NULL, err);
        cs_export_row_turns(&s.row, r->store);
    }
    if (rc == CS_OK)
        rc = write_items(&s, err);
    *done = (struct cs_sample_done){.items = s.n_items, .outputs = s.n < UINT32_MAX ? (uint32_t)s.n : UINT32_MAX};
    cs_sample_files_count(&s.files, done);
    cs_export_row_close(&s.row);
    free(s.items);
    free(s.list);
    cs_sample_files_release(&s.files);
    return rc;
}
