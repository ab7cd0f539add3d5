#include "tools/labels/disputes.h"

#include <string.h>

/* The first rating of an output, + 1; 0: none. */
static uint32_t first_of(const struct cs_ratings *r, const char *digest)
{
    const uint32_t first = cs_names_get(&r->digests, digest);
    return first != UINT32_MAX ? first + 1 : 0;
}

/* Whether two raters differ in the field of this rating, and nobody decided. */
static bool is_disputed(const struct cs_ratings *r, uint32_t first, const char *field)
{
    const char *one = NULL;
    bool differ = false;
    for (uint32_t i = first; i > 0; i = r->list[i - 1].next) {
        const struct cs_rating *a = &r->list[i - 1];
        if (a->pass != 1 || strcmp(a->field, field) != 0)
            continue;
        if (cs_ratings_decides(a))
            return false;
        differ |= one != NULL && strcmp(one, a->rating) != 0;
        one = a->rating;
    }
    return differ;
}

const char *cs_disputes_item(const struct cs_ratings *r, const char *digest)
{
    const uint32_t first = first_of(r, digest);
    for (uint32_t i = first; i > 0; i = r->list[i - 1].next) {
        const struct cs_rating *a = &r->list[i - 1];
        if (a->pass == 1 && is_disputed(r, first, a->field))
            return a->item;
    }
    return NULL;
}

const char *cs_disputes_said(const struct cs_ratings *r, const char *digest, const char *field, struct cs_arena *arena)
{
    const uint32_t first = first_of(r, digest);
    const char *said = NULL;
    if (!is_disputed(r, first, field))
        return NULL;
    for (uint32_t i = first; i > 0; i = r->list[i - 1].next) {
        const struct cs_rating *a = &r->list[i - 1];
        if (a->pass != 1 || strcmp(a->field, field) != 0)
            continue;
        said = said == NULL ? cs_arena_printf(arena, "%s: %s", a->rater, a->rating)
                            : cs_arena_printf(arena, "%s; %s: %s", said, a->rater, a->rating);
    }
    return said;
}
