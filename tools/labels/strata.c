#include "tools/labels/strata.h"

#include "protocol/base/assert.h"

/* The stratum that is furthest behind its share; n when all are full. */
static uint32_t next_seat(const uint64_t *sizes, uint32_t n, double total, const uint64_t *take)
{
    uint32_t best = n;
    double most = 0;
    for (uint32_t i = 0; i < n; i++) {
        const double share = 1.0 / n + (double)sizes[i] / total, quotient = share / ((double)take[i] + 0.5);
        if (take[i] < sizes[i] && quotient > most) {
            most = quotient;
            best = i;
        }
    }
    return best;
}

void cs_strata_share(const uint64_t *sizes, uint32_t n, uint64_t wanted, uint64_t *take)
{
    double total = 0;
    CS_ASSERT(wanted >= n);
    for (uint32_t i = 0; i < n; i++) {
        CS_ASSERT(sizes[i] > 0);
        total += (double)sizes[i];
        take[i] = 1;
    }
    for (uint64_t left = wanted - n; left > 0; left--) {
        const uint32_t i = next_seat(sizes, n, total, take);
        if (i == n)
            return;
        take[i]++;
    }
}
