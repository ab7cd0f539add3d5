#include "worker/calls/credential.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/alloc.h"
#include "protocol/load/keys_env.h"

/* RFC 4648, section 4. */
static char *base64(const char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const size_t n = strlen(text);
    char *out = cs_xcalloc(1, (n + 2) / 3 * 4 + 1), *to = out;
    for (size_t i = 0; i < n; i += 3) {
        uint32_t bits = (uint32_t)(unsigned char)text[i] << 16;
        bits |= i + 1 < n ? (uint32_t)(unsigned char)text[i + 1] << 8 : 0;
        bits |= i + 2 < n ? (uint32_t)(unsigned char)text[i + 2] : 0;
        *to++ = digits[bits >> 18];
        *to++ = digits[bits >> 12 & 63];
        *to++ = i + 1 < n ? digits[bits >> 6 & 63] : '=';
        *to++ = i + 2 < n ? digits[bits & 63] : '=';
    }
    return out;
}

static char *basic(const char *key)
{
    char *encoded = base64(key), *line = cs_xasprintf("Authorization: Basic %s", encoded);
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
