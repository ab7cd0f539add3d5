/* hide.h - words of an output that its judge does not see (`judge: {hide: {file, as}}`): each is replaced, whole words, any case
 * (phrases.h).
 *
 * Masked is what a judge is shown of outputs, when the snapshot of them is made: output.NAME, first.NAME, second.NAME; never a case's own
 * text, and nothing in the parent's store. Ownership: the caller's. Thread: any, once open.
 */
#ifndef CS_HIDE_H
#define CS_HIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/base/arena.h"
#include "protocol/base/buf.h"

struct cs_hide;

/* NULL: n is 0, nothing is hidden. Words are copied; what is no phrase (phrases.h) is passed over: whoever reads a study refuses it. */
struct cs_hide *cs_hide_open(const char *const *words, uint32_t n, const char *as);
void cs_hide_close(struct cs_hide *h); /* NULL is fine */
/* Whether what stands in a case column of this name is masked. */
bool cs_hide_masks(const char *column);
/* Appends the text with the words masked (h NULL: as it is) and returns how many there were. */
uint32_t cs_hide_put(const struct cs_hide *h, const char *text, struct cs_buf *out);
/* The same as a text in the arena; the text itself where there is nothing to mask. */
const char *cs_hide_words(const struct cs_hide *h, const char *text, struct cs_arena *arena);

#endif
