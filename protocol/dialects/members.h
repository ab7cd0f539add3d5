/* members.h - inside the dialects only: a JSON object as the tail of a body. */
#ifndef CS_MEMBERS_H
#define CS_MEMBERS_H

#include "protocol/base/buf.h"
#include "protocol/base/json.h"

/* `,"key":value,...`, or nothing. */
void cs_members(const struct cs_json *object, struct cs_buf *out);

#endif
