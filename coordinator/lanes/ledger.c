
#include "coordinator/lanes/ledger.h"

#include <endian.h>
#include <string.h>

/* Word k of a page holds the trials 32 k .. 32 k + 31 */

enum { PAGE_WORDS = CS_PAGE_BYTES / 8 };
static const uint64_t EVEN = 0x5555555555555555u;

static uint64_t word_get(const uint8_t *page, unsigned k)
{
    uint64_t w;

    memcpy(&w, page + 8 * k, sizeof w);
    return le64toh(w);
}

static void word_put(uint8_t *page, unsigned k, uint64_t w)
{
    w = htole64(w);
    memcpy(page + 8 * k, &w, sizeof w);
}

/* Bits 0, 2, 4, ... become bits 0, 1, 2, ... */
static uint64_t squeeze(uint64_t x)
{
    x &= EVEN;
    x = (x | x >> 1) & 0x3333333333333333u;
    x = (x | x >> 2) & 0x0f0f0f0f0f0f0f0fu;
    x = (x | x >> 4) & 0x00ff00ff00ff00ffu;
    x = (x | x >> 8) & 0x0000ffff0000ffffu;
    return (x | x >> 16) & 0xffffffffu;
}

/* The inverse of squeeze. */
static uint64_t spread(uint64_t x)
{
    x &= 0xffffffffu;
    x = (x | x << 16) & 0x0000ffff0000ffffu;
    x = (x | x << 8) & 0x00ff00ff00ff00ffu;
    x = (x | x << 4) & 0x0f0f0f0f0f0f0f0fu;
    x = (x | x << 2) & 0x3333333333333333u;
    return (x | x << 1) & EVEN;
}

enum cs_trial_state cs_ledger_get(const uint8_t page[CS_PAGE_BYTES], unsigned i)
{
    return (enum cs_trial_state)(page[i / 4] >> (2 * (i % 4)) & 3);
}

struct cs_bits cs_ledger_select(const uint8_t page[CS_PAGE_BYTES], enum cs_trial_state state, unsigned n)
{
    struct cs_bits r = {{0}};
    const uint64_t low = (state & 1) != 0 ? 0 : EVEN; /* flips what must be zero */
    const uint64_t high = (state & 2) != 0 ? 0 : EVEN;

    for (unsigned k = 0; k < PAGE_WORDS; k++) {
        uint64_t w = word_get(page, k);

        r.w[k / 2] |= squeeze((w ^ low) & ((w >> 1) ^ high)) << (32 * (k % 2));
    }
    for (unsigned i = 0; i < 4; i++) {
        unsigned left = n > 64 * i ? n - 64 * i : 0;

        if (left < 64)
            r.w[i] &= ((uint64_t)1 << left) - 1;
    }
    return r;
}

void cs_ledger_set(uint8_t page[CS_PAGE_BYTES], const struct cs_bits *which, enum cs_trial_state state)
{
    for (unsigned k = 0; k < PAGE_WORDS; k++) {
        uint64_t mask = spread(which->w[k / 2] >> (32 * (k % 2)));
        uint64_t w = word_get(page, k) & ~(mask | mask << 1);

        word_put(page, k, w | mask * (uint64_t)state);
    }
}
