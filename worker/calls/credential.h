/* credential.h - how a system of `protocol: http` is told who asks: the header line that its account's key becomes. Pure; any thread. */
#ifndef CS_CREDENTIAL_H
#define CS_CREDENTIAL_H

#include "protocol/dialects/system/service.h"

/* A whole header line; NULL where the key is not what is sent (oauth2). It is the caller's to wipe (keys_env.h). */
char *cs_credential_line(const struct cs_service *s, const char *key);
/* What in such a line is secret: all behind its name, and behind the word for its kind. */
const char *cs_credential_in(const char *line);

#endif
