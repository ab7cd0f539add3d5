#include "store/holders.h"

#include <stdio.h>
#include <string.h>

#include "protocol/base/rng.h"

uint64_t cs_holders_fingerprint(const char *worker, uint64_t nonce)
{
    uint64_t h = cs_rng_mix64(nonce);

    for (; *worker != '\0'; worker++)
        h = cs_rng_mix64(h ^ (uint8_t)*worker);
    return h;
}

void cs_holders_note(struct cs_batch *b, const char *worker, bool holds)
{
    char key[40];

    snprintf(key, sizeof key, "worker/%016llx", (unsigned long long)cs_holders_fingerprint(worker, 0));
    cs_batch_add_meta(b, key, holds ? worker : NULL, holds ? (uint32_t)strlen(worker) + 1 : 0);
}
