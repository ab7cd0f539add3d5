/* header.h - one header of a reply. */
#ifndef CS_HEADER_H
#define CS_HEADER_H

#include "protocol/base/arena.h"

/* The value of a header, without surrounding blanks, in the arena; NULL when absent. Names are compared without
 * case. headers: "name: value\r\n...", NUL-terminated. */
const char *cs_header(const char *headers, const char *name, struct cs_arena *arena);

#endif
