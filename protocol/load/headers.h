/* headers.h - further headers that an account sends. Thread: any. */
#ifndef CS_LOAD_HEADERS_H
#define CS_LOAD_HEADERS_H

#include "protocol/study/study.h"
#include "protocol/table/node.h"

/* `headers` of an account. */
CS_WARN_UNUSED enum cs_err cs_load_headers(const struct cs_node *n, struct cs_arena *arena, struct cs_account *a,
                                           struct cs_error *err);
/* Whether one of the words of a name says that a secret stands there: key in api_key. */
bool cs_load_headers_is_secret(const char *name);
/* One: its name and value can be sent, hold no secret by the name's words, and are not ours to set. */
CS_WARN_UNUSED enum cs_err cs_load_headers_value(const struct cs_node *n, const char **value, struct cs_error *err);

#endif
