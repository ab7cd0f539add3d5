#include "protocol/wire/curve.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <zmq.h>

bool cs_curve_is_key(const char *z85)
{
    uint8_t raw[32];
    bool is_key = strlen(z85) == 40 && zmq_z85_decode(raw, z85) != NULL;
    explicit_bzero(raw, sizeof raw);
    return is_key;
}

enum cs_err cs_curve_pair(struct cs_keypair *out, struct cs_error *err)
{
    if (zmq_curve_keypair(out->public_key, out->secret_key) != 0)
        return cs_error_set(err, CS_EINTERNAL, "cannot make a CURVE key pair: %s", zmq_strerror(errno));
    return CS_OK;
}

bool cs_curve_public(const char *secret, char out[41])
{
    return cs_curve_is_key(secret) && zmq_curve_public(out, secret) == 0;
}
