/* address.h - where a lane's calls go, written so that the same place is the same text (decision 6b).
 *
 * An account's base_url may name several addresses, separated by blanks or commas. Each loses its slashes at the end and the port that its
 * scheme has anyway; scheme and host are written in lower case. They are sorted, each one once, and joined by a blank. Pure.
 */
#ifndef CS_ADDRESS_H
#define CS_ADDRESS_H

#include <stdbool.h>

#include "protocol/base/buf.h"
#include "protocol/study/study.h"

/* Appends it; "the simulated provider" for a simulated account. */
void cs_address_of_account(const struct cs_account *a, struct cs_buf *out);

enum { CS_ADDRESS_HOST_MAX = 260 };
/* Its host in lower case, with its port where that is not the scheme's own; false: it has none, or a user before it. */
bool cs_address_host(const char *url, char out[CS_ADDRESS_HOST_MAX]);
/* Whether its host is this machine, whatever a name server says: localhost, [::1] or an address of 127.0.0.0/8. */
bool cs_address_is_local(const char *url);

#endif
