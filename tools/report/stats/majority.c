#include "tools/report/stats/majority.h"

#include <math.h>

#include "protocol/base/assert.h"

static double log_choose(double n, double k)
{
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1);
}

double cs_majority_share(uint64_t yes, uint64_t n, uint32_t k)
{
    double share = 0;
    CS_ASSERT(k >= 1 && k <= n && yes <= n);
    if (yes == 0 || yes == n)
        return yes == 0 ? 0 : 1;
    const double all = log_choose((double)n, k);
    for (uint32_t j = (k + 1) / 2; j <= k && j <= yes; j++) {
        if (k - j > n - yes)
            continue;
        const double chance = exp(log_choose((double)yes, j) + log_choose((double)(n - yes), k - j) - all);
        share += 2 * j == k ? chance / 2 : chance;
    }
    return share < 1 ? share : 1;
}
