/* chat_parts.h - parts of OpenAI's requests and answers that several files have. Pure; any thread. */
#ifndef CS_CHAT_PARTS_H
#define CS_CHAT_PARTS_H

#include "tools/simulator/openai_chat.h"

/* Is the schema of a strict format one that strict formats can be? */
bool cs_chat_parts_strict(const struct cs_j *schema, const char *name, struct cs_chat_error *e);
/* `"usage":{...},...}`: the end of a body. */
void cs_chat_parts_usage(const struct cs_chat_answer *a, struct cs_buf *out);

#endif
