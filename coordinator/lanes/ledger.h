/* ledger.h - one page of the ledger: 256 trials, two bits each, as store.h lays them out.
 *
 * Word-wise, so that a lane of millions of trials is cancelled or counted in milliseconds. Pure; any thread.
 */
#ifndef CS_LEDGER_H
#define CS_LEDGER_H

#include "coordinator/lanes/bits.h"

enum cs_trial_state cs_ledger_get(const uint8_t page[CS_PAGE_BYTES], unsigned i);
/* The trials among the first n that are in this state. */
struct cs_bits cs_ledger_select(const uint8_t page[CS_PAGE_BYTES], enum cs_trial_state state, unsigned n);
void cs_ledger_set(uint8_t page[CS_PAGE_BYTES], const struct cs_bits *which, enum cs_trial_state state);

#endif
