/* rng.h - seeded randomness: the same seed gives the same study on every machine.
 *
 * cs_rng_mix64 is the finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014). cs_rng_permute is a keyed bijection of
 * [0, n): a balanced Feistel network over the next even number of bits, walked until it falls inside n
 * (Black, Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002). O(1) memory at any size.
 */
#ifndef CS_RNG_H
#define CS_RNG_H

#include <stdint.h>

uint64_t cs_rng_mix64(uint64_t x);
/* A fingerprint of the text and of h. Not the same on every machine: never to be kept. */
uint64_t cs_rng_mix_text(uint64_t h, const char *text);

struct cs_rng {
    uint64_t state;
};
uint64_t cs_rng_next(struct cs_rng *r);                  /* SplitMix64 */
uint64_t cs_rng_below(struct cs_rng *r, uint64_t bound); /* uniform in [0, bound), bound > 0 */
double cs_rng_unit(struct cs_rng *r);                    /* uniform in [0, 1), 53 bits */

/* The place of i under the key; i < n. cs_rng_unpermute(key, n, cs_rng_permute(key, n, i)) == i. */
uint64_t cs_rng_permute(uint64_t key, uint64_t n, uint64_t i);
uint64_t cs_rng_unpermute(uint64_t key, uint64_t n, uint64_t i);

#endif
