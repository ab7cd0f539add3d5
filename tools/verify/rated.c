#include "tools/verify/rated.h"

#include <stdlib.h>
#include <string.h>

static const struct cs_sampled_item *item_of(const struct cs_sampled *s, const struct cs_names *keys,
                                             struct cs_arena *arena, const struct cs_rating *r)
{
    const uint32_t at = cs_names_get(keys, cs_arena_printf(arena, "%s\x1f%s", r->sample, r->digest));
    return at != UINT32_MAX ? &s->list[at] : NULL;
}

/* "" when all is well. */
static const char *fault_of(const struct cs_rating *r, const struct cs_sampled_item *item, struct cs_arena *arena)
{
    if (item == NULL)
        return cs_arena_printf(arena, "a rating of %s by %s is of no item of its sample (seed %s)", r->item, r->rater,
                               r->sample);
    const double pi = strtod(r->pi, NULL);
    if (pi < item->pi || pi > item->pi)
        return cs_arena_printf(arena, "a rating of %s by %s has the chance \"%s\", its sample (seed %s) %.17g", r->item,
                               r->rater, r->pi, r->sample, item->pi);
    return "";
}

enum cs_err cs_rated_check(const char *folder, void (*told)(void *self, const char *what), void *self, uint64_t *n,
                           struct cs_error *err)
{
    struct cs_ratings ratings = {0};
    struct cs_sampled keys = {0};
    struct cs_names known = {0};
    struct cs_arena arena = {0};
    *n = 0;
    enum cs_err rc = cs_ratings_load(&ratings, folder, err);
    if (rc == CS_OK)
        rc = cs_sampled_read(&keys, folder, err);
    for (uint32_t i = 0; i < keys.n && rc == CS_OK; i++)
        cs_names_put(&known, cs_arena_printf(&keys.arena, "%s\x1f%s", keys.list[i].sample, keys.list[i].digest), i);
    for (uint32_t i = 0; i < ratings.n && rc == CS_OK; i++) {
        const struct cs_rating *r = &ratings.list[i];
        if (r->sample[0] == '\0')
            continue;
        cs_arena_reset(&arena);
        const char *what = fault_of(r, item_of(&keys, &known, &arena, r), &arena);
        if (what[0] != '\0')
            told(self, what);
        ++*n;
    }
    cs_arena_release(&arena);
    cs_names_release(&known);
    cs_sampled_release(&keys);
    cs_ratings_release(&ratings);
    return rc;
}
