#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/assert.h"
#include "protocol/base/rng.h"
#include "store/store.h"

/* What replaces an earlier one of its kind begins with its key, without gaps. */
enum { LANE_KEY = 8, PAGE_KEY = 16 };
_Static_assert(offsetof(struct cs_batch_page, bits) == PAGE_KEY, "gen, lane, page");
_Static_assert(offsetof(struct cs_batch_counters, counters) == LANE_KEY, "gen, lane");
_Static_assert(offsetof(struct cs_batch_frontier, frontier) == LANE_KEY, "gen, lane");

void cs_batch_init(struct cs_batch *b)
{
    *b = (struct cs_batch){0};
}

static void forget(struct cs_batch_slots *s)
{
    if (s->size > 0)
        memset(s->at, 0, s->size * sizeof *s->at);
}

void cs_batch_clear(struct cs_batch *b)
{
    cs_arena_reset(&b->arena);
    forget(&b->page_slots);
    forget(&b->counter_slots);
    forget(&b->frontier_slots);
    b->group = 0;
    b->n_outputs = b->n_adoptions = b->n_agains = b->n_pages = b->n_counters = b->n_frontiers = b->n_metas = 0;
    b->n_erasures = b->n_unindexed = b->n_unturned = b->n_forgotten = 0;
    b->bytes = 0;
}

void cs_batch_release(struct cs_batch *b)
{
    cs_arena_release(&b->arena);
    free(b->page_slots.at);
    free(b->counter_slots.at);
    free(b->frontier_slots.at);
    free(b->outputs);
    free(b->adoptions);
    free(b->agains);
    free(b->erasures);
    free(b->unindexed);
    free(b->unturned);
    free(b->forgotten);
    free(b->pages);
    free(b->counters);
    free(b->frontiers);
    free(b->metas);
    cs_batch_init(b);
}

bool cs_batch_is_empty(const struct cs_batch *b)
{
    return b->n_outputs + b->n_adoptions + b->n_agains + b->n_pages + b->n_counters + b->n_frontiers + b->n_metas +
               b->n_erasures + b->n_unindexed + b->n_unturned + b->n_forgotten ==
           0;
}

/* The array with room for one more. */
static void *grown(void *items, uint32_t n, uint32_t *cap, size_t size)
{
    if (n < *cap)
        return items;
    *cap = *cap == 0 ? 16 : *cap * 2;
    return cs_xrealloc(items, *cap, size);
}

/* ---- one per key: open addressing, at most half full ----------------------------------------------- */

static uint32_t hash(const void *key, size_t key_size)
{
    uint64_t word, h = 0;
    for (size_t i = 0; i < key_size; i += sizeof word) {
        memcpy(&word, (const char *)key + i, sizeof word);
        h = cs_rng_mix64(h ^ word);
    }
    return (uint32_t)h;
}

/* The slot of the key: holds 1 + its place among the items, or 0 when it has none yet. */
static uint32_t *slot_of(struct cs_batch_slots *s, const void *items, size_t size, const void *key, size_t key_size)
{
    uint32_t i = hash(key, key_size) & (s->size - 1);
    while (s->at[i] != 0 && memcmp((const char *)items + (s->at[i] - 1) * size, key, key_size) != 0)
        i = (i + 1) & (s->size - 1);
    return &s->at[i];
}

static void make_room(struct cs_batch_slots *s, const void *items, uint32_t n, size_t size, size_t key_size)
{
    if (2 * (n + 1) <= s->size)
        return;
    free(s->at);
    s->size = s->size == 0 ? 32 : 2 * s->size;
    s->at = cs_xcalloc(s->size, sizeof *s->at);
    for (uint32_t i = 0; i < n; i++)
        *slot_of(s, items, size, (const char *)items + i * size, key_size) = i + 1;
}

/* Where the item with this key belongs: over the earlier one, or at the end. */
static uint32_t place_for(struct cs_batch_slots *s, const void *items, uint32_t *n, size_t size, const void *key,
                          size_t key_size)
{
    make_room(s, items, *n, size, key_size);
    uint32_t *slot = slot_of(s, items, size, key, key_size);
    if (*slot == 0)
        *slot = ++*n;
    return *slot - 1;
}

/* ---- adding ---------------------------------------------------------------------------------------- */

