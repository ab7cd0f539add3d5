#include "protocol/base/digest.h"

#include <pthread.h>
#include <sodium.h>
#include <string.h>

#include "protocol/base/assert.h"

/* Before sodium_init libsodium hashes with its portable code; afterwards with the processor's best. */
static void start_sodium(void)
{
    CS_ASSERT(sodium_init() >= 0);
}

static void ready(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    CS_ASSERT(pthread_once(&once, start_sodium) == 0);
}

void cs_digest_blake2b_256(const void *data, size_t n, uint8_t out[32])
{
    ready();
    CS_ASSERT(crypto_generichash(out, 32, data, n, NULL, 0) == 0);
}

_Static_assert(sizeof(crypto_generichash_state) <= sizeof(struct cs_digest_stream), "a stream holds its state");

void cs_digest_stream_begin(struct cs_digest_stream *s)
{
    ready();
    crypto_generichash_init((void *)s, NULL, 0, 32);
}

void cs_digest_stream_add(struct cs_digest_stream *s, const void *data, size_t n)
{
    crypto_generichash_update((void *)s, data, n);
}

void cs_digest_stream_end(struct cs_digest_stream *s, uint8_t out[32])
{
    crypto_generichash_final((void *)s, out, 32);
}

static void put_u32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

void cs_digest_trial(const char *protocol, const char *model, const uint8_t body[32], uint32_t repeat, uint32_t twin,
                     struct cs_digest *out)
{
    static const char domain[] = "clinsafe-trial-1";
    crypto_generichash_state h;
    uint8_t ranks[8], full[32];
    put_u32(ranks, repeat);
    put_u32(ranks + 4, twin);
    ready();
    crypto_generichash_init(&h, NULL, 0, sizeof full);
    crypto_generichash_update(&h, (const uint8_t *)domain, sizeof domain); /* with their NULs: */
    crypto_generichash_update(&h, (const uint8_t *)protocol, strlen(protocol) + 1);
    crypto_generichash_update(&h, (const uint8_t *)model, strlen(model) + 1);
    crypto_generichash_update(&h, body, 32);
    crypto_generichash_update(&h, ranks, sizeof ranks);
    crypto_generichash_final(&h, full, sizeof full);
    memcpy(out->b, full, sizeof out->b);
}

static uint64_t key_of(const char *kind, const char *const *names, unsigned n)
{
    crypto_generichash_state h;
    uint8_t full[32];
    uint64_t key = 0;
    ready();
    crypto_generichash_init(&h, NULL, 0, sizeof full);
    crypto_generichash_update(&h, (const uint8_t *)kind, strlen(kind) + 1);
    for (unsigned i = 0; i < n; i++)
        crypto_generichash_update(&h, (const uint8_t *)names[i], strlen(names[i]) + 1);
    crypto_generichash_final(&h, full, sizeof full);
    for (unsigned i = 0; i < 8; i++)
        key = key << 8 | full[i];
    return key != 0 ? key : 1;
}

uint64_t cs_digest_study_key(const char *study)
{
    return key_of("clinsafe-study-1", (const char *const[]){study}, 1);
}

uint64_t cs_digest_lane_key(const char *study, const char *model, const char *account)
{
    return key_of("clinsafe-lane-1", (const char *const[]){study, model, account}, 3);
}

uint64_t cs_digest_case_key(const char *case_id)
{
    return key_of("clinsafe-case-1", (const char *const[]){case_id}, 1);
}

bool cs_digest_equal(const struct cs_digest *a, const struct cs_digest *b)
{
    return memcmp(a->b, b->b, sizeof a->b) == 0;
}

void cs_digest_hex(const uint8_t *bytes, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * n] = '\0';
}

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool cs_digest_unhex(const char *hex, uint8_t *out, size_t n)
{
    if (strlen(hex) != 2 * n)
        return false;
    for (size_t i = 0; i < n; i++) {
        int high = nibble(hex[2 * i]), low = nibble(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}
