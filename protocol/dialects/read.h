/* read.h - inside the dialects only: what they read alike. */
#ifndef CS_READ_H
#define CS_READ_H

#include <stdbool.h>

#include "protocol/base/arena.h"
#include "protocol/base/buf.h"
#include "protocol/dialects/reply.h"

struct json_t;

/* Begins a reading: nothing said, the request id from the first of these headers (NULL-terminated) that is there, and on
 * errors how long to wait. Returns the whole body as JSON (json_decref), or NULL; out->text is then what came instead. */
struct json_t *cs_read_begin(const struct cs_http_reply *reply, const char *const *id_headers, struct cs_arena *arena,
                             struct cs_reading *out);
/* Whether it is this text. */
bool cs_read_is(const struct json_t *v, const char *word);
/* The text of a JSON string, clean and not longer than max; "" for anything else. */
const char *cs_read_text(const struct json_t *v, size_t max, struct cs_arena *arena);
uint32_t cs_read_count(const struct json_t *v);
/* Appends a piece of an answer: a text, or the object that a tool was called with. */
void cs_read_piece(struct cs_buf *text, const struct json_t *piece);
/* Takes the answer's text; one that is longer than an output can hold is not whole, and so unparsable. */
void cs_read_answer(const struct cs_buf *text, struct cs_arena *arena, struct cs_reading *out);
bool cs_read_is_good(const struct cs_http_reply *reply); /* a 2xx */

#endif