void cs_batch_add_output(struct cs_batch *b, const struct cs_batch_output *o)
{
    CS_ASSERT((o->flags & ~(CS_OUTPUT_BORROWED | CS_OUTPUT_SUPERSEDED)) == CS_OUTPUT_CANONICAL ||
              (o->flags & ~(CS_OUTPUT_DUPLICATE | CS_OUTPUT_FAILURE)) == 0 ||
              (o->flags & ~CS_OUTPUT_FAILURE) == CS_OUTPUT_ATTEMPT ||
              (o->flags & ~CS_OUTPUT_DUPLICATE) == CS_OUTPUT_TURN);
    CS_ASSERT(o->flags != 0);
    CS_ASSERT(!(o->flags & CS_OUTPUT_CANONICAL || o->turn.number > 0) ||
              (o->owner.lane != 0 && o->owner.bought_for != 0));
    CS_ASSERT(o->len > 0);
    b->outputs = grown(b->outputs, b->n_outputs, &b->cap_outputs, sizeof *b->outputs);
    struct cs_batch_output *mine = &b->outputs[b->n_outputs++];
    *mine = *o;
    mine->bytes = memcpy(cs_arena_alloc(&b->arena, o->len), o->bytes, o->len);
    mine->output_id = 0;
    b->bytes += o->len;
}

void cs_batch_add_adoption(struct cs_batch *b, const struct cs_batch_adoption *a)
{
    CS_ASSERT(a->output_id > 0);
    b->adoptions = grown(b->adoptions, b->n_adoptions, &b->cap_adoptions, sizeof *b->adoptions);
    struct cs_batch_adoption *mine = &b->adoptions[b->n_adoptions++];
    *mine = *a;
    mine->earlier = NULL;
    mine->n_earlier = a->n_earlier < CS_EARLIER_MAX ? a->n_earlier : CS_EARLIER_MAX;
    if (mine->n_earlier > 0) {
        const size_t bytes = mine->n_earlier * sizeof *a->earlier;
        mine->earlier = memcpy(cs_arena_alloc(&b->arena, bytes), a->earlier, bytes);
    }
}

void cs_batch_add_again(struct cs_batch *b, const struct cs_batch_again *a)
{
    CS_ASSERT(b->n_agains < CS_AGAIN_MAX);
    b->agains = grown(b->agains, b->n_agains, &b->cap_agains, sizeof *b->agains);
    b->agains[b->n_agains++] = *a;
}

void cs_batch_add_erasure(struct cs_batch *b, const struct cs_batch_erasure *e)
{
    CS_ASSERT(e->output_id > 0 && e->len > 0);
    b->erasures = grown(b->erasures, b->n_erasures, &b->cap_erasures, sizeof *b->erasures);
    struct cs_batch_erasure *mine = &b->erasures[b->n_erasures++];
    *mine = *e;
    mine->bytes = memcpy(cs_arena_alloc(&b->arena, e->len), e->bytes, e->len);
}

void cs_batch_add_unindexed(struct cs_batch *b, const struct cs_batch_unindexed *u)
{
    b->unindexed = grown(b->unindexed, b->n_unindexed, &b->cap_unindexed, sizeof *b->unindexed);
    b->unindexed[b->n_unindexed++] = *u;
}

void cs_batch_add_unturned(struct cs_batch *b, const struct cs_batch_unturned *u)
{
    b->unturned = grown(b->unturned, b->n_unturned, &b->cap_unturned, sizeof *b->unturned);
    b->unturned[b->n_unturned++] = *u;
}

void cs_batch_add_forgotten(struct cs_batch *b, uint32_t gen)
{
    b->forgotten = grown(b->forgotten, b->n_forgotten, &b->cap_forgotten, sizeof *b->forgotten);
    b->forgotten[b->n_forgotten++] = gen;
}

void cs_batch_add_page(struct cs_batch *b, const struct cs_batch_page *p)
{
    b->pages = grown(b->pages, b->n_pages, &b->cap_pages, sizeof *p);
    b->pages[place_for(&b->page_slots, b->pages, &b->n_pages, sizeof *p, p, PAGE_KEY)] = *p;
}

void cs_batch_add_counters(struct cs_batch *b, const struct cs_batch_counters *c)
{
    b->counters = grown(b->counters, b->n_counters, &b->cap_counters, sizeof *c);
    b->counters[place_for(&b->counter_slots, b->counters, &b->n_counters, sizeof *c, c, LANE_KEY)] = *c;
}

void cs_batch_add_frontier(struct cs_batch *b, const struct cs_batch_frontier *f)
{
    b->frontiers = grown(b->frontiers, b->n_frontiers, &b->cap_frontiers, sizeof *f);
    b->frontiers[place_for(&b->frontier_slots, b->frontiers, &b->n_frontiers, sizeof *f, f, LANE_KEY)] = *f;
}

void cs_batch_add_meta(struct cs_batch *b, const char *key, const void *value, uint32_t len)
{
    b->metas = grown(b->metas, b->n_metas, &b->cap_metas, sizeof *b->metas);
    struct cs_batch_meta *m = &b->metas[b->n_metas++];
    m->key = cs_arena_strdup(&b->arena, key);
    m->value = value == NULL ? NULL : memcpy(cs_arena_alloc(&b->arena, len + 1u), value, len);
    m->len = len;
}
