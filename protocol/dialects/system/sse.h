/* sse.h - server-sent events (the WHATWG's HTML standard, section 9.2), read from a body that has come whole.
 *
 * Lines end with CR, LF or both; `data:` lines of an event are joined by a line break; an event without data is one here
 * if it has a name, since some end by nothing else; a line that begins with
 * a colon is a comment. The end of the body ends its last event, as many servers leave out the
 * empty line behind it; whether the stream is whole, its end mark tells. Pure; any thread; texts live in the arena.
 */
#ifndef CS_SSE_H
#define CS_SSE_H

#include <stdbool.h>
#include <stddef.h>

#include "protocol/base/arena.h"
#include "protocol/base/json.h"

struct cs_sse_event {
    const char *name; /* of its `event:` line, or "" */
    const char *data;
};
struct cs_sse {
    const char *at, *end;
};
struct cs_sse cs_sse_begin(const char *body, size_t n);
bool cs_sse_next(struct cs_sse *e, struct cs_arena *arena, struct cs_sse_event *out);
/* Some say an event's name in its data, as "event" or "type"; "": this one does not. */
const char *cs_sse_named(const struct cs_json *data, struct cs_arena *arena);

#endif
