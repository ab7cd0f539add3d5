/* majority.h - what a majority of k answers would say, from the n that there are: without drawing any.
 *
 * Of x yes among n answers, k of them taken without putting back hold j yes with the hypergeometric chance; a majority says yes where
 * 2j > k, and where 2j = k half of it does. The mean over all subsets is the U-statistic of that rule (Hoeffding, Ann Math Stat 19 (1948)
 * 293): unbiased for every true rate, at k <= n. Pure; any thread.
 */
#ifndef CS_MAJORITY_H
#define CS_MAJORITY_H

#include <stdint.h>

/* Chance that a majority of k of the n answers says yes; 1 <= k <= n, yes <= n. */
double cs_majority_share(uint64_t yes, uint64_t n, uint32_t k);

#endif
