/* header.h - one header of a reply. */
#ifndef CS_HEADER_H
#define CS_HEADER_H

#include <stdbool.h>

#include "protocol/base/arena.h"

/* The value of a header, without surrounding blanks, in the arena; NULL when absent. Names are compared without
 * case. headers: "name: value\r\n...", NUL-terminated. */
const char *cs_header(const char *headers, const char *name, struct cs_arena *arena);

/* Whether a cache on the way says that it had kept the reply: a header whose name speaks of a cache and whose value begins with "hit"
 * or is "true", or an age. */
bool cs_header_cache_hit(const char *headers);

#endif
