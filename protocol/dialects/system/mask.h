/* mask.h - a provider's echo of the API key, taken out of what it said before anything of it is kept. Pure; any thread. */
#ifndef CS_MASK_H
#define CS_MASK_H

#include "protocol/base/arena.h"
#include "protocol/dialects/replies/reply.h"

enum {
    CS_MASK_KEY_MIN = 8,  /* a shorter key is not a secret, and would take words out of answers */
    CS_MASK_PART_MIN = 12 /* bytes of a longer key that tell something of it */
};

/* Text with the key, and with parts of it of at least CS_MASK_PART_MIN bytes, replaced by asterisks; `text` itself where there is none. */
const char *cs_mask_text(const char *text, const char *key, struct cs_arena *arena);
/* All strings of a reading. key: NULL where none was sent. */
void cs_mask_reading(struct cs_reading *r, const char *key, struct cs_arena *arena);

#endif
