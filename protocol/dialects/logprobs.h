/* logprobs.h - inside the dialects only: log probabilities of an answer's tokens. */
#ifndef CS_LOGPROBS_H
#define CS_LOGPROBS_H

#include "protocol/base/arena.h"
#include "protocol/dialects/reply.h"

struct json_t;

/* `chosen` is a list of {"token", VALUE} in the order of the text; the most probable ones at each place are its member
 * "top_logprobs" or, if `tops` is given, tops[i].candidates. */
void cs_logprobs_read(const struct json_t *chosen, const char *value, const struct json_t *tops, struct cs_arena *arena,
                      struct cs_reading *out);

#endif
