/* idmap.h - a set of 16-byte ids with a number each, 24 bytes a slot: open addressing, never shrinks.
 *
 * At most 7/8 full, so 1.7 million ids take 50 MB (75 MB for the moment in which it grows). Thread: one owner.
 */
#ifndef CS_SIM_IDMAP_H
#define CS_SIM_IDMAP_H

#include <stddef.h>
#include <stdint.h>

struct cs_idmap_slot;
struct cs_idmap {
    struct cs_idmap_slot *slots; /* NULL while empty */
    size_t n, size;
};

/* The id's number: 0 when the id is new, and then the caller must set it to something else before the next call. */
uint64_t *cs_idmap_at(struct cs_idmap *m, const uint8_t id[16]);
void cs_idmap_release(struct cs_idmap *m); /* frees; the map is empty and may be used again */

#endif
