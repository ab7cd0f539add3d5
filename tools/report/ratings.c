#include "tools/report/ratings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/study/table.h"
#include "tools/csv_write.h"
#include "tools/study_dir.h"

static const char *const columns[] = {"item", "digest", "model",  "simulated", "question", "field",
                                      "pass", "rater",  "rating", "answer",    "imported"};
enum { N_COLUMNS = sizeof columns / sizeof columns[0] };

char *cs_ratings_folder(const char *study, const char *dir, const char *store)
{
    struct cs_study_dir d;
    if (store != NULL) {
        size_t n = strlen(store);
        while (n > 1 && store[n - 1] == '/')
            n--;
        return cs_xasprintf("%.*s.labels", (int)n, store);
    }
    cs_study_dir_init(&d, study != NULL ? study : "", dir);
    char *folder = cs_xasprintf("%s.labels", d.store);
    cs_study_dir_release(&d);
    return folder;
}

void cs_ratings_release(struct cs_ratings *r)
{
    free(r->list);
    cs_arena_release(&r->arena);
    *r = (struct cs_ratings){0};
}

static bool is_same(const struct cs_rating *a, const struct cs_rating *b)
{
    return strcmp(a->item, b->item) == 0 && strcmp(a->field, b->field) == 0 && strcmp(a->rater, b->rater) == 0;
}

bool cs_ratings_put(struct cs_ratings *r, const struct cs_rating *rating)
{
    struct cs_arena *a = &r->arena;
    uint32_t at = 0;
    while (at < r->n && !is_same(&r->list[at], rating))
        at++;
    if (at == r->cap) {
        r->cap = r->cap * 2 + 64;
        r->list = cs_xrealloc(r->list, r->cap, sizeof *r->list);
    }
    r->list[at] = (struct cs_rating){.item = cs_arena_strdup(a, rating->item),
                                     .digest = cs_arena_strdup(a, rating->digest),
                                     .model = cs_arena_strdup(a, rating->model),
                                     .question = cs_arena_strdup(a, rating->question),
                                     .field = cs_arena_strdup(a, rating->field),
                                     .simulated = rating->simulated,
                                     .pass = rating->pass,
                                     .rater = cs_arena_strdup(a, rating->rater),
                                     .rating = cs_arena_strdup(a, rating->rating),
                                     .answer = cs_arena_strdup(a, rating->answer),
                                     .imported = cs_arena_strdup(a, rating->imported)};
    if (at < r->n)
        return true;
    r->n++;
    return false;
}

/* ---- file ------------------------------------------------------------------------------------------------------- */

static enum cs_err on_head(void *self, const struct cs_table *t, struct cs_error *err)
{
    (void)self;
    for (uint32_t i = 0; i < N_COLUMNS; i++) {
        if (i >= t->n_columns || strcmp(t->columns[i], columns[i]) != 0)
            return cs_error_set(err, CS_EINVAL, "%s:1: column %u is not \"%s\"; was the file edited?", t->path, i + 1,
                                columns[i]);
    }
    return CS_OK;
}

static enum cs_err on_row(void *self, const struct cs_table *t, uint32_t line, const char *const *v,
                          struct cs_error *err)
{
    const struct cs_rating rating = {.item = v[0],
                                     .digest = v[1],
                                     .model = v[2],
                                     .simulated = strcmp(v[3], "true") == 0,
                                     .question = v[4],
                                     .field = v[5],
                                     .pass = strcmp(v[6], "2") == 0 ? 2 : 1,
                                     .rater = v[7],
                                     .rating = v[8],
                                     .answer = v[9],
                                     .imported = v[10]};
    (void)t;
    (void)line;
    (void)err;
    cs_ratings_put(self, &rating);
    return CS_OK;
}

enum cs_err cs_ratings_load(struct cs_ratings *r, const char *folder, struct cs_error *err)
{
    const struct cs_table_sink sink = {r, on_head, on_row};
    char *path = cs_xasprintf("%s/ratings.csv", folder);
    enum cs_err rc = CS_OK;
    *r = (struct cs_ratings){0};
    if (access(path, F_OK) == 0)
        rc = cs_table_stream(path, &sink, err);
    free(path);
    return rc;
}

static void write_rating(FILE *out, const struct cs_rating *r)
{
    const char *const cells[] = {r->item,
                                 r->digest,
                                 r->model,
                                 r->simulated ? "true" : "false",
                                 r->question,
                                 r->field,
                                 r->pass == 2 ? "2" : "1",
                                 r->rater,
                                 r->rating,
                                 r->answer,
                                 r->imported};
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++)
        cs_csv_field(out, cells[i], i == 0);
    cs_csv_end(out);
}

enum cs_err cs_ratings_save(const struct cs_ratings *r, const char *folder, struct cs_error *err)
{
    if (mkdir(folder, 0750) != 0 && errno != EEXIST)
        return cs_error_set(err, CS_EIO, "%s: %s", folder, strerror(errno));
    char *path = cs_xasprintf("%s/ratings.csv", folder), *part = cs_xasprintf("%s.part", path);
    FILE *out = fopen(part, "w");
    enum cs_err rc = out == NULL ? cs_error_set(err, CS_EIO, "%s: %s", part, strerror(errno)) : CS_OK;
    if (out != NULL) {
        for (uint32_t i = 0; i < N_COLUMNS; i++)
            cs_csv_field(out, columns[i], i == 0);
        cs_csv_end(out);
        for (uint32_t i = 0; i < r->n; i++)
            write_rating(out, &r->list[i]);
        const bool bad = ferror(out) != 0 || fflush(out) != 0 || fsync(fileno(out)) != 0;
        if (fclose(out) != 0 || bad || rename(part, path) != 0) {
            rc = cs_error_set(err, CS_EIO, "%s: %s", path, strerror(errno));
            unlink(part);
        }
    }
    free(part);
    free(path);
    return rc;
}

const char *cs_ratings_majority(const struct cs_ratings *r, const char *digest, const char *field, uint32_t *raters)
{
    const char *best = NULL;
    uint32_t most = 0, ties = 0;
    *raters = 0;
    for (uint32_t i = 0; i < r->n; i++) {
        const struct cs_rating *a = &r->list[i];
        uint32_t votes = 0;
        if (a->pass != 1 || strcmp(a->digest, digest) != 0 || strcmp(a->field, field) != 0)
            continue;
        ++*raters;
        for (uint32_t k = 0; k < r->n; k++) {
            const struct cs_rating *b = &r->list[k];
            if (b->pass != 1 || strcmp(b->digest, digest) != 0 || strcmp(b->field, field) != 0 ||
                strcmp(a->rating, b->rating) != 0)
                continue;
            if (k < i) { /* this word was counted before */
                votes = 0;
                break;
            }
            votes++;
        }
        ties = votes == most ? ties + 1 : votes > most ? 1 : ties;
        best = votes > most ? a->rating : best;
        most = votes > most ? votes : most;
    }
    return ties == 1 ? best : NULL;
}
