/* members.h - inside the dialects only: a JSON object as the tail of a body. */
#ifndef CS_MEMBERS_H
#define CS_MEMBERS_H

#include <jansson.h>

#include "protocol/base/buf.h"

/* `,"key":value,...`, or nothing. */
void cs_members(const json_t *object, struct cs_buf *out);

#endif
