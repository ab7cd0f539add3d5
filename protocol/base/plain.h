/* plain.h - the one door for foreign text (of providers, workers, operators, study files) on its way to a terminal, a log or a page.
 *
 * What could move a cursor, recolour, retitle, begin a line of its own or turn the reading direction is written out, so that it can be
 * read and does nothing: \x1b, \n, \u202e. These are control characters (C0, DEL, C1), marks and overrides of direction, line and
 * paragraph separators, invisible characters of Unicode's format class that hide text, and bytes that are not UTF-8 (\xff). All else, in
 * any script, passes as it is. Pure, but for cs_plain_file; any thread.
 */
#ifndef CS_PLAIN_H
#define CS_PLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "protocol/base/arena.h"

enum { CS_PLAIN_GROWTH = 6 }; /* times the input, at most */

/* Whether all of it passes as it is. */
bool cs_plain_is(const char *text);
/* Into out, NUL-terminated; what does not fit into size bytes is cut off between characters, with "..." at the end. Returns out. */
const char *cs_plain_text(char *out, size_t size, const char *text);
/* text itself, or its plain form in the arena. */
const char *cs_plain_in(struct cs_arena *arena, const char *text);
/* What must not be shown of the n > 0 bytes at s: how many of them, and in *code its code point (for a byte that is not UTF-8: the byte);
 * 0: they begin with a character that may, *len bytes long. */
size_t cs_plain_hidden(const char *s, size_t n, size_t *len, uint32_t *code);

/* A stream into `out` on which only \n and \t of all control characters pass. fclose() it before out. */
FILE *cs_plain_file(FILE *out);

#endif
