#include "tools/simulator/idmap.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/rng.h"

struct cs_idmap_slot {
    uint8_t id[16];
    uint64_t number; /* 0: free */
};
_Static_assert(sizeof(struct cs_idmap_slot) == 24, "the memory that the header promises");

/* The slot that holds the id, or the free one where it belongs. */
static struct cs_idmap_slot *place(struct cs_idmap_slot *slots, size_t size, const uint8_t id[16])
{
    uint64_t half[2]; /* both count: a client may number its requests in either */
    memcpy(half, id, sizeof half);
    size_t i = cs_rng_mix64(half[0] ^ cs_rng_mix64(half[1])) & (size - 1);
    while (slots[i].number != 0 && memcmp(slots[i].id, id, sizeof slots[i].id) != 0)
        i = (i + 1) & (size - 1);
    return &slots[i];
}

static void grow(struct cs_idmap *m)
{
    const size_t size = m->size != 0 ? 2 * m->size : 1024;
    struct cs_idmap_slot *slots = cs_xcalloc(size, sizeof *slots);
    for (size_t i = 0; i < m->size; i++) {
        if (m->slots[i].number != 0)
            *place(slots, size, m->slots[i].id) = m->slots[i];
    }
    free(m->slots);
    m->slots = slots;
    m->size = size;
}

uint64_t *cs_idmap_at(struct cs_idmap *m, const uint8_t id[16])
{
    if (m->n >= m->size / 8 * 7)
        grow(m);
    struct cs_idmap_slot *s = place(m->slots, m->size, id);
    if (s->number == 0) {
        memcpy(s->id, id, sizeof s->id);
        m->n++;
    }
    return &s->number;
}

void cs_idmap_release(struct cs_idmap *m)
{
    free(m->slots);
    *m = (struct cs_idmap){0};
}
