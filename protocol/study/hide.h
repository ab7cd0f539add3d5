/* hide.h - words of an output that its judge does not see (`judge: {hide: {file, as}}`): each is replaced, whole words, any case
 * (phrases.h).
 *
 * Masked is what a judge is shown of outputs, when the snapshot of them is made: output.NAME, first.NAME, second.NAME; never a case's own
 * text, and nothing in the parent's store. Ownership: the caller's. Thread: any, once open.
 */
#ifndef CS_HIDE_H
#define CS_HIDE_H

#include <stdbool.h>

#include "protocol/base/buf.h"
#include "protocol/study/judge.h"

struct cs_hide;

/* NULL: this judge hides nothing. */
struct cs_hide *cs_hide_open(const struct cs_judge *judge);
void cs_hide_close(struct cs_hide *h); /* NULL is fine */
/* Whether what stands in a case column of this name is masked. */
bool cs_hide_masks(const char *column);
/* Appends the text with the words masked (h NULL: as it is) and returns how many there were. */
uint32_t cs_hide_put(const struct cs_hide *h, const char *text, struct cs_buf *out);

#endif
