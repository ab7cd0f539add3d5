/* key_place.h - where a secret is found, as providers.yaml says it: {env: NAME} or {file: PATH}. Thread: any. */
#ifndef CS_LOAD_KEY_PLACE_H
#define CS_LOAD_KEY_PLACE_H

#include "protocol/table/node.h"

/* One of *env and *file is set, the other stays as it was. No message repeats what stands there: it may be the secret itself. */
CS_WARN_UNUSED enum cs_err cs_load_key_place(const struct cs_node *n, struct cs_arena *arena, const char **env,
                                             const char **file, struct cs_error *err);

#endif
