/* borrow.h - stores of other studies whose answers a new generation takes over instead of paying again (--reuse DIR).
 *
 * An answer is found by its digest, so only the very same request, repeat and twin is ever borrowed; it is copied into our own
 * store with its date and provenance, and marked. A timeout or an unparsable answer is not borrowed, nor one that was asked again, nor the end of a conversation.
 * One draw goes to one trial: first to that of the same case, model and account, then to others in plan order; what was copied
 * before is not copied again. The other stores are read, never changed; they may be in use: what is seen is their state at
 * opening. Thread: the I/O loop.
 */
#ifndef CS_BORROW_H
#define CS_BORROW_H

#include "protocol/base/buf.h"
#include "protocol/base/options.h"
#include "store/claims.h"

struct cs_borrow; /* NULL: nothing to borrow from */

/* Each folder is a database or a study's directory. CS_ENOENT: no outputs there; CS_EINVAL: it is our own store (`fleet`). */
CS_WARN_UNUSED enum cs_err cs_borrow_open(struct cs_borrow **out, const struct cs_option_list *dirs, const char *fleet,
                                          struct cs_error *err);
void cs_borrow_close(struct cs_borrow *b);

/* Which stores in which state, as a line of text: equal texts, equal answers. "" for NULL. */
const char *cs_borrow_state(const struct cs_borrow *b);

/* A pass begins, in which what `own` has copied already counts as taken. NULL for b is fine, here and below. */
void cs_borrow_begin(struct cs_borrow *b, struct cs_store *own);
void cs_borrow_end(struct cs_borrow *b);

struct cs_borrow_want { /* a trial of ours without an answer */
    uint32_t gen, lane;
    uint64_t position;
    struct cs_digest digest;
    struct cs_owner owner;
    const char *model, *account; /* names */
};
/* *kind: ANSWER: *row can be written, its bytes are in `packed`; LATER: only others have one, ask again with rest = true when all
 * trials are through; or NONE. */
CS_WARN_UNUSED enum cs_err cs_borrow_one(struct cs_borrow *b, const struct cs_borrow_want *want, bool rest,
                                         enum cs_claim *kind, struct cs_buf *packed, struct cs_batch_output *row,
                                         uint8_t *outcome, bool *salvaged, struct cs_error *err);

#endif
