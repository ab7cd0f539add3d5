/* logprobs.h - inside the dialects only: log probabilities of an answer's tokens. */
#ifndef CS_LOGPROBS_H
#define CS_LOGPROBS_H

#include "protocol/base/arena.h"
#include "protocol/base/json.h"
#include "protocol/dialects/replies/reply.h"

struct cs_json;

/* `chosen` is a list of {"token", VALUE} in the order of the text; the most probable ones at each place are its member
 * "top_logprobs" or, if `tops` is given, tops[i].candidates. */
void cs_dialect_logprobs_read(const struct cs_json *chosen, const char *value, const struct cs_json *tops,
                              struct cs_arena *arena, struct cs_reading *out);

#endif
