/* replies.h - the memory that all replies in flight of a worker may hold together, and how many calls that bears. Pure.
 *
 * A reply may be 8 MiB long, a worker may have thousands in flight: without a cap on their sum one provider that
 * sends much and slowly takes all memory of the host. Replies as long as the late ones were, that many calls fit; with
 * three quarters of the memory held none is started. When the sum is reached all the same the largest reply is ended, so that
 * others, and first of all honest ones, come to their end.
 *
 * Thread: one. Units: bytes.
 */
#ifndef CS_REPLIES_H
#define CS_REPLIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CS_REPLY_MEMORY_MIN_MIB = 16, CS_REPLY_MEMORY_MIB = 256 };

struct cs_replies {
    size_t cap, held; /* held: of the replies in flight */
    double mean;      /* of those that ended late */
};

bool cs_replies_full(const struct cs_replies *r, size_t more); /* would `more` bytes go over the cap? */
void cs_replies_grow(struct cs_replies *r, size_t n);
void cs_replies_end(struct cs_replies *r, size_t len); /* of one that held as much */
/* Calls that may be in flight; 0: as many as there are slots. Never less than 1 otherwise, so that something always goes on. */
uint32_t cs_replies_bear(const struct cs_replies *r, uint32_t slots);

#endif
