/* borrow.h - stores of other studies whose answers a new generation takes over instead of paying again (--reuse DIR).
 *
 * An answer is found by its digest, so only the very same request, repeat and twin is ever borrowed; it is copied into our own
 * store with its date and provenance, and marked. The other stores are read, never changed; they may be in use: what is seen is
 * their state at opening. Thread: the I/O loop.
 */
#ifndef CS_BORROW_H
#define CS_BORROW_H

#include "protocol/base/buf.h"
#include "protocol/base/options.h"
#include "store/store.h"

struct cs_borrow; /* NULL: nothing to borrow from */

/* Each folder is a database or a study's directory. CS_ENOENT: no outputs there; CS_EINVAL: it is our own store (`fleet`). */
CS_WARN_UNUSED enum cs_err cs_borrow_open(struct cs_borrow **out, const struct cs_option_list *dirs, const char *fleet,
                                          struct cs_error *err);
void cs_borrow_close(struct cs_borrow *b);

/* Which stores in which state, as a line of text: equal texts, equal answers. "" for NULL. */
const char *cs_borrow_state(const struct cs_borrow *b);

/* Looks the digests with ids[i] == 0 up in one store after the other; from[i] is the first answer found. */
struct cs_borrow_from {
    struct cs_store *store; /* NULL: none has it */
    uint64_t output_id;     /* there */
};
CS_WARN_UNUSED enum cs_err cs_borrow_find(struct cs_borrow *b, const struct cs_digest *digests, const uint64_t *ids,
                                          uint32_t n, struct cs_borrow_from *from, struct cs_error *err);

/* The answer, for the trial that it is now taken over for: *out can be written, its bytes are in `packed`. */
CS_WARN_UNUSED enum cs_err cs_borrow_take(const struct cs_borrow_from *from, uint32_t gen, uint32_t lane,
                                          uint64_t position, struct cs_buf *packed, struct cs_batch_output *out,
                                          uint8_t *outcome, struct cs_error *err);

#endif
