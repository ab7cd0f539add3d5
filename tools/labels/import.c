#include "tools/labels/import.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/clock.h"
#include "protocol/table/names.h"
#include "protocol/table/table.h"

struct key_item { /* a row of a sample's key */
    const char *pass, *digest, *model, *simulated, *question, *sample, *pi;
    const char *const *answers; /* the model's own answers, in the order of the key's columns */
    const struct key_file *file;
};
struct key_file {
    const char **fields; /* "answer.FIELD" columns: FIELD, or NULL */
    uint32_t n_columns;
    uint32_t item, pass, digest, model, simulated, question;
    uint32_t sample, pi; /* CS_NONE: a sample without strata */
};

struct rating_column {
    uint32_t column;
    const char *field, *rater; /* rater NULL: of the row or the file */
};

struct import {
    struct cs_ratings *ratings;
    const struct cs_study *study;
    struct cs_arena arena;
    struct cs_names items;
    struct key_item *list;
    uint32_t n, cap;
    struct key_file *key; /* being read */
    struct rating_column *columns;
    uint32_t n_columns, item, rater;
    const char *path, *file_rater, *forced; /* forced: the rater whatever is written; or NULL */
    char now[32];
    struct cs_import_done *done;
};

/* ---- keys --------------------------------------------------------------------------------------------------------- */

static enum cs_err key_head(void *self, const struct cs_table *t, struct cs_error *err)
{
    struct import *in = self;
    struct key_file *k = cs_arena_alloc(&in->arena, sizeof *k);
    in->key = k;
    k->item = cs_table_read_column(t, "item");
    k->pass = cs_table_read_column(t, "pass");
    k->digest = cs_table_read_column(t, "digest");
    k->model = cs_table_read_column(t, "model");
    k->simulated = cs_table_read_column(t, "simulated");
    k->question = cs_table_read_column(t, "question");
    k->sample = cs_table_read_column(t, "sample");
    k->pi = cs_table_read_column(t, "pi");
    if (k->item == CS_NONE || k->pass == CS_NONE || k->digest == CS_NONE || k->model == CS_NONE ||
        k->simulated == CS_NONE || k->question == CS_NONE)
        return cs_error_set(err, CS_EINVAL, "%s:1: not the key of a sample; was the file edited?", t->path);
    k->n_columns = t->n_columns;
    k->fields = cs_arena_array(&in->arena, t->n_columns, sizeof *k->fields);
    for (uint32_t i = 0; i < t->n_columns; i++)
        k->fields[i] = strncmp(t->columns[i], "answer.", 7) == 0 ? cs_arena_strdup(&in->arena, t->columns[i] + 7)
                                                                 : NULL;
    return CS_OK;
}

static enum cs_err key_row(void *self, const struct cs_table *t, uint32_t line, const char *const *v,
                           struct cs_error *err)
{
    struct import *in = self;
    struct cs_arena *a = &in->arena;
    const struct key_file *k = in->key;
    (void)t;
    (void)line;
    (void)err;
    if (in->n == in->cap) {
        in->cap = in->cap * 2 + 256;
        in->list = cs_xrealloc(in->list, in->cap, sizeof *in->list);
    }
    const char **answers = cs_arena_array(a, k->n_columns, sizeof *answers);
    for (uint32_t i = 0; i < k->n_columns; i++)
        answers[i] = k->fields[i] != NULL ? cs_arena_strdup(a, v[i]) : NULL;
    in->list[in->n] = (struct key_item){.pass = cs_arena_strdup(a, v[k->pass]),
                                        .digest = cs_arena_strdup(a, v[k->digest]),
                                        .model = cs_arena_strdup(a, v[k->model]),
                                        .simulated = cs_arena_strdup(a, v[k->simulated]),
                                        .question = cs_arena_strdup(a, v[k->question]),
                                        .sample = k->sample != CS_NONE ? cs_arena_strdup(a, v[k->sample]) : "",
                                        .pi = k->pi != CS_NONE ? cs_arena_strdup(a, v[k->pi]) : "",
                                        .answers = answers,
                                        .file = k};
    cs_names_put(&in->items, cs_arena_strdup(a, v[k->item]), in->n++);
    return CS_OK;
}

static enum cs_err read_keys(struct import *in, const char *folder, struct cs_error *err)
{
    const struct cs_table_sink sink = {in, key_head, key_row};
    enum cs_err rc = CS_OK;
    DIR *d = opendir(folder);
    for (struct dirent *e; d != NULL && rc == CS_OK && (e = readdir(d)) != NULL;) {
        const size_t n = strlen(e->d_name);
        if (strncmp(e->d_name, "items-", 6) != 0 || n < 5 || strcmp(e->d_name + n - 4, ".csv") != 0)
            continue;
        rc = cs_table_stream(cs_arena_printf(&in->arena, "%s/%s", folder, e->d_name), &sink, err);
    }
    if (d != NULL)
        closedir(d);
    if (rc == CS_OK && in->n == 0)
        rc = cs_error_set(err, CS_ENOENT, "%s: no sample was made there; `clinsafe labels --sample` makes one", folder);
    return rc;
}

/* ---- ratings ------------------------------------------------------------------------------------------------------ */

