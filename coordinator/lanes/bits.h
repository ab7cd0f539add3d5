/* bits.h - sets of the trials of one page of the ledger.
 *
 * Word-wise, so that a lane of millions of trials is cancelled or counted in milliseconds. Pure; any thread.
 */
#ifndef CS_BITS_H
#define CS_BITS_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/wire/messages.h"
#include "store/store.h"

/* A set of trials of a page: bit i of the 256. */
struct cs_bits {
    uint64_t w[4];
};

bool cs_bits_has(const struct cs_bits *s, unsigned i);
void cs_bits_add(struct cs_bits *s, unsigned i);
bool cs_bits_none(const struct cs_bits *s);
unsigned cs_bits_count(const struct cs_bits *s);
struct cs_bits cs_bits_and(const struct cs_bits *a, const struct cs_bits *b);
struct cs_bits cs_bits_or(const struct cs_bits *a, const struct cs_bits *b);
struct cs_bits cs_bits_without(const struct cs_bits *a, const struct cs_bits *b);
struct cs_bits cs_bits_range(uint64_t from, uint64_t to); /* from <= i < to */
/* The k lowest members (all, if there are fewer). */
struct cs_bits cs_bits_lowest(const struct cs_bits *s, unsigned k);
/* As on the wire: bit i is bit i % 8 of byte i / 8. */
struct cs_bits cs_bits_from_wire(const uint8_t bytes[CS_BITMAP_BYTES]);
void cs_bits_to_wire(const struct cs_bits *s, uint8_t bytes[CS_BITMAP_BYTES]);

#endif
