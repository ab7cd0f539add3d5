/* shown.h - images in requests, and how a truth knows them.
 *
 * An image is taken if its base64 can be read, its bytes decode to a picture, and that is of the type which the request says. Its mark, a
 * line of its own behind the texts of the prompt, is what a level with an `image` is recognised by. Pure; any thread.
 */
#ifndef CS_SIM_SHOWN_H
#define CS_SIM_SHOWN_H

#include "protocol/base/arena.h"
#include "tools/simulator/openai_chat.h"

/* media: "image/png" or "png"; base64: its data. NULL: taken; else what is wrong, as a sentence. */
const char *cs_sim_shown_add(struct cs_chat_request *r, const char *media, const struct cs_j *base64);
/* The same from "data:image/png;base64,...". */
const char *cs_sim_shown_add_url(struct cs_chat_request *r, const struct cs_j *url);
/* The mark of an image that has these bytes. */
const char *cs_sim_shown_mark(const void *bytes, size_t n, struct cs_arena *arena);

#endif
