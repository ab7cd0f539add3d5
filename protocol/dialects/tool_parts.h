/* tool_parts.h - inside tools_*.c only: what the dialects share in writing and reading calls of tools. Pure; any thread. */
#ifndef CS_TOOL_PARTS_H
#define CS_TOOL_PARTS_H

#include "protocol/base/buf.h"
#include "protocol/base/json.h"

void cs_tool_parts_call(struct cs_json *calls, const struct cs_json *id, const struct cs_json *name,
                        const struct cs_json *arguments); /* a text, or an object that is written as one */
/* Elements of a JSON array's text without its brackets. */
void cs_tool_parts_elements(struct cs_buf *out, const char *array);
void cs_tool_parts_member(struct cs_buf *out, const char *key, const char *text); /* "key":"text" */

#endif
