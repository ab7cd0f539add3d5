#include "tools/report/stats/draw.h"

#include <string.h>

#include "protocol/base/rng.h"

#define GOLDEN UINT64_C(0x9e3779b97f4a7c15)

uint64_t cs_stats_draw_key(uint64_t seed, uint64_t draw, enum cs_draw_use use)
{
    const uint64_t stream = cs_rng_mix64(seed + GOLDEN * ((uint64_t)use + 1));
    return cs_rng_mix64(stream + cs_rng_mix64(draw + UINT64_C(0x632be59bd9b4e019)));
}

uint64_t cs_stats_draw_u64(uint64_t key, uint64_t i)
{
    return cs_rng_mix64(key + (i + 1) * GOLDEN);
}

void cs_stats_draw_weights(uint64_t key, size_t n, uint32_t *weight)
{
    memset(weight, 0, n * sizeof *weight);
    for (size_t i = 0; i < n; i++)
        weight[(size_t)(((unsigned __int128)cs_stats_draw_u64(key, i) * n) >> 64)]++;
}
