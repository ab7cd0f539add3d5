/* curve.h - the keys of CURVE, which ZeroMQ encrypts and knows peers by. Thread: any. */
#ifndef CS_CURVE_H
#define CS_CURVE_H

#include <stdbool.h>

#include "protocol/base/error.h"

struct cs_keypair { /* Z85 text, NUL-terminated */
    char public_key[41], secret_key[41];
};

/* Whether it is a key in Z85; a fresh pair; the public key of a secret one (false: not a key). Key files: keys.h. */
bool cs_curve_is_key(const char *z85);
CS_WARN_UNUSED enum cs_err cs_curve_pair(struct cs_keypair *out, struct cs_error *err);
bool cs_curve_public(const char *secret, char out[41]);

#endif
