/* draw.h - randomness by counter: number `i` of draw `draw` under `seed`, computed directly, in any order, by any thread.
 *
 * Each (seed, draw) names a SplitMix64 stream (base/rng.h) whose start is scrambled from both. Draw number 17 is the same
 * resample for every contrast, whichever thread computes it. Bounded numbers take the high half of a product (Lemire, ACM
 * TOMACS 29 (2019) 3, without its rejection: the bias is below n / 2^64).
 */
#ifndef CS_DRAW_H
#define CS_DRAW_H

#include <stddef.h>
#include <stdint.h>

/* What a stream is for; two purposes of one (seed, draw) are independent. */
enum cs_draw_use {
    CS_DRAW_CLUSTERS,
    CS_DRAW_SIGNS,
    CS_DRAW_MODELS,
    CS_DRAW_TASKS,
};

uint64_t cs_stats_draw_key(uint64_t seed, uint64_t draw, enum cs_draw_use use);
uint64_t cs_stats_draw_u64(uint64_t key, uint64_t i);

/* How often each of n units is in the resample: n picks with replacement; the weights sum to n. */
void cs_stats_draw_weights(uint64_t key, size_t n, uint32_t *weight);

#endif
