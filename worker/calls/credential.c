#include "worker/calls/credential.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/base/base64.h"
#include "protocol/load/keys_env.h"

static char *basic(const char *key)
{
    char *encoded = cs_xcalloc(1, cs_base64_length(strlen(key)) + 1);
    cs_base64_encode(key, strlen(key), encoded);
    char *line = cs_xasprintf("Authorization: Basic %s", encoded);
    cs_keys_env_free(encoded);
    return line;
}

char *cs_credential_line(const struct cs_service *s, const char *key)
{
    switch (s->auth) {
    case CS_SERVICE_BEARER:
        return cs_xasprintf("Authorization: Bearer %s", key);
    case CS_SERVICE_BASIC:
        return basic(key);
    case CS_SERVICE_HEADER:
        return cs_xasprintf("%s: %s", s->auth_header, key);
    case CS_SERVICE_OAUTH2:
    case CS_SERVICE_NO_AUTH:
        break;
    }
    return NULL;
}

const char *cs_credential_in(const char *line)
{
    static const char *const kinds[] = {"Bearer ", "Basic "};
    const char *value = strstr(line, ": ");
    value = value != NULL ? value + 2 : line;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strncmp(value, kinds[i], strlen(kinds[i])) == 0)
            return value + strlen(kinds[i]);
    }
    return value;
}
