/* replies.h - the memory that all replies in flight of a worker may hold together. Pure.
 *
 * A reply may be 8 MiB long, a worker may have thousands in flight: without a cap on their sum one provider that
 * sends much and slowly takes all memory of the host. A lane starts no more calls than its part of the memory bears replies like
 * its recent ones, and none while the memory is nearly full; one whose replies are short does not notice. When the sum is reached all
 * the same the largest reply is ended (http.c), so that others, and first of all short ones, come to their end.
 *
 * Thread: one. Units: bytes.
 */
#ifndef CS_REPLIES_H
#define CS_REPLIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CS_REPLY_MEMORY_MIN_MIB = 16, CS_REPLY_MEMORY_MIB = 256 };

/* How long a lane's replies are; zeroed: nothing is known. */
struct cs_replies {
    double mean; /* over the recent ones */
    bool known;
};
void cs_replies_note(struct cs_replies *r, size_t len);

struct cs_reply_memory {
    size_t cap, held; /* cap 0: none */
};
/* May a lane with so many calls in flight start another? Always if it has none, so that something goes on. `lanes` have calls in flight. */
bool cs_replies_fit(const struct cs_replies *r, uint32_t in_flight, const struct cs_reply_memory *m, uint32_t lanes);

#endif
