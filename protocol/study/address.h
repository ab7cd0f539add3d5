/* address.h - where a lane's calls go, written so that the same place is the same text (decision 6b).
 *
 * An account's base_url may name several addresses, separated by blanks or commas. Each loses its slashes at the end and the port that its
 * scheme has anyway; scheme and host are written small. They are sorted, each one once, and joined by a blank. Pure.
 */
#ifndef CS_ADDRESS_H
#define CS_ADDRESS_H

#include "protocol/base/buf.h"
#include "protocol/study/study.h"

/* Appends it; "the simulated provider" for a simulated account. */
void cs_address_of_account(const struct cs_account *a, struct cs_buf *out);

#endif
