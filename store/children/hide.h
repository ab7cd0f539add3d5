/* hide.h - words of a text put out of sight: whole words, a-z in any case; nothing is found inside a longer word.
 *
 * Of terms that begin at one place the longest counts. Pure. Thread: one at a time. Words are borrowed.
 */
#ifndef CS_HIDE_H
#define CS_HIDE_H

#include <stdint.h>

#include "protocol/base/arena.h"

struct cs_hide;
struct cs_hide *cs_hide_open(const char *const *words, uint32_t n, const char *as);
void cs_hide_close(struct cs_hide *h); /* NULL is fine */
/* The text with `as` in place of every word; the text itself where there is none. Lives in the arena otherwise. */
const char *cs_hide_words(const struct cs_hide *h, const char *text, struct cs_arena *arena);

#endif
