#include "tools/base/sampled.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/table/table.h"

struct reading {
    struct cs_sampled *s;
    uint32_t pass, digest, question, sample, pi, stratum; /* columns; pi CS_NONE: a sample without strata */
};

static enum cs_err on_head(void *self, const struct cs_table *t, struct cs_error *err)
{
    struct reading *r = self;
    r->pass = cs_table_read_column(t, "pass");
    r->digest = cs_table_read_column(t, "digest");
    r->question = cs_table_read_column(t, "question");
    r->sample = cs_table_read_column(t, "sample");
    r->pi = cs_table_read_column(t, "pi");
    r->stratum = cs_table_read_column(t, "stratum");
    if (r->pi == CS_NONE)
        return CS_OK;
    if (r->pass == CS_NONE || r->digest == CS_NONE || r->question == CS_NONE || r->sample == CS_NONE ||
        r->stratum == CS_NONE)
        return cs_error_set(err, CS_EINVAL, "%s:1: not the key of a sample; was the file edited?", t->path);
    return CS_OK;
}

static enum cs_err on_row(void *self, const struct cs_table *t, uint32_t line, const char *const *v,
                          struct cs_error *err)
{
    struct reading *r = self;
    struct cs_sampled *s = r->s;
    char *end = NULL;
    if (r->pi == CS_NONE || strcmp(v[r->pass], "1") != 0)
        return CS_OK;
    const double pi = strtod(v[r->pi], &end);
    if (end == v[r->pi] || *end != '\0' || !(pi > 0 && pi <= 1))
        return cs_error_set(err, CS_EINVAL, "%s:%u: pi is \"%s\", which is no chance; was the file edited?", t->path,
                            line, v[r->pi]);
    if (s->n == s->cap) {
        s->cap = s->cap * 2 + 256;
        s->list = cs_xrealloc(s->list, s->cap, sizeof *s->list);
    }
    s->list[s->n++] = (struct cs_sampled_item){.digest = cs_arena_strdup(&s->arena, v[r->digest]),
                                               .question = cs_arena_strdup(&s->arena, v[r->question]),
                                               .stratum = cs_arena_strdup(&s->arena, v[r->stratum]),
                                               .sample = cs_arena_strdup(&s->arena, v[r->sample]),
                                               .pi = pi};
    return CS_OK;
}

static bool is_key(const char *name)
{
    const size_t n = strlen(name);
    return strncmp(name, "items-", 6) == 0 && n > 4 && strcmp(name + n - 4, ".csv") == 0;
}

/* How many ratings are of this sample. */
static uint32_t rated(const struct cs_ratings *r, const char *sample)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->n; i++)
        n += strcmp(r->list[i].sample, sample) == 0;
    return n;
}

/* Keeps the items of one sample; of equally rated ones that with the smaller name, so that it does not hang on the order of files. */
static void keep_one(struct cs_sampled *s, const struct cs_ratings *ratings)
{
    const char *best = NULL;
    uint32_t most = 0, n = 0;
    struct cs_names seen = {0};
    for (uint32_t i = 0; i < s->n; i++) {
        const char *sample = s->list[i].sample;
        if (cs_names_put(&seen, sample, i) != UINT32_MAX)
            continue;
        const uint32_t own = rated(ratings, sample);
        s->others += best != NULL;
        if (best == NULL || own > most || (own == most && strcmp(sample, best) < 0)) {
            best = sample;
            most = own;
        }
    }
    cs_names_release(&seen);
    for (uint32_t i = 0; i < s->n; i++) {
        if (strcmp(s->list[i].sample, best) == 0 && cs_names_put(&s->digests, s->list[i].digest, n) == UINT32_MAX)
            s->list[n++] = s->list[i];
    }
    s->n = n;
}

enum cs_err cs_sampled_read(struct cs_sampled *s, const char *folder, struct cs_error *err)
{
    struct reading r = {.s = s};
    const struct cs_table_sink sink = {&r, on_head, on_row};
    enum cs_err rc = CS_OK;
    DIR *d = opendir(folder);
    *s = (struct cs_sampled){0};
    for (struct dirent *e; d != NULL && rc == CS_OK && (e = readdir(d)) != NULL;) {
        if (is_key(e->d_name))
            rc = cs_table_stream(cs_arena_printf(&s->arena, "%s/%s", folder, e->d_name), &sink, err);
    }
    if (d != NULL)
        closedir(d);
    return rc;
}

enum cs_err cs_sampled_load(struct cs_sampled *s, const char *folder, const struct cs_ratings *ratings,
                            struct cs_error *err)
{
    const enum cs_err rc = cs_sampled_read(s, folder, err);
    if (rc == CS_OK)
        keep_one(s, ratings);
    return rc;
}

void cs_sampled_release(struct cs_sampled *s)
{
    free(s->list);
    cs_names_release(&s->digests);
    cs_arena_release(&s->arena);
    *s = (struct cs_sampled){0};
}
