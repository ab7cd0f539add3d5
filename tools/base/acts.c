#include "tools/base/acts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/base/alloc.h"
#include "protocol/base/clock.h"
#include "protocol/table/table.h"
#include "tools/base/csv_write.h"
#include "tools/base/part_file.h"
#include "tools/base/study_dir.h"

static const char *const columns[] = {"act", "recorded", "what", "date", "analysis_digest", "generation"};
enum { N_COLUMNS = sizeof columns / sizeof columns[0] };

char *cs_acts_path(const char *study, const char *dir, const char *store, uint64_t apart)
{
    struct cs_study_dir d;
    char more[32] = "";
    if (apart != 0)
        snprintf(more, sizeof more, ".%016llx", (unsigned long long)apart);
    cs_study_dir_init(&d, study != NULL ? study : "", dir);
    const char *at = store != NULL ? store : d.store;
    size_t n = strlen(at);
    while (n > 1 && at[n - 1] == '/')
        n--;
    char *path = cs_xasprintf("%.*s.acts%s.csv", (int)n, at, more);
    cs_study_dir_release(&d);
    return path;
}

static void keep(struct cs_acts *a, const struct cs_act *act)
{
    if (a->n == a->cap) {
        a->cap = a->cap * 2 + 8;
        a->list = cs_xrealloc(a->list, a->cap, sizeof *a->list);
    }
    a->list[a->n++] = (struct cs_act){.kind = cs_arena_strdup(&a->arena, act->kind),
                                      .when = cs_arena_strdup(&a->arena, act->when),
                                      .what = cs_arena_strdup(&a->arena, act->what),
                                      .date = cs_arena_strdup(&a->arena, act->date),
                                      .analysis_digest = cs_arena_strdup(&a->arena, act->analysis_digest),
                                      .generation = act->generation};
}

static enum cs_err on_head(void *self, const struct cs_table *t, struct cs_error *err)
{
    (void)self;
    for (uint32_t i = 0; i < N_COLUMNS; i++) {
        if (i >= t->n_columns || strcmp(t->columns[i], columns[i]) != 0)
            return cs_error_set(err, CS_EINVAL, "%s:1: column %u is not \"%s\"; was it edited?", t->path, i + 1,
                                columns[i]);
    }
    return CS_OK;
}

static enum cs_err on_row(void *self, const struct cs_table *t, uint32_t line, const char *const *values,
                          struct cs_error *err)
{
    (void)t, (void)line, (void)err;
    keep(self, &(struct cs_act){values[0], values[1], values[2], values[3], values[4],
                                (uint32_t)strtoul(values[5], NULL, 10)});
    return CS_OK;
}

enum cs_err cs_acts_load(struct cs_acts *a, const char *path, struct cs_error *err)
{
    const struct cs_table_sink sink = {a, on_head, on_row};
    *a = (struct cs_acts){.n = 0};
    return access(path, F_OK) == 0 ? cs_table_stream(path, &sink, err) : CS_OK;
}

static void write_all(const struct cs_acts *a, FILE *out)
{
    for (uint32_t i = 0; i < N_COLUMNS; i++)
        cs_csv_write_field(out, columns[i], i == 0);
    cs_csv_write_end(out);
    for (uint32_t i = 0; i < a->n; i++) {
        const struct cs_act *act = &a->list[i];
        char generation[16];
        snprintf(generation, sizeof generation, "%u", act->generation);
        const char *const cells[N_COLUMNS] = {act->kind, act->when, act->what, act->date, act->analysis_digest,
                                              generation};
        for (uint32_t k = 0; k < N_COLUMNS; k++)
            cs_csv_write_field(out, cells[k], k == 0);
        cs_csv_write_end(out);
    }
}

enum cs_err cs_acts_add(struct cs_acts *a, const char *path, const struct cs_act *act, struct cs_error *err)
{
    struct cs_part_file file;
    struct cs_act now = *act;
    char when[32];
    cs_clock_format_utc(cs_clock_wall_ms(), when);
    now.when = when;
    keep(a, &now);
    const char *slash = strrchr(path, '/');
    char *folder = slash != NULL && slash > path ? cs_xasprintf("%.*s", (int)(slash - path), path) : NULL;
    if (folder != NULL)
        (void)mkdir(folder, 0777); /* before the first run there is no study directory; what fails is said at opening */
    free(folder);
    enum cs_err rc = cs_part_file_open(&file, path, err);
    if (rc != CS_OK)
        return rc;
    write_all(a, file.out);
    return cs_part_file_close(&file, CS_OK, err);
}

void cs_acts_release(struct cs_acts *a)
{
    free(a->list);
    cs_arena_release(&a->arena);
    *a = (struct cs_acts){.n = 0};
}
