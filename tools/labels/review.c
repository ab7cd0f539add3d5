#include "tools/labels/review.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/digest.h"
#include "protocol/base/file.h"
#include "protocol/study/applies.h"
#include "protocol/study/render.h"
#include "protocol/table/names.h"
#include "protocol/table/table.h"
#include "tools/base/csv_write.h"
#include "tools/base/part_file.h"
#include "tools/labels/sheet.h"

static const char words[] = "yes\nno\nunsure";

struct votes {
    uint32_t yes, no;
};

struct review {
    const struct cs_loaded *l;
    const struct cs_review_opts *o;
    const struct cs_factor *f;
    struct cs_arena arena;
    const char **fields; /* plausible, then the answers */
    uint32_t n_fields;
    /* for an import */
    struct cs_names items, raters, rated; /* rated: who said something of a pair */
    struct votes *votes;                  /* [pair][field]; a pair is case x level */
    uint32_t *column;                     /* the file's, per field */
    uint32_t item, rater;
    const char *path, *file_rater;
    struct cs_review_done *done;
};

/* ---- what is asked ---------------------------------------------------------------------------------- */

static bool is_twice(const struct cs_study *s, const char *name)
{
    uint32_t n = 0;
    for (uint32_t q = 0; q < s->n_questions; q++) {
        for (uint32_t i = 0; i < s->questions[q].n_fields; i++)
            n += strcmp(s->questions[q].fields[i].name, name) == 0;
    }
    return n > 1;
}

/* Answers as `warrant:` names them. */
static void list_fields(struct review *r)
{
    const struct cs_study *s = r->l->study;
    uint32_t most = 1;
    for (uint32_t q = 0; q < s->n_questions; q++)
        most += s->questions[q].n_fields;
    r->fields = cs_arena_array(&r->arena, most, sizeof *r->fields);
    r->fields[r->n_fields++] = "plausible";
    for (uint32_t q = 0; q < s->n_questions; q++) {
        for (uint32_t i = 0; i < s->questions[q].n_fields; i++) {
            const struct cs_field *f = &s->questions[q].fields[i];
            if (f->kind != CS_FIELD_TEXT && f->kind != CS_FIELD_LIST)
                r->fields[r->n_fields++] = is_twice(s, f->name)
                                               ? cs_arena_printf(&r->arena, "%s.%s", s->questions[q].name, f->name)
                                               : f->name;
        }
    }
}

static void name_item(const struct review *r, uint32_t case_index, uint32_t level, char out[17])
{
    uint8_t digest[32];
    char *pair = cs_xasprintf("%s\x1f%s\x1f%s", r->l->all[case_index].id, r->f->name, r->f->levels[level].id);
    cs_digest_blake2b_256(pair, strlen(pair), digest);
    cs_digest_hex(digest, 8, out);
    free(pair);
}

/* ---- the sheet --------------------------------------------------------------------------------------- */

/* The first cell of any model in which the case has this level. */
static bool find_cell(const struct cs_plan *plan, const struct review *r, uint32_t case_index, uint32_t level,
                      struct cs_coords *at)
{
    for (uint32_t lane = 0; lane < plan->n_lanes; lane++) {
        for (uint32_t cell = 0; cell < plan->lanes[lane].n_cells; cell++) {
            cs_plan_cell(plan, lane, case_index, cell, at);
            if (at->arms[r->o->factor].level == level && cs_applies_cell(plan->study, at, &r->l->all[case_index]))
                return true;
        }
    }
    return false;
}

static enum cs_err write_pair(const struct review *r, const struct cs_plan *plan, struct cs_sheet *sheet,
                              uint32_t case_index, uint32_t level, struct cs_error *err)
{
    struct cs_prompt prompt = CS_PROMPT_INIT;
    struct cs_coords at;
    char item[17];
    if (r->f->levels[level].role != CS_ROLE_LEVEL || !find_cell(plan, r, case_index, level, &at))
        return CS_OK;
    enum cs_err rc = cs_render(r->l->study, &at, &r->l->all[case_index], &prompt, err);
    name_item(r, case_index, level, item);
    const char **asked = cs_xcalloc(r->n_fields, sizeof *asked);
    for (uint32_t i = 0; i < r->n_fields; i++)
        asked[i] = words;
    if (rc == CS_OK)
        cs_sheet_row(sheet,
                     (const char *[]){item, r->l->all[case_index].id, r->f->levels[level].id, cs_render_shown(&prompt)},
                     asked, prompt.images, prompt.n_images);
    free(asked);
    cs_render_release(&prompt);
    return rc;
}

/* From its file, which may have changed since the study was read. */
static enum cs_err read_image(void *self, const struct cs_image *image, uint8_t **bytes, struct cs_error *err)
{
    const struct review *r = self;
    const struct cs_loaded *l = r->l;
    uint32_t i = 0;
    size_t n = 0;
    while (i < l->n_pictures && memcmp(l->pictures[i]->image.hash, image->hash, sizeof image->hash) != 0)
        i++;
    CS_ASSERT(i < l->n_pictures);
    char *data = NULL;
    enum cs_err rc = cs_file_read(l->pictures[i]->path, CS_IMAGE_BYTES_MAX, &data, &n, err);
    if (rc == CS_OK && !cs_image_is(image, data, n))
        rc = cs_error_set(err, CS_EINVAL, "%s: the file changed while it was read", l->pictures[i]->path);
    if (rc != CS_OK) {
        free(data);
        data = NULL;
    }
    *bytes = (uint8_t *)data;
    return rc;
}

