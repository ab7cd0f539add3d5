/* utf8.h - whether bytes are well-formed UTF-8 (Unicode 15, table 3-7: no surrogates, no overlong forms), and made so. */
#ifndef CS_UTF8_H
#define CS_UTF8_H

#include <stdbool.h>
#include <stddef.h>

#include "protocol/base/arena.h"

/* Also false when there is a NUL byte among the n: such a text would be cut short as a C string. */
bool cs_utf8_valid(const char *s, size_t n);

/* How many of the n > 0 bytes at s belong together: one well-formed character (*whole), or what stands in the place of one and becomes one
 * U+FFFD: as Unicode 15 (section 3.9, "maximal subparts") and browsers count them. */
size_t cs_utf8_step(const char *s, size_t n, bool *whole);

/* A copy that is well-formed and can be packed: what is not becomes U+FFFD, NULs too, and what is over max bytes is cut off between
 * characters. */
const char *cs_utf8_clean(struct cs_arena *arena, const char *bytes, size_t n, size_t max);

#endif
