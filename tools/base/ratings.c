#include "tools/base/part_file.h"
#include "tools/base/ratings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/table/table.h"
#include "tools/base/csv_write.h"
#include "tools/base/study_dir.h"

static const char *const columns[] = {"item",  "digest", "model",  "simulated", "question", "field", "pass",
                                      "rater", "rating", "answer", "imported",  "sample",   "pi"};
enum {
    N_COLUMNS = sizeof columns / sizeof columns[0],
    N_COLUMNS_ONCE = N_COLUMNS - 2
}; /* without those of samples with strata */

char *cs_ratings_folder(const char *study, const char *dir, const char *store, uint64_t apart)
{
    struct cs_study_dir d;
    char more[32] = "";
    if (apart != 0)
        snprintf(more, sizeof more, ".%016llx", (unsigned long long)apart);
    if (store != NULL) {
        size_t n = strlen(store);
        while (n > 1 && store[n - 1] == '/')
            n--;
        return cs_xasprintf("%.*s.labels%s", (int)n, store, more);
    }
    cs_study_dir_init(&d, study != NULL ? study : "", dir);
    char *folder = cs_xasprintf("%s.labels%s", d.store, more);
    cs_study_dir_release(&d);
    return folder;
}

void cs_ratings_release(struct cs_ratings *r)
{
    free(r->list);
    cs_names_release(&r->digests);
    cs_names_release(&r->keys);
    cs_arena_release(&r->arena);
    *r = (struct cs_ratings){0};
}

static void copy_texts(struct cs_arena *a, const struct cs_rating *from, struct cs_rating *to)
{
    to->item = cs_arena_strdup(a, from->item);
    to->digest = cs_arena_strdup(a, from->digest);
    to->model = cs_arena_strdup(a, from->model);
    to->question = cs_arena_strdup(a, from->question);
    to->field = cs_arena_strdup(a, from->field);
    to->rater = cs_arena_strdup(a, from->rater);
    to->rating = cs_arena_strdup(a, from->rating);
    to->answer = cs_arena_strdup(a, from->answer);
    to->imported = cs_arena_strdup(a, from->imported);
    to->sample = cs_arena_strdup(a, from->sample != NULL ? from->sample : "");
    to->pi = cs_arena_strdup(a, from->pi != NULL ? from->pi : "");
    to->simulated = from->simulated;
    to->pass = from->pass;
}

bool cs_ratings_put(struct cs_ratings *r, const struct cs_rating *rating)
{
    struct cs_arena *a = &r->arena;
    const char *key = cs_arena_printf(a, "%s\x1f%s\x1f%s", rating->item, rating->field, rating->rater);
    const uint32_t old = cs_names_put(&r->keys, key, r->n);
    if (old != UINT32_MAX) {
        copy_texts(a, rating, &r->list[old]);
        return true;
    }
    if (r->n == r->cap) {
        r->cap = r->cap * 2 + 64;
        r->list = cs_xrealloc(r->list, r->cap, sizeof *r->list);
    }
    struct cs_rating *to = &r->list[r->n];
    copy_texts(a, rating, to);
    to->next = 0;
    const uint32_t first = cs_names_put(&r->digests, to->digest, r->n);
    if (first != UINT32_MAX) { /* behind the first of its output */
        to->next = r->list[first].next;
        r->list[first].next = r->n + 1;
    }
    r->n++;
    return false;
}

/* ---- file ------------------------------------------------------------------------------------------------------- */

static enum cs_err on_head(void *self, const struct cs_table *t, struct cs_error *err)
{
    (void)self;
    for (uint32_t i = 0; i < N_COLUMNS; i++) {
        if (i >= N_COLUMNS_ONCE && t->n_columns == N_COLUMNS_ONCE)
            return CS_OK;
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
                                     .imported = v[10],
                                     .sample = t->n_columns > 11 ? v[11] : "",
                                     .pi = t->n_columns > 12 ? v[12] : ""};
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
                                 r->imported,
                                 r->sample,
                                 r->pi};
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++)
        cs_csv_write_field(out, cells[i], i == 0);
    cs_csv_write_end(out);
}

enum cs_err cs_ratings_save(const struct cs_ratings *r, const char *folder, struct cs_error *err)
{
    if (mkdir(folder, 0750) != 0 && errno != EEXIST)
        return cs_error_set(err, CS_EIO, "%s: %s", folder, strerror(errno));
    char *path = cs_xasprintf("%s/ratings.csv", folder), *part = cs_xasprintf("%s.part", path);
    FILE *out = cs_part_file_private(part);
    enum cs_err rc = out == NULL ? cs_error_set(err, CS_EIO, "%s: %s", part, strerror(errno)) : CS_OK;
    if (out != NULL) {
        for (uint32_t i = 0; i < N_COLUMNS; i++)
            cs_csv_write_field(out, columns[i], i == 0);
        cs_csv_write_end(out);
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

static bool votes(const struct cs_rating *a, const char *field)
{
    return a->pass == 1 && strcmp(a->field, field) == 0;
}

bool cs_ratings_decides(const struct cs_rating *a)
{
    return strcmp(a->rater, CS_RATINGS_DECIDER) == 0;
}

const char *cs_ratings_majority(const struct cs_ratings *r, const char *digest, const char *field, uint32_t *raters)
{
    const uint32_t first = cs_names_get(&r->digests, digest);
    const char *best = NULL, *decided = NULL;
    uint32_t most = 0;
    bool tie = false;
    *raters = 0;
    for (uint32_t i = first != UINT32_MAX ? first + 1 : 0; i > 0; i = r->list[i - 1].next) {
        const struct cs_rating *a = &r->list[i - 1];
        uint32_t n = 0;
        if (votes(a, field) && cs_ratings_decides(a))
            decided = a->rating;
        if (!votes(a, field) || cs_ratings_decides(a))
            continue;
        ++*raters;
        for (uint32_t k = first + 1; k > 0; k = r->list[k - 1].next)
            n += votes(&r->list[k - 1], field) && !cs_ratings_decides(&r->list[k - 1]) &&
                 strcmp(r->list[k - 1].rating, a->rating) == 0;
        tie = n > most ? false : tie || (n == most && strcmp(best, a->rating) != 0);
        best = n > most ? a->rating : best;
        most = n > most ? n : most;
    }
    return decided != NULL ? decided : tie ? NULL : best;
}

const struct cs_field *cs_ratings_field(const struct cs_study *s, const char *question, const char *field)
{
    for (uint32_t q = 0; q < s->n_questions; q++) {
        for (uint32_t i = 0; i < s->questions[q].n_fields && strcmp(s->questions[q].name, question) == 0; i++) {
            if (strcmp(s->questions[q].fields[i].name, field) == 0)
                return &s->questions[q].fields[i];
        }
    }
    return NULL;
}