static enum cs_err write_pairs(struct review *r, const struct cs_plan *plan, FILE *out, const char *path,
                               struct cs_error *err)
{
    static const char *const columns[] = {"item", "case_id", "level", "prompt"};
    const uint32_t all = r->l->study->n_cases, n = r->o->cases > 0 && r->o->cases < all ? r->o->cases : all;
    const struct cs_sheet_images_source from = {r, read_image};
    struct cs_sheet sheet = {
        .out = out,
        .from = cs_image_is_used(r->l->study) ? &from : NULL,
        .kind = cs_sheet_kind_of(path, r->o->excel),
        .title = cs_arena_printf(&r->arena, "Case review: %s, %s", r->l->study->name, r->f->name),
        .help = "plausible: can this patient be so? The others: would another answer be right for this patient than "
                "for the same one without this detail?",
        .id = cs_arena_printf(&r->arena, "clinsafe/review/%s/%s", r->l->study->name, r->f->name),
        .columns = columns,
        .n_columns = 4,
        .fields = r->fields,
        .n_fields = r->n_fields};
    enum cs_err rc = CS_OK;
    cs_sheet_begin(&sheet);
    for (uint32_t i = 0; i < n && rc == CS_OK; i++) {
        for (uint32_t level = 0; level < r->f->n_levels && rc == CS_OK; level++)
            rc = write_pair(r, plan, &sheet, (uint32_t)((uint64_t)i * all / n), level, err);
    }
    if (rc == CS_OK)
        rc = cs_sheet_end(&sheet, err);
    cs_sheet_release(&sheet);
    r->done->rows = sheet.rows;
    if (rc == CS_OK && sheet.rows == 0)
        rc = cs_error_set(err, CS_EINVAL,
                          "factor \"%s\" has no level but controls and placebos; there is nothing to review",
                          r->f->name);
    return rc;
}

static void open_review(struct review *r, const struct cs_loaded *l, const struct cs_review_opts *o,
                        struct cs_review_done *done)
{
    *done = (struct cs_review_done){0};
    *r = (struct review){.l = l, .o = o, .f = &l->study->factors[o->factor], .done = done};
    list_fields(r);
}

enum cs_err cs_review_write(const struct cs_loaded *l, const struct cs_review_opts *o, const char *path,
                            struct cs_review_done *done, struct cs_error *err)
{
    struct review r;
    struct cs_plan plan;
    struct cs_part_file file;
    open_review(&r, l, o, done);
    cs_plan_init(&plan, l->study);
    enum cs_err rc = cs_part_file_open(&file, path, err);
    if (rc == CS_OK)
        rc = cs_part_file_close(&file, write_pairs(&r, &plan, file.out, path, err), err);
    cs_plan_release(&plan);
    cs_arena_release(&r.arena);
    return rc;
}

/* ---- back again ---------------------------------------------------------------------------------------- */

static enum cs_err on_head(void *self, const struct cs_table *t, struct cs_error *err)
{
    struct review *r = self;
    uint32_t known = 0;
    r->item = cs_table_read_column(t, "item");
    r->rater = cs_table_read_column(t, "rater");
    for (uint32_t i = 0; i < r->n_fields; i++) {
        char *name = cs_xasprintf("rating.%s", r->fields[i]);
        r->column[i] = cs_table_read_column(t, name);
        known += r->column[i] != CS_NONE;
        free(name);
    }
    if (r->item == CS_NONE || known == 0)
        return cs_error_set(err, CS_EINVAL,
                            "%s:1: no column item, or none like rating.plausible; import the sheet of a review",
                            r->path);
    return CS_OK;
}

static enum cs_err take_word(struct review *r, uint32_t pair, uint32_t field, const char *word, uint32_t line,
                             struct cs_error *err)
{
    struct votes *v = &r->votes[(size_t)pair * r->n_fields + field];
    v->yes += strcmp(word, "yes") == 0;
    v->no += strcmp(word, "no") == 0;
    if (strcmp(word, "yes") != 0 && strcmp(word, "no") != 0 && strcmp(word, "unsure") != 0)
        return cs_error_set(err, CS_EINVAL, "%s:%u: rating.%s is \"%.60s\"; write yes, no or unsure", r->path, line,
                            r->fields[field], word);
    r->done->ratings++;
    return CS_OK;
}

