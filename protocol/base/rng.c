#include "protocol/base/rng.h"

#include <string.h>

#include "protocol/base/assert.h"

static inline uint64_t mix64(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

uint64_t cs_rng_mix64(uint64_t x)
{
    return mix64(x);
}

uint64_t cs_rng_mix_text(uint64_t h, const char *text)
{
    uint64_t word;
    size_t n = strlen(text);
    h ^= n;
    for (; n >= sizeof word; text += sizeof word, n -= sizeof word) {
        memcpy(&word, text, sizeof word);
        h = mix64(h ^ word);
    }
    word = 0;
    memcpy(&word, text, n);
    return mix64(h ^ word);
}

uint64_t cs_rng_next(struct cs_rng *r)
{
    r->state += 0x9e3779b97f4a7c15u;
    return cs_rng_mix64(r->state);
}

uint64_t cs_rng_below(struct cs_rng *r, uint64_t bound)
{
    CS_ASSERT(bound > 0);
    /* Reject the low values that would make the remainder uneven. */
    const uint64_t reject = (0 - bound) % bound;
    uint64_t x;
    do
        x = cs_rng_next(r);
    while (x < reject);
    return x % bound;
}

double cs_rng_unit(struct cs_rng *r)
{
    return (double)(cs_rng_next(r) >> 11) * 0x1p-53;
}

enum { ROUNDS = 6 };

static unsigned half_bits(uint64_t n)
{
    unsigned bits = n > 1 ? 64 - (unsigned)__builtin_clzll(n - 1) : 1;
    return (bits + 1) / 2;
}

static uint64_t feistel(uint64_t key, unsigned half, uint64_t x, int from, int to, int step)
{
    const uint64_t mask = half < 64 ? (UINT64_C(1) << half) - 1 : UINT64_MAX;
    uint64_t left = x >> half, right = x & mask;
    for (int r = from; r != to; r += step) {
        const uint64_t f = mix64(key + (uint64_t)(r + 1) * 0x9e3779b97f4a7c15u +
                                 mix64((step > 0 ? right : left) + 0x632be59bd9b4e019u));
        if (step > 0) {
            const uint64_t t = left ^ (f & mask);
            left = right;
            right = t;
        } else {
            const uint64_t t = right ^ (f & mask);
            right = left;
            left = t;
        }
    }
    return left << half | right;
}

uint64_t cs_rng_permute(uint64_t key, uint64_t n, uint64_t i)
{
    CS_ASSERT(i < n);
    const unsigned half = half_bits(n);
    do
        i = feistel(key, half, i, 0, ROUNDS, 1);
    while (i >= n);
    return i;
}

uint64_t cs_rng_unpermute(uint64_t key, uint64_t n, uint64_t i)
{
    CS_ASSERT(i < n);
    const unsigned half = half_bits(n);
    do
        i = feistel(key, half, i, ROUNDS - 1, -1, -1);
    while (i >= n);
    return i;
}