static enum cs_err rating_head(void *self, const struct cs_table *t, struct cs_error *err)
{
    struct import *in = self;
    in->item = cs_table_read_column(t, "item");
    in->rater = cs_table_read_column(t, "rater");
    in->columns = cs_arena_array(&in->arena, t->n_columns, sizeof *in->columns);
    for (uint32_t i = 0; i < t->n_columns; i++) {
        const char *name = t->columns[i], *at = strchr(name, '@');
        if (strncmp(name, "rating.", 7) != 0)
            continue;
        const size_t n = (at != NULL ? (size_t)(at - name) : strlen(name)) - 7;
        in->columns[in->n_columns++] = (struct rating_column){.column = i,
                                                              .field = cs_arena_strndup(&in->arena, name + 7, n),
                                                              .rater = at != NULL ? cs_arena_strdup(&in->arena, at + 1)
                                                                                  : NULL};
    }
    if (in->item == CS_NONE)
        return cs_error_set(err, CS_EINVAL, "%s:1: no column item; import the file that the sample wrote", in->path);
    if (in->n_columns == 0)
        return cs_error_set(err, CS_EINVAL, "%s:1: no column rating.FIELD: nothing was rated", in->path);
    return CS_OK;
}

static enum cs_err check_word(const struct import *in, const struct key_item *k, uint32_t line, const char *field,
                              const char *word, struct cs_error *err)
{
    const struct cs_field *f = cs_ratings_field(in->study, k->question, field);
    if (f == NULL || f->n_categories == 0 || (f->insufficient != NULL && strcmp(f->insufficient, word) == 0))
        return CS_OK;
    for (uint32_t i = 0; i < f->n_categories; i++) {
        if (strcmp(f->categories[i], word) == 0)
            return CS_OK;
    }
    return cs_error_set(err, CS_EINVAL, "%s:%u: rating.%s is \"%s\", which is none of its words%s", in->path, line,
                        field, word, cs_names_hint(word, f->categories, f->n_categories).text);
}

static const char *own_answer(const struct key_item *k, const char *field)
{
    for (uint32_t i = 0; i < k->file->n_columns; i++) {
        if (k->file->fields[i] != NULL && strcmp(k->file->fields[i], field) == 0)
            return k->answers[i];
    }
    return "";
}

static enum cs_err rating_row(void *self, const struct cs_table *t, uint32_t line, const char *const *v,
                              struct cs_error *err)
{
    struct import *in = self;
    const uint32_t at = cs_names_get(&in->items, v[in->item]);
    enum cs_err rc = CS_OK;
    (void)t;
    if (at == UINT32_MAX)
        return cs_error_set(err, CS_EINVAL, "%s:%u: item \"%s\" is of no sample of this study", in->path, line,
                            v[in->item]);
    const struct key_item *k = &in->list[at];
    for (uint32_t i = 0; i < in->n_columns && rc == CS_OK; i++) {
        const struct rating_column *c = &in->columns[i];
        const char *of_row = in->rater != CS_NONE && v[in->rater][0] != '\0' ? v[in->rater] : in->file_rater;
        if (v[c->column][0] == '\0' || strcmp(v[c->column], "-") == 0) {
            in->done->empty++;
            continue;
        }
        rc = check_word(in, k, line, c->field, v[c->column], err);
        const struct cs_rating rating = {.item = v[in->item],
                                         .digest = k->digest,
                                         .model = k->model,
                                         .simulated = strcmp(k->simulated, "true") == 0,
                                         .question = k->question,
                                         .field = c->field,
                                         .pass = strcmp(k->pass, "2") == 0 ? 2 : 1,
                                         .rater = in->forced != NULL ? in->forced
                                                  : c->rater != NULL ? c->rater
                                                                     : of_row,
                                         .rating = v[c->column],
                                         .answer = own_answer(k, c->field),
                                         .imported = in->now,
                                         .sample = k->sample,
                                         .pi = k->pi};
        if (rc == CS_OK && cs_ratings_put(in->ratings, &rating))
            in->done->replaced++;
        else if (rc == CS_OK)
            in->done->added++;
    }
    return rc;
}

/* "ratings/dr-a.csv" was rated by dr-a. */
static const char *rater_of_file(struct cs_arena *a, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path, *dot = strrchr(name, '.');
    return cs_arena_strndup(a, name, dot != NULL && dot > name ? (size_t)(dot - name) : strlen(name));
}

enum cs_err cs_import_ratings(struct cs_ratings *ratings, const struct cs_study *s, const char *folder,
                              const char *path, const char *rater, struct cs_import_done *done, struct cs_error *err)
{
    struct import in = {.ratings = ratings, .study = s, .path = path, .forced = rater, .done = done};
    const struct cs_table_sink sink = {&in, rating_head, rating_row};
    in.file_rater = rater_of_file(&in.arena, path);
    cs_clock_format_utc(cs_clock_wall_ms(), in.now);
    enum cs_err rc = read_keys(&in, folder, err);
    if (rc == CS_OK)
        rc = cs_table_stream(path, &sink, err);
    cs_names_release(&in.items);
    free(in.list);
    cs_arena_release(&in.arena);
    return rc;
}
