#include "tools/judged/twins.h"

#include <stdlib.h>

#include "protocol/base/alloc.h"
#include "protocol/study/parent.h"

struct pair { /* a case by the outputs that it shows: those of the first pair that it came from */
    uint64_t first, second;
    uint32_t element, case_index;
    bool alike; /* two equal texts: it came from a pair and from the same one the other way round */
};

static int by_outputs(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    if (x->second != y->second)
        return x->second < y->second ? -1 : 1;
    return (x->element > y->element) - (x->element < y->element);
}

/* Outputs stand by side, and the first of each side are of one pair. An output that stands on both sides is equal to those beside it. */
static struct pair pair_of(const struct cs_parent *parents, uint32_t n, uint32_t case_index)
{
    struct pair p = {.element = n > 0 ? parents[0].element : 0, .case_index = case_index};
    for (uint32_t i = n; i-- > 0;) {
        if (parents[i].side == CS_PARENT_FIRST)
            p.first = parents[i].output_id;
        else if (parents[i].side == CS_PARENT_SECOND)
            p.second = parents[i].output_id;
    }
    for (uint32_t i = 0; i < n; i++)
        p.alike |= parents[i].side == CS_PARENT_FIRST && parents[i].output_id == p.second;
    return p;
}

enum cs_err cs_twins_find(const struct cs_study *s, const struct cs_case_source *cases, struct cs_arena *arena,
                          uint32_t **out, struct cs_error *err)
{
    struct pair *pairs = cs_xcalloc(s->n_cases + 1u, sizeof *pairs);
    uint32_t *twin = cs_arena_array(arena, s->n_cases + 1u, sizeof *twin);
    struct cs_arena row = {0};
    enum cs_err rc = CS_OK;
    for (uint32_t i = 0; i < s->n_cases && rc == CS_OK; i++) {
        const struct cs_parent *parents;
        struct cs_case c;
        uint32_t n = 0;
        cs_arena_reset(&row);
        rc = cases->get(cases->self, i, &c, err);
        if (rc == CS_OK)
            rc = cs_parents_read(s, &c, &row, &parents, &n, err);
        if (rc == CS_OK)
            pairs[i] = pair_of(parents, n, i);
    }
    cs_arena_release(&row);
    qsort(pairs, s->n_cases, sizeof *pairs, by_outputs);
    for (uint32_t i = 0; i < s->n_cases; i++) {
        const struct pair turned = {.first = pairs[i].second, .second = pairs[i].first, .element = pairs[i].element};
        const struct pair *found = pairs[i].alike ? &pairs[i]
                                                  : bsearch(&turned, pairs, s->n_cases, sizeof *pairs, by_outputs);
        twin[pairs[i].case_index] = found != NULL ? found->case_index : CS_NONE;
    }
    free(pairs);
    *out = twin;
    return rc;
}
