/* address.h - where a lane's calls go, written so that the same place is the same text (decision 6b).
 *
 * An account's base_url may name several addresses, separated by blanks or commas, or `file:/PATH`, a file that has one a line
 * (protocol/load/servers.h). Each address loses its slashes at the end and the port that its
 * scheme has anyway; scheme and host are written in lower case. They are sorted, each one once, and joined by a blank. Pure.
 */
#ifndef CS_ADDRESS_H
#define CS_ADDRESS_H

#include <stdbool.h>

#include "protocol/base/buf.h"
#include "protocol/study/study.h"

/* Appends it; "the simulated provider" for a simulated account. */
void cs_address_of_account(const struct cs_account *a, struct cs_buf *out);
/* Whether two texts of it are the same place: a list is, as long as one of its servers stays from one version to the next. */
bool cs_address_is_same(const char *a, const char *b);

/* Whether a model of the account is on several servers, or may be. */
bool cs_address_has_servers(const struct cs_account *a);
const char *cs_address_file(const char *base_url); /* the file that lists them; NULL: none does */
/* The address at *at, which moves behind it; its length in *n. NULL: there is none left. */
const char *cs_address_next(const char **at, size_t *n);

/* What a list's addresses must be, so that a worker can tell of them: so many, so long, of printable ASCII without blanks. */
enum { CS_ADDRESS_SERVERS_MAX = 256, CS_ADDRESS_URL_MAX = 240 };
bool cs_address_is_ascii(const char *url, size_t n);
/* Whether all addresses are so; a file's are looked at when it is read. */
bool cs_address_is_sound(const char *base_url);

enum { CS_ADDRESS_HOST_MAX = 260 };
/* Its host in lower case, with its port where that is not the scheme's own; false: it has none, or a user before it. */
bool cs_address_host(const char *url, char out[CS_ADDRESS_HOST_MAX]);
/* Whether its host is this machine, whatever a name server says: localhost, [::1] or an address of 127.0.0.0/8. */
bool cs_address_is_local(const char *url);

#endif
