/* limit_headers.h - what the headers of a reply say of the account's limits. Pure; any thread. */
#ifndef CS_LIMIT_HEADERS_H
#define CS_LIMIT_HEADERS_H

#include "protocol/base/arena.h"
#include "protocol/study/study.h"

/* 0 where they say nothing. `rules` ("header: limit", the account's limit_headers) win over what headers of these names usually
 * mean. */
void cs_limit_headers_read(const char *headers, const char *const *rules, uint32_t n_rules, struct cs_arena *arena,
                           struct cs_limits *out);

#endif
