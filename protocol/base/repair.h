/* repair.h - JSON as it should have been sent: a copy of bytes that a strict reader refuses, with what is odd in them made harmless.
 *
 * What servers do, and what becomes of it: invalid UTF-8, NUL and escapes of half a surrogate pair are U+FFFD; raw control characters are
 * escaped; an unknown escape is the characters that it is written with; an integer beyond 64 bits is a real number; NaN, Infinity, -Infinity
 * and numbers beyond a double are the texts "NaN", "Infinity", "-Infinity"; Python's True, False and None are JSON's, any other bare word is
 * null; a comma before a closing bracket is left out. UTF-16 becomes UTF-8. A byte order mark, NULs and the guard )]}' before the value are
 * skipped, and what stands behind it is not looked at. Nothing is added that would close a value which was cut short: that stays unreadable.
 *
 * Only for bytes that were refused as they are: a clean reply never comes here. Pure; any thread.
 */
#ifndef CS_REPAIR_H
#define CS_REPAIR_H

#include "protocol/base/buf.h"

enum { CS_REPAIR_GROWTH = 3 }; /* times the input: as much as a text of nothing but bad bytes needs */

/* Appends the repaired copy; one that would be over out->max overflows. Returns how many of the n bytes it read: up to the end of the first
 * value. Time: linear in n. */
size_t cs_repair_json(const char *bytes, size_t n, struct cs_buf *out);

#endif