static enum cs_err on_row(void *self, const struct cs_table *t, uint32_t line, const char *const *v,
                          struct cs_error *err)
{
    struct review *r = self;
    const uint32_t pair = cs_names_get(&r->items, v[r->item]);
    const char *who = r->rater != CS_NONE && v[r->rater][0] != '\0' ? v[r->rater] : r->file_rater;
    enum cs_err rc = CS_OK;
    (void)t;
    if (pair == UINT32_MAX)
        return cs_error_set(err, CS_EINVAL,
                            "%s:%u: item \"%.40s\" is no case and level of this study; was it changed since?", r->path,
                            line, v[r->item]);
    if (cs_names_put(&r->rated, cs_arena_printf(&r->arena, "%s\x1f%u", who, pair), 0) != UINT32_MAX)
        return cs_error_set(err, CS_EINVAL, "%s:%u: %.60s rated this item twice; is a file given twice?", r->path, line,
                            who);
    for (uint32_t i = 0; i < r->n_fields && rc == CS_OK; i++) {
        const char *word = r->column[i] != CS_NONE ? v[r->column[i]] : "";
        if (word[0] == '\0' || strcmp(word, "-") == 0)
            continue;
        rc = take_word(r, pair, i, word, line, err);
        if (cs_names_get(&r->raters, who) == UINT32_MAX)
            (void)cs_names_put(&r->raters, cs_arena_strdup(&r->arena, who), r->done->raters++);
    }
    return rc;
}

static void name_all(struct review *r)
{
    const uint32_t levels = r->f->n_levels;
    char item[17];
    for (uint32_t i = 0; i < r->l->study->n_cases; i++) {
        for (uint32_t level = 0; level < levels; level++) {
            name_item(r, i, level, item);
            (void)cs_names_put(&r->items, cs_arena_strdup(&r->arena, item), i * levels + level);
        }
    }
}

/* More than half of those who said yes or no said yes. */
static bool most_say(const struct votes *v, bool yes)
{
    return yes ? v->yes > v->no : v->no > v->yes;
}

static void count_pair(struct review *r, uint32_t pair, FILE *out)
{
    const struct votes *v = &r->votes[(size_t)pair * r->n_fields];
    const char *id = r->l->all[pair / r->f->n_levels].id, *level = r->f->levels[pair % r->f->n_levels].id;
    if (most_say(&v[0], false) && r->done->implausible++ == 0)
        snprintf(r->done->example, sizeof r->done->example, "case %.100s, level %.100s", id, level);
    for (uint32_t i = 1; i < r->n_fields; i++) {
        char raters[16], agreement[32];
        if (!most_say(&v[i], true))
            continue;
        snprintf(raters, sizeof raters, "%u", v[i].yes);
        snprintf(agreement, sizeof agreement, "%.3g", (double)v[i].yes / (v[i].yes + v[i].no));
        cs_csv_write_field(out, id, true);
        cs_csv_write_field(out, level, false);
        cs_csv_write_field(out, r->fields[i], false);
        cs_csv_write_field(out, raters, false);
        cs_csv_write_field(out, agreement, false);
        cs_csv_write_end(out);
        r->done->warranted++;
    }
}

static enum cs_err write_table(struct review *r, const char *path, struct cs_error *err)
{
    char *text = NULL;
    size_t n = 0;
    FILE *to = open_memstream(&text, &n);
    struct cs_part_file file;
    if (to == NULL)
        return cs_error_set(err, CS_EIO, "no memory for the table");
    fputs("case_id,level,answer,raters,agreement\n", to);
    for (uint32_t i = 0; i < r->l->study->n_cases * r->f->n_levels; i++)
        count_pair(r, i, to);
    fclose(to);
    enum cs_err rc = r->done->warranted > 0 ? cs_part_file_open(&file, path, err) : CS_OK;
    if (rc == CS_OK && r->done->warranted > 0) {
        fwrite(text, 1, n, file.out);
        rc = cs_part_file_close(&file, CS_OK, err);
    }
    free(text);
    return rc;
}

/* "reviews/dr-a.csv" is by dr-a. */
static const char *rater_of(struct cs_arena *a, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path, *dot = strrchr(name, '.');
    return cs_arena_strndup(a, name, dot != NULL && dot > name ? (size_t)(dot - name) : strlen(name));
}

enum cs_err cs_review_import(const struct cs_loaded *l, const struct cs_review_opts *o,
                             const struct cs_option_list *files, const char *table, struct cs_review_done *done,
                             struct cs_error *err)
{
    struct review r;
    enum cs_err rc = CS_OK;
    open_review(&r, l, o, done);
    const struct cs_table_sink sink = {&r, on_head, on_row};
    r.votes = cs_xcalloc((size_t)l->study->n_cases * r.f->n_levels * r.n_fields + 1, sizeof *r.votes);
    r.column = cs_arena_array(&r.arena, r.n_fields, sizeof *r.column);
    name_all(&r);
    for (unsigned i = 0; i < files->n && rc == CS_OK; i++) {
        r.path = files->v[i];
        r.file_rater = rater_of(&r.arena, r.path);
        rc = cs_table_stream(r.path, &sink, err);
    }
    if (rc == CS_OK)
        rc = write_table(&r, table, err);
    free(r.votes);
    cs_names_release(&r.items);
    cs_names_release(&r.raters);
    cs_names_release(&r.rated);
    cs_arena_release(&r.arena);
    return rc;
}
