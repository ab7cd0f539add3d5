/* strata.h - how many outputs of each stratum people get, so that every output has a known chance above 0 of being rated.
 *
 * Half of the sample in equal shares (rare kinds tell most about a judge's errors), half in proportion to size; shares are rounded as
 * Webster's method rounds seats. Inside a stratum every output has the chance taken / size. Pure; any thread.
 */
#ifndef CS_LABELS_STRATA_H
#define CS_LABELS_STRATA_H

#include <stdint.h>

/* sizes: each at least 1; wanted: at least n. take[i] is in 1..sizes[i], their sum the smaller of wanted and all. */
void cs_strata_share(const uint64_t *sizes, uint32_t n, uint64_t wanted, uint64_t *take);

#endif
