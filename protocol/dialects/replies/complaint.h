/* complaint.h - inside the dialects only: what an error says, whatever the vendor or the gateway in front of it calls it.
 *
 * All dialects hand their errors here: an error's meaning hangs on words, not on who speaks. Codes are looked for in the whole body
 * (`code`, `type`, `status`, `reason` and their like, at any depth: gateways wrap their vendor's error in their own), messages in the
 * places where errors have them. The words are one table in complaint.c.
 */
#ifndef CS_COMPLAINT_H
#define CS_COMPLAINT_H

#include "protocol/base/json.h"
#include "protocol/dialects/replies/read.h"

/* Reads an error: what it says, for how long it asks to wait, its text. `root`: the body; `error`: the part with the message (a text,
 * or an object with `message`); both may be NULL (out->text is then what came instead of JSON). `word`: the member of it
 * that is kept as finish; `name`: its name outside the body; or NULL. Overwrites says, status, and wait where there is none; text and finish where the error has them. */
/* Whether a reply in which no answer stands says somewhere that a filter took it. */
bool cs_complaint_is_filtered(const struct cs_json *root);

void cs_complaint_read(const struct cs_http_reply *reply, const struct cs_json *root, const struct cs_json *error,
                       const char *word, const char *name, struct cs_arena *arena, struct cs_reading *out);

#endif
